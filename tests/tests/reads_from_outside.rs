//! While it runs you can look at it from another process, without pausing it.

use std::process::{Command, Stdio};
use std::time::Duration;

use diptych_protocol::reader::Reader;
use diptych_tests::{kill, root, segments_of, wait_until};

const BINARY: &str = env!("CARGO_BIN_EXE_diptych-under-test");

#[test]
fn an_outside_reader_sees_whole_states_of_a_running_run() {
    let mut child = Command::new(BINARY)
        .args([
            "run",
            "scenarios/colliding-particles.dip",
            "--set",
            "n=4000",
            "--frames",
            "100000000",
            "--workers",
            "2",
        ])
        .current_dir(root())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let pid = child.id();
    let mut reader = None;
    assert!(wait_until(Duration::from_secs(20), || {
        reader = segments_of(pid).first().and_then(|name| Reader::open(name).ok()).filter(|r| r.frames().is_some());
        reader.is_some()
    }));
    let reader = reader.unwrap();
    assert_eq!(reader.description.scenario, "colliding-particles");
    let names: Vec<&str> = reader.description.columns.iter().map(|c| c.name.as_str()).collect();
    assert!(names.contains(&"Position.x") && names.contains(&"Met"), "{names:?}");
    let mut seen = Vec::new();
    assert!(wait_until(Duration::from_secs(20), || {
        let x = reader.column("particles", "Position.x").unwrap();
        assert_eq!(x.bytes.len(), 4 * 4000);
        let x_of = |bytes: &[u8]| f32::from_le_bytes(bytes.try_into().unwrap());
        assert!(x.bytes.chunks(4).all(|b| x_of(b).is_finite()));
        if seen.last() != Some(&x.frames) {
            seen.push(x.frames);
        }
        seen.len() >= 5
    }));
    assert!(seen.is_sorted());
    assert!(reader.column("particles", "Position.z").is_err());
    kill(pid, rustix::process::Signal::INT);
    child.wait().unwrap();
}
