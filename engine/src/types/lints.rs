//! Warnings: what compiles but was hardly meant.

use crate::codes;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::resolve::{Constant, Names};
use crate::types::{Model, Place};

/// Looks over a scenario without errors.
pub(super) fn lint(model: &Model<'_>, names: &Names<'_>, used: &[bool], diagnostics: &mut Diagnostics) {
    for component in &names.components {
        if !model.groups.iter().any(|group| group.member(&component.name.text).is_some()) {
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
    for (group, members) in model.groups.iter().enumerate().map(|(at, group)| (at, &group.members)) {
        for (member, it) in members.iter().enumerate() {
            let place = Place { group, member };
            let read = model.systems.iter().any(|system| system.reads.iter().any(|read| read.place == place));
            if it.owner.is_none() && !it.used && !it.position && !read {
                let message = format!("nothing reads `{}`, and nothing changes it", it.name);
                diagnostics.push(Diagnostic::warning(codes::W0103, it.span, message));
            }
        }
    }
    for (at, index) in model.indexes.iter().enumerate() {
        if index.buckets.is_none() && !model.systems.iter().any(|system| system.indexes.contains(&at)) {
            let message = format!("no system asks index `{}`, but it is built each frame", index.name);
            diagnostics.push(Diagnostic::warning(codes::W0104, index.span, message));
        }
    }
}
