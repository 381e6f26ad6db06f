//! The house is kept: what this project promises of its own text.

use std::path::{Path, PathBuf};

use diptych_tests::root;

/// Files that may say `unsafe`: mapping and typed slices, the duty of a claim handed on, control registers, code
/// compiled for wider vectors, generated code and what it calls, and a counting allocator for tests.
const UNSAFE: [&str; 23] = [
    "protocol/src/memory.rs",
    "protocol/src/adopt_view.rs",
    "protocol/src/ask_view.rs",
    "protocol/src/state_view.rs",
    "protocol/src/still.rs",
    "protocol/src/view.rs",
    "protocol/src/kd_view.rs",
    "protocol/src/grid_view.rs",
    "protocol/src/slots_view.rs",
    "protocol/src/chosen.rs",
    "protocol/src/edit_view.rs",
    "protocol/src/inverse_view.rs",
    "protocol/src/made_view.rs",
    "protocol/src/matching_view.rs",
    "protocol/src/reader.rs",
    "workers/src/runner.rs",
    "workers/src/walk.rs",
    "workers/src/in_process.rs",
    "workers/src/float_mode.rs",
    "workers/src/wide.rs",
    "workers/src/body/compiled/calls.rs",
    "workers/src/body/compiled/code.rs",
    "tests/src/allocations.rs",
];

fn files(folder: &Path, extension: &str, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        let name = entry.file_name().into_string().unwrap();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            files(&path, extension, into);
        } else if name.ends_with(extension) {
            into.push(path);
        }
    }
}

fn sources() -> Vec<(String, String)> {
    let mut paths = Vec::new();
    files(&root(), ".rs", &mut paths);
    assert!(paths.len() > 50);
    let relative = |path: &Path| path.strip_prefix(root()).unwrap().to_str().unwrap().to_string();
    let mut sources: Vec<_> =
        paths.iter().map(|path| (relative(path), std::fs::read_to_string(path).unwrap())).collect();
    sources.sort();
    sources
}

#[test]
fn every_file_says_at_its_top_what_it_is_for() {
    for (path, text) in sources() {
        assert!(text.starts_with("//!"), "{path} has no module documentation at its top");
    }
}

#[test]
fn unsafe_code_stands_in_few_named_files() {
    for (path, text) in sources() {
        let has = text.lines().any(|line| {
            let code = line.split("//").next().unwrap_or_default();
            ["unsafe {", "unsafe fn ", "unsafe impl "].iter().any(|form| code.contains(form))
        });
        if path != "tests/tests/house.rs" {
            assert_eq!(has, UNSAFE.contains(&path.as_str()), "{path}: unsafe code, or none where the list has it");
        }
    }
}

#[test]
fn dependencies_point_down() {
    let manifest = |package: &str| std::fs::read_to_string(root().join(package).join("Cargo.toml")).unwrap();
    let uses = |package: &str, other: &str| {
        manifest(package)
            .lines()
            .any(|line| line.starts_with(other) && line[other.len()..].starts_with(['.', ' ', '=']))
    };
    assert!(!uses("protocol", "diptych-workers") && !uses("protocol", "diptych"));
    assert!(uses("workers", "diptych-protocol") && !uses("workers", "diptych"));
    assert!(uses("engine", "diptych-protocol") && uses("engine", "diptych-workers"));
}

#[test]
fn nothing_is_unfinished_or_switched_off() {
    let forms =
        [["to", "do!("].concat(), ["unimple", "mented!("].concat(), ["#[ign", "ore"].concat(), ["FIX", "ME"].concat()];
    for (path, text) in sources() {
        for form in &forms {
            assert!(!text.contains(form.as_str()), "{path} has {form}");
        }
    }
}

#[test]
fn paths_in_the_documents_exist() {
    let mut documents = Vec::new();
    files(&root(), ".md", &mut documents);
    for document in documents {
        let text = std::fs::read_to_string(&document).unwrap();
        for word in text.split('`').skip(1).step_by(2) {
            let is_path = ["engine/", "workers/", "protocol/", "benches/", "tests/", "scenarios/"]
                .iter()
                .any(|top| word.starts_with(top))
                && !word.contains([' ', '*', '<', '…']);
            assert!(!is_path || root().join(word).exists(), "{}: {word} does not exist", document.display());
        }
    }
}

#[test]
fn the_seven_named_packages_each_do_work_in_the_code() {
    let all: String = sources().into_iter().filter(|(path, _)| !path.starts_with("tests/")).map(|(_, t)| t).collect();
    for package in [
        "rayon::",
        "crossbeam::",
        "shared_memory::",
        "memmap2::",
        "kiddo::",
        "bytemuck::",
        "ipc_channel::",
        "criterion::",
    ] {
        assert!(all.contains(package), "{package} is not used");
    }
}
