//! Checking grids of cells: how they stand, neighbours by offset, and the cells under points.

use std::collections::BTreeMap;

use diptych_protocol::body::Compare;
use diptych_protocol::id::{GroupId, Id};
use diptych_protocol::limits::ROWS_MAX;
use diptych_protocol::program::Span;
use diptych_protocol::raster::Offset;
use diptych_protocol::space::Edge;
use diptych_protocol::types::{NO_ROW, Scalar, Sort, Type, Value};

use crate::codes;
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::syntax::ast::{self, Expr, ExprKind, GroupOrigin, Name};
use crate::types::expressions::Checker;
use crate::types::rows::{Segment, chain};
use crate::types::typed::{Checked, Function, Kind, Over, Typed, Whose};
use crate::types::world::said_twice;

/// Turns that loops over the cells around may be unrolled to, those of loops within loops multiplied.
const CELLS_AROUND_MAX: u64 = 1024;

/// How the cells of a group stand.
#[derive(Clone, PartialEq, Debug)]
pub struct Raster {
    /// Dimensions.
    pub axes: u8,
    /// Cells along x, y and z; 1 along what it has not.
    pub extents: [u32; 3],
    /// What is beyond the edge.
    pub rim: Rim,
}

/// What cells beyond the edge read as.
#[derive(Clone, PartialEq, Debug)]
pub enum Rim {
    /// As those at the opposite side.
    Torus,
    /// As the nearest ones inside.
    Clamp,
    /// As these values, of each leaf of a component that is listed.
    Outside(BTreeMap<String, Vec<Value>>),
}

impl<'a> Checker<'a, '_> {
    /// The rasters of all groups that are grids.
    pub(super) fn all_rasters(&mut self) {
        let names = self.names;
        self.rasters = names.groups.iter().map(|group| self.raster_of(group)).collect();
    }

    fn raster_of(&mut self, group: &'a ast::Group) -> Option<Raster> {
        let GroupOrigin::Cells { extents, rims } = &group.origin else { return None };
        let name = &group.name.text;
        let axes = extents.len();
        if !(1..=3).contains(&axes) {
            let message = format!("grid `{name}` has {axes} sides: a grid has one to three");
            self.diagnostics.push(Diagnostic::error(codes::E0416, group.name.span, message));
        }
        let what = format!("a side of grid `{name}`");
        let mut cells = [1; 3];
        for (cells, side) in cells.iter_mut().zip(extents) {
            *cells = self.integer(side, &what, 1..=u64::from(ROWS_MAX), codes::E0406).unwrap_or(1) as u32;
        }
        let rim = match rims.as_slice() {
            [] if self.space.is_some_and(|space| space.edge == Edge::Box) => Rim::Clamp,
            [] => Rim::Torus,
            [rim, rest @ ..] => {
                for second in rest {
                    self.diagnostics.push(said_twice("edge", rim.word.span, second.word.span));
                }
                self.rim(group, rim)
            }
        };
        let raster = Raster { axes: axes.clamp(1, 3) as u8, extents: cells, rim };
        let all: u64 = cells.iter().map(|cells| u64::from(*cells)).fold(1, u64::saturating_mul);
        if all > u64::from(ROWS_MAX) {
            let message = format!("grid `{name}` has {all} cells: a group has at most {ROWS_MAX} rows");
            self.diagnostics.push(Diagnostic::error(codes::E0406, group.name.span, message));
            return Some(Raster { extents: [1; 3], ..raster });
        }
        Some(raster)
    }

    fn rim(&mut self, group: &'a ast::Group, rim: &'a ast::Rim) -> Rim {
        match rim.word.text.as_str() {
            "torus" => return Rim::Torus,
            "clamp" => return Rim::Clamp,
            "outside" => {}
            other => {
                let error = Diagnostic::error(codes::E0416, rim.word.span, format!("there is no edge `{other}`"));
                let all = || "an edge is `torus`, `clamp` or `outside { Component = value }`".to_string();
                let hint = did_you_mean(other, ["torus", "clamp", "outside"]).unwrap_or_else(all);
                self.diagnostics.push(error.help(hint));
                return Rim::Torus;
            }
        }
        let mut values = BTreeMap::new();
        for setting in &rim.values {
            let component = &setting.name.text;
            let earlier = rim.values.iter().take_while(|other| !std::ptr::eq(*other, setting));
            if let Some(first) = earlier.into_iter().find(|other| other.name.text == *component) {
                self.diagnostics.push(said_twice(component, first.name.span, setting.name.span));
                continue;
            }
            if !group.members.iter().any(|member| member.component.text == *component) {
                let message = format!("grid `{}` has no component `{component}`", group.name.text);
                let hint = did_you_mean(component, group.members.iter().map(|member| member.component.text.as_str()));
                let error = Diagnostic::error(codes::E0506, setting.name.span, message);
                self.diagnostics.push(error.maybe_help(hint));
                continue;
            }
            let Some(shape) = self.shapes.get(component).cloned() else { continue };
            let mut leaves = Vec::new();
            self.initial(&setting.value, &shape, component, &mut leaves);
            for ((suffix, _), value) in shape.leaves().into_iter().zip(leaves) {
                let Some(value) = value else { continue };
                match value.constant() {
                    Some(lanes) => {
                        values.insert(format!("{component}{suffix}"), lanes.to_vec());
                    }
                    None => {
                        let message = format!("what `{component}` reads as outside is a constant");
                        self.diagnostics.push(Diagnostic::error(codes::E0416, setting.value.span, message));
                    }
                }
            }
        }
        Rim::Outside(values)
    }

    /// The group whose cells a body or a blueprint is about, and how they stand.
    fn own_cells(&self) -> Option<(usize, &Raster)> {
        if self.floor.is_some() {
            return None;
        }
        let blueprint = self.group.and_then(|group| self.names.groups.iter().position(|it| std::ptr::eq(*it, group)));
        let group = self.own_group().or(blueprint)?;
        Some((group, self.rasters.get(group)?.as_ref()?))
    }

    /// `cell.x`: a coordinate of the own cell, counted from 0.
    pub(super) fn coordinate(&mut self, span: Span, axis: Option<&Name>) -> Checked {
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
        let ty = Type::entity(GroupId::new(group as u32));
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
        let ty = Type::entity(GroupId::new(group as u32));
        Checked::Typed(Typed { ty, kind: Kind::CellUnder { group, point: Box::new(point) } })
    }

    /// `centre(x)`: the point in the middle of a cell.
    pub(super) fn centre(&mut self, function: &Name, arguments: &[Expr]) -> Checked {
        let [cell] = arguments else { return self.wrong_count(function, 1, arguments.len()) };
        let typed = match (&cell.kind, self.own_cells()) {
            // Also in a blueprint.
            (ExprKind::This, Some((group, _))) => {
                Typed { ty: Type::entity(GroupId::new(group as u32)), kind: Kind::Row }
            }
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
        let row = Type::entity(GroupId::new(group as u32));
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
                    let none = Typed { ty: row, kind: Kind::Const(vec![Value::U32(NO_ROW)]) };
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
