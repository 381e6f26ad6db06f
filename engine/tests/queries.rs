//! Points and radii that rows compute, and which rows may be the nearest: which bodies they become, and what the verifier
//! asks of them.

mod support;

use diptych::compile::{Settings, compile};
use diptych::source::Source;
use diptych_protocol::body::{Binary, Body, Loop, Op, Over, Store, Update};
use diptych_protocol::id::{BodyId, ColumnId, Id, IndexId, LoopId, SystemId, ValueId};
use diptych_protocol::program::{Code, IndexKind, Program, Span};
use diptych_protocol::types::{Scalar, Value};
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
    assert_eq!(bodies.len(), 3, "the rule, what it asks with, and what that asks with");
    let asked = |body: &BodyId| program.bodies[*body].loops.len();
    assert_eq!(bodies.iter().map(asked).collect::<Vec<_>>(), [0, 1, 2]);
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
        |p| p.indexes[IndexId(0)].kind = IndexKind::Grid { cell: 1.0, copies: Vec::new() },
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

/// The condition of the first loop of a rule's body.
fn condition_of(program: &Program) -> Option<BodyId> {
    program.bodies[body_of(program)].loops[L].over.among()
}

fn condition(program: &mut Program) -> &mut Body {
    let id = condition_of(program).unwrap_or_else(|| panic!("no condition"));
    &mut program.bodies[id]
}

#[test]
fn what_other_rows_decide_is_a_condition() {
    for query in
        ["nearest 3", "within 1 where x.R > 0", "nearest 3 where R > 0", "nearest 3 where true", "where x.R > R"]
    {
        assert_eq!(condition_of(&asking(query)), None, "{query}");
    }
    for query in ["nearest 3 where x.R > R", "nearest 3 where distance(x) > 1 and R > 0", "nearest 3 where chance(0.5)"]
    {
        let program = asking(query);
        let among = condition_of(&program).unwrap_or_else(|| panic!("no condition: {query}"));
        let given = program.bodies[among].results.iter().map(|value| program.bodies[among].ops[*value].scalar);
        assert_eq!(given.collect::<Vec<_>>(), [Scalar::U32, Scalar::Bool], "{query}");
        assert_eq!(program.bodies_of(S).len(), 2, "{query}");
    }
    // Who asks through a point asks there once: the condition's loop has the question.
    let program = asking("nearest 3 of P + vec2(1, R) where x.R > R");
    assert_eq!(question_of(&program), None);
    assert_eq!(program.bodies_of(S).len(), 3, "the rule, its condition, and the condition's question");
}

#[test]
fn what_several_loops_ask_is_asked_once() {
    let program = compiled(
        "space torus (0, 0) .. (9, 9)\ncomponent P = vec2\ncomponent R = f32\ncomponent A = u32\n\
         group g[100] { position P = uniform(space), R = uniform(0, 1), A = 0 }\n\
         system s for g owns A {\n\
         let a = argmin(x in g nearest 3 where x.R > R : distance(x))\n\
         let b = argmin(x in g nearest 3 where x != a : x.R)\n\
         let c = argmin(x in g within b.R where x != a : x.R)\n\
         A = count(x in g nearest 9 where x != a and x != b and x != c)\n}\n",
    );
    assert_eq!(program.bodies_of(S).len(), 5, "the rule, three conditions and a radius");
}

#[test]
fn a_condition_gives_bits_and_whether_a_row_asks() {
    let (query, wrong) = ("nearest 3 where x.R > R", "its condition gives no bits, or not whether a row asks");
    broken(query, |p| condition(p).results.truncate(1), wrong);
    broken(query, |p| condition(p).results.reverse(), wrong);
    let again = |p: &mut Program| {
        let last = condition(p).results[1];
        condition(p).results.push(last);
    };
    broken(query, again, wrong);
    let constant = |p: &mut Program| {
        let value = condition(p).push(Scalar::U32, Op::Const(Value::U32(3)));
        condition(p).results[0] = value;
    };
    broken(query, constant, wrong);
    let store = |p: &mut Program| {
        let value = condition(p).results[0];
        condition(p).stores.push(Store { column: ColumnId(2), value, span: Span::default() });
    };
    broken(query, store, wrong);
}

#[test]
fn a_condition_is_an_earlier_body_that_goes_over_the_nearest_of_the_same_index() {
    let query = "nearest 3 where x.R > R";
    let among = |p: &mut Program, id: BodyId| {
        if let Over::Nearest { among, .. } = &mut the_loop(p).over {
            *among = Some(id);
        }
    };
    broken(query, |p| among(p, BodyId(99)), "does not exist");
    broken(query, |p| among(p, body_of(p)), "its condition is no earlier body");
    let asks = |p: &mut Program| the_loop(p).question = condition_of(p);
    broken(query, asks, "it has a condition, and a question of its own");
    let rows = "its condition goes over other rows";
    let fewer = |p: &mut Program| {
        if let Over::Nearest { count, .. } = &mut condition(p).loops[L].over {
            *count = 31;
        }
    };
    broken(query, fewer, rows);
    let all = |p: &mut Program| condition(p).loops[L].over = Over::Group(p.systems[S].group);
    broken(query, all, rows);
    let deeper = |p: &mut Program| {
        if let Over::Nearest { among, .. } = &mut condition(p).loops[L].over {
            *among = Some(BodyId(0));
        }
    };
    broken(query, deeper, rows);
    let elsewhere = |p: &mut Program| {
        let index = p.indexes[IndexId(0)].clone();
        p.indexes.push(index);
        if let Over::Nearest { index, .. } = &mut condition(p).loops[L].over {
            *index = IndexId(1);
        }
    };
    broken(query, elsewhere, rows);
    // Its point is measured from, and has the axes of the index and their precision.
    let short = |p: &mut Program| {
        if let Over::Nearest { from, .. } = &mut the_loop(p).over {
            from.pop();
        }
    };
    broken(query, short, "its point has not the axes of the index");
    let other = |p: &mut Program| {
        let body = body_of(p);
        let value = ValueId::new(p.bodies[body].ops.len() as u32);
        p.bodies[body].push(Scalar::F64, Op::Time);
        if let Over::Nearest { from, .. } = &mut the_loop(p).over {
            from[0] = value;
        }
    };
    broken(query, other, "its point has not the axes of the index");
}

#[test]
fn each_turn_of_a_condition_tells_its_own_bit() {
    let (query, wrong) = ("nearest 3 where x.R > R", "a turn of its condition tells more than its own bit");
    let carried = |p: &mut Program, at: usize, update: Update| condition(p).loops[L].carried[at].update = update;
    broken(query, |p| condition(p).loops[L].carried.swap(0, 1), wrong);
    let always = |p: &mut Program| {
        let bit = condition(p).loops[L].carried[0].update.value();
        carried(p, 0, Update::Add(bit, None));
    };
    broken(query, always, wrong);
    let stays = |p: &mut Program| {
        let bit = condition(p).loops[L].carried[0].update.value();
        carried(p, 1, Update::Set(bit));
    };
    broken(query, stays, wrong);
    let trebles = |p: &mut Program| {
        let Update::Set(double) = condition(p).loops[L].carried[1].update else { panic!("it is set") };
        let Op::Binary(_, bit, _) = condition(p).ops[double].op else { panic!("it is a sum") };
        condition(p).ops[double].op = Op::Binary(Binary::Mul, bit, bit);
    };
    broken(query, trebles, wrong);
    let starts = |p: &mut Program| {
        let start = condition(p).loops[L].carried[1].start;
        condition(p).ops[start].op = Op::Const(Value::U32(2));
    };
    broken(query, starts, wrong);
    let third = |p: &mut Program| {
        let first = condition(p).loops[L].carried[0];
        condition(p).loops[L].carried.push(first);
    };
    broken(query, third, wrong);
    let active = |p: &mut Program| {
        let Update::Add(_, when) = condition(p).loops[L].carried[0].update else { panic!("it is added") };
        condition(p).loops[L].active = when;
    };
    broken(query, active, wrong);
    // The comparison looks at the bit of the turn.
    let looks = |p: &mut Program| {
        let body = condition(p);
        let bit = body.loops[L].carried[0].update.value();
        let Update::Add(_, Some(when)) = body.loops[L].carried[0].update else { panic!("it is added") };
        let Op::Compare(how, ..) = body.ops[when].op else { panic!("it compares") };
        body.ops[when].op = Op::Compare(how, bit, bit);
    };
    broken(query, looks, wrong);
    // What the condition reads is declared as what the rule reads is.
    let undeclared = |p: &mut Program| {
        for (_, typed) in condition(p).ops.iter_mut() {
            if let Op::Read { when, .. } = &mut typed.op {
                *when = diptych_protocol::program::When::Fresh;
            }
        }
    };
    broken(query, undeclared, "it uses what is not declared");
}
