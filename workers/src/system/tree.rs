//! Asking a k-d tree who is near.

use diptych_protocol::access::{Access, AccessError, IndexHandle};
use diptych_protocol::blame::Fault;
use diptych_protocol::id::IndexId;
use diptych_protocol::program::Program;
use diptych_protocol::space::Edge;
use diptych_protocol::types::Scalar;

use super::frame::Frame;
use crate::index::{Block, KdTree, Neighbours};

/// The k-d tree that a system asks: `index NAME`.
#[derive(Clone, Copy, Debug)]
pub struct Tree {
    handle: IndexHandle,
}

/// Room for asking: part of a system's scratch.
#[derive(Default)]
pub struct Around {
    neighbours: Neighbours,
}

/// Two rows that are near each other, as the first of them sees it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Near {
    /// The place within the batch of the row that sees it.
    pub place: usize,
    /// The row that sees it.
    pub row: u32,
    /// The other row.
    pub other: u32,
    /// The other's position minus the own one, on a torus the short way; an axis each, 0 beyond the space's.
    pub delta: [f32; 3],
    /// The sum of the squares of `delta`.
    pub distance_squared: f32,
}

impl Tree {
    pub(super) fn new(access: &mut Access<'_>) -> Result<Self, AccessError> {
        let handle = access.index()?;
        let program = access.program();
        for index in access.system().indexes.iter().map(|&index| &program.indexes[index]) {
            let wide = index.positions.iter().any(|&column| program.columns[column].scalar != Scalar::F32);
            if wide || index.group != access.system().group {
                let reason = if wide { "its positions are f64" } else { "it holds the rows of another group" };
                return Err(AccessError(format!(
                    "the kernel asks tree {} who is near, and {reason}: only f32 positions of the own group can be asked",
                    index.name
                )));
            }
        }
        Ok(Self { handle })
    }

    /// Calls `f` for each pair of a row of the batch and another that is at most `reach` away. A row sees the others in
    /// the order of their numbers; in which order the rows come is left open, so `f` must keep apart what belongs to
    /// each ([`Near::place`]).
    ///
    /// The distance is that of the language: `sqrt(dx * dx + dy * dy + …) <= reach`, in squares of `f32`.
    pub fn near(
        self,
        frame: &Frame<'_>,
        around: &mut Around,
        reach: f32,
        mut f: impl FnMut(Near),
    ) -> Result<(), Fault> {
        let space = frame.space();
        let first = frame.rows().start;
        let positions = frame.batch().positions(frame.batch().index_of(self.handle));
        let axes = positions.axes();
        self.blocks(frame, around, reach, |block| {
            for &row in block.rows {
                for &other in block.candidates.rows() {
                    let mut delta = [0.0; 3];
                    let mut distance_squared = 0.0;
                    for (axis, column) in axes.iter().enumerate() {
                        let d = space.delta(axis, column[row as usize], column[other as usize]);
                        delta[axis] = d;
                        distance_squared = if axis == 0 { d * d } else { distance_squared + d * d };
                    }
                    if distance_squared <= reach * reach && other != row {
                        f(Near { place: (row - first) as usize, row, other, delta, distance_squared });
                    }
                }
            }
        })
    }

    /// Calls `f` for blocks of up to 16 rows of the batch, with the candidates they share: for loops whose lanes are
    /// rows. Each row is in one block. Who of the candidates is within `reach` is left to `f`.
    pub fn blocks(
        self,
        frame: &Frame<'_>,
        around: &mut Around,
        reach: f32,
        f: impl FnMut(Block<'_>),
    ) -> Result<(), Fault> {
        let (batch, space) = (frame.batch(), frame.space());
        let index = batch.index_of(self.handle);
        check(batch.program(), index, reach)?;
        let tree = KdTree(batch.kd(index));
        let positions = batch.positions(index);
        around.neighbours.for_each_block(&tree, &space, positions.axes(), batch.rows, reach, f);
        Ok(())
    }
}

/// A reach that can be asked: on a torus a row must not see another twice.
fn check(program: &Program, index: IndexId, reach: f32) -> Result<(), Fault> {
    let (space, axes) = (&program.space, program.indexes[index].positions.len());
    let side = (0..axes).map(|axis| space.side(axis)).fold(f32::INFINITY, f32::min);
    if !(reach >= 0.0 && reach.is_finite()) {
        return Err(Fault::new(format!("the kernel asks within {reach}: a reach is finite and not below 0")));
    }
    if space.edge == Edge::Torus && reach > 0.5 * side {
        return Err(Fault::new(format!(
            "the kernel asks within {reach} on a torus whose shortest side is {side}: at most half of it is possible"
        )));
    }
    Ok(())
}
