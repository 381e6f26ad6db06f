//! What is far and near of a party's rows: the summaries and rows that the `far` loops of a body go over, listed, and
//! their columns gathered.

use diptych_protocol::id::{Id, IndexId};
use diptych_protocol::program::Program;
use diptych_protocol::values::Values;

use super::bound::Surroundings;
use crate::body::block::{Run, Shared};
use crate::body::column::Column;
use crate::body::slots::Slot;
use crate::index::{FarList, Party};

/// Nodes whose numbers are gathered at a time.
const NODES: usize = 128;

/// One of the columns that loops read of the others.
struct Gathered {
    slot: Slot,
    /// Where it stands among the columns of all loops.
    whole: usize,
    /// Which of a summary's numbers goes with it.
    number: usize,
    column: Column,
}

/// What the `far` loops of a body share: they ask one index.
#[derive(Default)]
pub(super) struct Far {
    gathered: Vec<Gathered>,
    list: FarList,
    runs: Vec<Run>,
}

impl Far {
    /// Takes in a loop, whose columns stand among those of all loops from `first` on; says where they stand here.
    pub fn takes(&mut self, program: &Program, index: IndexId, slots: &[Slot], first: usize) -> Vec<usize> {
        let place = |(at, slot): (usize, &Slot)| match self.gathered.iter().position(|known| known.slot == *slot) {
            Some(known) => known,
            None => {
                let (whole, number) = (first + at, number(program, index, slot));
                self.gathered.push(Gathered { slot: *slot, whole, number, column: Column::new(slot.scalar) });
                self.gathered.len() - 1
            }
        };
        slots.iter().enumerate().map(place).collect()
    }

    /// Another batch: the index may be another.
    pub fn forget(&mut self) {
        self.list.forget();
    }

    /// Finds the others of a block whose rows are all of one party, and gathers their columns.
    pub fn ask(&mut self, space: &Surroundings<'_>, others: &[Values<'_>], rows: &[u32]) {
        let (Some(summary), Some(&row)) = (&space.summary, rows.first()) else { return };
        let tree = space.tree();
        let party = Party::of(tree, summary, row);
        debug_assert!(rows.iter().all(|row| Party::of(tree, summary, *row) == party), "a block across parties");
        let kept = self.list.find(tree, summary, &party);
        let summaries = self.list.summaries();
        let rows = &self.list.rows()[summaries..];
        self.gathered.iter_mut().for_each(|it| it.column.resize(kept));
        // A few nodes at a time: what one column leaves in the first cache is there for the next.
        for first in (kept..summaries).step_by(NODES) {
            for it in &mut self.gathered {
                let some = first..summaries.min(first + NODES);
                it.column.append_rounded(self.list.numbers(tree, summary, some, it.number));
            }
        }
        for it in &mut self.gathered {
            it.column.append_from(others[it.whole], rows.iter().map(|row| *row as usize));
        }
        let own = self.list.own();
        self.runs.clear();
        for (start, end, own) in
            [(0, own.start, false), (own.start, own.end, true), (own.end, self.list.rows().len(), false)]
        {
            if start < end {
                self.runs.push(Run { start: start as u32, end: end as u32, own });
            }
        }
    }

    /// A gathered column.
    pub fn gathered(&self, column: usize) -> Values<'_> {
        self.gathered[column].column.values()
    }

    /// The others, for a loop with these columns.
    pub fn shared<'k>(&'k self, columns: &'k [Values<'k>]) -> Shared<'k> {
        Shared { runs: &self.runs, apart: None, rows: Some(self.list.rows()), columns, straight: true }
    }
}

/// Which of a summary's numbers goes with a column: the barycentre with a position, the sum with what is summed.
fn number(program: &Program, index: IndexId, slot: &Slot) -> usize {
    let index = &program.indexes[index];
    let position = index.positions.iter().position(|column| *column == slot.column);
    let sums = index.summary().map_or(&[][..], |summary| &summary.sums);
    let sum = sums.iter().position(|column| *column == slot.column);
    let behind = |sum| index.positions.len() + 1 + sum;
    match position.or(sum.map(behind)) {
        Some(number) => number,
        None => unreachable!("a verified body reads no {} of a summary", slot.column.number()),
    }
}
