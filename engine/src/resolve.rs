//! Resolving: which name means which item, and in which order constants can be computed.

mod blueprints;
mod constants;
mod unions;

use std::collections::BTreeMap;

use diptych_protocol::graph::NodeKind;
use diptych_protocol::id::{GroupId, Id};
use diptych_protocol::program::Span;
use diptych_protocol::types::Type;

use crate::codes;
use crate::diagnostic::{Diagnostic, Diagnostics, TypeNames, did_you_mean};
pub use crate::resolve::blueprints::blueprints;
pub use crate::resolve::constants::{called, fields_of, signals_of};
pub use crate::resolve::unions::{Instance, Union};
use crate::syntax::ast::{self, Expr, Item};

/// Names that the language defines.
pub const BUILT_IN: [&str; 5] = ["PI", "TAU", "time", "frame", "none"];

/// What a name means: a place in one of the lists of [`Names`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Meaning {
    Constant(usize),
    Component(usize),
    Blueprint(usize),
    Group(usize),
    Union(usize),
    Index(usize),
    Enum(usize),
    /// Of which enum, and which.
    Variant(usize, usize),
    Function(usize),
    /// A quantity of the whole model.
    Signal(usize),
    Field(usize),
    /// A bus with a value a row.
    RowBus(usize),
    Matching(usize),
}

impl Meaning {
    /// A word for people, with its article.
    pub fn what(self) -> &'static str {
        match self {
            Meaning::Constant(_) => "a constant",
            Meaning::Component(_) => "a component",
            Meaning::Blueprint(_) => "a blueprint",
            Meaning::Group(_) => "a group",
            Meaning::Union(_) => "a union",
            Meaning::Index(_) => "an index",
            Meaning::Enum(_) => "an enum",
            Meaning::Variant(..) => "a variant of an enum",
            Meaning::Function(_) => "a function",
            Meaning::Signal(_) => "a signal",
            Meaning::Field(_) => "a field",
            Meaning::RowBus(_) => "a bus of rows",
            Meaning::Matching(_) => "a match",
        }
    }
}

/// A named constant.
#[derive(Clone, Copy, Debug)]
pub enum Constant<'a> {
    /// A parameter.
    Param(&'a ast::Param),
    /// A `let`.
    Let(&'a ast::Let),
    /// The time step of the run, where the scenario has no `dt` of its own.
    Dt(Option<&'a Expr>),
}

impl<'a> Constant<'a> {
    /// The name.
    pub fn name(&self) -> &'a str {
        match self {
            Constant::Param(param) => &param.name.text,
            Constant::Let(constant) => &constant.name.text,
            Constant::Dt(_) => "dt",
        }
    }

    /// Where it is named.
    pub fn span(&self) -> Span {
        match self {
            Constant::Param(param) => param.name.span,
            Constant::Let(constant) => constant.name.span,
            Constant::Dt(value) => value.map_or(Span::default(), |value| value.span),
        }
    }

    /// The expressions it is computed from.
    fn parts(&self) -> Vec<&'a Expr> {
        match self {
            Constant::Param(param) => {
                let range = param.range.iter().flat_map(|(low, high)| [low, high]);
                std::iter::once(&param.default).chain(range).collect()
            }
            Constant::Let(constant) => vec![&constant.value],
            Constant::Dt(value) => value.iter().copied().collect(),
        }
    }
}

/// A quantity of the whole model, by what makes it.
#[derive(Clone, Copy, Debug)]
pub enum Global<'a> {
    /// A value; of an event whether it happens.
    Signal(&'a ast::Signal),
    /// What several publish.
    Bus(&'a ast::Bus),
    /// What is set from outside.
    Input(&'a ast::Param),
}

impl<'a> Global<'a> {
    /// The name.
    pub fn name(self) -> &'a ast::Name {
        match self {
            Global::Signal(signal) => &signal.name,
            Global::Bus(bus) => &bus.name,
            Global::Input(input) => &input.name,
        }
    }

    /// What it is, for people.
    pub fn kind(self) -> NodeKind {
        match self {
            Global::Signal(signal) if signal.event => NodeKind::Event,
            Global::Signal(_) => NodeKind::Signal,
            Global::Bus(_) => NodeKind::Bus,
            Global::Input(_) => NodeKind::Input,
        }
    }

    /// The expressions it is computed from.
    pub fn parts(self) -> Vec<&'a Expr> {
        match self {
            Global::Signal(signal) => vec![&signal.value],
            Global::Bus(bus) => bus_parts(bus),
            Global::Input(input) => Constant::Param(input).parts(),
        }
    }
}

/// The expressions that a bus is computed from.
fn bus_parts(bus: &ast::Bus) -> Vec<&Expr> {
    let publishers = bus.publishers.iter().flat_map(|it| [Some(&it.value), it.when.as_ref(), it.order.as_ref()]);
    let adapters = bus.adapters.iter().flat_map(|adapter| &adapter.arguments);
    publishers.flatten().chain(&bus.default).chain(adapters).collect()
}

/// The items by kind, in the order of the text, and what their names mean.
#[derive(Default, Debug)]
#[allow(missing_docs)]
pub struct Names<'a> {
    /// Where the scenario is named: the place of what has none of its own.
    pub header: Span,
    pub constants: Vec<Constant<'a>>,
    /// The constants, each after those it needs; members of cycles left out.
    pub constant_order: Vec<usize>,
    pub enums: Vec<&'a ast::Enum>,
    pub components: Vec<&'a ast::Component>,
    pub functions: Vec<&'a ast::Function>,
    pub signals: Vec<Global<'a>>,
    pub fields: Vec<&'a ast::Field>,
    /// Those with a value a row.
    pub buses: Vec<&'a ast::Bus>,
    pub ensures: Vec<&'a ast::Ensure>,
    pub records: Vec<&'a ast::Record>,
    pub renders: Vec<&'a ast::Render>,
    pub blueprints: Vec<&'a ast::Blueprint>,
    pub groups: Vec<&'a ast::Group>,
    pub unions: Vec<Union<'a>>,
    pub indexes: Vec<&'a ast::Index>,
    pub matchings: Vec<&'a ast::Match>,
    /// What was written of each system of the program: one over a union is there once a group.
    pub systems: Vec<&'a ast::System>,
    /// The same systems: what they are called, and for which group.
    pub instances: Vec<Instance>,
    pub run: Option<&'a ast::Run>,
    pub space: Option<&'a ast::Space>,
    meanings: BTreeMap<&'a str, Meaning>,
}

impl<'a> Names<'a> {
    /// What a name means.
    pub fn meaning(&self, name: &str) -> Option<Meaning> {
        self.meanings.get(name).copied()
    }

    /// The names of one kind of thing, or of several.
    pub fn all(&self, wanted: impl Fn(Meaning) -> bool) -> impl Iterator<Item = &'a str> {
        self.meanings.iter().filter(move |(_, meaning)| wanted(**meaning)).map(|(name, _)| *name)
    }

    /// What the scenario's own types are called.
    pub fn types(&self) -> TypeNames {
        let variants = |it: &ast::Enum| it.variants.iter().map(|variant| variant.text.clone()).collect();
        TypeNames {
            enums: self.enums.iter().map(|it| (it.name.text.clone(), variants(it))).collect(),
            groups: self.groups.iter().map(|group| group.name.text.clone()).collect(),
        }
    }

    /// A reference to a row of a group.
    pub fn entity(&self, group: usize) -> Type {
        let of = GroupId::new(group as u32);
        let comes_and_goes = self.groups.get(group).is_some_and(|group| group.max.is_some());
        if comes_and_goes { Type::life(of) } else { Type::entity(of) }
    }

    /// The component of this name, or an error.
    pub fn component(&self, name: &ast::Name, diagnostics: &mut Diagnostics) -> Option<usize> {
        match self.meaning(&name.text) {
            Some(Meaning::Component(component)) => Some(component),
            other => self.wrong(name, "component", other, |m| matches!(m, Meaning::Component(_)), diagnostics),
        }
    }

    /// The group of this name, or an error.
    pub fn group(&self, name: &ast::Name, diagnostics: &mut Diagnostics) -> Option<usize> {
        match self.meaning(&name.text) {
            Some(Meaning::Group(group)) => Some(group),
            other => self.wrong(name, "group", other, |m| matches!(m, Meaning::Group(_)), diagnostics),
        }
    }

    /// The index of this name, or an error.
    pub fn index(&self, name: &ast::Name, diagnostics: &mut Diagnostics) -> Option<usize> {
        match self.meaning(&name.text) {
            Some(Meaning::Index(index)) => Some(index),
            other => self.wrong(name, "index", other, |m| matches!(m, Meaning::Index(_)), diagnostics),
        }
    }

    fn define(
        &mut self,
        name: &'a ast::Name,
        meaning: Meaning,
        places: &mut BTreeMap<&'a str, Span>,
        diagnostics: &mut Diagnostics,
    ) {
        if BUILT_IN.contains(&name.text.as_str()) {
            let message = format!("`{}` belongs to the language", name.text);
            diagnostics.push(Diagnostic::error(codes::E0205, name.span, message).help("choose another name"));
        }
        match places.get(name.text.as_str()) {
            Some(&first) => diagnostics.push(twice(&format!("`{}`", name.text), first, name.span)),
            None => {
                places.insert(&name.text, name.span);
                self.meanings.insert(&name.text, meaning);
            }
        }
    }

    fn wrong(
        &self,
        name: &ast::Name,
        wanted: &str,
        found: Option<Meaning>,
        is_wanted: impl Fn(Meaning) -> bool,
        diagnostics: &mut Diagnostics,
    ) -> Option<usize> {
        if diagnostics.full() {
            return None;
        }
        let text = &name.text;
        match found {
            Some(found) => {
                let message = format!("`{text}` is {}, but a name of {} is needed here", found.what(), article(wanted));
                let help = match found {
                    Meaning::Union(_) => {
                        Some("a union stands where all its groups can: in `for` and other loops, in `in`, in signals")
                    }
                    Meaning::Blueprint(_) => {
                        Some("a blueprint has no rows: `group NAME[ROWS] of BLUEPRINT` has, and `union NAME = A, B`")
                    }
                    _ => None,
                };
                let error = Diagnostic::error(codes::E0204, name.span, message);
                diagnostics.push(error.maybe_help(help.map(str::to_string)));
            }
            None => {
                let error = Diagnostic::error(codes::E0201, name.span, format!("there is no {wanted} `{text}`"));
                diagnostics.unknown(text, error.maybe_help(did_you_mean(text, self.all(is_wanted))));
            }
        }
        None
    }
}

fn article(word: &str) -> String {
    if word.starts_with(['a', 'e', 'i', 'o', 'u']) { format!("an {word}") } else { format!("a {word}") }
}

/// Resolves the names of a scenario.
pub fn resolve<'a>(scenario: &'a ast::Scenario, diagnostics: &mut Diagnostics) -> Names<'a> {
    let header = scenario.name.as_ref().map_or(Span::default(), |name| name.span);
    let mut names = Names { header, ..Names::default() };
    let mut places: BTreeMap<&'a str, Span> = BTreeMap::new();
    let mut systems: BTreeMap<&'a str, Span> = BTreeMap::new();
    let mut written: Vec<&'a ast::Union> = Vec::new();
    for item in &scenario.items {
        let (name, meaning) = match item {
            Item::Param(param) => {
                names.constants.push(Constant::Param(param));
                (&param.name, Meaning::Constant(names.constants.len() - 1))
            }
            Item::Let(constant) => {
                names.constants.push(Constant::Let(constant));
                (&constant.name, Meaning::Constant(names.constants.len() - 1))
            }
            Item::Component(component) => {
                names.components.push(component);
                (&component.name, Meaning::Component(names.components.len() - 1))
            }
            Item::Blueprint(blueprint) => {
                names.blueprints.push(blueprint);
                (&blueprint.name, Meaning::Blueprint(names.blueprints.len() - 1))
            }
            Item::Union(union) => {
                names.unions.push(Union { name: &union.name, groups: Vec::new() });
                written.push(union);
                (&union.name, Meaning::Union(names.unions.len() - 1))
            }
            Item::Group(group) => {
                names.groups.push(group);
                (&group.name, Meaning::Group(names.groups.len() - 1))
            }
            Item::Index(index) => {
                names.indexes.push(index);
                (&index.name, Meaning::Index(names.indexes.len() - 1))
            }
            Item::Match(matching) => {
                names.matchings.push(matching);
                (&matching.name, Meaning::Matching(names.matchings.len() - 1))
            }
            Item::Function(function) => {
                names.functions.push(function);
                (&function.name, Meaning::Function(names.functions.len() - 1))
            }
            Item::Signal(signal) => {
                names.signals.push(Global::Signal(signal));
                (&signal.name, Meaning::Signal(names.signals.len() - 1))
            }
            Item::Input(input) => {
                names.signals.push(Global::Input(input));
                (&input.name, Meaning::Signal(names.signals.len() - 1))
            }
            Item::Bus(bus) if bus.group.is_none() => {
                names.signals.push(Global::Bus(bus));
                (&bus.name, Meaning::Signal(names.signals.len() - 1))
            }
            Item::Bus(bus) => {
                names.buses.push(bus);
                (&bus.name, Meaning::RowBus(names.buses.len() - 1))
            }
            Item::Field(field) => {
                names.fields.push(field);
                (&field.name, Meaning::Field(names.fields.len() - 1))
            }
            Item::Enum(it) => {
                variants(it, diagnostics);
                names.enums.push(it);
                let own = names.enums.len() - 1;
                for (at, variant) in it.variants.iter().enumerate() {
                    names.define(variant, Meaning::Variant(own, at), &mut places, diagnostics);
                }
                (&it.name, Meaning::Enum(own))
            }
            Item::Ensure(ensure) => {
                names.ensures.push(ensure);
                continue;
            }
            Item::Record(record) => {
                names.records.push(record);
                continue;
            }
            Item::Render(render) => {
                names.renders.push(render);
                continue;
            }
            Item::System(system) => {
                // Nothing in the language refers to a system, so its name may also be a group's.
                names.systems.push(system);
                if let Some(first) = systems.insert(&system.name.text, system.name.span) {
                    diagnostics.push(twice(&format!("system `{}`", system.name.text), first, system.name.span));
                }
                continue;
            }
            Item::Run(run) => {
                match names.run {
                    Some(first) => diagnostics.push(twice("the run", first.span, run.span)),
                    None => names.run = Some(run),
                }
                continue;
            }
            Item::Space(space) => {
                match names.space {
                    Some(first) => diagnostics.push(twice("the space", first.span, space.span)),
                    None => names.space = Some(space),
                }
                continue;
            }
        };
        names.define(name, meaning, &mut places, diagnostics);
    }
    if !names.meanings.contains_key("dt") {
        let settings = names.run.map_or(&[][..], |run| &run.settings);
        let dt = settings.iter().find(|setting| setting.name.text == "dt").map(|setting| &setting.value);
        names.meanings.insert("dt", Meaning::Constant(names.constants.len()));
        names.constants.push(Constant::Dt(dt));
    }
    for (at, union) in written.into_iter().enumerate() {
        names.unions[at].groups = unions::groups(&names, union, diagnostics);
    }
    unions::instances(&mut names);
    names.constant_order = constants::order(&names, diagnostics);
    names
}

/// What a variant is stored in holds so many.
const VARIANTS_MAX: usize = 256;

fn variants(it: &ast::Enum, diagnostics: &mut Diagnostics) {
    let name = &it.name;
    if it.variants.is_empty() {
        let error = Diagnostic::error(codes::E0413, name.span, format!("enum `{}` has no variants", name.text));
        diagnostics.push(error.help("write at least one between its braces"));
    } else if let Some(first) = it.variants.get(VARIANTS_MAX) {
        let message = format!("enum `{}` has more than {VARIANTS_MAX} variants", name.text);
        diagnostics.push(Diagnostic::error(codes::E0601, first.span, message));
    }
}

fn twice(what: &str, first: Span, second: Span) -> Diagnostic {
    Diagnostic::error(codes::E0202, second, format!("{what} is defined twice"))
        .here("the second")
        .label(first, "the first")
        .help("rename or remove one of them")
}
