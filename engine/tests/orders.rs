//! Which groups have their rows kept in the order of an index: the written rule, from the program alone; and what the
//! verifier asks of such a program.

mod support;

use diptych::compile::{Settings, compile};
use diptych::source::Source;
use diptych_protocol::body::{At, Op, Over};
use diptych_protocol::id::{ColumnId, GroupId, IndexId, SystemId};
use diptych_protocol::program::{
    Code, Domain, IndexKind, Inverse, Living, Order, Program, Reach, Read, Span, Step, Summary, When, Work,
};
use diptych_protocol::types::{Scalar, Type};
use diptych_protocol::verify::verify;
use support::EveryKernel;

#[track_caller]
fn compiled(text: &str) -> Program {
    let source = Source { path: "test.dip".into(), text: format!("scenario test\n{text}") };
    match compile(&source, &Settings::default(), &EveryKernel) {
        Ok(compiled) => compiled.program,
        Err(errors) => panic!("{}", diptych::diagnostic::render(&source, &errors, false)),
    }
}

/// A world of points with a constant column and a rule that looks around, and another group.
fn world(items: &str) -> String {
    format!(
        "space torus (0, 0) .. (30, 30)\ncomponent P = vec2\ncomponent M = f32\ncomponent A = f32\ncomponent B = f32\n\
         group g[1_000] {{ position P = uniform(space), M = row, A = 0 }}\n\
         group h[100] {{ position P = uniform(space), B = 0 }}\n\
         system s for g owns A {{ A = sum(x in g within 1 : x.M) + f32(row) + uniform(0, 1) }}\n{items}\n"
    )
}

fn order(program: &Program) -> Option<Order> {
    program.groups[GroupId(0)].order
}

#[test]
fn rows_that_nobody_needs_where_they_are_are_kept_in_order() {
    let program = compiled(&world(""));
    let order = order(&program).expect("an order");
    assert_eq!(order.index, IndexId(0));
    let column = &program.columns[order.entities];
    assert_eq!((column.component.as_str(), column.scalar), ("entity", Scalar::U32));
    // What nobody wrote is carried now, by a system that is no rule of the scenario.
    let carries = program.systems.iter().find(|(_, it)| it.code == Code::Carry).expect("a system that carries");
    let mass = program.column(GroupId(0), "M", 0).expect("a column");
    assert_eq!(carries.1.owns, [ColumnId(0), ColumnId(1), mass, order.entities]);
    assert_eq!(program.columns[mass].owner, Some(carries.0));
    // It is in the pass of the rule, which goes by slots.
    let pass = program.steps.values().find(|step| matches!(step.work, Work::Pass { .. })).expect("a pass");
    assert!(matches!(pass.domain, Domain::Slots { index, .. } if index == order.index));
    // The other group has no rule of its own that looks around.
    assert_eq!(program.groups[GroupId(1)].order, None);
}

#[test]
fn who_looks_at_rows_from_elsewhere_is_no_hindrance() {
    for items in [
        "system t for h owns B { B = sum(x in g within 2 : x.M) }",
        // A tree answers both.
        "system t for h owns B { B = min(x in g nearest 1 : distance(x)) }",
        "signal mean = mean(g: M)\nsignal some = count(g where row < 5)",
        "system move for g owns P { P = wrap(P + vec2(fresh A, 0)) }",
        "component Seen = entity of h\ngroup k[5] { Seen = h[1] }",
    ] {
        assert!(order(&compiled(&world(items))).is_some(), "{items}");
    }
}

#[test]
fn rows_that_somebody_needs_where_they_are_stay() {
    for items in [
        "index cells = grid of g { cell = 1 }\nindex other = kdtree of g { bucket = 64 }",
        "index other = grid of fresh g { cell = 1 }\nsystem move for g owns P { P = wrap(P) }",
        "system t for h owns B { B = sum(x in g : x.M) }",
        "system t for h owns B { B = g[3].M }",
        "system t for h owns B { let x = argmax(x in g within 2 : x.M)  B = x.M }",
        "component To = entity of g\ngroup k[5] { To = g[1] }",
        "component Size = f32\ngroup k[5] { Size = 0 }\nsystem t native \"k\" for k owns Size reads g.M",
    ] {
        assert_eq!(order(&compiled(&world(items))), None, "{items}");
    }
    // A native rule over the rows themselves, and rows that no rule of their own looks around from.
    let native = world("").replace("A = 0 }", "A = 0, B = 0 }") + "system t native \"k\" for g owns B reads A";
    assert_eq!(order(&compiled(&native)), None);
    let watched = world("system t for h owns B { B = sum(x in g within 2 : x.M) }");
    assert_eq!(order(&compiled(&watched.replace("sum(x in g within 1 : x.M)", "M"))), None);
}

/// The same world with a tree that answers all that is asked.
fn tree(items: &str) -> String {
    world(&format!("index all = kdtree of g {{ bucket = 16 }}\n{items}"))
}

#[test]
fn a_tree_that_is_the_only_index_gives_an_order_as_well() {
    for items in [
        "",
        "system t for h owns B { B = sum(x in g within 2 : x.M) + min(x in g nearest 3 : x.M) }",
        "system t for g owns M { M = sum(x in g within A : x.A) + f32(count(x in g nearest 5 where x.A > 1)) }",
        "system move for g owns P { P = wrap(P + vec2(fresh A, 0)) }",
    ] {
        let program = compiled(&tree(items));
        assert_eq!(order(&program).map(|order| order.index), Some(IndexId(0)), "{items}");
        let slots = |step: &&Step| matches!(step.domain, Domain::Slots { index: IndexId(0), .. });
        assert!(program.steps.values().any(|step| slots(&step)), "{items}");
    }
}

#[test]
fn rows_stay_where_a_tree_is_asked_for_more_than_what_is_near() {
    for items in [
        // What is found by the number of its row of `prev` stands elsewhere in `next`.
        "component C = f32\nsystem t for h owns B { B = sum(x in g within 2 : fresh x.A) }",
        "system t for h owns B { B = min(x in g nearest 2 : fresh x.A) }",
        "index other = grid of g { cell = 1 }",
        "component Size = f32\ngroup k[5] { Size = 0 }\nsystem t native \"k\" for k owns Size index all",
        "component N = u32\ngroup buckets = buckets of all { N }\n\
         system t for buckets owns N { N = count(x in g by all) }",
    ] {
        assert_eq!(order(&compiled(&tree(items))), None, "{items}");
    }
    let fresh = tree("system move for g owns P { P = wrap(P) }").replace("kdtree of g", "kdtree of fresh g");
    assert_eq!(order(&compiled(&fresh.replace("within 1 :", "within 1 of fresh P :"))), None);
    let sums = tree("").replace("bucket = 16", "bucket = 16, sum = M");
    assert_eq!(order(&compiled(&sums)), None);
}

/// The same world, where rows come and go, by a grid.
fn living(items: &str) -> String {
    let text = world(items).replace("group g[1_000]", "group g[1_000, max 2_000]");
    let text = text.replace("M = row, A = 0 }", "M = uniform(0, 1), A = 0, To = none }");
    text + "component To = entity of g\n\
            system e for g where chance(0.1) { spawn g { P = P, To = self }  despawn self }\n"
}

#[test]
fn rows_that_come_and_go_are_kept_in_order_and_found_by_their_directory() {
    let program = compiled(&living(""));
    let names = program.groups[G].living.expect("rows come and go");
    assert_eq!(order(&program), Some(Order { index: IndexId(0), entities: names.entities }));
    // What nobody wrote is carried, names too, and needs not catch up any more.
    let carries = program.systems.iter().find(|(_, it)| it.code == Code::Carry).expect("a system that carries");
    let owner = |column: ColumnId| (program.columns[column].owner, program.columns[column].edited);
    let unwritten = [column(&program, 0, "M"), column(&program, 0, "To"), names.entities, names.generations];
    assert!(unwritten.into_iter().all(|it| owner(it) == (Some(carries.0), false)));
    assert_eq!(owner(names.directory), (None, true));
    for items in [
        "component C = f32\ngroup k[5] { To = none, C = 0 }\n\
         system t for k owns To, C { C = To.A  despawn To  To = if alive(To) { To } else { none } }",
        "system t for h owns B { B = f32(count(x in g within 2 where alive(x.To))) }",
        "system t for g owns M { let x = argmax(x in g within 2 : x.M)  M = if alive(x) { x.M + To.M } else { M } }",
        "component Home = entity of g\ngroup k[5, max 10] { Home = none }\n\
         system t for g owns M { M = f32(count(x in k by Home)) }",
        "signal mean = mean(g: M)\nsignal some = count(g where row < 5)",
    ] {
        assert!(order(&compiled(&living(items))).is_some(), "{items}");
    }
}

#[test]
fn rows_that_come_and_go_stay_where_somebody_sees_how_they_stand() {
    for items in [
        "system t for h owns B { B = sum(x in g : x.M) }",
        "system t for g owns M { M = f32(count(x in g by To)) }",
        "component C = f32\ngroup k[5] { To = none, C = 0 }\nsystem t for k owns C { C = fresh To.A }",
        "match pairs = g with g\nsystem t for g owns M { M = fresh pairs.M }",
        "index cells = grid of g { cell = 1 }\nindex other = kdtree of g { bucket = 64 }",
    ] {
        assert_eq!(order(&compiled(&living(items))), None, "{items}");
    }
}

#[test]
fn in_order_names_are_carried_and_nobody_reads_the_new_state_through_a_reference() {
    let names = |p: &Program| p.groups[G].living.expect("rows come and go");
    let unnamed = "two edited columns of its own name its entities";
    let owned = |p: &mut Program, which: fn(&Living) -> ColumnId, owner| {
        let column = which(&names(p));
        p.columns[column].owner = owner;
    };
    broken_of(living, |p| owned(p, |it| it.generations, Some(S)), unnamed);
    broken_of(living, |p| owned(p, |it| it.entities, None), "the column of its entities is carried");
    broken_of(
        living,
        |p| p.groups[G].order = p.groups[G].order.map(|o| Order { entities: names(p).generations, ..o }),
        "it has its entities once",
    );
    broken_of(
        |items| {
            living(&format!("{items}\nsystem q for h owns C {{ C = To.A }}\ncomponent C = f32\n")).replace(
                "group h[100] { position P = uniform(space), B = 0 }",
                "group h[100] { position P = uniform(space), B = 0, C = 0, To = none }",
            )
        },
        |p| {
            let found = column(p, 0, "A");
            let q = p.systems.iter().find(|(_, it)| it.name == "q").map(|(id, _)| id).expect("a system");
            spoil_op(p, q, |op| match op {
                Op::Read { column, when, at: At::Row(_) } if *column == found => {
                    *when = When::Fresh;
                    true
                }
                _ => false,
            });
        },
        "a row is read by its number",
    );
}

#[track_caller]
fn broken(spoil: impl Fn(&mut Program), with: &str) {
    broken_of(world, spoil, with);
}

#[track_caller]
fn broken_of(world: fn(&str) -> String, spoil: impl Fn(&mut Program), with: &str) {
    let text = world(
        "system t for h owns B { B = sum(x in g within 2 : x.M) }\nsignal mean = mean(g: M)\nsystem p for g owns P { P = wrap(P) }",
    );
    let mut program = compiled(&text);
    assert_eq!(verify(&program), Ok(()));
    spoil(&mut program);
    let violations = verify(&program).err().unwrap_or_default();
    assert!(violations.iter().any(|it| it.to_string().contains(with)), "{violations:?}");
}

const G: GroupId = GroupId(0);
const S: SystemId = SystemId(0);
const T: SystemId = SystemId(1);

fn column(program: &Program, group: u32, name: &str) -> ColumnId {
    program.column(GroupId(group), name, 0).unwrap_or_else(|| panic!("no column {name}"))
}

fn body(program: &mut Program, system: SystemId) -> &mut diptych_protocol::body::Body {
    let Code::Body(body) = program.systems[system].code else { panic!("a system in text") };
    &mut program.bodies[body]
}

fn spoil_op(program: &mut Program, system: SystemId, spoil: impl Fn(&mut Op) -> bool) {
    assert!(body(program, system).ops.iter_mut().any(|(_, typed)| spoil(&mut typed.op)), "nothing was spoiled");
}

#[test]
fn an_order_is_that_of_an_index_over_the_rows() {
    let wrong = "its order is that of an index over its own rows";
    broken(
        |p| p.groups[G].order = p.groups[G].order.map(|order| Order { index: IndexId(9), ..order }),
        "does not exist",
    );
    broken(|p| p.groups[G].order = p.groups[G].order.map(|o| Order { entities: ColumnId(99), ..o }), "does not exist");
    broken(|p| p.indexes[IndexId(0)].when = When::Fresh, wrong);
    broken(|p| p.indexes[IndexId(0)].group = GroupId(1), wrong);
    let looked_at = "a tree whose buckets are looked at";
    broken_of(tree, |p| p.indexes[IndexId(0)].buckets = Some(GroupId(1)), looked_at);
    broken_of(
        tree,
        |p| {
            let summary = Some(Summary { sums: vec![column(p, 0, "M")], angle: 0.5 });
            p.indexes[IndexId(0)].kind = IndexKind::Tree { bucket_rows: 16, summary };
        },
        looked_at,
    );
    broken(
        |p| {
            let other = p.indexes[IndexId(0)].clone();
            p.indexes.push(other);
        },
        "another index is over rows that move",
    );
}

#[test]
fn each_column_moves() {
    let entities = |p: &Program| p.groups[G].order.expect("an order").entities;
    broken(|p| p.groups[G].order = p.groups[G].order.map(|o| Order { entities: column(p, 0, "A"), ..o }), "is carried");
    broken(
        |p| {
            let mass = column(p, 0, "M");
            p.columns[mass].owner = None;
        },
        "each of its columns moves",
    );
    broken(
        |p| {
            let entities = entities(p);
            p.columns[entities].component_type = Type::scalar(Scalar::I32);
            p.columns[entities].scalar = Scalar::I32;
        },
        "is carried",
    );
    broken(|p| p.groups[G].order = None, "its rows stay where they are");
}

#[test]
fn who_sees_rows_that_move_knows_it() {
    broken(|p| p.systems[SystemId(2)].code = Code::Native("k".into()), "native systems run over rows that stay");
    broken(
        |p| {
            let step = p.steps.iter().find(|(_, it)| it.work.systems().contains(&S)).map(|it| it.0);
            p.steps[step.expect("a pass")].domain = Domain::Rows { group: G, batch_rows: 64 };
        },
        "its passes go by the slots of its order",
    );
    let entity = |p: &Program, op: &Op| matches!(op, Op::Read { column, .. } if Some(*column) == p.groups[G].order.map(|o| o.entities));
    broken(
        |p| {
            let known = p.clone();
            spoil_op(p, S, |op| {
                entity(&known, op) && {
                    *op = Op::Row;
                    true
                }
            });
        },
        "it uses what is not declared, or not there",
    );
    broken(
        |p| {
            let it = body(p, T).loops.ids().next().expect("a loop");
            let mass = column(p, 0, "M");
            let is = |op: &Op| matches!(op, Op::Read { column, .. } if *column == mass);
            spoil_op(p, T, |op| {
                is(op) && {
                    *op = Op::Other(it);
                    true
                }
            });
            body(p, T).ops.iter_mut().for_each(|(_, typed)| {
                if typed.op == Op::Other(it) {
                    typed.scalar = Scalar::U32
                }
            });
        },
        "a neighbour's number",
    );
    broken(
        |p| {
            if let IndexKind::Grid { copies, .. } = &mut p.indexes[IndexId(0)].kind {
                copies.retain(|(column, _)| *column != ColumnId(2));
            }
        },
        "stands in the order of slots",
    );
    // What a tree finds has not become what it will be where it stood.
    broken_of(
        tree,
        |p| {
            let mass = column(p, 0, "A");
            spoil_op(p, T, |op| match op {
                Op::Read { column, when, at: At::Other(_) } => {
                    (*column, *when) = (mass, When::Fresh);
                    true
                }
                _ => false,
            });
        },
        "stands in the order of slots",
    );
    broken_of(
        |items| tree(&items.replace("sum(x in g within 2 : x.M)", "min(x in g nearest 2 : x.M)")),
        |p| {
            let entities = p.groups[G].order.expect("an order").entities;
            p.systems[T].reads.retain(|read| read.column != entities);
        },
        "the one with the lesser entity is nearer",
    );
    broken_of(
        tree,
        |p| {
            let it = body(p, T).loops.ids().next().expect("a loop");
            body(p, T).loops[it].over = Over::Members(IndexId(0));
        },
        "a loop goes over rows as they stand",
    );
    broken_of(tree, |p| p.systems[T].code = Code::Native("k".into()), "a native system reads its rows");
    broken(
        |p| {
            let it = body(p, T).loops.ids().next().expect("a loop");
            body(p, T).loops[it].over = Over::Group(G);
        },
        "a loop goes over rows as they stand",
    );
    broken(
        |p| {
            let mass = column(p, 1, "B");
            p.columns[mass].component_type = Type::entity(G);
        },
        "references need rows that stay",
    );
    broken(
        |p| {
            let column = column(p, 0, "M");
            p.inverses.push(Inverse {
                name: "i".into(),
                group: G,
                column,
                lives: None,
                when: When::Prev,
                to: GroupId(1),
                span: Span::default(),
            });
        },
        "references need rows that stay",
    );
    broken(
        |p| {
            let column = column(p, 0, "M");
            p.systems[T].code = Code::Native("k".into());
            p.systems[T].reads.push(Read { column, when: When::Prev, reach: Reach::Any });
        },
        "a native system reads its rows",
    );
}
