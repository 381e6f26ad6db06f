//! Tables that groups are made from: CSV files with a header line and Parquet files, read into typed columns.
//!
//! In a CSV file a number is what Rust takes for one of the wanted type; a truth value is `true`, `false`, `1` or `0`; a variant is
//! its name. Blanks around a field do not count. In a Parquet file numbers have any width: integers must fit, floats are rounded.
//! Whatever does not fit is an error that says where it stands.

mod csv;
mod parquet;

use std::io;
use std::path::{Path, PathBuf};

use diptych_protocol::data;
use diptych_protocol::limits::ROWS_MAX;
use diptych_protocol::program::Data;
use diptych_protocol::types::{Scalar, Value};

/// A column of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Column {
    /// Its name in the file.
    pub name: String,
    /// What it holds.
    pub scalar: Scalar,
    /// How many values.
    pub rows: u32,
    /// The values, little-endian.
    pub bytes: Vec<u8>,
}

impl Column {
    /// What the program says of it.
    pub fn data(&self) -> Data {
        let content = data::content(&self.bytes);
        Data { name: self.name.clone(), scalar: self.scalar, rows: self.rows, content }
    }
}

/// A file, and which of its rows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rows {
    /// The file.
    pub path: PathBuf,
    /// Only those that have this number in the column `frame`: the rows of one state, of a record.
    pub frame: Option<u32>,
}

impl Rows {
    fn is_parquet(&self) -> bool {
        self.path.extension().is_some_and(|extension| extension == "parquet")
    }
}

/// What a column is read as.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wanted<'v> {
    /// Numbers, or truth values.
    Scalar(Scalar),
    /// Variants of an enum, by their names.
    Variant(&'v [String]),
}

impl Wanted<'_> {
    fn scalar(self) -> Scalar {
        match self {
            Wanted::Scalar(scalar) => scalar,
            Wanted::Variant(_) => Scalar::U8,
        }
    }

    fn parse(self, field: &str) -> Option<Value> {
        match self {
            Wanted::Scalar(scalar) => csv::parse(field, scalar),
            Wanted::Variant(names) => {
                let place = names.iter().position(|name| name == field)?;
                u8::try_from(place).ok().map(Value::U8)
            }
        }
    }
}

/// What can be known of a file without reading its values.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Header {
    /// The columns' names.
    pub names: Vec<String>,
    /// How many rows follow.
    pub rows: u32,
}

/// Why a file is no table, or not the one that is needed.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// It cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Its first line has no names.
    #[error("{} has no header line: its first line must name the columns", .0.display())]
    NoHeader(PathBuf),
    /// Nothing follows the header line.
    #[error("{} has no rows after its header line", .0.display())]
    NoRows(PathBuf),
    /// No row is of the wanted state.
    #[error("{} has no rows of frame {frame}{}", path.display(), frames(found))]
    NoFrame {
        /// The file.
        path: PathBuf,
        /// The frame.
        frame: u32,
        /// The first and the last there is.
        found: Option<(u32, u32)>,
    },
    /// A column is missing.
    #[error("{} has no column `{name}`; it has {}", path.display(), listed(names))]
    NoColumn {
        /// The file.
        path: PathBuf,
        /// What was looked for.
        name: String,
        /// What there is.
        names: Vec<String>,
    },
    /// Two columns have the name.
    #[error("{} has more than one column `{name}`", path.display())]
    Twice {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
    },
    /// A row has more or fewer fields than the header.
    #[error("{}:{line}: {found} fields, where the header line has {needed}", path.display())]
    Ragged {
        /// The file.
        path: PathBuf,
        /// The line.
        line: u64,
        /// Its fields.
        found: u64,
        /// Those of the header.
        needed: u64,
    },
    /// A field is no value of the type.
    #[error("{}:{line}, column {column}: found `{found}`, where {needed} is needed", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// The line.
        line: u64,
        /// The column.
        column: String,
        /// The text of the field.
        found: String,
        /// What would do.
        needed: String,
    },
    /// A field is no text.
    #[error("{}:{line}: not UTF-8 text", path.display())]
    NoText {
        /// The file.
        path: PathBuf,
        /// The line.
        line: u64,
    },
    /// A value of a Parquet file is none of the type.
    #[error("{}, row {row}, column {column}: found {found}, where {needed} is needed", path.display())]
    Cell {
        /// The file.
        path: PathBuf,
        /// The row, from 0 on.
        row: u64,
        /// The column.
        column: String,
        /// What stands there.
        found: String,
        /// What would do.
        needed: String,
    },
    /// More rows than a group can have.
    #[error("{} has more than {ROWS_MAX} rows, the most that a group can have", .0.display())]
    TooMany(PathBuf),
}

fn frames(found: &Option<(u32, u32)>) -> String {
    found.map_or_else(String::new, |(first, last)| format!("; the first it has is {first}, the last {last}"))
}

fn listed(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// Reads the names of the columns, and counts the rows.
pub fn header(rows: &Rows) -> Result<Header, TableError> {
    if rows.is_parquet() { parquet::header(rows) } else { csv::header(rows) }
}

/// Reads the wanted columns, by their names in the file.
pub fn read(rows: &Rows, wanted: &[(&str, Wanted<'_>)]) -> Result<Vec<Column>, TableError> {
    if rows.is_parquet() { parquet::read(rows, wanted) } else { csv::read(rows, wanted) }
}

/// The place of a name that stands there once.
fn place(path: &Path, names: &[String], name: &str) -> Result<usize, TableError> {
    let mut places = (0..names.len()).filter(|&at| names[at] == name);
    match (places.next(), places.next()) {
        (Some(at), None) => Ok(at),
        (Some(_), Some(_)) => Err(TableError::Twice { path: path.into(), name: name.into() }),
        (None, _) => Err(TableError::NoColumn { path: path.into(), name: name.into(), names: names.to_vec() }),
    }
}

/// Counts rows on, within the limit.
fn count(path: &Path, rows: u32) -> Result<u32, TableError> {
    if rows < ROWS_MAX { Ok(rows + 1) } else { Err(TableError::TooMany(path.into())) }
}

/// The first and the last frame of a file.
#[derive(Clone, Copy, Default, Debug)]
struct Frames(Option<(u32, u32)>);

impl Frames {
    fn add(&mut self, frame: u32) {
        let (first, last) = self.0.unwrap_or((frame, frame));
        self.0 = Some((first.min(frame), last.max(frame)));
    }

    /// Why there are no rows.
    fn none(self, rows: &Rows) -> TableError {
        match rows.frame {
            Some(frame) => TableError::NoFrame { path: rows.path.clone(), frame, found: self.0 },
            None => TableError::NoRows(rows.path.clone()),
        }
    }
}

fn needed(wanted: Wanted<'_>) -> String {
    match wanted {
        Wanted::Scalar(scalar) => needed_scalar(scalar).into(),
        Wanted::Variant(names) => format!("one of {}", names.join(", ")),
    }
}

fn needed_scalar(scalar: Scalar) -> &'static str {
    match scalar {
        Scalar::F32 => "a number (f32)",
        Scalar::F64 => "a number (f64)",
        Scalar::I8 => "an integer from -128 to 127",
        Scalar::I16 => "an integer from -32768 to 32767",
        Scalar::I32 => "an integer from -2147483648 to 2147483647",
        Scalar::U8 => "an integer from 0 to 255",
        Scalar::U16 => "an integer from 0 to 65535",
        Scalar::U32 => "an integer from 0 to 4294967295",
        Scalar::Bool => "true or false",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file that is there as long as this is.
    struct Temporary(PathBuf);

    impl Temporary {
        fn new(name: &str, bytes: &[u8]) -> Self {
            let path = std::env::temp_dir().join(format!("diptych-table-{}-{name}.csv", std::process::id()));
            std::fs::write(&path, bytes).unwrap();
            Self(path)
        }
    }

    impl Drop for Temporary {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0);
        }
    }

    fn whole(path: &Path) -> Rows {
        Rows { path: path.into(), frame: None }
    }

    fn scalars<'n>(wanted: &[(&'n str, Scalar)]) -> Vec<(&'n str, Wanted<'static>)> {
        wanted.iter().map(|(name, scalar)| (*name, Wanted::Scalar(*scalar))).collect()
    }

    fn message(name: &str, bytes: &[u8], wanted: &[(&str, Scalar)]) -> String {
        let file = Temporary::new(name, bytes);
        let folder = format!("{}/", file.0.parent().unwrap().display());
        read(&whole(&file.0), &scalars(wanted))
            .unwrap_err()
            .to_string()
            .replace(&folder, "")
            .replace(&format!("diptych-table-{}-", std::process::id()), "")
    }

    #[test]
    fn columns_come_typed_in_the_wanted_order() {
        let text = "\u{feff}name, age ,\"height\",ill\r\n\"a, b\",7,1.5, true\r\nc, 255 ,NaN,0\r\n";
        let file = Temporary::new("typed", text.as_bytes());
        assert_eq!(header(&whole(&file.0)).unwrap().names, ["name", "age", "height", "ill"]);
        assert_eq!(header(&whole(&file.0)).unwrap().rows, 2);
        let wanted = [("ill", Scalar::Bool), ("age", Scalar::U8), ("height", Scalar::F32), ("age", Scalar::I16)];
        let columns = read(&whole(&file.0), &scalars(&wanted)).unwrap();
        let bytes: Vec<&[u8]> = columns.iter().map(|column| column.bytes.as_slice()).collect();
        let heights = [1.5f32.to_le_bytes(), 0x7fc0_0000u32.to_le_bytes()].concat();
        assert_eq!(bytes, [&[1, 0][..], &[7, 255], &heights, &[7, 0, 255, 0]]);
        assert!(columns.iter().all(|column| column.rows == 2 && column.data().content == data::content(&column.bytes)));
    }

    #[test]
    fn what_does_not_fit_is_named_with_its_place() {
        let x = [("x", Scalar::I8)];
        type Case<'a> = (&'a str, &'a [u8], &'a [(&'a str, Scalar)], &'a str);
        let cases: [Case<'_>; 11] = [
            (
                "value",
                b"x,y\n1,2\n128,3\n",
                &x,
                "value.csv:3, column x: found `128`, where an integer from -128 to 127 is",
            ),
            ("empty", b"x\n1\n\"\"\n", &x, "empty.csv:3, column x: found ``, where an integer"),
            ("float", b"x\n1e39\n", &[("x", Scalar::F32)], "float.csv:2, column x: found `1e39`, where a number (f32)"),
            ("truth", b"x\nyes\n", &[("x", Scalar::Bool)], "truth.csv:2, column x: found `yes`, where true or false"),
            ("ragged", b"x,y\n1,2\n3\n", &x, "ragged.csv:3: 1 fields, where the header line has 2"),
            ("long", b"x,y\n1,2,3\n", &x, "long.csv:2: 3 fields, where the header line has 2"),
            ("missing", b"a,b\n1,2\n", &x, "missing.csv has no column `x`; it has `a`, `b`"),
            ("twice", b"x,x\n1,2\n", &x, "twice.csv has more than one column `x`"),
            ("none", b"", &x, "none.csv has no header line"),
            ("rows", b"x\n", &x, "rows.csv has no rows after its header line"),
            ("text", b"x\n\xff\n", &x, "text.csv:2: not UTF-8"),
        ];
        for (name, bytes, wanted, expected) in cases {
            let found = message(name, bytes, wanted);
            assert!(found.starts_with(expected), "{found}");
        }
        let nowhere = read(&whole(Path::new("/nowhere.csv")), &scalars(&x)).unwrap_err().to_string();
        assert!(nowhere.starts_with("cannot read /nowhere.csv: No such file"), "{nowhere}");
        assert_eq!(header(&whole(Path::new("/"))).unwrap_err().to_string().split(':').next(), Some("cannot read /"));
    }
}
