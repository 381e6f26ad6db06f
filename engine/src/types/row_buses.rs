//! Buses with a value a row: several systems contribute, and who needs it reads what came together.
//!
//! What a system publishes is a *draft*: columns of this frame alone, its value and whether it was published. Who reads the bus
//! puts the drafts of the row together, in their order, with what stands in the bus's own braces. So there is no owner of a
//! bus, no copy of it, and no order of systems but that its readers come behind its publishers.

use diptych_protocol::program::Span;
use diptych_protocol::types::{Scalar, Type, Value};

use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::resolve::Meaning;
use crate::syntax::ast::{self, Stmt, StmtKind};
use crate::types::Model;
use crate::types::buses::Published;
use crate::types::convert::coerce;
use crate::types::expressions::Checker;
use crate::types::fields::Subject;
use crate::types::rows::Segment;
use crate::types::rules::Rule;
use crate::types::typed::{Checked, Kind, Step, Typed, Whose};

/// What a system publishes on a bus of its rows.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Publication {
    pub system: usize,
    pub bus: usize,
    /// The name of the bus.
    pub name: String,
    pub order: i64,
    pub span: Span,
    pub ty: Type,
}

impl<'a> Checker<'a, '_> {
    /// Who publishes on which bus.
    pub(super) fn publications(&mut self, groups: &[Option<usize>], model: &mut Model<'a>) {
        let names = self.names;
        std::mem::swap(&mut self.model, model);
        for (at, system) in names.systems.iter().enumerate() {
            let mut all = Vec::new();
            publishing(system.body.as_deref().unwrap_or_default(), &mut all);
            for publication in all {
                if let Some(group) = groups[at] {
                    self.publication(at, group, publication);
                }
            }
        }
        std::mem::swap(&mut self.model, model);
    }

    fn publication(&mut self, system: usize, group: usize, written: &ast::Publication) {
        let name = &written.bus;
        let bus = match self.names.meaning(&name.text) {
            Some(Meaning::RowBus(bus)) => bus,
            Some(Meaning::Signal(_)) => {
                let message = format!("`{}` is of the whole model, not of rows", name.text);
                let error = Diagnostic::error(codes::E0419, name.span, message);
                self.diagnostics
                    .push(error.help("publish in its own braces: `bus NAME: TYPE = MODE { publish VALUE }`"));
                return;
            }
            other => {
                let buses = self.names.all(|meaning| matches!(meaning, Meaning::RowBus(_)));
                let hint = crate::diagnostic::did_you_mean(&name.text, buses);
                let error = match other {
                    Some(other) => {
                        let message =
                            format!("`{}` is {}, but a name of a bus is needed here", name.text, other.what());
                        Diagnostic::error(codes::E0204, name.span, message)
                    }
                    None => Diagnostic::error(codes::E0201, name.span, format!("there is no bus `{}`", name.text)),
                };
                self.diagnostics.push(error.maybe_help(hint));
                return;
            }
        };
        let meeting = self.names.buses[bus];
        let of = meeting.group.as_ref().and_then(|group| self.names.group(group, self.diagnostics));
        if of != Some(group) {
            if let Some(of) = of {
                let message = format!(
                    "the system runs over `{}`, and `{}` is a bus of `{}`",
                    self.model.groups[group].name, name.text, self.model.groups[of].name
                );
                let error = Diagnostic::error(codes::E0419, name.span, message);
                self.diagnostics
                    .push(error.help("who publishes does so for its own row; others look at it: `fresh x.A`"));
            }
            return;
        }
        let (Some(ty), Some(order)) = (self.single_type(&meeting.ty), self.order_of(written.order.as_ref())) else {
            return;
        };
        let known = self.model.publications.iter().find(|it| it.system == system && it.bus == bus);
        match known {
            Some(first) if first.order == order => {}
            Some(first) => {
                let message =
                    format!("`{}` is published in the order {order} here, and {} before", name.text, first.order);
                let error = Diagnostic::error(codes::E0419, name.span, message).label(first.span, "the first");
                self.diagnostics.push(error.help("a system has one place in the order of a bus"));
            }
            None => {
                let (name, span) = (name.text.clone(), name.span);
                self.model.publications.push(Publication { system, bus, name, order, span, ty });
            }
        }
    }

    /// Variables for what a system publishes.
    pub(super) fn begin_publications(&mut self, system: usize) {
        let own: Vec<(usize, Type, Span)> = (self.model.publications.iter().enumerate())
            .filter(|(_, it)| it.system == system)
            .map(|(at, it)| (at, it.ty, it.span))
            .collect();
        for (at, ty, span) in own {
            let value = self.remembered("what is published", span, Typed::zero(ty));
            let whether = self.remembered("whether it is", span, Typed::value(Value::Bool(false)));
            if let Some(rule) = &mut self.rule {
                rule.published.insert(at, [value, whether]);
            }
        }
    }

    /// `publish BUS = value`
    pub(super) fn publish(&mut self, written: &ast::Publication, span: Span, steps: &mut Vec<Step>) {
        let Some(Rule { system: Some(system), open, publishing, .. }) = &self.rule else { return };
        let Some(Meaning::RowBus(bus)) = self.names.meaning(&written.bus.text) else { return };
        let known = self.model.publications.iter().position(|it| it.system == *system && it.bus == bus);
        let Some(at) = known else { return }; // Wrong, and told.
        let name = &written.bus.text;
        if !open.is_empty() {
            let error = Diagnostic::error(codes::E0517, span, format!("`{name}` would be published on once a turn"));
            let help = "accumulate in a variable, `let mut sum = ...`, and publish once, after the loop";
            self.diagnostics.push(error.help(help));
            return;
        }
        if let Some(first) = publishing.get(&at) {
            let message = format!("`{name}` is published on a second time on this path");
            let error = Diagnostic::error(codes::E0515, span, message).label(*first, "published here");
            self.diagnostics.push(error.help("compute the value in a variable, and publish once"));
            return;
        }
        let ty = self.model.publications[at].ty;
        let checked = self.check(&written.value, Some(ty.scalar));
        let what = format!("what is published on `{name}`");
        let value = coerce(checked, ty, written.value.span, &what, self.diagnostics);
        let Some(rule) = &mut self.rule else { return };
        rule.publishing.insert(at, span);
        if let (Some(value), Some(&[local, whether])) = (value, rule.published.get(&at)) {
            steps.extend([Step::Set(local, value), Step::Set(whether, Typed::value(Value::Bool(true)))]);
        }
    }

    /// A bus by its bare name.
    pub(super) fn row_bus(&mut self, bus: usize, span: Span, segments: &[Segment<'_>], fresh: Option<Span>) -> Checked {
        match self.looked_at(self.own_group(), fresh) {
            Some(row) => self.row_bus_of(bus, row, span, segments),
            None => self.outside(&format!("bus `{}`", self.names.buses[bus].name.text), span),
        }
    }

    /// What came together on a bus for some row.
    pub(super) fn row_bus_of(&mut self, bus: usize, row: Subject, span: Span, segments: &[Segment<'_>]) -> Checked {
        let Subject { group, whose, fresh } = row;
        let written = self.names.buses[bus];
        let name = &written.name.text;
        let Some(of) = written.group.as_ref().and_then(|of| self.names.group(of, self.diagnostics)) else {
            return Checked::Error;
        };
        if of != group {
            let message = format!("group `{}` has no bus `{name}`", self.model.groups[group].name);
            let error = Diagnostic::error(codes::E0506, span, message);
            return self
                .error(error.label(written.name.span, format!("it is one of `{}`", self.model.groups[of].name)));
        }
        let Some(Rule { system: Some(system), filters: false, .. }) = &self.rule else {
            let error = Diagnostic::error(codes::E0419, span, format!("`{name}` is there while a frame is made"));
            return self.error(error.help("read it in the body of a system, which may keep it in a component"));
        };
        if fresh.is_none() {
            let error =
                Diagnostic::error(codes::E0419, span, format!("`{name}` is of this frame: it has no state before"));
            return self.error(error.help(format!("say `fresh {name}`")));
        }
        let own = self.model.publications.iter().find(|it| it.bus == bus && it.system == *system);
        if let Some(own) = own {
            let message = format!("the system publishes on `{name}`, and cannot read it as well");
            let error = Diagnostic::error(codes::E0508, span, message).label(own.span, "published here");
            return self.error(error.help("let another system read it"));
        }
        self.buses_read[bus] = true;
        let value = self.came_together(bus, whose);
        self.behind(value.map_or(Checked::Error, Checked::Typed), segments, None)
    }

    fn came_together(&mut self, bus: usize, whose: Whose) -> Option<Typed> {
        let written = self.names.buses[bus];
        let group = written.group.as_ref().and_then(|of| self.names.group(of, self.diagnostics))?;
        let meeting = self.about(None, |checker| checker.meeting(written))?;
        let subject = (!matches!(whose, Whose::Own)).then(|| Subject { group, whose: whose.clone(), fresh: None });
        let inside = self.about(subject, |checker| checker.written_publishers(written, meeting.ty))?;
        let places = written.publishers.iter().map(|publisher| publisher.value.span.start);
        let mut all: Vec<((i64, u32), Published)> =
            inside.into_iter().zip(places).map(|((order, it), place)| ((order, place), it)).collect();
        for (publication, it) in self.model.publications.iter().enumerate().filter(|(_, it)| it.bus == bus) {
            let of = |whether: bool, ty: Type| {
                let kind = Kind::Published { publication, whether, whose: whose.clone() };
                Typed { ty, kind }
            };
            let published = Published { value: of(false, it.ty), when: Some(of(true, Type::scalar(Scalar::Bool))) };
            all.push(((it.order, it.span.start), published));
        }
        if all.is_empty() {
            let error = Diagnostic::error(
                codes::E0419,
                written.name.span,
                format!("nobody publishes on `{}`", written.name.text),
            );
            self.diagnostics
                .push(error.help("let a system do so, `publish NAME = ...`, or write `{ publish VALUE }` behind it"));
            return None;
        }
        all.sort_by_key(|(place, _)| *place);
        let published: Vec<Published> = all.into_iter().map(|(_, published)| published).collect();
        let together = self.together(&meeting, written.name.span, &published);
        self.about(None, |checker| checker.through(together, written))
    }

    /// Checks buses that nobody reads, so that their mistakes are told.
    pub(super) fn idle_buses(&mut self, model: &mut Model<'a>) {
        std::mem::swap(&mut self.model, model);
        for bus in 0..self.names.buses.len() {
            let group = self.names.buses[bus].group.as_ref().filter(|_| !self.buses_read[bus]);
            if let Some(group) = group.and_then(|group| self.names.group(group, self.diagnostics)) {
                self.rule = Some(Rule { system: Some(usize::MAX), group: Some(group), ..Rule::default() });
                self.came_together(bus, Whose::Own);
                self.rule = None;
            }
        }
        std::mem::swap(&mut self.model, model);
    }

    /// Warns of buses that nobody reads.
    pub(super) fn unread_buses(&mut self) {
        for (bus, _) in self.names.buses.iter().zip(&self.buses_read).filter(|(_, read)| !**read) {
            let message = format!("nothing reads `fresh {}`", bus.name.text);
            self.diagnostics.push(Diagnostic::warning(codes::W0107, bus.name.span, message));
        }
    }
}

/// The publications of statements.
fn publishing<'s>(body: &'s [Stmt], all: &mut Vec<&'s ast::Publication>) {
    for stmt in body {
        match &stmt.kind {
            StmtKind::Publish(publication) => all.push(publication),
            StmtKind::If { yes, no, .. } => {
                publishing(yes, all);
                publishing(no, all);
            }
            StmtKind::For { body, .. } => publishing(body, all),
            _ => {}
        }
    }
}
