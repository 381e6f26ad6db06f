//! Balancing births and ends: one batch, over blocks and lists.

use diptych_protocol::blame::Fault;
use diptych_protocol::edits::Balance;
use diptych_protocol::id::GroupId;
use diptych_protocol::view::Batch;

use super::marked;

/// Numbers ends, holes, births and survivors, and says how many rows there are afterwards.
pub fn place(batch: &Batch<'_, '_>, group: GroupId) -> Result<(), Fault> {
    let v = batch.edit_place(group);
    let ends = sums(v.ends, v.first_end);
    let holes = sums(v.hole_counts, v.first_hole);
    debug_assert_eq!(ends, holes, "each entity that ends has a row");
    let births = sums(v.asked, v.first_birth);
    let name = || &batch.program().groups[group].name;
    let births = u32::try_from(births)
        .map_err(|_| Fault::full(format!("{births} births into group {} in one frame", name())))?;
    let balance = Balance { before: v.holes.len, ends: ends as u32, births };
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
        let rows = start.max(end)..(start + v.block_rows).min(v.holes.len);
        if rows.start < rows.end {
            sum += rows.len() as u32 - marked::count(v.holes, rows);
        }
    }
    v.balance.copy_from_slice(&[balance.before, balance.ends, balance.births]);
    batch.set_rows_after(group, end);
    Ok(())
}

/// Writes what stands before each, and all of it at the end.
fn sums(counts: &[u32], before: &mut [u32]) -> u64 {
    let mut sum = 0u64;
    for (at, first) in before.iter_mut().enumerate() {
        *first = u32::try_from(sum).unwrap_or(u32::MAX);
        sum += counts.get(at).copied().map_or(0, u64::from);
    }
    sum
}
