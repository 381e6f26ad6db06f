//! The hash tree of a state: column by column, a hash of each block of [`HASH_BLOCK_ROWS`] values. Its root is the state hash.
//!
//! Two states that differ differ in a block, and the tree says in which: so a run that keeps the trees of its states, a few
//! kilobytes each, can be compared with another one without either's states. NaNs are hashed in one canonical form. Blocks are
//! hashed in parallel; no hash depends on how.

use std::collections::BTreeSet;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_128;

use crate::body::Op;
use crate::id::{ColumnId, GroupId, Id, RowRange, SignalId, Tick};
use crate::limits::HASH_BLOCK_ROWS;
use crate::program::Program;
use crate::still::{Still, values};
use crate::types::{Scalar, Value};

/// What the states of a program are hashed as: names and types, in the order in which they count.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Shape {
    /// Values of a block; a column's last one may have fewer.
    pub block_rows: u32,
    /// The groups that last.
    pub groups: Vec<GroupShape>,
    /// The signals that decide those of the next state.
    pub signals: Vec<Named>,
}

/// A group of a [`Shape`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GroupShape {
    /// Its name.
    pub name: String,
    /// Its columns that are part of the state.
    pub columns: Vec<Named>,
}

/// A name, and what it holds.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Named {
    /// `Position.x`.
    pub name: String,
    /// What one value is.
    pub scalar: Scalar,
}

/// The tree of one state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tree {
    /// The tick that made the state.
    pub tick: Tick,
    /// The rows of each group of the shape.
    pub rows: Vec<u32>,
    /// The hashes of each column's blocks: the columns of the first group first.
    pub blocks: Vec<Vec<u128>>,
    /// The bits of each signal of the shape.
    pub signals: Vec<u64>,
}

/// The groups that are part of a state.
pub fn lasting_groups(program: &Program) -> Vec<GroupId> {
    program.groups.ids().filter(|&g| program.groups[g].lasts()).collect()
}

/// The columns of a group that are part of a state.
pub fn kept_columns(program: &Program, group: GroupId) -> Vec<ColumnId> {
    program.columns.iter().filter(|(_, c)| c.group == group && c.is_kept()).map(|(id, _)| id).collect()
}

/// The signals that decide those of the next state, in their order.
pub fn kept_signals(program: &Program) -> BTreeSet<SignalId> {
    let body = program.outputs.body.map(|body| &program.bodies[body]);
    let ops = body.into_iter().flat_map(|body| body.ops.values());
    ops.filter_map(|typed| if let Op::Signal(signal) = typed.op { Some(signal) } else { None }).collect()
}

impl Shape {
    /// Of a program's states.
    pub fn of(program: &Program) -> Self {
        let column = |id: ColumnId| {
            let column = &program.columns[id];
            Named { name: column.name(), scalar: column.scalar }
        };
        let group = |id: GroupId| GroupShape {
            name: program.groups[id].name.clone(),
            columns: kept_columns(program, id).into_iter().map(column).collect(),
        };
        let signal = |id: SignalId| {
            let signal = &program.signals[id];
            Named { name: signal.name.clone(), scalar: signal.ty.scalar }
        };
        Self {
            block_rows: HASH_BLOCK_ROWS,
            groups: lasting_groups(program).into_iter().map(group).collect(),
            signals: kept_signals(program).into_iter().map(signal).collect(),
        }
    }

    /// How many columns there are.
    pub fn columns(&self) -> usize {
        self.groups.iter().map(|group| group.columns.len()).sum()
    }

    /// The state hash: that of the tree.
    ///
    /// # Panics
    /// If the tree has another shape.
    pub fn root(&self, tree: &Tree) -> u128 {
        assert!(
            (tree.rows.len(), tree.blocks.len(), tree.signals.len())
                == (self.groups.len(), self.columns(), self.signals.len()),
            "a tree of another shape"
        );
        let mut root = XxHash3_128::new();
        root.write(&tree.tick.0.to_le_bytes());
        let mut blocks = tree.blocks.iter();
        for (group, rows) in self.groups.iter().zip(&tree.rows) {
            root.write(group.name.as_bytes());
            root.write(&rows.to_le_bytes());
            for (column, leaves) in group.columns.iter().zip(&mut blocks) {
                root.write(column.name.as_bytes());
                root.write(column.scalar.name().as_bytes());
                leaves.iter().for_each(|leaf| root.write(&leaf.to_le_bytes()));
            }
        }
        for (signal, bits) in self.signals.iter().zip(&tree.signals) {
            root.write(signal.name.as_bytes());
            root.write(signal.scalar.name().as_bytes());
            root.write(&bits.to_le_bytes());
        }
        root.finish_128()
    }
}

impl Tree {
    /// Hashes a state.
    pub fn of(state: &Still<'_>) -> Self {
        let (program, groups) = (state.program, lasting_groups(state.program));
        let columns = groups.iter().flat_map(|group| kept_columns(program, *group));
        let blocks = columns.map(|column| {
            let rows = values(program, column, state.rows(program.columns[column].group));
            (0..rows.div_ceil(HASH_BLOCK_ROWS))
                .into_par_iter()
                .map(|block| {
                    let start = block * HASH_BLOCK_ROWS;
                    let mut bytes = Vec::new();
                    append_canonical(
                        state,
                        column,
                        RowRange::new(start, rows.min(start + HASH_BLOCK_ROWS)),
                        &mut bytes,
                    );
                    hash_of(&bytes)
                })
                .collect()
        });
        Self {
            tick: state.tick(),
            rows: groups.iter().map(|group| state.rows(*group)).collect(),
            blocks: blocks.collect(),
            signals: Self::signals_of(state),
        }
    }

    /// The bits of the signals of a state that decide those of the next one.
    pub fn signals_of(state: &Still<'_>) -> Vec<u64> {
        let signal = |id: SignalId| {
            let scalar = state.program.signals[id].ty.scalar;
            Value::from_bits(scalar, state.signals()[id.index()]).bits()
        };
        kept_signals(state.program).into_iter().map(signal).collect()
    }
}

/// A block of values as it is hashed: little-endian, NaNs canonical. The bytes are aligned as the values are.
pub fn canonical_block(scalar: Scalar, raw: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(raw.len());
    canonical(scalar, raw, &mut bytes);
    bytes
}

/// The hash of a block, as the tree has it.
pub fn hash_of(canonical: &[u8]) -> u128 {
    XxHash3_128::oneshot(canonical)
}

/// Appends a column's `prev` rows, little-endian, NaNs canonical.
pub(crate) fn append_canonical(state: &Still<'_>, column: ColumnId, rows: RowRange, into: &mut Vec<u8>) {
    let scalar = state.program.columns[column].scalar;
    let size = scalar.size();
    canonical(scalar, &state.column(column)[rows.start as usize * size..rows.end as usize * size], into);
}

fn canonical(scalar: Scalar, raw: &[u8], into: &mut Vec<u8>) {
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
