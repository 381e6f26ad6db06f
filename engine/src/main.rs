//! The `diptych` command: coordinator, and worker when it starts itself again.

use std::process::ExitCode;

fn main() -> ExitCode {
    diptych::main(&diptych::Registry::builtin())
}
