//! Loads and stores.

use cranelift_codegen::ir::types::{F32, F64, I8X16, I16X8, I32, I32X4, I64, I64X2};
use cranelift_codegen::ir::{self, InstBuilder};
use diptych_protocol::types::Scalar;

use super::super::arithmetic::signed;
use super::super::machine::{Address, Part};
use super::{ANYWHERE, Cranelift, OURS, part, value, vector};

impl Cranelift<'_> {
    /// Where a value of a column stands.
    pub fn place_in(&mut self, scalar: Scalar, base: ir::Value, place: ir::Value) -> ir::Value {
        let scaled = match scalar.size() {
            1 => place,
            size => self.b.ins().ishl_imm_u(place, i64::from(size.trailing_zeros())),
        };
        self.b.ins().iadd(base, scaled)
    }

    pub fn number_at(&mut self, bytes: u8, at: Address) -> Part {
        let base = value(at.base);
        let narrow = match bytes {
            8 => return part(self.b.ins().load(I64, OURS, base, at.offset)),
            1 => self.b.ins().uload8(I32, OURS, base, at.offset),
            _ => self.b.ins().load(I32, ANYWHERE, base, at.offset),
        };
        part(self.b.ins().uextend(I64, narrow))
    }

    /// Four lanes, or two, at an address.
    pub fn lanes_at(&mut self, scalar: Scalar, at: Address) -> ir::Value {
        let (base, offset) = (value(at.base), at.offset);
        match scalar.size() {
            // As another type, then cast: Cranelift makes a load a part of the comparison of floats that uses it, also
            // without AVX, where such an operand must be aligned. Columns of moved cells are not.
            4 | 8 => {
                let lanes = self.b.ins().load(I64X2, ANYWHERE, base, offset);
                self.cast(vector(scalar), lanes)
            }
            2 => {
                let lanes = self.b.ins().load(I64, ANYWHERE, base, offset);
                let lanes = self.b.ins().scalar_to_vector(I64X2, lanes);
                let lanes = self.cast(I16X8, lanes);
                if signed(scalar) { self.b.ins().swiden_low(lanes) } else { self.b.ins().uwiden_low(lanes) }
            }
            _ => {
                let lanes = self.b.ins().load(I32, ANYWHERE, base, offset);
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

    /// Stores lanes.
    pub fn lanes_to(&mut self, scalar: Scalar, at: Address, lanes: ir::Value) {
        let (base, offset) = (value(at.base), at.offset);
        match scalar.size() {
            4 | 8 => {
                self.b.ins().store(ANYWHERE, lanes, base, offset);
            }
            2 => {
                let lanes = self.halve(scalar, lanes);
                let lanes = self.cast(I64X2, lanes);
                let lanes = self.b.ins().extractlane(lanes, 0);
                self.b.ins().store(ANYWHERE, lanes, base, offset);
            }
            _ => {
                let lanes = self.halve(scalar, lanes);
                let lanes = if signed(scalar) {
                    self.b.ins().snarrow(lanes, lanes)
                } else {
                    self.b.ins().unarrow(lanes, lanes)
                };
                let lanes = self.cast(I32X4, lanes);
                let lanes = self.b.ins().extractlane(lanes, 0);
                self.b.ins().store(ANYWHERE, lanes, base, offset);
            }
        }
    }

    /// Lanes of 16 bits; they fit.
    fn halve(&mut self, scalar: Scalar, lanes: ir::Value) -> ir::Value {
        let lanes = self.cast(I32X4, lanes);
        match scalar {
            Scalar::U16 => self.b.ins().unarrow(lanes, lanes),
            Scalar::Bool => {
                let one = self.bytes(I32X4, 1u32.to_le_bytes().repeat(4));
                let lanes = self.b.ins().band(lanes, one);
                self.b.ins().snarrow(lanes, lanes)
            }
            _ => self.b.ins().snarrow(lanes, lanes),
        }
    }

    /// One value at an address, as a scalar of the machine: an integer is extended, a `bool` is a mask.
    pub fn one(&mut self, scalar: Scalar, at: ir::Value, offset: i32) -> ir::Value {
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

    /// A value a lane, at places of its own.
    pub fn values_at(&mut self, scalar: Scalar, base: ir::Value, places: Part) -> Vec<Part> {
        let places = self.places_of(places);
        let ty = vector(scalar);
        let mut parts = Vec::new();
        for places in places.chunks(ty.lane_count() as usize) {
            let mut lanes = None;
            for (lane, place) in places.iter().enumerate() {
                let at = self.place_in(scalar, base, *place);
                let one = self.one(scalar, at, 0);
                lanes = Some(match lanes {
                    None => self.b.ins().scalar_to_vector(ty, one),
                    Some(lanes) => self.b.ins().insertlane(lanes, one, lane as u8),
                });
            }
            parts.extend(lanes.map(part));
        }
        parts
    }

    /// Each lane as a place in memory.
    fn places_of(&mut self, lanes: Part) -> [ir::Value; 4] {
        if let Some(places) = self.places.get(&lanes) {
            return *places;
        }
        let vector = self.typed(Scalar::U32, lanes);
        let places = std::array::from_fn(|lane| {
            let place = self.b.ins().extractlane(vector, lane as u8);
            self.b.ins().uextend(I64, place)
        });
        self.places.insert(lanes, places);
        places
    }
}
