//! Checking where points and cells meet: the cell under a point, values between cells, the middle of a cell.

use diptych_protocol::body::Compare;
use diptych_protocol::id::Id;
use diptych_protocol::program::Span;
use diptych_protocol::space::Edge;
use diptych_protocol::types::{Scalar, Sort, Type};

use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::syntax::ast::{Expr, ExprKind, Name};
use crate::types::expressions::Checker;
use crate::types::rasters::{Raster, Rim};
use crate::types::rows::{Segment, chain};
use crate::types::typed::{Checked, Function, Kind, Typed, Whose};

impl Checker<'_, '_> {
    /// The grid that a function is about, if its cells cover the space.
    fn covering(&mut self, function: &Name, grid: &Expr) -> Option<(usize, u8)> {
        let ExprKind::Name(text) = &grid.kind else {
            let message = format!("`{}` takes a grid first", function.text);
            self.diagnostics.push(Diagnostic::error(codes::E0520, grid.span, message));
            return None;
        };
        let group = self.names.group(&Name { text: text.clone(), span: grid.span }, self.diagnostics)?;
        let axes = self.covers(function, group, grid.span)?;
        Some((group, axes))
    }

    fn covers(&mut self, function: &Name, group: usize, span: Span) -> Option<u8> {
        let name = &self.names.groups[group].name.text;
        let Some(raster) = self.rasters.get(group).and_then(Option::as_ref) else {
            let message = format!("`{}`: group `{name}` is no grid", function.text);
            self.diagnostics.push(Diagnostic::error(codes::E0520, span, message));
            return None;
        };
        let axes = raster.axes;
        match self.space {
            Some(space) if space.edge != Edge::Open && space.dimensions == axes => Some(axes),
            _ if self.space.is_none() && self.names.space.is_some() => None,
            _ => {
                let message = format!("`{}`: the cells of `{name}` cover no space", function.text);
                let error = Diagnostic::error(codes::E0520, span, message);
                let help = format!("it takes a `box` or a `torus` of {axes} dimensions, as many as the grid has sides");
                self.diagnostics.push(error.help(help));
                None
            }
        }
    }

    /// A point in the space of a grid.
    fn point(&mut self, function: &Name, axes: u8, point: &Expr) -> Option<Typed> {
        let typed = self.single(point, Some(Scalar::F32))?;
        if typed.ty.lanes == axes && typed.ty.scalar.is_float() && typed.ty.sort == Sort::Plain {
            return Some(typed);
        }
        let given = self.type_name(typed.ty);
        let message = format!("`{}` takes a point in {axes} dimensions, not `{given}`", function.text);
        self.diagnostics.push(Diagnostic::error(codes::E0302, point.span, message));
        None
    }

    /// `cell(soil, Position)`: the cell that a point is in.
    pub(super) fn cell_under(&mut self, function: &Name, arguments: &[Expr]) -> Checked {
        let [grid, point] = arguments else { return self.wrong_count(function, 2, arguments.len()) };
        let Some((group, axes)) = self.covering(function, grid) else { return Checked::Error };
        let Some(point) = self.point(function, axes, point) else { return Checked::Error };
        let ty = self.names.entity(group);
        Checked::Typed(Typed { ty, kind: Kind::CellUnder { group, point: Box::new(point) } })
    }

    /// `centre(x)`: the point in the middle of a cell.
    pub(super) fn centre(&mut self, function: &Name, arguments: &[Expr]) -> Checked {
        let [cell] = arguments else { return self.wrong_count(function, 1, arguments.len()) };
        let typed = match (&cell.kind, self.own_cells()) {
            // Also in a blueprint.
            (ExprKind::This, Some((group, _))) => Typed { ty: self.names.entity(group), kind: Kind::Row },
            _ => match self.check(cell, None) {
                Checked::Error => return Checked::Error,
                Checked::Typed(typed) => typed,
                other => return self.no_cell(function, &other, cell.span),
            },
        };
        let Sort::Entity(group) = typed.ty.sort else {
            return self.no_cell(function, &Checked::Typed(typed), cell.span);
        };
        let Some(axes) = self.covers(function, group.index(), cell.span) else { return Checked::Error };
        let ty = Type::vector(Scalar::F32, axes);
        Checked::Typed(Typed { ty, kind: Kind::Centre { group: group.index(), cell: Box::new(typed) } })
    }

    fn no_cell(&mut self, function: &Name, given: &Checked, span: Span) -> Checked {
        let given = given.called(&self.diagnostics.types);
        let message = format!("`{}` takes a reference to a cell, not {given}", function.text);
        self.error(Diagnostic::error(codes::E0302, span, message).help("`self`, `cell(GRID, POINT)`, `GRID[row]`"))
    }

    /// `sample(soil.Grass, Position)`: linear between the centres of cells.
    pub(super) fn sample(&mut self, function: &Name, arguments: &[Expr], span: Span) -> Checked {
        let [what, point] = arguments else { return self.wrong_count(function, 2, arguments.len()) };
        let (fresh, place) = match &what.kind {
            ExprKind::Fresh(inner) => (Some(what.span), &**inner),
            _ => (None, what),
        };
        let (root, segments) = chain(place);
        let [Segment::Field(field), rest @ ..] = segments.as_slice() else {
            let message = format!("`{}` takes a component of a grid first", function.text);
            let error = Diagnostic::error(codes::E0520, what.span, message);
            return self.error(error.help("write `sample(soil.Grass, Position)`"));
        };
        if self.rule.as_ref().is_none_or(|rule| rule.system.is_none()) || self.floor.is_some() {
            return self.outside_system("`sample`", span);
        }
        let Some((group, axes)) = self.covering(function, root) else { return Checked::Error };
        let Some(point) = self.point(function, axes, point) else { return Checked::Error };
        let row = self.names.entity(group);
        let mut corners = Vec::new();
        for corner in 0..1_u8 << axes {
            let cell = Typed { ty: row, kind: Kind::Corner { group, point: Box::new(point.clone()), corner } };
            let whose = Whose::Of(Box::new(cell.clone()));
            let Checked::Typed(value) = self.component(group, field, what.span, rest, whose, fresh) else {
                return Checked::Error;
            };
            if !value.ty.scalar.is_float() || value.ty.sort != Sort::Plain {
                let message = format!("`{}` takes floats, not `{}`", function.text, self.type_name(value.ty));
                let error = Diagnostic::error(codes::E0302, what.span, message);
                return self.error(error.help("of the cell alone: `cell(GRID, POINT).Component`"));
            }
            match self.outside_of(group, &value) {
                Ok(None) => corners.push(value),
                Ok(Some(outside)) => {
                    let none = Typed::zero(row);
                    let there = Kind::Compare(Compare::Ne, Box::new(cell), Box::new(none));
                    let there = Typed { ty: Type::scalar(Scalar::Bool), kind: there };
                    let ty = value.ty;
                    let kind = Kind::Select(Box::new(there), Box::new(value), Box::new(outside));
                    corners.push(Typed { ty, kind });
                }
                Err(leaf) => {
                    let ty = value.ty;
                    let whose = Whose::Shift([0; 3]);
                    let _: Option<()> = self.beyond(group, &leaf, ty, &whose, what.span);
                    return Checked::Error;
                }
            }
        }
        // Pairs along x meet first, then along y, then along z.
        for axis in 0..axes {
            let between = Kind::Between { group, point: Box::new(point.clone()), axis };
            let between = Typed { ty: Type::scalar(point.ty.scalar), kind: between };
            corners = corners
                .chunks(2)
                .filter_map(|pair| {
                    let [low, high] = pair else { return None };
                    let between = between.clone().converted(low.ty.scalar);
                    let kind = Kind::Call(Function::Mix, vec![low.clone(), high.clone(), between]);
                    Some(Typed { ty: low.ty, kind })
                })
                .collect();
        }
        corners.pop().map_or(Checked::Error, Checked::Typed)
    }

    /// What a value that is read of a cell is outside of all cells, if there is an outside; or which leaf lacks one.
    fn outside_of(&self, group: usize, value: &Typed) -> Result<Option<Typed>, String> {
        let Some(Some(Raster { rim: Rim::Outside(values), .. })) = self.rasters.get(group) else { return Ok(None) };
        match &value.kind {
            Kind::Read { place, .. } => {
                let leaf = &self.model.groups[group].members[place.member].name;
                match values.get(leaf) {
                    Some(lanes) => Ok(Some(Typed { ty: value.ty, kind: Kind::Const(lanes.clone()) })),
                    None => Err(leaf.clone()),
                }
            }
            Kind::Lane(inner, lane) => {
                let outside = self.outside_of(group, inner)?;
                Ok(outside.map(|outside| Typed::new(value.ty, Kind::Lane(Box::new(outside), *lane))))
            }
            _ => Ok(None),
        }
    }
}
