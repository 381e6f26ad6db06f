//! Bad input gets a clear message and the right exit code, and leaves nothing behind.

use std::process::Command;

use diptych_tests::{command, root};

const BINARY: &str = env!("CARGO_BIN_EXE_diptych-under-test");

/// Runs the command line; checks the code and that stderr has all the parts.
#[track_caller]
fn fails(arguments: &[&str], code: i32, parts: &[&str]) {
    let output = command(BINARY, arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
    for part in parts {
        assert!(stderr.contains(part), "{arguments:?}: {part:?} is not in: {stderr}");
    }
    assert!(!stderr.contains("panicked"), "{stderr}");
}

const DRIFT: &str = "scenarios/drift.dip";

#[test]
fn files_that_are_no_scenarios() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_string()
    };
    fails(&["run", &path("empty.dip", b"")], 2, &["empty.dip", "empty"]);
    fails(&["run", &path("binary.dip", b"\x7fELF\0\0\xff\xfe")], 2, &["binary.dip"]);
    fails(&["run", &path("latin1.dip", b"scenario caf\xe9")], 2, &["latin1.dip", "UTF-8"]);
    fails(&["run", folder.path().to_str().unwrap()], 2, &["directory"]);
    fails(&["run", "scenarios/no-such-file.dip"], 2, &["no-such-file.dip"]);
}

#[test]
fn scenarios_that_are_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let drift = std::fs::read_to_string(root().join(DRIFT)).unwrap();
    let with = |name: &str, from: &str, to: &str| {
        assert!(drift.contains(from), "{from:?}");
        let path = folder.path().join(name);
        std::fs::write(&path, drift.replace(from, to)).unwrap();
        path.to_str().unwrap().to_string()
    };
    fails(&["run", &with("kernel.dip", "\"drift\"", "\"drift2\"")], 2, &["kernel.dip:", "drift2", "drift"]);
    let two =
        "    reads Position, Velocity\nsystem again native \"drift\" for points owns Position reads Position, Velocity";
    fails(&["run", &with("owners.dip", "    reads Position, Velocity", two)], 2, &["owners.dip:", "Position", "again"]);
    fails(
        &["run", &with("cycle.dip", "run {", "let a = b + 1\nlet b = a * 2\nrun {")],
        2,
        &["cycle.dip:", "a", "b", "cycl"],
    );
    fails(&["run", &with("number.dip", "dt = 0.01", "dt = 0.01x")], 2, &["number.dip:"]);
    fails(&["run", &with("rows.dip", "points[n]", "points[4_000_000_000]")], 2, &["rows.dip:", "4000000000"]);
}

#[test]
fn arguments_that_are_wrong() {
    fails(&["run", DRIFT, "--set", "n=lots"], 2, &["n", "lots"]);
    fails(&["run", DRIFT, "--set", "n=0"], 2, &["n", "0", "1 .. 100_000_000"]);
    fails(&["run", DRIFT, "--set", "m=1"], 2, &["m", "n"]);
    fails(&["run", DRIFT, "--set", "n"], 2, &["NAME=VALUE"]);
    fails(&["run", DRIFT, "--workers", "many"], 2, &["many"]);
    fails(&["run", DRIFT, "--workers", "5000", "--set", "n=100"], 2, &["5000", "1024"]);
    fails(&["run", DRIFT, "--frames", "-1"], 2, &["-1"]);
    fails(&["run", DRIFT, "--frames", "4294967295", "--set", "n=100"], 2, &["4294967293"]);
    fails(&["frobnicate"], 2, &["frobnicate"]);
    fails(&["list", "scenarios/no-such-folder"], 2, &["no-such-folder"]);
}

#[test]
fn a_machine_that_cannot_hold_the_run_is_told_before_frame_0() {
    const PARTS: [&str; 3] = ["bytes of shared memory", "free", "--shm-size"];
    // A terabyte: more than any machine that runs tests has free.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wide.dip");
    let names: Vec<String> = (0..40).map(|i| format!("Wide{i}")).collect();
    let components: String = names.iter().map(|name| format!("component {name} = dvec3\n")).collect();
    let values: String = names.iter().map(|name| format!("{name} = dvec3(0.0, 0.0, 0.0)\n")).collect();
    let text = format!("scenario wide\nspace open 2\n{components}group rows[1_000_000_000] {{\n{values}}}\n");
    std::fs::write(&path, text).unwrap();
    fails(&["run", path.to_str().unwrap(), "--frames", "1"], 3, &PARTS);
    // Where namespaces may be made: a /dev/shm as small as a container's.
    let namespace =
        |script: &str| Command::new("unshare").args(["-rm", "sh", "-c", script]).current_dir(root()).output();
    let mount = "mount -t tmpfs -o size=1m none /dev/shm";
    if namespace(mount).is_ok_and(|output| output.status.success()) {
        let run = format!("{mount} && exec {BINARY} run {DRIFT} --set n=1_000_000 --frames 1 --workers 2");
        let output = namespace(&run).unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{stderr}");
        assert!(PARTS.iter().all(|part| stderr.contains(part)), "{stderr}");
    }
}

#[test]
fn help_shows_the_scenarios_own_parameters() {
    let output = command(BINARY, &["run", "scenarios/colliding-particles.dip", "--help"]);
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success());
    for part in ["--workers", "how many particles", "--set gravity=0.2", "strength of gravity", "1 .. 100_000_000"] {
        assert!(stdout.contains(part), "{part:?} is not in: {stdout}");
    }
}

#[test]
fn list_and_doctor_say_what_there_is() {
    let output = command(BINARY, &["list"]);
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(stdout.contains("scenarios/colliding-particles.dip") && stdout.contains("attract each other and collide"));
    let output = command(BINARY, &["doctor"]);
    let stdout = String::from_utf8_lossy(&output.stdout);
    for part in ["cores", "vectors", "memory", "/dev/shm", "huge pages", "stale"] {
        assert!(stdout.contains(part), "{part:?} is not in: {stdout}");
    }
}
