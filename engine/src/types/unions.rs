//! Rules and measures over several groups: each group has its own reading of them.

use diptych_protocol::types::Type;

use crate::codes;
use crate::diagnostic::{Before, Diagnostic, Readings};
use crate::resolve::Meaning;
use crate::syntax::ast::{self, Expr, Fold, Query};
use crate::types::expressions::Checker;
use crate::types::typed::{Typed, Walk};

/// Readings of loops in one body, those of loops within loops multiplied.
const READINGS_MAX: usize = 1_000;

impl<'a> Checker<'a, '_> {
    /// The union of this name.
    pub(super) fn union(&mut self, name: &str) -> Option<usize> {
        let Some(Meaning::Union(union)) = self.names.meaning(name) else { return None };
        self.unions[union] = true;
        Some(union)
    }

    /// Tells which unions nothing goes over.
    pub(super) fn unused_unions(&mut self) {
        for (union, _) in self.names.unions.iter().zip(&self.unions).filter(|(_, used)| !**used) {
            let message = format!("nothing goes over union `{}`", union.name.text);
            self.diagnostics.push(Diagnostic::warning(codes::W0107, union.name.span, message));
        }
    }

    /// Begins what is read once for each group of a union, if a system is over one.
    pub(super) fn begin_system(&mut self, at: usize) -> Option<Before> {
        let union = self.names.instances[at].union?;
        self.unions[union] = true;
        Some(self.diagnostics.begin_reading())
    }

    /// Ends it. What is wrong is told behind the last group.
    pub(super) fn end_system(&mut self, at: usize, before: Option<Before>, readings: &mut Readings) {
        let Some(before) = before else { return };
        readings.end(format!("in `{}`", self.names.instances[at].name), before, self.diagnostics);
        let next = self.names.systems.get(at + 1);
        if next.is_none_or(|next| !std::ptr::eq(*next, self.names.systems[at])) {
            std::mem::take(readings).tell(None, self.diagnostics);
        }
    }

    /// The group that a system is for.
    pub(super) fn group_of_system(&mut self, at: usize, written: &ast::Name) -> Option<usize> {
        let of_union = self.names.instances[at].group;
        of_union.or_else(|| self.names.group(written, self.diagnostics))
    }

    /// A walk as it is written, or once for each group of its union; without those whose rows its condition leaves out.
    pub(super) fn each_walk(&mut self, walk: &ast::Walk, mut each: impl FnMut(&mut Self, &ast::Walk)) {
        let ast::Over::Rows(name, query) = &walk.over else { return each(self, walk) };
        let Some(union) = self.union(&name.text) else { return each(self, walk) };
        let wrong = |message: String| Diagnostic::error(codes::E0522, name.span, message);
        if let Query::Nearest { .. } = query {
            let error = wrong(format!("`nearest` finds rows of one group, and `{}` is a union", name.text));
            let all = "look for the nearest of each group, and take the nearer one";
            self.diagnostics.push(error.help(all));
            return;
        }
        let groups = &self.names.unions[union].groups;
        self.readings += groups.len();
        if self.readings > READINGS_MAX {
            let message = format!("loops over unions come to more than {READINGS_MAX} loops in this body");
            let error = Diagnostic::error(codes::E0601, name.span, message);
            self.diagnostics.push(error.help("let another system gather a part in a component of its own"));
            return;
        }
        let mut readings = Readings::default();
        let mut walks = 0;
        for &group in groups {
            let Some(one) = self.for_one(walk, group) else {
                readings.skip();
                continue;
            };
            walks += 1;
            let group = &self.names.groups[group].name.text;
            let of = match &walk.variable {
                Some(variable) => format!("with `{}` in `{group}`", variable.text),
                None => format!("of `{group}`"),
            };
            let before = self.diagnostics.begin_reading();
            each(self, &one);
            readings.end(of, before, self.diagnostics);
        }
        if walks == 0 && !groups.is_empty() {
            let span = walk.filter.as_ref().map_or(walk.span, |filter| filter.span);
            let message = format!("rows of `{}` are never so: there is nothing to go over", name.text);
            self.diagnostics.push(Diagnostic::error(codes::E0522, span, message));
        }
        readings.tell(None, self.diagnostics);
    }

    /// Whether a fold would give a row of any of several groups. Then that is told.
    pub(super) fn no_common_row(&mut self, fold: Fold, walk: &ast::Walk) -> bool {
        let ast::Over::Rows(name, _) = &walk.over else { return false };
        let one = matches!(fold, Fold::ArgMin | Fold::ArgMax | Fold::Pick);
        if !one || self.union(&name.text).is_none() {
            return false;
        }
        let (word, union) = (fold.word(), &name.text);
        let message = format!("`{word}` gives a reference, and rows of `{union}` have no type of reference in common");
        let error = Diagnostic::error(codes::E0522, name.span, message);
        self.diagnostics.push(error.help(format!("ask each group for itself, as `{word}` over one, and compare")));
        true
    }

    /// Whether what a fold takes of each row has one type in all groups.
    pub(super) fn of_one_type(&mut self, walks: &[(Walk, Option<Typed>)], value: Option<&Expr>) -> bool {
        let types: Vec<Type> = walks.iter().filter_map(|(_, value)| Some(value.as_ref()?.ty)).collect();
        let (Some(value), Some(other)) = (value, types.iter().find(|ty| **ty != types[0])) else { return true };
        let (first, other) = (self.type_name(types[0]), self.type_name(*other));
        let message = format!("of one group this is `{first}`, of another `{other}`");
        let error = Diagnostic::error(codes::E0301, value.span, message);
        self.diagnostics.push(error.help(format!("convert it, so that it is the same in all: `{first}(...)`")));
        false
    }

    /// A walk over one group of its union.
    fn for_one(&mut self, walk: &ast::Walk, group: usize) -> Option<ast::Walk> {
        let ast::Over::Rows(name, query) = &walk.over else { return None };
        let variable = walk.variable.as_ref().map(|variable| (variable.text.as_str(), group));
        let filter = match &walk.filter {
            Some(filter) => match self.decided(filter, variable) {
                Some(false) => return None,
                Some(true) => None,
                None => Some(filter.clone()),
            },
            None => None,
        };
        let one = ast::Name { text: self.names.groups[group].name.text.clone(), span: name.span };
        let over = ast::Over::Rows(one, query.clone());
        Some(ast::Walk { span: walk.span, variable: walk.variable.clone(), over, filter })
    }
}
