//! Signals that ask for an end: the first lets the frame finish, the second does not. And the one that must not end anything.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::{Handle, Signals as Incoming};

/// From now on a file that grows beyond the limit of this process (`ulimit -f`) is an error of the write, and no signal that
/// ends the process.
pub(crate) fn outlive_file_limits() {
    // Without a handler the run ends where it would have been told why.
    let _ = signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)));
}

/// What comes so soon after the first one is the same request: a terminal, a shell and a batch system may each send one.
const AGAIN: Duration = Duration::from_secs(1);

/// A catch that lasts until it is dropped.
pub(crate) struct Signals {
    count: Arc<AtomicU32>,
    handle: Handle,
}

impl Signals {
    /// Catches from now on.
    pub(crate) fn catch() -> io::Result<Self> {
        let mut incoming = Incoming::new([SIGINT, SIGTERM, SIGHUP])?;
        let (count, handle) = (Arc::new(AtomicU32::new(0)), incoming.handle());
        let counted = Arc::clone(&count);
        thread::Builder::new().name("signals".into()).spawn(move || {
            let mut first: Option<Instant> = None;
            for _ in incoming.forever() {
                if first.get_or_insert_with(Instant::now).elapsed() >= AGAIN || counted.load(Ordering::Acquire) == 0 {
                    counted.fetch_add(1, Ordering::Release);
                }
            }
        })?;
        Ok(Self { count, handle })
    }

    /// Whether one came.
    pub(crate) fn caught(&self) -> bool {
        self.count.load(Ordering::Acquire) > 0
    }

    /// Whether a second one came: no patience for the frame.
    pub(crate) fn insisted(&self) -> bool {
        self.patience().is_over()
    }

    /// What others, who may wait for long, ask now and then.
    pub(crate) fn patience(&self) -> Patience {
        Patience(Arc::clone(&self.count))
    }
}

/// Whether there is any left: until a second signal comes.
#[derive(Clone, Debug)]
pub(crate) struct Patience(Arc<AtomicU32>);

impl Patience {
    /// Whether whoever waits should give up.
    pub(crate) fn is_over(&self) -> bool {
        self.0.load(Ordering::Acquire) > 1
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.handle.close();
    }
}
