//! Where parts are alive: ranges of points, two an instruction. An instruction reads at its first point and makes at
//! its second, so that what is last read and what is made may share a register.

use super::super::machine::Part;
use super::code::{Inst, Text};

/// Points `start .. end`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Range {
    pub start: u32,
    pub end: u32,
}

/// What is known of a function's parts.
pub(super) struct Lives {
    /// Of each part, ascending and apart.
    pub ranges: Vec<Vec<Range>>,
    /// How often each part is read or made, a loop counted as eight turns.
    pub weights: Vec<f64>,
    /// Points at which calls are made.
    pub calls: Vec<u32>,
    /// The depth of each instruction in loops.
    pub depths: Vec<u32>,
}

/// Finds out.
pub(super) fn lives(text: &Text) -> Lives {
    let blocks = stretches(text);
    let depths = depths(text, &blocks);
    let after = alive_after(text, &blocks);
    let parts = text.classes.len();
    let mut ranges: Vec<Vec<Range>> = vec![Vec::new(); parts];
    let mut weights = vec![0.0; parts];
    let mut calls = Vec::new();
    for (block, after) in blocks.iter().zip(&after).rev() {
        // The end of the range that is open, going up.
        let mut open: Vec<u32> = vec![0; parts];
        after.each(|part| open[part] = 2 * block.end as u32);
        for at in (block.start..block.end).rev() {
            let inst = &text.insts[at];
            let weight = f64::from(1u32 << (3 * depths[at].min(5)));
            let point = 2 * at as u32;
            if let Some(made) = inst.makes() {
                let made = made.0 as usize;
                weights[made] += weight;
                let end = if open[made] == 0 { point + 2 } else { open[made] };
                ranges[made].push(Range { start: point + 1, end });
                open[made] = 0;
            }
            inst.reads(|part| {
                let read = part.0 as usize;
                weights[read] += weight;
                if open[read] == 0 {
                    open[read] = point + 1;
                }
            });
            if matches!(inst, Inst::Call { .. }) {
                calls.push(point + 1);
            }
        }
        let start = 2 * block.start as u32;
        for (part, end) in open.iter().enumerate().filter(|(_, end)| **end > 0) {
            ranges[part].push(Range { start, end: *end });
        }
    }
    for ranges in &mut ranges {
        ranges.sort_unstable();
        ranges.dedup_by(|next, last| {
            let meets = next.start <= last.end;
            if meets {
                last.end = last.end.max(next.end);
            }
            meets
        });
    }
    Lives { ranges, weights, calls, depths }
}

/// The instructions of each block, in their order, and which blocks follow it.
struct Stretch {
    start: usize,
    end: usize,
    next: Vec<usize>,
}

fn stretches(text: &Text) -> Vec<Stretch> {
    let mut place = vec![usize::MAX; text.blocks as usize];
    for (at, (block, _)) in text.begun.iter().enumerate() {
        place[block.0 as usize] = at;
    }
    let ends = text.begun.iter().skip(1).map(|(_, first)| *first).chain([text.insts.len()]);
    let stretch = |((_, start), end): (&(_, usize), usize)| {
        let next = match &text.insts[end - 1] {
            Inst::Jump(to) => vec![place[to.0 as usize]],
            Inst::Branch { yes, no, .. } => vec![place[yes.0 as usize], place[no.0 as usize]],
            _ => Vec::new(),
        };
        Stretch { start: *start, end, next }
    };
    text.begun.iter().zip(ends).map(stretch).collect()
}

/// Blocks stand in the order of the code, so a jump back goes to the head of a loop, which ends with it.
fn depths(text: &Text, blocks: &[Stretch]) -> Vec<u32> {
    let mut last = vec![None; blocks.len()];
    for (at, block) in blocks.iter().enumerate() {
        block.next.iter().filter(|next| **next <= at).for_each(|head| last[*head] = Some(at));
    }
    let mut depths = vec![0; text.insts.len()];
    for (head, last) in last.iter().enumerate() {
        if let Some(last) = last {
            depths[blocks[head].start..blocks[*last].end].iter_mut().for_each(|depth| *depth += 1);
        }
    }
    depths
}

/// A set of parts.
#[derive(Clone, PartialEq)]
struct Set(Vec<u64>);

impl Set {
    fn put(&mut self, part: Part) {
        self.0[part.0 as usize / 64] |= 1 << (part.0 % 64);
    }

    fn has(&self, part: Part) -> bool {
        self.0[part.0 as usize / 64] >> (part.0 % 64) & 1 == 1
    }

    fn each(&self, mut f: impl FnMut(usize)) {
        for (place, &word) in self.0.iter().enumerate() {
            let mut word = word;
            while word != 0 {
                f(place * 64 + word.trailing_zeros() as usize);
                word &= word - 1;
            }
        }
    }
}

/// The parts that are alive after each block.
fn alive_after(text: &Text, blocks: &[Stretch]) -> Vec<Set> {
    let empty = Set(vec![0; text.classes.len().div_ceil(64)]);
    let mut reads = vec![empty.clone(); blocks.len()];
    let mut makes = vec![empty.clone(); blocks.len()];
    for (at, block) in blocks.iter().enumerate() {
        for inst in &text.insts[block.start..block.end] {
            inst.reads(|part| {
                if !makes[at].has(part) {
                    reads[at].put(part);
                }
            });
            inst.makes().into_iter().for_each(|part| makes[at].put(part));
        }
    }
    let mut before = reads.clone();
    let mut after = vec![empty; blocks.len()];
    let mut changed = true;
    while changed {
        changed = false;
        for at in (0..blocks.len()).rev() {
            for &next in &blocks[at].next {
                let (next, after) = (before[next].0.clone(), &mut after[at].0);
                after.iter_mut().zip(next).for_each(|(word, next)| *word |= next);
            }
            for word in 0..before[at].0.len() {
                let found = reads[at].0[word] | (after[at].0[word] & !makes[at].0[word]);
                changed |= found != before[at].0[word];
                before[at].0[word] = found;
            }
        }
    }
    after
}
