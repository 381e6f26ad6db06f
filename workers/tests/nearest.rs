//! The nearest rows, against a sort of all of them.

use diptych_protocol::kd::KdShape;
use diptych_protocol::space::{Edge, Space};
use diptych_workers::index::{KdScratch, LocalIndex, Nearest};
use proptest::prelude::*;

fn nearest_of_all(space: &Space, columns: &[Vec<f32>], from: &[f32; 3], own: Option<u32>, count: usize) -> Vec<u32> {
    let squared = |row: usize| {
        let deltas = columns.iter().enumerate().map(|(axis, column)| space.delta(axis, from[axis], column[row]));
        deltas.map(|d| d * d).reduce(|a, b| a + b).unwrap_or(0.0)
    };
    let mut rows: Vec<u32> = (0..columns[0].len() as u32).filter(|row| Some(*row) != own).collect();
    rows.sort_by(|a, b| squared(*a as usize).total_cmp(&squared(*b as usize)).then(a.cmp(b)));
    rows.truncate(count);
    rows
}

/// A coordinate's share of the side: anywhere, on a few values (ties and duplicates), or next to the seam.
fn share(kind: u8, draw: u32) -> f32 {
    let unit = (draw >> 8) as f32 / (1u32 << 24) as f32;
    match kind % 4 {
        0 => unit,
        1 => (draw % 4) as f32 * 0.25,
        2 => [unit * 1e-3, 1.0 - unit * 1e-3, 0.0, 0.5][draw as usize % 4],
        _ => 0.5,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(150) })]

    #[test]
    fn the_nearest_are_those_of_a_full_sort(
        kind: u8,
        torus: bool,
        axes in 1usize..=3,
        rows in 1u32..3000,
        bucket in prop::sample::select(vec![8u32, 32, 512]),
        count in prop::sample::select(vec![1usize, 2, 7, 40, 256]),
        lo in -3.0f32..3.0,
        side in prop::sample::select(vec![1e-3f32, 1.0, 777.0]),
        seed: u64,
    ) {
        let edge = if torus { Edge::Torus } else { Edge::Open };
        let mut space = Space { edge, dimensions: axes as u8, lo: [0.0; 3], hi: [0.0; 3] };
        space.lo[..axes].fill(lo);
        space.hi[..axes].fill(lo + side);
        let mut state = seed;
        let mut draw = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 32) as u32
        };
        let columns: Vec<Vec<f32>> = (0..axes)
            .map(|axis| (0..rows).map(|_| space.place(axis, lo + side * share(kind, draw()))).collect())
            .collect();
        let slices: Vec<&[f32]> = columns.iter().map(Vec::as_slice).collect();
        let mut index = LocalIndex::new(KdShape::new(rows, axes, bucket));
        index.build(&space, &slices, &mut KdScratch::default()).expect("positions are in the space");
        let mut nearest = Nearest::default();
        for ask in 0..20 {
            let mut from = [0.0; 3];
            // Rows of the tree, which leave themselves out, and strangers.
            let own = (ask % 2 == 0).then(|| draw() % rows);
            for axis in 0..axes {
                from[axis] = match own {
                    Some(row) => columns[axis][row as usize],
                    None => space.place(axis, lo + side * share(kind / 4, draw())),
                };
            }
            let mut found = vec![77];
            let positions = Exact::F32(std::array::from_fn(|axis| slices.get(axis).copied().unwrap_or_default()));
            let (tree, from) = (index.tree(), from.map(f64::from));
            nearest.ask(&Asked { tree, space: &space, positions, from, own, count }, &mut found);
            prop_assert_eq!(&found[1..], nearest_of_all(&space, &columns, &from, own, count));
        }
    }
}
