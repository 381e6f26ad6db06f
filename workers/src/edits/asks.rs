//! Who asks for births: counted, a block of those who may at a time, and found in their order.

use std::sync::atomic::Ordering;

use diptych_protocol::ask_view::{AskersView, AsksView};

use super::marked::marked;

/// Counts the births that a block of askers asks for. Makes room for those of the next tick.
pub fn count(v: AsksView<'_>) {
    *v.asked = askers(&v.askers).map(|asker| v.askers.count(asker)).sum();
    v.clear.iter().for_each(|word| word.store(0, Ordering::Relaxed));
}

/// The places of the births that a block of askers asks for, in the lists of all batches: by who asks, then by turns.
pub fn places<'v>(v: &'v AskersView<'_>) -> impl Iterator<Item = usize> + 'v {
    askers(v).flat_map(|asker| v.places(asker))
}

fn askers<'v>(v: &'v AskersView<'_>) -> impl Iterator<Item = u32> + 'v {
    marked(v.asking, v.block.clone())
}
