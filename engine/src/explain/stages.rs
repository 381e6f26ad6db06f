//! What runs when: the stages of set-up and of a frame, who asks which index in which of them, and the outputs.

use diptych_protocol::graph::{Node, NodeKind};
use diptych_protocol::id::{ColumnId, IndexId, StepId};
use diptych_protocol::program::{IndexKind, Program, Side, Stage, System, Work};
use indicatif::HumanCount;

use super::{
    aligned, batches, components, counted, indexes_of, made_for_neighbours, reads_partner, when, work, wrapped,
};
use crate::schedule;

/// The stages of set-up.
pub fn setup(program: &Program) -> String {
    format!(
        "set-up: {}\n{}",
        counted(program.schedule.setup.len(), "stage"),
        stages(program, &program.schedule.setup, &[])
    )
}

/// The stages of a frame.
pub fn frame(program: &Program) -> String {
    let levels = schedule::stage_levels(program);
    let mut known: Vec<u32> = levels.iter().copied().flatten().collect();
    known.dedup();
    let stages_text = stages(program, &program.schedule.frame, &levels);
    let head = format!("{} in {}", counted(known.len(), "level"), counted(program.schedule.frame.len(), "stage"));
    format!("frame: {head}\n{stages_text}")
}

fn stages(program: &Program, stages: &[Stage], levels: &[Option<u32>]) -> String {
    let head = ["stage", "level", "kind", "batches", "work"];
    let mut rows = vec![head.map(|word| word.to_string()).to_vec()];
    for (at, stage) in stages.iter().enumerate() {
        let level = levels.get(at).copied().flatten().map_or("-".to_string(), |level| level.to_string());
        for (nth, id) in stage.steps.iter().enumerate() {
            let step = &program.steps[*id];
            let [stage_cell, level_cell, kind] = match nth {
                0 => [at.to_string(), level.clone(), stage.kind.name().to_string()],
                _ => Default::default(),
            };
            rows.push(vec![
                format!("{stage_cell:>5}"),
                format!("{level_cell:>5}"),
                kind,
                batches(program, step.domain),
                work(program, &step.work),
            ]);
        }
    }
    aligned(&rows)
}

/// The spatial indexes, inverses and matchings, and who asks them; nothing where there are none.
pub fn indexes(program: &Program) -> Option<String> {
    let mut rows = Vec::new();
    for (id, index) in program.indexes.iter() {
        let place = &program.groups[index.group].name;
        let positions = components(program, index.positions.iter().copied(), Some(index.group)).join(", ");
        let made = if made_for_neighbours(index) { "made for neighbours" } else { "declared" };
        let what = format!(
            "{} of {place} over {} {positions}, {}, {made};",
            if index.bucket_rows().is_some() { "k-d tree" } else { "grid" },
            when(index.when),
            size(program, id)
        );
        let built = built(program, |work| matches!(work, Work::Index(it, _) if *it == id));
        let asked = asked(program, |system| indexes_of(program, system).contains(&id));
        let ordered = program.groups[index.group].order.is_some_and(|order| order.index == id);
        let order = if ordered { "; rows are kept in its order" } else { "" };
        rows.push(vec![format!("  {}", index.name), format!("{what} {built}; {asked}{order}")]);
    }
    for (id, inverse) in program.inverses.iter() {
        let column = components(program, [inverse.column], Some(inverse.group)).join("");
        let [from, to] = [inverse.group, inverse.to].map(|group| program.groups[group].name.as_str());
        let what = format!("the rows of {from} that refer to each row of {to} by {} {column};", when(inverse.when));
        let built = built(program, |work| matches!(work, Work::Inverse(it, _) if *it == id));
        let asked = asked(program, |system| system.inverses.contains(&id));
        rows.push(vec![format!("  {}", inverse.name), format!("{what} {built}; {asked}")]);
    }
    for (id, matching) in program.matchings.iter() {
        let group = |side: &Side| {
            let filtered = if side.filter.is_some() { " where they say so" } else { "" };
            format!("{}{filtered}", program.groups[side.group].name)
        };
        let who = match matching.sides.as_slice() {
            [alone] => format!("rows of {}, with each other", group(alone)),
            sides => format!("rows of {}", sides.iter().map(group).collect::<Vec<_>>().join(" with rows of ")),
        };
        let places =
            matching.sides.iter().take(1).filter_map(|side| Some((side.place?, side.group, matching.meeting?)));
        let at: String = places
            .map(|(place, group, meeting)| {
                let place = components(program, [place], Some(group)).join("");
                format!(", at one row of {} by {} {place}", program.groups[meeting.to].name, when(meeting.when))
            })
            .collect();
        let built = built(program, |work| matches!(work, Work::Match(it, _) if *it == id));
        let asked = asked(program, |system| reads_partner(program, system, id));
        rows.push(vec![format!("  {}", matching.name), format!("pairs, at random, {who}{at}; {built}; {asked}")]);
    }
    (!rows.is_empty()).then(|| format!("indexes\n{}", aligned(&rows)))
}

/// How large a tree's buckets or a grid's cells are.
fn size(program: &Program, index: IndexId) -> String {
    match &program.indexes[index].kind {
        IndexKind::Tree { bucket_rows, summary } => {
            let buckets = format!("buckets of {}", counted(*bucket_rows as usize, "row"));
            summary.as_ref().map_or(buckets.clone(), |summary| {
                let sums = components(program, summary.sums.iter().copied(), Some(program.indexes[index].group));
                format!("{buckets}, sums of {}, opening angle {}", sums.join(" "), summary.angle)
            })
        }
        IndexKind::Grid { cell, .. } => match program.grid_shape(index).and_then(|shape| shape.fixed) {
            Some(lattice) => format!("{} cells", cells(&lattice.counts[..index_axes(program, index)])),
            None => format!("cells of {cell}"),
        },
    }
}

fn index_axes(program: &Program, index: IndexId) -> usize {
    program.indexes[index].positions.len()
}

fn cells(counts: &[u32]) -> String {
    counts.iter().map(|count| HumanCount(u64::from(*count)).to_string()).collect::<Vec<_>>().join(" x ")
}

fn built(program: &Program, is: impl Fn(&Work) -> bool) -> String {
    let has = |stage: &Stage| stage.steps.iter().any(|step: &StepId| is(&program.steps[*step].work));
    let stages: Vec<usize> =
        program.schedule.frame.iter().enumerate().filter(|(_, stage)| has(stage)).map(|(at, _)| at).collect();
    match (stages.first(), stages.last()) {
        (Some(first), Some(last)) if first != last => format!("built in stages {first} to {last}"),
        (Some(only), _) => format!("built in stage {only}"),
        _ => "never built".into(),
    }
}

fn asked(program: &Program, by: impl Fn(&System) -> bool) -> String {
    let mut askers = Vec::new();
    for (at, stage) in program.schedule.frame.iter().enumerate() {
        for step in &stage.steps {
            let systems =
                program.steps[*step].work.systems().iter().map(|id| &program.systems[*id]).filter(|system| by(system));
            askers.extend(systems.map(|system| format!("{} (stage {at})", system.name)));
        }
    }
    if askers.is_empty() { "asked by nobody".into() } else { format!("asked by {}", askers.join(", ")) }
}

/// Where fields are computed, and why; nothing where there are none.
pub fn fields(program: &Program) -> Option<String> {
    let mut text = String::new();
    for field in &program.fields {
        let group = &program.groups[field.group].name;
        let how =
            if field.made.is_empty() { "computed where it is read" } else { "it remembers, so it is made each frame" };
        text += &format!("  {} of {group}: {how}\n", field.name);
        let name = |column: &ColumnId| program.columns[*column].name();
        let columns: Vec<String> = field.made.iter().map(name).collect();
        if !columns.is_empty() {
            text += &wrapped("    columns  ", &columns, ", ");
        }
        let nobody = vec!["nobody".to_string()];
        text += &wrapped("    read by  ", if field.readers.is_empty() { &nobody } else { &field.readers }, ", ");
    }
    (!text.is_empty()).then(|| format!("fields\n{text}"))
}

/// Signals, ensures, the end, records; nothing where there are none.
pub fn outputs(program: &Program) -> Option<String> {
    let mut rows = Vec::new();
    for signal in program.signals.values().filter(|signal| signal.named) {
        let known = |node: &&Node| node.name == signal.name || signal.name.starts_with(&format!("{}.", node.name));
        let kind = program.outputs.graph.iter().find(known).map_or(NodeKind::Signal, |node| node.kind);
        rows.push(vec![format!("  {}", kind.name()), format!("{}: {}", signal.name, signal.ty)]);
    }
    for ensure in &program.outputs.ensures {
        rows.push(vec!["  ensure".to_string(), ensure.text.clone()]);
    }
    if let Some(until) = program.outputs.until {
        rows.push(vec!["  until".to_string(), program.signals[until].name.clone()]);
    }
    let mut text = aligned(&rows);
    for record in &program.outputs.records {
        let extract = record.extract().map(|it| &program.outputs.extracts[it]);
        let columns: Vec<String> = match extract {
            Some(extract) => extract.columns.iter().map(|(name, _)| name.clone()).collect(),
            None => record.signals().iter().map(|(name, _)| name.clone()).collect(),
        };
        let rows = extract.map_or_else(String::new, |extract| {
            let group = &program.groups[extract.group].name;
            let some = if extract.filtered || extract.sample.is_some() { "some rows" } else { "rows" };
            format!(", {some} of {group}")
        });
        text += &wrapped(&format!("  record  {:?} every {}{rows}: ", record.path, record.every), &columns, ", ");
    }
    (!text.is_empty()).then(|| format!("outputs, of each finished state\n{text}"))
}
