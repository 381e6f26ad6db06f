//! Tables that groups are made from: CSV files with a header line, read into typed columns.
//!
//! A number is what Rust takes for one of the wanted type; a truth value is `true`, `false`, `1` or `0`. Blanks around
//! a field do not count. Whatever does not fit is an error that says where it stands.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use csv::{ErrorKind, Reader, ReaderBuilder, StringRecord, Trim};
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
        needed: &'static str,
    },
    /// A field is no text.
    #[error("{}:{line}: not UTF-8 text", path.display())]
    NoText {
        /// The file.
        path: PathBuf,
        /// The line.
        line: u64,
    },
    /// More rows than a group can have.
    #[error("{} has more than {ROWS_MAX} rows, the most that a group can have", .0.display())]
    TooMany(PathBuf),
}

fn listed(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// A file that is being read.
struct Table<'p> {
    path: &'p Path,
    reader: Reader<File>,
    names: Vec<String>,
    row: StringRecord,
}

impl<'p> Table<'p> {
    fn open(path: &'p Path) -> Result<Self, TableError> {
        let refused = |source| TableError::Read { path: path.into(), source };
        let file = File::open(path).map_err(refused)?;
        let mut reader = ReaderBuilder::new().trim(Trim::All).from_reader(file);
        let names: Vec<String> = match reader.headers() {
            Ok(names) => names.iter().map(str::to_string).collect(),
            Err(error) => return Err(problem(path, error)),
        };
        if names.iter().all(String::is_empty) {
            return Err(TableError::NoHeader(path.into()));
        }
        Ok(Self { path, reader, names, row: StringRecord::new() })
    }

    /// Goes on to the next row, if there is one.
    fn next(&mut self) -> Result<bool, TableError> {
        self.reader.read_record(&mut self.row).map_err(|error| problem(self.path, error))
    }

    fn place(&self, name: &str) -> Result<usize, TableError> {
        let mut places = (0..self.names.len()).filter(|&at| self.names[at] == name);
        match (places.next(), places.next()) {
            (Some(at), None) => Ok(at),
            (Some(_), Some(_)) => Err(TableError::Twice { path: self.path.into(), name: name.into() }),
            (None, _) => {
                Err(TableError::NoColumn { path: self.path.into(), name: name.into(), names: self.names.clone() })
            }
        }
    }

    /// Counts rows on, within the limit.
    fn count(&self, rows: u32) -> Result<u32, TableError> {
        if rows < ROWS_MAX { Ok(rows + 1) } else { Err(TableError::TooMany(self.path.into())) }
    }
}

fn problem(path: &Path, error: csv::Error) -> TableError {
    let line = error.position().map_or(1, csv::Position::line);
    let path = path.to_path_buf();
    match error.into_kind() {
        ErrorKind::Io(source) => TableError::Read { path, source },
        ErrorKind::UnequalLengths { expected_len, len, .. } => {
            TableError::Ragged { path, line, found: len, needed: expected_len }
        }
        ErrorKind::Utf8 { .. } => TableError::NoText { path, line },
        other => TableError::Read { path, source: io::Error::other(format!("{other:?}")) },
    }
}

/// Reads the names of the columns, and counts the rows.
pub fn header(path: &Path) -> Result<Header, TableError> {
    let mut table = Table::open(path)?;
    let mut rows = 0;
    while table.next()? {
        rows = table.count(rows)?;
    }
    Ok(Header { names: table.names, rows })
}

/// Reads the wanted columns, by their names in the file.
pub fn read_csv(path: &Path, wanted: &[(&str, Scalar)]) -> Result<Vec<Column>, TableError> {
    let mut table = Table::open(path)?;
    let mut columns = Vec::with_capacity(wanted.len());
    for &(name, scalar) in wanted {
        let column = Column { name: name.into(), scalar, rows: 0, bytes: Vec::new() };
        columns.push((table.place(name)?, column));
    }
    let mut rows = 0;
    while table.next()? {
        rows = table.count(rows)?;
        for (at, column) in &mut columns {
            let field = table.row.get(*at).unwrap_or_default();
            let Some(value) = parse(field, column.scalar) else {
                return Err(TableError::Value {
                    path: path.into(),
                    line: table.row.position().map_or(0, csv::Position::line),
                    column: column.name.clone(),
                    found: field.into(),
                    needed: needed(column.scalar),
                });
            };
            column.bytes.extend_from_slice(&value.bits().to_le_bytes()[..column.scalar.size()]);
        }
    }
    if rows == 0 {
        return Err(TableError::NoRows(path.into()));
    }
    Ok(columns.into_iter().map(|(_, column)| Column { rows, ..column }).collect())
}

fn parse(field: &str, scalar: Scalar) -> Option<Value> {
    // A number beyond what the type can hold is read as infinity: only a word may mean that.
    let held = |infinite: bool| !infinite || !field.contains(|c: char| c.is_ascii_digit());
    match scalar {
        Scalar::F32 => field.parse::<f32>().ok().filter(|x| held(x.is_infinite())).map(Value::F32),
        Scalar::F64 => field.parse::<f64>().ok().filter(|x| held(x.is_infinite())).map(Value::F64),
        Scalar::I8 => field.parse().ok().map(Value::I8),
        Scalar::I16 => field.parse().ok().map(Value::I16),
        Scalar::I32 => field.parse().ok().map(Value::I32),
        Scalar::U8 => field.parse().ok().map(Value::U8),
        Scalar::U16 => field.parse().ok().map(Value::U16),
        Scalar::U32 => field.parse().ok().map(Value::U32),
        Scalar::Bool => match field {
            "true" | "1" => Some(Value::Bool(true)),
            "false" | "0" => Some(Value::Bool(false)),
            _ => None,
        },
    }
}

fn needed(scalar: Scalar) -> &'static str {
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

    fn message(name: &str, bytes: &[u8], wanted: &[(&str, Scalar)]) -> String {
        let file = Temporary::new(name, bytes);
        let folder = format!("{}/", file.0.parent().unwrap().display());
        read_csv(&file.0, wanted)
            .unwrap_err()
            .to_string()
            .replace(&folder, "")
            .replace(&format!("diptych-table-{}-", std::process::id()), "")
    }

    #[test]
    fn columns_come_typed_in_the_wanted_order() {
        let text = "\u{feff}name, age ,\"height\",ill\r\n\"a, b\",7,1.5, true\r\nc, 255 ,NaN,0\r\n";
        let file = Temporary::new("typed", text.as_bytes());
        assert_eq!(header(&file.0).unwrap().names, ["name", "age", "height", "ill"]);
        assert_eq!(header(&file.0).unwrap().rows, 2);
        let wanted = [("ill", Scalar::Bool), ("age", Scalar::U8), ("height", Scalar::F32), ("age", Scalar::I16)];
        let columns = read_csv(&file.0, &wanted).unwrap();
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
        let nowhere = read_csv(Path::new("/nowhere.csv"), &x).unwrap_err().to_string();
        assert!(nowhere.starts_with("cannot read /nowhere.csv: No such file"), "{nowhere}");
        assert_eq!(header(Path::new("/")).unwrap_err().to_string().split(':').next(), Some("cannot read /"));
    }
}
