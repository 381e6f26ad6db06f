//! The two hashes of a state.
//!
//! *State hash*: the root of a hash tree ([`tree`](crate::tree)) over fixed blocks of everything that decides the future, in row order.
//! *Content hash*: free of layout and row order: a wrapping sum of one hash a row, salted by the entity.
//! Derived groups are in neither, nor is who is paired with whom: both are made anew each frame. NaNs are hashed in one canonical form.
//! The content hash has no signals, although they are values of the state, and the state hash only those that signals of the
//! next state are made of: what state blocks and inputs keep. Any other is a function of what is hashed and
//! decides nothing that it does not, and which signals there are depends on the outputs that were asked for. The same
//! run has the same hashes with and without them.
//! Blocks are hashed in parallel; neither hash depends on how.

use rayon::prelude::*;
use twox_hash::{XxHash3_64, XxHash3_128};

use crate::id::RowRange;
use crate::still::Still;
use crate::tree::{Shape, Tree, append_canonical, kept_columns, lasting_groups};

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

fn state_hash(state: &Still<'_>) -> u128 {
    Shape::of(state.program).root(&Tree::of(state))
}

fn content_hash(state: &Still<'_>) -> u128 {
    const ROWS: u32 = 1024;
    let mut sum = 0u128;
    for group in lasting_groups(state.program) {
        let rows = state.rows(group);
        let name = &state.program.groups[group].name;
        let entities = state.program.groups[group].entities();
        let generations = state.program.groups[group].living.map(|living| living.generations);
        let mut columns = kept_columns(state.program, group);
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
