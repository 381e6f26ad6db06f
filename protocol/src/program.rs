//! The program: what a scenario is compiled to. Immutable data in dense tables, the same on every machine.

mod hash;

use serde::{Deserialize, Serialize};

use crate::body::{Body, Loop, with_asked};
pub use crate::commands::Input;
pub use crate::edits::{Change, Edit, Living, Newborn, Turns};
use crate::graph::Field;
use crate::grid::{self, GridShape};
use crate::id::{
    BodyId, ColumnId, DataId, EditId, EnumId, GroupId, IndexId, InverseId, MatchingId, ReductionId, SignalId, SourceId,
    StepId, SystemId,
};
use crate::inverse::InverseShape;
use crate::kd;
use crate::limits::ROWS_MAX;
pub use crate::matching::{MatchPhase, Matching, Meeting, Side};
use crate::nan::NanPolicy;
use crate::raster::Raster;
pub use crate::reduction::{Bins, Reduce, Reduction};
pub use crate::sinks::{Ensure, Extract, Form, Layer, Outputs, PointSize, Record, Recorded, Render, Scene};
use crate::space::{Edge, Space};
pub use crate::steps::{Domain, EditPhase, IndexPhase, InversePhase, Schedule, Stage, StageKind, Step, Work};
use crate::table::Table;
use crate::types::{Scalar, Type, Value};

/// The version of this format; a reader that does not know it refuses.
pub const PROGRAM_VERSION: u32 = 14;

/// A compiled scenario.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Program {
    /// [`PROGRAM_VERSION`].
    pub version: u32,
    /// The scenario's name.
    pub scenario: String,
    /// The seed of every draw.
    pub seed: u64,
    /// Frames to run.
    pub frames: u32,
    /// The time step.
    pub dt: f64,
    /// Frames after which time begins again; 0: it never does.
    pub cycle: u32,
    /// What becomes of the run if a rule makes a value that is no number. No part of the program's hash.
    pub nan: NanPolicy,
    /// The space of the positions.
    pub space: Space,
    /// The parameters with the values of this run, in the scenario's order.
    pub params: Vec<(String, Value)>,
    /// The sets of variants.
    pub enums: Table<EnumId, Enum>,
    /// What groups are made from, read from files; the values themselves travel beside the program.
    pub data: Table<DataId, Data>,
    /// The populations.
    pub groups: Table<GroupId, Group>,
    /// The columns of all groups.
    pub columns: Table<ColumnId, Column>,
    /// The spatial indexes.
    pub indexes: Table<IndexId, Index>,
    /// The inverses of reference columns.
    pub inverses: Table<InverseId, Inverse>,
    /// The pairings of rows.
    pub matchings: Table<MatchingId, Matching>,
    /// The rules.
    pub systems: Table<SystemId, System>,
    /// The births and ends that rules ask for.
    pub edits: Table<EditId, Edit>,
    /// Expression code.
    pub bodies: Table<BodyId, Body>,
    /// The aggregates over the rows of groups, of each finished state.
    pub reductions: Table<ReductionId, Reduction>,
    /// The values of each finished state.
    pub signals: Table<SignalId, Signal>,
    /// What is made of them.
    pub outputs: Outputs,
    /// The entries of the schedule.
    pub steps: Table<StepId, Step>,
    /// What runs when.
    pub schedule: Schedule,
    /// The values that rows have beside their columns. Debug metadata: no part of the program's hash.
    pub fields: Vec<Field>,
    /// The texts that spans point into. Debug metadata: no part of the program's hash.
    pub sources: Table<SourceId, Source>,
}

/// A named set of variants; a value is the place of one.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Enum {
    /// The name.
    pub name: String,
    /// The variants, in order.
    pub variants: Vec<String>,
}

/// A column of a file that a group is made from.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Data {
    /// The column's name in the file.
    pub name: String,
    /// What it holds.
    pub scalar: Scalar,
    /// How many values.
    pub rows: u32,
    /// XXH3-128 of the values' bytes, little-endian: the values are part of the program's hash through it.
    pub content: u128,
}

/// A named population.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Group {
    /// The name.
    pub name: String,
    /// The most rows it can have: of a group that is neither derived nor living, always so many.
    pub rows: u32,
    /// Where its rows come from.
    pub origin: Origin,
    /// The component that is the position, as its columns (one to three of one float type); empty if it has none.
    pub position: Vec<ColumnId>,
    /// In which order its rows are kept; without one they stay where set-up put them.
    pub order: Option<Order>,
    /// How its rows stand as cells, if they do.
    pub raster: Option<Raster>,
    /// What it has beside, if its rows come and go.
    pub living: Option<Living>,
    /// Where it was written.
    pub span: Span,
}

impl Group {
    /// Whether its rows are made anew each frame.
    pub fn derived(&self) -> bool {
        matches!(self.origin, Origin::Buckets(_))
    }

    /// Whether a scenario has it: directories are made for others.
    pub fn is_written(&self) -> bool {
        !matches!(self.origin, Origin::Directory(_))
    }

    /// Whether its rows are a population: made by a blueprint, and kept.
    pub fn lasts(&self) -> bool {
        matches!(self.origin, Origin::Blueprint(_))
    }

    /// Whether a row is not always the same entity's.
    pub fn rows_move(&self) -> bool {
        self.order.is_some() || self.living.is_some()
    }

    /// The column that says which entity each row is, by its index; without one that is the row's number.
    #[inline]
    pub fn entities(&self) -> Option<ColumnId> {
        self.living.map(|living| living.entities).or(self.order.map(|order| order.entities))
    }

    /// Its rows before set-up evaluates them.
    pub fn first_rows(&self) -> u32 {
        match (self.living, self.origin) {
            (Some(living), _) => living.first,
            (None, Origin::Buckets(_)) => 0,
            (None, Origin::Blueprint(_) | Origin::Directory(_)) => self.rows,
        }
    }
}

/// An order that a group's rows are kept in: those of `next` stand in the slots of an index over `prev`. So what is near
/// in space is near in memory, and rows move each frame, all columns of the group together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Order {
    /// The index.
    pub index: IndexId,
    /// The column that says which entity a row is (`u32`); set-up's rows are the entities of their numbers. Where rows come and
    /// go it is [`Living::entities`].
    pub entities: ColumnId,
}

/// Where a group's rows come from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Origin {
    /// A blueprint, evaluated once a row at set-up.
    Blueprint(BodyId),
    /// One row a bucket of an index, made anew each frame: such rows have no identity and no `prev`.
    Buckets(IndexId),
    /// One row for each entity that a living group can have: where it is.
    Directory(GroupId),
}

/// One scalar column.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Column {
    /// The group whose rows it has.
    pub group: GroupId,
    /// The component it belongs to.
    pub component: String,
    /// The component's type.
    pub component_type: Type,
    /// Which lane of the component.
    pub lane: u8,
    /// What it holds a row.
    pub scalar: Scalar,
    /// The system that writes it each frame. Without one it keeps what set-up wrote.
    pub owner: Option<SystemId>,
    /// Whether nobody owns it, and its rows come and go: its two panels follow the births and ends of the frames.
    pub edited: bool,
    /// The matching that writes it anew each frame: then it has no `prev`, set-up leaves it out, and it is no part of the
    /// state. No system owns such a column.
    pub matched: Option<MatchingId>,
    /// Whether its owner makes it anew each frame for other systems of that frame alone: then it has no `prev` either, set-up
    /// leaves it out, and it is no part of the state.
    pub draft: bool,
    /// Whether it is a mark (`bool`): of a row that its owner does not look at it is false, whatever it was.
    pub mark: bool,
}

impl Column {
    /// Whether each frame makes a new state of it: by its owner, or by births and ends.
    #[inline]
    pub fn is_made(&self) -> bool {
        self.owner.is_some() || self.edited
    }

    /// Whether it is part of the state: what a frame starts from, and hands on.
    #[inline]
    pub fn is_kept(&self) -> bool {
        self.matched.is_none() && !self.draft
    }

    /// Two panels where frames make new states of the column, else one.
    #[inline]
    pub fn panels(&self) -> u8 {
        if self.is_made() && self.is_kept() { 2 } else { 1 }
    }

    /// `Position.x`, or just `Mass`.
    pub fn name(&self) -> String {
        let lane = self.component_type.lane_names()[usize::from(self.lane)];
        if lane.is_empty() { self.component.clone() } else { format!("{}.{lane}", self.component) }
    }
}

/// A spatial index over a group's positions.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Index {
    /// The name.
    pub name: String,
    /// The group whose rows it holds.
    pub group: GroupId,
    /// The position columns, one an axis.
    pub positions: Vec<ColumnId>,
    /// Whether it is built over `prev` positions or over those made earlier in the frame.
    pub when: When,
    /// How it finds rows.
    pub kind: IndexKind,
    /// The derived group of its buckets, if the scenario names one.
    pub buckets: Option<GroupId>,
    /// Where it was written.
    pub span: Span,
}

/// How an index finds rows.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum IndexKind {
    /// A k-d tree: any distance, clustered rows, the nearest, buckets.
    Tree {
        /// Rows of a bucket, at the most, one of [`crate::limits::KD_BUCKETS`]. Where rows are kept in its order a bucket may
        /// have a quarter more, if that is not the largest of these.
        bucket_rows: u32,
        /// What its nodes keep of their rows, for [`Over::Far`](crate::body::Over::Far).
        summary: Option<Summary>,
    },
    /// Rows sorted by the cells of a grid: for a constant reach, and rows spread over the space.
    Grid {
        /// The least edge of a cell, above 0. Along x it is a part of that.
        cell: f32,
        /// What of the rows is copied into the order of cells, each once: what loops read of the others. Of `fresh`
        /// columns the index's own positions alone.
        copies: Vec<(ColumnId, When)>,
    },
}

/// What the nodes of a tree keep of their rows, so that one can stand for all of them; see [`crate::summary`].
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Summary {
    /// Columns of the index's group, floats, none of them twice or a position: each node has the sum of their `prev` values
    /// over its rows, whatever positions the index is built over. The first is a component of its own, and weighs the
    /// barycentre.
    pub sums: Vec<ColumnId>,
    /// The opening angle, 0 to [`ANGLE_MAX`](crate::limits::ANGLE_MAX), a ratio of lengths: the smaller, the nearer to the
    /// sum over all rows.
    pub angle: f32,
}

impl Index {
    /// The phases of building it, in the order they run.
    pub fn phases(&self, space: &Space) -> &'static [IndexPhase] {
        match (&self.kind, space.edge) {
            (IndexKind::Tree { .. }, _) => &IndexPhase::TREE,
            (IndexKind::Grid { .. }, Edge::Open) => &IndexPhase::GRID,
            (IndexKind::Grid { .. }, _) => &IndexPhase::GRID[1..],
        }
    }

    /// Rows of a batch of the phases that go over the rows of a group that has so many.
    pub fn batch_rows(&self, rows: u32) -> u32 {
        match self.kind {
            IndexKind::Tree { .. } => kd::count_batch_rows(rows),
            IndexKind::Grid { .. } => grid::count_batch_rows(rows),
        }
    }

    /// Rows of a bucket; nothing where it has no buckets.
    pub fn bucket_rows(&self) -> Option<u32> {
        match self.kind {
            IndexKind::Tree { bucket_rows, .. } => Some(bucket_rows),
            IndexKind::Grid { .. } => None,
        }
    }

    /// What its nodes keep of their rows; nothing of a grid.
    pub fn summary(&self) -> Option<&Summary> {
        match &self.kind {
            IndexKind::Tree { summary, .. } => summary.as_ref(),
            IndexKind::Grid { .. } => None,
        }
    }
}

/// The inverse of a reference column: for each row of one group the rows of another (or the same) that refer to it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Inverse {
    /// A name for people.
    pub name: String,
    /// The group whose rows refer.
    pub group: GroupId,
    /// The column that refers: `u32`, of sort [`Sort::Entity`](crate::types::Sort).
    pub column: ColumnId,
    /// The other column of the reference, where it has one: which life of the entity is meant.
    pub lives: Option<ColumnId>,
    /// Whether it is made of `prev` references or of those made earlier in the frame.
    pub when: When,
    /// The group that is referred to.
    pub to: GroupId,
    /// Where it was first asked for.
    pub span: Span,
}

/// One value of a finished state: a scalar.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Signal {
    /// Its name; of what has none of its own, its text.
    pub name: String,
    /// Its type.
    pub ty: Type,
    /// Whether the scenario names it: then the summary shows it.
    pub named: bool,
    /// Where it was written.
    pub span: Span,
}

/// Which panel a read sees.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum When {
    /// The state this frame started from.
    Prev,
    /// What an earlier step of this frame made.
    Fresh,
}

/// How far a read reaches.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Reach {
    /// The system's own row.
    Own,
    /// Any row of the column's group.
    Any,
}

/// A declared read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Read {
    /// What is read.
    pub column: ColumnId,
    /// Which panel.
    pub when: When,
    /// How far.
    pub reach: Reach,
}

/// A rule: it owns columns of one group and writes each of their rows each frame.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct System {
    /// The name.
    pub name: String,
    /// The group it runs over.
    pub group: GroupId,
    /// The columns it writes.
    pub owns: Vec<ColumnId>,
    /// The columns it reads.
    pub reads: Vec<Read>,
    /// The indexes it asks.
    pub indexes: Vec<IndexId>,
    /// The inverses it asks.
    pub inverses: Vec<InverseId>,
    /// What it does.
    pub code: Code,
    /// A body about the own row of `prev` that gives one `bool`: where it is false, the system's own body leaves all that it
    /// owns as it was, but for marks, which are false then, and asks for no birth and no end. It changes no bit; it says which rows need not be looked at.
    pub only: Option<BodyId>,
    /// Named constants for a native kernel.
    pub constants: Vec<(String, Value)>,
    /// Rows of a batch, where the scenario says so.
    pub batch_rows: Option<u32>,
    /// Where it was written.
    pub span: Span,
}

/// What a system does with a row.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Code {
    /// A kernel that the program's host registered under this name.
    Native(String),
    /// Compiled text.
    Body(BodyId),
    /// What it owns stays as it is, and moves with its rows: what nobody else writes of a group that is kept in an
    /// [`Order`].
    Carry,
}

/// A text that spans point into.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Source {
    /// The path as it was given.
    pub path: String,
    /// The text.
    pub text: String,
}

/// A byte range of a source.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Span {
    /// The first byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Program {
    /// The time of a state, by its number: that times the time step; where time is cyclic, the number within the cycle.
    #[inline]
    pub fn time(&self, state: u32) -> f64 {
        f64::from(state.checked_rem(self.cycle).unwrap_or(state)) * self.dt
    }

    /// The column of a group's component lane.
    pub fn column(&self, group: GroupId, component: &str, lane: u8) -> Option<ColumnId> {
        self.columns
            .iter()
            .find(|(_, c)| c.group == group && c.lane == lane && c.component == component)
            .map(|(id, _)| id)
    }

    /// All columns of a component, in lane order; empty where the group lacks it.
    pub fn component(&self, group: GroupId, component: &str) -> Vec<ColumnId> {
        let mut lanes: Vec<_> =
            self.columns.iter().filter(|(_, c)| c.group == group && c.component == component).collect();
        lanes.sort_by_key(|(_, c)| c.lane);
        lanes.into_iter().map(|(id, _)| id).collect()
    }

    /// The group with this name.
    pub fn group(&self, name: &str) -> Option<GroupId> {
        self.groups.iter().find(|(_, g)| g.name == name).map(|(id, _)| id)
    }

    /// The bodies that a system runs, ascending: its own, if its code is one, what says which rows it looks at, the
    /// questions and conditions of its loops, and what those ask in turn.
    pub fn bodies_of(&self, system: SystemId) -> Vec<BodyId> {
        match self.systems[system].code {
            Code::Body(body) => {
                let mut all = with_asked(&self.bodies, body);
                if let Some(only) = self.systems[system].only
                    && let Err(place) = all.binary_search(&only)
                {
                    all.insert(place, only);
                }
                all
            }
            Code::Native(_) | Code::Carry => Vec::new(),
        }
    }

    /// The loops of the bodies that a system runs.
    pub fn loops_of(&self, system: SystemId) -> impl Iterator<Item = &Loop> {
        self.bodies_of(system).into_iter().flat_map(|body| self.bodies[body].loops.values())
    }

    /// Whether a column says who or where the rows of its group are: no component that a scenario has.
    pub fn names_entities(&self, column: ColumnId) -> bool {
        self.groups.values().any(|group| {
            let lives = |it: Living| [it.entities, it.generations, it.directory].contains(&column);
            group.living.is_some_and(lives) || group.order.is_some_and(|order| order.entities == column)
        })
    }

    /// The births and ends that a system asks for.
    pub fn edits_of(&self, system: SystemId) -> impl Iterator<Item = (EditId, &Edit)> {
        self.edits.iter().filter(move |(_, edit)| edit.system == system)
    }

    /// Whether the rows of an index's group are kept in its order.
    #[inline]
    pub fn keeps_order(&self, index: IndexId) -> bool {
        self.groups[self.indexes[index].group].order.is_some_and(|order| order.index == index)
    }

    /// How large an inverse is.
    pub fn inverse_shape(&self, inverse: InverseId) -> InverseShape {
        let Inverse { group, to, .. } = self.inverses[inverse];
        InverseShape::new(self.groups[group].rows, self.groups[to].rows)
    }

    /// How large a grid is; nothing of a tree.
    pub fn grid_shape(&self, index: IndexId) -> Option<GridShape> {
        let index = &self.indexes[index];
        match index.kind {
            IndexKind::Tree { .. } => None,
            IndexKind::Grid { cell, .. } => Some(GridShape::new(self.groups[index.group].rows, &self.space, cell)),
        }
    }

    /// The chunks that an index is built in.
    pub fn index_chunks(&self, index: IndexId) -> u32 {
        let rows = self.groups[self.indexes[index].group].rows.min(ROWS_MAX);
        self.grid_shape(index).map_or_else(|| kd::chunks(rows), |shape| shape.chunks)
    }

    /// The stages of a tick.
    #[inline]
    pub fn stages(&self, tick: crate::id::Tick) -> &[Stage] {
        if tick == crate::id::Tick::SETUP { &self.schedule.setup } else { &self.schedule.frame }
    }

    /// `file:line:column` of a span, if the text is at hand.
    pub fn place_of(&self, span: Span) -> Option<String> {
        let source = self.sources.values().next()?;
        let before = source.text.get(..span.start as usize)?;
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|&c| c != '\n').count() + 1;
        Some(format!("{}:{line}:{column}", source.path))
    }
}
