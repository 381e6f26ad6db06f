//! Warnings: what compiles but was hardly meant.

use std::collections::BTreeSet;

use crate::codes;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::resolve::{Constant, Names};
use crate::types::{Index, Model, Place, Role};

/// What an index sums.
fn summed(index: &Index) -> impl Iterator<Item = Place> {
    let sums = index.summary.iter().flat_map(|summary| &summary.sums);
    sums.map(|&member| Place { group: index.group, member })
}

/// Looks over a scenario without errors.
pub(super) fn lint(model: &Model<'_>, names: &Names<'_>, used: &[bool], diagnostics: &mut Diagnostics) {
    let in_groups: BTreeSet<&str> =
        model.groups.iter().flat_map(|group| group.members.iter().map(|member| member.component.as_str())).collect();
    for component in &names.components {
        if !in_groups.contains(component.name.text.as_str()) {
            let message = format!("no group has component `{}`", component.name.text);
            diagnostics.push(Diagnostic::warning(codes::W0101, component.name.span, message));
        }
    }
    for (constant, used) in names.constants.iter().zip(used) {
        if !used && !matches!(constant, Constant::Dt(_)) {
            let message = format!("nothing uses `{}`", constant.name());
            diagnostics.push(Diagnostic::warning(codes::W0102, constant.span(), message));
        }
    }
    let read: BTreeSet<Place> = model
        .systems
        .iter()
        .flat_map(|system| system.reads.iter().map(|read| read.place))
        .chain(model.finished.iter().copied())
        .chain(model.indexes.iter().flat_map(summed))
        .chain(model.matchings.iter().flat_map(|matching| matching.reads.iter().copied()))
        .collect();
    // A member of a blueprint stands in several groups: it is needed if one of them needs it.
    let (mut needed, mut unread) = (BTreeSet::new(), Vec::new());
    for (group, members) in model.groups.iter().enumerate().map(|(at, group)| (at, &group.members)) {
        for (member, it) in members.iter().enumerate() {
            let reads = read.contains(&Place { group, member });
            let plain = it.role == Role::Value && it.presence.is_none();
            if it.owner.is_some() || it.used || it.position || reads || !plain {
                needed.insert((it.span.start, &it.name));
            } else {
                unread.push(it);
            }
        }
    }
    for it in unread.into_iter().filter(|it| !needed.contains(&(it.span.start, &it.name))) {
        let message = format!("nothing reads `{}`, and nothing changes it", it.name);
        diagnostics.push(Diagnostic::warning(codes::W0103, it.span, message));
    }
    let asked: BTreeSet<usize> = model.systems.iter().flat_map(|system| system.indexes.iter().copied()).collect();
    for (at, index) in model.indexes.iter().enumerate() {
        if index.declared && index.buckets.is_none() && !asked.contains(&at) {
            let message = format!("no system asks index `{}`, but it is built each frame", index.name);
            diagnostics.push(Diagnostic::warning(codes::W0104, index.span, message));
        }
    }
    let asked: BTreeSet<usize> = model.systems.iter().flat_map(|system| system.matchings.iter().copied()).collect();
    for (_, matching) in model.matchings.iter().enumerate().filter(|(at, _)| !asked.contains(at)) {
        let message = format!("no system reads `fresh {}`, but rows are matched each frame", matching.name);
        diagnostics.push(Diagnostic::warning(codes::W0104, matching.span, message));
    }
}
