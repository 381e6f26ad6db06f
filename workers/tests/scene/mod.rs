//! A program with every kind of loop, made by hand, and its state after some frames.

use std::sync::atomic::{AtomicU32, Ordering};

use bytemuck::Pod;
use diptych_protocol::board::{Board, Halt};
use diptych_protocol::body::{At, Binary, Body, Compare, Op, Over, Update};
use diptych_protocol::id::{ColumnId, GroupId, IndexId, InverseId, RowRange, Tick};
use diptych_protocol::layout::Layout;
use diptych_protocol::program::{Program, When};
use diptych_protocol::segment::Segment;
use diptych_protocol::space::Space;
use diptych_protocol::track::Track;
use diptych_protocol::types::{NO_ROW, Scalar, Value};
use diptych_workers::body::Backend;
use diptych_workers::in_process::InProcess;
use diptych_workers::kernel::Registry;

use self::make::Make;

mod make;
mod tables;

pub const POINTS: u32 = 3000;
pub const WATCHERS: u32 = 333;
pub const REACH: f32 = 0.03;
pub const NEAREST: usize = 5;
pub const CLOSEST: usize = 3;
/// Referring rows that the mixed body counts.
pub const LINKS: usize = 2;

/// How the same rules are run.
pub struct Scene {
    pub bucket_rows: u32,
    pub batch_rows: u32,
    /// Whether rows stand in spatial order, so that neighbours are long runs of rows.
    pub ordered: bool,
    pub when: When,
    /// A grid, which then finds what is within reach, beside the tree.
    pub grid: Option<Cells>,
}

/// The grid.
#[derive(Clone, Copy)]
pub struct Cells {
    pub cell: f32,
    /// Whether what loops read of the others stands in the order of its slots.
    pub copied: bool,
}

impl Default for Scene {
    fn default() -> Self {
        Self { bucket_rows: 32, batch_rows: 256, ordered: false, when: When::Prev, grid: None }
    }
}

/// The columns of the last state.
pub struct State {
    pub space: Space,
    /// How many points and watchers are there.
    pub rows: [u32; 2],
    /// The rows of the points in the order in which those within reach are met.
    pub met: Vec<u32>,
    pub x: Vec<f32>,
    pub y: Vec<f32>,
    pub mass: Vec<f32>,
    pub to: Vec<u32>,
    pub pull: Vec<f32>,
    pub count: Vec<u32>,
    pub order: Vec<u32>,
    pub got: Vec<f32>,
    pub near: Vec<u32>,
    pub all: Vec<f32>,
    pub mixed: Vec<f32>,
    pub watcher_x: Vec<f32>,
    pub watcher_y: Vec<f32>,
    pub seen: Vec<f32>,
    pub closest: Vec<u32>,
    /// Every column, by its id.
    pub bytes: Vec<Vec<u8>>,
}

const GROUPS: [GroupId; 2] = [GroupId(0), GroupId(1)];
const INDEX: IndexId = IndexId(0);
const GRID: IndexId = IndexId(1);
const TO: InverseId = InverseId(0);

/// Group, component, lanes, lane, type, owner.
type Made = (u32, &'static str, u8, u8, Scalar, Option<u32>);

/// The columns. Where positions are fresh, two more systems own them.
const COLUMNS: [Made; 15] = [
    (0, "Position", 2, 0, Scalar::F32, None),
    (0, "Position", 2, 1, Scalar::F32, None),
    (0, "Mass", 1, 0, Scalar::F32, None),
    (0, "To", 1, 0, Scalar::U32, None),
    (0, "Pull", 1, 0, Scalar::F32, Some(0)),
    (0, "Count", 1, 0, Scalar::U32, Some(0)),
    (0, "Order", 1, 0, Scalar::U32, Some(0)),
    (0, "Got", 1, 0, Scalar::F32, Some(1)),
    (0, "Near", 1, 0, Scalar::U32, Some(2)),
    (0, "All", 1, 0, Scalar::F32, Some(3)),
    (0, "Mixed", 1, 0, Scalar::F32, Some(4)),
    (1, "Position", 2, 0, Scalar::F32, None),
    (1, "Position", 2, 1, Scalar::F32, None),
    (1, "Seen", 1, 0, Scalar::F32, Some(5)),
    (1, "Closest", 1, 0, Scalar::U32, Some(5)),
];
const X: ColumnId = ColumnId(0);
const Y: ColumnId = ColumnId(1);
const MASS: ColumnId = ColumnId(2);

pub fn column<T: Pod>(bytes: &[u8]) -> Vec<T> {
    bytes.chunks_exact(size_of::<T>()).map(bytemuck::pod_read_unaligned).collect()
}

impl Scene {
    fn bodies(&self) -> Vec<Body> {
        let finder = if self.grid.is_some() { GRID } else { INDEX };
        let make = || Make { body: Body::default(), when: self.when, finder };
        let mut bodies = vec![self.points(make()), watchers(make())];
        let mut pull = make();
        let it = pull.within([0, 1]);
        for place in 0..3 {
            let value = pull.result(it, place);
            pull.store(4 + u32::from(place), value);
        }
        bodies.push(pull.body);
        let mut got = make();
        let (none, half) = (got.f32(0.0), got.f32(0.5));
        let it = got.looped(Over::Inverse(TO), None, |make, it| {
            let mass = make.read(2, When::Prev, At::Other(it));
            let part = make.two(Binary::Mul, mass, half);
            (None, vec![(none, Update::Add(part, None))])
        });
        let value = got.result(it, 0);
        got.store(7, value);
        bodies.push(got.body);
        let mut near = make();
        let value = near.nearest([0, 1], NEAREST);
        near.store(8, value);
        bodies.push(near.body);
        let mut all = make();
        let (row, one, none) = (all.body.push(Scalar::U32, Op::Row), all.u32(1), all.f32(0.0));
        let low = all.two(Binary::And, row, one);
        let odd = all.compare(Compare::Eq, low, one);
        let it = all.looped(Over::Group(GROUPS[0]), Some(odd), |make, it| {
            let mass = make.read(2, When::Prev, At::Other(it));
            (None, vec![(none, Update::Add(mass, None))])
        });
        let value = all.result(it, 0);
        all.store(9, value);
        bodies.push(all.body);
        bodies.push(mixed(make()));
        let mut seen = make();
        let it = seen.within([11, 12]);
        let value = seen.result(it, 0);
        seen.store(13, value);
        let value = seen.nearest([11, 12], CLOSEST);
        seen.store(14, value);
        bodies.push(seen.body);
        bodies.push(moving(make()));
        bodies
    }

    /// Points in order of x in a narrow strip, or anywhere.
    fn points(&self, mut make: Make) -> Body {
        let (mut x, mut y) = (make.draw(1), make.draw(2));
        if self.ordered {
            let row = make.body.push(Scalar::U32, Op::Row);
            let row = make.body.push(Scalar::F32, Op::Convert(row));
            let (step, width) = (make.f32(1.0 / POINTS as f32), make.f32(0.02));
            x = make.two(Binary::Mul, row, step);
            y = make.two(Binary::Mul, y, width);
        }
        make.store(0, x);
        make.store(1, y);
        let mass = make.draw(3);
        make.store(2, mass);
        // Some refer to rows that are not there, some to none.
        let (draw, range) = (make.draw(4), make.f32(POINTS as f32 * 1.1));
        let to = make.two(Binary::Mul, draw, range);
        let to = make.body.push(Scalar::U32, Op::Convert(to));
        let (rare, none) = (make.f32(0.1), make.u32(NO_ROW));
        let lost = make.compare(Compare::Lt, mass, rare);
        let to = make.body.push(Scalar::U32, Op::Select(lost, none, to));
        make.store(3, to);
        let (zero, nothing) = (make.f32(0.0), make.u32(0));
        for column in 4..=10 {
            make.store(column, if COLUMNS[column as usize].4 == Scalar::F32 { zero } else { nothing });
        }
        make.body
    }

    /// Runs it, and takes the last state.
    pub fn run(&self, backend: Backend, frames: u32) -> State {
        self.run_with(backend, &vec![[POINTS, WATCHERS]; frames as usize])
    }

    /// The same with so many of the rows in each frame: what the record says is changed between them.
    pub fn run_with(&self, backend: Backend, frames: &[[u32; 2]]) -> State {
        let program = self.program();
        let layout = Layout::new(&program, 1);
        let segment = Segment::create(layout.bytes).unwrap_or_else(|e| panic!("{e}"));
        let mut track = Track::new(segment.memory(), &layout, &program);
        let in_process = InProcess::new(&program, &Registry::empty(), backend).unwrap_or_else(|e| panic!("{e}"));
        in_process.tick(&mut track, Tick::SETUP).unwrap_or_else(|blame| panic!("{blame:?}"));
        for (before, rows) in (Tick::SETUP.0..).zip(frames) {
            let record: &[AtomicU32] = segment.memory().words(layout.records[(before & 1) as usize]);
            record[1..].iter().zip(rows).for_each(|(word, rows)| word.store(*rows, Ordering::Relaxed));
            let tick = before + 1;
            in_process.tick(&mut track, Tick(tick)).unwrap_or_else(|blame| panic!("{blame:?}"));
        }
        Board::new(segment.memory(), &layout).halt(Halt::End);
        track.latest().unwrap_or_else(|damaged| panic!("{damaged}"));
        let bytes: Vec<Vec<u8>> = program
            .columns
            .iter()
            .map(|(id, column)| track.prev_bytes(id, RowRange::new(0, track.record().rows(column.group))).to_vec())
            .collect();
        State {
            space: program.space,
            rows: GROUPS.map(|group| track.record().rows(group)),
            met: self.met(&program, &column(&bytes[0]), &column(&bytes[1])),
            x: column(&bytes[0]),
            y: column(&bytes[1]),
            mass: column(&bytes[2]),
            to: column(&bytes[3]),
            pull: column(&bytes[4]),
            count: column(&bytes[5]),
            order: column(&bytes[6]),
            got: column(&bytes[7]),
            near: column(&bytes[8]),
            all: column(&bytes[9]),
            mixed: column(&bytes[10]),
            watcher_x: column(&bytes[11]),
            watcher_y: column(&bytes[12]),
            seen: column(&bytes[13]),
            closest: column(&bytes[14]),
            bytes,
        }
    }
}

impl Scene {
    /// By row, or by cell and then row.
    fn met(&self, program: &Program, x: &[f32], y: &[f32]) -> Vec<u32> {
        let count = x.len() as u32;
        let mut rows: Vec<u32> = (0..count).collect();
        if let Some(lattice) = self.grid.and_then(|_| Some(program.grid_shape(GRID)?.lattice(&[], count))) {
            rows.sort_by_key(|row| lattice.cell_of([x[*row as usize], y[*row as usize]]));
        }
        rows
    }
}

fn watchers(mut make: Make) -> Body {
    let (x, y, zero, none) = (make.draw(5), make.draw(6), make.f32(0.0), make.u32(0));
    for (column, value) in [(11, x), (12, y), (13, zero), (14, none)] {
        make.store(column, value);
    }
    make.body
}

/// The pull of everything within reach, minus the masses of the first few that refer, which a counter inside of a loop
/// tells apart.
fn mixed(mut make: Make) -> Body {
    let it = make.within([0, 1]);
    let pull = make.result(it, 0);
    let none = make.u32(0);
    let [first, end] = [0, 2].map(|x| make.body.push(Scalar::I32, Op::Const(Value::I32(x))));
    let one = make.u32(1);
    let referring = make.looped(Over::Inverse(TO), None, |make, it| {
        let place = make.body.push(Scalar::U32, Op::Carried(it, 1));
        let mass = make.read(2, When::Prev, At::Other(it));
        let left = make.body.push(Scalar::F32, Op::Carried(it, 0));
        // In the turn whose counter is the place: as often as not at all.
        let counted = make.looped(Over::Count { first, end }, None, |make, inner| {
            let counter = make.body.push(Scalar::I32, Op::Other(inner));
            let counter = make.body.push(Scalar::U32, Op::Convert(counter));
            let now = make.compare(Compare::Eq, counter, place);
            (Some(now), vec![(left, Update::Sub(mass, None))])
        });
        let left = make.result(counted, 0);
        (None, vec![(pull, Update::Set(left)), (none, Update::Add(one, None))])
    });
    let value = make.result(referring, 0);
    make.store(10, value);
    make.body
}

/// Everything moves a little, and comes back at the other side.
fn moving(mut make: Make) -> Body {
    let (step, side) = (make.f32(0.01), make.f32(1.0));
    for column in [0, 1] {
        let x = make.read(column, When::Prev, At::Own);
        let there = make.two(Binary::Add, x, step);
        let back = make.two(Binary::Sub, there, side);
        let out = make.compare(Compare::Ge, there, side);
        let x = make.body.push(Scalar::F32, Op::Select(out, back, there));
        make.store(column, x);
    }
    make.body
}
