//! What is kept of a run that is compared with another one: states, hash trees of states, and what it was.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use diptych_protocol::checkpoint::{Checkpoint, CheckpointError, describe};
use diptych_protocol::tree::{Shape, Tree};

use crate::coordinator::checkpoints;
use crate::hashes::{Hashes, HashesError, is_begun};
use crate::run_directory::{About, HASHES, RunDirectoryError};

/// One of the two.
#[derive(Debug)]
pub struct Side {
    /// As it was named.
    pub path: PathBuf,
    /// What its directory says, if it has one.
    pub about: Option<About>,
    /// Its states, by their frames.
    pub checkpoints: BTreeMap<u32, PathBuf>,
    /// The trees of its states.
    pub hashes: Option<Hashes>,
    /// What ran.
    pub identity: Identity,
}

/// What a run computes follows from this.
#[derive(Clone, PartialEq, Debug)]
pub struct Identity {
    /// The scenario's name.
    pub scenario: String,
    /// The hash of the program.
    pub program_hash: String,
    /// The engine.
    pub engine: String,
    /// The seed of its draws.
    pub seed: u64,
    /// Its parameters.
    pub params: Vec<(String, String)>,
    /// Its text, where it is at hand.
    pub text: Option<String>,
    /// What it read from files.
    pub data: Vec<(String, String)>,
}

/// Why a path cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum SideError {
    /// It is nothing of a run.
    #[error("{}: neither a run's directory, nor a folder of checkpoints, nor a checkpoint", .0.display())]
    Alien(PathBuf),
    /// A checkpoint cannot be read.
    #[error("{}: {why}", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// Why not.
        why: CheckpointError,
    },
    /// The directory cannot be read.
    #[error("{0}")]
    Directory(#[from] RunDirectoryError),
    /// The hash trees cannot be read.
    #[error("{0}")]
    Hashes(#[from] HashesError),
}

impl Side {
    /// A run's directory, a folder of checkpoints, or one checkpoint.
    pub fn open(path: &Path) -> Result<Self, SideError> {
        match About::read(path) {
            Ok(about) => return Self::of_run(path, about),
            Err(RunDirectoryError::None(_)) => {}
            Err(error) => return Err(error.into()),
        }
        let found: BTreeMap<u32, PathBuf> = match path.is_file() {
            true => [(described(path)?.frame, path.to_path_buf())].into(),
            false => checkpoints(path).unwrap_or_default().into_iter().collect(),
        };
        let last = found.values().next_back().ok_or_else(|| SideError::Alien(path.into()))?;
        let told = described(last)?;
        let identity = Identity {
            scenario: told.scenario,
            program_hash: told.program_hash,
            engine: told.engine,
            seed: told.seed,
            params: told.params,
            text: None,
            data: Vec::new(),
        };
        Ok(Self { path: path.into(), about: None, checkpoints: found, hashes: None, identity })
    }

    fn of_run(path: &Path, about: About) -> Result<Self, SideError> {
        let folder = About::named(path, about.checkpoints.as_ref());
        let found = folder.map(|folder| checkpoints(&folder).unwrap_or_default()).unwrap_or_default();
        let hashed = path.join(HASHES);
        let hashes = match about.hashes_every.is_some() && is_begun(&hashed)? {
            true => Some(Hashes::read(&hashed)?),
            false => None,
        };
        let identity = Identity {
            scenario: about.scenario.clone(),
            program_hash: about.program_hash.clone(),
            engine: about.engine.clone(),
            seed: about.seed,
            params: about.params.clone().into_iter().collect(),
            text: Some(about.text(path)?.0.text),
            data: about.data.clone(),
        };
        let checkpoints = found.into_iter().collect();
        Ok(Self { path: path.into(), about: Some(about), checkpoints, hashes, identity })
    }

    /// Whether hash trees were to be kept, and it did not come to that: the disk was full, or it was killed before.
    pub fn lacks_hashes(&self) -> bool {
        self.hashes.is_none() && self.about.as_ref().is_some_and(|about| about.hashes_every.is_some())
    }

    /// The frames of which something is kept.
    pub fn frames(&self) -> BTreeSet<u32> {
        let hashed = self.hashes.iter().flat_map(|hashes| hashes.states().map(|(frame, _)| frame));
        self.checkpoints.keys().copied().chain(hashed).collect()
    }

    /// The state hash of a frame, where it was kept with its tree.
    pub fn hashed(&self, frame: u32) -> Option<u128> {
        self.hashes.as_ref()?.states().find(|(state, _)| *state == frame).map(|(_, root)| root)
    }

    /// The state of a frame, if there is a checkpoint.
    pub fn checkpoint(&self, frame: u32) -> Result<Option<Checkpoint>, SideError> {
        let Some(path) = self.checkpoints.get(&frame) else { return Ok(None) };
        let read = Checkpoint::read(path);
        read.map(Some).map_err(|why| SideError::Checkpoint { path: path.clone(), why })
    }

    /// The tree of a frame's state, from its hashes.
    pub fn tree(&self, frame: u32) -> Result<Option<(&Shape, Tree)>, SideError> {
        Ok(self.hashes.as_ref().map(|hashes| hashes.tree(frame)).transpose()?.flatten())
    }

    /// The last frame and its state hash, if the run came to an end that its directory tells.
    pub fn end(&self) -> Option<(u32, u128)> {
        let about = self.about.as_ref()?;
        let hash = u128::from_str_radix(about.state_hash.as_deref()?, 16).ok()?;
        let frame = about.summary.as_ref()?.get("frames")?.as_u64()?;
        Some((u32::try_from(frame).ok()?, hash))
    }
}

fn described(path: &Path) -> Result<diptych_protocol::checkpoint::Description, SideError> {
    describe(path).map_err(|why| SideError::Checkpoint { path: path.into(), why })
}

impl Identity {
    /// What is another one, a line each; the programs are the same if nothing is.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut found = Vec::new();
        let mut told = |what: &str, a: &dyn std::fmt::Display, b: &dyn std::fmt::Display| {
            found.push(format!("{what}: {a} in A, {b} in B"));
        };
        if self.scenario != other.scenario {
            told("scenario", &self.scenario, &other.scenario);
        }
        let names: BTreeSet<&String> = self.params.iter().chain(&other.params).map(|(name, _)| name).collect();
        for name in names {
            let of = |side: &Self| {
                side.params.iter().find(|(it, _)| it == name).map_or("not there", |(_, it)| it).to_string()
            };
            let (a, b) = (of(self), of(other));
            if a != b {
                told(&format!("parameter {name}"), &a, &b);
            }
        }
        if self.seed != other.seed {
            told("seed", &self.seed, &other.seed);
        }
        if let (Some(a), Some(b)) = (&self.text, &other.text)
            && let Some((line, a, b)) = first_line(a, b)
        {
            told(&format!("text, line {line}"), &format!("`{a}`"), &format!("`{b}`"));
        }
        for ((name, a), (_, b)) in self.data.iter().zip(&other.data).filter(|(a, b)| a != b) {
            told(&format!("column {name} of a file"), a, b);
        }
        if self.engine != other.engine {
            told("engine", &self.engine, &other.engine);
        }
        if self.program_hash != other.program_hash && found.is_empty() {
            found.push(format!("program: {} in A, {} in B", self.program_hash, other.program_hash));
        }
        found
    }
}

/// The first line that is another one.
fn first_line<'t>(a: &'t str, b: &'t str) -> Option<(usize, &'t str, &'t str)> {
    let (mut a, mut b) = (a.lines(), b.lines());
    (1..)
        .map_while(|line| match (a.next(), b.next()) {
            (None, None) => None,
            (a, b) => Some((line, a.unwrap_or("").trim(), b.unwrap_or("").trim(), a == b)),
        })
        .find_map(|(line, a, b, same)| (!same).then_some((line, a, b)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_two_programs_others_is_named() {
        let a = Identity {
            scenario: "flock".into(),
            program_hash: "0f".into(),
            engine: "diptych 1".into(),
            seed: 7,
            params: vec![("n".into(), "10".into()), ("r".into(), "2".into())],
            text: Some("scenario flock\n  x = 1\n".into()),
            data: Vec::new(),
        };
        assert!(a.differences(&a).is_empty());
        let b = Identity {
            program_hash: "ff".into(),
            seed: 8,
            params: vec![("n".into(), "11".into())],
            text: Some("scenario flock\n  x = 2\nend\n".into()),
            ..a.clone()
        };
        assert_eq!(
            a.differences(&b),
            [
                "parameter n: 10 in A, 11 in B",
                "parameter r: 2 in A, not there in B",
                "seed: 7 in A, 8 in B",
                "text, line 2: `x = 1` in A, `x = 2` in B",
            ]
        );
        let other = Identity { program_hash: "ff".into(), ..a.clone() };
        assert_eq!(a.differences(&other), ["program: 0f in A, ff in B"]);
    }
}
