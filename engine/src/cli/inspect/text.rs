//! What a look has seen, for people.

use std::fmt::Write as _;

use indicatif::{HumanBytes, HumanCount};

use super::look::{Group, RowsSeen, Seen, Worker};
use crate::explain::counted;

/// Letters of a line.
const WIDTH: usize = 100;

/// Cells in columns as wide as their widest, two blanks between them; the first so many to the left, the others to the right.
fn aligned(rows: &[Vec<String>], left: usize) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let letters = |cell: &String| cell.chars().count();
    let width = |at: usize| rows.iter().filter_map(|row| row.get(at)).map(letters).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (at, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let between = if at == 0 { "" } else { "  " };
            let _ = match at < left {
                true => write!(line, "{between}{cell:<width$}"),
                false => write!(line, "{between}{cell:>width$}"),
            };
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

fn cells(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_string()).collect()
}

fn rate(rate: Option<f64>) -> String {
    match rate {
        None => String::new(),
        Some(rate) if rate < 100.0 => format!("{rate:.1}"),
        Some(rate) => HumanCount(rate as u64).to_string(),
    }
}

fn frame(frame: Option<u32>) -> String {
    frame.map_or_else(|| "set-up".into(), |frame| HumanCount(frame.into()).to_string())
}

/// Runs, a line each.
pub(super) fn list(all: &[Seen]) -> String {
    if all.is_empty() {
        return "no run of this user is going on now".into();
    }
    let mut rows = vec![cells(&["scenario", "process", "frame", "frames/s", "workers", "memory"])];
    rows.extend(all.iter().map(|seen| {
        vec![
            seen.scenario.clone(),
            seen.process.to_string(),
            frame(seen.frame),
            rate(seen.frames_per_s),
            seen.workers.len().to_string(),
            HumanBytes(seen.shm_bytes).to_string(),
        ]
    }));
    aligned(&rows, 1).trim_end().into()
}

/// All of a run that was looked at.
pub(super) fn run(seen: &Seen) -> String {
    let speed = seen.frames_per_s.map_or_else(String::new, |it| format!(", {} frames/s", rate(Some(it))));
    let on = match seen.workers.len() {
        0 => "in one process".into(),
        workers => format!("on {}", counted(workers, "worker")),
    };
    let mut text = format!(
        "{}, process {}: frame {}{speed}, {on}, {} shared\n",
        seen.scenario,
        seen.process,
        frame(seen.frame),
        HumanBytes(seen.shm_bytes)
    );
    text += &workers(&seen.workers);
    text += "\n";
    if let Some(rows) = &seen.rows {
        if let Some(group) = seen.groups.iter().find(|group| group.name == rows.group) {
            text += &columns(group);
            text += "\n";
        }
        text += &values(rows);
    } else {
        text += &groups(&seen.groups);
    }
    if let Some(signals) = &seen.signals {
        text += "\n";
        let lines = signals.iter().map(|(name, value)| vec![format!("signal  {name}"), format!("= {}", shown(value))]);
        text += &aligned(&lines.collect::<Vec<_>>(), 2);
        if signals.is_empty() {
            text += "no signal is named\n";
        }
    }
    text.trim_end().into()
}

fn workers(all: &[Worker]) -> String {
    if all.is_empty() {
        return String::new();
    }
    let mut rows = vec![cells(&["worker", "process", "frame", "stage", "batches", "batches/s", "health"])];
    rows.extend(all.iter().enumerate().map(|(at, worker)| {
        vec![
            at.to_string(),
            worker.process.map_or_else(String::new, |process| process.to_string()),
            HumanCount(worker.frame.into()).to_string(),
            worker.stage.to_string(),
            HumanCount(worker.batches).to_string(),
            rate(worker.batches_per_s),
            worker.health.to_string(),
        ]
    }));
    aligned(&rows, 0)
}

fn groups(all: &[Group]) -> String {
    let mut text = String::new();
    for group in all {
        let (rows, room) = (HumanCount(group.rows.into()), HumanCount(group.capacity.into()));
        let rows = if group.comes_and_goes { format!("{rows} rows, room for {room}") } else { format!("{rows} rows") };
        let columns: Vec<String> = group.columns.iter().map(|it| format!("{} {}", it.name, it.kind)).collect();
        text += &listed(&format!("{}  {rows}: ", group.name), &columns);
    }
    text
}

/// A head, then words with commas between them, in lines that are no longer than they should be.
fn listed(head: &str, words: &[String]) -> String {
    let mut text = head.to_string();
    let mut used = head.chars().count();
    for (at, word) in words.iter().enumerate() {
        let comma = if at + 1 < words.len() { "," } else { "" };
        let letters = word.chars().count() + comma.len();
        if at > 0 && used + 1 + letters > WIDTH {
            text += "\n        ";
            used = 8;
        } else if at > 0 {
            text += " ";
            used += 1;
        }
        let _ = write!(text, "{word}{comma}");
        used += letters;
    }
    format!("{}\n", text.trim_end())
}

fn columns(group: &Group) -> String {
    groups(std::slice::from_ref(group))
}

fn shown(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Null => "none".into(),
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Rows: one of them with a line a column, several as a table, which goes on below where it is too wide.
fn values(seen: &RowsSeen) -> String {
    let named = |row: &super::look::RowSeen| {
        let life = row.generation.map_or_else(String::new, |life| format!(", life {life}"));
        format!("row {}, entity {}{life}", row.row, row.entity)
    };
    if let [row] = seen.rows.as_slice() {
        let lines = seen.columns.iter().zip(&row.values).map(|(name, value)| vec![format!("  {name}"), shown(value)]);
        return format!("{}\n{}", named(row), aligned(&lines.collect::<Vec<_>>(), 2));
    }
    let lives = seen.rows.iter().any(|row| row.generation.is_some());
    let mut heads: Vec<Vec<String>> = vec![cells(if lives { &["row", "entity", "life"] } else { &["row", "entity"] })];
    heads.extend(seen.rows.iter().map(|row| {
        let life = row.generation.filter(|_| lives).map(|life| life.to_string());
        [row.row.to_string(), row.entity.to_string()].into_iter().chain(life).collect()
    }));
    let letters = |at: usize| {
        let cells = seen.rows.iter().filter_map(|row| row.values.get(at)).map(|value| shown(value).chars().count());
        cells.chain([seen.columns[at].chars().count()]).max().unwrap_or(0) + 2
    };
    let head: usize = (0..heads[0].len()).map(|at| heads.iter().map(|row| row[at].len()).max().unwrap_or(0) + 2).sum();
    let (mut text, mut at) = (String::new(), 0);
    loop {
        let mut end = at;
        let mut used = head;
        while end < seen.columns.len() && (end == at || used + letters(end) <= WIDTH) {
            used += letters(end);
            end += 1;
        }
        let mut rows = heads.clone();
        rows[0].extend_from_slice(&seen.columns[at..end]);
        for (row, values) in rows[1..].iter_mut().zip(&seen.rows) {
            row.extend(values.values[at..end].iter().map(shown));
        }
        text += &aligned(&rows, 0);
        at = end;
        if at >= seen.columns.len() {
            return text;
        }
    }
}
