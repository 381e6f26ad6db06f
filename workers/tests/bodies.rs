//! Systems in text, whole frames in one process, against plain loops over all rows: bit for bit.

mod scene;

use diptych_protocol::program::When;
use diptych_protocol::types::NO_ROW;
use diptych_workers::body::{Backend, backends};
use scene::{CLOSEST, Cells, LINKS, NEAREST, POINTS, REACH, Scene, State, WATCHERS, column};

/// What a row of the points comes to by a loop over all rows.
#[derive(Default)]
struct Pulled {
    pull: f32,
    count: u32,
    order: u32,
}

fn join(known: u32, row: u32) -> u32 {
    known.wrapping_mul(31).wrapping_add(row)
}

/// Everything within reach of a point, in the order of the index.
fn within(state: &State, from: (f32, f32), own: Option<u32>) -> Pulled {
    let mut all = Pulled::default();
    for row in state.met.iter().copied().filter(|row| Some(*row) != own) {
        let at = row as usize;
        let dx = state.space.delta(0, from.0, state.x[at]);
        let dy = state.space.delta(1, from.1, state.y[at]);
        if dx * dx + dy * dy <= REACH * REACH {
            all.pull += state.mass[at] * dx;
            all.count += 1;
            all.order = join(all.order, row);
        }
    }
    all
}

fn nearest(state: &State, from: (f32, f32), own: Option<u32>, count: usize) -> u32 {
    let squared = |row: u32| {
        let dx = state.space.delta(0, from.0, state.x[row as usize]);
        let dy = state.space.delta(1, from.1, state.y[row as usize]);
        dx * dx + dy * dy
    };
    let mut rows: Vec<(f32, u32)> =
        (0..state.rows[0]).filter(|row| Some(*row) != own).map(|row| (squared(row), row)).collect();
    rows.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    rows.iter().take(count).fold(0, |known, (_, row)| join(known, *row))
}

/// Compares every column that a system owns with what plain loops give.
fn check(state: &State) {
    let [points, watchers] = state.rows;
    let mut referring = vec![vec![]; points as usize];
    for (row, &to) in state.to.iter().enumerate() {
        if to < points {
            referring[to as usize].push(row as u32);
        }
    }
    let full = points == POINTS;
    assert!(!full || state.to.contains(&NO_ROW) && referring.iter().any(|list| list.len() > 2));
    let mut seen = 0;
    for row in 0..points {
        let at = row as usize;
        let from = (state.x[at], state.y[at]);
        let near = within(state, from, Some(row));
        assert_eq!(state.pull[at].to_bits(), near.pull.to_bits(), "the pull of {row}");
        assert_eq!((state.count[at], state.order[at]), (near.count, near.order), "the neighbours of {row}");
        seen += near.count;
        let got = referring[at].iter().fold(0.0f32, |got, &other| got + state.mass[other as usize] * 0.5);
        assert_eq!(state.got[at].to_bits(), got.to_bits(), "what {row} got");
        // A sort of all rows takes its time.
        if row % 5 == 0 {
            assert_eq!(state.near[at], nearest(state, from, Some(row), NEAREST), "the nearest of {row}");
        }
        let mut mixed = near.pull;
        for (turn, &other) in referring[at].iter().enumerate() {
            if turn < LINKS {
                mixed -= state.mass[other as usize];
            }
        }
        assert_eq!(state.mixed[at].to_bits(), mixed.to_bits(), "the mixture of {row}");
    }
    assert!(!full || seen > points, "neighbours were found");
    let everything = |own: u32| {
        let others = (0..points).filter(|row| *row != own);
        others.fold(0.0f32, |sum, row| sum + state.mass[row as usize])
    };
    for row in (0..points).step_by(7).chain(points.checked_sub(1)) {
        // Even rows are masked.
        let expected = if row % 2 == 0 { 0.0 } else { everything(row) };
        assert_eq!(state.all[row as usize].to_bits(), expected.to_bits(), "the sum of all but {row}");
    }
    for row in 0..watchers {
        let at = row as usize;
        let from = (state.watcher_x[at], state.watcher_y[at]);
        let near = within(state, from, None);
        assert_eq!(state.seen[at].to_bits(), near.pull.to_bits(), "what {row} sees");
        assert_eq!(state.closest[at], nearest(state, from, None, CLOSEST), "the closest to {row}");
    }
}

#[test]
fn rows_see_what_plain_loops_see_however_blocks_are_formed() {
    for (bucket_rows, batch_rows) in [(8, 64), (64, 512), (256, 2048)] {
        for ordered in [false, true] {
            let scene = Scene { bucket_rows, batch_rows, ordered, ..Scene::default() };
            check(&scene.run(Backend::Interpreter, 1));
        }
    }
}

#[test]
fn every_back_end_gives_the_same_bits() {
    for ordered in [false, true] {
        let scene = Scene { ordered, ..Scene::default() };
        let states: Vec<State> = backends().map(|backend| scene.run(backend, 2)).collect();
        states.iter().for_each(check);
        assert!(states.iter().all(|state| state.bytes == states[0].bytes));
    }
}

#[test]
fn rows_see_by_a_grid_what_plain_loops_see_by_cell_then_row() {
    // A cell as long as the reach, shorter, longer, and one along each axis.
    for cell in [REACH, 0.01, 0.2, 0.7] {
        for (copied, ordered, backend) in
            [(false, cell < REACH, Backend::Interpreter), (true, cell > REACH, Backend::Compiled)]
        {
            let scene = Scene { ordered, grid: Some(Cells { cell, copied }), ..Scene::default() };
            check(&scene.run(backend, 2));
        }
    }
}

#[test]
fn every_back_end_gives_the_same_bits_by_a_grid() {
    for (copied, ordered) in [(false, false), (true, true)] {
        let scene = Scene { ordered, grid: Some(Cells { cell: REACH, copied }), ..Scene::default() };
        let states: Vec<State> = backends().map(|backend| scene.run(backend, 2)).collect();
        assert!(states.iter().all(|state| state.bytes == states[0].bytes));
    }
}

#[test]
fn how_rows_are_batched_and_what_is_copied_changes_no_bit() {
    let run = |batch_rows, copied| {
        Scene { batch_rows, grid: Some(Cells { cell: REACH, copied }), ..Scene::default() }.run(Backend::Interpreter, 1)
    };
    let first = run(64, false);
    for (batch_rows, copied) in [(64, true), (256, false), (1024, true)] {
        assert!(run(batch_rows, copied).bytes == first.bytes);
    }
}

#[test]
fn a_grid_over_fresh_positions_is_asked_from_fresh_positions() {
    for copied in [false, true] {
        let scene = Scene { when: When::Fresh, grid: Some(Cells { cell: REACH, copied }), ..Scene::default() };
        check(&scene.run(Backend::Compiled, 1));
        check(&scene.run(Backend::Interpreter, 3));
    }
}

#[test]
fn an_index_over_fresh_positions_is_asked_from_fresh_positions() {
    let scene = Scene { when: When::Fresh, ..Scene::default() };
    // The state has the positions that the last frame made, which its index held.
    check(&scene.run(Backend::Interpreter, 1));
    check(&scene.run(Backend::Interpreter, 3));
}

#[test]
fn a_second_frame_from_the_same_state_writes_the_same() {
    let scene = Scene::default();
    let [one, three] = [1, 3].map(|frames| scene.run(Backend::Interpreter, frames));
    assert!(one.bytes == three.bytes, "nothing moves, so nothing changes");
    assert_eq!(column::<u32>(&one.bytes[0]).len(), POINTS as usize);
}

#[test]
fn what_was_there_before_is_not_seen_when_there_are_fewer_rows() {
    let few = [[0, 0], [1, 5], [2, 333], [63, 64], [64, 1], [700, 0], [0, 300], [2049, 200], [2999, 333], [3000, 332]];
    let grid = |cell| Some(Cells { cell, copied: true });
    for (grid, ordered) in [(None, false), (None, true), (grid(REACH), false), (grid(0.004), true)] {
        let scene = Scene { bucket_rows: 16, batch_rows: 64, ordered, grid, ..Scene::default() };
        for (at, rows) in few.into_iter().enumerate() {
            let backend = if at % 2 == 0 { Backend::Compiled } else { Backend::Interpreter };
            // All, then more or less, then these.
            let state = scene.run_with(backend, &[[POINTS, WATCHERS], few[few.len() - 1 - at], rows]);
            check(&state);
            assert!(state.bytes == scene.run_with(backend, &[rows]).bytes, "from clean arrays, with {rows:?}");
        }
    }
}
