//! A whole state, as slices: what hashes are made of, what a checkpoint holds, what another program takes over. One of the few
//! modules with `unsafe`.
//!
//! A state's panels are written again by the tick after the next. So a state can be looked at as long as it is sure that
//! nobody begins that: because workers have left, or under a *lease*, a word beside the horizon behind which nobody begins a
//! tick. Whoever holds one may look, while the next frame runs; the lease is given back when it is dropped.

#![expect(unsafe_code, reason = "slices of panels that nobody writes meanwhile")]

use crate::board::Board;
use crate::edits::Balance;
use crate::id::{ColumnId, GroupId, Tick};
use crate::program::Program;
use crate::table::Table;
use crate::track::Track;

/// Everything that a frame starts from.
#[derive(Clone, Debug)]
pub struct Still<'s> {
    pub(crate) program: &'s Program,
    pub(crate) tick: Tick,
    pub(crate) rows: Table<GroupId, u32>,
    pub(crate) columns: Table<ColumnId, &'s [u8]>,
    pub(crate) signals: &'s [u64],
    pub(crate) before: &'s [u64],
    pub(crate) balances: Table<GroupId, Balance>,
}

impl<'s> Still<'s> {
    /// What made it.
    pub fn program(&self) -> &'s Program {
        self.program
    }

    /// The tick that made it.
    pub fn tick(&self) -> Tick {
        self.tick
    }

    /// Rows of a group that lasts; 0 of one that each frame makes anew.
    pub fn rows(&self, group: GroupId) -> u32 {
        self.rows[group]
    }

    /// A column's values, row by row; of what names entities of all that there is room for. Nothing of what each frame makes
    /// anew.
    pub fn column(&self, column: ColumnId) -> &'s [u8] {
        self.columns[column]
    }

    /// The bits of each signal, in the low end.
    pub fn signals(&self) -> &'s [u64] {
        self.signals
    }

    /// Those of the state before, which it was made of; zeros where there is none.
    pub fn before(&self) -> &'s [u64] {
        self.before
    }

    /// What the frame that made it did to the number of rows of a living group.
    pub fn balance(&self, group: GroupId) -> Balance {
        self.balances[group]
    }
}

/// How many values of a column are part of a state in which its group has so many rows.
pub fn values(program: &Program, column: ColumnId, rows: u32) -> u32 {
    let of = &program.columns[column];
    let named = |group: &crate::program::Group| {
        group.living.is_some_and(|it| [it.entities, it.generations, it.directory].contains(&column))
    };
    match of.is_kept() {
        false => 0,
        // Behind the rows that live they list the free names.
        true if program.groups.values().any(named) => program.groups[of.group].rows,
        true => rows,
    }
}

/// A hold on the state of a tick. While it lives nobody begins the tick after the next.
pub struct Lease<'t, 'm> {
    track: &'t Track<'m>,
}

impl<'t, 'm> Lease<'t, 'm> {
    /// Takes up the hold that the coordinator has put on the state whose record the track has; nothing if it has none.
    pub fn held(track: &'t Track<'m>) -> Option<Self> {
        (Board::new(track.memory, track.layout).held() == Some(track.record().tick)).then_some(Self { track })
    }

    /// The state.
    pub fn still(&self) -> Still<'_> {
        // SAFETY: nobody begins the tick after the next, and what lies in these slices is written by none before.
        unsafe { self.track.slices() }
    }
}

impl Drop for Lease<'_, '_> {
    fn drop(&mut self) {
        Board::new(self.track.memory, self.track.layout).let_go();
    }
}

impl<'m> Track<'m> {
    /// The state whose record the track has, once nobody runs any more.
    ///
    /// # Panics
    /// If workers have not been told to leave.
    pub fn still(&self) -> Still<'m> {
        assert!(Board::new(self.memory, self.layout).halted().is_some(), "a state is read while workers run");
        // SAFETY: workers have been told to leave, and the coordinator comes here when they have left and been reaped;
        // without workers nobody writes.
        unsafe { self.slices() }
    }

    /// # Safety
    /// As long as it lives nobody begins the tick after the next of the record's.
    unsafe fn slices(&self) -> Still<'m> {
        let (program, tick) = (self.program, self.record().tick);
        let rows = |group: GroupId| self.record().rows(group);
        let column = |id: ColumnId| -> &'m [u8] {
            let place = &self.layout.columns[id];
            let count = values(program, id, rows(program.columns[id].group));
            assert!(count <= place.capacity, "rows beyond a column's end");
            let offset = place.panels[self.record().prev_panel(id)];
            // SAFETY: a panel of `prev`: the next tick writes the other one, and the caller sees to it that no further one
            // begins. What has one panel is not written after set-up, or is no part of a state.
            unsafe { self.memory.read_at(offset, count as usize * place.scalar.size()) }
        };
        let signals = |tick: Tick| -> &'m [u64] {
            let place = self.layout.outputs.signals_of(tick);
            // SAFETY: there are three panels: the next tick writes the one that neither this tick nor the one before had.
            unsafe { self.memory.read(place, 0..place.len) }
        };
        let balance = |group: GroupId| match &self.layout.edits.books[group] {
            Some(books) if tick > Tick::SETUP => {
                // SAFETY: the next tick writes the other one.
                let words = unsafe { self.memory.read(books.balance_of(tick), 0..3) };
                Balance { before: words[0], ends: words[1], births: words[2] }
            }
            _ => Balance::default(),
        };
        Still {
            program,
            tick,
            rows: program.groups.ids().map(rows).collect(),
            columns: program.columns.ids().map(column).collect(),
            signals: signals(tick),
            before: signals(Tick(tick.0.saturating_sub(1))),
            balances: program.groups.ids().map(balance).collect(),
        }
    }
}
