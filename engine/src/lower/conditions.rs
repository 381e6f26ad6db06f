//! Which rows may be among the nearest: the condition behind `where`, as values of a body of its own.

use diptych_protocol::body::{Binary, Op, Over};
use diptych_protocol::id::ValueId;
use diptych_protocol::limits::OFFERED_MAX;
use diptych_protocol::types::{Scalar, Value};

use crate::lower::expressions::Flattener;
use crate::types::typed::Walk;

impl Flattener<'_> {
    /// What the condition of a loop over the nearest gives: a bit for each row that is offered, and whether the own row
    /// asks. Nothing where all others count, or none.
    pub(super) fn condition(
        &mut self,
        walk: &Walk,
        over: &Over,
        question: Option<&Vec<ValueId>>,
    ) -> Option<[ValueId; 2]> {
        let Over::Nearest { index, from, .. } = over else { return None };
        let filter = walk.filter.as_ref()?;
        let known: Vec<_> = self.locals.keys().copied().collect();
        let offered = Over::Nearest { index: *index, count: OFFERED_MAX, from: from.clone(), among: None };
        let starts = [0, 1].map(|start| self.builder.constant(Value::U32(start))).to_vec();
        let it = self.builder.open(offered, question.cloned(), self.reached, starts);
        self.turns.insert(walk.turn, it);
        self.open.push(walk.turn);
        let (bits, bit) = (self.builder.carried(it, 0), self.builder.carried(it, 1));
        let filter = self.lanes(filter).first().copied().filter(|filter| self.builder.varies(*filter, it));
        let ends = match filter {
            Some(filter) => {
                let with = self.push(Scalar::U32, Op::Binary(Binary::Add, bits, bit));
                let double = self.push(Scalar::U32, Op::Binary(Binary::Add, bit, bit));
                [self.push(Scalar::U32, Op::Select(filter, with, bits)), double]
            }
            None => [bits, bit],
        };
        let results = self.builder.close(it, None, &ends);
        self.open.pop();
        self.locals.retain(|local, _| known.contains(local));
        filter?;
        let always = self.builder.constant(Value::Bool(true));
        Some([*results.first()?, self.reached.unwrap_or(always)])
    }
}
