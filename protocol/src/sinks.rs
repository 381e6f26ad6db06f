//! What is made of finished states: what must hold, what ends the run, what is written to files.

use serde::{Deserialize, Serialize};

use crate::commands::Input;
use crate::graph::Node;
use crate::id::{BodyId, ExtractId, GroupId, InputId, SignalId};
use crate::program::Span;
use crate::table::Table;
use crate::types::Type;

/// What is made of signals.
#[derive(Clone, PartialEq, Default, Debug, Serialize, Deserialize)]
pub struct Outputs {
    /// The body that computes all signals of a finished state: its results, in their order. None if there is no
    /// signal.
    pub body: Option<BodyId>,
    /// What must hold in each state.
    pub ensures: Vec<Ensure>,
    /// When the run ends, beside its number of frames.
    pub until: Option<SignalId>,
    /// What is written to files.
    pub records: Vec<Record>,
    /// The coordinator is told the signals of states 0, `series`, 2 `series`, ..., beside the records; of none if it is 0. No
    /// part of the program's hash.
    pub series: u32,
    /// The signals that are set from outside.
    pub inputs: Table<InputId, Input>,
    /// What is taken of rows.
    pub extracts: Table<ExtractId, Extract>,
    /// The pictures that are drawn. No part of the program's hash.
    pub renders: Vec<Render>,
    /// What the signals are made of. Debug metadata: no part of the program's hash.
    pub graph: Vec<Node>,
}

/// What must hold in each state.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Ensure {
    /// What it means, for people.
    pub text: String,
    /// A `bool`.
    pub holds: SignalId,
    /// The two sides of a comparison, for the message.
    pub sides: Option<(SignalId, SignalId)>,
    /// Where it was written.
    pub span: Span,
}

/// A table in a file.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Record {
    /// The file, relative to where the run writes.
    pub path: String,
    /// States 0, `every`, 2 `every`, ... and the last one.
    pub every: u32,
    /// What its rows are.
    pub what: Recorded,
    /// Where it was written.
    pub span: Span,
}

/// What the rows of a record are.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Recorded {
    /// One a state: these signals, by the names of the columns.
    Signals(Vec<(String, SignalId)>),
    /// Rows of a group in each state.
    Rows(ExtractId),
}

impl Record {
    /// Its columns, if they are signals.
    pub fn signals(&self) -> &[(String, SignalId)] {
        match &self.what {
            Recorded::Signals(columns) => columns,
            Recorded::Rows(_) => &[],
        }
    }

    /// What it takes of rows, if it does.
    pub fn extract(&self) -> Option<ExtractId> {
        match self.what {
            Recorded::Signals(_) => None,
            Recorded::Rows(extract) => Some(extract),
        }
    }
}

/// What a sink takes of a group's rows in a finished state. It is made real beside the run, whenever the sink is due: no bit of
/// the run depends on it, and it is no part of the program's hash.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Extract {
    /// The group.
    pub group: GroupId,
    /// About a row of the finished state, as that of a [`Reduction`](crate::program::Reduction), but that it may read the state's
    /// signals: its results are the lanes of the columns, in their order, and then, if it is filtered, whether the row is taken
    /// (`bool`). The bodies of extracts are the last of all.
    pub body: BodyId,
    /// Whether only some rows are taken.
    pub filtered: bool,
    /// Which share of the entities is looked at, above 0 and at most 1: the same ones in each state.
    pub sample: Option<f64>,
    /// The columns: a name and a type each.
    pub columns: Vec<(String, Type)>,
    /// Where it was written.
    pub span: Span,
}

impl Extract {
    /// How many values a row has.
    pub fn lanes(&self) -> usize {
        self.columns.iter().map(|(_, ty)| usize::from(ty.lanes)).sum()
    }

    /// The names of the values of a row: of a vector `Position.x`, `Position.y`.
    pub fn lane_names(&self) -> impl Iterator<Item = (String, Type)> + '_ {
        self.columns.iter().flat_map(|(name, ty)| {
            let lane = Type { lanes: 1, ..*ty };
            ty.lane_names()
                .iter()
                .map(move |suffix| (if suffix.is_empty() { name.clone() } else { format!("{name}.{suffix}") }, lane))
        })
    }
}

/// Pictures of states, in files.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Render {
    /// The file, relative to where the run writes: one picture, or one a state, or an animation.
    pub path: String,
    /// States 0, `every`, 2 `every`, ... and the last one. Without it what the kind of file makes sensible.
    pub every: Option<u32>,
    /// What is seen.
    pub scene: Scene,
    /// Where it was written.
    pub span: Span,
}

/// What is seen on a picture.
#[derive(Clone, PartialEq, Default, Debug, Serialize, Deserialize)]
pub struct Scene {
    /// What is drawn, in the order in which it is laid over each other.
    pub layers: Vec<Layer>,
    /// Pixels of a row, and rows; what is sensible if nothing is said.
    pub size: Option<[u32; 2]>,
    /// In three dimensions: from where it is looked at, seen from the middle.
    pub camera: Option<[f64; 3]>,
    /// The part of the space that is seen: its low corner and its high one.
    pub view: Option<[[f64; 3]; 2]>,
}

/// Rows of a group on a picture.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Layer {
    /// What is taken of them: for points where each is (one to three lanes of floats), then its colour, then its size, as far as
    /// there are any.
    pub extract: ExtractId,
    /// How they are drawn.
    pub form: Form,
    /// What the colour is made of, for the legend; nothing if all rows have one.
    pub colour: Option<String>,
    /// How large points are.
    pub size: PointSize,
    /// The numbers at the ends of the colours; found from those of the state if nothing is said.
    pub range: Option<[f64; 2]>,
}

/// How rows are drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Form {
    /// Each as a disc where it is.
    Points,
    /// As the cells of their raster.
    Cells,
    /// One after another, line by line: they are nowhere.
    Rows,
}

/// How large points are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum PointSize {
    /// As large as there is room for.
    Any,
    /// The extract's last column is their diameter in pixels,
    Pixels,
    /// or their radius in the units of the space.
    Radius,
}
