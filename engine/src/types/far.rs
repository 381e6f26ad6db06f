//! Loops over what is near and far: rows, and summaries that stand for many of them.

use diptych_protocol::limits::ANGLE_MAX;
use diptych_protocol::program::Span;
use diptych_protocol::space::Edge;
use diptych_protocol::types::{Scalar, Type};

use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::resolve::Meaning;
use crate::syntax::ast::{self, Expr, ExprKind, Setting};
use crate::types::expressions::Checker;
use crate::types::rows::{Segment, chain};
use crate::types::typed::{Over, Turn, Whose};
use crate::types::{Group, Summary};

/// The opening angle where the scenario says nothing.
const ANGLE_DEFAULT: f32 = 0.6;

impl<'a> Checker<'a, '_> {
    /// `sum = Mass` or `sum = [Mass, Charge]`, and `angle = 0.6`, of a tree over this group.
    pub(super) fn summary(&mut self, index: &ast::Index, group: Option<&Group<'a>>) -> Option<Summary> {
        let setting = |name: &str| index.settings.iter().find(|setting| setting.name.text == name);
        let angle = setting("angle").map(|setting| self.angle(setting));
        let Some(sum) = setting("sum") else {
            if let Some(setting) = setting("angle") {
                let message = "an opening angle is of a tree with sums";
                let error = Diagnostic::error(codes::E0411, setting.name.span, message);
                self.diagnostics.push(error.help("say what is summed: `sum = Mass`"));
            }
            return None;
        };
        let all = match &sum.value.kind {
            ExprKind::Array(all) => all.as_slice(),
            _ => std::slice::from_ref(&sum.value),
        };
        let group = group?;
        let mut sums = Vec::new();
        for it in all {
            let member = self.summed(it, group)?;
            if sums.contains(&member) {
                let message = format!("`{}` is summed twice", group.members[member].name);
                self.diagnostics.push(Diagnostic::error(codes::E0411, it.span, message).help("name it once"));
                return None;
            }
            sums.push(member);
        }
        let ty = group.members[*sums.first()?].ty;
        if ty.lanes != 1 {
            let message = format!("a `{ty}` comes first, which weighs the barycentre");
            let error = Diagnostic::error(codes::E0411, all[0].span, message);
            self.diagnostics.push(error.help("begin with a scalar: `sum = [Mass, Spin]`"));
            return None;
        }
        Some(Summary { sums, angle: angle.unwrap_or(Some(ANGLE_DEFAULT))? })
    }

    fn angle(&mut self, setting: &Setting) -> Option<f32> {
        let angle = self.constant(&setting.value, Type::scalar(Scalar::F32), "the opening angle")?.as_f64() as f32;
        if (0.0..=ANGLE_MAX).contains(&angle) {
            return Some(angle);
        }
        let message = format!("an opening angle of {angle}: it is 0 to {ANGLE_MAX}");
        let error = Diagnostic::error(codes::E0411, setting.value.span, message);
        self.diagnostics.push(error.help("0 takes each row by itself; 0.6 is usual, and less is nearer to that"));
        None
    }

    /// A component that a tree sums, by its place in the group.
    fn summed(&mut self, expr: &Expr, group: &Group<'a>) -> Option<usize> {
        let (root, segments) = chain(expr);
        let mut spelled = match &root.kind {
            ExprKind::Name(name) => name.clone(),
            _ => String::new(),
        };
        for segment in segments {
            match segment {
                Segment::Field(field) => spelled.push_str(&format!(".{}", field.text)),
                Segment::Index(Expr { kind: ExprKind::Int(at), .. }) => spelled.push_str(&format!("[{at}]")),
                Segment::Index(_) => spelled.clear(),
            }
        }
        let Some(at) = group.member(&spelled) else {
            let message = format!("`sum`: this is no single component of group `{}`", group.name);
            let error = Diagnostic::error(codes::E0411, expr.span, message);
            self.diagnostics.push(error.help("name one, `sum = Mass`, or several, `sum = [Mass, Charge]`"));
            return None;
        };
        let member = &group.members[at];
        let problem = if member.position {
            format!("`{spelled}` is the position: each summary has a barycentre by itself")
        } else if !member.ty.scalar.is_float() {
            format!("`{spelled}` is a `{}`, and sums are of floats", member.ty)
        } else {
            return Some(at);
        };
        let error = Diagnostic::error(codes::E0411, expr.span, problem);
        self.diagnostics.push(error.help("sum a component of `f32`, `f64` or vectors of them"));
        None
    }

    /// `far TREE`
    pub(super) fn far_over(&mut self, name: &ast::Name, group: usize, own: usize, tree: &ast::Name) -> Option<Over> {
        let found = match self.names.meaning(&tree.text) {
            Some(Meaning::Index(index)) => self.model.indexes.get(index).map(|it| (index, it)),
            _ => {
                self.names.index(tree, self.diagnostics)?;
                None
            }
        };
        let (index, it) = found?;
        let (indexed, when, summed) = (it.group, it.when, it.summary.is_some());
        let around = self.space.is_some_and(|space| space.edge == Edge::Torus);
        let other = self.rule.as_ref().and_then(|rule| {
            let far = rule.far?;
            (far != index).then(|| self.model.indexes[far].name.clone())
        });
        let problem = if !summed {
            let message = format!("`far {}`: the index has no sums", tree.text);
            let help = format!("say what is summed: `index {} = kdtree of {} {{ sum = Mass }}`", tree.text, name.text);
            Some((message, help))
        } else if group != indexed || own != indexed {
            let whose = self.model.groups[indexed].name;
            let message = format!("`far {}`: the index is over `{whose}`, and serves its own rows alone", tree.text);
            Some((message, format!("go over `{whose}`, in a system for `{whose}`")))
        } else if around {
            let message = format!("`far {}` on a torus: what is far comes from all sides without end", tree.text);
            Some((message, "use an open space or a box; a periodic sum (Ewald's) is not supported".into()))
        } else {
            other.map(|other| {
                let message = format!("`far {}`: the system asks `{other}` for what is far already", tree.text);
                (message, "put both into one index, `sum = [Mass, Charge]`, or use a second system".to_string())
            })
        };
        if let Some((message, help)) = problem {
            self.diagnostics.push(Diagnostic::error(codes::E0518, tree.span, message).help(help));
            return None;
        }
        self.note_positions(group, own, when, tree.span)?;
        self.asks_index(index);
        if let Some(rule) = &mut self.rule {
            rule.far = Some(index);
        }
        Some(Over::Far(index))
    }

    /// Whether a row is that of a loop over near and far, which may stand for many.
    pub(super) fn is_far(&self, turn: Turn) -> bool {
        self.turns[turn.0].far.is_some()
    }

    /// Says so where what may stand for many rows is used as one.
    pub(super) fn no_single_row(&mut self, turn: Turn, span: Span) -> Option<Diagnostic> {
        self.turns[turn.0].far?;
        let error = Diagnostic::error(codes::E0518, span, "what is far is no single row: it may stand for many");
        Some(error.help(
            "of it `delta`, `distance` and what its index sums are known; a row is found by `within` or `nearest`",
        ))
    }

    /// Says so where a component of what may stand for many rows is read that has no sum.
    pub(super) fn no_sum(
        &self,
        member: usize,
        leaf: &str,
        whose: &Whose,
        span: Span,
        fresh: bool,
    ) -> Option<Diagnostic> {
        let Whose::Other(turn) = whose else { return None };
        let index = &self.model.indexes[self.turns[turn.0].far?];
        let it = &self.model.groups[index.group].members[member];
        let summed = index.summary.as_ref().is_some_and(|summary| summary.sums.contains(&member));
        let (message, help) = if summed && fresh {
            let message = format!("`{leaf}` is summed as the frame started from it");
            (message, "leave `fresh` out".to_string())
        } else if summed {
            return None;
        } else if it.position {
            let message = format!("`{leaf}` of what is far: only the way to it is known");
            (message, "write `delta(x)`, or `distance(x)`".to_string())
        } else {
            let message = format!("`{}` does not sum `{leaf}`", index.name);
            (message, format!("add it to the index: `sum = [..., {leaf}]`"))
        };
        Some(Diagnostic::error(codes::E0518, span, message).help(help))
    }

    /// Says so where something is drawn for each of what may stand for many rows.
    pub(super) fn no_draw(&mut self, span: Span) -> Option<Diagnostic> {
        let rule = self.rule.as_ref()?;
        rule.open.iter().find(|turn| self.is_far(**turn))?;
        let error = Diagnostic::error(codes::E0518, span, "a draw for what is far, which may stand for many rows");
        Some(error.help("draw before the loop"))
    }
}
