//! Matchings against their meaning: sort by place, number and entity, then pair from the first on. Whatever the order of
//! batches, whatever an earlier frame has left in the arrays, with as many rows as a frame happens to have.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use diptych_protocol::id::RowRange;
use diptych_protocol::inverse::InverseShape;
use diptych_protocol::inverse_view::ListView;
use diptych_protocol::matching::shape;
use diptych_protocol::matching_view::{PairView, RankView, Ranked, SortView};
use diptych_protocol::types::NO_ROW;
use diptych_workers::inverse::{self, InverseScratch};
use diptych_workers::matching::{Drawer, pair, rank, sort};
use proptest::prelude::*;

/// Numbers that look random, the same each time.
struct Random(u64);

impl Random {
    fn next(&mut self, below: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % u64::from(below)) as u32
    }

    /// `0 .. count` in some order, with some numbers twice: a batch may run again.
    fn order(&mut self, count: u32) -> Vec<u32> {
        let mut order: Vec<u32> = (0..count).chain((0..count).filter(|n| n % 3 == 1)).collect();
        for at in (1..order.len()).rev() {
            order.swap(at, self.next(at as u32 + 1) as usize);
        }
        order
    }
}

/// What a frame has of a side.
struct Frame {
    rows: u32,
    taking: Vec<bool>,
    /// Where rows meet, and how many places there are.
    places: Option<(Vec<u32>, u32)>,
    drawer: Drawer,
}

/// The arrays of a side, for at most so many rows.
struct Arrays {
    shape: InverseShape,
    listed_by: Vec<u32>,
    drawn: Vec<u32>,
    counts: Vec<u32>,
    first_slots: Vec<u32>,
    chunk_slots: Vec<u32>,
    scattered: Vec<AtomicU32>,
    starts: Vec<u32>,
    listed: Vec<u32>,
    partners: Vec<AtomicU32>,
}

impl Arrays {
    fn new(shape: InverseShape) -> Self {
        let (rows, chunks) = (shape.rows as usize, shape.chunks as usize);
        let table = chunks * shape.batches as usize;
        let atomics = || (0..rows).map(|_| AtomicU32::new(77)).collect();
        Self {
            shape,
            listed_by: vec![7; rows],
            drawn: vec![7; rows],
            counts: vec![7; table],
            first_slots: vec![7; table],
            chunk_slots: vec![7; chunks + 1],
            scattered: atomics(),
            starts: vec![7; shape.targets as usize + 1],
            listed: vec![7; rows],
            partners: atomics(),
        }
    }

    /// All phases but the last.
    fn rank(&mut self, frame: &Frame, random: &mut Random) {
        let shape = self.shape;
        let chunks = shape.chunks as usize;
        let batches = frame.rows.div_ceil(shape.batch_rows);
        let of = |batch: u32| RowRange::new(batch * shape.batch_rows, frame.rows.min((batch + 1) * shape.batch_rows));
        let row_of = |batch: u32| batch as usize * chunks..(batch as usize + 1) * chunks;
        for batch in random.order(batches) {
            let own = of(batch).indices();
            let mut partners = vec![7; own.len()];
            rank(
                frame.drawer,
                of(batch),
                &frame.taking[own.clone()],
                RankView {
                    shape,
                    places: frame.places.as_ref().map(|(places, count)| (&places[own.clone()], *count)),
                    entities: None,
                    listed_by: &mut self.listed_by[own.clone()],
                    drawn: &mut self.drawn[own.clone()],
                    counts: &mut self.counts[row_of(batch)],
                    partners: &mut partners,
                },
            );
            own.zip(partners).for_each(|(row, partner)| self.partners[row].store(partner, Ordering::Relaxed));
        }
        let table = chunks * batches as usize;
        let placed = InverseShape { batches, ..shape };
        inverse::place(&placed, &self.counts[..table], &mut self.first_slots[..table], &mut self.chunk_slots);
        let mut scratch = InverseScratch::default();
        for batch in random.order(batches) {
            let (own, first) = (&self.listed_by[of(batch).indices()], &self.first_slots[row_of(batch)]);
            inverse::scatter(&shape, of(batch), own, first, &mut scratch, &self.scattered);
        }
        for chunk in random.order(shape.chunks) {
            let slots = self.chunk_slots[chunk as usize] as usize..self.chunk_slots[chunk as usize + 1] as usize;
            let targets = shape.targets_of(chunk);
            let end = targets.end as usize + usize::from(chunk + 1 == shape.chunks);
            let list = ListView {
                shape,
                chunk,
                references: &self.listed_by[..frame.rows as usize],
                scattered: &self.scattered[slots.clone()],
                first_slot: slots.start as u32,
                starts: &mut self.starts[targets.start as usize..end],
                listed: &mut self.listed[slots],
            };
            sort(&mut scratch, SortView { list, drawn: &self.drawn[..frame.rows as usize] });
        }
    }

    fn ranked(&self, frame: &Frame) -> Ranked<'_> {
        let taking = self.starts.last().copied().unwrap_or(0) as usize;
        let partners = &self.partners[..frame.rows as usize];
        Ranked { starts: &self.starts, listed: &self.listed[..taking], partners }
    }

    fn partners(&self, frame: &Frame) -> Vec<u32> {
        self.partners[..frame.rows as usize].iter().map(|partner| partner.load(Ordering::Relaxed)).collect()
    }
}

/// Pairs the rows of one side with each other, or those of two.
fn matched(sides: &mut [Arrays], frames: &[Frame], random: &mut Random) -> Vec<Vec<u32>> {
    for (side, frame) in sides.iter_mut().zip(frames) {
        side.rank(frame, random);
    }
    let shape = sides[0].shape;
    for chunk in random.order(shape.chunks) {
        let lists = shape.targets_of(chunk);
        pair(PairView {
            lists: lists.start as usize..lists.end as usize,
            meets: frames[0].places.is_some(),
            first: sides[0].ranked(&frames[0]),
            second: (sides.len() > 1).then(|| sides[1].ranked(&frames[1])),
        });
    }
    sides.iter().zip(frames).map(|(side, frame)| side.partners(frame)).collect()
}

/// The rows of a side that take part, place by place, in the order of their numbers.
fn order(frame: &Frame) -> BTreeMap<u32, Vec<u32>> {
    let mut all = BTreeMap::<u32, Vec<u32>>::new();
    let mut rows: Vec<u32> = (0..frame.rows).filter(|row| frame.taking[*row as usize]).collect();
    rows.sort_by_key(|&row| (frame.drawer.number(row), row));
    for row in rows {
        match &frame.places {
            Some((places, count)) if places[row as usize] >= *count => {}
            Some((places, _)) => all.entry(places[row as usize]).or_default().push(row),
            None => all.entry(0).or_default().push(row),
        }
    }
    all
}

/// The same, as it is meant.
fn expected(frames: &[Frame]) -> Vec<Vec<u32>> {
    let mut partners: Vec<Vec<u32>> = frames.iter().map(|frame| vec![NO_ROW; frame.rows as usize]).collect();
    let orders: Vec<_> = frames.iter().map(order).collect();
    for (place, rows) in &orders[0] {
        match orders.get(1) {
            Some(others) => {
                for (a, b) in rows.iter().zip(others.get(place).into_iter().flatten()) {
                    partners[0][*a as usize] = *b;
                    partners[1][*b as usize] = *a;
                }
            }
            None => {
                for two in rows.chunks_exact(2) {
                    partners[0][two[0] as usize] = two[1];
                    partners[0][two[1] as usize] = two[0];
                }
            }
        }
    }
    partners
}

/// A frame of a side: with how likely rows take part (of 4), and crowded places.
fn frame(random: &mut Random, most: u32, places: Option<u32>, tick: u32, site: u32) -> Frame {
    let rows = [0, 1, 2, most, random.next(most + 1)][random.next(5) as usize].min(most);
    let likely = random.next(5);
    let places = places.map(|most| {
        let count = [most, random.next(most) + 1][random.next(2) as usize];
        let crowd = random.next(count) + 1;
        let place = |random: &mut Random| match random.next(8) {
            0 => NO_ROW,
            1 => count + random.next(9),
            2 => random.next(count),
            _ => random.next(crowd),
        };
        ((0..rows).map(|_| place(random)).collect(), count)
    });
    let taking = (0..rows).map(|_| random.next(4) < likely).collect();
    Frame { rows, taking, places, drawer: Drawer { seed: 5, tick, site } }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(80) })]

    #[test]
    fn pairs_are_those_of_a_sort_and_a_zip(
        rows in [0u32..5000, 1u32..5000],
        alone: bool,
        places in prop::option::of(1u32..9000),
        chunk in prop::option::of(1u32..64),
        seed: u64,
    ) {
        let mut random = Random(seed);
        let most: Vec<u32> = rows.iter().take(if alone { 1 } else { 2 }).map(|rows| (*rows).max(1)).collect();
        let shape_of = |rows: u32| {
            let whole = shape(rows, places);
            // Smaller chunks than those of a program, so that there are many.
            chunk.map_or(whole, |chunk| InverseShape::in_chunks(rows, whole.targets, chunk))
        };
        let mut sides: Vec<Arrays> = most.iter().map(|&rows| Arrays::new(shape_of(rows))).collect();
        for tick in 2..6 {
            let mut frames: Vec<Frame> =
                most.iter().zip(1..).map(|(&rows, site)| frame(&mut random, rows, places, tick, site)).collect();
            // There are as many places for one side as for the other.
            let count = frames[0].places.as_ref().map(|(_, count)| *count);
            for frame in &mut frames {
                frame.places.iter_mut().zip(count).for_each(|((_, of), count)| *of = count);
            }
            let found = matched(&mut sides, &frames, &mut random);
            prop_assert_eq!(&found, &expected(&frames));
        }
    }
}

#[test]
fn a_hundred_thousand_rows_are_paired_as_few_are() {
    let rows = 100_000;
    let mut random = Random(9);
    for places in [None, Some(30_000)] {
        for alone in [true, false] {
            let mut sides: Vec<Arrays> =
                (0..if alone { 1 } else { 2 }).map(|_| Arrays::new(shape(rows, places))).collect();
            assert!(sides[0].shape.chunks > 1 && sides[0].shape.batches > 1);
            let frames: Vec<Frame> = (1..=sides.len() as u32)
                .map(|site| Frame {
                    rows,
                    taking: vec![true; rows as usize],
                    places: places.map(|count| ((0..rows).map(|_| random.next(count)).collect(), count)),
                    drawer: Drawer { seed: 1, tick: 3, site },
                })
                .collect();
            let found = matched(&mut sides, &frames, &mut random);
            assert_eq!(found, expected(&frames));
            let without = found[0].iter().filter(|partner| **partner == NO_ROW).count();
            assert_eq!(without == 0, places.is_none(), "all have partners where all can be paired");
        }
    }
}
