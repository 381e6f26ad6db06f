//! Points and radii that rows compute: which bodies they become, and what the verifier asks of them.

mod support;

use diptych::compile::{Settings, compile};
use diptych::source::Source;
use diptych_protocol::body::{Body, Loop, Op, Over, Store};
use diptych_protocol::id::{BodyId, ColumnId, LoopId, SystemId, ValueId};
use diptych_protocol::program::{Code, IndexKind, Program, Span};
use diptych_protocol::types::Scalar;
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

/// A rule whose loop asks so.
fn asking(query: &str) -> Program {
    compiled(&format!(
        "space torus (0, 0) .. (9, 9)\ncomponent P = vec2\ncomponent R = f32\ncomponent A = u32\n\
         group g[100] {{ position P = uniform(space), R = uniform(0, 1), A = 0 }}\n\
         system s for g owns A {{ A = count(x in g {query}) }}\n"
    ))
}

const S: SystemId = SystemId(0);
const L: LoopId = LoopId(0);

fn body_of(program: &Program) -> BodyId {
    let Code::Body(body) = program.systems[S].code else { panic!("a system in text") };
    body
}

fn question_of(program: &Program) -> Option<&Body> {
    program.bodies[body_of(program)].loops[L].question.map(|question| &program.bodies[question])
}

#[test]
fn only_what_the_row_computes_is_a_question() {
    for query in ["within 1", "within 1 of P", "nearest 3", "nearest 3 of P"] {
        assert_eq!(question_of(&asking(query)), None, "{query}");
    }
    let scalars = |query: &str| -> Vec<Scalar> {
        let program = asking(query);
        let question = question_of(&program).unwrap_or_else(|| panic!("no question: {query}"));
        question.results.iter().map(|value| question.ops[*value].scalar).collect()
    };
    assert_eq!(scalars("within R"), [Scalar::F32; 3]);
    assert_eq!(scalars("within R * 2 of P + vec2(1, R)"), [Scalar::F32; 3]);
    assert_eq!(scalars("within 1 of P + vec2(1, R)"), [Scalar::F32; 2]);
    assert_eq!(scalars("nearest 3 of P + vec2(1, R)"), [Scalar::F32; 2]);
    // A question has what it needs, and no more: the point is computed of the loop before, but nothing is stored.
    let program = asking("within 1 of P * f32(count(y in g within 0.5 of P + vec2(R)))");
    let bodies = program.bodies_of(S);
    assert_eq!(bodies.len(), 4, "the rule, what it asks with, and twice what that asks with");
    let asked = |body: &BodyId| program.bodies[*body].loops.len();
    assert_eq!(bodies.iter().map(asked).collect::<Vec<_>>(), [0, 0, 1, 2]);
}

#[track_caller]
fn broken(query: &str, spoil: impl Fn(&mut Program), with: &str) {
    let mut program = asking(query);
    assert_eq!(verify(&program), Ok(()));
    spoil(&mut program);
    let violations = verify(&program).err().unwrap_or_default();
    assert!(violations.iter().any(|it| it.to_string().contains(with)), "{violations:?}");
}

fn the_loop(program: &mut Program) -> &mut Loop {
    let body = body_of(program);
    &mut program.bodies[body].loops[L]
}

fn question(program: &mut Program) -> &mut Body {
    let id = the_loop(program).question.unwrap_or_else(|| panic!("no question"));
    &mut program.bodies[id]
}

#[test]
fn a_question_gives_a_point_and_perhaps_a_radius() {
    let wrong = "its question gives no point, or no radius";
    let (both, point, nearest) = ("within R of P + vec2(R)", "within 1 of P + vec2(R)", "nearest 3 of P + vec2(R)");
    broken(both, |p| question(p).results.truncate(1), wrong);
    broken(point, |p| question(p).results.clear(), wrong);
    let again = |p: &mut Program| {
        let first = question(p).results[0];
        question(p).results.push(first);
    };
    broken(both, again, wrong);
    broken(nearest, again, wrong);
    let store = |p: &mut Program| {
        let value = question(p).results[0];
        question(p).stores.push(Store { column: ColumnId(2), value, span: Span::default() });
    };
    broken(both, store, wrong);
    let other_type = |p: &mut Program| {
        let value = question(p).push(Scalar::F64, Op::Time);
        question(p).results[0] = value;
    };
    broken(point, other_type, wrong);
}

#[test]
fn a_question_is_an_earlier_body_of_a_loop_that_asks_a_tree() {
    let both = "within R of P + vec2(R)";
    broken(both, |p| the_loop(p).question = Some(BodyId(99)), "does not exist");
    broken(
        both,
        |p| {
            let own = body_of(p);
            the_loop(p).question = Some(own);
        },
        "its question is no earlier body",
    );
    broken(both, |p| the_loop(p).over = Over::Group(p.systems[S].group), "it asks no index, and has a question");
    broken(
        both,
        |p| p.indexes[diptych_protocol::id::IndexId(0)].kind = IndexKind::Grid { cell: 1.0, copies: Vec::new() },
        "questions are for trees",
    );
    broken(
        both,
        |p| {
            if let Over::Within { from, .. } = &mut the_loop(p).over {
                from.pop();
            }
        },
        "its point has not the axes of the index",
    );
    // What it reads is declared as what the rule reads is.
    broken(
        both,
        |p| {
            let read = Op::Read {
                column: ColumnId(2),
                when: diptych_protocol::program::When::Fresh,
                at: diptych_protocol::body::At::Own,
            };
            question(p).ops[ValueId(0)].op = read;
        },
        "it uses what is not declared",
    );
}
