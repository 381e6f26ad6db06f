//! Which rows of a batch ask together.

use std::ops::Range;

use diptych_protocol::id::RowRange;
use diptych_protocol::kd_view::SummaryView;
use diptych_protocol::limits::BLOCK_ROWS_MAX;

use super::cut::{Point, bounds, cut, extent, greater, lesser, part, places, widest};
use super::far::Party;
use super::keys::Keys;
use super::order::ascend_few;
use super::tree::KdTree;

/// A box: lows and highs, an axis each.
pub type Bounds = ([f32; 3], [f32; 3]);

/// The most rows of an area: each of its blocks looks through all that is around it.
const AREA_ROWS_MAX: usize = 16 * BLOCK_ROWS_MAX;

/// The window of an area may be so many times as large as those of its parts: a search less is worth some boxes in vain.
const AREA_TIMES: f32 = 1.3;

/// Rows that ask together, and the box around them.
#[derive(Clone, Debug)]
struct Piece {
    /// First of its points.
    start: usize,
    /// One past the last.
    end: usize,
    lo: [f32; 3],
    hi: [f32; 3],
}

impl Piece {
    /// Both, if they have no more rows than this, and the window of both is no larger than so many times the two.
    fn with(&self, next: &Self, rows_max: usize, times: f32, volume: Volume) -> Option<Self> {
        let lo = std::array::from_fn(|axis| lesser(self.lo[axis], next.lo[axis]));
        let hi = std::array::from_fn(|axis| greater(self.hi[axis], next.hi[axis]));
        let fits = next.end - self.start <= rows_max
            && volume.of(&lo, &hi) <= times * (volume.of(&self.lo, &self.hi) + volume.of(&next.lo, &next.hi));
        fits.then_some(Self { start: self.start, end: next.end, lo, hi })
    }
}

/// The blocks of one batch.
///
/// The rule: rows of the same bucket are near each other, so a bucket's rows of the batch are one block, or as many
/// compact ones of equal size as [`BLOCK_ROWS_MAX`] asks for. Where a bucket is larger than a block and holds few of
/// the batch's rows, they are halved as long as the halves' windows are smaller together. Then consecutive blocks
/// are joined as long as the window of both is no larger than the two. How rows are blocked never shows in the bits:
/// each row sees its neighbours in the same order whoever asks with it.
///
/// Blocks one behind another that are near each other are an *area*: what is around it is looked for once. They are as
/// long as the window of an area is not much larger than those of its parts, up to a few blocks.
#[derive(Default)]
pub struct Blocks {
    keys: Keys,
    points: Vec<Point>,
    pieces: Vec<Piece>,
    /// Of a batch by slots: the positions of its rows, an axis each.
    positions: [Vec<f32>; 3],
    /// The area of each piece, and their boxes.
    area_of: Vec<u32>,
    areas: Vec<Bounds>,
}

impl Blocks {
    /// Forms the blocks of a batch's rows.
    pub fn form(&mut self, tree: &KdTree<'_>, positions: &[&[f32]], rows: RowRange, reach: f32) {
        self.keys.sort(rows, |row| tree.bucket_of(row));
        let keys = self.keys.sorted();
        self.points.clear();
        self.points.extend(keys.iter().map(|&key| {
            let row = key as u32;
            let mut at = [0.0; 3];
            for (to, column) in at.iter_mut().zip(positions) {
                *to = column[row as usize];
            }
            Point { at, row }
        }));
        self.pieces.clear();
        let volume = Volume { axes: positions.len(), reach };
        let mut start = 0;
        for group in keys.chunk_by(|a, b| a >> 32 == b >> 32) {
            let points = &mut self.points[start..start + group.len()];
            let pieces = &mut self.pieces;
            cut(points, start, group.len().div_ceil(BLOCK_ROWS_MAX), &mut |points, range| {
                let sparse = tree.shape.bucket_rows as usize > 2 * BLOCK_ROWS_MAX && points.len() <= BLOCK_ROWS_MAX / 2;
                add(pieces, points, range.start, sparse, volume);
            });
            start += group.len();
        }
        self.join(volume);
    }

    /// Forms blocks of a batch's rows that are of one party each, in the order of slots, then rows.
    pub fn form_by_parties(&mut self, tree: &KdTree<'_>, summary: &SummaryView<'_>, rows: RowRange) {
        self.keys.sort(rows, |row| Party::of(tree, summary, row).slots(tree).start);
        self.points.clear();
        self.pieces.clear();
        self.area_of.clear();
        for group in self.keys.sorted().chunk_by(|a, b| a >> 32 == b >> 32) {
            for keys in group.chunks(BLOCK_ROWS_MAX) {
                let start = self.points.len();
                self.points.extend(keys.iter().map(|&key| Point { at: [0.0; 3], row: key as u32 }));
                let nowhere = [0.0; 3];
                self.pieces.push(Piece { start, end: self.points.len(), lo: nowhere, hi: nowhere });
            }
        }
    }

    fn join(&mut self, volume: Volume) {
        let mut kept = 0;
        for i in 1..self.pieces.len() {
            let next = self.pieces[i].clone();
            let last = &self.pieces[kept];
            match last.with(&next, BLOCK_ROWS_MAX, 1.0, volume) {
                Some(both) => self.pieces[kept] = both,
                None => {
                    kept += 1;
                    self.pieces[kept] = next;
                }
            }
        }
        self.pieces.truncate(kept + 1);
        self.find_areas(volume);
    }

    fn find_areas(&mut self, volume: Volume) {
        self.area_of.clear();
        self.areas.clear();
        let mut open: Option<Piece> = None;
        for piece in &self.pieces {
            let joined = open.as_ref().and_then(|area| area.with(piece, AREA_ROWS_MAX, AREA_TIMES, volume));
            if joined.is_none() {
                self.areas.extend(open.map(|area| (area.lo, area.hi)));
            }
            self.area_of.push(self.areas.len() as u32);
            open = Some(joined.unwrap_or_else(|| piece.clone()));
        }
        self.areas.extend(open.map(|area| (area.lo, area.hi)));
    }

    /// Forms blocks of a batch that is given by the slots of a tree whose buckets are cut into pieces: [`Self::range`] says
    /// which slots a block has.
    pub fn form_slots(&mut self, tree: &KdTree<'_>, positions: &[&[f32]], slots: RowRange, reach: f32) {
        let volume = Volume { axes: positions.len(), reach };
        self.pieces.clear();
        for (own, column) in self.positions.iter_mut().zip(positions) {
            own.clear();
            own.extend(tree.slot_rows[slots.indices()].iter().map(|row| column[*row as usize]));
        }
        let mut next = slots.start as usize;
        while next < slots.end as usize {
            let place = tree.place_of_row(tree.slot_rows[next]) as usize;
            let bucket = tree.bucket_start[place] as usize..tree.bucket_end[place] as usize;
            next = bucket.end;
            places(bucket.clone(), bucket.len().div_ceil(BLOCK_ROWS_MAX), &mut |piece| {
                // Ends of a batch may be anywhere.
                let piece = piece.start.max(slots.start as usize)..piece.end.min(slots.end as usize);
                if piece.is_empty() {
                    return;
                }
                let (start, end) = (piece.start - slots.start as usize, piece.end - slots.start as usize);
                let (mut lo, mut hi) = ([0.0; 3], [0.0; 3]);
                for (axis, own) in self.positions.iter().enumerate().take(positions.len()) {
                    (lo[axis], hi[axis]) = extent(&own[start..end]);
                }
                self.pieces.push(Piece { start, end, lo, hi });
            });
        }
        self.join(volume);
    }

    /// Forms blocks of rows that are in no tree: compact ones of equal size. `positions` are those of the batch's rows
    /// alone.
    pub fn form_apart(&mut self, positions: &[&[f32]], rows: RowRange, reach: f32) {
        self.points.clear();
        self.points.extend((rows.start..rows.end).enumerate().map(|(place, row)| {
            let mut at = [0.0; 3];
            at.iter_mut().zip(positions).for_each(|(to, column)| *to = column[place]);
            Point { at, row }
        }));
        let Self { points, pieces, .. } = self;
        pieces.clear();
        cut(points, 0, rows.len().div_ceil(BLOCK_ROWS_MAX), &mut |points, range| {
            let (lo, hi) = bounds(points);
            pieces.push(Piece { start: range.start, end: range.end, lo, hi });
        });
        self.find_areas(Volume { axes: positions.len(), reach });
    }

    /// How many blocks were formed.
    pub fn len(&self) -> usize {
        self.pieces.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Which of a batch's slots a block has.
    pub fn range(&self, block: usize) -> Range<usize> {
        self.pieces[block].start..self.pieces[block].end
    }

    /// The positions of the rows of the batch that was formed by its slots, by these, an axis each.
    pub fn positions(&self) -> [&[f32]; 3] {
        self.positions.each_ref().map(Vec::as_slice)
    }

    /// The box around a block's rows.
    pub fn bounds(&self, block: usize) -> ([f32; 3], [f32; 3]) {
        let piece = &self.pieces[block];
        (piece.lo, piece.hi)
    }

    /// The box around all rows of a block's area, if there are more than the block's.
    pub fn area(&self, block: usize) -> Option<Bounds> {
        let area = *self.area_of.get(block)?;
        let alike = |other: Option<usize>| other.and_then(|other| self.area_of.get(other)) == Some(&area);
        (alike(block.checked_sub(1)) || alike(Some(block + 1))).then(|| self.areas[area as usize])
    }

    /// A block's rows, ascending.
    pub fn rows<'a>(&self, block: usize, sorted: &'a mut [u32; BLOCK_ROWS_MAX]) -> &'a [u32] {
        let piece = &self.pieces[block];
        let points = &self.points[piece.start..piece.end];
        for (row, point) in sorted.iter_mut().zip(points) {
            *row = point.row;
        }
        let rows = &mut sorted[..points.len()];
        ascend_few(rows);
        rows
    }
}

/// Measures windows: a stand-in for how many candidates they have.
#[derive(Clone, Copy)]
struct Volume {
    axes: usize,
    reach: f32,
}

impl Volume {
    #[inline(always)]
    fn of(&self, lo: &[f32; 3], hi: &[f32; 3]) -> f32 {
        let mut volume = 1.0;
        for axis in 0..self.axes {
            volume *= (hi[axis] - lo[axis]) + 2.0 * self.reach;
        }
        volume
    }
}

fn add(pieces: &mut Vec<Piece>, points: &mut [Point], start: usize, sparse: bool, volume: Volume) {
    let (lo, hi) = bounds(points);
    if sparse && points.len() > 1 {
        let left = points.len().div_ceil(2);
        part(points, widest(&lo, &hi), left);
        let (head, tail) = points.split_at_mut(left);
        let ((head_lo, head_hi), (tail_lo, tail_hi)) = (bounds(head), bounds(tail));
        if volume.of(&head_lo, &head_hi) + volume.of(&tail_lo, &tail_hi) < volume.of(&lo, &hi) {
            add(pieces, head, start, sparse, volume);
            add(pieces, tail, start + left, sparse, volume);
            return;
        }
    }
    pieces.push(Piece { start, end: start + points.len(), lo, hi });
}
