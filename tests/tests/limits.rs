//! What the machine, or whoever runs it, allows a run: where that is not enough the run says so, and whatever it has written
//! is whole.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use diptych_tests::{command, root, summary};

const BINARY: &str = env!("CARGO_BIN_EXE_diptych-under-test");

/// Runs the binary where a shell has set limits before.
fn limited(limits: &str, arguments: &[&str]) -> Output {
    let script = format!("{limits}; exec \"$@\"");
    let all = ["-c", &script, "sh", BINARY].into_iter().chain(arguments.iter().copied());
    Command::new("sh").args(all).current_dir(root()).env_remove("DIPTYCH_WORKERS").output().unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Two records: one that grows beyond a quarter of a megabyte, and one that does not. The memory of the run is smaller.
const TALKATIVE: &str = "scenario talkative\nrun { frames = 4000, dt = 0.01, seed = 3 }\nspace torus (0, 0) .. (9, 9)\n\
    component Position = vec2\ngroup points[100] { position Position = uniform(space) }\n\
    system walk for points owns Position { Position = wrap(Position + polar(uniform(0, TAU), 0.1)) }\n\
    input gain: f64 = 1.0 in 0.0 .. 9.0\n\
    signal x = mean(points: Position.x)\nsignal y = mean(points: Position.y)\nsignal high = max(points: Position.y)\n\
    signal low = min(points: Position.x)\nsignal size = x * y * gain\nsignal more = x + y\n\
    record every 1 to \"many.csv\" { x, y, high, low, size, more }\nrecord every 40 to \"few.csv\" { x, y }\n";

fn talkative(folder: &Path) -> String {
    let path = folder.join("talkative.dip");
    std::fs::write(&path, TALKATIVE).unwrap();
    path.display().to_string()
}

fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap()
}

/// A limit on the size of files is a disk that is full in the middle of a line.
#[test]
fn a_full_disk_stops_a_run_or_not_as_is_said_and_no_file_ends_in_half_a_row() {
    let folder = tempfile::tempdir().unwrap();
    let file = talkative(folder.path());
    let out = |name: &str| folder.path().join(name);
    let arguments = |name: &str, how: &str, workers: &str| -> Vec<String> {
        let out = out(name).display().to_string();
        ["run", &file, "--workers", workers, "--out", &out, "--on-write-error", how, "--summary", "json"]
            .map(String::from)
            .to_vec()
    };
    let run =
        |limits: &str, arguments: &[String]| limited(limits, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let undisturbed = run("true", &arguments("whole", "stop", "2"));
    assert!(undisturbed.status.success(), "{}", told(&undisturbed));
    let undisturbed = summary(&undisturbed);
    let (many, few) = (read(&out("whole"), "many.csv"), read(&out("whole"), "few.csv"));
    assert!(many.len() > 300_000 && few.len() < 100_000, "{} and {} bytes", many.len(), few.len());
    for (how, workers) in [("stop", "2"), ("go-on", "2"), ("stop", "0"), ("go-on", "0")] {
        let name = format!("{how} {workers}");
        let output = run("ulimit -f 512", &arguments(&name, how, workers));
        let (told, folder) = (told(&output), out(&name));
        assert_eq!(output.status.code(), Some(3), "{name}: {told}");
        let cut = read(&folder, "many.csv");
        assert!(many.starts_with(&cut) && cut.ends_with('\n'), "{name}: torn, behind {} bytes", cut.len());
        assert!((250_000..=512 * 512).contains(&cut.len()), "{name}: {} bytes", cut.len());
        let rows = cut.lines().count() - 1;
        let said = format!("many.csv: File too large (os error 27); {rows} rows of it were written");
        assert!(told.contains(&said), "{name}: {told}");
        let other = read(&folder, "few.csv");
        match how {
            "stop" => {
                // Up to the state that it stopped with.
                assert!(other.ends_with('\n') && other.lines().count() > 1);
                let last = other.lines().last().unwrap();
                let stopped: usize = last.split(',').next().unwrap().parse().unwrap();
                assert!((rows - 1..4000).contains(&stopped), "{name}: it stopped with {stopped}");
                let regular = other.lines().take_while(|line| few.lines().any(|whole| whole == *line)).count();
                assert!(regular + 1 >= other.lines().count(), "{name}: {other}");
            }
            _ => {
                assert_eq!(other, few, "{name}");
                assert!(told.contains("the run goes on without that file"), "{name}: {told}");
                let summary = summary(&output);
                assert_eq!(summary["stopped"], "frames");
                assert_eq!(summary["state_hash"], undisturbed["state_hash"]);
                let lost = summary["lost"].as_array().unwrap();
                assert!(lost.len() == 1 && lost[0].as_str().unwrap().contains("many.csv"), "{lost:?}");
            }
        }
    }
}

#[test]
fn a_journal_that_the_run_goes_on_without_is_whole_as_far_as_it_goes() {
    let folder = tempfile::tempdir().unwrap();
    let file = talkative(folder.path());
    let at = |name: &str| folder.path().join(name).display().to_string();
    // Each is written down, and more than there is room for.
    let lines: String = (0..6000).map(|at| format!("@{} gain = {}\n", at / 2, 1 + at % 7)).collect();
    std::fs::write(at("commands"), lines).unwrap();
    let arguments = ["run", &file, "--workers", "2", "--no-outputs", "--commands", &at("commands"), "--journal"];
    let output = limited("ulimit -f 512", &[&arguments[..], &[&at("j"), "--on-write-error", "go-on"]].concat());
    assert_eq!(output.status.code(), Some(3), "{}", told(&output));
    assert!(told(&output).contains("cannot write") && told(&output).contains("without that file"), "{}", told(&output));
    let journal = read(folder.path(), "j");
    assert!(journal.ends_with('\n') && journal.len() > 200_000, "{} bytes", journal.len());
    let replayed = command(BINARY, &["replay", &at("j"), "--workers", "1"]);
    assert!(replayed.status.success(), "{}", told(&replayed));
    assert!(told(&replayed).contains("the journal has no end"), "{}", told(&replayed));
    let stopped = limited("ulimit -f 512", &[&arguments[..], &[&at("k")]].concat());
    assert_eq!(stopped.status.code(), Some(3), "{}", told(&stopped));
    assert!(read(folder.path(), "k").ends_with('\n'));
}

#[test]
fn a_checkpoint_that_the_run_goes_on_without_is_not_there_and_the_next_one_is() {
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("kept").display().to_string();
    for workers in ["0", "2"] {
        let planned =
            ["--checkpoints", &kept, "--checkpoint-every", "20", "--checkpoint-keep", "9", "--inject", "full@20"];
        let output = command(
            BINARY,
            &[&small(workers, &["--force", "--summary", "json"])[..], &planned, &["--on-write-error", "go-on"]]
                .concat(),
        );
        assert_eq!(output.status.code(), Some(3), "{}", told(&output));
        let summary = summary(&output);
        assert_eq!((&summary["stopped"], &summary["checkpoints"]["last_frame"]), (&"frames".into(), &30.into()));
        assert!(summary["lost"][0].as_str().unwrap().contains("the checkpoint of frame 20"), "{summary}");
        assert!(told(&output).contains("the run goes on without that file"), "{}", told(&output));
        let stopped = command(BINARY, &[&small(workers, &["--force"])[..], &planned].concat());
        assert_eq!(stopped.status.code(), Some(3), "{}", told(&stopped));
        assert!(stopped.stdout.is_empty());
    }
}

#[test]
fn a_record_that_cannot_even_begin_is_refused_before_anything_is_computed() {
    let folder = tempfile::tempdir().unwrap();
    let file = talkative(folder.path());
    std::os::unix::fs::symlink("/dev/full", folder.path().join("few.csv")).unwrap();
    let out = folder.path().display().to_string();
    for how in ["stop", "go-on"] {
        let output = command(BINARY, &["run", &file, "--out", &out, "--force", "--on-write-error", how]);
        assert_eq!(output.status.code(), Some(3), "{}", told(&output));
        assert!(told(&output).contains("few.csv: No space left on device"), "{}", told(&output));
        assert!(output.stdout.is_empty() && folder.path().join("few.csv").is_symlink());
    }
}

#[test]
fn a_summary_that_cannot_be_printed_is_an_error_and_a_message_that_cannot_is_none() {
    let arguments = ["run", "scenarios/drift.dip", "--set", "n=100", "--frames", "3", "--no-outputs", "--workers", "1"];
    let onto = |redirected: &str| {
        let script = format!("exec \"$@\" {redirected}");
        let all = ["-c", &script, "sh", BINARY].into_iter().chain(arguments);
        Command::new("sh").args(all).current_dir(root()).output().unwrap()
    };
    let output = onto("> /dev/full");
    assert_eq!(output.status.code(), Some(3));
    assert!(told(&output).contains("cannot write to stdout: No space left"), "{}", told(&output));
    // Whoever stops reading has read enough.
    assert_eq!(onto("| true").status.code(), Some(0));
    let script = "exec \"$@\" --set nobody=1 2> /dev/full";
    let all = ["-c", script, "sh", BINARY].into_iter().chain(arguments);
    assert_eq!(Command::new("sh").args(all).current_dir(root()).output().unwrap().status.code(), Some(2));
}

const SMALL: [&str; 8] =
    ["run", "scenarios/drift.dip", "--set", "n=2000", "--frames", "30", "--no-outputs", "--workers"];

fn small<'a>(workers: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    SMALL.into_iter().chain([workers]).chain(more.iter().copied()).collect()
}

#[test]
fn too_few_file_descriptors_are_raised_to_what_is_allowed_or_refused_with_their_number() {
    // Below what the workers need, and it may be more.
    for limit in ["10", "14", "20"] {
        let output = limited(&format!("ulimit -Sn {limit}"), &small("3", &[]));
        assert!(output.status.success(), "{limit}: {}", told(&output));
    }
    // It may not be more.
    for limit in ["20", "30"] {
        let output = limited(&format!("ulimit -n {limit}"), &small("3", &[]));
        let told = told(&output);
        assert_eq!(output.status.code(), Some(3), "{limit}: {told}");
        assert!(told.contains("3 workers need about") && told.contains(&format!("may have {limit}")), "{told}");
        assert!(told.contains("ulimit -n") && !told.contains("panicked"), "{told}");
    }
    let enough = limited("ulimit -n 80", &small("3", &[]));
    assert!(enough.status.success(), "{}", told(&enough));
}

/// The binary, for a user who has no rights here, in a folder of nobody's. Only root can become such a user.
fn of_nobody(folder: &Path, arguments: &[&str], limits: &str) -> Option<Output> {
    const NOBODY: u32 = 65_533;
    if !rustix::process::geteuid().is_root() {
        eprintln!("left out: only root can become another user");
        return None;
    }
    let binary = folder.join("diptych");
    if !binary.exists() {
        std::fs::copy(BINARY, &binary).unwrap();
        std::fs::copy(root().join("scenarios/drift.dip"), folder.join("drift.dip")).unwrap();
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let script = format!("{limits}; exec \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script, "sh"]).arg(binary).args(arguments).current_dir(folder);
    Some(command.uid(NOBODY).gid(NOBODY).env_remove("DIPTYCH_WORKERS").output().unwrap())
}

#[test]
fn too_few_processes_are_refused_without_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["run", "drift.dip", "--set", "n=2000", "--frames", "30", "--no-outputs", "--workers"];
    let mut refused = 0;
    for workers in ["0", "3"] {
        for limit in [1, 2, 3, 4, 5, 6, 8, 12] {
            // The shells disagree on the letter.
            let limits = format!("ulimit -u {limit} 2> /dev/null || ulimit -p {limit}");
            let Some(output) = of_nobody(folder.path(), &[&arguments[..], &[workers]].concat(), &limits) else {
                return;
            };
            let told = told(&output);
            assert!(!told.contains("panicked"), "{workers} workers, {limit} processes: {told}");
            match output.status.code() {
                Some(0) => {}
                Some(3) => {
                    assert!(told.contains("ulimit -u") || told.contains("pids limit"), "{told}");
                    refused += 1;
                }
                other => panic!("{workers} workers, {limit} processes: {other:?}, {told}"),
            }
        }
    }
    assert!(refused > 4, "{refused}");
}

#[test]
fn a_user_without_rights_is_told_which_file_cannot_be_made() {
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("talk.dip");
    std::fs::write(&record, TALKATIVE).unwrap();
    let sized = ["--frames", "30", "--workers", "2"];
    for (arguments, file) in [
        (&["run", "talk.dip"][..], "cannot make many.csv: Permission denied"),
        (&["run", "talk.dip", "--out", "below/it"], "cannot make below/it: Permission denied"),
        (&["run", "drift.dip", "--journal", "j"], "cannot make j: Permission denied"),
    ] {
        let Some(output) = of_nobody(folder.path(), &[arguments, &sized[..]].concat(), "true") else { return };
        assert_eq!(output.status.code(), Some(2), "{}", told(&output));
        assert!(told(&output).contains(file), "{}", told(&output));
    }
    // And runs all the same where it writes nothing.
    let output = of_nobody(folder.path(), &["run", "drift.dip", "--set", "n=100", "--frames", "9"], "true").unwrap();
    assert!(output.status.success(), "{}", told(&output));
}

#[test]
fn a_folder_or_another_run_in_the_way_of_a_record_is_told_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let file = talkative(folder.path());
    let out = folder.path().join("out");
    std::fs::create_dir_all(out.join("few.csv")).unwrap();
    for force in [&[][..], &["--force"]] {
        let out = out.display().to_string();
        let output = command(BINARY, &[&["run", &file, "--out", &out], force].concat());
        assert_eq!(output.status.code(), Some(2), "{}", told(&output));
        assert!(told(&output).contains("few.csv"), "{}", told(&output));
    }
    // Two at once, in one folder: one of them is refused, and the records are the other's.
    let out = folder.path().join("both").display().to_string();
    let start = || {
        let mut command = Command::new(BINARY);
        command.args(["run", &file, "--out", &out, "--workers", "1", "--summary", "json"]);
        command.current_dir(root()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let both = [start(), start()].map(|run| run.wait_with_output().unwrap());
    let mut codes = both.each_ref().map(|output| output.status.code());
    codes.sort_unstable();
    assert_eq!(codes, [Some(0), Some(2)], "{} {}", told(&both[0]), told(&both[1]));
    let refused = both.iter().find(|output| !output.status.success()).unwrap();
    assert!(["exists", "another run writes to"].iter().any(|it| told(refused).contains(it)), "{}", told(refused));
    let both = folder.path().join("both");
    assert_eq!((read(&both, "many.csv").lines().count(), read(&both, "few.csv").lines().count()), (4002, 102));
}

/// As small as the one of a container, without any rights: a limit on the size of files counts there, too.
#[test]
fn a_segment_beyond_the_limit_of_files_is_refused_with_the_needed_size() {
    let output = limited("ulimit -f 64", &small("2", &[]));
    let told = told(&output);
    assert_eq!(output.status.code(), Some(3), "{told}");
    assert!(
        told.contains("bytes of shared memory") && told.contains("32768 bytes") && told.contains("ulimit -f"),
        "{told}"
    );
}
