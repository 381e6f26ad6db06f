//! Whatever stands in the file of a checkpoint, with the checksums that it has and with those that it should have: it is refused,
//! or it is a state, whose hashes can be told and which a segment can take over. Run by `tests/fuzz/run`.

#![no_main]

use diptych::Registry;
use diptych::coordinator::{Checkpoints, Options, Plan, checkpoints, run};
use diptych_fuzz::{programs, seed, seeds};
use diptych_protocol::adopt;
use diptych_protocol::board::Board;
use diptych_protocol::checkpoint::{Checkpoint, HEAD_BYTES, Head, Sums};
use diptych_protocol::digest::digest;
use diptych_protocol::id::Tick;
use diptych_protocol::layout::Layout;
use diptych_protocol::segment::Segment;
use diptych_protocol::track::Track;
use libfuzzer_sys::fuzz_target;

fn write_seeds() {
    let Some(folder) = seeds() else { return };
    let kept = folder.join("kept");
    for (at, program) in programs().into_iter().enumerate() {
        let plan = Plan { frames: None, seconds: None, keep: 1 };
        let checkpoints_to = Checkpoints { folder: kept.clone(), plan, overwrite: true, resumed: false };
        let options = Options { workers: Some(0), checkpoints: Some(checkpoints_to), ..Options::default() };
        // Some have systems that are not here.
        if run(&program, &Registry::builtin(), options).is_err() {
            continue;
        }
        let last = checkpoints(&kept).ok().and_then(|mut all| all.pop());
        let bytes = last.and_then(|(_, path)| std::fs::read(path).ok()).unwrap_or_default();
        if bytes.len() <= 64 << 10 {
            seed(&folder, &format!("checkpoint-{at}"), &bytes);
        }
    }
    let _ = std::fs::remove_dir_all(kept);
}

/// Writes the checksums that the bytes should have, where there is room for them.
fn seal(bytes: &mut [u8]) {
    let Some(page) = bytes.get(..HEAD_BYTES) else { return };
    let head: Head = bytemuck::pod_read_unaligned(&page[..size_of::<Head>()]);
    let Ok(end) = usize::try_from(head.sums.offset) else { return };
    let Some(body) = bytes.get(HEAD_BYTES..end) else { return };
    let mut sums = Sums::default();
    sums.add(body);
    let sealed = sums.seal(head);
    if let Some(table) = bytes.get_mut(end..).filter(|table| table.len() == sealed.sums.len()) {
        table.copy_from_slice(&sealed.sums);
        bytes[..HEAD_BYTES].copy_from_slice(&sealed.head);
    }
}

fn read(bytes: &[u8]) {
    let mut words = vec![0u64; bytes.len().div_ceil(8)];
    bytemuck::cast_slice_mut::<u64, u8>(&mut words)[..bytes.len()].copy_from_slice(bytes);
    let Ok(checkpoint) = Checkpoint::from_words(words, bytes.len() as u64) else { return };
    let still = checkpoint.still();
    let _ = digest(&still);
    let program = &checkpoint.program;
    let layout = Layout::new(program, 1);
    if layout.bytes > 16 << 20 {
        return;
    }
    let segment = Segment::create(layout.bytes).expect("memory");
    Board::new(segment.memory(), &layout).publish(Tick::SETUP);
    Track::new(segment.memory(), &layout, program).adopt(&still, &adopt::Plan::new(program, program));
}

fuzz_target!(init: write_seeds(), |bytes: &[u8]| {
    read(bytes);
    let mut sealed = bytes.to_vec();
    seal(&mut sealed);
    read(&sealed);
});
