//! What coordinator and worker tell each other, over channels: only to begin with. A run needs no message.

use ipc_channel::ipc::IpcSender;
use serde::{Deserialize, Serialize};

use crate::id::WorkerId;
use crate::inject::Injection;
use crate::program::Program;
use crate::trace::Traced;

/// The variable of the environment that makes a process a worker: it holds the name to connect to.
pub const WORKER_VARIABLE: &str = "DIPTYCH_WORKER_CHANNEL";

/// From a worker.
#[derive(Debug, Serialize, Deserialize)]
pub enum FromWorker {
    /// The first message: where to send the handoff.
    Hello(IpcSender<Handoff>),
    /// It has verified the program, bound its kernels and attached; it begins.
    Ready,
    /// It cannot.
    Refused(String),
}

/// All that a worker needs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Handoff {
    /// The program.
    pub program: Program,
    /// The segment to attach to.
    pub segment: String,
    /// The hash of the layout that the coordinator made.
    pub layout_hash: u64,
    /// How many workers there are.
    pub workers: u16,
    /// The worker's slot.
    pub worker: WorkerId,
    /// The coordinator's process: if it is gone, so is the reason to live.
    pub coordinator: u32,
    /// How bodies are run.
    pub backend: Backend,
    /// How to wait.
    pub patience: Patience,
    /// Failures to have.
    pub injections: Vec<Injection>,
    /// What is traced, if anything is.
    pub traced: Option<Traced>,
}

/// How bodies are run. It changes no bit of a result.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub enum Backend {
    /// Operation by operation: what each means.
    Interpreter,
    /// As code of this machine, with the widest vectors that it has.
    #[default]
    Compiled,
    /// As code with vectors of 128 bits.
    Portable,
    /// As code with vectors of 256 bits, where the processor has AVX2.
    Avx2,
    /// As code with vectors of 512 bits, where the processor has AVX-512.
    Avx512,
}

impl Backend {
    /// Its name, on the command line and in the summary.
    pub fn name(self) -> &'static str {
        match self {
            Backend::Interpreter => "interpreter",
            Backend::Compiled => "compiled",
            Backend::Portable => "portable",
            Backend::Avx2 => "avx2",
            Backend::Avx512 => "avx512",
        }
    }
}

/// How long a worker spins before it parks. It changes no bit of a result.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Patience {
    /// Microseconds to spin.
    pub spin_us: u32,
}
