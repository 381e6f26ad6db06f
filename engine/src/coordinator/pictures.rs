//! Pictures that are drawn while a run goes on: what a state shows is taken under a lease, and drawn and written by a thread of the
//! picture's own.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use diptych_protocol::limits::FRAMES_MAX;
use diptych_protocol::message::Backend;
use diptych_protocol::outputs::state_of;
use diptych_protocol::program::Program;
use diptych_protocol::still::Still;

use super::records::{OnSlow, RecordError};
use super::takers::{Bell, Post, Taker, Unanswered};
use crate::picture::{Animation, Look, Painter, Shot};

/// Pictures of an animation, if nobody says how many.
const ANIMATED: u32 = 200;

/// States from one picture to the next of an animation of a run without an end.
const ENDLESS: u32 = 10;

/// How long an animation is, in hundredths of a second, and how long a picture of it.
const LENGTH: u32 = 1_000;
const DELAYS: [u32; 2] = [4, 20];

/// Pictures that a run draws.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Pictures {
    /// Paths are relative to this folder, which is made if need be.
    pub folder: PathBuf,
    /// Whether files that exist are written over.
    pub overwrite: bool,
    /// Of a run that goes on: what the scenario says was drawn of the states before is its own.
    pub resumed: bool,
    /// Whether those are drawn that the scenario says.
    pub said: bool,
    /// Those that are asked for beside.
    pub asked: Vec<Picture>,
}

/// A picture, or one a state, or an animation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Picture {
    /// The file: `.png` or `.gif`.
    pub path: PathBuf,
    /// States 0, `every`, 2 `every`, ... and the last one. Without it a PNG is of the last state.
    pub every: Option<u32>,
    /// Pixels of a row, and rows.
    pub size: Option<[u32; 2]>,
}

/// One that is drawn.
#[derive(Clone, Debug)]
struct Drawn {
    picture: Picture,
    /// Whether the scenario says it, by this path.
    said: Option<String>,
}

impl Pictures {
    fn all(&self, program: &Program) -> Vec<Drawn> {
        let said = program.outputs.renders.iter().filter(|_| self.said).map(|render| Drawn {
            picture: Picture { path: self.folder.join(&render.path), every: render.every, size: None },
            said: Some(render.path.clone()),
        });
        let asked = self.asked.iter().map(|picture| Drawn {
            picture: Picture { path: self.folder.join(&picture.path), ..picture.clone() },
            said: None,
        });
        said.chain(asked).collect()
    }

    /// Whether the run had drawn a picture before it was resumed.
    fn goes_on(&self, drawn: &Drawn) -> bool {
        self.resumed && drawn.said.is_some()
    }
}

impl Picture {
    fn is_animation(&self) -> bool {
        self.path.extension().is_some_and(|it| it == "gif")
    }

    /// The file of a state: of several pictures each has its number in its name.
    fn file(&self, state: u32) -> PathBuf {
        match self.every {
            Some(_) if !self.is_animation() => self.path.with_file_name(format!("{}-{state:06}.png", self.stem())),
            _ => self.path.clone(),
        }
    }

    fn stem(&self) -> String {
        self.path.file_stem().map(|it| it.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// States from one to the next; nothing if there is only that of the last one.
    fn step(&self, frames: u32) -> Option<u32> {
        let animated = match frames {
            FRAMES_MAX => ENDLESS,
            frames => frames.div_ceil(ANIMATED).max(1),
        };
        self.every.or(self.is_animation().then_some(animated))
    }

    /// A file that is there already.
    fn in_the_way(&self) -> Option<PathBuf> {
        if self.every.is_none() || self.is_animation() {
            return self.path.symlink_metadata().is_ok().then(|| self.path.clone());
        }
        let begins = format!("{}-", self.stem());
        let numbered = |path: &PathBuf| {
            let name = path.file_name().map(|it| it.to_string_lossy().into_owned()).unwrap_or_default();
            let number = name.strip_prefix(&begins).and_then(|rest| rest.strip_suffix(".png"));
            number.is_some_and(|number| number.len() >= 6 && number.bytes().all(|byte| byte.is_ascii_digit()))
        };
        let folder = self.path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let there = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
        there.filter(numbered).min()
    }
}

/// Whether every picture can be written without writing over anything.
pub(super) fn check(program: &Program, pictures: Option<&Pictures>) -> Result<(), RecordError> {
    let Some(pictures) = pictures.filter(|it| !it.overwrite) else { return Ok(()) };
    let all = pictures.all(program);
    let mut begun = all.iter().filter(|drawn| !pictures.goes_on(drawn));
    let in_the_way = begun.find_map(|drawn| drawn.picture.in_the_way());
    in_the_way.map_or(Ok(()), |path| Err(RecordError::Exists(path)))
}

/// Whoever draws the pictures of a run, which begins or goes on from a frame.
pub(super) fn open(
    program: &Program,
    pictures: Option<Pictures>,
    from: Option<u32>,
    (backend, bell): (Backend, &dyn Fn() -> Bell),
) -> Result<Vec<Box<dyn Taker>>, RecordError> {
    let Some(pictures) = pictures else { return Ok(Vec::new()) };
    let all = pictures.all(program).into_iter().map(|drawn| {
        let drawer = Drawer::open(program, drawn, &pictures, from, (backend, bell()))?;
        Ok(Box::new(drawer) as Box<dyn Taker>)
    });
    all.collect()
}

/// What is drawn of a state, and how.
struct Work {
    shot: Shot,
    look: Look,
}

/// Where it is drawn to.
struct Easel {
    picture: Picture,
    overwrite: bool,
    delay: u16,
    animation: Option<Animation<BufWriter<File>>>,
    error: Option<RecordError>,
}

impl Easel {
    fn draw(&mut self, work: &Work) -> io::Result<()> {
        let canvas = work.look.draw(&work.shot);
        if !self.picture.is_animation() {
            return create(&self.picture.file(work.shot.frame), self.overwrite)?.write_all(&canvas.png());
        }
        let animation = match &mut self.animation {
            Some(animation) => animation,
            None => {
                let file = BufWriter::new(create(&self.picture.path, self.overwrite)?);
                self.animation.insert(Animation::new(file, &work.look, self.delay)?)
            }
        };
        animation.add(&canvas)
    }

    fn finish(&mut self) -> io::Result<()> {
        let Some(animation) = self.animation.take() else { return Ok(()) };
        animation.finish()?.into_inner().map_err(io::IntoInnerError::into_error).map(|_| ())
    }

    fn keep(&mut self, result: io::Result<()>) -> bool {
        let failed = result.is_err();
        if let Err(source) = result {
            let path = self.picture.path.clone();
            self.error.get_or_insert(match source.kind() {
                io::ErrorKind::AlreadyExists => RecordError::Exists(path),
                _ => RecordError::Picture { path, source },
            });
        }
        failed
    }
}

fn create(path: &Path, overwrite: bool) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).create_new(!overwrite).open(path)
}

/// Draws one picture, or one a state.
struct Drawer {
    drawn: Drawn,
    backend: Backend,
    /// Nothing once another program shows nothing of it.
    painter: Option<Painter>,
    step: Option<u32>,
    due: Option<u32>,
    last: Option<u32>,
    post: Post<Easel, Work>,
    told: bool,
}

impl Drawer {
    fn open(
        program: &Program,
        mut drawn: Drawn,
        pictures: &Pictures,
        from: Option<u32>,
        (backend, bell): (Backend, Bell),
    ) -> Result<Self, RecordError> {
        let path = drawn.picture.path.clone();
        let painter = painter(program, &drawn, backend)?.ok_or_else(|| RecordError::Nothing(path.clone()))?;
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|source| RecordError::Make { path: path.clone(), source })?;
        }
        let goes_on = pictures.goes_on(&drawn);
        if goes_on && drawn.picture.is_animation() {
            // Nobody adds to an animation that is whole: the rest is one of its own.
            drawn.picture.path = path.with_extension(format!("{}.gif", from.unwrap_or(0)));
        }
        let step = drawn.picture.step(program.frames);
        let count = step.map_or(1, |step| program.frames / step + 1);
        let easel = Easel {
            picture: drawn.picture.clone(),
            overwrite: pictures.overwrite || goes_on,
            delay: (LENGTH / count.max(1)).clamp(DELAYS[0], DELAYS[1]) as u16,
            animation: None,
            error: None,
        };
        let work = |easel: &mut Easel, work: Work| {
            let result = easel.draw(&work);
            easel.keep(result)
        };
        let post = Post::new("picture", easel, work, bell);
        let post = post.map_err(|source| RecordError::Make { path, source })?;
        let due = step.map(|step| next(from.unwrap_or(0), step));
        Ok(Self { drawn, backend, painter: Some(painter), step, due, last: None, post, told: false })
    }
}

/// Whoever takes what a picture of a program shows; nothing if there is nothing to see.
fn painter(program: &Program, drawn: &Drawn, backend: Backend) -> Result<Option<Painter>, RecordError> {
    let renders = &program.outputs.renders;
    let scene = match &drawn.said {
        Some(path) => match renders.iter().find(|render| render.path == *path) {
            Some(render) => Some(&render.scene),
            None => return Ok(None),
        },
        None => renders.first().map(|render| &render.scene),
    };
    let painter = Painter::new(program, scene, backend)?;
    Ok(painter.map(|painter| painter.sized(drawn.picture.size)))
}

/// The first state of a step that is not before one.
fn next(state: u32, step: u32) -> u32 {
    state.checked_next_multiple_of(step).unwrap_or(u32::MAX)
}

impl Taker for Drawer {
    fn due(&self) -> Option<u32> {
        self.due
    }

    fn is_ready(&self) -> bool {
        self.post.has_room()
    }

    fn on_slow(&self) -> OnSlow {
        OnSlow::Wait
    }

    fn take(&mut self, still: &Still<'_>, last: bool) {
        let state = state_of(still.tick());
        let Some(painter) = &mut self.painter else { return };
        if !(last || self.due == Some(state)) {
            return;
        }
        self.due = self.step.map(|step| next(state.saturating_add(1), step));
        if self.last == Some(state) {
            return;
        }
        self.post.put(Work { shot: painter.take(still), look: painter.look().clone() });
        self.last = Some(state);
    }

    fn skip(&mut self) {
        self.due = self.due.zip(self.step).map(|(due, step)| next(due.saturating_add(1), step));
    }

    fn settle(&mut self, all: bool) -> Result<(), RecordError> {
        if !all && (self.told || !self.post.has_failed()) {
            return Ok(());
        }
        let told = self.post.ask(move |easel| {
            if all {
                let finished = easel.finish();
                easel.keep(finished);
            }
            easel.error.take()
        });
        let unanswered =
            |why: Unanswered| RecordError::Picture { path: self.drawn.picture.path.clone(), source: why.into() };
        let error = match told {
            Ok(error) => {
                error.or_else(|| (self.post.has_failed() && !self.told).then(|| unanswered(Unanswered::Panicked)))
            }
            Err(why) => Some(unanswered(why)),
        };
        self.told |= error.is_some();
        error.map_or(Ok(()), Err)
    }

    fn swap(&mut self, _: &Still<'_>, new: &Program, state: u32) -> Result<(), RecordError> {
        self.painter = painter(new, &self.drawn, self.backend)?;
        if self.painter.is_none() {
            self.due = None;
        } else {
            let from = state.saturating_add(u32::from(self.last == Some(state)));
            self.due = self.step.map(|step| next(from, step));
        }
        Ok(())
    }
}
