//! Keeping rows in spatial order.
//!
//! A group whose rules look around by an index has its rows of `next` written in the order of that index's slots, each
//! frame: what is near in space is near in memory, and nothing is brought back to where it stood. **The rule:** the rows of
//! a group are kept in the order of an index, a grid or a k-d tree, if
//!
//! - it is over the state that the frame starts from, and the only index over the group;
//! - a rule over the group asks it;
//! - of a tree, it is asked for no more than what is `within` a radius and what is `nearest`: nothing sums over its nodes or
//!   looks into its buckets, and no rule reads `fresh` what it finds, which stands elsewhere by then;
//! - all rules over the group are text, and no native rule reads its rows or asks the index;
//! - nobody needs to find a row of `next` by its number, or sees in which order rows stand: no rule goes over all rows, or
//!   over those that refer to others by one of their components, and none are paired;
//! - rows stay, and no component refers to them, and no rule reads through such a reference; or they come and go: then
//!   references are found by the group's directory, which says where each entity stands, and only no rule reads `fresh`
//!   through one.
//!
//! The rule looks at the program alone. What it decides is data: a column of entities, and a system that carries what
//! nobody writes. Draws, marks, who is born as whom, and the content hash go by entities: order changes none of them. What
//! hangs on the order in which a loop meets its others (the last bits of sums of floats, which of equals is taken) hangs on
//! order as it does on the index.

use diptych_protocol::body::{At, Body, Op, Over, Store};
use diptych_protocol::id::{ColumnId, GroupId, IndexId, LoopId, SystemId};
use diptych_protocol::limits::OWNS_MAX;
use diptych_protocol::program::{Code, Column, IndexKind, Order, Origin, Program, Reach, Read, System, When};
use diptych_protocol::types::{Scalar, Sort, Type};

/// What the column of entities is called: a word that no component can have.
const ENTITIES: &str = "entity";

/// Decides for each group, and makes its program so.
pub fn keep(program: &mut Program) {
    for group in program.groups.ids() {
        read_nearest(program, group);
        if let Some(index) = index_of(program, group).filter(|index| may_move(program, group, *index)) {
            put_in_order(program, group, index);
        }
    }
}

/// The index that its rows could stand in the order of.
fn index_of(program: &Program, group: GroupId) -> Option<IndexId> {
    let mut over = program.indexes.iter().filter(|(_, index)| index.group == group);
    let (id, index) = over.next()?;
    let looked_into = index.summary().is_some() || index.buckets.is_some();
    let only = over.next().is_none() && index.when == When::Prev && !looked_into;
    let asks = |system: &System| system.group == group && system.indexes.contains(&id);
    (only && program.systems.values().any(asks)).then_some(id)
}

/// Whether nobody needs its rows to stay where they are.
fn may_move(program: &Program, group: GroupId, index: IndexId) -> bool {
    // Rows that come and go have a directory: who refers to them finds them in `prev`, wherever they stand.
    let found = program.groups[group].living.is_some();
    let of = |column: ColumnId| program.columns[column].group == group;
    let unowned = program.columns.values().filter(|column| column.group == group && column.owner.is_none()).count();
    let refers = |column: &Column| column.component_type.sort == Sort::Entity(group);
    let referred = program.inverses.values().any(|inverse| inverse.group == group || (inverse.to == group && !found))
        || (!found && program.columns.values().any(refers));
    let paired = program.matchings.values().any(|matching| {
        matching.meeting.is_some_and(|meeting| meeting.to == group)
            || matching.sides.iter().any(|side| side.group == group)
    });
    let stays = |(id, system): (SystemId, &System)| match system.code {
        Code::Native(_) => {
            system.group == group || system.indexes.contains(&index) || system.reads.iter().any(|read| of(read.column))
        }
        _ => program.bodies_of(id).into_iter().any(|body| {
            let body = &program.bodies[body];
            finds_rows(body, group, |column, when| of(column) && (!found || when == When::Fresh))
                || looks_into(program, body, index)
        }),
    };
    unowned < OWNS_MAX && !referred && !paired && !program.systems.iter().any(stays)
}

/// Whether a body finds rows by their numbers.
fn finds_rows(body: &Body, group: GroupId, of: impl Fn(ColumnId, When) -> bool) -> bool {
    let far = |op: Op| matches!(op, Op::Read { column, when, at: At::Row(_) } if of(column, when));
    body.ops.values().any(|typed| far(typed.op)) || body.loops.values().any(|it| it.over == Over::Group(group))
}

/// Whether a body looks into the buckets of a tree, or reads of what it finds there what stands elsewhere by then.
fn looks_into(program: &Program, body: &Body, index: IndexId) -> bool {
    let tree = matches!(program.indexes[index].kind, IndexKind::Tree { .. });
    let found = |it: LoopId| body.loops[it].over.index() == Some(index);
    let apart = |op: Op| matches!(op, Op::Read { when: When::Fresh, at: At::Other(it), .. } if found(it));
    body.loops.values().any(|it| it.over.buckets() == Some(index))
        || (tree && body.ops.values().any(|typed| apart(typed.op)))
}

fn put_in_order(program: &mut Program, group: GroupId, index: IndexId) {
    let Origin::Blueprint(blueprint) = program.groups[group].origin else { return };
    let system = SystemId(program.systems.len() as u32);
    let span = program.groups[group].span;
    // Of rows that come and go set-up names the entities.
    let entities = program.groups[group].entities().unwrap_or_else(|| {
        let entities = program.columns.push(Column {
            group,
            component: ENTITIES.into(),
            component_type: Type::scalar(Scalar::U32),
            lane: 0,
            scalar: Scalar::U32,
            owner: None,
            edited: false,
            matched: None,
            draft: false,
            mark: false,
        });
        let made = &mut program.bodies[blueprint];
        let value = made.push(Scalar::U32, Op::Row);
        made.stores.push(Store { column: entities, value, span });
        entities
    });
    let carried: Vec<ColumnId> =
        program.columns.iter().filter(|(_, it)| it.group == group && it.owner.is_none()).map(|(id, _)| id).collect();
    for column in &carried {
        (program.columns[*column].owner, program.columns[*column].edited) = (Some(system), false);
    }
    program.groups[group].order = Some(Order { index, entities });
    name_entities(program, group, index, entities);
    finish(program, group, entities, &carried);
    program.systems.push(System {
        name: format!("{} in order", program.groups[group].name),
        group,
        owns: carried,
        reads: Vec::new(),
        indexes: Vec::new(),
        inverses: Vec::new(),
        code: Code::Carry,
        only: None,
        constants: Vec::new(),
        batch_rows: None,
        span,
    });
}

/// Of rows as near as each other the one with the lesser entity is nearer: where rows move, who asks for the nearest reads it.
fn read_nearest(program: &mut Program, group: GroupId) {
    let Some(entities) = program.groups[group].entities() else { return };
    let read = Read { column: entities, when: When::Prev, reach: Reach::Any };
    for id in program.systems.ids() {
        let nearest =
            |over: &Over| matches!(over, Over::Nearest { index, .. } if program.indexes[*index].group == group);
        if program.loops_of(id).any(|it| nearest(&it.over)) && !program.systems[id].reads.contains(&read) {
            program.systems[id].reads.push(read);
        }
    }
}

/// In rules: a row's entity is what its column says.
fn name_entities(program: &mut Program, group: GroupId, index: IndexId, entities: ColumnId) {
    for id in program.systems.ids() {
        let mut others = false;
        for body in program.bodies_of(id) {
            let body = &mut program.bodies[body];
            let around = |it: LoopId| body.loops[it].over.index() == Some(index);
            for (_, typed) in body.ops.iter_mut() {
                let at = match typed.op {
                    Op::Row if program.systems[id].group == group => At::Own,
                    Op::Other(it) if around(it) => At::Other(it),
                    _ => continue,
                };
                others |= at != At::Own;
                typed.op = Op::Read { column: entities, when: When::Prev, at };
            }
        }
        let read = Read { column: entities, when: When::Prev, reach: Reach::Any };
        if others && !program.systems[id].reads.contains(&read) {
            program.systems[id].reads.push(read);
        }
    }
    read_nearest(program, group);
}

/// In what is measured of finished rows: what is carried stands in `next`.
fn finish(program: &mut Program, group: GroupId, entities: ColumnId, carried: &[ColumnId]) {
    let reduced = program.reductions.values().filter(|reduction| reduction.group == group).map(|it| it.body);
    let taken = program.outputs.extracts.values().filter(|extract| extract.group == group).map(|it| it.body);
    for body in reduced.chain(taken) {
        for (_, typed) in program.bodies[body].ops.iter_mut() {
            match &mut typed.op {
                Op::Row => typed.op = Op::Read { column: entities, when: When::Fresh, at: At::Own },
                Op::Read { column, when, .. } if carried.contains(column) => *when = When::Fresh,
                _ => {}
            }
        }
    }
}
