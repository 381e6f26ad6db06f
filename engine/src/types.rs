//! Checking: types, limits and ownership. Makes a [`Model`]: what was written, with every value known and every
//! name looked up.

pub mod convert;
pub mod expressions;
mod functions;
mod groups;
mod lints;
mod systems;
pub mod typed;
mod world;

use diptych_protocol::program::{Reach, Span, When};
use diptych_protocol::space::Space;
use diptych_protocol::types::{Type, Value};

use crate::compile::Settings;
use crate::diagnostic::Diagnostics;
use crate::resolve::Names;
use crate::types::expressions::Checker;
use crate::types::typed::Typed;

/// A checked scenario. Groups, indexes and systems stand as in [`Names`].
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Model<'a> {
    pub run: Run,
    pub space: Space,
    pub params: Vec<(String, Value)>,
    pub groups: Vec<Group<'a>>,
    pub indexes: Vec<Index<'a>>,
    pub systems: Vec<System<'a>>,
}

/// The settings of the run.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Run {
    pub frames: u32,
    pub dt: f32,
    pub seed: u64,
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
    /// Of a derived group: the most it can have.
    pub rows: u32,
    pub origin: Origin,
    pub members: Vec<Member<'a>>,
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
pub struct Member<'a> {
    pub name: &'a str,
    pub span: Span,
    pub ty: Type,
    pub position: bool,
    /// Whether a later initialiser uses it.
    pub used: bool,
    pub value: Option<Typed>,
    /// The system that owns it, and where it says so.
    pub owner: Option<(usize, Span)>,
}

/// An index.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Index<'a> {
    pub name: &'a str,
    pub span: Span,
    pub group: usize,
    pub when: When,
    pub bucket_rows: u32,
    pub buckets: Option<usize>,
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
    pub kernel: &'a str,
    pub kernel_span: Span,
    pub owns: Vec<Place>,
    pub reads: Vec<Read>,
    pub indexes: Vec<usize>,
    pub constants: Vec<(String, Value)>,
    pub batch_rows: Option<u32>,
}

/// Checks a scenario. Nothing if that makes no sense without what is missing; other mistakes are told only.
pub fn check<'a>(names: &'a Names<'a>, settings: &Settings, diagnostics: &mut Diagnostics) -> Model<'a> {
    let mut checker = Checker::new(names, diagnostics);
    let params = checker.constants(settings);
    let run = checker.run(settings);
    let space = checker.space();
    let groups = checker.groups();
    let indexes = checker.indexes(&groups);
    let mut model = Model { run, space, params, groups, indexes, systems: Vec::new() };
    checker.derived(&mut model);
    checker.systems(&mut model);
    if !checker.diagnostics.failed() {
        lints::lint(&model, names, &checker.used, checker.diagnostics);
    }
    model
}
