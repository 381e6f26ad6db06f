//! The compiler: a text becomes a [`Program`].

use std::path::Path;

use diptych_protocol::id::SystemId;
use diptych_protocol::nan::NanPolicy;
use diptych_protocol::program::{Code, Enum, Program, Source, Span};
use diptych_protocol::verify;

use crate::codes;
use crate::diagnostic::{Diagnostic, Diagnostics, did_you_mean};
use crate::syntax::ast::{Item, Param, Scenario};
use crate::{indexes, lower, order, resolve, schedule, stale, syntax, types};

/// What a compilation is told from outside the text.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Settings {
    /// Values of parameters, as `--set NAME=VALUE`; the last one counts.
    pub sets: Vec<(String, String)>,
    /// The seed, over the scenario's.
    pub seed: Option<u64>,
    /// The frames to run, over the scenario's.
    pub frames: Option<u32>,
    /// What becomes of a run with a value that is no number, over the scenario's.
    pub nan: Option<NanPolicy>,
}

/// What a compilation makes.
#[derive(Clone, PartialEq, Debug)]
pub struct Compiled {
    /// The program, verified.
    pub program: Program,
    /// The columns of files that its groups are made from, as [`Program::data`] lists them.
    pub data: Vec<Vec<u8>>,
    /// What was hardly meant.
    pub warnings: Vec<Diagnostic>,
    /// Workers that the scenario asks for; nothing: as many as there are cores.
    pub workers: Option<u16>,
}

/// The native kernels that the host of a program has.
pub trait KernelCatalog {
    /// Their names.
    fn names(&self) -> Vec<String>;
    /// Whether a kernel can be what this system says: its columns, reads, indexes and constants. The message of a
    /// refusal is for the author of the scenario.
    fn check(&self, program: &Program, system: SystemId) -> Result<(), String>;
}

/// Compiles a scenario. On failure all mistakes found, in the order of the text, warnings among them.
pub fn compile(source: &Source, settings: &Settings, kernels: &dyn KernelCatalog) -> Result<Compiled, Vec<Diagnostic>> {
    let mut diagnostics = Diagnostics::default();
    let mut scenario = syntax::parse(&source.text, &mut diagnostics);
    if !diagnostics.failed() {
        resolve::blueprints(&mut scenario, &mut diagnostics);
    }
    if diagnostics.failed() {
        // What could not be read would be missed all over.
        return Err(diagnostics.into_sorted());
    }
    let names = resolve::resolve(&scenario, &mut diagnostics);
    let folder = Path::new(&source.path).parent().unwrap_or(Path::new(""));
    let mut model = types::check(&names, settings, folder, &mut diagnostics);
    if diagnostics.failed() {
        return Err(diagnostics.into_sorted());
    }
    let enums = names.enums.iter().map(|it| {
        let variants = it.variants.iter().map(|variant| variant.text.clone()).collect();
        Enum { name: it.name.text.clone(), variants }
    });
    let mut program = lower::lower(name(&scenario), &model, enums.collect(), source);
    indexes::choose(&mut program, &model);
    order::keep(&mut program);
    indexes::copy(&mut program);
    schedule::schedule(&mut program, &mut diagnostics);
    if !diagnostics.failed() {
        check_kernels(&program, &model, kernels, &mut diagnostics);
        check_program(&program, &mut diagnostics);
        stale::warn(&program, &model, &mut diagnostics);
    }
    if diagnostics.failed() {
        return Err(diagnostics.into_sorted());
    }
    let data = std::mem::take(&mut model.data).into_iter().map(|column| column.bytes).collect();
    Ok(Compiled { program, data, warnings: diagnostics.into_sorted(), workers: model.run.workers })
}

fn name(scenario: &Scenario) -> &str {
    scenario.name.as_ref().map_or("", |name| &name.text)
}

fn check_kernels(
    program: &Program,
    model: &types::Model<'_>,
    kernels: &dyn KernelCatalog,
    diagnostics: &mut Diagnostics,
) {
    let names = kernels.names();
    for ((id, system), written) in program.systems.iter().zip(&model.systems) {
        let Code::Native(kernel) = &system.code else { continue };
        if !names.contains(kernel) {
            let hint = did_you_mean(kernel, names.iter().map(String::as_str));
            let all = match names.as_slice() {
                [] => "this program has no native kernels".to_string(),
                all => format!("kernels are {}", all.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ")),
            };
            let message = format!("there is no kernel `{kernel}`");
            let error =
                Diagnostic::error(codes::E0502, written.kernel.map_or(system.span, |kernel| kernel.span), message);
            diagnostics.push(error.help(hint.unwrap_or(all)));
        } else if let Err(reason) = kernels.check(program, id) {
            let message = format!("kernel `{kernel}` cannot be system `{}`: {reason}", system.name);
            diagnostics.push(Diagnostic::error(codes::E0503, system.span, message));
        }
    }
}

/// The verifier's word on what was made here: a refusal is our own fault.
fn check_program(program: &Program, diagnostics: &mut Diagnostics) {
    if let Err(violations) = verify::verify(program) {
        for violation in violations {
            let message = format!("the compiler made a program that its verifier refuses: {violation}");
            let error = Diagnostic::error(codes::INTERNAL, Span::default(), message);
            diagnostics.push(error.help("this is a fault of diptych, not of the scenario; please report it"));
        }
    }
}

/// A documented parameter, or input.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParamDoc {
    /// The name.
    pub name: String,
    /// The type, as written.
    pub type_name: String,
    /// The default, as written.
    pub default: String,
    /// Its lowest and highest value, as written.
    pub range: Option<(String, String)>,
    /// The `///` lines before it.
    pub docs: Vec<String>,
}

/// The parameters of a scenario, and its inputs, in the order of the text.
pub fn params(source: &Source) -> Result<(Vec<ParamDoc>, Vec<ParamDoc>), Vec<Diagnostic>> {
    let mut diagnostics = Diagnostics::default();
    let scenario = syntax::parse(&source.text, &mut diagnostics);
    if diagnostics.failed() {
        return Err(diagnostics.into_sorted());
    }
    let text = |span: Span| source.text.get(span.start as usize..span.end as usize).unwrap_or("").to_string();
    let doc = |param: Param| ParamDoc {
        name: param.name.text,
        type_name: param.type_name.text,
        default: text(param.default.span),
        range: param.range.map(|(low, high)| (text(low.span), text(high.span))),
        docs: param.docs,
    };
    let (mut params, mut inputs) = (Vec::new(), Vec::new());
    for item in scenario.items {
        match item {
            Item::Param(param) => params.push(doc(param)),
            Item::Input(input) => inputs.push(doc(input)),
            _ => {}
        }
    }
    Ok((params, inputs))
}

/// What a scenario says of itself in one line: its first comment, nothing if it has none.
pub fn scenario_line(source: &Source) -> String {
    let comment = source.text.lines().find_map(|line| {
        let line = line.trim();
        // Also the comment after `scenario NAME`.
        line.find("//").map(|at| line[at..].trim_start_matches('/').trim())
    });
    comment.unwrap_or("").to_string()
}
