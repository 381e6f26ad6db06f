//! Every limit and every constant that cuts the work, in one place.
//!
//! Whatever decides a batch or block boundary stands here or in the program, never on the machine: results must
//! not depend on the number of workers.

/// Rows of one group; also what a `u32` row number and the padding of capacities allow.
pub const ROWS_MAX: u32 = 1 << 30;
/// Frames of one run: ticks are 32-bit, two of them are taken (none, set-up).
pub const FRAMES_MAX: u32 = u32::MAX - 2;
/// Workers of one run.
pub const WORKERS_MAX: u16 = 1024;
/// Batches of one stage: the width of the count in a progress word.
pub const STAGE_BATCHES_MAX: u32 = (1 << 20) - 1;
/// Batches of all stages: each has a ticket of 8 bytes.
pub const TICKETS_MAX: u32 = 1 << 28;
/// Stages of one tick: the width of the stage in a progress word.
pub const STAGES_MAX: u16 = 1 << 12;

/// Columns that one system may own: what a view keeps a bit of each in one word.
pub const OWNS_MAX: usize = 128;

/// Batch ranges are multiples of this many rows and capacities are padded to it, so that no SIMD tail, mark word
/// or cache line is shared by two batches.
pub const ROW_ALIGN: u32 = 64;
/// How a kind of work is cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Grain {
    /// So many batches are aimed at,
    pub batches: u32,
    /// but none of fewer rows (if there are so many),
    pub rows_min: u32,
    /// and none of more.
    pub rows_max: u32,
}

/// A stream over own rows, a nanosecond a row or less: a claim costs as much as a few hundred rows, so batches are
/// few; and at most 64 KiB a column, of which [narrow ones](Grain::of_width) have more rows.
pub const STREAM: Grain = Grain { batches: 16, rows_min: 1_024, rows_max: 16_384 };
/// Work that asks an index or walks another group, hundreds of nanoseconds a row: batches are many, to balance a few
/// dozen workers.
pub const SPATIAL: Grain = Grain { batches: 64, rows_min: ROW_ALIGN, rows_max: 2_048 };
/// The counting and scattering steps of an index: each batch has a count for every chunk, so batches never become
/// more.
pub const COUNTING: Grain = Grain { batches: 64, rows_min: 1_024, rows_max: ROWS_MAX };

/// The rows that a living group has room for are cut into blocks for births and ends: a bit or less of work a row.
pub const BLOCKS: Grain = Grain { batches: 64, rows_min: 4_096, rows_max: 65_536 };

impl Grain {
    /// The same for values of at most so many bytes: as many more rows at most as they are narrower than 4 bytes.
    pub fn of_width(self, bytes: u32) -> Self {
        Self { rows_max: self.rows_max * 4 / bytes.clamp(1, 4), ..self }
    }

    /// Rows a batch of a group of so many rows: a multiple of [`ROW_ALIGN`].
    pub fn batch_rows(self, rows: u32) -> u32 {
        rows.div_ceil(self.batches).next_multiple_of(ROW_ALIGN).clamp(self.rows_min, self.rows_max)
    }
}

/// A k-d tree is built in chunks of about this many rows, each a batch of its own.
pub const KD_CHUNK_ROWS: u32 = 2_048;
/// Rows sampled for each chunk when the partition into chunks is chosen.
pub const KD_SAMPLE_PER_CHUNK: u32 = 32;
/// Rows that the least box around rows of a group in the order of a tree is around, and how many boxes one of the next
/// level is around. Rows within a compact piece of a bucket are in no order in space: of these few the box is smaller than
/// the piece's.
pub const STRETCH_ROWS: u32 = 4;
/// See [`STRETCH_ROWS`].
pub const STRETCH_FAN: u32 = 64;
/// A grid has at most so many cells for each of its rows: a sparse world does not pay for empty ones.
pub const GRID_CELLS_A_ROW: u32 = 4;
/// The most cells of a grid along an axis: about as many as an `f32` tells apart, and so few that whole vectors find them.
pub const GRID_CELLS_ALONG: u32 = 1 << 23;
/// Into so many parts a grid's cells are cut along x, the first of these that leaves them few enough. Measured: with 4 a
/// rule's loop has a tenth to a fifth fewer turns than with 1.
pub const GRID_PARTS_X: [u32; 3] = [4, 2, 1];
/// A grid is built in chunks of about this many rows, each a batch of its own,
pub const GRID_CHUNK_ROWS: u32 = 2_048;
/// and never in more of them: each counting batch has a count for every one.
pub const GRID_CHUNKS_MAX: u32 = 1_024;
/// Rows of a k-d bucket that a scenario may ask for.
pub const KD_BUCKETS: [u32; 7] = [8, 16, 32, 64, 128, 256, 512];
/// The largest opening angle of a tree with summaries. Beyond it few nodes are taken sooner: most are by then as near as a
/// node may be.
pub const ANGLE_MAX: f32 = 1.5;
/// Rows that ask together for what is far: those of the highest node of a tree that has no more, or of one bucket. Smaller
/// buckets then cost no more questions; what is near is met in smaller nodes. Measured on `nbody`, beside 32: a tenth faster,
/// since vectors of 16 are fuller and questions fewer, at a smaller error.
pub const FAR_ROWS: u32 = 48;
/// Rows of the parties that share what they find: those of the highest node that has no more.
pub const FAR_DISTRICT_ROWS: u32 = 256;
/// An inverse lists its targets in chunks of at least this many rows,
pub const INVERSE_CHUNK_ROWS: u32 = 4_096;
/// and never in more chunks: each counting batch has a count for every one.
pub const INVERSE_CHUNKS_MAX: u32 = 1_024;
/// A ranking of all rows is listed by ranges of numbers, each of about so many rows when all take part,
pub const MATCH_RANGE_ROWS: u32 = 8;
/// and sorted in chunks of at least so many ranges.
pub const MATCH_CHUNK_RANGES: u32 = 1_024;
/// Rows of a block that reductions are summed in: sums are formed row by row within a block, then block by block. A batch of
/// a stage of their own has one, one of a pass that also reduces whole ones.
pub const REDUCE_ROWS: u32 = 8_192;
/// Rows of a batch that counts digits for quantiles: each has a count for every value of a digit.
pub const TALLY_ROWS: u32 = 32_768;
/// Bins of a histogram: a block keeps a count of each.
pub const BINS_MAX: u16 = 1_024;
/// Inputs of a program; the ring of commands has room for all of two ticks.
pub const COMMANDS_MAX: usize = 1_024;
/// States that the ring of recorded signals holds. Workers run no further than it has room, and the coordinator is
/// woken at each half: at 10^5 frames a second that is every 5 ms, a hundred times what a wake-up costs.
pub const RECORD_RING: u32 = 1_024;
/// Events that a worker's ring holds, where a run is traced: 2.6 MB. At 10^5 batches a second of two systems each it is emptied
/// some ten times in the time that it takes to fill.
pub const TRACE_RING: usize = 1 << 16;
/// Neighbours that a `nearest` can ask for.
pub const NEAREST_MAX: u16 = 256;

/// Births that a row can ask for in a frame by one statement in a loop.
pub const BIRTHS_MAX: u32 = 256;
/// Rows that a condition is asked about at a time: its answer has a bit for each.
pub const OFFERED_MAX: u16 = 32;
/// Lanes that any back end computes at once. Divides [`ROW_ALIGN`], so that a block may also be a stretch of the columns
/// themselves.
pub const LANES_MAX: usize = 64;
/// Rows that ask an index together: lanes of one block.
pub const BLOCK_ROWS_MAX: usize = 16;

/// Rows of a block of the state hash.
pub const HASH_BLOCK_ROWS: u32 = 16_384;

/// Alignment of every array in a segment: two cache lines, the pair that x86 prefetches together.
pub const ARRAY_ALIGN: usize = 128;

/// How many crashes of its holders a batch may cost before the run fails and blames it.
pub const CRASHES_A_BATCH_MAX: u32 = 2;
/// How many of its holders may be killed in a row, no batch being finished between.
pub const KILLS_A_BATCH_MAX: u32 = 8;
/// How many workers in a row may crash that hold no batch, no batch being finished between.
pub const IDLE_CRASHES_MAX: u32 = 4;
/// How many times in a row a worker may die before it has attached.
pub const DEATHS_AT_LAUNCH_MAX: u32 = 5;

/// Failures that a run can be told to have: a bit of a shared word each.
pub const INJECTIONS_MAX: usize = 64;

/// Bytes of a segment's description: more than any scenario's, and what a reader takes from whoever wrote a header.
pub const DESCRIPTION_BYTES_MAX: u64 = 64 << 20;
/// Bytes of a scenario file.
pub const SCENARIO_BYTES_MAX: u64 = 16 << 20;
