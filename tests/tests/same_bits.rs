//! The same scenario gives the same bits at any number of workers.

use diptych::coordinator::Options;
use diptych_tests::{command, run_with, shipped, summary};

const BINARY: &str = env!("CARGO_BIN_EXE_diptych-under-test");

/// Minted when the flagship was first complete, with its rules in Rust; in text they give the same bits.
/// `.ci/run` holds release builds to the same pair. To be minted again only with a change that is meant to change
/// results, and a note that says why that is right.
const FLAGSHIP: (&str, &str) =
    (include_str!("../golden/flagship-state.txt"), include_str!("../golden/flagship-content.txt"));

fn flagship(scenario: &str, workers: &str) -> serde_json::Value {
    let output = command(
        BINARY,
        &["run", scenario, "--set", "n=20_000", "--frames", "12", "--summary", "json", "--workers", workers],
    );
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    summary(&output)
}

#[test]
fn same_bits_at_any_worker_count_and_on_repetition() {
    let text = ["0", "1", "2", "3", "5", "2"].map(|workers| ("scenarios/colliding-particles.dip", workers));
    let native = ["0", "1", "3"].map(|workers| ("scenarios/colliding-particles-native.dip", workers));
    for (scenario, workers) in text.into_iter().chain(native) {
        let summary = flagship(scenario, workers);
        assert_eq!(summary["state_hash"], FLAGSHIP.0.trim(), "--workers {workers}");
        assert_eq!(summary["content_hash"], FLAGSHIP.1.trim(), "--workers {workers}");
        let batches = summary["batches_by_worker"].as_array().unwrap();
        assert_eq!(batches.len().to_string(), workers);
        assert!(batches.iter().all(|b| b.as_u64() > Some(0)), "a worker ran nothing: {batches:?}");
    }
}

#[test]
fn the_run_that_is_compared_is_cut_into_many_batches_and_rich_in_impacts() {
    let program = shipped("colliding-particles.dip", &[("n", "20_000")], 12);
    let outcome = run_with(&program, 2, BINARY, Options::default()).unwrap();
    assert_eq!(format!("{:032x}", outcome.digest.state), FLAGSHIP.0.trim());
    let met: Vec<u32> = outcome.state.column("particles", "Met").unwrap();
    let impacts = met.iter().map(|&m| u64::from(m)).sum::<u64>() / 2;
    assert!(impacts >= 1_000, "{impacts} impacts");
    let passes = program.steps.values().filter(|s| s.name.contains("travel"));
    let batches: Vec<u32> = passes.map(|s| diptych_protocol::layout::batches_max(&program, s.domain)).collect();
    assert!(batches.iter().all(|&b| b >= 40) && batches.len() == 1, "{batches:?}");
}

#[test]
fn seeds_and_parameters_change_the_bits_and_the_worker_variable_does_not() {
    let run = |extra: &[&str]| {
        let mut arguments =
            vec!["run", "scenarios/drift.dip", "--set", "n=5_000", "--frames", "3", "--summary", "json"];
        arguments.extend_from_slice(extra);
        summary(&command(BINARY, &arguments))["state_hash"].as_str().unwrap().to_string()
    };
    let base = run(&["--workers", "1"]);
    assert_ne!(run(&["--seed", "2"]), base);
    assert_ne!(run(&["--set", "n=5_001"]), base);
    let output = std::process::Command::new(BINARY)
        .args(["run", "scenarios/drift.dip", "--set", "n=5_000", "--frames", "3", "--summary", "json"])
        .current_dir(diptych_tests::root())
        .env("DIPTYCH_WORKERS", "3")
        .output()
        .unwrap();
    assert_eq!(summary(&output)["workers"], 3);
    assert_eq!(summary(&output)["state_hash"], base.as_str());
}

/// The comparison can fail: a rule that depends on who ran what is seen.
#[test]
fn a_planted_order_dependence_turns_the_comparison_red() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("order.dip");
    std::fs::write(&path, diptych_tests::drift_with("test.order")).unwrap();
    let run = |workers: &str| {
        let output = command(
            BINARY,
            &[
                "run",
                path.to_str().unwrap(),
                "--set",
                "n=20_000",
                "--frames",
                "2",
                "--summary",
                "json",
                "--workers",
                workers,
            ],
        );
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        summary(&output)["state_hash"].as_str().unwrap().to_string()
    };
    assert_ne!(run("1"), run("3"));
}

/// In a steady frame a worker allocates nothing: the count that it writes in one frame it still finds in the next.
#[test]
fn a_steady_frame_allocates_nothing() {
    steady("test.allocations");
}

/// Nor does a system in Rust that goes over its rows in all three ways and keeps its room.
#[test]
fn a_steady_frame_of_a_system_in_rust_allocates_nothing() {
    steady("test.room");
}

fn steady(kernel: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("steady.dip");
    std::fs::write(&path, diptych_tests::drift_with(kernel)).unwrap();
    let hash = |frames: &str| {
        let output = command(
            BINARY,
            &[
                "run",
                path.to_str().unwrap(),
                "--set",
                "n=20_000",
                "--frames",
                frames,
                "--workers",
                "1",
                "--summary",
                "json",
            ],
        );
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        summary(&output)["content_hash"].as_str().unwrap().to_string()
    };
    // The content hash leaves the frame number out: equal counts after 20 and after 400 frames are equal hashes.
    assert_eq!(hash("20"), hash("400"));
}
