//! Every invariant of a program, checked apart from the passes that made it: after compiling, and again in every
//! worker that receives it. Whatever the data, this neither panics nor runs long.
//!
//! Tables (`verify/tables.rs`):
//!
//! - The version is known; there are at most [`FRAMES_MAX`] frames; the time step is finite and above 0.
//! - The space has one to three dimensions; a torus or box is finite, its high corner above the low one.
//! - Every id is in range.
//! - A group has 1 to [`ROWS_MAX`] rows.
//! - A component has one lane, or two or three of a float; each of its lanes is exactly one column of its scalar.
//! - A position is a whole component of floats, as many as the space has dimensions.
//! - The cells of a raster are the rows of its group, which has a blueprint and no position. It has one to three axes,
//!   and cells along each; what columns read as outside of them has their types, each once.
//! - An index is over all positions of a group with a blueprint; a tree has buckets of one of [`KD_BUCKETS`].
//! - A grid has cells of a finite length above 0, over positions of `f32`; it copies columns of its group, each once, of
//!   `fresh` ones its own positions alone. It has no buckets; only systems in text ask it, and only within a reach.
//! - A derived group and its index name each other; it has the rows its index can have buckets, and no position.
//! - A system owns something; each owned column is of its group, and owned by no other; columns and systems agree.
//! - Every column of a derived group has an owner.
//! - An own-row read is of the system's group; `prev` is not read of a derived group; `fresh` is read of columns that
//!   another system owns; an index over `fresh` has owned positions.
//! - An inverse is of a reference column between groups with blueprints; over `fresh` references somebody makes them.
//! - A matching (`verify/matchings.rs`) has two sides of two groups with blueprints, or one. Each has a column of its own
//!   that refers to the other's group, which nobody else writes; rows meet by references of both sides to one group.
//!   A filter is a body without stores that gives a `bool`, from own rows of `prev` alone.
//! - What is matched is read fresh, of the own row; no index and no inverse has it.
//! - The body of the outputs gives each signal, with its type; conditions are `bool`; a record has columns, a
//!   step, and a file of its own. Inputs, at most [`COMMANDS_MAX`], are kept in signals of their own.
//! - Rows a batch are a multiple of [`ROW_ALIGN`] and not 0.
//!
//! Bodies (`verify/bodies.rs`):
//!
//! - Operations stand before their uses, and take and give the types that they say.
//! - An operand is visible: it stands outside of all loops that its use is not in. Loops nest, and their parts stand
//!   where [`crate::body::Loop`] says. A loop's own values are used in its body, its results after it.
//! - What a body reads is declared by its system, and asked of indexes and inverses that the system names; a body at
//!   set-up reads no column, asks nothing; one about a finished state has no loop.
//! - A spatial loop measures from the own position; or from what its question gives, an earlier body without stores whose
//!   results are a point and perhaps a radius. Only trees are asked so.
//! - The condition of a loop over the nearest is an earlier body without stores. It gives the bits that one of its loops
//!   carries, and whether the row asks. That loop goes over the nearest of the same index, without a condition; its bits
//!   come one a turn, from the lowest on, and its turns know nothing of each other. The loop with the condition has no
//!   question: the condition's loop has it.
//! - A read at an offset is of the own group, which has a raster, along axes that it has; beyond the edge there is a
//!   value for it.
//! - A blueprint stores every column of its group exactly once, a system's body every column that it owns; with
//!   their type, from outside of all loops.
//!
//! Drafts and conditions (`verify/only.rs`):
//!
//! - A draft is owned, of a group with a blueprint, no position, and never read of `prev`. A mark is owned, and a `bool`.
//! - Which rows a system need not look at says a body without stores and loops that gives a `bool`, from the own row of
//!   `prev` alone; only systems in text have one, over rows
//!   that last, which make no drafts.
//!
//! Orders (`verify/order.rs`):
//!
//! - The order of a group is that of an index over its rows of `prev`, the only one over them. Each of its columns has an
//!   owner; that of its entities is carried, and nothing is carried in a group without an order.
//! - Its rules are bodies that go by the slots of that index. Nobody sees its rows by their numbers: no reference, no
//!   inverse, no loop over all of them, no native system. Rows that come and go are found by their directory: what is
//!   `prev` may be read through references to them, and they may have inverses.
//! - Who asks for the nearest of rows that move reads who these are.
//!
//! Births and ends (`verify/edits.rs`):
//!
//! - A living group has a blueprint, no raster. Two columns of its own name its entities, edited or, in a group in order,
//!   carried, and an edited one of a directory of its own, which has as many rows as the group has room for. Edited are just
//!   the columns of such groups that nobody owns.
//! - An edit is asked for by a body, whose results it takes, each once; a system's body gives no others. A birth has a
//!   value of its type for each column of the group.
//! - Set-up names the entities once. In a frame the phases of births and ends stand in order behind all other work but
//!   aggregation and the commit.
//!
//! Schedule (`verify/schedule.rs`):
//!
//! - At most [`STAGES_MAX`] stages, and [`STAGE_BATCHES_MAX`] batches in each, [`TICKETS_MAX`] in all; no stage is empty.
//! - Every step stands in exactly one stage, of its kind, and its domain is what its work divides.
//! - Set-up evaluates every blueprint once; the frame runs every system once, in a pass over its group.
//! - The last stage, and no other, is the commit, alone.
//! - The phases of an index stand in order, a stage each; so do the four of an inverse, and the five of a matching.
//! - A fresh read is complete: of the own row in an earlier stage, or earlier in the same pass; of any row in an
//!   earlier stage. An index over `fresh` begins after the owner's stage.
//! - A system that asks an index, or runs over its buckets, stands in a stage after the index's last phase; one that
//!   asks an inverse after the inverse's. An inverse of `fresh` references begins after the owner's stage.
//!   A system that reads a partner stands after the matching, which begins after the owners of where rows meet.
//!
//! Reductions (`verify/reductions.rs`):
//!
//! - A reduction's body gives the value that it needs, and the condition if it is filtered. Bins are 1 to [`BINS_MAX`], between
//!   finite ends; a share is 0 to 1; rows of births and ends come and go.
//! - Groups with reductions by blocks are aggregated once, at set-up and in each frame: in a stage behind which only such work
//!   and the commit stand, or by a pass over rows that stay where they are, each batch of which has whole blocks of them; then
//!   each column that the reductions read is made in that pass, in an earlier stage, or by nobody.
//! - Groups with quantiles are counted by each digit once, and each digit is found once, in a stage after the counting and
//!   before that of the next digit.
//!
//! What sinks take of rows (`verify/extracts.rs`):
//!
//! - Its body gives the lanes of its columns, then the condition if it is filtered, of finished rows that last. A sample is a share
//!   above 0. The bodies of extracts are the last ones: nothing else shares them, so that the program's hash leaves them out.
//! - A layer of a picture takes where its points are (floats), a colour and a size (a float), as far as it says so; cells are a raster's.

mod bodies;
mod conditions;
pub mod edits;
mod extracts;
mod matchings;
mod only;
mod order;
mod rasters;
mod reductions;
mod schedule;
mod tables;
#[cfg(test)]
pub(crate) mod tests;

use thiserror::Error;

use crate::id::{
    BodyId, ColumnId, EditId, ExtractId, GroupId, IndexId, InverseId, LoopId, MatchingId, ReductionId, StepId,
    SystemId, ValueId,
};
#[allow(unused_imports, reason = "the list above names them")]
use crate::limits::{
    BINS_MAX, COMMANDS_MAX, FRAMES_MAX, KD_BUCKETS, ROW_ALIGN, ROWS_MAX, STAGE_BATCHES_MAX, STAGES_MAX, TICKETS_MAX,
};
use crate::program::Program;

/// What is wrong with a program.
#[derive(Clone, PartialEq, Debug, Error)]
#[allow(missing_docs)]
pub enum Violation {
    #[error("the format has version {0}, this reader knows {known}", known = crate::program::PROGRAM_VERSION)]
    Version(u32),
    #[error("{0} frames")]
    Frames(u32),
    #[error("a time step of {0}")]
    TimeStep(f64),
    #[error("the space: {0}")]
    Space(&'static str),
    #[error("{of} names {id}, which does not exist")]
    Id { of: String, id: String },
    #[error("{0:?} has {1} rows")]
    Rows(GroupId, u32),
    #[error("{0:?}: {1}")]
    Column(ColumnId, &'static str),
    #[error("{0:?}: {1}")]
    Position(GroupId, &'static str),
    #[error("{0:?}: {1}")]
    Raster(GroupId, &'static str),
    #[error("{0:?}: {1}")]
    Index(IndexId, &'static str),
    #[error("{0:?}: {1}")]
    Inverse(InverseId, &'static str),
    #[error("{0:?}: {1}")]
    Matching(MatchingId, &'static str),
    #[error("{0:?}: {1}")]
    Reduction(ReductionId, &'static str),
    #[error("{0:?}: {1}")]
    Extract(ExtractId, &'static str),
    #[error("the outputs: {0}")]
    Outputs(&'static str),
    #[error("{0:?}: {1}")]
    Derived(GroupId, &'static str),
    #[error("{0:?}: {1}")]
    Order(GroupId, &'static str),
    #[error("{0:?}: {1}")]
    Living(GroupId, &'static str),
    #[error("{0:?}: {1}")]
    Edit(EditId, &'static str),
    #[error("{0:?} and {1:?}: {2}")]
    Ownership(SystemId, ColumnId, &'static str),
    #[error(
        "{0:?} says which rows it looks at, and is no text, or makes what all rows have: drafts, rows that do not last"
    )]
    Only(SystemId),
    #[error("{0:?} owns nothing")]
    OwnsNothing(SystemId),
    #[error("{0:?} reads {1:?}: {2}")]
    Read(SystemId, ColumnId, &'static str),
    #[error("{of}: {rows} rows a batch")]
    BatchRows { of: String, rows: u32 },
    #[error("{0:?}, {1:?}: {2}")]
    Op(BodyId, ValueId, &'static str),
    #[error("{0:?}: {1}")]
    Body(BodyId, &'static str),
    #[error("{0:?}, {1:?}: {2}")]
    Loop(BodyId, LoopId, &'static str),
    #[error("{0:?} stores {1:?}: {2}")]
    Store(BodyId, ColumnId, &'static str),
    #[error("{0} stages")]
    Stages(usize),
    #[error("a stage of the {tick} with {batches} batches")]
    StageBatches { tick: &'static str, batches: u64 },
    #[error("{0} batches in all stages")]
    Tickets(u64),
    #[error("stage {stage} of the {tick}: {what}")]
    Stage { tick: &'static str, stage: usize, what: &'static str },
    #[error("{0:?}: {1}")]
    Step(StepId, &'static str),
    #[error("{0:?} is evaluated {1} times at set-up")]
    Blueprint(GroupId, usize),
    #[error("{0:?} runs {1} times a frame")]
    SystemRuns(SystemId, usize),
    #[error("{0:?}: its phases do not stand in order, a stage each")]
    IndexPhases(IndexId),
    #[error("{0:?}: its four phases do not stand in order, a stage each")]
    InversePhases(InverseId),
    #[error("{0:?}: its five phases do not stand in order, a stage each")]
    MatchPhases(MatchingId),
    #[error("{0:?} pairs rows where they meet by {1:?} before it is complete")]
    MatchTooEarly(MatchingId, ColumnId),
    #[error("{0:?} reads who is paired by {1:?} before it has paired them")]
    MatchAskedTooEarly(SystemId, MatchingId),
    #[error("{0:?} is made of fresh {1:?} before it is complete")]
    InverseTooEarly(InverseId, ColumnId),
    #[error("{0:?} needs {1:?} before it is listed")]
    InverseAskedTooEarly(SystemId, InverseId),
    #[error("{0:?} reads {1:?} fresh before it is complete")]
    FreshTooEarly(SystemId, ColumnId),
    #[error("{0:?} is built over fresh {1:?} before it is complete")]
    IndexTooEarly(IndexId, ColumnId),
    #[error("{0:?} needs {1:?} before it is sealed")]
    AskedTooEarly(SystemId, IndexId),
}

/// Checks a program. Later checks, which need ids in range and axes that there are, are left out where one is not.
pub fn verify(program: &Program) -> Result<(), Vec<Violation>> {
    let mut violations = Vec::new();
    tables::ids(program, &mut violations);
    tables::space(program, &mut violations);
    if violations.is_empty() {
        tables::check(program, &mut violations);
        rasters::check(program, &mut violations);
        matchings::check(program, &mut violations);
        bodies::check(program, &mut violations);
        bodies::held(program, &mut violations);
        schedule::check(program, &mut violations);
        reductions::check(program, &mut violations);
        extracts::check(program, &mut violations);
        extracts::layers(program, &mut violations);
        matchings::schedule(program, &mut violations);
        order::check(program, &mut violations);
        only::check(program, &mut violations);
        edits::check(program, &mut violations);
        edits::results(program, &mut violations);
    }
    if violations.is_empty() { Ok(()) } else { Err(violations) }
}
