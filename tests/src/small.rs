//! The shipped scenarios, small: a new one is covered by being in the folder.

use diptych::Program;

use crate::{root, shipped};

/// Parameters that make scenarios small: of all that have it, or of one.
const SMALL: [(&str, &str, &str); 9] = [
    ("", "n", "3_000"),
    ("", "width", "150"),
    ("", "height", "61"),
    ("ants.dip", "side", "60"),
    ("lj-fluid.dip", "cells", "6"),
    ("lj-fluid.dip", "melting", "1"),
    ("lj-fluid.dip", "interval", "2"),
    ("traffic.dip", "cells", "20_000"),
    ("wolf-sheep.dip", "side", "12"),
];
/// What a test may spend on one scenario.
const ROWS_MAX: u32 = 20_000;

/// The names of all of them.
///
/// # Panics
/// If their folder cannot be read.
pub fn names() -> Vec<String> {
    let entries = std::fs::read_dir(root().join("scenarios")).unwrap().flatten();
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.retain(|name| name.ends_with(".dip"));
    names.sort();
    assert!(names.len() >= 5, "{names:?}");
    names
}

/// One of them, of at most 20,000 rows.
///
/// # Panics
/// If it has more, or cannot be compiled.
#[track_caller]
pub fn small(name: &str, frames: u32) -> Program {
    let text = std::fs::read_to_string(root().join("scenarios").join(name)).unwrap();
    let has = |param: &str| text.lines().any(|line| line.starts_with(&format!("param {param}:")));
    let sets = SMALL.into_iter().filter(|(file, param, _)| *file == name || (file.is_empty() && has(param)));
    let sets: Vec<(&str, &str)> = sets.map(|(_, param, value)| (param, value)).collect();
    let program = shipped(name, &sets, frames);
    let rows: u32 = program.groups.values().map(|group| group.rows).sum();
    assert!(rows <= ROWS_MAX, "{name} has {rows} rows: name the parameter that makes it small in SMALL");
    program
}
