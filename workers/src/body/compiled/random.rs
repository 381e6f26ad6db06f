//! Draws.

use diptych_protocol::body::Binary;
use diptych_protocol::types::Scalar;

use super::function::{Function, Parts};
use super::machine::{Address, Part};
use super::{calls, words};

impl Function<'_> {
    /// A draw for each lane, at a site, from a lane of its block.
    pub(super) fn draw(&mut self, scalar: Scalar, (site, lane): (u32, u8), entity: &Parts, turn: &Parts) -> Parts {
        if !self.m.draws() {
            return self.drawn(scalar, (site, lane), entity, turn);
        }
        let seed = Address::at(self.m.words(), words::SEED as i32 * 8);
        let tick = Address::at(self.m.words(), words::TICK as i32 * 8);
        let key = [seed, seed.behind(4)].map(|at| self.m.broadcast(Scalar::U32, at));
        let (tick, site) = (self.m.broadcast(Scalar::U32, tick), self.m.all(site));
        let mut all = Parts::new();
        for (entity, turn) in entity.iter().zip(turn) {
            let words = self.m.random([*entity, tick, site, *turn], key, lane != 0);
            match scalar {
                Scalar::F64 => all.extend(self.uniform_doubles(words)),
                _ => all.push(self.uniform_singles(words[0])),
            }
        }
        all
    }

    /// As [`diptych_protocol::random::uniform_f32`]: 24 bits, which a float holds.
    fn uniform_singles(&mut self, word: Part) -> Part {
        let bits = self.m.right(word, 8, false);
        let number = self.m.integer_to_float(false, bits);
        let unit = self.real(Scalar::F32, 1.0 / 16_777_216.0);
        self.m.binary(Binary::Mul, Scalar::F32, number, unit)
    }

    /// As [`diptych_protocol::random::uniform_f64`]: 53 bits, which a float holds, so that neither product nor sum rounds.
    fn uniform_doubles(&mut self, [low, high]: [Part; 2]) -> [Part; 2] {
        let top = self.m.right(high, 11, false);
        let (of_low, of_high) = (self.m.right(low, 11, false), self.m.left(high, 21));
        let rest = self.m.binary(Binary::Or, Scalar::U32, of_low, of_high);
        let (tops, rests) = (self.m.integer_to_double(false, top), self.m.integer_to_double(true, rest));
        let (above, unit) =
            (self.real(Scalar::F64, 4_294_967_296.0), self.real(Scalar::F64, 1.0 / 9_007_199_254_740_992.0));
        [0, 1].map(|half| {
            let top = self.m.binary(Binary::Mul, Scalar::F64, tops[half], above);
            let whole = self.m.binary(Binary::Add, Scalar::F64, top, rests[half]);
            self.m.binary(Binary::Mul, Scalar::F64, whole, unit)
        })
    }

    /// By a call.
    fn drawn(&mut self, scalar: Scalar, (site, lane): (u32, u8), entity: &Parts, turn: &Parts) -> Parts {
        let Some(address) = calls::draw(scalar) else { return self.wrong(scalar, "a draw of no float") };
        let (seed, tick) = (self.word(words::SEED), self.word(words::TICK));
        let place = self.m.number((u64::from(site) | u64::from(lane) << 32) as i64);
        self.call_on(address, &[(Scalar::U32, entity), (Scalar::U32, turn)], scalar, &[seed, tick, place])
    }
}
