//! The code of bodies in a canonical text: an operation a line, loops indented, stores at the end. It says all that
//! decides what a body computes and nothing else, so that a change of lowering shows as a change of this text.

use std::fmt::Write as _;

use diptych_protocol::body::{At, Body, Loop, Op, Over, Update};
use diptych_protocol::id::{ColumnId, Id, IndexId, InverseId, LoopId, ReducedId, ValueId};
use diptych_protocol::program::{Code, Matching, Origin, Program, Side, When};
use diptych_protocol::types::Value;

use super::{column_name, index_name, inverse_name, reduce, when, word};
use crate::diagnostic::did_you_mean;

/// The name under which the outputs' bodies are asked for.
const SIGNALS: &str = "signals";

/// The code of all bodies: first values, systems, outputs.
pub fn all(program: &Program) -> String {
    let mut texts = Vec::new();
    texts.extend(program.groups.values().filter_map(|group| blueprint(program, &group.name)));
    for system in program.systems.values() {
        texts.extend(self::system(program, &system.name).and_then(Result::ok));
    }
    texts.extend(program.matchings.values().filter_map(|matching| filters(program, matching)));
    texts.extend(signals(program));
    texts.join("\n")
}

/// The code of a system, of a group's first values, or of the signals. Otherwise what to say to who asked.
pub fn named(program: &Program, name: &str) -> Result<String, String> {
    if let Some(text) = system(program, name) {
        return text;
    }
    if let Some(text) = blueprint(program, name) {
        return Ok(text);
    }
    if let Some(matching) = program.matchings.values().find(|matching| matching.name == name) {
        return filters(program, matching).ok_or_else(|| format!("match `{name}` has no `where`: all rows take part"));
    }
    if name == SIGNALS {
        return signals(program).ok_or_else(|| format!("scenario {} has no signals", program.scenario));
    }
    let systems = program.systems.values().map(|system| system.name.as_str());
    let names: Vec<&str> = systems.chain(program.groups.values().map(|group| group.name.as_str())).collect();
    let hint = did_you_mean(name, names.iter().copied()).unwrap_or_else(|| match names.as_slice() {
        [] => "there is neither".into(),
        names => format!("there are {}", names.join(", ")),
    });
    Err(format!("scenario {} has no system or group `{name}`: {hint}", program.scenario))
}

fn system(program: &Program, name: &str) -> Option<Result<String, String>> {
    let (id, system) = program.systems.iter().find(|(_, system)| system.name == name)?;
    let group = &program.groups[system.group].name;
    Some(match &system.code {
        Code::Body(body) => {
            let mut parts = vec![text(program, &format!("system {name} for {group}"), &program.bodies[*body])];
            for asked in program.bodies_of(id).into_iter().filter(|asked| asked != body) {
                let condition = program.loops_of(id).any(|it| it.over.among() == Some(asked));
                let what = if condition { "condition" } else { "question" };
                let head = format!("{what} {} of system {name}", asked.number());
                parts.push(text(program, &head, &program.bodies[asked]));
            }
            Ok(parts.join("\n"))
        }
        Code::Native(kernel) => {
            Err(format!("system `{name}` is the native kernel {kernel:?}: it was compiled with its program"))
        }
        Code::Carry => Err(format!("`{name}` has no code: what it owns moves with its rows")),
    })
}

fn blueprint(program: &Program, name: &str) -> Option<String> {
    let group = program.groups.values().find(|group| group.name == name)?;
    match group.origin {
        Origin::Blueprint(body) => Some(text(program, &format!("group {name}"), &program.bodies[body])),
        Origin::Buckets(_) | Origin::Directory(_) => None,
    }
}

/// Who takes part in a matching; nothing if all do.
fn filters(program: &Program, matching: &Matching) -> Option<String> {
    let filter = |side: &Side| {
        let title = format!("match {} where of {}", matching.name, program.groups[side.group].name);
        Some(text(program, &title, &program.bodies[side.filter?]))
    };
    let texts: Vec<String> = matching.sides.iter().filter_map(filter).collect();
    (!texts.is_empty()).then(|| texts.join("\n"))
}

fn signals(program: &Program) -> Option<String> {
    let mut texts = Vec::new();
    for (id, reduction) in program.reductions.iter() {
        let group = &program.groups[reduction.group].name;
        let filtered = if reduction.filtered { " where the last" } else { "" };
        let title = format!("reduction R{} {} of {group}{filtered}", id.number(), reduce(reduction.how));
        texts.push(text(program, &title, &program.bodies[reduction.body]));
    }
    if let Some(body) = program.outputs.body {
        let names: Vec<&str> = program.signals.values().map(|signal| signal.name.as_str()).collect();
        texts.push(text(program, &format!("signals {}", names.join(", ")), &program.bodies[body]));
    }
    (!texts.is_empty()).then(|| texts.join("\n"))
}

/// A value that a reduction comes to, as `R3`; of several, `R3[5]`.
fn reduced(program: &Program, id: ReducedId) -> String {
    let Some((of, result)) = program.reduced().nth(id.index()) else { return "reduced".into() };
    match program.reductions[of].how.results() {
        1 => format!("reduced R{}", of.number()),
        _ => format!("reduced R{}[{result}]", of.number()),
    }
}

/// One body under a title.
pub fn text(program: &Program, title: &str, body: &Body) -> String {
    let mut out = format!("{title} {{\n");
    let mut open: Vec<ValueId> = Vec::new();
    let line = |out: &mut String, depth: usize, text: &str| {
        let _ = writeln!(out, "{:indent$}{text}", "", indent = 2 * depth + 2);
    };
    for (id, typed) in body.ops.iter() {
        while open.last().is_some_and(|end| *end <= id) {
            open.pop();
            line(&mut out, open.len(), "}");
        }
        if let Op::Loop(at) = typed.op {
            line(&mut out, open.len(), &head(program, at, &body.loops[at]));
            open.push(body.loops[at].end);
        } else {
            let op = operation(program, body, typed.op);
            line(&mut out, open.len(), &format!("{} = {} {op}", value(id), typed.scalar.name()));
        }
    }
    while open.pop().is_some() {
        line(&mut out, open.len(), "}");
    }
    for store in &body.stores {
        line(&mut out, 0, &format!("store {} {}", column_name(program, store.column, None), value(store.value)));
    }
    if !body.results.is_empty() {
        line(&mut out, 0, &format!("result {}", values(&body.results)));
    }
    out + "}\n"
}

fn value(id: ValueId) -> String {
    format!("%{}", id.number())
}

fn values(ids: &[ValueId]) -> String {
    ids.iter().map(|id| value(*id)).collect::<Vec<_>>().join(" ")
}

fn loop_name(id: LoopId) -> String {
    format!("L{}", id.number())
}

fn operation(program: &Program, body: &Body, op: Op) -> String {
    match op {
        Op::Const(constant) => format!("const {}", constant_text(constant)),
        Op::Row => "row".into(),
        Op::Frame => "frame".into(),
        Op::Time => "time".into(),
        Op::Signal(id) => format!("signal {}", program.signals[id].name),
        Op::Read { column, when, at } => read(program, column, when, at),
        Op::Data(id) => format!("data {:?}", program.data[id].name),
        Op::Draw { site, lane, entity, turn } => {
            format!("draw site {site:#010x} lane {lane} of {} turn {}", value(entity), value(turn))
        }
        Op::Unary(how, a) => format!("{} {}", word(&how), value(a)),
        Op::Binary(how, a, b) => format!("{} {} {}", word(&how), value(a), value(b)),
        Op::Compare(how, a, b) => format!("{} {} {}", word(&how), value(a), value(b)),
        Op::Select(which, a, b) => format!("select {} {} {}", value(which), value(a), value(b)),
        Op::Convert(a) => format!("convert {} {}", body.ops[a].scalar.name(), value(a)),
        Op::Loop(id) => format!("loop {}", loop_name(id)),
        Op::Result(id, at) => format!("result {}.{at}", loop_name(id)),
        Op::Carried(id, at) => format!("carried {}.{at}", loop_name(id)),
        Op::Other(id) => format!("other {}", loop_name(id)),
        Op::Delta(id, axis) => {
            format!("delta {}.{}", loop_name(id), ["x", "y", "z"].get(usize::from(axis)).unwrap_or(&"?"))
        }
        Op::Reduced(id) => reduced(program, id),
    }
}

/// Floats as the shortest text that reads back as the same number, always told from integers.
fn constant_text(constant: Value) -> String {
    match constant {
        Value::F32(x) => format!("{x:?}"),
        Value::F64(x) => format!("{x:?}"),
        other => other.to_string(),
    }
}

fn read(program: &Program, column: ColumnId, panel: When, at: At) -> String {
    let whose = match at {
        At::Own => "own".to_string(),
        At::Shift([x, y, z]) => format!("shift {x} {y} {z}"),
        At::Other(id) => format!("other {}", loop_name(id)),
        At::Row(row) => format!("row {}", value(row)),
    };
    format!("read {} {} {whose}", column_name(program, column, None), when(panel))
}

/// `loop L0 within boids-neighbours reach 2 from (%0 %1) carry (%2 add %14, %3 set %15) active %13 {`
fn head(program: &Program, id: LoopId, it: &Loop) -> String {
    let index = |id: IndexId| index_name(program, id).replace(' ', "-");
    let inverse = |id: InverseId| inverse_name(program, id).replace(' ', "-");
    let mut text = format!("loop {} ", loop_name(id));
    text += &match &it.over {
        Over::Within { index: over, reach, from } => {
            format!("within {} reach {reach} from ({})", index(*over), values(from))
        }
        Over::Nearest { index: over, count, from, among } => {
            let among = among.map_or(String::new(), |among| format!(" among condition {}", among.number()));
            format!("nearest {count} in {} from ({}){among}", index(*over), values(from))
        }
        Over::Far { index: over, from } => format!("far and near in {} from ({})", index(*over), values(from)),
        Over::Group(group) => format!("group {}", program.groups[*group].name),
        Over::Inverse(over) => format!("inverse {}", inverse(*over)),
        Over::Members(over) => format!("members of a bucket of {}", index(*over)),
        Over::Holder(over) => format!("holder, the bucket of {}", index(*over)),
        Over::Count { first, end } => format!("count {} .. {}", value(*first), value(*end)),
    };
    if let Some(question) = it.question {
        let _ = write!(text, " by question {}", question.number());
    }
    if let Some(mask) = it.mask {
        let _ = write!(text, " mask {}", value(mask));
    }
    let carried = it.carried.iter().map(|carried| {
        let how = match carried.update {
            Update::Set(_) => "set",
            Update::Add(..) => "add",
            Update::Sub(..) => "sub",
        };
        let condition = carried.update.when().map_or(String::new(), |when| format!(" if {}", value(when)));
        format!("{} {how} {}{condition}", value(carried.start), value(carried.update.value()))
    });
    let _ = write!(text, " carry ({})", carried.collect::<Vec<_>>().join(", "));
    if let Some(active) = it.active {
        let _ = write!(text, " active {}", value(active));
    }
    for ask in &it.asks {
        let _ = write!(text, " ask {} ({}) if {}", ask.number, values(&ask.values), value(ask.when));
    }
    text + " {"
}
