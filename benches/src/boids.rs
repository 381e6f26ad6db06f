//! The yardstick of neighbour loops: the update of `scenarios/boids-p1.dip`, given candidates, by hand and by a body.
//!
//! Both walk the same cells: rows sorted by cells of a torus, a block of consecutive rows against the rows of the cells
//! around it. By hand: structure of arrays, so many rows side by side, every candidate against all of them, sums by
//! selection; the own row is left out by taking it off the sums afterwards, which a body must not do (it would change
//! bits), and coordinates behind the seam are moved by the side, which a body does not either.

use diptych::Program;
use diptych_protocol::body::Body;
use diptych_protocol::program::Code;
use diptych_workers::body::block::{Block, Executor, Run, Shared, Turns, Uniforms, Values, ValuesMut, padded};
use diptych_workers::body::slots::Slots;

const DT: f32 = 0.05;

/// Boids in cells.
pub struct Cells {
    side: f32,
    count: usize,
    start: Vec<usize>,
    /// Position and velocity, a column each, sorted by cell.
    pub columns: [Vec<f32>; 4],
    next: [Vec<f32>; 2],
}

/// A stretch of candidates, and how far to move them.
#[derive(Clone, Copy)]
struct Piece {
    start: usize,
    end: usize,
    shift: [f32; 2],
}

impl Cells {
    /// So many boids with so many neighbours each, on average.
    pub fn new(rows: usize, neighbours: f32) -> Self {
        let side = (rows as f32 * std::f32::consts::PI / neighbours).sqrt();
        let count = side as usize;
        let mut state = 1u64;
        let mut draw = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1u64 << 24) as f32
        };
        let mut boids: Vec<(usize, [f32; 4])> = (0..rows)
            .map(|_| {
                let (x, y) = (draw() * side, draw() * side);
                let (u, v) = (draw() - 0.5, draw() - 0.5);
                let cell = |x: f32| ((x * (count as f32 / side)) as usize).min(count - 1);
                (cell(y) * count + cell(x), [x, y, u, v])
            })
            .collect();
        boids.sort_by_key(|(cell, _)| *cell);
        let mut start = vec![0; count * count + 1];
        boids.iter().for_each(|(cell, _)| start[cell + 1] += 1);
        for cell in 0..count * count {
            start[cell + 1] += start[cell];
        }
        // Whole vectors are read and written at the end.
        let column = |lane: usize| boids.iter().map(|(_, b)| b[lane]).chain([1e9; 16]).collect::<Vec<f32>>();
        let columns = [column(0), column(1), column(2), column(3)];
        let next = [column(2), column(3)];
        Self { side, count, start, columns, next }
    }

    /// How many boids.
    pub fn rows(&self) -> usize {
        self.start[self.count * self.count]
    }

    /// The blocks: at most `rows` consecutive boids of one line of cells, and the pieces that are around them.
    fn blocks(&self, rows: usize, mut f: impl FnMut(std::ops::Range<usize>, &[Piece])) {
        let d = self.count;
        let cell = |x: f32| ((x * (d as f32 / self.side)) as usize).min(d - 1);
        let mut pieces = Vec::new();
        for line in 0..d {
            let (mut first, end) = (self.start[line * d], self.start[line * d + d]);
            while first < end {
                let last = (first + rows).min(end);
                let (c0, c1) = (cell(self.columns[0][first]), cell(self.columns[0][last - 1]));
                pieces.clear();
                for step in 0..3 {
                    let (other, y) = match line + step {
                        0 => (d - 1, -self.side),
                        n if n == d + 1 => (0, self.side),
                        n => (n - 1, 0.0),
                    };
                    let at = |cell: usize| self.start[other * d + cell];
                    if c0 == 0 {
                        pieces.push(Piece { start: at(d - 1), end: at(d), shift: [-self.side, y] });
                    }
                    if c1 == d - 1 {
                        pieces.push(Piece { start: at(0), end: at(1), shift: [self.side, y] });
                    }
                    let (from, to) = (c0.saturating_sub(1), (c1 + 1).min(d - 1));
                    pieces.push(Piece { start: at(from), end: at(to + 1), shift: [0.0, y] });
                }
                f(first..last, &pieces);
                first = last;
            }
        }
    }

    /// One update by hand, `W` rows side by side.
    pub fn by_hand<const W: usize>(&mut self) {
        let mut next = std::mem::take(&mut self.next);
        let [x, y, u, v] = &self.columns;
        self.blocks(W, |rows, pieces| {
            let lanes = |column: &[f32]| -> [f32; W] { std::array::from_fn(|w| column[rows.start + w]) };
            let (qx, qy, qu, qv) = (lanes(x), lanes(y), lanes(u), lanes(v));
            let zero = [0f32; W];
            let (mut near, mut cx, mut cy, mut au, mut av, mut sx, mut sy) = (zero, zero, zero, zero, zero, zero, zero);
            for piece in pieces {
                let range = piece.start..piece.end;
                let (x, y) = (&x[range.clone()], &y[range.clone()]);
                let (u, v) = (&u[range.clone()], &v[range.clone()]);
                for j in 0..range.len() {
                    let (x, y, u, v) = (x[j] + piece.shift[0], y[j] + piece.shift[1], u[j], v[j]);
                    for w in 0..W {
                        let (dx, dy) = (x - qx[w], y - qy[w]);
                        let d2 = dx * dx + dy * dy;
                        let (in_reach, close) = (d2 <= 1.0, d2 <= 0.25);
                        near[w] += if in_reach { 1.0 } else { 0.0 };
                        cx[w] += if in_reach { dx } else { 0.0 };
                        cy[w] += if in_reach { dy } else { 0.0 };
                        au[w] += if in_reach { u } else { 0.0 };
                        av[w] += if in_reach { v } else { 0.0 };
                        sx[w] += if close { dx } else { 0.0 };
                        sy[w] += if close { dy } else { 0.0 };
                    }
                }
            }
            let (mut ou, mut ov) = (zero, zero);
            for w in 0..W {
                let c = near[w] - 1.0;
                let (ic, has) = if c > 0.0 { (1.0 / c, 1.0) } else { (0.0, 0.0) };
                let u = qu[w] + DT * (0.2 * cx[w] * ic + 0.5 * ((au[w] - qu[w]) * ic - has * qu[w]) - sx[w]);
                let v = qv[w] + DT * (0.2 * cy[w] * ic + 0.5 * ((av[w] - qv[w]) * ic - has * qv[w]) - sy[w]);
                let speed = (u * u + v * v).sqrt().max(1e-6);
                let factor = speed.clamp(0.3, 1.0) / speed;
                (ou[w], ov[w]) = (u * factor, v * factor);
            }
            let len = rows.len();
            next[0][rows.clone()].copy_from_slice(&ou[..len]);
            next[1][rows].copy_from_slice(&ov[..len]);
        });
        self.next = next;
    }

    /// One update by a branch-free loop a row, nothing side by side: what a compiler makes of it is its own affair.
    pub fn row_by_row(&mut self) {
        let mut next = std::mem::take(&mut self.next);
        let [x, y, u, v] = &self.columns;
        self.blocks(1, |rows, pieces| {
            let own = rows.start;
            let (qx, qy, qu, qv) = (x[own], y[own], u[own], v[own]);
            let (mut near, mut cx, mut cy, mut au, mut av, mut sx, mut sy) = (0f32, 0f32, 0f32, 0f32, 0f32, 0f32, 0f32);
            for piece in pieces {
                let range = piece.start..piece.end;
                let columns = x[range.clone()].iter().zip(&y[range.clone()]).zip(&u[range.clone()]).zip(&v[range]);
                for (((x, y), u), v) in columns {
                    let (dx, dy) = (x + piece.shift[0] - qx, y + piece.shift[1] - qy);
                    let d2 = dx * dx + dy * dy;
                    let in_reach = if d2 <= 1.0 { 1.0f32 } else { 0.0 };
                    let close = if d2 <= 0.25 { 1.0f32 } else { 0.0 };
                    near += in_reach;
                    cx += in_reach * dx;
                    cy += in_reach * dy;
                    au += in_reach * u;
                    av += in_reach * v;
                    sx += close * dx;
                    sy += close * dy;
                }
            }
            let c = near - 1.0;
            let (ic, has) = if c > 0.0 { (1.0 / c, 1.0) } else { (0.0, 0.0) };
            let du = qu + DT * (0.2 * cx * ic + 0.5 * ((au - qu) * ic - has * qu) - sx);
            let dv = qv + DT * (0.2 * cy * ic + 0.5 * ((av - qv) * ic - has * qv) - sy);
            let speed = (du * du + dv * dv).sqrt().max(1e-6);
            let factor = speed.clamp(0.3, 1.0) / speed;
            next[0][own] = du * factor;
            next[1][own] = dv * factor;
        });
        self.next = next;
    }

    /// One update by a body, so many rows a block.
    pub fn by_body(&mut self, steer: &mut Steer<'_>, rows: usize) {
        let mut next = std::mem::take(&mut self.next);
        let ([next_u, next_v], all) = (&mut next, self.rows());
        let columns = self.columns.each_ref().map(|column| &column[..]);
        let others = steer.others.map(|column| Values::F32(columns[column]));
        let mut runs: Vec<Run> = Vec::new();
        let mut numbers = vec![0u32; all + 16];
        numbers.iter_mut().zip(0..).for_each(|(number, row)| *number = row);
        self.blocks(rows, |rows, pieces| {
            runs.clear();
            let mut straight = true;
            for piece in pieces.iter().filter(|piece| piece.start < piece.end) {
                straight &= piece.shift == [0.0, 0.0];
                let (start, end) = (piece.start as u32, piece.end as u32);
                let (first, last) = (rows.start as u32, rows.end as u32);
                if last <= start || end <= first {
                    runs.push(Run { start, end, own: false });
                } else {
                    // Only these need the test whether a row is itself.
                    runs.push(Run { start, end: first.max(start), own: false });
                    runs.push(Run { start: first.max(start), end: last.min(end), own: true });
                    runs.push(Run { start: last.min(end), end, own: false });
                }
            }
            let room = rows.start..rows.start + padded(rows.len());
            let own = steer.own.map(|column| Values::F32(&columns[column][room.clone()]));
            let turns = [Turns::Shared(Shared { runs: &runs, apart: None, rows: None, columns: &others, straight })];
            let block = Block {
                count: rows.len(),
                rows: &numbers[room.clone()],
                own: &own,
                far: &[],
                loops: &turns,
                uniforms: steer.uniforms,
            };
            let mut out = [ValuesMut::F32(&mut next_u[room.clone()]), ValuesMut::F32(&mut next_v[room])];
            steer.executor.run(&block, &mut out);
        });
        self.next = next;
    }

    /// The sum of the speeds after the update: what the ways to compute it must agree in, nearly.
    pub fn speed(&self) -> f64 {
        let pairs = self.next[0].iter().zip(&self.next[1]).take(self.rows());
        pairs.map(|(u, v)| f64::from(u * u + v * v).sqrt()).sum()
    }

    /// The bits of all velocities after the update, mixed: what bodies agree in exactly.
    pub fn hash(&self) -> u64 {
        let bits = self.next.iter().flat_map(|column| &column[..self.rows()]);
        bits.fold(0xcbf2_9ce4_8422_2325, |hash, x| (hash ^ u64::from(x.to_bits())).wrapping_mul(0x100_0000_01b3))
    }
}

/// The rule `steer` of boids-p1, ready to run.
pub struct Steer<'p> {
    executor: Box<dyn Executor>,
    /// Which of position and velocity each slot reads.
    own: [usize; 4],
    others: [usize; 4],
    uniforms: Uniforms<'p>,
}

/// The body of boids-p1's first rule.
///
/// # Panics
/// If the scenario has none.
pub fn steer_body(program: &Program) -> &Body {
    match program.systems.values().find(|system| system.name == "steer").map(|system| &system.code) {
        Some(Code::Body(body)) => &program.bodies[*body],
        _ => panic!("boids-p1 has no rule `steer` in text"),
    }
}

impl<'p> Steer<'p> {
    /// With a back end for [`steer_body`].
    pub fn new(program: &'p Program, executor: Box<dyn Executor>) -> Self {
        let slots = Slots::of(program, steer_body(program));
        let place =
            |name: String| ["Position.x", "Position.y", "Velocity.x", "Velocity.y"].iter().position(|n| *n == name);
        let places = |list: &[diptych_workers::body::slots::Slot]| -> [usize; 4] {
            let found: Vec<usize> = list.iter().filter_map(|slot| place(program.columns[slot.column].name())).collect();
            found.try_into().unwrap_or_else(|_| panic!("the rule reads something else than position and velocity"))
        };
        let uniforms =
            Uniforms { seed: 0, tick: 2, frame: 0, time: 0.0, signals: &[], reduced: &[], space: &program.space };
        Self { executor, own: places(&slots.own), others: places(&slots.loops[0].columns), uniforms }
    }
}
