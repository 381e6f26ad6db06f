//! A warning: a derived value that is read one frame late.
//!
//! A column is *derived* if what its owner makes of it does not depend on what it was: it is computed anew each frame.
//! Who reads it from the state that the frame started from gets the value of the frame before. That is hardly meant,
//! unless the owner itself waits for the reader.

use std::collections::BTreeSet;

use diptych_protocol::body::{Op, Over};
use diptych_protocol::id::{BodyId, ColumnId, Id, SystemId, ValueId};
use diptych_protocol::program::{Code, Program, Read, When};

use crate::codes;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::types::{Model, Role};

/// Warns of late reads.
pub fn warn(program: &Program, model: &Model<'_>, diagnostics: &mut Diagnostics) {
    for (id, written) in program.systems.ids().zip(&model.systems) {
        for read in written.reads.iter().filter(|read| read.when == When::Prev) {
            let member = &model.groups[read.place.group].members[read.place.member];
            let Some((owner, owned)) = member.owner.filter(|_| member.role == Role::Value) else { continue };
            let owner = SystemId::new(owner as u32);
            let columns = program.component(diptych_protocol::id::GroupId::new(read.place.group as u32), &member.name);
            let derived = columns.iter().all(|column| is_derived(program, owner, *column));
            // A field remembers: what it was is what is asked for.
            let remembers = model.fields.iter().any(|field| field.made.contains(&read.place));
            // Who reads both knows the one from the other: a mean of two frames, as integrators take it.
            let knows = written.reads.iter().any(|other| other.when == When::Fresh && other.place == read.place);
            if owner == id || !derived || remembers || knows || waits_for(program, owner, id) {
                continue;
            }
            let (name, maker) = (&member.name, &program.systems[owner].name);
            let message = format!("`{name}` is computed anew each frame, and read here one frame late");
            let warning =
                Diagnostic::warning(codes::W0106, read.span, message).label(owned, format!("made by `{maker}`"));
            diagnostics.push(warning.help(format!("for this frame's value say `fresh {name}`")));
        }
    }
}

/// Whether what a system makes of its column does not depend on what it was.
fn is_derived(program: &Program, owner: SystemId, column: ColumnId) -> bool {
    let system = &program.systems[owner];
    let Code::Body(body) = system.code else {
        return !system.reads.iter().any(|read| read.column == column && read.when == When::Prev);
    };
    let Some(store) = program.bodies[body].stores.iter().find(|store| store.column == column) else { return false };
    let reads = reads(program, body, vec![store.value]);
    // Something that reads no row at all is a constant or a clock: nothing is late about it.
    !reads.contains(&(column, When::Prev)) && !reads.is_empty()
}

/// The columns that values of a body are made of, with those of loops, of what they carry and of their conditions.
fn reads(program: &Program, body: BodyId, values: Vec<ValueId>) -> Vec<(ColumnId, When)> {
    let (mut all, mut reads) = (BTreeSet::new(), Vec::new());
    let (id, body, mut open) = (body, &program.bodies[body], values);
    while let Some(value) = open.pop() {
        if !all.insert(value) {
            continue;
        }
        let op = body.ops[value].op;
        open.extend(op.operands());
        if let Op::Read { column, when, .. } = op {
            reads.push((column, when));
        }
        let (Op::Result(it, place) | Op::Carried(it, place)) = op else { continue };
        let walked = &body.loops[it];
        let carried = walked.carried[usize::from(place)];
        open.extend([carried.start, carried.update.value()]);
        open.extend(carried.update.when().into_iter().chain(walked.active).chain(walked.mask));
        open.extend(walked.over.from());
        if let Over::Count { first, end } = walked.over {
            open.extend([first, end]);
        }
        if let Some(among) = walked.over.among().filter(|among| *among < id) {
            reads.extend(self::reads(program, among, program.bodies[among].results.clone()));
        }
    }
    reads
}

/// Whether a system waits, directly or through others, for what another makes.
fn waits_for(program: &Program, system: SystemId, other: SystemId) -> bool {
    let mut seen = BTreeSet::new();
    let mut open = vec![system];
    while let Some(at) = open.pop() {
        if at == other {
            return true;
        }
        if !seen.insert(at) {
            continue;
        }
        let fresh = |read: &&Read| read.when == When::Fresh;
        let reads = program.systems[at].reads.iter().filter(fresh).map(|read| read.column);
        let indexes = program.systems[at].indexes.iter().map(|index| &program.indexes[*index]);
        let positions = indexes.filter(|index| index.when == When::Fresh).flat_map(|index| index.positions.clone());
        let inverses = program.systems[at].inverses.iter().map(|inverse| &program.inverses[*inverse]);
        let references = inverses.filter(|inverse| inverse.when == When::Fresh).map(|inverse| inverse.column);
        let matched = program.systems[at].reads.iter().filter_map(|read| program.columns[read.column].matched);
        let matched = matched.map(|matching| &program.matchings[matching]);
        let meeting = matched.filter(|it| it.meeting.is_some_and(|meeting| meeting.when == When::Fresh));
        let places = meeting.flat_map(|it| it.sides.iter().filter_map(|side| side.place));
        open.extend(
            reads.chain(positions).chain(references).chain(places).filter_map(|column| program.columns[column].owner),
        );
    }
    false
}
