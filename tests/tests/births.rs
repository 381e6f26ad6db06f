//! Rows come and go: whatever rules ask for, the engine has the rows, names and references that a plain model of the same
//! rules has, one step after another.

use diptych::coordinator::{Options, Outcome};
use diptych_protocol::id::Tick;
use diptych_protocol::message::Backend;
use diptych_protocol::random::Address;
use diptych_tests::kills::{Kills, Random};
use diptych_tests::{program, run_with};

const BINARY: &str = env!("CARGO_BIN_EXE_diptych-under-test");

/// Births by two systems, ends by own will and by others', references that outlive whom they are to; pairs of rows, a component
/// that comes and goes, and a rule for those of whom it changed.
const TEXT: &str = "
scenario births
param n: u32 = 100
param most: u32 = 300
param birth: u32 = 8
param twin: u32 = 5
param death: u32 = 8
param kill: u32 = 5
component Key = u32
component Age = u32
component Seen = u32
component Children = u32
component Friend = entity of cells
component Mother = entity of cells
component Met = u32
component Mark = u32
component Heeded = u32

fn mix(a: u32, b: u32) -> u32 {
    let c = bit_xor(a, b * 2654435761) * 2246822519
    let d = bit_xor(c, shift_right(c, 15)) * 3266489917
    bit_xor(d, shift_right(d, 13))
}

group cells[n, max most] {
    Key = mix(row, 1)
    Age = 0
    Seen = 3
    Children = 0
    Friend = self
    Mother = self
    Met = 0
    optional Mark
    Heeded = 0
}
match talk = cells where Key % 4 != 0 with cells

system live for cells owns Age, Seen, Children {
    Age += 1
    Children = count(x in cells by Mother) + 100 * count(x in cells by fresh Friend)
    Seen = Friend.Key + Mother.Age
    if mix(Key, frame) % 100 < birth and population < most / 2 {
        spawn cells { Key = mix(Key, frame + 1000), Age = fresh Seen % 7, Friend = Mother, Mother = self }
    }
    if mix(Key, frame + 7) % 100 < death { despawn self }
}

system meet for cells owns Friend {
    let who = argmin(x in cells : mix(x.Key, Key))
    if mix(Key, frame + 5) % 100 < kill { despawn Friend }
    if mix(Key, frame + 9) % 100 < twin and population < most / 2 {
        spawn cells { Key = mix(Key, frame + 2000), Friend = self, Mother = Friend }
    }
    if mix(Key, frame + 3) % 100 < 30 { Friend = who }
}

system speak for cells owns Met {
    if alive(fresh talk) { Met = fresh talk.Met + fresh talk.Key % 1000 + 1 }
}
system mark for cells without Mark where mix(Key, frame + 31) % 100 < 10 { add Mark = Met }
system wipe for cells with Mark where mix(Key, frame + 33) % 100 < 20 { remove Mark }
system heed for cells changed Mark owns Heeded { Heeded += 1 + Mark }

signal population = count(cells)
signal keys = sum(cells: f64(Key))
";

/// An entity: its index, and which of its lives.
type Name = (u32, u32);
const NONE: Name = (u32::MAX, u32::MAX);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Row {
    name: Name,
    key: u32,
    age: u32,
    seen: u32,
    children: u32,
    friend: Name,
    mother: Name,
    met: u32,
    /// The component that comes and goes, and whether it is new.
    mark: Option<u32>,
    new: bool,
    heeded: u32,
}

impl Row {
    /// One that is made: all of it is new.
    fn made(key: u32, age: u32, friend: Name, mother: Name) -> Self {
        Self { name: NONE, key, age, seen: 3, children: 0, friend, mother, met: 0, mark: None, new: true, heeded: 0 }
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

fn mix(a: u32, b: u32) -> u32 {
    let c = (a ^ b.wrapping_mul(2_654_435_761)).wrapping_mul(2_246_822_519);
    let d = (c ^ (c >> 15)).wrapping_mul(3_266_489_917);
    d ^ (d >> 13)
}

/// The same rules, one row after another.
struct Model {
    rates: Rates,
    rows: Vec<Row>,
    /// The names that are free, in the order in which they are given out, with the life that they had.
    free: Vec<Name>,
    /// The seed and the site that pairs are drawn by.
    pairs: (u64, u32),
}

impl Model {
    fn new(rates: Rates, program: &diptych::Program) -> Self {
        let row = |at| Row { name: (at, 1), ..Row::made(mix(at, 1), 0, (at, 1), (at, 1)) };
        let side = program.matchings.values().next().map(|matching| matching.sides[0].site);
        Self {
            rates,
            rows: (0..rates.n).map(row).collect(),
            free: (rates.n..rates.most).map(|at| (at, 0)).collect(),
            pairs: (program.seed, side.unwrap()),
        }
    }

    /// Who is paired with whom: those that take part, ranked by what they draw, two and two.
    fn partners(&self, frame: u32) -> Vec<Option<usize>> {
        let (seed, site) = self.pairs;
        let drawn = |at: usize| {
            let entity = self.rows[at].name.0;
            Address { seed, entity, tick: Tick::after_frames(frame + 1).0, site, turn: 0 }.block()[0]
        };
        let taking = (0..self.rows.len()).filter(|at| !self.rows[*at].key.is_multiple_of(4));
        let mut ranked: Vec<(u32, usize)> = taking.map(|at| (drawn(at), at)).collect();
        ranked.sort_unstable();
        let mut partners = vec![None; self.rows.len()];
        for pair in ranked.chunks_exact(2) {
            let ((_, a), (_, b)) = (pair[0], pair[1]);
            (partners[a], partners[b]) = (Some(b), Some(a));
        }
        partners
    }

    fn find(&self, name: Name) -> Option<usize> {
        self.rows.iter().position(|row| row.name == name)
    }

    fn frame(&mut self, frame: u32) {
        let Rates { most, birth, twin, death, kill, .. } = self.rates;
        let few = (self.rows.len() as u32) < most / 2;
        let (prev, partners) = (self.rows.clone(), self.partners(frame));
        let mut ends = vec![false; prev.len()];
        let (mut born, mut twins) = (Vec::new(), Vec::new());
        for (at, row) in prev.iter().enumerate() {
            let (friend, mother) = (self.find(row.friend), self.find(row.mother));
            let seen = friend.map_or(0, |at| prev[at].key).wrapping_add(mother.map_or(0, |at| prev[at].age));
            let children = prev.iter().filter(|other| other.mother == row.name).count() as u32;
            let mut next = Row { age: row.age + 1, seen, children, ..*row };
            let others = prev.iter().enumerate().filter(|(other, _)| *other != at);
            let who = others.min_by_key(|(_, other)| mix(other.key, row.key)).map_or(NONE, |(_, other)| other.name);
            if mix(row.key, frame + 3) % 100 < 30 {
                next.friend = who;
            }
            if let Some(partner) = partners[at].map(|partner| &prev[partner]) {
                next.met = partner.met.wrapping_add(partner.key % 1000 + 1);
            }
            if row.new {
                next.heeded = row.heeded.wrapping_add(1).wrapping_add(row.mark.unwrap_or(0));
            }
            let begins = row.mark.is_none() && mix(row.key, frame + 31) % 100 < 10;
            let kept = row.mark.filter(|_| mix(row.key, frame + 33) % 100 >= 20);
            (next.mark, next.new) = if begins { (Some(row.met), true) } else { (kept, false) };
            self.rows[at] = next;
            if mix(row.key, frame) % 100 < birth && few {
                let key = mix(row.key, frame + 1000);
                born.push((row.name.0, Row::made(key, seen % 7, row.mother, row.name)));
            }
            if mix(row.key, frame + 9) % 100 < twin && few {
                let key = mix(row.key, frame + 2000);
                twins.push((row.name.0, Row::made(key, 0, row.name, row.friend)));
            }
            ends[at] |= mix(row.key, frame + 7) % 100 < death;
            if let (true, Some(friend)) = (mix(row.key, frame + 5) % 100 < kill, friend) {
                ends[friend] = true;
            }
        }
        // They are numbered by who asks, whatever row that has.
        [&mut born, &mut twins].into_iter().for_each(|all| all.sort_by_key(|(asker, _)| *asker));
        let born = born.into_iter().chain(twins).map(|(_, row)| row).collect();
        // Who is a friend of whom from now on.
        for at in 0..self.rows.len() {
            let friends = self.rows.iter().filter(|other| other.friend == self.rows[at].name).count() as u32;
            self.rows[at].children += 100 * friends;
        }
        self.change(&ends, born);
    }

    /// Births fill holes, then the end; survivors from beyond the new end fill what is left. Births take the names of those
    /// that ended, from the least index on, then free ones.
    fn change(&mut self, ends: &[bool], born: Vec<Row>) {
        let holes: Vec<usize> = (0..ends.len()).filter(|at| ends[*at]).collect();
        let mut names: Vec<Name> = holes.iter().map(|at| self.rows[*at].name).collect();
        names.sort_unstable();
        let (deaths, births) = (holes.len(), born.len());
        for (number, row) in born.into_iter().enumerate() {
            let (index, life) = names.get(number).copied().unwrap_or_else(|| self.free.remove(0));
            let row = Row { name: (index, life + 1), ..row };
            match holes.get(number) {
                Some(&hole) => self.rows[hole] = row,
                None => self.rows.push(row),
            }
        }
        if births < deaths {
            let end = self.rows.len() - (deaths - births);
            let open: Vec<usize> = holes[births..].to_vec();
            let survivors: Vec<usize> = (end..ends.len()).filter(|at| !ends[*at]).collect();
            for (&hole, &survivor) in open.iter().filter(|hole| **hole < end).zip(&survivors) {
                self.rows[hole] = self.rows[survivor];
            }
            self.rows.truncate(end);
            self.free.splice(0..0, names.split_off(births));
        }
    }
}

fn rows(outcome: &Outcome) -> Vec<Row> {
    let column = |name: &str| outcome.state.column::<u32>("cells", name).unwrap();
    let pair = |a: &str, b: &str| column(a).into_iter().zip(column(b)).collect::<Vec<Name>>();
    let (names, friends) = (pair("entity", "entity life"), pair("Friend.index", "Friend.life"));
    let mothers = pair("Mother.index", "Mother.life");
    let (keys, ages, seen, children) = (column("Key"), column("Age"), column("Seen"), column("Children"));
    let (met, marks, heeded) = (column("Met"), column("Mark"), column("Heeded"));
    let truths = |name: &str| outcome.state.column::<u8>("cells", name).unwrap();
    let (marked, new) = (truths("has Mark"), truths("changed Mark"));
    (0..names.len())
        .map(|at| Row {
            name: names[at],
            key: keys[at],
            age: ages[at],
            seen: seen[at],
            children: children[at],
            friend: friends[at],
            mother: mothers[at],
            met: met[at],
            mark: (marked[at] != 0).then_some(marks[at]),
            new: new[at] != 0,
            heeded: heeded[at],
        })
        .collect()
}

fn sets(rates: Rates) -> Vec<(&'static str, String)> {
    let Rates { n, most, birth, twin, death, kill } = rates;
    let all = [("n", n), ("most", most), ("birth", birth), ("twin", twin), ("death", death), ("kill", kill)];
    all.into_iter().map(|(name, value)| (name, value.to_string())).collect()
}

fn compiled(rates: Rates, frames: u32) -> diptych::Program {
    let sets = sets(rates);
    let sets: Vec<(&str, &str)> = sets.iter().map(|(name, value)| (*name, value.as_str())).collect();
    program(TEXT, &sets, frames)
}

fn some_rates(random: &mut Random) -> Rates {
    let mut below = |most: u32| random.next(u64::from(most)) as u32;
    let n = [0, 1, 2, 63, 64, 65, 100, 200, 300][below(9) as usize];
    let most = (n.max(1) * [1, 2, 3][below(3) as usize]).max(4);
    Rates { n, most, birth: below(30), twin: below(20), death: below(40), kill: below(20) }
}

/// Tens of thousands of frames, of populations that grow, shrink, end and fill up.
#[test]
fn rows_names_references_pairs_and_changes_are_those_of_a_plain_model() {
    let mut random = Random(11);
    for run in 0..120 {
        let rates = some_rates(&mut random);
        let frames = [1, 2, 3, 40, 400, 800][random.next(6) as usize];
        let program = compiled(rates, frames);
        let mut model = Model::new(rates, &program);
        (0..frames).for_each(|frame| model.frame(frame));
        let backend = if frames <= 40 { Backend::Interpreter } else { Backend::Compiled };
        let options = Options { backend, ..Options::default() };
        let workers = [0, 0, 0, 1, 2, 3][run % 6];
        let outcome = run_with(&program, workers, BINARY, options).unwrap();
        let found = rows(&outcome);
        let first = (0..found.len().max(model.rows.len())).find(|at| found.get(*at) != model.rows.get(*at));
        let differ = first.map(|at| (at, found.get(at), model.rows.get(at)));
        assert_eq!(differ, None, "run {run}: {frames} frames, {workers} workers, {:?}", sets(rates));
    }
}

/// Batches of many rows, several blocks: more than the plain model has patience for.
#[test]
fn births_and_ends_give_the_same_bits_at_any_number_of_workers_and_through_kills() {
    let text = TEXT.replace("argmin(x in cells : mix(x.Key, Key))", "Mother");
    let sets = [("n", "30_000"), ("most", "90_000"), ("birth", "20"), ("twin", "9"), ("death", "11"), ("kill", "3")];
    let program = program(&text, &sets, 30);
    let expected = run_with(&program, 0, BINARY, Options::default()).unwrap();
    assert!(expected.state.rows(program.group("cells").unwrap()) > 31_000);
    let mut random = Random(5);
    for backend in [Backend::Interpreter, Backend::Compiled] {
        for workers in [1, 2, 3] {
            let outcome = run_with(&program, workers, BINARY, Options { backend, ..Options::default() }).unwrap();
            assert_eq!(outcome.digest, expected.digest, "{workers} workers");
        }
    }
    let mut killed = 0;
    while killed < 12 {
        let plan = Kills::random(&mut random, 3, 6, 20_000);
        let (outcome, hit) = plan.run(&program, 3, BINARY, Options::default());
        assert_eq!(outcome.digest, expected.digest);
        killed += hit;
    }
}

#[test]
fn a_group_that_is_full_ends_the_run_and_says_so() {
    let text = TEXT.replace(" and population < most / 2", "");
    let program = program(&text, &[("n", "100"), ("most", "150"), ("birth", "50"), ("death", "0"), ("kill", "0")], 20);
    for workers in [0, 2] {
        let error = run_with(&program, workers, BINARY, Options::default()).err().map(|error| error.to_string());
        let error = error.unwrap_or_default();
        assert!(error.contains("group cells would have") && error.contains("it has room for 150"), "{error}");
    }
}

/// Rows that move in space, look around, are born and end; the index is declared, or all rows are looked at.
fn spatial(index: &str, around: &str) -> String {
    format!(
        "
scenario spatial
param n: u32 = 400
space torus (0, 0) .. (20, 20)
component Position = vec2
component Crowd = u32
component Met = u32
component Key = u32
component Near = entity of cells
group cells[n, max n + 2_000] {{
    position Position = uniform(space)
    Crowd = 0
    Met = 0
    Key = 1
    Near = none
}}
{index}
system look for cells owns Crowd, Met {{
    Crowd = count({around})
    Met = sum({around} : x.Key)
}}
system befriend for cells owns Near {{ Near = argmin(x in cells nearest 3 : distance(x)) }}
system live for cells owns Position {{
    Position = wrap(Position + polar(uniform(0, TAU), 0.3))
    if Crowd < 6 and chance(0.2) {{ spawn cells {{ Position = fresh Position, Key = Key + Met % 7 }} }}
    if Crowd > 8 and chance(0.3) or Met % 11 == 3 {{ despawn self }}
    if alive(Near) and Met % 13 == 5 {{ despawn Near }}
}}
signal now = count(cells)
"
    )
}

#[test]
fn indexes_over_rows_that_come_and_go_find_what_a_look_at_all_of_them_finds() {
    let (within, all) = ("x in cells within 1.5", "x in cells where distance(x) <= 1.5");
    let trees = [8, 64].map(|bucket| format!("index finder = kdtree of cells {{ bucket = {bucket} }}"));
    for n in ["1", "70", "400"] {
        let run = |text: &str, backend, workers| {
            let program = program(text, &[("n", n)], 120);
            run_with(&program, workers, BINARY, Options { backend, ..Options::default() }).unwrap().digest
        };
        let expected = run(&spatial("", all), Backend::Compiled, 0).content;
        for index in ["index finder = grid of cells { cell = 1.5 }", &trees[0], &trees[1]] {
            let text = spatial(index, within);
            let digest = run(&text, Backend::Compiled, 2);
            assert_eq!(digest.content, expected, "{index}, {n}");
            assert_eq!(run(&text, Backend::Interpreter, 3), digest, "{index}, {n}");
        }
    }
}
