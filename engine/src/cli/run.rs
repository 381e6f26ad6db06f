//! `diptych run`.

use std::process::ExitCode;

use diptych_workers::kernel::Registry;

use super::arguments::{self, Run};
use super::ending::ended;
use super::going::{Start, go, possible, sweep};
use super::{fail, say, scenario};
use crate::compile::{self, Compiled, ParamDoc};
use crate::coordinator::{Outcome, Records, RunError};
use crate::source::Source;

pub(super) fn run(arguments: &Run, registry: &Registry, inside: Option<&Source>) -> ExitCode {
    if arguments.file.is_none() && inside.is_none() {
        return help(None);
    }
    let source = match scenario::read(arguments.file.as_deref(), inside) {
        Ok(source) => source,
        Err(code) => return code,
    };
    if arguments.help {
        return help(Some(&source));
    }
    if let Err(code) = possible(arguments.going.backend) {
        return code;
    }
    if let Err(why) = arguments.going.sense() {
        return fail(super::WRONG, why);
    }
    let compiled = scenario::compile(&source, &arguments.given, arguments.frames, registry);
    let compiled = match scenario::shown(&source, compiled) {
        Ok(compiled) => compiled,
        Err(code) => return code,
    };
    sweep();
    let going = &arguments.going;
    ended(going, going.kept().as_deref(), coordinate(arguments, registry, &compiled))
}

fn coordinate(arguments: &Run, registry: &Registry, compiled: &Compiled) -> Result<Outcome, RunError> {
    let going = &arguments.going;
    let watched = arguments.file.clone().filter(|_| arguments.watch);
    let directory = going.directory(&compiled.program, None, (going.kept().as_deref(), watched.is_some()))?;
    go(
        going,
        registry,
        Start {
            program: &compiled.program,
            data: compiled.data.clone(),
            workers: compiled.workers,
            origin: None,
            records: (!going.no_outputs).then(|| Records::new(going.out.clone().unwrap_or_default(), going.force)),
            pictures: going.pictures(&compiled.program, &going.out.clone().unwrap_or_default(), false),
            checkpoints: going.begun_checkpoints(),
            journal: going.begun_journal()?,
            directory,
            swaps: Vec::new(),
            commands: Vec::new(),
            watched: watched.map(|file| (file, compiled, scenario::settings(&arguments.given, arguments.frames))),
        },
    )
}

/// The command's help and, of a scenario, its parameters.
fn help(source: Option<&Source>) -> ExitCode {
    let mut command = arguments::command(false);
    if let Some(run) = command.find_subcommand_mut("run") {
        say(format_args!("{}", run.clone().bin_name("diptych run").render_long_help()));
    }
    let Some(source) = source else { return ExitCode::SUCCESS };
    match compile::params(source) {
        Ok((params, inputs)) => {
            say(format_args!("Parameters of {}:", source.path));
            for param in &params {
                let range = param.range.as_ref().map_or_else(String::new, |(from, to)| format!(" in {from} .. {to}"));
                say(format_args!("  --set {}={}    {}{range}", param.name, param.default, param.type_name));
                documented(param);
            }
            if params.is_empty() {
                say(format_args!("  none"));
            }
            if !inputs.is_empty() {
                say(format_args!("Inputs, which can be set while it runs:"));
            }
            for input in &inputs {
                let range = input.range.as_ref().map_or_else(String::new, |(from, to)| format!(" in {from} .. {to}"));
                say(format_args!("  {} = {}    {}{range}", input.name, input.default, input.type_name));
                documented(input);
            }
            ExitCode::SUCCESS
        }
        Err(errors) => scenario::wrong(source, &errors),
    }
}

fn documented(param: &ParamDoc) {
    for line in &param.docs {
        say(format_args!("          {line}"));
    }
}
