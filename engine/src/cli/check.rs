//! `diptych check`: everything that can be said about a scenario without running it.

use std::process::ExitCode;
use std::time::Instant;

use diptych_protocol::layout::Layout;
use diptych_protocol::program::{Code, Program};
use diptych_protocol::raster::Raster;
use diptych_protocol::segment::{self, SHM_DIR};
use diptych_workers::kernel::Registry;
use indicatif::{HumanBytes, HumanCount};
use serde::Serialize;

use super::arguments::{Check, Summary};
use super::{WRONG, fail, say, scenario};
use crate::compile::Compiled;
use crate::explain::{counted, made_for_neighbours};
use crate::journal::ENGINE;
use crate::source::Source;
use crate::{coordinator, schedule};

pub(super) fn check(arguments: &Check, registry: &Registry, inside: Option<&Source>) -> ExitCode {
    let source = match scenario::read(arguments.file.as_deref(), inside) {
        Ok(source) => source,
        Err(code) => return code,
    };
    let begun = Instant::now();
    let compiled = scenario::compile(&source, &arguments.given, None, registry);
    let compile_ms = begun.elapsed().as_secs_f64() * 1e3;
    let compiled = match scenario::shown(&source, compiled) {
        Ok(compiled) => compiled,
        Err(code) => return code,
    };
    let workers = match coordinator::workers(arguments.workers.workers.or(compiled.workers)) {
        Ok(workers) => workers,
        Err(error) => return fail(WRONG, error),
    };
    let report = Report::new(&compiled, workers, compile_ms);
    match arguments.summary {
        Summary::Text => say(format_args!("{}", report.text())),
        Summary::Json => {
            say(format_args!(
                "{}",
                serde_json::to_string(&report).unwrap_or_else(|e| format!("{{\"error\":\"{e}\"}}"))
            ));
        }
    }
    match report.warnings {
        0 => ExitCode::SUCCESS,
        _ if !arguments.deny_warnings => ExitCode::SUCCESS,
        n => fail(WRONG, format_args!("{}, and none may be (--deny-warnings)", counted(n, "warning"))),
    }
}

/// What is found out; also the contract of `--summary json`.
#[derive(Serialize)]
struct Report<'a> {
    scenario: &'a str,
    program_hash: String,
    engine: &'a str,
    seed: u64,
    warnings: usize,
    compile_ms: f64,
    groups: Vec<GroupReport<'a>>,
    systems: Systems,
    indexes: Indexes<'a>,
    inverses: usize,
    matches: usize,
    signals: usize,
    /// Signals that are set from outside.
    inputs: Vec<&'a str>,
    ensures: usize,
    records: Vec<&'a str>,
    /// What becomes of a run with a value that is no number.
    nan: &'a str,
    levels: usize,
    stages: usize,
    workers: u16,
    shm_bytes: u64,
    /// Whether the machine could hold a run that started now,
    fits: bool,
    /// and why not.
    refusal: Option<String>,
    shm_free_bytes: Option<u64>,
}

#[derive(Serialize)]
struct GroupReport<'a> {
    name: &'a str,
    rows: u32,
    /// Of a grid its sides: `512 x 512`.
    #[serde(skip_serializing_if = "Option::is_none")]
    cells: Option<String>,
    /// Made anew each frame: so many rows at most.
    derived: bool,
    columns_owned: usize,
    columns_constant: usize,
    /// Whether rows are kept in the order of an index: then a column more says which entity each is.
    in_order: bool,
    bytes_a_row: usize,
    /// With both panels of what is owned.
    bytes_a_row_in_memory: usize,
}

#[derive(Serialize)]
struct Systems {
    text: usize,
    native: usize,
}

#[derive(Serialize)]
struct Indexes<'a> {
    declared: Vec<&'a str>,
    made_for_neighbours: Vec<&'a str>,
}

impl<'a> Report<'a> {
    fn new(compiled: &'a Compiled, workers: u16, compile_ms: f64) -> Self {
        let program = &compiled.program;
        let shm_bytes = Layout::new(program, workers).bytes as u64;
        let fits = segment::fits(shm_bytes, &program.scenario);
        let of = |kind: fn(&Code) -> bool| program.systems.values().filter(|system| kind(&system.code)).count();
        let mut levels: Vec<u32> = schedule::stage_levels(program).into_iter().flatten().collect();
        levels.dedup();
        let (made, declared) = program.indexes.values().partition::<Vec<_>, _>(|index| made_for_neighbours(index));
        let names = |indexes: Vec<&'a diptych_protocol::program::Index>| {
            indexes.into_iter().map(|index| index.name.as_str()).collect()
        };
        Report {
            scenario: &program.scenario,
            program_hash: format!("{:032x}", program.hash()),
            engine: ENGINE,
            seed: program.seed,
            warnings: compiled.warnings.len(),
            compile_ms,
            groups: groups(program),
            systems: Systems {
                text: of(|code| matches!(code, Code::Body(_))),
                native: of(|code| matches!(code, Code::Native(_))),
            },
            indexes: Indexes { declared: names(declared), made_for_neighbours: names(made) },
            inverses: program.inverses.len(),
            matches: program.matchings.len(),
            signals: program.signals.values().filter(|signal| signal.named).count(),
            inputs: program.outputs.inputs.values().map(|input| input.name.as_str()).collect(),
            ensures: program.outputs.ensures.len(),
            records: program.outputs.records.iter().map(|record| record.path.as_str()).collect(),
            nan: program.nan.name(),
            levels: levels.len(),
            stages: program.schedule.frame.len(),
            workers,
            shm_bytes,
            fits: fits.is_ok(),
            refusal: fits.err().map(|error| error.to_string()),
            shm_free_bytes: segment::room().ok().map(|room| room.free),
        }
    }

    fn text(&self) -> String {
        let warnings = match self.warnings {
            0 => "no warnings".to_string(),
            n => counted(n, "warning"),
        };
        let mut text = format!("{}: compiled in {:.1} ms, {warnings}\n", self.scenario, self.compile_ms);
        text += &format!("program  {}\n", self.program_hash);
        for group in &self.groups {
            let most = if group.derived { "at most " } else { "" };
            let cells = group.cells.as_ref().map_or(String::new(), |cells| format!("{cells} cells, "));
            text += &format!(
                "group    {}: {cells}{most}{} rows{}; {} owned, {} constant; {} bytes a row, {} with both panels\n",
                group.name,
                HumanCount(group.rows.into()),
                if group.in_order { " in order" } else { "" },
                counted(group.columns_owned, "column"),
                group.columns_constant,
                group.bytes_a_row,
                group.bytes_a_row_in_memory,
            );
        }
        text += &format!("systems  {} in text, {} native\n", self.systems.text, self.systems.native);
        let (declared, made) = (self.indexes.declared.len(), self.indexes.made_for_neighbours.len());
        text += &format!(
            "indexes  {declared} declared, {made} made for neighbours; {}, {}\n",
            inverses(self.inverses),
            matches(self.matches)
        );
        if !self.inputs.is_empty() {
            text += &format!("inputs   {}\n", self.inputs.join(", "));
        }
        text += &format!(
            "outputs  {}, {}, {}\n",
            counted(self.signals, "signal"),
            counted(self.ensures, "ensure"),
            counted(self.records.len(), "record")
        );
        text += &format!("nan      {}\n", self.nan);
        text += &format!("frame    {} in {}\n", counted(self.levels, "level"), counted(self.stages, "stage"));
        let on = if self.workers == 0 {
            "in one process".into()
        } else {
            format!("on {}", counted(self.workers.into(), "worker"))
        };
        text += &format!("memory   {} shared {on}; ", HumanBytes(self.shm_bytes));
        text += &match (&self.refusal, self.shm_free_bytes) {
            (Some(refusal), _) => format!("not now: {refusal}"),
            (None, Some(free)) => format!("there is room ({SHM_DIR} has {} free)", HumanBytes(free)),
            (None, None) => "there is room".into(),
        };
        text
    }
}

fn inverses(count: usize) -> String {
    counted(count, "inverse")
}

fn matches(count: usize) -> String {
    counted(count, "match")
}

fn groups(program: &Program) -> Vec<GroupReport<'_>> {
    let report = |(id, group)| {
        let group: &diptych_protocol::program::Group = group;
        let columns: Vec<_> =
            program.columns.values().filter(|column| column.group == id && column.is_kept()).collect();
        let is_owned = |owner| program.systems[owner].code != Code::Carry;
        let owned = columns.iter().filter(|column| column.owner.is_some_and(is_owned)).count();
        let in_order = group.order.is_some();
        // Nobody wrote the columns that name entities.
        let named = if group.living.is_some() { 2 } else { usize::from(in_order) };
        GroupReport {
            name: &group.name,
            rows: group.rows,
            cells: group.raster.as_ref().map(Raster::sides),
            derived: group.derived(),
            columns_owned: owned,
            columns_constant: columns.len() - owned - named,
            in_order,
            bytes_a_row: columns.iter().map(|column| column.scalar.size()).sum(),
            bytes_a_row_in_memory: columns
                .iter()
                .map(|column| column.scalar.size() * usize::from(column.panels()))
                .sum(),
        }
    };
    program.groups.iter().filter(|(_, group)| group.is_written()).map(report).collect()
}
