//! The nearest rows, and the nearest of those that count, against a sort of all of them.

use diptych_protocol::kd::KdShape;
use diptych_protocol::limits::OFFERED_MAX;
use diptych_protocol::space::{Edge, Space};
use diptych_workers::index::{Among, Asked, Exact, KdScratch, LocalIndex, Nearest, round};
use proptest::prelude::*;

/// Positions in the precision that they have, an axis each.
enum Columns {
    F32(Vec<Vec<f32>>),
    F64(Vec<Vec<f64>>),
}

impl Columns {
    fn exact(&self) -> Exact<'_> {
        match self {
            Columns::F32(all) => Exact::F32(std::array::from_fn(|axis| all.get(axis).map_or(&[][..], |it| it))),
            Columns::F64(all) => Exact::F64(std::array::from_fn(|axis| all.get(axis).map_or(&[][..], |it| it))),
        }
    }

    fn at(&self, row: usize) -> [f64; 3] {
        std::array::from_fn(|axis| match self {
            Columns::F32(all) => all.get(axis).map_or(0.0, |it| f64::from(it[row])),
            Columns::F64(all) => all.get(axis).map_or(0.0, |it| it[row]),
        })
    }

    fn squared(&self, space: &Space, from: &[f64; 3], row: usize) -> f64 {
        let at = self.at(row);
        let axes = 0..usize::from(space.dimensions);
        match self {
            Columns::F32(_) => {
                let delta = |axis| space.delta(axis, from[axis] as f32, at[axis] as f32);
                f64::from(axes.map(delta).map(|d| d * d).reduce(|a, b| a + b).unwrap_or(0.0))
            }
            Columns::F64(_) => {
                let delta = |axis| space.delta_f64(axis, from[axis], at[axis]);
                axes.map(delta).map(|d| d * d).reduce(|a, b| a + b).unwrap_or(0.0)
            }
        }
    }
}

fn nearest_of_all(
    space: &Space,
    columns: &Columns,
    rows: u32,
    asked: &Asked<'_>,
    counts: impl Fn(u32) -> bool,
) -> Vec<u32> {
    let squared = |row: u32| columns.squared(space, &asked.from, row as usize);
    let mut rows: Vec<u32> = (0..rows).filter(|row| Some(*row) != asked.own && counts(*row)).collect();
    let entity = |row: &u32| asked.entities.map_or(*row, |entities| entities[*row as usize]);
    rows.sort_by(|a, b| squared(*a).total_cmp(&squared(*b)).then(entity(a).cmp(&entity(b))));
    rows.truncate(asked.count);
    rows
}

/// A coordinate's share of the side: anywhere, on a few values (ties and duplicates), next to the seam, one place, or so
/// close together that many round to one `f32`.
fn share(kind: u8, draw: u32) -> f64 {
    let unit = f64::from(draw >> 8) / f64::from(1u32 << 24);
    match kind % 5 {
        0 => unit,
        1 => f64::from(draw % 4) * 0.25,
        2 => [unit * 1e-3, 1.0 - unit * 1e-3, 0.0, 0.5][draw as usize % 4],
        3 => 0.5,
        _ => [0.3, 0.7][draw as usize % 2] + unit * 1e-9,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn the_nearest_and_those_that_count_are_those_of_a_full_sort(
        kind: u8,
        torus: bool,
        wide: bool,
        axes in 1usize..=3,
        rows in prop_oneof![1u32..40, 1u32..3000],
        bucket in prop::sample::select(vec![8u32, 32, 512]),
        count in prop::sample::select(vec![1usize, 2, 7, 40, 256]),
        lo in prop::sample::select(vec![-3.0f32, 0.0, 1.7, 1e6]),
        side in prop::sample::select(vec![1e-3f32, 1.0, 777.0]),
        // How many more rows there could be, and were before.
        more in prop_oneof![Just(0u32), 1u32..5000],
        seed: u64,
    ) {
        let edge = if torus { Edge::Torus } else { Edge::Open };
        let side = side.max(lo.abs() * 1e-3);
        let mut space = Space { edge, dimensions: axes as u8, lo: [0.0; 3], hi: [0.0; 3] };
        space.lo[..axes].fill(lo);
        space.hi[..axes].fill(lo + side);
        let mut state = seed;
        let mut draw = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 32) as u32
        };
        // In the space, or just beyond its far edge: then brought back.
        let place = |axis: usize, share: f64| {
            let x = f64::from(lo) + f64::from(side) * share;
            if torus && x >= f64::from(space.hi[axis]) { f64::from(lo) } else { x }
        };
        let columns = if wide {
            Columns::F64((0..axes).map(|axis| (0..rows).map(|_| place(axis, share(kind, draw()))).collect()).collect())
        } else {
            let mut narrow = |axis| space.place(axis, place(axis, share(kind, draw())) as f32);
            Columns::F32((0..axes).map(|axis| (0..rows).map(|_| narrow(axis)).collect()).collect())
        };
        let rounded: Vec<Vec<f32>> = match &columns {
            Columns::F32(all) => all.clone(),
            Columns::F64(all) => (all.iter().enumerate())
                .map(|(axis, it)| {
                    let mut rounded = vec![0.0; it.len()];
                    round(&space, axis, it, &mut rounded);
                    rounded
                })
                .collect(),
        };
        let slices: Vec<&[f32]> = rounded.iter().map(Vec::as_slice).collect();
        let mut index = LocalIndex::new(KdShape::new(rows + more, axes, bucket));
        if more > 0 {
            let before = vec![vec![lo; (rows + more) as usize]; axes];
            let before: Vec<&[f32]> = before.iter().map(Vec::as_slice).collect();
            index.build(&space, &before, &mut KdScratch::default()).expect("positions are in the space");
        }
        index.build(&space, &slices, &mut KdScratch::default()).expect("positions are in the space");
        let (mut nearest, mut among) = (Nearest::default(), Among::default());
        // Each row's entity, where that is not its number.
        let mut names: Vec<u32> = (0..rows).collect();
        names.sort_by_key(|row| row.wrapping_mul(2_654_435_761));
        let numbers: Vec<u32> = (0..rows).collect();
        // Rows that ask one behind another: in the tree's order, where those of a bucket ask together, and in that of their
        // numbers; then those of another density, and back, so that what is guessed is wrong.
        let slots = index.tree().slot_rows.to_vec();
        for (order, entities) in [(&slots[..], None), (&numbers[..], Some(&names[..])), (&slots[..], Some(&names[..]))] {
            let asked = Asked { tree: index.tree(), space: &space, positions: columns.exact(), entities, from: [0.0; 3], own: None, count };
            for some in order.chunks(512).take(2) {
                let (mut starts, mut found) = (vec![5], vec![77]);
                nearest.ask_rows(&asked, some, &mut starts, &mut found);
                prop_assert_eq!(starts.len(), 1 + some.len());
                starts.push(found.len() as u32);
                for (place, row) in some.iter().enumerate().filter(|(place, _)| place % 7 == 0 || rows < 300) {
                    let asked = Asked { from: columns.at(*row as usize), own: Some(*row), ..asked };
                    let expected = nearest_of_all(&space, &columns, rows, &asked, |_| true);
                    prop_assert_eq!(&found[starts[place + 1] as usize..starts[place + 2] as usize], expected);
                }
            }
        }
        for ask in 0..24 {
            // Rows of the tree, which leave themselves out, and strangers, at times from nowhere.
            let own = (ask % 2 == 0).then(|| draw() % rows);
            let mut from = own.map_or([0.0; 3], |row| columns.at(row as usize));
            for (axis, from) in from.iter_mut().enumerate().take(axes).filter(|_| own.is_none()) {
                *from = if ask == 23 { f64::NAN } else { place(axis, share(kind / 5, draw())) };
                if !wide {
                    *from = f64::from(*from as f32);
                }
            }
            let entities = (ask % 3 == 0).then_some(&names[..]);
            let asked = Asked { tree: index.tree(), space: &space, positions: columns.exact(), entities, from, own, count };
            let mut found = vec![77];
            nearest.ask(&asked, &mut found);
            prop_assert_eq!(&found[1..], nearest_of_all(&space, &columns, rows, &asked, |_| true));

            // Nobody, everybody, one, some, those of high numbers.
            let one = draw() % rows;
            let counts = |row: u32| match ask / 2 % 5 {
                0 => false,
                1 => true,
                2 => row == one,
                3 => row.wrapping_mul(2_654_435_761) >> 28 == 0,
                _ => row > rows / 2,
            };
            let (mut found, mut offered, mut all) = (vec![77], Vec::new(), 0);
            among.begin();
            loop {
                offered.clear();
                among.offer(&asked, &mut offered);
                if offered.is_empty() {
                    break;
                }
                prop_assert!(offered.len() <= usize::from(OFFERED_MAX));
                all += offered.len();
                let bits = offered.iter().enumerate().fold(0, |bits, (at, row)| bits | u32::from(counts(*row)) << at);
                among.hear(bits, count);
            }
            among.finish(&mut found);
            prop_assert_eq!(&found[1..], nearest_of_all(&space, &columns, rows, &asked, counts));
            prop_assert!(all <= rows as usize, "{} of {} rows were offered", all, rows);
        }
    }
}
