//! The schedule of a program: steps, the stages that they run in, and what their batches divide.

use serde::{Deserialize, Serialize};

use crate::id::{GroupId, IndexId, InverseId, MatchingId, StepId, SystemId};
use crate::matching::MatchPhase;
use crate::program::Program;

/// What runs when, for set-up and for every frame after it. A stage begins when the one before is complete.
#[derive(Clone, PartialEq, Default, Debug, Serialize, Deserialize)]
pub struct Schedule {
    /// The tick that makes state 0.
    pub setup: Vec<Stage>,
    /// Every later tick.
    pub frame: Vec<Stage>,
}

/// Steps that may run together.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Stage {
    /// What kind of work it is.
    pub kind: StageKind,
    /// Its steps.
    pub steps: Vec<StepId>,
}

/// The kinds of stages. Tests walk [`StageKind::ALL`]: each must survive the death of a worker.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum StageKind {
    /// Blueprints are evaluated.
    Setup,
    /// An index is built, a phase a stage; so are inverses and matchings.
    Index,
    /// Systems run.
    Systems,
    /// Births and ends are brought into the rows, a phase a stage.
    Edit,
    /// The finished state is aggregated.
    Reduce,
    /// Signals are computed, and the frame record of the next state is written.
    Commit,
}

impl StageKind {
    /// All of them.
    pub const ALL: [StageKind; 6] =
        [StageKind::Setup, StageKind::Index, StageKind::Systems, StageKind::Edit, StageKind::Reduce, StageKind::Commit];

    /// A word for people.
    pub fn name(self) -> &'static str {
        match self {
            StageKind::Setup => "setup",
            StageKind::Index => "index",
            StageKind::Systems => "systems",
            StageKind::Edit => "edit",
            StageKind::Reduce => "reduce",
            StageKind::Commit => "commit",
        }
    }
}

/// A schedule entry: one piece of work, cut into batches.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Step {
    /// A name for people.
    pub name: String,
    /// What is done.
    pub work: Work,
    /// What the batches divide.
    pub domain: Domain,
}

/// What a step does.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Work {
    /// Evaluate a group's blueprint.
    Blueprint(GroupId),
    /// A phase of building an index.
    Index(IndexId, IndexPhase),
    /// A phase of inverting a reference column.
    Inverse(InverseId, InversePhase),
    /// A phase of pairing rows.
    Match(MatchingId, MatchPhase),
    /// One pass over a group's rows.
    Pass {
        /// Each batch runs these, in this order,
        systems: Vec<SystemId>,
        /// and then, if this is true, aggregates its blocks of rows, as [`Work::Reduce`] would: all reductions of the
        /// group read what has been made of them by then, and find it in the cache.
        reduces: bool,
    },
    /// A phase of bringing births and ends into the rows of a group.
    Edit(GroupId, EditPhase),
    /// Aggregate a group's finished rows: all its reductions that go by blocks.
    Reduce(GroupId),
    /// For the quantiles of a group: count its finished rows by this digit of their keys, of the highest first.
    Tally(GroupId, u8),
    /// For all quantiles: find the value of this digit.
    Pick(u8),
    /// Compute the signals, write the next frame record.
    Commit,
}

/// The phases of building an index in chunks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum IndexPhase {
    /// Tree: choose the planes that part the rows into chunks, from a sample (one batch).
    Split,
    /// Grid: find how far the rows of an open space reach (batches of rows).
    Bounds,
    /// Find each row's chunk, check its position, count rows a chunk (batches of rows).
    Count,
    /// Sum the counts to places (one batch).
    Place,
    /// Bring rows to their chunk (batches of rows).
    Scatter,
    /// Tree: build each chunk's tree and write its buckets, and the summaries of its nodes. Grid: sort each chunk's rows by cell, and copy what is read of
    /// them into that order (batches of one chunk).
    Build,
    /// Tree: number the buckets through, and summarise the nodes above the chunks (one batch).
    Seal,
}

impl Work {
    /// The systems of a pass, in their order; none of other work.
    #[inline]
    pub fn systems(&self) -> &[SystemId] {
        match self {
            Work::Pass { systems, .. } => systems,
            _ => &[],
        }
    }
}

impl IndexPhase {
    /// Those of a k-d tree, in the order they run.
    pub const TREE: [IndexPhase; 6] = [
        IndexPhase::Split,
        IndexPhase::Count,
        IndexPhase::Place,
        IndexPhase::Scatter,
        IndexPhase::Build,
        IndexPhase::Seal,
    ];

    /// Those of a grid in an open space; any other has its edges, and needs no [`IndexPhase::Bounds`].
    pub const GRID: [IndexPhase; 5] =
        [IndexPhase::Bounds, IndexPhase::Count, IndexPhase::Place, IndexPhase::Scatter, IndexPhase::Build];
}

/// The phases of inverting a reference column. The rows that are referred to are cut into chunks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum InversePhase {
    /// Count references a chunk (batches of the referring rows).
    Count,
    /// Sum the counts to places (one batch).
    Place,
    /// Bring the referring rows to the chunk of what they refer to (batches of the referring rows).
    Scatter,
    /// List each row's referrers, in order (batches of one chunk).
    List,
}

impl InversePhase {
    /// In the order they run.
    pub const ALL: [InversePhase; 4] =
        [InversePhase::Count, InversePhase::Place, InversePhase::Scatter, InversePhase::List];
}

/// The phases of births and ends; see [`crate::edits`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum EditPhase {
    /// At set-up: name the entities (batches of blocks).
    Begin,
    /// Bring the panels that nobody owns up to the state that the frame started from; count the entities that end, and tell
    /// their rows (batches of blocks).
    CatchUp,
    /// Count the births that are asked for (a batch a block of those who may ask). May run beside [`EditPhase::CatchUp`].
    Asks,
    /// Count the rows of each block that end (batches of blocks).
    Count,
    /// Balance ends and births: who goes where (one batch).
    Place,
    /// Write the rows that are born (a batch a block of those who may ask).
    Births,
    /// Close the gaps, free the names of the ended (batches of blocks). May run beside [`EditPhase::Births`].
    Gaps,
    /// Of any group: make the names of newborn rows references to them, in all columns that may hold such (batches of
    /// blocks).
    Refer,
}

/// What a step's batches divide.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Domain {
    /// The rows of a group, `batch_rows` at a time.
    Rows {
        /// The group.
        group: GroupId,
        /// A multiple of [`crate::limits::ROW_ALIGN`].
        batch_rows: u32,
    },
    /// The rows of an index's group, so many slots at a time: rows of a batch are near each other, in whatever order they
    /// stand.
    Slots {
        /// A grid, a k-d tree whose summaries the pass asks for, or the index in whose order the rows are kept.
        index: IndexId,
        /// A multiple of [`crate::limits::ROW_ALIGN`].
        batch_rows: u32,
    },
    /// The chunks of an index, one a batch.
    Chunks(IndexId),
    /// The chunks of the rows that an inverse is about, one a batch.
    Targets(InverseId),
    /// The blocks of rows that a group has room for, one a batch.
    Blocks(GroupId),
    /// Those who may ask that rows are born into a living group, cut as the rows that they are: a batch a block, for each edit.
    Births(GroupId),
    /// The chunks of one side of a matching, one a batch.
    Ranks {
        /// The matching.
        matching: MatchingId,
        /// Which of its sides.
        side: u8,
    },
    /// Nothing: one batch.
    Once,
}

impl Domain {
    /// The group whose rows are divided, and how many a batch has.
    pub fn rows(self, program: &Program) -> Option<(GroupId, u32)> {
        match self {
            Domain::Rows { group, batch_rows } => Some((group, batch_rows)),
            Domain::Slots { index, batch_rows } => Some((program.indexes[index].group, batch_rows)),
            Domain::Chunks(_)
            | Domain::Targets(_)
            | Domain::Blocks(_)
            | Domain::Births(_)
            | Domain::Ranks { .. }
            | Domain::Once => None,
        }
    }
}

/// The pass that a system runs in; of a verified program there is one.
pub fn pass_of(program: &Program, system: SystemId) -> (StepId, Domain) {
    let step = program.steps.iter().find(|(_, step)| step.work.systems().contains(&system));
    step.map_or((StepId(0), Domain::Once), |(id, step)| (id, step.domain))
}
