//! Systems in Rust: what they are refused when a scenario is compiled, what they write, and that rows which they leave
//! alone are carried.

#![allow(clippy::expect_used, reason = "what is not as expected fails the test")]

use std::sync::Mutex;

use diptych::catalog::Catalog;
use diptych::compile::{Settings, compile};
use diptych::coordinator::{Options, Outcome, RunError, run};
use diptych::prelude::*;
use diptych::source::Source;
use diptych::system::{Edge, Space};

const SCENE: &str = "scenario scene
run { frames = 3, dt = 0.5, seed = 1 }
space torus (0, 0) .. (10, 10)
enum Health { Well, Ill }
component Position = vec2
component Velocity = vec2
component State = Health
component Body = { mass: f32, at: dvec2, marks: u8[2], awake: bool, home: entity of homes }
component Far = dvec2
group homes[3] { State = Well }
group people[300] {
    position Position = uniform(space)
    Velocity = vec2(row, 1)
    State = Well
    Body = Body(row, dvec2(1, 2), [u8(row % 7), 1], row % 2 == 0, homes[row % 3])
    Far = dvec2(0)
}
index tree = kdtree of people { bucket = 32 }
";

#[derive(Clone, Copy, Component)]
struct Position {
    x: f32,
    y: f32,
}

#[derive(Clone, Copy, Component)]
struct Velocity {
    x: f32,
    y: f32,
}

#[derive(Clone, Copy, PartialEq, Debug, Component)]
#[component(name = "State")]
enum Health {
    Well,
    Ill,
}

#[derive(Clone, Copy, Component)]
struct Body {
    mass: f32,
    at: [f64; 2],
    marks: [u8; 2],
    awake: bool,
    home: Reference,
}

/// A system of a test: what it asks for, and what it does.
macro_rules! systems {
    ($($name:ident: $query:ty, |$view:ident, $frame:ident| $run:block)*) => {$(
        struct $name;
        impl System for $name {
            const NAME: &'static str = stringify!($name);
            type Query = $query;
            type Scratch = ();

            fn new(_: &mut Setup<'_, '_>) -> Result<Self, AccessError> {
                Ok(Self)
            }
            fn run(&self, $view: View<'_, $query>, $frame: &Frame<'_>, (): &mut ()) -> Result<(), Fault> {
                $run
                Ok(())
            }
        }
    )*};
}

fn compiled(app: &App, text: &str) -> Result<diptych::Program, String> {
    let source = Source { path: "scene.dip".into(), text: format!("{SCENE}{text}") };
    match compile(&source, &Settings::default(), &Catalog(app.registry())) {
        Ok(compiled) => Ok(compiled.program),
        Err(errors) => Err(diptych::diagnostic::render(&source, &errors, false)),
    }
}

fn outcome(app: &App, text: &str) -> Result<Outcome, RunError> {
    let program = compiled(app, text).unwrap_or_else(|errors| panic!("{errors}"));
    run(&program, app.registry(), Options { workers: Some(0), ..Options::default() })
}

fn column<T: diptych_protocol::access::Element>(outcome: &Outcome, name: &str) -> Vec<T> {
    outcome.state.column("people", name).expect("a column of people")
}

/// Runs `S` as the only system.
#[track_caller]
fn ran<S: System>(clauses: &str) -> Outcome {
    let text = format!("system only native \"{}\" for people {clauses}\n", S::NAME);
    outcome(&App::new().system::<S>(), &text).unwrap_or_else(|error| panic!("{error}"))
}

/// What the compiler says of `S` as the only system.
#[track_caller]
fn refusal<S: System>(clauses: &str) -> String {
    let text = format!("system only native \"{}\" for people {clauses}\n", S::NAME);
    match compiled(&App::new().system::<S>(), &text) {
        Ok(_) => panic!("nobody refuses {clauses}"),
        Err(errors) => errors,
    }
}

#[derive(Clone, Copy, Component)]
#[component(name = "Velocity")]
struct WideVelocity {
    x: f64,
    y: f64,
}

#[derive(Clone, Copy, Component)]
#[component(name = "Velocity")]
struct FlatVelocity([f32; 3]);

#[derive(Clone, Copy, Component)]
#[component(name = "State")]
enum Colour {
    Red,
    Green,
}

#[derive(Clone, Copy, Component)]
#[component(name = "Body")]
struct Mass {
    mass: f32,
}

#[derive(Clone, Copy, Component)]
struct Nowhere(f32);

struct Homes;
impl Group for Homes {
    const NAME: &'static str = "homes";
}

struct Nobody;
impl Group for Nobody {
    const NAME: &'static str = "nobody";
}

systems! {
    Reads: (Prev<Velocity>, Own<Position>), |_view, _frame| {}
    ReadsFresh: (Fresh<Velocity>, Own<Position>), |_view, _frame| {}
    ReadsOthers: (Any<Fresh<Velocity>>, Own<Position>), |_view, _frame| {}
    ReadsHomes: (Of<Homes, Prev<Health>>, Own<Position>), |_view, _frame| {}
    ReadsNobody: (Of<Nobody, Prev<Health>>, Own<Position>), |_view, _frame| {}
    OwnsTwice: (Own<Position>, Own<Position>), |_view, _frame| {}
    Wide: Own<WideVelocity>, |_view, _frame| {}
    Flat: Own<FlatVelocity>, |_view, _frame| {}
    Coloured: Own<Colour>, |_view, _frame| {}
    Part: (Prev<Mass>, Own<Position>), |_view, _frame| {}
    Missing: (Prev<Nowhere>, Own<Position>), |_view, _frame| {}
    Heaps: Own<Load>, |_view, _frame| {}
}

#[derive(Clone, Copy, Component)]
struct Load(f32);

#[test]
fn rows_that_are_made_anew_have_no_prev_to_begin_with() {
    let text = "component Load = f32
        group heaps = buckets of tree { Load }
        system only native \"Heaps\" for heaps owns Load index tree\n";
    let said = compiled(&App::new().system::<Heaps>(), text).expect_err("a refusal");
    assert!(said.contains("rows of heaps are made anew each frame and have no `prev` that `Own<Load>`"), "{said}");
}

#[test]
fn a_wrong_access_is_refused_when_the_scenario_is_compiled() {
    for (said, expected) in [
        (refusal::<Reads>("owns Position"), "the kernel needs `reads Velocity`, which system only does not declare"),
        (
            refusal::<Reads>("owns Velocity reads Velocity"),
            "needs `owns Position`, which system only does not declare: nobody owns it",
        ),
        (
            refusal::<Reads>("owns Position, State reads Velocity"),
            "the kernel does not write State, which system only owns",
        ),
        (
            refusal::<Reads>("owns Position reads Velocity, State"),
            "declares `reads State`, which the kernel does not read so: take it out",
        ),
        (refusal::<OwnsTwice>("owns Position"), "the kernel's query has `Own<Position>` twice"),
        (refusal::<ReadsHomes>("owns Position"), "the kernel needs `reads homes.State`"),
        (refusal::<ReadsNobody>("owns Position"), "the kernel reads State of group nobody, and there is no such group"),
        (refusal::<Missing>("owns Position"), "the kernel needs component Nowhere, which group people does not have"),
    ] {
        assert!(said.contains("E0503") && said.contains(expected), "{expected:?} is not in\n{said}");
    }
}

#[test]
fn fresh_reads_are_declared_as_the_query_has_them() {
    let by = |clauses: &str, kernel: &str| {
        let app = App::new().system::<ReadsFresh>().system::<ReadsOthers>();
        let text = "system push for people owns Velocity { Velocity *= 2 }\n";
        compiled(&app, &format!("{text}system only native \"{kernel}\" for people owns Position {clauses}\n"))
    };
    assert!(by("fresh Velocity", "ReadsFresh").is_ok());
    assert!(by("fresh others Velocity", "ReadsOthers").is_ok());
    // Who may read any row may read the own one.
    assert!(by("fresh others Velocity", "ReadsFresh").is_ok());
    for (clauses, kernel, expected) in [
        ("reads Velocity", "ReadsFresh", "the kernel needs `fresh Velocity`"),
        ("fresh Velocity", "ReadsOthers", "the kernel needs `fresh others Velocity`"),
        ("fresh Velocity reads Velocity", "ReadsFresh", "declares `reads Velocity`, which the kernel does not read so"),
    ] {
        let said = by(clauses, kernel).expect_err("a refusal");
        assert!(said.contains(expected), "{expected:?} is not in\n{said}");
    }
}

#[test]
fn a_component_that_is_another_names_both_sides() {
    for (said, expected) in [
        (
            refusal::<Wide>("owns Velocity"),
            "component Velocity: the kernel's is { x: f64, y: f64 }, that of group people is vec2: make",
        ),
        (refusal::<Flat>("owns Velocity"), "the kernel's is [f32; 3], that of group people is vec2"),
        (
            refusal::<Coloured>("owns State"),
            "the kernel's is enum Colour { Red, Green }, that of group people is enum Health { Well, Ill }",
        ),
        (
            refusal::<Part>("owns Position reads Body"),
            "the kernel's is { mass: f32 }, that of group people is \
             { mass: f32, at: dvec2, marks[0]: u8, marks[1]: u8, awake: bool, home: a reference to homes }",
        ),
    ] {
        assert!(said.contains(expected), "{expected:?} is not in\n{said}");
    }
}

/// Takes constants of each sort.
struct Constants;

impl System for Constants {
    const NAME: &'static str = "Constants";
    type Query = Own<Position>;
    type Scratch = ();

    fn new(setup: &mut Setup<'_, '_>) -> Result<Self, AccessError> {
        let (length, count, deep) =
            (setup.constant::<f32>("length")?, setup.constant::<u8>("count")?, setup.constant("deep")?);
        if !(length == 2.0 && count == 200 && deep) {
            return Err(AccessError(format!("{length} {count} {deep}")));
        }
        Ok(Self)
    }
    fn run(&self, _: View<'_, Own<Position>>, _: &Frame<'_>, (): &mut ()) -> Result<(), Fault> {
        Ok(())
    }
}

#[test]
fn constants_are_typed() {
    ran::<Constants>("owns Position with { length = 2, count = 200, deep = true }");
    for (with, expected) in [
        ("length = 2, count = 200", "the kernel needs `with { deep = … }`, which system only lacks"),
        ("length = 2, count = 300, deep = true", "`with { count = 300 }` of system only is i32, the kernel needs u8"),
        ("length = 2, count = 2.5, deep = true", "`with { count = 2.5 }` of system only is f32, the kernel needs u8"),
        ("length = 16_777_217, count = 2, deep = true", "of system only is i32, the kernel needs f32"),
        (
            "length = true, count = 2, deep = true",
            "`with { length = true }` of system only is bool, the kernel needs f32",
        ),
        ("length = 3, count = 2, deep = false", "3 2 false"),
    ] {
        let said = refusal::<Constants>(&format!("owns Position with {{ {with} }}"));
        assert!(said.contains(expected), "{expected:?} is not in\n{said}");
    }
}

systems! {
    Untouched: Own<Velocity>, |_view, _frame| {}
    Left: Own<Velocity>, |view, _frame| {
        for mut velocity in view {
            if velocity.x >= 100.0 {
                break;
            }
            velocity.y += 1.0;
        }
    }
    Sparse: Own<Velocity>, |view, _frame| {
        view.iter().skip(1).step_by(2).for_each(|mut velocity| velocity.y += 1.0);
    }
    Unset: Own<Velocity>, |view, _frame| {
        for mut row in view.entities() {
            let velocity: Velocity = row.get();
            if velocity.x >= 100.0 {
                row.set(Velocity { y: velocity.y + 1.0, ..velocity });
                // What the frame started from, still.
                assert_eq!(row.get::<Velocity, _>().y, velocity.y);
            }
        }
    }
    HalfColumns: Own<Velocity>, |view, _frame| {
        let velocity = view.columns();
        for (next, prev) in velocity.next.y.iter_mut().zip(velocity.prev.y).step_by(2) {
            *next = prev + 1.0;
        }
    }
}

#[test]
fn rows_that_a_system_leaves_alone_are_carried() {
    let check = |outcome: Outcome, raised: &dyn Fn(usize) -> bool| {
        let (x, y): (Vec<f32>, Vec<f32>) = (column(&outcome, "Velocity.x"), column(&outcome, "Velocity.y"));
        for row in 0..300 {
            let expected = if raised(row) { 4.0 } else { 1.0 };
            assert_eq!((x[row], y[row]), (row as f32, expected), "row {row}");
        }
    };
    check(ran::<Untouched>("owns Velocity"), &|_| false);
    // A batch of 64 rows is left where its first row is at 100 or beyond.
    check(ran::<Left>("owns Velocity batch 64"), &|row| row < 100);
    check(ran::<Sparse>("owns Velocity batch 64"), &|row| row % 2 == 1);
    check(ran::<Unset>("owns Velocity batch 64"), &|row| row >= 100);
    check(ran::<HalfColumns>("owns Velocity batch 64"), &|row| row % 2 == 0);
}

systems! {
    Turns: (Own<Body>, Own<Health>), |view, _frame| {
        for (mut body, mut health) in view {
            body.mass += 1.0;
            body.at[1] *= 2.0;
            body.marks[0] = body.marks[0].wrapping_mul(100);
            body.awake = !body.awake;
            body.home = match body.home.row() {
                Some(row) if row > 0 => Reference::to(row - 1),
                _ => Reference::NONE,
            };
            *health = if *health == Health::Well { Health::Ill } else { Health::Well };
        }
    }
}

#[test]
fn every_sort_of_value_is_taken_and_put_back() {
    let outcome = ran::<Turns>("owns Body, State");
    let mass: Vec<f32> = column(&outcome, "Body.mass");
    let at: [Vec<f64>; 2] = ["Body.at.x", "Body.at.y"].map(|name| column(&outcome, name));
    let marks: [Vec<u8>; 2] = ["Body.marks[0]", "Body.marks[1]"].map(|name| column(&outcome, name));
    let (awake, home): (Vec<u8>, Vec<u32>) = (column(&outcome, "Body.awake"), column(&outcome, "Body.home"));
    let state: Vec<u8> = column(&outcome, "State");
    for row in 0..300usize {
        assert_eq!(mass[row], row as f32 + 3.0);
        assert_eq!((at[0][row], at[1][row]), (1.0, 16.0));
        let times_100 = |mark: u8| mark.wrapping_mul(100);
        assert_eq!((marks[0][row], marks[1][row]), (times_100(times_100(times_100((row % 7) as u8))), 1));
        assert_eq!(awake[row], u8::from(row % 2 != 0));
        assert_eq!((home[row], state[row]), (u32::MAX, 1));
    }
}

systems! {
    Sums: (Id, Any<Prev<Velocity>>, Of<Homes, Prev<Health>>, Own<Position>), |view, frame| {
        for (id, velocities, homes, mut position) in view {
            let next = (id.index + 1) % velocities.len() as u32;
            let home = homes.get(id.index % homes.len() as u32);
            position.x = velocities.get(next).x / 100.0 + if home == Health::Ill { 5.0 } else { 0.0 };
            position.y = frame.number() as f32 + frame.dt();
        }
    }
    Beyond: (Any<Prev<Velocity>>, Own<Position>), |view, _frame| {
        for (velocities, mut position) in view {
            position.x = velocities.get(300).x;
        }
    }
    Faulty: Own<Position>, |view, frame| {
        if frame.number() == 1 && frame.rows().start == 128 {
            return Err(frame.fault(7, format!("{} rows are too many", view.len())));
        }
    }
}

#[test]
fn rows_of_others_are_read_by_number() {
    let outcome = ran::<Sums>("owns Position reads Velocity, homes.State batch 64");
    let (x, y): (Vec<f32>, Vec<f32>) = (column(&outcome, "Position.x"), column(&outcome, "Position.y"));
    for row in 0..300 {
        assert_eq!((x[row], y[row]), (((row + 1) % 300) as f32 / 100.0, 2.5), "row {row}");
    }
}

#[test]
fn a_fault_names_the_row_and_a_row_that_is_not_there_ends_the_run() {
    let fails = |app: App, name: &str, clauses: &str| {
        let text = format!("system only native \"{name}\" for people owns Position {clauses} batch 64\n");
        match outcome(&app, &text) {
            Err(RunError::Fault(message, blame)) => (message, blame),
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("nobody failed"),
        }
    };
    let (message, blame) = fails(App::new().system::<Faulty>(), "Faulty", "");
    assert!(message.contains("64 rows are too many") && blame.fault.row == Some(135), "{message}");
    let (message, _) = fails(App::new().system::<Beyond>(), "Beyond", "reads Velocity");
    assert!(message.contains("the kernel panicked: index out of bounds"), "{message}");
}

/// What became of each instance of `Hooked` that was asked to prepare.
static HOOKS: Mutex<Vec<&str>> = Mutex::new(Vec::new());

struct Hooked;

impl System for Hooked {
    const NAME: &'static str = "Hooked";
    type Query = Own<Position>;
    type Scratch = Vec<usize>;

    fn new(_: &mut Setup<'_, '_>) -> Result<Self, AccessError> {
        Ok(Self)
    }
    fn prepare(&self, scratch: &mut Vec<usize>, rows: usize) {
        assert!(scratch.is_empty() && rows > 0);
        scratch.push(rows);
        HOOKS.lock().expect("no panic").push("prepared");
    }
    fn run(&self, view: View<'_, Own<Position>>, _: &Frame<'_>, scratch: &mut Vec<usize>) -> Result<(), Fault> {
        assert!(!scratch.is_empty(), "scratch is kept from prepare on");
        scratch.push(view.len());
        Ok(())
    }
    fn finish(&self, scratch: &mut Vec<usize>) {
        assert!(scratch.len() >= 2, "only who ran is finished");
        HOOKS.lock().expect("no panic").push("finished");
    }
}

#[test]
fn each_instance_that_runs_is_prepared_once_and_finished_once() {
    ran::<Hooked>("owns Position batch 64");
    let hooks = HOOKS.lock().expect("no panic");
    let prepared = hooks.iter().filter(|hook| **hook == "prepared").count();
    assert!(prepared >= 1 && hooks.len() == 2 * prepared, "{hooks:?}");
}

/// Asks for those within `reach`, in a way of its own.
struct Asks {
    reach: f32,
    tree: Tree,
}

impl System for Asks {
    const NAME: &'static str = "Asks";
    type Query = Own<Velocity>;
    type Scratch = Around;

    fn new(setup: &mut Setup<'_, '_>) -> Result<Self, AccessError> {
        Ok(Self { reach: setup.constant("reach")?, tree: setup.tree()? })
    }
    fn run(&self, view: View<'_, Own<Velocity>>, frame: &Frame<'_>, around: &mut Around) -> Result<(), Fault> {
        let next = view.columns().next;
        next.x.fill(0.0);
        next.y.fill(-1.0);
        self.tree.near(frame, around, self.reach, |near| {
            assert!(next.y[near.place] < near.other as f32, "others come in the order of their numbers");
            next.x[near.place] += 1.0;
            next.y[near.place] = near.other as f32;
        })
    }
}

#[test]
fn a_tree_gives_exactly_those_within_reach() {
    let outcome = ran::<Asks>("owns Velocity index tree with { reach = 1.3 } batch 64");
    let (x, y): (Vec<f32>, Vec<f32>) = (column(&outcome, "Position.x"), column(&outcome, "Position.y"));
    let counted: Vec<f32> = column(&outcome, "Velocity.x");
    let space = Space { edge: Edge::Torus, dimensions: 2, lo: [0.0; 3], hi: [10.0, 10.0, 0.0] };
    for own in 0..300 {
        let near = |other: &usize| {
            let (dx, dy) = (space.delta(0, x[own], x[*other]), space.delta(1, y[own], y[*other]));
            *other != own && dx * dx + dy * dy <= 1.3 * 1.3
        };
        assert_eq!(counted[own], (0..300).filter(near).count() as f32, "row {own}");
    }
    assert!(counted.iter().sum::<f32>() > 1000.0);
}

#[test]
fn a_reach_that_cannot_be_asked_is_told() {
    let app = App::new().system::<Asks>();
    for (reach, expected) in [
        ("5.1", "the kernel asks within 5.1 on a torus whose shortest side is 10: at most half of it is possible"),
        ("-1.0", "the kernel asks within -1: a reach is finite and not below 0"),
    ] {
        let text =
            format!("system only native \"Asks\" for people owns Velocity index tree with {{ reach = {reach} }}\n");
        let error = outcome(&app, &text).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains(expected), "{expected:?} is not in {error:?}");
    }
    let said = refusal::<Asks>("owns Velocity with { reach = 1.0 }");
    assert!(said.contains("system only needs a clause `index NAME`"), "{said}");
}
