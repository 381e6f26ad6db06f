//! References to rows that are born in the same frame, and what turns of loops ask for: the engine has the rows, names and
//! references that a plain model of the same rules has, one step after another.

use diptych::coordinator::{Options, Outcome};
use diptych_protocol::message::Backend;
use diptych_tests::kills::{Kills, Random};
use diptych_tests::{program, run_with};

const BINARY: &str = env!("CARGO_BIN_EXE_diptych-under-test");

/// Litters in a loop, twins who know each other, marks that know whom they are of; ends asked for in a loop. References
/// are kept, handed on `fresh`, and given to other newborn rows.
const TEXT: &str = "
scenario newborns
param n: u32 = 100
param most: u32 = 300
param birth: u32 = 8
param twin: u32 = 8
param death: u32 = 8
param kill: u32 = 5
component Key = u32
component State = u32
component Nth = u32
component Met = u32
component Child = entity of cells
component Heard = entity of cells
component Twin = entity of cells
component Mother = entity of cells

fn mix(a: u32, b: u32) -> u32 {
    let c = bit_xor(a, b * 2654435761) * 2246822519
    let d = bit_xor(c, shift_right(c, 15)) * 3266489917
    bit_xor(d, shift_right(d, 13))
}

group cells[n, max 8 * most] { Key = mix(row, 1), State = 0, Nth = 0, Met = 0, Child = none, Heard = none, Twin = none, Mother = none }
group marks[5, max 8 * most] { Key = row, Mother = none }
group stones[7] { Key = mix(row, 2), Child = none }

system bear for cells owns Child, State {
    State = (if alive(Child) { 1 } else { 0 }) + Child.Key % 100 * 2 + Heard.Nth * 1000
        + count(x in cells by Child) * 10000
    let mut last = Child
    if mix(Key, frame) % 100 < birth and population < most / 3 {
        for i in 0 .. min(i32(Key % 5), 3) {
            let child = spawn cells { Key = mix(Key, frame * 8 + u32(i)), Mother = self, Nth = u32(i) }
            if i == 1 { spawn marks { Key = Key, Mother = child } }
            if i != 2 or Key % 3 == 0 { last = child }
        }
    }
    if mix(Key, frame + 9) % 100 < twin and population < most / 3 {
        let a = spawn cells { Key = mix(Key, frame + 500), Mother = self }
        let b = spawn cells { Key = mix(Key, frame + 501), Mother = last, Twin = a, Child = a }
        let same = a == b or a == none or alive(a) or a.Key != 0
        last = if Key % 2 == 0 or same { a } else { b }
        despawn b
    }
    Child = last
    for x in cells by Mother {
        if mix(x.Key, frame + 5) % 100 < kill { despawn x }
    }
    for i in 0 .. 2 {
        if mix(Key, frame + 7) % 100 < death { despawn self }
    }
}

system hear for cells owns Heard, Met {
    Met = count(x in cells by fresh Child)
    let mut heard = if Key % 4 == 0 { fresh Child } else { Heard }
    for x in cells by Mother { heard = fresh x.Child }
    Heard = heard
}

system drop for stones owns Child {
    if mix(Key, frame) % 100 < birth and population < most / 3 {
        Child = spawn cells { Key = mix(Key, frame + 900), Twin = Child }
    }
}

system fade for marks {
    for x in marks {
        if x.Key == Key { despawn x }
    }
    if Mother != none and not alive(Mother) { despawn self }
}

signal population = count(cells)
";

/// An entity: its index, and which of its lives.
type Name = (u32, u32);
const NONE: Name = (u32::MAX, u32::MAX);
/// Names that no entity has: from here on, those of births, by their lists and places.
const NEWBORN: u32 = 1 << 31;

fn newborn(list: u32, place: usize) -> Name {
    (NEWBORN + (list << 20) + place as u32, 0)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cell {
    name: Name,
    key: u32,
    state: u32,
    nth: u32,
    met: u32,
    child: Name,
    heard: Name,
    twin: Name,
    mother: Name,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    name: Name,
    key: u32,
    mother: Name,
}

trait Row: Copy {
    fn name(&mut self) -> &mut Name;
}
impl Row for Cell {
    fn name(&mut self) -> &mut Name {
        &mut self.name
    }
}
impl Row for Mark {
    fn name(&mut self) -> &mut Name {
        &mut self.name
    }
}

fn named(name: Name, key: u32) -> Cell {
    Cell { name, key, state: 0, nth: 0, met: 0, child: NONE, heard: NONE, twin: NONE, mother: NONE }
}

fn mix(a: u32, b: u32) -> u32 {
    let c = (a ^ b.wrapping_mul(2_654_435_761)).wrapping_mul(2_246_822_519);
    let d = (c ^ (c >> 15)).wrapping_mul(3_266_489_917);
    d ^ (d >> 13)
}

/// Rows that come and go.
struct Living<R> {
    rows: Vec<R>,
    /// The names that are free, in the order in which they are given out, with the life that they had.
    free: Vec<Name>,
}

impl<R: Row> Living<R> {
    fn new(first: u32, most: u32, row: impl Fn(u32) -> R) -> Self {
        Self { rows: (0..first).map(row).collect(), free: (first..most).map(|at| (at, 0)).collect() }
    }

    fn find(&self, name: Name) -> Option<usize> {
        self.rows.iter().position(|row| *row.clone().name() == name)
    }

    /// Births fill holes, then the end; survivors from beyond the new end fill what is left. Births take the names of those
    /// that ended, from the least index on, then free ones. Says who they became.
    fn change(&mut self, ends: &[bool], born: Vec<R>) -> Vec<Name> {
        let holes: Vec<usize> = (0..ends.len()).filter(|at| ends[*at]).collect();
        let mut ended: Vec<Name> = holes.iter().map(|at| *self.rows[*at].name()).collect();
        ended.sort_unstable();
        let (deaths, births) = (holes.len(), born.len());
        let mut names = Vec::new();
        for (number, mut row) in born.into_iter().enumerate() {
            let (index, life) = ended.get(number).copied().unwrap_or_else(|| self.free.remove(0));
            *row.name() = (index, life + 1);
            names.push((index, life + 1));
            match holes.get(number) {
                Some(&hole) => self.rows[hole] = row,
                None => self.rows.push(row),
            }
        }
        if births < deaths {
            let end = self.rows.len() - (deaths - births);
            let survivors: Vec<usize> = (end..ends.len()).filter(|at| !ends[*at]).collect();
            for (&hole, &survivor) in holes[births..].iter().filter(|hole| **hole < end).zip(&survivors) {
                self.rows[hole] = self.rows[survivor];
            }
            self.rows.truncate(end);
            self.free.splice(0..0, ended.split_off(births));
        }
        names
    }
}

#[derive(Clone, Copy)]
struct Rates {
    n: u32,
    most: u32,
    birth: u32,
    twin: u32,
    death: u32,
    kill: u32,
}

/// The same rules, one row after another.
struct Model {
    rates: Rates,
    cells: Living<Cell>,
    marks: Living<Mark>,
    stones: Vec<(u32, Name)>,
}

impl Model {
    fn new(rates: Rates) -> Self {
        Self {
            rates,
            cells: Living::new(rates.n, 8 * rates.most, |at| named((at, 1), mix(at, 1))),
            marks: Living::new(5, 8 * rates.most, |at| Mark { name: (at, 1), key: at, mother: NONE }),
            stones: (0..7).map(|at| (mix(at, 2), NONE)).collect(),
        }
    }

    fn frame(&mut self, frame: u32) {
        let Rates { most, birth, twin, death, kill, .. } = self.rates;
        let few = (self.cells.rows.len() as u32) < most / 3;
        let prev = self.cells.rows.clone();
        let find = |name: Name| prev.iter().find(|row| row.name == name);
        // What each statement asks for: litters, the first of twins, the second, those of stones.
        let mut born: [Vec<(u32, Cell)>; 4] = Default::default();
        let (mut marks, mut ends) = (Vec::new(), vec![false; prev.len()]);
        for (at, row) in prev.iter().enumerate() {
            let mut last = row.child;
            if mix(row.key, frame) % 100 < birth && few {
                for i in 0..(row.key % 5).min(3) {
                    let child = newborn(0, born[0].len());
                    let key = mix(row.key, frame * 8 + i);
                    born[0].push((row.name.0, Cell { mother: row.name, nth: i, ..named(child, key) }));
                    if i == 1 {
                        marks.push((row.name.0, Mark { name: NONE, key: row.key, mother: child }));
                    }
                    if i != 2 || row.key % 3 == 0 {
                        last = child;
                    }
                }
            }
            if mix(row.key, frame + 9) % 100 < twin && few {
                let (a, b) = (newborn(1, born[1].len()), newborn(2, born[2].len()));
                let (key, other) = (mix(row.key, frame + 500), mix(row.key, frame + 501));
                born[1].push((row.name.0, Cell { mother: row.name, ..named(a, key) }));
                born[2].push((row.name.0, Cell { mother: last, twin: a, child: a, ..named(b, other) }));
                last = if row.key % 2 == 0 { a } else { b };
            }
            let state = u32::from(find(row.child).is_some())
                + find(row.child).map_or(0, |child| child.key) % 100 * 2
                + find(row.heard).map_or(0, |heard| heard.nth) * 1000
                + prev.iter().filter(|other| other.child == row.name).count() as u32 * 10000;
            let next = &mut self.cells.rows[at];
            (next.child, next.state) = (last, state);
            for (other, _) in prev.iter().enumerate().filter(|(_, other)| other.mother == row.name) {
                ends[other] |= mix(prev[other].key, frame + 5) % 100 < kill;
            }
            ends[at] |= mix(row.key, frame + 7) % 100 < death;
        }
        let fresh: Vec<Name> = self.cells.rows.iter().map(|row| row.child).collect();
        for (at, row) in prev.iter().enumerate() {
            let heard = if row.key % 4 == 0 { fresh[at] } else { row.heard };
            let young = (0..prev.len()).rev().find(|other| prev[*other].mother == row.name);
            let next = &mut self.cells.rows[at];
            next.heard = young.map_or(heard, |young| fresh[young]);
            next.met = fresh.iter().filter(|child| **child == row.name).count() as u32;
        }
        for (stone, (key, child)) in (0..).zip(&mut self.stones) {
            if mix(*key, frame) % 100 < birth && few {
                let name = newborn(3, born[3].len());
                born[3].push((stone, Cell { twin: *child, ..named(name, mix(*key, frame + 900)) }));
                *child = name;
            }
        }
        let same = |a: usize, b: usize, all: &[Mark]| a != b && all[a].key == all[b].key;
        let old = &self.marks.rows;
        let fading = |at: usize| {
            let shared = (0..old.len()).any(|other| same(at, other, old));
            shared || (old[at].mother != NONE && find(old[at].mother).is_none())
        };
        let fades: Vec<bool> = (0..old.len()).map(fading).collect();
        // They are numbered by who asks, whatever row that has.
        born.iter_mut().for_each(|all| all.sort_by_key(|(asker, _)| *asker));
        marks.sort_by_key(|(asker, _)| *asker);
        let born: Vec<Cell> = born.into_iter().flatten().map(|(_, row)| row).collect();
        let who: Vec<Name> = born.iter().map(|row| row.name).collect();
        let became = self.cells.change(&ends, born);
        self.marks.change(&fades, marks.into_iter().map(|(_, mark)| mark).collect());
        let refer = |name: &mut Name| {
            if let Some(at) = who.iter().position(|known| known == name) {
                *name = became[at];
            }
        };
        for row in &mut self.cells.rows {
            [&mut row.child, &mut row.heard, &mut row.twin, &mut row.mother].into_iter().for_each(refer);
        }
        self.marks.rows.iter_mut().for_each(|mark| refer(&mut mark.mother));
        self.stones.iter_mut().for_each(|(_, child)| refer(child));
    }
}

/// The rows as the engine has them.
fn found(outcome: &Outcome) -> (Vec<Cell>, Vec<Mark>, Vec<(u32, Name)>) {
    let column = |group: &str, name: &str| outcome.state.column::<u32>(group, name).unwrap();
    let pair =
        |group: &str, a: &str, b: &str| column(group, a).into_iter().zip(column(group, b)).collect::<Vec<Name>>();
    let reference = |group: &str, name: &str| pair(group, &format!("{name}.index"), &format!("{name}.life"));
    let of_cells = ["Child", "Heard", "Twin", "Mother"].map(|name| reference("cells", name));
    let (names, keys) = (pair("cells", "entity", "entity life"), column("cells", "Key"));
    let [states, nths, mets] = ["State", "Nth", "Met"].map(|name| column("cells", name));
    let cells = (0..names.len()).map(|at| {
        let [child, heard, twin, mother] = [0, 1, 2, 3].map(|which: usize| of_cells[which][at]);
        Cell {
            name: names[at],
            key: keys[at],
            state: states[at],
            nth: nths[at],
            met: mets[at],
            child,
            heard,
            twin,
            mother,
        }
    });
    let (names, keys) = (pair("marks", "entity", "entity life"), column("marks", "Key"));
    let mothers = reference("marks", "Mother");
    let marks = (0..names.len()).map(|at| Mark { name: names[at], key: keys[at], mother: mothers[at] });
    let stones = column("stones", "Key").into_iter().zip(reference("stones", "Child"));
    (cells.collect(), marks.collect(), stones.collect())
}

fn sets(rates: Rates) -> Vec<(&'static str, String)> {
    let Rates { n, most, birth, twin, death, kill } = rates;
    let all = [("n", n), ("most", most), ("birth", birth), ("twin", twin), ("death", death), ("kill", kill)];
    all.into_iter().map(|(name, value)| (name, value.to_string())).collect()
}

fn compiled(text: &str, rates: Rates, frames: u32) -> diptych::Program {
    let sets = sets(rates);
    let sets: Vec<(&str, &str)> = sets.iter().map(|(name, value)| (*name, value.as_str())).collect();
    program(text, &sets, frames)
}

fn some_rates(random: &mut Random) -> Rates {
    let mut below = |most: u32| random.next(u64::from(most)) as u32;
    let n = [0, 1, 2, 63, 64, 65, 100, 200][below(8) as usize];
    let most = (n * [3, 4, 8][below(3) as usize]).max(24);
    Rates { n, most, birth: below(25), twin: below(20), death: below(40), kill: below(30) }
}

/// Thousands of frames, of populations that grow, shrink and end.
#[test]
fn rows_and_references_to_newborn_rows_are_those_of_a_plain_model() {
    let mut random = Random(7);
    let mut lived = 0;
    for run in 0..90 {
        let rates = some_rates(&mut random);
        let frames = [1, 2, 3, 20, 60, 200][random.next(6) as usize];
        let mut model = Model::new(rates);
        (0..frames).for_each(|frame| model.frame(frame));
        let backend = if run % 2 == 0 { Backend::Interpreter } else { Backend::Compiled };
        let options = Options { backend, ..Options::default() };
        let workers = [0, 0, 1, 2, 3][run % 5];
        let outcome = run_with(&compiled(TEXT, rates, frames), workers, BINARY, options).unwrap();
        let told = format!("run {run}: {frames} frames, {workers} workers, {backend:?}, {:?}", sets(rates));
        let (cells, marks, stones) = found(&outcome);
        let first = (0..cells.len().max(model.cells.rows.len())).find(|at| cells.get(*at) != model.cells.rows.get(*at));
        let differ = first.map(|at| (at, cells.get(at), model.cells.rows.get(at)));
        assert_eq!(differ, None, "{told}");
        assert_eq!(marks, model.marks.rows, "{told}");
        assert_eq!(stones, model.stones, "{told}");
        lived += cells.iter().filter(|row| model.cells.find(row.child).is_some()).count();
    }
    assert!(lived > 500, "{lived} references to those who live: the model is not put to the test");
}

/// Batches of many rows, several blocks: more than the plain model has patience for.
#[test]
fn references_to_newborn_rows_are_the_same_at_any_number_of_workers_and_through_kills() {
    // By its own row alone: no row looks at all others.
    let text = TEXT.replace("    for x in marks {\n        if x.Key == Key { despawn x }\n    }\n", "");
    let rates = Rates { n: 20_000, most: 90_000, birth: 20, twin: 9, death: 28, kill: 6 };
    let program = compiled(&text, rates, 20);
    let expected = run_with(&program, 0, BINARY, Options::default()).unwrap();
    assert!(expected.state.rows(program.group("cells").unwrap()) > 21_000);
    for backend in [Backend::Interpreter, Backend::Compiled] {
        for workers in [1, 2, 3] {
            let outcome = run_with(&program, workers, BINARY, Options { backend, ..Options::default() }).unwrap();
            assert_eq!(outcome.digest, expected.digest, "{workers} workers, {backend:?}");
        }
    }
    let (mut random, mut killed) = (Random(3), 0);
    while killed < 12 {
        let plan = Kills::random(&mut random, 3, 6, 20_000);
        let (outcome, hit) = plan.run(&program, 3, BINARY, Options::default());
        assert_eq!(outcome.digest, expected.digest);
        killed += hit;
    }
}

#[test]
fn a_row_that_asks_for_more_births_than_it_may_ends_the_run_and_says_so() {
    let text = "
        scenario greedy
        component Key = u32
        group cells[100, max 10_000] { Key = row }
        system bear for cells {
            for x in cells {
                if x.Key < 3 and Key == 70 and frame == 2 { spawn cells[max 2] { Key = 1_000 } }
            }
        }
        signal population = count(cells)";
    for workers in [0, 2] {
        let error = run_with(&program(text, &[], 9), workers, BINARY, Options::default()).err();
        let error = error.map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains("asks for 3 births into cells, and may for 2: raise `spawn cells[max 2]`"), "{error}");
    }
    // As many as it may.
    let text = text.replace("[max 2]", "[max 3]");
    let program = program(&text, &[], 9);
    let outcome = run_with(&program, 2, BINARY, Options::default()).unwrap();
    assert_eq!(outcome.state.rows(program.group("cells").unwrap()), 103);
}

/// A rule that only looks at a component owns it, and another lets rows be born with references to newborn rows in it.
#[test]
fn a_newborn_row_keeps_a_reference_to_another_whoever_owns_the_component() {
    let text = "
        scenario pairs
        component Friend = entity of cells
        component Alone = u32
        group cells[20, max 10_000] { Friend = none, Alone = 0 }
        system forget for cells owns Friend, Alone {
            Alone = if Friend != none and not alive(Friend) { 1 } else { 0 }
            if chance(0.01) { Friend = none }
        }
        system bear for cells {
            if chance(0.2) {
                let first = spawn cells { Friend = none }
                spawn cells { Friend = first }
            }
        }
        signal befriended = count(cells where Friend != none)
        ensure \"friends are those who live\" sum(cells: Alone) == 0";
    for workers in [0, 2] {
        let outcome = run_with(&program(text, &[], 12), workers, BINARY, Options::default()).unwrap();
        let friends = outcome.state.column::<u32>("cells", "Friend.index").unwrap();
        let rows = friends.len() as u32;
        assert!(friends.iter().filter(|friend| **friend != u32::MAX).count() > 10);
        assert!(friends.iter().all(|friend| *friend == u32::MAX || *friend < rows), "{friends:?}");
    }
}

/// Whoever hunts looks around: ends and births by neighbours.
fn hunt(index: &str, around: &str, frames: u32) -> diptych::Program {
    let text = format!(
        "
        scenario hunt
        space torus (0, 0) .. (20, 20)
        component Position = vec2
        component Key = u32
        component Prey = entity of sheep
        group sheep[400, max 8_000] {{ position Position = uniform(space), Key = row }}
        group wolves[50] {{ position Position = uniform(space), Key = row, Prey = none }}
        {index}
        system roam for sheep owns Position {{
            Position = wrap(Position + polar(uniform(0, TAU), 0.4))
            if chance(0.02) {{ spawn sheep {{ Position = fresh Position, Key = Key }} }}
        }}
        system hunt for wolves owns Position, Prey {{
            let mut seen: u32 = 0, mut prey = Prey
            for x in {around} {{
                seen += 1
                if x.Key % 3 == Key % 3 {{
                    despawn x
                    if x.Key % 2 == 0 {{
                        let cub = spawn sheep[max 200] {{ Position = Position, Key = x.Key + seen }}
                        if Key % 4 == 0 {{ prey = cub }}
                    }}
                }}
            }}
            Prey = prey
            Position = wrap(Position + polar(uniform(0, TAU), 0.4))
        }}
        signal population = count(sheep)"
    );
    program(&text, &[], frames)
}

#[test]
fn what_loops_over_neighbours_ask_for_is_heard_whatever_finds_them() {
    let run = |program: &diptych::Program, backend, workers| {
        run_with(program, workers, BINARY, Options { backend, ..Options::default() }).unwrap()
    };
    let ways = [
        ("", "sheep where distance(x) <= 1.2"),
        ("index finder = grid of sheep { cell = 1.2 }", "sheep within 1.2"),
        ("index finder = kdtree of sheep { bucket = 16 }", "sheep within 1.2"),
    ];
    let mut populations = Vec::new();
    for (index, around) in ways {
        let program = hunt(index, around, 60);
        let expected = run(&program, Backend::Compiled, 0);
        assert_eq!(run(&program, Backend::Interpreter, 3).digest, expected.digest, "{index}");
        assert_eq!(run(&program, Backend::Compiled, 2).digest, expected.digest, "{index}");
        // In which order they are found is the index's own, and so who is born first; in one frame that tells nothing.
        let once = run(&hunt(index, around, 1), Backend::Compiled, 1);
        populations.push((
            once.state.rows(program.group("sheep").unwrap()),
            expected.state.rows(program.group("sheep").unwrap()),
        ));
    }
    let first: Vec<u32> = populations.iter().map(|(first, _)| *first).collect();
    assert!(first.iter().all(|rows| *rows == first[0]), "{populations:?}");
    assert!(populations.iter().all(|(_, last)| *last != 400), "{populations:?}");
}
