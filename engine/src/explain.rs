//! What a program is, as text for people: who reads and writes what ([`table`]), what runs when ([`stages`],
//! [`graph`]), and the code of its rules ([`ir`]). Pure functions of the program: the same text on every machine.

pub mod graph;
pub mod ir;
pub mod stages;
pub mod table;

use std::fmt::Write as _;

use diptych_protocol::id::{ColumnId, GroupId, IndexId, InverseId, MatchingId};
use diptych_protocol::layout;
use diptych_protocol::program::{Bins, Domain, EditPhase, Index, Origin, Program, Reduce, System, When, Work};
use diptych_protocol::reduction::Way;
use indicatif::HumanCount;

/// Letters of a line of text.
const WIDTH: usize = 100;

/// What stands above the explanation.
pub fn title(program: &Program) -> String {
    let groups = program.groups.values().filter(|group| group.is_written()).map(|group| {
        let most = if group.derived() || group.living.is_some() { "at most " } else { "" };
        match &group.raster {
            Some(raster) => format!("{} ({} cells)", group.name, raster.sides()),
            None => format!("{} ({most}{} rows)", group.name, HumanCount(group.rows.into())),
        }
    });
    wrapped(&format!("{}: ", program.scenario), &groups.collect::<Vec<_>>(), ", ")
}

/// `1 stage`, `2 stages`.
pub fn counted(count: usize, what: &str) -> String {
    let plural = match what {
        "index" => "es",
        "batch" | "match" => "es",
        _ => "s",
    };
    format!("{count} {what}{}", if count == 1 { "" } else { plural })
}

/// Whether an index is declared nowhere: a loop over neighbours needed one. Names that are written have no space.
pub fn made_for_neighbours(index: &Index) -> bool {
    index.name.contains(' ')
}

/// `Velocity.x` where the group is the one that is talked about, else `boids.Velocity.x`.
fn column_name(program: &Program, column: ColumnId, home: Option<GroupId>) -> String {
    let column = &program.columns[column];
    if home == Some(column.group) {
        column.name()
    } else {
        format!("{}.{}", program.groups[column.group].name, column.name())
    }
}

/// The components that columns belong to, each once, in order.
fn components(program: &Program, columns: impl IntoIterator<Item = ColumnId>, home: Option<GroupId>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for id in columns.into_iter().filter(|id| !program.names_entities(*id)) {
        let column = &program.columns[id];
        let name = match home == Some(column.group) {
            true => column.component.clone(),
            false => format!("{}.{}", program.groups[column.group].name, column.component),
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The indexes that a system waits for: those it asks, and the one whose buckets it runs over.
fn indexes_of(program: &Program, system: &System) -> Vec<IndexId> {
    let mut indexes = system.indexes.clone();
    if let Origin::Buckets(index) = program.groups[system.group].origin
        && !indexes.contains(&index)
    {
        indexes.push(index);
    }
    indexes
}

fn when(when: When) -> &'static str {
    match when {
        When::Prev => "prev",
        When::Fresh => "fresh",
    }
}

fn reduce(how: Reduce) -> String {
    match how {
        Reduce::Count => "count".into(),
        Reduce::Sum => "sum".into(),
        Reduce::Mean => "mean".into(),
        Reduce::Min => "min".into(),
        Reduce::Max => "max".into(),
        Reduce::Variance => "variance".into(),
        Reduce::Histogram(Bins { low, high, count }) => format!("histogram of {count} bins from {low} to {high}"),
        Reduce::Quantile { share } => format!("quantile {share}"),
        Reduce::Births => "births".into(),
        Reduce::Ends => "ends".into(),
    }
}

/// What a group's rows are aggregated to by blocks; or, of quantiles, which have such a digit.
fn reductions(program: &Program, group: GroupId, digit: Option<u8>) -> String {
    let of = program.reductions.iter().filter(|(_, reduction)| reduction.group == group);
    let wanted = of.filter(|(id, reduction)| match digit {
        Some(digit) => program.keys(*id).is_some_and(|keys| keys.digits() > u32::from(digit)),
        None => reduction.how.way() == Way::Blocks,
    });
    wanted.map(|(_, reduction)| reduce(reduction.how)).collect::<Vec<_>>().join(", ")
}

/// What a step does, in a line.
pub(crate) fn work(program: &Program, work: &Work) -> String {
    match work {
        Work::Blueprint(group) => format!("{}: first values", program.groups[*group].name),
        Work::Index(index, phase) => format!("{}: {}", index_name(program, *index), word(phase)),
        Work::Inverse(inverse, phase) => format!("{}: {}", inverse_name(program, *inverse), word(phase)),
        Work::Match(id, phase) => format!("{}: {}", program.matchings[*id].name, program.match_phase(*id, *phase)),
        Work::Pass { systems, reduces } => {
            let names = systems.iter().map(|id| program.systems[*id].name.as_str()).collect::<Vec<_>>().join(", ");
            let Some(group) = systems.first().map(|id| program.systems[*id].group) else { return names };
            let reduced = if *reduces { format!("; then {}", reductions(program, group, None)) } else { String::new() };
            format!("pass over {}: {names}{reduced}", program.groups[group].name)
        }
        Work::Edit(group, phase) => {
            let phase = match phase {
                EditPhase::CatchUp => "catch up".to_string(),
                phase => word(phase),
            };
            format!("{}: births and ends, {phase}", program.groups[*group].name)
        }
        Work::Reduce(group) => {
            format!("{}: {}", program.groups[*group].name, reductions(program, *group, None))
        }
        Work::Tally(group, digit) => {
            let quantiles = reductions(program, *group, Some(*digit));
            format!("{}: count by digit {} for {quantiles}", program.groups[*group].name, digit + 1)
        }
        Work::Pick(digit) => format!("find digit {} of quantiles", digit + 1),
        Work::Commit => commit(program),
    }
}

/// The signals' names, and what is made of them.
fn commit(program: &Program) -> String {
    let named: Vec<&str> = program.signals.values().filter(|it| it.named).map(|it| it.name.as_str()).collect();
    let mut text = "commit".to_string();
    if !named.is_empty() {
        let _ = write!(text, ": {}", named.join(", "));
    }
    if !program.outputs.ensures.is_empty() {
        let _ = write!(text, "; {}", counted(program.outputs.ensures.len(), "ensure"));
    }
    if !program.outputs.records.is_empty() {
        let _ = write!(text, "; {}", counted(program.outputs.records.len(), "record"));
    }
    text
}

fn index_name(program: &Program, index: IndexId) -> &str {
    &program.indexes[index].name
}

fn inverse_name(program: &Program, inverse: InverseId) -> &str {
    &program.inverses[inverse].name
}

/// Whether a system reads who is paired with its rows.
fn reads_partner(program: &Program, system: &System, id: MatchingId) -> bool {
    system.reads.iter().any(|read| program.columns[read.column].matched == Some(id))
}

fn word(phase: &impl std::fmt::Debug) -> String {
    format!("{phase:?}").to_lowercase()
}

/// How a step is cut.
fn batches(program: &Program, domain: Domain) -> String {
    let count = HumanCount(layout::batches_max(program, domain).into());
    match domain {
        Domain::Rows { batch_rows, .. } => format!("{count} x {} rows", HumanCount(batch_rows.into())),
        Domain::Slots { batch_rows, .. } => format!("{count} x {} slots", HumanCount(batch_rows.into())),
        Domain::Chunks(_) | Domain::Targets(_) | Domain::Ranks { .. } => format!("{count} x 1 chunk"),
        Domain::Blocks(_) | Domain::Births(_) => format!("{count} x 1 block"),
        Domain::Once => "1".to_string(),
    }
}

/// A head, then the parts, in lines of at most [`WIDTH`] letters where parts allow; further lines are indented as the
/// head is long. Ends with a line end.
fn wrapped(head: &str, parts: &[String], between: &str) -> String {
    let indent = " ".repeat(head.chars().count());
    let mut text = head.to_string();
    let mut used = indent.len();
    for (at, part) in parts.iter().enumerate() {
        let last = at + 1 == parts.len();
        let part = format!("{part}{}", if last { "" } else { between.trim_end() });
        let length = part.chars().count();
        if at > 0 && used + 1 + length > WIDTH {
            let _ = write!(text, "\n{indent}");
            used = indent.len();
        } else if at > 0 {
            text.push(' ');
            used += 1;
        }
        text.push_str(&part);
        used += length;
    }
    format!("{}\n", text.trim_end())
}

/// Rows in columns as wide as their widest cell, two blanks between them. What stands in the last one is wrapped at
/// blanks.
fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width =
        |at: usize| rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut head = String::new();
        let before = row.len().saturating_sub(1);
        for (cell, width) in row.iter().zip(&widths).take(before) {
            let _ = write!(head, "{cell:width$}  ");
        }
        let words: Vec<String> = row.last().into_iter().flat_map(|cell| cell.split(' ')).map(str::to_string).collect();
        text += &wrapped(&head, &words, " ");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_go_on_below_their_head() {
        let parts: Vec<String> = (0..30).map(|at| format!("part{at}")).collect();
        let text = wrapped("head  ", &parts, ", ");
        assert!(text.lines().count() == 3 && text.lines().all(|line| line.len() <= WIDTH), "{text}");
        assert!(text.starts_with("head  part0, part1,") && text.ends_with(" part29\n"), "{text}");
        assert!(text.lines().skip(1).all(|line| line.starts_with("      part")), "{text}");
        assert_eq!(wrapped("none", &[], ", "), "none\n");
    }
}
