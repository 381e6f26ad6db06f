//! Typed expressions to operations: vectors fall apart into lanes, functions into what they are made of.

use std::collections::BTreeMap;

use diptych_protocol::body::{Binary, Body, Compare, Op, Unary};
use diptych_protocol::id::{Id, ValueId};
use diptych_protocol::random;
use diptych_protocol::types::{Scalar, Value};

use crate::types::typed::{Draw, Function, Kind, Typed};

/// Flattens the initialisers of one blueprint into one body.
pub struct Flattener<'a> {
    /// What has been made so far.
    pub body: Body,
    /// The lanes of the components so far.
    pub components: Vec<Vec<ValueId>>,
    /// The component whose initialiser is being flattened.
    pub component: &'a str,
    /// The sites of draws so far, with their paths.
    pub sites: BTreeMap<u32, String>,
    group: &'a str,
}

impl<'a> Flattener<'a> {
    /// For the blueprint of a group.
    pub fn new(group: &'a str, component: &'a str) -> Self {
        Self { body: Body::default(), components: Vec::new(), component, sites: BTreeMap::new(), group }
    }

    /// The lanes of an expression.
    pub fn lanes(&mut self, typed: &Typed) -> Vec<ValueId> {
        let scalar = typed.ty.scalar;
        match &typed.kind {
            Kind::Const(values) => values.iter().map(|&value| self.constant(value)).collect(),
            Kind::Row => vec![self.push(Scalar::U32, Op::Row)],
            Kind::Component(component) => self.components.get(*component).cloned().unwrap_or_default(),
            Kind::Lane(vector, lane) => self.lanes(vector).get(usize::from(*lane)).copied().into_iter().collect(),
            Kind::Vector(lanes) => lanes.iter().flat_map(|lane| self.lanes(lane)).collect(),
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
                pairs(&a, &b).into_iter().map(|(a, b)| self.compare(*op, a, b)).collect()
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
            Kind::Draw { draw, ordinal, arguments } => {
                // A probability has its own precision; what it decides is a `bool`.
                let scalar = arguments.first().map_or(scalar, |argument| argument.ty.scalar);
                let lanes = usize::from(typed.ty.lanes);
                let arguments: Vec<_> = arguments.iter().map(|argument| self.lanes(argument)).collect();
                self.draw(*draw, *ordinal, scalar, lanes, &arguments)
            }
        }
    }

    fn push(&mut self, scalar: Scalar, op: Op) -> ValueId {
        self.body.push(scalar, op)
    }

    fn binary(&mut self, scalar: Scalar, op: Binary, a: ValueId, b: ValueId) -> ValueId {
        self.push(scalar, Op::Binary(op, a, b))
    }

    fn unary(&mut self, scalar: Scalar, op: Unary, a: ValueId) -> ValueId {
        self.push(scalar, Op::Unary(op, a))
    }

    fn compare(&mut self, op: Compare, a: ValueId, b: ValueId) -> ValueId {
        self.push(Scalar::Bool, Op::Compare(op, a, b))
    }

    fn constant(&mut self, value: Value) -> ValueId {
        self.push(value.scalar(), Op::Const(value))
    }

    /// A small number in any numeric type.
    fn number(&mut self, scalar: Scalar, number: f64) -> ValueId {
        self.constant(diptych_protocol::eval::convert(Value::F64(number), scalar))
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
            _ => Vec::new(),
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
    fn dot(&mut self, scalar: Scalar, v: &[ValueId], w: &[ValueId]) -> Option<ValueId> {
        let products: Vec<_> = pairs(v, w).into_iter().map(|(v, w)| self.binary(scalar, Binary::Mul, v, w)).collect();
        products.into_iter().reduce(|sum, product| self.binary(scalar, Binary::Add, sum, product))
    }

    fn length(&mut self, scalar: Scalar, v: &[ValueId]) -> Option<ValueId> {
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

    fn draw(&mut self, draw: Draw, ordinal: u32, scalar: Scalar, lanes: usize, a: &[Vec<ValueId>]) -> Vec<ValueId> {
        let at = |argument: usize, lane: usize| {
            let lanes = a.get(argument)?;
            lanes.get(lane).or(lanes.first()).copied()
        };
        let mut results = Vec::new();
        for lane in 0..lanes {
            let result = match draw {
                Draw::Uniform => at(0, lane).zip(at(1, lane)).map(|(low, high)| {
                    // Lanes 0 and 1 share a block.
                    let u = self.uniform(scalar, ordinal, lane / 2, (lane % 2) as u8);
                    self.between(scalar, low, high, u)
                }),
                Draw::Normal => at(0, lane).zip(at(1, lane)).map(|(mean, deviation)| {
                    let z = self.gauss(scalar, ordinal, lane);
                    let scaled = self.binary(scalar, Binary::Mul, deviation, z);
                    self.binary(scalar, Binary::Add, mean, scaled)
                }),
                Draw::Exponential => at(0, lane).map(|mean| {
                    let u = self.uniform(scalar, ordinal, lane, 0);
                    let log = self.log_of_rest(scalar, u);
                    let log = self.unary(scalar, Unary::Neg, log);
                    self.binary(scalar, Binary::Mul, mean, log)
                }),
                Draw::Chance => at(0, lane).map(|probability| {
                    let u = self.uniform(scalar, ordinal, lane, 0);
                    self.compare(Compare::Lt, u, probability)
                }),
                Draw::Disc => {
                    let Some(radius) = at(1, 0) else { return Vec::new() };
                    let u = self.uniform(scalar, ordinal, 0, 0);
                    let angle = self.turn(scalar, u);
                    let u = self.uniform(scalar, ordinal, 0, 1);
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
    fn gauss(&mut self, scalar: Scalar, ordinal: u32, block: usize) -> ValueId {
        let u = self.uniform(scalar, ordinal, block, 0);
        let log = self.log_of_rest(scalar, u);
        let factor = self.number(scalar, -2.0);
        let square = self.binary(scalar, Binary::Mul, factor, log);
        let radius = self.unary(scalar, Unary::Sqrt, square);
        let v = self.uniform(scalar, ordinal, block, 1);
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

    /// A uniform draw. The path of its site is `group/Component/ordinal`, and `/block` where one call needs several.
    fn uniform(&mut self, scalar: Scalar, ordinal: u32, block: usize, lane: u8) -> ValueId {
        let mut path = format!("{}/{}/{ordinal}", self.group, self.component);
        if block > 0 {
            path.push_str(&format!("/{block}"));
        }
        let site = self.site(path);
        let entity = self.push(Scalar::U32, Op::Row);
        let turn = self.push(Scalar::U32, Op::Const(Value::U32(0)));
        self.push(scalar, Op::Draw { site, lane, entity, turn })
    }

    /// The number of a site. Two paths that hash alike would draw the same numbers: the later one moves.
    fn site(&mut self, path: String) -> u32 {
        let mut site = random::site(&path);
        while self.sites.get(&site).is_some_and(|taken| *taken != path) {
            site = site.wrapping_add(1);
        }
        self.sites.insert(site, path);
        site
    }
}

/// Lanes with lanes; a single one goes with all of the other.
fn pairs(a: &[ValueId], b: &[ValueId]) -> Vec<(ValueId, ValueId)> {
    let count = if a.is_empty() || b.is_empty() { 0 } else { a.len().max(b.len()) };
    let at = |lanes: &[ValueId], lane: usize| lanes.get(lane).or(lanes.first()).copied().unwrap_or(ValueId::new(0));
    (0..count).map(|lane| (at(a, lane), at(b, lane))).collect()
}
