//! What a body reads of cells at an offset from its own rows: one more own column for each offset.
//!
//! Where a block lies inside of one line of cells, and so does the moved one, that column is a stretch of the panel at
//! another place, and nothing is copied. Else it is put together from stretches, and from what is beyond the edge.
//! Blocks are cut so that along a long line only one short block, over the line's end, is of the second kind.

use diptych_protocol::id::GroupId;
use diptych_protocol::limits::LANES_MAX;
use diptych_protocol::program::Program;
use diptych_protocol::raster::{Raster, Rim};
use diptych_protocol::values::Values;

use crate::body::column::Column;
use crate::body::slots::Slots;

/// Cells of the shortest line whose ends get blocks of their own.
const LONG_LINE: usize = 512;

/// Cells of the shortest line that stands in a block with others, for each that blocks look along it.
const LINE: usize = 16;

/// The moved columns of a body.
pub(super) struct Moved {
    raster: Raster,
    columns: Vec<MovedColumn>,
    /// How far blocks look along x.
    reach: usize,
}

/// A cell that is computed by itself.
#[derive(Clone, Copy)]
pub(super) struct End {
    pub row: u32,
    /// Its place in the line.
    pub x: u32,
}

/// An own column that is read at an offset.
struct MovedColumn {
    /// Its place among the own columns.
    slot: usize,
    offset: [i64; 3],
    /// What it reads as outside of all cells: one value, if there is an outside.
    outside: Column,
    /// Where it begins in the panel, if it is a stretch of it; else it is in the room.
    stretch: Option<usize>,
    room: Column,
}

impl Moved {
    /// Of a body over a group; nothing if it reads nothing at an offset.
    pub fn of(program: &Program, group: GroupId, slots: &Slots) -> Option<Self> {
        let raster = program.groups[group].raster.clone()?;
        let moved = slots.own.iter().enumerate().filter(|(_, slot)| slot.offset != [0; 3]);
        let columns: Vec<MovedColumn> = moved
            .map(|(at, slot)| {
                let mut outside = Column::new(slot.scalar);
                if let Some(value) = raster.outside(slot.column) {
                    outside.resize(1);
                    outside.fill(value);
                }
                let offset = slot.offset.map(i64::from);
                MovedColumn { slot: at, offset, outside, stretch: None, room: Column::new(slot.scalar) }
            })
            .collect();
        let reach = columns.iter().map(|column| column.offset[0].unsigned_abs() as usize).max()?;
        Some(Self { raster, columns, reach })
    }

    /// How many rows a block that begins here has, of at most so many.
    pub fn cut(&self, first: usize, most: usize) -> usize {
        let width = self.raster.extents[0] as usize;
        if width < LONG_LINE.max(4 * self.reach) {
            return most;
        }
        // Whole vectors on both sides of a line's ends.
        let before = |end: usize| (end - self.reach.min(end)) / LANES_MAX * LANES_MAX;
        let after = |end: usize| (end + self.reach).next_multiple_of(LANES_MAX);
        let start = first / width * width;
        let end = start + width;
        let limit = match first {
            _ if first < after(start) && self.reach > 0 => after(start),
            _ if first < before(end) => before(end),
            _ => after(end),
        };
        most.min(limit - first)
    }

    /// How many rows from `first` on, at most to `end`, are one block that goes on from line to line, if any are: all in
    /// lines away from the edges across them.
    pub fn lines(&self, first: usize, end: usize) -> Option<usize> {
        let Self { raster, columns, reach } = self;
        let [width, h, d] = raster.extents.map(|extent| extent as usize);
        if width < LINE * reach {
            return None;
        }
        // How far blocks look back and ahead across lines, and over the panel.
        let look = |of: &dyn Fn(&MovedColumn) -> i64| {
            let all = || columns.iter().map(of);
            (all().min().unwrap_or(0).min(0).unsigned_abs() as usize, all().max().unwrap_or(0).max(0) as usize)
        };
        let ((up, down), (front, back)) = (look(&|column| column.offset[1]), look(&|column| column.offset[2]));
        let (before, behind) = look(&|column| column.ahead(raster));
        let (y, z) = (first / width % h, first / width / h);
        if y < up || y + down >= h || z < front || z + back >= d || first < before {
            return None;
        }
        // Beside each other planes are one, too, where nothing looks across their edges.
        let plane = if up + down == 0 { (d - back) * h } else { z * h + h - down };
        let room = (h * d * width).checked_sub(behind)?;
        let count = end.min(plane * width).min(room).checked_sub(first)?;
        // Blocks begin at whole vectors of the batch, and the last vector may read beyond its rows.
        let count = if first + count == end && end.next_multiple_of(LANES_MAX) <= room {
            count
        } else {
            count / LANES_MAX * LANES_MAX
        };
        (count > 0).then_some(count)
    }

    /// Brings the moved columns of a block that [`Self::lines`] has given.
    pub fn ask_lines(&mut self, first: usize) {
        for column in &mut self.columns {
            column.stretch = Some((first as i64 + column.ahead(&self.raster)) as usize);
        }
    }

    /// The cells of such a block for whom the next line's were brought instead of their own's.
    pub fn ends(&self, first: usize, count: usize, into: &mut Vec<End>) {
        let (width, reach) = (self.raster.extents[0] as usize, self.reach);
        if reach == 0 {
            return;
        }
        for line in first / width..(first + count).div_ceil(width) {
            let near = (0..reach).chain(width - reach..width);
            let ends = near.map(|x| End { row: (line * width + x) as u32, x: x as u32 });
            into.extend(ends.filter(|end| (first..first + count).contains(&(end.row as usize))));
        }
    }

    /// The place of a cell in its line.
    pub fn x(&self, row: u32) -> u32 {
        row % self.raster.extents[0]
    }

    /// Whether an own column is moved.
    pub fn moves(&self, slot: usize) -> bool {
        self.columns.iter().any(|column| column.slot == slot)
    }

    /// The values of a moved column for cells wherever they are.
    pub fn gather(&self, slot: usize, panel: Values<'_>, ends: &[End], into: &mut Column) {
        let Some(column) = self.columns.iter().find(|column| column.slot == slot) else { return };
        let (raster, [along, y, z]) = (&self.raster, column.offset);
        let width = raster.extents[0];
        let near = |end: &End| {
            let x = raster.brought(0, i64::from(end.x) + along)?;
            let line = raster.line(end.row / width, [0, y as i16, z as i16])?;
            Some(line as usize * width as usize + x as usize)
        };
        if !matches!(raster.rim, Rim::Outside(_)) {
            return into.gather(panel, ends.iter().filter_map(near));
        }
        into.clear();
        for end in ends {
            match near(end) {
                Some(place) => into.append(panel, place..place + 1),
                None => into.repeat(column.outside.values(), 0, 1),
            }
        }
    }

    /// Brings the moved columns of so many rows from `first` on, with room for so many lanes. `own` has the panels of moved
    /// columns whole.
    pub fn ask(&mut self, own: &[Values<'_>], first: usize, count: usize, lanes: usize) {
        let Self { raster, columns, .. } = self;
        let width = raster.extents[0] as usize;
        let (line, x) = (first / width, first % width);
        for column in columns {
            let panel = own[column.slot];
            let [along, y, z] = column.offset;
            column.stretch = None;
            let from = x as i64 + along;
            if x + count <= width && from >= 0 && from as usize + count <= width {
                let line = raster.line(line as u32, [0, y as i16, z as i16]);
                let stretch = line.map(|line| line as usize * width + from as usize);
                // A last block of lanes needs room behind its rows.
                column.stretch = stretch.filter(|stretch| stretch + lanes <= panel.len());
            }
            if column.stretch.is_none() {
                column.assemble(raster, panel, (line, x), count);
                column.room.repeat_last(lanes - count);
            }
        }
    }

    /// The own columns of a block: those that were brought, and the lanes of all others.
    pub fn own<'a>(&'a self, own: &'a [Values<'a>], lanes: std::ops::Range<usize>) -> impl Iterator<Item = Values<'a>> {
        let mut moved = self.columns.iter().peekable();
        own.iter().enumerate().map(move |(slot, panel)| match moved.next_if(|column| column.slot == slot) {
            Some(MovedColumn { stretch: Some(start), .. }) => panel.range(*start..start + lanes.len()),
            Some(column) => column.room.values(),
            None => panel.range(lanes.clone()),
        })
    }
}

impl MovedColumn {
    /// How many places further its cells stand, away from all edges.
    fn ahead(&self, raster: &Raster) -> i64 {
        let [w, h, _] = raster.extents.map(i64::from);
        (self.offset[2] * h + self.offset[1]) * w + self.offset[0]
    }

    /// Puts the values of so many rows together, line by line.
    fn assemble(&mut self, raster: &Raster, panel: Values<'_>, (line, x): (usize, usize), count: usize) {
        let width = raster.extents[0] as usize;
        let [along, y, z] = self.offset;
        self.room.clear();
        let (mut line, mut x, mut left) = (line, x, count);
        while left > 0 {
            let here = left.min(width - x);
            match raster.line(line as u32, [0, y as i16, z as i16]) {
                Some(from) => self.stretch_of(raster, panel, from as usize * width, x as i64 + along, here),
                None => self.room.repeat(self.outside.values(), 0, here),
            }
            (line, x, left) = (line + 1, 0, left - here);
        }
    }

    /// Appends so many values of the line that begins at `start`, from the cell `from` on.
    fn stretch_of(&mut self, raster: &Raster, panel: Values<'_>, start: usize, from: i64, count: usize) {
        let width = raster.extents[0] as i64;
        let end = from + count as i64;
        let inside = |x: i64| start + x as usize;
        match raster.rim {
            Rim::Torus => {
                let (mut x, mut left) = (from.rem_euclid(width), count as i64);
                while left > 0 {
                    let here = left.min(width - x);
                    self.room.append(panel, inside(x)..inside(x + here));
                    (x, left) = (0, left - here);
                }
            }
            Rim::Clamp | Rim::Outside(_) => {
                let low = from.clamp(0, width);
                let high = end.clamp(low, width);
                let (below, above) = ((low.min(end) - from).max(0) as usize, (end - high.max(from)).max(0) as usize);
                let clamps = matches!(raster.rim, Rim::Clamp);
                let (rim, first, last) = match clamps {
                    true => (panel, inside(0), inside(width - 1)),
                    false => (self.outside.values(), 0, 0),
                };
                self.room.repeat(rim, first, below);
                self.room.append(panel, inside(low)..inside(high));
                self.room.repeat(rim, last, above);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use diptych_protocol::id::ColumnId;
    use diptych_protocol::program::When;
    use diptych_protocol::raster::{Raster, Rim};
    use diptych_protocol::types::{Scalar, Value};
    use proptest::prelude::*;

    use super::*;
    use crate::body::slots::Slot;

    fn moved(raster: Raster, offset: [i16; 3]) -> Moved {
        let slots = [Slot { column: ColumnId(0), when: When::Prev, offset, scalar: Scalar::U32 }];
        let mut outside = Column::new(Scalar::U32);
        outside.resize(1);
        outside.fill(Value::U32(u32::MAX));
        let columns = vec![MovedColumn {
            slot: 0,
            offset: slots[0].offset.map(i64::from),
            outside,
            stretch: None,
            room: Column::new(Scalar::U32),
        }];
        Moved { raster, columns, reach: usize::from(offset[0].unsigned_abs()) }
    }

    /// Goes over all rows of a batch, block by block, as [`super::super::rule`] does.
    fn check(raster: &Raster, offset: [i16; 3], batch: std::ops::Range<usize>, most: usize) {
        let rows = raster.cells().unwrap_or(0) as usize;
        let panel: Vec<u32> = (0..rows as u32).map(|row| row * 7 + 1).collect();
        let mut moved = moved(raster.clone(), offset);
        let own = [Values::U32(&panel)];
        let (mut next, end) = (batch.start, batch.end.min(rows));
        while next < end {
            let first = next;
            let lines = moved.lines(first, end);
            let count = lines.unwrap_or_else(|| moved.cut(first, most.min(end - first)));
            assert!(count > 0 && (count.is_multiple_of(LANES_MAX) || first + count == end));
            next += count;
            let lanes = count.next_multiple_of(LANES_MAX);
            let mut again = Vec::new();
            match lines {
                Some(_) => {
                    moved.ask_lines(first);
                    moved.ends(first, count, &mut again);
                }
                None => moved.ask(&own, first, count, lanes),
            }
            let Some(Values::U32(got)) = moved.own(&own, 0..lanes).next() else { unreachable!("of u32") };
            assert!(got.len() >= lanes);
            let all = first..first + count;
            let found = all.zip(got).filter(|(row, _)| !again.iter().any(|end: &End| end.row as usize == *row));
            found.for_each(|(row, found)| assert_eq!(*found, expected(raster, offset, &panel, row), "row {row}"));
            let mut room = Column::new(Scalar::U32);
            moved.gather(0, own[0], &again, &mut room);
            let Values::U32(got) = room.values() else { unreachable!("of u32") };
            assert_eq!(got.len(), again.len());
            for (end, found) in again.into_iter().zip(got) {
                assert_eq!(*found, expected(raster, offset, &panel, end.row as usize), "row {}, by itself", end.row);
            }
        }
    }

    /// What a cell by itself would find.
    fn expected(raster: &Raster, offset: [i16; 3], panel: &[u32], row: usize) -> u32 {
        let [w, h, _] = raster.extents.map(i64::from);
        let row = row as i64;
        let at = [row % w, row / w % h, row / (w * h)];
        let near: Option<Vec<u32>> =
            (0..3).map(|axis| raster.brought(axis, at[axis] + i64::from(offset[axis]))).collect();
        near.map_or(u32::MAX, |near| {
            panel[((near[2] * raster.extents[1] + near[1]) * raster.extents[0] + near[0]) as usize]
        })
    }

    fn extents() -> impl Strategy<Value = [u32; 3]> {
        let odd = prop::sample::select(vec![1, 2, 3, 15, 16, 63, 64, 65, 511, 512, 513, 1024, 1030, 2100]);
        (prop_oneof![odd, 1..1500u32], 1..6u32, 1..4u32).prop_map(|(w, h, d)| [w, h, d])
    }

    proptest! {
        /// Every block, of any raster, offset and batch, has the values that each cell by itself would find.
        #[test]
        fn a_moved_block_has_what_each_of_its_cells_looks_at(
            extents in extents(),
            rim in prop::sample::select(vec![Rim::Torus, Rim::Clamp, Rim::Outside(Vec::new())]),
            (x, y, z) in (prop_oneof![-3..=3i16, -2500..=2500i16], -3..=3i16, -3..=3i16),
            (start, length) in (0..4usize, prop_oneof![Just(1usize << 20), 1..6000usize]),
            most in prop::sample::select(vec![512, 4096]),
        ) {
            let start = start * 64;
            check(&Raster { axes: 3, extents, rim }, [x, y, z], start..start + length, most);
        }
    }
}
