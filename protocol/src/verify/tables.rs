//! Invariants of groups, columns, indexes and systems.

use std::collections::{BTreeMap, BTreeSet};

use crate::body::{At, Op, Over};
use crate::graph::Lane;
use crate::id::{ColumnId, GroupId, Id, IndexId, MatchingId, SignalId, SystemId};
use crate::kd;
use crate::limits::{ANGLE_MAX, COMMANDS_MAX, FRAMES_MAX, KD_BUCKETS, ROW_ALIGN, ROWS_MAX};
use crate::program::{
    Code, Domain, Group, Index, IndexKind, Origin, PROGRAM_VERSION, Program, Reach, Record, System, When, Work,
};
use crate::raster::{Raster, Rim};
use crate::space::{Edge, Space};
use crate::table::Table;
use crate::types::{Scalar, Sort, Type};
use crate::verify::{Violation, edits};

/// Whether the space is one.
pub(super) fn space(program: &Program, violations: &mut Vec<Violation>) {
    violations.extend(problem_of_space(&program.space).map(Violation::Space));
}

/// Whether every id is in range.
pub(super) fn ids(program: &Program, violations: &mut Vec<Violation>) {
    let Program { groups, columns, indexes, inverses, systems, bodies, steps, data, .. } = program;
    let Program { reductions, signals, outputs, matchings, .. } = program;
    let mut check = Ids { violations };
    let reduced: usize = reductions.values().map(|reduction| reduction.how.results()).sum();
    for (id, group) in groups.iter() {
        match group.origin {
            Origin::Blueprint(body) => check.id(bodies, body, id),
            Origin::Buckets(index) => check.id(indexes, index, id),
            Origin::Directory(of) => check.id(groups, of, id),
        }
        group.position.iter().for_each(|column| check.id(columns, *column, id));
        if let Some(order) = group.order {
            check.id(indexes, order.index, id);
            check.id(columns, order.entities, id);
        }
        if let Some(Raster { rim: Rim::Outside(values), .. }) = &group.raster {
            values.iter().for_each(|(column, _)| check.id(columns, *column, id));
        }
    }
    for (id, column) in columns.iter() {
        check.id(groups, column.group, id);
        check.sort(program, column.component_type, id);
        column.owner.iter().for_each(|owner| check.id(systems, *owner, id));
        column.matched.iter().for_each(|matching| check.id(matchings, *matching, id));
    }
    for (id, index) in indexes.iter() {
        check.id(groups, index.group, id);
        index.positions.iter().for_each(|column| check.id(columns, *column, id));
        if let IndexKind::Grid { copies, .. } = &index.kind {
            copies.iter().for_each(|(column, _)| check.id(columns, *column, id));
        }
        index.summary().iter().flat_map(|s| &s.sums).for_each(|column| check.id(columns, *column, id));
        index.buckets.iter().for_each(|group| check.id(groups, *group, id));
    }
    for (id, system) in systems.iter() {
        check.id(groups, system.group, id);
        system.owns.iter().for_each(|column| check.id(columns, *column, id));
        system.reads.iter().for_each(|read| check.id(columns, read.column, id));
        system.indexes.iter().for_each(|index| check.id(indexes, *index, id));
        system.inverses.iter().for_each(|inverse| check.id(inverses, *inverse, id));
        if let Code::Body(body) = system.code {
            check.id(bodies, body, id);
        }
        system.only.iter().for_each(|body| check.id(bodies, *body, id));
    }
    for (id, inverse) in inverses.iter() {
        check.id(groups, inverse.group, id);
        check.id(groups, inverse.to, id);
        check.id(columns, inverse.column, id);
        inverse.lives.iter().for_each(|column| check.id(columns, *column, id));
    }
    for (id, matching) in matchings.iter() {
        matching.meeting.iter().for_each(|meeting| check.id(groups, meeting.to, id));
        for side in &matching.sides {
            check.id(groups, side.group, id);
            side.place.iter().chain([&side.partner]).for_each(|column| check.id(columns, *column, id));
            side.filter.iter().for_each(|body| check.id(bodies, *body, id));
        }
        if !(1..=2).contains(&matching.sides.len()) {
            check.violations.push(Violation::Matching(id, "it has one side or two"));
        }
    }
    for (id, reduction) in reductions.iter() {
        check.id(groups, reduction.group, id);
        check.id(bodies, reduction.body, id);
    }
    for (id, signal) in signals.iter() {
        check.sort(program, signal.ty, id);
    }
    outputs.body.iter().for_each(|body| check.id(bodies, *body, "the outputs"));
    let sides = outputs.ensures.iter().filter_map(|ensure| ensure.sides).flat_map(|(a, b)| [a, b]);
    let holds = outputs.ensures.iter().map(|ensure| ensure.holds);
    let recorded = outputs.records.iter().flat_map(|record| record.signals().iter().map(|(_, signal)| *signal));
    outputs.until.into_iter().chain(sides).chain(holds).chain(recorded).for_each(|signal| {
        check.id(signals, signal, "the outputs");
    });
    outputs.records.iter().filter_map(Record::extract).for_each(|it| check.id(&outputs.extracts, it, "the outputs"));
    for (id, extract) in outputs.extracts.iter() {
        check.id(groups, extract.group, id);
        check.id(bodies, extract.body, id);
        extract.columns.iter().for_each(|(_, ty)| check.sort(program, *ty, id));
    }
    for field in &program.fields {
        check.id(groups, field.group, &field.name);
        field.made.iter().for_each(|column| check.id(columns, *column, &field.name));
    }
    for (id, input) in outputs.inputs.iter() {
        check.id(signals, input.kept, id);
        check.id(signals, input.begun, id);
        check.sort(program, input.ty, id);
    }
    for node in &outputs.graph {
        for lane in &node.lanes {
            let Lane::Computed(value) = lane else { continue };
            match outputs.body.and_then(|body| bodies.get(body)) {
                Some(body) => check.id(&body.ops, *value, "the graph"),
                None => check.missing("the graph", value),
            }
        }
        for from in node.from.iter().filter(|from| **from as usize >= outputs.graph.len()) {
            check.missing("the graph", from);
        }
    }
    for (id, body) in bodies.iter() {
        for store in &body.stores {
            check.id(columns, store.column, id);
            check.id(&body.ops, store.value, id);
        }
        body.results.iter().for_each(|value| check.id(&body.ops, *value, id));
        for typed in body.ops.values() {
            match typed.op {
                Op::Read { column, .. } => check.id(columns, column, id),
                Op::Signal(signal) => check.id(signals, signal, id),
                Op::Reduced(it) => check.below(reduced, it, id),
                Op::Data(column) => check.id(data, column, id),
                Op::Loop(it) | Op::Result(it, _) | Op::Carried(it, _) | Op::Other(it) | Op::Delta(it, _) => {
                    check.id(&body.loops, it, id);
                }
                _ => {}
            }
            if let Op::Read { at: At::Other(it), .. } = typed.op {
                check.id(&body.loops, it, id);
            }
        }
        for (it, walked) in body.loops.iter() {
            check.id(&body.ops, walked.at, it);
            walked.asks().for_each(|asked| check.id(bodies, asked, it));
            let asks = walked.asks.iter().flat_map(|ask| ask.values.iter().chain([&ask.when]));
            asks.for_each(|value| check.id(&body.ops, *value, it));
            match &walked.over {
                Over::Within { index, .. }
                | Over::Nearest { index, .. }
                | Over::Far { index, .. }
                | Over::Members(index)
                | Over::Holder(index) => check.id(indexes, *index, it),
                Over::Group(group) => check.id(groups, *group, it),
                Over::Inverse(inverse) => check.id(inverses, *inverse, it),
                Over::Count { .. } => {}
            }
        }
    }
    for (id, step) in steps.iter() {
        match &step.work {
            Work::Blueprint(group) => check.id(groups, *group, id),
            Work::Index(index, _) => check.id(indexes, *index, id),
            Work::Inverse(inverse, _) => check.id(inverses, *inverse, id),
            Work::Match(matching, phase) => {
                check.id(matchings, *matching, id);
                check.side(program, *matching, phase.side().unwrap_or(0), id);
            }
            Work::Pass { systems: all, .. } => all.iter().for_each(|system| check.id(systems, *system, id)),
            Work::Reduce(group) | Work::Tally(group, _) | Work::Edit(group, _) => check.id(groups, *group, id),
            Work::Pick(_) | Work::Commit => {}
        }
        match step.domain {
            Domain::Rows { group, .. } => check.id(groups, group, id),
            Domain::Slots { index, .. } | Domain::Chunks(index) => check.id(indexes, index, id),
            Domain::Targets(inverse) => check.id(inverses, inverse, id),
            Domain::Blocks(group) | Domain::Births(group) => check.id(groups, group, id),
            Domain::Ranks { matching, side } => check.side(program, matching, side, id),
            Domain::Once => {}
        }
    }
    for stage in program.schedule.setup.iter().chain(&program.schedule.frame) {
        stage.steps.iter().for_each(|step| check.id(steps, *step, "the schedule"));
    }
    if !edits::ids(program) {
        check.violations.push(Violation::Id { of: "births and ends".into(), id: "something".into() });
    }
}

struct Ids<'a> {
    violations: &'a mut Vec<Violation>,
}

impl Ids<'_> {
    fn id<I: Id, T>(&mut self, table: &Table<I, T>, id: I, of: impl std::fmt::Debug) {
        if !table.contains(id) {
            self.violations.push(Violation::Id { of: format!("{of:?}"), id: format!("{id:?}") });
        }
    }

    fn sort(&mut self, program: &Program, ty: Type, of: impl std::fmt::Debug) {
        match ty.sort {
            Sort::Enum(id) => self.id(&program.enums, id, of),
            Sort::Entity(id) => self.id(&program.groups, id, of),
            Sort::Plain => {}
        }
    }

    fn missing(&mut self, of: &str, id: impl std::fmt::Debug) {
        self.violations.push(Violation::Id { of: of.to_string(), id: format!("{id:?}") });
    }

    fn below(&mut self, count: usize, id: impl Id, of: impl std::fmt::Debug) {
        if id.index() >= count {
            self.violations.push(Violation::Id { of: format!("{of:?}"), id: format!("{id:?}") });
        }
    }

    fn side(&mut self, program: &Program, matching: MatchingId, side: u8, of: impl std::fmt::Debug) {
        if program.matchings.get(matching).is_none_or(|it| usize::from(side) >= it.sides.len()) {
            self.violations.push(Violation::Id { of: format!("{of:?}"), id: format!("side {side} of {matching:?}") });
        }
    }
}

/// Everything about the tables but the ids.
pub(super) fn check(program: &Program, violations: &mut Vec<Violation>) {
    if program.version != PROGRAM_VERSION {
        violations.push(Violation::Version(program.version));
    }
    if program.frames > FRAMES_MAX {
        violations.push(Violation::Frames(program.frames));
    }
    if !(program.dt.is_finite() && program.dt > 0.0) {
        violations.push(Violation::TimeStep(program.dt));
    }
    let columns = by_group(program, violations);
    for (id, group) in program.groups.iter() {
        if !(1..=ROWS_MAX).contains(&group.rows) {
            violations.push(Violation::Rows(id, group.rows));
        }
        let own = columns.get(&id).map_or(&[][..], Vec::as_slice);
        violations.extend(position(program, id, group).map(|what| Violation::Position(id, what)));
        violations.extend(derived(program, id, group, own).map(|what| Violation::Derived(id, what)));
    }
    for (id, _) in program.indexes.iter() {
        violations.extend(index(program, id).map(|what| Violation::Index(id, what)));
    }
    for (id, inverse) in program.inverses.iter() {
        let column = &program.columns[inverse.column];
        let of_reference = |id: ColumnId, lane: u8| {
            let it = &program.columns[id];
            it.group == inverse.group && it.component == column.component && it.lane == lane
        };
        let lives = program.groups[inverse.to].living.is_some();
        let whole = of_reference(inverse.column, 0)
            && inverse.lives.is_some() == lives
            && inverse.lives.is_none_or(|lives| of_reference(lives, 1));
        let problem = if !whole || column.component_type.sort != Sort::Entity(inverse.to) {
            "its column is not a reference of its group to the other"
        } else if column.matched.is_some() || (inverse.when == When::Fresh && column.owner.is_none()) {
            "its references are fresh, but nobody makes them"
        } else if [inverse.group, inverse.to].iter().any(|&group| !program.groups[group].lasts()) {
            "a derived group neither refers nor is referred to"
        } else {
            continue;
        };
        violations.push(Violation::Inverse(id, problem));
    }
    outputs(program, violations);
    for (id, system) in program.systems.iter() {
        ownership(program, id, system, violations);
        let grid = |index: &IndexId| program.indexes[*index].bucket_rows().is_none();
        if let (Code::Native(_), Some(index)) = (&system.code, system.indexes.iter().copied().find(grid)) {
            violations.push(Violation::Index(index, "a native system asks a k-d tree, not a grid"));
        }
        for read in &system.reads {
            violations.extend(problem_of_read(program, id, system, read.column, read.when, read.reach));
        }
        if let Some(rows) = system.batch_rows.filter(|rows| *rows == 0 || rows % ROW_ALIGN != 0) {
            violations.push(Violation::BatchRows { of: format!("{id:?}"), rows });
        }
    }
    let owned: BTreeSet<(SystemId, ColumnId)> =
        program.systems.iter().flat_map(|(id, system)| system.owns.iter().map(move |column| (id, *column))).collect();
    for (id, column) in program.columns.iter() {
        if let Some(owner) = column.owner
            && !owned.contains(&(owner, id))
        {
            violations.push(Violation::Ownership(owner, id, "the column says it is owned, the system does not"));
        }
    }
}

fn problem_of_space(space: &Space) -> Option<&'static str> {
    if !(1..=3).contains(&space.dimensions) {
        return Some("it has 1 to 3 dimensions");
    }
    let bounded = space.edge != Edge::Open;
    let good = |axis: usize| space.hi[axis] > space.lo[axis] && space.side(axis).is_finite();
    (bounded && !(0..usize::from(space.dimensions)).all(good)).then_some("its corners are not in order and finite")
}

/// The columns of each group; says on the way what is wrong with them.
fn by_group(program: &Program, violations: &mut Vec<Violation>) -> BTreeMap<GroupId, Vec<ColumnId>> {
    let mut groups: BTreeMap<GroupId, Vec<ColumnId>> = BTreeMap::new();
    let mut lanes: BTreeMap<(GroupId, &str), Vec<ColumnId>> = BTreeMap::new();
    for (id, column) in program.columns.iter() {
        groups.entry(column.group).or_default().push(id);
        lanes.entry((column.group, &column.component)).or_default().push(id);
        let ty = column.component_type;
        let vector = ty.lanes > 1;
        let living = |group: GroupId| program.groups.get(group).is_some_and(|group| group.living.is_some());
        let refers = match ty.sort {
            Sort::Entity(to) => Some(1 + u8::from(living(to))),
            Sort::Plain | Sort::Enum(_) => None,
        };
        let problem = if refers.is_some_and(|lanes| lanes != ty.lanes) && column.matched.is_none() {
            "a reference to a living group has an index and a life, any other an index"
        } else if !(1..=3).contains(&ty.lanes) || (vector && !ty.scalar.is_float() && refers.is_none()) {
            "no such type of component"
        } else if column.lane >= ty.lanes {
            "its component has no such lane"
        } else if column.scalar != ty.scalar {
            "its scalar is not that of its component"
        } else {
            continue;
        };
        violations.push(Violation::Column(id, problem));
    }
    for columns in lanes.values() {
        let first = &program.columns[columns[0]];
        let seen: BTreeSet<u8> = columns.iter().map(|id| program.columns[*id].lane).collect();
        let one_type = columns.iter().all(|id| program.columns[*id].component_type == first.component_type);
        if !one_type || seen.len() != columns.len() || columns.len() != usize::from(first.component_type.lanes) {
            violations.push(Violation::Column(columns[0], "each lane of its component is one column"));
        }
    }
    groups
}

fn position(program: &Program, id: GroupId, group: &Group) -> Option<&'static str> {
    let first = program.columns.get(*group.position.first()?)?;
    let whole = group.position.iter().enumerate().all(|(lane, column)| {
        let column = &program.columns[*column];
        column.group == id && column.component == first.component && usize::from(column.lane) == lane
    });
    if !whole || group.position.len() != usize::from(first.component_type.lanes) {
        Some("its position is not one whole component of its own")
    } else if !first.scalar.is_float() {
        Some("its position is not of floats")
    } else if group.position.len() != usize::from(program.space.dimensions) {
        Some("its position has not the dimensions of the space")
    } else {
        None
    }
}

fn derived(program: &Program, id: GroupId, group: &Group, columns: &[ColumnId]) -> Option<&'static str> {
    let Origin::Buckets(index) = group.origin else { return None };
    let index = &program.indexes[index];
    let source = program.groups[index.group].rows.min(ROWS_MAX);
    if index.buckets != Some(id) {
        Some("its index names another group of buckets")
    } else if (index.bucket_rows().filter(|rows| KD_BUCKETS.contains(rows)))
        .is_some_and(|bucket_rows| group.rows != kd::buckets_max(source, bucket_rows))
    {
        Some("its rows are not the most buckets that its index can have")
    } else if !group.position.is_empty() {
        Some("a derived group has no position")
    } else if columns.iter().any(|column| program.columns[*column].owner.is_none()) {
        Some("each column of a derived group has an owner")
    } else {
        None
    }
}

fn index(program: &Program, id: IndexId) -> Option<&'static str> {
    let index = &program.indexes[id];
    let group = &program.groups[index.group];
    if !matches!(group.origin, Origin::Blueprint(_)) {
        Some("its group has no rows of its own")
    } else if index.positions.is_empty() || index.positions != group.position {
        Some("its positions are not those of its group")
    } else if index.bucket_rows().is_some_and(|rows| !KD_BUCKETS.contains(&rows)) {
        Some("no such size of buckets")
    } else if let Some(what) = grid(program, index).or_else(|| summary(program, index)) {
        Some(what)
    } else if index.when == When::Fresh && index.positions.iter().any(|c| program.columns[*c].owner.is_none()) {
        Some("its positions are fresh, but nobody makes them")
    } else if index.buckets.is_some_and(|group| program.groups[group].origin != Origin::Buckets(id)) {
        Some("its group of buckets names another origin")
    } else {
        None
    }
}

fn grid(program: &Program, index: &Index) -> Option<&'static str> {
    let IndexKind::Grid { cell, copies } = &index.kind else { return None };
    let mut seen = Vec::new();
    for copy in copies {
        let column = &program.columns[copy.0];
        if column.group != index.group || !column.is_kept() || seen.contains(&copy) {
            return Some("it copies a column of another group, one that is made anew each frame, or one twice");
        }
        let complete = copy.1 == When::Prev || (index.when == When::Fresh && index.positions.contains(&copy.0));
        if !complete {
            return Some("it copies fresh values that are not its positions");
        }
        seen.push(copy);
    }
    if !(cell.is_finite() && *cell > 0.0) {
        Some("no such length of a cell")
    } else if index.buckets.is_some() {
        Some("a grid has no buckets")
    } else {
        None
    }
}

fn summary(program: &Program, index: &Index) -> Option<&'static str> {
    let summary = index.summary()?;
    for (at, column) in summary.sums.iter().enumerate() {
        let it = &program.columns[*column];
        if it.group != index.group || !it.scalar.is_float() || index.positions.contains(column) {
            return Some("it sums what is no float of its group, or a position");
        }
        if summary.sums[..at].contains(column) {
            return Some("it sums a column twice");
        }
    }
    let weight = summary.sums.first().map(|column| program.columns[*column].component_type.lanes);
    if weight != Some(1) {
        Some("nothing weighs its barycentres, or a part of a vector")
    } else if !(0.0..=ANGLE_MAX).contains(&summary.angle) {
        Some("no such opening angle")
    } else {
        None
    }
}

fn ownership(program: &Program, id: SystemId, system: &System, violations: &mut Vec<Violation>) {
    if system.owns.is_empty() && program.edits_of(id).next().is_none() {
        violations.push(Violation::OwnsNothing(id));
    }
    let mut seen = BTreeSet::new();
    for column in &system.owns {
        let owned = &program.columns[*column];
        if owned.group != system.group {
            violations.push(Violation::Ownership(id, *column, "the column is of another group"));
        }
        if owned.owner != Some(id) {
            violations.push(Violation::Ownership(id, *column, "the column does not say that the system owns it"));
        }
        if !seen.insert(column) {
            violations.push(Violation::Ownership(id, *column, "owned twice"));
        }
    }
}

fn problem_of_read(
    program: &Program,
    id: SystemId,
    system: &System,
    column: ColumnId,
    when: When,
    reach: Reach,
) -> Option<Violation> {
    let read = &program.columns[column];
    let derived = matches!(program.groups[read.group].origin, Origin::Buckets(_));
    let problem = if reach == Reach::Own && read.group != system.group {
        "its own row has no such column"
    } else if read.matched.is_some() {
        if when == When::Fresh && reach == Reach::Own {
            return None;
        }
        "who is paired is read fresh, of the own row"
    } else if when == When::Prev && read.draft {
        "a draft has no prev"
    } else if when == When::Prev && derived {
        "rows of a derived group have no prev"
    } else if when == When::Fresh && read.owner.is_none() {
        "fresh, but nobody makes it"
    } else if when == When::Fresh && read.owner == Some(id) {
        "fresh, but its own"
    } else {
        return None;
    };
    Some(Violation::Read(id, column, problem))
}

fn outputs(program: &Program, violations: &mut Vec<Violation>) {
    let outputs = &program.outputs;
    let plain = |signal: SignalId, scalar| program.signals[signal].ty == Type::scalar(scalar);
    let truths = outputs.until.into_iter().chain(outputs.ensures.iter().map(|ensure| ensure.holds));
    if truths.into_iter().any(|signal| !plain(signal, Scalar::Bool)) {
        violations.push(Violation::Outputs("a condition that is no bool"));
    }
    if outputs.records.iter().any(|it| it.every == 0 || it.extract().is_none() && it.signals().is_empty()) {
        violations.push(Violation::Outputs("a record without columns, or of every 0 states"));
    }
    let mut paths = BTreeSet::new();
    if outputs.records.iter().any(|record| record.path.is_empty() || !paths.insert(&record.path)) {
        violations.push(Violation::Outputs("a record without a file, or two of one"));
    }
    let results: Vec<Scalar> = outputs.body.map_or(Vec::new(), |body| {
        let body = &program.bodies[body];
        body.results.iter().map(|value| body.ops[*value].scalar).collect()
    });
    if !results.into_iter().eq(program.signals.values().map(|signal| signal.ty.scalar)) {
        violations.push(Violation::Outputs("the body does not give each signal, with its type"));
    }
    if program.signals.values().any(|signal| signal.ty.lanes != 1) {
        violations.push(Violation::Outputs("a signal is a scalar"));
    }
    violations.extend(outputs.inputs.values().filter_map(|input| input.problem(program)).map(Violation::Outputs));
    let mut kept: Vec<SignalId> = outputs.inputs.values().flat_map(|input| [input.kept, input.begun]).collect();
    kept.sort_unstable();
    if outputs.inputs.len() > COMMANDS_MAX || kept.windows(2).any(|two| two[0] == two[1]) {
        violations.push(Violation::Outputs("too many inputs, or two that are kept in one signal"));
    }
    let computed = outputs.graph.iter().flat_map(|node| &node.lanes).filter_map(|lane| match lane {
        Lane::Computed(value) => Some(*value),
        Lane::Known(_) | Lane::Nowhere => None,
    });
    let loops = || outputs.body.iter().flat_map(|body| program.bodies[*body].loops.values());
    if computed.into_iter().any(|value| loops().any(|it| it.at <= value && value < it.end)) {
        violations.push(Violation::Outputs("a node of the graph within a loop"));
    }
}
