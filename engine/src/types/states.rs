//! State blocks: functions that remember. What one remembers is declared as data, a [`State`] with a key of its own; nothing
//! is hidden in a closure, and where it is kept is decided when lowering.
//!
//! A block has inputs `x`, remembers `m`, and gives `y`. In the first state (of the run; of a row, its own first one) there
//! is nothing to remember yet. `dt` is the time step. In the equations `m` is what was kept in the state before, and `m'`
//! what is kept in this one.
//!
//! | block | first state | then |
//! |---|---|---|
//! | `delay(x, first)` | y = first (x if left out), m' = x | y = m, m' = x |
//! | `lag(x, tau)` | y = m' = x | y = m' = m + (x - m)(1 - exp(-dt / tau)) |
//! | `slew(x, up, down)` | y = m' = x | y = m' = m + clamp(x - m, -down dt, up dt) |
//! | `phasor(rate, start)` | y = m' = fract(start) | y = m' = fract(m + rate dt) |
//! | `hold(x, c)` | y = m' = x | y = m' = x if c, else m |
//! | `accumulate(x, c)` | y = m' = x | y = m' = x if c, else m + x |
//! | `latch(set, reset)` | y = m' = set and not reset | y = m' = (m or set) and not reset |
//! | `rises(c)`, `falls(c)` | y = false, m' = c | y = c and not m (m and not c), m' = c |
//! | `crosses(x, level)` | y = false, m' = (x >= level) | y = (m' != m), m' = (x >= level) |
//! | `starts()` | y = true | y = false |
//!
//! The lag is the exact solution of `tau dy/dt = x - y` over a step in which x stays what it is (zero-order hold; see
//! Franklin, Powell and Workman, *Digital Control of Dynamic Systems*, 3rd edition, section 4.3.3).

pub(super) mod equations;

use diptych_protocol::program::{Span, When};
use diptych_protocol::types::{Scalar, Sort, Type, Value};

use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::resolve;
use crate::syntax::ast::{Expr, Name};
use crate::types::Place;
use crate::types::convert::coerce;
use crate::types::expressions::Checker;
use crate::types::outputs::SignalState;
use crate::types::states::equations::{equations, select};
use crate::types::typed::{Checked, Kind, Typed, Whose};

/// What a block remembers, and what it makes of it.
#[derive(Debug)]
pub struct State {
    /// Who has it, and which block: `policy/lag`. Nothing unrelated in the text changes it.
    pub key: String,
    /// Where it was written.
    pub span: Span,
    /// What goes in; nothing of what is not checked yet.
    pub inputs: Vec<Option<Typed>>,
    /// What comes out.
    pub out: Typed,
    /// What is kept for the next state.
    pub keep: Typed,
    /// The member that keeps it, of a block with a value a row.
    pub place: Option<Place>,
}

/// Whose state blocks are being checked.
#[derive(Clone, Debug)]
pub(super) struct Memory {
    /// The name of the signal, bus or field.
    pub owner: String,
    /// Of a field: its rows.
    pub rows: Option<Rows>,
}

/// The rows whose state blocks are being checked.
#[derive(Clone, Debug)]
pub(super) struct Rows {
    pub group: usize,
    /// Whether they are in their first state: then it is the blueprint that keeps something.
    pub first: bool,
    /// The member that says whether the row has had a frame, where the blueprint does not know the first state.
    pub begun: Option<usize>,
    /// The members that keep something, in the order of the blocks.
    pub members: Vec<usize>,
    /// Blocks met so far.
    pub met: usize,
}

/// An input that leans on what is being checked.
#[derive(Debug)]
pub(super) struct Later {
    state: usize,
    input: usize,
    ty: Type,
    expr: Expr,
    owner: String,
}

/// The kinds of blocks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Block {
    Delay,
    Lag,
    Slew,
    Phasor,
    Hold,
    Accumulate,
    Latch,
    Rises,
    Falls,
    Crosses,
    Starts,
}

/// The blocks by their names, with the fewest and the most arguments they take.
pub(super) const BLOCKS: [(&str, Block, usize, usize); 11] = [
    ("delay", Block::Delay, 1, 2),
    ("lag", Block::Lag, 2, 2),
    ("slew", Block::Slew, 2, 3),
    ("phasor", Block::Phasor, 1, 2),
    ("hold", Block::Hold, 2, 2),
    ("accumulate", Block::Accumulate, 1, 2),
    ("latch", Block::Latch, 2, 2),
    ("rises", Block::Rises, 1, 1),
    ("falls", Block::Falls, 1, 1),
    ("crosses", Block::Crosses, 2, 2),
    ("starts", Block::Starts, 0, 0),
];

fn is_number(ty: Type) -> bool {
    ty.sort == Sort::Plain && ty.scalar != Scalar::Bool
}

/// Whether a function is a state block.
pub(super) fn is_block(name: &str) -> bool {
    BLOCKS.iter().any(|(known, ..)| *known == name)
}

impl Checker<'_, '_> {
    /// A block, by its name.
    pub(super) fn state_block(&mut self, block: Block, name: &Name, arguments: &[Expr], span: Span) -> Checked {
        let inner = self.rule.as_ref().is_some_and(|rule| !rule.open.is_empty());
        let rows = self.memory.as_ref().is_some_and(|memory| memory.rows.is_some());
        let of_rows = self.rule.as_ref().is_some_and(|rule| rule.group.is_some());
        if self.memory.is_none() || inner || (of_rows && !rows) {
            let reduced = of_rows && self.is_of_states();
            let what = match (inner, reduced) {
                (true, _) => ", and stands in no loop",
                (_, true) => ", and stands in no reduction",
                _ => "",
            };
            let message = format!(
                "`{}` remembers: it belongs to a signal, an event, a field or a bus of the whole model{what}",
                name.text
            );
            let error = Diagnostic::error(codes::E0418, span, message);
            return self.error(error.help(match (inner, reduced) {
                (false, true) => "of each row: `field a for G = ...`; of what rows come to: `lag(mean(...), 2)`",
                _ => "name it, `signal a = ...` or `field a for GROUP = ...`, and use that name here",
            }));
        }
        let (_, _, fewest, most) = BLOCKS.iter().copied().find(|it| it.1 == block).unwrap_or(BLOCKS[0]);
        if arguments.len() < fewest || arguments.len() > most {
            return self.wrong_count(name, if arguments.len() < fewest { fewest } else { most }, arguments.len());
        }
        let Some((inputs, late)) = self.inputs(block, name, arguments) else { return Checked::Error };
        let number = self.model.states.len();
        let Some(out) = self.remember(block, &name.text, span, inputs) else { return Checked::Error };
        if let Some((ty, expr)) = late {
            let owner = self.memory.as_ref().map_or(String::new(), |memory| memory.owner.clone());
            self.later.push(Later { state: number, input: 0, ty, expr, owner });
        }
        Checked::Typed(out)
    }

    /// What goes in, in one type where it must be; and what is to be checked later, with the type it must have.
    #[expect(clippy::type_complexity, reason = "two lists that are taken apart at once")]
    fn inputs(
        &mut self,
        block: Block,
        name: &Name,
        arguments: &[Expr],
    ) -> Option<(Vec<Option<Typed>>, Option<(Type, Expr)>)> {
        let float = |typed: Typed| match typed.ty.scalar {
            scalar if scalar.is_float() => typed,
            _ => typed.converted(Scalar::F64),
        };
        let number = |checker: &mut Self, at: usize, scalar: Option<Scalar>| -> Option<Typed> {
            let typed = checker.single(&arguments[at], scalar.or(Some(Scalar::F64)))?;
            let single = matches!(block, Block::Crosses | Block::Phasor);
            if is_number(typed.ty) && (typed.ty.lanes == 1 || !single) {
                return Some(typed);
            }
            let (what, ty) = (if single { "a number" } else { "numbers" }, checker.type_name(typed.ty));
            let message = format!("`{}` takes {what}, not `{ty}`", name.text);
            let error = Diagnostic::error(codes::E0302, arguments[at].span, message);
            let lane = (is_number(typed.ty)).then(|| "choose a lane: `.x`".to_string());
            checker.diagnostics.push(error.maybe_help(lane));
            None
        };
        let condition = |checker: &mut Self, at: usize| {
            arguments.get(at).map(|it| checker.truth(it, &format!("what `{}` is asked", name.text)))
        };
        // What goes with x is of its precision, and not a vector.
        let beside = |checker: &mut Self, at: usize, x: &Typed| -> Option<Typed> {
            let checked = checker.check(&arguments[at], Some(x.ty.scalar));
            let checked = match checked {
                Checked::Typed(typed) if typed.ty.lanes == 1 && is_number(typed.ty) => {
                    Checked::Typed(typed.converted(x.ty.scalar))
                }
                other => other,
            };
            let what = format!("what `{}` takes beside its first argument", name.text);
            coerce(checked, Type::scalar(x.ty.scalar), arguments[at].span, &what, checker.diagnostics)
        };
        let mut all: Vec<Option<Typed>> = Vec::new();
        match block {
            Block::Delay => {
                if let [x, first] = arguments
                    && self.leans(x)
                {
                    // Most that signals are made of is of this precision.
                    let first = match self.check(first, None) {
                        Checked::Float(number) => Typed::value(Value::F64(number)),
                        _ => self.single(first, None)?,
                    };
                    let ty = first.ty;
                    return Some((vec![None, Some(first)], Some((ty, x.clone()))));
                }
                let x = self.single(&arguments[0], None)?;
                let ty = x.ty;
                all.push(Some(x));
                if let Some(first) = arguments.get(1) {
                    let checked = self.check(first, Some(ty.scalar));
                    let what = format!("the first value of `{}`", name.text);
                    all.push(Some(coerce(checked, ty, first.span, &what, self.diagnostics)?));
                }
            }
            Block::Lag | Block::Slew | Block::Phasor => {
                let x = float(number(self, 0, None)?);
                for at in 1..arguments.len() {
                    all.push(Some(beside(self, at, &x)?));
                }
                all.insert(0, Some(x));
            }
            Block::Crosses => {
                let x = number(self, 0, None)?;
                let level = beside(self, 1, &x)?;
                all = vec![Some(x), Some(level)];
            }
            Block::Hold => all = vec![Some(self.single(&arguments[0], None)?), Some(condition(self, 1)??)],
            Block::Accumulate => {
                all.push(Some(number(self, 0, None)?));
                if let Some(condition) = condition(self, 1) {
                    all.push(Some(condition?));
                }
            }
            Block::Latch => all = vec![Some(condition(self, 0)??), Some(condition(self, 1)??)],
            Block::Rises | Block::Falls => all.push(Some(condition(self, 0)??)),
            Block::Starts => {}
        }
        Some((all, None))
    }

    /// Declares what a block remembers; gives what comes out of it.
    fn remember(&mut self, block: Block, word: &str, span: Span, inputs: Vec<Option<Typed>>) -> Option<Typed> {
        let number = self.model.states.len();
        let ty = |at: usize| inputs.get(at).and_then(Option::as_ref).map(|it| it.ty);
        let kept = match block {
            Block::Rises | Block::Falls | Block::Crosses | Block::Latch | Block::Starts => Type::scalar(Scalar::Bool),
            _ => ty(0).or(ty(1))?,
        };
        let inputs_seen: Vec<Typed> =
            (0..inputs.len()).map(|at| Typed { ty: ty(at).unwrap_or(kept), kind: Kind::Input(number, at) }).collect();
        let key = self.key(word);
        let dt = self.model.run.dt;
        let memory = self.memory.as_mut()?;
        let (place, out, keep) = match &mut memory.rows {
            None => {
                let before = Typed { ty: kept, kind: Kind::Kept(number) };
                let (y, m) = equations(block, &inputs_seen, Some(&before), dt)?;
                let (first, begun) = equations(block, &inputs_seen, None, dt)?;
                let started = || Typed { ty: Type::scalar(Scalar::Bool), kind: Kind::Started(number) };
                (None, select(started(), y, first), select(started(), m, begun))
            }
            Some(rows) => {
                let (group, first, begun) = (rows.group, rows.first, rows.begun);
                let known = rows.members.get(rows.met).copied();
                rows.met += 1;
                let member = known.unwrap_or_else(|| self.keeper(group, &key, kept, span));
                if let (None, Some(rows)) = (known, self.memory.as_mut().and_then(|memory| memory.rows.as_mut())) {
                    rows.members.push(member);
                }
                if first {
                    let inputs: Vec<Typed> = inputs.into_iter().flatten().collect();
                    let (out, keep) = equations(block, &inputs, None, dt)?;
                    self.model.groups[group].members[member].value = Some(keep);
                    return Some(out);
                }
                let read = |ty: Type, member: usize| {
                    let kind = Kind::Read { place: Place { group, member }, when: When::Prev, whose: Whose::Own };
                    Typed { ty, kind }
                };
                let before = read(kept, member);
                let (mut out, mut keep) = equations(block, &inputs_seen, Some(&before), dt)?;
                if let Some(begun) = begun {
                    let (first, begins) = equations(block, &inputs_seen, None, dt)?;
                    let begun = read(Type::scalar(Scalar::Bool), begun);
                    out = select(begun.clone(), out, first);
                    keep = select(begun, keep, begins);
                }
                (Some(Place { group, member }), out, keep)
            }
        };
        let ty = out.ty;
        self.model.states.push(State { key, span, inputs, out, keep, place });
        Some(Typed { ty, kind: Kind::State(number) })
    }

    /// A key: the owner, the functions that the block stands in, its name, and a number where there are several.
    fn key(&mut self, word: &str) -> String {
        let owner = self.memory.as_ref().map_or("", |memory| memory.owner.as_str());
        let functions = self.inlining.iter().map(|at| self.names.functions[*at].name.text.as_str());
        let path: Vec<&str> = std::iter::once(owner).chain(functions).chain([word]).collect();
        let key = path.join("/");
        let count = self.keys.entry(key.clone()).or_insert(0);
        *count += 1;
        if *count == 1 { key } else { format!("{key}#{count}") }
    }

    /// Whether an expression leans on a signal that is being checked.
    fn leans(&self, expr: &Expr) -> bool {
        if !self.scope.is_empty() {
            return false;
        }
        let mut open = resolve::signals_of(self.names, expr);
        let mut seen = vec![false; self.signals.len()];
        while let Some(at) = open.pop() {
            match self.signals[at] {
                SignalState::Open(_) => return true,
                SignalState::New if !std::mem::replace(&mut seen[at], true) => {
                    for part in self.names.signals[at].parts() {
                        open.extend(resolve::signals_of(self.names, part));
                    }
                }
                _ => {}
            }
        }
        false
    }

    /// Checks what was put off: by now all signals are known.
    pub(super) fn late_inputs(&mut self) {
        while let Some(Later { state, input, ty, expr, owner }) = self.later.pop() {
            let memory = self.memory.replace(Memory { owner, rows: None });
            let checked = self.check(&expr, Some(ty.scalar));
            self.memory = memory;
            let first = "what it is delayed from, which has the type of its first value,";
            self.model.states[state].inputs[input] = coerce(checked, ty, expr.span, first, self.diagnostics);
        }
    }
}
