//! One run of a yardstick of cells, timed outside of criterion, to be taken in turns with the engine's
//! (`diptych run scenarios/game-of-life.dip --set width=4096 --set height=4096 --frames 100 --workers 2`):
//!
//! ```sh
//! cargo run --release -p diptych-benches --example cells_by_hand -- game-of-life 4096 100 2
//! cargo run --release -p diptych-benches --example cells_by_hand -- "sir-grid, every draw" 2048 100 1 infect=0.08
//! cargo run --release -p diptych-benches --example cells_by_hand -- ants 100_000 100 2 side=1_000
//! ```
//!
//! The arguments: the model; a side of the lattice, or how many ants; frames; threads; more of the scenario's parameters.
//! It prints the time of a frame and the last state's signals, which are the engine's.

use std::error::Error;
use std::process::ExitCode;
use std::time::Instant;

use diptych_benches::cells::Start;
use diptych_benches::program;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match measure(&arguments) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

fn measure(arguments: &[String]) -> Result<String, Box<dyn Error>> {
    let [model, size, frames, threads, more @ ..] = arguments else {
        return Err("give MODEL SIZE FRAMES THREADS [NAME=VALUE ...], as in: game-of-life 4096 100 2".into());
    };
    let (frames, threads): (u32, usize) = (frames.parse()?, threads.parse()?);
    let (text, sizes): (_, &[&str]) = match model.as_str() {
        "game-of-life" => (include_str!("../../scenarios/game-of-life.dip"), &["width", "height"]),
        "sir-grid" | "sir-grid, every draw" => (include_str!("../../scenarios/sir-grid.dip"), &["width", "height"]),
        "ants" => (include_str!("../../scenarios/ants.dip"), &["n"]),
        _ => return Err(format!("{model:?} is none of game-of-life, sir-grid, \"sir-grid, every draw\", ants").into()),
    };
    let mut sets: Vec<(&str, &str)> = sizes.iter().map(|name| (*name, size.as_str())).collect();
    for set in more {
        sets.push(set.split_once('=').ok_or_else(|| format!("{set:?} is not NAME=VALUE"))?);
    }
    let program = program(text, &sets);
    let mut by_hand = Start::of(&program).by_hand(model);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    let time = pool.install(|| {
        let begun = Instant::now();
        (0..frames).for_each(|_| by_hand.frame());
        begun.elapsed()
    });
    let frame_ms = 1e3 * time.as_secs_f64() / f64::from(frames.max(1));
    let signals: Vec<String> = by_hand.signals().iter().map(|(name, value)| format!("{name} {value}")).collect();
    Ok(format!("{model}: {frame_ms:.3} ms a frame on {threads} threads; {}", signals.join(", ")))
}
