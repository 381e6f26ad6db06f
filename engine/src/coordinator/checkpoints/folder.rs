//! The folder of a run's checkpoints: a file a state, named by its frame. Only one run writes there at a time.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::CheckpointsError;

const PREFIX: &str = "frame-";
const SUFFIX: &str = ".checkpoint";
/// What is being written.
const BEGUN: &str = ".checkpoint.begun";
/// Held locked by the run that writes there.
const LOCK: &str = ".lock";

/// The file of a state.
pub(super) fn path_of(folder: &Path, frame: u32) -> PathBuf {
    folder.join(format!("{PREFIX}{frame:010}{SUFFIX}"))
}

/// Where it stands while it is written.
pub(super) fn begun_of(folder: &Path, frame: u32) -> PathBuf {
    folder.join(format!("{PREFIX}{frame:010}{BEGUN}"))
}

/// The checkpoints of a folder, by their frames.
pub fn checkpoints(folder: &Path) -> io::Result<Vec<(u32, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let frame = entry.file_name().to_str().and_then(|name| frame_of(name, SUFFIX));
        found.extend(frame.map(|frame| (frame, entry.path())));
    }
    found.sort();
    Ok(found)
}

fn frame_of(name: &str, suffix: &str) -> Option<u32> {
    let digits = name.strip_prefix(PREFIX)?.strip_suffix(suffix)?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// A folder that this run writes to.
pub(super) struct Folder {
    path: PathBuf,
    /// Those that are kept, the last one last.
    kept: Vec<(u32, PathBuf)>,
    /// Those in the way of the run, when it begins.
    gone: Vec<PathBuf>,
    _lock: File,
}

impl Folder {
    /// Makes it, if need be. Checkpoints of another run are in the way, unless they are to be removed; of those of this run,
    /// from before it was resumed, the ones behind that frame are.
    pub(super) fn open(path: &Path, resumed: Option<u32>, overwrite: bool) -> Result<Self, CheckpointsError> {
        let refused =
            |what: &'static str| move |source: io::Error| CheckpointsError::Refused { what, path: path.into(), source };
        fs::create_dir_all(path).map_err(refused("make"))?;
        let lock = File::options().create(true).truncate(false).write(true).open(path.join(LOCK));
        let lock = lock.map_err(refused("write to"))?;
        crate::line_file::lock(&lock).map_err(|error| match error.kind() {
            io::ErrorKind::ResourceBusy => CheckpointsError::Taken(path.into()),
            _ => refused("lock")(error),
        })?;
        let found = checkpoints(path).map_err(refused("look into"))?;
        let (mut kept, mut gone) = (Vec::new(), Vec::new());
        for (frame, file) in found {
            match resumed {
                Some(resumed) if frame <= resumed => kept.push((frame, file)),
                None if !overwrite => return Err(CheckpointsError::Exist(path.into())),
                _ => gone.push(file),
            }
        }
        for entry in fs::read_dir(path).map_err(refused("look into"))?.flatten() {
            if entry.file_name().to_str().is_some_and(|name| frame_of(name, BEGUN).is_some()) {
                gone.push(entry.path());
            }
        }
        Ok(Self { path: path.into(), kept, gone, _lock: lock })
    }

    /// Removes what is in the way: nothing else can keep the run from beginning any more.
    pub(super) fn clear(&mut self) -> Result<(), CheckpointsError> {
        let refused =
            |source| CheckpointsError::Refused { what: "remove old checkpoints of", path: self.path.clone(), source };
        self.gone.drain(..).try_for_each(fs::remove_file).map_err(refused)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The last one that is kept.
    pub(super) fn last(&self) -> Option<&(u32, PathBuf)> {
        self.kept.last()
    }

    /// Takes in one that has been written, and removes those that are not kept any more.
    pub(super) fn keep(&mut self, frame: u32, most: u32) {
        self.kept.retain(|(known, _)| *known != frame);
        self.kept.push((frame, path_of(&self.path, frame)));
        let more = self.kept.len().saturating_sub(most.max(1) as usize);
        for (_, file) in self.kept.drain(..more) {
            // What cannot be removed is in nobody's way.
            let _ = fs::remove_file(file);
        }
    }
}
