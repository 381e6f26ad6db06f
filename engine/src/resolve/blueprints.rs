//! Groups of a blueprint get its members. Done before names are resolved: from then on a group is a group.

use crate::codes;
use crate::diagnostic::{Diagnostic, Diagnostics, did_you_mean};
use crate::syntax::ast::{Blueprint, Expr, ExprKind, Group, Item, Member, Scenario};

/// Members that all blueprints together give to groups.
const GIVEN_MAX: usize = 100_000;

/// Gives each group that is of a blueprint its members: those of the blueprint in its order, with the first value that
/// the group says, if it says one; then those that are the group's own.
pub fn blueprints(scenario: &mut Scenario, diagnostics: &mut Diagnostics) {
    let blueprints = scenario.items.iter().filter_map(|item| match item {
        Item::Blueprint(blueprint) => Some(blueprint.clone()),
        _ => None,
    });
    let blueprints: Vec<Blueprint> = blueprints.collect();
    for blueprint in blueprints.iter().filter(|blueprint| blueprint.members.is_empty()) {
        let message = format!("blueprint `{}` has no component", blueprint.name.text);
        let error = Diagnostic::error(codes::E0412, blueprint.name.span, message);
        diagnostics.push(error.help("write `Component = value` between its braces"));
    }
    let mut used = vec![false; blueprints.len()];
    let mut given = 0;
    for item in &mut scenario.items {
        let Item::Group(group) = item else { continue };
        let Some(name) = &group.blueprint else { continue };
        let Some(at) = blueprints.iter().position(|blueprint| blueprint.name.text == name.text) else {
            let hint = did_you_mean(&name.text, blueprints.iter().map(|blueprint| blueprint.name.text.as_str()));
            let error = Diagnostic::error(codes::E0201, name.span, format!("there is no blueprint `{}`", name.text));
            let declare = || format!("declare it: `blueprint {} {{ Component = value }}`", name.text);
            diagnostics.push(error.help(hint.unwrap_or_else(declare)));
            continue;
        };
        used[at] = true;
        given += blueprints[at].members.len();
        if given > GIVEN_MAX {
            let message = format!("blueprints give more than {GIVEN_MAX} components to groups");
            diagnostics.push(Diagnostic::error(codes::E0601, name.span, message));
            return;
        }
        give(&blueprints[at], group, diagnostics);
    }
    let right = !diagnostics.failed();
    for (blueprint, _) in blueprints.iter().zip(used).filter(|(_, used)| !used && right) {
        let message = format!("no group is of blueprint `{}`", blueprint.name.text);
        diagnostics.push(Diagnostic::warning(codes::W0107, blueprint.name.span, message));
    }
}

fn give(blueprint: &Blueprint, group: &mut Group, diagnostics: &mut Diagnostics) {
    let mut own = std::mem::take(&mut group.members);
    for member in &blueprint.members {
        let said = own.iter().position(|own| own.component.text == member.component.text);
        let mut made = match said.map(|at| own.remove(at)) {
            Some(own) => Member { position: own.position.or(member.position), ..own },
            None => member.clone(),
        };
        if made.value.is_none() {
            let (name, component) = (&group.name, &member.component);
            let message = format!("group `{}` gives `{}` no first value", name.text, component.text);
            let error = Diagnostic::error(codes::E0410, name.span, message)
                .label(component.span, format!("blueprint `{}` leaves it to its groups", blueprint.name.text));
            diagnostics.push(error.help(format!("write `{} = ...` between the braces of the group", component.text)));
            made.value = Some(Expr { kind: ExprKind::Error, span: name.span, depth: 1 });
        }
        group.members.push(made);
    }
    group.members.append(&mut own);
}
