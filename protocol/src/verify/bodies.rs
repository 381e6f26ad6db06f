//! Invariants of bodies.

use std::collections::{BTreeMap, BTreeSet};

use crate::body::{At, Body, Loop, Op, Over, Typed, Update};
use crate::id::{BodyId, ColumnId, GroupId, Id, IndexId, LoopId, SystemId, ValueId};
use crate::limits::NEAREST_MAX;
use crate::program::{Code, Origin, Program, Reach, When};
use crate::types::Scalar;
use crate::verify::{Violation, conditions, rasters};

/// Checks all bodies, and what those in use store and read.
pub(super) fn check(program: &Program, violations: &mut Vec<Violation>) {
    for (id, body) in program.bodies.iter() {
        let homes = Homes::of(body);
        violations.extend(homes.problems.iter().map(|(at, what)| Violation::Loop(id, *at, what)));
        for (value, typed) in body.ops.iter() {
            violations.extend(op(body, &homes, value, typed).map(|what| Violation::Op(id, value, what)));
        }
        for (at, it) in body.loops.iter() {
            violations.extend(problem_of_loop(program, body, &homes, it).map(|what| Violation::Loop(id, at, what)));
        }
        let outside = |value: &ValueId| homes.home(*value).is_none();
        if !body.stores.iter().map(|store| &store.value).chain(&body.results).all(outside) {
            violations.push(Violation::Body(id, "it stores or gives a value from inside a loop"));
        }
    }
    let mut by_group: BTreeMap<_, Vec<ColumnId>> = BTreeMap::new();
    for (id, column) in program.columns.iter() {
        if column.is_kept() {
            by_group.entry(column.group).or_default().push(id);
        }
    }
    for (id, group) in program.groups.iter() {
        if let Origin::Blueprint(body) = group.origin {
            let named =
                |column: &ColumnId| group.living.is_some_and(|it| [it.entities, it.generations].contains(column));
            let columns = by_group.get(&id).into_iter().flatten().copied();
            let columns: BTreeSet<ColumnId> = columns.filter(|column| !named(column)).collect();
            stores(program, body, &columns, true, violations);
            uses(program, body, &User::Setup, violations);
        }
    }
    for (id, system) in program.systems.iter() {
        if let Code::Body(body) = system.code {
            stores(program, body, &system.owns.iter().copied().collect(), true, violations);
        }
        program.bodies_of(id).into_iter().for_each(|body| uses(program, body, &User::System(id), violations));
        asked(program, id, violations);
    }
    for reduction in program.reductions.values() {
        uses(program, reduction.body, &User::Rows(reduction.group), violations);
    }
    for extract in program.outputs.extracts.values() {
        uses(program, extract.body, &User::Taken(extract.group), violations);
    }
    for side in program.matchings.values().flat_map(|matching| &matching.sides) {
        side.filter.iter().for_each(|body| uses(program, *body, &User::Ranked(side.group), violations));
    }
    if let Some(body) = program.outputs.body {
        uses(program, body, &User::State, violations);
    }
}

fn stores(program: &Program, id: BodyId, columns: &BTreeSet<ColumnId>, all: bool, violations: &mut Vec<Violation>) {
    let body = &program.bodies[id];
    let mut missing = columns.clone();
    for store in &body.stores {
        if !columns.contains(&store.column) {
            violations.push(Violation::Store(id, store.column, "which is not its to write"));
        } else if !missing.remove(&store.column) {
            violations.push(Violation::Store(id, store.column, "twice"));
        }
        if body.ops[store.value].scalar != program.columns[store.column].scalar {
            violations.push(Violation::Store(id, store.column, "from a value of another type"));
        }
    }
    if all {
        violations.extend(missing.into_iter().map(|column| Violation::Store(id, column, "never")));
    }
}

/// What each loop of a system asks ahead: with which point, and perhaps radius; which rows count.
fn asked(program: &Program, system: SystemId, violations: &mut Vec<Violation>) {
    for id in program.bodies_of(system) {
        for (it, walked) in program.bodies[id].loops.iter() {
            let question = walked.question.and_then(|question| problem_of_question(program, id, walked, question));
            let among = walked.over.among().and_then(|among| conditions::problem(program, id, walked, among));
            violations.extend(question.into_iter().chain(among).map(|what| Violation::Loop(id, it, what)));
        }
    }
}

fn problem_of_question(program: &Program, id: BodyId, walked: &Loop, question: BodyId) -> Option<&'static str> {
    if question >= id {
        return Some("its question is no earlier body");
    }
    let body = &program.bodies[question];
    let Some(index) = walked.over.index() else { return Some("it asks no index, and has a question") };
    let index = &program.indexes[index];
    if index.bucket_rows().is_none() {
        return Some("questions are for trees");
    }
    let found: Vec<Scalar> = body.results.iter().map(|value| body.ops[*value].scalar).collect();
    let axes = index.positions.iter().map(|column| program.columns[*column].scalar);
    let mut wanted: Vec<Scalar> = axes.collect();
    let point = found == wanted;
    wanted.push(Scalar::F32);
    let radius = found == wanted && matches!(walked.over, Over::Within { .. });
    if !body.stores.is_empty() || !(point || radius) { Some("its question gives no point, or no radius") } else { None }
}

/// Whose body it is: what it may touch.
enum User {
    Setup,
    System(SystemId),
    /// A reduction over the finished rows of a group.
    Rows(GroupId),
    /// What a sink takes of the finished rows of a group.
    Taken(GroupId),
    /// Who takes part in a matching, of the rows of a group.
    Ranked(GroupId),
    /// The signals of a finished state.
    State,
}

fn uses(program: &Program, id: BodyId, user: &User, violations: &mut Vec<Violation>) {
    let body = &program.bodies[id];
    for (value, typed) in body.ops.iter() {
        let good = match (typed.op, user) {
            (Op::Read { column, when: When::Prev, .. }, _) if !program.columns[column].is_kept() => false,
            (Op::Read { column, when, at }, User::Ranked(group)) => {
                at == At::Own && when == When::Prev && program.columns[column].group == *group
            }
            (Op::Read { column, when, at }, User::System(system)) => {
                let system = &program.systems[*system];
                let reach = if at == At::Own { Reach::Own } else { Reach::Any };
                let own = program.columns[column].group == system.group;
                // The own row of `prev` needs no declaration: the system's batch has it.
                let there = match at {
                    At::Shift(offset) => rasters::reaches(program, system.group, column, offset),
                    _ => true,
                };
                let declared = (reach == Reach::Own && own && when == When::Prev)
                    || system.reads.iter().any(|r| {
                        r.column == column && r.when == when && (r.reach == reach || r.reach == Reach::Any && own)
                    });
                there && declared
            }
            (Op::Read { column, when, at }, User::Rows(group) | User::Taken(group)) => {
                let finished = if program.columns[column].is_made() { When::Fresh } else { When::Prev };
                at == At::Own && program.columns[column].group == *group && when == finished
            }
            (Op::Read { .. }, _) => false,
            (Op::Data(data), User::Setup) => {
                let made = program.groups.values().find(|group| group.origin == Origin::Blueprint(id));
                made.is_some_and(|group| group.first_rows() <= program.data[data].rows)
            }
            (Op::Data(_), _) => false,
            (Op::Signal(_), User::System(_) | User::Ranked(_) | User::State | User::Taken(_)) => true,
            (Op::Signal(_), _) => false,
            (Op::Reduced(_), user) => matches!(user, User::State),
            (Op::Row | Op::Draw { .. }, User::State) => false,
            // Where rows move, a row's number is not its entity.
            (Op::Row, User::System(system)) => !program.groups[program.systems[*system].group].rows_move(),
            (Op::Row, User::Rows(group) | User::Taken(group) | User::Ranked(group)) => {
                !program.groups[*group].rows_move()
            }
            (Op::Draw { .. }, User::Rows(_) | User::Taken(_)) => false,
            (Op::Loop(it), User::System(system)) => {
                let system = &program.systems[*system];
                match &body.loops[it].over {
                    Over::Within { index, .. } | Over::Nearest { index, .. } => system.indexes.contains(index),
                    Over::Far { index, .. } => {
                        program.indexes[*index].group == system.group && system.indexes.contains(index)
                    }
                    Over::Inverse(inverse) => {
                        system.inverses.contains(inverse) && program.inverses[*inverse].to == system.group
                    }
                    // How many rows a derived group has is known when its index is sealed.
                    Over::Group(group) => match program.groups[*group].origin {
                        Origin::Buckets(index) => system.indexes.contains(&index),
                        Origin::Blueprint(_) => true,
                        Origin::Directory(_) => false,
                    },
                    Over::Members(index) => {
                        let of = &program.indexes[*index];
                        let tied = of.group == system.group || of.buckets == Some(system.group);
                        tied && system.indexes.contains(index)
                    }
                    Over::Holder(index) => {
                        program.indexes[*index].group == system.group && system.indexes.contains(index)
                    }
                    Over::Count { .. } => true,
                }
            }
            (Op::Loop(it), _) => matches!(body.loops[it].over, Over::Count { .. }),
            _ => true,
        };
        if !good {
            violations.push(Violation::Op(id, value, "it uses what is not declared, or not there"));
        }
    }
    if let User::System(system) = user {
        for (at, it) in body.loops.iter() {
            let own = program.groups[program.systems[*system].group].position.as_slice();
            violations.extend(from_elsewhere(program, body, it, own).map(|what| Violation::Loop(id, at, what)));
        }
    }
}

/// Whether distances are measured from something else than the own position.
fn from_elsewhere(program: &Program, body: &Body, it: &Loop, own: &[ColumnId]) -> Option<&'static str> {
    let index = &program.indexes[it.over.index()?];
    let from = it.over.from();
    let scalar = |value: &ValueId| body.ops.get(*value).map(|typed| typed.scalar);
    let like = |(value, column): (&ValueId, &ColumnId)| scalar(value) == Some(program.columns[*column].scalar);
    if from.len() != index.positions.len() || !from.iter().zip(&index.positions).all(like) {
        return Some("its point has not the axes of the index");
    }
    if it.asks().next().is_some() {
        return None;
    }
    let right = from.len() == own.len()
        && from.iter().zip(own).all(|(value, &column)| {
            let read = Op::Read { column, when: index.when, at: At::Own };
            body.ops.get(*value).is_some_and(|typed| typed.op == read)
        });
    (!right).then_some("distances are measured from something else than the own position")
}

/// In which loop's body each operation stands.
struct Homes {
    homes: Vec<Option<LoopId>>,
    parents: Vec<Option<LoopId>>,
    /// Where each loop's operation stands.
    problems: Vec<(LoopId, &'static str)>,
}

impl Homes {
    fn of(body: &Body) -> Self {
        let mut homes = Vec::with_capacity(body.ops.len());
        let mut parents = vec![None; body.loops.len()];
        let mut problems = Vec::new();
        let mut seen = 0;
        let mut open: Vec<LoopId> = Vec::new();
        for (at, typed) in body.ops.iter() {
            while open.last().is_some_and(|it| body.loops[*it].end <= at) {
                open.pop();
            }
            homes.push(open.last().copied());
            let Op::Loop(it) = typed.op else { continue };
            let walked = &body.loops[it];
            let limit = open.last().map_or(ValueId::new(body.ops.len() as u32), |outer| body.loops[*outer].end);
            if it.index() != seen || walked.at != at || walked.end <= at || walked.end > limit {
                problems.push((it, "it does not stand where it says"));
                break;
            }
            seen += 1;
            parents[it.index()] = open.last().copied();
            open.push(it);
        }
        homes.resize(body.ops.len(), None);
        if problems.is_empty() && seen != body.loops.len() {
            problems.push((LoopId::new(seen as u32), "it stands nowhere"));
        }
        Self { homes, parents, problems }
    }

    fn home(&self, value: ValueId) -> Option<LoopId> {
        self.homes.get(value.index()).copied().flatten()
    }

    /// Whether something in loop `inner` is inside of loop `outer`.
    fn inside(&self, inner: Option<LoopId>, outer: Option<LoopId>) -> bool {
        let Some(outer) = outer else { return true };
        let mut at = inner;
        while let Some(it) = at {
            if it == outer {
                return true;
            }
            at = self.parents[it.index()];
        }
        false
    }

    /// Whether `value` can be used at `at`.
    fn visible(&self, value: ValueId, at: ValueId) -> bool {
        value < at && self.inside(self.home(at), self.home(value))
    }
}

fn problem_of_loop(program: &Program, body: &Body, homes: &Homes, it: &Loop) -> Option<&'static str> {
    if !homes.problems.is_empty() || it.end.index() > body.ops.len() {
        return None; // Told.
    }
    let LoopIdOf(Some(own)) = LoopIdOf::new(body, it) else { return Some("it stands nowhere") };
    let scalar = |value: ValueId| body.ops.get(value).map(|typed| typed.scalar);
    let before = |value: ValueId| homes.visible(value, it.at);
    // What a turn ends with stands before the loop or in its own body, but in no loop inside of it.
    let turn = |value: ValueId| before(value) || (value < it.end && homes.home(value) == Some(own));
    if it.mask.is_some_and(|mask| !before(mask) || scalar(mask) != Some(Scalar::Bool)) {
        return Some("its mask is no bool from before it");
    }
    if it.active.is_some_and(|active| !turn(active) || scalar(active) != Some(Scalar::Bool)) {
        return Some("its condition is no bool of its turn");
    }
    for carried in &it.carried {
        let (value, when) = (carried.update.value(), carried.update.when());
        if !before(carried.start) || !turn(value) || scalar(carried.start) != scalar(value) {
            return Some("it carries a value from nowhere, or of another type");
        }
        if when.is_some_and(|when| !turn(when) || scalar(when) != Some(Scalar::Bool)) {
            return Some("it adds where something is true that is no bool of its turn");
        }
        if !matches!(carried.update, Update::Set(_)) && scalar(value) == Some(Scalar::Bool) {
            return Some("it adds truth values");
        }
    }
    for ask in &it.asks {
        if !turn(ask.when) || scalar(ask.when) != Some(Scalar::Bool) || !ask.values.iter().all(|value| turn(*value)) {
            return Some("a turn asks with what it does not have");
        }
    }
    if !it.over.from().iter().all(|&value| before(value)) {
        return Some("it measures from a point that is not known before it");
    }
    let tree = |index: &IndexId| program.indexes.get(*index).is_some_and(|index| index.bucket_rows().is_some());
    let right = match &it.over {
        Over::Within { index, reach, .. } => {
            let space = program.space;
            let half = (0..usize::from(space.dimensions))
                .all(|axis| space.edge != crate::space::Edge::Torus || *reach <= 0.5 * space.side(axis));
            reach.is_finite() && *reach >= 0.0 && half && program.indexes.contains(*index)
        }
        Over::Nearest { index, count, .. } => (1..=NEAREST_MAX).contains(count) && tree(index),
        Over::Far { index, .. } => {
            let one = body.loops.values().filter_map(|it| it.over.far()).all(|other| other == *index);
            let around = program.space.edge == crate::space::Edge::Torus;
            let summed = program.indexes.get(*index).is_some_and(|index| index.summary().is_some());
            summed && one && !around
        }
        Over::Count { first, end } => {
            let integer = |value: ValueId| before(value) && scalar(value) == Some(Scalar::I32);
            integer(*first) && integer(*end)
        }
        Over::Holder(index) => program.indexes.get(*index).is_some_and(|index| index.buckets.is_some()),
        Over::Members(index) => tree(index),
        Over::Group(_) | Over::Inverse(_) => true,
    };
    (!right).then_some("what it goes over makes no sense")
}

/// The id of a loop, by where it stands.
struct LoopIdOf(Option<LoopId>);

impl LoopIdOf {
    fn new(body: &Body, it: &Loop) -> Self {
        Self(match body.ops.get(it.at).map(|typed| typed.op) {
            Some(Op::Loop(id)) => Some(id),
            _ => None,
        })
    }
}

fn op(body: &Body, homes: &Homes, at: ValueId, typed: &Typed) -> Option<&'static str> {
    let before = |value: ValueId| {
        if homes.visible(value, at) { body.ops.get(value).map(|typed| typed.scalar) } else { None }
    };
    const ORDER: &str = "an operand stands after its use, or in a loop that is over";
    const TYPES: &str = "operands or result have the wrong type";
    const LOOP: &str = "a loop's value is used in the wrong place";
    let result = typed.scalar;
    if typed.op.operands().any(|value| before(value).is_none()) {
        return Some(ORDER);
    }
    let inside = |it: LoopId| homes.inside(homes.home(at), Some(it));
    let carried = |it: LoopId, place: u16| {
        let carried = body.loops.get(it)?.carried.get(usize::from(place))?;
        body.ops.get(carried.start).map(|typed| typed.scalar)
    };
    let right = match typed.op {
        Op::Const(value) => value.scalar() == result,
        Op::Row | Op::Frame => result == Scalar::U32,
        Op::Time | Op::Reduced(_) => result == Scalar::F64,
        // What a signal or a column holds is compared by `held`, which knows the program.
        Op::Signal(_) | Op::Data(_) => true,
        Op::Read { at: place, .. } => match place {
            At::Own | At::Shift(_) => true,
            At::Other(it) if !inside(it) => return Some(LOOP),
            At::Other(_) => true,
            At::Row(row) => before(row) == Some(Scalar::U32),
        },
        Op::Draw { lane, entity, turn, .. } => {
            result.is_float() && lane <= 1 && before(entity) == Some(Scalar::U32) && before(turn) == Some(Scalar::U32)
        }
        Op::Unary(op, a) => before(a) == Some(result) && op.accepts(result),
        Op::Binary(op, a, b) => before(a) == Some(result) && before(b) == Some(result) && op.accepts(result),
        Op::Compare(op, a, b) => {
            result == Scalar::Bool && before(a) == before(b) && before(a).is_some_and(|a| op.accepts(a))
        }
        Op::Select(condition, a, b) => {
            before(condition) == Some(Scalar::Bool) && before(a) == Some(result) && before(b) == Some(result)
        }
        Op::Convert(_) => true,
        Op::Loop(_) => result == Scalar::Bool,
        Op::Result(it, place) => {
            let over = body.loops.get(it).is_some_and(|l| l.end <= at && homes.visible(l.at, at));
            if !over {
                return Some(LOOP);
            }
            carried(it, place) == Some(result)
        }
        Op::Carried(it, place) => {
            if !inside(it) {
                return Some(LOOP);
            }
            carried(it, place) == Some(result)
        }
        Op::Other(it) => {
            if !inside(it) {
                return Some(LOOP);
            }
            if body.loops[it].over.far().is_some() {
                return Some("it asks which row it is that stands for many");
            }
            let counts = matches!(body.loops[it].over, Over::Count { .. });
            result == if counts { Scalar::I32 } else { Scalar::U32 }
        }
        Op::Delta(it, axis) => {
            if !inside(it) {
                return Some(LOOP);
            }
            let from = body.loops[it].over.from();
            let from = from.get(usize::from(axis)).and_then(|value| body.ops.get(*value));
            from.is_some_and(|from| from.scalar == result)
        }
    };
    (!right).then_some(TYPES)
}

/// Whether each operation that takes its value from a table has the type of what stands there, and whose it is.
pub(super) fn held(program: &Program, violations: &mut Vec<Violation>) {
    for (id, body) in program.bodies.iter() {
        for (value, typed) in body.ops.iter() {
            let scalar = match typed.op {
                Op::Read { column, when, at } => {
                    let other = match at {
                        At::Other(it) => group_of(program, &body.loops[it].over),
                        _ => None,
                    };
                    if matches!(at, At::Other(_)) && other != Some(program.columns[column].group) {
                        violations.push(Violation::Op(id, value, "it reads another group's column of the other"));
                    }
                    if let At::Other(it) = at
                        && let Some(index) = body.loops[it].over.far()
                        && !(when == When::Prev && summed(program, index, column))
                    {
                        violations.push(Violation::Op(id, value, "it reads what has no sum"));
                    }
                    program.columns[column].scalar
                }
                Op::Signal(signal) => program.signals[signal].ty.scalar,
                Op::Data(data) => program.data[data].scalar,
                _ => continue,
            };
            if scalar != typed.scalar {
                violations.push(Violation::Op(id, value, "it has not the type of what it reads"));
            }
        }
    }
}

/// Whether the nodes of an index have the sum of a column.
fn summed(program: &Program, index: IndexId, column: ColumnId) -> bool {
    program.indexes[index].summary().is_some_and(|summary| summary.sums.contains(&column))
}

/// The group whose rows a loop goes over.
fn group_of(program: &Program, over: &Over) -> Option<GroupId> {
    match over {
        Over::Within { index, .. } | Over::Nearest { index, .. } | Over::Far { index, .. } | Over::Members(index) => {
            Some(program.indexes[*index].group)
        }
        Over::Holder(index) => program.indexes[*index].buckets,
        Over::Group(group) => Some(*group),
        Over::Inverse(inverse) => Some(program.inverses[*inverse].group),
        Over::Count { .. } => None,
    }
}
