//! Statements to operations: every way is computed, and conditions choose.

use std::collections::BTreeMap;

use diptych_protocol::body::{At, Binary, Compare, Op, Over, Unary};
use diptych_protocol::id::{GroupId, Id, IndexId, InverseId, SignalId, ValueId};
use diptych_protocol::program::When;
use diptych_protocol::types::{NO_ROW, Scalar, Sort, Type, Value};

use crate::lower::births::Names;
use crate::lower::expressions::{Flattener, pairs};
use crate::lower::graph::Key;
use crate::types::Place;
use crate::types::typed::{self, Kind, Local, Step, Typed, Walk, Whose};

impl Flattener<'_> {
    /// Runs statements: afterwards the variables have their new values.
    pub fn steps(&mut self, steps: &[Step]) {
        for step in steps {
            match step {
                Step::Set(local, value) => {
                    let lanes = self.lanes(value);
                    self.locals.insert(*local, lanes);
                }
                Step::SetLane(local, lane, value) => {
                    let Some(&value) = self.lanes(value).first() else { continue };
                    if let Some(place) = self.locals.get_mut(local).and_then(|l| l.get_mut(usize::from(*lane))) {
                        *place = value;
                    }
                }
                Step::If(condition, yes, no) => self.choice(condition, yes, no),
                Step::Loop(walk, body) => self.turns(walk, body),
                Step::Ask(number, locals) => self.ask(*number, locals),
            }
        }
    }

    fn choice(&mut self, condition: &Typed, yes: &[Step], no: &[Step]) {
        let Some(&condition) = self.lanes(condition).first() else { return };
        match self.builder.known(condition) {
            Some(Value::Bool(true)) => return self.steps(yes),
            Some(Value::Bool(false)) => return self.steps(no),
            _ => {}
        }
        let reached = self.reached;
        let before = self.locals.clone();
        self.reached = self.builder.both(reached, Some(condition));
        let under = self.reached;
        self.steps(yes);
        let after_yes = std::mem::replace(&mut self.locals, before.clone());
        let mut otherwise = None;
        if !no.is_empty() {
            let not = self.push(Scalar::Bool, Op::Unary(Unary::Not, condition));
            self.reached = self.builder.both(reached, Some(not));
            otherwise = self.reached;
            self.steps(no);
        }
        self.reached = reached;
        let mut merged = BTreeMap::new();
        for (local, old) in before {
            let (a, b) = (&after_yes[&local], &self.locals[&local]);
            let lanes = pairs(a, b).into_iter().zip(&old).map(|((a, b), old)| {
                // What a loop leaves where it makes no turn is what was before: no choice is needed.
                let alone = |value: ValueId, under: Option<ValueId>| {
                    under.is_some_and(|under| self.builder.is_result_under(value, under, *old))
                };
                if b == *old && alone(a, under) {
                    a
                } else if a == *old && alone(b, otherwise) {
                    b
                } else {
                    let scalar = self.builder.scalar(a);
                    self.builder.push(scalar, Op::Select(condition, a, b))
                }
            });
            let lanes = lanes.collect();
            merged.insert(local, lanes);
        }
        self.locals = merged;
    }

    fn turns(&mut self, walk: &Walk, body: &[Step]) {
        if let typed::Over::Around(offsets) = &walk.over {
            return self.unrolled(walk, offsets, body);
        }
        let mut changed = Vec::new();
        assigned(body, &mut changed);
        changed.retain(|local| self.locals.contains_key(local));
        changed.sort_unstable();
        changed.dedup();
        let starts: Vec<ValueId> = changed.iter().flat_map(|local| self.locals[local].clone()).collect();
        let (over, question) = self.over(&walk.over);
        let condition = self.condition(walk, &over, question.as_ref());
        // The condition asks for the loop.
        let question = question.filter(|_| condition.is_none());
        let it = self.builder.open(over, question, self.reached, starts);
        if let Some(condition) = condition {
            self.builder.among(it, condition);
        }
        self.turns.insert(walk.turn, it);
        self.open.push(walk.turn);
        let mut place = 0;
        for local in &changed {
            let lanes = self.locals[local].len();
            let carried = (place..place + lanes).map(|place| self.builder.carried(it, place)).collect();
            place += lanes;
            self.locals.insert(*local, carried);
        }
        let known: Vec<Local> = self.locals.keys().copied().collect();
        let test = self.within(walk);
        let filter = walk.filter.as_ref().filter(|_| condition.is_none());
        let filter = filter.and_then(|filter| self.lanes(filter).first().copied());
        let active = self.builder.both(test, filter);
        // Inner loops make turns only where this one's turn counts.
        let reached = self.reached;
        self.reached = active;
        self.steps(body);
        self.reached = reached;
        let ends: Vec<ValueId> = changed.iter().flat_map(|local| self.locals[local].clone()).collect();
        let results = self.builder.close(it, active, &ends);
        self.open.pop();
        self.locals.retain(|local, _| known.contains(local));
        let mut results = results.into_iter();
        for local in &changed {
            let lanes = self.locals[local].len();
            let lanes = results.by_ref().take(lanes).collect();
            self.locals.insert(*local, lanes);
        }
    }

    /// What a loop goes over, and what it asks with, where that is not the same for all rows.
    fn over(&mut self, over: &typed::Over) -> (Over, Option<Vec<ValueId>>) {
        let over = match over {
            typed::Over::Range { first, end } => {
                let zero = self.builder.constant(Value::I32(0));
                let first = self.lanes(first).first().copied().unwrap_or(zero);
                let end = self.lanes(end).first().copied().unwrap_or(zero);
                Over::Count { first, end }
            }
            typed::Over::Around(_) => unreachable!("it is unrolled"),
            typed::Over::Group(group) => Over::Group(GroupId::new(*group as u32)),
            typed::Over::Within { index, radius, point } => {
                let from = self.point(*index, point.as_ref());
                let (constant, radius) = (radius.scalar(), self.lanes(radius));
                let mut question = from.clone();
                if constant.is_none() {
                    question.extend(radius);
                }
                let reach = constant.map_or(0.0, |radius| radius.as_f64() as f32);
                let asks = constant.is_none() || point.is_some();
                let over = Over::Within { index: IndexId::new(*index as u32), reach, from };
                return (over, asks.then_some(question));
            }
            typed::Over::Nearest { index, count, point } => {
                let from = self.point(*index, point.as_ref());
                let question = point.as_ref().map(|_| from.clone());
                let index = IndexId::new(*index as u32);
                return (Over::Nearest { index, count: *count, from, among: None }, question);
            }
            typed::Over::Far(index) => {
                Over::Far { index: IndexId::new(*index as u32), from: self.own_position(*index) }
            }
            typed::Over::Members(index) => Over::Members(IndexId::new(*index as u32)),
            typed::Over::Holder(index) => Over::Holder(IndexId::new(*index as u32)),
            typed::Over::By { inverse } => Over::Inverse(InverseId::new(*inverse as u32)),
        };
        (over, None)
    }

    /// Where distances are measured from: a point of the space, or the own position.
    fn point(&mut self, index: usize, point: Option<&Typed>) -> Vec<ValueId> {
        match point {
            Some(point) => self.lanes(point),
            None => self.own_position(index),
        }
    }

    fn own_position(&mut self, index: usize) -> Vec<ValueId> {
        let Some(world) = self.world else { return Vec::new() };
        let when = world.model.indexes[index].when;
        let members = &world.model.groups[self.group].members;
        let Some(member) = members.iter().position(|member| member.position) else { return Vec::new() };
        self.read(Place { group: self.group, member }, when, &Whose::Own)
    }

    /// The exact test of a radius: squares, summed in the order of the axes, against the radius squared.
    fn within(&mut self, walk: &Walk) -> Option<ValueId> {
        let typed::Over::Within { index, radius, .. } = &walk.over else { return None };
        let world = self.world?;
        let group = world.model.indexes[*index].group;
        let ty = world.model.groups[group].members.iter().find(|member| member.position)?.ty;
        let it = self.turns[&walk.turn];
        let delta: Vec<ValueId> = (0..ty.lanes).map(|axis| self.push(ty.scalar, Op::Delta(it, axis))).collect();
        let squared = self.dot(ty.scalar, &delta, &delta)?;
        if let Some(radius) = radius.scalar() {
            let radius = self.builder.constant(diptych_protocol::eval::convert(radius, ty.scalar));
            let limit = self.binary(ty.scalar, Binary::Mul, radius, radius);
            return Some(self.compare(Compare::Le, squared, limit));
        }
        let own = *self.lanes(radius).first()?;
        let radius = self.push(ty.scalar, Op::Convert(own));
        let limit = self.binary(ty.scalar, Binary::Mul, radius, radius);
        let near = self.compare(Compare::Le, squared, limit);
        // Nothing is within a radius below 0, or one that is no number.
        let zero = self.builder.constant(diptych_protocol::eval::convert(Value::F32(0.0), ty.scalar));
        let sound = self.compare(Compare::Ge, radius, zero);
        self.builder.both(Some(sound), Some(near))
    }

    /// Whose value is read, of a row of this group; of a reference also whether it is to a row. Nothing where it cannot be.
    fn at(&mut self, group: usize, whose: &Whose) -> Option<(At, Option<ValueId>)> {
        let world = self.world?;
        Some(match whose {
            Whose::Own => (At::Own, None),
            Whose::Shift([0, 0, 0]) => (At::Own, None),
            Whose::Shift(offset) => (At::Shift(*offset), None),
            Whose::Other(turn) => match self.shifts.get(turn) {
                Some((_, offset)) => (At::Shift(*offset), None),
                None => (At::Other(self.turns[turn]), None),
            },
            Whose::Of(reference) => {
                let (row, found) = match reference.kind {
                    // A partner is known by its row.
                    Kind::Partner { matching, side } => {
                        let row = self.partner(matching, side)?;
                        let rows = self.builder.constant(Value::U32(world.model.groups[group].rows));
                        (row, self.compare(Compare::Lt, row, rows))
                    }
                    _ => {
                        let lanes = self.lanes(reference);
                        self.referred(&lanes, reference.ty)?
                    }
                };
                (At::Row(row), Some(found))
            }
        })
    }

    /// What is published for some row in this frame, or whether something is.
    pub(super) fn published(&mut self, publication: usize, whether: bool, whose: &Whose) -> Vec<ValueId> {
        let Some(world) = self.world else { return Vec::new() };
        let group = world.model.systems[world.model.publications[publication].system].group;
        let Some((at, _)) = self.at(group, whose) else { return Vec::new() };
        let columns = world.places.drafts.published(publication, whether);
        let read = |column| self.push(world.places.columns[column].scalar, Op::Read { column, when: When::Fresh, at });
        columns.into_iter().map(read).collect()
    }

    /// The lanes of a component of some row.
    pub(super) fn read(&mut self, place: Place, when: When, whose: &Whose) -> Vec<ValueId> {
        let Some(world) = self.world else { return Vec::new() };
        let Some((at, there)) = self.at(place.group, whose) else { return Vec::new() };
        let ty = world.model.groups[place.group].members[place.member].ty;
        // Of a finished state nothing is a draft any more.
        let columns = match self.names {
            Names::Fresh => world.places.of(place),
            Names::Rows | Names::Prev => world.places.seen(place, when),
        };
        let lanes = columns.into_iter().map(|column| self.push(ty.scalar, Op::Read { column, when, at }));
        let lanes: Vec<ValueId> = lanes.collect();
        match (there, ty.sort) {
            // A value read through no row is 0, but a reference then refers to no row, not to row 0.
            (Some(there), Sort::Entity(_)) => {
                let none = self.builder.constant(Value::U32(NO_ROW));
                lanes.into_iter().map(|lane| self.push(ty.scalar, Op::Select(there, lane, none))).collect()
            }
            _ => lanes,
        }
    }

    /// The lanes of a signal.
    pub(super) fn signal(&mut self, signal: usize, ty: Type) -> Vec<ValueId> {
        if let Some(known) = &self.signals {
            let lanes = known.get(signal).cloned().unwrap_or_default();
            self.leans_on(Key::Signal(signal));
            return lanes;
        }
        let Some(world) = self.world else { return Vec::new() };
        let first = world.first_signal(signal);
        let ids = (0..u32::from(ty.lanes)).map(|lane| SignalId::new(first + lane));
        ids.map(|id| self.push(ty.scalar, Op::Signal(id))).collect()
    }
}

/// The variables that statements assign.
pub fn assigned(steps: &[Step], locals: &mut Vec<Local>) {
    for step in steps {
        match step {
            Step::Set(local, _) | Step::SetLane(local, _, _) => locals.push(*local),
            Step::If(_, yes, no) => {
                assigned(yes, locals);
                assigned(no, locals);
            }
            Step::Loop(_, body) => assigned(body, locals),
            Step::Ask(..) => {}
        }
    }
}
