//! The tables of the program, and its schedule.

use diptych_protocol::body::Op;
use diptych_protocol::id::{BodyId, ColumnId, GroupId, Id, SystemId};
use diptych_protocol::kd;
use diptych_protocol::program::{
    Code, Column, Domain, Group, Index, IndexKind, IndexPhase, Inverse, InversePhase, Origin, Outputs, PROGRAM_VERSION,
    Program, Reach, Read, Schedule, Span, Stage, StageKind, Step, System, When, Work,
};
use diptych_protocol::space::{Edge, Space};
use diptych_protocol::table::Table;
use diptych_protocol::types::Type;
use diptych_protocol::verify::verify;

use super::{COLUMNS, Cells, GRID, GROUPS, INDEX, MASS, POINTS, Scene, TO, WATCHERS, X, Y};

impl Scene {
    /// The program.
    pub fn program(&self) -> Program {
        let fresh = self.when == When::Fresh;
        let columns: Vec<Column> = COLUMNS
            .iter()
            .map(|&(group, component, lanes, lane, scalar, owner)| {
                let component_type = match (component, lanes) {
                    ("To", _) => Type::entity(GROUPS[0]),
                    (_, 1) => Type::scalar(scalar),
                    _ => Type::vector(scalar, lanes),
                };
                // In a program whose index is fresh, points and watchers move.
                let owner = owner.or((fresh && component == "Position").then_some(6 + group));
                Column {
                    group: GroupId(group),
                    component: component.into(),
                    component_type,
                    lane,
                    scalar,
                    owner: owner.map(SystemId),
                    edited: false,
                    matched: None,
                    draft: false,
                    mark: false,
                }
            })
            .collect();
        let group = |name: &str, rows, body, position: [u32; 2]| Group {
            name: name.into(),
            rows,
            origin: Origin::Blueprint(BodyId(body)),
            position: position.map(ColumnId).to_vec(),
            order: None,
            raster: None,
            living: None,
            span: Span::default(),
        };
        let systems: Vec<System> = (0..if fresh { 8 } else { 6 }).map(|number| self.system(number, &columns)).collect();
        let mut bodies = self.bodies();
        if fresh {
            let mut watchers = bodies[bodies.len() - 1].clone();
            let moved = |column: &mut ColumnId| column.0 += 11;
            watchers.ops.iter_mut().for_each(|(_, typed)| {
                if let Op::Read { column, .. } = &mut typed.op {
                    moved(column)
                }
            });
            watchers.stores.iter_mut().for_each(|store| moved(&mut store.column));
            bodies.push(watchers);
        } else {
            bodies.pop();
        }
        let mut program = Program {
            version: PROGRAM_VERSION,
            scenario: "scene".into(),
            seed: 5,
            frames: 3,
            dt: 0.1,
            cycle: 0,
            nan: diptych_protocol::nan::NanPolicy::default(),
            space: Space { edge: Edge::Torus, dimensions: 2, lo: [0.0; 3], hi: [1.0, 1.0, 0.0] },
            params: Vec::new(),
            enums: Table::default(),
            data: Table::default(),
            groups: [group("points", POINTS, 0, [0, 1]), group("watchers", WATCHERS, 1, [11, 12])]
                .into_iter()
                .collect(),
            columns: columns.into_iter().collect(),
            indexes: self.kinds().into_iter().map(|kind| self.index(kind)).collect(),
            edits: Table::default(),
            inverses: [Inverse {
                name: "to".into(),
                group: GROUPS[0],
                column: ColumnId(3),
                lives: None,
                when: When::Prev,
                to: GROUPS[0],
                span: Span::default(),
            }]
            .into_iter()
            .collect(),
            matchings: Table::default(),
            systems: systems.into_iter().collect(),
            bodies: bodies.into_iter().collect(),
            reductions: Table::default(),
            signals: Table::default(),
            outputs: Outputs::default(),
            steps: Table::default(),
            schedule: Schedule::default(),
            fields: Vec::new(),
            sources: Table::default(),
        };
        self.schedule(&mut program);
        assert_eq!(verify(&program), Ok(()));
        program
    }

    fn kinds(&self) -> Vec<IndexKind> {
        let tree = IndexKind::Tree { bucket_rows: self.bucket_rows, summary: None };
        let grid = self.grid.map(|Cells { cell, copied }| {
            let copies = if copied { vec![(X, self.when), (MASS, When::Prev), (Y, self.when)] } else { Vec::new() };
            IndexKind::Grid { cell, copies }
        });
        [tree].into_iter().chain(grid).collect()
    }

    fn index(&self, kind: IndexKind) -> Index {
        Index {
            name: "index".into(),
            group: GROUPS[0],
            positions: vec![X, Y],
            when: self.when,
            kind,
            buckets: None,
            span: Span::default(),
        }
    }

    fn system(&self, number: u32, columns: &[Column]) -> System {
        let owns: Vec<ColumnId> = (0..columns.len() as u32)
            .map(ColumnId)
            .filter(|column| columns[column.index()].owner == Some(SystemId(number)))
            .collect();
        let group = columns[owns[0].index()].group;
        let mut reads = vec![Read { column: MASS, when: When::Prev, reach: Reach::Any }];
        if self.when == When::Fresh && number < 6 {
            let own = if group == GROUPS[0] { [X, Y] } else { [ColumnId(11), ColumnId(12)] };
            reads.extend(own.map(|column| Read { column, when: When::Fresh, reach: Reach::Own }));
        }
        System {
            name: format!("system {number}"),
            group,
            owns,
            reads,
            indexes: if number < 6 { [INDEX, GRID][..self.kinds().len()].to_vec() } else { Vec::new() },
            inverses: if number < 5 { vec![TO] } else { Vec::new() },
            code: Code::Body(BodyId(2 + number)),
            only: None,
            constants: Vec::new(),
            batch_rows: None,
            span: Span::default(),
        }
    }

    fn schedule(&self, program: &mut Program) {
        let inverse = program.inverse_shape(TO);
        let steps = &mut program.steps;
        let mut stage = |kind, all: Vec<(Work, Domain)>| Stage {
            kind,
            steps: all
                .into_iter()
                .map(|(work, domain)| steps.push(Step { name: String::new(), work, domain }))
                .collect(),
        };
        let rows = |group: usize| Domain::Rows { group: GROUPS[group], batch_rows: self.batch_rows };
        let pass = |systems: std::ops::Range<u32>, group| {
            (Work::Pass { systems: systems.map(SystemId).collect(), reduces: false }, rows(group))
        };
        let blueprints = vec![(Work::Blueprint(GROUPS[0]), rows(0)), (Work::Blueprint(GROUPS[1]), rows(1))];
        program.schedule.setup =
            vec![stage(StageKind::Setup, blueprints), stage(StageKind::Commit, vec![(Work::Commit, Domain::Once)])];
        let mut frame = Vec::new();
        if self.when == When::Fresh {
            frame.push(stage(StageKind::Systems, vec![pass(6..7, 0), pass(7..8, 1)]));
        }
        for (id, index) in program.indexes.iter() {
            for phase in index.phases(&program.space) {
                let domain = match phase {
                    IndexPhase::Count | IndexPhase::Scatter => {
                        Domain::Rows { group: GROUPS[0], batch_rows: kd::count_batch_rows(POINTS) }
                    }
                    IndexPhase::Build => Domain::Chunks(id),
                    _ => Domain::Once,
                };
                frame.push(stage(StageKind::Index, vec![(Work::Index(id, *phase), domain)]));
            }
        }
        for phase in InversePhase::ALL {
            let domain = match phase {
                InversePhase::Count | InversePhase::Scatter => {
                    Domain::Rows { group: GROUPS[0], batch_rows: inverse.batch_rows }
                }
                InversePhase::List => Domain::Targets(TO),
                InversePhase::Place => Domain::Once,
            };
            frame.push(stage(StageKind::Index, vec![(Work::Inverse(TO, phase), domain)]));
        }
        frame.push(stage(StageKind::Systems, vec![pass(0..5, 0), pass(5..6, 1)]));
        frame.push(stage(StageKind::Commit, vec![(Work::Commit, Domain::Once)]));
        program.schedule.frame = frame;
    }
}
