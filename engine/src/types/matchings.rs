//! Checking matchings: which rows are paired, where they meet, and what a rule sees of its partner.

use diptych_protocol::id::Id;
use diptych_protocol::program::{Span, When};
use diptych_protocol::types::Sort;

use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::syntax::ast;
use crate::types::expressions::Checker;
use crate::types::rows::Segment;
use crate::types::rules::Rule;
use crate::types::typed::{Checked, Kind, Typed};
use crate::types::{Matching, Model, Origin, Place, Side};

impl<'a> Checker<'a, '_> {
    /// All matchings, before the systems that read them.
    pub(super) fn matchings(&mut self, model: &mut Model<'a>) {
        std::mem::swap(&mut self.model, model);
        for written in &self.names.matchings {
            let (name, span) = (written.name.text.clone(), written.name.span);
            let mut matching = Matching { name, span, sides: Vec::new(), meeting: None, reads: Vec::new() };
            if self.sides(written, &mut matching).is_none() {
                // It is wrong itself, and told.
                matching.sides.clear();
            }
            self.model.matchings.push(matching);
        }
        std::mem::swap(&mut self.model, model);
    }

    /// The sides without their filters, and where rows meet.
    fn sides(&mut self, written: &ast::Match, matching: &mut Matching) -> Option<()> {
        let wrong = |span, message: String| Diagnostic::error(codes::E0417, span, message);
        let groups: Vec<Option<usize>> =
            written.sides.iter().map(|side| self.names.group(&side.group, self.diagnostics)).collect();
        let groups: Vec<usize> = groups.into_iter().collect::<Option<_>>()?;
        for (side, group) in written.sides.iter().zip(&groups) {
            if self.model.groups[*group].origin != Origin::Blueprint {
                let message = format!("rows of `{}` are made anew each frame: they have no partner", side.group.text);
                self.diagnostics.push(wrong(side.group.span, message).help("match groups that have rows of their own"));
                return None;
            }
        }
        let alike = groups[0] == groups[1];
        if let (true, Some(filter)) = (alike, &written.sides[1].filter) {
            let message = format!("rows of `{}` are matched with each other", written.sides[1].group.text);
            let error = wrong(filter.span, message);
            self.diagnostics.push(error.help("say which take part once, behind the first of both"));
            return None;
        }
        let groups = if alike { &groups[..1] } else { &groups };
        matching.sides = groups.iter().map(|&group| Side { group, place: None, filter: None }).collect();
        let Some(place) = &written.place else { return Some(()) };
        for side in &mut matching.sides {
            let (member, to) = self.meeting_place(&place.component, side.group)?;
            side.place = Some(member);
            matching.meeting = Some((to, if place.fresh { When::Fresh } else { When::Prev }));
        }
        Some(())
    }

    /// The member by which rows of a group meet others, and the group that it refers to.
    fn meeting_place(&mut self, component: &ast::Name, group: usize) -> Option<(usize, usize)> {
        self.names.component(component, self.diagnostics)?;
        let own = &self.model.groups[group];
        let Some(first) = own.members.iter().position(|member| member.component == component.text) else {
            if !self.is_wrong_itself(group, &component.text) {
                let message = format!("group `{}` has no component `{}`", own.name, component.text);
                let error = Diagnostic::error(codes::E0506, component.span, message);
                self.diagnostics.push(error.help("rows of both sides meet by a component that both have"));
            }
            return None;
        };
        let member = &own.members[first];
        let problem = match member.ty.sort {
            Sort::Entity(to) if self.model.groups[to.index()].origin != Origin::Blueprint => {
                format!("rows of `{}` are made anew each frame: nobody meets there", self.model.groups[to.index()].name)
            }
            Sort::Entity(to) if self.model.groups[to.index()].first.is_some() => {
                format!("rows of `{}` come and go: nobody meets there", self.model.groups[to.index()].name)
            }
            Sort::Entity(to) if member.name == component.text => return Some((first, to.index())),
            _ => format!("`at {}`: it is no reference", component.text),
        };
        let error = Diagnostic::error(codes::E0417, component.span, problem);
        self.diagnostics
            .push(error.help("rows meet by a component of type `entity of G`, such as the cell they are in"));
        None
    }

    /// Which rows take part, and whether somebody makes what is said to be fresh: once owners are known.
    pub(super) fn filters(&mut self, model: &mut Model<'a>) {
        std::mem::swap(&mut self.model, model);
        for (at, written) in self.names.matchings.iter().enumerate() {
            for side in 0..self.model.matchings[at].sides.len() {
                self.owned_place(at, side, written);
                let Some(filter) = &written.sides[side].filter else { continue };
                let group = self.model.matchings[at].sides[side].group;
                // A rule that no system has: what it reads is nobody's own.
                self.rule =
                    Some(Rule { system: Some(usize::MAX), group: Some(group), filters: true, ..Rule::default() });
                self.draws = 0;
                self.calls = 0;
                let filter = self.truth(filter, "what follows `where`");
                let reads = self.rule.take().map_or(Vec::new(), |rule| rule.reads);
                let matching = &mut self.model.matchings[at];
                matching.sides[side].filter = filter;
                matching.reads.extend(reads.iter().map(|read| read.place));
            }
        }
        std::mem::swap(&mut self.model, model);
    }

    fn owned_place(&mut self, at: usize, side: usize, written: &ast::Match) {
        let matching = &mut self.model.matchings[at];
        let (group, when) = (matching.sides[side].group, matching.meeting.map(|(_, when)| when));
        let (Some(member), Some(place)) = (matching.sides[side].place, &written.place) else { return };
        matching.reads.push(Place { group, member });
        let owner = self.model.groups[group].members[member].owner;
        if when == Some(When::Fresh) && owner.is_none() {
            let (name, group) = (&place.component.text, self.model.groups[group].name);
            let message = format!("no system owns `{name}` of `{group}`: there is no fresh value");
            let error = Diagnostic::error(codes::E0507, place.component.span, message);
            self.diagnostics.push(error.help("leave `fresh` out"));
        }
    }

    /// What a filter cannot see.
    pub(super) fn beyond_filter(&mut self, span: Span) -> Checked {
        let message = "which rows take part, each says by itself, as the frame started from it";
        let error = Diagnostic::error(codes::E0417, span, message);
        self.error(error.help("let a system write what it finds to a component of the own row, and ask for that"))
    }

    /// `fresh hunt`: the row that the own one is paired with.
    pub(super) fn partner(
        &mut self,
        matching: usize,
        name: &str,
        span: Span,
        segments: &[Segment<'_>],
        fresh: Option<Span>,
    ) -> Checked {
        let rule = self.rule.as_ref().filter(|rule| rule.system.is_some() && !rule.filters);
        let (Some(own), Some(_)) = (self.own_group(), rule) else {
            return self.outside_system(&format!("the partner `fresh {name}`"), span);
        };
        let Some(found) = self.model.matchings.get(matching).filter(|found| !found.sides.is_empty()) else {
            return Checked::Error; // Wrong itself, and told.
        };
        let Some(side) = found.sides.iter().position(|side| side.group == own) else {
            let called = |group: usize| format!("`{}`", self.model.groups[group].name);
            let all: Vec<String> = found.sides.iter().map(|side| called(side.group)).collect();
            let message = format!("rows of {} have no partner by `{name}`", called(own));
            let error = Diagnostic::error(codes::E0506, span, message);
            return self.error(error.help(format!("it matches rows of {}", all.join(" and "))));
        };
        if fresh.is_none() {
            let error = Diagnostic::error(codes::E0513, span, format!("`{name}` is made anew in each frame"));
            return self.error(error.help(format!("say so: `fresh {name}`")));
        }
        let ty = self.names.entity(found.partners(side));
        if let Some(rule) = &mut self.rule
            && !rule.matchings.contains(&matching)
        {
            rule.matchings.push(matching);
        }
        // What stands behind it is the partner's, as the frame started from it.
        self.behind(Checked::Typed(Typed { ty, kind: Kind::Partner { matching, side } }), segments, None)
    }
}
