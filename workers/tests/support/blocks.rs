//! Random blocks for a body, and room for what it gives.

use diptych_protocol::body::{Body, Over};
use diptych_protocol::id::Id;
use diptych_protocol::limits::LANES_MAX;
use diptych_protocol::program::Program;
use diptych_protocol::types::{Scalar, Value};
use diptych_workers::body::block::{Apart, Block, Lists, Run, Shared, Turns, Uniforms, Values, ValuesMut};
use diptych_workers::body::slots::{Slot, Slots};

use super::bodies::SIDE;
use super::numbers::{Numbers, SCALARS};

/// A column with values of its own.
pub enum Held {
    F32(Vec<f32>),
    F64(Vec<f64>),
    I8(Vec<i8>),
    I16(Vec<i16>),
    I32(Vec<i32>),
    U8(Vec<u8>),
    U16(Vec<u16>),
    U32(Vec<u32>),
    Bool(Vec<u8>),
}

impl Held {
    pub fn new(scalar: Scalar, len: usize, mut value: impl FnMut() -> Value) -> Self {
        macro_rules! take {
            ($($kind:ident)*) => {
                match scalar {
                    $(Scalar::$kind => Held::$kind((0..len).map(|_| match value() {
                        Value::$kind(x) => x.into(),
                        other => panic!("{other:?} for {scalar:?}"),
                    }).collect()),)*
                }
            };
        }
        take!(F32 F64 I8 I16 I32 U8 U16 U32 Bool)
    }

    pub fn values(&self) -> Values<'_> {
        match self {
            Held::F32(v) => Values::F32(v),
            Held::F64(v) => Values::F64(v),
            Held::I8(v) => Values::I8(v),
            Held::I16(v) => Values::I16(v),
            Held::I32(v) => Values::I32(v),
            Held::U8(v) => Values::U8(v),
            Held::U16(v) => Values::U16(v),
            Held::U32(v) => Values::U32(v),
            Held::Bool(v) => Values::Bool(v),
        }
    }

    pub fn values_mut(&mut self) -> ValuesMut<'_> {
        match self {
            Held::F32(v) => ValuesMut::F32(v),
            Held::F64(v) => ValuesMut::F64(v),
            Held::I8(v) => ValuesMut::I8(v),
            Held::I16(v) => ValuesMut::I16(v),
            Held::I32(v) => ValuesMut::I32(v),
            Held::U8(v) => ValuesMut::U8(v),
            Held::U16(v) => ValuesMut::U16(v),
            Held::U32(v) => ValuesMut::U32(v),
            Held::Bool(v) => ValuesMut::Bool(v),
        }
    }
}

/// What a loop goes over.
struct Others {
    runs: Vec<Run>,
    starts: Vec<u32>,
    rows: Option<Vec<u32>>,
    columns: Vec<Held>,
}

/// All that a block points to.
pub struct Data {
    pub count: usize,
    rows: Vec<u32>,
    own: Vec<Held>,
    /// Where each own column begins in what is held: those of moved cells stand at any place.
    begin: Vec<usize>,
    far: Vec<Held>,
    others: Vec<Others>,
    signals: Vec<u64>,
    reduced: [f64; 1],
    straight: bool,
    /// Whether vectors of rows have runs of their own.
    apart: bool,
    seed: u64,
    tick: u32,
    time: f64,
}

impl Data {
    /// Random data for a body.
    pub fn new(program: &Program, body: &Body, numbers: &mut Numbers) -> Self {
        let slots = Slots::of(program, body);
        let count = 1 + numbers.below(40);
        let room = room_of(count);
        let (straight, apart) = (numbers.once_in(2), numbers.once_in(2));
        let first = numbers.below(20) as u32;
        let rows = (0..room as u32).map(|lane| first + lane.min(count as u32 - 1)).collect();
        let column = |numbers: &mut Numbers, slot: &Slot, len: usize| {
            let position = program.groups.values().any(|group| group.position.contains(&slot.column))
                || slot.column.number() % 13 < 4;
            Held::new(slot.scalar, len, || match slot.scalar {
                Scalar::F32 if position && straight => Value::F32(numbers.unit() as f32 * 0.4 * SIDE),
                Scalar::F64 if position && straight => Value::F64(numbers.unit() * 0.4 * f64::from(SIDE)),
                Scalar::F32 if position && !numbers.once_in(8) => Value::F32(numbers.unit() as f32 * SIDE),
                Scalar::F64 if position && !numbers.once_in(8) => Value::F64(numbers.unit() * f64::from(SIDE)),
                scalar => numbers.value(scalar),
            })
        };
        let mut begin: Vec<usize> = slots.own.iter().map(|slot| usize::from(slot.offset != [0; 3])).collect();
        let mut own: Vec<Held> =
            slots.own.iter().zip(&begin).map(|(slot, begin)| column(numbers, slot, begin + room)).collect();
        begin.resize(begin.len() + slots.data.len(), 0);
        own.extend(slots.data.iter().map(|(_, scalar)| Held::new(*scalar, room, || numbers.value(*scalar))));
        let mut far = Vec::new();
        for slot in &slots.far {
            let len = if numbers.once_in(5) { 0 } else { numbers.below(50) };
            far.push(column(numbers, slot, len));
        }
        let mut others = Vec::new();
        for (walked, slots) in body.loops.values().zip(&slots.loops) {
            let places = numbers.below(24);
            let mut it = Others { runs: Vec::new(), starts: Vec::new(), rows: None, columns: Vec::new() };
            for slot in &slots.columns {
                it.columns.push(column(numbers, slot, places));
            }
            match walked.over {
                Over::Within { .. } | Over::Group(_) | Over::Far { .. } => {
                    for _ in 0..numbers.below(if apart { 12 } else { 4 }) {
                        let (a, b) = (numbers.below(places + 1) as u32, numbers.below(places + 1) as u32);
                        it.runs.push(Run { start: a.min(b), end: a.max(b), own: numbers.once_in(2) });
                    }
                    let listed = numbers.once_in(2);
                    it.rows = listed.then(|| (0..places).map(|_| numbers.below(40) as u32).collect());
                }
                _ => {
                    let mut rows = Vec::new();
                    it.starts.push(0);
                    for lane in 0..room {
                        if lane < count && places > 0 {
                            (0..numbers.below(6)).for_each(|_| rows.push(numbers.below(places) as u32));
                        }
                        it.starts.push(rows.len() as u32);
                    }
                    it.rows = Some(rows);
                }
            }
            others.push(it);
        }
        let signals = SCALARS.iter().map(|scalar| bits(numbers.value(*scalar))).collect();
        let reduced = [numbers.unit()];
        let (seed, tick, time) = (numbers.bits(), numbers.bits() as u32, numbers.unit());
        Self { count, rows, own, begin, far, others, signals, reduced, straight, apart, seed, tick, time }
    }

    /// Two own columns and nothing else.
    pub fn own(columns: [&mut dyn Iterator<Item = Value>; 2], scalar: Scalar, count: usize) -> Self {
        let room = room_of(count);
        let zero = diptych_protocol::eval::convert(Value::U8(0), scalar);
        let own = columns.map(|values| Held::new(scalar, room, || values.next().unwrap_or(zero)));
        Self {
            count,
            rows: (0..room as u32).collect(),
            own: own.into(),
            begin: vec![0; 2],
            far: Vec::new(),
            others: Vec::new(),
            signals: Vec::new(),
            reduced: [0.0],
            straight: false,
            apart: false,
            seed: 1,
            tick: 2,
            time: 0.0,
        }
    }

    /// Takes the room past the rows away from the own columns, which breaks the contract.
    pub fn cut(&mut self) {
        for held in &mut self.own {
            if let Held::F32(values) = held {
                values.truncate(self.count);
            }
        }
    }

    /// Runs `f` with the block, for vectors of so many rows.
    pub fn block<R>(&self, program: &Program, body: &Body, lanes: usize, f: impl FnOnce(&Block<'_>) -> R) -> R {
        let own = self.own.iter().map(Held::values).zip(&self.begin);
        let own: Vec<Values<'_>> = own.map(|(values, &begin)| values.range(begin..values.len())).collect();
        let far: Vec<Values<'_>> = self.far.iter().map(Held::values).collect();
        let columns: Vec<Vec<Values<'_>>> =
            self.others.iter().map(|it| it.columns.iter().map(Held::values).collect()).collect();
        let vectors = self.count.div_ceil(lanes);
        let ends = |it: &Others| (1..=vectors).map(|end| (it.runs.len() * end / vectors) as u32).collect();
        let ends: Vec<Vec<u32>> = self.others.iter().map(ends).collect();
        let loops: Vec<Turns<'_>> = body
            .loops
            .values()
            .zip(&self.others)
            .zip(columns.iter().zip(&ends))
            .map(|((walked, it), (columns, ends))| match walked.over {
                Over::Within { .. } | Over::Group(_) | Over::Far { .. } => Turns::Shared(Shared {
                    runs: &it.runs,
                    apart: self.apart.then_some(Apart { lanes, ends }),
                    rows: it.rows.as_deref(),
                    columns,
                    straight: self.straight,
                }),
                Over::Count { .. } => Turns::Count,
                _ => Turns::Lists(Lists { starts: &it.starts, rows: it.rows.as_ref().unwrap(), columns }),
            })
            .collect();
        let uniforms = Uniforms {
            seed: self.seed,
            tick: self.tick,
            frame: self.tick.saturating_sub(2),
            time: self.time,
            signals: &self.signals,
            reduced: &self.reduced,
            space: &program.space,
        };
        f(&Block { count: self.count, rows: &self.rows, own: &own, far: &far, loops: &loops, uniforms })
    }
}

/// The bits of a value, in the low end.
pub fn bits(value: Value) -> u64 {
    match value {
        Value::F32(x) => u64::from(x.to_bits()),
        Value::F64(x) => x.to_bits(),
        Value::I8(x) => u64::from(x as u8),
        Value::I16(x) => u64::from(x as u16),
        Value::I32(x) => u64::from(x as u32),
        Value::U8(x) => u64::from(x),
        Value::U16(x) => u64::from(x),
        Value::U32(x) => u64::from(x),
        Value::Bool(x) => u64::from(x),
    }
}

/// Room for what comes out.
pub fn outputs(program: &Program, body: &Body, count: usize) -> Vec<Held> {
    let scalars = Slots::of(program, body).out;
    let zero = |scalar: Scalar| diptych_protocol::eval::convert(Value::U8(1), scalar);
    scalars.into_iter().map(|scalar| Held::new(scalar, room_of(count), || zero(scalar))).collect()
}

/// Room for any number of lanes.
fn room_of(count: usize) -> usize {
    count.next_multiple_of(LANES_MAX)
}
