//! Lines of cells of one byte on a torus, a task some of them.

use rayon::prelude::*;

/// Cells of one task of rayon's, about: below that handing it out shows, far above that threads wait for each other.
const TASK_CELLS: usize = 65_536;

/// Computes the lines of `next` from those of `prev`, and adds up what is counted. `line` gets the number of the line,
/// the lines above, at and below it, a buffer, and the line to fill. The buffer is made once a task.
pub(super) fn lines<B, const COUNTS: usize>(
    [prev, next]: [&mut Vec<u8>; 2],
    width: usize,
    buffer: impl Fn() -> B + Sync,
    line: impl Fn(usize, [&[u8]; 3], &mut B, &mut [u8]) -> [u32; COUNTS] + Sync,
) -> [u32; COUNTS] {
    let height = prev.len() / width;
    let at = |y: usize| &prev[y * width..][..width];
    let lines = (TASK_CELLS / width).max(1);
    let tasks = next.par_chunks_mut(lines * width).enumerate();
    let counts = tasks.map(|(task, next)| {
        let mut buffer = buffer();
        let mut counts = [0; COUNTS];
        for (y, next) in (task * lines..).zip(next.chunks_exact_mut(width)) {
            let around = [at((y + height - 1) % height), at(y), at((y + 1) % height)];
            counts = add(counts, line(y, around, &mut buffer, next));
        }
        counts
    });
    let counts = counts.reduce(|| [0; COUNTS], add);
    std::mem::swap(prev, next);
    counts
}

fn add<const COUNTS: usize>(a: [u32; COUNTS], b: [u32; COUNTS]) -> [u32; COUNTS] {
    std::array::from_fn(|at| a[at] + b[at])
}

/// For each cell of a line how many of the nine around and at it have something. `threes` is a buffer of two more than
/// the width; `nine` gets the place of a cell and its count.
#[inline(always)]
pub(super) fn nines(
    [above, own, below]: [&[u8]; 3],
    threes: &mut [u8],
    has: impl Fn(u8) -> u8,
    mut nine: impl FnMut(usize, u8),
) {
    let width = own.len();
    let (above, below) = (&above[..width], &below[..width]);
    {
        let threes = &mut threes[1..][..width];
        for x in 0..width {
            threes[x] = has(above[x]) + has(own[x]) + has(below[x]);
        }
    }
    // The opposite ends of the line stand beside its own.
    (threes[0], threes[width + 1]) = (threes[width], threes[1]);
    let (left, middle, right) = (&threes[..width], &threes[1..][..width], &threes[2..][..width]);
    for x in 0..width {
        nine(x, left[x] + middle[x] + right[x]);
    }
}

/// How many cells have something.
#[inline(always)]
pub(super) fn count(cells: &[u8], has: impl Fn(u8) -> u8) -> u32 {
    // So few that a byte holds their sum: many lanes at once.
    cells.chunks(240).map(|cells| u32::from(cells.iter().fold(0u8, |sum, cell| sum + has(*cell)))).sum()
}
