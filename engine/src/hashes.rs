//! The hash trees of a run's states in a file (`run --hashes K`): what two runs are compared by when their states are gone.
//!
//! | bytes | what |
//! |---|---|
//! | 0 to 16 | [`MAGIC`], the version (`u32`), zeros |
//! | from there on | pieces: kind (`u32`), zeros (`u32`), bytes of what follows (`u64`), that, and its checksum (XXH3, 64 bits) |
//!
//! A piece of kind 1 is a [`Shape`], JSON: the columns of the states that follow it. The file begins with one, and has another
//! where the run goes on with another program. A piece of kind 2 is a state: its number (`u32`), rows of each group (`u32`), how many
//! blocks each column has (`u32`), zeros to a multiple of 8; the bits of each signal (`u64`), the hashes of all blocks, column by
//! column, and the state hash (`u128`). All numbers are little-endian.
//!
//! A piece is written at once: of a run that was killed the file has whole states, and what is behind the last whole piece is no part
//! of it. So a run that is resumed needs no cursor: it cuts the file behind the state that it goes on from, or the last one before it.
//! What has no whole head has no state, and is begun anew.
//!
//! It is brought to the disk when the run ends, not with each checkpoint: a run that was killed has every tree that it wrote, one on
//! a machine that lost its power may lack the last ones before the checkpoint that it is resumed from.

mod keeper;

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use diptych_protocol::id::Tick;
use diptych_protocol::limits::FRAMES_MAX;
use diptych_protocol::tree::{Shape, Tree};
use twox_hash::XxHash3_64;

pub use keeper::HashKeeper;

use crate::line_file::lock;

/// The first eight bytes.
pub const MAGIC: [u8; 8] = *b"DIPHASH\0";
/// The version of the format.
pub const VERSION: u32 = 1;
/// Bytes before the first piece,
const HEAD: u64 = 16;
/// and before what a piece holds.
const PIECE: u64 = 16;
const SHAPE: u32 = 1;
const STATE: u32 = 2;

/// Why trees are not written, or not read.
#[derive(Debug, thiserror::Error)]
pub enum HashesError {
    /// There is such a file, and nobody said to write over it.
    #[error("{} exists; say --force to write over it, or --out DIR to write elsewhere", .0.display())]
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
    /// It is none, or damaged.
    #[error("{}: {why}", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

fn refused(what: &'static str, path: &Path) -> impl Fn(io::Error) -> HashesError + use<> {
    let path = path.to_path_buf();
    move |source| HashesError::Refused { what, path: path.clone(), source }
}

/// Whether a file of trees has been begun: one without a whole head, as a full disk or a kill leaves it, has not been.
pub fn is_begun(path: &Path) -> Result<bool, HashesError> {
    match std::fs::metadata(path) {
        Ok(file) => Ok(file.len() >= HEAD),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(refused("read", path)(error)),
    }
}

/// Trees that are being written.
#[derive(Debug)]
pub struct HashWriter {
    path: PathBuf,
    file: File,
    shape: Option<Shape>,
    /// Bytes of its whole pieces.
    bytes: u64,
    /// The last state that it has.
    last: Option<u32>,
}

impl HashWriter {
    /// Makes the file.
    pub fn create(path: &Path, overwrite: bool) -> Result<Self, HashesError> {
        let mut how = OpenOptions::new();
        how.write(true);
        let file = match overwrite {
            true => how.create(true).truncate(false).open(path),
            false => how.create_new(true).open(path),
        };
        let file = file.map_err(|source| match source.kind() {
            ErrorKind::AlreadyExists => HashesError::Exists(path.into()),
            _ => refused("make", path)(source),
        })?;
        lock(&file).map_err(refused("make", path))?;
        file.set_len(0).map_err(refused("make", path))?;
        let mut writer = Self { path: path.into(), file, shape: None, bytes: 0, last: None };
        let mut head = MAGIC.to_vec();
        head.extend(VERSION.to_le_bytes());
        head.resize(HEAD as usize, 0);
        writer.append(&head)?;
        Ok(writer)
    }

    /// Goes on with the file of a run that is resumed after so many frames, and keeps every so-manieth state: a last one that only says
    /// where the run had ended goes.
    pub fn resume(path: &Path, frames: u32, every: u32) -> Result<Self, HashesError> {
        let known = Hashes::read(path)?;
        let file = File::options().write(true).open(path).map_err(refused("write", path))?;
        lock(&file).map_err(refused("write", path))?;
        let first = known.states.keys().next().copied();
        let due = |state: u32| Some(state) == first || state.is_multiple_of(every);
        let last = known.states.range(..=frames).rev().find(|(state, _)| due(**state));
        let (bytes, shape) = match last {
            Some((_, found)) => (found.end, known.shapes.get(found.shape).cloned()),
            None => (HEAD, None),
        };
        file.set_len(bytes).map_err(refused("write", path))?;
        Ok(Self { path: path.into(), file, shape, bytes, last: last.map(|(state, _)| *state) })
    }

    /// The last state that it has.
    pub fn last(&self) -> Option<u32> {
        self.last
    }

    /// Adds the tree of a state. If it cannot be written what has got into the file of it is taken back.
    pub fn write(&mut self, shape: &Shape, tree: &Tree) -> Result<(), HashesError> {
        let mut bytes = Vec::new();
        if self.shape.as_ref() != Some(shape) {
            piece(SHAPE, &serde_json::to_vec(shape).unwrap_or_default(), &mut bytes);
        }
        piece(STATE, &state(shape, tree), &mut bytes);
        self.append(&bytes)?;
        (self.shape, self.last) = (Some(shape.clone()), Some(tree.tick.frames_done()));
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), HashesError> {
        self.file.write_all_at(bytes, self.bytes).map_err(|source| {
            // To cut a file takes no room.
            let _ = self.file.set_len(self.bytes);
            refused("write", &self.path)(source)
        })?;
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Brings it to the disk.
    pub fn sync(&mut self) -> Result<(), HashesError> {
        self.file.flush().and_then(|()| self.file.sync_data()).map_err(refused("write", &self.path))
    }
}

fn piece(kind: u32, holds: &[u8], into: &mut Vec<u8>) {
    let from = into.len();
    into.extend(kind.to_le_bytes());
    into.extend(0u32.to_le_bytes());
    into.extend((holds.len() as u64).to_le_bytes());
    into.extend_from_slice(holds);
    let sum = XxHash3_64::oneshot(&into[from..]);
    into.extend(sum.to_le_bytes());
}

fn state(shape: &Shape, tree: &Tree) -> Vec<u8> {
    let mut bytes = tree.tick.frames_done().to_le_bytes().to_vec();
    let counts = tree.rows.iter().copied().chain(tree.blocks.iter().map(|blocks| blocks.len() as u32));
    counts.for_each(|count| bytes.extend(count.to_le_bytes()));
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    tree.signals.iter().for_each(|bits| bytes.extend(bits.to_le_bytes()));
    tree.blocks.iter().flatten().for_each(|hash| bytes.extend(hash.to_le_bytes()));
    bytes.extend(shape.root(tree).to_le_bytes());
    bytes
}

/// Trees that have been written: what there is of them is known, and each is read when it is asked for.
#[derive(Debug)]
pub struct Hashes {
    path: PathBuf,
    file: File,
    shapes: Vec<Shape>,
    states: BTreeMap<u32, Found>,
}

/// Where a state's tree is.
#[derive(Clone, Copy, Debug)]
struct Found {
    shape: usize,
    start: u64,
    end: u64,
    root: u128,
}

impl Hashes {
    /// Looks through a file.
    pub fn read(path: &Path) -> Result<Self, HashesError> {
        let wrong = |why: &str| HashesError::Wrong { path: path.into(), why: why.into() };
        let file = File::open(path).map_err(refused("read", path))?;
        let bytes = file.metadata().map_err(refused("read", path))?.len();
        let mut head = [0; HEAD as usize];
        let whole = bytes >= HEAD && file.read_exact_at(&mut head, 0).is_ok() && word(&head, 12) == Some(0);
        if !whole || !head.starts_with(&MAGIC) {
            return Err(wrong("it has no hash trees of states"));
        }
        let version = word(&head, 8).unwrap_or_default();
        if version != VERSION {
            return Err(wrong(&format!("it has version {version} of the format, and this engine reads {VERSION}")));
        }
        let mut known = Self { path: path.into(), file, shapes: Vec::new(), states: BTreeMap::new() };
        let mut at = HEAD;
        while let Some((kind, end)) = known.piece(at, bytes).map_err(refused("read", path))? {
            match (kind, known.shapes.len().checked_sub(1)) {
                (SHAPE, _) => {
                    let holds = known.holds(at, end)?;
                    let shape = serde_json::from_slice(&holds).map_err(|e| wrong(&e.to_string()))?;
                    known.shapes.push(shape);
                }
                (STATE, Some(shape)) => {
                    let (mut state, mut root) = ([0; 4], [0; 16]);
                    known.file.read_exact_at(&mut state, at + PIECE).map_err(refused("read", path))?;
                    known.file.read_exact_at(&mut root, end - 24).map_err(refused("read", path))?;
                    let (state, root) = (u32::from_le_bytes(state), u128::from_le_bytes(root));
                    if state > FRAMES_MAX {
                        return Err(wrong(&format!("the piece at byte {at} is of no state that there can be")));
                    }
                    let found = Found { shape, start: at, end, root };
                    // Where the program is another one from a state on, the file has that of both: the later one goes on.
                    known.states.insert(state, found);
                }
                _ => return Err(wrong(&format!("the piece at byte {at} is none that belongs there"))),
            }
            at = end;
        }
        Ok(known)
    }

    /// The kind of the piece at a byte, and where it ends; nothing where no whole piece is.
    fn piece(&self, at: u64, bytes: u64) -> io::Result<Option<(u32, u64)>> {
        if at + PIECE > bytes {
            return Ok(None);
        }
        let mut head = [0; PIECE as usize];
        self.file.read_exact_at(&mut head, at)?;
        let kind = word(&head, 0).unwrap_or_default();
        let holds =
            u64::from(word(&head, 8).unwrap_or_default()) | u64::from(word(&head, 12).unwrap_or_default()) << 32;
        let end = holds.checked_add(at + PIECE + 8).filter(|end| *end <= bytes && holds >= 20);
        Ok(end.map(|end| (kind, end)))
    }

    /// What a piece holds, if it is what was written.
    fn holds(&self, at: u64, end: u64) -> Result<Vec<u8>, HashesError> {
        let mut all = Vec::new();
        let size = usize::try_from(end - at).unwrap_or(usize::MAX);
        all.try_reserve_exact(size)
            .map_err(|e| refused("read", &self.path)(io::Error::new(ErrorKind::OutOfMemory, e)))?;
        all.resize(size, 0);
        self.file.read_exact_at(&mut all, at).map_err(refused("read", &self.path))?;
        let (piece, sum) = all.split_at(size - 8);
        if XxHash3_64::oneshot(piece).to_le_bytes() != *sum {
            return Err(self.wrong(format!("the bytes {at} .. {end} are not what was written")));
        }
        Ok(piece[PIECE as usize..].to_vec())
    }

    fn wrong(&self, why: String) -> HashesError {
        HashesError::Wrong { path: self.path.clone(), why }
    }

    /// The states that it has, ascending, with their state hashes.
    pub fn states(&self) -> impl Iterator<Item = (u32, u128)> {
        self.states.iter().map(|(state, found)| (*state, found.root))
    }

    /// The tree of a state, with what it is the tree of; nothing if it has none.
    pub fn tree(&self, state: u32) -> Result<Option<(&Shape, Tree)>, HashesError> {
        let Some(found) = self.states.get(&state) else { return Ok(None) };
        let (shape, holds) = (&self.shapes[found.shape], self.holds(found.start, found.end)?);
        let tree = tree(shape, &holds).filter(|tree| tree.tick == Tick::after_frames(state));
        match tree.filter(|tree| shape.root(tree) == found.root) {
            Some(tree) => Ok(Some((shape, tree))),
            None => Err(self.wrong(format!("what it says of frame {state} is no tree of its columns"))),
        }
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// A tree from its bytes, if they are one.
fn tree(shape: &Shape, bytes: &[u8]) -> Option<Tree> {
    let (groups, columns) = (shape.groups.len(), shape.columns());
    let words = (0..1 + groups + columns).map(|at| word(bytes, 4 * at)).collect::<Option<Vec<u32>>>()?;
    let mut rest = bytes.get((4 * words.len()).next_multiple_of(8)..)?;
    let mut wide = |count: usize, size: usize| -> Option<Vec<u128>> {
        let taken = rest.get(..count.checked_mul(size)?)?;
        rest = &rest[taken.len()..];
        let number = |bytes: &[u8]| bytes.iter().rev().fold(0, |number: u128, byte| number << 8 | u128::from(*byte));
        Some(taken.chunks_exact(size).map(number).collect())
    };
    let signals = wide(shape.signals.len(), 8)?.into_iter().map(|bits| bits as u64).collect();
    let blocks = words[1 + groups..].iter().map(|blocks| wide(*blocks as usize, 16)).collect::<Option<_>>()?;
    let root = wide(1, 16)?;
    let tick = Tick(words[0].checked_add(1)?);
    (rest.is_empty() && root.len() == 1).then(|| Tree { tick, rows: words[1..=groups].to_vec(), blocks, signals })
}

#[cfg(test)]
mod tests {
    use super::*;
    use diptych_protocol::tree::{GroupShape, Named};
    use diptych_protocol::types::Scalar;

    fn shape(columns: usize) -> Shape {
        let named = |at: usize| Named { name: format!("C{at}"), scalar: Scalar::F64 };
        let groups = vec![GroupShape { name: "g".into(), columns: (0..columns).map(named).collect() }];
        Shape { block_rows: 4, groups, signals: vec![named(9)] }
    }

    fn tree_of(columns: usize, state: u32) -> Tree {
        let hash = |column: usize, block: u128| (column as u128) << 100 | u128::from(state) << 64 | block;
        Tree {
            tick: Tick::after_frames(state),
            rows: vec![9],
            blocks: (0..columns).map(|column| (0..3).map(|block| hash(column, block)).collect()).collect(),
            signals: vec![u64::MAX - u64::from(state)],
        }
    }

    fn place(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("diptych-hashes-{}-{name}", std::process::id()))
    }

    #[test]
    fn what_is_written_is_read_and_a_cut_piece_is_left_out() {
        let path = place("whole");
        let mut writer = HashWriter::create(&path, true).unwrap();
        for (columns, state) in [(2, 0), (2, 10), (3, 10), (3, 20)] {
            writer.write(&shape(columns), &tree_of(columns, state)).unwrap();
        }
        drop(writer);
        let whole = std::fs::read(&path).unwrap();
        let known = Hashes::read(&path).unwrap();
        assert_eq!(known.states().map(|(state, _)| state).collect::<Vec<_>>(), [0, 10, 20]);
        for (columns, state) in [(2, 0), (3, 10), (3, 20)] {
            let (found, tree) = known.tree(state).unwrap().unwrap();
            assert_eq!((found, &tree), (&shape(columns), &tree_of(columns, state)));
            assert_eq!(known.states[&state].root, shape(columns).root(&tree));
        }
        assert!(known.tree(5).unwrap().is_none());
        // As a killed run leaves it: whole states, up to some byte.
        let mut seen = Vec::new();
        for bytes in 0..=whole.len() {
            std::fs::write(&path, &whole[..bytes]).unwrap();
            match Hashes::read(&path) {
                Ok(known) => seen.push(known.states().count()),
                Err(error) => assert!(bytes < HEAD as usize, "{bytes}: {error}"),
            }
        }
        assert!(seen.is_sorted() && seen.first() == Some(&0) && seen.last() == Some(&3), "{seen:?}");
        // A run that is resumed goes on behind the state that it goes on from.
        std::fs::write(&path, &whole[..whole.len() - 3]).unwrap();
        let mut writer = HashWriter::resume(&path, 15, 10).unwrap();
        assert_eq!(writer.last(), Some(10));
        writer.write(&shape(3), &tree_of(3, 20)).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), whole);
        drop(writer);
        let mut writer = HashWriter::resume(&path, 25, 15).unwrap();
        writer.write(&shape(2), &tree_of(2, 10)).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), whole[..std::fs::metadata(&path).unwrap().len() as usize]);
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn any_byte_that_is_another_one_is_found() {
        let path = place("damaged");
        let mut writer = HashWriter::create(&path, true).unwrap();
        writer.write(&shape(1), &tree_of(1, 7)).unwrap();
        let whole = std::fs::read(&path).unwrap();
        let read = || Hashes::read(&path).and_then(|known| known.tree(7).map(|tree| tree.map(|(_, tree)| tree)));
        assert_eq!(read().unwrap(), Some(tree_of(1, 7)));
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 4;
            std::fs::write(&path, &bytes).unwrap();
            // Where it makes a piece longer than the file there is none.
            assert!(!matches!(read(), Ok(Some(_))), "byte {at}");
        }
        std::fs::remove_file(&path).unwrap();
    }
}
