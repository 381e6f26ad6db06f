//! Scheduling: which step runs in which stage, and how many rows a batch has.
//!
//! Every system and every index gets a *level*, counted from 0: the highest of what it depends on.
//!
//! - An own-row `fresh` read of its group's column: the owner's level. Both run in one pass, the owner first.
//! - Any other `fresh` read: a level after the owner.
//! - An index over `prev`: level 0; over `fresh` positions: a level after their owner. Each of its phases takes a level:
//!   six of a k-d tree, four of a grid, five where the space is open.
//! - An inverse of references: as an index; its four phases take four levels.
//! - A matching: as an index over where rows meet; its five phases take five levels.
//! - A system that asks an index or an inverse, or reads a partner, or runs over an index's buckets, or over rows that are
//!   kept in the order of an index: a level after the last phase.
//!
//! A level becomes at most two stages: the index phases in it, then the systems in it. Systems of one group in one
//! level are one pass, in the order of their dependencies, then of the text. At the end of every tick stand the births
//! and ends of groups whose rows come and go, the aggregation of groups that signals ask about, as far as no pass does it
//! (`schedule/reductions.rs`), and the commit.
//!
//! # Rows of a batch
//!
//! What cuts the work comes from the program, never from the machine, since results must not depend on the number of
//! workers. It is cut by the [`Grain`](diptych_protocol::limits::Grain) of the work:
//!
//! - [`STREAM`] where all is a stream over own rows;
//! - [`SPATIAL`] where a system of the pass asks an index, or reads other rows' fresh values or another group: such a
//!   row costs hundreds of nanoseconds, and smaller batches level out dense places. Cells at an offset are no such rows;
//! - [`COUNTING`](diptych_protocol::limits::COUNTING) for the counting and scattering of an index;
//! - what the smallest `batch` clause of the pass says overrides the first two.
//!
//! A pass of rules in text that asks a grid over its own group is cut by the grid's slots instead of by rows: whatever
//! order rows stand in, those of a batch are near each other. So is each pass over a group that is kept in such an order,
//! and one that asks a tree for what is far: rows of a bucket share the answer.

use std::collections::{BTreeMap, BTreeSet};

use diptych_protocol::body::Op;
use diptych_protocol::id::{ColumnId, GroupId, IndexId, InverseId, MatchingId, StepId, SystemId};
use diptych_protocol::limits::{SPATIAL, STAGE_BATCHES_MAX, STAGES_MAX, STREAM};
use diptych_protocol::program::{
    Code, Domain, EditPhase, Group, IndexKind, IndexPhase, InversePhase, MatchPhase, Origin, Program, Reach, Schedule,
    Span, Stage, StageKind, Step, System, When, Work,
};
use diptych_protocol::verify;

use crate::codes;
use crate::diagnostic::{Diagnostic, Diagnostics};

mod reductions;

/// Fills in steps and schedule.
pub fn schedule(program: &mut Program, diagnostics: &mut Diagnostics) {
    let needs = needs(program);
    let Some(levels) = levels(program, &needs, diagnostics) else { return };
    let setup = setup(program);
    let frame = frame(program, &levels);
    program.schedule = Schedule { setup, frame };
    limits(program, diagnostics);
}

/// The level of each stage of a frame, for people; none of those at its end.
pub fn stage_levels(program: &Program) -> Vec<Option<u32>> {
    let order = levels(program, &needs(program), &mut Diagnostics::default()).unwrap_or_default();
    let levels: BTreeMap<Node, u32> = order.into_iter().collect();
    let level_of = |work: &Work| match work {
        Work::Pass { systems, .. } => levels.get(&Node::System(*systems.first()?)).copied(),
        Work::Index(id, phase) => {
            let later = program.indexes[*id].phases(&program.space).iter().position(|it| it == phase)?;
            Some(levels.get(&Node::Index(*id))? + later as u32)
        }
        Work::Inverse(id, phase) => {
            let later = InversePhase::ALL.iter().position(|it| it == phase)?;
            Some(levels.get(&Node::Inverse(*id))? + later as u32)
        }
        Work::Match(id, phase) => Some(levels.get(&Node::Matching(*id))? + phase.stage()),
        Work::Blueprint(_) | Work::Edit(..) => None,
        Work::Reduce(_) | Work::Tally(..) | Work::Pick(_) | Work::Commit => None,
    };
    let stages = program.schedule.frame.iter();
    stages.map(|stage| stage.steps.first().and_then(|step| level_of(&program.steps[*step].work))).collect()
}

/// A system, an index, an inverse or a matching. Systems first, so that the order of ties is that of the text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Node {
    System(SystemId),
    Index(IndexId),
    Inverse(InverseId),
    Matching(MatchingId),
}

/// What a node needs, and how many levels after it.
type Needs = BTreeMap<Node, BTreeMap<Node, u32>>;

fn needs(program: &Program) -> Needs {
    let mut needs = Needs::new();
    for (id, index) in program.indexes.iter() {
        let own = needs.entry(Node::Index(id)).or_default();
        if index.when == When::Fresh {
            for owner in index.positions.iter().filter_map(|column| program.columns[*column].owner) {
                own.insert(Node::System(owner), 1);
            }
        }
    }
    for (id, inverse) in program.inverses.iter() {
        let own = needs.entry(Node::Inverse(id)).or_default();
        let owner = program.columns[inverse.column].owner.filter(|_| inverse.when == When::Fresh);
        own.extend(owner.map(|owner| (Node::System(owner), 1)));
    }
    for (id, matching) in program.matchings.iter() {
        let own = needs.entry(Node::Matching(id)).or_default();
        let fresh = matching.meeting.is_some_and(|meeting| meeting.when == When::Fresh);
        let places = matching.sides.iter().filter_map(|side| side.place).filter(|_| fresh);
        own.extend(places.filter_map(|place| program.columns[place].owner).map(|owner| (Node::System(owner), 1)));
    }
    let listed = InversePhase::ALL.len() as u32;
    for (id, system) in program.systems.iter() {
        let own = needs.entry(Node::System(id)).or_default();
        for read in system.reads.iter().filter(|read| read.when == When::Fresh) {
            if let Some(matching) = program.columns[read.column].matched {
                own.insert(Node::Matching(matching), MatchPhase::STAGES);
            }
            let Some(owner) = program.columns[read.column].owner else { continue };
            let distance = u32::from(read.reach == Reach::Any);
            let known = own.entry(Node::System(owner)).or_default();
            *known = distance.max(*known);
        }
        let mut asked = system.indexes.clone();
        if let Origin::Buckets(index) = program.groups[system.group].origin {
            asked.push(index);
        }
        asked.extend(program.groups[system.group].order.map(|order| order.index));
        let phases = |index: IndexId| program.indexes[index].phases(&program.space).len() as u32;
        own.extend(asked.into_iter().map(|index| (Node::Index(index), phases(index))));
        own.extend(system.inverses.iter().map(|inverse| (Node::Inverse(*inverse), listed)));
    }
    needs
}

/// Each node's level (of an index: that of its first phase), in an order in which each stands after its needs.
fn levels(program: &Program, needs: &Needs, diagnostics: &mut Diagnostics) -> Option<Vec<(Node, u32)>> {
    let mut users: BTreeMap<Node, Vec<Node>> = BTreeMap::new();
    let mut open: BTreeMap<Node, usize> = BTreeMap::new();
    for (node, own) in needs {
        open.insert(*node, own.len());
        own.keys().for_each(|need| users.entry(*need).or_default().push(*node));
    }
    let mut ready: BTreeSet<Node> = open.iter().filter(|(_, count)| **count == 0).map(|(node, _)| *node).collect();
    let mut level: BTreeMap<Node, u32> = BTreeMap::new();
    let mut order = Vec::new();
    while let Some(node) = ready.pop_first() {
        let own =
            needs[&node].iter().map(|(need, distance)| level.get(need).map_or(0, |l| l.saturating_add(*distance)));
        let own = own.max().unwrap_or(0);
        level.insert(node, own);
        order.push((node, own));
        for user in users.get(&node).into_iter().flatten() {
            if let Some(count) = open.get_mut(user) {
                *count -= 1;
                if *count == 0 {
                    ready.insert(*user);
                }
            }
        }
    }
    if order.len() == needs.len() {
        return Some(order);
    }
    diagnostics.push(cycle(program, needs, &level));
    None
}

/// Names a circle among the nodes without a level. Each of them needs another one.
fn cycle(program: &Program, needs: &Needs, level: &BTreeMap<Node, u32>) -> Diagnostic {
    let mut path: Vec<Node> = needs.keys().find(|node| !level.contains_key(node)).copied().into_iter().collect();
    let mut from = 0;
    while let Some(next) = path.last().and_then(|node| needs[node].keys().find(|need| !level.contains_key(need))) {
        if let Some(seen) = path.iter().position(|node| node == next) {
            from = seen;
            break;
        }
        path.push(*next);
    }
    let mut ring = path.split_off(from);
    let first = ring.iter().enumerate().min_by_key(|(_, node)| **node).map_or(0, |(place, _)| place);
    ring.rotate_left(first);
    let name = |node: &Node| match node {
        Node::System(id) => (format!("system `{}`", program.systems[*id].name), program.systems[*id].span),
        Node::Index(id) => (format!("index `{}`", program.indexes[*id].name), program.indexes[*id].span),
        Node::Inverse(id) => (format!("`{}`", program.inverses[*id].name), program.inverses[*id].span),
        Node::Matching(id) => (format!("match `{}`", program.matchings[*id].name), program.matchings[*id].span),
    };
    let names: Vec<String> = ring.iter().chain(ring.first()).map(|node| name(node).0).collect();
    let span = ring.first().map_or(Span::default(), |node| name(node).1);
    let message = format!("fresh values need each other: {}", names.join(" needs "));
    let mut error = Diagnostic::error(codes::E0511, span, message);
    for node in ring.iter().skip(1) {
        error = error.label(name(node).1, "also in the circle");
    }
    error.help("let one of them read the value the frame started from: leave `fresh` out (of a native system: `reads`)")
}

/// Blueprints together, then the commit.
fn setup(program: &mut Program) -> Vec<Stage> {
    let blueprints: Vec<(GroupId, Step)> = program
        .groups
        .iter()
        .filter(|(_, group)| group.lasts())
        .map(|(id, group)| {
            let batch_rows = STREAM.batch_rows(usual_rows(group));
            let domain = Domain::Rows { group: id, batch_rows };
            (id, Step { name: format!("{} blueprint", group.name), work: Work::Blueprint(id), domain })
        })
        .collect();
    let steps = blueprints.into_iter().map(|(_, step)| program.steps.push(step)).collect();
    let mut stages = vec![Stage { kind: StageKind::Setup, steps }];
    let begins = living(program).into_iter().map(|id| edit_step(program, id, EditPhase::Begin, Domain::Blocks(id)));
    let steps: Vec<StepId> = begins.collect();
    stages.extend((!steps.is_empty()).then_some(Stage { kind: StageKind::Edit, steps }));
    stages.extend(reductions::stages(program, &[]));
    stages.push(commit(program));
    stages
}

fn commit(program: &mut Program) -> Stage {
    let step = program.steps.push(Step { name: "commit".into(), work: Work::Commit, domain: Domain::Once });
    Stage { kind: StageKind::Commit, steps: vec![step] }
}

fn frame(program: &mut Program, order: &[(Node, u32)]) -> Vec<Stage> {
    let mut phases: BTreeMap<u32, Vec<(IndexId, IndexPhase)>> = BTreeMap::new();
    let mut inverting: BTreeMap<u32, Vec<(InverseId, InversePhase)>> = BTreeMap::new();
    let mut matching: BTreeMap<u32, Vec<(MatchingId, MatchPhase)>> = BTreeMap::new();
    let mut passes: BTreeMap<u32, BTreeMap<GroupId, Vec<SystemId>>> = BTreeMap::new();
    for (node, level) in order {
        match node {
            Node::System(id) => {
                let group = program.systems[*id].group;
                passes.entry(*level).or_default().entry(group).or_default().push(*id);
            }
            Node::Index(id) => {
                for (later, phase) in program.indexes[*id].phases(&program.space).iter().enumerate() {
                    phases.entry(level + later as u32).or_default().push((*id, *phase));
                }
            }
            Node::Inverse(id) => {
                for (later, phase) in InversePhase::ALL.into_iter().enumerate() {
                    inverting.entry(level + later as u32).or_default().push((*id, phase));
                }
            }
            Node::Matching(id) => {
                for phase in program.matchings[*id].phases() {
                    matching.entry(level + phase.stage()).or_default().push((*id, phase));
                }
            }
        }
    }
    phases.values_mut().for_each(|phases| phases.sort_by_key(|(id, _)| *id));
    inverting.values_mut().for_each(|phases| phases.sort_by_key(|(id, _)| *id));
    matching.values_mut().for_each(|phases| phases.sort_unstable());
    let indexing = phases.keys().chain(inverting.keys()).chain(matching.keys());
    let levels: BTreeSet<u32> = indexing.chain(passes.keys()).copied().collect();
    let finished = reductions::finished(program, order);
    let mut stages = Vec::new();
    for level in levels {
        let phases = phases.remove(&level).unwrap_or_default();
        let mut steps: Vec<StepId> = phases.into_iter().map(|(id, phase)| index_step(program, id, phase)).collect();
        let phases = inverting.remove(&level).unwrap_or_default();
        steps.extend(phases.into_iter().map(|(id, phase)| inverse_step(program, id, phase)));
        let phases = matching.remove(&level).unwrap_or_default();
        steps.extend(phases.into_iter().map(|(id, phase)| match_step(program, id, phase)));
        if !steps.is_empty() {
            stages.push(Stage { kind: StageKind::Index, steps });
        }
        if let Some(passes) = passes.remove(&level) {
            let pass = |(group, systems)| pass_step(program, group, systems, finished.get(&group) == Some(&level));
            let steps = passes.into_iter().map(pass).collect();
            stages.push(Stage { kind: StageKind::Systems, steps });
        }
    }
    stages.extend(edits(program));
    stages.extend(reductions::stages(program, &stages));
    stages.push(commit(program));
    stages
}

/// The groups whose rows come and go.
fn living(program: &Program) -> Vec<GroupId> {
    program.groups.iter().filter(|(_, group)| group.living.is_some()).map(|(id, _)| id).collect()
}

/// Births and ends: phase by phase, all groups together.
fn edits(program: &mut Program) -> Vec<Stage> {
    let mut stages: BTreeMap<EditPhase, Vec<StepId>> = BTreeMap::new();
    for group in program.groups.ids().collect::<Vec<_>>() {
        for (phase, domain) in verify::edits::phases_of(program, group) {
            let step = edit_step(program, group, phase, domain);
            stages.entry(verify::edits::beside(phase).unwrap_or(phase)).or_default().push(step);
        }
    }
    stages.into_values().map(|steps| Stage { kind: StageKind::Edit, steps }).collect()
}

fn edit_step(program: &mut Program, group: GroupId, phase: EditPhase, domain: Domain) -> StepId {
    let name = match phase {
        EditPhase::Begin => "begin",
        EditPhase::CatchUp => "catch up",
        EditPhase::Asks => "asks",
        EditPhase::Count => "count",
        EditPhase::Place => "place",
        EditPhase::Births => "births",
        EditPhase::Gaps => "gaps",
        EditPhase::Refer => "refer",
    };
    let name = format!("{} {name}", program.groups[group].name);
    program.steps.push(Step { name, work: Work::Edit(group, phase), domain })
}

/// Rows that batches are cut for: of a group whose rows come and go, those of set-up, but not fewer than an eighth of what
/// it has room for.
fn usual_rows(group: &Group) -> u32 {
    group.living.map_or(group.rows, |living| living.first.max(group.rows / 8))
}

fn inverse_step(program: &mut Program, id: InverseId, phase: InversePhase) -> StepId {
    let inverse = &program.inverses[id];
    let domain = match phase {
        InversePhase::Place => Domain::Once,
        InversePhase::Count | InversePhase::Scatter => {
            Domain::Rows { group: inverse.group, batch_rows: program.inverse_shape(id).batch_rows }
        }
        InversePhase::List => Domain::Targets(id),
    };
    let name = format!("{} {}", inverse.name, format!("{phase:?}").to_lowercase());
    program.steps.push(Step { name, work: Work::Inverse(id, phase), domain })
}

fn match_step(program: &mut Program, id: MatchingId, phase: MatchPhase) -> StepId {
    let domain = match phase {
        MatchPhase::Place => Domain::Once,
        MatchPhase::Rank(side) | MatchPhase::Scatter(side) => {
            let group = program.matchings[id].sides[usize::from(side)].group;
            Domain::Rows { group, batch_rows: program.match_shape(id, side).batch_rows }
        }
        MatchPhase::Sort(side) => Domain::Ranks { matching: id, side },
        MatchPhase::Pair => Domain::Ranks { matching: id, side: 0 },
    };
    let name = format!("{} {}", program.matchings[id].name, program.match_phase(id, phase));
    program.steps.push(Step { name, work: Work::Match(id, phase), domain })
}

fn index_step(program: &mut Program, id: IndexId, phase: IndexPhase) -> StepId {
    let index = &program.indexes[id];
    let group = index.group;
    let domain = match phase {
        IndexPhase::Split | IndexPhase::Place | IndexPhase::Seal => Domain::Once,
        IndexPhase::Bounds | IndexPhase::Count | IndexPhase::Scatter => {
            Domain::Rows { group, batch_rows: index.batch_rows(program.groups[group].rows) }
        }
        IndexPhase::Build => Domain::Chunks(id),
    };
    let name = format!("{} {}", index.name, format!("{phase:?}").to_lowercase());
    program.steps.push(Step { name, work: Work::Index(id, phase), domain })
}

/// A pass; `finishes` says whether it makes the last of what the group's reductions read.
fn pass_step(program: &mut Program, group: GroupId, systems: Vec<SystemId>, finishes: bool) -> StepId {
    let rows = usual_rows(&program.groups[group]);
    let members = || systems.iter().map(|id| &program.systems[*id]);
    let spatial = members().any(|system| is_spatial(program, system));
    let grain = if spatial { SPATIAL } else { STREAM.of_width(width(program, &systems)) };
    let said = members().filter_map(|system| system.batch_rows).min();
    let cut = || if finishes { reductions::whole_blocks(grain, rows) } else { grain.batch_rows(rows) };
    let batch_rows = said.unwrap_or_else(cut);
    let name = members().map(|system| system.name.as_str()).collect::<Vec<_>>().join(" + ");
    let order = program.groups[group].order.map(|order| order.index);
    let domain = match order.or_else(|| slots_of(program, group, &systems)) {
        Some(index) => Domain::Slots { index, batch_rows },
        None => Domain::Rows { group, batch_rows },
    };
    let reduces = finishes && reductions::can_reduce(domain);
    program.steps.push(Step { name, work: Work::Pass { systems, reduces }, domain })
}

/// Bytes of the widest value of a row that rules read or write.
fn width(program: &Program, systems: &[SystemId]) -> u32 {
    let systems = || systems.iter().map(|id| &program.systems[*id]);
    let owned = systems().flat_map(|system| &system.owns).copied();
    let columns = owned.chain(systems().flat_map(|system| &system.reads).map(|read| read.column));
    columns.map(|column| program.columns[column].scalar.size() as u32).max().unwrap_or(4)
}

/// The index over its own group by whose slots a pass of bodies goes: the tree that it asks for summaries of what is far, if
/// that is one; else a grid that it asks for what is within a reach.
fn slots_of(program: &Program, group: GroupId, systems: &[SystemId]) -> Option<IndexId> {
    let far = far_of(program, systems);
    if !far.is_empty() {
        let native = systems.iter().any(|system| matches!(program.systems[*system].code, Code::Native(_)));
        return far.first().copied().filter(|_| far.len() == 1 && !native);
    }
    let mut asked: Option<IndexId> = None;
    for system in systems {
        let Code::Body(_) = program.systems[*system].code else { return None };
        for index in program.loops_of(*system).filter_map(|it| it.over.index()) {
            let found = &program.indexes[index];
            if matches!(found.kind, IndexKind::Grid { .. }) && found.group == group {
                asked = Some(asked.map_or(index, |known| known.min(index)));
            }
        }
    }
    asked
}

/// The trees that a pass of bodies asks for summaries.
fn far_of(program: &Program, systems: &[SystemId]) -> BTreeSet<IndexId> {
    systems.iter().flat_map(|system| program.loops_of(*system)).filter_map(|it| it.over.far()).collect()
}

/// Whether a system looks beyond its own rows and their neighbours in memory.
fn is_spatial(program: &Program, system: &System) -> bool {
    let far = system.reads.iter().any(|read| {
        let other_group = program.columns[read.column].group != system.group;
        let fresh = read.when == When::Fresh && !is_near(program, system, read.column);
        read.reach == Reach::Any && (fresh || other_group)
    });
    far || !system.indexes.is_empty() || !system.inverses.is_empty()
}

/// Whether all that a body reads of a column is at offsets that are known beforehand: it stays a stream.
fn is_near(program: &Program, system: &System, column: ColumnId) -> bool {
    let Code::Body(body) = system.code else { return false };
    program.bodies[body].ops.values().all(|typed| match typed.op {
        Op::Read { column: read, at, .. } => read != column || at.offset().is_some(),
        _ => true,
    })
}

/// How many batches a step has.
fn batches(program: &Program, step: &Step) -> u64 {
    diptych_protocol::layout::batches_max(program, step.domain).into()
}

/// Tells what a progress word cannot count.
fn limits(program: &Program, diagnostics: &mut Diagnostics) {
    let first = || program.systems.values().next().map_or(Span::default(), |system| system.span);
    let stages = program.schedule.frame.len();
    if stages > usize::from(STAGES_MAX) {
        let message = format!("a frame of {stages} stages: at most {STAGES_MAX} are possible");
        let error = Diagnostic::error(codes::E0601, first(), message);
        diagnostics.push(error.help("each `fresh` read of other rows waits for a stage: use fewer in a row"));
    }
    for stage in program.schedule.setup.iter().chain(&program.schedule.frame) {
        let count: u64 = stage.steps.iter().map(|step| batches(program, &program.steps[*step])).sum();
        if count <= u64::from(STAGE_BATCHES_MAX) {
            continue;
        }
        let largest = stage.steps.iter().max_by_key(|step| batches(program, &program.steps[**step]));
        let span = largest.map_or(Span::default(), |step| match &program.steps[*step].work {
            Work::Pass { systems, .. } => systems.first().map_or(first(), |system| program.systems[*system].span),
            Work::Blueprint(group) => program.groups[*group].span,
            Work::Index(index, _) => program.indexes[*index].span,
            Work::Inverse(inverse, _) => program.inverses[*inverse].span,
            Work::Match(matching, _) => program.matchings[*matching].span,
            Work::Reduce(group) | Work::Tally(group, _) | Work::Edit(group, _) => program.groups[*group].span,
            Work::Pick(_) | Work::Commit => first(),
        });
        let message = format!("a stage of {count} batches: at most {STAGE_BATCHES_MAX} are possible");
        let error = Diagnostic::error(codes::E0601, span, message);
        diagnostics.push(error.help("use fewer rows, or larger batches: `batch 16_384`"));
    }
}
