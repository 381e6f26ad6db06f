//! Whole states as files for others: for ParaView (`.vtp`, `.vti`, and a `.pvd` that lists them with their times), or as tables
//! (Parquet, CSV, NDJSON). One file a state and group, `GROUP-FRAME.EXTENSION`.

mod table;
mod vtk;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use diptych_protocol::id::{ColumnId, GroupId};
use diptych_protocol::program::Program;
use diptych_protocol::still::Still;
use diptych_protocol::types::Type;

use crate::coordinator::{ViewError, Viewer};
use crate::sheets;

/// As what states are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// VTK's XML files: points (`.vtp`), cells (`.vti`), and `GROUP.pvd` for their series.
    Vtk,
    /// Tables.
    Table(sheets::Format),
}

/// What is written of states, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Selection {
    /// The folder: it is made if need be.
    pub folder: PathBuf,
    /// As what.
    pub format: Format,
    /// Which groups; none: all that can be.
    pub groups: Vec<String>,
    /// Which components, by their names; none: all.
    pub components: Vec<String>,
    /// Whether files that exist are written over.
    pub overwrite: bool,
}

/// Why a state is not written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// There is such a file, and nobody said to write over it.
    #[error("{} exists; say --force to write over it, or --out DIR to write elsewhere", .0.display())]
    Exists(PathBuf),
    /// The file cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// There is no such group.
    #[error("there is no group {name}; there is {}", there.join(", "))]
    Group {
        /// What was asked for.
        name: String,
        /// What there is.
        there: Vec<String>,
    },
    /// There is no such component.
    #[error("no group that is written has a component {name}; there is {}", there.join(", "))]
    Component {
        /// What was asked for.
        name: String,
        /// What there is.
        there: Vec<String>,
    },
    /// What has no place is not drawn.
    #[error("the group {0} has no position, and is no grid: write it as a table (--format parquet, csv or ndjson)")]
    Placeless(String),
}

/// A component of a group: its type, and its columns, a lane each.
struct Component {
    name: String,
    ty: Type,
    lanes: Vec<ColumnId>,
}

/// The components of a group that a scenario has, in their order.
fn components(program: &Program, group: GroupId) -> Vec<Component> {
    let mut all: Vec<Component> = Vec::new();
    let columns =
        program.columns.iter().filter(|(id, it)| it.group == group && it.is_kept() && !program.names_entities(*id));
    for (id, column) in columns {
        match all.iter_mut().find(|it| it.name == column.component) {
            Some(component) => component.lanes.push(id),
            None => {
                let (name, ty) = (column.component.clone(), column.component_type);
                all.push(Component { name, ty, lanes: vec![id] });
            }
        }
    }
    all
}

/// Which columns say whose rows they are: the entities, and which of their lives.
fn names(program: &Program, group: GroupId) -> (Option<ColumnId>, Option<ColumnId>) {
    let of = &program.groups[group];
    let entities = of.living.map(|living| living.entities).or(of.order.map(|order| order.entities));
    (entities, of.living.map(|living| living.generations))
}

/// The words of a column, one a row.
fn words<'s>(still: &Still<'s>, column: ColumnId, rows: u32) -> &'s [u32] {
    &bytemuck::cast_slice(still.column(column))[..rows as usize]
}

/// Of which group, and which state, a file of a series is.
fn named(file: &str) -> Option<(&str, u32)> {
    let (name, extension) = file.rsplit_once('.')?;
    let (group, frame) = name.rsplit_once('-')?;
    let whole = ["vtp", "vti"].contains(&extension) && frame.len() == 10;
    Some((group, frame.parse().ok().filter(|_| whole)?))
}

/// Writes states, one by one.
pub struct Exporter {
    selection: Selection,
    /// The files of each group's series, by their states.
    series: BTreeMap<String, BTreeMap<u32, String>>,
    /// Files that were written.
    files: usize,
}

impl Exporter {
    /// Makes the folder.
    pub fn new(selection: Selection) -> Result<Self, ExportError> {
        let folder = &selection.folder;
        fs::create_dir_all(folder).map_err(|source| ExportError::Write { path: folder.clone(), source })?;
        Ok(Self { selection, series: BTreeMap::new(), files: 0 })
    }

    /// Goes on with the series of a run that is resumed after so many frames: of what is there, states for which `kept` is false, and
    /// those behind, go.
    fn resume(&mut self, frames: u32, kept: impl Fn(u32) -> bool) -> io::Result<()> {
        for entry in fs::read_dir(&self.selection.folder)? {
            let entry = entry?;
            let Some(name) = entry.file_name().to_str().map(str::to_string) else { continue };
            let Some((group, frame)) = named(&name) else { continue };
            match frame <= frames && kept(frame) {
                true => drop(self.series.entry(group.into()).or_default().insert(frame, name)),
                false => fs::remove_file(entry.path())?,
            }
        }
        Ok(())
    }

    /// How many files were written.
    pub fn files(&self) -> usize {
        self.files
    }

    /// The groups of a program that are written, and those of their components that are.
    fn selected(&self, program: &Program) -> Result<Vec<(GroupId, Vec<Component>)>, ExportError> {
        let Selection { groups, components: wanted, format, .. } = &self.selection;
        let lasting = || program.groups.iter().filter(|(_, group)| group.lasts());
        let there = || lasting().map(|(_, group)| group.name.clone()).collect::<Vec<_>>();
        if let Some(name) = groups.iter().find(|name| !there().contains(name)) {
            return Err(ExportError::Group { name: name.clone(), there: there() });
        }
        let drawn = |id: GroupId| program.groups[id].raster.is_some() || !program.groups[id].position.is_empty();
        let mut selected = Vec::new();
        for (id, group) in lasting() {
            let asked = groups.contains(&group.name);
            if !asked && !groups.is_empty() || !asked && *format == Format::Vtk && !drawn(id) {
                continue;
            }
            if *format == Format::Vtk && !drawn(id) {
                return Err(ExportError::Placeless(group.name.clone()));
            }
            selected.push((id, components(program, id)));
        }
        let names: Vec<String> = selected.iter().flat_map(|(_, all)| all.iter().map(|it| it.name.clone())).collect();
        if let Some(name) = wanted.iter().find(|name| !names.contains(name)) {
            return Err(ExportError::Component { name: name.clone(), there: names });
        }
        if !wanted.is_empty() {
            selected.iter_mut().for_each(|(_, all)| all.retain(|it| wanted.contains(&it.name)));
        }
        Ok(selected)
    }

    /// Writes a state.
    pub fn write(&mut self, still: &Still<'_>) -> Result<(), ExportError> {
        let (program, frame) = (still.program(), still.tick().frames_done());
        for (group, components) in self.selected(program)? {
            let of = &program.groups[group];
            let extension = match (self.selection.format, &of.raster) {
                (Format::Vtk, Some(_)) => "vti",
                (Format::Vtk, None) => "vtp",
                (Format::Table(sheets::Format::Parquet), _) => "parquet",
                (Format::Table(sheets::Format::Csv), _) => "csv",
                (Format::Table(sheets::Format::Ndjson), _) => "ndjson",
            };
            let name = format!("{}-{frame:010}.{extension}", of.name);
            let path = self.selection.folder.join(&name);
            let refused = |source| ExportError::Write { path: path.clone(), source };
            let file = self.make(&path)?;
            match self.selection.format {
                Format::Vtk => vtk::write(file, still, group, &components).map_err(refused)?,
                Format::Table(format) => table::write(file, format, still, group, &components).map_err(refused)?,
            }
            self.files += 1;
            if self.selection.format == Format::Vtk {
                let series = self.series.entry(of.name.clone()).or_default();
                series.insert(frame, name);
                let path = self.selection.folder.join(format!("{}.pvd", of.name));
                vtk::series(&path, program.dt, series).map_err(|source| ExportError::Write { path, source })?;
            }
        }
        Ok(())
    }

    fn make(&self, path: &Path) -> Result<File, ExportError> {
        let mut how = File::options();
        how.write(true);
        let made = match self.selection.overwrite {
            true => how.create(true).truncate(true).open(path),
            false => how.create_new(true).open(path),
        };
        made.map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => ExportError::Exists(path.into()),
            _ => ExportError::Write { path: path.into(), source },
        })
    }
}

/// Writes every so-manieth state of a run for ParaView while it goes on, the first and the last one.
pub struct Snapshots {
    /// What is written, and with what, once it has begun.
    selection: Selection,
    exporter: Option<Exporter>,
    every: u32,
    due: Option<u32>,
    /// The run is resumed at a frame, and the series goes on.
    resumed: Option<u32>,
    last: Option<u32>,
}

impl Snapshots {
    /// From a state on; of a run that is `resumed` there, with the series that there is.
    pub fn new(folder: PathBuf, every: u32, (from, resumed): (u32, bool), overwrite: bool) -> Self {
        let (groups, components, every) = (Vec::new(), Vec::new(), every.max(1));
        let overwrite = overwrite || resumed;
        let resumed = (resumed && folder.exists()).then_some(from);
        let due = if resumed.is_some() { from.checked_next_multiple_of(every) } else { Some(from) };
        let selection = Selection { folder, format: Format::Vtk, groups, components, overwrite };
        Self { selection, exporter: None, every, due, resumed, last: None }
    }

    fn exporter(&mut self) -> Result<&mut Exporter, ExportError> {
        let exporter = match self.exporter.take() {
            Some(exporter) => exporter,
            None => {
                let mut exporter = Exporter::new(self.selection.clone())?;
                let every = self.every;
                if let Some(frames) = self.resumed {
                    let refused = |source| ExportError::Write { path: self.selection.folder.clone(), source };
                    exporter.resume(frames, |frame| frame.is_multiple_of(every)).map_err(refused)?;
                }
                exporter
            }
        };
        Ok(self.exporter.insert(exporter))
    }
}

impl Viewer for Snapshots {
    fn due(&self) -> Option<u32> {
        self.due
    }

    fn look(&mut self, still: &Still<'_>, _: bool) -> Result<(), ViewError> {
        let state = still.tick().frames_done();
        if self.last != Some(state) {
            self.exporter()?.write(still)?;
            self.last = Some(state);
        }
        self.due = state.checked_add(1).and_then(|next| next.checked_next_multiple_of(self.every));
        Ok(())
    }
}

impl From<ExportError> for ViewError {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Write { path, source } => ViewError::Write { path, source },
            error => ViewError::Other(error.to_string()),
        }
    }
}
