//! Reading one leaf of a component: which value it is, and whether it can be had.

use diptych_protocol::program::{Reach, Span, When};
use diptych_protocol::types::Type;

use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::types::expressions::Checker;
use crate::types::typed::{Checked, Kind, Typed, Whose};
use crate::types::{Origin, Place, Read};

impl Checker<'_, '_> {
    /// A position that distances are between: as the frame started from it.
    pub(super) fn read_position(&mut self, group: usize, leaf: &str, span: Span, whose: Whose) -> Checked {
        let Some(member) = self.model.groups[group].member(leaf) else { return Checked::Error };
        let ty = self.model.groups[group].members[member].ty;
        let place = Place { group, member };
        let reach = if matches!(whose, Whose::Own) { Reach::Own } else { Reach::Any };
        if self.rule.as_ref().is_some_and(|rule| rule.filters && reach == Reach::Any) {
            return self.beyond_filter(span);
        }
        if let Some(rule) = &mut self.rule {
            rule.note(Read { place, when: When::Prev, reach, span });
        }
        Checked::Typed(Typed { ty, kind: Kind::Read { place, when: When::Prev, whose } })
    }

    /// Reads one leaf of a component, and notes that it is read.
    pub(super) fn read(&mut self, group: usize, leaf: &str, span: Span, whose: Whose, fresh: Option<Span>) -> Checked {
        let Some(member) = self.model.groups[group].member(leaf) else { return Checked::Error };
        let (ty, owner) = {
            let member = &self.model.groups[group].members[member];
            (member.ty, member.owner.map(|(system, _)| system))
        };
        let Some(rule) = &self.rule else { return self.outside_system(&format!("component `{leaf}`"), span) };
        let (system, own) = (rule.system, matches!(whose, Whose::Own));
        if rule.filters && (!own || fresh.is_some()) {
            return self.beyond_filter(span);
        }
        let place = Place { group, member };
        if self.beyond(group, leaf, ty, &whose, span).is_none() {
            return Checked::Error;
        }
        if system.is_none() {
            // A rule about a finished state: what frames made, or what set-up did.
            if let Some(span) = fresh {
                let error = Diagnostic::error(codes::E0513, span, "a signal is about a finished state");
                return self.error(error.help("leave `fresh` out"));
            }
            if let Whose::Of(_) = whose {
                let message = "a signal looks at each row by itself, not through references";
                let error = Diagnostic::error(codes::E0415, span, message);
                return self.error(error.help("let a system copy the value to a component of the own row"));
            }
            let members = &self.model.groups[group].members;
            let gained = members[member].presence.map_or(members[member].gained, |presence| members[presence].gained);
            let made = owner.is_some() || gained || self.model.groups[group].first.is_some();
            let when = if made { When::Fresh } else { When::Prev };
            self.model.finished.push(place);
            return Checked::Typed(Typed { ty, kind: Kind::Read { place, when, whose } });
        }
        if let Some(error) = self.no_sum(member, leaf, &whose, span, fresh.is_some()) {
            return self.error(error);
        }
        let when = if fresh.is_some() { When::Fresh } else { When::Prev };
        let mine = owner.is_some() && owner == system;
        if mine && own {
            return self.read_mine(place, leaf, ty, span, fresh);
        }
        let problem = match when {
            When::Prev => self.no_prev(group, leaf, span),
            When::Fresh => self.no_fresh(owner, mine, leaf, span),
        };
        if let Some(problem) = problem {
            return self.error(problem);
        }
        let reach = if own { Reach::Own } else { Reach::Any };
        if let Some(rule) = &mut self.rule {
            rule.note(Read { place, when, reach, span });
        }
        Checked::Typed(Typed { ty, kind: Kind::Read { place, when, whose } })
    }

    fn no_prev(&self, group: usize, leaf: &str, span: Span) -> Option<Diagnostic> {
        if self.model.groups[group].origin == Origin::Blueprint {
            return None;
        }
        let name = self.model.groups[group].name;
        let message = format!("rows of `{name}` are made anew each frame: they have no previous state");
        let help = format!("read what this frame made of it: `fresh` before `{leaf}`");
        Some(Diagnostic::error(codes::E0509, span, message).help(help))
    }

    fn no_fresh(&self, owner: Option<usize>, mine: bool, leaf: &str, span: Span) -> Option<Diagnostic> {
        if mine {
            let message = format!("`{leaf}` of other rows is what the system is making: it cannot read it fresh");
            let error = Diagnostic::error(codes::E0508, span, message);
            return Some(error.help("leave `fresh` out for the value the frame started from, or use a second system"));
        }
        if owner.is_none() {
            let message = format!("no system owns `{leaf}`: there is no fresh value");
            return Some(Diagnostic::error(codes::E0507, span, message).help("leave `fresh` out"));
        }
        None
    }

    /// The own row's component that the system itself makes.
    fn read_mine(&mut self, place: Place, leaf: &str, ty: Type, span: Span, fresh: Option<Span>) -> Checked {
        let Some(rule) = &self.rule else { return Checked::Error };
        let assigned = (0..ty.lanes).find_map(|lane| rule.assigned.get(&(place.member, lane)).copied());
        match (fresh, assigned) {
            (Some(_), Some(_)) => {
                let local = rule.next[&place.member];
                Checked::Typed(Typed { ty, kind: Kind::Local(local) })
            }
            (Some(fresh), None) => {
                let message = format!("`{leaf}` has no fresh value yet: this system makes it, further down if at all");
                let error = Diagnostic::error(codes::E0507, fresh, message);
                self.error(error.help("leave `fresh` out for the value the frame started from"))
            }
            (None, Some(first)) => {
                let message = format!("`{leaf}` was assigned: its name still means what the frame started from");
                let error = Diagnostic::error(codes::E0516, span, message).label(first, "assigned here");
                let name = leaf.to_lowercase().replace(['.', '['], "_").replace(']', "");
                self.error(
                    error
                        .help(format!("say `fresh {leaf}` for the new value"))
                        .help(format!("or read it before: `let old_{name} = {leaf}`")),
                )
            }
            (None, None) => match self.no_prev(place.group, leaf, span) {
                Some(problem) => self.error(problem),
                None => {
                    let kind = Kind::Read { place, when: When::Prev, whose: Whose::Own };
                    if let Some(rule) = &mut self.rule {
                        rule.note(Read { place, when: When::Prev, reach: Reach::Own, span });
                    }
                    Checked::Typed(Typed { ty, kind })
                }
            },
        }
    }
}
