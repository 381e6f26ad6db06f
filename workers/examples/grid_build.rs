//! Measures the grid on one thread: nanoseconds a point of each phase of the build (copied are twice as many columns as
//! there are axes), and what asking it costs a row, beside a k-d tree.
//! `cargo run --release -p diptych-workers --example grid_build [rows [axes order]]`
//!
//! A *visit* is a vector of four rows that meets a candidate: what a rule's loop does is done so often.

use std::time::Instant;

use diptych_protocol::grid::GridShape;
use diptych_protocol::id::RowRange;
use diptych_protocol::kd::KdShape;
use diptych_protocol::limits::{BLOCK_ROWS_MAX, SPATIAL};
use diptych_protocol::space::{Edge, Space};
use diptych_protocol::values::{Values, ValuesMut};
use diptych_workers::grid::{Asker, Blocks, LocalGrid, copy};
use diptych_workers::index::{BadPosition, KdScratch, LocalIndex, Neighbours};
use diptych_workers::inverse::InverseScratch;

const REPEATS: usize = 5;
const COPIED: usize = 2_048;
const PHASES: [&str; 5] = ["count", "place", "scatter", "list", "copy"];

fn main() -> Result<(), BadPosition> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    println!("ns a point or row, median of {REPEATS}");
    for rows in [100_000, 1_000_000] {
        for axes in [2, 3] {
            for order in ["random", "cells", "moved"] {
                let asked = [rows.to_string(), axes.to_string(), order.to_string()];
                if args.iter().zip(&asked).all(|(arg, asked)| arg == asked) {
                    // About 8 and 32 neighbours where a unit of the space has one row.
                    for reach in if axes == 2 { [1.596, 3.192] } else { [1.241, 1.970] } {
                        measure(rows, axes, order, reach)?;
                    }
                }
            }
        }
    }
    Ok(())
}

fn measure(rows: u32, axes: usize, order: &str, reach: f32) -> Result<(), BadPosition> {
    let (space, mut columns) = points(rows, axes);
    let mut grid = LocalGrid::new(GridShape::new(rows, &space, reach));
    let mut scratch = InverseScratch::default();
    if order != "random" {
        let slices: Vec<&[f32]> = columns.iter().map(Vec::as_slice).collect();
        grid.build(&space, &slices, &mut scratch)?;
        for column in &mut columns {
            *column = grid.slot_rows.iter().map(|&row| column[row as usize]).collect();
        }
    }
    if order == "moved" {
        // As far as a frame takes a flock: along an axis by a hundredth, on average, of how far a row sees.
        let mut unit = unit(2);
        for (axis, column) in columns.iter_mut().enumerate() {
            column.iter_mut().for_each(|x| *x = space.place(axis, *x + (unit() - 0.5) * 0.04 * reach));
        }
    }
    let positions: Vec<&[f32]> = columns.iter().map(Vec::as_slice).collect();
    let shape = grid.shape;
    let others = columns.clone();
    let mut copies = vec![vec![0.0; rows as usize]; 2 * axes];
    let mut times = vec![vec![]; PHASES.len()];
    for _ in 0..REPEATS {
        for (phase, times) in times.iter_mut().enumerate() {
            let start = Instant::now();
            match phase {
                0 => (0..shape.count_batches).try_for_each(|batch| grid.count(batch, &space, &positions))?,
                1 => grid.place(),
                2 => (0..shape.count_batches).for_each(|batch| grid.scatter(batch, &mut scratch)),
                3 => (0..shape.chunks).for_each(|chunk| grid.build_chunk(chunk, &mut scratch)),
                // In the engine a chunk's rows are copied when they are listed: they are near then.
                _ => {
                    for (chunk, rows) in grid.slot_rows.chunks(COPIED).enumerate() {
                        for (from, to) in columns.iter().chain(&others).zip(&mut copies) {
                            let to = &mut to[chunk * COPIED..][..rows.len()];
                            copy(rows, Values::F32(from), ValuesMut::F32(to));
                        }
                    }
                }
            }
            times.push(start.elapsed().as_nanos() as f64 / f64::from(rows));
        }
    }
    let medians: Vec<f64> = times.into_iter().map(median).collect();
    print!("{rows:>8} {axes}-D {order:>6}, reach {reach}: build {:5.1} =", medians.iter().sum::<f64>());
    PHASES.iter().zip(&medians).for_each(|(name, ns)| print!(" {name} {ns:.1}"));
    println!();
    let view = grid.view();
    let (mut blocks, mut asker) = (Blocks::new(8), Asker::default());
    report("grid", rows, |batch, tally| {
        let own: Vec<&[f32]> = positions.iter().map(|column| &column[batch.indices()]).collect();
        blocks.form(&view, &own, batch, reach);
        for block in 0..blocks.len() {
            let mut room = [0; BLOCK_ROWS_MAX];
            let block = blocks.rows(block, &mut room);
            let (mut lo, mut hi) = ([0.0; 3], [0.0; 3]);
            for (axis, column) in positions.iter().enumerate() {
                let at = || block.iter().map(|&row| column[row as usize]);
                (lo[axis], hi[axis]) = (at().fold(f32::INFINITY, f32::min), at().fold(f32::NEG_INFINITY, f32::max));
            }
            asker.ask(&view, &space, &lo, &hi, reach);
            tally.add(block.len(), asker.runs().iter().map(|run| run.len()).sum());
        }
    });
    let mut tree = LocalIndex::new(KdShape::new(rows, axes, 32));
    if tree.build(&space, &positions, &mut KdScratch::default()).is_ok() {
        let (tree, mut neighbours) = (tree.tree(), Neighbours::default());
        report("tree", rows, |batch, tally| {
            neighbours.for_each_block(&tree, &space, &positions, batch, reach, |block| {
                tally.add(block.rows.len(), block.candidates.rows().len());
            });
        });
    }
    Ok(())
}

#[derive(Default)]
struct Tally {
    blocks: usize,
    candidates: usize,
    visits: usize,
}

impl Tally {
    fn add(&mut self, rows: usize, candidates: usize) {
        self.blocks += 1;
        self.candidates += candidates;
        self.visits += rows.div_ceil(4) * candidates;
    }
}

fn report(name: &str, rows: u32, mut ask: impl FnMut(RowRange, &mut Tally)) {
    let mut times = vec![];
    let mut tally = Tally::default();
    for _ in 0..REPEATS {
        tally = Tally::default();
        let start = Instant::now();
        let batch_rows = SPATIAL.batch_rows(rows);
        for first in (0..rows).step_by(batch_rows as usize) {
            ask(RowRange::new(first, rows.min(first + batch_rows)), &mut tally);
        }
        times.push(start.elapsed().as_nanos() as f64 / f64::from(rows));
    }
    let (rows, blocks) = (f64::from(rows), tally.blocks as f64);
    println!(
        "    {name}: ask {:6.1}; {:4.1} rows and {:5.1} candidates a block; {:5.1} visits a row",
        median(times),
        rows / blocks,
        tally.candidates as f64 / blocks,
        tally.visits as f64 / rows
    );
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Uniform points on a torus, one a unit.
fn points(rows: u32, axes: usize) -> (Space, Vec<Vec<f32>>) {
    let side = if axes == 2 { f64::from(rows).sqrt() } else { f64::from(rows).cbrt() } as f32;
    let mut space = Space { edge: Edge::Torus, dimensions: axes as u8, lo: [0.0; 3], hi: [0.0; 3] };
    space.hi[..axes].fill(side);
    let mut unit = unit(1);
    let mut columns = vec![Vec::with_capacity(rows as usize); axes];
    for _ in 0..rows {
        for (axis, column) in columns.iter_mut().enumerate() {
            column.push(space.place(axis, unit() * side));
        }
    }
    (space, columns)
}

/// Draws from 0 to 1.
fn unit(mut state: u64) -> impl FnMut() -> f32 {
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 24) as f32
    }
}
