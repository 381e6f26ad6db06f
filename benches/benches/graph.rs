//! What the graph of quantities costs a frame: 200 nodes (signals, state blocks, buses with publishers and adapters, one
//! leaning on another) beside the same frame without any. There is next to nothing else in it, and one worker, so that the
//! difference is the body of the outputs and what the commit makes of it.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use criterion::Criterion;
use diptych_benches::{print_hash, program, steady};

const EMPTY: &str = "
scenario graph
run { frames = 1, dt = 0.01, seed = 1 }
component A = f32
group rows[64] { A = row }
system turn for rows owns A { A = A * 0.99 + 0.01 }
signal mean_a = mean(rows: A)
";

/// A scenario with so many nodes, of all kinds.
fn nodes(count: usize) -> String {
    let mut text = EMPTY.to_string();
    let mut before = "mean_a".to_string();
    for at in 0..count {
        let name = format!("n{at}");
        let made = match at % 8 {
            0 => format!("signal {name} = {before} * 0.5 + frame"),
            1 => format!("signal {name} = lag({before}, 0.3)"),
            2 => format!(
                "bus {name}: f64 = sum |> clamp(-10, 10) {{ publish {before}\n publish mean_a when mean_a > 3 }}"
            ),
            3 => format!("signal {name} = slew({before}, 2)"),
            4 => format!("signal {name} = hold({before}, frame % 5 == 0)"),
            5 => format!("signal {name} = accumulate({before}, frame % 100 == 0) |> scale(0.01)"),
            6 => format!("bus {name}: f64 = mean {{ publish {before} order 1\n publish 2 }}"),
            _ => format!("signal {name} = delay({before}) + phasor(0.1)"),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{made}");
        before = name;
    }
    text
}

fn main() -> ExitCode {
    diptych_benches::main(|criterion: &mut Criterion| {
        let mut group = criterion.benchmark_group("graph");
        group.measurement_time(Duration::from_secs(3)).sample_size(20);
        for count in [0, 200, 1000] {
            let program = program(&nodes(count), &[]);
            let name = format!("{count} nodes");
            group.bench_function(&name, |b| b.iter_custom(|frames| steady(&program, 1, frames, 20_000)));
            print_hash(&name, 1000, diptych_benches::frames(&program, 1, 1000).1);
        }
        group.finish();
    })
}
