//! Invariants of rasters, and of reads at an offset.

use std::collections::BTreeSet;

use crate::id::{ColumnId, GroupId};
use crate::program::{Group, Origin, Program};
use crate::raster::{Offset, Raster, Rim};
use crate::verify::Violation;

/// Checks all rasters.
pub(super) fn check(program: &Program, violations: &mut Vec<Violation>) {
    for (id, group) in program.groups.iter() {
        let problem = group.raster.as_ref().and_then(|raster| problem(program, id, group, raster));
        violations.extend(problem.map(|what| Violation::Raster(id, what)));
    }
}

fn problem(program: &Program, id: GroupId, group: &Group, raster: &Raster) -> Option<&'static str> {
    let axes = usize::from(raster.axes);
    if !(1..=3).contains(&axes) || raster.extents.contains(&0) || raster.extents[axes..] != [1; 3][axes..] {
        return Some("it has one to three axes, and cells along each");
    }
    if raster.cells() != Some(group.rows) {
        return Some("its cells are not the rows of the group");
    }
    if !matches!(group.origin, Origin::Blueprint(_)) || !group.position.is_empty() {
        return Some("cells come from a blueprint, and have no position");
    }
    let Rim::Outside(values) = &raster.rim else { return None };
    let mut seen = BTreeSet::new();
    let right = values.iter().all(|(column, value)| {
        let found = &program.columns[*column];
        seen.insert(*column) && found.group == id && found.scalar == value.scalar()
    });
    (!right).then_some("what columns read as outside has their types, each once")
}

/// Whether a system over a group can read a column of the cell at an offset.
pub(super) fn reaches(program: &Program, group: GroupId, column: ColumnId, offset: Offset) -> bool {
    let Some(raster) = &program.groups[group].raster else { return false };
    let along = offset.iter().skip(raster.axes.into()).all(|steps| *steps == 0);
    let beyond = !matches!(raster.rim, Rim::Outside(_)) || raster.outside(column).is_some();
    program.columns[column].group == group && along && beyond
}
