//! The journal of a run: what was decided while it went on, and with what it began and ended, so that it can be run again.
//!
//! A line is a JSON object with one member, which says what the line is:
//!
//! - `run`, the first line: the engine, the scenario's path and text, its parameters, seed, frames, what becomes of values that
//!   are no numbers, what it read from files and the hash of its program;
//! - `swap`: that from a frame on the run went on with another text, told in the same way;
//! - `command`: that an input was set, and in which state first; `rejected`: what was said, and why it sets nothing;
//! - `end`: how many frames were complete, why it ended, and the hash of the last state. It is missing where a run was killed
//!   or failed.
//!
//! Nothing that is computed stands in it: the same texts give the same bits again, on any machine, at any number of workers.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use diptych_protocol::nan::NanPolicy;
use diptych_protocol::program::{Program, Source};
use serde::{Deserialize, Serialize};

use crate::compile::Settings;
use crate::coordinator::{Command, Rejected, Stopped, Told, shown};
use crate::line_file::{LineFile, lock};

/// Which engine, and which version of it.
pub const ENGINE: &str = concat!("diptych ", env!("CARGO_PKG_VERSION"));

/// A line.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Entry {
    /// How the run began.
    Run {
        /// [`ENGINE`].
        engine: String,
        /// The state that it went on from, if it did not begin.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<From>,
        /// What ran.
        #[serde(flatten)]
        text: Text,
    },
    /// With what it went on.
    Swap {
        /// So many frames were complete.
        frame: u32,
        /// What ran from then on.
        #[serde(flatten)]
        text: Text,
    },
    /// What an input was set to.
    Command {
        /// The first state that has it.
        frame: u32,
        /// The input.
        input: String,
        /// The value, as a person writes it.
        value: String,
    },
    /// What was said, and sets nothing.
    Rejected {
        /// So many frames were complete, at least.
        frame: u32,
        /// What was said.
        line: String,
        /// Why not.
        why: String,
    },
    /// How it ended.
    End {
        /// So many frames were complete.
        frame: u32,
        /// Why.
        stopped: String,
        /// The hash of the last state, 32 hexadecimal digits.
        state: String,
    },
}

/// The state that a run went on from.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct From {
    /// So many frames were complete.
    pub frame: u32,
    /// The hash of the state, 32 hexadecimal digits.
    pub state: String,
    /// The checkpoint; nothing if the state was run to.
    pub checkpoint: Option<String>,
}

/// What a program was compiled from.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Text {
    /// Where the scenario stood: files that it names are looked for beside it.
    pub path: String,
    /// Its text.
    pub text: String,
    /// All its parameters, as `--set` takes them.
    pub sets: BTreeMap<String, String>,
    /// The seed of its draws.
    pub seed: u64,
    /// The frames to run.
    pub frames: u32,
    /// What was to become of the run if a rule made a value that is no number.
    #[serde(default)]
    pub nan: NanPolicy,
    /// The columns that it read from files, with a hash of what they held.
    pub data: Vec<(String, String)>,
    /// The hash of the program, 32 hexadecimal digits.
    pub program: String,
}

impl Text {
    /// Of a program.
    pub fn of(program: &Program) -> Self {
        let source = program.sources.values().next();
        Self {
            path: source.map_or_else(String::new, |source| source.path.clone()),
            text: source.map_or_else(String::new, |source| source.text.clone()),
            sets: program.params.iter().map(|(name, value)| (name.clone(), value.to_string())).collect(),
            seed: program.seed,
            frames: program.frames,
            nan: program.nan,
            data: program.data.values().map(|data| (data.name.clone(), format!("{:032x}", data.content))).collect(),
            program: format!("{:032x}", program.hash()),
        }
    }

    /// As the compiler takes it.
    pub fn source(&self) -> Source {
        Source { path: self.path.clone(), text: self.text.clone() }
    }

    /// What the compiler is told beside it.
    pub fn settings(&self) -> Settings {
        let sets = self.sets.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        Settings { sets, seed: Some(self.seed), frames: Some(self.frames), nan: Some(self.nan) }
    }
}

/// Why a journal is not written, or not read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// There is such a file, and nobody said to write over it.
    #[error("{} exists; say --force to write over it", .0.display())]
    Exists(PathBuf),
    /// The system refuses.
    #[error("cannot {what} {}: {source}", path.display())]
    Refused {
        /// What was tried.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It is none.
    #[error("{}: line {line} is no line of a journal: {why}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong.
        why: String,
    },
}

/// A journal that is being written. A line is in the file when its call returns.
pub struct Journal {
    path: PathBuf,
    file: LineFile,
    /// Whether the file is only in the way of the next attempt if nothing is written.
    bare: bool,
    /// Whether the run was resumed,
    resumed: bool,
    /// and the lines that are in the file already: those that it comes to again.
    known: Vec<Entry>,
}

impl Drop for Journal {
    fn drop(&mut self) {
        if self.bare {
            // If it stays, it is empty.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

impl Journal {
    /// Makes the file.
    pub fn create(path: &Path, overwrite: bool) -> Result<Self, JournalError> {
        let mut how = OpenOptions::new();
        how.write(true);
        let file = match overwrite {
            true => how.create(true).truncate(true).open(path),
            false => how.create_new(true).open(path),
        };
        let file = file.map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => JournalError::Exists(path.into()),
            _ => JournalError::Refused { what: "make", path: path.into(), source },
        })?;
        lock(&file).map_err(|source| JournalError::Refused { what: "make", path: path.into(), source })?;
        Ok(Self { path: path.into(), file: LineFile::new(file), bare: !overwrite, resumed: false, known: Vec::new() })
    }

    /// Goes on with the journal of a run that is resumed. What stands in it and happens again is not written again. A last line
    /// that was cut off, and an end, are cut away.
    pub fn resume(path: &Path) -> Result<Self, JournalError> {
        let refused = |what| move |source| JournalError::Refused { what, path: path.into(), source };
        let all = whole_lines(path)?;
        parse(path, &all)?;
        let (mut known, mut bytes) = (Vec::new(), 0);
        for line in all.split_inclusive('\n') {
            match serde_json::from_str(line) {
                Ok(Entry::End { .. }) | Err(_) => break,
                Ok(entry) => known.push(entry),
            }
            bytes += line.len() as u64;
        }
        let file = File::options().write(true).open(path).map_err(refused("write"))?;
        lock(&file).map_err(refused("write"))?;
        let file = LineFile::at(file, known.len() as u64, bytes);
        Ok(Self { path: path.into(), file, bare: false, resumed: true, known })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn file(&self) -> &File {
        self.file.file()
    }

    /// Writes a line.
    pub fn write(&mut self, entry: &Entry) -> Result<(), JournalError> {
        if self.known.contains(entry) {
            return Ok(());
        }
        let refused = |source| JournalError::Refused { what: "write", path: self.path.clone(), source };
        let mut line = serde_json::to_vec(entry).map_err(|e| refused(e.into()))?;
        line.push(b'\n');
        self.file.push(&line);
        self.file.flush().map_err(refused)?;
        self.bare = false;
        Ok(())
    }

    /// How the run begins; of one that is resumed that is known, and what is cut away goes now.
    pub fn run(&mut self, program: &Program, from: Option<From>) -> Result<(), JournalError> {
        match self.resumed {
            true => {
                let refused = |source| JournalError::Refused { what: "write", path: self.path.clone(), source };
                self.file.cut().map_err(refused)
            }
            false => self.write(&Entry::Run { engine: ENGINE.into(), from, text: Text::of(program) }),
        }
    }

    /// With what it goes on.
    pub fn swap(&mut self, frame: u32, program: &Program) -> Result<(), JournalError> {
        self.write(&Entry::Swap { frame, text: Text::of(program) })
    }

    /// What became of a command.
    pub fn command(&mut self, program: &Program, told: &Told) -> Result<(), JournalError> {
        self.write(&match told {
            Ok(command) => {
                let Command { frame, input, .. } = command.clone();
                Entry::Command { frame, input, value: shown(program, command) }
            }
            Err(Rejected { frame, line, why }) => {
                Entry::Rejected { frame: *frame, line: line.clone(), why: why.clone() }
            }
        })
    }

    /// How it ends.
    pub fn end(&mut self, frame: u32, stopped: Stopped, state: u128) -> Result<(), JournalError> {
        self.write(&Entry::End { frame, stopped: stopped.name().into(), state: format!("{state:032x}") })
    }
}

/// A journal that has been read.
#[derive(Clone, PartialEq, Debug)]
pub struct Recorded {
    /// The engine that wrote it.
    pub engine: String,
    /// The state that the run went on from, if it did not begin.
    pub from: Option<From>,
    /// With what the run began.
    pub text: Text,
    /// With what it went on, and from which frame on.
    pub swaps: Vec<(u32, Text)>,
    /// What inputs were set to, in order: the first state that has it, the input, the value.
    pub commands: Vec<(u32, String, String)>,
    /// The frames and the hash that it ended with; nothing if it did not come to its end.
    pub end: Option<(u32, String)>,
}

/// Reads a journal. A last line that was cut off while it was written is left out.
pub fn read(path: &Path) -> Result<Recorded, JournalError> {
    parse(path, &whole_lines(path)?)
}

/// The lines of a journal, without a last one that was cut off.
fn whole_lines(path: &Path) -> Result<String, JournalError> {
    let refused = |source| JournalError::Refused { what: "read", path: path.into(), source };
    let mut all = std::fs::read(path).map_err(refused)?;
    all.truncate(all.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1));
    String::from_utf8(all).map_err(|error| refused(io::Error::new(io::ErrorKind::InvalidData, error)))
}

fn parse(path: &Path, all: &str) -> Result<Recorded, JournalError> {
    let wrong = |line: usize, why: String| JournalError::Line { path: path.into(), line: line + 1, why };
    let mut recorded: Option<Recorded> = None;
    for (at, line) in all.split_inclusive('\n').enumerate() {
        if !line.ends_with('\n') {
            break;
        }
        let entry: Entry = serde_json::from_str(line).map_err(|e| wrong(at, e.to_string()))?;
        match (entry, &mut recorded) {
            (Entry::Run { engine, from, text }, None) => {
                recorded = Some(Recorded { engine, from, text, swaps: Vec::new(), commands: Vec::new(), end: None });
            }
            (_, None) => return Err(wrong(at, "a journal begins with a `run`".into())),
            (Entry::Run { .. }, Some(_)) => return Err(wrong(at, "a second `run`".into())),
            (_, Some(known)) if known.end.is_some() => return Err(wrong(at, "it comes behind the end".into())),
            (Entry::Swap { frame, text }, Some(known)) => {
                if known.swaps.last().is_some_and(|(before, _)| *before > frame) {
                    return Err(wrong(at, format!("frame {frame} comes behind a later one")));
                }
                known.swaps.push((frame, text));
            }
            (Entry::Command { frame, input, value }, Some(known)) => known.commands.push((frame, input, value)),
            (Entry::Rejected { .. }, Some(_)) => {}
            (Entry::End { frame, state, .. }, Some(known)) => known.end = Some((frame, state)),
        }
    }
    recorded.ok_or_else(|| wrong(0, "there is no whole line in it".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(frames: u32) -> Text {
        let sets = [("n".to_string(), "1000".to_string())].into();
        let (path, text, program) = ("a.dip".into(), "scenario \"x\"\n".into(), "0f".into());
        let nan = NanPolicy::Warn;
        Text { path, text, sets, seed: u64::MAX, frames, nan, data: vec![("x".into(), "00".into())], program }
    }

    fn lines(entries: &[Entry]) -> String {
        entries.iter().map(|entry| serde_json::to_string(entry).unwrap() + "\n").collect()
    }

    fn all() -> [Entry; 3] {
        [
            Entry::Run { engine: ENGINE.into(), from: None, text: text(9) },
            Entry::Swap { frame: 4, text: text(10) },
            Entry::End { frame: 10, stopped: "frames".into(), state: "ab".into() },
        ]
    }

    #[test]
    fn what_is_written_is_read_and_a_cut_line_is_left_out() {
        let whole = lines(&all());
        assert!(whole.starts_with("{\"run\":{\"engine\":\"diptych "), "{whole}");
        let read = |text: &str| parse(Path::new("j"), text).unwrap();
        let recorded = read(&whole);
        assert_eq!((&recorded.text, &recorded.swaps), (&text(9), &vec![(4, text(10))]));
        assert_eq!(recorded.end, Some((10, "ab".into())));
        assert_eq!(read(&whole[..whole.len() - 5]).end, None);
        assert_eq!(read(&whole[..whole.len() - 5]).swaps.len(), 1);
    }

    #[test]
    fn what_is_no_journal_is_refused_with_its_line() {
        let [run, swap, end] = all();
        for (text, word) in [
            (String::new(), "line 1"),
            (lines(std::slice::from_ref(&swap)), "begins with"),
            (lines(&[run.clone(), run.clone()]), "line 2"),
            (lines(&[run.clone(), end, swap.clone()]), "behind the end"),
            (lines(&[run.clone(), swap, Entry::Swap { frame: 3, text: text(1) }]), "a later one"),
            (lines(&[run]) + "{\"stop\":1}\n", "line 2"),
        ] {
            let refusal = parse(Path::new("j"), &text).unwrap_err().to_string();
            assert!(refusal.contains(word), "{refusal}");
        }
    }
}
