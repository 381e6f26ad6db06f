//! What nobody writes, of a group that is kept in order: it moves with its rows. Where these come and go, the directory is told.

use std::sync::atomic::Ordering;

use diptych_protocol::blame::Fault;
use diptych_protocol::program::When;
use diptych_protocol::view::Batch;

use super::copy;
use crate::kernel::Kernel;

/// The kernel of a system that carries what it owns.
pub struct Carry;

impl Kernel for Carry {
    fn run(&mut self, batch: &Batch<'_, '_>) -> Result<(), Fault> {
        let rows = batch.slot_rows();
        let owns = batch.system().map_or(&[][..], |system| &batch.program().systems[system].owns);
        for &column in owns {
            if let Some(from) = batch.read_by_row(column, When::Prev) {
                copy(rows, from, batch.carried_values(column));
            }
        }
        if let Some((entities, directory)) = batch.carried_names() {
            for (row, slot) in rows.iter().zip(batch.rows.start..) {
                directory[entities[*row as usize] as usize].store(slot, Ordering::Relaxed);
            }
        }
        Ok(())
    }
}
