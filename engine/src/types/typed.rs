//! Typed expressions: what the checker makes and lowering flattens.

use diptych_protocol::body::{Binary, Compare, Unary};
use diptych_protocol::eval;
use diptych_protocol::graph::NodeKind;
use diptych_protocol::program::{Span, When};
use diptych_protocol::raster::Offset;
use diptych_protocol::types::{NO_ROW, Scalar, Sort, Type, Value};

use crate::lower::expressions::Flattener;
use crate::types::Place;

/// An expression with its type.
#[derive(Clone, PartialEq, Debug)]
pub struct Typed {
    /// The type.
    pub ty: Type,
    /// What it is.
    pub kind: Kind,
}

/// A local variable of a body.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Local(pub usize);

/// A loop of a body.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Turn(pub usize);

/// A component of whose row is read.
#[derive(Clone, PartialEq, Debug)]
pub enum Whose {
    /// The own.
    Own,
    /// That of a loop's other.
    Other(Turn),
    /// That of the cell at an offset.
    Shift(Offset),
    /// That of a reference.
    Of(Box<Typed>),
}

/// A statement of a body.
#[derive(Clone, PartialEq, Debug)]
pub enum Step {
    /// A variable gets a value, its first or another one.
    Set(Local, Typed),
    /// One lane of a variable gets a value.
    SetLane(Local, u8, Typed),
    /// One of two ways.
    If(Typed, Vec<Step>, Vec<Step>),
    /// Turns.
    Loop(Box<Walk>, Vec<Step>),
    /// The turn of the innermost loop asks for something: which number that has in its body, and with which variables.
    Ask(u16, Vec<Local>),
}

impl Step {
    /// As [`Typed::visit`], with all that its statements are made of.
    pub fn visit(&mut self, f: &mut impl FnMut(&mut Typed)) {
        match self {
            Step::Set(_, value) | Step::SetLane(_, _, value) => value.visit(f),
            Step::If(condition, yes, no) => {
                condition.visit(f);
                yes.iter_mut().chain(no).for_each(|step| step.visit(f));
            }
            Step::Loop(walk, body) => {
                walk.filter.iter_mut().for_each(|filter| filter.visit(f));
                match &mut walk.over {
                    Over::Range { first, end } => [first, end].into_iter().for_each(|it| it.visit(f)),
                    Over::Within { radius, point, .. } => {
                        radius.visit(f);
                        point.iter_mut().for_each(|it| it.visit(f));
                    }
                    Over::Nearest { point, .. } => point.iter_mut().for_each(|it| it.visit(f)),
                    Over::Group(_)
                    | Over::Around(_)
                    | Over::By { .. }
                    | Over::Far(_)
                    | Over::Members(_)
                    | Over::Holder(_) => {}
                }
                body.iter_mut().for_each(|step| step.visit(f));
            }
            Step::Ask(..) => {}
        }
    }
}

/// What a loop goes over.
#[derive(Clone, PartialEq, Debug)]
pub struct Walk {
    /// The loop.
    pub turn: Turn,
    /// What it goes over.
    pub over: Over,
    /// Whether a turn counts, beside the radius.
    pub filter: Option<Typed>,
}

/// What a loop goes over.
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub enum Over {
    Range {
        first: Typed,
        end: Typed,
    },
    Group(usize),
    /// The cells at these offsets.
    Around(Vec<Offset>),
    Within {
        index: usize,
        /// `f32`: a constant, or of the row.
        radius: Typed,
        /// Where distances are measured from, if not from the own position.
        point: Option<Typed>,
    },
    Nearest {
        index: usize,
        count: u16,
        point: Option<Typed>,
    },
    By {
        inverse: usize,
    },
    /// Near rows, and summaries of what is far, of this index.
    Far(usize),
    /// The rows of a bucket of this index.
    Members(usize),
    /// The bucket of this index that holds the own row.
    Holder(usize),
}

/// The kinds of typed expressions. Operations work lane by lane; a scalar operand goes with every lane.
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub enum Kind {
    /// One value a lane.
    Const(Vec<Value>),
    /// The number of the row.
    Row,
    /// An earlier component of the same blueprint, by its place.
    Component(usize),
    Lane(Box<Typed>, u8),
    /// Of scalars.
    Vector(Vec<Typed>),
    /// A variable.
    Local(Local),
    /// A component, `prev` or fresh.
    Read {
        place: Place,
        when: When,
        whose: Whose,
    },
    /// The other's row; of a range the counter.
    Other(Turn),
    /// The row that a matching has paired the own one with, which is of this side.
    Partner {
        matching: usize,
        side: usize,
    },
    /// Whether a reference is to a row that is there.
    Alive(Box<Typed>),
    /// The row that a reference is to, [`NO_ROW`] if there is none (`u32`).
    RowOf(Box<Typed>),
    /// The row that a birth asks for: its first name, how many names each row has, and which of these it is.
    Newborn {
        first: u32,
        most: u32,
        nth: Option<Local>,
    },
    /// A coordinate of the own cell.
    Coordinate(u8),
    /// The cell at an offset from the own one.
    Shifted(Offset),
    /// The cell that a point is in.
    CellUnder {
        group: usize,
        point: Box<Typed>,
    },
    /// One of the cells whose centres a point is between: bit by bit the lower or the higher one along x, y, z.
    Corner {
        group: usize,
        point: Box<Typed>,
        corner: u8,
    },
    /// How far a point is from the lower to the higher of these centres along an axis, 0 to 1.
    Between {
        group: usize,
        point: Box<Typed>,
        axis: u8,
    },
    /// The middle of a cell.
    Centre {
        group: usize,
        cell: Box<Typed>,
    },
    /// From the own position to the other's.
    Delta(Turn),
    /// The number of the state that is started from; in signals, of the state they are about.
    Frame,
    /// That number times the time step.
    Time,
    /// The lanes of a signal, from its first.
    Signal(usize),
    /// What a reduction of the finished state comes to: its place, and which of its results.
    Reduced(usize, u16),
    /// What a publication gives of some row in this frame; or `whether` it does.
    Published {
        publication: usize,
        whether: bool,
        whose: Whose,
    },
    /// A place of the graph of quantities.
    Noted(Note, Box<Typed>),
    /// What a state block gives, by its place.
    State(usize),
    /// One of the inputs of a state block, within its equations.
    Input(usize, usize),
    /// What a state block of the whole model kept in the state before, and whether there was one; within its equations.
    Kept(usize),
    Started(usize),
    /// A column of the file that the group is made from.
    Data(usize),
    /// One of several, by a number; the ends stand for what is beyond them.
    Choose(Box<Typed>, Vec<Typed>),
    /// Statements, then a value.
    Block(Vec<Step>, Box<Typed>),
    Unary(Unary, Box<Typed>),
    Binary(Binary, Box<Typed>, Box<Typed>),
    Compare(Compare, Box<Typed>, Box<Typed>),
    Select(Box<Typed>, Box<Typed>, Box<Typed>),
    /// To the scalar of the expression's own type.
    Convert(Box<Typed>),
    Call(Function, Vec<Typed>),
    Draw {
        draw: Draw,
        /// Which draw of its initialiser or body.
        ordinal: u32,
        arguments: Vec<Typed>,
        /// The other end, where both ends of a pair draw as one.
        pair: Option<Pair>,
    },
}

/// A place of the graph of quantities that has no name of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Note {
    /// What it is.
    pub kind: NodeKind,
    /// Where it was written.
    pub span: Span,
}

/// The other end of a pair that draws as one.
#[derive(Clone, PartialEq, Debug)]
pub enum Pair {
    /// The other of a loop.
    Turn(Turn),
    /// The row that a reference is to.
    With(Box<Typed>),
}

/// Functions that are more than one operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Function {
    Sign,
    Clamp,
    Length,
    LengthSquared,
    Normalize,
    Dot,
    Distance,
    Polar,
    /// `x - y * floor(x / y)`: for a positive `y` in `0 .. y`.
    Modulo,
    /// `x - floor(x)`.
    Fract,
    /// `a + (b - a) * t`.
    Mix,
    /// 0 below the edge, else 1.
    StepAt,
    /// Hermite's cubic between two edges.
    Smooth,
    /// `sqrt(x * x + y * y)`.
    Hypot,
    /// `0`, `1` or the sign of `y` on `x`.
    CopySign,
    /// In three dimensions.
    Cross,
    /// A vector of two lanes, turned by an angle.
    Rotate,
    /// The angle of a vector of two lanes.
    Heading,
    /// A vector with its length brought between two bounds; the zero vector stays zero.
    ClampLength,
    /// `x * k`.
    Scale,
    /// `x + c`.
    Offset,
    /// `c + (x - a) * ((d - c) / (b - a))`: what goes from a to b, made to go from c to d.
    Remap,
    /// How far beyond `-w .. w`; 0 within.
    DeadBand,
    /// `round(x / s) * s`: the nearest multiple.
    Quantize,
    /// A position brought back into the space.
    Wrap,
    /// From one position to another, the short way.
    Way,
}

/// What is drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Draw {
    Uniform,
    Normal,
    Disc,
    Chance,
    Exponential,
}

impl Typed {
    /// A constant scalar.
    pub fn value(value: Value) -> Self {
        Self { ty: Type::scalar(value.scalar()), kind: Kind::Const(vec![value]) }
    }

    /// Zero in every lane; of references: none.
    pub fn zero(ty: Type) -> Self {
        let value = match ty.sort {
            Sort::Entity(_) => Value::U32(NO_ROW),
            _ => eval::convert(Value::F64(0.0), ty.scalar),
        };
        Self { ty, kind: Kind::Const(vec![value; usize::from(ty.lanes)]) }
    }

    /// What every value is below (or above).
    pub fn extreme(ty: Type, above: bool) -> Self {
        let far = if above { f64::INFINITY } else { f64::NEG_INFINITY };
        let value = eval::convert(Value::F64(far), ty.scalar);
        Self { ty, kind: Kind::Const(vec![value; usize::from(ty.lanes)]) }
    }

    /// An expression; computed at once where all parts are constant, by the same code and the same reference as at
    /// run time, so that it makes no difference to the bits.
    pub fn new(ty: Type, kind: Kind) -> Self {
        let typed = Self { ty, kind };
        let constant = match &typed.kind {
            Kind::Lane(a, _) | Kind::Unary(_, a) | Kind::Convert(a) => a.constant().is_some(),
            Kind::Vector(all) | Kind::Call(_, all) => all.iter().all(|a| a.constant().is_some()),
            Kind::Binary(_, a, b) | Kind::Compare(_, a, b) => a.constant().is_some() && b.constant().is_some(),
            Kind::Select(c, a, b) => [c, a, b].iter().all(|e| e.constant().is_some()),
            Kind::Choose(at, all) => at.constant().is_some() && all.iter().all(|a| a.constant().is_some()),
            _ => false,
        };
        if !constant {
            return typed;
        }
        match typed.fold() {
            Some(values) => Self { ty, kind: Kind::Const(values) },
            None => typed,
        }
    }

    fn fold(&self) -> Option<Vec<Value>> {
        let mut flattener = Flattener::for_constants();
        let lanes = flattener.lanes(self);
        lanes.into_iter().map(|lane| flattener.builder.known(lane)).collect()
    }

    /// The values of the lanes, if they are known.
    pub fn constant(&self) -> Option<&[Value]> {
        match &self.kind {
            Kind::Const(values) => Some(values),
            _ => None,
        }
    }

    /// The value of a constant scalar.
    pub fn scalar(&self) -> Option<Value> {
        match self.constant() {
            Some([value]) => Some(*value),
            _ => None,
        }
    }

    /// Calls with each expression in it, parts first, to change it.
    pub fn visit(&mut self, f: &mut impl FnMut(&mut Typed)) {
        match &mut self.kind {
            Kind::Lane(a, _)
            | Kind::Unary(_, a)
            | Kind::Convert(a)
            | Kind::Alive(a)
            | Kind::RowOf(a)
            | Kind::Noted(_, a) => {
                a.visit(f);
            }
            Kind::CellUnder { point: a, .. } | Kind::Corner { point: a, .. } | Kind::Between { point: a, .. } => {
                a.visit(f)
            }
            Kind::Centre { cell, .. } => cell.visit(f),
            Kind::Read { whose: Whose::Of(of), .. } | Kind::Published { whose: Whose::Of(of), .. } => of.visit(f),
            Kind::Vector(all) | Kind::Call(_, all) | Kind::Draw { arguments: all, .. } => {
                all.iter_mut().for_each(|it| it.visit(f));
            }
            Kind::Binary(_, a, b) | Kind::Compare(_, a, b) => [a, b].into_iter().for_each(|it| it.visit(f)),
            Kind::Select(c, a, b) => [c, a, b].into_iter().for_each(|it| it.visit(f)),
            Kind::Choose(at, all) => {
                at.visit(f);
                all.iter_mut().for_each(|it| it.visit(f));
            }
            Kind::Block(steps, value) => {
                steps.iter_mut().for_each(|step| step.visit(f));
                value.visit(f);
            }
            Kind::Const(_)
            | Kind::Row
            | Kind::Newborn { .. }
            | Kind::Component(_)
            | Kind::Local(_)
            | Kind::Partner { .. }
            | Kind::Read { .. }
            | Kind::Other(_)
            | Kind::Coordinate(_)
            | Kind::Shifted(_)
            | Kind::Delta(_)
            | Kind::Frame
            | Kind::Time
            | Kind::Signal(_)
            | Kind::Reduced(..)
            | Kind::Published { .. }
            | Kind::State(_)
            | Kind::Input(..)
            | Kind::Kept(_)
            | Kind::Started(_)
            | Kind::Data(_) => {}
        }
        f(self);
    }

    /// The same with lanes of another type.
    #[must_use]
    pub fn converted(self, scalar: Scalar) -> Self {
        if self.ty.scalar == scalar {
            return self;
        }
        let ty = Type::vector(scalar, self.ty.lanes);
        Self::new(ty, Kind::Convert(Box::new(self)))
    }
}

/// What checking an expression gives.
#[derive(Clone, PartialEq, Debug)]
pub enum Checked {
    /// A number written without a type: it becomes what it meets.
    Int(i128),
    /// A float written without a type.
    Float(f64),
    /// Everything else.
    Typed(Typed),
    /// The reference to no row: of the group that is expected.
    None,
    /// Several of one type, known when compiled.
    Array(Vec<Typed>),
    /// Told already.
    Error,
}

impl Checked {
    /// The type for people, the scenario's own types by their names.
    pub fn called(&self, types: &crate::diagnostic::TypeNames) -> String {
        match self {
            Checked::Typed(typed) => format!("`{}`", types.of(typed.ty)),
            other => other.describe(),
        }
    }

    /// The type for people.
    pub fn describe(&self) -> String {
        match self {
            Checked::Int(_) => "an integer".into(),
            Checked::Float(_) => "a float".into(),
            Checked::Typed(typed) => format!("`{}`", typed.ty),
            Checked::None => "`none`".into(),
            Checked::Array(all) => format!("an array of {}", all.len()),
            Checked::Error => "an error".into(),
        }
    }
}
