//! Looking for values that are no numbers among those that a batch has just written ([`diptych_protocol::nan`]).

use std::sync::atomic::Ordering;

use diptych_protocol::blame::Fault;
use diptych_protocol::id::{EditId, GroupId, SystemId};
use diptych_protocol::made_view::{Made, Written};
use diptych_protocol::nan::{Watch, Writer, watches};
use diptych_protocol::program::Program;
use diptych_protocol::table::Table;
use diptych_protocol::types::Value;
use diptych_protocol::values::{Cells, Values};

use crate::kernel::Kernel;
use crate::wide::wide;

/// What there is to look for, by who writes it.
pub struct NanCheck {
    blueprints: Table<GroupId, Vec<Numbered>>,
    systems: Table<SystemId, Vec<Numbered>>,
}

/// A watch, and its number.
type Numbered = (usize, Watch);

impl NanCheck {
    /// For the watches of a program.
    pub fn new(program: &Program) -> Self {
        let all = watches(program);
        let of = |writes: &dyn Fn(Writer) -> bool| {
            all.iter().copied().enumerate().filter(|(_, watch)| writes(watch.writer)).collect()
        };
        let system = |writer| match writer {
            Writer::System(system) => Some(system),
            Writer::Birth(edit) => Some(program.edits[edit].system),
            Writer::Blueprint(_) => None,
        };
        Self {
            blueprints: program.groups.ids().map(|id| of(&|writer| writer == Writer::Blueprint(id))).collect(),
            systems: program.systems.ids().map(|id| of(&|writer| system(writer) == Some(id))).collect(),
        }
    }

    /// Looks at what a group's blueprint has made of the batch's rows.
    pub fn blueprint(&self, group: GroupId, written: Written<'_, '_, '_>) -> Result<(), Fault> {
        look(&self.blueprints[group], written, |_, _| None)
    }

    /// Looks at what a system has made of the batch's rows, and of those that it lets be born.
    #[inline]
    pub fn system(&self, system: SystemId, written: Written<'_, '_, '_>, kernel: &dyn Kernel) -> Result<(), Fault> {
        match self.systems[system].as_slice() {
            [] => Ok(()),
            all => look(all, written, |edit, birth| kernel.asked_by(edit, birth)),
        }
    }
}

/// Looks through watches: those that warn say what they find; of those that stop, the first row is blamed, and its first
/// column. Births come behind rows.
fn look(
    all: &[Numbered],
    written: Written<'_, '_, '_>,
    asked_by: impl Fn(EditId, usize) -> Option<u32>,
) -> Result<(), Fault> {
    let mut first: Option<(Place, Watch)> = None;
    for &(number, watch) in all {
        if watch.warns && written.has_warned(number) {
            continue;
        }
        let found = Found::new(&written, watch);
        let Some(place) = found.first(0) else { continue };
        if watch.warns {
            warn(number, watch, &written, &found, place, &asked_by);
            continue;
        }
        let place = Place { birth: matches!(watch.writer, Writer::Birth(_)), place };
        if first.is_none_or(|(earlier, _)| place < earlier) {
            first = Some((place, watch));
        }
    }
    let Some((Place { place, .. }, watch)) = first else { return Ok(()) };
    let value = Found::new(&written, watch).value(place);
    let program = written.program();
    let column = &program.columns[watch.column];
    let must = if watch.finite { ", and a position is finite" } else { "" };
    let name = column.name();
    let (row, slot, message) = match watch.writer {
        Writer::Birth(edit) => {
            let group = &program.groups[column.group].name;
            (asked_by(edit, place), None, format!("it lets a row of {group} be born with {name} = {value}{must}"))
        }
        Writer::System(_) | Writer::Blueprint(_) => {
            (Some(written.row(place)), written.slot(place), format!("{name} becomes {value}{must}"))
        }
    };
    Err(Fault { row, slot, span: watch.span(program), ..Fault::new(message) })
}

/// Where something was found in a batch: of all of its rows, then of all births.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    birth: bool,
    place: usize,
}

#[cold]
fn warn(
    number: usize,
    watch: Watch,
    written: &Written<'_, '_, '_>,
    found: &Found<'_>,
    first: usize,
    asked_by: &impl Fn(EditId, usize) -> Option<u32>,
) {
    let entity = |place: usize| {
        let row = match watch.writer {
            Writer::Birth(edit) => asked_by(edit, place),
            Writer::System(_) | Writer::Blueprint(_) => Some(written.row(place)),
        };
        row.map(|row| written.entity(row).index)
    };
    let mut next = Some(first);
    let places = std::iter::from_fn(|| {
        let place = next?;
        next = found.first(place + 1);
        Some(place)
    });
    written.warn(number, places.filter_map(entity).min());
}

/// The values of a watch that a batch has written.
struct Found<'b> {
    values: At<'b>,
    /// The largest magnitude that is no fault, of either width.
    last: (u32, u64),
}

enum At<'b> {
    None,
    /// All of them.
    Here(Values<'b>),
    /// Those of some rows.
    Some(Values<'b>, &'b [std::sync::atomic::AtomicU64]),
    /// Of the whole column those of these rows.
    ByRow(Cells<'b>, &'b [u32]),
}

impl<'b> Found<'b> {
    fn new(written: &Written<'b, '_, '_>, watch: Watch) -> Self {
        let (infinity, wide) = (f32::INFINITY.to_bits(), f64::INFINITY.to_bits());
        let last = if watch.finite { (infinity - 1, wide - 1) } else { (infinity, wide) };
        let values = match watch.writer {
            Writer::Birth(edit) => written.births(edit, watch.column).map_or(At::None, At::Here),
            Writer::Blueprint(_) | Writer::System(_) => match (written.made(watch.column), written.chosen()) {
                (Made::Here(values), None) => At::Here(values),
                (Made::Here(values), Some(bits)) => At::Some(values, bits),
                (Made::ByRow(cells), _) => At::ByRow(cells, written.slot_rows()),
            },
        };
        Self { values, last }
    }

    /// The first place, from this one on, with a value that is a fault.
    fn first(&self, from: usize) -> Option<usize> {
        match self.values {
            At::None => None,
            At::Here(values) => first(values.range(from..values.len()), self.last).map(|at| from + at),
            At::Some(values, bits) => bits.iter().enumerate().skip(from / 64).find_map(|(word, bits)| {
                let places = (64 * word).max(from)..(64 * word + 64).min(values.len());
                // Those that were not looked at stay what they were.
                let looked = bits.load(Ordering::Relaxed) != 0 && !places.is_empty();
                looked.then(|| first(values.range(places.clone()), self.last)).flatten().map(|at| places.start + at)
            }),
            At::ByRow(cells, rows) => first_by_row(cells, &rows[from..], self.last).map(|at| from + at),
        }
    }

    fn value(&self, place: usize) -> Value {
        match self.values {
            At::Here(values) | At::Some(values, _) => match values {
                Values::F64(values) => Value::F64(values[place]),
                Values::F32(values) => Value::F32(values[place]),
                _ => unreachable!("a watch of floats"),
            },
            At::ByRow(cells, rows) => {
                let (row, mut value) = (std::iter::once(rows[place] as usize), Value::Bool(false));
                match cells {
                    Cells::Four(_) => cells.get_four(row, |bits| value = Value::F32(f32::from_bits(bits))),
                    _ => cells.get_eight(row, |bits| value = Value::F64(f64::from_bits(bits))),
                }
                value
            }
            At::None => unreachable!("nothing is found among nothing"),
        }
    }
}

/// Below 0 where the magnitude is above the last good one.
#[inline(always)]
fn beyond(bits: u32, last: u32) -> i32 {
    last.wrapping_sub(bits & i32::MAX as u32) as i32
}

#[inline(always)]
fn beyond_wide(bits: u64, last: u64) -> i64 {
    last.wrapping_sub(bits & i64::MAX as u64) as i64
}

/// The first value that is a fault. Hardly ever is one: so all are looked at together, by their bits, without a branch.
fn first(values: Values<'_>, (last, last_wide): (u32, u64)) -> Option<usize> {
    match values {
        Values::F32(values) => {
            let any = wide(
                #[inline(always)]
                || values.iter().fold(0, |all, value| all | beyond(value.to_bits(), last)) < 0,
            );
            any.then(|| values.iter().position(|value| beyond(value.to_bits(), last) < 0)).flatten()
        }
        Values::F64(values) => {
            let any = wide(
                #[inline(always)]
                || values.iter().fold(0, |all, value| all | beyond_wide(value.to_bits(), last_wide)) < 0,
            );
            any.then(|| values.iter().position(|value| beyond_wide(value.to_bits(), last_wide) < 0)).flatten()
        }
        _ => unreachable!("a watch of floats"),
    }
}

fn first_by_row(cells: Cells<'_>, rows: &[u32], (last, last_wide): (u32, u64)) -> Option<usize> {
    let (mut place, mut first) = (0, None);
    let mut note = |fault: bool| {
        if fault && first.is_none() {
            first = Some(place);
        }
        place += 1;
    };
    let rows = rows.iter().map(|row| *row as usize);
    match cells {
        Cells::Four(_) => cells.get_four(rows, |bits| note(beyond(bits, last) < 0)),
        Cells::Eight(_) => cells.get_eight(rows, |bits| note(beyond_wide(bits, last_wide) < 0)),
        Cells::One(_) | Cells::Two(_) => unreachable!("a watch of floats"),
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_is_told_from_what_is_by_its_bits() {
        let (nan, finite) = (f32::INFINITY.to_bits(), f32::INFINITY.to_bits() - 1);
        let good = [0.0, -0.0, 1.0, -1.0, f32::MIN_POSITIVE, 1e-45, f32::MAX, f32::MIN];
        for x in good {
            assert!(beyond(x.to_bits(), nan) >= 0 && beyond(x.to_bits(), finite) >= 0);
            let x = f64::from(x);
            assert!(beyond_wide(x.to_bits(), f64::INFINITY.to_bits() - 1) >= 0);
        }
        for x in [f32::INFINITY, f32::NEG_INFINITY] {
            assert!(beyond(x.to_bits(), nan) >= 0 && beyond(x.to_bits(), finite) < 0);
        }
        for x in [f32::NAN, -f32::NAN, f32::from_bits(0x7f80_0001), f32::from_bits(0xffff_ffff)] {
            assert!(beyond(x.to_bits(), nan) < 0 && beyond(x.to_bits(), finite) < 0);
        }
        let wide = [f64::MAX, f64::MIN, 5e-324, f64::INFINITY, f64::NAN].map(f64::to_bits);
        let found = wide.map(|bits| beyond_wide(bits, f64::INFINITY.to_bits()) < 0);
        assert_eq!(found, [false, false, false, false, true]);
        let mut values = vec![1.0f32; 1000];
        (values[77], values[400]) = (f32::INFINITY, f32::NAN);
        assert_eq!(first(Values::F32(&values), (nan, 0)), Some(400));
        assert_eq!(first(Values::F32(&values), (finite, 0)), Some(77));
    }
}
