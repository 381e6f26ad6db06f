//! Seeds for targets whose input is not text: what shipped scenarios become.

use std::path::{Path, PathBuf};

use diptych::catalog::Catalog;
use diptych::compile::{Settings, compile};
use diptych::{Program, Registry};
use diptych_protocol::program::Source;

/// The folder that seeds are to be written to, if they are: `tests/fuzz/run` says so.
pub fn seeds() -> Option<PathBuf> {
    std::env::var_os("DIPTYCH_FUZZ_SEEDS").map(PathBuf::from)
}

/// The shipped scenarios as small programs, without their texts.
pub fn programs() -> Vec<Program> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios");
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut paths: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|it| it == "dip")).collect();
    paths.sort();
    let registry = Registry::builtin();
    let program = |path: &PathBuf| {
        let source = Source { path: path.display().to_string(), text: std::fs::read_to_string(path).ok()? };
        // Smaller, where a scenario has such a parameter.
        let small = ["n", "side", "width"].map(|name| vec![(name.to_string(), "64".to_string())]);
        let tries =
            small.into_iter().chain([Vec::new()]).map(|sets| Settings { sets, seed: None, frames: Some(3), nan: None });
        let mut program = tries.into_iter().find_map(|it| compile(&source, &it, &Catalog(&registry)).ok())?.program;
        program.sources.iter_mut().for_each(|(_, source)| source.text.clear());
        program.fields.clear();
        Some(program)
    };
    paths.iter().filter_map(program).collect()
}

/// Writes a seed.
pub fn seed(folder: &Path, name: &str, bytes: &[u8]) {
    std::fs::write(folder.join(name), bytes).expect("a seed can be written");
}
