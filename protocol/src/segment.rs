//! Segments by name: made, allocated before first touch, attached to, and swept when their maker is gone.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::{FallocateFlags, FlockOperation, OFlags};
use rustix::process::Resource;

use crate::cgroup;
use crate::memory::{Mapping, Memory};

/// Where the kernel shows shared memory.
pub const SHM_DIR: &str = "/dev/shm";
const PREFIX: &str = "diptych-";
/// So many names are tried that somebody may have taken.
const NAMES_MAX: u32 = 100;

/// Why there is no segment.
#[derive(Debug, thiserror::Error)]
pub enum SegmentError {
    /// The file system behind shared memory is too small or too full.
    #[error(
        "the run needs {needed} bytes of shared memory ({SHM_DIR}), of which {free} are free; make {SHM_DIR} larger \
         (in a container: --shm-size), free some of it, or use fewer rows"
    )]
    NoRoom {
        /// Bytes needed.
        needed: u64,
        /// Bytes free.
        free: u64,
    },
    /// The machine has less memory left.
    #[error("the run needs {needed} bytes of memory, and the machine has {free} left; use fewer rows")]
    NoMemory {
        /// Bytes needed.
        needed: u64,
        /// Bytes left.
        free: u64,
    },
    /// A control group may not use so much.
    #[error(
        "the run needs {needed} bytes of memory, and the limit of the control group {} ({} bytes) leaves {}; raise it (in a \
         container: --memory), or use fewer rows",
        left.group.display(), left.limit, left.free
    )]
    NoAllowance {
        /// Bytes needed.
        needed: u64,
        /// What there is.
        left: cgroup::Left,
    },
    /// The process may not make such a large file.
    #[error(
        "the run needs {needed} bytes of shared memory in one file, and this process may make files of {limit} bytes; raise \
         the limit (ulimit -f), or use fewer rows"
    )]
    NoFile {
        /// Bytes needed.
        needed: u64,
        /// The limit.
        limit: u64,
    },
    /// The operating system refused.
    #[error("cannot {what} the shared memory segment {name}: {source}")]
    Refused {
        /// What was tried.
        what: &'static str,
        /// The segment.
        name: String,
        /// Why not.
        source: io::Error,
    },
}

/// A segment that this process made. Its name goes when this is dropped.
pub struct Segment {
    name: String,
    memory: Memory,
    /// Held locked as long as the segment is ours: sweepers in other PID namespaces see that, too.
    _lock: File,
}

impl Segment {
    /// Makes a segment of so many bytes, all of them allocated: touching it later cannot fail.
    pub fn create(bytes: usize) -> Result<Self, SegmentError> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let pid = std::process::id();
        let start = process_start(pid).unwrap_or(0);
        let fresh = || Named { pid, start, number: COUNT.fetch_add(1, Ordering::Relaxed) }.to_string();
        let mut name = fresh();
        let needed = bytes as u64;
        let room = fits(needed, &name)?;
        // Who has the same process id and start in another PID namespace, or means harm, may have taken a name.
        for _ in 0..NAMES_MAX {
            if path(&name).symlink_metadata().is_err() {
                break;
            }
            name = fresh();
        }
        let refused =
            |what: &'static str, source: io::Error| SegmentError::Refused { what, name: name.clone(), source };
        let shmem = shared_memory::ShmemConf::new().os_id(format!("/{name}")).size(bytes).create();
        let shmem = shmem.map_err(|e| refused("make", system_error(e)))?;
        let file = open(&name).map_err(|e| refused("open", e))?;
        rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|e| refused("lock", e.into()))?;
        // Making and truncating succeed on a full tmpfs and the first touch kills: allocate now.
        loop {
            match rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, needed) {
                Ok(()) => break,
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::NOSPC) => return Err(SegmentError::NoRoom { needed, free: room.free }),
                Err(e) => return Err(refused("allocate", e.into())),
            }
        }
        let memory = Memory::new(Mapping::Owned(shmem))
            .ok_or_else(|| refused("map", io::Error::other("mapped at address 0")))?;
        Ok(Self { name, memory, _lock: file })
    }

    /// The name, as [`attach`] wants it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The mapping.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }
}

/// Maps a segment that another process made, to read and write.
pub fn attach(name: &str) -> io::Result<Memory> {
    let map = memmap2::MmapRaw::map_raw(&open(name)?)?;
    // The pages are allocated already; this makes them known to this process, which each first touch in a frame
    // would otherwise do at a quarter of a microsecond a page. A kernel before 5.14 refuses: then they do.
    let _ = map.advise(memmap2::Advice::PopulateWrite);
    Memory::new(Mapping::Attached(map)).ok_or_else(|| io::Error::other("mapped at address 0"))
}

/// What the system says, where the library tells it.
fn system_error(error: shared_memory::ShmemError) -> io::Error {
    use shared_memory::ShmemError::{MapCreateFailed, MapOpenFailed, MappingIdExists, UnknownOsError};
    match error {
        MapCreateFailed(code) | MapOpenFailed(code) | UnknownOsError(code) => io::Error::from_raw_os_error(code as i32),
        MappingIdExists => io::ErrorKind::AlreadyExists.into(),
        other => io::Error::other(other.to_string()),
    }
}

/// What a segment's name says: who made it, and when that process was started.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Named {
    pid: u32,
    start: u64,
    number: u32,
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}-{}-{}", self.pid, self.start, self.number)
    }
}

impl Named {
    /// Nothing if no segment has such a name.
    fn parse(name: &str) -> Option<Self> {
        let mut parts = name.strip_prefix(PREFIX)?.split('-');
        let (pid, start, number) = (parts.next()?, parts.next()?, parts.next()?);
        let named = Self { pid: pid.parse().ok()?, start: start.parse().ok()?, number: number.parse().ok()? };
        (named.to_string() == name).then_some(named)
    }
}

/// The file behind a segment.
pub fn path(name: &str) -> PathBuf {
    Path::new(SHM_DIR).join(name)
}

/// Neither follows links nor waits for who is not there.
fn flags() -> i32 {
    (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32
}

fn open(name: &str) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).custom_flags(flags()).open(path(name))
}

/// Opens a segment's file to look at it.
pub(crate) fn open_to_read(name: &str) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(flags()).open(path(name))
}

/// Writes one word of a segment, without mapping it.
pub(crate) fn write_word(name: &str, offset: u64, value: u32) -> io::Result<()> {
    use std::os::unix::fs::FileExt;
    open(name)?.write_all_at(&value.to_le_bytes(), offset)
}

/// How much shared memory the machine has.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// Bytes in all.
    pub size: u64,
    /// Bytes free.
    pub free: u64,
}

/// Asks the file system behind shared memory.
pub fn room() -> io::Result<Room> {
    let stat = rustix::fs::statvfs(SHM_DIR)?;
    Ok(Room { size: stat.f_blocks * stat.f_frsize, free: stat.f_bavail * stat.f_frsize })
}

/// Whether a segment of so many bytes can be made now; the room there is.
pub fn fits(needed: u64, name: &str) -> Result<Room, SegmentError> {
    let room = room().map_err(|source| SegmentError::Refused { what: "find room for", name: name.into(), source })?;
    if needed > room.free {
        return Err(SegmentError::NoRoom { needed, free: room.free });
    }
    if let Some(free) = memory_available().filter(|free| needed > *free) {
        return Err(SegmentError::NoMemory { needed, free });
    }
    if let Some(left) = cgroup::memory_left().filter(|left| needed > left.free) {
        return Err(SegmentError::NoAllowance { needed, left });
    }
    match rustix::process::getrlimit(Resource::Fsize).current {
        Some(limit) if needed > limit => Err(SegmentError::NoFile { needed, limit }),
        _ => Ok(room),
    }
}

/// Bytes of memory that the machine can give without swapping, if the kernel says.
pub fn memory_available() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// When a process was started, in clock ticks since boot; nothing if there is no such process, or if it has ended and only its
/// parent does not know yet: a zombie has no memory.
pub fn process_start(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the command in parentheses, which may hold anything; the state is the third, the start time the 22nd.
    let mut fields = stat[stat.rfind(')')? + 1..].split_ascii_whitespace();
    let lives = !matches!(fields.next()?, "Z" | "X");
    fields.nth(18)?.parse().ok().filter(|_| lives)
}

/// A segment found in the system.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// Its name.
    pub name: String,
    /// The process that made it, in its own name space.
    pub process: u32,
    /// Bytes.
    pub bytes: u64,
    /// Whether the process that made it lives.
    pub in_use: bool,
}

/// All segments of this user: files, no links and no folders, whose names a segment can have.
pub fn list() -> Vec<Found> {
    let Ok(entries) = std::fs::read_dir(SHM_DIR) else { return Vec::new() };
    let user = rustix::process::geteuid().as_raw();
    let mut found: Vec<Found> = entries
        .flatten()
        .filter_map(|entry| {
            use std::os::unix::fs::MetadataExt;
            let name = entry.file_name().into_string().ok()?;
            let named = Named::parse(&name)?;
            // Of the entry itself: links are not followed.
            let meta = entry.metadata().ok()?;
            if meta.uid() != user || !meta.is_file() {
                return None;
            }
            let in_use = process_start(named.pid) == Some(named.start) || locked(&name);
            Some(Found { name, process: named.pid, bytes: meta.len(), in_use })
        })
        .collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// Whether somebody, perhaps in another PID namespace, holds the segment's lock.
fn locked(name: &str) -> bool {
    match open(name) {
        Ok(file) => rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared).is_err(),
        Err(_) => false,
    }
}

/// Removes the segments of this user whose maker is gone; says which.
pub fn sweep() -> Vec<Found> {
    list().into_iter().filter(|found| !found.in_use && std::fs::remove_file(path(&found.name)).is_ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_has_ended_and_is_not_reaped_is_gone() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let state = || std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
        while !state().contains(") Z") {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        assert_eq!(process_start(child.id()), None);
        assert!(process_start(std::process::id()).is_some_and(|start| start > 0));
        child.wait().unwrap();
    }

    #[test]
    fn a_segment_is_private_found_and_gone_when_dropped() {
        use std::os::unix::fs::MetadataExt;
        let segment = Segment::create(8192).unwrap();
        let name = segment.name().to_string();
        assert_eq!(std::fs::metadata(path(&name)).unwrap().mode() & 0o777, 0o600);
        assert!(list().iter().any(|f| f.name == name && f.in_use && f.bytes == 8192));
        let other = attach(&name).unwrap();
        assert_eq!(other.len(), 8192);
        drop(segment);
        assert!(!path(&name).exists());
    }

    #[test]
    fn a_start_sweeps_what_a_dead_maker_left_and_nothing_else() {
        let gone = format!("{PREFIX}4194305-1-0");
        let kept = "diptych-notes.txt";
        std::fs::write(path(&gone), b"x").unwrap();
        std::fs::write(path(kept), b"x").unwrap();
        let mine = Segment::create(4096).unwrap();
        assert!(sweep().iter().any(|f| f.name == gone));
        assert!(!path(&gone).exists() && path(kept).exists() && path(mine.name()).exists());
        std::fs::remove_file(path(kept)).unwrap();
    }

    #[test]
    fn links_folders_and_names_of_others_are_left_alone() {
        let target = std::env::temp_dir().join(format!("diptych-target-{}", std::process::id()));
        std::fs::write(&target, b"x").unwrap();
        let taken = ["4194306-1-0", "4194306-1", "4194306-1-0-9", "4194306-1-x", "+4194306-1-0", "04194306-1-0"];
        let [link, others @ ..] = taken.map(|rest| path(&format!("{PREFIX}{rest}")));
        std::os::unix::fs::symlink(&target, &link).unwrap();
        others.iter().for_each(|other| std::fs::write(other, b"x").unwrap());
        let folder = path(&format!("{PREFIX}4194307-1-0"));
        std::fs::create_dir(&folder).unwrap();
        let swept = sweep();
        assert!(!swept.iter().any(|found| found.name.contains("419430")), "{swept:?}");
        assert!(target.exists() && link.is_symlink() && folder.is_dir() && others.iter().all(|other| other.exists()));
        assert!(attach(link.file_name().unwrap().to_str().unwrap()).is_err());
        others.iter().chain([&link, &target]).for_each(|file| std::fs::remove_file(file).unwrap());
        std::fs::remove_dir(&folder).unwrap();
    }

    #[test]
    fn a_name_that_somebody_has_taken_is_passed_by() {
        let first = Segment::create(4096).unwrap();
        let mut named = Named::parse(first.name()).unwrap();
        let taken: Vec<PathBuf> = (0..3)
            .map(|_| {
                named.number += 1;
                path(&named.to_string())
            })
            .filter(|path| File::create_new(path).is_ok())
            .collect();
        // Those that other tests of this process have made meanwhile are theirs.
        let second = Segment::create(4096).unwrap();
        assert!(!taken.iter().any(|path| path.ends_with(second.name())));
        taken.iter().for_each(|path| std::fs::remove_file(path).unwrap());
    }

    #[test]
    fn a_segment_that_cannot_fit_is_refused_with_the_needed_size() {
        match Segment::create(1 << 52) {
            Err(SegmentError::NoRoom { needed, .. }) => assert_eq!(needed, 1 << 52),
            other => panic!("{:?}", other.err()),
        }
        assert!(!list().iter().any(|f| f.bytes == 1 << 52));
    }
}
