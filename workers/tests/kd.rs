//! The promises of the k-d index, each phase run alone in plain vectors.

mod points;

use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};

use diptych_protocol::id::RowRange;
use diptych_protocol::kd::{KdShape, chunk_buckets_max};
use diptych_protocol::limits::{BLOCK_ROWS_MAX, KD_BUCKETS};
use diptych_protocol::space::{Edge, Space};
use diptych_protocol::stretches::Levels;
use diptych_workers::index::{Blocks, IndexError, KdScratch, LocalIndex, Neighbours};
use points::{Draws, KINDS, Kind, near, points, slices, space};
use proptest::prelude::*;

fn built(space: &Space, columns: &[Vec<f32>], bucket_rows: u32) -> LocalIndex {
    built_for(space, columns, bucket_rows, false)
}

/// `in_pieces` as for rows that are kept in the order of its slots.
fn built_for(space: &Space, columns: &[Vec<f32>], bucket_rows: u32, in_pieces: bool) -> LocalIndex {
    let shape = KdShape::new(columns[0].len() as u32, columns.len(), bucket_rows);
    let mut index = LocalIndex::new(shape);
    index.in_pieces = in_pieces;
    if let Err(error) = index.build(space, &slices(columns), &mut KdScratch::default()) {
        panic!("{error}");
    }
    index
}

/// Everything an index promises about its own arrays.
fn check_whole(index: &LocalIndex, columns: &[Vec<f32>]) {
    let tree = index.tree();
    let mut seen = vec![false; columns[0].len()];
    assert!(tree.buckets() <= index.shape.buckets_max);
    for bucket in 0..tree.buckets() {
        let rows = tree.bucket_rows(bucket);
        assert!(!rows.is_empty() && rows.len() <= index.shape.bucket_rows as usize);
        assert!(rows.is_sorted_by(|a, b| a < b), "rows of a bucket ascend");
        for &row in rows {
            assert!(!std::mem::replace(&mut seen[row as usize], true), "row {row} is in two buckets");
            assert_eq!(tree.bucket_of(row), bucket);
        }
    }
    assert!(seen.iter().all(|&seen| seen), "every row is in a bucket");
    let axes = index.shape.axes;
    for chunk in 0..index.shape.chunks as usize {
        let rows = index.chunk_slots[chunk + 1] - index.chunk_slots[chunk];
        assert!(index.chunk_buckets[chunk] <= chunk_buckets_max(rows, index.shape.bucket_rows));
        for local in 0..index.chunk_buckets[chunk] {
            let place = (index.chunk_places[chunk] + local) as usize;
            let rows = tree.bucket_rows(index.chunk_base[chunk] + local);
            for (axis, column) in columns.iter().enumerate() {
                let values = || rows.iter().map(|&row| column[row as usize]);
                assert_eq!(index.bucket_box[axis][place], values().fold(f32::INFINITY, f32::min));
                assert_eq!(index.bucket_box[axes + axis][place], values().fold(f32::NEG_INFINITY, f32::max));
            }
        }
    }
    for (axis, column) in columns.iter().enumerate() {
        let root = &index.node_box[2 * axes..];
        assert_eq!(root[axis], column.iter().copied().fold(f32::INFINITY, f32::min));
        assert_eq!(root[axes + axis], column.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    }
}

#[test]
fn index_is_a_permutation_for_any_data() {
    for rows in [0, 1, 2, 63, 64, 65, 2047, 2048, 2049, 10_000] {
        for kind in KINDS {
            for axes in 1..=3 {
                for bucket_rows in KD_BUCKETS {
                    let space = space(Edge::Open, axes, 0.0, 0.0);
                    let columns = points(kind, rows, &space, -3.0, 17.0, 5);
                    check_whole(&built(&space, &columns, bucket_rows), &columns);
                }
            }
        }
    }
}

#[test]
fn index_of_many_rows_is_a_permutation() {
    for kind in KINDS {
        let space = space(Edge::Torus, 2, 0.0, 100.0);
        let columns = points(kind, 100_000, &space, 0.0, 100.0, 6);
        let index = built(&space, &columns, 64);
        check_whole(&index, &columns);
        let longest = index.chunk_slots.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
        assert!(longest < 4 * 100_000 / index.shape.chunks, "{kind:?}: a chunk of {longest} rows");
    }
}

#[test]
fn all_equal_points_part_evenly() {
    let space = space(Edge::Open, 3, 0.0, 0.0);
    let columns = points(Kind::AllEqual, 50_000, &space, 0.0, 1.0, 1);
    let index = built(&space, &columns, 32);
    let mean = 50_000 / index.shape.chunks;
    for pair in index.chunk_slots.windows(2) {
        let rows = pair[1] - pair[0];
        assert!(rows > mean * 9 / 10 && rows < mean * 11 / 10, "a chunk of {rows} rows where {mean} are even");
    }
    let tree = index.tree();
    let full = (0..tree.buckets()).filter(|&bucket| tree.bucket_rows(bucket).len() > 28).count();
    assert!(full * 10 > tree.buckets() as usize * 9, "nearly all buckets are nearly full");
}

/// The bits of all arrays, as far as they mean anything. Places behind the last chunk's bucket places are nobody's.
fn bits(index: &LocalIndex) -> Vec<Vec<u32>> {
    let floats = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    let (rows, chunks, width) = (index.shape.rows as usize, index.shape.chunks as usize, 2 * index.shape.axes);
    let table = chunks * index.shape.count_batches as usize;
    let places = index.chunk_places[chunks] as usize;
    let mut bits = vec![
        index.split_axis[..chunks].to_vec(),
        floats(&index.split_value[..chunks]),
        index.split_row[..chunks].to_vec(),
        index.chunk_of[..rows].iter().map(|&chunk| u32::from(chunk)).collect(),
        index.counts[..table].to_vec(),
        index.first_slots[..table].to_vec(),
        index.chunk_slots[..=chunks].to_vec(),
        index.chunk_places[..=chunks].to_vec(),
        index.scattered[..rows].iter().map(|row| row.load(Ordering::Relaxed)).collect(),
        index.slot_rows[..rows].to_vec(),
        index.local_bucket[..rows].iter().map(|bucket| u32::from(bucket.load(Ordering::Relaxed))).collect(),
        index.chunk_buckets[..chunks].to_vec(),
        index.bucket_start[..places].to_vec(),
        index.bucket_end[..places].to_vec(),
        floats(&index.chunk_box[..chunks * width]),
        index.chunk_base[..=chunks].to_vec(),
        floats(&index.node_box[..2 * chunks * width]),
    ];
    bits.extend(index.bucket_box.iter().map(|array| floats(&array[..places])));
    let levels = Levels::new(index.shape.rows);
    for level in (0..levels.count()).filter(|_| index.in_pieces) {
        let boxes = levels.start(level)..levels.start(level) + levels.boxes(level) as usize;
        bits.extend(index.stretches.iter().map(|side| floats(&side[boxes.clone()])));
    }
    bits
}

/// Fills an array with nonsense.
macro_rules! junk {
    ($index:ident: $($array:ident = $value:expr),* $(,)?) => {$($index.$array.fill_with(|| $value);)*};
}

#[test]
fn rerunning_a_phase_changes_nothing() {
    let space = space(Edge::Torus, 2, 0.0, 10.0);
    for kind in KINDS {
        let columns = points(kind, 20_000, &space, 0.0, 10.0, 9);
        let positions = slices(&columns);
        let clean = built_for(&space, &columns, 32, true);
        let shape = clean.shape;
        let mut index = LocalIndex::new(shape);
        index.in_pieces = true;
        let mut scratch = KdScratch::default();
        junk!(index: split_axis = 77, split_value = f32::NAN, split_row = 77);
        for _ in 0..2 {
            index.split(&positions, &mut scratch);
        }
        junk!(index: chunk_of = 777, counts = 7);
        index.stretches.iter_mut().for_each(|side| side.fill(f32::NAN));
        for batch in (0..shape.count_batches).chain(0..shape.count_batches) {
            index.count(batch, &space, &positions, &mut scratch).unwrap();
        }
        junk!(index: first_slots = 7, chunk_slots = 7, chunk_places = 7);
        index.place();
        index.place();
        junk!(index: scattered = AtomicU32::new(7));
        for batch in (0..shape.count_batches).chain(0..shape.count_batches) {
            index.scatter(batch, &mut scratch);
        }
        junk!(index: slot_rows = 7, local_bucket = AtomicU16::new(7), chunk_buckets = 7, bucket_start = 7);
        junk!(index: bucket_end = 7, chunk_box = f32::NAN);
        index.bucket_box.iter_mut().for_each(|array| array.fill(f32::NAN));
        for chunk in (0..shape.chunks).chain(0..shape.chunks) {
            index.build_chunk(chunk, &positions, &mut scratch).unwrap();
        }
        junk!(index: chunk_base = 7, node_box = f32::NAN);
        let above = Levels::new(shape.rows).start(2);
        index.stretches.iter_mut().for_each(|side| side[above..].fill(f32::NAN));
        assert_eq!(index.seal(), clean.tree().buckets());
        assert_eq!(index.seal(), clean.tree().buckets());
        assert_eq!(bits(&index), bits(&clean), "{kind:?}");
    }
}

#[test]
fn phases_in_any_batch_order_give_the_same_bits() {
    let space = space(Edge::Box, 3, -1.0, 1.0);
    let columns = points(Kind::Clustered, 30_000, &space, -1.0, 1.0, 3);
    let positions = slices(&columns);
    let clean = built_for(&space, &columns, 16, true);
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
        let mut scratch = [KdScratch::default(), KdScratch::default()];
        let mut index = LocalIndex::new(shape);
        index.in_pieces = true;
        index.split(&positions, &mut scratch[0]);
        for batch in shuffled(shape.count_batches) {
            index.count(batch, &space, &positions, &mut scratch[batch as usize % 2]).unwrap();
        }
        index.place();
        for batch in shuffled(shape.count_batches) {
            index.scatter(batch, &mut scratch[batch as usize / 2 % 2]);
        }
        for chunk in shuffled(shape.chunks) {
            index.build_chunk(chunk, &positions, &mut scratch[chunk as usize % 2]).unwrap();
        }
        index.seal();
        assert_eq!(bits(&index), bits(&clean));
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
        let mut index = LocalIndex::new(KdShape::new(5000, 2, 32));
        match index.build(&space, &slices(&columns), &mut KdScratch::default()) {
            Err(IndexError::Position(bad)) => Some((bad.row as usize, bad.axis, bad.value.to_bits())),
            Err(IndexError::Build(error)) => panic!("{error}"),
            Ok(()) => None,
        }
    };
    for edge in [Edge::Open, Edge::Box, Edge::Torus] {
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
    assert_eq!(blamed(Edge::Torus, &[(9, 0, 0.0), (10, 1, 10f32.next_down())]), None);
}

fn check_neighbours(space: &Space, columns: &[Vec<f32>], bucket_rows: u32, reach: f32, batch_rows: u32) {
    check_found(&built(space, columns, bucket_rows), space, columns, reach, batch_rows);
}

fn check_found(index: &LocalIndex, space: &Space, columns: &[Vec<f32>], reach: f32, batch_rows: u32) {
    let tree = index.tree();
    let rows = columns[0].len() as u32;
    let mut neighbours = Neighbours::default();
    let mut asked = vec![false; rows as usize];
    let mut gathered = vec![];
    for start in (0..rows).step_by(batch_rows as usize) {
        let batch = RowRange::new(start, rows.min(start + batch_rows));
        neighbours.for_each_block(&tree, space, &slices(columns), batch, reach, |block| {
            assert!(!block.rows.is_empty() && block.rows.len() <= BLOCK_ROWS_MAX);
            let candidates = block.candidates.rows();
            assert!(candidates.is_sorted_by(|a, b| a < b), "candidates are in canonical order, each once");
            if !block.candidates.runs().is_empty() {
                let of_runs = block.candidates.runs().iter().flat_map(|run| run.start..run.end);
                assert!(of_runs.eq(candidates.iter().copied()), "runs are the same rows");
            }
            block.candidates.gather(&columns[0], &mut gathered);
            assert!(gathered.iter().copied().eq(candidates.iter().map(|&row| columns[0][row as usize])));
            for &row in block.rows {
                assert!(batch.indices().contains(&(row as usize)));
                assert!(!std::mem::replace(&mut asked[row as usize], true), "row {row} asks twice");
                let own = row as usize;
                let found = candidates.iter().filter(|&&o| near(space, columns, own, o as usize, reach));
                let brute = (0..rows).filter(|&o| near(space, columns, own, o as usize, reach));
                assert!(found.copied().eq(brute), "row {row} misses a neighbour");
                for (axis, column) in columns.iter().enumerate().filter(|_| block.straight) {
                    let delta = |&other: &u32| {
                        let (own, other) = (column[own], column[other as usize]);
                        space.delta(axis, own, other).to_bits() == (other - own).to_bits()
                    };
                    assert!(candidates.iter().all(delta), "row {row} has a candidate nearer around the torus");
                }
            }
        });
    }
    assert!(asked.iter().all(|&asked| asked), "every row asks");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, ..ProptestConfig::default() })]
    #[test]
    fn tree_neighbours_equal_brute_force(
        edge in prop::sample::select(vec![Edge::Open, Edge::Box, Edge::Torus]),
        axes in 1usize..=3,
        kind in prop::sample::select(KINDS.to_vec()),
        rows in prop_oneof![0usize..20, 20usize..400, 3000usize..3100],
        // Corner and side: also far from 0, where an ULP is large, and tiny.
        (lo, side) in prop::sample::select(vec![
            (0.0f32, 1.0f32), (-50.0, 100.0), (1000.0, 3.0), (-0.3, 0.7), (0.0, 1e-12), (0.0, 1e-22), (-1e18, 3e18), (-1e30, 3e30),
        ]),
        share in prop_oneof![Just(0.0f32), Just(0.5), 0.0f32..0.5, 0.0f32..0.02, Just(1.0 / 16.0)],
        bucket in prop::sample::select(KD_BUCKETS.to_vec()),
        batch_rows in prop::sample::select(vec![64u32, 192, 2048]),
        seed in any::<u64>(),
    ) {
        let space = space(edge, axes, lo, lo + side);
        let columns = points(kind, rows, &space, lo, lo + side, seed);
        let side = if edge == Edge::Torus { space.side(0) } else { side };
        check_neighbours(&space, &columns, bucket, share * side, batch_rows);
    }
}

/// So many of at most so many rows, now and then none, one or all.
fn share_of(most: u32, draw: u64) -> u32 {
    match draw % 9 {
        0 => 0,
        1 => most.min(1),
        2 => most,
        3 => (draw >> 8) as u32 % 70 % (most + 1),
        _ => (draw >> 8) as u32 % (most + 1),
    }
}

#[test]
fn buckets_cut_into_pieces_hold_all_rows_and_blocks_of_slots_are_those_pieces() {
    for kind in KINDS {
        for (rows, bucket_rows) in [(0, 8), (1, 8), (17, 512), (3000, 8), (3000, 32), (3000, 256), (3000, 512)] {
            let space = space(Edge::Box, 2, 0.0, 10.0);
            let columns = points(kind, rows, &space, 0.0, 10.0, 3);
            let cut = built_for(&space, &columns, bucket_rows, true);
            let tree = cut.tree();
            // They may be a quarter larger: no rule looks into these.
            let most = (bucket_rows as usize * 5 / 4).min(512);
            let mut held = vec![];
            for bucket in 0..tree.buckets() {
                let rows = tree.bucket_rows(bucket);
                assert!((1..=most).contains(&rows.len()), "{} rows of {bucket_rows}", rows.len());
                held.extend_from_slice(rows);
            }
            held.sort_unstable();
            assert!(held.into_iter().eq(0..rows as u32), "each row is in one bucket");
            let mut blocks = Blocks::default();
            for batch_rows in [64, 192, 2048] {
                for start in (0..rows as u32).step_by(batch_rows as usize) {
                    let batch = RowRange::new(start, (rows as u32).min(start + batch_rows));
                    blocks.form_slots(&tree, &slices(&columns), batch, 0.1);
                    let mut next = 0;
                    for (block, range) in (0..blocks.len()).map(|block| (block, blocks.range(block))) {
                        assert!(range.start == next && !range.is_empty() && range.len() <= BLOCK_ROWS_MAX);
                        next = range.end;
                        let slots = batch.start as usize + range.start..batch.start as usize + range.end;
                        let (lo, hi) = blocks.bounds(block);
                        for (axis, column) in columns.iter().enumerate() {
                            let at = || tree.slot_rows[slots.clone()].iter().map(|row| column[*row as usize]);
                            assert_eq!(lo[axis], at().fold(f32::INFINITY, f32::min));
                            assert_eq!(hi[axis], at().fold(f32::NEG_INFINITY, f32::max));
                        }
                    }
                    assert_eq!(next, batch.len(), "every slot is in a block");
                }
            }
        }
    }
}

#[test]
fn blocks_of_slots_are_nearly_full_whatever_the_number_of_rows() {
    let space = space(Edge::Torus, 2, 0.0, 1.0);
    for bucket_rows in [32, 64, 128, 256] {
        for rows in (1_025..=2_048).step_by(11) {
            let columns = points(Kind::Uniform, rows, &space, 0.0, 1.0, 4);
            let index = built_for(&space, &columns, bucket_rows, true);
            let mut blocks = Blocks::default();
            blocks.form_slots(&index.tree(), &slices(&columns), RowRange::new(0, rows as u32), 0.0);
            let full = rows as f64 / (blocks.len() * BLOCK_ROWS_MAX) as f64;
            // Without leaves that may be a quarter longer it would be 0.53, and 0.69.
            assert!(full > if bucket_rows == 32 { 0.6 } else { 0.75 }, "{rows} rows, {bucket_rows} a bucket: {full}");
        }
    }
}

#[test]
fn pieces_of_a_bucket_are_compact() {
    let space = space(Edge::Torus, 2, 0.0, 1.0);
    let columns = points(Kind::Uniform, 20_000, &space, 0.0, 1.0, 4);
    let index = |in_pieces| {
        let mut index = LocalIndex::new(KdShape::new(20_000, 2, 64));
        index.in_pieces = in_pieces;
        index.build(&space, &slices(&columns), &mut KdScratch::default()).unwrap();
        index
    };
    // The mean area of the boxes around sixteen slots of the same bucket.
    let area = |index: &LocalIndex| {
        let (tree, mut blocks) = (index.tree(), Blocks::default());
        blocks.form_slots(&tree, &slices(&columns), RowRange::new(0, 20_000), 0.0);
        let area = |block| {
            let (lo, hi) = blocks.bounds(block);
            (hi[0] - lo[0]) * (hi[1] - lo[1])
        };
        (0..blocks.len()).map(area).sum::<f32>() / blocks.len() as f32
    };
    let (cut, plain) = (area(&index(true)), area(&index(false)));
    assert!(cut < 0.5 * plain, "{cut} against {plain}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]
    #[test]
    fn an_index_of_fewer_rows_is_the_one_from_clean_arrays(
        edge in prop::sample::select(vec![Edge::Open, Edge::Torus]),
        axes in 1usize..=3,
        most in prop_oneof![0u32..100, 1000u32..20_000, Just(70_000u32)],
        bucket in prop::sample::select(vec![8u32, 32, 512]),
        frames in prop::collection::vec((prop::sample::select(KINDS.to_vec()), any::<u64>()), 2..6),
    ) {
        let space = space(edge, axes, -2.0, 5.0);
        let room = KdShape::new(most, axes, bucket);
        let (mut index, mut scratch) = (LocalIndex::new(room), KdScratch::default());
        for (kind, seed) in frames {
            let rows = share_of(most, seed);
            let columns = points(kind, rows as usize, &space, -2.0, 5.0, seed);
            index.build(&space, &slices(&columns), &mut scratch).unwrap();
            check_whole(&index, &columns);
            let mut clean = LocalIndex::new(room);
            clean.build(&space, &slices(&columns), &mut KdScratch::default()).unwrap();
            prop_assert_eq!(bits(&index), bits(&clean));
            // How many rows there could be decides nothing.
            let tight = built(&space, &columns, bucket);
            prop_assert_eq!(index.tree().slot_rows, tight.tree().slot_rows);
            prop_assert_eq!(index.tree().buckets(), tight.tree().buckets());
            if rows < 1500 {
                check_found(&index, &space, &columns, 0.3, 64);
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
            check_neighbours(&space, &columns, 16, reach, 128);
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
            check_neighbours(&space, &columns, 8, reach * ulp, 64);
        }
    }
}
