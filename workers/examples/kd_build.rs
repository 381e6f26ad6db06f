//! Measures the k-d index on one thread: nanoseconds a point of each phase of the build, a row of a neighbour count by
//! blocks, and a row of what is nearest: of many rows together, one by one, and by kiddo's own tree, one by one and by its query of
//! many. Rows stand in no order, by cells, in the tree's, or in that of the frame before, as where they are kept in order (then in runs, too).
//! `cargo run --release -p diptych-workers --example kd_build [bucket_rows [rows axes order]]`

use std::num::NonZero;
use std::time::Instant;

use diptych_protocol::id::RowRange;
use diptych_protocol::kd::KdShape;
use diptych_protocol::limits::{BLOCK_ROWS_MAX, SPATIAL};
use diptych_protocol::space::{Edge, Space};
use diptych_workers::index::{
    Asked, Asker, Block, Blocks, Exact, IndexError, KdScratch, LocalIndex, Nearest, Neighbours, Sight,
};

const REPEATS: usize = 7;
const FRAMES: usize = 5;
const PHASES: [&str; 6] = ["split", "count", "place", "scatter", "build", "seal"];

fn main() -> Result<(), IndexError> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let bucket_rows = args.first().and_then(|text| text.parse().ok()).unwrap_or(64);
    println!("ns a point or row, median of {REPEATS}; buckets of {bucket_rows}");
    for rows in [100_000, 1_000_000] {
        for axes in [2, 3] {
            for order in ["random", "cells", "tree", "kept"] {
                let asked = [rows.to_string(), axes.to_string(), order.to_string()];
                if args.iter().skip(1).zip(&asked).all(|(arg, asked)| arg == asked) {
                    measure(rows, axes, order, bucket_rows)?;
                }
            }
        }
    }
    Ok(())
}

fn measure(rows: u32, axes: usize, order: &str, bucket_rows: u32) -> Result<(), IndexError> {
    let (space, mut columns) = points(rows, axes);
    let shape = KdShape::new(rows, axes, bucket_rows);
    let mut index = LocalIndex::new(shape);
    // As where a group's rows are kept in the order of slots.
    index.in_pieces = order == "kept";
    let mut scratch = KdScratch::default();
    match order {
        "cells" => {
            let rows = by_cell(&columns, 1.6);
            reorder(&mut columns, rows);
        }
        "tree" | "kept" => {
            // Planes are chosen by where rows stand: after a few frames they hardly move any more.
            for _ in 0..FRAMES {
                let slices: Vec<&[f32]> = columns.iter().map(Vec::as_slice).collect();
                index.build(&space, &slices, &mut scratch)?;
                let rows = index.slot_rows.clone();
                reorder(&mut columns, rows);
                if order == "kept" {
                    stir(&space, &mut columns);
                }
            }
        }
        _ => {}
    }
    let positions: Vec<&[f32]> = columns.iter().map(Vec::as_slice).collect();
    let mut times = vec![vec![]; PHASES.len()];
    for _ in 0..REPEATS {
        for (phase, times) in times.iter_mut().enumerate() {
            let start = Instant::now();
            match phase {
                0 => index.split(&positions, &mut scratch),
                1 => {
                    for batch in 0..shape.count_batches {
                        index.count(batch, &space, &positions, &mut scratch)?;
                    }
                }
                2 => index.place(),
                3 => (0..shape.count_batches).for_each(|batch| index.scatter(batch, &mut scratch)),
                4 => {
                    for chunk in 0..shape.chunks {
                        index.build_chunk(chunk, &positions, &mut scratch)?;
                    }
                }
                _ => {
                    index.seal();
                }
            }
            times.push(start.elapsed().as_nanos() as f64 / f64::from(rows));
        }
    }
    let medians: Vec<f64> = times.into_iter().map(median).collect();
    print!("{rows:>8} {axes}-D {order:>6}: build {:5.1} =", medians.iter().sum::<f64>());
    for (name, ns) in PHASES.iter().zip(&medians) {
        print!(" {name} {ns:.1}");
    }
    println!();
    for reach in if axes == 2 { [1.596, 3.192] } else { [1.241, 1.970] } {
        neighbours(&index, &space, &positions, reach);
        if index.in_pieces {
            runs(&index, &space, &positions, reach);
        }
    }
    for count in [1, 8] {
        nearest(&index, &space, &positions, count);
    }
    Ok(())
}

/// The nearest of each row: by rows that ask one behind another in the order of the tree's slots, each by itself, and as
/// kiddo's own tree finds them, which leaves nobody out, and equals in no order of its own.
fn nearest(index: &LocalIndex, space: &Space, positions: &[&[f32]], count: usize) {
    let axis = |axis: usize| positions.get(axis).copied().unwrap_or(&[]);
    let exact = Exact::F32([axis(0), axis(1), axis(2)]);
    let tree = index.tree();
    let asked = Asked { tree, space, positions: exact, entities: None, from: [0.0; 3], own: None, count };
    let (mut asker, mut starts, mut found) = (Nearest::default(), Vec::new(), Vec::new());
    let mut times = [const { Vec::new() }; 4];
    let mut sums = [0u64; 4];
    for _ in 0..REPEATS {
        let mut timed = |way: usize, sum: u64, start: Instant| {
            times[way].push(start.elapsed().as_nanos() as f64 / f64::from(tree.shape.rows));
            sums[way] = sum;
        };
        let (start, mut sum) = (Instant::now(), 0);
        for rows in tree.slot_rows.chunks(512) {
            starts.clear();
            found.clear();
            asker.ask_rows(&asked, rows, &mut starts, &mut found);
            sum = found.iter().fold(sum, |sum: u64, &other| sum.wrapping_add(mixed(other)));
        }
        timed(0, sum, start);
        let (start, mut sum) = (Instant::now(), 0);
        for &row in tree.slot_rows {
            let from = std::array::from_fn(|axis| positions.get(axis).map_or(0.0, |at| f64::from(at[row as usize])));
            found.clear();
            asker.ask(&Asked { from, own: Some(row), ..asked }, &mut found);
            sum = found.iter().fold(sum, |sum: u64, &other| sum.wrapping_add(mixed(other)));
        }
        timed(1, sum, start);
        for (way, many) in [(2, false), (3, true)] {
            let (start, sum) = match *positions {
                [x, y] => of_kiddo([x, y], tree.slot_rows, count, many),
                [x, y, z] => of_kiddo([x, y, z], tree.slot_rows, count, many),
                _ => (Instant::now(), 0),
            };
            timed(way, sum, start);
        }
    }
    let [together, alone, kiddo, many] = times.map(median);
    println!(
        "    nearest {count}: together {together:6.1}, alone {alone:6.1} a row, kiddo {kiddo:6.1}, its batches {many:6.1} \
         (open space); sums {sums:x?}"
    );
}

/// Asks kiddo's tree for one more than `count` from where each row is, in this order, one by one or as a batch. Says when it
/// began, and a sum.
fn of_kiddo<const K: usize>(columns: [&[f32]; K], rows: &[u32], count: usize, many: bool) -> (Instant, u64) {
    let points: Vec<[f32; K]> = (0..rows.len()).map(|row| columns.map(|column| column[row])).collect();
    let tree = match kiddo::ImmutableKdTree::<f32, K>::builder().with_serial_construction().build_from_slice(&points) {
        Ok(tree) => tree,
        Err(error) => panic!("{error}"),
    };
    let wanted = NonZero::new(count + 1).unwrap_or(NonZero::<usize>::MIN);
    let asked: Vec<[f32; K]> = rows.iter().map(|row| points[*row as usize]).collect();
    let (start, mut sum) = (Instant::now(), 0u64);
    if many {
        let found = tree.query_batch(&asked).nearest_n::<kiddo::SquaredEuclidean<f32>>(wanted).execute();
        for (&row, found) in rows.iter().zip(found.iter()) {
            sum = found.iter().filter(|it| it.item != row).fold(sum, |sum, it| sum.wrapping_add(mixed(it.item)));
        }
        return (start, sum);
    }
    for &row in rows {
        let found = tree.query(&points[row as usize]).nearest_n::<kiddo::SquaredEuclidean<f32>>(wanted).execute();
        sum = found.iter().filter(|it| it.item != row).fold(sum, |sum, it| sum.wrapping_add(mixed(it.item)));
    }
    (start, sum)
}

fn mixed(row: u32) -> u64 {
    u64::from(row).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn neighbours(index: &LocalIndex, space: &Space, positions: &[&[f32]], reach: f32) {
    let tree = index.tree();
    let rows = tree.shape.rows;
    let mut neighbours = Neighbours::default();
    let mut counting = Counting { counts: vec![0; rows as usize], ..Counting::default() };
    let (mut asking, mut whole) = (vec![], vec![]);
    let (mut blocks, mut candidates) = (0u64, 0u64);
    for repeat in 0..2 * REPEATS {
        let start = Instant::now();
        (blocks, candidates) = (0, 0);
        for first in (0..rows).step_by(SPATIAL.rows_max as usize) {
            let batch = RowRange::new(first, rows.min(first + SPATIAL.rows_max));
            neighbours.for_each_block(&tree, space, positions, batch, reach, |block| {
                blocks += 1;
                candidates += block.candidates.rows().len() as u64;
                if repeat % 2 == 1 {
                    counting.block(space, positions, reach, &block);
                }
            });
        }
        let times = if repeat % 2 == 1 { &mut whole } else { &mut asking };
        times.push(start.elapsed().as_nanos() as f64 / f64::from(rows));
    }
    let found: u64 = counting.counts.iter().map(|&count| u64::from(count)).sum();
    let checksum =
        counting.counts.iter().fold(0u64, |sum, &count| sum.wrapping_mul(0x100_0000_01b3) ^ u64::from(count));
    println!(
        "    {:4.1} neighbours: ask {:6.1}, with the test {:6.1}; {:4.1} rows and {:5.1} candidates a block; checksum {checksum:016x}",
        found as f64 / f64::from(rows) - 1.0,
        median(asking),
        median(whole),
        f64::from(rows) / blocks as f64,
        candidates as f64 / blocks as f64,
    );
}

/// The same by the slots of an index that rows are kept in the order of: blocks ask for runs of rows.
fn runs(index: &LocalIndex, space: &Space, positions: &[&[f32]], reach: f32) {
    let tree = index.tree();
    let rows = tree.shape.rows;
    let (mut blocks, mut asker) = (Blocks::default(), Asker::default());
    let (mut forming, mut asking) = (vec![], vec![]);
    let (mut count, mut runs, mut candidates) = (0, 0, 0);
    for _ in 0..REPEATS {
        (count, runs, candidates) = (0, 0, 0);
        let (mut formed, start) = (0.0, Instant::now());
        for first in (0..rows).step_by(SPATIAL.rows_max as usize) {
            let batch = RowRange::new(first, rows.min(first + SPATIAL.rows_max));
            let start = Instant::now();
            asker.forget();
            blocks.form_slots(&tree, positions, batch, reach);
            formed += start.elapsed().as_nanos() as f64;
            for block in 0..blocks.len() {
                let ((lo, hi), area) = (blocks.bounds(block), blocks.area(block));
                asker.ask_runs(&tree, positions, &Sight { space, lo, hi, reach, area });
                let found = asker.candidates();
                count += 1;
                runs += found.runs().len();
                candidates += found.runs().iter().map(|run| run.len()).sum::<usize>();
            }
        }
        forming.push(formed / f64::from(rows));
        asking.push(start.elapsed().as_nanos() as f64 / f64::from(rows) - formed / f64::from(rows));
    }
    println!(
        "    in runs: form {:4.1}, ask {:6.1}; {:4.1} rows, {:5.1} candidates and {:4.1} runs a block",
        median(forming),
        median(asking),
        f64::from(rows) / f64::from(count),
        candidates as f64 / f64::from(count),
        runs as f64 / f64::from(count),
    );
}

/// Counts neighbours as a kernel would: rows are lanes, each candidate is tested against all of them.
#[derive(Default)]
struct Counting {
    counts: Vec<u32>,
    columns: [Vec<f32>; 3],
}

type Lanes = [f32; BLOCK_ROWS_MAX];

impl Counting {
    fn block(&mut self, space: &Space, positions: &[&[f32]], reach: f32, block: &Block<'_>) {
        let mut own = [[0.0; BLOCK_ROWS_MAX]; 3];
        for ((column, into), own) in positions.iter().zip(&mut self.columns).zip(&mut own) {
            block.candidates.gather(column, into);
            for (lane, &row) in own.iter_mut().zip(block.rows) {
                *lane = column[row as usize];
            }
        }
        let sides = std::array::from_fn(|axis| space.side(axis));
        let [x, y, z] = &self.columns;
        let near = match (positions.len(), block.straight) {
            (2, true) => near::<2, true>([x, y], [own[0], own[1]], sides, reach),
            (2, false) => near::<2, false>([x, y], [own[0], own[1]], sides, reach),
            (_, true) => near::<3, true>([x, y, z], own, sides, reach),
            (_, false) => near::<3, false>([x, y, z], own, sides, reach),
        };
        for (&row, near) in block.rows.iter().zip(near) {
            self.counts[row as usize] = near;
        }
    }
}

/// The exact test of every candidate against every lane. The arithmetic is that of `Space::delta` on a torus.
fn near<const K: usize, const STRAIGHT: bool>(
    others: [&Vec<f32>; K],
    own: [Lanes; K],
    sides: [f32; 3],
    reach: f32,
) -> [u32; BLOCK_ROWS_MAX] {
    let mut near = [0u32; BLOCK_ROWS_MAX];
    let square = reach * reach;
    #[expect(clippy::needless_range_loop, reason = "a candidate is the same place of one to three columns")]
    for i in 0..others[0].len() {
        let mut sum: Lanes = [0.0; BLOCK_ROWS_MAX];
        for axis in 0..K {
            let (other, side, half) = (others[axis][i], sides[axis], 0.5 * sides[axis]);
            for lane in 0..BLOCK_ROWS_MAX {
                let d = other - own[axis][lane];
                let d = if STRAIGHT {
                    d
                } else if d > half {
                    d - side
                } else if d < -half {
                    d + side
                } else {
                    d
                };
                sum[lane] += d * d;
            }
        }
        for lane in 0..BLOCK_ROWS_MAX {
            near[lane] += u32::from(sum[lane] <= square);
        }
    }
    near
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Uniform points of density 1 on a torus.
fn points(rows: u32, axes: usize) -> (Space, Vec<Vec<f32>>) {
    let side = if axes == 2 { f64::from(rows).sqrt() } else { f64::from(rows).cbrt() } as f32;
    let mut space = Space { edge: Edge::Torus, dimensions: axes as u8, lo: [0.0; 3], hi: [0.0; 3] };
    space.hi[..axes].fill(side);
    let mut state = 7u64;
    let columns = (0..axes)
        .map(|axis| {
            let draw = |_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                space.place(axis, (state >> 40) as f32 / (1 << 24) as f32 * side)
            };
            (0..rows).map(draw).collect()
        })
        .collect();
    (space, columns)
}

/// Moves every point a little, as much as boids do in a frame.
fn stir(space: &Space, columns: &mut [Vec<f32>]) {
    for (axis, column) in columns.iter_mut().enumerate() {
        for (row, x) in column.iter_mut().enumerate() {
            let step = ((row as u64 ^ axis as u64) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
            let moved = *x + 0.1 * (step as f32 / (1 << 24) as f32 - 0.5);
            *x = if moved < 0.0 || moved >= space.side(axis) { *x } else { moved };
        }
    }
}

/// Rows in the order of square cells, line after line.
fn by_cell(columns: &[Vec<f32>], side: f32) -> Vec<u32> {
    let mut rows: Vec<u32> = (0..columns[0].len() as u32).collect();
    rows.sort_by_key(|&row| {
        columns.iter().rev().fold(0u64, |cell, column| cell << 20 | (column[row as usize] / side) as u64)
    });
    rows
}

fn reorder(columns: &mut [Vec<f32>], rows: Vec<u32>) {
    for column in columns {
        *column = rows.iter().map(|&row| column[row as usize]).collect();
    }
}
