//! The k-d tree index: built in phases by whoever claims them, asked by blocks of rows.
//!
//! The arrays and which phase writes them are named in [`diptych_protocol::kd`]. A phase is a pure function over
//! slices of them: it reads only what earlier phases wrote (or what it wrote itself in this run), so that it can run
//! again, anywhere, in any order of its batches. In the order of the phases:
//!
//! 1. [`split()`] chooses the planes that part the rows into chunks,
//! 2. [`count()`] finds each row's chunk and checks its position; [`refit()`] fits boxes around stretches of rows, where
//!    these are kept in the order of the tree,
//! 3. [`place()`] sums the counts to places,
//! 4. [`scatter()`] lists the rows of each chunk,
//! 5. [`build()`] builds a tree over one chunk; its leaves are the buckets; [`summarise()`] sums over its nodes,
//! 6. [`seal()`] numbers the buckets through and makes the boxes above the chunks; [`summarise_top()`] sums over these,
//!    [`refit_above()`] fits boxes around boxes.
//!
//! Then a [`KdTree`] is made of the finished arrays, and [`Neighbours`] asks it; [`Asker`] for rows of any group,
//! [`Nearest`] for a number of neighbours, [`Among`] for those of them that a condition is true for, [`FarList`] for
//! everything, what is far in summaries. Who asks one behind another shares what is searched, if near each other: blocks an
//! *area* (`region`; `stretches`, where rows are in order), rows of a bucket that ask for their nearest what is around it (`crowd`). [`LocalIndex`] is all of it in
//! plain vectors of one process, for tests, benchmarks and tools.

mod among;
mod block;
mod build;
mod candidates;
mod count;
mod crowd;
mod cut;
mod exact;
mod far;
mod halve;
mod keys;
mod leaves;
mod local;
mod nearest;
mod neighbours;
mod order;
mod place;
mod refit;
mod region;
mod round;
mod scatter;
mod scratch;
mod seal;
mod split;
mod stretches;
mod summarise;
mod tree;
mod window;

pub use among::Among;
pub use block::{Blocks, Bounds};
pub use build::{BuildError, ChunkArrays, build};
pub use candidates::Candidates;
pub(crate) use count::blame;
pub use count::{BadPosition, Splits, count};
pub(crate) use cut::{extent, greater, lesser};
pub use exact::{Asked, Exact};
pub use far::{FarList, Party};
pub(crate) use keys::Keys;
pub use local::{IndexError, LocalIndex};
pub use nearest::Nearest;
pub use neighbours::{Asker, Block, Neighbours};
pub(crate) use order::ascend_few;
pub use place::place;
pub(crate) use place::sum;
pub use refit::{refit, refit_above};
pub use region::Sight;
pub use round::round;
pub use scatter::scatter;
pub(crate) use scatter::{TOGETHER, bring};
pub use scratch::KdScratch;
pub use seal::seal;
pub use split::split;
pub use summarise::{ChunkBuckets, Chunks, SummaryScratch, summarise, summarise_top};
pub use tree::KdTree;
pub(crate) use window::Window;

/// The coordinate columns as an array of `K`, and a call of the body with that `K`.
macro_rules! per_axes {
    ($positions:expr, |$columns:ident| $body:expr) => {
        match *$positions {
            [x] => {
                let $columns = [x];
                $body
            }
            [x, y] => {
                let $columns = [x, y];
                $body
            }
            [x, y, z] => {
                let $columns = [x, y, z];
                $body
            }
            _ => unreachable!("an index has one to three axes, not {}", $positions.len()),
        }
    };
}
pub(crate) use per_axes;
