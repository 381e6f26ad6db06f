//! Balancing births and ends: one batch, over blocks and lists.

use diptych_protocol::blame::Fault;
use diptych_protocol::edits::Balance;
use diptych_protocol::id::GroupId;
use diptych_protocol::view::Batch;

use super::holes;

/// Numbers holes, births and survivors, and says how many rows there are afterwards.
pub fn place(batch: &Batch<'_, '_>, group: GroupId) -> Result<(), Fault> {
    let v = batch.edit_place(group);
    let holes = sums(v.ends.iter().copied(), v.first_hole);
    let births = sums(batch.births(group), v.first_birth);
    let name = || &batch.program().groups[group].name;
    let births = u32::try_from(births)
        .map_err(|_| Fault::full(format!("{births} births into group {} in one frame", name())))?;
    let balance = Balance { before: v.ended.rows, ends: holes as u32, births };
    let after = balance.after();
    if after > u64::from(v.capacity) {
        return Err(Fault::full(format!(
            "group {} would have {after} rows ({} before, {} end, {births} are born): it has room for {}; \
             raise its `max`",
            name(),
            balance.before,
            balance.ends,
            v.capacity
        )));
    }
    let end = after as u32;
    let mut sum = 0;
    for (block, survivors) in v.survivors.iter_mut().enumerate() {
        *survivors = sum;
        let start = block as u32 * v.block_rows;
        let rows = start.max(end)..(start + v.block_rows).min(v.ended.rows);
        if rows.start < rows.end {
            sum += rows.len() as u32 - holes::count(&v.ended, rows);
        }
    }
    v.balance.copy_from_slice(&[balance.before, balance.ends, balance.births]);
    batch.set_rows_after(group, end);
    Ok(())
}

/// Writes what stands before each, and all of it at the end.
fn sums(counts: impl Iterator<Item = u32>, before: &mut [u32]) -> u64 {
    let mut sum = 0u64;
    let mut counts = counts.fuse();
    for first in before {
        *first = u32::try_from(sum).unwrap_or(u32::MAX);
        sum += u64::from(counts.next().unwrap_or(0));
    }
    sum
}
