//! Writing a system in Rust.
//!
//! Most rules are best written in the scenario, as text: they are compiled to vector code, and need no build. A system
//! in Rust is for what text cannot say: a data structure of one's own, a solver, a library.
//!
//! - [A program](#a-program)
//! - [Components](#components)
//! - [What a system reads and owns](#what-a-system-reads-and-owns)
//! - [Three ways to go over rows](#three-ways-to-go-over-rows)
//! - [Constants, room, hooks](#constants-room-hooks)
//! - [Neighbours](#neighbours)
//! - [Random numbers](#random-numbers)
//! - [The same bits](#the-same-bits)
//! - [What does not compile](#what-does-not-compile)
//!
//! Whole programs to begin from stand in `engine/examples/`: `well` (the smallest), `ways` (the three ways, side by side
//! with text), `crowd` (neighbours, constants, room), `walk` (random numbers).
//!
//! # A program
//!
//! A program with systems of its own is a binary that depends on `diptych`. It is the whole command line (`run`,
//! `check`, `explain`), coordinator, and worker: it starts itself again.
//!
//! ```no_run
//! use diptych::prelude::*;
//!
//! #[derive(Clone, Copy, Component)]
//! struct Velocity {
//!     x: f32,
//!     y: f32,
//! }
//!
//! struct Fall {
//!     g: f32,
//! }
//!
//! impl System for Fall {
//!     const NAME: &'static str = "fall";
//!     type Query = Own<Velocity>;
//!     type Scratch = ();
//!
//!     fn new(setup: &mut Setup<'_, '_>) -> Result<Self, AccessError> {
//!         Ok(Self { g: setup.constant("g")? })
//!     }
//!
//!     fn run(&self, view: View<'_, Self::Query>, frame: &Frame<'_>, (): &mut ()) -> Result<(), Fault> {
//!         for mut velocity in view {
//!             velocity.y -= self.g * frame.dt();
//!         }
//!         Ok(())
//!     }
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     App::new().system::<Fall>().main()
//! }
//! ```
//!
//! The scenario stays a text. It has the groups, their first values, and says of each system which kernel does the work,
//! whose rows it runs over, and what it owns and reads:
//!
//! ```text
//! scenario stones
//! component Velocity = vec2
//! group stones[1_000] { Velocity = vec2(0) }
//! system fall native "fall" for stones owns Velocity with { g = 9.81 }
//! ```
//!
//! `my-program run stones.dip` runs it; so does `my-program` alone if the scenario is brought along by
//! [`App::scenario`](crate::App::scenario)`("stones.dip", include_str!("stones.dip"))`.
//!
//! # Components
//!
//! `#[derive(Component)]` says how a Rust type stands in columns, one a leaf (`.x`, `.at[1]`): rows are never stored as
//! structs. The type's name is the component's, or `#[component(name = "...")]`.
//!
//! | scenario | Rust |
//! |---|---|
//! | `component Mass = f32` | `struct Mass(f32)` |
//! | `component Position = vec2` | `struct Position { x: f32, y: f32 }` or `struct Position([f32; 2])` |
//! | `component Body = { mass: f32, at: vec2 }` | `struct Body { mass: f32, at: [f32; 2] }` |
//! | `component Trail = u8[3]` | `struct Trail([u8; 3])` |
//! | `enum Health { Well, Ill }`, `component State = Health` | `#[component(name = "State")] enum Health { Well, Ill }` |
//! | `component Home = entity of houses` | `struct Home(Reference)` |
//!
//! Names and types have to agree with the scenario's. If they do not, the scenario does not compile, and the message has
//! both sides: *component Velocity: the kernel's is { x: f64, y: f64 }, that of group stones is vec2: make the two the
//! same*.
//!
//! # What a system reads and owns
//!
//! [`System::Query`](crate::system::System::Query) is a tuple of terms, each of which has its clause in the scenario; the
//! table stands at [`Query`](crate::system::Query). The two are compared when the scenario is compiled: what the query has
//! and the scenario does not declare is an error, and so is what the scenario declares and the query does not have, since
//! systems wait for what they declare. One component has one owner.
//!
//! A name means what it means in text: `Prev` is the state that the frame started from, `Fresh` what this frame made of
//! it, earlier, and `Own` begins as `prev` and becomes `next`. Nothing else can be reached, and `prev` cannot be written.
//!
//! # Three ways to go over rows
//!
//! A batch comes as a [`View`](crate::system::View). It is gone over once, in one of three ways. What no loop comes to is
//! carried: it stays as it is.
//!
//! ```
//! use diptych::prelude::*;
//! # #[derive(Clone, Copy, Component)]
//! # struct Position { x: f32 }
//! # #[derive(Clone, Copy, Component)]
//! # struct Velocity { x: f32 }
//! type Moves = (Prev<Velocity>, Own<Position>);
//!
//! // A tuple a row.
//! fn tuples(view: View<'_, Moves>, dt: f32) {
//!     for (velocity, mut position) in view {
//!         position.x += velocity.x * dt;
//!     }
//! }
//!
//! // A row as one thing, with its name and its number; components are found by their types.
//! fn entities(view: View<'_, Moves>, dt: f32) {
//!     for mut row in view.entities() {
//!         let (velocity, position): (Velocity, Position) = (row.get(), row.get());
//!         if row.id().index > 0 {
//!             row.set(Position { x: position.x + velocity.x * dt });
//!         }
//!     }
//! }
//!
//! // A slice a column; of what is owned two, `prev` and `next`. `wide` compiles the loop for the widest vectors that the
//! // processor has; the bits stay the same.
//! fn columns(view: View<'_, Moves>, dt: f32) {
//!     let (velocity, position) = view.columns();
//!     wide(
//!         #[inline(always)]
//!         || {
//!             let rows = position.next.x.iter_mut().zip(position.prev.x).zip(velocity.x);
//!             for ((next, prev), v) in rows {
//!                 *next = prev + v * dt;
//!             }
//!         },
//!     );
//! }
//! ```
//!
//! # What changed
//!
//! Where a scenario asks what changed (`changed Heat`), a row counts as changed if its [`Mut`](crate::system::Mut) was
//! written to, whatever was written, or was [`set`](crate::system::EntityView::set);
//! [`set_if_different`](crate::system::Mut::set_if_different) writes only another value. Who writes whole columns says it
//! himself, a row or many at once: [`OwnColumns::marks`](crate::system::OwnColumns::marks). Where nobody asks it costs
//! nothing.
//!
//! # Constants, room, hooks
//!
//! - [`System::new`](crate::system::System::new) takes the constants that the scenario gives (`with { g = 9.81 }`), typed;
//!   what it refuses is shown at the system's place in the scenario. After that the system does not change any more.
//! - [`System::Scratch`](crate::system::System::Scratch) is room that is kept from batch to batch, one in each thread that
//!   runs batches. Clear it and fill it again: then a steady frame allocates nothing. It is no memory: which batches a
//!   worker gets, and in which order, is left to chance, so whatever is left from another batch must not be read.
//! - [`System::prepare`](crate::system::System::prepare) is called before the first batch,
//!   [`System::finish`](crate::system::System::finish) behind the last.
//! - A [`Fault`](crate::system::Fault) ends the run with blame, and leaves the last good state whole:
//!   `Err(frame.fault(place, "..."))`. A panic does the same.
//!
//! # Neighbours
//!
//! A scenario declares a k-d tree, `index tree = kdtree of walkers`, and gives it to the system: `index tree`. The system
//! takes it by [`Setup::tree`](crate::system::Setup::tree), and asks it by [`Tree::near`](crate::system::Tree::near):
//!
//! ```
//! use diptych::prelude::*;
//! # #[derive(Clone, Copy, Component)]
//! # struct Crowd(u32);
//! struct Count {
//!     reach: f32,
//!     tree: Tree,
//! }
//!
//! impl System for Count {
//!     const NAME: &'static str = "count";
//!     type Query = Own<Crowd>;
//!     type Scratch = Around;
//!
//!     fn new(setup: &mut Setup<'_, '_>) -> Result<Self, AccessError> {
//!         Ok(Self { reach: setup.constant("reach")?, tree: setup.tree()? })
//!     }
//!
//!     fn run(&self, view: View<'_, Self::Query>, frame: &Frame<'_>, around: &mut Around) -> Result<(), Fault> {
//!         let crowd = view.columns().next;
//!         crowd.fill(0);
//!         self.tree.near(frame, around, self.reach, |near| crowd[near.place] += 1)
//!     }
//! }
//! ```
//!
//! A row sees its neighbours in the order of their numbers, so sums come out the same each time. Columns of the others
//! are `Any<Prev<C>>` in the query, looked up by `near.other`.
//!
//! # Random numbers
//!
//! Numbers are addressed, not drawn: a [`Draw`](crate::system::Draw) is a place in a system, and its number is a function
//! of the seed, that place, the row and the frame. So it does not matter who computes it, when, and how often.
//!
//! ```
//! use diptych::prelude::*;
//! # #[derive(Clone, Copy, Component)]
//! # struct Position { x: f32 }
//! struct Step {
//!     east: Draw,
//! }
//!
//! impl System for Step {
//!     const NAME: &'static str = "step";
//!     type Query = (Id, Own<Position>);
//!     type Scratch = ();
//!
//!     fn new(setup: &mut Setup<'_, '_>) -> Result<Self, AccessError> {
//!         Ok(Self { east: setup.draw("east") })
//!     }
//!
//!     fn run(&self, view: View<'_, Self::Query>, frame: &Frame<'_>, (): &mut ()) -> Result<(), Fault> {
//!         for (id, mut position) in view {
//!             position.x += self.east.of(frame, id, 0).normal(0.0, 0.1);
//!         }
//!         Ok(())
//!     }
//! }
//! ```
//!
//! # Births and ends
//!
//! Rows of a group that comes and goes (`group grass[100, max 10_000]`) are born and end by a system's query, too. The
//! scenario says `spawns grass` and `despawns grass`; nothing is seen of it before the frame is over.
//!
//! ```
//! # use diptych::prelude::*;
//! # #[derive(Clone, Copy, Component)]
//! # struct Position { x: f32 }
//! # #[derive(Clone, Copy, Component)]
//! # struct Age(u32);
//! # struct Grow;
//! impl System for Grow {
//!     const NAME: &'static str = "grow";
//!     // Newborn rows have all that rows of their group have.
//!     type Query = (Prev<Position>, Own<Age>, Spawn<(Position, Age)>, Despawn);
//!     type Scratch = ();
//!
//!     fn new(_: &mut Setup<'_, '_>) -> Result<Self, AccessError> {
//!         Ok(Self)
//!     }
//!
//!     fn run(&self, view: View<'_, Self::Query>, _: &Frame<'_>, (): &mut ()) -> Result<(), Fault> {
//!         for (position, mut age, births, end) in view {
//!             age.0 += 1;
//!             if age.0 % 10 == 0 {
//!                 births.spawn((Position { x: position.x + 1.0 }, Age(0)))?;
//!             }
//!             if age.0 > 25 {
//!                 end.despawn();
//!             }
//!         }
//!         Ok(())
//!     }
//! }
//! ```
//!
//! `Any<Despawn>` ends any row of the own group, by its number, `Of<G, Despawn>` any of another one, and `Of<G, Spawn<...>>`
//! lets rows be born there. A batch has room for one birth a row; `spawns grass[max 4]` makes room for four. Beyond it
//! [`spawn`](crate::system::Births::spawn) gives an error, which ends the run. The example `meadow` does all of it.
//!
//! # The same bits
//!
//! A run gives the same bits at any number of workers, whoever dies on the way. A system in Rust has to hold up its end:
//! [`run`](crate::system::System::run) computes the same from the same arguments. No clock, no thread, no address, no
//! hash map that is gone over, no state from batch to batch. And its functions come from [`math`](crate::system::math): `sin`
//! and the like of the standard library differ from machine to machine in the last bit (`+ - * /` and `sqrt` do not), and
//! `mul_add` rounds once where the rest of the engine rounds twice.
//!
//! `--workers 0`, `1` and `3` with equal hashes are a good test of it; debug builds also notice rows that were not written.
//!
//! # What does not compile
//!
//! Views allow what the query says, and nothing else. Where this compiles,
//!
//! ```
//! # use diptych::prelude::*;
//! # #[derive(Clone, Copy, Component)]
//! # struct Position { x: f32 }
//! # #[derive(Clone, Copy, Component)]
//! # struct Velocity { x: f32 }
//! fn run(view: View<'_, (Prev<Velocity>, Own<Position>)>) {
//!     for (velocity, mut position) in view {
//!         position.x = velocity.x;
//!     }
//! }
//! fn run_by_entities(view: View<'_, (Prev<Velocity>, Own<Position>)>) {
//!     for mut row in view.entities() {
//!         let velocity: Velocity = row.get();
//!         row.set(Position { x: velocity.x });
//!     }
//! }
//! fn run_by_columns(view: View<'_, (Prev<Velocity>, Own<Position>)>) {
//!     let (velocity, position) = view.columns();
//!     position.next.x[0] = velocity.x[0] + position.prev.x[0];
//! }
//! ```
//!
//! these do not. Writing what is read:
//!
//! ```compile_fail,E0594
//! # use diptych::prelude::*;
//! # #[derive(Clone, Copy, Component)]
//! # struct Position { x: f32 }
//! # #[derive(Clone, Copy, Component)]
//! # struct Velocity { x: f32 }
//! fn run(view: View<'_, (Prev<Velocity>, Own<Position>)>) {
//!     for (mut velocity, position) in view {
//!         velocity.x = position.x;
//!     }
//! }
//! ```
//!
//! ```compile_fail,E0308
//! # use diptych::prelude::*;
//! # #[derive(Clone, Copy, Component)]
//! # struct Position { x: f32 }
//! # #[derive(Clone, Copy, Component)]
//! # struct Velocity { x: f32 }
//! fn run(view: View<'_, (Prev<Velocity>, Own<Position>)>) {
//!     for mut row in view.entities() {
//!         row.set(Velocity { x: 1.0 });
//!     }
//! }
//! ```
//!
//! Writing `prev`:
//!
//! ```compile_fail,E0594
//! # use diptych::prelude::*;
//! # #[derive(Clone, Copy, Component)]
//! # struct Position { x: f32 }
//! # #[derive(Clone, Copy, Component)]
//! # struct Velocity { x: f32 }
//! fn run(view: View<'_, (Prev<Velocity>, Own<Position>)>) {
//!     let (velocity, position) = view.columns();
//!     position.prev.x[0] = velocity.x[0] + position.prev.x[0];
//! }
//! ```
//!
//! Reading what the query does not name:
//!
//! ```compile_fail,E0308
//! # use diptych::prelude::*;
//! # #[derive(Clone, Copy, Component)]
//! # struct Position { x: f32 }
//! # #[derive(Clone, Copy, Component)]
//! # struct Velocity { x: f32 }
//! fn run(view: View<'_, (Own<Position>,)>) {
//!     for mut row in view.entities() {
//!         let velocity: Velocity = row.get();
//!         row.set(Position { x: velocity.x });
//!     }
//! }
//! ```
//!
//! Going over the rows twice:
//!
//! ```compile_fail,E0382
//! # use diptych::prelude::*;
//! # #[derive(Clone, Copy, Component)]
//! # struct Position { x: f32 }
//! # #[derive(Clone, Copy, Component)]
//! # struct Velocity { x: f32 }
//! fn run(view: View<'_, (Prev<Velocity>, Own<Position>)>) {
//!     for (velocity, mut position) in view {
//!         position.x = velocity.x;
//!     }
//!     let (velocity, position) = view.columns();
//! }
//! ```
//!
//! Keeping rows beyond their batch:
//!
//! ```compile_fail
//! # use diptych::prelude::*;
//! # #[derive(Clone, Copy, Component)]
//! # struct Position { x: f32 }
//! # #[derive(Clone, Copy, Component)]
//! # struct Velocity { x: f32 }
//! fn run(view: View<'_, (Prev<Velocity>, Own<Position>)>, kept: &mut Vec<&'static [f32]>) {
//!     let (velocity, position) = view.columns();
//!     kept.push(velocity.x);
//! }
//! ```
//!
//! A component of what is no column:
//!
//! ```compile_fail,E0277
//! # use diptych::prelude::*;
//! #[derive(Clone, Copy, Component)]
//! struct Name(&'static str);
//! ```
//!
//! ```compile_fail
//! # use diptych::prelude::*;
//! #[derive(Clone, Copy, Component)]
//! enum Health {
//!     Well,
//!     Ill { days: u32 },
//! }
//! ```
