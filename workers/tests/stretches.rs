//! The promises of the boxes around stretches of rows, where these are kept in the order of a k-d tree.

mod points;

use diptych_protocol::id::RowRange;
use diptych_protocol::kd::KdShape;
use diptych_protocol::limits::{KD_BUCKETS, STRETCH_FAN, STRETCH_ROWS};
use diptych_protocol::space::{Edge, Space};
use diptych_protocol::stretches::Levels;
use diptych_workers::index::{Asker, Blocks, KdScratch, LocalIndex, Sight};
use points::{Draws, KINDS, Kind, near, points, slices, space};
use proptest::prelude::*;

fn built(space: &Space, columns: &[Vec<f32>], bucket_rows: u32) -> LocalIndex {
    let mut index = LocalIndex::new(KdShape::new(columns[0].len() as u32, columns.len(), bucket_rows));
    index.in_pieces = true;
    if let Err(error) = index.build(space, &slices(columns), &mut KdScratch::default()) {
        panic!("{error}");
    }
    index
}

/// Points in the order of the tree over them, moved since by at most a share of the side; and the tree over them then.
fn in_order(space: &Space, mut columns: Vec<Vec<f32>>, bucket: u32, share: f32) -> (LocalIndex, Vec<Vec<f32>>) {
    let before = built(space, &columns, bucket);
    let mut draws = Draws(11);
    for (axis, column) in columns.iter_mut().enumerate() {
        let step = share * (column.iter().fold(0.0, |most: f32, x| most.max(x.abs())));
        let mut move_from = |x: f32| {
            let to = x + step * (draws.unit() - 0.5);
            if space.holds(axis, to) { to } else { x }
        };
        *column = before.slot_rows.iter().map(|row| move_from(column[*row as usize])).collect();
    }
    (built(space, &columns, bucket), columns)
}

/// What an index over rows in its order promises of runs; says how many candidates the most had.
fn check_runs(index: &LocalIndex, space: &Space, columns: &[Vec<f32>], reach: f32, batch_rows: u32) -> u32 {
    let (tree, positions) = (index.tree(), slices(columns));
    let rows = columns[0].len() as u32;
    let (mut blocks, mut asker, mut most) = (Blocks::default(), Asker::default(), 0);
    for start in (0..rows).step_by(batch_rows as usize) {
        let batch = RowRange::new(start, rows.min(start + batch_rows));
        asker.forget();
        blocks.form_slots(&tree, &positions, batch, reach);
        for block in 0..blocks.len() {
            let ((lo, hi), area) = (blocks.bounds(block), blocks.area(block));
            // With what is around it, and alone.
            for area in [area, None] {
                let straight = asker.ask_runs(&tree, &positions, &Sight { space, lo, hi, reach, area });
                let found = asker.candidates();
                let mut candidates: Vec<u32> = found.runs().iter().flat_map(|run| run.start..run.end).collect();
                if found.runs().is_empty() {
                    candidates.extend_from_slice(found.rows());
                }
                assert!(candidates.is_sorted_by(|a, b| a < b), "candidates are in canonical order, each once");
                assert!(candidates.last().is_none_or(|last| *last < rows));
                most = most.max(candidates.len() as u32);
                for slot in blocks.range(block) {
                    let own = tree.slot_rows[batch.start as usize + slot] as usize;
                    let found = candidates.iter().filter(|&&o| near(space, columns, own, o as usize, reach));
                    if rows < 1000 {
                        let brute = (0..rows).filter(|&o| near(space, columns, own, o as usize, reach));
                        assert!(found.copied().eq(brute), "row {own} misses a neighbour");
                    }
                    // By plain differences the same are near.
                    let open = Space { edge: Edge::Open, ..*space };
                    let plain = candidates.iter().filter(|&&o| near(&open, columns, own, o as usize, reach));
                    let found = candidates.iter().filter(|&&o| near(space, columns, own, o as usize, reach));
                    assert!(!straight || plain.eq(found), "row {own} has a neighbour nearer around the torus");
                }
            }
        }
    }
    most
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]
    #[test]
    fn runs_around_rows_in_order_hold_all_neighbours(
        edge in prop::sample::select(vec![Edge::Open, Edge::Box, Edge::Torus]),
        axes in 1usize..=3,
        kind in prop::sample::select(KINDS.to_vec()),
        rows in prop_oneof![0usize..20, 20usize..400, 3000usize..3100],
        (lo, side) in prop::sample::select(vec![
            (0.0f32, 1.0f32), (-50.0, 100.0), (1000.0, 3.0), (0.0, 1e-12), (0.0, 1e-22), (-1e18, 3e18), (-1e30, 3e30),
        ]),
        share in prop_oneof![Just(0.0f32), Just(0.5), 0.0f32..0.5, 0.0f32..0.02, Just(1.0 / 16.0)],
        moved in prop::sample::select(vec![0.0f32, 0.01, 0.3, 2.0]),
        bucket in prop::sample::select(KD_BUCKETS.to_vec()),
        batch_rows in prop::sample::select(vec![64u32, 192, 2048]),
        seed in any::<u64>(),
    ) {
        let space = space(edge, axes, lo, lo + side);
        let columns = points(kind, rows, &space, lo, lo + side, seed);
        let side = if edge == Edge::Torus { space.side(0) } else { side };
        let (index, columns) = in_order(&space, columns, bucket, moved);
        check_runs(&index, &space, &columns, share * side, batch_rows);
    }
}

#[test]
fn boxes_around_stretches_are_tight_on_every_level() {
    for rows in [0, 1, 4, 5, 255, 256, 257, 16_384, 70_001] {
        let space = space(Edge::Box, 2, -1.0, 1.0);
        let columns = points(Kind::Clustered, rows, &space, -1.0, 1.0, 3);
        let index = built(&space, &columns, 32);
        let levels = Levels::new(rows as u32);
        let mut around = STRETCH_ROWS as usize;
        for level in 0..levels.count() {
            for (axis, column) in columns.iter().enumerate() {
                for (number, values) in column.chunks(around).enumerate() {
                    let place = levels.start(level) + number;
                    assert_eq!(index.stretches[axis][place], values.iter().copied().fold(f32::INFINITY, f32::min));
                    let most = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                    assert_eq!(index.stretches[2 + axis][place], most);
                }
            }
            assert_eq!(levels.boxes(level) as usize, rows.div_ceil(around));
            around *= STRETCH_FAN as usize;
        }
    }
}

#[test]
fn rows_in_no_order_see_few_in_vain() {
    let space = space(Edge::Torus, 2, 0.0, 200.0);
    let columns = points(Kind::Uniform, 40_000, &space, 0.0, 200.0, 4);
    let most = check_runs(&built(&space, &columns, 64), &space, &columns, 1.6, 2048);
    // Most windows meet a third of the boxes and more: then the tree is asked.
    assert!(most < 4_100, "{most} candidates a block");
    let (index, columns) = in_order(&space, columns, 64, 0.001);
    let most = check_runs(&index, &space, &columns, 1.6, 2048);
    assert!(most < 600, "{most} candidates a block");
}
