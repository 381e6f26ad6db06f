//! Columns: lanes loaded and stored, one value for all lanes, a value a lane from anywhere.

use cranelift_codegen::ir::types::{F32, F64, I8X16, I16X8, I32, I32X4, I64, I64X2};
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Type};
use diptych_protocol::id::ColumnId;
use diptych_protocol::program::When;
use diptych_protocol::types::Scalar;

use super::arithmetic::signed;
use super::function::{Function, Part, Parts, vector};
use super::words::FAR;

/// Columns begin anywhere.
const ANYWHERE: MemFlagsData = MemFlagsData::new().with_notrap();

impl Function<'_> {
    /// Where the lanes of a column begin.
    fn lanes_of(&mut self, scalar: Scalar, word: usize) -> Part {
        let base = self.word(word);
        self.place_in(scalar, base, self.lane)
    }

    /// Where a value of a column stands.
    pub(super) fn place_in(&mut self, scalar: Scalar, base: Part, place: Part) -> Part {
        let scaled = match scalar.size() {
            1 => place,
            size => self.b.ins().ishl_imm_u(place, i64::from(size.trailing_zeros())),
        };
        self.b.ins().iadd(base, scaled)
    }

    /// The lanes of a column that is told a value a lane.
    pub(super) fn get(&mut self, scalar: Scalar, word: usize) -> Parts {
        let at = self.lanes_of(scalar, word);
        (0..self.parts(scalar)).map(|part| self.get_part(scalar, at, part as i32)).collect()
    }

    /// Four lanes, or two, at an address.
    fn get_part(&mut self, scalar: Scalar, at: Part, part: i32) -> Part {
        match scalar.size() {
            4 | 8 => self.b.ins().load(vector(scalar), ANYWHERE, at, part * 16),
            2 => {
                let lanes = self.b.ins().load(I64, ANYWHERE, at, part * 8);
                let lanes = self.b.ins().scalar_to_vector(I64X2, lanes);
                let lanes = self.cast(I16X8, lanes);
                if signed(scalar) { self.b.ins().swiden_low(lanes) } else { self.b.ins().uwiden_low(lanes) }
            }
            _ => {
                let lanes = self.b.ins().load(I32, ANYWHERE, at, part * 4);
                let lanes = self.b.ins().scalar_to_vector(I32X4, lanes);
                let lanes = self.cast(I8X16, lanes);
                if signed(scalar) {
                    let lanes = self.b.ins().swiden_low(lanes);
                    return self.b.ins().swiden_low(lanes);
                }
                let lanes = self.b.ins().uwiden_low(lanes);
                let lanes = self.b.ins().uwiden_low(lanes);
                if scalar == Scalar::Bool { self.b.ins().ineg(lanes) } else { lanes }
            }
        }
    }

    /// Stores the lanes of a column.
    pub(super) fn put(&mut self, scalar: Scalar, word: usize, parts: &[Part]) {
        let at = self.lanes_of(scalar, word);
        for (place, part) in parts.iter().enumerate() {
            let place = place as i32;
            match scalar.size() {
                4 | 8 => {
                    self.b.ins().store(ANYWHERE, *part, at, place * 16);
                }
                2 => {
                    let lanes = self.halve(scalar, *part);
                    let lanes = self.cast(I64X2, lanes);
                    let lanes = self.b.ins().extractlane(lanes, 0);
                    self.b.ins().store(ANYWHERE, lanes, at, place * 8);
                }
                _ => {
                    let lanes = self.halve(scalar, *part);
                    let lanes = if signed(scalar) {
                        self.b.ins().snarrow(lanes, lanes)
                    } else {
                        self.b.ins().unarrow(lanes, lanes)
                    };
                    let lanes = self.cast(I32X4, lanes);
                    let lanes = self.b.ins().extractlane(lanes, 0);
                    self.b.ins().store(ANYWHERE, lanes, at, place * 4);
                }
            }
        }
    }

    /// Lanes of 16 bits; they fit.
    fn halve(&mut self, scalar: Scalar, part: Part) -> Part {
        match scalar {
            Scalar::U16 => self.b.ins().unarrow(part, part),
            Scalar::Bool => {
                let one = self.all(1);
                let part = self.b.ins().band(part, one);
                self.b.ins().snarrow(part, part)
            }
            _ => self.b.ins().snarrow(part, part),
        }
    }

    /// One value at an address, as a scalar of the machine: an integer is extended, a `bool` is a mask.
    pub(super) fn one(&mut self, scalar: Scalar, at: Part, offset: i32) -> Part {
        match scalar {
            Scalar::F32 => self.b.ins().load(F32, ANYWHERE, at, offset),
            Scalar::F64 => self.b.ins().load(F64, ANYWHERE, at, offset),
            Scalar::I32 | Scalar::U32 => self.b.ins().load(I32, ANYWHERE, at, offset),
            Scalar::I8 => self.b.ins().sload8(I32, ANYWHERE, at, offset),
            Scalar::U8 => self.b.ins().uload8(I32, ANYWHERE, at, offset),
            Scalar::I16 => self.b.ins().sload16(I32, ANYWHERE, at, offset),
            Scalar::U16 => self.b.ins().uload16(I32, ANYWHERE, at, offset),
            Scalar::Bool => {
                let bit = self.b.ins().uload8(I32, ANYWHERE, at, offset);
                self.b.ins().ineg(bit)
            }
        }
    }

    /// One value at an address, in all lanes.
    pub(super) fn broadcast(&mut self, scalar: Scalar, at: Part, offset: i32) -> Parts {
        let one = self.one(scalar, at, offset);
        let part = self.b.ins().splat(vector(scalar), one);
        vec![part; self.parts(scalar)]
    }

    /// A value a lane from a column, at places of its own, which the column has.
    pub(super) fn gather(&mut self, scalar: Scalar, base: Part, places: &[Part]) -> Parts {
        let ty: Type = vector(scalar);
        let mut parts = Parts::new();
        for places in places.chunks(ty.lane_count() as usize) {
            let mut part = None;
            for (lane, place) in places.iter().enumerate() {
                let at = self.place_in(scalar, base, *place);
                let one = self.one(scalar, at, 0);
                part = Some(match part {
                    None => self.b.ins().scalar_to_vector(ty, one),
                    Some(part) => self.b.ins().insertlane(part, one, lane as u8),
                });
            }
            parts.extend(part);
        }
        parts
    }

    /// Each lane as a place in memory.
    pub(super) fn places(&mut self, lanes: &[Part]) -> Parts {
        let mut places = Parts::new();
        for part in lanes {
            for lane in 0..4u8 {
                let place = self.b.ins().extractlane(*part, lane);
                places.push(self.b.ins().uextend(I64, place));
            }
        }
        places
    }

    /// The value at a row of a whole column, 0 where it has no such row.
    pub(super) fn far(&mut self, scalar: Scalar, column: ColumnId, when: When, row: &[Part]) -> Parts {
        let Some(slot) = self.plan.slots.far(column, when) else {
            return self.wrong(scalar, "a column without a slot");
        };
        let word = self.plan.words.far + slot * FAR;
        let (base, len) = (self.word(word), self.word(word + 1));
        let len = self.b.ins().ireduce(I32, len);
        let len = self.splat(len);
        let has: Parts = row
            .iter()
            .zip(&len)
            .map(|(row, len)| self.b.ins().icmp(cranelift_codegen::ir::condcodes::IntCC::UnsignedLessThan, *row, *len))
            .collect();
        let safe = self.masked(Scalar::U32, &has, row);
        let places = self.places(&safe);
        let values = self.gather(scalar, base, &places);
        self.masked(scalar, &has, &values)
    }
}
