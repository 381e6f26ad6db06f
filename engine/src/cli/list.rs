//! `diptych list`.

use std::path::Path;
use std::process::ExitCode;

use super::{WRONG, fail, say};
use crate::{compile, source};

pub(super) fn list(folder: &Path) -> ExitCode {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) => return fail(WRONG, format_args!("cannot list the folder {}: {e}", folder.display())),
    };
    let mut files: Vec<_> =
        entries.flatten().map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "dip")).collect();
    files.sort();
    if files.is_empty() {
        return fail(WRONG, format_args!("there is no scenario (.dip) in {}", folder.display()));
    }
    let width = files.iter().map(|f| f.display().to_string().len()).max().unwrap_or(0);
    for file in files {
        let line = source::read(&file).map_or_else(|e| e.to_string(), |source| compile::scenario_line(&source));
        say(format_args!("{:width$}  {line}", file.display()));
    }
    ExitCode::SUCCESS
}
