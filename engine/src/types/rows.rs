//! Names and what stands behind them: variables, components of rows, references, arrays.

use diptych_protocol::body::{Binary, Compare};
use diptych_protocol::id::Id;
use diptych_protocol::program::Span;
use diptych_protocol::types::{Scalar, Sort, Type, Value};

use crate::codes;
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::resolve::{BUILT_IN, Meaning};
use crate::syntax::ast::{self, Expr, ExprKind};
use crate::types::convert::coerce;
use crate::types::expressions::Checker;
use crate::types::outputs::SignalType;
use crate::types::rules::{Named, Rule};
use crate::types::typed::{Checked, Kind, Local, Turn, Typed, Whose};

/// What stands behind a value: `.name` or `[i]`.
#[derive(Clone, Copy)]
pub(super) enum Segment<'e> {
    Field(&'e ast::Name),
    Index(&'e Expr),
}

impl Segment<'_> {
    pub(super) fn span(&self) -> Span {
        match self {
            Segment::Field(name) => name.span,
            Segment::Index(expr) => expr.span,
        }
    }
}

/// Takes an expression apart: what it begins with, and what stands behind.
pub(super) fn chain(expr: &Expr) -> (&Expr, Vec<Segment<'_>>) {
    let mut segments = Vec::new();
    let mut at = expr;
    loop {
        match &at.kind {
            ExprKind::Lane(inner, name) => {
                segments.push(Segment::Field(name));
                at = inner;
            }
            ExprKind::Index(inner, index) => {
                segments.push(Segment::Index(index));
                at = inner;
            }
            _ => break,
        }
    }
    segments.reverse();
    (at, segments)
}

impl<'a> Checker<'a, '_> {
    /// A name with what stands behind it; `fresh` if its last read is to be.
    pub(super) fn place(&mut self, expr: &Expr, fresh: Option<Span>, expected: Option<Scalar>) -> Checked {
        let (root, segments) = chain(expr);
        let used = |checker: &mut Self, checked: Checked| {
            if let (Some(span), false) = (fresh, matches!(checked, Checked::Error)) {
                checker.not_fresh(span);
                return Checked::Error;
            }
            checked
        };
        match &root.kind {
            ExprKind::Name(name) => match self.named(name) {
                Some(Named::Local(local)) => {
                    let ty = self.locals[local.0].ty;
                    self.locals[local.0].used = true;
                    let value = Checked::Typed(Typed { ty, kind: Kind::Local(local) });
                    self.behind(value, &segments, fresh)
                }
                Some(Named::Known(value)) => self.behind(value, &segments, fresh),
                Some(Named::Turn(turn)) => self.of_turn(turn, root.span, &segments, fresh),
                None => self.global(name, root.span, &segments, fresh, expected),
            },
            ExprKind::This => {
                let Some(group) = self.own_group().or_else(|| self.group_of_blueprint()) else {
                    return self.outside_system("`self`", root.span);
                };
                let ty = self.names.entity(group);
                let me = Typed { ty, kind: Kind::Row };
                match segments.first() {
                    // `self.Mass` is the own row, read as such.
                    Some(Segment::Field(name)) => {
                        self.component(group, name, root.span, &segments[1..], Whose::Own, fresh)
                    }
                    _ => self.behind(Checked::Typed(me), &segments, fresh),
                }
            }
            _ => {
                let value = self.check(root, expected);
                if segments.is_empty() {
                    return used(self, value);
                }
                self.behind(value, &segments, fresh)
            }
        }
    }

    fn not_fresh(&mut self, span: Span) {
        let error = Diagnostic::error(codes::E0507, span, "`fresh` goes with a component");
        self.diagnostics.push(error.help("write `fresh Velocity`, `fresh other.Velocity`, `fresh To.Velocity`"));
    }

    /// What is only known in a system.
    pub(super) fn outside_system(&mut self, what: &str, span: Span) -> Checked {
        if self.of_another_row(what, span) {
            return Checked::Error;
        }
        let error = Diagnostic::error(codes::E0313, span, format!("{what} is only known in the body of a system"));
        self.error(error)
    }

    /// Tells that something goes with the own row, where the field that it stands in is read of another one.
    pub(super) fn of_another_row(&mut self, what: &str, span: Span) -> bool {
        let other =
            self.floor.is_none() && self.subject.as_ref().is_some_and(|subject| !matches!(subject.whose, Whose::Own));
        if other {
            let message = format!("{what} goes with the own row, and this field is read of another row");
            let error = Diagnostic::error(codes::E0307, span, message);
            self.diagnostics.push(error.help("let a system keep it in a component, and read that"));
        }
        other
    }

    /// The group whose rows a rule is about.
    pub(super) fn own_group(&self) -> Option<usize> {
        let of_other = self.subject.as_ref().is_some_and(|subject| !matches!(subject.whose, Whose::Own));
        let sees = self.floor.is_none() && !of_other;
        self.rule.as_ref().filter(|_| sees).and_then(|rule| rule.group)
    }

    /// The group whose rows a blueprint makes.
    pub(super) fn group_of_blueprint(&self) -> Option<usize> {
        let group = self.group.filter(|_| self.row.is_some() && self.floor.is_none())?;
        self.names.groups.iter().position(|other| std::ptr::eq(*other, group))
    }

    /// What a name stands for in the bodies that are open.
    pub(super) fn named(&self, name: &str) -> Option<Named> {
        let from = self.floor.unwrap_or(0);
        self.scope[from..].iter().rev().find(|(known, _)| known == name).map(|(_, named)| named.clone())
    }

    /// A name that is no variable.
    fn global(
        &mut self,
        name: &str,
        span: Span,
        segments: &[Segment<'_>],
        fresh: Option<Span>,
        expected: Option<Scalar>,
    ) -> Checked {
        let meaning = self.names.meaning(name);
        if let Some(subject) = self.subject.clone()
            && matches!(meaning, Some(Meaning::Component(_)))
        {
            let name = ast::Name { text: name.to_string(), span };
            let owned = self.model.groups[subject.group]
                .members
                .iter()
                .any(|it| it.component == name.text && it.owner.is_some());
            let fresh = fresh.or(subject.fresh.filter(|_| owned));
            return self.component(subject.group, &name, span, segments, subject.whose, fresh);
        }
        if let Some(own) = self.own_group()
            && matches!(meaning, Some(Meaning::Component(_)))
        {
            let name = ast::Name { text: name.to_string(), span };
            return self.component(own, &name, span, segments, Whose::Own, fresh);
        }
        if let Some((value, rest)) = self.of_blueprint(name, span, segments, expected) {
            return self.behind(value, rest, fresh);
        }
        let value = match (name, meaning) {
            ("PI", _) => Checked::Float(std::f64::consts::PI),
            ("TAU", _) => Checked::Float(std::f64::consts::TAU),
            ("time", _) if self.knows_time() => Checked::Typed(self.time()),
            ("frame", _) if self.knows_time() => Checked::Typed(self.frame()),
            ("none", None) => Checked::None,
            ("time" | "frame", _) => return self.outside_system(&format!("`{name}`"), span),
            (_, Some(Meaning::Constant(constant))) => {
                self.used[constant] = true;
                // Without a value it is part of a cycle or wrong itself, and told.
                self.constants[constant].clone().unwrap_or(Checked::Error)
            }
            (_, Some(Meaning::Variant(it, variant))) => {
                let ty = Type::variant(diptych_protocol::id::EnumId::new(it as u32));
                Checked::Typed(Typed { ty, kind: Kind::Const(vec![Value::U8(variant as u8)]) })
            }
            (_, Some(Meaning::Enum(it))) => return self.variant_of(it, name, span, segments, fresh),
            (_, Some(Meaning::Signal(signal))) => self.signal(signal, span),
            (_, Some(Meaning::Field(field))) => return self.field(field, span, segments, fresh),
            (_, Some(Meaning::RowBus(bus))) => return self.row_bus(bus, span, segments, fresh),
            (_, Some(Meaning::Matching(matching))) => {
                return self.partner(matching, name, span, segments, fresh);
            }
            (_, Some(Meaning::Group(group))) => return self.row_of_group(group, name, span, segments, fresh),
            (_, Some(Meaning::Component(_))) => match self.group {
                None => return self.outside(&format!("component `{name}`"), span),
                Some(group) if group.members.iter().any(|member| member.component.text == name) => {
                    let error = Diagnostic::error(codes::E0409, span, format!("`{name}` has no value yet"));
                    return self.error(error.help(format!("give `{name}` its value further up in the blueprint")));
                }
                Some(group) => {
                    let message = format!("group `{}` has no component `{name}`", group.name.text);
                    return self.error(Diagnostic::error(codes::E0506, span, message));
                }
            },
            (_, Some(meaning)) => {
                let message = format!("`{name}` is {}, not a value", meaning.what());
                return self.error(Diagnostic::error(codes::E0204, span, message));
            }
            ("cell", None) => {
                let (axis, rest) = match segments {
                    [Segment::Field(axis), rest @ ..] => (Some(*axis), rest),
                    rest => (None, rest),
                };
                let value = self.coordinate(span, axis);
                return self.behind(value, rest, fresh);
            }
            (_, None) => {
                let hint = {
                    let members = self.row.iter().flatten().map(|member| member.name.as_str());
                    let variables = self.scope[self.floor.unwrap_or(0)..].iter().map(|(name, _)| name.as_str());
                    let values = self.names.all(|meaning| {
                        matches!(
                            meaning,
                            Meaning::Constant(_)
                                | Meaning::Component(_)
                                | Meaning::Variant(..)
                                | Meaning::Signal(_)
                                | Meaning::Matching(_)
                        )
                    });
                    did_you_mean(name, members.chain(variables).chain(values).chain(BUILT_IN))
                };
                let message = format!("there is no value `{name}`");
                self.diagnostics.unknown(name, Diagnostic::error(codes::E0201, span, message).maybe_help(hint));
                return Checked::Error;
            }
        };
        self.behind(value, segments, fresh)
    }

    pub(super) fn knows_time(&self) -> bool {
        self.rule.is_some() || self.begins()
    }

    /// In a blueprint: a component above, or a column of the file.
    fn of_blueprint<'s, 'e>(
        &mut self,
        name: &str,
        span: Span,
        segments: &'s [Segment<'e>],
        expected: Option<Scalar>,
    ) -> Option<(Checked, &'s [Segment<'e>])> {
        if self.floor.is_some() {
            return None;
        }
        if !self.row.iter().flatten().any(|member| member.name == name)
            && let Some(value) = self.column_of_file(name, Type::scalar(expected.unwrap_or(Scalar::F32)))
        {
            return Some((value, segments));
        }
        let row = self.row.as_mut()?;
        // The longest leaf that the text spells: `Body.mass`, `Trail[2].at`.
        let mut spelled = name.to_string();
        let mut taken = 0;
        loop {
            if let Some(place) = row.iter().position(|member| member.name == spelled) {
                row[place].used = true;
                let value = Checked::Typed(Typed { ty: row[place].ty, kind: Kind::Component(place) });
                return Some((value, &segments[taken..]));
            }
            match segments.get(taken) {
                Some(Segment::Field(field)) => spelled.push_str(&format!(".{}", field.text)),
                Some(Segment::Index(Expr { kind: ExprKind::Int(at), .. })) => spelled.push_str(&format!("[{at}]")),
                _ => break,
            }
            taken += 1;
        }
        if row.iter().any(|member| member.component == name) {
            let message = format!("`{name}` is not a single value");
            let error = Diagnostic::error(codes::E0314, span, message);
            let value = self.error(error.help("choose a part: `.field`, or `[0]` with a constant"));
            return Some((value, &[]));
        }
        None
    }

    /// `Health.S`
    fn variant_of(
        &mut self,
        it: usize,
        name: &str,
        span: Span,
        segments: &[Segment<'_>],
        fresh: Option<Span>,
    ) -> Checked {
        let variants = &self.names.enums[it].variants;
        let [Segment::Field(field), rest @ ..] = segments else {
            let error = Diagnostic::error(codes::E0204, span, format!("`{name}` is an enum, not a value"));
            let example = variants.first().map_or("", |variant| variant.text.as_str());
            return self.error(error.help(format!("write one of its variants: `{example}`")));
        };
        match variants.iter().position(|variant| variant.text == field.text) {
            Some(variant) => {
                let ty = Type::variant(diptych_protocol::id::EnumId::new(it as u32));
                let value = Typed { ty, kind: Kind::Const(vec![Value::U8(variant as u8)]) };
                self.behind(Checked::Typed(value), rest, fresh)
            }
            None => {
                let hint = did_you_mean(&field.text, variants.iter().map(|variant| variant.text.as_str()));
                let message = format!("`{name}` has no variant `{}`", field.text);
                self.error(Diagnostic::error(codes::E0314, field.span, message).maybe_help(hint))
            }
        }
    }

    /// `agents[i]`: the reference to a row.
    fn row_of_group(
        &mut self,
        group: usize,
        name: &str,
        span: Span,
        segments: &[Segment<'_>],
        fresh: Option<Span>,
    ) -> Checked {
        let [Segment::Index(index), rest @ ..] = segments else {
            let error = Diagnostic::error(codes::E0204, span, format!("`{name}` is a group, not a value"));
            return self.error(error.help(format!("a row of it is `{name}[i]`; all rows: `for x in {name}`")));
        };
        // By what is written: in a blueprint the groups are not made yet.
        if self.names.groups.get(group).is_some_and(|group| group.max.is_some()) {
            let message = format!("rows of `{name}` come and go: none has a number for good");
            let error = Diagnostic::error(codes::E0521, index.span, message);
            return self.error(error.help("references come from `self`, from loops, `pick` and `argmin`"));
        }
        let row = match self.check(index, Some(Scalar::U32)) {
            Checked::Error => return Checked::Error,
            Checked::Typed(typed) if typed.ty.lanes == 1 && typed.ty.scalar.is_integer() => typed,
            Checked::Int(x) if u32::try_from(x).is_ok() => Typed::value(Value::U32(x as u32)),
            other => {
                let message = format!(
                    "a row is chosen by an integer that is not negative, not by {}",
                    other.called(&self.diagnostics.types)
                );
                let error = Diagnostic::error(codes::E0304, index.span, message);
                return self.error(error.help("convert it: `u32(...)`"));
            }
        };
        // A negative number wraps to one that no group has.
        let ty = self.names.entity(group);
        let mut row = row.converted(Scalar::U32);
        row.ty = ty;
        self.behind(Checked::Typed(row), rest, fresh)
    }

    /// What stands behind a value.
    pub(super) fn behind(&mut self, value: Checked, segments: &[Segment<'_>], fresh: Option<Span>) -> Checked {
        let Some((segment, rest)) = segments.split_first() else {
            if let (Some(span), false) = (fresh, matches!(value, Checked::Error)) {
                self.not_fresh(span);
                return Checked::Error;
            }
            return value;
        };
        match (value, segment) {
            (Checked::Error, _) => Checked::Error,
            (Checked::Array(elements), Segment::Index(index)) => {
                let value = self.choose(elements, index);
                self.behind(value, rest, fresh)
            }
            (Checked::Typed(typed), Segment::Field(name)) => match typed.ty.sort {
                Sort::Entity(group) => {
                    let whose = match typed.kind {
                        Kind::Shifted(offset) => Whose::Shift(offset),
                        _ => Whose::Of(Box::new(typed)),
                    };
                    self.component(group.index(), name, name.span, rest, whose, fresh)
                }
                _ => {
                    let value = self.lane_of(Checked::Typed(typed), name);
                    self.behind(value, rest, fresh)
                }
            },
            (value, Segment::Field(name)) => {
                let value = self.lane_of(value, name);
                self.behind(value, rest, fresh)
            }
            (value, Segment::Index(index)) => {
                let message = format!("{} has no `[...]`", value.called(&self.diagnostics.types));
                let error = Diagnostic::error(codes::E0314, index.span, message);
                self.error(error.help("lanes of a vector are `.x`, `.y`, `.z`"))
            }
        }
    }

    /// One of several by a number.
    pub(super) fn choose(&mut self, elements: Vec<Typed>, index: &Expr) -> Checked {
        match self.check(index, Some(Scalar::I32)) {
            Checked::Error => Checked::Error,
            Checked::Int(at) => match usize::try_from(at).ok().and_then(|at| elements.get(at)) {
                Some(element) => Checked::Typed(element.clone()),
                None => {
                    let message = format!("[{at}] of an array of {}", elements.len());
                    let error = Diagnostic::error(codes::E0311, index.span, message);
                    self.error(error.help(format!("places go from 0 to {}", elements.len() - 1)))
                }
            },
            Checked::Typed(at) if at.ty.lanes == 1 && at.ty.scalar.is_integer() && at.ty.sort == Sort::Plain => {
                let Some(first) = elements.first() else { return Checked::Error };
                let ty = first.ty;
                // Unsigned numbers too large for an `i32` stand for the far end.
                let at = match at.ty.scalar {
                    Scalar::U32 => {
                        let most = Typed::value(Value::U32(i32::MAX as u32));
                        let least = Kind::Binary(Binary::Min, Box::new(at), Box::new(most));
                        Typed::new(Type::scalar(Scalar::U32), least)
                    }
                    _ => at,
                };
                let at = at.converted(Scalar::I32);
                Checked::Typed(Typed::new(ty, Kind::Choose(Box::new(at), elements)))
            }
            other => {
                let message =
                    format!("a place in an array is an integer, not {}", other.called(&self.diagnostics.types));
                self.error(Diagnostic::error(codes::E0304, index.span, message).help("convert it: `i32(...)`"))
            }
        }
    }

    /// A turn's variable, or something of it.
    fn of_turn(&mut self, turn: Turn, root: Span, segments: &[Segment<'_>], fresh: Option<Span>) -> Checked {
        let (group, own) = (self.turns[turn.0].group, self.turns[turn.0].own);
        match (group, segments) {
            (None, _) => {
                let counter = Typed { ty: Type::scalar(Scalar::I32), kind: Kind::Other(turn) };
                self.behind(Checked::Typed(counter), segments, fresh)
            }
            (Some(group), [Segment::Field(component), rest @ ..]) => {
                // In a signal the rows that are gone over are the own ones.
                let whose = if own { Whose::Own } else { Whose::Other(turn) };
                self.component(group, component, component.span, rest, whose, fresh)
            }
            (Some(group), _) => {
                if let Some(error) = self.no_single_row(turn, root) {
                    return self.error(error);
                }
                let ty = self.names.entity(group);
                let kind = if own { Kind::Row } else { Kind::Other(turn) };
                self.behind(Checked::Typed(Typed { ty, kind }), segments, fresh)
            }
        }
    }

    /// A signal's value: in a system, that of the state the frame starts from.
    fn signal(&mut self, signal: usize, span: Span) -> Checked {
        let Some(Rule { system, group, taken, .. }) = &self.rule else {
            return self.outside_system("a signal", span);
        };
        if system.is_none() && group.is_some() && !taken {
            let error = Diagnostic::error(codes::E0415, span, "a signal within a reduction");
            return self.error(error.help("signals are made of reductions: compare outside of it"));
        }
        let of = |ty: Type, number: usize| Typed { ty, kind: Kind::Signal(number) };
        match self.signal_type(signal) {
            Some(SignalType::One(ty)) => Checked::Typed(of(ty, signal)),
            Some(SignalType::Array(ty, numbers)) => Checked::Array(numbers.map(|number| of(ty, number)).collect()),
            None => Checked::Error, // Wrong itself, or in a circle, and told.
        }
    }

    /// A variable of a block.
    pub(super) fn variable(&mut self, name: &ast::Name, ty: Type, mutable: bool) -> Local {
        let local = Local(self.locals.len());
        self.locals.push(super::rules::LocalInfo {
            name: name.text.clone(),
            span: name.span,
            ty,
            mutable,
            used: false,
        });
        self.scope.push((name.text.clone(), Named::Local(local)));
        local
    }

    /// A truth value.
    pub(super) fn truth(&mut self, expr: &Expr, what: &str) -> Option<Typed> {
        match self.check(expr, None) {
            Checked::Error => None,
            Checked::Typed(typed) if typed.ty == Type::scalar(Scalar::Bool) => Some(typed),
            other => {
                let message = format!("{what} is a `bool`, not {}", other.called(&self.diagnostics.types));
                let error = Diagnostic::error(codes::E0310, expr.span, message);
                self.diagnostics.push(error.help("compare: `x > 0`"));
                None
            }
        }
    }

    /// A value with the type that it has by itself; literals become `f32` and `i32`.
    pub(super) fn single(&mut self, expr: &Expr, expected: Option<Scalar>) -> Option<Typed> {
        let checked = self.check(expr, expected);
        self.alone(checked, expr, expected)
    }

    /// The same of what has been checked.
    pub(super) fn alone(&mut self, checked: Checked, expr: &Expr, expected: Option<Scalar>) -> Option<Typed> {
        match checked {
            Checked::Typed(typed) => Some(typed),
            checked @ Checked::Int(_) => {
                let scalar = expected.filter(|scalar| *scalar != Scalar::Bool).unwrap_or(Scalar::I32);
                coerce(checked, Type::scalar(scalar), expr.span, "", self.diagnostics)
            }
            checked @ Checked::Float(_) => {
                let scalar = expected.filter(|scalar| scalar.is_float()).unwrap_or(Scalar::F32);
                coerce(checked, Type::scalar(scalar), expr.span, "", self.diagnostics)
            }
            Checked::None => {
                let error = Diagnostic::error(codes::E0304, expr.span, "`none` of which group is not said");
                let example = "compare it with a reference, or give it a type: `let x: entity of G = none`";
                self.diagnostics.push(error.help(example));
                None
            }
            Checked::Array(_) => {
                let error = Diagnostic::error(codes::E0314, expr.span, "an array is not a single value");
                self.diagnostics.push(error.help("choose one: `[i]`"));
                None
            }
            Checked::Error => None,
        }
    }

    /// Whether one reference, or one variant, is another.
    pub(super) fn same(&mut self, compare: Compare, a: Typed, b: Typed) -> Checked {
        Checked::Typed(Typed::new(Type::scalar(Scalar::Bool), Kind::Compare(compare, Box::new(a), Box::new(b))))
    }
}
