//! Taking what a picture shows out of a state.

use diptych_protocol::access::AccessError;
use diptych_protocol::message::Backend;
use diptych_protocol::outputs::state_of;
use diptych_protocol::program::{Program, Scene};
use diptych_protocol::still::Still;
use diptych_workers::extract::{Extractor, Rows};

use super::look::Look;
use super::telling::telling;

/// What was taken of a state.
#[derive(Clone, Debug)]
pub struct Shot {
    /// Its number.
    pub frame: u32,
    /// Its time.
    pub time: f64,
    /// The rows of each layer.
    pub rows: Vec<Rows>,
}

/// Takes what a scene shows out of states of a program.
pub struct Painter {
    extractors: Vec<Extractor>,
    look: Look,
}

impl Painter {
    /// Of a scene of the program, else of what tells most of it. Nothing if there is nothing to see.
    pub fn new(program: &Program, scene: Option<&Scene>, backend: Backend) -> Result<Option<Self>, AccessError> {
        let mut program = program.clone();
        let scene = match scene {
            Some(scene) => scene.clone(),
            None => telling(&mut program),
        };
        if scene.layers.is_empty() {
            return Ok(None);
        }
        let extractors = scene.layers.iter().map(|layer| Extractor::new(&program, layer.extract, backend));
        let extractors = extractors.collect::<Result<_, _>>()?;
        Ok(Some(Self { extractors, look: Look::new(&program, &scene) }))
    }

    /// The same with pictures of a size, if one is said.
    #[must_use]
    pub fn sized(mut self, size: Option<[u32; 2]>) -> Self {
        self.look.scene.size = size.or(self.look.scene.size);
        self
    }

    /// How it is drawn.
    pub fn look(&self) -> &Look {
        &self.look
    }

    /// Takes a state.
    pub fn take(&mut self, still: &Still<'_>) -> Shot {
        let frame = state_of(still.tick());
        let time = still.program().time(frame);
        Shot { frame, time, rows: self.extractors.iter_mut().map(|extractor| extractor.take(still)).collect() }
    }
}
