//! Checking: types, limits and ownership. Makes a [`Model`]: what was written, with every value known and every
//! name looked up.

mod assign;
mod births;
mod buses;
mod calls;
mod cells;
mod changes;
mod components;
pub mod convert;
pub mod expressions;
mod far;
mod fields;
mod files;
mod functions;
mod groups;
mod inputs;
mod lints;
mod matchings;
mod membership;
mod optional;
mod outputs;
mod points;
mod queries;
pub mod rasters;
mod reads;
mod records;
mod reductions;
mod references;
mod row_buses;
mod rows;
pub mod rules;
pub mod shapes;
mod states;
mod systems;
mod time;
pub mod typed;
mod unions;
mod walks;
mod world;

use std::path::Path;

use diptych_protocol::graph::NodeKind;
use diptych_protocol::nan::NanPolicy;
use diptych_protocol::program::{Reach, Span, When};
use diptych_protocol::space::Space;
use diptych_protocol::types::{Type, Value};

use crate::compile::Settings;
use crate::diagnostic::Diagnostics;
use crate::resolve::Names;
use crate::syntax::ast;
use crate::table::Column;
pub use crate::types::births::{Change, Declared, Edit};
use crate::types::expressions::Checker;
pub use crate::types::fields::Field;
pub use crate::types::inputs::Input;
pub use crate::types::optional::{Gain, Loss};
use crate::types::rasters::Raster;
pub use crate::types::row_buses::Publication;
use crate::types::rules::RuleBody;
pub use crate::types::states::State;
use crate::types::typed::Typed;

/// A checked scenario. Groups, indexes and systems stand as in [`Names`].
#[derive(Default, Debug)]
#[allow(missing_docs)]
pub struct Model<'a> {
    pub run: Run,
    pub space: Space,
    pub params: Vec<(String, Value)>,
    pub groups: Vec<Group<'a>>,
    pub indexes: Vec<Index>,
    pub inverses: Vec<Inverse>,
    pub matchings: Vec<Matching>,
    pub systems: Vec<System<'a>>,
    pub reductions: Vec<Reduction>,
    /// What state blocks remember.
    pub states: Vec<State>,
    /// The fields.
    pub fields: Vec<Field>,
    /// What systems publish on buses of rows.
    pub publications: Vec<Publication>,
    /// Each after those it needs.
    pub signals: Vec<Signal>,
    /// Those of them that are set from outside.
    pub inputs: Vec<Input>,
    pub ensures: Vec<Ensure>,
    /// A place in `signals`.
    pub until: Option<usize>,
    pub records: Vec<Record>,
    /// What sinks take of rows.
    pub extracts: Vec<Extract>,
    /// What signals read of finished states.
    pub finished: Vec<Place>,
    /// The columns of files.
    pub data: Vec<Column>,
}

/// The inverse of a reference column.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Inverse {
    pub name: String,
    pub span: Span,
    pub place: Place,
    pub when: When,
    pub to: usize,
}

/// A pairing of rows.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Matching {
    pub name: String,
    pub span: Span,
    /// One if rows of a group are paired with each other; none if it is wrong, and told.
    pub sides: Vec<Side>,
    /// Where rows meet, and whether by fresh references.
    pub meeting: Option<(usize, When)>,
    /// What filters read.
    pub reads: Vec<Place>,
}

/// One side of a matching.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Side {
    pub group: usize,
    /// The member by which it meets others.
    pub place: Option<usize>,
    pub filter: Option<Typed>,
}

impl Matching {
    /// The group of those that rows of a side are paired with.
    pub fn partners(&self, side: usize) -> usize {
        self.sides[(side + 1) % self.sides.len()].group
    }
}

/// An aggregate over rows.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Reduction {
    pub group: usize,
    pub how: diptych_protocol::program::Reduce,
    pub value: Option<Typed>,
    pub filter: Option<Typed>,
    pub span: Span,
}

/// A value of each finished state.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Signal {
    pub name: String,
    pub span: Span,
    /// Its place among the named ones, if it has a name.
    pub number: Option<usize>,
    /// A signal, an event or a bus.
    pub kind: NodeKind,
    pub value: Typed,
}

/// What must hold.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Ensure {
    pub text: String,
    /// Places in [`Model::signals`].
    pub holds: usize,
    pub sides: Option<(usize, usize)>,
    pub span: Span,
}

/// A table in a file.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Record {
    pub path: String,
    pub every: u32,
    pub what: Recorded,
    pub span: Span,
}

/// What the rows of a record are.
#[derive(Debug)]
pub enum Recorded {
    /// One a state: places in [`Model::signals`].
    Signals(Vec<(String, usize)>),
    /// Rows of a group: the place in [`Model::extracts`].
    Rows(usize),
}

/// What a sink takes of rows.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Extract {
    pub group: usize,
    pub filter: Option<Typed>,
    pub sample: Option<f64>,
    pub columns: Vec<(String, Typed)>,
    pub span: Span,
}

/// The settings of the run.
#[derive(Clone, Copy, Default, Debug)]
#[allow(missing_docs)]
pub struct Run {
    pub frames: u32,
    pub dt: f64,
    /// Frames after which time begins again; 0: never.
    pub cycle: u32,
    pub seed: u64,
    pub nan: NanPolicy,
    /// Nothing: as many as there are cores.
    pub workers: Option<u16>,
}

/// Where a group's rows come from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// A blueprint.
    Blueprint,
    /// The buckets of an index.
    Buckets(usize),
}

/// A group.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Group<'a> {
    pub name: &'a str,
    pub span: Span,
    /// The most it can have.
    pub rows: u32,
    /// Those of set-up, where rows come and go.
    pub first: Option<u32>,
    pub origin: Origin,
    /// How its rows stand as cells, if it is a grid.
    pub raster: Option<Raster>,
    pub members: Vec<Member>,
}

impl Group<'_> {
    /// The place of a component.
    pub fn member(&self, component: &str) -> Option<usize> {
        self.members.iter().position(|member| member.name == component)
    }
}

/// A component of a group.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Member {
    /// Of one of several leaves with the way to it: `Body.mass`.
    pub name: String,
    /// The component it is of.
    pub component: String,
    pub span: Span,
    pub ty: Type,
    pub position: bool,
    /// Whether a later initialiser uses it.
    pub used: bool,
    pub value: Option<Typed>,
    /// The system that owns it, and where it says so.
    pub owner: Option<(usize, Span)>,
    pub role: Role,
    /// Where rows may be without it: the member that says which have it.
    pub presence: Option<usize>,
    /// Whether systems add or remove it.
    pub gained: bool,
}

/// What a member is of a row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// A value of a component.
    Value,
    /// Whether the row has an optional component.
    Presence,
    /// Whether the member with this place was assigned in the frame before, or is new.
    Mark(usize),
}

/// An index.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Index {
    pub name: String,
    /// Whether the scenario names it; others are made where rules look for neighbours.
    pub declared: bool,
    pub span: Span,
    pub group: usize,
    pub when: When,
    pub kind: IndexKind,
    pub summary: Option<Summary>,
    pub buckets: Option<usize>,
}

/// What a tree sums: members of its group, by their places.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Summary {
    pub sums: Vec<usize>,
    pub angle: f32,
}

/// How an index finds rows, as far as the scenario says. Of those that it does not declare [`crate::indexes`] decides.
#[derive(Clone, Copy, PartialEq, Debug)]
#[allow(missing_docs)]
pub enum IndexKind {
    Tree {
        bucket_rows: u32,
    },
    /// Without a cell: as large as the largest reach of the loops that ask it.
    Grid {
        cell: Option<f32>,
    },
}

/// A component of a group, by its places.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[allow(missing_docs)]
pub struct Place {
    pub group: usize,
    pub member: usize,
}

/// A declared read.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Read {
    pub place: Place,
    pub when: When,
    pub reach: Reach,
    pub span: Span,
}

/// A system.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct System<'a> {
    pub name: &'a str,
    pub span: Span,
    pub group: usize,
    /// The kernel's name, where it is native.
    pub kernel: Option<&'a ast::Name>,
    pub body: Option<RuleBody>,
    pub owns: Vec<Place>,
    pub reads: Vec<Read>,
    pub indexes: Vec<usize>,
    pub inverses: Vec<usize>,
    pub matchings: Vec<usize>,
    pub constants: Vec<(String, Value)>,
    /// The births and ends that a native system asks for.
    pub edits: Vec<Declared>,
    pub batch_rows: Option<u32>,
}

/// Checks a scenario. What depends on something wrong is left out, mistakes are told.
pub fn check<'a>(names: &'a Names<'a>, settings: &Settings, folder: &Path, diagnostics: &mut Diagnostics) -> Model<'a> {
    diagnostics.types = names.types();
    let mut checker = Checker::new(names, diagnostics);
    checker.folder = folder.to_path_buf();
    let params = checker.constants(settings);
    let run = checker.run(settings);
    let space = checker.space();
    let mut model = Model { run, space, params, ..Model::default() };
    checker.groups(&mut model);
    checker.indexes(&mut model);
    checker.derived(&mut model);
    checker.matchings(&mut model);
    checker.systems(&mut model);
    checker.filters(&mut model);
    checker.outputs(&mut model);
    checker.idle_buses(&mut model);
    checker.unused_functions(&mut model);
    model.data = std::mem::take(&mut checker.data);
    if !checker.diagnostics.failed() {
        checker.unused_unions();
        checker.unused_fields(&model);
        checker.unread_buses();
        lints::lint(&model, names, &checker.used, checker.diagnostics);
    }
    model
}
