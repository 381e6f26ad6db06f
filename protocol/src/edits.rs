//! Groups whose rows come and go, and where births and ends stand in shared memory.
//!
//! # What a frame does with them
//!
//! Rules ask: `this row ends`, `that row ends`, `a row is born, with these values`. They see nothing of it: rows and
//! references are those of `prev` until all systems have run. What is asked for stands in the *records* of batches, each
//! batch's own, so that it can be run again; who ends, and who asked for births, in bits that any batch sets, as often as it
//! likes. Then, in stages of their own:
//!
//! 1. A row ends if anybody asked for it, however often. What an ended row asked for itself stands.
//! 2. The b births are numbered by the edit that asks, the *entity* that asks, the turn. The d entities that end are numbered
//!    by their indexes, and so are the *holes* that they leave, by row. Birth i takes hole i and the name of the ended entity
//!    i; births beyond those are appended, and take the free names that are listed there.
//! 3. If b < d, the group becomes shorter, by d - b. The survivors beyond the new end move, in their order, into the holes
//!    that births left and that are not beyond it, in theirs. Sources and targets are disjoint: it can be run again in
//!    place. The names of the ended entities that are left are free, and listed behind the new end, in their order.
//!
//! All of it follows from the records and the rows, whoever ran what. **Names follow from entities alone**: who is born
//! as whom does not depend on where rows stand, of whatever group, so that rows may be kept in any order. (What a
//! native system asks for is numbered by its batches, in the order in which it asks: it sees rows as they stand.)
//!
//! # Entities
//!
//! The column of entities has each index once: first those of the rows that live, then those that are free, as a stack. A
//! birth begins the next life of its index ([`Living::generations`]). So the directory needs no list of free names.
//!
//! Ends and births are found by entity: a bit for each index that ends, and for each that asks an edit for births, with where
//! its births stand in the lists. So what a frame costs are scans of a bit an entity, and what changes.
//!
//! # References to newborn rows
//!
//! A row may keep a reference to one that it asks for. Until the births are numbered that is a [`Newborn`] name: whoever
//! reads it `fresh` finds nobody behind it, and it can be compared, and handed on, as any other. When all births and moves
//! are done, a last phase goes over the columns that may hold names ([`holders`]), and writes which entities these have
//! become: the life first, then the index, so that it can be run again from wherever it was.
//!
//! # Two panels
//!
//! A column that a system owns is written whole each frame. What nobody owns, entities, generations and the directory
//! among it, has two panels too, but of these `next` *catches up*: the rows that the frame before touched (a bit each)
//! are copied from `prev`. A frame costs what it changes.
//!
//! # Rows in order
//!
//! A group may be kept in the order of an index ([`Order`](crate::program::Order)). Its rows of `next` then stand in slots
//! before any edit, and all the above is about these: holes are slots, survivors move among slots, and who is asked for, a row
//! of `prev`, is found by its entity. All columns are carried, the names of entities too, and whoever carries these writes the
//! directory whole. So nothing is left to catch up with but the free names behind the rows.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::id::{ColumnId, EditId, GroupId, StepId, SystemId, Tick};
use crate::layout::{Arena, Place, Words, capacity};
use crate::limits::BLOCKS;
use crate::program::{Column, Program, Span, System, When};
use crate::steps::pass_of;
use crate::table::Table;
use crate::types::Sort;

/// What a group has whose rows come and go.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Living {
    /// Rows at set-up.
    pub first: u32,
    /// The column that says which entity a row is (`u32`): its index. Behind the rows that live it lists the indexes that
    /// are free, so that over all the rows there is room for it has each index once.
    pub entities: ColumnId,
    /// The column that says which life of that index it is (`u32`), from 1.
    pub generations: ColumnId,
    /// The column of the group of [`Origin::Directory`](crate::program::Origin::Directory) that says in which row an entity is;
    /// [`NO_ROW`](crate::types::NO_ROW) where none lives.
    pub directory: ColumnId,
}

/// A birth or an end that a system asks for, a row at a time. Places are those of results of the system's body; where turns
/// of a loop ask, those of what they ask with ([`Ask::value`](crate::body::Ask::value)).
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Edit {
    /// The system.
    pub system: SystemId,
    /// The living group whose rows come or go.
    pub group: GroupId,
    /// What is asked for.
    pub change: Change,
    /// Which turns ask, if that stands in a loop.
    pub turns: Option<Turns>,
    /// Where it was written.
    pub span: Span,
}

/// Turns of a loop that ask for births or ends. What native systems ask for is told like this, too: by its number among
/// what the system declares.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Turns {
    /// The number of the body's [`Ask`](crate::body::Ask).
    pub ask: u16,
    /// How many births a row may ask for in a frame, 1 to [`BIRTHS_MAX`](crate::limits::BIRTHS_MAX).
    pub most: u32,
}

impl Edit {
    /// How often a row may ask for a birth in a frame.
    pub fn most(&self) -> u32 {
        self.turns.map_or(1, |turns| turns.most)
    }
}

/// What a row asks for.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Change {
    /// The own row ends where this is true (`bool`). Not of turns.
    Leave {
        /// A place of a result.
        when: u16,
    },
    /// The row with this number ends (`u32`, of `prev`); none where there is no such row.
    Remove {
        /// A place of a result.
        row: u16,
    },
    /// A row is born where this is true (`bool`).
    Birth {
        /// A place of a result.
        when: u16,
        /// All columns of the group but those of [`Living`], in their order, and the place of the result that each has
        /// in the new row.
        values: Vec<(ColumnId, u16)>,
        /// How the frame refers to the new row, if it does.
        newborn: Option<Newborn>,
    },
}

/// References to the rows that an edit asks for, before anybody knows which rows these are. As an index such a reference has
/// a *name*, which no entity has: [`NEWBORN`](crate::types::NEWBORN) or above. Its life is 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Newborn {
    /// The place of the result that is the new row's name (`u32`): one for each request of a frame.
    pub name: u16,
    /// The first name. Those of two edits differ.
    pub first: u32,
    /// How many there are.
    pub count: u32,
}

impl Newborn {
    /// Which of the names this is.
    pub fn place_of(&self, name: u32) -> Option<usize> {
        name.checked_sub(self.first).filter(|place| *place < self.count).map(|place| place as usize)
    }
}

/// Where the records of an edit stand.
#[derive(Clone, Debug)]
pub struct EditPlaces {
    /// The pass that records it, and how many batches that can have.
    pub step: StepId,
    /// The most batches.
    pub batches: u32,
    /// The most that a batch can record.
    pub room: u32,
    /// What is recorded.
    pub record: RecordPlaces,
}

/// What batches record of an edit.
#[derive(Clone, Debug)]
pub enum RecordPlaces {
    /// Nothing of their own: any batch sets the bits of any entities in [`LivingPlaces::ended`].
    Ends,
    /// The rows that are born, a list a batch.
    Births {
        /// Who asked for them.
        askers: AskerPlaces,
        /// How many, a batch each.
        counts: Words<u32>,
        /// Their values, as bytes: [`EditPlaces::room`] a batch and column.
        values: Vec<(ColumnId, Place<u8>)>,
        /// Where the frame refers to them.
        names: Option<NamePlaces>,
    },
}

/// Where it stands who asked for births: by the entities of the system's group; of native systems by the first row of each
/// batch.
#[derive(Clone, Copy, Debug)]
pub struct AskerPlaces {
    /// How many there can be.
    pub room: u32,
    /// A bit for each that asks, for even and odd ticks: while one is set, the other is cleared.
    pub asking: [Words<u64>; 2],
    /// Of each that asks, where its births begin: the place in the lists of all batches, one behind another.
    pub first: Words<u64>,
    /// Of each that asks, how many these are. Empty where it is always one.
    pub count: Words<u32>,
}

/// Where the names of newborn rows stand.
#[derive(Clone, Copy, Debug)]
pub struct NamePlaces {
    /// Which they are.
    pub newborn: Newborn,
    /// The name of each birth: [`EditPlaces::room`] a batch.
    pub names: Place<u32>,
    /// Births: the row that each name stands for, if it was asked for in this tick.
    pub rows: Words<u32>,
}

impl EditPlaces {
    fn new(program: &Program, edit: &Edit, arena: &mut Arena) -> Self {
        let (step, domain) = pass_of(program, edit.system);
        let batches = crate::layout::batches_max(program, domain);
        let room = domain.rows(program).map_or(0, |(_, rows)| rows.saturating_mul(edit.most()));
        let records = batches as usize * room as usize;
        let record = match &edit.change {
            Change::Leave { .. } | Change::Remove { .. } => RecordPlaces::Ends,
            Change::Birth { values, newborn, .. } => RecordPlaces::Births {
                askers: AskerPlaces::new(program, edit, arena),
                counts: arena.words(batches as usize),
                values: (values.iter())
                    .map(|&(column, _)| (column, arena.place(records * program.columns[column].scalar.size())))
                    .collect(),
                names: newborn.map(|newborn| NamePlaces {
                    newborn,
                    names: arena.place(records),
                    rows: arena.words(newborn.count as usize),
                }),
            },
        };
        Self { step, batches, room, record }
    }
}

impl AskerPlaces {
    fn new(program: &Program, edit: &Edit, arena: &mut Arena) -> Self {
        let room = program.groups[program.systems[edit.system].group].rows;
        let words = capacity(room) as usize / 64;
        Self {
            room,
            asking: [arena.words(words), arena.words(words)],
            first: arena.words(room as usize),
            count: arena.words(edit.turns.map_or(0, |_| room as usize)),
        }
    }
}

/// Where the books of a living group stand.
#[derive(Clone, Debug)]
pub struct LivingPlaces {
    /// Rows that there is room for.
    pub capacity: u32,
    /// Rows of a block.
    pub block_rows: u32,
    /// How many blocks.
    pub blocks: u32,
    /// The edits that let rows be born.
    pub bearing: Vec<EditId>,
    /// Blocks of those who may ask for births, of all edits, one behind another.
    pub births: u32,
    /// A bit for each entity that anybody ends, for even and odd ticks: while one is set, the other is cleared. Empty where
    /// nobody asks for ends.
    pub ended: [Words<u64>; 2],
    /// The same for the rows that these have.
    pub holes: [Words<u64>; 2],
    /// A bit for each row that the edits of a tick touched, for even and odd ticks.
    pub touched: [Words<u64>; 2],
    /// How many entities of each block of indexes end.
    pub ends: Place<u32>,
    /// How many rows of each block do.
    pub hole_counts: Place<u32>,
    /// The number of the first end of each block of indexes, and of ends in all (`blocks + 1`).
    pub first_end: Place<u32>,
    /// The number of each block's first hole, and of holes in all (`blocks + 1`).
    pub first_hole: Place<u32>,
    /// How many survivors stand beyond the new end and before each block (`blocks + 1`).
    pub survivors: Place<u32>,
    /// How many births each block of askers asks for.
    pub asked: Place<u32>,
    /// The number of the first birth of each block of askers, and of births in all.
    pub first_birth: Place<u32>,
    /// See [`Balance`]; for even and odd ticks.
    pub balances: [Place<u32>; 2],
}

/// What a frame does to the number of rows.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Balance {
    /// Rows before.
    pub before: u32,
    /// Rows that end.
    pub ends: u32,
    /// Rows that are born.
    pub births: u32,
}

impl Balance {
    /// Rows after it.
    pub fn after(self) -> u64 {
        u64::from(self.before - self.ends) + u64::from(self.births)
    }
}

impl LivingPlaces {
    fn new(program: &Program, group: GroupId, edits: &Table<EditId, EditPlaces>, arena: &mut Arena) -> Self {
        let rows = capacity(program.groups[group].rows);
        let block_rows = block_rows(program, group);
        let blocks = blocks(program, group);
        let of = |fits: fn(&RecordPlaces) -> bool| -> Vec<EditId> {
            let own = program.edits.iter().filter(|(_, edit)| edit.group == group).map(|(id, _)| id);
            own.filter(|id| fits(&edits[*id].record)).collect()
        };
        let ends = !of(|record| matches!(record, RecordPlaces::Ends)).is_empty();
        let bearing = of(|record| matches!(record, RecordPlaces::Births { .. }));
        let births = birth_blocks(program, group);
        let words = rows as usize / 64;
        let ended = if ends { words } else { 0 };
        Self {
            capacity: program.groups[group].rows,
            block_rows,
            blocks,
            bearing,
            births,
            ended: [arena.words(ended), arena.words(ended)],
            holes: [arena.words(ended), arena.words(ended)],
            touched: [arena.words(words), arena.words(words)],
            ends: arena.place(blocks as usize),
            hole_counts: arena.place(blocks as usize),
            first_end: arena.place(blocks as usize + 1),
            first_hole: arena.place(blocks as usize + 1),
            survivors: arena.place(blocks as usize + 1),
            asked: arena.place(births as usize),
            first_birth: arena.place(births as usize + 1),
            balances: [arena.place(3), arena.place(3)],
        }
    }

    /// What a tick does to the number of rows.
    #[inline]
    pub fn balance_of(&self, tick: Tick) -> Place<u32> {
        self.balances[(tick.0 & 1) as usize]
    }

    /// The rows of a block; or its indexes of entities.
    pub fn rows_of(&self, block: u32) -> std::ops::Range<u32> {
        let start = block * self.block_rows;
        start..self.capacity.min(start + self.block_rows)
    }
}

/// The columns that references to newborn rows may stand in when all systems have run: the index, and the life.
pub fn holders(program: &Program) -> Vec<(ColumnId, ColumnId)> {
    let bearing = || {
        program.edits.values().filter_map(|edit| match &edit.change {
            Change::Birth { newborn, .. } => Some((edit, newborn.is_some())),
            Change::Leave { .. } | Change::Remove { .. } => None,
        })
    };
    let mut knows: BTreeSet<SystemId> = bearing().filter(|(_, named)| *named).map(|(edit, _)| edit.system).collect();
    let named: BTreeSet<GroupId> = bearing().filter(|(_, named)| *named).map(|(edit, _)| edit.group).collect();
    let refers = |column: &Column| matches!(column.component_type.sort, Sort::Entity(to) if named.contains(&to));
    let found = loop {
        let holds = |(id, column): (ColumnId, &Column)| {
            let born = || bearing().any(|(edit, _)| edit.group == column.group && knows.contains(&edit.system));
            let written = born() || column.owner.is_some_and(|owner| knows.contains(&owner));
            (refers(column) && written).then_some(id)
        };
        let found: BTreeSet<ColumnId> = program.columns.iter().filter_map(holds).collect();
        // What is read `fresh` is handed on.
        let hears =
            |system: &System| system.reads.iter().any(|it| it.when == When::Fresh && found.contains(&it.column));
        let more = program.systems.iter().filter(|(id, system)| !knows.contains(id) && hears(system)).map(|(id, _)| id);
        let more: Vec<SystemId> = more.collect();
        if more.is_empty() {
            break found;
        }
        knows.extend(more);
    };
    let life = |index: &ColumnId| {
        let column = &program.columns[*index];
        let life = program.column(column.group, &column.component, 1);
        life.filter(|_| column.lane == 0).map(|life| (*index, life))
    };
    found.iter().filter_map(life).collect()
}

/// The holders of a group.
pub fn holders_of(program: &Program, group: GroupId) -> Vec<(ColumnId, ColumnId)> {
    holders(program).into_iter().filter(|(index, _)| program.columns[*index].group == group).collect()
}

/// The rows of a block of a group.
pub fn rows_of_block(program: &Program, group: GroupId, block: u32) -> std::ops::Range<u32> {
    let rows = block_rows(program, group);
    block * rows..program.groups[group].rows.min((block + 1) * rows)
}

/// Rows of a block of a group.
fn block_rows(program: &Program, group: GroupId) -> u32 {
    BLOCKS.batch_rows(program.groups[group].rows)
}

/// Blocks of a group.
pub fn blocks(program: &Program, group: GroupId) -> u32 {
    program.groups[group].rows.div_ceil(block_rows(program, group))
}

/// Blocks of those who may ask an edit for births: they are cut as the rows of their group are.
pub fn asker_blocks(program: &Program, edit: &Edit) -> u32 {
    blocks(program, program.systems[edit.system].group)
}

/// Those of all edits that let rows be born into a group.
pub fn birth_blocks(program: &Program, group: GroupId) -> u32 {
    let of = program.edits.values().filter(|edit| edit.group == group);
    of.filter(|edit| matches!(edit.change, Change::Birth { .. })).map(|edit| asker_blocks(program, edit)).sum()
}

/// Where all records and books stand.
#[derive(Debug)]
pub struct EditsPlaces {
    /// The records.
    pub records: Table<EditId, EditPlaces>,
    /// The books, a group each; of groups whose rows stay, none.
    pub books: Table<GroupId, Option<LivingPlaces>>,
    /// See [`holders`].
    pub holders: Vec<(ColumnId, ColumnId)>,
}

impl EditsPlaces {
    /// Takes room for them. The schedule is known.
    pub fn new(program: &Program, arena: &mut Arena) -> Self {
        let records: Table<EditId, EditPlaces> =
            program.edits.values().map(|edit| EditPlaces::new(program, edit, arena)).collect();
        let books = program
            .groups
            .iter()
            .map(|(id, group)| group.living.map(|_| LivingPlaces::new(program, id, &records, arena)));
        let books = books.collect();
        Self { records, books, holders: holders(program) }
    }
}
