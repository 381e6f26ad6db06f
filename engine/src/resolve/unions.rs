//! Unions: which groups they are of, and the systems that run over them, one a group.

use diptych_protocol::program::Span;

use crate::codes;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::resolve::{Meaning, Names};
use crate::syntax::ast::{self, ClauseKind};

/// Groups of one union: rules over it are compiled once for each.
const GROUPS_MAX: usize = 64;

/// A union of groups.
#[derive(Debug)]
pub struct Union<'a> {
    /// What was written.
    pub name: &'a ast::Name,
    /// Its groups, in the order that was written.
    pub groups: Vec<usize>,
}

/// A system of the program: what was written, or that for one group of a union.
#[derive(Debug)]
pub struct Instance {
    /// What the system is called, in what is shown of a program and where its draws are: `march`, or `march of red`.
    pub name: String,
    /// Of a system over a union: for which of its groups.
    pub group: Option<usize>,
    /// Of a system over a union: which.
    pub union: Option<usize>,
}

/// Finds the groups of a union.
pub(super) fn groups(names: &Names<'_>, union: &ast::Union, diagnostics: &mut Diagnostics) -> Vec<usize> {
    let mut groups: Vec<(usize, Span)> = Vec::new();
    for name in &union.groups {
        let Some(group) = names.group(name, diagnostics) else { continue };
        if let Some((_, first)) = groups.iter().find(|(known, _)| *known == group) {
            let error = Diagnostic::error(codes::E0208, name.span, format!("`{}` is said twice", name.text));
            diagnostics.push(error.here("again").label(*first, "first here"));
            continue;
        }
        if groups.len() == GROUPS_MAX {
            let message = format!("union `{}` has more than {GROUPS_MAX} groups", union.name.text);
            diagnostics.push(Diagnostic::error(codes::E0601, name.span, message));
            break;
        }
        groups.push((group, name.span));
    }
    groups.into_iter().map(|(group, _)| group).collect()
}

/// Makes of each system that was written those of the program.
pub(super) fn instances(names: &mut Names<'_>) {
    let mut systems = Vec::new();
    for written in std::mem::take(&mut names.systems) {
        let over = written.clauses.iter().find_map(|clause| match &clause.kind {
            ClauseKind::For(name) => Some(&name.text),
            _ => None,
        });
        let Some(Meaning::Union(at)) = over.and_then(|name| names.meaning(name)) else {
            systems.push(written);
            names.instances.push(Instance { name: written.name.text.clone(), group: None, union: None });
            continue;
        };
        for &group in &names.unions[at].groups {
            let name = format!("{} of {}", written.name.text, names.groups[group].name.text);
            systems.push(written);
            names.instances.push(Instance { name, group: Some(group), union: Some(at) });
        }
    }
    names.systems = systems;
}
