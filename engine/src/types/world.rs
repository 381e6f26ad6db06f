//! Checking what is there once: parameters, constants, the run, the space.

use diptych_protocol::id::{EnumId, Id};
use diptych_protocol::limits::{FRAMES_MAX, WORKERS_MAX};
use diptych_protocol::nan::NanPolicy;
use diptych_protocol::program::Span;
use diptych_protocol::space::{Edge, Space};
use diptych_protocol::types::{Scalar, Sort, Type, Value};

use crate::codes;
use crate::compile::Settings;
use crate::diagnostic::{Diagnostic, Diagnostics, did_you_mean};
use crate::resolve::{Constant, Global, Names};
use crate::syntax::ast::{self, Expr, ExprKind, Setting, SpaceShape};
use crate::syntax::parse_value;
use crate::types::Run;
use crate::types::convert::coerce;
use crate::types::expressions::Checker;
use crate::types::typed::{Checked, Typed};

/// Frames of a run that says nothing else.
pub const FRAMES_DEFAULT: u32 = 100;

impl<'a> Checker<'a, '_> {
    /// Computes all constants, with parameters set from outside; the parameters by name, in the order of the text.
    pub(super) fn constants(&mut self, settings: &Settings) -> Vec<(String, Value)> {
        self.unknown_sets(settings);
        let names = self.names;
        for &at in &names.constant_order {
            let value = match names.constants[at] {
                Constant::Param(param) => self.param(param, settings),
                Constant::Let(constant) => match self.check(&constant.value, None) {
                    Checked::Error => None,
                    value => Some(value),
                },
                // It adapts, as a number that is written: to `f32` or `f64`, as what it meets.
                Constant::Dt(value) => self.time_step(value).map(Checked::Float),
            };
            self.constants[at] = value;
        }
        let params =
            names.constants.iter().zip(&self.constants).filter_map(|(constant, value)| match (constant, value) {
                (Constant::Param(param), Some(Checked::Typed(typed))) => {
                    Some((param.name.text.clone(), typed.scalar()?))
                }
                _ => None,
            });
        params.collect()
    }

    fn unknown_sets(&mut self, settings: &Settings) {
        let params = || {
            self.names.constants.iter().filter_map(|constant| match constant {
                Constant::Param(param) => Some(param.name.text.as_str()),
                _ => None,
            })
        };
        let mut errors = Vec::new();
        for (name, value) in &settings.sets {
            if params().any(|param| param == name) {
                continue;
            }
            let all: Vec<&str> = params().collect();
            let known = match all.as_slice() {
                [] => "the scenario has no parameters".to_string(),
                all => format!(
                    "its parameters are {}",
                    all.iter().map(|p| format!("`{p}`")).collect::<Vec<_>>().join(", ")
                ),
            };
            let error = Diagnostic::error(
                codes::E0403,
                self.names.header,
                format!("--set {name}={value}: there is no parameter `{name}`"),
            );
            let input =
                self.names.signals.iter().any(|it| matches!(it, Global::Input(input) if input.name.text == *name));
            let input = input.then(|| {
                format!("`{name}` is an input: it is set while the scenario runs, by `--commands FILE` with a line `{name} = {value}`")
            });
            errors.push(error.help(input.or_else(|| did_you_mean(name, params())).unwrap_or(known)));
        }
        errors.into_iter().for_each(|error| self.diagnostics.push(error));
    }

    fn param(&mut self, param: &ast::Param, settings: &Settings) -> Option<Checked> {
        let ty = self.scalar_type(&param.type_name)?;
        let what = format!("parameter `{}`", param.name.text);
        let default = self.constant(&param.default, ty, &what);
        let range = match &param.range {
            Some((low, high)) => {
                let (a, b) = (self.constant(low, ty, &what), self.constant(high, ty, &what));
                let (a, b) = (a?, b?);
                if a.as_f64() > b.as_f64() {
                    let message = format!("the range {a} .. {b} holds nothing");
                    self.diagnostics.push(Diagnostic::error(codes::E0405, low.span, message));
                    return None;
                }
                Some((a, b))
            }
            None => None,
        };
        let default = default?;
        let set = settings.sets.iter().rev().find(|(name, _)| *name == param.name.text);
        let (value, span, told) = match set {
            Some((name, text)) => (self.set_value(param, ty, text)?, param.name.span, format!("--set {name}={text}: ")),
            None => (default, param.default.span, String::new()),
        };
        if let Some((low, high)) = range
            && !(low.as_f64()..=high.as_f64()).contains(&value.as_f64())
        {
            let name = &param.name.text;
            let message = format!("{told}parameter `{name}` is {value}, its range is {low} .. {high}, ends included");
            self.diagnostics.push(Diagnostic::error(codes::E0405, span, message));
            return None;
        }
        Some(Checked::Typed(Typed { ty, ..Typed::value(value) }))
    }

    /// A value from outside: a constant expression without names, or a variant: by its name, or, as the program keeps it, its place.
    fn set_value(&mut self, param: &ast::Param, ty: Type, text: &str) -> Option<Value> {
        if let Sort::Enum(of) = ty.sort {
            return self.set_variant(param, of, text);
        }
        let mut inner = Diagnostics::default();
        let names = Names::default();
        let value = parse_value(text, &mut inner).and_then(|expr| {
            let checked = Checker::new(&names, &mut inner).check(&expr, Some(ty.scalar));
            coerce(checked, ty, expr.span, "the parameter", &mut inner)?.scalar()
        });
        if let Some(value) = value.filter(|_| !inner.failed()) {
            return Some(value);
        }
        let name = &param.name.text;
        let reason = inner.into_sorted().into_iter().next().map_or("is no constant".to_string(), |d| d.message);
        let message = format!("--set {name}={text}: {reason}");
        let error = Diagnostic::error(codes::E0404, param.name.span, message);
        self.diagnostics.push(error.help(format!("`{name}` is a `{ty}`: `--set {name}=VALUE`")));
        None
    }

    fn set_variant(&mut self, param: &ast::Param, of: EnumId, text: &str) -> Option<Value> {
        let it = self.names.enums.get(of.index())?;
        let place = it.variants.iter().position(|variant| variant.text == text).or_else(|| text.parse().ok());
        if let Some(place) = place.filter(|place| *place < it.variants.len()) {
            return Some(Value::U8(place as u8));
        }
        let all: Vec<String> = it.variants.iter().map(|variant| format!("`{}`", variant.text)).collect();
        let (name, of) = (&param.name.text, &it.name.text);
        let message = format!("--set {name}={text}: `{of}` has no variant `{text}`");
        let error = Diagnostic::error(codes::E0404, param.name.span, message);
        self.diagnostics.push(error.help(format!("its variants are {}", all.join(", "))));
        None
    }

    /// A scalar type by its name.
    fn scalar_type(&mut self, name: &ast::Name) -> Option<Type> {
        let written = ast::TypeExpr { kind: ast::TypeKind::Named(name.clone()), span: name.span };
        let ty = self.single_type(&written)?;
        if ty.lanes == 1 {
            return Some(ty);
        }
        let error = Diagnostic::error(codes::E0206, name.span, format!("a parameter is a scalar, not a `{ty}`"));
        self.diagnostics.push(error.help("make two parameters and put them together: `vec2(x, y)`"));
        None
    }

    /// A constant scalar of a type.
    pub(super) fn constant(&mut self, expr: &Expr, ty: Type, what: &str) -> Option<Value> {
        let checked = self.check(expr, Some(ty.scalar));
        coerce(checked, ty, expr.span, what, self.diagnostics)?.scalar()
    }

    /// A constant integer within limits.
    pub(super) fn integer(
        &mut self,
        expr: &Expr,
        what: &str,
        limits: std::ops::RangeInclusive<u64>,
        code: &'static str,
    ) -> Option<u64> {
        let number = match self.check(expr, None) {
            Checked::Error => return None,
            Checked::Int(x) => x,
            Checked::Typed(typed) if typed.ty.lanes == 1 && typed.ty.scalar.is_integer() => {
                typed.scalar()?.as_f64() as i128
            }
            other => {
                let message = format!("{what} is an integer, this is {}", other.describe());
                let error = Diagnostic::error(codes::E0304, expr.span, message);
                self.diagnostics.push(error.help("convert it: `u32(...)`"));
                return None;
            }
        };
        match u64::try_from(number) {
            Ok(number) if limits.contains(&number) => Some(number),
            _ => {
                let message = format!("{what} is {number}, but must be {} to {}", limits.start(), limits.end());
                self.diagnostics.push(Diagnostic::error(code, expr.span, message));
                None
            }
        }
    }

    /// Tells unknown and repeated settings.
    pub(super) fn known_settings(&mut self, settings: &[Setting], known: &[&str], of: &str) {
        for (place, setting) in settings.iter().enumerate() {
            let name = setting.name.text.as_str();
            if !known.is_empty() && !known.contains(&name) {
                let error = Diagnostic::error(codes::E0207, setting.name.span, format!("{of} has no setting `{name}`"));
                let list = format!("settings are {}", known.join(", "));
                self.diagnostics.push(error.help(did_you_mean(name, known.iter().copied()).unwrap_or(list)));
            }
            if let Some(first) = settings[..place].iter().find(|other| other.name.text == name) {
                self.diagnostics.push(said_twice(name, first.name.span, setting.name.span));
            }
        }
    }

    /// The settings of the run.
    pub(super) fn run(&mut self, settings: &Settings) -> Run {
        let written = self.names.run.map_or(&[][..], |run| &run.settings);
        self.known_settings(written, &["frames", "dt", "cycle", "seed", "workers", "until", "nan"], "the run");
        let find = |name: &str| written.iter().find(|setting| setting.name.text == name).map(|setting| &setting.value);
        let frames_max = u64::from(FRAMES_MAX);
        let frames = find("frames").and_then(|e| match &e.kind {
            ExprKind::Name(name) if name == "endless" && self.names.meaning("endless").is_none() => Some(frames_max),
            _ => self.integer(e, "the number of frames", 0..=frames_max, codes::E0401),
        });
        let cycles = 1..=frames_max;
        let cycle =
            find("cycle").and_then(|e| self.integer(e, "the number of frames of a cycle", cycles, codes::E0401));
        if let Some(frames) = settings.frames.filter(|frames| *frames > FRAMES_MAX) {
            let message = format!("--frames {frames}: a run has at most {FRAMES_MAX} frames");
            self.diagnostics.push(Diagnostic::error(codes::E0401, self.names.header, message));
        }
        let seed = find("seed").and_then(|e| self.integer(e, "the seed", 0..=u64::MAX, codes::E0401));
        let own_dt = self.names.constants.iter().position(|constant| matches!(constant, Constant::Dt(_)));
        let dt = match own_dt {
            // Computed, and told, among the constants.
            Some(constant) => match &self.constants[constant] {
                Some(Checked::Float(dt)) => Some(*dt),
                _ => None,
            },
            None => self.time_step(find("dt")),
        };
        let workers = match find("workers") {
            Some(Expr { kind: ExprKind::Name(name), .. })
                if name == "cores" && self.names.meaning("cores").is_none() =>
            {
                None
            }
            Some(expr) => self.integer(expr, "the number of workers", 1..=u64::from(WORKERS_MAX), codes::E0401),
            None => None,
        };
        let nan = find("nan").and_then(|expr| self.nan_policy(expr));
        Run {
            nan: settings.nan.or(nan).unwrap_or_default(),
            frames: settings.frames.or(frames.map(|frames| frames as u32)).unwrap_or(FRAMES_DEFAULT),
            dt: dt.unwrap_or(1.0),
            cycle: cycle.unwrap_or(0) as u32,
            seed: settings.seed.or(seed).unwrap_or(0),
            workers: workers.map(|workers| workers as u16),
        }
    }

    /// What becomes of a run with a value that is no number.
    fn nan_policy(&mut self, expr: &Expr) -> Option<NanPolicy> {
        let word = match &expr.kind {
            ExprKind::Name(name) => name.as_str(),
            _ => "",
        };
        let policy = NanPolicy::named(word);
        if policy.is_none() {
            let words = NanPolicy::ALL.map(|policy| format!("`{}`", policy.name())).join(", ");
            let message = "what becomes of a run with a value that is no number is said by a word";
            let error = Diagnostic::error(codes::E0401, expr.span, message).here("none of them");
            let known = did_you_mean(word, NanPolicy::ALL.map(NanPolicy::name));
            self.diagnostics.push(error.help(known.unwrap_or_else(|| format!("say one of {words}"))));
        }
        policy
    }

    fn time_step(&mut self, expr: Option<&Expr>) -> Option<f64> {
        let Some(expr) = expr else { return Some(1.0) };
        let Value::F64(dt) = self.constant(expr, Type::scalar(Scalar::F64), "the time step")? else { return None };
        if (dt as f32).is_finite() && dt as f32 > 0.0 {
            return Some(dt);
        }
        let message = format!("the time step is {dt}, but must be above 0 and finite");
        self.diagnostics.push(Diagnostic::error(codes::E0401, expr.span, message));
        None
    }

    /// The space. Also remembered here, for draws.
    pub(super) fn space(&mut self) -> Space {
        let space = self.names.space.and_then(|space| match &space.shape {
            SpaceShape::Open(dimensions) => {
                let dimensions = self.integer(dimensions, "the number of dimensions", 1..=3, codes::E0402)?;
                Some(Space::open(dimensions as u8))
            }
            SpaceShape::Bounded { torus, low, high } => self.bounded(space.span, *torus, low, high),
        });
        self.space = space;
        space.unwrap_or(Space::open(2))
    }

    fn bounded(&mut self, span: Span, torus: bool, low: &[Expr], high: &[Expr]) -> Option<Space> {
        if low.len() != high.len() || !(1..=3).contains(&low.len()) {
            let message = format!("corners of {} and {} numbers: a space has 1 to 3 dimensions", low.len(), high.len());
            let error = Diagnostic::error(codes::E0402, span, message);
            self.diagnostics.push(error.help("`space torus (0, 0) .. (1, 1)` has two"));
            return None;
        }
        let edge = if torus { Edge::Torus } else { Edge::Box };
        let mut space = Space { edge, dimensions: low.len() as u8, lo: [0.0; 3], hi: [0.0; 3] };
        let mut good = true;
        for (axis, (a, b)) in low.iter().zip(high).enumerate() {
            let ty = Type::scalar(Scalar::F32);
            let (lo, hi) = (self.constant(a, ty, "a corner"), self.constant(b, ty, "a corner"));
            let (Some(Value::F32(lo)), Some(Value::F32(hi))) = (lo, hi) else {
                good = false;
                continue;
            };
            if !(hi > lo && (hi - lo).is_finite()) {
                let message = format!("along {} the space goes from {lo} to {hi}", ["x", "y", "z"][axis]);
                let error = Diagnostic::error(codes::E0402, b.span, message);
                self.diagnostics.push(error.help("the high corner is above the low one, and both are finite"));
                good = false;
            }
            (space.lo[axis], space.hi[axis]) = (lo, hi);
        }
        good.then_some(space)
    }

    /// The constants of a `with` clause: any scalars.
    pub(super) fn kernel_constants(&mut self, settings: &[Setting]) -> Vec<(String, Value)> {
        let mut constants = Vec::new();
        for setting in settings {
            let value = match self.check(&setting.value, None) {
                Checked::Error => continue,
                Checked::Int(x) => {
                    coerce(Checked::Int(x), Type::scalar(Scalar::I32), setting.value.span, "", self.diagnostics)
                }
                Checked::Float(x) => {
                    coerce(Checked::Float(x), Type::scalar(Scalar::F32), setting.value.span, "", self.diagnostics)
                }
                Checked::Typed(typed) => Some(typed),
                Checked::None => {
                    coerce(Checked::None, Type::scalar(Scalar::U32), setting.value.span, "", self.diagnostics)
                }
                Checked::Array(_) => {
                    let error =
                        Diagnostic::error(codes::E0304, setting.value.span, "a constant of a kernel is a scalar");
                    self.diagnostics.push(error.help("give each element a name of its own"));
                    None
                }
            };
            let Some(typed) = value else { continue };
            match typed.scalar() {
                Some(value) => constants.push((setting.name.text.clone(), value)),
                None => {
                    let message = format!("a constant of a kernel is a scalar, this is `{}`", typed.ty);
                    let error = Diagnostic::error(codes::E0304, setting.value.span, message);
                    self.diagnostics.push(error.help("give each lane a name of its own: `.x`, `.y`"));
                }
            }
        }
        constants
    }
}

/// Something said twice where once is meant.
pub(super) fn said_twice(what: &str, first: Span, second: Span) -> Diagnostic {
    Diagnostic::error(codes::E0208, second, format!("`{what}` is said twice")).here("again").label(first, "first here")
}
