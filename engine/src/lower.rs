//! Lowering: a checked scenario to the program's tables. No side effects, no mistakes left to tell.

pub mod expressions;

use diptych_protocol::body::Store;
use diptych_protocol::id::{BodyId, ColumnId, GroupId, Id, IndexId, SystemId};
use diptych_protocol::program::{
    Code, Column, Group, Index, Origin, Outputs, PROGRAM_VERSION, Program, Read, Schedule, Source, System,
};
use diptych_protocol::table::Table;

use crate::lower::expressions::Flattener;
use crate::types::{self, Model, Place};

/// Lowers a checked scenario. The schedule is still empty.
pub fn lower(scenario: &str, model: &Model<'_>, source: &Source) -> Program {
    let places = Columns::new(model);
    let mut bodies = Table::default();
    let mut sites = Default::default();
    let mut groups = Table::default();
    for (at, group) in model.groups.iter().enumerate() {
        let origin = match group.origin {
            types::Origin::Buckets(index) => Origin::Buckets(IndexId::new(index as u32)),
            types::Origin::Blueprint => {
                let mut flattener = Flattener::new(group.name, "");
                flattener.sites = sites;
                blueprint(at, group, &places, &mut flattener);
                sites = flattener.sites;
                let body: BodyId = bodies.push(flattener.body);
                Origin::Blueprint(body)
            }
        };
        let position = group.members.iter().position(|member| member.position);
        let position = position.map_or(Vec::new(), |member| places.of(Place { group: at, member }));
        let _: GroupId =
            groups.push(Group { name: group.name.to_string(), rows: group.rows, origin, position, span: group.span });
    }
    let indexes = model.indexes.iter().map(|index| Index {
        name: index.name.to_string(),
        group: GroupId::new(index.group as u32),
        positions: groups[GroupId::new(index.group as u32)].position.clone(),
        when: index.when,
        bucket_rows: index.bucket_rows,
        buckets: index.buckets.map(|group| GroupId::new(group as u32)),
        span: index.span,
    });
    Program {
        version: PROGRAM_VERSION,
        scenario: scenario.to_string(),
        seed: model.run.seed,
        frames: model.run.frames,
        dt: model.run.dt,
        space: model.space,
        params: model.params.clone(),
        indexes: indexes.collect(),
        systems: model.systems.iter().map(|system| lower_system(system, &places)).collect(),
        columns: places.columns,
        groups,
        bodies,
        enums: Table::default(),
        data: Table::default(),
        inverses: Table::default(),
        reductions: Table::default(),
        signals: Table::default(),
        outputs: Outputs::default(),
        steps: Table::default(),
        schedule: Schedule::default(),
        sources: [source.clone()].into_iter().collect(),
    }
}

fn blueprint<'a>(at: usize, group: &types::Group<'a>, places: &Columns, flattener: &mut Flattener<'a>) {
    for (member, it) in group.members.iter().enumerate() {
        flattener.component = it.name;
        let lanes = it.value.as_ref().map_or(Vec::new(), |value| flattener.lanes(value));
        let columns = places.of(Place { group: at, member });
        let stores = columns.into_iter().zip(lanes.iter().copied());
        flattener.body.stores.extend(stores.map(|(column, value)| Store { column, value, span: it.span }));
        flattener.components.push(lanes);
    }
}

fn lower_system(system: &types::System<'_>, places: &Columns) -> System {
    let reads = system.reads.iter().flat_map(|read| {
        let columns = places.of(read.place);
        columns.into_iter().map(|column| Read { column, when: read.when, reach: read.reach })
    });
    System {
        name: system.name.to_string(),
        group: GroupId::new(system.group as u32),
        owns: system.owns.iter().flat_map(|place| places.of(*place)).collect(),
        reads: reads.collect(),
        indexes: system.indexes.iter().map(|index| IndexId::new(*index as u32)).collect(),
        inverses: Vec::new(),
        code: Code::Native(system.kernel.to_string()),
        constants: system.constants.clone(),
        batch_rows: system.batch_rows,
        span: system.span,
    }
}

/// The columns, and where each component's begin.
struct Columns {
    columns: Table<ColumnId, Column>,
    first: Vec<Vec<(u32, u8)>>,
}

impl Columns {
    fn new(model: &Model<'_>) -> Self {
        let mut columns = Table::default();
        let mut first = Vec::new();
        for (at, group) in model.groups.iter().enumerate() {
            let mut firsts = Vec::new();
            for member in &group.members {
                firsts.push((columns.len() as u32, member.ty.lanes));
                for lane in 0..member.ty.lanes {
                    let _: ColumnId = columns.push(Column {
                        group: GroupId::new(at as u32),
                        component: member.name.to_string(),
                        component_type: member.ty,
                        lane,
                        scalar: member.ty.scalar,
                        owner: member.owner.map(|(system, _)| SystemId::new(system as u32)),
                    });
                }
            }
            first.push(firsts);
        }
        Self { columns, first }
    }

    /// The columns of a component, in lane order.
    fn of(&self, place: Place) -> Vec<ColumnId> {
        let (first, lanes) = self.first[place.group][place.member];
        (first..first + u32::from(lanes)).map(ColumnId::new).collect()
    }
}
