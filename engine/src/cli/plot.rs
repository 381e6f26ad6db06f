//! `diptych plot`: records as curves, checkpoints as pictures.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use diptych_protocol::checkpoint::{Checkpoint, CheckpointError};
use diptych_protocol::message::Backend;

use super::{TOO_BIG, WRONG, fail, say};
use crate::coordinator::{self, RecordError};
use crate::drawing::svg;
use crate::picture::Painter;
use crate::plot::{Choice, Figure, Table, TableError, plot as drawn};

/// Rows of a picture, or pixels of one, at most.
const PIXELS_MAX: usize = 20_000;

#[derive(Args)]
pub(super) struct Plot {
    /// The record: .csv, .parquet or .ndjson; or a checkpoint, or a folder of checkpoints, of which the last one is drawn
    file: PathBuf,

    /// The picture: .png or .svg [default: the record's name, as .png, in the current folder]
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,

    /// The column that goes along [default: frame]
    #[arg(long, value_name = "COLUMN")]
    x: Option<String>,

    /// The columns to show, separated by commas; the name of an array or of a vector means all of it
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',')]
    y: Vec<String>,

    /// Draw numbers by their logarithms
    #[arg(long)]
    log: bool,

    /// The size in pixels: WIDTH, or WIDTHxHEIGHT [default: 900, and as high as need be]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    size: Option<Size>,

    /// What stands above it [default: the record's name]
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,

    /// Write over a picture that exists
    #[arg(long)]
    force: bool,
}

/// Pixels of a row, and rows.
type Size = (usize, Option<usize>);

/// `900`, or `900x600`
pub(super) fn size(text: &str) -> Result<Size, String> {
    let side = |text: &str| {
        let within = |side: &usize| (64..=PIXELS_MAX).contains(side);
        text.trim()
            .parse()
            .ok()
            .filter(within)
            .ok_or_else(|| format!("write pixels, 64 to {PIXELS_MAX}: 900 or 900x600"))
    };
    match text.split_once('x') {
        None => Ok((side(text)?, None)),
        Some((width, height)) => Ok((side(width)?, Some(side(height)?))),
    }
}

pub(super) fn plot(arguments: &Plot) -> ExitCode {
    let out = arguments.out.clone().unwrap_or_else(|| {
        PathBuf::from(arguments.file.with_extension("png").file_name().unwrap_or_else(|| "plot.png".as_ref()))
    });
    let as_svg = match out.extension().and_then(|it| it.to_str()) {
        Some("png") => false,
        Some("svg") => true,
        _ => return fail(WRONG, format_args!("{}: pictures are .png or .svg", out.display())),
    };
    let table = match Table::read(&arguments.file) {
        Ok(table) => table,
        Err(TableError::Kind(_)) => return picture(arguments, &out),
        Err(error) => return fail(WRONG, error),
    };
    let chosen = match (Choice { x: arguments.x.clone(), y: arguments.y.clone() }).of(&table) {
        Ok(chosen) => chosen,
        Err(error) => return fail(WRONG, format_args!("{}: {error}", arguments.file.display())),
    };
    let name = arguments.file.file_stem().map(|it| it.to_string_lossy().into_owned());
    let (width, height) = arguments.size.unwrap_or((900, None));
    let title = arguments.title.clone().or(name).unwrap_or_default();
    let sheet = drawn(&chosen, &Figure { title, width, height, logarithmic: arguments.log });
    if sheet.height > PIXELS_MAX {
        let message = "so many panels make a picture of {} rows: choose columns by --y, or say a --size";
        return fail(WRONG, message.replace("{}", &sheet.height.to_string()));
    }
    let bytes = if as_svg { svg::svg(&sheet).into_bytes() } else { sheet.painted().png() };
    saved(&out, &bytes, arguments.force)
}

/// Draws the state of a checkpoint.
fn picture(arguments: &Plot, out: &Path) -> ExitCode {
    let file = match arguments.file.is_dir() {
        false => arguments.file.clone(),
        true => match coordinator::checkpoints(&arguments.file).map(|mut all| all.pop()) {
            Ok(Some((_, file))) => file,
            _ => return fail(WRONG, format_args!("there is no checkpoint in {}", arguments.file.display())),
        },
    };
    let checkpoint = match Checkpoint::read(&file) {
        Ok(checkpoint) => checkpoint,
        Err(CheckpointError::Alien) => return fail(WRONG, TableError::Kind(file.display().to_string())),
        Err(error) => return fail(WRONG, format_args!("cannot read {}: {error}", file.display())),
    };
    let Plot { x: None, y, log: false, .. } = arguments else {
        return fail(WRONG, "a checkpoint is drawn as a picture: --x, --y and --log are of records");
    };
    if !y.is_empty() || out.extension().is_none_or(|it| it != "png") {
        return fail(WRONG, "a checkpoint is drawn as a picture, as .png; --y is of records");
    }
    let program = &checkpoint.program;
    let scene = program.outputs.renders.first().map(|render| &render.scene);
    let mut painter = match Painter::new(program, scene, Backend::Compiled) {
        Ok(Some(painter)) => painter,
        Ok(None) => return fail(WRONG, RecordError::Nothing(out.into())),
        Err(error) => return fail(WRONG, error),
    };
    let size = match arguments.size {
        Some((width, Some(height))) => Some([width as u32, height as u32]),
        Some(_) => return fail(WRONG, "the size of a picture is WIDTHxHEIGHT, as in 800x600"),
        None => None,
    };
    painter = painter.sized(size);
    let shot = painter.take(&checkpoint.still());
    saved(out, &painter.look().draw(&shot).png(), arguments.force)
}

fn saved(out: &Path, bytes: &[u8], force: bool) -> ExitCode {
    match save(out, bytes, force) {
        Ok(()) => {
            say(format_args!("{}", out.display()));
            ExitCode::SUCCESS
        }
        Err(code) => code,
    }
}

/// Writes a picture; over one that exists only if that is said.
fn save(path: &Path, bytes: &[u8], force: bool) -> Result<(), ExitCode> {
    let mut open = OpenOptions::new();
    open.write(true).create(true).truncate(true).create_new(!force);
    let file = open.open(path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => fail(
            WRONG,
            format_args!("{} exists; say --force to write over it, or --out FILE to write elsewhere", path.display()),
        ),
        _ => fail(WRONG, format_args!("cannot make {}: {error}", path.display())),
    });
    file?.write_all(bytes).map_err(|error| fail(TOO_BIG, format_args!("cannot write {}: {error}", path.display())))
}
