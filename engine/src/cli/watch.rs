//! `run --watch`: a file is looked at while its scenario runs, and compiled when it has changed.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use diptych_protocol::nan::NanPolicy;
use diptych_workers::kernel::Registry;

use super::going::Aside;
use super::scenario;
use crate::catalog::Catalog;
use crate::compile::{self, Compiled, Settings};
use crate::coordinator::Edition;
use crate::source;

/// How often the file is looked at. A text counts once it has stood still for so long.
const EVERY: Duration = Duration::from_millis(50);

/// A watcher. Dropping it ends it.
pub(super) struct Watch {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Release);
        // It only fails where the thread panicked: then it is over, too.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Looks at a file from now on, and gives what it becomes. What is wrong with it is shown.
pub(super) fn watch(
    path: PathBuf,
    running: &Compiled,
    settings: Settings,
    registry: &Registry,
    aside: Aside,
) -> std::io::Result<(Watch, Receiver<Edition>)> {
    let (send, receive) = channel();
    let over = Arc::new(AtomicBool::new(false));
    let (until, registry) = (Arc::clone(&over), registry.clone());
    let text = running.program.sources.values().next().map_or_else(String::new, |source| source.text.clone());
    let mut watched = Watched { path, settings, registry, aside, text, meaning: meaning(running) };
    let look = move || {
        let mut seen = watched.stamp();
        let mut pending = true;
        while !until.load(Ordering::Acquire) {
            thread::sleep(EVERY);
            let now = watched.stamp();
            pending |= now != seen;
            if now == seen && pending {
                pending = false;
                if let Some(edition) = watched.changed()
                    && send.send(edition).is_err()
                {
                    return;
                }
            }
            seen = now;
        }
    };
    let thread = thread::Builder::new().name("watch".into()).spawn(look)?;
    Ok((Watch { over, thread: Some(thread) }, receive))
}

/// What tells one program from another: two texts may mean the same.
fn meaning(compiled: &Compiled) -> Meaning {
    let program = &compiled.program;
    Meaning { hash: program.hash(), sinks: program.sinks_hash(), frames: program.frames, nan: program.nan }
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Meaning {
    hash: u128,
    sinks: u128,
    frames: u32,
    nan: NanPolicy,
}

struct Watched {
    path: PathBuf,
    settings: Settings,
    registry: Registry,
    aside: Aside,
    /// The text that was compiled last,
    text: String,
    /// and what the last one meant that had no errors.
    meaning: Meaning,
}

impl Watched {
    fn stamp(&self) -> Option<(SystemTime, u64)> {
        let metadata = std::fs::metadata(&self.path).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    }

    /// The program that the file has become, if it has become another one.
    fn changed(&mut self) -> Option<Edition> {
        let source = match source::read(&self.path) {
            Ok(source) => source,
            Err(error) => {
                self.aside.say(&format!("{error}\nnote: the run goes on as it was\n"));
                return None;
            }
        };
        if source.text == self.text {
            return None;
        }
        self.text.clone_from(&source.text);
        match compile::compile(&source, &self.settings, &Catalog(&self.registry)) {
            Ok(compiled) => {
                self.aside.say(&scenario::rendered(&source, &compiled.warnings));
                if meaning(&compiled) == self.meaning {
                    self.aside.say("note: the scenario changed, and means what it did\n");
                    return None;
                }
                self.meaning = meaning(&compiled);
                Some(Edition { program: compiled.program, data: compiled.data })
            }
            Err(errors) => {
                let shown = scenario::rendered(&source, &errors);
                self.aside.say(&format!("{shown}note: the run goes on as it was\n"));
                None
            }
        }
    }
}
