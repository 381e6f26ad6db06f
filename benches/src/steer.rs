//! The rule `steer` of boids-p1 as a native kernel of the same shape: blocks of rows side by side against their
//! candidates. The same arithmetic in the same order: it ends in the same bits as the text.

use diptych_protocol::access::{Access, AccessError, IndexHandle, Own, Prev};
use diptych_protocol::blame::Fault;
use diptych_protocol::limits::BLOCK_ROWS_MAX;
use diptych_protocol::math;
use diptych_protocol::space::Space;
use diptych_protocol::view::Batch;
use diptych_workers::index::{Block, KdTree, Neighbours};
use diptych_workers::kernel::Kernel;
use diptych_workers::wide::wide;

/// `owns Velocity reads Velocity index tree`
pub struct Steer {
    velocity: Prev<f32, 2>,
    next: Own<f32, 2>,
    index: IndexHandle,
    neighbours: Neighbours,
    near: [Vec<f32>; 4],
}

/// Binds it.
///
/// # Errors
/// If the system does not declare what it needs.
pub fn bind(access: &mut Access<'_>) -> Result<Box<dyn Kernel>, AccessError> {
    Ok(Box::new(Steer {
        velocity: access.prev("Velocity")?,
        next: access.own("Velocity")?,
        index: access.index()?,
        neighbours: Neighbours::default(),
        near: Default::default(),
    }))
}

impl Kernel for Steer {
    fn run(&mut self, batch: &Batch<'_, '_>) -> Result<(), Fault> {
        let index = batch.index_of(self.index);
        let (tree, positions) = (KdTree(batch.kd(index)), batch.positions(index));
        let [x, y] = positions.axes() else { return Err(Fault::new("two dimensions")) };
        let ([u, v], [next_u, next_v]) = (batch.prev(self.velocity), batch.own(self.next));
        let (space, dt, near) = (batch.space(), batch.dt(), &mut self.near);
        let columns = [*x, *y, u, v];
        self.neighbours.for_each_block(&tree, space, positions.axes(), batch.rows, 1.0, |block| {
            for (near, column) in near.iter_mut().zip(columns) {
                block.candidates.gather(column, near);
            }
            let (near, straight) = (&*near, block.straight);
            let new = wide(
                #[inline(always)]
                || {
                    if straight {
                        update::<true>(&block, columns, near, space, dt)
                    } else {
                        update::<false>(&block, columns, near, space, dt)
                    }
                },
            );
            for (lane, &row) in block.rows.iter().enumerate() {
                let at = (row - batch.rows.start) as usize;
                (next_u[at], next_v[at]) = (new[0][lane], new[1][lane]);
            }
        });
        Ok(())
    }
}

#[inline(always)]
fn update<const STRAIGHT: bool>(
    block: &Block<'_>,
    [x, y, u, v]: [&[f32]; 4],
    near: &[Vec<f32>; 4],
    space: &Space,
    dt: f32,
) -> [[f32; BLOCK_ROWS_MAX]; 2] {
    let zero = [0f32; BLOCK_ROWS_MAX];
    let (mut qx, mut qy, mut qu, mut qv) = (zero, zero, zero, zero);
    let mut rows = [u32::MAX; BLOCK_ROWS_MAX];
    for (lane, &row) in block.rows.iter().enumerate() {
        let at = row as usize;
        rows[lane] = row;
        (qx[lane], qy[lane], qu[lane], qv[lane]) = (x[at], y[at], u[at], v[at]);
    }
    let mut count = [0u32; BLOCK_ROWS_MAX];
    let (mut cx, mut cy, mut au, mut av, mut sx, mut sy) = (zero, zero, zero, zero, zero, zero);
    let others = block.candidates.rows().iter().zip(&near[0]).zip(&near[1]).zip(&near[2]).zip(&near[3]);
    for ((((&other, &x), &y), &u), &v) in others {
        for lane in 0..BLOCK_ROWS_MAX {
            let (dx, dy) = if STRAIGHT {
                (x - qx[lane], y - qy[lane])
            } else {
                (space.delta(0, qx[lane], x), space.delta(1, qy[lane], y))
            };
            let d2 = dx * dx + dy * dy;
            let near = d2 <= 1.0 && other != rows[lane];
            let close = near && d2 <= 0.25;
            count[lane] += u32::from(near);
            cx[lane] = if near { cx[lane] + dx } else { cx[lane] };
            cy[lane] = if near { cy[lane] + dy } else { cy[lane] };
            au[lane] = if near { au[lane] + u } else { au[lane] };
            av[lane] = if near { av[lane] + v } else { av[lane] };
            sx[lane] = if close { sx[lane] + dx } else { sx[lane] };
            sy[lane] = if close { sy[lane] + dy } else { sy[lane] };
        }
    }
    let mut new = [zero; 2];
    for lane in 0..BLOCK_ROWS_MAX {
        let (mut ax, mut ay) = (-sx[lane], -sy[lane]);
        if count[lane] > 0 {
            let c = 1.0 / count[lane] as f32;
            ax += 0.2 * cx[lane] * c + 0.5 * (au[lane] * c - qu[lane]);
            ay += 0.2 * cy[lane] * c + 0.5 * (av[lane] * c - qv[lane]);
        }
        let (u, v) = (qu[lane] + ax * dt, qv[lane] + ay * dt);
        let length = (u * u + v * v).sqrt();
        let factor = math::min(math::max(length, 0.3), 1.0) / if length > 0.0 { length } else { 1.0 };
        let some = length > 0.0;
        new[0][lane] = if some { u * factor } else { u };
        new[1][lane] = if some { v * factor } else { v };
    }
    new
}
