//! The stages of a frame as a graph, in the texts of Mermaid and of Graphviz: a box a stage with its steps in it, an
//! arrow from each stage to the next, and broken arrows that say why a step stands behind another.

use std::fmt::Write as _;

use diptych_protocol::id::{ColumnId, Id, StepId, SystemId};
use diptych_protocol::program::{Program, Stage, System, When, Work};

use super::{batches, components, indexes_of, reads_partner, work};
use crate::schedule;

/// Why a step waits for another.
struct Link {
    from: StepId,
    to: StepId,
    why: String,
}

/// A Mermaid flowchart.
pub fn mermaid(program: &Program) -> String {
    let mut text = String::from("flowchart TD\n");
    for (at, (stage, title)) in titled(program).into_iter().enumerate() {
        let _ = writeln!(text, "  subgraph stage{at}[\"{}\"]", html(&title));
        for id in &stage.steps {
            let [work, batches] = lines(program, *id).map(|line| html(&line));
            let _ = writeln!(text, "    step{}[\"{work}<br/>{batches}\"]", id.number());
        }
        text += "  end\n";
    }
    for at in 1..program.schedule.frame.len() {
        let _ = writeln!(text, "  stage{} ==> stage{at}", at - 1);
    }
    for Link { from, to, why } in links(program) {
        let _ = writeln!(text, "  step{} -. \"{}\" .-> step{}", from.number(), html(&why), to.number());
    }
    text
}

/// Graphviz DOT.
pub fn dot(program: &Program) -> String {
    let mut text = format!("digraph {} {{\n", quoted(&program.scenario));
    // Without `compound` no arrow ends at a cluster's border.
    text += "  compound=true\n  node [shape=box]\n";
    for (at, (stage, title)) in titled(program).into_iter().enumerate() {
        let _ = writeln!(text, "  subgraph cluster_{at} {{\n    label={}", quoted(&title));
        for id in &stage.steps {
            let label = quoted(&lines(program, *id).join("\n"));
            let _ = writeln!(text, "    step{} [label={label}]", id.number());
        }
        text += "  }\n";
    }
    for (at, pair) in program.schedule.frame.windows(2).enumerate() {
        let [Some(from), Some(to)] = [pair[0].steps.first(), pair[1].steps.first()] else { continue };
        let ends = format!("ltail=cluster_{at}, lhead=cluster_{}", at + 1);
        let _ = writeln!(text, "  step{} -> step{} [{ends}, penwidth=2, weight=10]", from.number(), to.number());
    }
    for Link { from, to, why } in links(program) {
        let style = "style=dashed, constraint=false";
        let _ = writeln!(text, "  step{} -> step{} [label={}, {style}]", from.number(), to.number(), quoted(&why));
    }
    text + "}\n"
}

/// The stages of a frame, and what is written over each.
fn titled(program: &Program) -> Vec<(&Stage, String)> {
    let levels = schedule::stage_levels(program);
    let stages = program.schedule.frame.iter().zip(levels).enumerate();
    let title = |at: usize, stage: &Stage, level: Option<u32>| match level {
        Some(level) => format!("stage {at}, level {level}: {}", stage.kind.name()),
        None => format!("stage {at}: {}", stage.kind.name()),
    };
    stages.map(|(at, (stage, level))| (stage, title(at, stage, level))).collect()
}

fn lines(program: &Program, id: StepId) -> [String; 2] {
    let step = &program.steps[id];
    let batches = batches(program, step.domain);
    [work(program, &step.work), if batches == "1" { "1 batch".into() } else { batches }]
}

/// Why steps of a frame stand behind others: what they ask, and what they read fresh.
fn links(program: &Program) -> Vec<Link> {
    let steps = || program.schedule.frame.iter().flat_map(|stage| &stage.steps).copied();
    let pass_of = |system: SystemId| steps().find(|step| program.steps[*step].work.systems().contains(&system));
    let last = |is: &dyn Fn(&Work) -> bool| steps().filter(|step| is(&program.steps[*step].work)).last();
    let first = |is: &dyn Fn(&Work) -> bool| steps().find(|step| is(&program.steps[*step].work));
    let mut links: Vec<Link> = Vec::new();
    let mut fresh = |to: StepId, columns: &[ColumnId]| {
        let mut owners: Vec<StepId> = columns
            .iter()
            .filter_map(|column| pass_of(program.columns[*column].owner?))
            .filter(|it| *it != to)
            .collect();
        owners.sort();
        owners.dedup();
        for from in owners {
            let of_it = columns.iter().copied();
            let of_it = of_it.filter(|column| program.columns[*column].owner.and_then(pass_of) == Some(from));
            links.push(Link { from, to, why: format!("fresh {}", components(program, of_it, None).join(", ")) });
        }
    };
    for (id, index) in program.indexes.iter().filter(|(_, index)| index.when == When::Fresh) {
        if let Some(to) = first(&|work| matches!(work, Work::Index(it, _) if *it == id)) {
            fresh(to, &index.positions);
        }
    }
    for (id, inverse) in program.inverses.iter().filter(|(_, inverse)| inverse.when == When::Fresh) {
        if let Some(to) = first(&|work| matches!(work, Work::Inverse(it, _) if *it == id)) {
            fresh(to, &[inverse.column]);
        }
    }
    for (id, matching) in program.matchings.iter() {
        let fresh_places = matching.meeting.is_some_and(|meeting| meeting.when == When::Fresh);
        if let Some(to) = first(&|work| matches!(work, Work::Match(it, _) if *it == id)).filter(|_| fresh_places) {
            fresh(to, &matching.sides.iter().filter_map(|side| side.place).collect::<Vec<_>>());
        }
    }
    for step in steps() {
        let reads = program.steps[step].work.systems().iter().flat_map(|id| &program.systems[*id].reads);
        let reads: Vec<ColumnId> = reads.filter(|read| read.when == When::Fresh).map(|read| read.column).collect();
        fresh(step, &reads);
    }
    for to in steps() {
        let systems = program.steps[to].work.systems();
        let mut ask = |from: Option<StepId>, name: &str, by: &dyn Fn(&System) -> bool| {
            let names = systems.iter().map(|id| &program.systems[*id]).filter(|system| by(system));
            let names: Vec<&str> = names.map(|system| system.name.as_str()).collect();
            if let Some(from) = from.filter(|_| !names.is_empty()) {
                links.push(Link { from, to, why: format!("{name}, asked by {}", names.join(", ")) });
            }
        };
        for (id, index) in program.indexes.iter() {
            let from = last(&|work| matches!(work, Work::Index(it, _) if *it == id));
            ask(from, &index.name, &|system| indexes_of(program, system).contains(&id));
        }
        for (id, inverse) in program.inverses.iter() {
            let from = last(&|work| matches!(work, Work::Inverse(it, _) if *it == id));
            ask(from, &inverse.name, &|system| system.inverses.contains(&id));
        }
        for (id, matching) in program.matchings.iter() {
            let from = last(&|work| matches!(work, Work::Match(it, _) if *it == id));
            ask(from, &matching.name, &|system| reads_partner(program, system, id));
        }
    }
    links
}

/// Text within the quotation marks of Mermaid: what it, or the HTML it makes, would take for its own is said by number.
fn html(text: &str) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        match letter {
            '"' | '#' | '&' | '<' | '>' | '`' | ';' | '\\' => {
                let _ = write!(out, "#{};", u32::from(letter));
            }
            letter if letter.is_control() => out.push(' '),
            letter => out.push(letter),
        }
    }
    out
}

/// A quoted text of DOT.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            letter if letter.is_control() => out.push(' '),
            letter => out.push(letter),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_out_of_their_quotation_marks() {
        assert_eq!(html("a \"b\" <c>\n#`"), "a #34;b#34; #60;c#62; #35;#96;");
        assert_eq!(quoted("a \"b\"\\\nc"), "\"a \\\"b\\\"\\\\\\nc\"");
    }
}
