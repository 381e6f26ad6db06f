//! Rows that come and go: the columns that name them, references to them, and what bodies ask for.

use diptych_protocol::body::{Ask, At, Binary, Compare, Op, Over};
use diptych_protocol::id::{ColumnId, GroupId, Id, LoopId, SystemId, ValueId};
use diptych_protocol::program::{self, Column, Group, Living, Origin, When};
use diptych_protocol::table::Table;
use diptych_protocol::types::{NO_ROW, Scalar, Sort, Type, Value};

use crate::lower::World;
use crate::lower::expressions::Flattener;
use crate::types::typed::{Local, Typed};
use crate::types::{Change, Declared, Edit, Model};

/// What the columns are called: words that no component can have.
const ENTITIES: &str = "entity";
const GENERATIONS: &str = "entity life";
const DIRECTORY: &str = "row";

/// By which columns a body knows who its rows are, where they come and go.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub enum Names {
    /// None: at set-up rows are the entities of their numbers.
    #[default]
    Rows,
    /// Those of the state that the frame starts from.
    Prev,
    /// Those of the finished state.
    Fresh,
}

/// The columns that name entities. Those of directories are of groups behind all others.
pub(super) fn names(model: &Model<'_>, columns: &mut Table<ColumnId, Column>) -> Vec<Option<Living>> {
    let mut directories = model.groups.len() as u32;
    let living = model.groups.iter().enumerate().map(|(at, group)| {
        let first = group.first?;
        let mut push = |group: u32, name: &str| {
            columns.push(Column {
                group: GroupId::new(group),
                component: name.into(),
                component_type: Type::scalar(Scalar::U32),
                lane: 0,
                scalar: Scalar::U32,
                owner: None,
                edited: true,
                matched: None,
                draft: false,
                mark: false,
            })
        };
        let (entities, generations) = (push(at as u32, ENTITIES), push(at as u32, GENERATIONS));
        let directory = push(directories, DIRECTORY);
        directories += 1;
        Some(Living { first, entities, generations, directory })
    });
    living.collect()
}

/// The groups of directories.
pub(super) fn directories(world: &World<'_>, groups: &mut Table<GroupId, Group>) {
    for (at, group) in world.model.groups.iter().enumerate().filter(|(_, group)| group.first.is_some()) {
        let _: GroupId = groups.push(Group {
            name: format!("{} directory", group.name),
            rows: group.rows,
            origin: Origin::Directory(GroupId::new(at as u32)),
            position: Vec::new(),
            order: None,
            raster: None,
            living: None,
            span: group.span,
        });
    }
}

/// What a native system declares. Its kernel knows itself with which values it asks.
pub(super) fn declared(system: SystemId, number: u16, declared: &Declared, world: &World<'_>) -> program::Edit {
    let group = declared.group;
    let members = 0..world.model.groups[group].members.len();
    let columns = members.flat_map(|member| world.places.of(crate::types::Place { group, member }));
    let change = match declared.births {
        Some(_) => program::Change::Birth { when: 0, values: columns.zip(1..).collect(), newborn: None },
        None => program::Change::Remove { row: 1 },
    };
    let turns = Some(program::Turns { ask: number, most: declared.births.unwrap_or(1) });
    program::Edit { system, group: GroupId::new(group as u32), change, turns, span: declared.span }
}

impl Flattener<'_> {
    fn living(&self, group: usize) -> Option<Living> {
        self.world?.places.living(group)
    }

    /// The own row's entity, by its index.
    pub(super) fn own_entity(&mut self) -> ValueId {
        let when = match self.names {
            Names::Rows => return self.push(Scalar::U32, Op::Row),
            Names::Prev => When::Prev,
            Names::Fresh => When::Fresh,
        };
        let op = match self.living(self.group) {
            Some(living) => Op::Read { column: living.entities, when, at: At::Own },
            None => Op::Row,
        };
        self.push(Scalar::U32, op)
    }

    /// A reference to the own row.
    pub(super) fn own_reference(&mut self, ty: Type) -> Vec<ValueId> {
        let mut lanes = vec![self.own_entity()];
        if ty.lanes == 2 && self.names == Names::Rows {
            // Set-up begins everybody's first life.
            lanes.push(self.builder.constant(Value::U32(1)));
        } else if let (2, Some(living)) = (ty.lanes, self.living(self.group)) {
            let when = if self.names == Names::Fresh { When::Fresh } else { When::Prev };
            lanes.push(self.push(Scalar::U32, Op::Read { column: living.generations, when, at: At::Own }));
        }
        lanes
    }

    /// A reference to a row that is not born yet: a name, after who asks for it, and no life.
    pub(super) fn newborn_reference(&mut self, first: u32, most: u32, nth: Option<Local>) -> Vec<ValueId> {
        let first = self.builder.constant(Value::U32(first));
        let most = self.builder.constant(Value::U32(most));
        let own = self.own_entity();
        let own = self.binary(Scalar::U32, Binary::Mul, own, most);
        let mut name = self.binary(Scalar::U32, Binary::Add, first, own);
        if let Some(&nth) = nth.and_then(|nth| self.locals.get(&nth)?.first()) {
            name = self.binary(Scalar::U32, Binary::Add, name, nth);
        }
        vec![name, self.builder.constant(Value::U32(0))]
    }

    /// What a turn asks for, with the values that variables have there: where the statement is reached.
    pub(super) fn ask(&mut self, number: u16, locals: &[Local]) {
        let always = self.builder.constant(Value::Bool(true));
        let when = self.reached.unwrap_or(always);
        let values = locals.iter().flat_map(|local| self.locals.get(local).cloned().unwrap_or_default()).collect();
        self.builder.ask(Ask { number, when, values });
    }

    /// The group that a loop goes over.
    fn group_of(&self, it: LoopId) -> Option<usize> {
        let model = self.world?.model;
        let group = match self.builder.over(it) {
            Over::Within { index, .. }
            | Over::Nearest { index, .. }
            | Over::Far { index, .. }
            | Over::Members(index) => model.indexes[index.index()].group,
            Over::Group(group) => group.index(),
            Over::Inverse(inverse) => model.inverses[inverse.index()].place.group,
            Over::Holder(_) | Over::Count { .. } => return None,
        };
        Some(group)
    }

    /// The entity of a loop's other, by its index.
    pub(super) fn others_entity(&mut self, it: LoopId) -> ValueId {
        let living = self.group_of(it).and_then(|group| self.living(group));
        let op = match living {
            Some(living) => Op::Read { column: living.entities, when: When::Prev, at: At::Other(it) },
            None => Op::Other(it),
        };
        self.push(Scalar::U32, op)
    }

    /// A reference to a loop's other.
    pub(super) fn others_reference(&mut self, it: LoopId, ty: Type) -> Vec<ValueId> {
        let mut lanes = vec![self.others_entity(it)];
        let living = self.group_of(it).and_then(|group| self.living(group));
        if let (2, Some(living)) = (ty.lanes, living) {
            let life = Op::Read { column: living.generations, when: When::Prev, at: At::Other(it) };
            lanes.push(self.push(Scalar::U32, life));
        }
        lanes
    }

    /// The reference to a row of `prev`, or to none where there is no such row.
    pub(super) fn reference_to(&mut self, row: ValueId, ty: Type) -> Vec<ValueId> {
        let Sort::Entity(group) = ty.sort else { return vec![row] };
        let (Some(living), Some(world)) = (self.living(group.index()), self.world) else { return vec![row] };
        let rows = self.builder.constant(Value::U32(world.model.groups[group.index()].rows));
        let there = self.compare(Compare::Lt, row, rows);
        let none = self.builder.constant(Value::U32(NO_ROW));
        [living.entities, living.generations]
            .map(|column| {
                let name = self.push(Scalar::U32, Op::Read { column, when: When::Prev, at: At::Row(row) });
                self.push(Scalar::U32, Op::Select(there, name, none))
            })
            .to_vec()
    }

    /// The row that a reference is to, and whether there is one. Of rows that stay the reference is the row.
    pub(super) fn referred(&mut self, reference: &[ValueId], ty: Type) -> Option<(ValueId, ValueId)> {
        let Sort::Entity(group) = ty.sort else { return None };
        let (&index, rows) = (reference.first()?, self.world?.model.groups[group.index()].rows);
        let Some(living) = self.living(group.index()) else {
            let rows = self.builder.constant(Value::U32(rows));
            return Some((index, self.compare(Compare::Lt, index, rows)));
        };
        let &life = reference.get(1)?;
        // An index that is none gives row 0; its life tells. One whose entity ended gives no row, and no life.
        let row = self.push(Scalar::U32, Op::Read { column: living.directory, when: When::Prev, at: At::Row(index) });
        let now = self.push(Scalar::U32, Op::Read { column: living.generations, when: When::Prev, at: At::Row(row) });
        let rows = self.builder.constant(Value::U32(rows));
        let known = self.compare(Compare::Lt, index, rows);
        let same = self.compare(Compare::Eq, now, life);
        let lives = self.binary(Scalar::Bool, Binary::And, known, same);
        let none = self.builder.constant(Value::U32(NO_ROW));
        Some((self.push(Scalar::U32, Op::Select(lives, row, none)), lives))
    }

    /// Gives what a body asks for, as results.
    pub(super) fn edits(&mut self, system: SystemId, edits: &[Edit]) -> Vec<program::Edit> {
        let mut place = 0;
        let mut lowered = Vec::new();
        for edit in edits {
            if let Some(turns) = edit.turns {
                let change = self.change_of_turns(edit, turns.ask);
                let turns = Some(program::Turns { ask: turns.ask, most: turns.most });
                let group = GroupId::new(edit.group as u32);
                lowered.push(program::Edit { system, group, change, turns, span: edit.span });
                continue;
            }
            let change = match &edit.change {
                Change::Leave(when) => program::Change::Leave { when: self.give_local(*when, &mut place) },
                Change::Remove(row) => {
                    let reference = self.locals.get(row).cloned().unwrap_or_default();
                    let ty = Typed::zero(self.reference_type(edit.group)).ty;
                    let Some((row, _)) = self.referred(&reference, ty) else { continue };
                    program::Change::Remove { row: self.give(row, &mut place) }
                }
                Change::Birth(when, values, newborn) => {
                    let when = self.give_local(*when, &mut place);
                    let mut given = Vec::new();
                    let members = self.world.map_or(0, |world| world.model.groups[edit.group].members.len());
                    // Marks that were made since: a row that is born is new.
                    let new = self.builder.constant(Value::Bool(true));
                    for member in 0..members {
                        let columns =
                            self.world.map(|world| world.places.of(crate::types::Place { group: edit.group, member }));
                        let local = values.get(member).and_then(|local| self.locals.get(local));
                        let lanes = local.cloned().unwrap_or_else(|| vec![new]);
                        for (column, lane) in columns.into_iter().flatten().zip(lanes) {
                            given.push((column, self.give(lane, &mut place)));
                        }
                    }
                    let newborn = newborn.map(|it| {
                        let name = self.give_local(it.reference, &mut place);
                        program::Newborn { name, first: it.first, count: it.count }
                    });
                    program::Change::Birth { when, values: given, newborn }
                }
            };
            let group = GroupId::new(edit.group as u32);
            lowered.push(program::Edit { system, group, change, turns: None, span: edit.span });
        }
        lowered
    }

    /// What turns ask for: the values of their requests are those of the variables, in order, then of marks that were made
    /// since, as in [`Self::edits`].
    fn change_of_turns(&mut self, edit: &Edit, ask: u16) -> program::Change {
        match &edit.change {
            Change::Leave(_) | Change::Remove(_) => program::Change::Remove { row: 1 },
            Change::Birth(_, values, newborn) => {
                let world = self.world;
                let members = world.map_or(0, |world| world.model.groups[edit.group].members.len());
                let columns = |members: std::ops::Range<usize>| {
                    let place = |member| crate::types::Place { group: edit.group, member };
                    members.flat_map(move |member| world.map(|world| world.places.of(place(member)))).flatten()
                };
                let mut given: Vec<(ColumnId, u16)> = columns(0..values.len()).zip(1..).collect();
                // The first lane of a reference is its name.
                let name = given.len() as u16 + 1;
                let behind = name + if newborn.is_some() { 2 } else { 0 };
                let marks: Vec<(ColumnId, u16)> = columns(values.len()..members).zip(behind..).collect();
                let new = self.builder.constant(Value::Bool(true));
                marks.iter().for_each(|_| self.builder.ask_also(ask, new));
                given.extend(marks);
                let newborn = newborn.map(|it| program::Newborn { name, first: it.first, count: it.count });
                program::Change::Birth { when: 0, values: given, newborn }
            }
        }
    }

    fn reference_type(&self, group: usize) -> Type {
        let of = GroupId::new(group as u32);
        if self.living(group).is_some() { Type::life(of) } else { Type::entity(of) }
    }

    fn give(&mut self, value: ValueId, place: &mut u16) -> u16 {
        self.builder.result(value);
        *place += 1;
        *place - 1
    }

    fn give_local(&mut self, local: Local, place: &mut u16) -> u16 {
        let never = self.builder.constant(Value::Bool(false));
        let value = self.locals.get(&local).and_then(|lanes| lanes.first()).copied().unwrap_or(never);
        self.give(value, place)
    }
}
