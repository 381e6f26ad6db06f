//! Whatever the bytes: they decode to a program that the verifier takes, and that can be laid out, or they are refused, in
//! bounded time and memory. What a program that is taken does is another matter. Run by `tests/fuzz/run`.

#![no_main]

use diptych_fuzz::{programs, seed, seeds};
use diptych_protocol::header::describe;
use diptych_protocol::layout::Layout;
use diptych_protocol::program::Program;
use diptych_protocol::verify::verify;
use libfuzzer_sys::fuzz_target;

fn write_seeds() {
    let Some(folder) = seeds() else { return };
    for (at, program) in programs().iter().enumerate() {
        seed(&folder, &format!("program-{at}"), &postcard::to_allocvec(program).expect("plain data"));
    }
}

fuzz_target!(init: write_seeds(), |bytes: &[u8]| {
    let Ok(program) = postcard::from_bytes::<Program>(bytes) else { return };
    if verify(&program).is_err() {
        return;
    }
    for workers in [1, 3] {
        let layout = Layout::new(&program, workers);
        let text = serde_json::to_vec(&describe(&program, &layout, None)).expect("plain data");
        assert!(text.len() <= layout.description.len, "the description has {} bytes too few", text.len());
    }
});
