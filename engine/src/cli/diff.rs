//! `diptych diff`: what two runs have in common, and where they part.
//!
//! First it is told what makes them other runs: scenario, parameters, seed, text. Then all that both have kept is compared, frame by
//! frame: hash trees of states (`hashes.bin`), and states (checkpoints). Of the first frame that differs the runs are made again
//! in this process, as far as that can be: for the rows and values where no states were kept; for the frame itself where the
//! programs differ and frames between were not kept; and where the programs are the same, to find out which of the two holds
//! something that its program does not compute.

mod report;

use std::cell::RefCell;
use std::process::ExitCode;
use std::rc::Rc;

use diptych_protocol::checkpoint::Checkpoint;
use diptych_protocol::id::RowRange;
use diptych_protocol::program::Program;
use diptych_protocol::still::Still;
use diptych_protocol::tree::{Shape, Tree};
use diptych_protocol::types::Value;
use diptych_workers::kernel::Registry;

use super::again::Again;
use super::arguments::Diff;
use super::{WRONG, aside, fail, say};
use crate::catalog::Catalog;
use crate::compile;
use crate::coordinator::State;
use crate::diff::side::{Side, SideError};
use crate::diff::{self, Difference};
use report::{Basis, First, Flip, Report, Verdict};

/// Frames behind the first one that differs, of which it is told how it spreads.
const SPREAD: usize = 4;
/// Frames that are made again at a time, where the first one that differs is sought.
const WINDOW: u32 = 64;
/// Blocks of which it is tried whether one flipped bit explains them: that takes a second or two each.
const FLIPPED_BLOCKS: usize = 4;

pub(super) fn diff(arguments: &Diff, registry: &Registry) -> ExitCode {
    let open = |path| Side::open(path).map_err(|error| fail(WRONG, error));
    let report = open(&arguments.a).and_then(|a| Ok([a, open(&arguments.b)?]));
    let report = report.and_then(|sides| compared(sides, arguments, registry));
    match report {
        Ok(report) => {
            match arguments.json {
                true => say(format_args!("{}", report.json())),
                false => say(format_args!("{}", report.text())),
            }
            ExitCode::from(u8::from(!report.is_same()))
        }
        Err(code) => code,
    }
}

fn wrong(error: SideError) -> ExitCode {
    fail(WRONG, error)
}

fn compared(sides: [Side; 2], arguments: &Diff, registry: &Registry) -> Result<Report, ExitCode> {
    let others = sides[0].identity.differences(&sides[1].identity);
    let mut report = Report::new(&sides, others);
    kept(&sides, &mut report).map_err(wrong)?;
    if report.first.is_none() {
        ends(&sides, &mut report);
    }
    let alike = sides[0].identity.program_hash == sides[1].identity.program_hash;
    if report.states == 0 && report.first.is_none() && (alike || arguments.no_repeat) {
        let [a, b] = &sides;
        return Err(fail(
            WRONG,
            format_args!(
                "{} and {} have kept nothing of the same frame: run them with --hashes K, or --checkpoint-every N",
                a.path.display(),
                b.path.display()
            ),
        ));
    }
    if !arguments.no_repeat {
        let repeated = match alike {
            true => judged(&sides, &mut report, registry),
            false => sought(&sides, &mut report, registry),
        };
        if repeated.is_err() {
            aside(format_args!("note: they could not be made again: what is told is what was kept\n"));
        }
    }
    if let Some(first) = &report.first
        && report.program.is_none()
    {
        report.program = sides.iter().find_map(|side| program_of(side, first.difference.frame, registry));
    }
    Ok(report)
}

/// Compares what both have kept.
fn kept(sides: &[Side; 2], report: &mut Report) -> Result<(), SideError> {
    let [a, b] = sides.each_ref().map(Side::frames);
    for frame in a.intersection(&b).copied() {
        let (found, basis) = at(sides, frame, report)?;
        report.count(frame, basis);
        match (found, &report.first) {
            (None, None) => report.same_at(frame),
            (Some(difference), None) => report.first = Some(First::new(difference, basis)),
            (found, Some(_)) => report.spread.push(found.unwrap_or(Difference { frame, ..Difference::default() })),
        }
        if report.spread.len() == SPREAD {
            break;
        }
    }
    Ok(())
}

/// Compares one frame that both have kept something of.
fn at(sides: &[Side; 2], frame: u32, report: &mut Report) -> Result<(Option<Difference>, Basis), SideError> {
    let hashed = sides.each_ref().map(|side| side.hashed(frame));
    let (both_hashed, alike) = (hashed.iter().all(Option::is_some), hashed[0] == hashed[1]);
    let states = sides.iter().all(|side| side.checkpoints.contains_key(&frame));
    if both_hashed && !states {
        let found = if alike { None } else { between_trees(sides, frame)? };
        return Ok((found, Basis::Hashes));
    }
    let checkpoints = [sides[0].checkpoint(frame)?, sides[1].checkpoint(frame)?];
    for ((side, checkpoint), name) in sides.iter().zip(&checkpoints).zip(["A", "B"]) {
        if let (Some(checkpoint), Some(hash)) = (checkpoint, side.hashed(frame))
            && root(&checkpoint.still()) != hash
        {
            report.note(format!(
                "{name}'s checkpoint of frame {frame} is not the state that {name} had hashed: one of the files was changed, or \
                 the memory between the two"
            ));
        }
    }
    if let [Some(a), Some(b)] = &checkpoints {
        let found = diff::states(&a.still(), &b.still());
        return match found {
            None if both_hashed && !alike => Ok((between_trees(sides, frame)?, Basis::Hashes)),
            found => Ok((found, Basis::States)),
        };
    }
    let tree = |side: usize| -> Result<Option<(Shape, Tree)>, SideError> {
        Ok(match &checkpoints[side] {
            Some(checkpoint) => Some(tree_of(&checkpoint.still())),
            None => sides[side].tree(frame)?.map(|(shape, tree)| (shape.clone(), tree)),
        })
    };
    Ok(match (tree(0)?, tree(1)?) {
        (Some(a), Some(b)) => (diff::trees((&a.0, &a.1), (&b.0, &b.1)), Basis::Hashes),
        _ => (None, Basis::Hashes),
    })
}

fn between_trees(sides: &[Side; 2], frame: u32) -> Result<Option<Difference>, SideError> {
    Ok(match (sides[0].tree(frame)?, sides[1].tree(frame)?) {
        (Some(a), Some(b)) => diff::trees((a.0, &a.1), (b.0, &b.1)),
        _ => None,
    })
}

fn tree_of(still: &Still<'_>) -> (Shape, Tree) {
    (Shape::of(still.program()), Tree::of(still))
}

fn root(still: &Still<'_>) -> u128 {
    let (shape, tree) = tree_of(still);
    shape.root(&tree)
}

/// Compares the state hashes that the runs have ended with, if they have ended at the same frame and nothing more is known of it.
fn ends(sides: &[Side; 2], report: &mut Report) {
    let [Some((frame, a)), Some((other, b))] = sides.each_ref().map(Side::end) else { return };
    if frame != other || report.last_same == Some(frame) {
        return;
    }
    report.count(frame, Basis::Ends);
    match a == b {
        true => report.same_at(frame),
        false => report.first = Some(First::new(Difference { frame, ..Difference::default() }, Basis::Ends)),
    }
}

/// A run that is made again: from its last state up to a frame at which both were the same, or from its beginning.
fn again<'r>(side: &Side, last_same: Option<u32>, registry: &'r Registry) -> Result<Again<'r>, ExitCode> {
    let before = last_same.and_then(|same| side.checkpoints.range(..=same).next_back());
    Again::of(side, before.map(|(_, path)| path.as_path()), registry)
}

/// The programs are the same: what do they compute?
fn judged(sides: &[Side; 2], report: &mut Report, registry: &Registry) -> Result<(), ExitCode> {
    let Some(first) = &mut report.first else { return Ok(()) };
    let frame = first.difference.frame;
    // A state that both have had is nobody's fault; from whoever has the later one.
    let before = |side: &Side| {
        let same = report.last_same.and_then(|same| side.checkpoints.range(..=same).next_back());
        (same.map(|(frame, _)| *frame), side.about.is_some())
    };
    let side = if before(&sides[1]) > before(&sides[0]) { &sides[1] } else { &sides[0] };
    first.made_from = before(side).0;
    let (state, _) = again(side, report.last_same, registry)?.run_to(frame)?;
    let still = state.still();
    let mut verdicts = [Verdict::default(), Verdict::default()];
    for (side, verdict) in sides.iter().zip(&mut verdicts) {
        let checkpoint = side.checkpoint(frame).map_err(wrong)?;
        let tree = side.tree(frame).map_err(wrong)?;
        verdict.found = match (&checkpoint, &tree) {
            (Some(checkpoint), _) => diff::states(&still, &checkpoint.still()),
            (None, Some((shape, tree))) => {
                let (own, made) = tree_of(&still);
                let found = diff::trees((&own, &made), (shape, tree));
                verdict.flips = found.as_ref().map_or_else(Vec::new, |found| flips(&still, found, (shape, tree)));
                found
            }
            (None, None) => {
                let ended = side.end().is_none_or(|(end, hash)| end != frame || hash == root(&still));
                (!ended).then(|| Difference { frame, ..Difference::default() })
            }
        };
        verdict.known = true;
    }
    first.verdicts = verdicts;
    report.program = Some(still.program().clone());
    Ok(())
}

/// Whether single flipped bits explain the blocks of a tree that are others than those of a state.
fn flips(still: &Still<'_>, found: &Difference, (shape, tree): (&Shape, &Tree)) -> Vec<Flip> {
    let program = still.program();
    let blocks: usize = found.columns.iter().map(|column| column.blocks.len()).sum();
    if blocks > FLIPPED_BLOCKS {
        return Vec::new();
    }
    let names = shape.groups.iter().flat_map(|group| group.columns.iter().map(|column| (&group.name, column)));
    let hashes: Vec<_> = names.zip(&tree.blocks).collect();
    let mut flips = Vec::new();
    for column in &found.columns {
        let Some((id, _)) = program
            .columns
            .iter()
            .find(|(_, it)| program.groups[it.group].name == column.group && it.name() == column.column.name)
        else {
            continue;
        };
        let hashes = hashes.iter().find(|((group, named), _)| **group == column.group && **named == column.column);
        for block in &column.blocks {
            let Some(hash) = hashes.and_then(|(_, hashes)| hashes.get(*block as usize)) else { continue };
            let RowRange { start, end } = diff::ColumnDifference::rows_of(*block);
            let (size, bytes) = (column.column.scalar.size(), still.column(id));
            let bytes = &bytes[start as usize * size..bytes.len().min(end as usize * size)];
            if let Some((row, bit)) = diff::flipped(column.column.scalar, bytes, *hash) {
                let value = diff::value(column.column.scalar, bytes, row);
                let turned =
                    Value::from_bits(column.column.scalar, diff::bits(column.column.scalar, bytes, row) ^ 1 << bit);
                let row = start + row;
                let entity = diff::entity(still, program.columns[id].group, id, row);
                let (group, column) = (column.group.clone(), column.column.clone());
                flips.push(Flip { group, column, row, entity, bit, values: [value, turned] });
            }
        }
    }
    flips
}

/// The programs are others: which is the first frame that differs, and how.
fn sought(sides: &[Side; 2], report: &mut Report, registry: &Registry) -> Result<(), ExitCode> {
    let until = match &report.first {
        Some(first) => first.difference.frame,
        // What was kept is the same. Of what was not nothing is claimed.
        None if report.states > 0 => return Ok(()),
        None => sides.iter().filter_map(|side| side.about.as_ref()).map(|about| about.frames).min().unwrap_or(0),
    };
    let known = report.first.as_ref().is_some_and(|first| first.basis == Basis::States);
    let from = report.last_same.map_or(0, |same| same + 1);
    if known && from == until {
        return Ok(());
    }
    let mut runs = [again(&sides[0], report.last_same, registry)?, again(&sides[1], report.last_same, registry)?];
    let mut next = from;
    while next <= until {
        let frames: Vec<u32> = (next..=until.min(next.saturating_add(WINDOW - 1))).collect();
        let [a, b] = runs;
        let ((trees_a, a), (trees_b, b)) = (trees(a, &frames)?, trees(b, &frames)?);
        let differs = trees_a.iter().zip(&trees_b).position(|(a, b)| diff::trees((&a.0, &a.1), (&b.0, &b.1)).is_some());
        if let Some(at) = differs {
            // From the beginning, for the states themselves.
            let run = |side: &Side| -> Result<State, ExitCode> {
                Ok(again(side, report.last_same, registry)?.run_to(frames[at])?.0)
            };
            let (a, b) = (run(&sides[0])?, run(&sides[1])?);
            if let Some(difference) = diff::states(&a.still(), &b.still()) {
                report.made += at as u32;
                report.last_same = frames[at].checked_sub(1);
                if let Some(kept) = report.first.replace(First::new(difference, Basis::Made))
                    && kept.difference.frame > frames[at]
                    && !kept.difference.is_none()
                {
                    report.spread.insert(0, kept.difference);
                }
                report.program = Some(a.program().clone());
            }
            return Ok(());
        }
        report.made += frames.len() as u32;
        report.last_same = frames.last().copied();
        next = next.saturating_add(WINDOW);
        runs = [a, b];
    }
    if report.first.is_some() {
        report.note("made again, the two come to the same states: what was kept of them does not".into());
    }
    Ok(())
}

type Trees = Vec<(Shape, Tree)>;

/// The trees of some states of a run, and the run from the last of them on.
fn trees<'r>(run: Again<'r>, frames: &[u32]) -> Result<(Trees, Again<'r>), ExitCode> {
    let all = Rc::new(RefCell::new(Vec::new()));
    let found = Rc::clone(&all);
    let run = run.visit(frames, move |still| {
        found.borrow_mut().push(tree_of(still));
        Ok(())
    })?;
    Ok((all.take(), run))
}

/// A program of one of the two, for the names of rules: of a state that was kept, or of its text.
fn program_of(side: &Side, frame: u32, registry: &Registry) -> Option<Program> {
    let kept = side.checkpoints.range(frame..).next().or_else(|| side.checkpoints.iter().next_back());
    if let Some((_, path)) = kept {
        return Checkpoint::read(path).ok().map(|checkpoint| checkpoint.program);
    }
    let (source, settings) = side.about.as_ref()?.text(&side.path).ok()?;
    compile::compile(&source, &settings, &Catalog(registry)).ok().map(|compiled| compiled.program)
}
