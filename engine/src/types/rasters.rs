//! Checking how the cells of grids stand, and what is beyond their edges.

use std::collections::BTreeMap;

use diptych_protocol::limits::ROWS_MAX;
use diptych_protocol::space::Edge;
use diptych_protocol::types::Value;

use crate::codes;
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::syntax::ast::{self, GroupOrigin};
use crate::types::expressions::Checker;
use crate::types::world::said_twice;

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
}
