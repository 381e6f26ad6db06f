//! Loops whose turns all lanes share: runs of places, one candidate a turn, broadcast.
//!
//! What is the same for a whole run, or a whole loop, is told apart outside: whether deltas are plain differences, and
//! whether the own row may be among a run. Each case has a copy of the turn, unless another loop stands in it.

use std::mem::{offset_of, size_of};

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I32, I32X4, I64};
use cranelift_codegen::ir::{InstBuilder, MemFlagsData};
use diptych_protocol::body::Op;
use diptych_protocol::id::{Id, LoopId};
use diptych_protocol::types::Scalar;

use super::function::{Function, Part, Parts};
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
        let (yes, no, after) = (self.b.create_block(), self.b.create_block(), self.b.create_block());
        self.b.ins().brif(condition, yes, &[], no, &[]);
        for (block, is) in [(yes, true), (no, false)] {
            self.b.switch_to_block(block);
            self.b.seal_block(block);
            case(self, is);
            self.b.ins().jump(after, &[]);
        }
        self.b.switch_to_block(after);
        self.b.seal_block(after);
    }

    /// Run by run.
    fn runs(&mut self, common: Common<'_>) {
        let first = self.plan.words.loops[common.it.index()];
        let (begin, end) = (self.word(first + words::RUNS), self.word(first + words::RUNS_END));
        let run = self.b.declare_var(I64);
        self.b.def_var(run, begin);
        let (head, one, done) = (self.b.create_block(), self.b.create_block(), self.b.create_block());
        self.b.ins().jump(head, &[]);
        self.b.switch_to_block(head);
        let at = self.b.use_var(run);
        let over = self.b.ins().icmp(IntCC::Equal, at, end);
        self.b.ins().brif(over, done, &[], one, &[]);
        self.b.switch_to_block(one);
        self.b.seal_block(one);
        let bounds = (self.wide(at, offset_of!(Run, start) as i32), self.wide(at, offset_of!(Run, end) as i32));
        let own = self.b.ins().uload8(I32, MemFlagsData::trusted(), at, offset_of!(Run, own) as i32);
        if self.nests(common.it) {
            self.run_of(common, bounds, Own::Ask(own));
        } else {
            self.either(own, |f, own| f.run_of(common, bounds, if own { Own::Perhaps } else { Own::No }));
        }
        let at = self.b.use_var(run);
        let next = self.b.ins().iadd_imm_s(at, size_of::<Run>() as i64);
        self.b.def_var(run, next);
        self.b.ins().jump(head, &[]);
        self.b.seal_block(head);
        self.b.switch_to_block(done);
        self.b.seal_block(done);
    }

    /// Place by place.
    fn run_of(&mut self, common: Common<'_>, (start, end): (Part, Part), own: Own) {
        let place = self.b.declare_var(I64);
        self.b.def_var(place, start);
        // The test stands before the turn, so that each new value of a sum has one use: only what is used once can be
        // joined with the load before it.
        let (head, turn, done) = (self.b.create_block(), self.b.create_block(), self.b.create_block());
        self.b.ins().jump(head, &[]);
        self.b.switch_to_block(head);
        let at = self.b.use_var(place);
        let more = self.b.ins().icmp(IntCC::UnsignedLessThan, at, end);
        self.b.ins().brif(more, turn, &[], done, &[]);
        self.b.switch_to_block(turn);
        self.b.seal_block(turn);
        let row = (common.asks || own != Own::No).then(|| self.row_of(common.rows, at));
        let present = match row {
            Some(row) if own != Own::No => self.others(common.present, row, own),
            _ => common.present.cloned(),
        };
        let columns = common.columns.to_vec();
        self.turn(common.it, Place::Shared { place: at, columns, row, straight: common.straight }, present);
        let next = self.b.ins().iadd_imm_s(at, 1);
        self.b.def_var(place, next);
        self.b.ins().jump(head, &[]);
        self.b.seal_block(head);
        self.b.switch_to_block(done);
        self.b.seal_block(done);
    }

    /// The row at a place.
    fn row_of(&mut self, rows: Part, place: Part) -> Part {
        let row = self.b.declare_var(I32);
        self.either(rows, |f, listed| {
            let found = if listed {
                let at = f.place_in(Scalar::U32, rows, place);
                f.b.ins().load(I32, MemFlagsData::new().with_notrap(), at, 0)
            } else {
                f.b.ins().ireduce(I32, place)
            };
            f.b.def_var(row, found);
        });
        self.b.use_var(row)
    }

    /// The lanes whose own row it is not.
    fn others(&mut self, present: Option<&Parts>, row: Part, own: Own) -> Option<Parts> {
        let row = self.splat(row);
        let rows = self.own_rows();
        let mut others = self.differs(&row, &rows);
        if let Own::Ask(own) = own {
            let none = self.b.ins().icmp_imm_s(IntCC::Equal, own, 0);
            let none = self.b.ins().uextend(I32, none);
            let none = self.b.ins().ineg(none);
            let none = self.b.ins().splat(I32X4, none);
            others = others.into_iter().map(|part| self.b.ins().bor(part, none)).collect();
        }
        self.both(Some(others), present.cloned())
    }
}
