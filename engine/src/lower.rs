//! Lowering: a checked scenario to the program's tables. No side effects, no mistakes left to tell.

mod adapters;
mod births;
pub mod builder;
mod cells;
mod conditions;
mod drafts;
pub mod expressions;
mod extracts;
mod geometry;
mod graph;
mod matchings;
mod optional;
mod reductions;
mod rules;
mod states;

use std::collections::{BTreeMap, BTreeSet};

use diptych_protocol::body::{At, Body, Op, Over, Store, with_asked};
use diptych_protocol::graph::{Field, Node};
use diptych_protocol::id::{BodyId, ColumnId, EditId, ExtractId, GroupId, Id, IndexId, InverseId, SignalId, SystemId};
use diptych_protocol::program::{
    Code, Column, Edit, Ensure, Enum, Group, Index, IndexKind, Inverse, Living, Origin, Outputs, PROGRAM_VERSION,
    Program, Reach, Read, Record, Recorded, Schedule, Signal, Source, Summary, System, When,
};
use diptych_protocol::table::Table;
use diptych_protocol::types::Type;

use crate::lower::births::Names;
use crate::lower::drafts::Drafts;
use crate::lower::expressions::Flattener;
use crate::lower::graph::Key;
use crate::lower::optional::Gained;
pub(crate) use crate::lower::rules::assigned;
use crate::lower::states::Slot;
use crate::types::typed::Typed;
use crate::types::{self, Model, Place};

/// A checked scenario and where its components stand.
pub struct World<'a> {
    /// The scenario.
    pub model: &'a Model<'a>,
    places: Columns,
    /// Of each signal of the model the first of its lanes.
    signals: Vec<u32>,
    /// Of each state block of the whole model where it keeps something.
    slots: Vec<Option<Slot>>,
}

impl World<'_> {
    /// The fields, for people.
    fn fields(&self) -> Vec<Field> {
        let field = |field: &types::Field| Field {
            name: field.name.clone(),
            group: GroupId::new(field.group as u32),
            span: field.span,
            made: field.made.iter().flat_map(|place| self.places.of(*place)).collect(),
            readers: field.readers.iter().cloned().collect(),
        };
        self.model.fields.iter().map(field).collect()
    }

    /// The first lane of a named signal.
    fn first_signal(&self, number: usize) -> u32 {
        let at = self.model.signals.iter().position(|signal| signal.number == Some(number));
        at.and_then(|at| self.signals.get(at)).copied().unwrap_or(0)
    }
}

/// The bodies, and where draws are.
#[derive(Default)]
struct Bodies {
    bodies: Table<BodyId, Body>,
    sites: BTreeMap<u32, String>,
}

impl Bodies {
    /// Makes a body.
    fn make<'a>(
        &mut self,
        world: &'a World<'a>,
        group: usize,
        path: String,
        fill: impl FnOnce(&mut Flattener<'a>),
    ) -> BodyId {
        let mut flattener = Flattener::new(Some(world), group, path);
        flattener.sites = std::mem::take(&mut self.sites);
        fill(&mut flattener);
        self.sites = flattener.sites;
        flattener.builder.finish(&mut self.bodies)
    }
}

impl Bodies {
    /// Makes a body that gives values of the rows of a finished state, lane by lane.
    fn of_finished_rows<'a>(
        &mut self,
        world: &'a World<'a>,
        group: usize,
        values: impl Iterator<Item = &'a Typed>,
    ) -> BodyId {
        self.make(world, group, String::new(), |flattener| {
            flattener.names = Names::Fresh;
            for value in values {
                for lane in flattener.lanes(value) {
                    flattener.builder.result(lane);
                }
            }
        })
    }

    /// Makes the body of the outputs, and the graph of what it computes.
    fn make_drawn<'a>(&mut self, world: &'a World<'a>, fill: impl FnOnce(&mut Flattener<'a>)) -> (BodyId, Vec<Node>) {
        let mut flattener = Flattener::new(Some(world), 0, String::new());
        fill(&mut flattener);
        let Flattener { builder, graph, .. } = flattener;
        let mut nodes = Vec::new();
        let body = builder.finish_and_find(&mut self.bodies, |builder, new| nodes = graph.found(builder, new));
        (body, nodes)
    }
}

/// Lowers a checked scenario. The schedule is still empty.
pub fn lower(
    scenario: &str,
    model: &Model<'_>,
    enums: Table<diptych_protocol::id::EnumId, Enum>,
    source: &Source,
) -> Program {
    let mut next = 0;
    let lanes = model.signals.iter().map(|signal| {
        let first = next;
        next += u32::from(signal.value.ty.lanes);
        first
    });
    let signals = lanes.collect();
    let world = World { model, signals, slots: states::slots(model, next), places: Columns::new(model) };
    let mut bodies = Bodies::default();
    let groups = groups(&world, &mut bodies);
    let mut edits = Table::default();
    let mut systems: Table<SystemId, System> = Table::default();
    for (at, system) in model.systems.iter().enumerate() {
        let lowered = lower_system(at, system, &world, &mut bodies, &mut edits);
        let _: SystemId = systems.push(lowered);
    }
    optional::systems(&world, &mut bodies, &mut systems);
    let reductions = model.reductions.iter().map(|it| reductions::lower(it, &world, &mut bodies)).collect();
    let (signals, mut outputs) = outputs(&world, &mut bodies);
    let matchings = matchings::matchings(&world, &mut bodies);
    let indexes = model.indexes.iter().map(|index| Index {
        name: index.name.clone(),
        group: GroupId::new(index.group as u32),
        positions: groups[GroupId::new(index.group as u32)].position.clone(),
        when: index.when,
        kind: match index.kind {
            types::IndexKind::Tree { bucket_rows } => IndexKind::Tree {
                bucket_rows,
                summary: index.summary.as_ref().map(|summary| Summary {
                    sums: (summary.sums.iter())
                        .flat_map(|&member| world.places.of(Place { group: index.group, member }))
                        .collect(),
                    angle: summary.angle,
                }),
            },
            types::IndexKind::Grid { cell } => IndexKind::Grid { cell: cell.unwrap_or(0.0), copies: Vec::new() },
        },
        buckets: index.buckets.map(|group| GroupId::new(group as u32)),
        span: index.span,
    });
    let inverses = model.inverses.iter().map(|inverse| Inverse {
        name: inverse.name.clone(),
        group: GroupId::new(inverse.place.group as u32),
        column: world.places.seen(inverse.place, inverse.when)[0],
        lives: world.places.seen(inverse.place, inverse.when).get(1).copied(),
        when: inverse.when,
        to: GroupId::new(inverse.to as u32),
        span: inverse.span,
    });
    let fields = world.fields();
    // The last of all: their bodies are no part of the program's hash.
    outputs.renders = model.renders.clone();
    outputs.extracts = model.extracts.iter().map(|it| extracts::lower(it, &world, &mut bodies)).collect();
    Program {
        version: PROGRAM_VERSION,
        scenario: scenario.to_string(),
        seed: model.run.seed,
        frames: model.run.frames,
        dt: model.run.dt,
        cycle: model.run.cycle,
        nan: model.run.nan,
        space: model.space,
        params: model.params.clone(),
        enums,
        data: model.data.iter().map(|column| column.data()).collect(),
        indexes: indexes.collect(),
        inverses: inverses.collect(),
        matchings,
        systems,
        edits,
        columns: world.places.columns,
        groups,
        bodies: bodies.bodies,
        reductions,
        signals,
        outputs,
        steps: Table::default(),
        schedule: Schedule::default(),
        fields,
        sources: [source.clone()].into_iter().collect(),
    }
}

fn groups(world: &World<'_>, bodies: &mut Bodies) -> Table<GroupId, Group> {
    let mut groups = Table::default();
    for (at, group) in world.model.groups.iter().enumerate() {
        let origin = match group.origin {
            types::Origin::Buckets(index) => Origin::Buckets(IndexId::new(index as u32)),
            types::Origin::Blueprint => Origin::Blueprint(bodies.make(world, at, String::new(), |flattener| {
                blueprint(at, group, world, flattener);
            })),
        };
        let position = group.members.iter().position(|member| member.position);
        let position = position.map_or(Vec::new(), |member| world.places.of(Place { group: at, member }));
        let _: GroupId = groups.push(Group {
            name: group.name.to_string(),
            rows: group.rows,
            origin,
            position,
            order: None,
            raster: cells::raster(at, group, &world.places),
            living: world.places.living(at),
            span: group.span,
        });
    }
    births::directories(world, &mut groups);
    groups
}

fn blueprint(at: usize, group: &types::Group<'_>, world: &World<'_>, flattener: &mut Flattener<'_>) {
    for (member, it) in group.members.iter().enumerate() {
        flattener.path = format!("{}/{}", group.name, it.component);
        let lanes = it.value.as_ref().map_or(Vec::new(), |value| flattener.lanes(value));
        let columns = world.places.of(Place { group: at, member });
        for (column, &value) in columns.into_iter().zip(&lanes) {
            flattener.builder.store(Store { column, value, span: it.span });
        }
        flattener.components.push(lanes);
    }
}

fn lower_system(
    number: usize,
    system: &types::System<'_>,
    world: &World<'_>,
    bodies: &mut Bodies,
    edits: &mut Table<EditId, Edit>,
) -> System {
    let id = SystemId::new(number as u32);
    let owns = world.places.written(number, system, world.model);
    // What other systems of the frame need is made of every row.
    let every = owns.iter().any(|column| world.places.columns[*column].draft);
    let mut only = None;
    let mut reads: Vec<Read> = system
        .reads
        .iter()
        .flat_map(|read| {
            let columns = world.places.seen(read.place, read.when);
            columns.into_iter().map(|column| Read { column, when: read.when, reach: read.reach })
        })
        .chain(matchings::reads(system, world))
        .collect();
    let mut indexes: Vec<IndexId> = system.indexes.iter().map(|index| IndexId::new(*index as u32)).collect();
    let mut inverses: Vec<InverseId> = system.inverses.iter().map(|inverse| InverseId::new(*inverse as u32)).collect();
    let code = match (&system.body, system.kernel) {
        (Some(rule), _) => {
            let path = format!("system {}", system.name);
            only = rule.only.as_ref().filter(|_| !every).map(|only| {
                bodies.make(world, system.group, path.clone(), |flattener| {
                    flattener.names = Names::Prev;
                    for lane in flattener.lanes(only) {
                        flattener.builder.result(lane);
                    }
                })
            });
            let body = bodies.make(world, system.group, path, |flattener| {
                flattener.names = Names::Prev;
                flattener.steps(&rule.steps);
                flattener.made(rule);
                flattener.asked(number, rule);
                for edit in flattener.edits(id, &rule.edits) {
                    let _: EditId = edits.push(edit);
                }
            });
            // What turned out not to be needed is not waited for.
            let made = with_asked(&bodies.bodies, body).into_iter().map(|body| &bodies.bodies[body]);
            let loops = || made.clone().flat_map(|body| body.loops.values());
            let used: BTreeSet<(ColumnId, bool)> = made
                .clone()
                .flat_map(|body| body.ops.values())
                .filter_map(|typed| match typed.op {
                    Op::Read { column, when, .. } => Some((column, when == When::Fresh)),
                    _ => None,
                })
                .collect();
            let asked = |over: &Over| match over {
                // The rows of a derived group are there when its index is.
                Over::Group(group) => match world.model.groups[group.index()].origin {
                    types::Origin::Buckets(index) => Some(IndexId::new(index as u32)),
                    types::Origin::Blueprint => None,
                },
                over => over.index().or(over.buckets()),
            };
            let asked: BTreeSet<IndexId> = loops().filter_map(|it| asked(&it.over)).collect();
            indexes.retain(|index| asked.contains(index));
            inverses.retain(|id| loops().any(|it| it.over == Over::Inverse(*id)));
            reads.retain(|read| used.contains(&(read.column, read.when == When::Fresh)));
            let ops = || made.clone().flat_map(|body| body.ops.values());
            for column in used.iter().map(|(column, _)| *column).filter(|it| world.places.drafts.is_published(*it)) {
                let own = ops().all(
                    |typed| !matches!(typed.op, Op::Read { column: read, at, .. } if read == column && at != At::Own),
                );
                let reach = if own { Reach::Own } else { Reach::Any };
                reads.push(Read { column, when: When::Fresh, reach });
            }
            let named = used.iter().map(|(column, _)| *column).filter(|column| world.places.names_entities(*column));
            reads.extend(named.map(|column| Read { column, when: When::Prev, reach: Reach::Any }));
            Code::Body(body)
        }
        (None, Some(kernel)) => {
            for (number, declared) in (0..).zip(&system.edits) {
                let _: EditId = edits.push(births::declared(id, number, declared, world));
            }
            Code::Native(kernel.text.clone())
        }
        (None, None) => Code::Native(String::new()),
    };
    System {
        name: system.name.to_string(),
        group: GroupId::new(system.group as u32),
        owns,
        reads,
        indexes,
        inverses,
        code,
        only,
        constants: system.constants.clone(),
        batch_rows: system.batch_rows,
        span: system.span,
    }
}

fn outputs(world: &World<'_>, bodies: &mut Bodies) -> (Table<SignalId, Signal>, Outputs) {
    let model = world.model;
    let named = model.signals.iter().filter_map(|signal| signal.number).max().map_or(0, |most| most + 1);
    let drawn = (!model.signals.is_empty()).then(|| {
        bodies.make_drawn(world, |flattener| {
            flattener.signals = Some(vec![Vec::new(); named]);
            for (at, signal) in model.signals.iter().enumerate() {
                let key = signal.number.map_or(Key::Nameless(at), Key::Signal);
                let (name, ty) = (signal.name.clone(), signal.value.ty);
                let lanes = flattener.drawn(key, signal.kind, name, signal.span, ty, |this| this.lanes(&signal.value));
                lanes.iter().for_each(|lane| flattener.builder.result(*lane));
                if let (Some(number), Some(known)) = (signal.number, &mut flattener.signals) {
                    known[number] = lanes;
                }
            }
            flattener.keep();
        })
    });
    let (body, graph) = drawn.map_or((None, Vec::new()), |(body, graph)| (Some(body), graph));
    let ids = |signal: usize| -> Vec<SignalId> {
        let lanes = u32::from(model.signals[signal].value.ty.lanes);
        (world.signals[signal]..world.signals[signal] + lanes).map(SignalId::new).collect()
    };
    let signals = model.signals.iter().flat_map(|signal| {
        let ty = signal.value.ty;
        ty.lane_names().iter().map(move |lane| Signal {
            name: with_lane(&signal.name, lane),
            ty: Type { lanes: 1, ..ty },
            named: signal.number.is_some(),
            span: signal.span,
        })
    });
    let signals = signals.chain(states::signals(world));
    let ensures = model.ensures.iter().map(|ensure| Ensure {
        text: ensure.text.clone(),
        holds: ids(ensure.holds)[0],
        sides: ensure.sides.map(|(a, b)| (ids(a)[0], ids(b)[0])),
        span: ensure.span,
    });
    let columns = |(name, signal): &(String, usize)| -> Vec<(String, SignalId)> {
        let lanes = model.signals[*signal].value.ty.lane_names();
        ids(*signal).into_iter().zip(lanes).map(|(id, lane)| (with_lane(name, lane), id)).collect()
    };
    let records = model.records.iter().map(|record| Record {
        path: record.path.clone(),
        every: record.every,
        what: match &record.what {
            types::Recorded::Signals(all) => Recorded::Signals(all.iter().flat_map(columns).collect()),
            types::Recorded::Rows(extract) => Recorded::Rows(ExtractId::new(*extract as u32)),
        },
        span: record.span,
    });
    let outputs = Outputs {
        body,
        ensures: ensures.collect(),
        until: model.until.map(|until| ids(until)[0]),
        records: records.collect(),
        series: 0,
        inputs: states::inputs(world),
        extracts: Table::default(),
        renders: Vec::new(),
        graph,
    };
    (signals.collect(), outputs)
}

fn with_lane(name: &str, lane: &str) -> String {
    if lane.is_empty() { name.to_string() } else { format!("{name}.{lane}") }
}

/// The columns, and where each component's begin.
struct Columns {
    columns: Table<ColumnId, Column>,
    first: Vec<Vec<(u32, u8)>>,
    /// Of each group what it has if its rows come and go.
    living: Vec<Option<Living>>,
    /// Of each matching those of its sides.
    partners: Vec<Vec<ColumnId>>,
    /// The components that are added and removed, each with a system of its own behind those of the scenario.
    gained: Vec<Gained>,
    drafts: Drafts,
}

impl Columns {
    fn new(model: &Model<'_>) -> Self {
        let mut columns = Table::default();
        let mut first = Vec::new();
        let gained = optional::gained(model);
        let owner = |group: usize, number: usize, member: &types::Member| {
            let behind = gained.iter().position(|it| it.has(group, number, member));
            let behind = behind.map(|place| model.systems.len() + place);
            behind.or(member.owner.map(|(system, _)| system)).map(|system| SystemId::new(system as u32))
        };
        for (at, group) in model.groups.iter().enumerate() {
            let mut firsts = Vec::new();
            for (number, member) in group.members.iter().enumerate() {
                firsts.push((columns.len() as u32, member.ty.lanes));
                for lane in 0..member.ty.lanes {
                    let _: ColumnId = columns.push(Column {
                        group: GroupId::new(at as u32),
                        component: member.name.clone(),
                        component_type: member.ty,
                        lane,
                        scalar: member.ty.scalar,
                        owner: owner(at, number, member),
                        edited: group.first.is_some() && owner(at, number, member).is_none(),
                        matched: None,
                        draft: false,
                        mark: matches!(member.role, types::Role::Mark(_)),
                    });
                }
            }
            first.push(firsts);
        }
        let living = births::names(model, &mut columns);
        let partners = matchings::partners(model, &mut columns);
        let drafts = Drafts::new(model, &gained, &mut columns);
        Self { columns, first, living, partners, gained, drafts }
    }

    /// What a group has if its rows come and go.
    fn living(&self, group: usize) -> Option<Living> {
        self.living.get(group).copied().flatten()
    }

    /// Whether a column says who or where entities are.
    fn names_entities(&self, column: ColumnId) -> bool {
        self.living.iter().flatten().any(|it| [it.entities, it.generations, it.directory].contains(&column))
    }

    /// The columns of a component, in lane order.
    fn of(&self, place: Place) -> Vec<ColumnId> {
        let (first, lanes) = self.first[place.group][place.member];
        (first..first + u32::from(lanes)).map(ColumnId::new).collect()
    }
}
