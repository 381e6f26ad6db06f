//! Checking what a cell knows of itself and of the cells around it.

use diptych_protocol::program::Span;
use diptych_protocol::raster::Offset;
use diptych_protocol::types::{Scalar, Sort, Type};

use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::syntax::ast::{Expr, Name};
use crate::types::expressions::Checker;
use crate::types::rasters::{Raster, Rim};
use crate::types::typed::{Checked, Kind, Over, Typed, Whose};

/// Turns that loops over the cells around may be unrolled to, those of loops within loops multiplied.
const CELLS_AROUND_MAX: u64 = 1024;

impl Checker<'_, '_> {
    /// The group whose cells a body or a blueprint is about, and how they stand.
    pub(super) fn own_cells(&self) -> Option<(usize, &Raster)> {
        if self.floor.is_some() {
            return None;
        }
        let blueprint = self.group.and_then(|group| self.names.groups.iter().position(|it| std::ptr::eq(*it, group)));
        let group = self.own_group().or(blueprint)?;
        Some((group, self.rasters.get(group)?.as_ref()?))
    }

    /// `cell.x`: a coordinate of the own cell, counted from 0.
    pub(super) fn coordinate(&mut self, span: Span, axis: Option<&Name>) -> Checked {
        if self.of_another_row("`cell`", span) {
            return Checked::Error;
        }
        let Some((_, raster)) = self.own_cells() else {
            let error = Diagnostic::error(codes::E0520, span, "`cell` is only known in a grid");
            return self.error(error.help("it goes with the blueprint, the systems and the signals of a `grid`"));
        };
        let axes = usize::from(raster.axes);
        let all = ["x", "y", "z"];
        match axis.and_then(|axis| all[..axes].iter().position(|known| *known == axis.text)) {
            Some(axis) => Checked::Typed(Typed { ty: Type::scalar(Scalar::U32), kind: Kind::Coordinate(axis as u8) }),
            None => {
                let known: Vec<String> = all[..axes].iter().map(|axis| format!("`cell.{axis}`")).collect();
                let message = match axis {
                    Some(axis) => format!("a cell of this grid has no coordinate `{}`", axis.text),
                    None => "`cell` is no value by itself".to_string(),
                };
                let error = Diagnostic::error(codes::E0520, axis.map_or(span, |axis| axis.span), message);
                self.error(error.help(format!("this grid has {}", known.join(", "))))
            }
        }
    }

    /// `shift(1, 0)`: the cell so many steps from the own one.
    pub(super) fn shifted(&mut self, steps: &[Expr], span: Span) -> Checked {
        if self.rule.as_ref().is_none_or(|rule| rule.system.is_none()) || self.floor.is_some() {
            return self.outside_system("`shift`", span);
        }
        if self.of_another_row("`shift`", span) {
            return Checked::Error;
        }
        let Some((group, raster)) = self.own_cells() else {
            let error = Diagnostic::error(codes::E0520, span, "`shift` goes from cell to cell: this group is no grid");
            return self.error(error.help("the cell under a point is `cell(GRID, POINT)`"));
        };
        let (axes, name) = (usize::from(raster.axes), &self.names.groups[group].name.text);
        if steps.len() != axes {
            let message = format!("`shift` takes {axes} steps in grid `{name}`, {} given", steps.len());
            return self.error(Diagnostic::error(codes::E0520, span, message).help("one along each side, x first"));
        }
        let mut offset: Offset = [0; 3];
        for (along, step) in offset.iter_mut().zip(steps) {
            let known = match self.check(step, Some(Scalar::I32)) {
                Checked::Error => return Checked::Error,
                Checked::Int(step) => Some(step),
                Checked::Typed(typed) if typed.ty.scalar.is_integer() => {
                    typed.scalar().map(|value| value.as_f64() as i128)
                }
                _ => None,
            };
            match known.and_then(|known| i16::try_from(known).ok()) {
                Some(step) => *along = step,
                None => {
                    let most = i16::MAX;
                    let message = format!("a step is a constant integer from -{most} to {most}");
                    let error = Diagnostic::error(codes::E0520, step.span, message);
                    return self.error(error.help("a cell that is only known later is reached as `GRID[row]`"));
                }
            }
        }
        let ty = self.names.entity(group);
        let kind = if offset == [0; 3] { Kind::Row } else { Kind::Shifted(offset) };
        Checked::Typed(Typed { ty, kind })
    }

    /// `around 1`, `beside 2`: offsets to the cells, z, then y, then x ascending.
    pub(super) fn cells_around(
        &mut self,
        name: &Name,
        group: usize,
        own: usize,
        beside: bool,
        steps: &Expr,
    ) -> Option<Over> {
        let word = if beside { "beside" } else { "around" };
        let raster = match self.rasters.get(group).and_then(Option::as_ref) {
            Some(raster) if group == own => raster,
            _ => {
                let message = format!("`{word}` goes over neighbours in the own grid: `{}` is not it", name.text);
                let error = Diagnostic::error(codes::E0520, name.span, message);
                let help =
                    "let a system for the grid gather what is around each cell; read it through `cell(GRID, POINT)`";
                self.diagnostics.push(error.help(help));
                return None;
            }
        };
        let axes = usize::from(raster.axes);
        let reach = self.integer(steps, "a number of steps", 1..=CELLS_AROUND_MAX, codes::E0520)? as i64;
        let side = |axis: usize| if axis < axes { -reach..=reach } else { 0..=0 };
        let outer = self.rule.iter().flat_map(|rule| &rule.open).filter_map(|turn| self.turns[turn.0].cells);
        let outer: u64 = outer.map(u64::from).product();
        // A bound first: no list is made that is too long.
        let bound = (2 * reach as u64 + 1).saturating_pow(axes as u32);
        let mut offsets: Vec<Offset> = Vec::new();
        if beside || bound <= CELLS_AROUND_MAX + 1 {
            for z in side(2) {
                for y in side(1) {
                    for x in side(0) {
                        let far = x.abs() + y.abs() + z.abs();
                        let within = far != 0 && (!beside || far <= reach);
                        if within && offsets.len() as u64 <= CELLS_AROUND_MAX {
                            offsets.push([x as i16, y as i16, z as i16]);
                        }
                    }
                }
            }
        }
        if offsets.is_empty() || (offsets.len() as u64).saturating_mul(outer) > CELLS_AROUND_MAX {
            let message = format!(
                "`{word} {reach}` goes over too many cells: at most {CELLS_AROUND_MAX}, those of loops within loops multiplied"
            );
            let error = Diagnostic::error(codes::E0520, steps.span, message);
            self.diagnostics.push(error.help("look less far, or let systems hand over from cell to cell"));
            return None;
        }
        Some(Over::Around(offsets))
    }

    /// Refuses to read beyond an edge what has no value there.
    pub(super) fn beyond(&mut self, group: usize, leaf: &str, ty: Type, whose: &Whose, span: Span) -> Option<()> {
        let looks = match whose {
            Whose::Shift(_) => true,
            Whose::Other(turn) => self.turns[turn.0].cells.is_some(),
            Whose::Own | Whose::Of(_) => false,
        };
        match self.rasters.get(group) {
            Some(Some(Raster { rim: Rim::Outside(values), .. })) if looks => {
                // A reference out there is to no row.
                if values.contains_key(leaf) || matches!(ty.sort, Sort::Entity(_)) {
                    return Some(());
                }
                let name = self.model.groups[group].name;
                let message = format!("`{leaf}` has no value outside of grid `{name}`");
                let error = Diagnostic::error(codes::E0520, span, message);
                self.diagnostics.push(error.help(format!("say what it reads as: `edge = outside {{ {leaf} = ... }}`")));
                None
            }
            _ => Some(()),
        }
    }
}
