//! Checking assignments: what is given a value, on which path, and whether that counts as a change.

use diptych_protocol::body::{Binary, Compare};
use diptych_protocol::program::{Reach, Span, When};
use diptych_protocol::types::{Scalar, Sort, Type, Value};

use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::resolve::Meaning;
use crate::syntax::ast::{self, Assignment, Expr, ExprKind};
use crate::types::convert::coerce;
use crate::types::expressions::Checker;
use crate::types::rows::{Segment, chain};
use crate::types::rules::{Named, Rule};
use crate::types::shapes::Shape;
use crate::types::typed::{Checked, Kind, Local, Step, Typed, Whose};
use crate::types::{Place, Read};

impl Checker<'_, '_> {
    pub(super) fn assign(&mut self, target: &Expr, op: Assignment, place: Span, value: &Expr, steps: &mut Vec<Step>) {
        let (root, segments) = chain(target);
        let ExprKind::Name(name) = &root.kind else {
            let error = Diagnostic::error(codes::E0514, target.span, "this cannot be assigned");
            self.diagnostics.push(error.help("assign a `let mut` variable or a component that the system owns"));
            return;
        };
        match self.named(name) {
            Some(Named::Local(local)) => self.assign_variable(local, &segments, target, op, place, value, steps),
            Some(Named::Turn(turn)) if self.turns[turn.0].group.is_none() => {
                let message = format!("`{name}` counts the turns of a loop, and cannot be assigned");
                let error = Diagnostic::error(codes::E0514, target.span, message);
                self.diagnostics.push(error.help("count in a variable of your own: `let mut n = 0`"));
            }
            Some(Named::Turn(_)) => {
                let message = format!("`{name}` is another row: a system writes its own row alone");
                let error = Diagnostic::error(codes::E0514, target.span, message);
                self.diagnostics.push(error.help("let a system for that group gather what it needs"));
            }
            Some(Named::Known(Checked::Error)) => {}
            Some(Named::Known(_)) => {
                let error = Diagnostic::error(codes::E0514, target.span, format!("`{name}` is not mutable"));
                self.diagnostics.push(error.help(format!("declare it so: `let mut {name} = ...`")));
            }
            None => self.assign_component(name, &segments, target, op, place, value, steps),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one statement")]
    fn assign_variable(
        &mut self,
        local: Local,
        segments: &[Segment<'_>],
        target: &Expr,
        op: Assignment,
        place: Span,
        value: &Expr,
        steps: &mut Vec<Step>,
    ) {
        let (ty, mutable, name) =
            (self.locals[local.0].ty, self.locals[local.0].mutable, self.locals[local.0].name.clone());
        if !mutable {
            let error = Diagnostic::error(codes::E0514, target.span, format!("`{name}` is not mutable"));
            let error = error.label(self.locals[local.0].span, "declared here");
            self.diagnostics.push(error.help(format!("declare it so: `let mut {name} = ...`")));
            return;
        }
        if op == Assignment::IfDifferent {
            let error =
                Diagnostic::error(codes::E0514, place, "`?=` says whether a component changed: this is a variable");
            self.diagnostics.push(error.help("assign it by `=`"));
            return;
        }
        let Some(lane) = self.lane_target(ty, segments, target) else { return };
        let old = Typed { ty, kind: Kind::Local(local) };
        if let Some(value) = self.new_value(old, lane, op, place, value, &format!("`{name}`"), target.span, steps) {
            steps.push(match lane {
                Some(lane) => Step::SetLane(local, lane, value),
                None => Step::Set(local, value),
            });
        }
    }

    /// Which lane is assigned, if not all.
    #[expect(clippy::option_option, reason = "an error, all lanes, or one")]
    fn lane_target(&mut self, ty: Type, segments: &[Segment<'_>], target: &Expr) -> Option<Option<u8>> {
        let lane = match segments {
            [] => return Some(None),
            [Segment::Field(field)] => ["x", "y", "z"].iter().position(|name| *name == field.text),
            _ => None,
        };
        match lane.filter(|lane| ty.lanes > 1 && *lane < usize::from(ty.lanes)) {
            Some(lane) => Some(Some(lane as u8)),
            None => {
                let message = match segments {
                    [Segment::Field(field)] => format!("`{}` has no lane `{}`", self.type_name(ty), field.text),
                    _ => format!("a `{}` has no such part", self.type_name(ty)),
                };
                let error = Diagnostic::error(codes::E0308, target.span, message);
                self.diagnostics.push(error.help("a `vec2` has `.x` and `.y`, a `vec3` also `.z`"));
                None
            }
        }
    }

    /// The value that is assigned: plain, or the old one with something done to it.
    #[expect(clippy::too_many_arguments, reason = "the parts of one statement")]
    fn new_value(
        &mut self,
        old: Typed,
        lane: Option<u8>,
        op: Assignment,
        place: Span,
        value: &Expr,
        what: &str,
        target: Span,
        steps: &mut Vec<Step>,
    ) -> Option<Typed> {
        let ty = match lane {
            Some(_) => Type::scalar(old.ty.scalar),
            None => old.ty,
        };
        let mut checked = self.value_of(value, Some(ty.scalar), steps);
        if let Assignment::Changed(op) = op {
            let old = match lane {
                Some(lane) => Typed::new(ty, Kind::Lane(Box::new(old), lane)),
                None => old,
            };
            checked = self.binary(op, place, (Checked::Typed(old), target), (checked, value.span));
        }
        coerce(checked, ty, value.span, what, self.diagnostics)
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one statement")]
    fn assign_component(
        &mut self,
        name: &str,
        segments: &[Segment<'_>],
        target: &Expr,
        op: Assignment,
        place: Span,
        value: &Expr,
        steps: &mut Vec<Step>,
    ) {
        let (system, group) = match &self.rule {
            Some(Rule { system: Some(system), group: Some(group), .. }) if self.floor.is_none() => (*system, *group),
            _ => {
                let message = format!("`{name}` cannot be assigned here");
                let error = Diagnostic::error(codes::E0514, target.span, message);
                self.diagnostics.push(error.help("functions and values change nothing: only systems do"));
                return;
            }
        };
        // The leaf that the text spells, and perhaps a lane of it.
        let mut leaf = name.to_string();
        let mut rest = segments;
        let member = loop {
            if let Some(member) = self.model.groups[group].member(&leaf) {
                break Some(member);
            }
            match rest.split_first() {
                Some((Segment::Field(field), behind)) => {
                    leaf.push_str(&format!(".{}", field.text));
                    rest = behind;
                }
                Some((Segment::Index(Expr { kind: ExprKind::Int(at), .. }), behind)) => {
                    leaf.push_str(&format!("[{at}]"));
                    rest = behind;
                }
                Some((Segment::Index(index), _)) => {
                    let known = self.single(index, Some(Scalar::I32)).and_then(|typed| typed.scalar());
                    let Some(known) = known else {
                        let message = "an element that is assigned is chosen by a constant";
                        let error = Diagnostic::error(codes::E0514, index.span, message);
                        self.diagnostics
                            .push(error.help("assign each element: `Trail[0] = if i == 0 { x } else { Trail[0] }`"));
                        return;
                    };
                    leaf.push_str(&format!("[{}]", known.as_f64()));
                    rest = &rest[1..];
                }
                None => break None,
            }
        };
        let made = matches!(self.names.meaning(name), Some(Meaning::Field(_)));
        let Some(member) = member.filter(|_| !made) else {
            self.no_target(name, segments, target, group);
            return;
        };
        let (ty, owner) = {
            let member = &self.model.groups[group].members[member];
            (member.ty, member.owner)
        };
        if owner.is_none_or(|(owner, _)| owner != system) {
            if self.claims(system, name) {
                return; // Two owners, and told.
            }
            let rule = self.model.systems[system].name;
            let message = format!("system `{rule}` does not own `{leaf}`");
            let mut error = Diagnostic::error(codes::E0505, target.span, message);
            error = match owner {
                Some((other, span)) => {
                    let other = self.model.systems[other].name;
                    error.label(span, format!("owned by `{other}`")).help(format!(
                        "a component has one owner: merge the two systems, or let `{rule}` own one of its own that `{other}` reads `fresh`"
                    ))
                }
                None => error.help(format!("add it to the system's clauses: `owns {name}`")),
            };
            self.diagnostics.push(error);
            return;
        }
        let Some(lane) = self.lane_target(ty, rest, target) else { return };
        let Some(rule) = &self.rule else { return };
        if !rule.open.is_empty() {
            let message = format!("`{leaf}` would be assigned once a turn");
            let error = Diagnostic::error(codes::E0517, target.span, message);
            self.diagnostics.push(
                error.help(
                    "accumulate in a variable, `let mut sum = ...`, and assign the component once, after the loop",
                ),
            );
            return;
        }
        let lanes: Vec<u8> = lane.map_or((0..ty.lanes).collect(), |lane| vec![lane]);
        if let Some(&first) = lanes.iter().find_map(|lane| rule.assigned.get(&(member, *lane))) {
            let message = format!("`{leaf}` is assigned a second time on this path");
            let error = Diagnostic::error(codes::E0515, target.span, message).label(first, "assigned here");
            self.diagnostics.push(
                error.help("compute the value in a variable, `let mut value = ...`, and assign the component once"),
            );
            return;
        }
        let next = rule.next[&member];
        // `+=` starts from what the name means: the value the frame started from.
        let place_of = Place { group, member };
        let old = Typed { ty, kind: Kind::Read { place: place_of, when: When::Prev, whose: Whose::Own } };
        if op != Assignment::Plain
            && let Some(rule) = &mut self.rule
        {
            rule.note(Read { place: place_of, when: When::Prev, reach: Reach::Own, span: target.span });
        }
        let value = self.new_value(old, lane, op, place, value, &format!("component `{leaf}`"), target.span, steps);
        if let Some(rule) = &mut self.rule {
            lanes.iter().for_each(|lane| {
                rule.assigned.insert((member, *lane), target.span);
            });
        }
        let mark = self.rule.as_ref().and_then(|rule| rule.marks.get(&member).copied());
        let (Some(value), Some(mark)) = (value, mark) else { return };
        let set = |value: Typed| match lane {
            Some(lane) => Step::SetLane(next, lane, value),
            None => Step::Set(next, value),
        };
        let marked = Step::Set(mark, Typed::value(Value::Bool(true)));
        if op != Assignment::IfDifferent {
            steps.extend([set(value), marked]);
            return;
        }
        let fixed = self.asked(&leaf, target.span, value.ty);
        let now = Typed { ty: value.ty, kind: Kind::Local(fixed) };
        steps.push(Step::Set(fixed, value));
        let old = Typed { ty, kind: Kind::Read { place: place_of, when: When::Prev, whose: Whose::Own } };
        let old = match lane {
            Some(lane) => Typed::new(now.ty, Kind::Lane(Box::new(old), lane)),
            None => old,
        };
        steps.push(Step::If(differs(&now, &old), vec![set(now), marked], Vec::new()));
    }

    /// Whether a system says that it owns a component.
    fn claims(&self, system: usize, component: &str) -> bool {
        self.names.systems[system].clauses.iter().any(|clause| match &clause.kind {
            ast::ClauseKind::Owns(paths) => paths.iter().any(|path| path.component.text == component),
            _ => false,
        })
    }

    /// Why a component of several values is no target: some of it is, or the part is none.
    fn wrong_part(&mut self, name: &str, mut shape: &Shape, segments: &[Segment<'_>], target: &Expr) {
        let mut spelled = name.to_string();
        for segment in segments {
            shape = match (shape, segment) {
                (Shape::Struct(fields), Segment::Field(field)) => {
                    let Some((_, inner)) = fields.iter().find(|(known, _)| *known == field.text) else {
                        let hint =
                            crate::diagnostic::did_you_mean(&field.text, fields.iter().map(|(it, _)| it.as_str()));
                        let message = format!("`{spelled}` has no field `{}`", field.text);
                        self.diagnostics.push(Diagnostic::error(codes::E0314, field.span, message).maybe_help(hint));
                        return;
                    };
                    spelled.push_str(&format!(".{}", field.text));
                    inner
                }
                (Shape::Array(inner, count), Segment::Index(Expr { kind: ExprKind::Int(at), span, .. })) => {
                    if *at >= *count as u64 {
                        let error = Diagnostic::error(codes::E0311, *span, format!("[{at}] of an array of {count}"));
                        self.diagnostics.push(error.help(format!("places go from 0 to {}", count - 1)));
                        return;
                    }
                    spelled.push_str(&format!("[{at}]"));
                    inner
                }
                _ => break,
            };
        }
        let message = format!("`{spelled}` is {}: assign its parts", shape.describe());
        self.diagnostics
            .push(Diagnostic::error(codes::E0514, target.span, message).help("a part is `.field` or `[0]`"));
    }

    fn no_target(&mut self, name: &str, segments: &[Segment<'_>], target: &Expr, group: usize) {
        let field = matches!(self.names.meaning(name), Some(Meaning::Field(_)));
        let whole = !field && self.model.groups[group].members.iter().any(|member| member.component == name);
        if let (true, Some(shape)) = (whole, self.shapes.get(name).cloned()) {
            self.wrong_part(name, &shape, segments, target);
            return;
        }
        if self.is_wrong_itself(group, name) {
            return;
        }
        let group = &self.model.groups[group];
        let owned = group.members.iter().map(|member| member.component.as_str());
        let variables = self.scope.iter().map(|(name, _)| name.as_str());
        let hint = crate::diagnostic::did_you_mean(name, owned.chain(variables));
        let error = match self.names.meaning(name) {
            Some(Meaning::Component(_)) => {
                let message = format!("group `{}` has no component `{name}`", group.name);
                Diagnostic::error(codes::E0506, target.span, message).maybe_help(hint)
            }
            Some(meaning) => {
                let message = format!("`{name}` is {}, and cannot be assigned", meaning.what());
                let error = Diagnostic::error(codes::E0514, target.span, message);
                error.help("assign a `let mut` variable or a component that the system owns")
            }
            None => {
                let error = Diagnostic::error(codes::E0201, target.span, format!("there is no variable `{name}`"));
                let error = error.maybe_help(hint).help(format!("declare it: `let mut {name} = ...`"));
                self.diagnostics.unknown(name, error);
                return;
            }
        };
        self.diagnostics.push(error);
    }
}

/// Whether two values of one type differ in any lane. Those that are equal stay as they were, also -0.0 beside 0.0.
fn differs(a: &Typed, b: &Typed) -> Typed {
    let bool = Type::scalar(Scalar::Bool);
    let lanes = if a.ty.sort == Sort::Plain { a.ty.lanes } else { 1 };
    let lane = |of: &Typed, lane: u8| match lanes {
        1 => of.clone(),
        _ => Typed::new(Type::scalar(of.ty.scalar), Kind::Lane(Box::new(of.clone()), lane)),
    };
    let each = (0..lanes).map(|at| {
        let kind = Kind::Compare(Compare::Ne, Box::new(lane(a, at)), Box::new(lane(b, at)));
        Typed::new(bool, kind)
    });
    let any = each.reduce(|a, b| Typed::new(bool, Kind::Binary(Binary::Or, Box::new(a), Box::new(b))));
    any.unwrap_or_else(|| Typed::value(Value::Bool(false)))
}
