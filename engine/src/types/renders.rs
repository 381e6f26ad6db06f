//! Checking pictures: what is seen of rows, and from where.

use diptych_protocol::id::{ExtractId, Id};
use diptych_protocol::program::{Form, Layer, PointSize, Render, Scene, Span};
use diptych_protocol::types::{Scalar, Sort, Type};

use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::syntax::ast::{self, Expr, RenderEntry};
use crate::types::Extract;
use crate::types::expressions::Checker;
use crate::types::typed::{Checked, Typed, Whose};

/// Pixels of a side, at least and at most.
const PIXELS: std::ops::RangeInclusive<u64> = 64..=20_000;

/// What a layer takes of rows, and how many lanes its places have.
struct Taken {
    layer: Layer,
    lanes: Option<u8>,
    span: Span,
}

impl<'a> Checker<'a, '_> {
    pub(super) fn render(&mut self, render: &'a ast::Render) {
        let most = u64::from(u32::MAX);
        let every = match &render.every {
            Some(every) => match self.integer(every, "the step of a picture", 1..=most, codes::E0415) {
                Some(every) => Some(every as u32),
                None => return,
            },
            None => None,
        };
        let path = &render.path;
        if !path.text.ends_with(".png") && !path.text.ends_with(".gif") {
            let message = format!("`{}`: pictures are PNG files, animations GIF files", path.text);
            self.odd(path.span, message, "let the name end in `.png` or `.gif`");
        }
        if let Some(first) = self.model.renders.iter().find(|first| first.path == path.text) {
            let message = format!("two pictures are drawn to `{}`", path.text);
            let error = Diagnostic::error(codes::E0415, path.span, message).label(first.span, "the first");
            self.diagnostics.push(error.help("give each a file of its own"));
        }
        let mut scene = Scene::default();
        let mut layers: Vec<Taken> = Vec::new();
        for entry in &render.entries {
            if let RenderEntry::Layer(layer) = entry {
                layers.extend(self.layer(layer));
            }
        }
        let lanes = layers.iter().find_map(|layer| layer.lanes);
        if let Some(other) = layers.iter().find(|layer| layer.lanes.is_some() && layer.lanes != lanes) {
            let found = [other.lanes, lanes].map(Option::unwrap_or_default);
            let message = format!("points in {} dimensions on a picture of points in {}", found[0], found[1]);
            self.odd(other.span, message, "say where they are, by `at`");
        }
        if !render.entries.iter().any(|entry| matches!(entry, RenderEntry::Layer(_))) {
            self.odd(render.span, "a picture of nothing", "say what is seen: `points of GROUP`, `cells of GRID`");
        }
        let cells = layers.iter().any(|layer| layer.layer.form != Form::Points);
        for entry in &render.entries {
            self.setting(entry, (lanes, cells), &mut scene);
        }
        scene.layers = layers.into_iter().map(|taken| taken.layer).collect();
        self.model.renders.push(Render { path: path.text.clone(), every, scene, span: render.span });
    }

    fn odd(&mut self, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.diagnostics.push(Diagnostic::error(codes::E0415, span, message).help(help));
    }

    fn setting(&mut self, entry: &RenderEntry, (lanes, cells): (Option<u8>, bool), scene: &mut Scene) {
        match entry {
            RenderEntry::Layer(_) => {}
            RenderEntry::Pixels(width, height) => {
                let mut side = |side| self.integer(side, "the side of a picture", PIXELS, codes::E0415);
                scene.size = side(width).zip(side(height)).map(|(width, height)| [width as u32, height as u32]);
            }
            RenderEntry::Camera(from, span) => {
                let Some(point) = self.corner_of_view(from, "camera", *span, 3) else { return };
                if lanes.is_some_and(|lanes| lanes != 3) || lanes.is_none() {
                    self.odd(*span, "a camera is for points in three dimensions", "leave it out");
                } else if point == [0.0; 3] {
                    self.odd(
                        *span,
                        "a camera in the middle of what it looks at",
                        "say from where: `camera (1, -2, 1)`",
                    );
                }
                scene.camera = Some(point);
            }
            RenderEntry::View(low, high, span) => {
                if cells {
                    self.odd(*span, "a picture of cells shows all of them", "leave out `view`");
                    return;
                }
                let Some(lanes) = lanes else { return };
                let corners = self.corner_of_view(low, "view", *span, lanes.into());
                let corners = corners.zip(self.corner_of_view(high, "view", *span, lanes.into()));
                let Some((low, high)) = corners else { return };
                if (0..usize::from(lanes)).any(|axis| low[axis].total_cmp(&high[axis]).is_ge()) {
                    self.odd(*span, "a view of nothing", "the low corner first: `view (0, 0) .. (1, 1)`");
                }
                scene.view = Some([low, high]);
            }
        }
    }

    fn corner_of_view(&mut self, corner: &[Expr], what: &str, span: Span, lanes: usize) -> Option<[f64; 3]> {
        if corner.len() != lanes {
            let message = format!("`{what}` has {} numbers here, the points {lanes}", corner.len());
            self.odd(span, message, "as many numbers as there are dimensions");
            return None;
        }
        let mut point = [0.0; 3];
        for (number, expr) in point.iter_mut().zip(corner) {
            *number = self.fixed(what, expr)?;
        }
        Some(point)
    }

    fn layer(&mut self, layer: &'a ast::RenderLayer) -> Option<Taken> {
        let group = self.group_that_lasts(&layer.group)?;
        let (name, form) = (layer.group.text.as_str(), layer.form);
        if form == Form::Cells && self.model.groups[group].raster.is_none() {
            let message = format!("`{name}` has no cells: it is no grid");
            self.odd(layer.group.span, message, "draw `points of` it, or `rows of` it");
            return None;
        }
        if form != Form::Points {
            let wrong = layer.at.as_ref().or(layer.size.as_ref().map(|(_, size)| size));
            if let Some(expr) = wrong {
                self.odd(expr.span, "only points are somewhere, and have a size", "leave it out");
            }
            if layer.colour.is_none() {
                let message = format!("of `{name}` is not said what the colours are made of");
                self.odd(layer.span, message, "add `colour` and a component, or another value of a row");
                return None;
            }
        }
        let range = match &layer.range {
            Some((low, high)) => Some(self.colours_between(low, high)?),
            None => None,
        };
        let (filter, columns) = self.in_rows(group, None, |checker| {
            let filter = match &layer.filter {
                Some(filter) => Some(checker.truth(filter, "what follows `where`")?),
                None => None,
            };
            let mut columns = Vec::new();
            if form == Form::Points {
                columns.push(("at".to_string(), checker.place_of(group, layer)?));
            }
            if let Some((value, _)) = &layer.colour {
                columns.push(("colour".to_string(), checker.colour(value, range.is_some())?));
            }
            if let Some((_, size)) = layer.size.as_ref().filter(|_| form == Form::Points) {
                columns.push(("size".to_string(), checker.length(size)?));
            }
            Some((filter, columns))
        })?;
        let lanes = columns.first().filter(|_| form == Form::Points).map(|(_, at)| at.ty.lanes);
        let extract = ExtractId::new(self.model.extracts.len() as u32);
        self.model.extracts.push(Extract { group, filter, sample: None, columns, span: layer.span });
        let colour = layer.colour.as_ref().map(|(_, text)| text.clone());
        let size = layer.size.as_ref().map_or(PointSize::Any, |(size, _)| *size);
        Some(Taken { layer: Layer { extract, form, colour, size, range }, lanes, span: layer.span })
    }

    /// `range LOW .. HIGH`
    fn colours_between(&mut self, low: &Expr, high: &Expr) -> Option<[f64; 2]> {
        let ends = [self.fixed("range", low)?, self.fixed("range", high)?];
        if ends[0] < ends[1] && ends.iter().all(|end| end.is_finite()) {
            return Some(ends);
        }
        self.odd(high.span, format!("colours from {} to {}", ends[0], ends[1]), "the smaller number first");
        None
    }

    /// Where points are: their position, if nothing else is said.
    fn place_of(&mut self, group: usize, layer: &ast::RenderLayer) -> Option<Typed> {
        let Some(at) = &layer.at else {
            let members = &self.model.groups[group].members;
            let Some(position) = members.iter().find(|member| member.position).map(|member| member.name.clone()) else {
                let message = format!("rows of `{}` have no position", layer.group.text);
                self.odd(layer.group.span, message, "say where they are: `at vec2(x, y)`");
                return None;
            };
            return match self.read(group, &position, layer.group.span, Whose::Own, None) {
                Checked::Typed(typed) => Some(typed),
                _ => None,
            };
        };
        let place = self.single(at, Some(Scalar::F32))?;
        if !(place.ty.scalar.is_float() && place.ty.sort == Sort::Plain) {
            let given = self.type_name(place.ty);
            self.odd(at.span, format!("a place is a float or a vector, not `{given}`"), "convert it: `f32(x)`");
            return None;
        }
        Some(place)
    }

    fn colour(&mut self, expr: &Expr, range: bool) -> Option<Typed> {
        let value = self.single(expr, None)?;
        let numbers = value.ty.sort == Sort::Plain && value.ty.scalar != Scalar::Bool;
        if matches!(value.ty.sort, Sort::Entity(_)) {
            let message = "a reference has no colour";
            self.odd(expr.span, message, "write a value of the row that it is to, or `alive(x)`");
            return None;
        }
        if range && !numbers {
            let given = self.type_name(value.ty);
            self.odd(expr.span, format!("`range` is of numbers, and this is `{given}`"), "leave out `range`");
            return None;
        }
        Some(value)
    }

    /// A size, or a radius.
    fn length(&mut self, expr: &Expr) -> Option<Typed> {
        let value = self.single(expr, Some(Scalar::F32))?;
        if value.ty.lanes == 1 && value.ty.scalar.is_float() && value.ty.sort == Sort::Plain {
            return Some(value);
        }
        let given = self.type_name(value.ty);
        let help = if value.ty == Type::scalar(Scalar::Bool) { "write a number" } else { "convert it: `f32(x)`" };
        self.odd(expr.span, format!("a size is a float, not `{given}`"), help);
        None
    }
}
