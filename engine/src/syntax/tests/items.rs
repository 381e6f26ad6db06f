//! Items: the trees that texts become.

use super::{item, items, show, tree};
use crate::syntax::ast::{Group, GroupOrigin, Item};

#[test]
fn documentation_belongs_to_the_next_item() {
    let tree = tree("/// a scene\nscenario x\n/// not here\nlet a = 1\n/// how\n/// many\nparam n: u32 = 1 in 1 .. 9");
    assert_eq!(tree.docs, ["a scene"]);
    let [_, Item::Param(param)] = tree.items.as_slice() else { panic!("{tree:?}") };
    assert_eq!(param.docs, ["how", "many"]);
    let Item::Input(input) = item("/// how much\ninput tap: f32 = 0.5 in 0 .. 10") else { panic!("no input") };
    assert_eq!((input.docs.as_slice(), input.name.text.as_str()), (&["how much".to_string()][..], "tap"));
    assert!(input.range.is_some());
}

#[test]
fn enums_have_variants_between_commas_or_lines() {
    for text in ["enum Health { S, I, R }", "enum Health {\n S\n I\n R\n}", "enum Health { S, I\n R, }"] {
        let Item::Enum(found) = item(text) else { panic!("{text}") };
        let variants: Vec<&str> = found.variants.iter().map(|name| name.text.as_str()).collect();
        assert_eq!((found.name.text.as_str(), variants), ("Health", vec!["S", "I", "R"]));
    }
}

#[test]
fn components_have_any_type() {
    for (text, expected) in [
        ("vec2", "vec2"),
        ("vec2[4]", "(vec2)[4]"),
        ("vec2[4][n + 1]", "((vec2)[4])[(n + 1)]"),
        ("entity of agents", "entity of agents"),
        ("entity of agents[2]", "(entity of agents)[2]"),
        ("{ mass: f32, at: vec2 }", "{mass: f32, at: vec2}"),
        ("{\n mass: f32\n parts: { x: f32 }[3]\n}", "{mass: f32, parts: ({x: f32})[3]}"),
    ] {
        let Item::Component(found) = item(&format!("component A = {text}")) else { panic!("{text}") };
        assert_eq!(show::ty(&found.ty), expected);
    }
}

#[test]
fn functions_are_lets_and_a_value() {
    let expected = "{let s = (v * w); (s / 2)}";
    for text in [
        "fn steer(v: vec2, w: f32) -> vec2 { let s = v * w  s / 2 }",
        "fn steer(v: vec2,\n w: f32)\n -> vec2 {\n let s = v * w\n s / 2\n}",
    ] {
        let Item::Function(found) = item(text) else { panic!("{text}") };
        assert_eq!((found.parameters.len(), show::ty(&found.result)), (2, "vec2".into()));
        assert_eq!(show::expr(&found.body), expected);
    }
    let Item::Function(found) = item("fn one() -> f32[2] { [1, 1] }") else { panic!() };
    assert_eq!((show::ty(&found.result), show::expr(&found.body)), ("(f32)[2]".into(), "[1, 1]".into()));
}

#[test]
fn groups_come_from_a_number_a_file_or_an_index() {
    let text = "group people from \"people.csv\" { position Position = vec2(x, y)  \n Age = age }";
    let Item::Group(found) = item(text) else { panic!() };
    assert!(matches!(&found.origin, GroupOrigin::File { file, .. } if file.text == "people.csv"), "{found:?}");
    assert_eq!(found.members.len(), 2);
    let Item::Group(found) = item("group from[3] { A = 1 }") else { panic!() };
    assert!(matches!(found.origin, GroupOrigin::Rows(_)));
    let Item::Group(found) = item("group from = buckets of tree { A }") else { panic!() };
    assert!(matches!(found.origin, GroupOrigin::Buckets(_)));
}

#[test]
fn groups_are_of_a_blueprint_and_unions_of_groups() {
    let found = items(
        "blueprint soldier { position Position = uniform(space), Side\n Health = 1 }\n\
         group red[10, max 20] of soldier\ngroup blue from \"blue.csv\"[max 9] of soldier { Side = 2 }\n\
         union armies = red,\n blue\nparam low: u32 = side in side .. 2 * side\nlet in_it = not a in red and b",
    );
    let [Item::Blueprint(blueprint), Item::Group(red), Item::Group(blue), Item::Union(union), rest @ ..] =
        found.as_slice()
    else {
        panic!("{found:#?}");
    };
    assert_eq!((blueprint.name.text.as_str(), blueprint.members.len()), ("soldier", 3));
    assert!(blueprint.members[0].position.is_some() && blueprint.members[1].value.is_none());
    let of = |group: &Group| group.blueprint.as_ref().map(|name| name.text.clone());
    assert_eq!([of(red), of(blue)], [Some("soldier".into()), Some("soldier".into())]);
    assert_eq!((red.members.len(), red.max.is_some(), blue.members.len(), blue.max.is_some()), (0, true, 1, true));
    assert_eq!(union.groups.iter().map(|name| name.text.as_str()).collect::<Vec<_>>(), ["red", "blue"]);
    // The `in` of a range is not that of a group.
    let [Item::Param(param), Item::Let(constant)] = rest else { panic!("{rest:#?}") };
    assert!(param.range.is_some());
    assert_eq!(show::expr(&constant.value), "((not (a in red)) and b)");
}

#[test]
fn grids_are_groups_of_cells_with_an_edge() {
    let Item::Group(found) = item("grid soil[w, 2 * h] { edge = outside { A = 1 }, A = 0, edge }") else { panic!() };
    let GroupOrigin::Cells { extents, rims } = &found.origin else { panic!("{found:?}") };
    assert_eq!(extents.iter().map(show::expr).collect::<Vec<_>>(), ["w", "(2 * h)"]);
    assert_eq!((rims.len(), rims[0].word.text.as_str(), rims[0].values.len()), (1, "outside", 1));
    // Without a value `edge` is a component like any other.
    assert_eq!(found.members.iter().map(|it| it.component.text.as_str()).collect::<Vec<_>>(), ["A", "edge"]);
    assert!(matches!(item("index cells = grid of boids"), Item::Index(index) if index.grid));
}

#[test]
fn outputs_are_items() {
    let found = items(
        "run { frames = 10, until = infected == 0 }
        signal infected = count(people where State == I)
        ensure \"nobody is lost\" count(boids) == n
        record every 10 to \"flock.csv\" { polarisation, speed = mean(boids: length(Velocity)) }
        record to \"b.csv\" {
            a
            b = 2
        }",
    );
    let [Item::Run(run), Item::Signal(signal), Item::Ensure(ensure), Item::Record(sparse), Item::Record(dense)] =
        found.as_slice()
    else {
        panic!("{found:#?}")
    };
    assert_eq!(
        (run.settings[1].name.text.as_str(), show::expr(&run.settings[1].value)),
        ("until", "(infected == 0)".into())
    );
    assert_eq!(show::expr(&signal.value), "<count people where (State == I)>");
    assert_eq!(ensure.text.text, "nobody is lost");
    assert_eq!(show::expr(&ensure.condition), "(<count boids> == n)");
    assert_eq!(sparse.every.as_ref().map(show::expr), Some("10".into()));
    assert_eq!((sparse.path.text.as_str(), sparse.columns.len()), ("flock.csv", 2));
    assert!(sparse.columns[0].value.is_none() && sparse.columns[1].value.is_some());
    assert!(dense.every.is_none());
    assert_eq!(dense.columns.len(), 2);
}

#[test]
fn systems_have_clauses_then_a_body() {
    let found = items(
        "system a native \"k\" for g\n index tree\n with { x = 1 }\nlet b = 2\nsystem c for g owns A batch 64 { A = 1 }\nsystem d for g fresh B {}",
    );
    let [Item::System(a), Item::Let(_), Item::System(c), Item::System(d)] = found.as_slice() else {
        panic!("{found:#?}")
    };
    assert_eq!((a.clauses.len(), a.body.is_none()), (4, true));
    assert_eq!((c.clauses.len(), c.body.as_ref().map(Vec::len)), (3, Some(1)));
    assert_eq!((d.clauses.len(), d.body.as_ref().map(Vec::len)), (2, Some(0)));
}
