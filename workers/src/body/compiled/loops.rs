//! Loops: before the first turn and after the last; lists and counters. Turns that all lanes share have a module of
//! their own.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I32, I32X4, I64};
use cranelift_codegen::ir::{InstBuilder, MemFlagsData};
use cranelift_frontend::Variable;
use diptych_protocol::body::Over;
use diptych_protocol::id::{Id, LoopId};
use diptych_protocol::types::Scalar;

use super::function::{Function, Part, Parts};
use super::turn::Place;
use super::words::{self, Kind};

impl Function<'_> {
    /// Emits a loop.
    pub(super) fn walk(&mut self, it: LoopId) {
        let body = self.body;
        let walked = &body.loops[it];
        let mask = walked.mask.map(|mask| self.value(mask));
        let present = self.both(mask, self.guard.clone());
        let bounds = match walked.over {
            Over::Count { first, end } => Some((self.value(first), self.value(end))),
            _ => None,
        };
        self.bring(it);
        self.start(it);
        let after = self.b.create_block();
        if let Some(mask) = &present {
            let turns = self.b.create_block();
            let any = self.any(mask);
            self.b.ins().brif(any, turns, &[], after, &[]);
            self.b.switch_to_block(turns);
            self.b.seal_block(turns);
        }
        match (self.plan.kinds[it.index()], bounds) {
            (_, Some((first, end))) => self.count(it, first, &end, present.as_ref()),
            (Kind::Lists, _) => self.lists(it, present.as_ref()),
            _ => self.shared(it, present.as_ref()),
        }
        self.b.ins().jump(after, &[]);
        self.b.switch_to_block(after);
        self.b.seal_block(after);
        for place in 0..walked.carried.len() {
            self.results[it.index()][place] = self.carried(it, place);
        }
    }

    /// Each lane has a list of its own: a turn takes the next of each, until none has one.
    fn lists(&mut self, it: LoopId, present: Option<&Parts>) {
        let first = self.plan.words.loops[it.index()];
        let (starts, rows) = (self.word(first + words::STARTS), self.word(first + words::LIST_ROWS));
        let columns = self.columns(it, first + words::LIST_COLUMNS);
        let last = self.word(first + words::LAST);
        let last = self.b.ins().ireduce(I32, last);
        let last = self.splat(last);
        let starts = self.place_in(Scalar::U32, starts, self.lane);
        let bounds = |f: &mut Self, offset: i32| -> Parts {
            let parts = 0..f.plan.lanes as i32 / 4;
            let load = |part| f.b.ins().load(I32X4, MemFlagsData::new().with_notrap(), starts, part * 16 + offset);
            parts.map(load).collect()
        };
        let (begin, end) = (bounds(self, 0), bounds(self, 4));
        self.until_none(present, begin, &end, IntCC::UnsignedLessThan, |f, at, present| {
            let at = f.masked(Scalar::U32, present, at);
            let at = f.places(&at);
            let rows = f.gather(Scalar::U32, rows, &at);
            let clamped: Parts = rows.iter().zip(&last).map(|(row, last)| f.b.ins().umin(*row, *last)).collect();
            let places = f.places(&clamped);
            f.turn(it, Place::Lists { places, columns: columns.clone(), rows }, Some(present.clone()));
        });
    }

    /// Each lane counts for itself.
    fn count(&mut self, it: LoopId, first: Parts, end: &Parts, present: Option<&Parts>) {
        self.until_none(present, first, end, IntCC::SignedLessThan, |f, counter, present| {
            f.turn(it, Place::Count(counter.clone()), Some(present.clone()));
        });
    }

    /// Turns until no lane's number is below its end. The numbers of lanes that are done stay.
    fn until_none(
        &mut self,
        among: Option<&Parts>,
        first: Parts,
        end: &Parts,
        below: IntCC,
        turn: impl FnOnce(&mut Self, &Parts, &Parts),
    ) {
        let numbers: Vec<Variable> = first.iter().map(|_| self.b.declare_var(I32X4)).collect();
        numbers.iter().zip(&first).for_each(|(number, first)| self.b.def_var(*number, *first));
        let (head, one, done) = (self.b.create_block(), self.b.create_block(), self.b.create_block());
        self.b.ins().jump(head, &[]);
        self.b.switch_to_block(head);
        let now: Parts = numbers.iter().map(|number| self.b.use_var(*number)).collect();
        let present: Parts = now.iter().zip(end).map(|(now, end)| self.b.ins().icmp(below, *now, *end)).collect();
        let present = self.both(Some(present), among.cloned()).unwrap_or_default();
        let any = self.any(&present);
        self.b.ins().brif(any, one, &[], done, &[]);
        self.b.switch_to_block(one);
        self.b.seal_block(one);
        turn(self, &now, &present);
        for ((number, now), present) in numbers.iter().zip(&now).zip(&present) {
            // A mask is -1.
            let next = self.b.ins().isub(*now, *present);
            self.b.def_var(*number, next);
        }
        self.b.ins().jump(head, &[]);
        self.b.seal_block(head);
        self.b.switch_to_block(done);
        self.b.seal_block(done);
    }

    /// An unsigned 32-bit number at an address, as wide as addresses are.
    pub(super) fn wide(&mut self, at: Part, offset: i32) -> Part {
        let number = self.b.ins().load(I32, MemFlagsData::new().with_notrap(), at, offset);
        self.b.ins().uextend(I64, number)
    }
}
