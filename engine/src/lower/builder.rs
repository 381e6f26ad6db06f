//! Builds a [`Body`]: every operation goes to the outermost loop body that has its operands, equal ones become one,
//! those of constants are computed, and what nothing needs is left out. None of it changes a bit: operations have no
//! effects and cannot fail, and constants are computed by the same reference as everything else.

use std::collections::HashMap;

use diptych_protocol::body::{Ask, At, Binary, Body, Carried, Loop, Op, Over, Store, Typed, Update};
use diptych_protocol::eval;
use diptych_protocol::id::{BodyId, Id, LoopId, ValueId};
use diptych_protocol::table::Table;
use diptych_protocol::types::{Scalar, Value};

/// Builds one body. The ids that it gives out are its own; [`Builder::finish`] numbers anew.
#[derive(Default)]
pub struct Builder {
    nodes: Vec<Node>,
    scopes: Vec<Scope>,
    loops: Vec<Draft>,
    stores: Vec<Store>,
    results: Vec<ValueId>,
}

#[derive(Clone, Copy)]
struct Node {
    typed: Typed,
    /// Which loop body it stands in; none outside.
    home: Option<LoopId>,
}

/// An open loop body, or what is outside of all.
#[derive(Default)]
struct Scope {
    home: Option<LoopId>,
    items: Vec<ValueId>,
    known: HashMap<Vec<u8>, ValueId>,
}

/// A loop in the making.
struct Draft {
    over: Over,
    /// The point and the radius, where they are its own.
    question: Option<Vec<ValueId>>,
    /// What its condition gives, if it has one.
    among: Option<[ValueId; 2]>,
    mask: Option<ValueId>,
    at: ValueId,
    parent: Option<LoopId>,
    active: Option<ValueId>,
    starts: Vec<ValueId>,
    updates: Vec<Update>,
    asks: Vec<Ask>,
    items: Vec<ValueId>,
}

impl Builder {
    /// Nothing built yet.
    pub fn new() -> Self {
        Self { scopes: vec![Scope::default()], ..Self::default() }
    }

    /// The operation behind a value.
    pub fn typed(&self, value: ValueId) -> Typed {
        self.nodes[value.index()].typed
    }

    /// The type of a value.
    pub fn scalar(&self, value: ValueId) -> Scalar {
        self.typed(value).scalar
    }

    /// The value, if it is a constant.
    pub fn known(&self, value: ValueId) -> Option<Value> {
        match self.typed(value).op {
            Op::Const(value) => Some(value),
            _ => None,
        }
    }

    /// An operation: a new one, an equal one from before, or what it amounts to.
    pub fn push(&mut self, scalar: Scalar, op: Op) -> ValueId {
        if let Some(value) = self.simpler(scalar, op) {
            return value;
        }
        // One choice within another, with the same rest: one choice.
        if let Op::Select(outer, chosen, rest) = op
            && let Op::Select(inner, value, same) = self.typed(chosen).op
            && same == rest
        {
            let condition = self.push(Scalar::Bool, Op::Binary(Binary::And, outer, inner));
            return self.push(scalar, Op::Select(condition, value, rest));
        }
        let op = match self.folded(scalar, op) {
            Some(value) => Op::Const(value),
            None => op,
        };
        let home = self.home_of(op);
        let key = postcard::to_allocvec(&Typed { scalar, op }).unwrap_or_default();
        let at = self.scopes.iter().position(|scope| scope.home == home).unwrap_or(self.scopes.len() - 1);
        if let Some(&known) = self.scopes[at].known.get(&key) {
            return known;
        }
        let id = self.place(at, Typed { scalar, op });
        self.scopes[at].known.insert(key, id);
        id
    }

    /// A constant.
    pub fn constant(&mut self, value: Value) -> ValueId {
        self.push(value.scalar(), Op::Const(value))
    }

    /// Both conditions, where one may be left out because it is always true.
    pub fn both(&mut self, a: Option<ValueId>, b: Option<ValueId>) -> Option<ValueId> {
        match (a, b) {
            (Some(a), Some(b)) => Some(self.push(Scalar::Bool, Op::Binary(Binary::And, a, b))),
            (one, other) => one.or(other),
        }
    }

    fn place(&mut self, at: usize, typed: Typed) -> ValueId {
        let id = ValueId::new(self.nodes.len() as u32);
        let scope = &mut self.scopes[at];
        self.nodes.push(Node { typed, home: scope.home });
        scope.items.push(id);
        id
    }

    /// How deep a loop body is: 0 outside of all.
    fn depth(&self, home: Option<LoopId>) -> usize {
        self.scopes.iter().position(|scope| scope.home == home).unwrap_or(0)
    }

    /// The innermost loop whose turn an operation depends on.
    fn home_of(&self, op: Op) -> Option<LoopId> {
        let own = match op {
            Op::Carried(it, _) | Op::Other(it) | Op::Delta(it, _) | Op::Read { at: At::Other(it), .. } => Some(it),
            Op::Result(it, _) => self.loops[it.index()].parent,
            _ => None,
        };
        let homes = op.operands().map(|value| self.nodes[value.index()].home).chain([own]);
        homes.max_by_key(|home| self.depth(*home)).flatten()
    }

    fn folded(&self, scalar: Scalar, op: Op) -> Option<Value> {
        if matches!(op, Op::Const(_) | Op::Row | Op::Draw { .. }) {
            return None;
        }
        eval::op(op, scalar, |value| self.known(value), eval::Here::default())
    }

    /// A value that the operation is, bit for bit.
    fn simpler(&self, scalar: Scalar, op: Op) -> Option<ValueId> {
        let is = |value: ValueId, number: f64| {
            self.known(value).is_some_and(|known| {
                known.as_f64() == number && known.as_f64().is_sign_positive() == number.is_sign_positive()
            })
        };
        match op {
            Op::Select(_, a, b) if a == b => Some(a),
            Op::Select(c, a, b) => match self.known(c) {
                Some(Value::Bool(true)) => Some(a),
                Some(Value::Bool(false)) => Some(b),
                // Whether it is so is the condition itself.
                _ => {
                    (self.known(a) == Some(Value::Bool(true)) && self.known(b) == Some(Value::Bool(false))).then_some(c)
                }
            },
            Op::Convert(a) if self.scalar(a) == scalar => Some(a),
            Op::Binary(Binary::Mul, a, b) if is(b, 1.0) => Some(a),
            Op::Binary(Binary::Mul, a, b) if is(a, 1.0) => Some(b),
            Op::Binary(Binary::Div, a, b) if is(b, 1.0) => Some(a),
            Op::Binary(Binary::Sub, a, b) if is(b, 0.0) => Some(a),
            Op::Binary(Binary::Add, a, b) if is(b, if scalar.is_float() { -0.0 } else { 0.0 }) => Some(a),
            Op::Binary(Binary::Add, a, b) if is(a, if scalar.is_float() { -0.0 } else { 0.0 }) => Some(b),
            Op::Binary(Binary::And, a, b) if scalar == Scalar::Bool => match (self.known(a), self.known(b)) {
                _ if a == b => Some(a),
                (Some(Value::Bool(true)), _) => Some(b),
                (_, Some(Value::Bool(true))) => Some(a),
                (Some(Value::Bool(false)), _) => Some(a),
                (_, Some(Value::Bool(false))) => Some(b),
                _ => None,
            },
            Op::Binary(Binary::Or, a, b) if scalar == Scalar::Bool => match (self.known(a), self.known(b)) {
                _ if a == b => Some(a),
                (Some(Value::Bool(false)), _) => Some(b),
                (_, Some(Value::Bool(false))) => Some(a),
                (Some(Value::Bool(true)), _) => Some(a),
                (_, Some(Value::Bool(true))) => Some(b),
                _ => None,
            },
            _ => None,
        }
    }

    /// Opens a loop that carries these values: what follows is its body, until it is closed.
    pub fn open(
        &mut self,
        over: Over,
        question: Option<Vec<ValueId>>,
        mask: Option<ValueId>,
        starts: Vec<ValueId>,
    ) -> LoopId {
        let it = LoopId::new(self.loops.len() as u32);
        let parent = self.scopes.last().and_then(|scope| scope.home);
        // It takes its place when it is closed: behind what its body turns out to need from before it.
        let at = ValueId::new(self.nodes.len() as u32);
        self.nodes.push(Node { typed: Typed { scalar: Scalar::Bool, op: Op::Loop(it) }, home: parent });
        self.loops.push(Draft {
            over,
            question,
            among: None,
            mask,
            at,
            parent,
            active: None,
            starts,
            updates: Vec::new(),
            asks: Vec::new(),
            items: Vec::new(),
        });
        self.scopes.push(Scope { home: Some(it), ..Scope::default() });
        it
    }

    /// Gives a loop over the nearest a condition, of what was made before it.
    pub fn among(&mut self, it: LoopId, condition: [ValueId; 2]) {
        self.loops[it.index()].among = Some(condition);
    }

    /// Whether a value is another one in each turn of a loop.
    pub fn varies(&self, value: ValueId, it: LoopId) -> bool {
        self.nodes[value.index()].home == Some(it)
    }

    /// Whether a value stands outside of all loops.
    pub fn is_outside(&self, value: ValueId) -> bool {
        self.nodes[value.index()].home.is_none()
    }

    /// What a loop goes over.
    pub fn over(&self, it: LoopId) -> &Over {
        &self.loops[it.index()].over
    }

    /// Whether a loop goes over a range.
    pub fn counts(&self, it: LoopId) -> bool {
        matches!(self.loops[it.index()].over, Over::Count { .. })
    }

    /// A carried value, in the body.
    pub fn carried(&mut self, it: LoopId, place: usize) -> ValueId {
        let scalar = self.scalar(self.loops[it.index()].starts[place]);
        self.push(scalar, Op::Carried(it, place as u16))
    }

    /// Lets the turns of the innermost open loop ask for something; nothing where none is open.
    pub fn ask(&mut self, ask: Ask) {
        let home = self.scopes.last().and_then(|scope| scope.home);
        home.into_iter().for_each(|it| self.loops[it.index()].asks.push(ask.clone()));
    }

    /// Gives what turns ask for by this number one more value, which is the same in each turn.
    pub fn ask_also(&mut self, number: u16, value: ValueId) {
        let asks = self.loops.iter_mut().flat_map(|it| &mut it.asks);
        asks.filter(|ask| ask.number == number).for_each(|ask| ask.values.push(value));
    }

    /// Closes the loop: when a turn counts, and what it makes of the carried values. Gives them as they are after it.
    pub fn close(&mut self, it: LoopId, active: Option<ValueId>, ends: &[ValueId]) -> Vec<ValueId> {
        let items = self.scopes.pop().map(|scope| scope.items).unwrap_or_default();
        let at = self.loops[it.index()].at;
        if let Some(scope) = self.scopes.last_mut() {
            scope.items.push(at);
        }
        let asks = self.loops[it.index()].asks.iter().flat_map(|ask| ask.values.iter().chain([&ask.when]));
        let uses = self.uses(active.iter().chain(ends).chain(asks));
        let active = active.filter(|value| self.known(*value) != Some(Value::Bool(true)));
        let updates: Vec<Update> = (0..ends.len()).map(|place| self.update(it, place, ends[place], &uses)).collect();
        let draft = &mut self.loops[it.index()];
        draft.active = active;
        draft.items = items;
        draft.updates = updates;
        let starts = draft.starts.clone();
        (starts.iter().zip(ends).enumerate())
            .map(|(place, (start, end))| {
                // What no turn changes is what it was.
                let same = matches!(self.typed(*end).op, Op::Carried(of, at) if of == it && usize::from(at) == place);
                if same { *start } else { self.push(self.scalar(*start), Op::Result(it, place as u16)) }
            })
            .collect()
    }

    /// How often values are used on the way to these.
    fn uses<'v>(&self, roots: impl Iterator<Item = &'v ValueId>) -> HashMap<ValueId, u32> {
        let mut uses = HashMap::<ValueId, u32>::new();
        let mut open: Vec<ValueId> = roots.copied().collect();
        while let Some(value) = open.pop() {
            let count = uses.entry(value).or_default();
            *count += 1;
            if *count > 1 {
                continue;
            }
            let op = self.typed(value).op;
            open.extend(op.operands());
            if let Op::Result(inner, _) = op {
                open.extend(self.loops[inner.index()].needs());
            }
        }
        uses
    }

    /// A sum is a form of its own, if nothing else in the turn looks at it.
    fn update(&self, it: LoopId, place: usize, end: ValueId, uses: &HashMap<ValueId, u32>) -> Update {
        let is_carried = |value: ValueId| matches!(self.typed(value).op, Op::Carried(of, at) if of == it && usize::from(at) == place);
        let once = |value: ValueId| uses.get(&value).copied().unwrap_or(0) <= 1;
        let (when, sum) = match self.typed(end).op {
            Op::Select(when, sum, old) if is_carried(old) && once(end) => (Some(when), sum),
            _ => (None, end),
        };
        // The carried value is looked at by the sum, and by the selection.
        let looks = 1 + u32::from(when.is_some());
        let alone = |value: ValueId| is_carried(value) && uses.get(&value).copied().unwrap_or(0) <= looks;
        match self.typed(sum).op {
            _ if !once(sum) => Update::Set(end),
            Op::Binary(Binary::Add, a, b) if alone(a) && !is_carried(b) => Update::Add(b, when),
            Op::Binary(Binary::Add, a, b) if alone(b) && !is_carried(a) => Update::Add(a, when),
            Op::Binary(Binary::Sub, a, b) if alone(a) && !is_carried(b) => Update::Sub(b, when),
            _ => Update::Set(end),
        }
    }

    /// Stores a value.
    pub fn store(&mut self, store: Store) {
        self.stores.push(store);
    }

    /// Gives a value to whoever runs the body.
    pub fn result(&mut self, value: ValueId) {
        self.results.push(value);
    }

    /// Whether a value is, row by row, what a loop under this mask leaves of `start`: nothing for rows without it.
    pub fn is_result_under(&self, value: ValueId, mask: ValueId, start: ValueId) -> bool {
        let Op::Result(it, place) = self.typed(value).op else { return false };
        let draft = &self.loops[it.index()];
        draft.mask == Some(mask) && draft.starts[usize::from(place)] == start
    }

    /// The body, of all that is needed, behind those of its loops' questions and conditions.
    pub fn finish(self, bodies: &mut Table<BodyId, Body>) -> BodyId {
        self.finish_and_find(bodies, |_, _| ())
    }

    /// The same, and lets `find` look up what has become of values: nothing of those that nothing needs.
    pub fn finish_and_find(
        mut self,
        bodies: &mut Table<BodyId, Body>,
        mut find: impl FnMut(&Self, &HashMap<ValueId, ValueId>),
    ) -> BodyId {
        let (stores, results) = (std::mem::take(&mut self.stores), std::mem::take(&mut self.results));
        // The whole body asks; what is run ahead of it, of which parts may be parts of that, does not.
        let asking = self.loops.iter().filter(|it| !it.asks.is_empty()).map(|it| it.at).collect();
        let (body, new) = self.body_of(&stores, &results, Asking::Whole(asking), bodies, &mut HashMap::new());
        find(&self, &new);
        body
    }

    /// A body that gives these values: a part of what was built, with the new ids of what it has. `asked` has what the loops ask that were met so far.
    fn body_of(
        &self,
        stores: &[Store],
        results: &[ValueId],
        asking: Asking,
        bodies: &mut Table<BodyId, Body>,
        asked: &mut HashMap<LoopId, BodyId>,
    ) -> (BodyId, HashMap<ValueId, ValueId>) {
        let root = self.scopes.first().map_or(&[][..], |scope| &scope.items);
        let live = Live::of(self, stores.iter().map(|store| store.value).chain(results.iter().copied()), &asking);
        let asks = matches!(asking, Asking::Whole(_));
        let mut numbering = Numbering { builder: self, live: &live, asks, body: Body::default(), new: HashMap::new() };
        let mut loops = HashMap::new();
        numbering.emit(root, &mut loops);
        let Numbering { mut body, new, .. } = numbering;
        body.stores = stores.iter().map(|store| Store { value: new[&store.value], ..*store }).collect();
        body.results = results.iter().map(|value| new[value]).collect();
        let mut asking: Vec<(LoopId, LoopId)> = loops.into_iter().collect();
        asking.sort_unstable();
        for (draft, made) in asking {
            let Draft { question, among, .. } = &self.loops[draft.index()];
            let Some(wanted) = among.as_ref().map(|among| &among[..]).or(question.as_deref()) else { continue };
            // What it is made of stands before the loop: this comes to an end.
            let known = asked.get(&draft).copied();
            let found = known.unwrap_or_else(|| self.body_of(&[], wanted, Asking::Part, bodies, asked).0);
            asked.insert(draft, found);
            match &mut body.loops[made].over {
                Over::Nearest { among: condition, .. } if among.is_some() => *condition = Some(found),
                _ => body.loops[made].question = Some(found),
            }
        }
        (bodies.push(body), new)
    }
}

impl Draft {
    /// The values that the loop itself uses.
    fn needs(&self) -> Vec<ValueId> {
        let over = match &self.over {
            Over::Count { first, end } => vec![*first, *end],
            over => over.from().to_vec(),
        };
        let carried = self.updates.iter().flat_map(|update| [Some(update.value()), update.when()]);
        let asks = self.asks.iter().flat_map(|ask| ask.values.iter().chain([&ask.when])).map(|value| Some(*value));
        let rest = carried.chain([self.mask, self.active]).chain(asks).flatten();
        over.into_iter().chain(rest).chain(self.starts.iter().copied()).collect()
    }
}

/// Whether a body is the one whose loops ask for something: then where they stand.
enum Asking {
    Whole(Vec<ValueId>),
    Part,
}

/// What is needed.
struct Live {
    values: Vec<bool>,
    /// Of each loop which carried values.
    carried: Vec<Vec<bool>>,
}

impl Live {
    fn of(builder: &Builder, roots: impl Iterator<Item = ValueId>, asking: &Asking) -> Self {
        let mut live = Self {
            values: vec![false; builder.nodes.len()],
            carried: builder.loops.iter().map(|it| vec![false; it.starts.len()]).collect(),
        };
        let mut open: Vec<ValueId> = roots.collect();
        if let Asking::Whole(loops) = asking {
            open.extend(loops);
        }
        while let Some(value) = open.pop() {
            if std::mem::replace(&mut live.values[value.index()], true) {
                continue;
            }
            let op = builder.typed(value).op;
            open.extend(op.operands());
            match op {
                Op::Result(it, place) | Op::Carried(it, place) => {
                    let draft = &builder.loops[it.index()];
                    open.push(draft.at);
                    if !std::mem::replace(&mut live.carried[it.index()][usize::from(place)], true) {
                        let update = draft.updates[usize::from(place)];
                        open.push(draft.starts[usize::from(place)]);
                        open.push(update.value());
                        open.extend(update.when());
                    }
                }
                Op::Loop(it) => {
                    let draft = &builder.loops[it.index()];
                    open.extend(draft.active.into_iter().chain(draft.mask));
                    if let Asking::Whole(_) = asking {
                        open.extend(draft.asks.iter().flat_map(|ask| ask.values.iter().chain([&ask.when])));
                        // It stands in others, which make its turns.
                        open.extend(draft.parent.map(|parent| builder.loops[parent.index()].at));
                    }
                    match &draft.over {
                        Over::Count { first, end } => open.extend([*first, *end]),
                        over => open.extend(over.from()),
                    }
                }
                _ => {}
            }
        }
        live
    }
}

struct Numbering<'b> {
    builder: &'b Builder,
    live: &'b Live,
    asks: bool,
    body: Body,
    new: HashMap<ValueId, ValueId>,
}

impl Numbering<'_> {
    fn emit(&mut self, items: &[ValueId], loops: &mut HashMap<LoopId, LoopId>) {
        for &item in items {
            if !self.live.values[item.index()] {
                continue;
            }
            let Typed { scalar, op } = self.builder.typed(item);
            let Op::Loop(it) = op else {
                let op = self.renumber(op, loops);
                let id = self.body.push(scalar, op);
                self.new.insert(item, id);
                continue;
            };
            let draft = &self.builder.loops[it.index()];
            let number = LoopId::new(self.body.loops.len() as u32);
            loops.insert(it, number);
            let at = self.body.push(scalar, Op::Loop(number));
            self.new.insert(item, at);
            // Its place is taken now, so that loops are numbered in the order of their operations.
            let over = self.over(&draft.over);
            let mask = draft.mask.map(|mask| self.new[&mask]);
            let (carried, asks) = (Vec::new(), Vec::new());
            self.body.loops.push(Loop { over, mask, question: None, at, end: at, active: None, carried, asks });
            self.emit(&draft.items, loops);
            let kept = (draft.starts.iter().zip(&draft.updates)).zip(&self.live.carried[it.index()]);
            let carried = kept.filter(|(_, live)| **live).map(|((start, update), _)| Carried {
                start: self.new[start],
                update: match update {
                    Update::Set(value) => Update::Set(self.new[value]),
                    Update::Add(value, when) => Update::Add(self.new[value], when.map(|when| self.new[&when])),
                    Update::Sub(value, when) => Update::Sub(self.new[value], when.map(|when| self.new[&when])),
                },
            });
            let carried = carried.collect();
            let active = draft.active.map(|active| self.new[&active]);
            let end = ValueId::new(self.body.ops.len() as u32);
            let asks = draft.asks.iter().filter(|_| self.asks).map(|ask| Ask {
                number: ask.number,
                when: self.new[&ask.when],
                values: ask.values.iter().map(|value| self.new[value]).collect(),
            });
            let asks = asks.collect();
            let made = &mut self.body.loops[number];
            (made.end, made.active, made.carried, made.asks) = (end, active, carried, asks);
        }
    }

    fn over(&self, over: &Over) -> Over {
        let from = |from: &Vec<ValueId>| from.iter().map(|value| self.new[value]).collect();
        match over {
            Over::Within { index, reach, from: point } => {
                Over::Within { index: *index, reach: *reach, from: from(point) }
            }
            Over::Nearest { index, count, from: point, among } => {
                Over::Nearest { index: *index, count: *count, from: from(point), among: *among }
            }
            Over::Far { index, from: point } => Over::Far { index: *index, from: from(point) },
            Over::Count { first, end } => Over::Count { first: self.new[first], end: self.new[end] },
            Over::Group(group) => Over::Group(*group),
            Over::Members(index) => Over::Members(*index),
            Over::Holder(index) => Over::Holder(*index),
            Over::Inverse(inverse) => Over::Inverse(*inverse),
        }
    }

    fn renumber(&self, op: Op, loops: &HashMap<LoopId, LoopId>) -> Op {
        let at = |value: ValueId| self.new[&value];
        let place = |it: LoopId, place: u16| {
            let live = &self.live.carried[it.index()][..usize::from(place)];
            live.iter().filter(|live| **live).count() as u16
        };
        match op {
            Op::Read { column, when, at: At::Row(row) } => Op::Read { column, when, at: At::Row(at(row)) },
            Op::Read { column, when, at: At::Other(it) } => Op::Read { column, when, at: At::Other(loops[&it]) },
            Op::Draw { site, lane, entity, turn } => Op::Draw { site, lane, entity: at(entity), turn: at(turn) },
            Op::Unary(op, a) => Op::Unary(op, at(a)),
            Op::Binary(op, a, b) => Op::Binary(op, at(a), at(b)),
            Op::Compare(op, a, b) => Op::Compare(op, at(a), at(b)),
            Op::Select(c, a, b) => Op::Select(at(c), at(a), at(b)),
            Op::Convert(a) => Op::Convert(at(a)),
            Op::Result(it, at) => Op::Result(loops[&it], place(it, at)),
            Op::Carried(it, at) => Op::Carried(loops[&it], place(it, at)),
            Op::Other(it) => Op::Other(loops[&it]),
            Op::Delta(it, axis) => Op::Delta(loops[&it], axis),
            op => op,
        }
    }
}
