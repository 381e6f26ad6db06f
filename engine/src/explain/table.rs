//! Who owns and who reads what: systems against columns. With many systems, a list a system.

use std::fmt::Write as _;

use diptych_protocol::body::Op;
use diptych_protocol::id::{ColumnId, GroupId, SystemId};
use diptych_protocol::program::{Code, Column, Program, Reach, When};

use super::{WIDTH, aligned, column_name, components, indexes_of, wrapped};

/// Systems that a table may have.
const SYSTEMS_MAX: usize = 8;

/// What a system may do with a column, and how that is marked.
const MARKS: [(Option<(When, Reach)>, &str); 5] = [
    (None, "owns"),
    (Some((When::Prev, Reach::Own)), "prev"),
    (Some((When::Prev, Reach::Any)), "prev*"),
    (Some((When::Fresh, Reach::Own)), "fresh"),
    (Some((When::Fresh, Reach::Any)), "fresh*"),
];

/// The table, or the lists.
pub fn table(program: &Program) -> String {
    let text = matrix(program);
    let wide = text.lines().any(|line| line.chars().count() > WIDTH);
    let text = if wide || rules(program).count() > SYSTEMS_MAX { lists(program) } else { text };
    let legend = "prev: as the frame started; fresh: as this frame made it; * of any row, else of the own one";
    format!("{text}({legend})\n")
}

fn has(program: &Program, system: SystemId, column: ColumnId, mark: Option<(When, Reach)>) -> bool {
    let system = &program.systems[system];
    match mark {
        None => system.owns.contains(&column),
        Some((when, reach)) => {
            system.reads.iter().any(|read| read.column == column && read.when == when && read.reach == reach)
        }
    }
}

/// A column's cell of each system.
fn cells(program: &Program, column: ColumnId) -> Vec<String> {
    let cell = |system| {
        let marks = MARKS.iter().filter(|(mark, _)| has(program, system, column, *mark)).map(|(_, word)| *word);
        let marks: Vec<&str> = marks.collect();
        if marks.is_empty() { "-".to_string() } else { marks.join(" ") }
    };
    rules(program).map(cell).collect()
}

/// The systems that a scenario has: without those that carry what moves with its rows.
fn rules(program: &Program) -> impl Iterator<Item = SystemId> {
    program.systems.iter().filter(|(_, system)| system.code != Code::Carry).map(|(id, _)| id)
}

fn matrix(program: &Program) -> String {
    let names = rules(program).map(|id| program.systems[id].name.clone());
    let mut rows = vec![std::iter::once(String::new()).chain(names).collect()];
    for (group, _) in program.groups.iter().filter(|(_, group)| group.is_written()) {
        rows.push(vec![program.groups[group].name.clone()]);
        for (name, cells) in lines(program, group) {
            rows.push(std::iter::once(format!("  {name}")).chain(cells).collect());
        }
    }
    // Cells hold blanks, and a table is not wrapped: a last empty column keeps `aligned` from doing so.
    rows.iter_mut().for_each(|row: &mut Vec<String>| row.push(String::new()));
    aligned(&rows)
}

/// A line a component; a line a lane where lanes differ.
fn lines(program: &Program, group: GroupId) -> Vec<(String, Vec<String>)> {
    let of = |(id, column): &(ColumnId, &Column)| column.group == group && !program.names_entities(*id);
    let columns: Vec<ColumnId> = program.columns.iter().filter(of).map(|(id, _)| id).collect();
    let mut lines = Vec::new();
    for lanes in columns.chunk_by(|&a, &b| program.columns[a].component == program.columns[b].component) {
        let all: Vec<Vec<String>> = lanes.iter().map(|lane| cells(program, *lane)).collect();
        match all.split_first() {
            Some((first, others)) if others.iter().all(|other| other == first) => {
                lines.push((program.columns[lanes[0]].component.clone(), first.clone()));
            }
            _ => {
                lines.extend(
                    lanes.iter().zip(all).map(|(lane, cells)| (column_name(program, *lane, Some(group)), cells)),
                );
            }
        }
    }
    lines
}

fn lists(program: &Program) -> String {
    let mut text = String::new();
    for id in rules(program) {
        let system = &program.systems[id];
        let native = match &system.code {
            Code::Native(kernel) => format!(" (native {kernel:?})"),
            Code::Body(_) | Code::Carry => String::new(),
        };
        let _ = writeln!(text, "{} over {}{native}", system.name, program.groups[system.group].name);
        for (mark, word) in MARKS {
            let columns = program.columns.ids().filter(|column| has(program, id, *column, mark));
            let names = components(program, columns, Some(system.group));
            if !names.is_empty() {
                text += &wrapped(&format!("  {word:7} "), &names, ", ");
            }
        }
        if let Some(only) = system.only {
            let read = program.bodies[only].ops.values().filter_map(|typed| match typed.op {
                Op::Read { column, .. } => Some(column),
                _ => None,
            });
            let names = components(program, read, Some(system.group));
            text += &wrapped("  only    rows chosen by ", &names, ", ");
        }
        let indexes = indexes_of(program, system).into_iter().map(|index| program.indexes[index].name.clone());
        let inverses = system.inverses.iter().map(|inverse| program.inverses[*inverse].name.clone());
        let asked: Vec<String> = indexes.chain(inverses).collect();
        if !asked.is_empty() {
            text += &wrapped("  asks    ", &asked, ", ");
        }
    }
    text
}
