//! What the flagship computes is right: collisions, momentum, gravity.

use diptych::coordinator::{Options, State};
use diptych_tests::{program, run_with, scenario};

const BINARY: &str = env!("CARGO_BIN_EXE_diptych-under-test");

/// The flagship with other particles: what its blueprint says of position, radius and velocity is replaced.
fn particles(position: &str, radius: &str, velocity: &str, sets: &[(&str, &str)], frames: u32) -> State {
    let text = std::fs::read_to_string(scenario("colliding-particles.dip")).unwrap();
    // Behind the blueprint such a line is a rule's.
    let (blueprint, rules) = text.split_at(text.find("index tree").unwrap());
    let blueprint: Vec<String> = blueprint
        .lines()
        .map(|line| match line.trim_start() {
            l if l.starts_with("position Position =") => format!("    position Position = {position}"),
            l if l.starts_with("Radius =") => format!("    Radius = {radius}"),
            l if l.starts_with("Velocity =") => format!("    Velocity = {velocity}"),
            _ => line.to_string(),
        })
        .collect();
    let program = program(&format!("{}\n{rules}", blueprint.join("\n")), sets, frames);
    run_with(&program, 2, BINARY, Options::default()).unwrap().state
}

struct Bodies {
    x: Vec<[f64; 2]>,
    v: Vec<[f64; 2]>,
    mass: Vec<f64>,
    radius: Vec<f64>,
}

fn column(state: &State, name: &str) -> Vec<f64> {
    state.column::<f32>("particles", name).unwrap().into_iter().map(f64::from).collect()
}

fn vectors(state: &State, name: &str) -> Vec<[f64; 2]> {
    let x = column(state, &format!("{name}.x"));
    x.into_iter().zip(column(state, &format!("{name}.y"))).map(|(x, y)| [x, y]).collect()
}

fn bodies(state: &State) -> Bodies {
    Bodies {
        x: vectors(state, "Position"),
        v: vectors(state, "Velocity"),
        mass: column(state, "Mass"),
        radius: column(state, "Radius"),
    }
}

fn momentum(bodies: &Bodies) -> [f64; 2] {
    let mut sum = [0.0; 2];
    for (v, m) in bodies.v.iter().zip(&bodies.mass) {
        sum[0] += m * v[0];
        sum[1] += m * v[1];
    }
    sum
}

fn momentum_size(bodies: &Bodies) -> f64 {
    bodies.v.iter().zip(&bodies.mass).map(|(v, m)| m * v[0].hypot_of(v[1])).sum()
}

trait Hypot {
    fn hypot_of(self, other: f64) -> f64;
}

impl Hypot for f64 {
    fn hypot_of(self, other: f64) -> f64 {
        (self * self + other * other).sqrt()
    }
}

fn total_met(state: &State) -> u64 {
    state.column::<u32>("particles", "Met").unwrap().into_iter().map(u64::from).sum()
}

#[test]
fn an_isolated_pair_separates_with_the_analytic_velocities() {
    // Off centre and of unequal mass, so that both components change.
    let position = "if row == 0 { vec2(0.0, 0.0) } else { vec2(1.0, 0.35) }";
    let radius = "if row == 0 { 0.3 } else { 0.2 }";
    let velocity = "if row == 0 { vec2(1.0, 0.1) } else { vec2(-0.5, -0.2) }";
    let sets = [("n", "2"), ("gravity", "0"), ("smallest", "0.2"), ("largest", "0.3")];
    let start = bodies(&particles(position, radius, velocity, &sets, 0));
    let end_state = particles(position, radius, velocity, &sets, 60);
    let end = bodies(&end_state);
    assert_eq!(total_met(&end_state), 2, "they meet once, and each counts it");
    // The frame they first overlap in decides the line of centres: find it by moving them as the engine does.
    let (mut x0, mut x1) = (start.x[0], start.x[1]);
    let dt = f64::from(0.02f32);
    let normal = loop {
        let d = [x1[0] - x0[0], x1[1] - x0[1]];
        let distance = d[0].hypot_of(d[1]);
        if distance < start.radius[0] + start.radius[1] {
            break [d[0] / distance, d[1] / distance];
        }
        for axis in 0..2 {
            x0[axis] += start.v[0][axis] * dt;
            x1[axis] += start.v[1][axis] * dt;
        }
    };
    let (m0, m1) = (start.mass[0], start.mass[1]);
    let closing = (start.v[1][0] - start.v[0][0]) * normal[0] + (start.v[1][1] - start.v[0][1]) * normal[1];
    for axis in 0..2 {
        let expected0 = start.v[0][axis] + 2.0 * m1 / (m0 + m1) * closing * normal[axis];
        let expected1 = start.v[1][axis] - 2.0 * m0 / (m0 + m1) * closing * normal[axis];
        assert!((end.v[0][axis] - expected0).abs() < 1e-5, "{} {expected0}", end.v[0][axis]);
        assert!((end.v[1][axis] - expected1).abs() < 1e-5, "{} {expected1}", end.v[1][axis]);
    }
    let energy = |b: &Bodies| b.v.iter().zip(&b.mass).map(|(v, m)| m * (v[0] * v[0] + v[1] * v[1])).sum::<f64>();
    assert!((energy(&end) / energy(&start) - 1.0).abs() < 1e-5, "the collision is elastic");
}

#[test]
fn momentum_holds_with_three_in_contact() {
    let position = "if row == 0 { vec2(-0.5, 0.0) } else { if row == 1 { vec2(0.5, 0.02) } else { vec2(0.01, 0.45) } }";
    let velocity = "if row == 0 { vec2(1.0, 0.2) } else { if row == 1 { vec2(-0.9, 0.1) } else { vec2(0.1, -1.2) } }";
    let radius = "if row == 0 { 0.3 } else { if row == 1 { 0.25 } else { 0.28 } }";
    let sets = [("n", "3"), ("gravity", "0"), ("smallest", "0.25"), ("largest", "0.3")];
    let start = bodies(&particles(position, radius, velocity, &sets, 0));
    let state = particles(position, radius, velocity, &sets, 40);
    let end = bodies(&state);
    assert!(total_met(&state) >= 6, "three pairs meet: {}", total_met(&state));
    let (before, after) = (momentum(&start), momentum(&end));
    for axis in 0..2 {
        let drift = (after[axis] - before[axis]).abs() / momentum_size(&start);
        assert!(drift < 1e-6, "{drift}");
    }
}

#[test]
fn momentum_holds_in_the_cloud_without_gravity() {
    let sets = [("n", "5000"), ("gravity", "0"), ("warmth", "1.5")];
    let text = std::fs::read_to_string(scenario("colliding-particles.dip")).unwrap();
    let run = |frames| run_with(&program(&text, &sets, frames), 2, BINARY, Options::default()).unwrap().state;
    let (start, state) = (bodies(&run(0)), run(100));
    let end = bodies(&state);
    assert!(total_met(&state) > 5_000, "{} impacts", total_met(&state));
    let (before, after) = (momentum(&start), momentum(&end));
    let size = momentum_size(&start);
    for axis in 0..2 {
        let drift = (after[axis] - before[axis]).abs() / size;
        assert!(drift < 1e-5, "axis {axis}: {drift}");
    }
}

/// Masses and mass-weighted mean positions of the clusters that the particles say they are in.
fn clusters(bodies: &Bodies, cluster: &[u32]) -> (Vec<f64>, Vec<[f64; 2]>) {
    let count = cluster.iter().max().map_or(0, |&c| c as usize + 1);
    let (mut mass, mut centre) = (vec![0.0; count], vec![[0.0; 2]; count]);
    for (i, &c) in cluster.iter().enumerate() {
        mass[c as usize] += bodies.mass[i];
        for axis in 0..2 {
            centre[c as usize][axis] += bodies.mass[i] * bodies.x[i][axis];
        }
    }
    for (m, centre) in mass.iter().zip(&mut centre) {
        centre.iter_mut().for_each(|x| *x /= m);
    }
    (mass, centre)
}

fn pull(g: f64, softening: f64, from: [f64; 2], to: [f64; 2], mass: f64) -> [f64; 2] {
    let d = [to[0] - from[0], to[1] - from[1]];
    let s2 = d[0] * d[0] + d[1] * d[1] + softening * softening;
    let scale = g * mass / (s2 * s2.sqrt());
    [scale * d[0], scale * d[1]]
}

#[test]
fn near_and_far_gravity_equal_a_double_precision_loop_of_the_same_formula() {
    let sets = [("n", "3000")];
    let text = std::fs::read_to_string(scenario("colliding-particles.dip")).unwrap();
    let run = |frames| run_with(&program(&text, &sets, frames), 2, BINARY, Options::default()).unwrap().state;
    // The pulls that stand after one frame were computed from the positions that it started from.
    let (start, after) = (bodies(&run(0)), run(1));
    let cluster: Vec<u32> = after.column("particles", "Cluster").unwrap();
    let (near, far) = (vectors(&after, "NearPull"), vectors(&after, "FarPull"));
    let (g, softening) = (f64::from(0.2f32), f64::from(0.5f32));
    let (cluster_mass, centre) = clusters(&start, &cluster);
    assert!(centre.len() >= 40, "{} clusters", centre.len());
    let n = start.x.len();
    let mut rms = 0.0;
    let mut errors = Vec::new();
    let (mut worst, mut relative) = (0.0f64, Vec::new());
    for i in 0..n {
        let mut same = [0.0; 2];
        let mut direct = [0.0; 2];
        for j in 0..n {
            let d = [start.x[j][0] - start.x[i][0], start.x[j][1] - start.x[i][1]];
            let contact = d[0].hypot_of(d[1]) <= start.radius[i] + start.radius[j];
            let p = pull(g, softening, start.x[i], start.x[j], start.mass[j]);
            for axis in 0..2 {
                let p = if contact { 0.0 } else { p[axis] };
                direct[axis] += p;
                same[axis] += if cluster[i] == cluster[j] { p } else { 0.0 };
            }
        }
        for c in (0..centre.len()).filter(|&c| c != cluster[i] as usize) {
            let p = pull(g, softening, start.x[i], centre[c], cluster_mass[c]);
            (0..2).for_each(|axis| same[axis] += p[axis]);
        }
        let found = [near[i][0] + far[i][0], near[i][1] + far[i][1]];
        let size = same[0].hypot_of(same[1]);
        let error = (found[0] - same[0]).hypot_of(found[1] - same[1]);
        worst = worst.max(error);
        rms += direct[0] * direct[0] + direct[1] * direct[1];
        errors.push((found[0] - direct[0]).hypot_of(found[1] - direct[1]));
        relative.push(error / size.max(1e-30));
    }
    let rms = (rms / n as f64).sqrt();
    assert!(worst / rms < 1e-4, "worst difference from the f64 loop: {:.2e} of the rms pull", worst / rms);
    errors.sort_by(f64::total_cmp);
    let at = |p: f64| 100.0 * errors[((n - 1) as f64 * p) as usize] / rms;
    println!(
        "{n} particles in {} clusters: difference from the same formula in f64 at most {:.1e} of the rms pull; error \
         against direct summation {:.1} % of the rms pull in the median, {:.1} % at the 99th percentile",
        centre.len(),
        worst / rms,
        at(0.5),
        at(0.99)
    );
    // A monopole a bucket without an opening angle: a toy, whose error is stated, and bounded so that a broken far
    // field (one sign, one cluster missing) shows.
    assert!(at(0.5) < 40.0, "{} %", at(0.5));
}

#[test]
fn a_cloud_that_turns_keeps_its_barycentre() {
    let text = std::fs::read_to_string(scenario("colliding-particles.dip")).unwrap();
    let run =
        |frames| run_with(&program(&text, &[("n", "4000")], frames), 1, BINARY, Options::default()).unwrap().state;
    let (start, end) = (bodies(&run(0)), bodies(&run(50)));
    let size = momentum_size(&start);
    let (before, after) = (momentum(&start), momentum(&end));
    // Bucket gravity is not antisymmetric: the drift is bounded, not zero.
    for axis in 0..2 {
        assert!(((after[axis] - before[axis]) / size).abs() < 0.05, "axis {axis}");
    }
}
