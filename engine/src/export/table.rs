//! A group's rows in a state as a table: the frame, the time, whose row it is, and each column.

use std::fs::File;
use std::io;

use diptych_protocol::id::GroupId;
use diptych_protocol::still::Still;
use diptych_protocol::types::{Scalar, Sort, Type};
use diptych_workers::extract::Lane;

use super::{Component, names, words};
use crate::diff::bits;
use crate::journal::ENGINE;
use crate::sheets::{Format, Rows, Schema, Sheet};

pub(super) fn write(
    file: File,
    format: Format,
    still: &Still<'_>,
    group: GroupId,
    components: &[Component],
) -> io::Result<()> {
    let (program, frame, rows) = (still.program(), still.tick().frames_done(), still.rows(group));
    let (entities, lives) = names(program, group);
    let given = |name: &str, scalar| (name.to_string(), Type::scalar(scalar));
    let mut columns = vec![given("frame", Scalar::U32), given("time", Scalar::F64), given("entity", Scalar::U32)];
    columns.extend(lives.map(|_| given("generation", Scalar::U32)));
    let time = program.time(frame).to_bits();
    let filled = |scalar, bits: &mut dyn FnMut(u32) -> u64| {
        let mut lane = Lane::with_room(scalar, rows as usize);
        (0..rows).for_each(|row| lane.push_bits(bits(row)));
        lane
    };
    let mut lanes = vec![
        filled(Scalar::U32, &mut |_| frame.into()),
        filled(Scalar::F64, &mut |_| time),
        match entities.map(|column| words(still, column, rows)) {
            Some(entities) => Lane::U32(entities.to_vec()),
            None => Lane::U32((0..rows).collect()),
        },
    ];
    lanes.extend(lives.map(|column| Lane::U32(words(still, column, rows).to_vec())));
    for component in components {
        for (lane, column) in component.lanes.iter().enumerate() {
            let (of, bytes) = (&program.columns[*column], still.column(*column));
            // Of a reference that is more than an index, the index alone may be none.
            let sort = if lane == 0 { component.ty.sort } else { Sort::Plain };
            columns.push((of.name(), Type { scalar: of.scalar, lanes: 1, sort }));
            lanes.push(filled(of.scalar, &mut |row| bits(of.scalar, bytes, row)));
        }
    }
    let about = [
        ("scenario", program.scenario.clone()),
        ("program_hash", format!("{:032x}", program.hash())),
        ("seed", program.seed.to_string()),
        ("engine", ENGINE.to_string()),
        ("group", program.groups[group].name.clone()),
        ("frame", frame.to_string()),
    ];
    let about = about.map(|(key, value)| (key.to_string(), value)).into();
    let mut sheet = Sheet::new(format, file, Schema { columns, enums: program.enums.clone(), about })?;
    sheet.append(&Rows { count: rows as usize, lanes })?;
    sheet.mark()?;
    Ok(())
}
