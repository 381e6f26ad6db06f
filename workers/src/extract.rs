//! What a sink takes of the rows of a group: values computed from a whole state, in memory of their own.
//!
//! It is made beside the run, by whoever holds the state; no batch does, and no bit of the run depends on it.

use std::ops::Range;

use diptych_protocol::access::AccessError;
use diptych_protocol::id::{ColumnId, ExtractId, RowRange};
use diptych_protocol::outputs::state_of;
use diptych_protocol::program::{Extract, Group, Program};
use diptych_protocol::random::{Address, site, uniform_f64};
use diptych_protocol::still::Still;
use diptych_protocol::types::Scalar;
use diptych_protocol::values::Values;

use crate::body::Backend;
use crate::body::block::Uniforms;
pub use crate::body::column::Column as Lane;
use crate::finished::{FinishedBody, STRETCH};

/// Rows that were taken: which entities they are, and a lane for each value.
#[derive(Clone, Debug)]
pub struct Rows {
    /// The index of each row's entity.
    pub entities: Vec<u32>,
    /// Which of the entity's lives it is, where rows come and go.
    pub generations: Option<Vec<u32>>,
    /// The values, in the order of the extract's columns, a lane of a vector each.
    pub lanes: Vec<Lane>,
}

impl Rows {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.entities.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entities.is_empty()
    }
}

/// Takes rows out of states.
pub struct Extractor {
    extract: Extract,
    body: FinishedBody,
    scalars: Vec<Scalar>,
    /// The draw that decides which entities a sample has.
    site: u32,
}

impl Extractor {
    /// Of one of a program's extracts.
    pub fn new(program: &Program, extract: ExtractId, backend: Backend) -> Result<Self, AccessError> {
        let extract = program.outputs.extracts[extract].clone();
        let body = &program.bodies[extract.body];
        let scalars = body.results.iter().map(|value| body.ops[*value].scalar).take(extract.lanes()).collect();
        let body = FinishedBody::new(program, body, STRETCH, backend)?;
        // By the group alone: two records of one share have the same entities.
        let site = site(&format!("{}/sample", program.groups[extract.group].name));
        Ok(Self { extract, body, scalars, site })
    }

    /// Takes the rows of a state of that program.
    pub fn take(&mut self, still: &Still<'_>) -> Rows {
        let group = &still.program().groups[self.extract.group];
        let all = still.rows(self.extract.group);
        let names = Names::of(still, group, all);
        let room = if self.extract.filtered || self.extract.sample.is_some() { 0 } else { all as usize };
        let mut rows = Rows {
            entities: Vec::with_capacity(room),
            generations: names.generations.map(|_| Vec::with_capacity(room)),
            lanes: self.scalars.iter().map(|&scalar| Lane::with_room(scalar, room)).collect(),
        };
        let mut taken: Vec<u32> = Vec::new();
        for start in (0..all).step_by(STRETCH) {
            self.stretch(still, &names, RowRange::new(start, all.min(start + STRETCH as u32)), &mut taken, &mut rows);
        }
        rows
    }

    fn stretch(
        &mut self,
        still: &Still<'_>,
        names: &Names<'_>,
        range: RowRange,
        taken: &mut Vec<u32>,
        rows: &mut Rows,
    ) {
        let results = self.scalars.len() + usize::from(self.extract.filtered);
        if (0..results).any(|at| self.body.plain(at).is_none()) {
            let frame = state_of(still.tick());
            let uniforms = Uniforms {
                seed: still.program().seed,
                tick: still.tick().0,
                frame,
                time: still.program().time(frame),
                signals: still.signals(),
                reduced: &[],
                space: &still.program().space,
            };
            self.body.run_still(still, range, uniforms);
        }
        let result = |at: usize| match self.body.plain(at) {
            Some((column, scalar)) => typed(scalar, still.column(column), range.indices()),
            None => self.body.result(at, range.len()),
        };
        let some = self.extract.filtered || self.extract.sample.is_some();
        if some {
            let kept = match self.extract.filtered.then(|| result(self.scalars.len())) {
                Some(Values::Bool(kept)) => Some(kept),
                _ => None,
            };
            taken.clear();
            taken.extend(
                (0..range.len())
                    .filter(|at| {
                        let row = range.start + *at as u32;
                        kept.is_none_or(|kept| kept[*at] != 0) && self.is_sampled(still.program().seed, names, row)
                    })
                    .map(|at| at as u32),
            );
        }
        let places = || taken.iter().map(|at| *at as usize);
        let of = |names: Option<&[u32]>, to: &mut Vec<u32>| match (names, some) {
            (Some(names), false) => to.extend_from_slice(&names[range.indices()]),
            (Some(names), true) => to.extend(places().map(|at| names[range.start as usize + at])),
            (None, false) => to.extend(range.start..range.end),
            (None, true) => to.extend(places().map(|at| range.start + at as u32)),
        };
        of(names.entities, &mut rows.entities);
        if let Some(generations) = &mut rows.generations {
            of(names.generations, generations);
        }
        for (at, lane) in rows.lanes.iter_mut().enumerate() {
            match some {
                false => lane.append(result(at), 0..range.len()),
                true => lane.append_from(result(at), places()),
            }
        }
    }

    /// Whether a sample has the entity of a row: in each state the same.
    fn is_sampled(&self, seed: u64, names: &Names<'_>, row: u32) -> bool {
        let Some(share) = self.extract.sample else { return true };
        let name = |names: Option<&[u32]>, none: u32| names.map_or(none, |names| names[row as usize]);
        let (entity, turn) = (name(names.entities, row), name(names.generations, 0));
        uniform_f64(Address { seed, entity, tick: 0, site: self.site, turn }.block(), 0) < share
    }
}

/// Who the rows of a group are.
struct Names<'s> {
    /// Without it each row is the entity of its number.
    entities: Option<&'s [u32]>,
    generations: Option<&'s [u32]>,
}

impl<'s> Names<'s> {
    fn of(still: &Still<'s>, group: &Group, rows: u32) -> Self {
        let column = |id: ColumnId| match typed(Scalar::U32, still.column(id), 0..rows as usize) {
            Values::U32(names) => Some(names),
            _ => None,
        };
        Self {
            entities: group.entities().and_then(column),
            generations: group.living.and_then(|living| column(living.generations)),
        }
    }
}

/// Some values of a column of a state.
pub(crate) fn typed(scalar: Scalar, bytes: &[u8], rows: Range<usize>) -> Values<'_> {
    match scalar {
        Scalar::F32 => Values::F32(&bytemuck::cast_slice(bytes)[rows]),
        Scalar::F64 => Values::F64(&bytemuck::cast_slice(bytes)[rows]),
        Scalar::I8 => Values::I8(&bytemuck::cast_slice(bytes)[rows]),
        Scalar::I16 => Values::I16(&bytemuck::cast_slice(bytes)[rows]),
        Scalar::I32 => Values::I32(&bytemuck::cast_slice(bytes)[rows]),
        Scalar::U8 => Values::U8(&bytes[rows]),
        Scalar::U16 => Values::U16(&bytemuck::cast_slice(bytes)[rows]),
        Scalar::U32 => Values::U32(&bytemuck::cast_slice(bytes)[rows]),
        Scalar::Bool => Values::Bool(&bytes[rows]),
    }
}
