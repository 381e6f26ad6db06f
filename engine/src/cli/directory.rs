//! The run directory of a run from the command line.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use diptych_protocol::checkpoint::{CheckpointError, Run};
use diptych_protocol::message::Backend;

use super::arguments::Going;
use super::summary;
use crate::Program;
use crate::coordinator::{OnBegin, Origin, Outcome, RunError, Stopped, Viewer};
use crate::export::Snapshots;
use crate::hashes::HashKeeper;
use crate::journal::From;
use crate::run_directory::{About, CHECKPOINTS, Ending, HASHES, Plan, RunDirectory, RunDirectoryError, Status, VTP};

/// A run's directory, and what is written in it when the run begins.
#[derive(Clone)]
pub(super) struct Directory {
    directory: Rc<RefCell<RunDirectory>>,
    plan: Plan,
}

impl Going {
    /// The folder that checkpoints are written to, if any are.
    pub(super) fn kept(&self) -> Option<PathBuf> {
        let asked = self.checkpoints.every.is_some() || self.checkpoints.keep.is_some();
        let own = || self.out.as_ref().filter(|_| asked).map(|out| out.join(CHECKPOINTS));
        self.checkpoints.folder.clone().or_else(own)
    }

    /// The directory of a run that begins, or goes on from a state, if one is named: with the folder of its checkpoints, and
    /// whether it can be changed from outside.
    pub(super) fn directory(
        &self,
        program: &Program,
        origin: Option<&Origin>,
        (kept, live): (Option<&Path>, bool),
    ) -> Result<Option<Directory>, RunDirectoryError> {
        let Some(path) = &self.out else { return Ok(None) };
        let plan = Plan {
            from: origin.map(|origin| (origin.told(), origin.program().hash() != program.hash())),
            checkpoints: kept.map(Path::to_path_buf),
            journal: self.journal.clone(),
            ..self.planned(live)
        };
        let directory = Rc::new(RefCell::new(RunDirectory::open(path, program, self.force)?));
        Ok(Some(Directory { directory, plan }))
    }

    fn planned(&self, live: bool) -> Plan {
        let backend = Backend::from(self.backend).name().to_string();
        Plan {
            backend,
            live: live || self.commands.is_some(),
            hashes_every: self.hashes,
            vtp_every: self.vtp,
            ..Plan::default()
        }
    }
}

impl Directory {
    /// That of a run which is resumed from one of its checkpoints, if it has one: the records of the run are written there, and it
    /// names their folder.
    pub(super) fn resumed(
        going: &Going,
        records: &Path,
        kept: &Path,
        from: From,
    ) -> Result<Option<Self>, RunDirectoryError> {
        let about = match About::read(records) {
            Err(RunDirectoryError::None(_)) => return Ok(None),
            about => about?,
        };
        let same = |folder: PathBuf| matches!((folder.canonicalize(), kept.canonicalize()), (Ok(a), Ok(b)) if a == b);
        if !About::named(records, about.checkpoints.as_ref()).is_some_and(same) {
            return Ok(None);
        }
        let directory = Rc::new(RefCell::new(RunDirectory::resume(records)?));
        let mut plan = Plan { from: Some((from, false)), ..going.planned(false) };
        plan.hashes_every = plan.hashes_every.or(about.hashes_every);
        plan.vtp_every = plan.vtp_every.or(about.vtp_every);
        Ok(Some(Self { directory, plan }))
    }

    /// Who writes there what is made of whole states.
    pub(super) fn viewers(&self, overwrite: bool) -> Vec<Box<dyn Viewer>> {
        let directory = self.directory.borrow();
        let (path, resumed) = (directory.path(), directory.about().is_some());
        let from = self.plan.from.as_ref().map_or(0, |(from, _)| from.frame);
        let mut viewers: Vec<Box<dyn Viewer>> = Vec::new();
        if let Some(every) = self.plan.hashes_every {
            viewers.push(Box::new(match resumed {
                true => HashKeeper::resumed(path.join(HASHES), every, from),
                false => HashKeeper::new(path.join(HASHES), every, from, overwrite),
            }));
        }
        if let Some(every) = self.plan.vtp_every {
            viewers.push(Box::new(Snapshots::new(path.join(VTP), every, (from, resumed), overwrite)));
        }
        viewers
    }

    /// Writes that the run begins, when it does.
    pub(super) fn on_begin(&self) -> OnBegin {
        let Self { directory, plan } = self.clone();
        Box::new(move |program, workers| Ok(directory.borrow_mut().began(program, workers, &plan)?))
    }

    /// Writes how it ended.
    pub(super) fn ended(&self, result: &Result<Outcome, RunError>) -> Result<(), RunDirectoryError> {
        let ending = match result {
            Ok(outcome) => {
                let failed: Vec<&str> = outcome.ensures.iter().filter_map(|it| it.message.as_deref()).collect();
                Ending {
                    status: match outcome.stopped {
                        Stopped::Frames | Stopped::Until => Status::Done,
                        Stopped::Ensure => Status::Failed,
                        Stopped::Interrupted => Status::Interrupted,
                    },
                    error: (!failed.is_empty()).then(|| failed.join("\n")),
                    summary: serde_json::from_str(&summary::json(outcome)).ok(),
                }
            }
            Err(error) => Ending { status: Status::Failed, error: Some(error.to_string()), summary: None },
        };
        self.directory.borrow_mut().ended(ending)
    }
}

/// Reads a state to go on from, with the files of its run where they are now.
pub(super) fn origin(path: &Path) -> Result<Origin, CheckpointError> {
    let origin = Origin::read(path)?;
    let run = origin.checkpoint().map(|(path, checkpoint)| where_it_is(&checkpoint.description.run, folder_of(path)));
    Ok(match run {
        Some(run) => origin.beside(run),
        None => origin,
    })
}

/// The folder of a file.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."))
}

/// A run as its checkpoint tells it, with its records and its journal where they are now: its directory may have been moved since,
/// with all that is in it.
fn where_it_is(run: &Run, kept: &Path) -> Run {
    let mut run = run.clone();
    let kept = std::path::absolute(kept).unwrap_or_else(|_| kept.into());
    let (Some(old), Some(here)) = (run.records.clone(), kept.parent()) else { return run };
    let own =
        About::read(here).is_ok_and(|about| About::named(here, about.checkpoints.as_ref()).as_ref() == Some(&kept));
    if !own || Path::new(&old) == here {
        return run;
    }
    let moved = |path: &mut String| {
        if let Some(now) =
            Path::new(path).strip_prefix(&old).ok().and_then(|below| here.join(below).to_str().map(str::to_string))
        {
            *path = now;
        }
    };
    run.written.cursors.iter_mut().for_each(|cursor| moved(&mut cursor.file));
    run.written.made.iter_mut().chain(&mut run.journal).for_each(moved);
    run.records = here.to_str().map_or(run.records, |here| Some(here.into()));
    run
}

/// The folder of the checkpoints that are meant: that of a run directory, or the folder itself.
pub(super) fn checkpoints_of(path: &Path) -> Result<PathBuf, RunDirectoryError> {
    match About::read(path) {
        Err(RunDirectoryError::None(_)) => Ok(path.into()),
        Ok(about) => About::named(path, about.checkpoints.as_ref()).ok_or_else(|| RunDirectoryError::Wrong {
            path: path.into(),
            why: "this run has kept no states: it was run without --checkpoint-every".into(),
        }),
        Err(error) => Err(error),
    }
}
