//! How a scene looks: of each layer what its colours mean, and what it is called. It knows the program no more, so that it can go to
//! another thread.

use diptych_protocol::math;
use diptych_protocol::program::{Form, Layer, PointSize, Program, Scene};
use diptych_protocol::raster::Raster;
use diptych_protocol::space::Space;
use diptych_protocol::types::{Scalar, Sort};
use diptych_workers::extract::{Lane, Rows};

use crate::drawing::ticks::Axis;
use crate::drawing::{Colour, Ramp, colour};

/// Rows that a range of numbers is found from.
const SAMPLE: usize = 1 << 16;

/// How a scene looks.
#[derive(Clone, Debug)]
pub struct Look {
    pub(super) title: String,
    pub(super) space: Space,
    /// Of the points: those of the space, unless the scenario puts them elsewhere.
    pub(super) dimensions: usize,
    pub(super) scene: Scene,
    pub(super) layers: Vec<LayerLook>,
}

/// How a layer looks.
#[derive(Clone, Debug)]
pub(super) struct LayerLook {
    /// The group's name.
    pub(super) name: String,
    pub(super) form: Form,
    pub(super) raster: Option<Raster>,
    /// The most rows that the group can have.
    pub(super) capacity: u32,
    /// Lanes of the position, of the colour; and whether there is a size.
    pub(super) position: usize,
    pub(super) colour: usize,
    pub(super) size: PointSize,
    pub(super) meaning: Meaning,
    /// What the colour is made of.
    pub(super) of: String,
    range: Option<[f64; 2]>,
}

/// What colours mean.
#[derive(Clone, Debug)]
pub(super) enum Meaning {
    /// Nothing: it is the group's.
    One(Colour),
    /// Kinds, by their number.
    Kinds(Vec<(String, Colour)>),
    /// Numbers, or the lengths of vectors.
    Numbers(Ramp),
}

/// The colours of a layer's rows in a state, and of numbers which range they cover.
pub(super) struct Coloured {
    pub(super) colours: Vec<Colour>,
    pub(super) range: Option<Axis>,
}

impl Look {
    pub(super) fn new(program: &Program, scene: &Scene) -> Self {
        let lanes =
            |layer: &Layer| program.outputs.extracts[layer.extract].columns.first().map_or(0, |(_, ty)| ty.lanes);
        let along = scene.layers.iter().filter(|layer| layer.form == Form::Points).map(lanes).max();
        let points = scene.layers.iter().any(|layer| layer.form == Form::Points);
        // Groups that have one colour each have them apart from each other.
        let plain = scene.layers.iter().filter(|layer| layer.colour.is_none());
        let named = plain.map(|layer| program.groups[program.outputs.extracts[layer.extract].group].name.as_str());
        let mut own = colour::apart(named).into_iter();
        let layers = scene.layers.iter().map(|layer| {
            let extract = &program.outputs.extracts[layer.extract];
            let group = &program.groups[extract.group];
            let position = if layer.form == Form::Points { 1 } else { 0 };
            let coloured = layer.colour.as_ref().and_then(|_| extract.columns.get(position));
            let pale = points && layer.form == Form::Cells;
            let faded = |colour: Colour| if pale { colour.mix(Colour::WHITE, 0.45) } else { colour };
            let of = layer.colour.clone().unwrap_or_default();
            let meaning = match coloured.map(|(_, ty)| (ty.sort, ty.scalar, ty.lanes)) {
                None => Meaning::One(own.next().unwrap_or(Colour::SOFT)),
                Some((Sort::Enum(kinds), _, _)) => {
                    let variants = &program.enums[kinds].variants;
                    let colours = colour::of_kinds(variants.iter().map(String::as_str));
                    Meaning::Kinds(variants.iter().cloned().zip(colours.into_iter().map(faded)).collect())
                }
                Some((_, Scalar::Bool, _)) => {
                    let yes = colour::of_word(&of).unwrap_or(colour::KINDS[1]);
                    let no = Colour::hex(if layer.form == Form::Points { 0x92_999f } else { 0xf3_f3f1 });
                    Meaning::Kinds(vec![(format!("not {of}"), faded(no)), (of.clone(), faded(yes))])
                }
                Some(_) => Meaning::Numbers(if pale { Ramp::Pale } else { Ramp::Viridis }),
            };
            LayerLook {
                name: group.name.clone(),
                form: layer.form,
                raster: group.raster.clone().filter(|_| layer.form == Form::Cells),
                capacity: group.rows,
                position: extract.columns.first().filter(|_| position == 1).map_or(0, |(_, ty)| ty.lanes.into()),
                colour: coloured.map_or(0, |(_, ty)| ty.lanes.into()),
                size: layer.size,
                meaning,
                // Of a vector it is the length.
                of: if coloured.is_some_and(|(_, ty)| ty.lanes > 1) { format!("|{of}|") } else { of },
                range: layer.range,
            }
        });
        let dimensions = along.unwrap_or(program.space.dimensions).into();
        let layers = layers.collect();
        Self { title: program.scenario.clone(), space: program.space, dimensions, scene: scene.clone(), layers }
    }

    /// All colours that a picture is made of, for a palette: what is mixed lies between them and white.
    pub(super) fn colours(&self) -> Vec<Colour> {
        let all = self.layers.iter().flat_map(|layer| match &layer.meaning {
            Meaning::One(colour) => vec![*colour],
            Meaning::Kinds(kinds) => kinds.iter().map(|(_, colour)| *colour).collect(),
            Meaning::Numbers(ramp) => (0..32).map(|at| ramp.at(at as f32 / 31.0)).collect(),
        });
        all.collect()
    }
}

/// A value as a number.
pub(super) fn number(lane: &Lane, row: usize) -> f64 {
    match lane {
        Lane::F32(v) => f64::from(v[row]),
        Lane::F64(v) => v[row],
        Lane::I8(v) => f64::from(v[row]),
        Lane::I16(v) => f64::from(v[row]),
        Lane::I32(v) => f64::from(v[row]),
        Lane::U8(v) | Lane::Bool(v) => f64::from(v[row]),
        Lane::U16(v) => f64::from(v[row]),
        Lane::U32(v) => f64::from(v[row]),
    }
}

impl LayerLook {
    /// What the colours of rows are made of: a number, or the length of a vector.
    fn value(&self, rows: &Rows, row: usize) -> f64 {
        match &rows.lanes[self.position..self.position + self.colour] {
            [one] => number(one, row),
            lanes => math::sqrt(lanes.iter().map(|lane| number(lane, row)).map(|x| x * x).sum::<f64>()),
        }
    }

    /// Where a row goes, if its colour says so: that of a vector in the plane.
    pub(super) fn way(&self, rows: &Rows, row: usize) -> Option<[f64; 2]> {
        match &rows.lanes[self.position..self.position + self.colour] {
            [x, y] if self.position == 2 => Some([number(x, row), number(y, row)]),
            _ => None,
        }
    }

    /// The size of a row.
    pub(super) fn size(&self, rows: &Rows, row: usize) -> f64 {
        number(&rows.lanes[self.position + self.colour], row)
    }

    /// The colour of each row.
    pub(super) fn colours(&self, rows: &Rows) -> Coloured {
        let all = 0..rows.len();
        match &self.meaning {
            Meaning::One(colour) => Coloured { colours: vec![*colour; rows.len()], range: None },
            Meaning::Kinds(kinds) => {
                let kind = |row| kinds.get(self.value(rows, row) as usize).map_or(Colour::NONE, |(_, colour)| *colour);
                Coloured { colours: all.map(kind).collect(), range: None }
            }
            Meaning::Numbers(ramp) => {
                let axis = self.range(rows);
                let colours = all.map(|row| ramp.at(axis.share(self.value(rows, row)) as f32)).collect();
                Coloured { colours, range: Some(axis) }
            }
        }
    }

    /// The numbers at the ends of the colours: as it is said, else round ones around all but a few of those that there are.
    fn range(&self, rows: &Rows) -> Axis {
        if let Some([low, high]) = self.range {
            return Axis { low, high, logarithmic: false };
        }
        let step = rows.len().div_ceil(SAMPLE).max(1);
        let mut all: Vec<f64> = (0..rows.len()).step_by(step).map(|row| self.value(rows, row)).collect();
        all.retain(|value| value.is_finite());
        all.sort_unstable_by(f64::total_cmp);
        let at = |share: f64| all.get(((all.len().max(1) - 1) as f64 * share + 0.5) as usize).copied();
        let [low, high] = [at(0.01), at(0.99)].map(|end| end.unwrap_or(f64::NAN));
        // What most rows are without: the few that have it are looked at.
        let [low, high] = if low == high { [at(0.0), at(1.0)].map(|end| end.unwrap_or(f64::NAN)) } else { [low, high] };
        // What differs by rounding alone is one value, with a scale around it.
        let [low, high] = if high - low < 1e-5 * high.abs() {
            let around = 0.5 * (low + high);
            [around - 0.5 * around.abs(), around + 0.5 * around.abs()]
        } else {
            [low, high]
        };
        // Little above nothing is counted from nothing.
        let low = if low > 0.0 && low < 0.4 * high { 0.0 } else { low };
        let axis = Axis::over(low, high, false, false);
        let step = axis.step(5);
        let round = |end: f64, to: fn(f64) -> f64| to(end / step) * step;
        let (low, high) = (round(axis.low + 1e-9 * step, math::floor), round(axis.high - 1e-9 * step, math::ceil));
        if low < high { Axis { low, high, ..axis } } else { axis }
    }
}
