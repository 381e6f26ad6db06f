//! The data of a block, checked and laid out as words: whatever the code reads or writes lies inside of the slices it
//! was given.

use diptych_protocol::limits::BLOCK_ROWS_MAX;

use super::calls::Listener;
use super::plan::Plan;
use super::words::{self, Kind, runs_stride};
use crate::body::block::{Block, Lists, Shared, Turns, Values, ValuesMut};

/// What an empty column is read from, at its place 0: wide enough for any value.
static NOTHING: [u64; 2] = [0; 2];

/// Room for a call's words, which stays from call to call.
#[derive(Default)]
pub(super) struct Room {
    words: Vec<u64>,
    /// The runs of vectors of rows: for each the addresses of its first and of what is behind its last.
    runs: Vec<u64>,
}

/// Words for one call. They point into the block, the output and the room, which live as long.
pub(super) struct Checked<'a> {
    words: &'a [u64],
}

macro_rules! pointer {
    ($kind:ident, $values:expr, $method:ident) => {
        match $values {
            $kind::F32(v) => v.$method() as usize as u64,
            $kind::F64(v) => v.$method() as usize as u64,
            $kind::I8(v) => v.$method() as usize as u64,
            $kind::I16(v) => v.$method() as usize as u64,
            $kind::I32(v) => v.$method() as usize as u64,
            $kind::U8(v) | $kind::Bool(v) => v.$method() as usize as u64,
            $kind::U16(v) => v.$method() as usize as u64,
            $kind::U32(v) => v.$method() as usize as u64,
        }
    };
}

impl<'a> Checked<'a> {
    /// Checks a block against the plan. A driver that breaks the contract is a fault of ours: it panics.
    pub(super) fn new(
        plan: &Plan,
        block: &'a Block<'a>,
        out: &'a mut [ValuesMut<'_>],
        listeners: &'a mut [Listener],
        room_of_words: &'a mut Room,
    ) -> Self {
        let Room { words, runs } = room_of_words;
        runs.clear();
        let room = block.count.next_multiple_of(plan.lanes.max(BLOCK_ROWS_MAX));
        let slots = &plan.slots;
        assert!(block.count > 0 && (!plan.rows || block.rows.len() >= room), "a block without rows, or without room");
        let uniforms = &block.uniforms;
        assert!(
            uniforms.signals.len() >= plan.signals && uniforms.reduced.len() >= plan.reduced,
            "signals are missing"
        );
        words.clear();
        words.extend([
            block.count as u64,
            address(block.rows),
            uniforms.seed,
            u64::from(uniforms.tick),
            u64::from(uniforms.frame),
            uniforms.time.to_bits(),
            address(uniforms.signals),
            address(uniforms.reduced),
        ]);
        let own = slots.own.iter().map(|slot| slot.scalar).chain(slots.data.iter().map(|(_, scalar)| *scalar));
        assert_eq!(block.own.len(), slots.own.len() + slots.data.len(), "own columns");
        for (values, scalar) in block.own.iter().zip(own) {
            assert!(values.scalar() == scalar && values.len() >= room, "an own column of another type, or too short");
            words.push(pointer!(Values, values, as_ptr));
        }
        assert_eq!(block.far.len(), slots.far.len(), "whole columns");
        for (values, slot) in block.far.iter().zip(&slots.far) {
            assert!(values.scalar() == slot.scalar, "a whole column of another type");
            let nothing = address(&NOTHING);
            words.push(if values.is_empty() { nothing } else { pointer!(Values, values, as_ptr) });
            words.push(values.len() as u64);
        }
        assert_eq!(block.loops.len(), plan.kinds.len(), "loops");
        for ((turns, kind), slots) in block.loops.iter().zip(&plan.kinds).zip(&slots.loops) {
            let columns = match (turns, kind) {
                (Turns::Shared(it), Kind::Shared) => shared(it, block.count, plan.lanes, words, runs),
                (Turns::Lists(it), Kind::Lists) => lists(it, room, words),
                (Turns::Count, Kind::Count) => &[],
                _ => panic!("a loop's turns come as something else"),
            };
            assert!(*kind == Kind::Count || columns.len() == slots.columns.len(), "a loop's columns");
            for (values, slot) in columns.iter().zip(&slots.columns) {
                assert!(values.scalar() == slot.scalar, "a loop's column of another type");
                words.push(pointer!(Values, values, as_ptr));
            }
        }
        // All are there, so they stay where they are.
        let begin = address(runs);
        for (at, _) in plan.words.loops.iter().zip(&plan.kinds).filter(|(_, kind)| **kind == Kind::Shared) {
            words[at + words::RUNS] += begin;
        }
        assert_eq!(out.len(), slots.out.len(), "results");
        for (values, scalar) in out.iter_mut().zip(&slots.out) {
            assert!(values.scalar() == *scalar && values.len() >= room, "a result of another type, or too short");
            words.push(pointer!(ValuesMut, values, as_mut_ptr));
        }
        for listener in listeners {
            let listening = std::ptr::from_mut(listener) as usize as u64;
            words.push(listening);
            for column in listener.panels() {
                column.resize(room);
                words.push(pointer!(ValuesMut, column.values_mut(), as_mut_ptr));
            }
        }
        assert_eq!(words.len(), plan.words.len, "words");
        Self { words }
    }

    /// Where they begin.
    pub(super) fn as_ptr(&self) -> *const u64 {
        self.words.as_ptr()
    }
}

fn address<T>(values: &[T]) -> u64 {
    values.as_ptr() as usize as u64
}

/// The word of the runs is how many bytes there are before them.
fn shared<'a>(
    it: &Shared<'a>,
    count: usize,
    lanes: usize,
    words: &mut Vec<u64>,
    runs: &mut Vec<u64>,
) -> &'a [Values<'a>] {
    let end = it.runs.iter().filter(|run| run.start < run.end).map(|run| run.end).max().unwrap_or(0) as usize;
    let long = it.columns.iter().all(|values| values.len() >= end) && it.rows.is_none_or(|rows| rows.len() >= end);
    assert!(long, "a run beyond its columns");
    assert!(it.apart.is_none_or(|apart| apart.lanes == lanes), "runs of other vectors");
    words.extend([
        size_of_val(&**runs) as u64,
        it.rows.map_or(0, |rows| if end == 0 { address(&NOTHING) } else { address(rows) }),
        u64::from(it.straight),
    ]);
    for first in (0..count).step_by(lanes) {
        let range = it.runs_of(first).as_ptr_range();
        let next = runs.len() + runs_stride(lanes) / size_of::<u64>();
        runs.extend([range.start as usize as u64, range.end as usize as u64]);
        runs.resize(next, 0);
    }
    it.columns
}

fn lists<'a>(it: &Lists<'a>, room: usize, words: &mut Vec<u64>) -> &'a [Values<'a>] {
    assert!(it.starts.len() > room, "lists are missing");
    let starts = &it.starts[..=room];
    let sorted = starts.windows(2).all(|pair| pair[0] <= pair[1]);
    let end = starts[room] as usize;
    assert!(sorted && end <= it.rows.len(), "a list beyond its rows");
    // The code clamps each row to the last one: a wrong row is a wrong result, but no wrong address.
    let len = it.columns.iter().map(Values::len).min().unwrap_or(usize::MAX).min(1 << 32);
    assert!(len > 0 || end == 0, "lists of rows that do not exist");
    words.extend([address(it.starts), address(it.rows), len.saturating_sub(1) as u64]);
    it.columns
}
