//! How two states of the same frame differ: in which columns, blocks and rows, and by how much.
//!
//! Columns are the same if their groups, names and types are. Values are compared by their bits, NaNs in one canonical form: as
//! hashes are. Where only the [trees](diptych_protocol::tree) of the states are there, what is known ends with the blocks.

pub mod side;

use std::collections::BTreeMap;

use diptych_protocol::id::{ColumnId, GroupId, RowRange};
use diptych_protocol::limits::HASH_BLOCK_ROWS;
use diptych_protocol::program::{Code, Program};
use diptych_protocol::still::Still;
use diptych_protocol::tree::{GroupShape, Named, Shape, Tree, canonical_block, hash_of, kept_columns, lasting_groups};
use diptych_protocol::types::{Scalar, Value};
use rayon::prelude::*;

/// How two states differ.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Difference {
    /// So many frames were complete.
    pub frame: u32,
    /// Groups that have other numbers of rows: those of both.
    pub rows: Vec<(String, [u32; 2])>,
    /// What is in one of the states alone: the name of a column, `GROUP.COLUMN`.
    pub alone: [Vec<String>; 2],
    /// Columns that differ, in their order.
    pub columns: Vec<ColumnDifference>,
    /// Signals that differ, of those that decide the next state.
    pub signals: Vec<(String, [Value; 2])>,
}

/// How a column differs.
#[derive(Clone, PartialEq, Debug)]
pub struct ColumnDifference {
    /// Its group.
    pub group: String,
    /// Its name.
    pub column: Named,
    /// The blocks that differ, of those that both have.
    pub blocks: Vec<u32>,
    /// The rows that do; nothing where only hashes are known.
    pub rows: Option<RowsDifference>,
}

/// The rows in which a column differs.
#[derive(Clone, PartialEq, Debug)]
pub struct RowsDifference {
    /// How many.
    pub count: u32,
    /// The first one,
    pub first: u32,
    /// which entity it is in each state, and which of its lives,
    pub entities: [(u32, u32); 2],
    /// and its values.
    pub values: [Value; 2],
}

impl ColumnDifference {
    /// The rows of a block.
    pub fn rows_of(block: u32) -> RowRange {
        let start = block.saturating_mul(HASH_BLOCK_ROWS);
        RowRange::new(start, start.saturating_add(HASH_BLOCK_ROWS))
    }
}

impl Difference {
    /// Whether there is none.
    pub fn is_none(&self) -> bool {
        self.rows.is_empty()
            && self.alone.iter().all(Vec::is_empty)
            && self.columns.is_empty()
            && self.signals.is_empty()
    }
}

/// How two states differ; nothing if they do not.
pub fn states(a: &Still<'_>, b: &Still<'_>) -> Option<Difference> {
    let both = [a, b];
    let shapes = both.map(|state| Shape::of(state.program()));
    let mut difference = outline(a.tick().frames_done(), [&shapes[0], &shapes[1]], both.map(rows_of));
    let places = both.map(|state| places(state.program()));
    for (name, column) in in_both([&shapes[0], &shapes[1]]) {
        let [Some((group_a, id_a)), Some((group_b, id_b))] =
            places.each_ref().map(|all| all.get(&key(&name, &column)).copied())
        else {
            continue;
        };
        let (ids, groups) = ([id_a, id_b], [group_a, group_b]);
        let bytes = [a.column(id_a), b.column(id_b)];
        let (blocks, count, first) = rows(column.scalar, bytes);
        if let Some(first) = first {
            let values = bytes.map(|bytes| value(column.scalar, bytes, first));
            let of = |side: usize| entity(both[side], groups[side], ids[side], first);
            let rows = Some(RowsDifference { count, first, entities: [of(0), of(1)], values });
            difference.columns.push(ColumnDifference { group: name, column, blocks, rows });
        }
    }
    let signals = both.map(|state| Tree::signals_of(state));
    difference.signals = signals_that_differ([&shapes[0], &shapes[1]], [&signals[0], &signals[1]]);
    (!difference.is_none()).then_some(difference)
}

/// How two states differ of which the trees are known; nothing if they do not.
pub fn trees(a: (&Shape, &Tree), b: (&Shape, &Tree)) -> Option<Difference> {
    let (shapes, trees) = ([a.0, b.0], [a.1, b.1]);
    let named_rows = |shape: &Shape, tree: &Tree| {
        shape.groups.iter().zip(&tree.rows).map(|(group, rows)| (group.name.clone(), *rows)).collect()
    };
    let counts = [named_rows(a.0, a.1), named_rows(b.0, b.1)];
    let mut difference = outline(a.1.tick.frames_done(), shapes, counts);
    let leaves = [0, 1].map(|side| {
        let columns = shapes[side].groups.iter().flat_map(|group| group.columns.iter().map(|it| key(&group.name, it)));
        columns.zip(&trees[side].blocks).collect::<BTreeMap<_, _>>()
    });
    for (group, column) in in_both(shapes) {
        let key = key(&group, &column);
        let [Some(one), Some(other)] = [leaves[0].get(&key), leaves[1].get(&key)] else { continue };
        let pairs = one.iter().zip(other.iter()).zip(0..);
        let blocks: Vec<u32> = pairs.filter(|((one, other), _)| one != other).map(|(_, block)| block).collect();
        if !blocks.is_empty() {
            difference.columns.push(ColumnDifference { group, column, blocks, rows: None });
        }
    }
    difference.signals = signals_that_differ(shapes, [&a.1.signals, &b.1.signals]);
    (!difference.is_none()).then_some(difference)
}

/// What is known without a look at any value.
fn outline(frame: u32, shapes: [&Shape; 2], rows: [Vec<(String, u32)>; 2]) -> Difference {
    let [a, b] = &rows;
    let other = |name: &String| b.iter().find(|(other, _)| other == name).map(|(_, rows)| *rows);
    let counts = a.iter().filter_map(|(name, rows)| Some((name.clone(), [*rows, other(name)?])));
    let all = shapes.map(|shape| {
        let columns = |group: &GroupShape| -> Vec<String> {
            group
                .columns
                .iter()
                .map(|column| format!("{}.{} ({})", group.name, column.name, column.scalar.name()))
                .collect()
        };
        shape.groups.iter().flat_map(columns).collect::<Vec<_>>()
    });
    let alone = |of: usize| all[of].iter().filter(|it| !all[1 - of].contains(it)).cloned().collect();
    Difference {
        frame,
        rows: counts.filter(|(_, [a, b])| a != b).collect(),
        alone: [alone(0), alone(1)],
        ..Difference::default()
    }
}

fn rows_of(state: &Still<'_>) -> Vec<(String, u32)> {
    let program = state.program();
    let name = |group: GroupId| (program.groups[group].name.clone(), state.rows(group));
    lasting_groups(program).into_iter().map(name).collect()
}

fn key(group: &str, column: &Named) -> (String, String, Scalar) {
    (group.to_string(), column.name.clone(), column.scalar)
}

/// The columns of a program's states, by what they are called.
fn places(program: &Program) -> BTreeMap<(String, String, Scalar), (GroupId, ColumnId)> {
    let of = |group: GroupId| {
        let named = move |column: ColumnId| {
            let of = &program.columns[column];
            ((program.groups[group].name.clone(), of.name(), of.scalar), (group, column))
        };
        kept_columns(program, group).into_iter().map(named)
    };
    lasting_groups(program).into_iter().flat_map(of).collect()
}

/// The columns that both have, in the order of the first: the group's name, the column.
fn in_both([a, b]: [&Shape; 2]) -> Vec<(String, Named)> {
    let all = |shape: &Shape| -> Vec<(String, Named)> {
        let of = |group: &GroupShape| -> Vec<(String, Named)> {
            group.columns.iter().map(|column| (group.name.clone(), column.clone())).collect()
        };
        shape.groups.iter().flat_map(of).collect()
    };
    let others = all(b);
    all(a).into_iter().filter(|column| others.contains(column)).collect()
}

fn signals_that_differ(shapes: [&Shape; 2], bits: [&[u64]; 2]) -> Vec<(String, [Value; 2])> {
    let of = |side: usize| shapes[side].signals.iter().zip(bits[side]);
    let other = |named: &Named| of(1).find(|(it, _)| *it == named).map(|(_, bits)| *bits);
    let pairs = of(0).filter_map(|(named, bits)| Some((named, *bits, other(named)?)));
    pairs
        .filter(|(_, a, b)| a != b)
        .map(|(named, a, b)| (named.name.clone(), [a, b].map(|bits| Value::from_bits(named.scalar, bits))))
        .collect()
}

/// The bits of a value of a column's bytes, as they are.
pub fn bits(scalar: Scalar, bytes: &[u8], row: u32) -> u64 {
    let (size, mut word) = (scalar.size(), [0; 8]);
    word[..size].copy_from_slice(&bytes[row as usize * size..(row as usize + 1) * size]);
    u64::from_le_bytes(word)
}

/// A value of a column's bytes.
pub fn value(scalar: Scalar, of: &[u8], row: u32) -> Value {
    Value::from_bits(scalar, bits(scalar, of, row))
}

/// The blocks that differ, how many rows do, and the first of them.
fn rows(scalar: Scalar, [a, b]: [&[u8]; 2]) -> (Vec<u32>, u32, Option<u32>) {
    let bytes = HASH_BLOCK_ROWS as usize * scalar.size();
    let of_block = |(block, (a, b)): (usize, (&[u8], &[u8]))| {
        if a == b {
            return None;
        }
        let start = block as u32 * HASH_BLOCK_ROWS;
        let rows = a.len().min(b.len()) / scalar.size();
        let differs = |row: &u32| value(scalar, a, *row).bits() != value(scalar, b, *row).bits();
        let (count, first) = (0..rows as u32)
            .filter(differs)
            .fold((0, None), |(count, first), row| (count + 1, first.or(Some(start + row))));
        first.map(|first| (block as u32, count, first))
    };
    let found: Vec<(u32, u32, u32)> =
        a.par_chunks(bytes).zip(b.par_chunks(bytes)).enumerate().filter_map(of_block).collect();
    let blocks = found.iter().map(|(block, ..)| *block).collect();
    (blocks, found.iter().map(|(_, count, _)| count).sum(), found.first().map(|(.., first)| *first))
}

/// Which entity a row is, and which of its lives. What lists names by other numbers than rows has the row itself.
pub fn entity(state: &Still<'_>, group: GroupId, column: ColumnId, row: u32) -> (u32, u32) {
    let program = state.program();
    let of = &program.groups[group];
    if of.living.is_some_and(|living| living.directory == column) {
        return (row, 0);
    }
    let word = |column: ColumnId| match value(Scalar::U32, state.column(column), row) {
        Value::U32(word) => word,
        _ => row,
    };
    let index = of.living.map(|living| living.entities).or(of.order.map(|order| order.entities));
    let life = of.living.map(|living| living.generations);
    (index.map_or(row, word), life.map_or(0, word))
}

/// Who writes a column: a rule with its place in the text, or nobody.
pub fn written_by(program: &Program, frame: u32, group: &str, column: &str) -> Option<(String, Option<String>)> {
    let group = program.group(group)?;
    let (id, found) = program.columns.iter().find(|(_, it)| it.group == group && it.name() == column)?;
    let of = &program.groups[group];
    if frame == 0 {
        return Some((format!("set-up: the blueprint of {}", of.name), program.place_of(of.span)));
    }
    Some(match found.owner.filter(|owner| program.systems[*owner].code != Code::Carry) {
        Some(owner) => {
            let system = &program.systems[owner];
            (format!("the rule `{}`", system.name), program.place_of(system.span))
        }
        None if program.names_entities(id) && of.living.is_some() => {
            (format!("births and ends of {}", of.name), program.place_of(of.span))
        }
        None if program.names_entities(id) => (format!("the order of {}", of.name), program.place_of(of.span)),
        None => ("no rule: it is what set-up made it, or a birth".into(), program.place_of(of.span)),
    })
}

/// How many floats lie between two, if both are numbers: 1 if none does.
pub fn ulps(a: Value, b: Value) -> Option<u64> {
    // In the order of the numbers; both zeros are 0.
    let single = |x: f32| if x.is_nan() { None } else { Some(ordered(x.to_bits().into(), 31)) };
    let double = |x: f64| if x.is_nan() { None } else { Some(ordered(x.to_bits(), 63)) };
    let (a, b) = match (a, b) {
        (Value::F32(a), Value::F32(b)) => (single(a)?, single(b)?),
        (Value::F64(a), Value::F64(b)) => (double(a)?, double(b)?),
        _ => return None,
    };
    Some(a.abs_diff(b))
}

fn ordered(bits: u64, sign: u32) -> i64 {
    let size = bits & !(1 << sign);
    if bits >> sign & 1 == 0 { size as i64 } else { -(size as i64) }
}

/// The row and the bit of a block that is to be turned over for the block to have this hash, if one is enough: what a single
/// flipped bit was, of which only the hash is known. It is tried with each: a second or two for a block of 64 KiB.
pub fn flipped(scalar: Scalar, block: &[u8], hash: u128) -> Option<(u32, u32)> {
    let (size, hashed) = (scalar.size(), canonical_block(scalar, block));
    let width = 8 * size as u32;
    let rows = 0..(block.len() / size) as u32;
    let found = rows.into_par_iter().map_init(
        || hashed.clone(),
        |hashed, row| {
            let place = row as usize * size..(row as usize + 1) * size;
            let found = (0..width).find(|bit| {
                let turned = Value::from_bits(scalar, bits(scalar, block, row) ^ 1 << bit).bits();
                hashed[place.clone()].copy_from_slice(&turned.to_le_bytes()[..size]);
                hash_of(hashed) == hash
            });
            let whole = value(scalar, block, row).bits();
            hashed[place].copy_from_slice(&whole.to_le_bytes()[..size]);
            found.map(|bit| (row, bit))
        },
    );
    found.find_map_any(|found| found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_as_far_apart_as_there_are_floats_between() {
        let next = f32::from_bits(1.0f32.to_bits() + 1);
        for (a, b, apart) in [
            (Value::F32(1.0), Value::F32(next), Some(1)),
            (Value::F32(0.0), Value::F32(-0.0), Some(0)),
            (Value::F32(f32::from_bits(1)), Value::F32(-f32::from_bits(1)), Some(2)),
            (Value::F64(-1.0), Value::F64(-1.0 - f64::EPSILON), Some(1)),
            (Value::F64(f64::MAX), Value::F64(f64::MIN), Some(2 * f64::MAX.to_bits())),
            (Value::F32(f32::NAN), Value::F32(1.0), None),
            (Value::U32(1), Value::U32(2), None),
        ] {
            assert_eq!(ulps(a, b), apart, "{a} {b}");
        }
    }

    #[test]
    fn a_flipped_bit_is_found_by_the_hash_of_its_block_alone() {
        let hash = |scalar, block: &[u8]| hash_of(&canonical_block(scalar, block));
        let mut values: Vec<f32> = (0..1000u32).map(|at| at as f32 * 0.37).collect();
        let whole: Vec<u8> = bytemuck::cast_slice(&values).to_vec();
        values[317] = f32::from_bits(values[317].to_bits() ^ 1 << 13);
        assert_eq!(flipped(Scalar::F32, &whole, hash(Scalar::F32, bytemuck::cast_slice(&values))), Some((317, 13)));
        values[2] += 1.0;
        assert_eq!(flipped(Scalar::F32, &whole, hash(Scalar::F32, bytemuck::cast_slice(&values))), None);
        let bytes: Vec<u8> = (0..77).collect();
        let mut other = bytes.clone();
        other[76] ^= 128;
        assert_eq!(flipped(Scalar::U8, &bytes, hash(Scalar::U8, &other)), Some((76, 7)));
    }
}
