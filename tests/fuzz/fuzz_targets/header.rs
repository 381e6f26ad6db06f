//! Whatever stands in a segment's file: a reader from outside refuses it, or reads what is there, and no further. Run by
//! `tests/fuzz/run`.

#![no_main]

use std::fs::File;
use std::io::Write;

use diptych_fuzz::{programs, seed, seeds};
use diptych_protocol::header;
use diptych_protocol::layout::Layout;
use diptych_protocol::reader::Reader;
use diptych_protocol::segment::{Segment, path};
use libfuzzer_sys::fuzz_target;
use rustix::fs::{MemfdFlags, memfd_create};

fn write_seeds() {
    let Some(folder) = seeds() else { return };
    for (at, program) in programs().iter().enumerate() {
        let layout = Layout::new(program, 1);
        if layout.bytes > 1 << 20 {
            continue;
        }
        let segment = Segment::create(layout.bytes).expect("there is room for a seed");
        header::write(segment.memory(), program, &layout, None);
        let bytes = std::fs::read(path(segment.name())).expect("a segment can be read");
        seed(&folder, &format!("header-{at}"), &bytes);
    }
}

fuzz_target!(init: write_seeds(), |bytes: &[u8]| {
    let memory = memfd_create("fuzz", MemfdFlags::CLOEXEC).expect("memory");
    let mut file = File::from(memory);
    file.write_all(bytes).expect("memory");
    let Ok(reader) = Reader::over(&file, "fuzz") else { return };
    let _ = reader.frames();
    let _ = reader.signals();
    for column in &reader.description.columns {
        if let Ok(snapshot) = reader.column(&column.group, &column.name) {
            assert!(snapshot.bytes.len() <= bytes.len());
        }
    }
});
