//! Births and ends: what a scenario's become in the program, and what the verifier asks of them.

mod support;

use diptych::compile::{Settings, compile};
use diptych::source::Source;
use diptych_protocol::body::{Ask, At, Binary, Op};
use diptych_protocol::edits;
use diptych_protocol::id::{ColumnId, EditId, GroupId, StepId, SystemId};
use diptych_protocol::program::{
    Change, Code, Column, Domain, EditPhase, Inverse, Living, Newborn, Origin, Program, Span, StageKind, Step, Turns,
    When, Work,
};
use diptych_protocol::raster::{Raster, Rim};
use diptych_protocol::types::{NO_ROW, Type};
use diptych_protocol::verify::verify;
use support::EveryKernel;

const CELLS: GroupId = GroupId(0);
const DIRECTORY: GroupId = GroupId(2);
const BIRTH: EditId = EditId(0);
const LEAVE: EditId = EditId(1);
const REMOVE: EditId = EditId(2);

#[track_caller]
fn compiled(text: &str) -> Program {
    let source = Source { path: "test.dip".into(), text: format!("scenario test\n{text}") };
    match compile(&source, &Settings::default(), &EveryKernel) {
        Ok(compiled) => compiled.program,
        Err(errors) => panic!("{}", diptych::diagnostic::render(&source, &errors, false)),
    }
}

fn world() -> Program {
    compiled(
        "component Age = u32\ncomponent Size = f32\ncomponent Mother = entity of cells\n\
         group cells[1_000, max 5_000] { Age = 0, Size = uniform(0, 1), Mother = self }\n\
         group stones[10] { Size = 1 }\n\
         system live for cells owns Age {\n\
             Age = Mother.Age + count(x in cells by Mother)\n\
             if chance(0.1) { spawn cells { Mother = self } }\n\
             if chance(0.1) { despawn self }\n\
             if chance(0.1) { despawn Mother }\n\
         }\n\
         signal size = mean(cells: Size)\n",
    )
}

/// A column of a group.
fn column<'p>(p: &'p mut Program, group: GroupId, name: &str) -> &'p mut Column {
    let id = p.column(group, name, 0).unwrap_or_else(|| panic!("no column {name}"));
    &mut p.columns[id]
}

/// One that names entities.
fn named(p: &mut Program, which: fn(Living) -> ColumnId) -> &mut Column {
    let id = which(living(p));
    &mut p.columns[id]
}

fn living(program: &Program) -> Living {
    program.groups[CELLS].living.unwrap_or_else(|| panic!("rows of cells come and go"))
}

#[test]
fn a_group_with_a_most_has_names_a_directory_and_phases() {
    let program = world();
    let names = living(&program);
    assert_eq!((program.groups[CELLS].rows, names.first), (5_000, 1_000));
    assert_eq!(program.groups[DIRECTORY].origin, Origin::Directory(CELLS));
    assert_eq!(program.groups[DIRECTORY].rows, 5_000);
    for column in [names.entities, names.generations, names.directory] {
        assert!(program.columns[column].edited && program.columns[column].panels() == 2);
    }
    // What nobody owns follows births and ends; what somebody owns is written anyway.
    let edited = |name: &str| program.column(CELLS, name, 0).map(|column| program.columns[column].edited);
    assert_eq!([edited("Age"), edited("Size"), edited("Mother")], [Some(false), Some(true), Some(true)]);
    // A reference is an index and a life.
    let lives = program.column(CELLS, "Mother", 1);
    assert_eq!(lives.map(|column| program.columns[column].component_type), Some(Type::life(CELLS)));
    assert_eq!(program.inverses.values().next().and_then(|inverse| inverse.lives), lives);
    let phases: Vec<EditPhase> = (program.schedule.frame.iter().flat_map(|stage| &stage.steps))
        .filter_map(|step| match program.steps[*step].work {
            Work::Edit(CELLS, phase) => Some(phase),
            _ => None,
        })
        .collect();
    use EditPhase::{Asks, Births, CatchUp, Count, Gaps, Place};
    assert_eq!(phases, [CatchUp, Asks, Count, Place, Births, Gaps]);
    let kinds: Vec<StageKind> = program.schedule.frame.iter().rev().map(|stage| stage.kind).take(6).collect();
    use StageKind::{Commit, Edit, Reduce};
    assert_eq!(kinds, [Commit, Reduce, Edit, Edit, Edit, Edit]);
}

#[test]
fn what_a_birth_leaves_to_the_blueprint_is_drawn_for_it_and_only_where_it_happens() {
    let program = world();
    let Code::Body(body) = program.systems[SystemId(0)].code else { panic!("a body") };
    let body = &program.bodies[body];
    let Change::Birth { when, values, .. } = &program.edits[BIRTH].change else { panic!("a birth") };
    let size = values.iter().find(|(column, _)| program.columns[*column].component == "Size").map(|(_, place)| *place);
    let size = body.ops[body.results[usize::from(size.unwrap_or(NO_ROW as u16))]].op;
    let Op::Select(under, drawn, _) = size else { panic!("chosen where a row is born: {size:?}") };
    // With what keeps a draw below its end.
    let asked = body.results[usize::from(*when)];
    assert!(matches!(body.ops[under].op, Op::Binary(Binary::And, a, _) if a == asked), "{:?}", body.ops[under].op);
    let mut open = vec![drawn];
    let mut draws = 0;
    while let Some(value) = open.pop() {
        draws += u32::from(matches!(body.ops[value].op, Op::Draw { .. }));
        open.extend(body.ops[value].op.operands());
    }
    assert!(draws > 0);
}

#[test]
fn spans_are_no_part_of_what_births_mean() {
    let mut program = world();
    let hash = program.hash();
    program.edits[BIRTH].span = Span { start: 1, end: 2 };
    assert_eq!(program.hash(), hash);
    program.edits[LEAVE].change = Change::Leave { when: 0 };
    assert_ne!(program.hash(), hash);
}

#[track_caller]
fn broken(spoil: impl Fn(&mut Program), with: &str) {
    let mut program = world();
    assert_eq!(verify(&program), Ok(()));
    spoil(&mut program);
    let violations = verify(&program).err().unwrap_or_default();
    assert!(violations.iter().any(|it| it.to_string().contains(with)), "{violations:?}");
}

fn change(p: &mut Program, change: impl FnOnce(&mut Living)) {
    let mut living = living(p);
    change(&mut living);
    p.groups[CELLS].living = Some(living);
}

#[test]
fn a_group_whose_rows_come_and_go_is_named_as_it_says() {
    let shape = "rows come and go in a group with a blueprint";
    broken(|p| p.groups[CELLS].raster = Some(Raster { axes: 1, extents: [5_000, 1, 1], rim: Rim::Torus }), shape);
    broken(|p| change(p, |it| it.first = 5_001), "more rows than there is room for");
    let names = "two edited columns of its own name its entities";
    broken(|p| change(p, |it| it.generations = it.entities), names);
    broken(|p| change(p, |it| it.entities = it.directory), names);
    broken(|p| named(p, |it| it.entities).edited = false, names);
    let own = "its directory is a column of a group of its own";
    broken(|p| change(p, |it| it.directory = it.entities), own);
    broken(|p| p.groups[DIRECTORY].origin = Origin::Directory(GroupId(1)), own);
    broken(|p| p.groups[DIRECTORY].rows = 4_999, "a directory has one column, and a row for each");
    broken(|p| named(p, |it| it.generations).group = DIRECTORY, "a directory has one column");
    broken(|p| p.groups[CELLS].living = None, "a directory has one column");
    broken(|p| p.groups[DIRECTORY].position = vec![living(p).directory], "a directory is no place in space");
    let edited = "edited are the columns of living groups that nobody owns";
    broken(|p| column(p, CELLS, "Size").edited = false, edited);
    broken(|p| column(p, CELLS, "Age").edited = true, edited);
    broken(|p| column(p, GroupId(1), "Size").edited = true, edited);
    broken(|p| change(p, |it| it.directory.0 = 99), "which does not exist");
    broken(|p| p.groups[DIRECTORY].origin = Origin::Directory(GroupId(9)), "which does not exist");
}

#[test]
fn references_to_rows_that_come_and_go_have_both_parts() {
    let whole = "its column is not a reference of its group to the other";
    let inverse = |p: &mut Program, change: fn(&mut Inverse)| p.inverses.iter_mut().for_each(|(_, it)| change(it));
    broken(|p| inverse(p, |it| it.lives = None), whole);
    broken(|p| inverse(p, |it| it.lives = Some(it.column)), whole);
    let parts = "a reference to a living group has an index and a life";
    broken(|p| column(p, CELLS, "Mother").component_type = Type::entity(CELLS), parts);
    broken(|p| column(p, CELLS, "Mother").component_type = Type::life(GroupId(1)), parts);
}

#[test]
fn edits_take_results_that_are_theirs() {
    broken(|p| p.edits[LEAVE].change = Change::Leave { when: 99 }, "own rows end where a truth value says so");
    broken(|p| p.edits[LEAVE].system = SystemId(9), "which does not exist");
    broken(|p| p.edits[REMOVE].group = GroupId(1), "its group is not living");
    broken(|p| p.edits[REMOVE].change = Change::Remove { row: 0 }, "a row is told by its number");
    broken(|p| p.edits[LEAVE].change = Change::Leave { when: 0 }, "a result serves two edits");
    let values = |p: &mut Program, change: fn(&mut Vec<(ColumnId, u16)>)| {
        if let Change::Birth { values, .. } = &mut p.edits[BIRTH].change {
            change(values);
        }
    };
    let each = "a birth has a value for each column of its group, in order";
    broken(|p| values(p, |values| values.truncate(1)), each);
    broken(|p| values(p, |values| values.swap(0, 1)), each);
    broken(|p| values(p, |values| values[0].1 = 0), "a birth is told by a truth value, and values");
    let given = |p: &mut Program| {
        let Code::Body(body) = p.systems[SystemId(0)].code else { return };
        let last = p.bodies[body].results.last().copied();
        p.bodies[body].results.extend(last);
    };
    broken(given, "it gives results that no edit takes");
    broken(|p| p.systems[SystemId(0)].code = Code::Carry, "nobody asks for it");
}

fn step(p: &Program, phase: EditPhase) -> StepId {
    let found = p.steps.iter().find(|(_, step)| step.work == Work::Edit(CELLS, phase)).map(|(id, _)| id);
    found.unwrap_or_else(|| panic!("no step for {phase:?}"))
}

fn of_step(p: &mut Program, phase: EditPhase) -> &mut Step {
    let id = step(p, phase);
    &mut p.steps[id]
}

#[test]
fn phases_stand_in_order_behind_all_systems() {
    let through = "its births and ends go through their phases, in order";
    let swapped = |p: &mut Program| {
        let (a, b) = (step(p, EditPhase::Count), step(p, EditPhase::Place));
        let (a_work, b_work) = (p.steps[a].clone(), p.steps[b].clone());
        (p.steps[a], p.steps[b]) = (b_work, a_work);
    };
    broken(swapped, through);
    let divides = "its domain is not what its work divides";
    broken(|p| of_step(p, EditPhase::Gaps).domain = Domain::Births(CELLS), divides);
    broken(|p| of_step(p, EditPhase::Begin).work = Work::Edit(CELLS, EditPhase::Count), "names its entities once");
    let early = |p: &mut Program| {
        let at = p.schedule.frame.iter().position(|stage| stage.kind == StageKind::Edit).unwrap();
        let stage = p.schedule.frame.remove(at);
        p.schedule.frame.insert(0, stage);
    };
    broken(early, "births and ends come after all systems");
    let late = |p: &mut Program| {
        let at = p.schedule.frame.iter().position(|stage| stage.kind == StageKind::Reduce).unwrap();
        p.schedule.frame.swap(at - 1, at);
    };
    broken(late, "before what looks at the finished state");
    let together = |p: &mut Program| {
        let at = p.schedule.frame.iter().position(|stage| stage.kind == StageKind::Edit).unwrap();
        let next = p.schedule.frame.remove(at + 1);
        p.schedule.frame[at].steps.extend(next.steps);
    };
    broken(together, "each of its phases is a stage after the one before");
}

#[test]
fn nobody_goes_over_a_directory_or_takes_a_rows_number_for_its_name() {
    let numbered = |p: &mut Program| {
        let Code::Body(body) = p.systems[SystemId(0)].code else { return };
        let entities = living(p).entities;
        for (_, typed) in p.bodies[body].ops.iter_mut() {
            if matches!(typed.op, Op::Read { column, at: At::Own, when: When::Prev } if column == entities) {
                typed.op = Op::Row;
            }
        }
    };
    broken(numbered, "it uses what is not declared, or not there");
}

/// Births in loops, references to the newborn rows, ends in loops.
fn litters() -> Program {
    compiled(
        "component Size = f32\ncomponent Mother = entity of cells\ncomponent Child = entity of cells\n\
         group cells[1_000, max 5_000] { Size = 1, Mother = self, Child = none }\n\
         group stones[10] { Size = 1, Child = none }\n\
         system bear for cells owns Child {\n\
             let mut last = Child\n\
             for i in 0 .. 3 { if chance(0.1) { last = spawn cells { Mother = last } } }\n\
             for x in cells by Mother { if chance(0.1) { despawn x } }\n\
             Child = last\n\
         }\n\
         system drop for stones owns Child, Size { Size = 2\nChild = spawn cells { Mother = none } }\n\
         signal size = mean(stones: Size)\n",
    )
}

#[track_caller]
fn broken_litters(spoil: impl Fn(&mut Program), with: &str) {
    let mut program = litters();
    assert_eq!(verify(&program), Ok(()));
    spoil(&mut program);
    let violations = verify(&program).err().unwrap_or_default();
    assert!(violations.iter().any(|it| it.to_string().contains(with)), "{violations:?}");
}

#[test]
fn columns_that_may_hold_newborn_rows_are_gone_over_when_all_rows_have_their_place() {
    let program = litters();
    let held: Vec<String> = (edits::holders(&program).iter())
        .map(|(index, _)| {
            let column = &program.columns[*index];
            format!("{} of {}", column.component, program.groups[column.group].name)
        })
        .collect();
    assert_eq!(held, ["Mother of cells", "Child of cells", "Child of stones"]);
    let refers = |stage: &&diptych_protocol::program::Stage| {
        let refer = |step: &&StepId| matches!(program.steps[**step].work, Work::Edit(_, EditPhase::Refer));
        stage.steps.iter().filter(refer).count()
    };
    let stages: Vec<usize> = program.schedule.frame.iter().map(|stage| refers(&stage)).collect();
    assert_eq!(stages.iter().rev().take(4).collect::<Vec<_>>(), [&0, &0, &2, &0]);
    // Where nobody is referred to, nothing is gone over.
    assert!(edits::holders(&world()).is_empty());
    let after = "references to newborn rows are made when all rows are where they will be";
    let early = |p: &mut Program| {
        let at = p.schedule.frame.iter().rposition(|stage| stage.kind == StageKind::Edit).unwrap();
        let last = p.schedule.frame.remove(at);
        p.schedule.frame[at - 1].steps.extend(last.steps);
    };
    broken_litters(early, after);
}

/// Marks are made where a rule asks for them, which may stand behind the birth.
#[test]
fn a_row_that_is_born_in_a_turn_is_new_for_rules_that_stand_behind() {
    let heed = "system heed for cells changed Age owns Heeded { Heeded += 1 }\n";
    let born = "system bear for cells owns Child {\n\
                    let mut last = Child\n\
                    for i in 0 .. 2 { if chance(0.1) { last = spawn cells { Age = 1 } } }\n\
                    Child = last\n\
                }\n";
    let world = "component Age = u32\ncomponent Heeded = u32\ncomponent Child = entity of cells\n\
                 group cells[10, max 100] { Age = 0, Heeded = 0, Child = none }\n\
                 system age for cells where Age % 3 == 0 owns Age { Age += 1 }\n";
    for program in [[heed, born], [born, heed]].map(|rules| compiled(&format!("{world}{}", rules.concat()))) {
        assert_eq!(verify(&program), Ok(()));
        let mark = program.columns.iter().find(|(_, column)| column.mark).map(|(id, _)| id).expect("a mark");
        let Some(Change::Birth { values, .. }) = program.edits.values().next().map(|edit| &edit.change) else {
            panic!("a birth")
        };
        assert!(values.iter().any(|(column, _)| *column == mark));
    }
}

#[test]
fn what_turns_ask_for_is_heard_by_one_edit() {
    let program = litters();
    let Code::Body(body) = program.systems[SystemId(0)].code else { panic!("a body") };
    let asks = program.bodies[body].asks();
    assert_eq!(asks.iter().map(|ask| ask.number).collect::<Vec<_>>(), [0, 1]);
    let turns: Vec<Option<Turns>> = program.edits.values().map(|edit| edit.turns).collect();
    assert_eq!(turns, [Some(Turns { ask: 0, most: 3 }), Some(Turns { ask: 1, most: 1 }), None]);
    let turns = |p: &mut Program, change: fn(&mut Turns)| {
        if let Some(turns) = &mut p.edits[EditId(0)].turns {
            change(turns);
        }
    };
    broken_litters(|p| turns(p, |it| it.most = 0), "a row asks for too many births, or for none");
    broken_litters(|p| turns(p, |it| it.most = 257), "a row asks for too many births, or for none");
    broken_litters(|p| turns(p, |it| it.ask = 1), "a result serves two edits");
    broken_litters(|p| turns(p, |it| it.ask = 9), "its turns ask for what no edit takes");
    let loops = |p: &mut Program, change: fn(&mut Ask)| {
        let Code::Body(body) = p.systems[SystemId(0)].code else { return };
        p.bodies[body].loops.iter_mut().for_each(|(_, it)| it.asks.iter_mut().for_each(change));
    };
    broken_litters(|p| loops(p, |ask| ask.when = ask.values[0]), "a turn asks with what it does not have");
    broken_litters(|p| loops(p, |ask| ask.number += 1), "its turns ask for what no edit takes");
    let newborn = |p: &mut Program, edit: u32, change: fn(&mut Newborn)| {
        if let Change::Birth { newborn: Some(newborn), .. } = &mut p.edits[EditId(edit)].change {
            change(newborn);
        }
    };
    let another = "newborn rows have a name for each request, and no other's";
    broken_litters(|p| newborn(p, 2, |it| it.first -= 1), another);
    broken_litters(|p| newborn(p, 2, |it| it.count = u32::MAX / 2 + 1), another);
    broken_litters(|p| newborn(p, 0, |it| it.count -= 1), another);
    broken_litters(|p| newborn(p, 0, |it| it.first = 7), "known by a name that no entity has");
}
