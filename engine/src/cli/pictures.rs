//! The pictures that a run is told to draw.

use std::path::{Path, PathBuf};

use clap::Args;

use super::arguments::Going;
use super::plot::size;
use crate::Program;
use crate::coordinator::{Picture, Pictures};

// What is drawn of a run.
#[derive(Args)]
pub(super) struct Picturing {
    /// Draw the last state to a .png file, or to a folder; without one, where records go. What is seen says the scenario
    /// (`render`), else its rows where they are, coloured by what tells them apart
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "", value_parser = png)]
    png: Option<PathBuf>,

    /// Draw an animation to a .gif file, or to a folder
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "", value_parser = gif)]
    gif: Option<PathBuf>,

    /// Draw every so many states: of PNGs each has its number in its name [default: the last state; of an animation so that it
    /// has at most 200 pictures]
    #[arg(id = "picture-every", long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..))]
    every: Option<u32>,

    /// The size of pictures in pixels: WIDTHxHEIGHT [default: what 640 pixels of the space take]
    #[arg(id = "picture-size", long, value_name = "SIZE", value_parser = sides)]
    size: Option<[u32; 2]>,
}

fn png(text: &str) -> Result<PathBuf, String> {
    place(text, "png")
}

fn gif(text: &str) -> Result<PathBuf, String> {
    place(text, "gif")
}

/// A file of a kind, or a folder.
fn place(text: &str, extension: &str) -> Result<PathBuf, String> {
    match Path::new(text).extension() {
        Some(found) if found == extension => Ok(text.into()),
        Some(found) => Err(format!("write a .{extension} file or a folder, not .{}", found.display())),
        None => Ok(text.into()),
    }
}

fn sides(text: &str) -> Result<[u32; 2], String> {
    match size(text)? {
        (width, Some(height)) => Ok([width as u32, height as u32]),
        (_, None) => Err("write WIDTHxHEIGHT, as in 800x600".into()),
    }
}

impl Going {
    /// The pictures of a run that begins with a program, or is resumed; those that the scenario says go to a folder.
    pub(super) fn pictures(&self, program: &Program, folder: &Path, resumed: bool) -> Option<Pictures> {
        let Picturing { png, gif, every, size } = &self.pictures;
        let named = |path: &PathBuf, extension: &str| match path.extension() {
            Some(_) => path.clone(),
            None if path.as_os_str().is_empty() => folder.join(format!("{}.{extension}", program.scenario)),
            None => path.join(format!("{}.{extension}", program.scenario)),
        };
        let asked = png.iter().map(|path| named(path, "png")).chain(gif.iter().map(|path| named(path, "gif")));
        // What is named on the command line stands where it says, not where records go.
        let asked =
            asked.map(|path| Picture { path: std::path::absolute(&path).unwrap_or(path), every: *every, size: *size });
        let asked: Vec<Picture> = asked.collect();
        let (folder, said) = (folder.to_path_buf(), !self.no_outputs);
        let any = !asked.is_empty() || said && !program.outputs.renders.is_empty();
        any.then_some(Pictures { folder, overwrite: self.force, resumed, said, asked })
    }
}
