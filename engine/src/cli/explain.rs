//! `diptych explain`.

use std::process::ExitCode;

use diptych_workers::kernel::Registry;

use super::arguments::{Explain, Graph};
use super::{WRONG, fail, scenario};
use crate::explain::{self, graph, ir, stages, table};
use crate::source::Source;

pub(super) fn explain(arguments: &Explain, registry: &Registry, inside: Option<&Source>) -> ExitCode {
    let source = match scenario::read(arguments.file.as_deref(), inside) {
        Ok(source) => source,
        Err(code) => return code,
    };
    let compiled = scenario::compile(&source, &arguments.given, None, registry);
    let program = match scenario::shown(&source, compiled) {
        Ok(compiled) => compiled.program,
        Err(code) => return code,
    };
    let text = match (&arguments.ir, arguments.schedule) {
        (Some(name), _) => match ir::named(&program, name) {
            Ok(text) => text,
            Err(why) => return fail(WRONG, why),
        },
        (None, Some(Graph::Mermaid)) => graph::mermaid(&program),
        (None, Some(Graph::Dot)) => graph::dot(&program),
        (None, None) => {
            let mut parts = vec![explain::title(&program), table::table(&program)];
            if arguments.all {
                parts.push(stages::setup(&program));
            }
            parts.push(stages::frame(&program));
            parts.extend(stages::indexes(&program));
            parts.extend(stages::fields(&program));
            parts.extend(stages::outputs(&program));
            if arguments.all {
                parts.push(ir::all(&program));
            }
            parts.join("\n")
        }
    };
    use std::io::Write;
    // A reader that went away is no error.
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}
