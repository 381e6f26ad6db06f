//! Writing one checkpoint, beside the run: from the panels themselves as long as nobody needs them, from a copy of what is left
//! where somebody does.

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use diptych_protocol::checkpoint::{HEAD_BYTES, Head, Image, Run, Sums};
use diptych_protocol::id::Tick;
use diptych_protocol::still::{Lease, Still};
use diptych_protocol::track::Damaged;
use rustix::fs::FallocateFlags;
use rustix::io::Errno;
use rustix::time::{ClockId, clock_gettime};

use super::folder::{begun_of, path_of};
use crate::coordinator::inject::Disk;
use crate::coordinator::site::Site;
use crate::journal::ENGINE;

/// Bytes that are written at a time: few enough to be in the cache still when their checksum is made.
const AT_ONCE: usize = 128 << 10;

/// What both sides know of the panels that are being written from.
#[derive(Default)]
pub(super) struct Hold {
    /// Workers wait for them.
    pub(super) wanted: AtomicBool,
    /// They have been given back.
    pub(super) over: AtomicBool,
}

/// A checkpoint that has been written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Done {
    pub(super) tick: Tick,
    pub(super) bytes: u64,
    /// Bytes that were copied since workers waited for their panels, and how long that took.
    pub(super) copied: u64,
    pub(super) copying: Duration,
    pub(super) took: Duration,
    /// What a core did for it.
    pub(super) cpu: Duration,
}

/// What one checkpoint needs beside the state.
pub(super) struct Task {
    pub(super) folder: PathBuf,
    pub(super) run: Run,
    /// Files that must be on the disk before it counts: what they hold belongs to it.
    pub(super) first: Vec<File>,
    pub(super) disk: Disk,
}

/// Writes the state that is held, and lets go of it as soon as nothing of it is needed any more, which `tell` is called for.
pub(super) fn beside(site: &Site, tick: Tick, task: &Task, hold: &Hold, tell: &dyn Fn()) -> io::Result<Done> {
    let (since, cpu) = (Instant::now(), cpu());
    let mut track = site.track();
    let there = track.at(tick);
    let Some(lease) = Lease::held(&track).filter(|_| there) else {
        return Err(io::Error::other(Damaged));
    };
    let image = Image::new(&lease.still(), ENGINE, &task.run);
    let mut out = Out::create(task, tick, &image)?;
    let (mut copied, mut copying) = (0, Duration::ZERO);
    let rest = match out.write(&image, || hold.wanted.load(Ordering::Acquire))? {
        true => {
            drop(image);
            None
        }
        false => {
            let begun = Instant::now();
            let bytes = image.borrowed(out.piece) as u64;
            match image.own(out.piece) {
                Ok(rest) => {
                    (copied, copying) = (bytes, begun.elapsed());
                    Some(rest)
                }
                // There is no memory for a copy: workers wait.
                Err(image) => {
                    out.write(&image, || false)?;
                    None
                }
            }
        }
    };
    drop(lease);
    hold.over.store(true, Ordering::Release);
    tell();
    if let Some(rest) = rest {
        out.write(&rest, || false)?;
    }
    let bytes = out.finish(task)?;
    Ok(Done { tick, bytes, copied, copying, took: since.elapsed(), cpu: cpu_since(cpu) })
}

/// Writes a state that nobody goes on from; nothing comes of it if it is told to stop.
pub(super) fn alone(state: &Still<'_>, task: &Task, stop: impl Fn() -> bool) -> io::Result<Option<Done>> {
    let (since, cpu) = (Instant::now(), cpu());
    let image = Image::new(state, ENGINE, &task.run);
    let mut out = Out::create(task, state.tick(), &image)?;
    if !out.write(&image, stop)? {
        return Ok(None);
    }
    let bytes = out.finish(task)?;
    Ok(Some(Done {
        tick: state.tick(),
        bytes,
        copied: 0,
        copying: Duration::ZERO,
        took: since.elapsed(),
        cpu: cpu_since(cpu),
    }))
}

/// What this thread has used of a core.
fn cpu() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs() as u32)
}

fn cpu_since(before: Duration) -> Duration {
    cpu().saturating_sub(before)
}

/// A file that becomes a checkpoint. Dropped before, it goes.
struct Out {
    file: File,
    begun: PathBuf,
    path: PathBuf,
    head: Head,
    sums: Sums,
    /// What is written next: the piece, and from which byte on.
    piece: usize,
    byte: usize,
    whole: bool,
}

impl Out {
    fn create(task: &Task, tick: Tick, image: &Image<'_>) -> io::Result<Self> {
        let frame = tick.frames_done();
        let (begun, path) = (begun_of(&task.folder, frame), path_of(&task.folder, frame));
        let file = File::options().write(true).create(true).truncate(true).open(&begun)?;
        let (head, sums) = (image.head(), Sums::default());
        let mut out = Self { file, begun, path, head, sums, piece: 0, byte: 0, whole: false };
        task.disk.space(frame)?;
        // A disk that is too full is known before anything is written. Not every file system can say.
        match rustix::fs::fallocate(&out.file, FallocateFlags::empty(), 0, image.bytes()) {
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
        out.file.seek(SeekFrom::Start(HEAD_BYTES as u64))?;
        Ok(out)
    }

    /// Goes on writing pieces; false if it was told to stop before the end.
    fn write(&mut self, image: &Image<'_>, stop: impl Fn() -> bool) -> io::Result<bool> {
        while self.piece < image.pieces() {
            let piece = image.piece(self.piece);
            while self.byte < piece.len() {
                if stop() {
                    return Ok(false);
                }
                let bytes = &piece[self.byte..piece.len().min(self.byte + AT_ONCE)];
                self.sums.add(bytes);
                self.file.write_all(bytes)?;
                self.byte += bytes.len();
            }
            self.file.write_all(self.sums.add_padding(piece.len()))?;
            (self.piece, self.byte) = (self.piece + 1, 0);
        }
        Ok(true)
    }

    /// Makes it a checkpoint, which stays one even if the machine goes down.
    fn finish(mut self, task: &Task) -> io::Result<u64> {
        let sealed = std::mem::take(&mut self.sums).seal(self.head);
        self.file.write_all(&sealed.sums)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&sealed.head)?;
        self.file.sync_all()?;
        task.first.iter().try_for_each(File::sync_data)?;
        fs::rename(&self.begun, &self.path)?;
        self.whole = true;
        File::open(&task.folder)?.sync_all()?;
        Ok(self.head.bytes)
    }
}

impl Drop for Out {
    fn drop(&mut self) {
        if !self.whole {
            // If it stays, the next run in this folder removes it.
            let _ = fs::remove_file(&self.begun);
        }
    }
}
