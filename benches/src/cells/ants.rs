//! Ants that forage, by hand: a pass over the ants, which list themselves in their cells, one over the ground, line by
//! line, and one over the ants again.

use std::f32::consts::{PI, TAU};
use std::sync::atomic::{AtomicU32, Ordering};

use diptych_protocol::math::{atan2, cos, floor, sin};
use diptych_protocol::random::{Address, uniform_f32};
use rayon::prelude::*;

use super::{FIRST_TICK, Model, Start};

/// Ants of one task of rayon's.
const TASK_ANTS: usize = 2_048;
/// No ant: where a cell's list ends, and who is served where nobody asks.
const NOBODY: u32 = u32::MAX;
const NEST_RADIUS: f32 = 5.0;

/// `scenarios/ants.dip`.
pub struct Ants {
    world: World,
    /// The ants' columns.
    pub walkers: Walkers,
    next: Walkers,
    /// The cells' columns.
    pub ground: Ground,
    next_ground: Ground,
    /// The first ant in each cell, and the next one in the same cell as each ant: no order, and the result needs none.
    first: Vec<AtomicU32>,
    following: Vec<u32>,
    counts: [u32; 3],
}

/// What ants are.
#[derive(Clone)]
#[allow(missing_docs, reason = "named as in the scenario")]
pub struct Walkers {
    pub position: [Vec<f32>; 2],
    pub heading: Vec<f32>,
    pub carrying: Vec<u8>,
    pub place: Vec<u32>,
    pub trips: Vec<u32>,
}

/// What cells are.
#[derive(Clone)]
#[allow(missing_docs, reason = "named as in the scenario")]
pub struct Ground {
    pub scent: Vec<f32>,
    pub food: Vec<u8>,
    pub served: Vec<u32>,
}

/// What stays the same, but for the tick.
struct World {
    side: usize,
    nest: f32,
    drop: f32,
    diffusion: f32,
    keep: f32,
    wiggle: Address,
    pick: Address,
}

/// An ant in a frame, as it starts.
#[derive(Clone, Copy)]
struct Ant {
    at: [f32; 2],
    heading: f32,
    carrying: bool,
}

impl World {
    /// The wall stops who walks into it.
    #[inline(always)]
    fn inside(&self, x: f32) -> f32 {
        let high = self.side as f32;
        let x = if x > high { high } else { x };
        if x < 0.0 { 0.0 } else { x }
    }

    #[inline(always)]
    fn nest_distance(&self, [x, y]: [f32; 2]) -> f32 {
        let (x, y) = (x - self.nest, y - self.nest);
        (x * x + y * y).sqrt()
    }

    #[inline(always)]
    fn at_nest(&self, at: [f32; 2]) -> bool {
        self.nest_distance(at) < NEST_RADIUS
    }

    /// The scent at a point, linear between the centres of the four cells around.
    #[inline(always)]
    fn smell(&self, scent: &[f32], at: [f32; 2]) -> f32 {
        let [(x, across), (y, along)] = at.map(|x| {
            let x = self.inside(x) - 0.5;
            (floor(x) as i32, x - floor(x))
        });
        let last = self.side as i32 - 1;
        let [x0, x1, y0, y1] = [x, x + 1, y, y + 1].map(|x| x.clamp(0, last) as usize);
        let line = |y: usize| {
            let (a, b) = (scent[y * self.side + x0], scent[y * self.side + x1]);
            a + (b - a) * across
        };
        let (a, b) = (line(y0), line(y1));
        a + (b - a) * along
    }

    /// Where an ant turns to. Who carries does not sniff, and only who carries looks for the nest.
    fn turn(&self, row: usize, ant: Ant, scent: &[f32]) -> f32 {
        let luck = uniform_f32(Address { entity: row as u32, ..self.wiggle }.block(), 0);
        let wiggle = -0.7 + 1.4 * luck;
        let wiggle = if wiggle < 0.7 { wiggle } else { -0.7 };
        let [x, y] = ant.at;
        let heading = if !ant.carrying {
            let own = self.nest_distance(ant.at);
            let (mut strongest, mut towards) = (0.05, ant.heading + wiggle);
            for side in [-1.0, 0.0, 1.0] {
                let angle = ant.heading + 0.8 * side;
                let there = [x + 1.5 * cos(angle), y + 1.5 * sin(angle)];
                if self.nest_distance(there) > own {
                    let scent = self.smell(scent, there);
                    if scent > strongest {
                        (strongest, towards) = (scent, angle + 0.3 * wiggle);
                    }
                }
            }
            towards
        } else if self.at_nest(ant.at) {
            ant.heading + PI
        } else {
            atan2(self.nest - y, self.nest - x) + wiggle
        };
        let next = [x + cos(heading), y + sin(heading)];
        let [x, y] = next.map(|x| x - self.inside(x));
        let heading = if (x * x + y * y).sqrt() > 0.0 { heading + PI } else { heading };
        heading - TAU * floor(heading / TAU)
    }

    /// The scent of a cell after it has spread, from that of the nine around and at it.
    #[inline(always)]
    fn spread(&self, [[a, b, c], [d, own, e], [f, g, h]]: [[f32; 3]; 3]) -> f32 {
        let mean = (a + b + c + d + e + f + g + h) / 8.0;
        (own + (mean - own) * self.diffusion) * self.keep
    }

    /// A line of it. Beyond the edge is what is at it.
    fn spread_line(&self, lines: [&[f32]; 3], next: &mut [f32]) {
        let inner = self.side - 2;
        let last = inner + 1;
        next[0] = self.spread(lines.map(|line| [line[0], line[0], line[1]]));
        next[last] = self.spread(lines.map(|line| [line[inner], line[last], line[last]]));
        let lines = lines.map(|line| [&line[..inner], &line[1..][..inner], &line[2..][..inner]]);
        for (x, next) in next[1..][..inner].iter_mut().enumerate() {
            *next = self.spread(lines.map(|line| line.map(|line| line[x])));
        }
    }

    /// One of those who ask: the luckiest, and of equals the first. Who is alone needs no luck.
    fn pick(&self, cell: usize, asking: impl Iterator<Item = u32> + Clone) -> u32 {
        let mut others = asking.clone();
        match (others.next(), others.next()) {
            (None, _) => NOBODY,
            (Some(alone), None) => alone,
            _ => {
                let luck = |ant: u32| uniform_f32(Address { entity: cell as u32, turn: ant, ..self.pick }.block(), 0);
                let better = |a: (f32, u32), b: (f32, u32)| if b < a { b } else { a };
                asking.map(|ant| (luck(ant), ant)).fold((f32::INFINITY, NOBODY), better).1
            }
        }
    }
}

impl Ants {
    /// From state 0.
    ///
    /// # Panics
    /// If it is another scenario's.
    pub fn new(start: &Start) -> Self {
        let walkers = Walkers {
            position: ["Position.x", "Position.y"].map(|name| start.column("ants", name)),
            heading: start.column("ants", "Heading"),
            carrying: start.column("ants", "Carrying"),
            place: start.column("ants", "Where"),
            trips: start.column("ants", "Trips"),
        };
        let ground = Ground {
            scent: start.column("ground", "Scent"),
            food: start.column("ground", "Food"),
            served: start.column("ground", "Served"),
        };
        let side = start.whole("side");
        let draw =
            |system| Address { seed: start.seed(), entity: 0, tick: FIRST_TICK, site: start.site(system), turn: 0 };
        Self {
            world: World {
                side: side as usize,
                nest: side as f32 / 2.0,
                drop: start.real("drop"),
                diffusion: start.real("diffusion"),
                keep: 1.0 - start.real("evaporation"),
                wiggle: draw("turn"),
                pick: draw("serve"),
            },
            first: ground.scent.iter().map(|_| AtomicU32::new(NOBODY)).collect(),
            following: vec![NOBODY; walkers.place.len()],
            next: walkers.clone(),
            walkers,
            next_ground: ground.clone(),
            ground,
            counts: [0; 3],
        }
    }

    /// Ants turn and walk, and list themselves in the cell that they come to.
    fn walk(&mut self) {
        let Self { world, walkers, next, ground, first, following, .. } = self;
        let [next_x, next_y] = &mut next.position;
        let columns = (
            next_x.par_chunks_mut(TASK_ANTS),
            next_y.par_chunks_mut(TASK_ANTS),
            next.heading.par_chunks_mut(TASK_ANTS),
            next.place.par_chunks_mut(TASK_ANTS),
            following.par_chunks_mut(TASK_ANTS),
        );
        columns.into_par_iter().enumerate().for_each(|(task, (next_x, next_y, heading, place, following))| {
            for at in 0..next_x.len() {
                let row = task * TASK_ANTS + at;
                let ant = Ant {
                    at: [walkers.position[0][row], walkers.position[1][row]],
                    heading: walkers.heading[row],
                    carrying: walkers.carrying[row] != 0,
                };
                heading[at] = world.turn(row, ant, &ground.scent);
                let [x, y] = [ant.at[0] + cos(heading[at]), ant.at[1] + sin(heading[at])].map(|x| world.inside(x));
                let [column, line] = [x, y].map(|x| (x as usize).min(world.side - 1));
                let cell = line * world.side + column;
                (next_x[at], next_y[at], place[at]) = (x, y, cell as u32);
                // Joining the tasks orders this before whoever walks the lists.
                following[at] = first[cell].swap(row as u32, Ordering::Relaxed);
            }
        });
    }

    /// The ground gathers scent, and serves one ant a cell; how much food is left.
    fn serve(&mut self) -> u32 {
        let Self { world, walkers, ground, next_ground, first, following, .. } = self;
        let side = world.side;
        let scent = |line: usize| &ground.scent[line * side..][..side];
        let columns = (
            next_ground.scent.par_chunks_mut(side),
            next_ground.food.par_chunks_mut(side),
            next_ground.served.par_chunks_mut(side),
        );
        let left = columns.into_par_iter().enumerate().map(|(line, (next, food, served))| {
            let around = [scent(line.saturating_sub(1)), scent(line), scent((line + 1).min(side - 1))];
            world.spread_line(around, next);
            food.copy_from_slice(&ground.food[line * side..][..side]);
            served.fill(NOBODY);
            for (x, first) in first[line * side..][..side].iter().enumerate() {
                let listed = first.load(Ordering::Relaxed);
                if listed != NOBODY {
                    first.store(NOBODY, Ordering::Relaxed);
                    let here = || {
                        let follower = |ant: &u32| Some(following[*ant as usize]).filter(|next| *next != NOBODY);
                        std::iter::successors(Some(listed), follower)
                    };
                    let carries = |ant: &u32| walkers.carrying[*ant as usize] != 0;
                    next[x] += world.drop * here().filter(carries).count() as f32;
                    if food[x] > 0 {
                        served[x] = world.pick(line * side + x, here().filter(|ant| !carries(ant)));
                        food[x] -= u8::from(served[x] != NOBODY);
                    }
                }
            }
            food.iter().map(|food| u32::from(*food)).sum::<u32>()
        });
        left.sum()
    }

    /// Ants take what they were served, and leave what they carry at the nest; how many carry, and have come home.
    fn forage(&mut self) -> [u32; 2] {
        let Self { world, walkers, next, next_ground, .. } = self;
        let place = &next.place;
        let columns = (next.carrying.par_chunks_mut(TASK_ANTS), next.trips.par_chunks_mut(TASK_ANTS));
        let counts = columns.into_par_iter().enumerate().map(|(task, (carrying, trips))| {
            let mut counts = [0; 2];
            for at in 0..carrying.len() {
                let row = task * TASK_ANTS + at;
                let carries = walkers.carrying[row] != 0;
                let home = carries && world.at_nest([walkers.position[0][row], walkers.position[1][row]]);
                let carries = !home && (carries || next_ground.served[place[row] as usize] == row as u32);
                carrying[at] = u8::from(carries);
                trips[at] = walkers.trips[row] + u32::from(home);
                counts = [counts[0] + u32::from(carries), counts[1] + trips[at]];
            }
            counts
        });
        counts.reduce(|| [0; 2], |a, b| [a[0] + b[0], a[1] + b[1]])
    }
}

impl Model for Ants {
    fn frame(&mut self) {
        self.walk();
        let left = self.serve();
        let [carried, delivered] = self.forage();
        self.counts = [left, carried, delivered];
        std::mem::swap(&mut self.walkers, &mut self.next);
        std::mem::swap(&mut self.ground, &mut self.next_ground);
        self.world.wiggle.tick += 1;
        self.world.pick.tick += 1;
    }

    fn signals(&self) -> Vec<(&'static str, u32)> {
        ["left", "carried", "delivered"].into_iter().zip(self.counts).collect()
    }
}
