//! Processes, threads and file descriptors: what a run needs of them, and what it says if it may not have them.

use std::error::Error;
use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::RunError;

/// Descriptors that the coordinator holds for a worker (a channel each way, its process), or needs while it starts one.
const DESCRIPTORS_A_WORKER: u64 = 8;
/// What it needs beside: files, signals, threads that read.
const DESCRIPTORS: u64 = 16;

/// Sees to it that this process may open as many files as so many more workers need: as far as it may, it raises its limit.
pub(super) fn descriptors(workers: u16) -> Result<(), RunError> {
    // Those that there are, of a run that goes on with another program also those of the workers that leave.
    let open = std::fs::read_dir("/proc/self/fd").map_or(0, |all| all.count() as u64);
    let needed = open + DESCRIPTORS + DESCRIPTORS_A_WORKER * u64::from(workers);
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|limit| limit >= needed) {
        return Ok(());
    }
    match maximum {
        Some(limit) if limit < needed => Err(RunError::Scarce(format!(
            "{workers} workers need about {needed} file descriptors, and this process may have {limit}; raise the limit \
             (ulimit -n), or use fewer workers"
        ))),
        _ => setrlimit(Resource::Nofile, Rlimit { current: Some(needed), maximum })
            .map_err(|error| refused("raise the limit of file descriptors", &error.into())),
    }
}

/// Starts the threads that look over a finished state, while it is no loss if they cannot be.
pub(super) fn threads() -> Result<(), RunError> {
    match rayon::ThreadPoolBuilder::new().build_global() {
        Err(error) if system(&error).is_some() => Err(refused_threads(&error)),
        // Also where there are some already.
        _ => Ok(()),
    }
}

fn system(error: &rayon::ThreadPoolBuildError) -> Option<&io::Error> {
    error.source()?.downcast_ref()
}

/// Why a pool of threads is not there.
pub(super) fn refused_threads(error: &rayon::ThreadPoolBuildError) -> RunError {
    match system(error) {
        Some(error) => refused("start threads", error),
        None => RunError::Workers(format!("cannot start threads: {error}")),
    }
}

/// Why something is refused: for want of something, or otherwise.
pub(super) fn refused(what: &str, error: &io::Error) -> RunError {
    use rustix::io::Errno;
    let hint = match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::AGAIN) => "raise the limit of processes (ulimit -u; of a container or a service its pids limit)",
        Some(Errno::MFILE) => "raise the limit of open files (ulimit -n)",
        Some(Errno::NFILE) => "the system has as many open files as it can",
        Some(Errno::NOMEM) => "there is too little memory",
        _ => return RunError::Workers(format!("cannot {what}: {error}")),
    };
    RunError::Scarce(format!("cannot {what}: {error}; {hint}, or use fewer workers"))
}
