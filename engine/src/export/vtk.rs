//! A group's rows in a state as VTK's XML files, which ParaView reads: points as `PolyData`, each with a vertex; the cells of a grid
//! as `ImageData`. Values stand as they are, in binary, behind the XML.
//!
//! Vectors of two have a third lane of zeros, as ParaView wants them. Variants of an enum and truth values are `UInt8`; the names of
//! the variants stand in the field `COMPONENT names`. The arrays `entity id` and `entity generation` say whose rows they are.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use diptych_protocol::id::GroupId;
use diptych_protocol::raster::Raster;
use diptych_protocol::space::{Edge, Space};
use diptych_protocol::still::Still;
use diptych_protocol::types::{Scalar, Sort};

use super::{Component, names, words};

/// The XML, and the arrays that stand behind it.
#[derive(Default)]
struct Document {
    xml: String,
    arrays: Vec<Vec<u8>>,
    bytes: u64,
}

impl Document {
    /// An array of little-endian values.
    fn array(&mut self, kind: &str, name: &str, lanes: usize, values: Vec<u8>) {
        let lanes = if lanes > 1 { format!(" NumberOfComponents=\"{lanes}\"") } else { String::new() };
        // Writing to a string cannot fail.
        let _ = writeln!(
            self.xml,
            "<DataArray type=\"{kind}\" Name=\"{}\"{lanes} format=\"appended\" offset=\"{}\"/>",
            escaped(name),
            self.bytes
        );
        self.bytes += 8 + values.len() as u64;
        self.arrays.push(values);
    }

    fn component(&mut self, still: &Still<'_>, component: &Component, rows: u32) {
        let columns: Vec<&[u8]> = component.lanes.iter().map(|lane| still.column(*lane)).collect();
        let scalar = component.ty.scalar;
        // A vector of two lies in the plane.
        let padded = columns.len() == 2 && !matches!(component.ty.sort, Sort::Entity(_));
        let lanes = if padded { 3 } else { columns.len() };
        self.array(kind(scalar), &component.name, lanes, interleaved(&columns, scalar.size(), lanes, rows));
    }
}

/// Columns side by side, filled up with zeros to so many lanes.
fn interleaved(columns: &[&[u8]], size: usize, lanes: usize, rows: u32) -> Vec<u8> {
    let mut values = vec![0; rows as usize * lanes * size];
    for (row, place) in values.chunks_exact_mut(lanes * size).enumerate() {
        for (column, place) in columns.iter().zip(place.chunks_exact_mut(size)) {
            place.copy_from_slice(&column[row * size..(row + 1) * size]);
        }
    }
    values
}

fn kind(scalar: Scalar) -> &'static str {
    match scalar {
        Scalar::F32 => "Float32",
        Scalar::F64 => "Float64",
        Scalar::I8 => "Int8",
        Scalar::I16 => "Int16",
        Scalar::I32 => "Int32",
        Scalar::U8 | Scalar::Bool => "UInt8",
        Scalar::U16 => "UInt16",
        Scalar::U32 => "UInt32",
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

fn little_endian(words: impl Iterator<Item = u32>) -> Vec<u8> {
    words.flat_map(u32::to_le_bytes).collect()
}

pub(super) fn write(file: File, still: &Still<'_>, group: GroupId, components: &[Component]) -> io::Result<()> {
    let mut document = Document::default();
    let raster = still.program().groups[group].raster.as_ref();
    let what = if raster.is_some() { "ImageData" } else { "PolyData" };
    let _ = writeln!(
        document.xml,
        "<?xml version=\"1.0\"?>\n<VTKFile type=\"{what}\" version=\"1.0\" byte_order=\"LittleEndian\" header_type=\"UInt64\">"
    );
    match raster {
        Some(raster) => cells(&mut document, still, group, raster, components),
        None => points(&mut document, still, group, components),
    }
    let mut out = BufWriter::new(file);
    out.write_all(document.xml.as_bytes())?;
    out.write_all(b"<AppendedData encoding=\"raw\">\n_")?;
    for array in &document.arrays {
        out.write_all(&(array.len() as u64).to_le_bytes())?;
        out.write_all(array)?;
    }
    out.write_all(b"\n</AppendedData>\n</VTKFile>\n")?;
    out.flush()
}

/// The time, and what variants are called.
fn fields(document: &mut Document, still: &Still<'_>, components: &[Component]) {
    let (program, frame) = (still.program(), still.tick().frames_done());
    let xml = &mut document.xml;
    let time = f64::from(frame) * program.dt;
    let _ = writeln!(
        xml,
        "<FieldData>\n<DataArray type=\"Float64\" Name=\"TimeValue\" NumberOfTuples=\"1\" format=\"ascii\">{time}</DataArray>\n\
         <DataArray type=\"UInt32\" Name=\"frame\" NumberOfTuples=\"1\" format=\"ascii\">{frame}</DataArray>"
    );
    for component in components {
        let Sort::Enum(of) = component.ty.sort else { continue };
        let variants = program.enums.get(of).map_or(&[][..], |it| it.variants.as_slice());
        // A text is its bytes, and a zero.
        let bytes = variants.iter().flat_map(|name| name.bytes().chain([0]));
        let bytes = bytes.map(|byte| byte.to_string()).collect::<Vec<_>>().join(" ");
        let _ = writeln!(
            xml,
            "<DataArray type=\"String\" Name=\"{} names\" NumberOfTuples=\"{}\" format=\"ascii\">{bytes}</DataArray>",
            escaped(&component.name),
            variants.len()
        );
    }
    xml.push_str("</FieldData>\n");
}

fn points(document: &mut Document, still: &Still<'_>, group: GroupId, components: &[Component]) {
    let (program, rows) = (still.program(), still.rows(group));
    document.xml.push_str("<PolyData>\n");
    fields(document, still, components);
    let _ = writeln!(
        document.xml,
        "<Piece NumberOfPoints=\"{rows}\" NumberOfVerts=\"{rows}\" NumberOfLines=\"0\" NumberOfStrips=\"0\" NumberOfPolys=\"0\">\n\
         <PointData>"
    );
    let (entities, lives) = names(program, group);
    let named = match entities {
        Some(column) => little_endian(words(still, column, rows).iter().copied()),
        None => little_endian(0..rows),
    };
    document.array("UInt32", "entity id", 1, named);
    if let Some(column) = lives {
        document.array("UInt32", "entity generation", 1, little_endian(words(still, column, rows).iter().copied()));
    }
    components.iter().for_each(|component| document.component(still, component, rows));
    document.xml.push_str("</PointData>\n<Points>\n");
    let position = &program.groups[group].position;
    let columns: Vec<&[u8]> = position.iter().map(|column| still.column(*column)).collect();
    let scalar = position.first().map_or(Scalar::F32, |column| program.columns[*column].scalar);
    document.array(kind(scalar), "Points", 3, interleaved(&columns, scalar.size(), 3, rows));
    document.xml.push_str("</Points>\n<Verts>\n");
    document.array("Int32", "connectivity", 1, little_endian(0..rows));
    document.array("Int32", "offsets", 1, little_endian(1..rows + 1));
    document.xml.push_str("</Verts>\n</Piece>\n</PolyData>\n");
}

fn cells(document: &mut Document, still: &Still<'_>, group: GroupId, raster: &Raster, components: &[Component]) {
    let (origin, spacing) = placed(raster, &still.program().space);
    let axes = usize::from(raster.axes);
    // Points of cells: along what there is not there is one.
    let ends: Vec<u32> = (0..3).map(|axis| if axis < axes { raster.extents[axis] } else { 0 }).collect();
    let extent = format!("0 {} 0 {} 0 {}", ends[0], ends[1], ends[2]);
    let three = |of: [f32; 3]| format!("{} {} {}", of[0], of[1], of[2]);
    let _ = writeln!(
        document.xml,
        "<ImageData WholeExtent=\"{extent}\" Origin=\"{}\" Spacing=\"{}\">",
        three(origin),
        three(spacing)
    );
    fields(document, still, components);
    let _ = writeln!(document.xml, "<Piece Extent=\"{extent}\">\n<CellData>");
    components.iter().for_each(|component| document.component(still, component, still.rows(group)));
    document.xml.push_str("</CellData>\n</Piece>\n</ImageData>\n");
}

/// Where the first cell begins, and how long cells are: they cover the space evenly, if it has edges and as many dimensions.
fn placed(raster: &Raster, space: &Space) -> ([f32; 3], [f32; 3]) {
    let (mut origin, mut spacing) = ([0.0; 3], [1.0; 3]);
    if space.edge != Edge::Open && space.dimensions == raster.axes {
        for axis in 0..usize::from(raster.axes) {
            origin[axis] = space.lo[axis];
            spacing[axis] = space.side(axis) / raster.extents[axis] as f32;
        }
    }
    (origin, spacing)
}

/// Writes the list of a series: at each moment the one before or this one is there, whole. Where time is cyclic the series goes on.
pub(super) fn series(path: &Path, dt: f64, files: &BTreeMap<u32, String>) -> io::Result<()> {
    let mut xml = String::from(
        "<?xml version=\"1.0\"?>\n<VTKFile type=\"Collection\" version=\"1.0\" byte_order=\"LittleEndian\">\n<Collection>\n",
    );
    for (frame, file) in files {
        let time = f64::from(*frame) * dt;
        let _ = writeln!(xml, "<DataSet timestep=\"{time}\" part=\"0\" file=\"{}\"/>", escaped(file));
    }
    xml.push_str("</Collection>\n</VTKFile>\n");
    let begun = path.with_added_extension("begun");
    fs::write(&begun, xml)?;
    fs::rename(&begun, path)
}
