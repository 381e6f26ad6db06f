//! The yardsticks of cells: frames of `scenarios/game-of-life.dip`, `sir-grid.dip` and `ants.dip` by hand, on rayon.
//!
//! They are what one would write for the one model, without any engine: the same column types, two panels of what
//! others read, the same draws at the same addresses. They start from the state that the engine makes of the scenario's
//! blueprints and come to the same columns, bit for bit (a test compares them), so that both sides of a comparison do
//! the same work. What the scenario's signals say of a state is counted in the same pass; what only records need is not.
//!
//! `cargo bench -p diptych-benches --bench cells` times them beside the engine. For one figure outside of criterion:
//! `cargo run --release -p diptych-benches --example cells_by_hand -- game-of-life 4096 100 2`.

use diptych::Program;
use diptych::coordinator::{Options, State, run};
use diptych_protocol::access::Element;
use diptych_protocol::body::Op;
use diptych_protocol::program::Code;
use diptych_protocol::types::Value;

pub mod ants;
pub mod epidemic;
pub mod life;
mod torus;

/// The tick of the first frame, which is part of a draw's address. Each frame has the next.
const FIRST_TICK: u32 = 2;

/// A model by hand, between frames.
pub trait Model: Send {
    /// One frame, on the threads of the rayon pool that it is called in.
    fn frame(&mut self);

    /// The signals of the state, by their names in the scenario. Before the first frame all are 0.
    fn signals(&self) -> Vec<(&'static str, u32)>;
}

/// State 0 of a scenario, as the engine makes it: what both sides start from.
pub struct Start {
    state: State,
}

impl Start {
    /// That of a program.
    ///
    /// # Panics
    /// If the engine cannot make it.
    pub fn of(program: &Program) -> Self {
        let program = Program { frames: 0, ..program.clone() };
        match run(&program, &crate::registry(), Options { workers: Some(0), ..Options::default() }) {
            Ok(outcome) => Self { state: outcome.state },
            Err(error) => panic!("{error}"),
        }
    }

    /// The model by hand, by the name of its scenario; `sir-grid, every draw` for [`epidemic::Draws::Everywhere`].
    ///
    /// # Panics
    /// If there is none of that name, or the program is another scenario's.
    pub fn by_hand(&self, name: &str) -> Box<dyn Model> {
        match name {
            "game-of-life" => Box::new(life::Life::new(self)),
            "sir-grid" => Box::new(epidemic::Epidemic::new(self, epidemic::Draws::WhereTheyDecide)),
            "sir-grid, every draw" => Box::new(epidemic::Epidemic::new(self, epidemic::Draws::Everywhere)),
            "ants" => Box::new(ants::Ants::new(self)),
            _ => panic!("{name} has no yardstick; there are game-of-life, sir-grid, \"sir-grid, every draw\" and ants"),
        }
    }

    fn seed(&self) -> u64 {
        self.state.program().seed
    }

    fn param(&self, name: &str) -> Value {
        let found = self.state.program().params.iter().find(|(param, _)| param == name);
        found.map_or_else(|| panic!("the scenario has no parameter {name}"), |(_, value)| *value)
    }

    fn whole(&self, name: &str) -> u32 {
        match self.param(name) {
            Value::U32(value) => value,
            other => panic!("{name} is {other:?}, no u32"),
        }
    }

    fn real(&self, name: &str) -> f32 {
        match self.param(name) {
            Value::F32(value) => value,
            other => panic!("{name} is {other:?}, no f32"),
        }
    }

    fn column<T: Element>(&self, group: &str, name: &str) -> Vec<T> {
        self.state
            .column(group, name)
            .unwrap_or_else(|| panic!("the scenario has no column {group}.{name} of that type"))
    }

    /// The place of the only draw in a system.
    fn site(&self, system: &str) -> u32 {
        let program = self.state.program();
        let code = program.systems.values().find(|found| found.name == system).map(|found| &found.code);
        let Some(Code::Body(body)) = code else { panic!("the scenario has no rule {system} in text") };
        let sites: Vec<u32> = program.bodies[*body]
            .ops
            .values()
            .filter_map(|typed| match typed.op {
                Op::Draw { site, .. } => Some(site),
                _ => None,
            })
            .collect();
        match sites[..] {
            [site] => site,
            _ => panic!("{system} has {} draws, not one", sites.len()),
        }
    }
}
