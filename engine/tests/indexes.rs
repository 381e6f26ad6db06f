//! Which index a rule's neighbours are found by: the written rule, from program and parameters alone.

mod support;

use diptych::compile::{Settings, compile};
use diptych::source::Source;
use diptych_protocol::id::IndexId;
use diptych_protocol::limits::GRID_CELLS_A_ROW;
use diptych_protocol::program::{Domain, Index, IndexKind, Program, When, Work};
use support::EveryKernel;

#[track_caller]
fn compiled(text: &str, sets: &[(&str, &str)]) -> Program {
    let sets = sets.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    let source = Source { path: "test.dip".into(), text: format!("scenario test\n{text}") };
    match compile(&source, &Settings { sets, ..Settings::default() }, &EveryKernel) {
        Ok(compiled) => compiled.program,
        Err(errors) => panic!("{}", diptych::diagnostic::render(&source, &errors, false)),
    }
}

/// A world of points with one rule.
fn world(space: &str, position: &str, items: &str, rule: &str) -> String {
    format!(
        "param n: u32 = 1_000 in 1 .. 1_000_000\nparam r: f32 = 1.0 in 0.0 .. 1_000\nspace {space}\n\
         component P = {position}\ncomponent M = f32\ncomponent A = f32\n\
         group g[n] {{ position P = {position}(0.5), M = 1, A = 0 }}\n{items}\n\
         system s for g owns A {{ A = {rule} }}\n"
    )
}

const BOX: &str = "box (0, 0) .. (20, 20)";
const NEAR: &str = "sum(x in g within r : x.M)";

fn indexes(program: &Program) -> Vec<&Index> {
    program.indexes.values().collect()
}

#[track_caller]
fn cell(index: &Index) -> f32 {
    match &index.kind {
        IndexKind::Grid { cell, .. } => *cell,
        IndexKind::Tree { .. } => panic!("{} is a tree", index.name),
    }
}

fn is_tree(index: &Index) -> bool {
    matches!(index.kind, IndexKind::Tree { .. })
}

#[test]
fn what_is_within_a_radius_is_found_by_a_grid() {
    for (space, position) in [(BOX, "vec2"), ("torus (0, 0) .. (20, 20)", "vec2"), (BOX, "dvec2")] {
        let program = compiled(&world(space, position, "", NEAR), &[]);
        assert_eq!(cell(indexes(&program)[0]), 1.0);
        assert_eq!(program.grid_shape(IndexId(0)).and_then(|shape| shape.fixed).map(|it| it.counts), Some([80, 20, 1]));
    }
}

#[test]
fn a_cell_is_as_long_as_the_largest_radius() {
    let text = world(BOX, "vec2", "", "sum(x in g within r : x.M) + count(x in g within 3.0 * r)");
    assert_eq!(cell(indexes(&compiled(&text, &[]))[0]), 3.0);
}

#[test]
fn all_else_is_found_by_a_tree() {
    for (space, rule) in [
        ("open 2", NEAR),
        (BOX, "sum(x in g nearest 3 : x.M)"),
        (BOX, "sum(x in g within r : x.M) + sum(x in g nearest 3 : x.M)"),
    ] {
        let program = compiled(&world(space, "vec2", "", rule), &[]);
        assert!(indexes(&program).into_iter().all(is_tree), "{space}, {rule}");
        assert_eq!(program.indexes.len(), 1);
    }
}

#[test]
fn a_sparse_world_keeps_its_tree() {
    let text = world(BOX, "vec2", "", NEAR);
    // 400 cells of the radius 1.
    let rows = 400 / GRID_CELLS_A_ROW;
    for (n, r, tree) in [(rows, "1.0", false), (rows - 1, "1.0", true), (rows - 1, "1.01", false)] {
        let program = compiled(&text, &[("n", &n.to_string()), ("r", r)]);
        assert_eq!(is_tree(indexes(&program)[0]), tree, "{n} rows, radius {r}");
    }
}

#[test]
fn the_kind_and_the_cell_are_part_of_the_program_hash() {
    let hash = |items: &str| compiled(&world(BOX, "vec2", items, NEAR), &[]).hash();
    let declared = ["index i = kdtree of g { bucket = 32 }", "index i = grid of g", "index i = grid of g { cell = 2 }"];
    let hashes: std::collections::BTreeSet<u128> = declared.into_iter().map(hash).collect();
    assert_eq!(hashes.len(), declared.len());
}

#[test]
fn a_declared_index_is_what_it_says() {
    let program = compiled(&world(BOX, "vec2", "index i = kdtree of g", NEAR), &[]);
    assert!(program.indexes.len() == 1 && is_tree(indexes(&program)[0]));
    // Also where a tree would be made: in an open space the rows' own bounds are the grid's, in each frame.
    for space in [BOX, "open 2"] {
        let program = compiled(&world(space, "vec2", "index i = grid of g { cell = 0.5 }", NEAR), &[]);
        assert_eq!((program.indexes.len(), cell(indexes(&program)[0])), (1, 0.5));
    }
    // A grid is rather asked than a tree, but it knows nothing of the nearest.
    let both = "index i = kdtree of g\nindex j = grid of g";
    let program = compiled(&world(BOX, "vec2", both, "count(x in g within r) + count(x in g nearest 2)"), &[]);
    assert!(is_tree(indexes(&program)[0]));
    assert_eq!((program.indexes.len(), cell(indexes(&program)[1])), (2, 1.0));
    let program = compiled(&world(BOX, "vec2", "index j = grid of g", "count(x in g nearest 2)"), &[]);
    assert!(program.indexes.len() == 2 && is_tree(indexes(&program)[1]));
}

#[test]
fn what_loops_read_of_others_is_copied_where_it_is_there() {
    let copies = |program: &Program, index: usize| match &indexes(program)[index].kind {
        IndexKind::Grid { copies, .. } => {
            let name = |(column, when): &(_, When)| format!("{} {when:?}", program.columns[*column].name());
            copies.iter().map(name).collect::<Vec<_>>()
        }
        IndexKind::Tree { .. } => panic!("a tree"),
    };
    let program = compiled(&world(BOX, "vec2", "", NEAR), &[]);
    assert_eq!(copies(&program, 0), ["P.x Prev", "P.y Prev", "M Prev"]);
    // Fresh positions are there when their index is built; what else is fresh may not be, and such a rule gathers
    // all but its own position.
    let moving = "component B = f32\ngroup h[10] { position P = vec2(0), B = 0 }\n\
                  system move for g owns P { P = P + vec2(1) }\nsystem grow for g owns M { M = M + 1 }\n\
                  system look for h owns B { B = count(x in g within r) }\n";
    let of_fresh = |value: &str| format!("sum(x in g within r of fresh P : {value})");
    let program = compiled(&world(BOX, "vec2", moving, &of_fresh("x.M + x.P.x")), &[]);
    assert_eq!(copies(&program, 0), ["P.x Prev", "P.y Prev"]);
    assert_eq!(copies(&program, 1), ["P.x Prev", "P.x Fresh", "P.y Fresh", "M Prev"]);
    let program = compiled(&world(BOX, "vec2", moving, &of_fresh("fresh x.M")), &[]);
    assert_eq!(copies(&program, 1), ["P.x Fresh", "P.y Fresh"]);
}

#[test]
fn a_pass_goes_by_the_slots_of_its_own_grid_or_of_the_order_of_its_rows() {
    let domain = |items: &str, rule: &str| {
        let program = compiled(&world(BOX, "vec2", items, rule), &[]);
        let pass = program.steps.values().find(|step| matches!(step.work, Work::Pass { .. })).unwrap();
        (pass.domain, program.indexes.len())
    };
    assert!(matches!(domain("", NEAR).0, Domain::Slots { index: IndexId(0), .. }));
    // By those of a tree only where rows are kept in its order, which a reference to one of them prevents.
    assert!(matches!(domain("index t = kdtree of g", NEAR).0, Domain::Slots { index: IndexId(0), .. }));
    let pinned = "index t = kdtree of g\ncomponent To = entity of g\ngroup h[5] { To = g[1] }";
    assert!(matches!(domain(pinned, NEAR).0, Domain::Rows { .. }));
    assert!(matches!(domain("", "M + 1").0, Domain::Rows { .. }));
    // Neighbours of another group are in another group's slots.
    let others = "group h[9] { position P = vec2(0.5), M = 1 }";
    assert!(matches!(domain(others, "sum(x in h within r : x.M)").0, Domain::Rows { .. }));
    // A native system in the same pass runs over rows as they stand.
    let native = "component B = f32\nsystem k native \"k\" for g owns B fresh A";
    let text = world(BOX, "vec2", native, NEAR).replace("A = 0 }", "A = 0, B = 0 }");
    let program = compiled(&text, &[]);
    assert!(program.steps.values().all(|step| !matches!(step.domain, Domain::Slots { .. })));
}
