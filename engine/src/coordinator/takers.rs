//! What is made of whole states while the run goes on: records of rows, pictures.
//!
//! A state that is due for a taker is the last one that workers may come to before the coordinator has looked at it. It puts a
//! hold on it ([`Lease`]), lets workers run the next frame, and meanwhile has each taker copy what it needs: that is short, and
//! nothing of it computes a bit of a frame. What is slow is done by the taker's own thread ([`Post`]), from the copy. Where that
//! cannot keep up, workers wait, or the state is left out and counted: [`OnSlow`] says which, never silently.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};
use diptych_protocol::id::Tick;
use diptych_protocol::outputs::state_of;
use diptych_protocol::program::Program;
use diptych_protocol::still::{Lease, Still};
use diptych_protocol::track::Damaged;

use super::RunError;
use super::checkpoints::Wake;
use super::records::{OnSlow, RecordError};
use super::site::Site;
use super::write_errors::WriteErrors;
use crate::signals::Patience;

/// Takes something of whole states.
pub(super) trait Taker {
    /// The state that it takes next; nothing if it takes none but the last.
    fn due(&self) -> Option<u32>;

    /// Whether it can take one without waiting.
    fn is_ready(&self) -> bool;

    /// What it does where it is not.
    fn on_slow(&self) -> OnSlow;

    /// Copies what it needs of the state, if it is due for it, or if it is the last one and it does not have it.
    fn take(&mut self, still: &Still<'_>, last: bool);

    /// Leaves out the state that it is due for.
    fn skip(&mut self);

    /// What has gone wrong since it was last asked; `all`: when all is written that it has taken.
    fn settle(&mut self, all: bool) -> Result<(), RecordError>;

    /// The run goes on with another program from this state on, which the old one has left as it is here.
    fn swap(&mut self, old: &Still<'_>, new: &Program, state: u32) -> Result<(), RecordError>;
}

/// Who takes, and of which state.
pub(super) struct Takers {
    bell: Bell,
    /// The state that is held for them.
    held: Option<Tick>,
}

impl Takers {
    pub(super) fn new() -> Self {
        Self { bell: Bell::default(), held: None }
    }

    /// Whom their threads wake when they can take more.
    pub(super) fn bell(&self) -> Bell {
        self.bell.clone()
    }

    /// From now on somebody hears.
    pub(super) fn hear(&self, wake: &Wake) {
        // Only the first counts: a run has one.
        let _ = self.bell.wake.set(Arc::clone(wake));
    }

    /// From now on somebody may lose patience with a sink that does not come to an end.
    pub(super) fn wait_no_longer_than(&self, patience: Patience) {
        let _ = self.bell.patience.set(patience);
    }

    /// Whether a state that is complete waits for them.
    pub(super) fn is_due<'t>(takers: impl Iterator<Item = &'t dyn Taker>, published: Tick) -> bool {
        let mut due = takers.filter_map(Taker::due);
        due.any(|state| Tick::after_frames(state) <= published)
    }

    /// The last tick that workers may run.
    pub(super) fn room<'t>(&self, takers: impl Iterator<Item = &'t dyn Taker>) -> Tick {
        let due = takers.filter_map(Taker::due).map(Tick::after_frames).min().unwrap_or(Tick(u32::MAX));
        self.held.map_or(due, |held| due.max(held.next()))
    }

    /// Holds the state that is due, if all who are due can take it. Whoever cannot is waited for, or leaves it out.
    pub(super) fn hold<'t>(
        &mut self,
        takers: impl Iterator<Item = &'t mut dyn Taker>,
        site: &Site,
        published: Tick,
    ) -> Result<(), RunError> {
        let (mut ready, mut waits) = (false, false);
        for taker in takers {
            let Some(due) = taker.due().filter(|state| Tick::after_frames(*state) <= published) else { continue };
            if Tick::after_frames(due) < published {
                // Nobody may have come so far.
                return Err(Damaged.into());
            }
            match (taker.is_ready(), taker.on_slow()) {
                (true, _) => ready = true,
                (false, OnSlow::Wait) => waits = true,
                (false, OnSlow::Skip) => taker.skip(),
            }
        }
        // A checkpoint may be looking at an earlier one: it is told that it is waited for.
        if ready && !waits && self.held.is_none() && site.board().held().is_none() {
            if !site.board().hold(published) {
                return Err(Damaged.into());
            }
            self.held = Some(published);
        }
        Ok(())
    }

    /// Has those who are due take the state that is held: workers run the next frame meanwhile. False if none is.
    pub(super) fn take<'t>(
        &mut self,
        takers: impl Iterator<Item = &'t mut dyn Taker>,
        site: &Site,
    ) -> Result<bool, RunError> {
        let Some(held) = self.held.take() else { return Ok(false) };
        let mut track = site.track();
        let there = track.at(held);
        let Some(lease) = Lease::held(&track).filter(|_| there) else { return Err(Damaged.into()) };
        let still = lease.still();
        let due = |taker: &&mut dyn Taker| taker.due() == Some(state_of(held));
        for taker in takers.filter(due) {
            taker.take(&still, false);
            debug_assert_ne!(taker.due(), Some(state_of(held)), "it has taken a state and is due for it still");
        }
        Ok(true)
    }

    /// The last state, once nobody runs any more.
    pub(super) fn finish<'t>(
        takers: impl Iterator<Item = &'t mut dyn Taker>,
        still: &Still<'_>,
        errors: &mut WriteErrors,
    ) -> Result<(), RecordError> {
        let mut result = Ok(());
        for taker in takers {
            taker.take(still, true);
            result = result.and(errors.weigh(taker.settle(true)));
        }
        result
    }
}

/// Wakes whoever supervises, once somebody does; and knows how long may be waited.
#[derive(Clone, Default)]
pub(super) struct Bell {
    wake: Arc<OnceLock<Wake>>,
    patience: Arc<OnceLock<Patience>>,
}

impl Bell {
    fn ring(&self) {
        if let Some(wake) = self.wake.get() {
            wake();
        }
    }

    fn is_over(&self) -> bool {
        self.patience.get().is_some_and(Patience::is_over)
    }
}

/// Work that may be on its way to a thread. One is written while the next is taken.
const ON_THE_WAY: usize = 2;
/// How long is waited between two looks at whether there is patience.
const LOOK_EVERY: Duration = Duration::from_millis(50);

type Question<S> = Box<dyn FnOnce(&mut S) + Send>;

enum Letter<S, W> {
    Work(W),
    Question(Question<S>),
}

/// Why a thread has no answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum Unanswered {
    /// It panicked, now or before.
    #[error("the thread that writes it panicked: a fault of diptych; please report it")]
    Panicked,
    /// Nobody waits for it any longer.
    #[error("it was written too slowly, and the run was told to stop twice")]
    GivenUp,
}

impl From<Unanswered> for io::Error {
    fn from(why: Unanswered) -> Self {
        io::Error::other(why)
    }
}

/// A thread of its own for something that is slow: it has a state, and does work in the order in which it comes. Dropping it waits
/// until all is done, or nobody has patience.
pub(super) struct Post<S, W> {
    to: Option<Sender<Letter<S, W>>>,
    on_the_way: Arc<AtomicUsize>,
    failed: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    bell: Bell,
}

impl<S: Send + 'static, W: Send + 'static> Post<S, W> {
    /// A thread that does work: `work` says whether it failed, and then does no more of it.
    pub(super) fn new(
        name: &str,
        mut state: S,
        mut work: impl FnMut(&mut S, W) -> bool + Send + 'static,
        bell: Bell,
    ) -> io::Result<Self> {
        let (to, letters): (_, Receiver<Letter<S, W>>) = unbounded();
        let (on_the_way, failed) = (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
        let (fewer, gone_wrong, done) = (Arc::clone(&on_the_way), Arc::clone(&failed), bell.clone());
        let run = move || {
            for letter in letters {
                let worked = matches!(letter, Letter::Work(_));
                // What was half done when it panicked is not gone on with: it has failed.
                let failed = catch_unwind(AssertUnwindSafe(|| match letter {
                    Letter::Work(it) => gone_wrong.load(Ordering::Relaxed) || work(&mut state, it),
                    Letter::Question(question) => {
                        question(&mut state);
                        false
                    }
                }));
                if failed.unwrap_or(true) {
                    gone_wrong.store(true, Ordering::Release);
                }
                if worked {
                    fewer.fetch_sub(1, Ordering::Release);
                    done.ring();
                }
            }
        };
        let thread = thread::Builder::new().name(name.into()).spawn(run)?;
        Ok(Self { to: Some(to), on_the_way, failed, thread: Some(thread), bell })
    }

    /// Whether more work can be put without heaping it up.
    pub(super) fn has_room(&self) -> bool {
        self.on_the_way.load(Ordering::Acquire) < ON_THE_WAY
    }

    /// Whether work has failed.
    pub(super) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    /// More work.
    pub(super) fn put(&self, work: W) {
        self.on_the_way.fetch_add(1, Ordering::AcqRel);
        if let Some(to) = &self.to {
            // It only fails where the thread is gone, and that it never is.
            let _ = to.send(Letter::Work(work));
        }
    }

    /// Asks the state something, behind all the work before.
    pub(super) fn ask<A: Send + 'static>(
        &self,
        question: impl FnOnce(&mut S) -> A + Send + 'static,
    ) -> Result<A, Unanswered> {
        let (answer, hear) = bounded(1);
        let question: Question<S> = Box::new(move |state| drop(answer.send(question(state))));
        let to = self.to.as_ref().ok_or(Unanswered::Panicked)?;
        to.send(Letter::Question(question)).map_err(|_| Unanswered::Panicked)?;
        loop {
            match hear.recv_timeout(LOOK_EVERY) {
                Ok(answer) => return Ok(answer),
                Err(RecvTimeoutError::Disconnected) => return Err(Unanswered::Panicked),
                Err(RecvTimeoutError::Timeout) if self.bell.is_over() => return Err(Unanswered::GivenUp),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

impl<S, W> Drop for Post<S, W> {
    fn drop(&mut self) {
        self.to = None;
        let Some(thread) = self.thread.take() else { return };
        while !thread.is_finished() {
            if self.bell.is_over() {
                // It ends with the process.
                return;
            }
            thread::sleep(Duration::from_millis(1));
        }
        // A panic is caught, and has been told.
        let _ = thread.join();
    }
}
