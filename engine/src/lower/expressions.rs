//! Typed expressions to operations: vectors fall apart into lanes, functions into what they are made of.

use std::collections::{BTreeMap, HashMap};

use diptych_protocol::body::{Binary, Compare, Op, Unary};
use diptych_protocol::graph::NodeKind;
use diptych_protocol::id::{DataId, Id, LoopId, ValueId};
use diptych_protocol::program::Span;
use diptych_protocol::random;
use diptych_protocol::raster::Offset;
use diptych_protocol::types::{Scalar, Sort, Value};

use crate::lower::World;
use crate::lower::births::Names;
use crate::lower::builder::Builder;
use crate::lower::graph::{Drawing, Key};
use crate::types::typed::{Draw, Function, Kind, Local, Pair, Turn, Typed};

/// Flattens typed expressions into one body.
pub struct Flattener<'a> {
    /// What has been made so far.
    pub builder: Builder,
    /// What the program has, where the body is of one.
    pub world: Option<&'a World<'a>>,
    /// The group whose rows the body is about.
    pub group: usize,
    /// The lanes of the components so far, in a blueprint.
    pub components: Vec<Vec<ValueId>>,
    /// Where draws are, by names: `group/Component`, `system`.
    pub path: String,
    /// The sites of draws so far, with their paths.
    pub sites: BTreeMap<u32, String>,
    /// The variables, a value a lane.
    pub locals: BTreeMap<Local, Vec<ValueId>>,
    /// The loops that are open or over.
    pub turns: HashMap<Turn, LoopId>,
    /// Of each loop over the cells around that is open: which turn it is at, and which cell that looks at.
    pub shifts: HashMap<Turn, (u32, Offset)>,
    /// The loops that are open, outermost first.
    pub open: Vec<Turn>,
    /// When the statements at hand are reached; nothing: always.
    pub reached: Option<ValueId>,
    /// In the body of the outputs: the signals so far.
    pub signals: Option<Vec<Vec<ValueId>>>,
    /// In the body of the outputs: the graph so far.
    pub graph: Drawing,
    /// What state blocks have come to so far: the inputs, and what came out.
    pub states: HashMap<(usize, Option<usize>), Vec<ValueId>>,
    /// How it knows who its rows are.
    pub names: Names,
}

impl<'a> Flattener<'a> {
    /// For expressions of constants.
    pub fn for_constants() -> Self {
        Self::new(None, 0, String::new())
    }

    /// For a body about the rows of a group.
    pub fn new(world: Option<&'a World<'a>>, group: usize, path: String) -> Self {
        Self {
            builder: Builder::new(),
            world,
            group,
            components: Vec::new(),
            path,
            sites: BTreeMap::new(),
            locals: BTreeMap::new(),
            turns: HashMap::new(),
            shifts: HashMap::new(),
            open: Vec::new(),
            reached: None,
            signals: None,
            graph: Drawing::default(),
            states: HashMap::new(),
            names: Names::default(),
        }
    }

    /// The lanes of an expression.
    pub fn lanes(&mut self, typed: &Typed) -> Vec<ValueId> {
        let scalar = typed.ty.scalar;
        match &typed.kind {
            Kind::Const(values) => values.iter().map(|&value| self.builder.constant(value)).collect(),
            Kind::Row => self.own_reference(typed.ty),
            Kind::Component(component) => self.components.get(*component).cloned().unwrap_or_default(),
            Kind::Lane(vector, lane) => self.lanes(vector).get(usize::from(*lane)).copied().into_iter().collect(),
            Kind::Vector(lanes) => lanes.iter().flat_map(|lane| self.lanes(lane)).collect(),
            Kind::Local(local) => self.locals.get(local).cloned().unwrap_or_default(),
            Kind::Read { place, when, whose } => self.read(*place, *when, whose),
            Kind::Other(turn) if self.shifts.contains_key(turn) => {
                let (_, offset) = self.shifts[turn];
                self.shifted(offset).into_iter().collect()
            }
            Kind::Coordinate(axis) => self.coordinate(*axis).into_iter().collect(),
            Kind::Shifted(offset) => self.shifted(*offset).into_iter().collect(),
            Kind::CellUnder { group, point } => self.cell_under(*group, point).into_iter().collect(),
            Kind::Corner { group, point, corner } => self.corner_cell(*group, point, *corner).into_iter().collect(),
            Kind::Between { group, point, axis } => self.between_centres(*group, point, *axis).into_iter().collect(),
            Kind::Centre { group, cell } => self.centre(*group, cell),
            Kind::Other(turn) if matches!(typed.ty.sort, Sort::Entity(_)) => {
                self.others_reference(self.turns[turn], typed.ty)
            }
            Kind::Other(turn) => {
                let it = self.turns[turn];
                vec![self.push(scalar, Op::Other(it))]
            }
            Kind::Partner { matching, side } => self.partner_reference(*matching, *side, typed.ty),
            Kind::Alive(of) => {
                let lanes = self.lanes(of);
                self.referred(&lanes, of.ty).into_iter().map(|(_, there)| there).collect()
            }
            Kind::RowOf(of) => {
                let lanes = self.lanes(of);
                self.referred(&lanes, of.ty).into_iter().map(|(row, _)| row).collect()
            }
            Kind::Newborn { first, most, nth } => self.newborn_reference(*first, *most, *nth),
            Kind::Delta(turn) => {
                let it = self.turns[turn];
                (0..typed.ty.lanes).map(|axis| self.push(scalar, Op::Delta(it, axis))).collect()
            }
            Kind::Frame => vec![self.push(Scalar::U32, Op::Frame)],
            Kind::Time => vec![self.push(Scalar::F64, Op::Time)],
            Kind::Signal(signal) => self.signal(*signal, typed.ty),
            Kind::Reduced(reduction, result) => {
                let (reduction, result) = (*reduction, *result);
                let span = self.world.map_or(Span::default(), |world| world.model.reductions[reduction].span);
                let key = Key::Reduction(reduction, result);
                self.drawn(key, NodeKind::Reduction, String::new(), span, typed.ty, |this| {
                    vec![this.reduced(reduction, result)]
                })
            }
            Kind::Noted(note, value) => {
                let key = Key::Note(note.span.start, note.span.end);
                self.drawn(key, note.kind, String::new(), note.span, typed.ty, |this| this.lanes(value))
            }
            Kind::Published { publication, whether, whose } => self.published(*publication, *whether, whose),
            Kind::State(state) => self.state(*state, None),
            Kind::Input(state, input) => self.state(*state, Some(*input)),
            Kind::Kept(state) => self.kept(*state, typed.ty),
            Kind::Started(state) => self.started(*state),
            Kind::Data(data) => vec![self.push(scalar, Op::Data(DataId::new(*data as u32)))],
            Kind::Choose(at, all) => self.choose(at, all),
            Kind::Block(steps, value) => {
                self.steps(steps);
                self.lanes(value)
            }
            Kind::Unary(op, a) => {
                let a = self.lanes(a);
                a.into_iter().map(|a| self.push(scalar, Op::Unary(*op, a))).collect()
            }
            Kind::Binary(op, a, b) => {
                let (a, b) = (self.lanes(a), self.lanes(b));
                pairs(&a, &b).into_iter().map(|(a, b)| self.binary(scalar, *op, a, b)).collect()
            }
            Kind::Compare(op, a, b) => {
                let (a, b) = (self.lanes(a), self.lanes(b));
                let lanes: Vec<_> = pairs(&a, &b).into_iter().map(|(a, b)| self.compare(*op, a, b)).collect();
                // References that are more than an index are the same, or not, as a whole.
                let both = if *op == Compare::Ne { Binary::Or } else { Binary::And };
                if typed.ty.lanes > 1 {
                    return lanes;
                }
                lanes.into_iter().reduce(|a, b| self.binary(Scalar::Bool, both, a, b)).into_iter().collect()
            }
            Kind::Select(condition, a, b) => {
                let (condition, a, b) = (self.lanes(condition), self.lanes(a), self.lanes(b));
                let Some(&condition) = condition.first() else { return Vec::new() };
                pairs(&a, &b).into_iter().map(|(a, b)| self.push(scalar, Op::Select(condition, a, b))).collect()
            }
            Kind::Convert(a) => {
                let a = self.lanes(a);
                a.into_iter().map(|a| self.push(scalar, Op::Convert(a))).collect()
            }
            Kind::Call(function, arguments) => {
                let arguments: Vec<_> = arguments.iter().map(|argument| self.lanes(argument)).collect();
                self.call(*function, scalar, &arguments)
            }
            Kind::Draw { draw, ordinal, arguments, pair } => {
                // A probability has its own precision; what it decides is a `bool`.
                let scalar = arguments.first().map_or(scalar, |argument| argument.ty.scalar);
                let lanes = usize::from(typed.ty.lanes);
                let arguments: Vec<_> = arguments.iter().map(|argument| self.lanes(argument)).collect();
                let drawer = self.drawer(pair.as_ref());
                self.draw(*draw, Site { ordinal: *ordinal, drawer }, scalar, lanes, &arguments)
            }
        }
    }

    /// One after another: the first where the number is at most 0, the last where it is beyond.
    fn choose(&mut self, at: &Typed, all: &[Typed]) -> Vec<ValueId> {
        let Some(&at) = self.lanes(at).first() else { return Vec::new() };
        let Some((last, rest)) = all.split_last() else { return Vec::new() };
        let mut chosen = self.lanes(last);
        for (place, element) in rest.iter().enumerate().rev() {
            let place = self.builder.constant(Value::I32(place as i32));
            let up_to = self.compare(Compare::Le, at, place);
            let lanes = self.lanes(element);
            let scalar = element.ty.scalar;
            chosen =
                pairs(&lanes, &chosen).into_iter().map(|(a, b)| self.push(scalar, Op::Select(up_to, a, b))).collect();
        }
        chosen
    }

    /// Who draws: the row, in which turns of loops. A pair draws as its lower and its higher row.
    fn drawer(&mut self, pair: Option<&Pair>) -> (ValueId, ValueId) {
        let mut entity = self.own_entity();
        let mut turn = self.builder.constant(Value::U32(0));
        let (mut first, mut known) = (self.open.first().copied(), None);
        let pair = match pair {
            Some(Pair::Turn(turn)) => Some(*turn),
            Some(Pair::With(other)) => {
                if let Some(&other) = self.lanes(other).first() {
                    turn = self.binary(Scalar::U32, Binary::Max, entity, other);
                    entity = self.binary(Scalar::U32, Binary::Min, entity, other);
                }
                // The loop whose other it is tells its turns by the pair; further ones are mixed in.
                (first, known) = (None, if let Kind::Other(turn) = other.kind { Some(turn) } else { None });
                None
            }
            None => None,
        };
        for open in self.open.clone().into_iter().filter(|open| Some(*open) != known) {
            let own = match (self.shifts.get(&open), pair == Some(open)) {
                (Some((_, offset)), true) => self.shifted(*offset),
                (Some(_), false) => self.unrolled_turn(open),
                (None, _) => Some(self.others_number(self.turns[&open])),
            };
            let Some(mut own) = own else { continue };
            if pair == Some(open) {
                let low = self.binary(Scalar::U32, Binary::Min, entity, own);
                own = self.binary(Scalar::U32, Binary::Max, entity, own);
                entity = low;
            }
            // One loop: its own number. Further ones are mixed in, by an odd factor and a sum.
            turn = match self.builder.known(turn) {
                Some(Value::U32(0)) if first == Some(open) => own,
                _ => {
                    let factor = self.builder.constant(Value::U32(0x9E37_79B1));
                    let mixed = self.binary(Scalar::U32, Binary::Mul, turn, factor);
                    self.binary(Scalar::U32, Binary::Add, mixed, own)
                }
            };
        }
        (entity, turn)
    }

    /// What tells the turns of a loop apart: the other's row, or the counter.
    fn others_number(&mut self, it: LoopId) -> ValueId {
        if !self.builder.counts(it) {
            return self.others_entity(it);
        }
        let count = self.push(Scalar::I32, Op::Other(it));
        self.push(Scalar::U32, Op::Convert(count))
    }

    /// An operation.
    pub fn push(&mut self, scalar: Scalar, op: Op) -> ValueId {
        self.builder.push(scalar, op)
    }

    pub(super) fn binary(&mut self, scalar: Scalar, op: Binary, a: ValueId, b: ValueId) -> ValueId {
        self.push(scalar, Op::Binary(op, a, b))
    }

    pub(super) fn unary(&mut self, scalar: Scalar, op: Unary, a: ValueId) -> ValueId {
        self.push(scalar, Op::Unary(op, a))
    }

    pub(super) fn compare(&mut self, op: Compare, a: ValueId, b: ValueId) -> ValueId {
        self.push(Scalar::Bool, Op::Compare(op, a, b))
    }

    /// A small number in any numeric type.
    pub(super) fn number(&mut self, scalar: Scalar, number: f64) -> ValueId {
        self.builder.constant(diptych_protocol::eval::convert(Value::F64(number), scalar))
    }

    fn call(&mut self, function: Function, scalar: Scalar, arguments: &[Vec<ValueId>]) -> Vec<ValueId> {
        match (function, arguments) {
            (Function::Sign, [x]) => x.iter().map(|&x| self.sign(scalar, x)).collect(),
            (Function::Clamp, [x, low, high]) => {
                let raised: Vec<_> =
                    pairs(x, low).into_iter().map(|(x, low)| self.binary(scalar, Binary::Max, x, low)).collect();
                pairs(&raised, high).into_iter().map(|(x, high)| self.binary(scalar, Binary::Min, x, high)).collect()
            }
            (Function::LengthSquared, [v]) => self.dot(scalar, v, v).into_iter().collect(),
            (Function::Length, [v]) => self.length(scalar, v).into_iter().collect(),
            (Function::Dot, [v, w]) => self.dot(scalar, v, w).into_iter().collect(),
            (Function::Distance, [v, w]) => {
                let d: Vec<_> = pairs(v, w).into_iter().map(|(v, w)| self.binary(scalar, Binary::Sub, v, w)).collect();
                self.length(scalar, &d).into_iter().collect()
            }
            (Function::Normalize, [v]) => self.normalize(scalar, v),
            (Function::Polar, [angle, radius]) => match (angle.first(), radius.first()) {
                (Some(&angle), Some(&radius)) => self.polar(scalar, angle, radius),
                _ => Vec::new(),
            },
            (Function::Modulo, [x, y]) => self.each(scalar, x, y, Self::modulo),
            (Function::Fract, [x]) => x
                .iter()
                .map(|&x| {
                    let floor = self.unary(scalar, Unary::Floor, x);
                    self.binary(scalar, Binary::Sub, x, floor)
                })
                .collect(),
            (Function::Mix, [a, b, t]) => {
                let parts: Vec<_> =
                    self.each(scalar, b, a, |this, scalar, b, a| this.binary(scalar, Binary::Sub, b, a));
                let parts = self.each(scalar, &parts, t, |this, scalar, d, t| this.binary(scalar, Binary::Mul, d, t));
                self.each(scalar, a, &parts, |this, scalar, a, d| this.binary(scalar, Binary::Add, a, d))
            }
            (Function::StepAt, [edge, x]) => self.each(scalar, edge, x, |this, scalar, edge, x| {
                let (zero, one) = (this.number(scalar, 0.0), this.number(scalar, 1.0));
                let below = this.compare(Compare::Lt, x, edge);
                this.push(scalar, Op::Select(below, zero, one))
            }),
            (Function::Smooth, [low, high, x]) => self.smooth(scalar, low, high, x),
            (Function::Hypot, [x, y]) => self.each(scalar, x, y, |this, scalar, x, y| {
                let (x, y) = (this.binary(scalar, Binary::Mul, x, x), this.binary(scalar, Binary::Mul, y, y));
                let sum = this.binary(scalar, Binary::Add, x, y);
                this.unary(scalar, Unary::Sqrt, sum)
            }),
            (Function::CopySign, [x, y]) => self.each(scalar, x, y, |this, scalar, x, y| {
                // A zero's sign shows in what 1 is divided by it.
                let (zero, one) = (this.number(scalar, 0.0), this.number(scalar, 1.0));
                let inverse = this.binary(scalar, Binary::Div, one, y);
                let is_zero = this.compare(Compare::Eq, y, zero);
                let told = this.push(scalar, Op::Select(is_zero, inverse, y));
                let negative = this.compare(Compare::Lt, told, zero);
                let magnitude = this.unary(scalar, Unary::Abs, x);
                let opposite = this.unary(scalar, Unary::Neg, magnitude);
                this.push(scalar, Op::Select(negative, opposite, magnitude))
            }),
            (Function::Cross, [v, w]) => self.cross(scalar, v, w),
            (Function::Rotate, [v, angle]) => match (v.as_slice(), angle.first()) {
                (&[x, y], Some(&angle)) => {
                    let (cos, sin) = (self.unary(scalar, Unary::Cos, angle), self.unary(scalar, Unary::Sin, angle));
                    let product = |this: &mut Self, a, b| this.binary(scalar, Binary::Mul, a, b);
                    let (xc, ys) = (product(self, x, cos), product(self, y, sin));
                    let (xs, yc) = (product(self, x, sin), product(self, y, cos));
                    vec![self.binary(scalar, Binary::Sub, xc, ys), self.binary(scalar, Binary::Add, xs, yc)]
                }
                _ => Vec::new(),
            },
            (Function::Heading, [v]) => match v.as_slice() {
                &[x, y] => vec![self.binary(scalar, Binary::Atan2, y, x)],
                _ => Vec::new(),
            },
            (Function::ClampLength, [v, low, high]) => self.clamp_length(scalar, v, low, high),
            (Function::Wrap, [v]) => {
                let v = v.clone();
                (v.into_iter().enumerate()).map(|(axis, x)| self.wrap(scalar, axis, x)).collect()
            }
            (Function::Way, [from, to]) => {
                let pairs: Vec<_> = pairs(from, to);
                pairs.into_iter().enumerate().map(|(axis, (from, to))| self.way(scalar, axis, from, to)).collect()
            }
            (function, arguments) => self.adapter(function, scalar, arguments),
        }
    }

    fn sign(&mut self, scalar: Scalar, x: ValueId) -> ValueId {
        let zero = self.number(scalar, 0.0);
        let one = self.number(scalar, 1.0);
        let positive = self.compare(Compare::Gt, x, zero);
        let mut rest = zero;
        if !matches!(scalar, Scalar::U8 | Scalar::U16 | Scalar::U32) {
            let minus = self.number(scalar, -1.0);
            let negative = self.compare(Compare::Lt, x, zero);
            rest = self.push(scalar, Op::Select(negative, minus, zero));
        }
        self.push(scalar, Op::Select(positive, one, rest))
    }

    /// The products are added in lane order.
    pub(super) fn dot(&mut self, scalar: Scalar, v: &[ValueId], w: &[ValueId]) -> Option<ValueId> {
        let products: Vec<_> = pairs(v, w).into_iter().map(|(v, w)| self.binary(scalar, Binary::Mul, v, w)).collect();
        products.into_iter().reduce(|sum, product| self.binary(scalar, Binary::Add, sum, product))
    }

    pub(super) fn length(&mut self, scalar: Scalar, v: &[ValueId]) -> Option<ValueId> {
        let squared = self.dot(scalar, v, v)?;
        Some(self.unary(scalar, Unary::Sqrt, squared))
    }

    /// The zero vector stays zero: its lanes divide by 1 and are not selected.
    fn normalize(&mut self, scalar: Scalar, v: &[ValueId]) -> Vec<ValueId> {
        let Some(length) = self.length(scalar, v) else { return Vec::new() };
        let zero = self.number(scalar, 0.0);
        let one = self.number(scalar, 1.0);
        let some = self.compare(Compare::Gt, length, zero);
        let divisor = self.push(scalar, Op::Select(some, length, one));
        let lanes = v.iter().map(|&lane| {
            let unit = self.binary(scalar, Binary::Div, lane, divisor);
            self.push(scalar, Op::Select(some, unit, zero))
        });
        lanes.collect()
    }

    fn polar(&mut self, scalar: Scalar, angle: ValueId, radius: ValueId) -> Vec<ValueId> {
        let (cos, sin) = (self.unary(scalar, Unary::Cos, angle), self.unary(scalar, Unary::Sin, angle));
        vec![self.binary(scalar, Binary::Mul, radius, cos), self.binary(scalar, Binary::Mul, radius, sin)]
    }

    fn draw(&mut self, draw: Draw, site: Site, scalar: Scalar, lanes: usize, a: &[Vec<ValueId>]) -> Vec<ValueId> {
        let at = |argument: usize, lane: usize| {
            let lanes = a.get(argument)?;
            lanes.get(lane).or(lanes.first()).copied()
        };
        let mut results = Vec::new();
        for lane in 0..lanes {
            let result = match draw {
                Draw::Uniform => at(0, lane).zip(at(1, lane)).map(|(low, high)| {
                    // Lanes 0 and 1 share a block.
                    let u = self.uniform(scalar, site, lane / 2, (lane % 2) as u8);
                    self.between(scalar, low, high, u)
                }),
                Draw::Normal => at(0, lane).zip(at(1, lane)).map(|(mean, deviation)| {
                    let z = self.gauss(scalar, site, lane);
                    let scaled = self.binary(scalar, Binary::Mul, deviation, z);
                    self.binary(scalar, Binary::Add, mean, scaled)
                }),
                Draw::Exponential => at(0, lane).map(|mean| {
                    let u = self.uniform(scalar, site, lane, 0);
                    let log = self.log_of_rest(scalar, u);
                    let log = self.unary(scalar, Unary::Neg, log);
                    self.binary(scalar, Binary::Mul, mean, log)
                }),
                Draw::Chance => at(0, lane).map(|probability| {
                    let u = self.uniform(scalar, site, lane, 0);
                    self.compare(Compare::Lt, u, probability)
                }),
                Draw::Disc => {
                    let Some(radius) = at(1, 0) else { return Vec::new() };
                    let u = self.uniform(scalar, site, 0, 0);
                    let angle = self.turn(scalar, u);
                    let u = self.uniform(scalar, site, 0, 1);
                    let root = self.unary(scalar, Unary::Sqrt, u);
                    let radius = self.binary(scalar, Binary::Mul, radius, root);
                    let offset = self.polar(scalar, angle, radius);
                    let Some(centre) = a.first() else { return Vec::new() };
                    return pairs(centre, &offset)
                        .into_iter()
                        .map(|(centre, offset)| self.binary(scalar, Binary::Add, centre, offset))
                        .collect();
                }
            };
            results.extend(result);
        }
        results
    }

    /// `low + (high - low) * u`; where rounding gives `high`, `low` is taken, so that the result is below `high`.
    fn between(&mut self, scalar: Scalar, low: ValueId, high: ValueId, u: ValueId) -> ValueId {
        let side = self.binary(scalar, Binary::Sub, high, low);
        let scaled = self.binary(scalar, Binary::Mul, side, u);
        let x = self.binary(scalar, Binary::Add, low, scaled);
        let below = self.compare(Compare::Lt, x, high);
        self.push(scalar, Op::Select(below, x, low))
    }

    /// Box and Muller's transform: sqrt(-2 ln(1 - u)) cos(2 pi v).
    fn gauss(&mut self, scalar: Scalar, site: Site, block: usize) -> ValueId {
        let u = self.uniform(scalar, site, block, 0);
        let log = self.log_of_rest(scalar, u);
        let factor = self.number(scalar, -2.0);
        let square = self.binary(scalar, Binary::Mul, factor, log);
        let radius = self.unary(scalar, Unary::Sqrt, square);
        let v = self.uniform(scalar, site, block, 1);
        let angle = self.turn(scalar, v);
        let cos = self.unary(scalar, Unary::Cos, angle);
        self.binary(scalar, Binary::Mul, radius, cos)
    }

    /// ln(1 - u): finite, since u < 1.
    fn log_of_rest(&mut self, scalar: Scalar, u: ValueId) -> ValueId {
        let one = self.number(scalar, 1.0);
        let rest = self.binary(scalar, Binary::Sub, one, u);
        self.unary(scalar, Unary::Ln, rest)
    }

    fn turn(&mut self, scalar: Scalar, u: ValueId) -> ValueId {
        let tau = self.number(scalar, std::f64::consts::TAU);
        self.binary(scalar, Binary::Mul, tau, u)
    }

    /// A uniform draw. The path of its site is `path/ordinal`, and `/block` where one call needs several.
    fn uniform(&mut self, scalar: Scalar, site: Site, block: usize, lane: u8) -> ValueId {
        let mut path = format!("{}/{}", self.path, site.ordinal);
        if block > 0 {
            path.push_str(&format!("/{block}"));
        }
        let (entity, turn) = site.drawer;
        let site = site_of(&mut self.sites, path);
        self.push(scalar, Op::Draw { site, lane, entity, turn })
    }
}

/// The number of a site. Two paths that hash alike would draw the same numbers: the later one moves.
pub(super) fn site_of(sites: &mut BTreeMap<u32, String>, path: String) -> u32 {
    let mut site = random::site(&path);
    while sites.get(&site).is_some_and(|taken| *taken != path) {
        site = site.wrapping_add(1);
    }
    sites.insert(site, path);
    site
}

/// Which draw, by whom.
#[derive(Clone, Copy)]
struct Site {
    ordinal: u32,
    drawer: (ValueId, ValueId),
}

/// Lanes with lanes; a single one goes with all of the other.
pub(super) fn pairs(a: &[ValueId], b: &[ValueId]) -> Vec<(ValueId, ValueId)> {
    let count = if a.is_empty() || b.is_empty() { 0 } else { a.len().max(b.len()) };
    let at = |lanes: &[ValueId], lane: usize| lanes.get(lane).or(lanes.first()).copied().unwrap_or(ValueId::new(0));
    (0..count).map(|lane| (at(a, lane), at(b, lane))).collect()
}
