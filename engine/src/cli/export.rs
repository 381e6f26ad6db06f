//! `diptych export`: states of a run as files for others.

use std::cell::RefCell;
use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;

use diptych_workers::kernel::Registry;

use super::again::Again;
use super::arguments::{Export, ExportFormat};
use super::{WRONG, fail, say};
use crate::diff::side::Side;
use crate::explain::counted;
use crate::export::{Exporter, Format, Selection};
use crate::sheets;

impl From<ExportFormat> for Format {
    fn from(format: ExportFormat) -> Self {
        match format {
            ExportFormat::Vtp => Format::Vtk,
            ExportFormat::Parquet => Format::Table(sheets::Format::Parquet),
            ExportFormat::Csv => Format::Table(sheets::Format::Csv),
            ExportFormat::Ndjson => Format::Table(sheets::Format::Ndjson),
        }
    }
}

pub(super) fn export(arguments: &Export, registry: &Registry) -> ExitCode {
    match exported(arguments, registry) {
        Ok(files) => {
            say(format_args!("{} in {}", counted(files, "file"), arguments.out.display()));
            ExitCode::SUCCESS
        }
        Err(code) => code,
    }
}

fn exported(arguments: &Export, registry: &Registry) -> Result<usize, ExitCode> {
    let side = Side::open(&arguments.from_run).map_err(|error| fail(WRONG, error))?;
    let frames = frames(arguments, &side)?;
    let selection = Selection {
        folder: arguments.out.clone(),
        format: arguments.format.into(),
        groups: arguments.groups.clone(),
        components: arguments.columns.clone(),
        overwrite: arguments.force,
    };
    let exporter = Exporter::new(selection).map_err(|error| fail(WRONG, error))?;
    let exporter = Rc::new(RefCell::new(exporter));
    for (begin, frames) in stretches(&side, &frames) {
        let kept = |path: &PathBuf| frames.iter().all(|frame| side.checkpoints.get(frame) == Some(path));
        let again = match &begin {
            Some(path) if kept(path) => Again::from_checkpoint(path, registry)?,
            begin => Again::of(&side, begin.as_deref(), registry)?,
        };
        let to = Rc::clone(&exporter);
        again.visit(&frames, move |still| Ok(to.borrow_mut().write(still)?))?;
    }
    let files = exporter.borrow().files();
    Ok(files)
}

/// The frames that are asked for, ascending: if it is not said otherwise, those of the states that were kept.
fn frames(arguments: &Export, side: &Side) -> Result<Vec<u32>, ExitCode> {
    let kept = || side.checkpoints.keys().copied();
    let end = side.about.as_ref().map(|about| side.end().map_or(about.frames, |(frame, _)| frame));
    let last = kept().next_back().into_iter().chain(end).max().unwrap_or(0);
    let (from, to) = (arguments.from, arguments.to.unwrap_or(last));
    let frames: Vec<u32> = match arguments.every {
        Some(every) => (from..=to).step_by(every as usize).collect(),
        None => kept().filter(|frame| (from..=to).contains(frame)).collect(),
    };
    if to > last {
        return Err(fail(WRONG, format_args!("the run has come to frame {last}, and --to is {to}")));
    }
    match frames.is_empty() {
        true => Err(fail(
            WRONG,
            format_args!("no state of the frames {from} to {to} was kept: say --every K to make them again"),
        )),
        false => Ok(frames),
    }
}

/// Frames that are made again together: each stretch begins with a state that was kept, or at the beginning.
fn stretches(side: &Side, frames: &[u32]) -> Vec<(Option<PathBuf>, Vec<u32>)> {
    let mut all: Vec<(Option<PathBuf>, Vec<u32>)> = Vec::new();
    for frame in frames {
        let begin = side.checkpoints.range(..=*frame).next_back().map(|(_, path)| path.clone());
        match all.last_mut() {
            Some((before, frames)) if *before == begin => frames.push(*frame),
            _ => all.push((begin, vec![*frame])),
        }
    }
    all
}
