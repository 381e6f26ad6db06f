//! Cells of grids, as operations: coordinates, neighbours, and what is under a point.
//!
//! A row's coordinates are quotients by constants. They are taken in `f64`, where the quotient of two `u32` never rounds
//! up to a whole number, so that cutting it off is exact; a power of two is shifted and masked.

use diptych_protocol::body::{Binary, Compare, Op, Unary};
use diptych_protocol::id::{ColumnId, ValueId};
use diptych_protocol::raster::{self, Offset};
use diptych_protocol::types::{NO_ROW, Scalar, Sort, Value};

use crate::lower::Columns;
use crate::lower::expressions::Flattener;
use crate::types::rasters::{Raster, Rim};
use crate::types::typed::{Step, Turn, Typed, Walk};
use crate::types::{Group, Place};

/// How the cells of a group stand, for the program.
pub(super) fn raster(at: usize, group: &Group<'_>, places: &Columns) -> Option<raster::Raster> {
    let Raster { axes, extents, rim } = group.raster.as_ref()?;
    let rim = match rim {
        Rim::Torus => raster::Rim::Torus,
        Rim::Clamp => raster::Rim::Clamp,
        Rim::Outside(values) => {
            let mut all: Vec<(ColumnId, Value)> = Vec::new();
            for (member, it) in group.members.iter().enumerate() {
                let columns = places.of(Place { group: at, member });
                match values.get(&it.name) {
                    Some(lanes) => all.extend(columns.into_iter().zip(lanes.iter().copied())),
                    // A reference out there is to no row.
                    None if matches!(it.ty.sort, Sort::Entity(_)) => {
                        all.extend(columns.into_iter().map(|column| (column, Value::U32(NO_ROW))));
                    }
                    None => {}
                }
            }
            raster::Rim::Outside(all)
        }
    };
    Some(raster::Raster { axes: *axes, extents: *extents, rim })
}

impl Flattener<'_> {
    fn raster(&self, group: usize) -> Option<Raster> {
        self.world?.model.groups.get(group)?.raster.clone()
    }

    fn own_raster(&self) -> Option<Raster> {
        self.raster(self.group)
    }

    fn whole(&mut self, number: u32) -> ValueId {
        self.builder.constant(Value::U32(number))
    }

    /// Quotient and remainder by a constant above 0.
    fn parted(&mut self, number: ValueId, by: u32) -> (ValueId, ValueId) {
        if by.is_power_of_two() {
            let (bits, mask) = (self.whole(by.trailing_zeros()), self.whole(by - 1));
            let quotient = self.binary(Scalar::U32, Binary::Shr, number, bits);
            return (quotient, self.binary(Scalar::U32, Binary::And, number, mask));
        }
        let wide = self.push(Scalar::F64, Op::Convert(number));
        let divisor = self.builder.constant(Value::F64(f64::from(by)));
        let quotient = self.binary(Scalar::F64, Binary::Div, wide, divisor);
        let quotient = self.push(Scalar::U32, Op::Convert(quotient));
        let by = self.whole(by);
        let cut = self.binary(Scalar::U32, Binary::Mul, quotient, by);
        (quotient, self.binary(Scalar::U32, Binary::Sub, number, cut))
    }

    /// The coordinates of a cell, x first; 0 along what the raster has not.
    fn coordinates(&mut self, raster: &Raster, row: ValueId) -> [ValueId; 3] {
        let [w, h, _] = raster.extents;
        let zero = self.whole(0);
        match raster.axes {
            1 => [row, zero, zero],
            2 => {
                let (y, x) = self.parted(row, w);
                [x, y, zero]
            }
            _ => {
                let (line, x) = self.parted(row, w);
                let (z, y) = self.parted(line, h);
                [x, y, z]
            }
        }
    }

    /// A coordinate of the own cell.
    pub(super) fn coordinate(&mut self, axis: u8) -> Option<ValueId> {
        let raster = self.own_raster()?;
        let row = self.push(Scalar::U32, Op::Row);
        self.coordinates(&raster, row).get(usize::from(axis)).copied()
    }

    /// The row of a cell, and whether it is one.
    fn row_of(&mut self, raster: &Raster, at: [ValueId; 3], there: Option<ValueId>) -> ValueId {
        let [w, h] = [raster.extents[0], raster.extents[1]].map(|cells| self.whole(cells));
        let plane = self.binary(Scalar::U32, Binary::Mul, at[2], h);
        let line = self.binary(Scalar::U32, Binary::Add, plane, at[1]);
        let start = self.binary(Scalar::U32, Binary::Mul, line, w);
        let row = self.binary(Scalar::U32, Binary::Add, start, at[0]);
        match there {
            Some(there) => {
                let none = self.whole(NO_ROW);
                self.push(Scalar::U32, Op::Select(there, row, none))
            }
            None => row,
        }
    }

    /// The row of the cell at an offset from the own one.
    pub(super) fn shifted(&mut self, offset: Offset) -> Option<ValueId> {
        let raster = self.own_raster()?;
        let row = self.push(Scalar::U32, Op::Row);
        let mut at = self.coordinates(&raster, row);
        let mut there = None;
        for (axis, steps) in offset.into_iter().enumerate().filter(|(_, steps)| *steps != 0) {
            let extent = raster.extents[axis];
            let x = at[axis];
            at[axis] = match raster.rim {
                Rim::Torus => {
                    let steps = self.whole(i64::from(steps).rem_euclid(i64::from(extent)) as u32);
                    let moved = self.binary(Scalar::U32, Binary::Add, x, steps);
                    self.less_one_turn(moved, extent)
                }
                Rim::Clamp if steps < 0 => {
                    let steps = self.whole(u32::from(steps.unsigned_abs()));
                    let steps = self.binary(Scalar::U32, Binary::Min, x, steps);
                    self.binary(Scalar::U32, Binary::Sub, x, steps)
                }
                Rim::Clamp => {
                    let (steps, last) = (self.whole(u32::from(steps.unsigned_abs())), self.whole(extent - 1));
                    let moved = self.binary(Scalar::U32, Binary::Add, x, steps);
                    self.binary(Scalar::U32, Binary::Min, moved, last)
                }
                Rim::Outside(_) => {
                    // Below 0 it wraps to beyond every extent.
                    let steps = self.whole(i32::from(steps) as u32);
                    let moved = self.binary(Scalar::U32, Binary::Add, x, steps);
                    let extent = self.whole(extent);
                    let inside = self.compare(Compare::Lt, moved, extent);
                    there = self.builder.both(there, Some(inside));
                    moved
                }
            };
        }
        Some(self.row_of(&raster, at, there))
    }

    /// A coordinate below two extents, brought below one.
    fn less_one_turn(&mut self, x: ValueId, extent: u32) -> ValueId {
        let extent = self.whole(extent);
        let beyond = self.compare(Compare::Ge, x, extent);
        let less = self.binary(Scalar::U32, Binary::Sub, x, extent);
        self.push(Scalar::U32, Op::Select(beyond, less, x))
    }

    /// Where a point is along an axis, in cells from the low edge: brought into the space first.
    fn in_cells(&mut self, raster: &Raster, scalar: Scalar, axis: usize, x: ValueId) -> ValueId {
        let x = self.wrap(scalar, axis, x);
        let low = self.corner(scalar, self.space().lo[axis]);
        let way = self.binary(scalar, Binary::Sub, x, low);
        let (cells, side) = (self.number(scalar, f64::from(raster.extents[axis])), self.side(scalar, axis));
        let cells = self.binary(scalar, Binary::Div, cells, side);
        self.binary(scalar, Binary::Mul, way, cells)
    }

    /// The cell that a point is in: outside of a box the nearest one. NaN counts as the low edge.
    pub(super) fn cell_under(&mut self, group: usize, point: &Typed) -> Option<ValueId> {
        let raster = self.raster(group)?;
        let scalar = point.ty.scalar;
        let mut at = [self.whole(0); 3];
        for (axis, x) in self.lanes(point).into_iter().enumerate() {
            let x = self.in_cells(&raster, scalar, axis, x);
            let x = self.push(Scalar::U32, Op::Convert(x));
            let last = self.whole(raster.extents[axis] - 1);
            at[axis] = self.binary(Scalar::U32, Binary::Min, x, last);
        }
        Some(self.row_of(&raster, at, None))
    }

    /// Along an axis, the centre at or below a point (counted from the first), and how far beyond it the point is.
    fn below(&mut self, raster: &Raster, scalar: Scalar, axis: usize, x: ValueId) -> (ValueId, ValueId) {
        let x = self.in_cells(raster, scalar, axis, x);
        let half = self.number(scalar, 0.5);
        let x = self.binary(scalar, Binary::Sub, x, half);
        let below = self.unary(scalar, Unary::Floor, x);
        (below, self.binary(scalar, Binary::Sub, x, below))
    }

    /// [`Kind::Corner`](crate::types::typed::Kind::Corner).
    pub(super) fn corner_cell(&mut self, group: usize, point: &Typed, corner: u8) -> Option<ValueId> {
        let raster = self.raster(group)?;
        let scalar = point.ty.scalar;
        let mut at = [self.whole(0); 3];
        let mut there = None;
        for (axis, x) in self.lanes(point).into_iter().enumerate() {
            let (below, _) = self.below(&raster, scalar, axis, x);
            let below = self.push(Scalar::I32, Op::Convert(below));
            let step = self.builder.constant(Value::I32(i32::from(corner >> axis & 1)));
            // From one before the first cell to one behind the last.
            let x = self.binary(Scalar::I32, Binary::Add, below, step);
            let extent = raster.extents[axis];
            let (zero, last) =
                (self.builder.constant(Value::I32(0)), self.builder.constant(Value::I32(extent as i32 - 1)));
            let x = match raster.rim {
                Rim::Torus => {
                    let (before, behind) = (self.compare(Compare::Lt, x, zero), self.compare(Compare::Gt, x, last));
                    let x = self.push(Scalar::I32, Op::Select(behind, zero, x));
                    self.push(Scalar::I32, Op::Select(before, last, x))
                }
                Rim::Clamp => {
                    let x = self.binary(Scalar::I32, Binary::Max, x, zero);
                    self.binary(Scalar::I32, Binary::Min, x, last)
                }
                Rim::Outside(_) => x,
            };
            at[axis] = self.push(Scalar::U32, Op::Convert(x));
            if matches!(raster.rim, Rim::Outside(_)) {
                let extent = self.whole(extent);
                let inside = self.compare(Compare::Lt, at[axis], extent);
                there = self.builder.both(there, Some(inside));
            }
        }
        Some(self.row_of(&raster, at, there))
    }

    /// [`Kind::Between`](crate::types::typed::Kind::Between).
    pub(super) fn between_centres(&mut self, group: usize, point: &Typed, axis: u8) -> Option<ValueId> {
        let raster = self.raster(group)?;
        let x = *self.lanes(point).get(usize::from(axis))?;
        Some(self.below(&raster, point.ty.scalar, axis.into(), x).1)
    }

    /// The middle of a cell, `low + (x + 0.5) * (side / cells)` along each axis; of no cell 0.
    pub(super) fn centre(&mut self, group: usize, cell: &Typed) -> Vec<ValueId> {
        let (Some(raster), Some(&row)) = (self.raster(group), self.lanes(cell).first()) else { return Vec::new() };
        let own = self.builder.typed(row).op == Op::Row;
        let rows = self.whole(raster.extents.iter().product());
        let there = self.compare(Compare::Lt, row, rows);
        let at = self.coordinates(&raster, row);
        let scalar = Scalar::F32;
        let (half, zero) = (self.number(scalar, 0.5), self.number(scalar, 0.0));
        let lanes = (0..usize::from(raster.axes)).map(|axis| {
            let x = self.push(scalar, Op::Convert(at[axis]));
            let x = self.binary(scalar, Binary::Add, x, half);
            let (side, cells) = (self.side(scalar, axis), self.number(scalar, f64::from(raster.extents[axis])));
            let edge = self.binary(scalar, Binary::Div, side, cells);
            let way = self.binary(scalar, Binary::Mul, x, edge);
            let low = self.corner(scalar, self.space().lo[axis]);
            let x = self.binary(scalar, Binary::Add, low, way);
            if own { x } else { self.push(scalar, Op::Select(there, x, zero)) }
        });
        lanes.collect()
    }

    /// A loop over the cells around, turn by turn.
    pub(super) fn unrolled(&mut self, walk: &Walk, offsets: &[Offset], body: &[Step]) {
        let known: Vec<_> = self.locals.keys().copied().collect();
        self.open.push(walk.turn);
        let guarded = walk.filter.as_ref().map(|filter| [Step::If(filter.clone(), body.to_vec(), Vec::new())]);
        for (number, offset) in offsets.iter().enumerate() {
            self.shifts.insert(walk.turn, (number as u32, *offset));
            self.steps(guarded.as_ref().map_or(body, |guarded| guarded));
            self.locals.retain(|local, _| known.binary_search(local).is_ok());
        }
        self.shifts.remove(&walk.turn);
        self.open.pop();
    }

    /// The number of an unrolled loop's turn.
    pub(super) fn unrolled_turn(&mut self, turn: Turn) -> Option<ValueId> {
        let (number, _) = *self.shifts.get(&turn)?;
        Some(self.whole(number))
    }
}
