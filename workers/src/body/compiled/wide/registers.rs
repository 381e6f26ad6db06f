//! Which register each part has, or which room in the frame.
//!
//! Moves between parts that are never alive together vanish: the parts become one. Then parts are given registers in
//! the order of how much they are used for how long they live. A loop's own copies of what it uses
//! ([`super::super::machine::Machine::copy`]) are what splits a long life.

use iced_x86::Register;

use super::super::machine::Part;
use super::code::{Class, Inst, Text};
use super::level::Level;
use super::live::{Lives, Range};

const CLASSES: [Class; 3] = [Class::Number, Class::Vector, Class::Mask];

/// Where a part stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Home {
    /// A register, all of it.
    Register(Register),
    /// In the frame.
    Frame(u32),
    /// In the pool of constants.
    Pool(usize),
    /// Nowhere: it is never used.
    None,
}

/// The homes of all parts.
pub(super) struct Homes {
    pub of: Vec<Home>,
    /// Registers to be saved.
    pub saved: Vec<Register>,
    /// Bytes of the frame, with the room that was there before.
    pub frame: u32,
}

/// Finds homes.
pub(super) fn homes(text: &Text, lives: &Lives) -> Homes {
    let merged = Merged::new(text, lives);
    let full = place(text, &merged, [true; 3]);
    // What does not fit needs a register now and then.
    let lacks = |class| {
        full.of
            .iter()
            .zip(&text.classes)
            .any(|(home, of)| *of == class && matches!(home, Home::Frame(_) | Home::Pool(_)))
    };
    let lacking = CLASSES.map(lacks);
    if lacking == [false; 3] { full } else { place(text, &merged, lacking.map(|lacks| !lacks)) }
}

/// Parts that are one.
struct Merged {
    into: Vec<usize>,
    ranges: Vec<Vec<Range>>,
    weights: Vec<f64>,
    crosses: Vec<bool>,
}

impl Merged {
    fn new(text: &Text, lives: &Lives) -> Self {
        let crosses = |ranges: &Vec<Range>| {
            lives.calls.iter().any(|call| ranges.iter().any(|r| r.start < *call && *call < r.end))
        };
        let mut merged = Self {
            into: (0..text.classes.len()).collect(),
            ranges: lives.ranges.clone(),
            weights: lives.weights.clone(),
            crosses: lives.ranges.iter().map(crosses).collect(),
        };
        let mut moves: Vec<(u32, Part, Part)> = Vec::new();
        for (at, inst) in text.insts.iter().enumerate() {
            if let Inst::Move { to, from } = inst {
                moves.push((lives.depths[at], *to, *from));
            }
        }
        // Innermost loops first.
        moves.sort_by_key(|(depth, ..)| std::cmp::Reverse(*depth));
        for (_, to, from) in moves {
            merged.merge(to.0 as usize, from.0 as usize, text);
        }
        merged
    }

    fn find(&self, mut part: usize) -> usize {
        while self.into[part] != part {
            part = self.into[part];
        }
        part
    }

    fn merge(&mut self, a: usize, b: usize, text: &Text) {
        let (a, b) = (self.find(a), self.find(b));
        // What lives over a call has no vector register: it must not take another with it. A constant can be had from
        // the pool at any time.
        let apart = self.crosses[a] != self.crosses[b] || text.constants[a].is_some() || text.constants[b].is_some();
        if a == b || apart || meet(&self.ranges[a], &self.ranges[b]) {
            return;
        }
        let mut ranges = std::mem::take(&mut self.ranges[b]);
        ranges.append(&mut self.ranges[a]);
        ranges.sort_unstable();
        self.ranges[a] = ranges;
        self.weights[a] += self.weights[b];
        self.into[b] = a;
    }
}

/// Whether two ascending lists of ranges have a point in common.
fn meet(a: &[Range], b: &[Range]) -> bool {
    let (mut i, mut j) = (0, 0);
    while let (Some(one), Some(other)) = (a.get(i), b.get(j)) {
        if one.end <= other.start {
            i += 1;
        } else if other.end <= one.start {
            j += 1;
        } else {
            return true;
        }
    }
    false
}

/// What a register holds when.
#[derive(Clone, Default)]
struct Taken(Vec<Range>);

impl Taken {
    fn free(&self, ranges: &[Range]) -> bool {
        !meet(&self.0, ranges)
    }

    fn take(&mut self, ranges: &[Range]) {
        self.0.extend_from_slice(ranges);
        self.0.sort_unstable();
    }
}

/// Gives homes; `all` says of which classes all registers may be given.
fn place(text: &Text, merged: &Merged, all: [bool; 3]) -> Homes {
    let level = text.level;
    let mut free = CLASSES.map(|class| {
        let scratch = if all[class as usize] { &[][..] } else { &level.scratch(class) };
        let registers = level.registers(class).into_iter().filter(|register| !scratch.contains(register));
        registers.map(|register| (register, Taken::default())).collect::<Vec<_>>()
    });
    let mut order: Vec<usize> = (0..text.classes.len()).filter(|part| merged.into[*part] == *part).collect();
    let worth = |part: &usize| {
        let len: u32 = merged.ranges[*part].iter().map(|range| range.end - range.start).sum();
        // A constant is as good in memory, where most instructions can have an operand.
        let weight = merged.weights[*part] * if text.constants[*part].is_some() { 1e-3 } else { 1.0 };
        weight / f64::from(len.max(1))
    };
    order.sort_by(|a, b| worth(b).total_cmp(&worth(a)).then(a.cmp(b)));
    let mut homes = Homes { of: vec![Home::None; text.classes.len()], saved: Vec::new(), frame: text.frame };
    let mut rooms: [Vec<(u32, Taken)>; 3] = Default::default();
    for part in order {
        let ranges = &merged.ranges[part];
        let unread = text.constants[part].is_some() && ranges.iter().all(|range| range.end - range.start == 1);
        if ranges.is_empty() || unread {
            continue;
        }
        let class = text.classes[part];
        // A call leaves some numbers alone.
        let fits = |(register, taken): &&mut (Register, Taken)| {
            taken.free(ranges) && (!merged.crosses[part] || Level::survives(*register))
        };
        let home = free[class as usize].iter_mut().find(fits).map(|(register, taken)| {
            taken.take(ranges);
            if Level::survives(*register) && !homes.saved.contains(register) {
                homes.saved.push(*register);
            }
            Home::Register(*register)
        });
        homes.of[part] = match (home, text.constants[part]) {
            (Some(home), _) => home,
            (None, Some(at)) => Home::Pool(at),
            (None, None) => {
                let (size, rooms) = (level.size(class), &mut rooms[class as usize]);
                let offset = match rooms.iter_mut().find(|(_, taken)| taken.free(ranges)) {
                    Some((offset, taken)) => {
                        taken.take(ranges);
                        *offset
                    }
                    None => {
                        let offset = homes.frame.next_multiple_of(size);
                        homes.frame = offset + size;
                        rooms.push((offset, Taken(ranges.clone())));
                        offset
                    }
                };
                Home::Frame(offset)
            }
        };
    }
    for part in 0..text.classes.len() {
        homes.of[part] = homes.of[merged.find(part)];
    }
    homes
}
