//! Bringing a state, of another segment or of a checkpoint, into the segment of a program, as [`crate::adopt`] plans it. One of the few modules with
//! `unsafe`.
//!
//! The new segment has been set up, unless everything in it is taken over: its blueprints have been evaluated, for every entity
//! that there is room for where a kept group gets a new column ([`Track::set_up_for`]); and nobody runs a batch in it. What is
//! taken over goes into the panels that the adopted tick would have made; what has a second panel that no frame writes whole
//! is marked as touched, or looked at, in that tick, so that the next frame brings it up to date.

#![expect(unsafe_code, reason = "whole panels of a segment that nobody runs in")]

use std::sync::atomic::{AtomicU64, Ordering};

use bytemuck::Pod;
use rayon::prelude::*;

use crate::adopt::Plan;
use crate::board::Board;
use crate::body::Op;
use crate::edits::Balance;
use crate::id::{ColumnId, GroupId, Id, Tick};
use crate::layout::{Place, Words};
use crate::program::{Living, Origin};
use crate::record::FrameRecord;
use crate::still::Still;
use crate::table::Table;
use crate::track::Track;
use crate::types::NO_ROW;

/// Rows that a thread copies at a time.
const STRETCH: usize = 1 << 15;

/// Which row a row comes from.
enum From<'r> {
    /// The one in its place.
    Same,
    /// The one with this number.
    Row(&'r [u32]),
}

impl Track<'_> {
    /// Before set-up, where a state will be adopted: living groups that get new columns are set up for all entities that
    /// there is room for. (Those of files only as far as the file goes: beyond, what a file has none of is 0.)
    pub fn set_up_for(&mut self, plan: &Plan) {
        let program = self.program;
        let reads_files = |group: GroupId| match program.groups[group].origin {
            Origin::Blueprint(body) => program.bodies[body].ops.values().any(|typed| matches!(typed.op, Op::Data(_))),
            Origin::Buckets(_) | Origin::Directory(_) => false,
        };
        let whole = |group: GroupId| {
            program.groups[group].living.is_some() && plan.adds_to(program, group) && !reads_files(group)
        };
        let rows = |group: GroupId| {
            let of = &program.groups[group];
            if whole(group) { of.rows } else { of.first_rows() }
        };
        self.settle(FrameRecord::leaving(program, Tick::SETUP, rows, |_| 0));
    }

    /// Takes over a state, all but what is computed of it: the stages of set-up that aggregate and
    /// commit are to be run for the tick that is given back, and it is to be published.
    ///
    /// # Panics
    /// If frames have been run here.
    pub fn adopt(&mut self, old: &Still<'_>, plan: &Plan) -> Tick {
        let tick = old.tick;
        let published = Board::new(self.memory, self.layout).published();
        assert!(published == Tick::SETUP && tick >= Tick::SETUP, "a state is taken over before set-up, or too late");
        let mut rows: Table<GroupId, u32> = self.program.groups.values().map(|group| group.first_rows()).collect();
        let mut panels: Table<ColumnId, usize> = self.program.columns.ids().map(|_| 0).collect();
        for group in self.program.groups.ids() {
            if let Some(before) = plan.kept(group) {
                rows[group] = old.rows[before];
                self.adopt_rows(old, plan, (before, group), &mut panels);
            }
            if let (Some(books), Some(_)) = (&self.layout.edits.books[group], self.program.groups[group].living) {
                self.mark(books.touched[(tick.0 & 1) as usize], rows[group]);
                self.adopt_balance(old, plan.kept(group), books.balance_of(tick));
                self.set_made_rows(group, tick, rows[group]);
            }
        }
        for (system, places) in self.layout.chosen.iter() {
            let all = self.program.groups[self.program.systems[system].group].rows;
            places.iter().for_each(|places| self.mark(places[(tick.0 & 1) as usize], all));
        }
        self.adopt_signals(old, plan, tick);
        self.settle(FrameRecord::leaving(self.program, tick, |group| rows[group], |column| panels[column]));
        tick
    }

    /// The signals of the adopted state, before anybody goes on from it.
    ///
    /// # Panics
    /// If workers may go on already.
    pub fn adopted_signals(&self, tick: Tick) -> Vec<u64> {
        assert!(Board::new(self.memory, self.layout).horizon() <= Tick::SETUP, "signals are read while workers run");
        let place = self.layout.outputs.signals_of(tick);
        // SAFETY: nobody runs here.
        unsafe { self.memory.read(place, 0..place.len) }.to_vec()
    }

    /// The rows of a group, and what names them.
    fn adopt_rows(
        &self,
        old: &Still<'_>,
        plan: &Plan,
        (before, group): (GroupId, GroupId),
        panels: &mut Table<ColumnId, usize>,
    ) {
        let rows = old.rows[before];
        let names =
            |column: ColumnId, rows: u32| -> &[u32] { &bytemuck::cast_slice(old.columns[column])[..rows as usize] };
        let (order_before, order) = (old.program.groups[before].order, self.program.groups[group].order);
        // Where each row of the new program stands in the old one, and which entity it is.
        let inverse;
        let (mut from, mut entities) = (From::Same, From::Same);
        match (old.program.groups[before].living, self.program.groups[group].living) {
            (Some(living), Some(named)) => {
                self.adopt_names(old, living, named);
                entities = From::Row(names(living.entities, rows));
            }
            _ => match (order_before, order) {
                (Some(order_before), Some(order)) => {
                    let of_rows = names(order_before.entities, rows);
                    entities = From::Row(of_rows);
                    self.gather(order.entities, 0, of_rows, &From::Same);
                }
                (Some(order_before), None) => {
                    inverse = inverted(names(order_before.entities, rows));
                    from = From::Row(&inverse);
                }
                (None, _) => {}
            },
        }
        let own = |column: ColumnId| self.program.columns[column].group == group;
        let state = |column: ColumnId| self.program.columns[column].is_kept() && !self.program.names_entities(column);
        for column in self.program.columns.ids().filter(|id| own(*id) && state(*id)) {
            match plan.columns[column] {
                Some(source) => {
                    self.gather_bytes(column, 0, old.columns[source], &from);
                }
                // Blueprints have made it, by entity. Where rows move each column has two panels.
                None if matches!(entities, From::Row(_)) => {
                    let size = self.program.columns[column].scalar.size();
                    let all = self.program.groups[group].rows as usize;
                    // SAFETY: set-up is over, and nobody writes this panel: it is gathered into the other one.
                    let made: &[u8] = unsafe { self.memory.read_at(self.panel_of(column, 0), all * size) };
                    self.gather_bytes(column, 1, made, &entities);
                    panels[column] = 1;
                }
                None => {}
            }
        }
    }

    /// The names of a living group, in both panels: what is free stands behind the rows, where no frame brings it up to date.
    /// There may be room for more than before.
    fn adopt_names(&self, old: &Still<'_>, before: Living, named: Living) {
        for (from, to, free) in [
            (before.entities, named.entities, None),
            (before.generations, named.generations, Some(0)),
            (before.directory, named.directory, Some(NO_ROW)),
        ] {
            let known: &[u32] = bytemuck::cast_slice(old.columns[from]);
            let all = self.program.groups[self.program.columns[to].group].rows;
            for panel in 0..2 {
                // SAFETY: nobody runs here, and this is the only slice of the panel.
                let names: &mut [u32] = unsafe { self.memory.write_at(self.panel_of(to, panel), all as usize) };
                let (same, more) = names.split_at_mut(known.len());
                same.copy_from_slice(known);
                for (name, number) in more.iter_mut().zip(known.len() as u32..) {
                    *name = free.unwrap_or(number);
                }
            }
        }
    }

    /// How many rows were born and ended in the adopted tick, of a group that is kept.
    fn adopt_balance(&self, old: &Still<'_>, before: Option<GroupId>, to: Place<u32>) {
        if let Some(before) = before {
            let Balance { before, ends, births } = old.balances[before];
            // SAFETY: nobody runs here, and this is the only slice of the array.
            unsafe { self.memory.write(to, 0..3) }.copy_from_slice(&[before, ends, births]);
        }
    }

    fn adopt_signals(&self, old: &Still<'_>, plan: &Plan, tick: Tick) {
        // They are computed anew for this tick, from those of the state before.
        let to = self.layout.outputs.signals_of(Tick(tick.0 - 1));
        // SAFETY: nobody runs here, and this is the only slice of the panel.
        let to = unsafe { self.memory.write(to, 0..to.len) };
        for (id, before) in plan.signals.iter() {
            if let Some(before) = before {
                to[id.index()] = old.before[before.index()];
            }
        }
        // What inputs are set to in this state is as if the state before had had it.
        let set = old.signals;
        for kept in self.program.outputs.inputs.values().flat_map(|input| [input.kept, input.begun]) {
            if let Some(before) = plan.signals[kept] {
                to[kept.index()] = set[before.index()];
            }
        }
    }

    fn panel_of(&self, column: ColumnId, panel: usize) -> usize {
        self.layout.columns[column].panels[panel]
    }

    /// Sets the bits of rows below a number.
    fn mark(&self, words: Words<u64>, rows: u32) {
        for (word, first) in self.memory.words::<AtomicU64>(words).iter().zip((0..rows).step_by(64)) {
            let left = rows - first;
            word.store(if left < 64 { (1 << left) - 1 } else { u64::MAX }, Ordering::Relaxed);
        }
    }

    fn gather_bytes(&self, column: ColumnId, panel: usize, values: &[u8], from: &From<'_>) {
        match self.program.columns[column].scalar.size() {
            1 => self.gather::<u8>(column, panel, values, from),
            2 => self.gather::<u16>(column, panel, bytemuck::cast_slice(values), from),
            4 => self.gather::<u32>(column, panel, bytemuck::cast_slice(values), from),
            _ => self.gather::<u64>(column, panel, bytemuck::cast_slice(values), from),
        }
    }

    /// Writes a panel: as many rows as come from somewhere.
    fn gather<T: Pod + Send + Sync>(&self, column: ColumnId, panel: usize, values: &[T], from: &From<'_>) {
        let rows = match from {
            From::Same => values.len(),
            From::Row(rows) => rows.len(),
        };
        assert!(rows <= self.layout.columns[column].capacity as usize, "more rows than there is room for");
        // SAFETY: nobody runs here, and this is the only slice of the panel that is written.
        let to: &mut [T] = unsafe { self.memory.write_at(self.panel_of(column, panel), rows) };
        to.par_chunks_mut(STRETCH).enumerate().for_each(|(number, to)| {
            let rows = number * STRETCH..number * STRETCH + to.len();
            match from {
                From::Same => to.copy_from_slice(&values[rows]),
                From::Row(places) => {
                    to.iter_mut().zip(&places[rows]).for_each(|(to, place)| *to = values[*place as usize]);
                }
            }
        });
    }
}

/// Where each number stands in a list that has each once.
fn inverted(numbers: &[u32]) -> Vec<u32> {
    let mut places = vec![0; numbers.len()];
    for (number, place) in numbers.iter().zip(0..) {
        places[*number as usize] = place;
    }
    places
}
