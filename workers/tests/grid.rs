//! The promises of the grid, each phase run alone in plain vectors.

mod points;

use std::sync::atomic::AtomicU32;

use diptych_protocol::grid::{GridShape, cells_max};
use diptych_protocol::id::RowRange;
use diptych_protocol::limits::BLOCK_ROWS_MAX;
use diptych_protocol::space::{Edge, Space};
use diptych_workers::grid::{Asker, Blocks, LocalGrid};
use diptych_workers::inverse::InverseScratch;
use points::{Draws, KINDS, Kind, near, points, slices, space};
use proptest::prelude::*;

const EDGES: [Edge; 3] = [Edge::Open, Edge::Box, Edge::Torus];

fn built(space: &Space, columns: &[Vec<f32>], cell: f32) -> LocalGrid {
    let mut grid = LocalGrid::new(GridShape::new(columns[0].len() as u32, space, cell));
    if let Err(error) = grid.build(space, &slices(columns), &mut InverseScratch::default()) {
        panic!("{error}");
    }
    grid
}

/// Everything a grid promises about its own arrays.
fn check_whole(grid: &LocalGrid, columns: &[Vec<f32>]) {
    let view = grid.view();
    let cells = view.lattice.cells();
    assert!(cells <= grid.shape.cells_max && cells <= cells_max(grid.rows));
    assert_eq!(view.cell_start.len(), cells as usize + 1);
    assert_eq!((view.cell_start[0], view.cell_start[cells as usize]), (0, grid.rows));
    let mut seen = vec![false; columns[0].len()];
    for (cell, ends) in view.cell_start.windows(2).enumerate() {
        let rows = &view.slot_rows[ends[0] as usize..ends[1] as usize];
        assert!(rows.is_sorted_by(|a, b| a < b), "rows of a cell ascend");
        for &row in rows {
            assert!(!std::mem::replace(&mut seen[row as usize], true), "row {row} is in two cells");
            let mut at = [0; 3];
            for (axis, column) in columns.iter().enumerate() {
                at[axis] = view.lattice.along(axis, column[row as usize]);
            }
            assert_eq!(view.lattice.number(at) as usize, cell);
        }
    }
    assert!(seen.iter().all(|&seen| seen), "every row is in a cell");
}

#[test]
fn slots_are_a_permutation_by_cell_then_row_for_any_data() {
    for rows in [0, 1, 2, 63, 64, 65, 2047, 2049, 10_000] {
        for (kind, edge) in KINDS.into_iter().flat_map(|kind| EDGES.map(|edge| (kind, edge))) {
            for axes in 1..=3 {
                for cell in [1e-30, 0.01, 0.3, 4.0, 10.0, 21.0, 1e30] {
                    let space = space(edge, axes, -3.0, 17.0);
                    let columns = points(kind, rows, &space, -3.0, 17.0, 5);
                    check_whole(&built(&space, &columns, cell), &columns);
                }
            }
        }
    }
}

#[test]
fn a_sparse_world_has_few_cells() {
    let space = space(Edge::Box, 3, 0.0, 1e9);
    let columns = points(Kind::Uniform, 1000, &space, 0.0, 1e9, 1);
    let cells = built(&space, &columns, 1.0).view().lattice.cells();
    assert!((1000..=4000).contains(&cells), "{cells} cells");
}

#[test]
fn rows_outside_of_a_box_are_in_its_outermost_cells() {
    let space = space(Edge::Box, 2, 0.0, 10.0);
    let columns = vec![vec![-5.0, 20.0, -1e30, 5.0, 0.0, 1e30, 3e38], vec![5.0, 20.0, 3.0, -4.0, 0.0, -3e38, 3e38]];
    let grid = built(&space, &columns, 4.0);
    // Two lines of ten.
    assert_eq!(grid.cell_of, [10, 19, 0, 5, 0, 9, 19]);
    check_neighbours(&space, &columns, 4.0, 4.5, 64);
}

/// Fills an array with nonsense.
macro_rules! junk {
    ($grid:ident: $($array:ident = $value:expr),* $(,)?) => {$($grid.$array.fill_with(|| $value);)*};
}

#[test]
fn rerunning_a_phase_changes_nothing() {
    for (kind, edge) in KINDS.into_iter().flat_map(|kind| EDGES.map(|edge| (kind, edge))) {
        let space = space(edge, 2, 0.0, 10.0);
        let columns = points(kind, 20_000, &space, 0.0, 10.0, 9);
        let positions = slices(&columns);
        let clean = built(&space, &columns, 0.1);
        let shape = clean.shape;
        let mut grid = LocalGrid::new(shape);
        let mut scratch = InverseScratch::default();
        junk!(grid: bounds = f32::NAN);
        for batch in (0..shape.count_batches).chain(0..shape.count_batches) {
            grid.bounds(batch, &positions);
        }
        junk!(grid: cell_of = 777, counts = 7);
        for batch in (0..shape.count_batches).chain(0..shape.count_batches) {
            grid.count(batch, &space, &positions).unwrap();
        }
        junk!(grid: first_slots = 7, chunk_slots = 7);
        grid.place();
        grid.place();
        junk!(grid: scattered = AtomicU32::new(7));
        for batch in (0..shape.count_batches).chain(0..shape.count_batches) {
            grid.scatter(batch, &mut scratch);
        }
        junk!(grid: cell_start = 7, slot_rows = 7);
        for chunk in (0..shape.chunks).chain(0..shape.chunks) {
            grid.build_chunk(chunk, &mut scratch);
        }
        assert_eq!(grid.bits(), clean.bits(), "{kind:?}");
    }
}

#[test]
fn phases_in_any_batch_order_give_the_same_bits() {
    let space = space(Edge::Open, 3, 0.0, 0.0);
    let columns = points(Kind::Clustered, 30_000, &space, -1.0, 1.0, 3);
    let positions = slices(&columns);
    let clean = built(&space, &columns, 0.05);
    let shape = clean.shape;
    for seed in 0..4 {
        let mut draws = Draws(seed);
        let mut shuffled = |count: u32| {
            let mut order: Vec<u32> = (0..count).collect();
            for i in (1..order.len()).rev() {
                order.swap(i, draws.below(i + 1));
            }
            order
        };
        // Two workers, each with its own scratch.
        let mut scratch = [InverseScratch::default(), InverseScratch::default()];
        let mut grid = LocalGrid::new(shape);
        shuffled(shape.count_batches).into_iter().for_each(|batch| grid.bounds(batch, &positions));
        for batch in shuffled(shape.count_batches) {
            grid.count(batch, &space, &positions).unwrap();
        }
        grid.place();
        for batch in shuffled(shape.count_batches) {
            grid.scatter(batch, &mut scratch[batch as usize % 2]);
        }
        for chunk in shuffled(shape.chunks) {
            grid.build_chunk(chunk, &mut scratch[chunk as usize % 2]);
        }
        assert_eq!(grid.bits(), clean.bits());
    }
}

#[test]
fn nan_infinity_and_off_torus_are_blamed() {
    let blamed = |edge, bad: &[(usize, usize, f32)]| {
        let space = space(edge, 2, 0.0, 10.0);
        let mut columns = points(Kind::Uniform, 5000, &space, 0.0, 10.0, 2);
        for &(row, axis, value) in bad {
            columns[axis][row] = value;
        }
        let mut grid = LocalGrid::new(GridShape::new(5000, &space, 0.5));
        let outcome = grid.build(&space, &slices(&columns), &mut InverseScratch::default());
        outcome.err().map(|bad| (bad.row as usize, bad.axis, bad.value.to_bits()))
    };
    for edge in EDGES {
        assert_eq!(blamed(edge, &[]), None);
        for value in [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for row in [0, 1, 63, 64, 4999] {
                assert_eq!(blamed(edge, &[(row, 1, value)]), Some((row, 1, value.to_bits())));
            }
        }
        let bad = [(700, 0, f32::INFINITY), (699, 1, f32::NAN), (699, 0, f32::NAN), (800, 0, f32::NAN)];
        assert_eq!(blamed(edge, &bad), Some((699, 0, f32::NAN.to_bits())), "the lowest row, its first axis");
    }
    for value in [-1e-9, 10.0, 11.0] {
        assert_eq!(blamed(Edge::Torus, &[(9, 0, value)]), Some((9, 0, value.to_bits())));
        assert_eq!(blamed(Edge::Box, &[(9, 0, value)]), None);
    }
}

fn check_neighbours(space: &Space, columns: &[Vec<f32>], cell: f32, reach: f32, batch_rows: u32) {
    check_found(&built(space, columns, cell), space, columns, reach, batch_rows);
}

fn check_found(grid: &LocalGrid, space: &Space, columns: &[Vec<f32>], reach: f32, batch_rows: u32) {
    let view = grid.view();
    let rows = columns[0].len() as u32;
    // By cell, then row: what each row must see, whatever block it is in.
    let mut slot_of = vec![0; rows as usize];
    (0..rows).for_each(|slot| slot_of[view.slot_rows[slot as usize] as usize] = slot);
    // Vectors of some width, which shows in no result.
    let (mut blocks, mut asker) = (Blocks::new(4 << (batch_rows / 64 % 3)), Asker::default());
    let mut asked = vec![false; rows as usize];
    for start in (0..rows).step_by(batch_rows as usize) {
        let batch = RowRange::new(start, rows.min(start + batch_rows));
        let own: Vec<&[f32]> = columns.iter().map(|column| &column[batch.indices()]).collect();
        blocks.form(&view, &own, batch, reach);
        for block in 0..blocks.len() {
            let mut room = [0; BLOCK_ROWS_MAX];
            let block = blocks.rows(block, &mut room);
            assert!(!block.is_empty() && block.is_sorted_by(|a, b| a < b));
            let (mut lo, mut hi) = ([0.0; 3], [0.0; 3]);
            for (axis, column) in columns.iter().enumerate() {
                let at = || block.iter().map(|&row| column[row as usize]);
                (lo[axis], hi[axis]) = (at().fold(f32::INFINITY, f32::min), at().fold(f32::NEG_INFINITY, f32::max));
            }
            let straight = asker.ask(&view, space, &lo, &hi, reach);
            let apart = |a: &RowRange, b: &RowRange| a.end < b.start;
            assert!(asker.runs().is_sorted_by(apart), "slots ascend, no cell is met twice: {:?}", asker.runs());
            let candidates: Vec<u32> =
                asker.runs().iter().flat_map(|run| &view.slot_rows[run.indices()]).copied().collect();
            for &row in block {
                assert!(batch.indices().contains(&(row as usize)));
                assert!(!std::mem::replace(&mut asked[row as usize], true), "row {row} asks twice");
                let own = row as usize;
                let found = candidates.iter().filter(|&&o| near(space, columns, own, o as usize, reach));
                let mut brute: Vec<u32> = (0..rows).filter(|&o| near(space, columns, own, o as usize, reach)).collect();
                brute.sort_by_key(|&row| slot_of[row as usize]);
                assert!(found.eq(&brute), "row {row} misses a neighbour, or meets them in another order");
                for (axis, column) in columns.iter().enumerate().filter(|_| straight) {
                    let delta = |&other: &u32| {
                        let (own, other) = (column[own], column[other as usize]);
                        space.delta(axis, own, other).to_bits() == (other - own).to_bits()
                    };
                    assert!(candidates.iter().all(delta), "row {row} has a candidate nearer around the torus");
                }
            }
        }
    }
    assert!(asked.iter().all(|&asked| asked), "every row asks");
    // A batch by slots: its blocks are stretches of them, one behind another, each in one line of cells.
    let in_order: Vec<Vec<f32>> =
        columns.iter().map(|column| view.slot_rows.iter().map(|row| column[*row as usize]).collect()).collect();
    let line = |slot: usize| {
        let along = |axis: usize| in_order.get(axis).map_or(0, |column| view.lattice.along(axis, column[slot]));
        [along(1), along(2)]
    };
    for start in (0..rows).step_by(batch_rows as usize) {
        let batch = RowRange::new(start, rows.min(start + batch_rows));
        let own: Vec<&[f32]> = in_order.iter().map(|column| &column[batch.indices()]).collect();
        blocks.form_slots(&view, &own, batch, reach);
        let mut next = 0;
        for block in (0..blocks.len()).map(|block| blocks.range(block)) {
            assert!(
                block.start == next && !block.is_empty() && block.len() <= BLOCK_ROWS_MAX,
                "{block:?} after {next}"
            );
            next = block.end;
            let lines = block.map(|slot| line(batch.start as usize + slot));
            assert!(lines.clone().eq(lines.clone().map(|_| lines.clone().next().unwrap_or_default())), "across lines");
        }
        assert_eq!(next, batch.len(), "every slot is in a block");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]
    #[test]
    fn grid_neighbours_equal_brute_force_in_the_order_of_slots(
        edge in prop::sample::select(EDGES.to_vec()),
        axes in 1usize..=3,
        kind in prop::sample::select(KINDS.to_vec()),
        rows in prop_oneof![0usize..20, 20usize..400, 1500usize..1600],
        // Corner and side: also far from 0, where an ULP is large, and tiny.
        (lo, side) in prop::sample::select(vec![
            (0.0f32, 1.0f32), (-50.0, 100.0), (1000.0, 3.0), (-0.3, 0.7), (0.0, 1e-12), (0.0, 1e-22), (-1e18, 3e18), (-1e30, 3e30),
        ]),
        share in prop_oneof![Just(0.0f32), Just(0.5), 0.0f32..0.5, 0.0f32..0.02, Just(1.0 / 16.0)],
        // Also a cell that is smaller or larger than the reach.
        cells in prop::sample::select(vec![1.0f32, 1.0, 0.4, 3.0]),
        // Rows may stand outside of a box.
        outside in any::<bool>(),
        batch_rows in prop::sample::select(vec![64u32, 192, 2048]),
        seed in any::<u64>(),
    ) {
        let margin = if outside && edge == Edge::Box { 0.2 * side } else { 0.0 };
        let space = space(edge, axes, lo + margin, lo + side - margin);
        let columns = points(kind, rows, &space, lo, lo + side, seed);
        let side = if edge == Edge::Torus { space.side(0) } else { side };
        let reach = share * side;
        check_neighbours(&space, &columns, (reach * cells).max(1e-3 * side), reach, batch_rows);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 80, ..ProptestConfig::default() })]
    #[test]
    fn a_grid_of_fewer_rows_is_the_one_from_clean_arrays(
        edge in prop::sample::select(EDGES.to_vec()),
        axes in 1usize..=3,
        most in prop_oneof![0u32..100, 1000u32..20_000, Just(70_000u32)],
        cell in prop::sample::select(vec![0.01f32, 0.3, 3.0, 1e9]),
        frames in prop::collection::vec((prop::sample::select(KINDS.to_vec()), any::<u32>(), any::<u64>()), 2..6),
    ) {
        let space = space(edge, axes, -2.0, 5.0);
        let room = GridShape::new(most, &space, cell);
        let (mut grid, mut scratch) = (LocalGrid::new(room), InverseScratch::default());
        for (kind, share, seed) in frames {
            // Now and then none, one, a few or all.
            let rows = match share % 9 {
                0 => 0,
                1 => most.min(1),
                2 => most,
                3 => share / 9 % 70 % (most + 1),
                _ => share / 9 % (most + 1),
            };
            let columns = points(kind, rows as usize, &space, -2.0, 5.0, seed);
            grid.build(&space, &slices(&columns), &mut scratch).unwrap();
            check_whole(&grid, &columns);
            let mut clean = LocalGrid::new(room);
            clean.build(&space, &slices(&columns), &mut InverseScratch::default()).unwrap();
            prop_assert_eq!(grid.bits(), clean.bits());
            // How many rows there could be decides nothing.
            let tight = built(&space, &columns, cell);
            prop_assert_eq!(grid.view().lattice, tight.view().lattice);
            prop_assert_eq!(grid.view().slot_rows, tight.view().slot_rows);
            if rows < 1500 {
                check_found(&grid, &space, &columns, 0.3, 64);
            }
        }
    }
}

#[test]
fn a_reach_beyond_everything_finds_everything() {
    for edge in [Edge::Open, Edge::Box] {
        let space = space(edge, 2, 0.0, 8.0);
        let columns = points(Kind::Uniform, 300, &space, 0.0, 8.0, 4);
        for reach in [100.0, 1e20, 3e38, f32::INFINITY] {
            check_neighbours(&space, &columns, 1.0, reach, 128);
        }
    }
}

#[test]
fn rounding_at_the_seam_loses_nobody() {
    // Below the seam coordinates are coarse, above it they are fine: `delta` rounds, and so do windows.
    for (lo, hi) in [(0.0f32, 100.0f32), (1.0, 101.0), (-1e-3, 64.0)] {
        let space = space(Edge::Torus, 1, lo, hi);
        let ulp = hi - hi.next_down();
        let mut draws = Draws(8);
        let fine = (0..200).map(|_| lo + draws.unit() * 4.0 * ulp);
        let coarse = (0..200).map(|i| hi - (i % 4 + 1) as f32 * ulp);
        let columns = vec![fine.chain(coarse).collect::<Vec<_>>()];
        for reach in [0.5, 1.0, 1.5, 2.0, 3.0] {
            check_neighbours(&space, &columns, reach * ulp, reach * ulp, 64);
        }
    }
}

#[test]
fn a_torus_of_few_cells_meets_each_once() {
    for cells in [1, 2, 3, 4] {
        for axes in 1..=3 {
            let space = space(Edge::Torus, axes, 0.0, cells as f32);
            for kind in KINDS {
                let columns = points(kind, 300, &space, 0.0, cells as f32, 7);
                check_neighbours(&space, &columns, 1.0, 0.5_f32.min(0.5 * cells as f32), 64);
                check_neighbours(&space, &columns, 1.0, 0.5 * cells as f32, 64);
            }
        }
    }
}

#[test]
fn pairs_exactly_a_reach_apart_meet() {
    // Sums of powers of two: coordinates, deltas and squares are exact.
    for edge in EDGES {
        let space = space(edge, 2, 0.0, 16.0);
        let columns = points(Kind::Lattice, 256, &space, 0.0, 16.0, 0);
        for reach in [1.0, 2.0, 4.0, 5.0] {
            check_neighbours(&space, &columns, reach, reach, 64);
        }
    }
}
