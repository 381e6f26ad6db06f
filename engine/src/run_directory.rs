//! The directory of a run (`run --out DIR`): what is enough to repeat it, and to cite it.
//!
//! | | |
//! |---|---|
//! | `run.json` | what the run was, and how it ended: [`About`] |
//! | `scenario.dip` | the text as it was run |
//! | `checkpoints/` | its checkpoints, if they were asked for and no other folder was named |
//! | `hashes.bin` | the hash trees of its states, if they were asked for: [`hashes`](crate::hashes) |
//! | `vtp/` | states for ParaView, if they were asked for: [`export`](crate::export) |
//! | | records and pictures, under the paths that the scenario gives them |
//!
//! `run.json` is there as soon as the run begins, with the status `running`; it is written anew, under another name that then
//! becomes its own, when the run has come to its end, whichever that is. Where the run is killed it says `running` for ever: nobody
//! holds the directory's lock any more.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use diptych_protocol::nan::NanPolicy;
use diptych_protocol::program::{Program, Source};
use serde::{Deserialize, Serialize};

use crate::compile::Settings;
use crate::journal::{ENGINE, From, Text};
use crate::line_file::lock;
use crate::machine::{Machine, now};

/// The version of `run.json`.
pub const FORMAT: u32 = 1;
/// What the run was, and how it ended.
pub const ABOUT: &str = "run.json";
/// Its text.
pub const SCENARIO: &str = "scenario.dip";
/// Where its checkpoints go, if nothing else is said.
pub const CHECKPOINTS: &str = "checkpoints";
/// Where the hash trees of its states go.
pub const HASHES: &str = "hashes.bin";
/// Where states for ParaView go.
pub const VTP: &str = "vtp";

/// How far a run is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It goes on, or was killed.
    Running,
    /// It came to its end.
    Done,
    /// It did not, or something that had to hold did not.
    Failed,
    /// It was told to stop, and did after a whole frame.
    Interrupted,
}

impl Status {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Status::Running => "running",
            Status::Done => "done",
            Status::Failed => "failed",
            Status::Interrupted => "interrupted",
        }
    }
}

/// What `run.json` says.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct About {
    /// [`FORMAT`].
    pub format: u32,
    /// How far it is.
    pub status: Status,
    /// Why it failed.
    pub error: Option<String>,
    /// The scenario's name.
    pub scenario: String,
    /// Where its text stood: files that it names are looked for beside it.
    pub path: String,
    /// The hash of the program, 32 hexadecimal digits.
    pub program_hash: String,
    /// The engine that ran it.
    pub engine: String,
    /// All its parameters, as `--set` takes them.
    pub params: BTreeMap<String, String>,
    /// The seed of its draws.
    pub seed: u64,
    /// The frames that it was to run.
    pub frames: u32,
    /// The time step.
    pub dt: f64,
    /// What was to become of values that are no numbers.
    pub nan: NanPolicy,
    /// The columns that it read from files, in order, with a hash of what each held.
    pub data: Vec<(String, String)>,
    /// The state that it went on from, if it did not begin;
    pub from: Option<From>,
    /// and whether another program had made that.
    #[serde(default)]
    pub other: bool,
    /// Worker processes that it was run with last: nothing depends on it.
    pub workers: u16,
    /// How its rules were run.
    pub backend: String,
    /// On what.
    pub machine: Machine,
    /// What was said on the command line,
    pub command: Vec<String>,
    /// and where.
    pub working_directory: String,
    /// Whether it was open to changes from outside: commands, other texts.
    pub live: bool,
    /// What repeats it, to the same bits; nothing if it was open to changes, and no journal tells of them.
    pub repeat: Option<String>,
    /// When it began, in UTC,
    pub began: String,
    /// and ended.
    pub ended: Option<String>,
    /// Where it was resumed.
    pub resumed: Vec<Resumed>,
    /// Its records, as the scenario names them.
    pub records: Vec<String>,
    /// The folder of its checkpoints, if it writes any: relative to this one, or from the root.
    pub checkpoints: Option<String>,
    /// Its journal, if it writes one.
    pub journal: Option<String>,
    /// Of which states hash trees are kept: of every so-manieth, the first and the last one.
    pub hashes_every: Option<u32>,
    /// Which states are written for ParaView, likewise.
    pub vtp_every: Option<u32>,
    /// The hash of the last state, 32 hexadecimal digits,
    pub state_hash: Option<String>,
    /// and that of what its rows say.
    pub content_hash: Option<String>,
    /// What `--summary json` prints.
    pub summary: Option<serde_json::Value>,
}

/// When a run was resumed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Resumed {
    /// So many frames were complete.
    pub frame: u32,
    /// When, in UTC.
    pub at: String,
}

/// Why a directory is not one for a run, or none of a run.
#[derive(Debug, thiserror::Error)]
pub enum RunDirectoryError {
    /// A run has been there.
    #[error(
        "{path} exists, and is a run's already ({what}); say --force to write over it, or --out DIR to write elsewhere",
        path = path.display()
    )]
    Exists {
        /// The directory.
        path: PathBuf,
        /// Which run.
        what: String,
    },
    /// There is another text.
    #[error(
        "{} exists, and is another text than the one that is run; say --force to write over it, or --out DIR to write elsewhere",
        .0.display()
    )]
    Text(PathBuf),
    /// Another run writes there.
    #[error("another run writes to {}: say --out DIR to write elsewhere", .0.display())]
    Taken(PathBuf),
    /// The system refuses.
    #[error("cannot {what} {}: {source}", path.display())]
    Refused {
        /// What was tried.
        what: &'static str,
        /// Which file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It is no run's.
    #[error("{} is no run directory: there is no {ABOUT} in it", .0.display())]
    None(PathBuf),
    /// What it says is not what runs say.
    #[error("{}: {why}", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

/// What a run is, when it begins.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Plan {
    /// The state that it goes on from, if it does not begin; and whether its program is another one.
    pub from: Option<(From, bool)>,
    /// How its rules are run.
    pub backend: String,
    /// The folder of its checkpoints.
    pub checkpoints: Option<PathBuf>,
    /// Its journal.
    pub journal: Option<PathBuf>,
    /// Whether it can be changed from outside.
    pub live: bool,
    /// The hash trees of which states are kept,
    pub hashes_every: Option<u32>,
    /// and which are written for ParaView.
    pub vtp_every: Option<u32>,
}

/// How a run ended.
#[derive(Clone, PartialEq, Debug)]
pub struct Ending {
    /// How far it came.
    pub status: Status,
    /// Why it failed.
    pub error: Option<String>,
    /// What `--summary json` prints, if it came so far.
    pub summary: Option<serde_json::Value>,
}

/// The directory of a run that this process runs. Nobody else writes there meanwhile.
#[derive(Debug)]
pub struct RunDirectory {
    path: PathBuf,
    overwrite: bool,
    /// What it said before the run was resumed,
    before: Option<About>,
    /// and says; nothing as long as the run has not begun.
    about: Option<About>,
    _lock: File,
}

impl RunDirectory {
    /// For a run of a program that is to begin: makes the directory if need be. That of another run, or with another text, is
    /// refused, unless it is to be written over. Nothing in it is changed before the run [begins](Self::began).
    pub fn open(path: &Path, program: &Program, overwrite: bool) -> Result<Self, RunDirectoryError> {
        fs::create_dir_all(path).map_err(refused("make", path))?;
        let lock = held(path)?;
        if let Some(about) = Self::found(path)?.filter(|_| !overwrite) {
            let what = about.map_or_else(
                |_| format!("it has a {ABOUT}"),
                |about| format!("{}, begun {}, {}", about.scenario, about.began, about.status.name()),
            );
            return Err(RunDirectoryError::Exists { path: path.into(), what });
        }
        let directory = Self { path: path.into(), overwrite, before: None, about: None, _lock: lock };
        directory.has_text(&Text::of(program).text)?;
        Ok(directory)
    }

    /// Of the same run, which goes on.
    pub fn resume(path: &Path) -> Result<Self, RunDirectoryError> {
        let lock = held(path)?;
        let before = Some(About::read(path)?);
        Ok(Self { path: path.into(), overwrite: true, before, about: None, _lock: lock })
    }

    /// What is there already, readable or not.
    fn found(path: &Path) -> Result<Option<Result<About, RunDirectoryError>>, RunDirectoryError> {
        match About::read(path) {
            Err(RunDirectoryError::None(_)) => Ok(None),
            Err(error @ RunDirectoryError::Refused { .. }) => Err(error),
            read => Ok(Some(read)),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the run is known to be; nothing of one that has not begun.
    pub fn about(&self) -> Option<&About> {
        self.about.as_ref().or(self.before.as_ref())
    }

    /// The run begins, or goes on from a frame: from now on the directory is its own.
    pub fn began(&mut self, program: &Program, workers: u16, plan: &Plan) -> Result<(), RunDirectoryError> {
        let mut about = match self.before.take() {
            Some(mut about) => {
                let frame = plan.from.as_ref().map_or(0, |(from, _)| from.frame);
                about.resumed.push(Resumed { frame, at: now() });
                (about.status, about.error, about.summary, about.ended) = (Status::Running, None, None, None);
                (about.state_hash, about.content_hash) = (None, None);
                about.live |= plan.live;
                (about.hashes_every, about.vtp_every) = (plan.hashes_every, plan.vtp_every);
                about
            }
            None => {
                self.text(program)?;
                About::new(program, plan, &self.path)
            }
        };
        (about.frames, about.nan) = (program.frames, program.nan);
        (about.workers, about.backend) = (workers, plan.backend.clone());
        about.repeat = about.repeated(&self.path);
        self.write(about)
    }

    /// Whether the scenario is written down there already; another text is refused, unless it is to be written over.
    fn has_text(&self, text: &str) -> Result<bool, RunDirectoryError> {
        let path = self.path.join(SCENARIO);
        match fs::read_to_string(&path) {
            Ok(there) if there == text => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            _ if !self.overwrite => Err(RunDirectoryError::Text(path)),
            _ => Ok(false),
        }
    }

    /// Writes the scenario down.
    fn text(&self, program: &Program) -> Result<(), RunDirectoryError> {
        let text = Text::of(program).text;
        match self.has_text(&text)? {
            true => Ok(()),
            false => replace(&self.path.join(SCENARIO), text.as_bytes()),
        }
    }

    /// The run has come to an end. One that did not begin leaves nothing.
    pub fn ended(&mut self, ending: Ending) -> Result<(), RunDirectoryError> {
        let Some(mut about) = self.about.take() else { return Ok(()) };
        let hash = |key: &str| Some(ending.summary.as_ref()?.get(key)?.as_str()?.to_string());
        (about.state_hash, about.content_hash) = (hash("state_hash"), hash("content_hash"));
        (about.status, about.error, about.ended) = (ending.status, ending.error, Some(now()));
        about.summary = ending.summary;
        self.write(about)
    }

    fn write(&mut self, about: About) -> Result<(), RunDirectoryError> {
        let path = self.path.join(ABOUT);
        let text = serde_json::to_vec_pretty(&about).map_err(|e| refused("write", &path)(e.into()))?;
        replace(&path, &text)?;
        self.about = Some(about);
        Ok(())
    }
}

/// Holds a directory for one run.
fn held(path: &Path) -> Result<File, RunDirectoryError> {
    let file = File::open(path).map_err(refused("open", path))?;
    if !file.metadata().map_err(refused("open", path))?.is_dir() {
        return Err(refused("write to", path)(ErrorKind::NotADirectory.into()));
    }
    lock(&file).map_err(|error| match error.kind() {
        ErrorKind::ResourceBusy => RunDirectoryError::Taken(path.into()),
        _ => refused("lock", path)(error),
    })?;
    Ok(file)
}

/// Puts a file in the place of another one: at each moment the one or the other is there, whole.
fn replace(path: &Path, bytes: &[u8]) -> Result<(), RunDirectoryError> {
    let begun = path.with_added_extension("begun");
    let written = || -> io::Result<()> {
        let mut file = File::create(&begun)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&begun, path)
    };
    written().map_err(|source| {
        // It is only in the way of the next attempt.
        let _ = fs::remove_file(&begun);
        refused("write", path)(source)
    })
}

fn refused(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> RunDirectoryError + use<> {
    let path = path.to_path_buf();
    move |source| RunDirectoryError::Refused { what, path, source }
}

impl About {
    /// Of a run that begins.
    fn new(program: &Program, plan: &Plan, directory: &Path) -> Self {
        let text = Text::of(program);
        let folder = std::env::current_dir().map(|folder| folder.display().to_string());
        Self {
            format: FORMAT,
            status: Status::Running,
            error: None,
            scenario: program.scenario.clone(),
            path: absolute(Path::new(&text.path)),
            program_hash: text.program,
            engine: ENGINE.into(),
            params: program.params.iter().map(|(name, value)| (name.clone(), value.to_string())).collect(),
            seed: program.seed,
            frames: program.frames,
            dt: program.dt,
            nan: program.nan,
            data: text.data,
            from: plan.from.as_ref().map(|(from, _)| from.clone()),
            other: plan.from.as_ref().is_some_and(|(_, other)| *other),
            workers: 0,
            backend: plan.backend.clone(),
            machine: Machine::here(),
            command: std::env::args().collect(),
            working_directory: folder.unwrap_or_default(),
            live: plan.live,
            repeat: None,
            began: now(),
            ended: None,
            resumed: Vec::new(),
            records: program.outputs.records.iter().map(|record| record.path.clone()).collect(),
            checkpoints: plan.checkpoints.as_deref().map(|folder| within(directory, folder)),
            journal: plan.journal.as_deref().map(|file| within(directory, file)),
            hashes_every: plan.hashes_every,
            vtp_every: plan.vtp_every,
            state_hash: None,
            content_hash: None,
            summary: None,
        }
    }

    /// Reads that of a directory.
    pub fn read(directory: &Path) -> Result<Self, RunDirectoryError> {
        let path = directory.join(ABOUT);
        let text = match fs::read_to_string(&path) {
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Err(RunDirectoryError::None(directory.into()));
            }
            text => text.map_err(refused("read", &path))?,
        };
        let wrong = |why: String| RunDirectoryError::Wrong { path: path.clone(), why };
        let about: serde_json::Value = serde_json::from_str(&text).map_err(|e| wrong(e.to_string()))?;
        match about.get("format").and_then(serde_json::Value::as_u64) {
            Some(format) if format == u64::from(FORMAT) => {
                serde_json::from_value(about).map_err(|e| wrong(e.to_string()))
            }
            Some(format) => {
                Err(wrong(format!("it has version {format} of the format, and this engine reads version {FORMAT}")))
            }
            None => Err(wrong("it does not say which version of the format it has: no run wrote it".into())),
        }
    }

    /// The text of a directory's run, with what the compiler is told beside it.
    pub fn text(&self, directory: &Path) -> Result<(Source, Settings), RunDirectoryError> {
        let path = directory.join(SCENARIO);
        let text = fs::read_to_string(&path).map_err(refused("read", &path))?;
        let (seed, frames) = (Some(self.seed), Some(self.frames));
        let sets = self.params.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        Ok((Source { path: self.path.clone(), text }, Settings { sets, seed, frames, nan: Some(self.nan) }))
    }

    /// Whether all that decides its states is known: then they can be made again.
    pub fn is_known(&self) -> bool {
        !self.live || self.journal.is_some()
    }

    /// A file or folder that it names, if it names one.
    pub fn named(directory: &Path, name: Option<&String>) -> Option<PathBuf> {
        name.map(|name| directory.join(name))
    }

    /// What is to be said to repeat it: all of it follows from what is written down, also where the run was resumed.
    fn repeated(&self, directory: &Path) -> Option<String> {
        let program = self.command.first().map_or("diptych", String::as_str);
        let mut words: Vec<String> = vec![program.into()];
        if let Some(journal) = Self::named(directory, self.journal.as_ref()) {
            words.extend(["replay".into(), absolute(&journal)]);
            return Some(spelled(&words));
        }
        if self.live {
            return None;
        }
        // Files that a scenario names are looked for beside it.
        let text = if self.data.is_empty() { absolute(&directory.join(SCENARIO)) } else { self.path.clone() };
        match &self.from {
            None => words.extend(["run".into(), text]),
            Some(from) => {
                let frame = from.frame.to_string();
                words.extend(["resume".into(), from.checkpoint.clone()?, "--at".into(), frame]);
                words.extend(self.other.then(|| ["--scenario".into(), text]).into_iter().flatten());
            }
        }
        if self.from.is_none() || self.other {
            words.extend(self.params.iter().flat_map(|(name, value)| ["--set".into(), format!("{name}={value}")]));
            words.extend(["--seed".into(), self.seed.to_string()]);
        }
        words.extend(["--nan".into(), self.nan.name().into(), "--frames".into(), self.frames.to_string()]);
        Some(spelled(&words))
    }
}

/// A path from the root; as it is where that cannot be known.
fn absolute(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.into()).display().to_string()
}

/// A path seen from a directory if it lies in it, else from the root.
fn within(directory: &Path, path: &Path) -> String {
    match path.strip_prefix(directory) {
        Ok(below) if below != Path::new("") => below.display().to_string(),
        _ => absolute(path),
    }
}

/// Words as a shell takes them.
fn spelled(words: &[String]) -> String {
    let plain = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./=,:+@%".contains(&byte))
    };
    let quoted = |word: &String| match plain(word) {
        true => word.clone(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    };
    words.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_the_words_that_were_said() {
        let words = ["a b", "it's", "", "n=1_000", "/x/y.dip", "$HOME"].map(String::from);
        assert_eq!(spelled(&words), r"'a b' 'it'\''s' '' n=1_000 /x/y.dip '$HOME'");
    }

    #[test]
    fn what_lies_below_a_directory_moves_with_it() {
        assert_eq!(within(Path::new("runs/a"), Path::new("runs/a/checkpoints")), "checkpoints");
        assert_eq!(within(Path::new("runs/a"), Path::new("/kept")), "/kept");
    }
}
