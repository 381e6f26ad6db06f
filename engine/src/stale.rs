//! A warning: a derived value that is read one frame late.
//!
//! A column is *derived* if what its owner makes of it does not depend on what it was: it is computed anew each frame.
//! Who reads it from the state that the frame started from gets the value of the frame before. That is hardly meant,
//! unless the owner itself waits for the reader.

use std::collections::BTreeSet;

use diptych_protocol::body::{Body, Op, Over};
use diptych_protocol::id::{ColumnId, Id, SystemId, ValueId};
use diptych_protocol::program::{Code, Program, Read, When};

use crate::codes;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::types::Model;

/// Warns of late reads.
pub fn warn(program: &Program, model: &Model<'_>, diagnostics: &mut Diagnostics) {
    for (id, written) in program.systems.ids().zip(&model.systems) {
        for read in written.reads.iter().filter(|read| read.when == When::Prev) {
            let member = &model.groups[read.place.group].members[read.place.member];
            let Some((owner, owned)) = member.owner else { continue };
            let owner = SystemId::new(owner as u32);
            let columns = program.component(diptych_protocol::id::GroupId::new(read.place.group as u32), &member.name);
            let derived = columns.iter().all(|column| is_derived(program, owner, *column));
            // Who reads both knows the one from the other: a mean of two frames, as integrators take it.
            let knows = written.reads.iter().any(|other| other.when == When::Fresh && other.place == read.place);
            if owner == id || !derived || knows || waits_for(program, owner, id) {
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
    let body = &program.bodies[body];
    let Some(store) = body.stores.iter().find(|store| store.column == column) else { return false };
    // Something that reads no row at all is a constant or a clock: nothing is late about it.
    let mut reads_any = false;
    let own = needed(body, store.value).into_iter().any(|value| match body.ops[value].op {
        Op::Read { column: read, when, .. } => {
            reads_any = true;
            read == column && when == When::Prev
        }
        _ => false,
    });
    !own && reads_any
}

/// The values that one is made of, loops and what they carry included.
fn needed(body: &Body, value: ValueId) -> BTreeSet<ValueId> {
    let mut all = BTreeSet::new();
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        if !all.insert(value) {
            continue;
        }
        let op = body.ops[value].op;
        open.extend(op.operands());
        let (Op::Result(it, place) | Op::Carried(it, place)) = op else { continue };
        let walked = &body.loops[it];
        let carried = walked.carried[usize::from(place)];
        open.extend([carried.start, carried.update.value()]);
        open.extend(carried.update.when().into_iter().chain(walked.active).chain(walked.mask));
        open.extend(walked.over.from());
        if let Over::Count { first, end } = walked.over {
            open.extend([first, end]);
        }
    }
    all
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
        open.extend(reads.chain(positions).chain(references).filter_map(|column| program.columns[column].owner));
    }
    false
}
