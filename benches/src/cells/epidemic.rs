//! An epidemic on a lattice by hand: what can happen to a cell is found sixteen cells at once; luck is for the few to
//! whom something can.

use diptych_protocol::math::pow;
use diptych_protocol::random::{Address, uniform_f32};

use super::{FIRST_TICK, Model, Start, torus};

const SUSCEPTIBLE: u8 = 0;
const ILL: u8 = 1;
const RECOVERED: u8 = 2;
/// What can happen to a cell: nothing; it catches it from so many, 1 to 8; or it recovers.
const NOTHING: u8 = 0;
const RECOVERS: u8 = 9;

/// Which cells draw. The result is the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Draws {
    /// Those where the draw decides something: the ill, and the susceptible beside them.
    WhereTheyDecide,
    /// All, as the scenario says it.
    Everywhere,
}

/// `scenarios/sir-grid.dip`.
pub struct Epidemic {
    width: usize,
    /// Who is susceptible, ill or recovered: 0, 1, 2.
    pub state: Vec<u8>,
    next: Vec<u8>,
    /// From which luck on a susceptible falls ill, by how many around are; for the ill, from which on they stay so.
    limits: [f32; 10],
    draws: Draws,
    /// Of the next frame's draws.
    address: Address,
    counts: [u32; 3],
}

impl Epidemic {
    /// From state 0.
    ///
    /// # Panics
    /// If it is another scenario's.
    pub fn new(start: &Start, draws: Draws) -> Self {
        let state = start.column("people", "State");
        let escape = 1.0 - start.real("infect");
        let mut limits = std::array::from_fn(|exposed| pow(escape, exposed as f32));
        limits[usize::from(RECOVERS)] = start.real("recover");
        Self {
            width: start.whole("width") as usize,
            next: state.clone(),
            state,
            limits,
            draws,
            address: Address {
                seed: start.seed(),
                entity: 0,
                tick: FIRST_TICK,
                site: start.site("infection"),
                turn: 0,
            },
            counts: [0; 3],
        }
    }
}

/// What a line is computed with.
struct Buffers {
    threes: Vec<u8>,
    events: Vec<u8>,
    luck: Vec<f32>,
}

impl Model for Epidemic {
    fn frame(&mut self) {
        let (width, panels) = (self.width, [&mut self.state, &mut self.next]);
        let (limits, draws, address) = (&self.limits, self.draws, self.address);
        let luck_of = |row: usize| uniform_f32(Address { entity: row as u32, ..address }.block(), 0);
        let buffers = || Buffers { threes: vec![0; width + 2], events: vec![0; width], luck: vec![0.0; width] };
        self.counts = torus::lines(panels, width, buffers, |y, around, buffers, next| {
            let (own, events) = (&around[1][..width], &mut buffers.events[..width]);
            // A susceptible is none of the ill among the nine.
            torus::nines(
                around,
                &mut buffers.threes,
                |state| u8::from(state == ILL),
                |x, nine| {
                    let event = if own[x] == SUSCEPTIBLE { nine } else { NOTHING };
                    events[x] = if own[x] == ILL { RECOVERS } else { event };
                },
            );
            if draws == Draws::Everywhere {
                buffers.luck.iter_mut().zip(y * width..).for_each(|(luck, row)| *luck = luck_of(row));
            }
            next.copy_from_slice(own);
            let mut happen = |x: usize, event: u8| {
                let luck = if draws == Draws::Everywhere { buffers.luck[x] } else { luck_of(y * width + x) };
                let above = luck >= limits[usize::from(event)];
                match event {
                    RECOVERS if !above => next[x] = RECOVERED,
                    NOTHING | RECOVERS => {}
                    _ if above => next[x] = ILL,
                    _ => {}
                }
            };
            let (eights, rest) = events.as_chunks::<8>();
            for (at, eight) in eights.iter().enumerate() {
                if u64::from_ne_bytes(*eight) != 0 {
                    (0..8).filter(|x| eight[*x] != NOTHING).for_each(|x| happen(at * 8 + x, eight[x]));
                }
            }
            for (x, event) in (eights.len() * 8..).zip(rest).filter(|(_, event)| **event != NOTHING) {
                happen(x, *event);
            }
            [SUSCEPTIBLE, ILL, RECOVERED].map(|state| torus::count(next, |cell| u8::from(cell == state)))
        });
        self.address.tick += 1;
    }

    fn signals(&self) -> Vec<(&'static str, u32)> {
        ["susceptible", "ill", "recovered"].into_iter().zip(self.counts).collect()
    }
}
