//! Outputs put into a compiled program by hand: reductions, signals, what is made of them.

use std::path::Path;

use diptych::Program;
use diptych::coordinator::{Options, Records};
use diptych::diagnostic::Diagnostics;
use diptych_protocol::body::{At, Binary, Body, Compare, Op};
use diptych_protocol::id::{GroupId, ReductionId, SignalId, ValueId};
use diptych_protocol::program::{Ensure, Record, Recorded, Reduce, Reduction, Signal, Span, When};
use diptych_protocol::types::{Scalar, Type, Value};
use parquet::file::reader::{FileReader, SerializedFileReader};

use crate::shipped;

/// A program that outputs are added to.
pub struct WithOutputs {
    program: Program,
    state: Body,
}

impl WithOutputs {
    /// Begins with a program that has none.
    pub fn of(program: Program) -> Self {
        Self { program, state: Body::default() }
    }

    /// A read of the own row's finished value.
    ///
    /// # Panics
    /// If there is no such column.
    pub fn read(&self, group: &str, name: &str) -> (Scalar, Op) {
        let group = self.program.group(group).unwrap_or_else(|| panic!("no group {group}"));
        let columns = self.program.columns.iter();
        let found = columns.into_iter().find(|(_, c)| c.group == group && c.name() == name);
        let (column, of) = found.unwrap_or_else(|| panic!("no column {name}"));
        let when = if of.owner.is_some() { When::Fresh } else { When::Prev };
        (of.scalar, Op::Read { column, when, at: At::Own })
    }

    /// A reduction; `body` computes the value and, if it is filtered, the condition.
    pub fn reduce(
        &mut self,
        how: Reduce,
        filtered: bool,
        body: impl FnOnce(&Self, &mut Body) -> Vec<ValueId>,
    ) -> ReductionId {
        let mut of = Body::default();
        of.results = body(self, &mut of);
        let body = self.program.bodies.push(of);
        self.program.reductions.push(Reduction { group: GroupId(0), body, filtered, how, span: Span::default() })
    }

    /// An operation of the body of all signals.
    pub fn op(&mut self, scalar: Scalar, op: Op) -> ValueId {
        self.state.push(scalar, op)
    }

    /// A constant in it.
    pub fn constant(&mut self, value: Value) -> ValueId {
        self.op(value.scalar(), Op::Const(value))
    }

    /// A signal of this value.
    pub fn signal(&mut self, name: &str, ty: Type, value: ValueId) -> SignalId {
        self.state.results.push(value);
        self.program.signals.push(Signal { name: name.into(), ty, named: true, span: Span::default() })
    }

    /// A signal that is a reduction.
    pub fn reduced(&mut self, name: &str, reduction: ReductionId) -> SignalId {
        let value = self.op(Scalar::F64, Op::Reduced(self.program.first_reduced(reduction)));
        self.signal(name, Type::scalar(Scalar::F64), value)
    }

    /// A table of signals.
    pub fn record(&mut self, path: &str, every: u32, columns: &[(&str, SignalId)]) {
        let columns = columns.iter().map(|(name, signal)| ((*name).to_string(), *signal)).collect();
        let what = Recorded::Signals(columns);
        self.program.outputs.records.push(Record { path: path.into(), every, what, span: Span::default() });
    }

    /// What must hold.
    pub fn ensure(&mut self, text: &str, holds: SignalId, sides: Option<(SignalId, SignalId)>) {
        let span = Span { start: 3, end: 4 };
        self.program.outputs.ensures.push(Ensure { text: text.into(), holds, sides, span });
    }

    /// When the run ends.
    pub fn until(&mut self, signal: SignalId) {
        self.program.outputs.until = Some(signal);
    }

    /// The program, scheduled again.
    ///
    /// # Panics
    /// If it cannot be.
    #[track_caller]
    pub fn finish(mut self) -> Program {
        self.program.outputs.body = Some(self.program.bodies.push(self.state));
        self.program.steps = diptych_protocol::table::Table::default();
        let mut diagnostics = Diagnostics::default();
        diptych::schedule::schedule(&mut self.program, &mut diagnostics);
        assert!(!diagnostics.failed());
        diptych_protocol::verify::verify(&self.program).unwrap_or_else(|all| panic!("{all:?}"));
        self.program
    }
}

/// The drift scenario.
pub fn drift(rows: u32, frames: u32) -> Program {
    shipped("drift.dip", &[("n", &rows.to_string())], frames)
}

/// Drifting points; signals for each kind of aggregate, and for each kind of value.
pub fn observed(rows: u32, frames: u32) -> WithOutputs {
    let mut with = WithOutputs::of(drift(rows, frames));
    // Those of the left half.
    let in_left = |with: &WithOutputs, body: &mut Body| {
        let (scalar, read) = with.read("points", "Position.x");
        let x = body.push(scalar, read);
        let half = body.push(scalar, Op::Const(Value::F32(50.0)));
        (x, body.push(Scalar::Bool, Op::Compare(Compare::Lt, x, half)))
    };
    let plain = |name: &'static str| {
        move |with: &WithOutputs, body: &mut Body| {
            let (scalar, read) = with.read("points", name);
            vec![body.push(scalar, read)]
        }
    };
    let row = |_: &WithOutputs, body: &mut Body| vec![body.push(Scalar::U32, Op::Row)];
    let left = with.reduce(Reduce::Count, true, |w, b| vec![in_left(w, b).1]);
    let all = with.reduce(Reduce::Count, false, |_, _| vec![]);
    // Of thirds: a sum that rounds, so that its order shows.
    let sum = with.reduce(Reduce::Sum, false, |with, body| {
        let (scalar, read) = with.read("points", "Position.x");
        let x = body.push(scalar, read);
        let wide = body.push(Scalar::F64, Op::Convert(x));
        let three = body.push(Scalar::F64, Op::Const(Value::F64(3.0)));
        vec![body.push(Scalar::F64, Op::Binary(Binary::Div, wide, three))]
    });
    let mean = with.reduce(Reduce::Mean, true, |w, b| <[_; 2]>::from(in_left(w, b)).to_vec());
    let low = with.reduce(Reduce::Min, false, plain("Velocity.y"));
    let high = with.reduce(Reduce::Max, false, plain("Position.y"));
    let rows = with.reduce(Reduce::Sum, false, row);
    for (name, reduction) in
        [("left", left), ("all", all), ("sum", sum), ("mean", mean), ("low", low), ("high", high), ("rows", rows)]
    {
        with.reduced(name, reduction);
    }
    let frame = with.op(Scalar::U32, Op::Frame);
    with.signal("frame", Type::scalar(Scalar::U32), frame);
    let time = with.op(Scalar::F64, Op::Time);
    with.signal("time", Type::scalar(Scalar::F64), time);
    with
}

/// A signal that is true in the states from this one on (or only up to it).
pub fn when(with: &mut WithOutputs, compare: Compare, frame: u32) -> SignalId {
    let now = with.op(Scalar::U32, Op::Frame);
    let then = with.constant(Value::U32(frame));
    let holds = with.op(Scalar::Bool, Op::Compare(compare, now, then));
    with.signal(&format!("{compare:?} {frame}"), Type::scalar(Scalar::Bool), holds)
}

/// The number of the state, among the signals of [`observed`].
pub const FRAME: SignalId = SignalId(7);
/// The sum over all rows, among them.
pub const SUM: SignalId = SignalId(2);

/// Records go to this folder.
pub fn recording(folder: &Path) -> Options {
    Options { records: Some(Records::new(folder, false)), ..Options::default() }
}

/// A record's text.
///
/// # Panics
/// If it cannot be read.
pub fn text(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap()
}

/// The frames that a record has rows of.
///
/// # Panics
/// If one is no number.
pub fn frames_of(text: &str) -> Vec<u32> {
    text.lines().skip(1).map(|line| line.split(',').next().unwrap().parse().unwrap()).collect()
}

/// The rows of a record, as text: the lines of a file of lines, each row of a Parquet file with its names.
///
/// # Panics
/// If it cannot be read, or is not whole.
#[track_caller]
pub fn rows_of(path: &Path) -> Vec<String> {
    let shown = path.display();
    if path.extension().is_none_or(|extension| extension != "parquet") {
        let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{shown}: {e}"));
        assert!(text.is_empty() || text.ends_with('\n'), "{shown} ends within a line");
        return text.lines().map(str::to_string).collect();
    }
    let file = std::fs::File::open(path).unwrap_or_else(|e| panic!("{shown}: {e}"));
    let file = SerializedFileReader::new(file).unwrap_or_else(|e| panic!("{shown}: {e}"));
    let rows = file.get_row_iter(None).unwrap_or_else(|e| panic!("{shown}: {e}"));
    rows.map(|row| row.unwrap_or_else(|e| panic!("{shown}: {e}")).to_string()).collect()
}
