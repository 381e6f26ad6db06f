//! The frame record: which panel of each column is `prev`, and how many rows each group has, after a tick.
//!
//! Two records stand in the segment, one for even and one for odd ticks. The commit of tick t writes record t and
//! then publishes t with one release store; readers copy the record and check that it was not being rewritten
//! meanwhile (a seqlock whose sequence number is the published tick).

use crate::id::{ColumnId, GroupId, Id, Tick};
use crate::program::{Group, Program};

/// 32-bit words a record takes: the tick, rows a group, a panel a column.
pub fn words(program: &Program) -> usize {
    1 + program.groups.len() + program.columns.len()
}

/// A copy of a frame record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FrameRecord {
    /// The tick whose commit wrote it.
    pub tick: Tick,
    rows: Vec<u32>,
    panels: Vec<u32>,
}

impl FrameRecord {
    /// What stands before set-up: owned columns count as held by panel 1, so that set-up writes panel 0.
    pub fn before_setup(program: &Program) -> Self {
        Self {
            tick: Tick::NONE,
            rows: program.groups.values().map(Group::first_rows).collect(),
            panels: program.columns.values().map(|column| u32::from(column.panels() - 1)).collect(),
        }
    }

    /// What would have stood before this tick if it left such rows, and what it made in such panels: for a state that comes
    /// from elsewhere.
    pub fn leaving(
        program: &Program,
        tick: Tick,
        rows: impl Fn(GroupId) -> u32,
        panel: impl Fn(ColumnId) -> usize,
    ) -> Self {
        let prev = |id: ColumnId| if program.columns[id].panels() == 2 { 1 - panel(id) as u32 } else { 0 };
        Self {
            tick: Tick(tick.0.saturating_sub(1)),
            rows: program.groups.ids().map(rows).collect(),
            panels: program.columns.ids().map(prev).collect(),
        }
    }

    /// The words of the record that the next tick's commit writes: columns that frames make anew change panels, and
    /// groups have the rows that are given.
    pub fn after<'r>(
        &'r self,
        program: &'r Program,
        tick: Tick,
        rows: impl Fn(GroupId) -> u32 + 'r,
    ) -> impl Iterator<Item = u32> + 'r {
        let panels = program.columns.ids().map(|column| self.next_panel(program, column) as u32);
        std::iter::once(tick.0).chain(program.groups.ids().map(rows)).chain(panels)
    }

    /// Rows of a group that lasts; 0 for a derived one.
    #[inline]
    pub fn rows(&self, group: GroupId) -> u32 {
        self.rows[group.index()]
    }

    /// The panel that holds the column's `prev`.
    #[inline]
    pub fn prev_panel(&self, column: ColumnId) -> usize {
        self.panels[column.index()] as usize
    }

    /// The panel that this frame writes. A column with one panel is written by set-up alone, or by its matching.
    #[inline]
    pub fn next_panel(&self, program: &Program, column: ColumnId) -> usize {
        match program.columns[column].panels() {
            2 => 1 - self.prev_panel(column),
            _ => 0,
        }
    }

    /// Whether it is one that a commit of this program can have written.
    pub fn is_sound(&self, program: &Program) -> bool {
        let rows = program.groups.values().zip(&self.rows).all(|(group, rows)| *rows <= group.rows);
        rows && program.columns.values().zip(&self.panels).all(|(column, panel)| *panel < u32::from(column.panels()))
    }

    /// Reads from words, in the order in which [`Self::after`] lists them.
    pub fn load(&mut self, mut word: impl FnMut(usize) -> u32) {
        self.tick = Tick(word(0));
        let groups = self.rows.len();
        for (i, rows) in self.rows.iter_mut().enumerate() {
            *rows = word(1 + i);
        }
        for (i, panel) in self.panels.iter_mut().enumerate() {
            *panel = word(1 + groups + i);
        }
    }
}
