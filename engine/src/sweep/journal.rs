//! The journal of a sweep: a line for each run that has ended, brought to the disk before the next one begins in its place. Results are
//! made from journals alone, so that a table does not depend on when its runs ran, in which order, or on which machine.
//!
//! The first line says what the sweep is ([`About`]). A line that a crash has cut off is no line: its run is run again.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::reduce::Kind;
use crate::line_file::{LineFile, lock};

/// Which part of a sweep: the k-th of n, from 1 on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Shard {
    /// Which one.
    pub part: u32,
    /// Of how many.
    pub of: u32,
}

impl Shard {
    /// Whether a run is of it. Neighbours go to different shards: what one costs, the next one costs as well.
    pub fn has(self, run: u32) -> bool {
        run % self.of == self.part - 1
    }
}

impl std::str::FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/').and_then(|(part, of)| Some((part.parse().ok()?, of.parse().ok()?)));
        match parts {
            Some((part, of)) if 1 <= part && part <= of => Ok(Self { part, of }),
            _ => Err("write K/N, the K-th of N parts, as in 3/8; K is 1 to N".into()),
        }
    }
}

impl std::fmt::Display for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.part, self.of)
    }
}

/// A column of the table that the plan or the scenario names.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What it has.
    pub kind: Kind,
}

/// What a sweep is: results of another one do not go into its table.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct About {
    /// The engine that runs it.
    pub engine: String,
    /// The scenario's name.
    pub scenario: String,
    /// The hash of its runs and of what is kept of them: parameters, seeds, frames, results.
    pub runs_hash: String,
    /// The hash of the programs of all points: of the scenario's rules, and of the files it reads.
    pub programs_hash: String,
    /// How many runs,
    pub runs: u32,
    /// of each point.
    pub replicates: u32,
    /// Its parameters.
    pub parameters: Vec<Column>,
    /// Its results.
    pub results: Vec<Column>,
}

impl About {
    /// Why results of another sweep are none of this one.
    pub fn differs(&self, other: &About) -> Option<String> {
        if self.engine != other.engine {
            Some(format!("it was begun with {}, and this is {}", other.engine, self.engine))
        } else if self.runs_hash != other.runs_hash {
            let (then, now) = (other.runs, self.runs);
            let runs = if then == now { String::new() } else { format!(" ({then} then, {now} now)") };
            Some(format!("the plan has changed: other runs or other results{runs}"))
        } else if self.programs_hash != other.programs_hash {
            Some("the scenario has changed, or a file that it reads".into())
        } else {
            (self != other).then(|| "it says something else about its columns".into())
        }
    }
}

/// How a run ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As it was to.
    Ok,
    /// It has no result.
    Failed,
    /// It took too long.
    Timeout,
}

impl Status {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Status::Ok => "ok",
            Status::Failed => "failed",
            Status::Timeout => "timeout",
        }
    }
}

/// A run that has ended.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Done {
    /// Its number.
    pub run: u32,
    /// Its point,
    pub point: u32,
    /// and which of the runs of that.
    pub replicate: u32,
    /// Its seed.
    pub seed: u64,
    /// The values of the parameters, as texts.
    pub parameters: Vec<String>,
    /// How it ended.
    pub status: Status,
    /// Why it has no result.
    pub error: Option<String>,
    /// Frames complete.
    pub frames: Option<u32>,
    /// Why it ended.
    pub stopped: Option<String>,
    /// The hash of its last state.
    pub state_hash: Option<String>,
    /// The results, as texts.
    pub values: Vec<Option<String>>,
}

/// A line.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    Sweep(About),
    Run(Done),
}

/// Why a journal is not gone on with, or not read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// It cannot be read or written.
    #[error("cannot {what} {}: {source}", path.display())]
    Refused { what: &'static str, path: PathBuf, source: io::Error },
    /// Its lines are no journal.
    #[error("{}: {why}", path.display())]
    Malformed { path: PathBuf, why: String },
    /// It is of another sweep.
    #[error("{} has another sweep: {why}; say --out DIR to begin this one elsewhere", path.display())]
    Other { path: PathBuf, why: String },
    /// Two journals say different things.
    #[error("run {run} has two results, which should be the same: {} and {}", one.display(), other.display())]
    Contradiction { run: u32, one: PathBuf, other: PathBuf },
}

impl JournalError {
    fn refused(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Refused { what, path: path.into(), source }
    }
}

/// The file of a shard's journal, or of what belongs to it.
pub fn file(folder: &Path, what: &str, shard: Option<Shard>) -> PathBuf {
    match shard {
        None => folder.join(format!("{what}.jsonl")),
        Some(Shard { part, of }) => folder.join(format!("{what}-{part}-of-{of}.jsonl")),
    }
}

/// All journals of a folder, by their names.
pub fn journals(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|it| it.to_str()).unwrap_or_default();
        if name == "journal.jsonl" || name.starts_with("journal-") && name.ends_with(".jsonl") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// What a journal says.
struct Told {
    about: Option<About>,
    runs: Vec<Done>,
    /// Whole lines, and their bytes.
    lines: u64,
    bytes: u64,
}

fn read(path: &Path, file: &mut impl Read) -> Result<Told, JournalError> {
    let mut text = Vec::new();
    file.read_to_end(&mut text).map_err(JournalError::refused("read", path))?;
    let mut told = Told { about: None, runs: Vec::new(), lines: 0, bytes: 0 };
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        let malformed = |why: String| {
            let why = format!("line {} is none of a sweep's journal: {why}", told.lines + 1);
            JournalError::Malformed { path: path.into(), why }
        };
        if line.last() != Some(&b'\n') {
            // Cut off by a crash; its run is run again.
            break;
        }
        match serde_json::from_slice(line).map_err(|error| malformed(error.to_string()))? {
            Line::Sweep(about) if told.lines == 0 => told.about = Some(about),
            Line::Run(done) if told.lines > 0 => told.runs.push(done),
            Line::Sweep(_) => return Err(malformed("a sweep begins again".into())),
            Line::Run(_) => return Err(malformed("it should say which sweep".into())),
        }
        told.lines += 1;
        told.bytes += line.len() as u64;
    }
    Ok(told)
}

/// What all journals of some folders say.
#[derive(Default)]
pub struct Results {
    /// Which sweep they are of.
    pub about: Option<About>,
    /// Its runs that have ended, by their numbers.
    pub runs: BTreeMap<u32, Done>,
    from: BTreeMap<u32, PathBuf>,
}

impl Results {
    /// Of a sweep; journals of another one are refused.
    pub fn of(about: &About) -> Self {
        Self { about: Some(about.clone()), ..Self::default() }
    }

    /// Reads the journals of a folder.
    pub fn read(&mut self, folder: &Path) -> Result<(), JournalError> {
        for path in journals(folder).map_err(JournalError::refused("read", folder))? {
            let mut file = File::open(&path).map_err(JournalError::refused("read", &path))?;
            let told = read(&path, &mut file)?;
            let Some(about) = told.about else { continue };
            let this = self.about.get_or_insert_with(|| about.clone());
            if let Some(why) = this.differs(&about) {
                return Err(JournalError::Other { path, why });
            }
            told.runs.into_iter().try_for_each(|done| self.add(done, &path))?;
        }
        Ok(())
    }

    /// Takes in a run. One that was run again counts as it ended last, and a result before none.
    pub fn add(&mut self, done: Done, path: &Path) -> Result<(), JournalError> {
        let run = done.run;
        match self.runs.get(&run) {
            Some(before) if before.status == Status::Ok && done.status == Status::Ok && *before != done => {
                let one = self.from.get(&run).cloned().unwrap_or_default();
                return Err(JournalError::Contradiction { run, one, other: path.into() });
            }
            Some(before) if before.status == Status::Ok => return Ok(()),
            _ => {}
        }
        self.runs.insert(run, done);
        self.from.insert(run, path.into());
        Ok(())
    }

    /// The runs that have not ended.
    pub fn missing(&self) -> Vec<u32> {
        let all = 0..self.about.as_ref().map_or(0, |about| about.runs);
        all.filter(|run| !self.runs.contains_key(run)).collect()
    }
}

/// A journal that is written.
pub struct Journal {
    path: PathBuf,
    file: LineFile,
}

impl Journal {
    /// Begins one, or goes on with it.
    pub fn open(path: &Path, about: &About) -> Result<Self, JournalError> {
        let refused = |what| JournalError::refused(what, path);
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let mut file = open.map_err(refused("open"))?;
        lock(&file).map_err(refused("write"))?;
        let told = read(path, &mut file)?;
        let mut journal = Self { path: path.into(), file: LineFile::at(file, told.lines, told.bytes) };
        journal.file.cut().map_err(refused("write"))?;
        match told.about {
            Some(before) => match about.differs(&before) {
                Some(why) => Err(JournalError::Other { path: path.into(), why }),
                None => Ok(journal),
            },
            None => {
                journal.line(&Line::Sweep(about.clone()))?;
                // The file's name, too, is on the disk.
                let folder = path.parent().filter(|it| *it != Path::new("")).unwrap_or(Path::new("."));
                File::open(folder).and_then(|it| it.sync_all()).map_err(refused("write"))?;
                Ok(journal)
            }
        }
    }

    /// Writes down a run that has ended; it is on the disk then.
    pub fn push(&mut self, done: &Done) -> Result<(), JournalError> {
        self.line(&Line::Run(done.clone()))
    }

    fn line(&mut self, line: &Line) -> Result<(), JournalError> {
        let refused = |source| JournalError::Refused { what: "write", path: self.path.clone(), source };
        let mut text = serde_json::to_vec(line).map_err(|error| refused(error.into()))?;
        text.push(b'\n');
        self.file.push(&text);
        let written = self.file.flush().and_then(|()| self.file.file().sync_data());
        written.map_err(|source| JournalError::Refused { what: "write", path: self.path.clone(), source })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_run_is_of_exactly_one_shard(run: u32, of in 1u32..1_000) {
            let shards = (1..=of).filter(|part| Shard { part: *part, of }.has(run));
            prop_assert_eq!(shards.count(), 1);
        }
    }

    #[test]
    fn shards_are_written_as_a_fraction() {
        assert_eq!("3/8".parse(), Ok(Shard { part: 3, of: 8 }));
        for wrong in ["0/8", "9/8", "3", "3/", "-1/8", "a/b", "1/0"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }

    fn done(run: u32, status: Status, hash: &str) -> Done {
        Done {
            run,
            point: run,
            replicate: 0,
            seed: 1,
            parameters: Vec::new(),
            status,
            error: None,
            frames: None,
            stopped: None,
            state_hash: Some(hash.into()),
            values: Vec::new(),
        }
    }

    #[test]
    fn a_result_counts_before_none_and_two_must_be_the_same() {
        let mut results = Results::default();
        let path = Path::new("journal.jsonl");
        results.add(done(1, Status::Timeout, ""), path).unwrap();
        results.add(done(1, Status::Ok, "a"), path).unwrap();
        results.add(done(1, Status::Failed, ""), path).unwrap();
        results.add(done(1, Status::Ok, "a"), path).unwrap();
        assert_eq!(results.runs[&1], done(1, Status::Ok, "a"));
        let other = results.add(done(1, Status::Ok, "b"), Path::new("other.jsonl")).unwrap_err();
        let told = "run 1 has two results, which should be the same: journal.jsonl and other.jsonl";
        assert_eq!(other.to_string(), told);
    }
}
