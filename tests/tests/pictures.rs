//! Pictures: any scenario gives one; the same state gives the same bytes, however it came about; nothing is written over.

use std::collections::BTreeMap;
use std::path::Path;

use diptych::Program;
use diptych::coordinator::{Checkpoints, Edition, Options, Origin, Picture, Pictures, Plan, Swap, checkpoints};
use diptych::drawing::Colour;
use diptych::picture::Painter;
use diptych_protocol::checkpoint::Checkpoint;
use diptych_protocol::message::Backend;
use diptych_tests::small::{names, small};
use diptych_tests::{command, program, run_with};

const BINARY: &str = env!("CARGO_BIN_EXE_diptych-under-test");

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let read = |path: &Path| std::fs::read(path).unwrap();
    entries.map(|entry| (entry.file_name().into_string().unwrap(), read(&entry.path()))).collect()
}

/// What is drawn of a run.
fn drawn(
    program: &Program,
    workers: u16,
    backend: Backend,
    asked: &[(&str, Option<u32>)],
) -> BTreeMap<String, Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let picture =
        |(path, every): &(&str, Option<u32>)| Picture { path: (*path).into(), every: *every, size: Some([200, 160]) };
    let pictures = Pictures {
        folder: folder.path().into(),
        said: true,
        asked: asked.iter().map(picture).collect(),
        ..Pictures::default()
    };
    let options = Options { backend, pictures: Some(pictures), ..Options::default() };
    run_with(program, workers, BINARY, options).unwrap_or_else(|e| panic!("{}: {e}", program.scenario));
    files(folder.path())
}

#[test]
fn any_shipped_scenario_gives_a_picture_with_one_flag() {
    for name in names() {
        let mut program = small(&name, 2);
        program.outputs.renders.clear();
        let drawn = drawn(&program, 0, Backend::Interpreter, &[("last.png", None)]);
        assert!(drawn["last.png"].starts_with(b"\x89PNG\r\n\x1a\n"), "{name}");
        // More than paper and letters.
        assert!(drawn["last.png"].len() > 1_500, "{name}: {} bytes", drawn["last.png"].len());
    }
}

const SHOWN: &str = include_str!("../src/shown.dip");

#[test]
fn the_same_states_are_the_same_bytes_at_any_number_of_workers() {
    let program = program(SHOWN, &[], 12);
    let asked = [("all.png", Some(4)), ("all.gif", Some(1))];
    let first = drawn(&program, 0, Backend::Interpreter, &asked);
    let expected = [
        "all-000000.png",
        "all-000004.png",
        "all-000008.png",
        "all-000012.png",
        "all.gif",
        "deep.png",
        "shown-000000.png",
        "shown-000005.png",
        "shown-000010.png",
        "shown-000012.png",
        "tanks.png",
        "way.gif",
    ];
    assert_eq!(first.keys().map(String::as_str).collect::<Vec<_>>(), expected);
    for (workers, backend) in [(0, Backend::Compiled), (1, Backend::Compiled), (3, Backend::Interpreter)] {
        assert!(drawn(&program, workers, backend, &asked) == first, "{workers} workers, {}", backend.name());
    }
}

#[test]
fn a_run_that_is_resumed_goes_on_with_its_pictures() {
    let program = program(SHOWN, &[], 12);
    let whole = drawn(&program, 0, Backend::Compiled, &[]);
    let (folder, kept) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let run = |frames: u32, origin: Option<Origin>, resumed: bool| {
        let pictures = Pictures { folder: folder.path().into(), said: true, resumed, ..Pictures::default() };
        let checkpoints = Checkpoints { folder: kept.path().into(), plan: Plan::default(), overwrite: false, resumed };
        let (pictures, checkpoints) = (Some(pictures), Some(checkpoints));
        let of = Program { frames, ..program.clone() };
        run_with(&of, 0, BINARY, Options { pictures, checkpoints, origin, ..Options::default() }).unwrap();
    };
    run(7, None, false);
    let (frame, path) = checkpoints(kept.path()).unwrap().pop().unwrap();
    assert_eq!(frame, 7);
    run(12, Some(Origin::read(&path).unwrap()), true);
    let found = files(folder.path());
    // That of state 7 was the last one once.
    let same =
        ["shown-000000.png", "shown-000005.png", "shown-000010.png", "shown-000012.png", "deep.png", "tanks.png"];
    same.iter().for_each(|name| assert!(found[*name] == whole[*name], "{name}"));
    assert_eq!(found.len(), whole.len() + 2, "{:?}", found.keys());
    assert!(found["way.7.gif"].starts_with(b"GIF89a"));
}

/// A swap in a state that is drawn: it is drawn once, and the run goes on.
#[test]
fn pictures_go_on_through_a_swap() {
    for workers in [0, 2] {
        let folder = tempfile::tempdir().unwrap();
        let text = |speed: &str| {
            format!(
                "scenario dots\nrun {{ frames = 9 }}\nspace torus (0, 0) .. (9, 9)\ncomponent Position = vec2\n\
                 group dots[40] {{ position Position = uniform(space) }}\n\
                 system move for dots owns Position {{ Position = wrap(Position + vec2({speed}, 0)) }}\n\
                 render every 3 to \"dots.png\" {{ points of dots }}\nrender every 1 to \"dots.gif\" {{ points of dots }}\n"
            )
        };
        let edition = Edition { program: program(&text("0.2"), &[], 9), data: Vec::new() };
        let pictures = Pictures { folder: folder.path().into(), said: true, ..Pictures::default() };
        let swaps = vec![Swap { frame: 6, edition }];
        let options = Options { pictures: Some(pictures), swaps, ..Options::default() };
        let outcome = run_with(&program(&text("0.1"), &[], 9), workers, BINARY, options).unwrap();
        assert_eq!(outcome.frames, 9);
        let drawn = files(folder.path());
        assert_eq!(drawn.keys().filter(|name| name.ends_with(".png")).count(), 4, "{:?}", drawn.keys());
    }
}

#[test]
fn what_is_drawn_changes_no_bit_and_no_hash() {
    let plain = SHOWN.split("\nrender").next().unwrap();
    let (with, without) = (program(SHOWN, &[], 6), program(plain, &[], 6));
    assert!(!with.outputs.renders.is_empty() && without.outputs.renders.is_empty());
    assert_eq!(with.hash(), without.hash());
    let end = |pictures: Option<Pictures>| {
        run_with(&with, 2, BINARY, Options { pictures, ..Options::default() }).unwrap().digest
    };
    let folder = tempfile::tempdir().unwrap();
    let pictures = Pictures { folder: folder.path().into(), said: true, ..Pictures::default() };
    assert_eq!(end(Some(pictures)), end(None));
}

#[test]
fn a_known_state_has_known_pixels() {
    let text = "
        scenario known
        space box (0, 0) .. (4, 2)
        enum Kind { Empty, Tree, Fire }
        component State = Kind
        component Position = vec2
        grid land[4, 2] { State = if cell.y == 1 { Fire } else { if cell.x == 0 { Tree } else { Empty } } }
        group one[1] { position Position = vec2(2.5, 0.5) }
        signal n = count(one)
        render to \"a.png\" { cells of land colour State }
        render to \"b.png\" { points of one radius 0.25 }
    ";
    let program = program(text, &[], 1);
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan { frames: Some(1), ..Plan::default() };
    let kept = Checkpoints { folder: folder.path().into(), plan, overwrite: false, resumed: false };
    run_with(&program, 0, BINARY, Options { checkpoints: Some(kept), ..Options::default() }).unwrap();
    let (_, path) = checkpoints(folder.path()).unwrap().pop().unwrap();
    let checkpoint = Checkpoint::read(&path).unwrap();
    let canvas = |scene: usize| {
        let scene = &checkpoint.program.outputs.renders[scene].scene;
        let mut painter = Painter::new(&checkpoint.program, Some(scene), Backend::Interpreter).unwrap().unwrap();
        let shot = painter.take(&checkpoint.still());
        painter.look().draw(&shot)
    };
    // 160 pixels a cell, from (14, 38) on; y upwards.
    let cells = canvas(0);
    let (empty, tree, fire) = (Colour::hex(0xeeeeec), Colour::hex(0x3f9a5f), Colour::hex(0xe25822));
    for (x, y, colour) in [(0, 1, tree), (1, 1, empty), (3, 1, empty), (0, 0, fire), (3, 0, fire)] {
        for (dx, dy) in [(2, 2), (80, 80), (157, 157)] {
            assert_eq!(cells.at(14 + 160 * x + dx, 38 + 160 * y + dy), colour, "cell ({x}, {y})");
        }
    }
    // One disc, of a radius of 40 pixels, around (14 + 400, 38 + 240); nothing else.
    let points = canvas(1);
    assert_ne!(points.at(414, 278), Colour::WHITE);
    assert_eq!(points.at(414, 278), points.at(414 + 37, 278));
    assert_eq!([points.at(414 + 43, 278), points.at(414, 278 - 43), points.at(100, 100)], [Colour::WHITE; 3]);
}

#[test]
fn a_picture_that_exists_is_not_written_over_unless_that_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
    std::fs::write(path("s.dip"), SHOWN).unwrap();
    std::fs::write(path("mine-000004.png"), "mine").unwrap();
    let run = |more: &[&str]| {
        let scenario = path("s.dip");
        let before = ["run", &scenario, "--frames", "4", "--workers", "0", "--no-outputs", "-q"];
        command(BINARY, &[&before[..], more].concat())
    };
    let mine = path("mine.png");
    let refused = run(&["--png", &mine, "--picture-every", "4"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(said.contains("mine-000004.png exists"), "{said}");
    assert_eq!(std::fs::read(path("mine-000004.png")).unwrap(), b"mine");
    assert!(run(&["--png", &mine, "--picture-every", "4", "--force"]).status.success());
    assert!(std::fs::read(path("mine-000004.png")).unwrap().starts_with(b"\x89PNG"));
    // Another name is in nobody's way; a folder is made.
    let new = path("new");
    assert!(run(&["--png", &new, "--gif", &new]).status.success());
    assert_eq!(files(&folder.path().join("new")).keys().collect::<Vec<_>>(), ["shown.gif", "shown.png"]);
    let wrong = run(&["--png", &path("s.dip")]);
    assert_eq!(wrong.status.code(), Some(2));
}

#[test]
fn records_are_plotted_and_what_is_wrong_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
    std::fs::write(path("a.csv"), "frame,ill,open\n0,1,true\n5,30,false\n").unwrap();
    let plot = |more: &[&str]| command(BINARY, &[&["plot", &path("a.csv")][..], more].concat());
    assert!(plot(&["-o", &path("a.png")]).status.success());
    assert!(plot(&["-o", &path("a.svg"), "--y", "ill", "--log", "--size", "500x300"]).status.success());
    let svg = std::fs::read_to_string(path("a.svg")).unwrap();
    assert!(svg.starts_with("<svg xmlns") && svg.contains(">ill</text>") && !svg.contains(">open</text>"));
    for (more, code, said) in [
        (vec!["-o", "A"], 2, "a.png exists; say --force"),
        (vec!["-o", "B", "--y", "il"], 2, "there is no column `il`: did you mean `ill`?"),
        (vec!["-o", "C"], 2, "pictures are .png or .svg"),
        (vec!["--size", "3", "-o", "B"], 2, "write pixels, 64 to"),
    ] {
        let names = [("A", path("a.png")), ("B", path("b.png")), ("C", path("c.bmp"))];
        let named =
            |it: &&str| names.iter().find(|(name, _)| name == it).map_or_else(|| it.to_string(), |it| it.1.clone());
        let more: Vec<String> = more.iter().map(named).collect();
        let output = plot(&more.iter().map(String::as_str).collect::<Vec<_>>());
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{text}");
        assert!(text.contains(said), "{text}");
    }
    // Of rows what they have in common, from what a run has written.
    let recorded = SHOWN.split("\nrender").next().unwrap().to_string();
    let recorded = recorded + "\nrecord every 2 to \"b.parquet\" for boids { Position, Mood }\n";
    std::fs::write(path("b.dip"), recorded).unwrap();
    let out = folder.path().to_str().unwrap();
    let ran = command(BINARY, &["run", &path("b.dip"), "--frames", "8", "--workers", "0", "-q", "--out", out]);
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    assert!(command(BINARY, &["plot", &path("b.parquet"), "-o", &path("b.svg")]).status.success());
    let svg = std::fs::read_to_string(path("b.svg")).unwrap();
    for name in ["mean Position.x", "Mood: Calm", "Mood: Wild"] {
        assert!(svg.contains(&format!(">{name}</text>")), "{name}");
    }
    let nothing = command(BINARY, &["plot", &path("nothing.txt")]);
    assert_eq!(nothing.status.code(), Some(2));
}
