//! Grids of cells against plain loops: what is read at an offset, around, beside and under a point, beyond every kind of
//! edge, by every back end and number of workers.

use diptych::Program;
use diptych::coordinator::{Options, State};
use diptych_protocol::math::cos;
use diptych_protocol::message::Backend;
use diptych_tests::{program, run_with};

const BINARY: &str = env!("CARGO_BIN_EXE_diptych-under-test");
const FRAMES: u32 = 3;
/// What cells outside read as.
const OUTSIDE: u32 = 77;

/// The final state, which is the same by all ways of running.
#[track_caller]
fn state(program: &Program) -> State {
    let run = |workers, backend| run_with(program, workers, BINARY, Options { backend, ..Options::default() }).unwrap();
    let first = run(0, Backend::Interpreter);
    for (workers, backend) in [(0, Backend::Compiled), (3, Backend::Compiled)] {
        assert_eq!(run(workers, backend).digest, first.digest, "{workers} workers, {}", backend.name());
    }
    first.state
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Edge {
    Torus,
    Clamp,
    Outside,
}

const EDGES: [Edge; 3] = [Edge::Torus, Edge::Clamp, Edge::Outside];

/// A raster as the reference sees it: one cell at a time.
struct Cells {
    extents: Vec<i64>,
    edge: Edge,
}

impl Cells {
    fn new(extents: &[i64], edge: Edge) -> Self {
        Self { extents: extents.to_vec(), edge }
    }

    fn rows(&self) -> i64 {
        self.extents.iter().product()
    }

    fn at(&self, mut row: i64) -> Vec<i64> {
        let mut at = Vec::new();
        for extent in &self.extents {
            at.push(row % extent);
            row /= extent;
        }
        at
    }

    /// The row at an offset; nothing outside.
    fn row(&self, row: i64, offset: &[i64]) -> Option<usize> {
        let mut found = 0;
        for ((x, extent), steps) in self.at(row).iter().zip(&self.extents).zip(offset).rev() {
            let x = x + steps;
            let x = match self.edge {
                Edge::Torus => x.rem_euclid(*extent),
                Edge::Clamp => x.clamp(0, extent - 1),
                Edge::Outside if (0..*extent).contains(&x) => x,
                Edge::Outside => return None,
            };
            found = found * extent + x;
        }
        Some(found as usize)
    }

    fn read(&self, column: &[u32], row: i64, offset: &[i64]) -> u32 {
        self.row(row, offset).map_or(OUTSIDE, |row| column[row])
    }

    /// All offsets within so many steps, in order.
    fn around(&self, reach: i64, beside: bool) -> Vec<Vec<i64>> {
        let mut all = vec![vec![]];
        for _ in &self.extents {
            // The first axis is the fastest: the ones before vary within each step of this one.
            all = (-reach..=reach)
                .flat_map(|step| all.iter().map(move |inner| inner.iter().copied().chain([step]).collect()))
                .collect();
        }
        all.retain(|o: &Vec<i64>| {
            o.iter().any(|x| *x != 0) && (!beside || o.iter().map(|x| x.abs()).sum::<i64>() <= reach)
        });
        all
    }

    fn text(&self) -> (String, String) {
        let sides: Vec<String> = self.extents.iter().map(ToString::to_string).collect();
        let edge = match self.edge {
            Edge::Torus => "torus".into(),
            Edge::Clamp => "clamp".into(),
            Edge::Outside => format!("outside {{ N = {OUTSIDE}, Small = {OUTSIDE}, Flag = true }}"),
        };
        (sides.join(", "), edge)
    }
}

const RASTERS: [&[i64]; 13] = [
    &[1],
    &[2],
    &[65],
    &[1100],
    &[1, 1],
    &[3, 2],
    &[63, 5],
    &[64, 3],
    &[513, 4],
    &[1040, 3],
    &[1, 1, 2],
    &[5, 3, 4],
    &[65, 2, 3],
];

/// Offsets of many sizes, the same for each run.
fn offsets(axes: usize) -> Vec<Vec<i64>> {
    let all = [[1, 0, 0], [-1, 0, 0], [0, 1, -1], [3, -2, 1], [-17, 1, 2], [64, -3, 0], [-600, 5, -4], [0, 0, 1]];
    all.iter().map(|offset| offset[..axes].to_vec()).filter(|offset| offset.iter().any(|x| *x != 0)).collect()
}

#[test]
fn cells_at_an_offset_are_those_of_a_plain_loop_beyond_every_edge() {
    for extents in RASTERS {
        for edge in EDGES {
            let cells = Cells::new(extents, edge);
            let (sides, rim) = cells.text();
            let offsets = offsets(extents.len());
            let shift = |offset: &[i64]| {
                format!("shift({})", offset.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
            };
            let sum: String = offsets.iter().map(|offset| format!("    n = n * 31 + {}.N\n", shift(offset))).collect();
            let last = shift(&offsets[offsets.len() - 1]);
            let text = format!(
                "scenario s\ncomponent N = u32\ncomponent Small = u8\ncomponent Flag = bool\ncomponent Next = u32\n\
                 component To = entity of g\n\
                 grid g[{sides}] {{ edge = {rim}\n N = row * 2654435761 + 5\n Small = u8(row)\n Flag = row % 3 == 0\n \
                 Next = 0\n To = g[row] }}\n\
                 system a for g owns N {{ let mut n: u32 = N\n{sum}    N = n }}\n\
                 system b for g owns Small, Flag {{ Small = Small + {last}.Small * 3\n Flag = Flag != {last}.Flag }}\n\
                 system c for g owns Next, To {{ Next = fresh {last}.N + cell.x\n To = {last} }}\n"
            );
            let state = state(&program(&text, &[], FRAMES));
            let rows = cells.rows();
            let mut n: Vec<u32> = (0..rows as u32).map(|row| row.wrapping_mul(2_654_435_761).wrapping_add(5)).collect();
            let mut small: Vec<u32> = (0..rows as u32).map(|row| row % 256).collect();
            let mut flag: Vec<u32> = (0..rows as u32).map(|row| u32::from(row % 3 == 0)).collect();
            let far = &offsets[offsets.len() - 1];
            for _ in 0..FRAMES {
                let add = |n: &[u32], row: i64| {
                    let read =
                        |sum: u32, offset: &Vec<i64>| sum.wrapping_mul(31).wrapping_add(cells.read(n, row, offset));
                    offsets.iter().fold(n[row as usize], read)
                };
                n = (0..rows).map(|row| add(&n, row)).collect();
                small = (0..rows).map(|row| (small[row as usize] + cells.read(&small, row, far) * 3) % 256).collect();
                let other = |row: i64| cells.row(row, far).map_or(1, |row| flag[row]);
                flag = (0..rows).map(|row| flag[row as usize] ^ other(row)).collect();
            }
            let next = |row: i64| cells.read(&n, row, far).wrapping_add(cells.at(row)[0] as u32);
            let to = |row: i64| cells.row(row, far).map_or(u32::MAX, |row| row as u32);
            let what = format!("{extents:?} {edge:?}");
            let bytes = |name: &str| -> Vec<u32> {
                state.column::<u8>("g", name).unwrap().into_iter().map(u32::from).collect()
            };
            assert_eq!(state.column::<u32>("g", "N").unwrap(), n, "{what}");
            assert_eq!(bytes("Small"), small, "{what}");
            assert_eq!(bytes("Flag"), flag, "{what}");
            assert_eq!(state.column::<u32>("g", "Next").unwrap(), (0..rows).map(next).collect::<Vec<_>>(), "{what}");
            assert_eq!(state.column::<u32>("g", "To").unwrap(), (0..rows).map(to).collect::<Vec<_>>(), "{what}");
        }
    }
}

#[test]
fn neighbourhoods_are_gone_over_in_order_and_as_often_as_they_are_said() {
    for extents in RASTERS {
        for edge in EDGES {
            let cells = Cells::new(extents, edge);
            let (sides, rim) = cells.text();
            let text = format!(
                "scenario s\ncomponent N = u32\ncomponent Small = u8\ncomponent Flag = bool\n\
                 component Many = u32\ncomponent Ordered = u32\ncomponent Best = entity of g\ncomponent Both = bool\n\
                 grid g[{sides}] {{ edge = {rim}\n N = row * 2654435761 % 1000\n Small = 0\n Flag = N % 3 == 0\n Many = 0\n \
                 Ordered = 0\n Best = g[row]\n Both = false }}\n\
                 system a for g owns Many, Ordered, Best, Both {{\n let mut h: u32 = 0\n \
                 for c in g beside 2 where c.N % 5 != 1 {{ let n = c.N + 1\n h = h * 31 + n }}\n Ordered = h\n \
                 Many = count(c in g around 1 where c.Flag) + 100 * count(g beside 1) + 10_000 * sum(c in g around 1 : c.N)\n \
                 Best = argmax(c in g around 1 : c.N)\n \
                 Both = any(c in g beside 1 where c.Flag : c.N > 700) or all(c in g around 1 where c.Flag : c.N > 300) }}\n\
                 system b for g owns Small {{ Small = 1 }}\n"
            );
            let state = state(&program(&text, &[], 1));
            let rows = cells.rows();
            let n: Vec<u32> = (0..rows as u32).map(|row| row.wrapping_mul(2_654_435_761) % 1000).collect();
            let flagged = |row: i64, offset: &[i64]| cells.row(row, offset).is_none_or(|row| n[row].is_multiple_of(3));
            let (all, four, wide) = (cells.around(1, false), cells.around(1, true), cells.around(2, true));
            let find = |name: &str| state.column::<u32>("g", name).unwrap();
            let (many, ordered, best) = (find("Many"), find("Ordered"), find("Best"));
            let both: Vec<u8> = state.column("g", "Both").unwrap();
            for row in 0..rows {
                let what = format!("{extents:?} {edge:?}, row {row}");
                let values = |list: &[Vec<i64>]| -> Vec<u32> { list.iter().map(|o| cells.read(&n, row, o)).collect() };
                let count = all.iter().filter(|o| flagged(row, o)).count() as u32;
                let sum: u32 = values(&all).iter().sum();
                let i = row as usize;
                assert_eq!(many[i], count + 100 * four.len() as u32 + 10_000 * sum, "{what}");
                let hashed = values(&wide).into_iter().filter(|n| n % 5 != 1);
                let hashed = hashed.fold(0u32, |h, n| h.wrapping_mul(31).wrapping_add(n + 1));
                assert_eq!(ordered[i], hashed, "{what}");
                let most = values(&all).into_iter().max().unwrap();
                let first = all.iter().find(|o| cells.read(&n, row, o) == most).unwrap();
                assert_eq!(best[i], cells.row(row, first).map_or(u32::MAX, |row| row as u32), "{what}");
                let any = four.iter().any(|o| flagged(row, o) && cells.read(&n, row, o) > 700);
                let every = all.iter().all(|o| !flagged(row, o) || cells.read(&n, row, o) > 300);
                assert_eq!(both[i], u8::from(any || every), "{what}");
            }
        }
    }
}

/// Lines by which the reference works in `f32`, operation by operation as the language says.
fn in_cells(x: f32, low: f32, high: f32, cells: i64, torus: bool) -> f32 {
    let side = high - low;
    let x = match torus {
        _ if (low..high).contains(&x) => x,
        true => {
            let y = x - side * ((x - low) / side).floor();
            if y >= high || y < low { low } else { y }
        }
        false => {
            if x < low {
                low
            } else if x > high {
                high
            } else {
                x
            }
        }
    };
    (x - low) * (cells as f32 / side)
}

#[test]
fn points_fall_into_cells_and_samples_lie_between_their_centres() {
    let (low, high) = ([-2.0f32, 1.0, 0.5], [5.0f32, 4.5, 2.5]);
    for extents in [&[7][..], &[1], &[14, 7], &[3, 64], &[5, 4, 3]] {
        for (space, edge) in [
            ("torus", Edge::Torus),
            ("box", Edge::Clamp),
            ("box", Edge::Outside),
            ("torus", Edge::Outside),
            ("box", Edge::Torus),
        ] {
            let cells = Cells::new(extents, edge);
            let axes = extents.len();
            let corner = |all: &[f32]| all[..axes].iter().map(|x| format!("{x:?}")).collect::<Vec<_>>().join(", ");
            let (sides, _) = cells.text();
            let rim = match edge {
                Edge::Torus => "torus",
                Edge::Clamp => "clamp",
                Edge::Outside => "outside { Height = -3.0 }",
            };
            let vector = ["f32", "vec2", "vec3"][axes - 1];
            let point = match axes {
                1 => "uniform(-9.0, 12.0)".to_string(),
                _ => format!("{vector}({})", vec!["uniform(-9.0, 12.0)"; axes].join(", ")),
            };
            let text = format!(
                "scenario s\nspace {space} ({}) .. ({})\ncomponent Height = f32\ncomponent Middle = {vector}\n\
                 component Back = entity of g\ncomponent P = {vector}\ncomponent Where = entity of g\ncomponent H = f32\n\
                 component Under = f32\ncomponent At = {vector}\n\
                 grid g[{sides}] {{ edge = {rim}\n Height = f32(row * 7 % 11) - 4.0\n Middle = centre(self)\n \
                 Back = cell(g, centre(g[row])) }}\n\
                 group a[700] {{ P = {point}\n Where = cell(g, P)\n H = 0\n Under = 0\n At = P * 0 }}\n\
                 system s for a owns H, Under, At {{ H = sample(g.Height, P)\n Under = cell(g, P).Height\n \
                 At = centre(Where) }}\n",
                corner(&low),
                corner(&high)
            );
            let state = state(&program(&text, &[], 1));
            let what = format!("{extents:?} {space} {edge:?}");
            let lanes: &[&str] = if axes == 1 { &[""] } else { &[".x", ".y", ".z"][..axes] };
            let vectors = |group: &str, name: &str| -> Vec<Vec<f32>> {
                lanes.iter().map(|lane| state.column(group, &format!("{name}{lane}")).unwrap()).collect()
            };
            let (points, at, middle) = (vectors("a", "P"), vectors("a", "At"), vectors("g", "Middle"));
            let heights: Vec<f32> = state.column("g", "Height").unwrap();
            let found = |name: &str| state.column::<f32>("a", name).unwrap();
            let (under, sampled) = (found("Under"), found("H"));
            let whose: Vec<u32> = state.column("a", "Where").unwrap();
            let back: Vec<u32> = state.column("g", "Back").unwrap();
            assert!(back.iter().enumerate().all(|(row, back)| row == *back as usize), "{what}: {back:?}");
            for row in 0..cells.rows() {
                for (axis, x) in cells.at(row).iter().enumerate() {
                    let edge = (high[axis] - low[axis]) / extents[axis] as f32;
                    assert_eq!(middle[axis][row as usize], low[axis] + (*x as f32 + 0.5) * edge, "{what}");
                }
            }
            for i in 0..points[0].len() {
                let place =
                    |axis: usize| in_cells(points[axis][i], low[axis], high[axis], extents[axis], space == "torus");
                let row = (0..axes)
                    .rev()
                    .fold(0, |row, axis| row * extents[axis] + (place(axis) as i64).min(extents[axis] - 1));
                assert_eq!(i64::from(whose[i]), row, "{what}, point {i}");
                assert_eq!(under[i], heights[row as usize], "{what}, point {i}");
                assert!((0..axes).all(|axis| at[axis][i] == middle[axis][row as usize]), "{what}, point {i}");
                let below: Vec<f32> = (0..axes).map(|axis| (place(axis) - 0.5).floor()).collect();
                let mut corners: Vec<f32> = (0..1 << axes)
                    .map(|corner: i64| {
                        let offset: Vec<i64> =
                            (0..axes).map(|axis| below[axis] as i64 + (corner >> axis & 1)).collect();
                        cells.row(0, &offset).map_or(-3.0, |row| heights[row])
                    })
                    .collect();
                for axis in 0..axes {
                    let t = place(axis) - 0.5 - below[axis];
                    corners = corners.chunks(2).map(|pair| pair[0] + (pair[1] - pair[0]) * t).collect();
                }
                assert_eq!(sampled[i].to_bits(), corners[0].to_bits(), "{what}, point {i}");
            }
        }
    }
}

#[test]
fn cells_gather_what_agents_leave_on_them() {
    let text = "scenario s\nspace torus (0, 0) .. (40, 30)\ncomponent P = vec2\ncomponent Where = entity of g\n\
                component Here = u32\ncomponent Load = u32\n\
                grid g[20, 10] { Here = 0\n Load = 0 }\n\
                group a[3_000] { P = uniform(space)\n Where = cell(g, P) }\n\
                system walk for a owns P, Where { P = wrap(P + polar(uniform(0, TAU), 3.0))\n Where = cell(g, fresh P) }\n\
                system gather for g owns Here, Load { Here = count(x in a by fresh Where)\n \
                Load = sum(x in a by Where : u32(x.P.x)) }\n\
                ensure \"everybody is somewhere\" sum(g: Here) == if frame == 0 { 0 } else { 3_000 }\n";
    let state = state(&program(text, &[], 20));
    let whose: Vec<u32> = state.column("a", "Where").unwrap();
    let (x, y): (Vec<f32>, Vec<f32>) = (state.column("a", "P.x").unwrap(), state.column("a", "P.y").unwrap());
    let mut here = vec![0; 200];
    for ((x, y), row) in x.into_iter().zip(y).zip(whose) {
        assert_eq!(row, (y / 3.0) as u32 * 20 + (x / 2.0) as u32);
        here[row as usize] += 1;
    }
    assert_eq!(state.column::<u32>("g", "Here").unwrap(), here);
}

#[test]
fn a_pair_of_cells_draws_one_coin() {
    // What a cell wins from the one to its right, that one loses.
    let text = "scenario s\ncomponent Gain = i32\ncomponent Won = i32\n\
                grid g[65, 7] { Gain = 0\n Won = 0 }\n\
                system play for g owns Gain, Won {\n let mut gain = 0\n \
                for c in g beside 1 { gain += if pair chance(0.5) == (row < u32(c)) { 1 } else { -1 } }\n Gain = gain\n \
                Won = i32(count(c in g around 1 where chance(0.5))) }\n";
    let state = state(&program(text, &[], 1));
    let gain: Vec<i32> = state.column("g", "Gain").unwrap();
    assert_eq!(gain.iter().sum::<i32>(), 0);
    assert!(gain.iter().any(|gain| *gain != 0));
    // The coins of a cell's turns are eight different ones.
    let won: Vec<i32> = state.column("g", "Won").unwrap();
    let mean = won.iter().sum::<i32>() as f64 / won.len() as f64;
    assert!((mean - 4.0).abs() < 4.0 * (2.0 / won.len() as f64).sqrt(), "{mean}");
    assert!((0..=8).filter(|n| won.contains(n)).count() >= 6);
}

/// A Fourier mode keeps its shape under the stencil of five points, and each step multiplies it by
/// `1 - 2 d (1 - cos kx) - 2 d (1 - cos ky)`.
#[test]
fn a_wave_of_heat_decays_as_the_five_point_stencil_says() {
    let (w, h, d, frames) = (48.0, 30.0, 0.2, 60);
    let text = format!(
        "scenario s\ncomponent T = f64\n\
         grid g[48, 30] {{ T = 1 + cos(TAU * (2 * f64(cell.x) / 48 + 3 * f64(cell.y) / 30)) }}\n\
         system diffuse for g owns T {{ T += {d} * (sum(c in g beside 1 : c.T) - 4 * T) }}\n\
         signal heat = sum(g: T)\nensure \"heat is kept\" abs(heat - 48 * 30) < 1e-9\n"
    );
    let state = state(&program(&text, &[], frames));
    let tau = std::f64::consts::TAU;
    let factor = 1.0 - 2.0 * d * (1.0 - cos(tau * 2.0 / w)) - 2.0 * d * (1.0 - cos(tau * 3.0 / h));
    let size = (0..frames).fold(1.0, |size, _| size * factor);
    assert!(size > 0.001 && size < 0.1, "a change to be seen: {size}");
    for (row, found) in state.column::<f64>("g", "T").unwrap().into_iter().enumerate() {
        let (x, y) = ((row % 48) as f64, (row / 48) as f64);
        let expected = 1.0 + size * cos(tau * (2.0 * x / w + 3.0 * y / h));
        assert!((found - expected).abs() < 1e-13, "row {row}: {found}, not {expected}");
    }
}
