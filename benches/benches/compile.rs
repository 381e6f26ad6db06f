//! What it costs to compile: the front end (text to verified program), and the machine code of one worker's bodies.
//!
//! The promise: `flock` in 30 ms, a scenario of 1,000 lines in 300 ms, both together with their code.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use criterion::Criterion;
use diptych::{Program, Registry};
use diptych_benches::program;
use diptych_workers::body::Backend;
use diptych_workers::runner::Runner;

const FLOCK: &str = include_str!("../../scenarios/flock.dip");
const SYSTEMS: usize = 84;

/// About 1,000 lines: rules of a dozen lines each, of which every fourth looks at neighbours, every third at what the
/// rule before it has made.
fn generated() -> String {
    let mut text = String::from(
        "/// A scenario that nobody wrote.\nscenario generated\nparam n: u32 = 10_000 in 1 .. 1_000_000\n\
         run { frames = 10, dt = 0.1, seed = 1 }\nspace torus (0, 0) .. (100, 100)\ncomponent Position = vec2\n",
    );
    for at in 0..SYSTEMS {
        let _ = writeln!(text, "component C{at} = vec2");
    }
    text += "group points[n] {\n    position Position = uniform(space)\n";
    for at in 0..SYSTEMS {
        let _ = writeln!(text, "    C{at} = polar(uniform(0, TAU), {}.5)", at % 7);
    }
    text += "}\n";
    for at in 0..SYSTEMS {
        let before = (at + SYSTEMS - 1) % SYSTEMS;
        let when = if at % 3 == 0 { "" } else { "fresh " };
        let _ = writeln!(text, "system rule{at} for points owns C{at} {{\n    let mut sum = vec2(0), mut near = 0.0");
        if at % 4 == 0 {
            text += "    for other in points within 2.0 {\n        let d = delta(other)\n";
            let _ = writeln!(text, "        sum += d * other.C{at}.x / max(length_squared(d), 1e-4)");
            text += "        near += 1.0\n    }\n";
        } else {
            let _ = writeln!(text, "    sum = {when}C{before} * 0.5");
            text += "    near = length(sum) * 0.25\n    sum -= vec2(near, -near)\n    near = near + 1.0\n";
        }
        let _ = writeln!(text, "    if near > 0.0 {{\n        let pull = sum / near + {when}C{before} * 0.1");
        let _ = writeln!(text, "        C{at} = clamp_length(C{at} + pull * dt, 0.5, 2.0)\n    }}\n}}");
    }
    text
}

/// Makes all that one worker runs.
fn bind(program: &Program) -> Runner {
    match Runner::new(program, &Registry::builtin(), Backend::Compiled) {
        Ok(runner) => runner,
        Err(error) => panic!("{error}"),
    }
}

fn main() -> ExitCode {
    diptych_benches::main(|criterion: &mut Criterion| {
        let mut group = criterion.benchmark_group("compile");
        group.measurement_time(Duration::from_secs(4)).sample_size(10);
        let generated = generated();
        for (name, text) in [("flock", FLOCK), ("generated", generated.as_str())] {
            let made = program(text, &[]);
            let lines = text.lines().count();
            println!("{name}: {lines} lines, {} systems, program {:032x}", made.systems.len(), made.hash());
            group.bench_function(format!("{name}, front end"), |b| b.iter(|| program(text, &[])));
            group.bench_function(format!("{name}, machine code"), |b| b.iter(|| bind(&made)));
        }
        group.finish();
    })
}
