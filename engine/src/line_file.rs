//! A text file of whole lines. Where the disk is full, or may not be used further, in the middle of a line, what has got into
//! the file of that line is taken back: nobody reads half a row.

use std::fs::File;
use std::io::{self, ErrorKind, Seek, SeekFrom, Write};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::FlockOperation;
use rustix::io::Errno;

/// How long it is waited for a file that another process has locked.
const LOCK_MAX: Duration = Duration::from_millis(500);

/// Locks a file for this process: only one at a time writes it. What is no file cannot be locked.
pub(crate) fn lock(file: &File) -> io::Result<()> {
    if !file.metadata()?.is_file() {
        return Ok(());
    }
    let begun = Instant::now();
    loop {
        match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
            // Of a run that was just killed, a worker that is being started may have it still.
            Err(Errno::WOULDBLOCK) if begun.elapsed() < LOCK_MAX => thread::sleep(Duration::from_millis(20)),
            Err(Errno::WOULDBLOCK) => return Err(io::Error::new(ErrorKind::ResourceBusy, "another run writes it")),
            Err(Errno::INTR) => {}
            // A file system that knows no locks.
            Ok(()) | Err(_) => return Ok(()),
        }
    }
}

/// A file that lines are appended to.
pub(crate) struct LineFile {
    file: File,
    /// Lines that are not in the file yet, and where each ends.
    pending: Vec<u8>,
    ends: Vec<usize>,
    /// Whole lines in the file, and its bytes with them.
    lines: u64,
    bytes: u64,
}

impl LineFile {
    /// Over a file that is empty.
    pub(crate) fn new(file: File) -> Self {
        Self { file, pending: Vec::new(), ends: Vec::new(), lines: 0, bytes: 0 }
    }

    /// Of a file whose first bytes, so many, are so many whole lines.
    pub(crate) fn at(file: File, lines: u64, bytes: u64) -> Self {
        Self { lines, bytes, ..Self::new(file) }
    }

    /// Cuts the file behind its last whole line, and goes on from there.
    pub(crate) fn cut(&mut self) -> io::Result<()> {
        self.file.set_len(self.bytes)?;
        self.file.seek(SeekFrom::Start(self.bytes)).map(|_| ())
    }

    /// The file.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Bytes of its whole lines; nothing of a pipe, which nobody can cut back.
    pub(crate) fn bytes(&self) -> Option<u64> {
        self.file.metadata().is_ok_and(|about| about.is_file()).then_some(self.bytes)
    }

    /// Adds a line, its end included, for the next flush.
    pub(crate) fn push(&mut self, line: &[u8]) {
        self.pending.extend_from_slice(line);
        self.ends.push(self.pending.len());
    }

    /// Bytes of lines that are not in the file yet.
    pub(crate) fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Whole lines in the file.
    pub(crate) fn lines(&self) -> u64 {
        self.lines
    }

    /// Writes what was added. If that fails the file is cut behind its last whole line, and what is not in it is forgotten.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        let mut done = 0;
        let result = loop {
            if done == self.pending.len() {
                break Ok(());
            }
            match self.file.write(&self.pending[done..]) {
                Ok(0) => break Err(ErrorKind::WriteZero.into()),
                Ok(more) => done += more,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        let whole = self.ends.iter().take_while(|end| **end <= done).count();
        self.lines += whole as u64;
        self.bytes += self.ends[..whole].last().map_or(0, |end| *end as u64);
        self.pending.clear();
        self.ends.clear();
        if result.is_err() {
            // A pipe cannot take back what it has passed on; to cut a file takes no room.
            let _ = self.file.set_len(self.bytes);
        }
        result
    }
}
