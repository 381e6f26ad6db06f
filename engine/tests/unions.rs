//! Groups of a blueprint and rules over unions: what of them is in the program.

mod support;

use diptych::compile::{Compiled, Settings, compile};
use diptych::explain::ir;
use diptych::source::Source;
use diptych_protocol::body::{Body, Over};
use diptych_protocol::id::Id;
use diptych_protocol::program::{Code, Program};
use support::EveryKernel;

const WORLD: &str = "scenario test
space torus (0, 0) .. (10, 10)
component Position = vec2
component Health = f32
component Gold = u32
component Kind = u8
blueprint soldier {
    position Position = uniform(space)
    Health = 1
    Kind = if self in red { 1 } else { 2 }
}
group red[10] of soldier { Gold = 5, Health = 0.5 }
group blue[20, max 40] of soldier
union armies = red, blue
";

#[track_caller]
fn compiled(rules: &str) -> Compiled {
    let source = Source { path: "test.dip".into(), text: format!("{WORLD}{rules}") };
    match compile(&source, &Settings::default(), &EveryKernel) {
        Ok(compiled) => compiled,
        Err(errors) => panic!("{}", diptych::diagnostic::render(&source, &errors, false)),
    }
}

#[track_caller]
fn body<'p>(program: &'p Program, system: &str) -> &'p Body {
    let found = program.systems.values().find(|it| it.name == system).unwrap_or_else(|| panic!("no {system}"));
    let Code::Body(body) = found.code else { panic!("{system} is text") };
    &program.bodies[body]
}

/// The groups that the loops of a system go over, in their order.
fn walked(program: &Program, system: &str) -> Vec<String> {
    let group = |over: &Over| match over {
        Over::Group(group) => program.groups[*group].name.clone(),
        over => over.index().map_or(String::new(), |index| program.groups[program.indexes[index].group].name.clone()),
    };
    body(program, system).loops.values().map(|it| group(&it.over)).collect()
}

#[test]
fn a_group_has_the_components_of_its_blueprint_and_then_its_own() {
    let program = compiled("system s for armies owns Health, Kind { Health += 1\n Kind = 0 }").program;
    let columns = |group: &str| -> Vec<String> {
        let id = program.group(group).unwrap_or_else(|| panic!("no {group}"));
        program.columns.values().filter(|column| column.group == id).map(|column| column.name()).collect()
    };
    let shared = ["Position.x", "Position.y", "Health", "Kind"];
    assert_eq!(columns("red"), [&shared[..], &["Gold"]].concat());
    assert_eq!(columns("blue")[..4], shared);
    assert!(program.groups.values().take(2).all(|group| group.position.len() == 2));
}

#[test]
fn a_system_over_a_union_is_one_for_each_group() {
    let program = compiled(
        "system march for armies owns Health { Health += 1 }\nsystem age for red owns Kind { Kind += u8(Gold) }",
    )
    .program;
    let shown: Vec<(&str, usize)> = program.systems.values().map(|it| (it.name.as_str(), it.group.index())).collect();
    assert_eq!(shown, [("march of red", 0), ("march of blue", 1), ("age", 0)]);
    for system in program.systems.values() {
        assert!(system.owns.iter().all(|column| program.columns[*column].group == system.group), "{}", system.name);
    }
    let text = ir::all(&program);
    assert!(text.contains("march of red") && text.contains("march of blue"), "{text}");
}

#[test]
fn loops_go_over_the_groups_in_the_order_of_the_union_without_those_that_never_count() {
    let program = compiled(
        "union back = blue, red
system look for red owns Kind {
    let near = count(x in back within 1) + count(x in armies within 2 where x in blue)
    let mut k: u8 = 0
    for x in armies where not (x in blue and self in red) or x in red { k += 1 }
    Kind = u8(near) + k + u8(Gold)
}",
    )
    .program;
    assert_eq!(walked(&program, "look"), ["blue", "red", "blue", "red"]);
}

#[test]
fn what_a_group_can_never_reach_is_not_in_its_code() {
    let program = compiled(
        "system spend for armies owns Health {
    if self in red and Gold > 3 { Health = f32(Gold) } else { Health = if not self in armies { f32(Gold) } else { 7 } }
}",
    )
    .program;
    let reads = |system: &str| program.systems.values().find(|it| it.name == system).map(|it| it.reads.len());
    assert_eq!((reads("spend of red"), reads("spend of blue")), (Some(1), Some(0)));
}

#[test]
fn what_one_group_needs_of_a_blueprint_or_rule_is_needed() {
    // Nobody asks a blue for its kind, and `bonus` is for red.
    let one = compiled(
        "system s for armies owns Health {
    let bonus = Health * 2
    if self in red { Health = bonus + f32(Gold + u32(Kind)) }
}",
    );
    assert_eq!(one.warnings, []);
    let none = compiled("system s for armies owns Health {\n let bonus = Health * 2\n Health += 1\n}\n");
    let told: Vec<&str> = none.warnings.iter().map(|warning| warning.message.as_str()).collect();
    let unread = |name: &str| format!("nothing reads `{name}`, and nothing changes it");
    assert_eq!(told, [unread("Kind").as_str(), unread("Gold").as_str(), "nothing uses `bonus`"]);
}
