//! `self in red`, `x in red`: of which group a row is. In each reading of a rule that is known, and what a reading can
//! never reach is not looked at: it may name what other groups have.

use diptych_protocol::types::Value;

use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::resolve::Meaning;
use crate::syntax::ast::{BinaryOp, Expr, ExprKind, Name, UnaryOp};
use crate::types::expressions::Checker;
use crate::types::rules::Named;
use crate::types::typed::{Checked, Typed};

/// Operators between truth values.
const LOGIC: [BinaryOp; 4] = [BinaryOp::And, BinaryOp::Or, BinaryOp::Equal, BinaryOp::NotEqual];

/// A variable that is not known yet, and whose rows it stands for.
type Variable<'v> = Option<(&'v str, usize)>;

impl Checker<'_, '_> {
    /// `self in red` as a value.
    pub(super) fn membership(&mut self, row: &Expr, group: &Name) -> Checked {
        let union = self.union(&group.text);
        if union.is_none() && self.names.group(group, self.diagnostics).is_none() {
            return Checked::Error;
        }
        if let Some(holds) = self.decided_by(row, group, None) {
            if !holds {
                let of = match &row.kind {
                    ExprKind::Name(name) => name,
                    _ => "self",
                };
                let message = format!("`{of}` is never in `{}` here", group.text);
                let span = diptych_protocol::program::Span { start: row.span.start, end: group.span.end };
                self.diagnostics.push(Diagnostic::warning(codes::W0108, span, message));
            }
            return Checked::Typed(Typed::value(Value::Bool(holds)));
        }
        if matches!(self.check(row, None), Checked::Error) {
            return Checked::Error;
        }
        let error = Diagnostic::error(codes::E0522, row.span, "`in` takes `self`, or the variable of a loop over rows");
        self.error(error.help("to whose rows a reference is, its type says"))
    }

    /// What memberships decide of a condition, whatever else is in it. They count as looked at.
    pub(super) fn decide(&mut self, condition: &Expr) -> Option<bool> {
        let decided = self.decided(condition, None)?;
        self.look_at_memberships(condition);
        Some(decided)
    }

    fn look_at_memberships(&mut self, condition: &Expr) {
        match &condition.kind {
            ExprKind::In(row, group) => drop(self.membership(row, group)),
            ExprKind::Unary(UnaryOp::Not, inner) => self.look_at_memberships(inner),
            ExprKind::Binary(op, _, a, b) if LOGIC.contains(op) => {
                [a, b].into_iter().for_each(|side| self.look_at_memberships(side));
            }
            _ => {}
        }
    }

    /// What memberships decide of a condition.
    pub(super) fn decided(&self, condition: &Expr, variable: Variable<'_>) -> Option<bool> {
        match &condition.kind {
            ExprKind::In(row, group) => self.decided_by(row, group, variable),
            ExprKind::Unary(UnaryOp::Not, inner) => self.decided(inner, variable).map(|decided| !decided),
            ExprKind::Binary(op @ (BinaryOp::And | BinaryOp::Or), _, a, b) => {
                // One side can be enough.
                let enough = *op == BinaryOp::Or;
                match (self.decided(a, variable), self.decided(b, variable)) {
                    (Some(a), _) if a == enough => Some(a),
                    (_, Some(b)) if b == enough => Some(b),
                    (Some(_), Some(b)) => Some(b),
                    _ => None,
                }
            }
            ExprKind::Binary(op @ (BinaryOp::Equal | BinaryOp::NotEqual), _, a, b) => {
                let same = self.decided(a, variable)? == self.decided(b, variable)?;
                Some(same == (*op == BinaryOp::Equal))
            }
            _ => None,
        }
    }

    fn decided_by(&self, row: &Expr, group: &Name, variable: Variable<'_>) -> Option<bool> {
        let of = self.group_of_row(row, variable)?;
        match self.names.meaning(&group.text)? {
            Meaning::Group(group) => Some(of == group),
            Meaning::Union(union) => Some(self.names.unions[union].groups.contains(&of)),
            _ => None,
        }
    }

    /// The group of the own row, or of the row that a loop is at.
    fn group_of_row(&self, row: &Expr, variable: Variable<'_>) -> Option<usize> {
        match &row.kind {
            ExprKind::This => self.own_group().or_else(|| self.group_of_blueprint()),
            ExprKind::Name(name) => match (variable, self.named(name)) {
                (Some((variable, group)), _) if variable == name => Some(group),
                (_, Some(Named::Turn(turn))) => self.turns[turn.0].group,
                _ => None,
            },
            _ => None,
        }
    }
}
