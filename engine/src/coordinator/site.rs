//! Where a program runs: the program, its layout, and the segment that holds its columns.

use diptych_protocol::board::Board;
use diptych_protocol::layout::Layout;
use diptych_protocol::limits::FRAMES_MAX;
use diptych_protocol::program::Program;
use diptych_protocol::segment::Segment;
use diptych_protocol::trace::Traced;
use diptych_protocol::track::Track;
use diptych_protocol::{data, header, verify};

use super::{RunError, within};

/// A program and its memory. The segment's name goes when this is dropped.
pub(super) struct Site {
    pub(super) program: Program,
    pub(super) layout: Layout,
    pub(super) segment: Segment,
    pub(super) setting: Setting,
}

/// What a site is beside its program.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    /// How many workers there is room for.
    pub(super) workers: u16,
    /// The folder of the run's checkpoints: whoever finds the memory of a run that is gone can tell how to go on from it.
    pub(super) checkpoints: Option<String>,
    /// What its workers tell of their time.
    pub(super) traced: Option<Traced>,
}

impl Site {
    /// Verifies a program, lays it out, and takes memory for it. `data` are the columns of files that it is made from: not
    /// needed where it is not set up.
    pub(super) fn new(program: Program, data: Option<&[Vec<u8>]>, setting: &Setting) -> Result<Self, RunError> {
        within("a number of frames of", program.frames.into(), FRAMES_MAX.into())?;
        verify::verify(&program)
            .map_err(|all| RunError::Program(all.first().map_or_else(String::new, ToString::to_string)))?;
        data.map_or(Ok(()), |data| data::check(&program, data))?;
        let rings = setting.traced.map_or(0, |traced| traced.rings);
        let layout = Layout::traced(&program, setting.workers, rings);
        let segment = Segment::create(layout.bytes)?;
        header::write(segment.memory(), &program, &layout, setting.checkpoints.as_deref());
        data::write(segment.memory(), &layout, data.unwrap_or_default());
        Ok(Self { program, layout, segment, setting: setting.clone() })
    }

    /// The shared words.
    pub(super) fn board(&self) -> Board<'_> {
        Board::new(self.segment.memory(), &self.layout)
    }

    /// The course, before set-up.
    pub(super) fn track(&self) -> Track<'_> {
        Track::new(self.segment.memory(), &self.layout, &self.program)
    }

    /// The course, with the last complete state's record.
    pub(super) fn latest(&self) -> Track<'_> {
        let mut track = self.track();
        // Whether it makes sense is asked once, when nobody runs any more.
        let _ = track.latest();
        track
    }
}
