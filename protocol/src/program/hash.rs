//! What tells one program from another.

use super::{Program, Recorded, Span};
use crate::body::Body;
use crate::id::Id;
use crate::nan::NanPolicy;
use crate::table::Table;

impl Program {
    /// A hash of all that decides what the program computes: everything but the texts, the spans (where something
    /// stands on the page changes no bit), the number of frames and what ends the run early (how long it goes on changes no
    /// state on the way), and what sinks take of rows.
    pub fn hash(&self) -> u128 {
        let mut bare = self.clone();
        bare.sources = Table::default();
        bare.fields = Vec::new();
        bare.frames = 0;
        bare.nan = NanPolicy::default();
        for (_, group) in bare.groups.iter_mut() {
            group.span = Span::default();
        }
        for (_, index) in bare.indexes.iter_mut() {
            index.span = Span::default();
        }
        for (_, inverse) in bare.inverses.iter_mut() {
            inverse.span = Span::default();
        }
        for (_, matching) in bare.matchings.iter_mut() {
            matching.span = Span::default();
        }
        for (_, system) in bare.systems.iter_mut() {
            system.span = Span::default();
        }
        for (_, edit) in bare.edits.iter_mut() {
            edit.span = Span::default();
        }
        for (_, body) in bare.bodies.iter_mut() {
            body.stores.iter_mut().for_each(|store| store.span = Span::default());
        }
        for (_, reduction) in bare.reductions.iter_mut() {
            reduction.span = Span::default();
        }
        for (_, signal) in bare.signals.iter_mut() {
            signal.span = Span::default();
        }
        bare.outputs.graph = Vec::new();
        bare.outputs.series = 0;
        bare.outputs.inputs.iter_mut().for_each(|(_, input)| input.span = Span::default());
        bare.outputs.ensures.iter_mut().for_each(|ensure| ensure.span = Span::default());
        bare.outputs.records.retain(|record| matches!(record.what, Recorded::Signals(_)));
        bare.outputs.records.iter_mut().for_each(|record| record.span = Span::default());
        bare.outputs.renders = Vec::new();
        let extracts = std::mem::take(&mut bare.outputs.extracts);
        if let Some(first) = extracts.values().map(|extract| extract.body).min() {
            // Theirs are the last.
            bare.bodies = bare.bodies.values().take(first.index()).cloned().collect();
        }
        twox_hash::XxHash3_128::oneshot(&bare.to_bytes())
    }

    /// A hash of what is made of states beside what [`Self::hash`] covers: records of rows, pictures. They change no bit of a run,
    /// and whoever asks for others means something else.
    pub fn sinks_hash(&self) -> u128 {
        let mut outputs = self.outputs.clone();
        outputs.records.iter_mut().for_each(|record| record.span = Span::default());
        outputs.renders.iter_mut().for_each(|render| render.span = Span::default());
        outputs.extracts.iter_mut().for_each(|(_, extract)| extract.span = Span::default());
        let bodies: Vec<&Body> = outputs.extracts.values().map(|extract| &self.bodies[extract.body]).collect();
        #[expect(clippy::expect_used, reason = "as below")]
        let bytes = postcard::to_allocvec(&(&outputs.records, &outputs.renders, &outputs.extracts, bodies))
            .expect("a program is plain data");
        twox_hash::XxHash3_128::oneshot(&bytes)
    }

    /// The canonical bytes: field by field in declaration order, little-endian, floats by their bits.
    pub fn to_bytes(&self) -> Vec<u8> {
        #[expect(
            clippy::expect_used,
            reason = "a growing buffer cannot fail, and the tables hold no type the format lacks"
        )]
        postcard::to_allocvec(self).expect("a program is plain data")
    }
}
