//! Loops whose turns all lanes share: runs of places, one candidate a turn, broadcast.
//!
//! What is the same for a whole run, or a whole loop, is told apart outside: whether deltas are plain differences, and
//! whether the own row may be among a run. Each case has a copy of the turn, unless another loop stands in it.

use std::mem::offset_of;

use diptych_protocol::body::{Binary, Compare, Op};
use diptych_protocol::id::{Id, LoopId};
use diptych_protocol::types::Scalar;

use super::function::{Function, Parts};
use super::machine::{Address, If, Kind, Part};
use super::turn::Place;
use super::words;
use crate::body::block::Run;

/// Whether a turn may be about the own row.
#[derive(Clone, Copy, PartialEq)]
enum Own {
    No,
    Perhaps,
    /// As this number says: perhaps if it is not 0.
    Ask(Part),
}

/// What the turns of a loop have in common.
#[derive(Clone, Copy)]
struct Common<'a> {
    it: LoopId,
    present: Option<&'a Parts>,
    columns: &'a [Option<Part>],
    /// Where the rows of the places stand, or 0.
    rows: Part,
    /// Whether the turns ask for them.
    asks: bool,
    straight: bool,
}

impl Function<'_> {
    /// Emits the loop.
    pub(super) fn shared(&mut self, it: LoopId, present: Option<&Parts>) {
        let first = self.plan.words.loops[it.index()];
        let columns = self.columns(it, first + words::SHARED_COLUMNS);
        let rows = self.word(first + words::PLACE_ROWS);
        let asks = self.body.loops[it].body().any(|at| self.plan.needed[at] && self.op(at) == Op::Other(it));
        let around = self.goes_around(it);
        let common = Common { it, present, columns: &columns, rows, asks, straight: !around };
        if !around || self.nests(it) {
            return self.runs(common);
        }
        let straight = self.word(first + words::STRAIGHT);
        self.either(straight, |f, straight| f.runs(Common { straight, ..common }));
    }

    /// Both cases of a condition, one after the other.
    fn either(&mut self, condition: Part, mut case: impl FnMut(&mut Self, bool)) {
        let (yes, no, after) = (self.m.block(), self.m.block(), self.m.block());
        self.m.branch(If::NotZero(condition), yes, no);
        for (block, is) in [(yes, true), (no, false)] {
            self.enter(block);
            case(self, is);
            self.m.jump(after);
        }
        self.enter(after);
    }

    /// Run by run.
    fn runs(&mut self, common: Common<'_>) {
        let first = self.plan.words.loops[common.it.index()];
        let runs = self.word(first + words::RUNS);
        let scaled = match words::runs_stride(self.plan.lanes) / self.plan.lanes {
            4 => Scalar::U32,
            2 => Scalar::U16,
            _ => Scalar::U8,
        };
        let runs = self.m.address(runs, self.lane, scaled);
        let (begin, end) = (self.m.load_number(8, runs), self.m.load_number(8, runs.behind(8)));
        let run = self.m.variable(Kind::Number);
        self.m.set(run, begin);
        let (head, one, done) = (self.m.block(), self.m.block(), self.m.block());
        self.m.jump(head);
        self.m.switch(head);
        let at = self.m.read(run);
        self.m.branch(If::Equal(at, end), done, one);
        self.enter(one);
        let start = self.m.load_number(4, Address::at(at, offset_of!(Run, start) as i32));
        let stop = self.m.load_number(4, Address::at(at, offset_of!(Run, end) as i32));
        let own = self.m.load_number(1, Address::at(at, offset_of!(Run, own) as i32));
        if self.nests(common.it) {
            self.run_of(common, (start, stop), Own::Ask(own));
        } else {
            self.either(own, |f, own| f.run_of(common, (start, stop), if own { Own::Perhaps } else { Own::No }));
        }
        let at = self.m.read(run);
        let next = self.m.plus(at, size_of::<Run>() as i64);
        self.m.set(run, next);
        self.m.jump(head);
        self.m.seal(head);
        self.enter(done);
    }

    /// Place by place.
    fn run_of(&mut self, common: Common<'_>, (start, end): (Part, Part), own: Own) {
        let place = self.m.variable(Kind::Number);
        self.m.set(place, start);
        // The test stands before the turn, so that each new value of a sum has one use: only what is used once can be
        // joined with the load before it.
        let (head, turn, done) = (self.m.block(), self.m.block(), self.m.block());
        self.m.jump(head);
        self.m.switch(head);
        let at = self.m.read(place);
        self.m.branch(If::Below(at, end), turn, done);
        self.enter(turn);
        let row = (common.asks || own != Own::No).then(|| self.row_of(common.rows, at));
        let present = match row {
            Some(row) if own != Own::No => self.others(common.present, row, own),
            _ => common.present.cloned(),
        };
        let columns = common.columns.to_vec();
        self.turn(common.it, Place::Shared { place: at, columns, row, straight: common.straight }, present);
        let next = self.m.plus(at, 1);
        self.m.set(place, next);
        self.m.jump(head);
        self.m.seal(head);
        self.enter(done);
    }

    /// The row at a place.
    fn row_of(&mut self, rows: Part, place: Part) -> Part {
        let row = self.m.variable(Kind::Number);
        self.either(rows, |f, listed| {
            let found = if listed {
                let at = f.m.address(rows, place, Scalar::U32);
                f.m.load_number(4, at)
            } else {
                place
            };
            f.m.set(row, found);
        });
        self.m.read(row)
    }

    /// The lanes whose own row it is not.
    fn others(&mut self, present: Option<&Parts>, row: Part, own: Own) -> Option<Parts> {
        let row = self.splat(row);
        let rows = self.own_rows();
        let mut others = self.compare(Compare::Ne, Scalar::U32, &row, &rows);
        if let Own::Ask(own) = own {
            let (own, zero) = (self.m.splat(own), self.m.all(0));
            let none = self.m.compare(Compare::Eq, Scalar::U32, own, zero);
            others = others.into_iter().map(|part| self.m.binary(Binary::Or, Scalar::Bool, part, none)).collect();
        }
        self.both(Some(others), present.cloned())
    }
}
