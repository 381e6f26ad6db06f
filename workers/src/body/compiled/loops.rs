//! Loops: before the first turn and after the last; lists and counters. Turns that all lanes share have a module of
//! their own.

use diptych_protocol::body::{Binary, Compare, Over};
use diptych_protocol::id::{Id, LoopId};
use diptych_protocol::types::Scalar;

use super::function::{Function, Parts};
use super::machine::{If, Kind as Holds, Variable};
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
        let after = self.m.block();
        if let Some(mask) = &present {
            let turns = self.m.block();
            let any = self.any(mask);
            self.m.branch(If::Any(any), turns, after);
            self.enter(turns);
        }
        match (self.plan.kinds[it.index()], bounds) {
            (_, Some((first, end))) => self.count(it, first, &end, present.as_ref()),
            (Kind::Lists, _) => self.lists(it, present.as_ref()),
            _ => self.shared(it, present.as_ref()),
        }
        self.m.jump(after);
        self.enter(after);
        for place in 0..walked.carried.len() {
            self.results[it.index()][place] = self.carried(it, place);
        }
        self.leave();
    }

    /// Each lane has a list of its own: a turn takes the next of each, until none has one.
    fn lists(&mut self, it: LoopId, present: Option<&Parts>) {
        let first = self.plan.words.loops[it.index()];
        let (starts, rows) = (self.word(first + words::STARTS), self.word(first + words::LIST_ROWS));
        let columns = self.columns(it, first + words::LIST_COLUMNS);
        let last = self.word(first + words::LAST);
        let last = self.splat(last);
        let starts = self.m.address(starts, self.lane, Scalar::U32);
        let bounds = |f: &mut Self, offset: i32| -> Parts {
            let width = f.m.width() as i32;
            let parts = 0..f.plan.lanes as i32 / width;
            parts.map(|part| f.m.load(Scalar::U32, starts.behind(part * width * 4 + offset))).collect()
        };
        let (begin, end) = (bounds(self, 0), bounds(self, 4));
        self.until_none(present, begin, &end, Scalar::U32, |f, at, present| {
            let at = f.masked(Scalar::U32, present, at);
            let rows = f.gather(Scalar::U32, rows, &at);
            let places = f.pairs(Binary::Min, Scalar::U32, &rows, &last);
            f.turn(it, Place::Lists { places, columns: columns.clone(), rows }, Some(present.clone()));
        });
    }

    /// Each lane counts for itself.
    fn count(&mut self, it: LoopId, first: Parts, end: &Parts, present: Option<&Parts>) {
        self.until_none(present, first, end, Scalar::I32, |f, counter, present| {
            f.turn(it, Place::Count(counter.clone()), Some(present.clone()));
        });
    }

    /// Turns until no lane's number is below its end. The numbers of lanes that are done stay.
    fn until_none(
        &mut self,
        among: Option<&Parts>,
        first: Parts,
        end: &Parts,
        scalar: Scalar,
        turn: impl FnOnce(&mut Self, &Parts, &Parts),
    ) {
        let numbers: Vec<Variable> = first.iter().map(|_| self.m.variable(Holds::Vector(Scalar::I32))).collect();
        numbers.iter().zip(&first).for_each(|(number, first)| self.m.set(*number, *first));
        let (head, one, done) = (self.m.block(), self.m.block(), self.m.block());
        self.m.jump(head);
        self.m.switch(head);
        let now: Parts = numbers.iter().map(|number| self.m.read(*number)).collect();
        let present: Parts =
            now.iter().zip(end).map(|(now, end)| self.m.compare(Compare::Lt, scalar, *now, *end)).collect();
        let present = self.both(Some(present), among.cloned()).unwrap_or_default();
        let any = self.any(&present);
        self.m.branch(If::Any(any), one, done);
        self.enter(one);
        turn(self, &now, &present);
        for ((number, now), present) in numbers.iter().zip(&now).zip(&present) {
            let next = self.m.step(*now, *present, Binary::Add);
            self.m.set(*number, next);
        }
        self.m.jump(head);
        self.m.seal(head);
        self.enter(done);
    }
}
