//! What to see of a program whose scenario does not say: its rows where they are, coloured by what tells them apart.

use diptych_protocol::body::{At, Body, Op};
use diptych_protocol::id::{ColumnId, GroupId};
use diptych_protocol::program::{Extract, Form, Group, Layer, PointSize, Program, Scene, Span, When};
use diptych_protocol::types::{Scalar, Sort, Type};

/// Names of a radius, and of what moves.
const RADIUS: &str = "Radius";
const MOTION: &str = "Velocity";

/// What is seen of a program. What it takes of rows is added to it.
pub fn telling(program: &mut Program) -> Scene {
    let seen = |group: &Group| group.lasts() && group.is_written() && group.rows > 0;
    let all: Vec<GroupId> = program.groups.iter().filter(|(_, group)| seen(group)).map(|(id, _)| id).collect();
    let (rasters, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|id| program.groups[*id].raster.is_some());
    let mut layers = Vec::new();
    // The ground first. Two grids would hide each other.
    if let Some(id) = rasters.first()
        && let Some((name, ty)) = cell_component(program, *id)
    {
        let columns = [(name.clone(), ty)];
        layers.push(layer(program, *id, Form::Cells, &columns, Some(name), PointSize::Any));
    }
    for id in others.iter().copied() {
        if program.groups[id].position.is_empty() {
            continue;
        }
        let position = component_of(program, program.groups[id].position[0]);
        let colour = point_component(program, id, &position);
        let radius = find(program, id, |name, ty| name == RADIUS && ty.lanes == 1 && ty.scalar.is_float());
        let size = if radius.is_some() { PointSize::Radius } else { PointSize::Any };
        let name = colour.as_ref().map(|(name, _)| name.clone());
        let columns: Vec<(String, Type)> = [Some(position), colour, radius].into_iter().flatten().collect();
        layers.push(layer(program, id, Form::Points, &columns, name, size));
    }
    if layers.is_empty() {
        // Nothing is anywhere: of the first group whose rows are of kinds, else of the first one, row by row.
        let shown = || others.iter().filter_map(|id| Some((*id, row_component(program, *id)?)));
        let first = shown().find(|(_, (_, ty))| is_variant(*ty)).or_else(|| shown().next());
        if let Some((id, (name, ty))) = first {
            let columns = [(name.clone(), ty)];
            layers.push(layer(program, id, Form::Rows, &columns, Some(name), PointSize::Any));
        }
    }
    Scene { layers, ..Scene::default() }
}

/// Adds what a layer takes of rows: components as they stand.
fn layer(
    program: &mut Program,
    group: GroupId,
    form: Form,
    components: &[(String, Type)],
    colour: Option<String>,
    size: PointSize,
) -> Layer {
    let mut body = Body::default();
    for (name, _) in components {
        for column in program.component(group, name) {
            let of = &program.columns[column];
            let when = if of.owner.is_some() { When::Fresh } else { When::Prev };
            let value = body.push(of.scalar, Op::Read { column, when, at: At::Own });
            body.results.push(value);
        }
    }
    let body = program.bodies.push(body);
    let columns = components.to_vec();
    let extract = Extract { group, body, filtered: false, sample: None, columns, span: Span::default() };
    let extract = program.outputs.extracts.push(extract);
    let colour = colour.map(|name| name.strip_prefix("has ").map_or(name.clone(), str::to_string));
    Layer { extract, form, colour, size, range: None }
}

fn component_of(program: &Program, column: ColumnId) -> (String, Type) {
    let column = &program.columns[column];
    (column.component.clone(), column.component_type)
}

/// The first component of a group that something holds of, among those that are part of a state, and no names of entities.
fn find(program: &Program, group: GroupId, holds: impl Fn(&str, Type) -> bool) -> Option<(String, Type)> {
    let own = program.columns.iter().filter(|(id, column)| {
        column.group == group && column.lane == 0 && column.is_kept() && !column.mark && !program.names_entities(*id)
    });
    own.map(|(id, _)| component_of(program, id)).find(|(name, ty)| holds(name, *ty))
}

fn is_variant(ty: Type) -> bool {
    matches!(ty.sort, Sort::Enum(_))
}

fn is_truth(ty: Type) -> bool {
    ty.scalar == Scalar::Bool
}

fn is_plain(ty: Type) -> bool {
    ty.lanes == 1 && ty.sort == Sort::Plain
}

/// What tells cells apart: a kind, a quantity that changes, else the first value.
fn cell_component(program: &Program, group: GroupId) -> Option<(String, Type)> {
    let changes = |name: &str| program.component(group, name).iter().any(|id| program.columns[*id].owner.is_some());
    let quantity = |name: &str, ty: Type| is_plain(ty) && ty.scalar.is_float() && changes(name);
    let kind = find(program, group, |_, ty| is_variant(ty));
    kind.or_else(|| find(program, group, quantity)).or_else(|| find(program, group, |_, ty| is_plain(ty)))
}

/// What tells points apart: a kind, whether something holds, else how they move.
fn point_component(program: &Program, group: GroupId, position: &(String, Type)) -> Option<(String, Type)> {
    let find = |holds: &dyn Fn(&str, Type) -> bool| find(program, group, holds);
    let moves = |name: &str, ty: Type| {
        name != position.0 && ty.lanes == position.1.lanes && ty.lanes > 1 && ty.sort == Sort::Plain
    };
    find(&|_, ty| is_variant(ty))
        .or_else(|| find(&|_, ty| is_truth(ty)))
        .or_else(|| find(&|name, ty| name == MOTION && ty.sort == Sort::Plain && ty.scalar.is_float()))
        .or_else(|| find(&moves))
}

/// What tells rows apart that are nowhere: a kind, else the first float, whether something holds, the last number.
fn row_component(program: &Program, group: GroupId) -> Option<(String, Type)> {
    let find = |holds: &dyn Fn(&str, Type) -> bool| find(program, group, holds);
    let last = || {
        let all = program.columns.iter().filter(|(id, column)| {
            column.group == group && column.is_kept() && !column.mark && !program.names_entities(*id)
        });
        all.map(|(id, _)| component_of(program, id)).rfind(|(_, ty)| is_plain(*ty))
    };
    find(&|_, ty| is_variant(ty))
        .or_else(|| find(&|_, ty| is_plain(ty) && ty.scalar.is_float()))
        .or_else(|| find(&|_, ty| is_truth(ty)))
        .or_else(last)
}
