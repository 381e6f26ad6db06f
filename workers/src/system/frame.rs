//! What a system sees beside its rows: the time, the space, the batch.

use diptych_protocol::blame::Fault;
use diptych_protocol::id::RowRange;
use diptych_protocol::space::Space;
use diptych_protocol::view::Batch;

/// The frame, as a batch sees it. Nothing here depends on who runs the batch.
#[derive(Clone, Copy)]
pub struct Frame<'b> {
    batch: &'b Batch<'b, 'b>,
    dt: f32,
    space: Space,
}

impl<'b> Frame<'b> {
    pub(super) fn new(batch: &'b Batch<'b, 'b>) -> Self {
        Self { batch, dt: batch.dt(), space: *batch.space() }
    }

    /// The number of the state that the frame starts from: 0 in the first frame.
    pub fn number(&self) -> u32 {
        self.batch.tick.frame()
    }

    /// The time step, in the scenario's units.
    #[inline]
    pub fn dt(&self) -> f32 {
        self.dt
    }

    /// The space: [`Space::place`] brings a coordinate back into it, [`Space::delta`] is the way to another. A copy, so that the
    /// compiler sees that no store of a loop changes it.
    #[inline]
    pub fn space(&self) -> Space {
        self.space
    }

    /// The batch's rows, as numbers within the group.
    #[inline]
    pub fn rows(&self) -> RowRange {
        self.batch.rows
    }

    /// An error that ends the run and blames the row at a place of the batch. The last good state stays.
    pub fn fault(&self, place: usize, message: impl Into<String>) -> Fault {
        Fault::at(self.batch.rows.start + place as u32, message)
    }

    #[inline]
    pub(super) fn batch(&self) -> &'b Batch<'b, 'b> {
        self.batch
    }
}
