//! The candidates of a block, whatever index finds them.

use std::ops::Range;

use diptych_protocol::grid_view::GridView;
use diptych_protocol::space::Space;

use super::bound::{Found, Surroundings};
use super::runs;
use crate::body::block::Run;
use crate::index::extent;
use crate::{grid, index};

/// What the places of candidates are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Places {
    /// Rows: columns are used where they stand.
    Rows,
    /// Slots of a grid: columns are its copies.
    Slots,
    /// Places in the list of candidates: columns are gathered.
    Listed,
}

/// Who asks.
pub(super) struct Asking<'a> {
    pub space: &'a Space,
    /// The own rows, if they are in the index.
    pub own: &'a [u32],
    /// Their positions, an axis each, by their place among the batch's rows.
    pub from: [&'a [f32]; 3],
    /// The batch's first row, which these positions begin with.
    pub first: u32,
    /// The own slots, where the batch is given by the grid's.
    pub slots: Option<Range<u32>>,
    /// Vectors of them that are worth asking for each by itself.
    pub vectors: Option<Vectors<'a>>,
    /// The box around the own rows.
    pub lo: [f32; 3],
    pub hi: [f32; 3],
    pub reach: f32,
    /// The box around those who ask next, too, if they are near each other.
    pub area: Option<index::Bounds>,
}

/// Rows of a block, so many at once.
pub(super) struct Vectors<'a> {
    /// Where each row stands along x.
    pub x: &'a [f32],
    pub lanes: usize,
}

/// The candidates of one block.
#[derive(Default)]
pub(super) struct Candidates {
    tree: index::Asker,
    grid: grid::Asker,
    /// Where the own rows stand in a grid.
    slots: Vec<u32>,
    /// The own rows, ascending.
    sorted: Vec<u32>,
    /// A grid's candidates, where they are listed; a tree's own asker lists its.
    listed: Vec<u32>,
    by_grid: bool,
    /// Stretches of places, cut where own rows stand.
    pub runs: Vec<Run>,
    /// Where those of each vector end, if vectors have runs of their own.
    pub ends: Vec<u32>,
    /// Whether no way around a torus is shorter.
    pub straight: bool,
}

impl Candidates {
    /// Another batch: its index may be another one.
    pub fn forget(&mut self) {
        self.tree.forget();
    }

    /// Finds what may be within reach. `copied` says whether the columns that loops read stand in a grid's order.
    pub fn find(&mut self, around: &Surroundings<'_>, asking: &Asking<'_>, copied: bool) -> Places {
        self.runs.clear();
        self.ends.clear();
        self.by_grid = matches!(around.index, Found::Grid(_));
        match &around.index {
            Found::Tree(tree) => {
                let Asking { space, lo, hi, reach, own, area, .. } = *asking;
                let sight = index::Sight { space, lo, hi, reach, area };
                self.straight = self.tree.ask_runs(tree, around.theirs.axes(), &sight);
                let found = self.tree.candidates();
                if !found.runs().is_empty() {
                    runs::flag(found.runs(), own, &mut self.runs);
                    return Places::Rows;
                }
                self.sorted.clear();
                self.sorted.extend_from_slice(own);
                index::ascend_few(&mut self.sorted);
                let rows = found.rows();
                runs::cut(0..rows.len() as u32, runs::places(&self.sorted, rows), &mut self.runs);
                Places::Listed
            }
            Found::Grid(grid) => {
                let Asking { space, lo, hi, reach, .. } = asking;
                if let (Some(own), Some(vectors), true) = (&asking.slots, &asking.vectors, copied) {
                    self.straight = self.grid.look(grid, space, lo, hi, *reach);
                    let (mut next, runs) = (own.start, &mut self.runs);
                    for x in vectors.x.chunks(vectors.lanes) {
                        let own = next..next + x.len() as u32;
                        self.grid.narrow(grid, space, extent(x), *reach, |found| runs::part(found, &own, runs));
                        self.ends.push(runs.len() as u32);
                        next = own.end;
                    }
                    return Places::Slots;
                }
                self.straight = self.grid.ask(grid, space, lo, hi, *reach);
                if let (Some(own), true) = (&asking.slots, copied) {
                    for run in self.grid.runs() {
                        runs::part(run.start..run.end, own, &mut self.runs);
                    }
                    return Places::Slots;
                }
                match &asking.slots {
                    Some(own) => {
                        self.slots.clear();
                        self.slots.extend(own.clone());
                    }
                    None => self.find_slots(grid, asking, around.axes()),
                }
                if copied {
                    for run in self.grid.runs() {
                        runs::cut(run.start..run.end, self.slots.iter().copied(), &mut self.runs);
                    }
                    return Places::Slots;
                }
                self.listed.clear();
                for run in self.grid.runs() {
                    let first = self.listed.len() as u32;
                    let own = self.slots.iter().filter(|slot| (run.start..run.end).contains(slot));
                    let own = own.map(|slot| slot - run.start + first);
                    runs::cut(first..first + (run.end - run.start), own, &mut self.runs);
                    self.listed.extend_from_slice(&grid.slot_rows[run.indices()]);
                }
                Places::Listed
            }
        }
    }

    /// The slots of the own rows, ascending.
    fn find_slots(&mut self, grid: &GridView<'_>, asking: &Asking<'_>, axes: usize) {
        self.slots.clear();
        for &row in asking.own {
            let mut places = [0; 3];
            for (axis, (place, column)) in places.iter_mut().zip(asking.from).take(axes).enumerate() {
                *place = grid.lattice.along(axis, column[(row - asking.first) as usize]);
            }
            let slots = grid::slots(grid, grid.lattice.number(places), 0, 0);
            let rows = &grid.slot_rows[slots.start as usize..slots.end as usize];
            self.slots.push(slots.start + rows.partition_point(|other| *other < row) as u32);
        }
        index::ascend_few(&mut self.slots);
    }

    /// The rows of listed candidates.
    pub fn listed(&self) -> &[u32] {
        if self.by_grid { &self.listed } else { self.tree.candidates().rows() }
    }
}
