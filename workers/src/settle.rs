//! The commit's look at the finished state: signals are computed and kept, and the run is ended where `until` holds or
//! an `ensure` does not.

use diptych_protocol::access::AccessError;
use diptych_protocol::id::{Id, RowRange, SignalId};
use diptych_protocol::program::Program;
use diptych_protocol::view::Batch;

use crate::body::Backend;
use crate::finished::{FinishedBody, bits_at};
use crate::reduce::Reductions;

/// The body of the outputs, ready to run.
pub struct Settle {
    body: Option<FinishedBody>,
    signals: Vec<u64>,
    /// Those of the state before, with what inputs are set to.
    before: Vec<u64>,
}

impl Settle {
    /// Takes room for it.
    pub fn new(program: &Program, backend: Backend) -> Result<Self, AccessError> {
        // A state is one row: what wide vectors compute beside it is for nobody. Of those that are, the narrowest cost least.
        let backend = if backend == Backend::Compiled { Backend::Portable } else { backend };
        let body = program.outputs.body.map(|body| FinishedBody::new(program, &program.bodies[body], 1, backend));
        Ok(Self {
            body: body.transpose()?,
            signals: vec![0; program.signals.len()],
            before: vec![0; program.signals.len()],
        })
    }

    /// Computes the state's signals, and judges it. The same words however often it runs.
    pub fn state(&mut self, reductions: &mut Reductions, batch: &Batch<'_, '_>) {
        let Some(body) = &mut self.body else { return };
        let reduced = reductions.results(batch);
        batch.set_reduced(reduced);
        self.before.copy_from_slice(batch.signals());
        batch.track().command(batch.tick, &mut self.before);
        body.run(batch, RowRange::new(0, 1), &self.before, reduced);
        for (at, bits) in self.signals.iter_mut().enumerate() {
            *bits = bits_at(body.result(at, 1), 0);
        }
        batch.set_signals(&self.signals);
        let outputs = &batch.program().outputs;
        let holds = |signal: SignalId| self.signals[signal.index()] != 0;
        for (at, ensure) in outputs.ensures.iter().enumerate() {
            if !holds(ensure.holds) {
                batch.stop(Some(at));
            }
        }
        if outputs.until.is_some_and(holds) {
            batch.stop(None);
        }
    }
}
