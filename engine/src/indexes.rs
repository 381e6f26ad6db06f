//! Choosing indexes: which kind each has that the scenario does not declare, how large the cells of grids are, and what
//! of the rows stands in their order.
//!
//! **The rule.** An index that is made because rules look for neighbours is a grid if
//!
//! - all that asks it is loops `within` a radius, the same for all rows, of the own position: no `nearest`, nothing that
//!   needs its buckets, no kernel;
//! - the space has edges: a box or a torus;
//! - cells as long as the largest of those radii are at most [`GRID_CELLS_A_ROW`] for each row that the group can have: in
//!   a world that is emptier than that a tree finds the few neighbours sooner; and at most [`GRID_CELLS_ALONG`] along an
//!   axis.
//!
//! Else it is a k-d tree. The rule looks at the program and its parameters alone, and what it says is part of the
//! program's hash.
//!
//! [`GRID_CELLS_A_ROW`]: diptych_protocol::limits::GRID_CELLS_A_ROW
//! [`GRID_CELLS_ALONG`]: diptych_protocol::limits::GRID_CELLS_ALONG

use std::collections::BTreeSet;

use diptych_protocol::body::{At, Body, Op, Over};
use diptych_protocol::grid;
use diptych_protocol::id::{ColumnId, Id, IndexId, LoopId};
use diptych_protocol::program::{Code, Index, IndexKind, Origin, Program, When};
use diptych_protocol::space::Edge;

use crate::types::Model;

/// What the scenario leaves open about indexes.
pub fn choose(program: &mut Program, model: &Model<'_>) {
    for (at, written) in model.indexes.iter().enumerate() {
        let id = IndexId::new(at as u32);
        let asked = Asked::of(program, id);
        let index = &program.indexes[id];
        let cell = match index.kind {
            IndexKind::Grid { cell, .. } if cell > 0.0 => cell,
            IndexKind::Grid { .. } => asked.reach.unwrap_or_else(|| longest_side(program)),
            IndexKind::Tree { .. } => match asked.reach.filter(|_| !written.declared && !asked.otherwise) {
                Some(reach) if suits(program, index, reach) => reach,
                _ => continue,
            },
        };
        program.indexes[id].kind = IndexKind::Grid { cell, copies: Vec::new() };
    }
}

/// What each grid copies into the order of its slots.
pub fn copy(program: &mut Program) {
    for id in program.indexes.ids() {
        let found = copies(program, id, &program.indexes[id]);
        if let IndexKind::Grid { copies, .. } = &mut program.indexes[id].kind {
            *copies = found;
        }
    }
}

/// Whether a grid serves an index that is asked for no more than what is within a reach.
fn suits(program: &Program, index: &Index, reach: f32) -> bool {
    program.space.edge != Edge::Open && grid::fits(&program.space, reach, program.groups[index.group].rows)
}

/// A cell for a grid that nobody asks.
fn longest_side(program: &Program) -> f32 {
    let sides = (0..usize::from(program.space.dimensions)).map(|axis| program.space.side(axis));
    Some(sides.fold(0.0, f32::max)).filter(|side| *side > 0.0).unwrap_or(1.0)
}

/// What an index is asked for.
struct Asked {
    /// The largest radius of a loop.
    reach: Option<f32>,
    /// Whether there is anything else that asks it.
    otherwise: bool,
}

impl Asked {
    fn of(program: &Program, id: IndexId) -> Self {
        let mut asked = Self { reach: None, otherwise: false };
        asked.otherwise |= program.groups.values().any(|group| group.origin == Origin::Buckets(id));
        for (number, system) in program.systems.iter().filter(|(_, system)| system.indexes.contains(&id)) {
            let Code::Body(_) = system.code else {
                asked.otherwise = true;
                continue;
            };
            for it in program.loops_of(number) {
                match &it.over {
                    Over::Within { index, reach, .. } if *index == id && it.question.is_none() => {
                        asked.reach = Some(asked.reach.map_or(*reach, |known| known.max(*reach)));
                    }
                    over => asked.otherwise |= over.index().or(over.buckets()) == Some(id),
                }
            }
        }
        asked
    }
}

/// The columns that loops read of the others, as they are there when the index is built: of `fresh` ones its own
/// positions. Those of a rule that also reads what is not there are left out: it gathers all that it reads, and
/// needs no more than where the own rows are. Of rows that are kept in the grid's order, `fresh` ones need no copy.
fn copies(program: &Program, id: IndexId, index: &Index) -> Vec<(ColumnId, When)> {
    let ordered = program.groups[index.group].order.is_some();
    let mut all: BTreeSet<(u32, bool)> = BTreeSet::new();
    for (number, system) in program.systems.iter().filter(|(_, system)| system.indexes.contains(&id)) {
        let Code::Body(_) = system.code else { continue };
        let bodies = program.bodies_of(number).into_iter().map(|body| &program.bodies[body]);
        let mut read: Vec<_> = bodies.flat_map(|body| read_of_others(body, id, index)).collect();
        if ordered {
            read.retain(|(_, when)| *when == When::Prev);
            if system.group == index.group {
                read.extend(index.positions.iter().map(|column| (*column, When::Prev)));
            }
        }
        let there = |(column, when): &(ColumnId, When)| {
            *when == When::Prev || (index.when == When::Fresh && index.positions.contains(column))
        };
        if read.iter().all(there) {
            all.extend(read.iter().map(|(column, when)| (column.number(), *when == When::Fresh)));
        } else if system.group == index.group {
            // Its pass goes by slots, and asks from where these are.
            all.extend(index.positions.iter().map(|column| (column.number(), index.when == When::Fresh)));
        }
    }
    all.into_iter()
        .map(|(column, fresh)| (ColumnId::new(column), if fresh { When::Fresh } else { When::Prev }))
        .collect()
}

/// What the loops of a body that are within a reach in an index read of the others.
fn read_of_others(body: &Body, id: IndexId, index: &Index) -> Vec<(ColumnId, When)> {
    let asks = |it: LoopId| matches!(&body.loops[it].over, Over::Within { index, .. } if *index == id);
    let mut read = Vec::new();
    for typed in body.ops.values() {
        match typed.op {
            Op::Read { column, when, at: At::Other(it) } if asks(it) => read.push((column, when)),
            Op::Delta(it, _) if asks(it) => read.extend(index.positions.iter().map(|column| (*column, index.when))),
            _ => {}
        }
    }
    read
}
