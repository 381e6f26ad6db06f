//! What a batch that failed says, for people: which rule, where it is written, in which frame, whose row, what happened, and
//! what the rule had to go on: the inputs of that row.
//!
//! Inputs need no room in a worker's slot: a frame that fails is never swapped, so the state that it started from is whole,
//! and of what the frame itself had made of the row the fresh values that the rule reads are complete. They are read when
//! everybody has left.

use std::panic::{AssertUnwindSafe, catch_unwind};

use diptych_protocol::blame::Blame;
use diptych_protocol::board::Halt;
use diptych_protocol::body::{At, Op};
use diptych_protocol::id::{ColumnId, GroupId, StageId, Tick};
use diptych_protocol::message::Backend;
use diptych_protocol::program::{Code, Domain, Program, Reach, Span, When, Work};
use diptych_protocol::track::Track;
use diptych_protocol::walker::{Begin, Course};
use diptych_workers::in_process::InProcess;
use diptych_workers::kernel::Registry;

use super::RunError;
use super::site::Site;
use super::swap;
use crate::shown::Shown;

/// Components of a row that are shown, at most.
const SHOWN_MAX: usize = 12;

/// The blame of the first batch of a stage that fails, by the order of the schedule. Which of several is seen first depends
/// on who ran what; so the batches before it are run again, in this process: each can be, complete or not. Everybody else has
/// left.
pub(super) fn first(site: &Site, registry: &Registry, backend: Backend, seen: Box<Blame>) -> Box<Blame> {
    // What another process has written into the run's memory may make anything of it: then what was seen has to do.
    let before = catch_unwind(AssertUnwindSafe(|| before(site, registry, backend, &seen)));
    before.ok().flatten().unwrap_or(seen)
}

fn before(site: &Site, registry: &Registry, backend: Backend, seen: &Blame) -> Option<Box<Blame>> {
    let mut track = site.track();
    if !matches!(track.begin(seen.tick), Begin::Ready) {
        return None;
    }
    let stage = track.stages_of(seen.tick).iter().position(|stage| stage.steps.contains(&seen.step))?;
    let stage = StageId(u16::try_from(stage).ok()?);
    let batches = 0..track.batches(seen.tick, stage)?;
    let is_it = |batch: &u32| {
        track.locate(seen.tick, stage, *batch).is_some_and(|(step, _, rows)| (step, rows) == (seen.step, seen.rows))
    };
    let before = 0..batches.into_iter().find(is_it)?;
    if before.is_empty() {
        return None;
    }
    let pool = swap::pool().ok()?;
    pool.install(|| {
        InProcess::new(&site.program, registry, backend).ok()?.first_fault(&track, seen.tick, stage, before)
    })
}

/// The error that a blame is. Whoever runs the site's program has left, or does now.
pub(super) fn failed(site: &Site, blame: Box<Blame>) -> RunError {
    site.board().halt(Halt::Fault);
    let mut what = explain(&site.program, &blame);
    for line in [inputs(site, &blame), writer(&site.program, &blame)].into_iter().flatten() {
        what += &format!("\n  {line}");
    }
    if blame.fault.full { RunError::Full(what, blame) } else { RunError::Fault(what, blame) }
}

fn at(program: &Program, span: Span) -> String {
    program.place_of(span).map_or_else(String::new, |place| format!(" ({place})"))
}

fn explain(program: &Program, blame: &Blame) -> String {
    let step = &program.steps[blame.step];
    let frame = match blame.tick {
        Tick::SETUP => "set-up".to_string(),
        tick => format!("frame {}", tick.frame()),
    };
    let place = |span: Span| at(program, blame.fault.span.unwrap_or(span));
    let rule = match (blame.system, &step.work) {
        (Some(system), _) => {
            let system = &program.systems[system];
            format!("system {}{}", system.name, place(system.span))
        }
        (None, Work::Index(index, _)) => {
            let index = &program.indexes[*index];
            format!("index {}{}", index.name, place(index.span))
        }
        (None, Work::Blueprint(group)) => {
            let group = &program.groups[*group];
            format!("group {}{}", group.name, place(group.span))
        }
        _ => format!("step {}", step.name),
    };
    let unit = match step.domain {
        Domain::Slots { .. } => "slots",
        _ => "rows",
    };
    let rows = format!("{unit} {} .. {}", blame.rows.start, blame.rows.end);
    let row = blame.entity.map_or_else(String::new, |e| format!(", entity {}", e.index));
    format!("{frame}, {rule}, {rows}{row}: {}", blame.fault.message)
}

/// Of a position that an index cannot hold: who writes it.
fn writer(program: &Program, blame: &Blame) -> Option<String> {
    let Work::Index(index, _) = program.steps[blame.step].work else { return None };
    let column = &program.columns[*program.indexes[index].positions.first()?];
    let system = &program.systems[column.owner.filter(|_| blame.fault.row.is_some())?];
    let by = format!("system {}{}", system.name, at(program, system.span));
    (system.code != Code::Carry).then(|| format!("{} is written by {by}", column.component))
}

/// What the rule reads of the row that it failed at, or of a row that an index cannot hold all that it has.
fn inputs(site: &Site, blame: &Blame) -> Option<String> {
    let program = &site.program;
    let (row, track) = (blame.fault.row?, site.latest());
    let (group, _) = program.steps[blame.step].domain.rows(program)?;
    if track.record().tick == Tick::NONE || track.record().tick.next() != blame.tick {
        return None;
    }
    let mut all: Vec<String> = Vec::new();
    for (component, when) in read(program, group, blame) {
        let lanes = program.component(group, component);
        let row = if when == When::Fresh { blame.fault.slot.unwrap_or(row) } else { row };
        let values: Option<Vec<String>> = lanes.iter().map(|lane| value(&track, *lane, when, row)).collect();
        let Some(values) = values else { continue };
        let fresh = if when == When::Fresh { "fresh " } else { "" };
        all.push(match values.as_slice() {
            [one] => format!("{fresh}{component} = {one}"),
            several => format!("{fresh}{component} = ({})", several.join(", ")),
        });
    }
    let more = all.len().saturating_sub(SHOWN_MAX);
    all.truncate(SHOWN_MAX);
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    (!all.is_empty()).then(|| format!("inputs of the row: {}{more}", all.join(", ")))
}

fn value(track: &Track<'_>, column: ColumnId, when: When, row: u32) -> Option<String> {
    let bits = track.value(column, when, row)?.bits();
    Some(Shown { enums: &track.program.enums, ty: track.program.columns[column].component_type, bits }.to_string())
}

/// The components of the group that are read of the own row, in the order of its columns, those of `prev` first.
fn read<'p>(program: &'p Program, group: GroupId, blame: &Blame) -> Vec<(&'p str, When)> {
    let mut columns: Vec<(When, ColumnId)> = match blame.system {
        Some(system) => {
            let of = &program.systems[system];
            let own = |reach| reach == Reach::Own || matches!(of.code, Code::Native(_));
            let declared = of.reads.iter().filter(|read| own(read.reach)).map(|read| (read.when, read.column));
            let bodies = program.bodies_of(system).into_iter().flat_map(|body| program.bodies[body].ops.values());
            let computed = bodies.filter_map(|typed| match typed.op {
                Op::Read { column, when, at: At::Own } => Some((when, column)),
                _ => None,
            });
            // A system in Rust finds `prev` of what it owns beside it.
            let owned = of.owns.iter().filter(|_| own(Reach::Any)).map(|column| (When::Prev, *column));
            declared.chain(computed).chain(owned).collect()
        }
        None => {
            let kept = program.columns.iter().filter(|(_, column)| column.is_kept());
            kept.map(|(id, _)| (When::Prev, id)).collect()
        }
    };
    // Where rows are kept in an order, those of `next` stand elsewhere.
    let in_place = program.groups[group].order.is_none() || blame.fault.slot.is_some();
    columns.retain(|(when, column)| {
        let of = &program.columns[*column];
        of.group == group && !program.names_entities(*column) && (*when == When::Prev || in_place)
    });
    columns.sort_by_key(|(when, column)| (*when == When::Fresh, *column));
    let mut components: Vec<_> =
        columns.iter().map(|(when, id)| (program.columns[*id].component.as_str(), *when)).collect();
    components.dedup();
    components
}
