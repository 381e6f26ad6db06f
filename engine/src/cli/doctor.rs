//! `diptych doctor`: what the machine offers a run.

use std::process::ExitCode;

use diptych_protocol::{cgroup, segment};
use diptych_workers::body::compiled::Processor;
use indicatif::HumanBytes;

use super::{FAILED, fail, say};
use crate::coordinator::cores;

pub(super) fn doctor() -> ExitCode {
    let swept = segment::sweep();
    let room = match segment::room() {
        Ok(room) => room,
        Err(e) => return fail(FAILED, format_args!("no shared memory: {}: {e}", segment::SHM_DIR)),
    };
    say(format_args!("cores          {} this process may use", cores()));
    let processor = Processor::best();
    say(format_args!("vectors        {} bits, by {}", processor.bits(), processor.name()));
    let memory = segment::memory_available().map_or("unknown".into(), |bytes| HumanBytes(bytes).to_string());
    say(format_args!("memory         {memory} available"));
    match cgroup::memory_left() {
        Some(left) => say(format_args!(
            "control group  {} of {} left, by the limit of {}",
            HumanBytes(left.free),
            HumanBytes(left.limit),
            left.group.display()
        )),
        None => say(format_args!("control group  no limit of memory")),
    }
    say(format_args!("{:<14} {} in all, {} free", segment::SHM_DIR, HumanBytes(room.size), HumanBytes(room.free)));
    if room.size < 1 << 30 {
        say(format_args!("               small: in a container, start it with a larger --shm-size"));
    }
    say(format_args!("huge pages     {}", huge_pages()));
    for stale in &swept {
        say(format_args!("swept          {} ({}), left by a run that was killed", stale.name, HumanBytes(stale.bytes)));
    }
    let in_use = segment::list();
    say(format_args!("segments       {} in use, {} stale ones swept", in_use.len(), swept.len()));
    for found in in_use {
        say(format_args!("               {} ({})", found.name, HumanBytes(found.bytes)));
    }
    ExitCode::SUCCESS
}

fn huge_pages() -> String {
    let path = "/sys/kernel/mm/transparent_hugepage/shmem_enabled";
    let Ok(modes) = std::fs::read_to_string(path) else { return "not offered by this kernel".into() };
    let chosen = modes.split(['[', ']']).nth(1).unwrap_or("unknown").to_string();
    match chosen.as_str() {
        "never" | "deny" => {
            format!("off for shared memory ({chosen} in {path}); turning them on may speed up large runs")
        }
        _ => format!("{chosen} for shared memory"),
    }
}
