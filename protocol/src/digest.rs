//! The two hashes of a state.
//!
//! *State hash*: the root of a hash tree over fixed blocks of everything that decides the future, in row order.
//! *Content hash*: free of layout and row order: a wrapping sum of one hash a row, salted by the entity.
//! Derived groups are in neither, nor is who is paired with whom: both are made anew each frame. NaNs are hashed in one canonical form.
//! The content hash has no signals, although they are values of the state, and the state hash only those that signals of the
//! next state are made of: what state blocks and inputs keep. Any other is a function of what is hashed and
//! decides nothing that it does not, and which signals there are depends on the outputs that were asked for. The same
//! run has the same hashes with and without them.
//! Blocks are hashed in parallel; neither hash depends on how.

use std::collections::BTreeSet;

use rayon::prelude::*;
use twox_hash::{XxHash3_64, XxHash3_128};

use crate::body::Op;
use crate::id::{ColumnId, GroupId, Id, RowRange, SignalId};
use crate::limits::HASH_BLOCK_ROWS;
use crate::program::Program;
use crate::still::{Still, values};
use crate::types::{Scalar, Value};

/// Both hashes of one state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Digest {
    /// Of everything that decides the future.
    pub state: u128,
    /// Of what the rows say, whatever their order.
    pub content: u128,
}

/// Hashes a state.
pub fn digest(state: &Still<'_>) -> Digest {
    Digest { state: state_hash(state), content: content_hash(state) }
}

fn lasting_groups(state: &Still<'_>) -> Vec<GroupId> {
    let groups = &state.program.groups;
    groups.ids().filter(|&g| groups[g].lasts()).collect()
}

fn columns_of(state: &Still<'_>, group: GroupId) -> Vec<ColumnId> {
    state.program.columns.iter().filter(|(_, c)| c.group == group && c.is_kept()).map(|(id, _)| id).collect()
}

fn state_hash(state: &Still<'_>) -> u128 {
    let mut root = XxHash3_128::new();
    root.write(&state.tick().0.to_le_bytes());
    for group in lasting_groups(state) {
        let rows = state.rows(group);
        root.write(state.program.groups[group].name.as_bytes());
        root.write(&rows.to_le_bytes());
        for column in columns_of(state, group) {
            root.write(state.program.columns[column].name().as_bytes());
            root.write(state.program.columns[column].scalar.name().as_bytes());
            let rows = values(state.program, column, rows);
            let leaves: Vec<u128> = (0..rows.div_ceil(HASH_BLOCK_ROWS))
                .into_par_iter()
                .map(|block| {
                    let start = block * HASH_BLOCK_ROWS;
                    let rows = RowRange::new(start, rows.min(start + HASH_BLOCK_ROWS));
                    let mut bytes = Vec::new();
                    append_canonical(state, column, rows, &mut bytes);
                    XxHash3_128::oneshot(&bytes)
                })
                .collect();
            leaves.iter().for_each(|leaf| root.write(&leaf.to_le_bytes()));
        }
    }
    let signals = state.signals();
    for id in kept_signals(state.program) {
        let signal = &state.program.signals[id];
        root.write(signal.name.as_bytes());
        root.write(signal.ty.scalar.name().as_bytes());
        root.write(&Value::from_bits(signal.ty.scalar, signals[id.index()]).bits().to_le_bytes());
    }
    root.finish_128()
}

/// The signals that decide those of the next state, in their order.
fn kept_signals(program: &Program) -> BTreeSet<SignalId> {
    let body = program.outputs.body.map(|body| &program.bodies[body]);
    let ops = body.into_iter().flat_map(|body| body.ops.values());
    ops.filter_map(|typed| if let Op::Signal(signal) = typed.op { Some(signal) } else { None }).collect()
}

fn content_hash(state: &Still<'_>) -> u128 {
    const ROWS: u32 = 1024;
    let mut sum = 0u128;
    for group in lasting_groups(state) {
        let rows = state.rows(group);
        let name = &state.program.groups[group].name;
        let (order, living) = (state.program.groups[group].order, state.program.groups[group].living);
        let entities = order.map(|order| order.entities).or(living.map(|living| living.entities));
        let generations = living.map(|living| living.generations);
        let mut columns = columns_of(state, group);
        columns.retain(|column| Some(*column) != entities && Some(*column) != generations);
        columns.sort_by_key(|&c| state.program.columns[c].name());
        let names: Vec<String> = columns.iter().map(|&c| state.program.columns[c].name()).collect();
        let salt = XxHash3_64::oneshot(format!("{name}({})", names.join(",")).as_bytes());
        let of_group = (0..rows.div_ceil(ROWS))
            .into_par_iter()
            .map(|block| {
                let block = RowRange::new(block * ROWS, rows.min((block + 1) * ROWS));
                let lanes: Vec<(usize, Vec<u8>)> = columns
                    .iter()
                    .map(|&column| {
                        let mut bytes = Vec::new();
                        append_canonical(state, column, block, &mut bytes);
                        (state.program.columns[column].scalar.size(), bytes)
                    })
                    .collect();
                let (mut named, mut lives) = (Vec::new(), Vec::new());
                entities.into_iter().for_each(|column| append_canonical(state, column, block, &mut named));
                generations.into_iter().for_each(|column| append_canonical(state, column, block, &mut lives));
                let word = |of: &[u8], at: usize| {
                    let bytes = of.get(4 * at..4 * at + 4)?;
                    Some(u32::from_le_bytes(std::array::from_fn(|byte| bytes[byte])))
                };
                let mut row = Vec::new();
                let mut sum = 0u128;
                for at in 0..block.len() {
                    row.clear();
                    for (size, bytes) in &lanes {
                        row.extend_from_slice(&bytes[at * size..(at + 1) * size]);
                    }
                    // The entity: its index is the row unless rows move; its generation is 0 unless they come and go.
                    let index = word(&named, at).unwrap_or(block.start + at as u32);
                    let entity = u64::from(index) << 32 | u64::from(word(&lives, at).unwrap_or(0));
                    sum = sum.wrapping_add(XxHash3_128::oneshot_with_seed(salt ^ entity, &row));
                }
                sum
            })
            .reduce(|| 0, u128::wrapping_add);
        sum = sum.wrapping_add(of_group);
    }
    sum
}

/// Appends a column's `prev` rows, little-endian, NaNs canonical.
fn append_canonical(state: &Still<'_>, column: ColumnId, rows: RowRange, into: &mut Vec<u8>) {
    let scalar = state.program.columns[column].scalar;
    let size = scalar.size();
    let raw = &state.column(column)[rows.start as usize * size..rows.end as usize * size];
    match scalar {
        Scalar::F32 => {
            for bits in bytemuck::cast_slice::<u8, u32>(raw) {
                let canonical = if f32::from_bits(*bits).is_nan() { 0x7fc0_0000 } else { *bits };
                into.extend_from_slice(&canonical.to_le_bytes());
            }
        }
        Scalar::F64 => {
            for bits in bytemuck::cast_slice::<u8, u64>(raw) {
                let canonical = if f64::from_bits(*bits).is_nan() { 0x7ff8 << 48 } else { *bits };
                into.extend_from_slice(&canonical.to_le_bytes());
            }
        }
        _ => into.extend_from_slice(raw),
    }
}
