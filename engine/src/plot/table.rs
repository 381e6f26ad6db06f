//! A table from a file: CSV, Parquet or NDJSON, by its name. What a column holds is seen from its values.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch, types};
use arrow_schema::DataType;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// Different words of a column, beyond which it is a text that nobody plots.
const WORDS_MAX: usize = 1_000;

/// Columns of equal length.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Table {
    /// In the order of the file.
    pub columns: Vec<Column>,
}

/// A column.
#[derive(Clone, PartialEq, Debug)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// A number each row; of words the place in `words`. NaN where there is nothing.
    pub numbers: Vec<f64>,
    /// The words, if it holds any, in the order in which they are met.
    pub words: Vec<String>,
    /// Whether it holds truth values alone.
    pub truth: bool,
}

/// Why there is no table.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum TableError {
    #[error("cannot read {path}: {why}")]
    Read { path: String, why: String },
    #[error(
        "{0} is no table that can be plotted: its name should end in .csv, .parquet or .ndjson (or be that of a checkpoint)"
    )]
    Kind(String),
    #[error("{path}, line {line}: {why}")]
    Line { path: String, line: u64, why: String },
    #[error("the column `{column}` of {path} holds more than {WORDS_MAX} different texts: leave it out, by --y")]
    Words { path: String, column: String },
}

/// One value of a file.
enum Field<'a> {
    Nothing,
    Number(f64),
    Truth(bool),
    Word(&'a str),
}

impl<'a> Field<'a> {
    /// A field of a text.
    fn from_text(text: &'a str) -> Self {
        match text.trim() {
            "" | "none" | "null" => Field::Nothing,
            "true" => Field::Truth(true),
            "false" => Field::Truth(false),
            text => text.parse().map_or(Field::Word(text), Field::Number),
        }
    }
}

/// A column that is being read.
#[derive(Default)]
struct Reading {
    name: String,
    numbers: Vec<f64>,
    words: BTreeMap<String, usize>,
    /// Whether anything but truth values was met, and any of them.
    numeric: bool,
    truth: bool,
}

impl Reading {
    fn push(&mut self, field: Field<'_>) -> Result<(), ()> {
        let number = match field {
            Field::Nothing => f64::NAN,
            Field::Number(number) => {
                self.numeric = true;
                number
            }
            Field::Truth(truth) => {
                self.truth = true;
                f64::from(u8::from(truth))
            }
            Field::Word(word) => {
                let next = self.words.len();
                match self.words.get(word) {
                    Some(place) => *place as f64,
                    None if next >= WORDS_MAX => return Err(()),
                    None => {
                        self.words.insert(word.into(), next);
                        next as f64
                    }
                }
            }
        };
        self.numbers.push(number);
        Ok(())
    }

    fn finish(mut self, rows: usize) -> Column {
        self.numbers.resize(rows, f64::NAN);
        let mut words = vec![String::new(); self.words.len()];
        self.words.into_iter().for_each(|(word, place)| words[place] = word);
        // A signal that is infinite or no number now and then is written as a word in some formats.
        let truth = self.truth && !self.numeric && words.is_empty();
        Column { name: self.name, numbers: self.numbers, words, truth }
    }
}

impl Table {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, TableError> {
        let shown = path.display().to_string();
        let extension = path.extension().and_then(|it| it.to_str()).unwrap_or_default().to_lowercase();
        match extension.as_str() {
            "csv" => read_csv(path, &shown),
            "parquet" => read_parquet(path, &shown),
            "ndjson" | "jsonl" => read_ndjson(path, &shown),
            _ => Err(TableError::Kind(shown)),
        }
    }

    /// How many rows.
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, |column| column.numbers.len())
    }

    /// The column of a name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    fn finish(readings: Vec<Reading>, rows: usize) -> Self {
        Self { columns: readings.into_iter().map(|reading| reading.finish(rows)).collect() }
    }
}

fn many(path: &str, reading: &Reading) -> TableError {
    TableError::Words { path: path.into(), column: reading.name.clone() }
}

fn refused(path: &str, why: impl ToString) -> TableError {
    TableError::Read { path: path.into(), why: why.to_string() }
}

fn read_csv(path: &Path, shown: &str) -> Result<Table, TableError> {
    let mut reader = csv::ReaderBuilder::new().flexible(false).from_path(path).map_err(|e| refused(shown, e))?;
    let header = reader.headers().map_err(|e| refused(shown, e))?.clone();
    let mut readings: Vec<Reading> =
        header.iter().map(|name| Reading { name: name.to_string(), ..Reading::default() }).collect();
    let (mut record, mut rows) = (csv::StringRecord::new(), 0);
    loop {
        let line = reader.position().line();
        let more = reader.read_record(&mut record);
        if !more.map_err(|e| TableError::Line { path: shown.into(), line, why: e.to_string() })? {
            return Ok(Table::finish(readings, rows));
        }
        rows += 1;
        for (reading, text) in readings.iter_mut().zip(&record) {
            reading.push(Field::from_text(text)).map_err(|()| many(shown, reading))?;
        }
    }
}

fn read_ndjson(path: &Path, shown: &str) -> Result<Table, TableError> {
    let file = BufReader::new(File::open(path).map_err(|e| refused(shown, e))?);
    let (mut readings, mut rows): (Vec<Reading>, usize) = (Vec::new(), 0);
    for (line, text) in (1..).zip(file.lines()) {
        let text = text.map_err(|e| refused(shown, e))?;
        if text.trim().is_empty() {
            continue;
        }
        let wrong = |why: String| TableError::Line { path: shown.into(), line, why };
        let object: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(&text).map_err(|e| wrong(e.to_string()))?;
        for (name, value) in &object {
            put(&mut readings, rows, name, value).map_err(|reading| many(shown, &readings[reading]))?;
        }
        rows += 1;
        readings.iter_mut().for_each(|reading| reading.numbers.resize(rows, f64::NAN));
    }
    Ok(Table::finish(readings, rows))
}

/// Puts a value of a line into its column; one that is a list into columns of its elements.
fn put(readings: &mut Vec<Reading>, row: usize, name: &str, value: &serde_json::Value) -> Result<(), usize> {
    use serde_json::Value;
    if let Value::Array(all) = value {
        return all.iter().enumerate().try_for_each(|(at, it)| put(readings, row, &format!("{name}[{at}]"), it));
    }
    let place = readings.iter().position(|reading| reading.name == name).unwrap_or_else(|| {
        readings.push(Reading { name: name.into(), numbers: vec![f64::NAN; row], ..Reading::default() });
        readings.len() - 1
    });
    let field = match value {
        Value::Bool(truth) => Field::Truth(*truth),
        Value::Number(number) => Field::Number(number.as_f64().unwrap_or(f64::NAN)),
        // What JSON has no numbers for is written as text.
        Value::String(text) => Field::from_text(text),
        Value::Null | Value::Array(_) | Value::Object(_) => Field::Nothing,
    };
    // A name that stands twice in a line counts once.
    if readings[place].numbers.len() > row {
        return Ok(());
    }
    readings[place].push(field).map_err(|()| place)
}

fn read_parquet(path: &Path, shown: &str) -> Result<Table, TableError> {
    let file = File::open(path).map_err(|e| refused(shown, e))?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|e| refused(shown, e))?;
    let fields = builder.schema().fields().clone();
    let mut readings: Vec<Reading> =
        fields.iter().map(|field| Reading { name: field.name().clone(), ..Reading::default() }).collect();
    let mut rows = 0;
    for batch in builder.build().map_err(|e| refused(shown, e))? {
        let batch: RecordBatch = batch.map_err(|e| refused(shown, e))?;
        rows += batch.num_rows();
        for (reading, array) in readings.iter_mut().zip(batch.columns()) {
            take(reading, array.as_ref()).map_err(|()| many(shown, reading))?;
        }
    }
    // What is neither a number nor a text is no column of a plot.
    readings.retain(|reading| reading.numbers.len() == rows);
    Ok(Table::finish(readings, rows))
}

/// Takes over an array; nothing of one whose type nobody plots.
fn take(reading: &mut Reading, array: &dyn Array) -> Result<(), ()> {
    let mut put = |row: usize, field: Field<'_>| reading.push(if array.is_valid(row) { field } else { Field::Nothing });
    macro_rules! numbers {
        ($type:ty) => {{
            let numbers = array.as_primitive::<$type>().values();
            numbers.iter().enumerate().try_for_each(|(row, number)| put(row, Field::Number(*number as f64)))
        }};
    }
    match array.data_type() {
        DataType::Boolean => {
            array.as_boolean().values().iter().enumerate().try_for_each(|(row, truth)| put(row, Field::Truth(truth)))
        }
        DataType::Int8 => numbers!(types::Int8Type),
        DataType::Int16 => numbers!(types::Int16Type),
        DataType::Int32 => numbers!(types::Int32Type),
        DataType::Int64 => numbers!(types::Int64Type),
        DataType::UInt8 => numbers!(types::UInt8Type),
        DataType::UInt16 => numbers!(types::UInt16Type),
        DataType::UInt32 => numbers!(types::UInt32Type),
        DataType::UInt64 => numbers!(types::UInt64Type),
        DataType::Float32 => numbers!(types::Float32Type),
        DataType::Float64 => numbers!(types::Float64Type),
        DataType::Utf8 => {
            let texts = array.as_string::<i32>();
            (0..texts.len()).try_for_each(|row| put(row, Field::Word(texts.value(row))))
        }
        DataType::Dictionary(_, of) if **of == DataType::Utf8 => {
            let dictionary = array.as_any_dictionary();
            let texts = dictionary.values().as_string::<i32>();
            if texts.is_empty() {
                return (0..array.len()).try_for_each(|row| put(row, Field::Nothing));
            }
            let keys = dictionary.normalized_keys();
            keys.into_iter().enumerate().try_for_each(|(row, key)| put(row, Field::Word(texts.value(key))))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, DictionaryArray, Float32Array, StringArray, UInt32Array};
    use parquet::arrow::ArrowWriter;

    use super::*;

    fn read(name: &str, bytes: &[u8]) -> Result<Table, TableError> {
        let folder = std::env::temp_dir().join(format!("diptych-table-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join(name);
        std::fs::write(&path, bytes).unwrap();
        let table = Table::read(&path);
        std::fs::remove_dir_all(&folder).unwrap();
        table
    }

    fn numbers(table: &Table, name: &str) -> Vec<String> {
        table.column(name).unwrap().numbers.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_same_table_is_read_from_any_kind_of_file() {
        let csv = read("a.csv", b"frame,x,open,mood\n0,0.5,true,calm\n1,NaN,false,wild\n2,-inf,true,calm\n").unwrap();
        let lines = "{\"frame\":0,\"x\":0.5,\"open\":true,\"mood\":\"calm\"}\n\
                     {\"frame\":1,\"x\":\"NaN\",\"open\":false,\"mood\":\"wild\"}\n\n\
                     {\"frame\":2,\"x\":\"-inf\",\"open\":true,\"mood\":\"calm\"}\n";
        let ndjson = read("a.ndjson", lines.as_bytes()).unwrap();
        let mood: DictionaryArray<types::UInt8Type> = ["calm", "wild", "calm"].into_iter().collect();
        let columns: [(&str, ArrayRef); 4] = [
            ("frame", Arc::new(UInt32Array::from(vec![0, 1, 2]))),
            ("x", Arc::new(Float32Array::from(vec![0.5, f32::NAN, f32::NEG_INFINITY]))),
            ("open", Arc::new(arrow_array::BooleanArray::from(vec![true, false, true]))),
            ("mood", Arc::new(mood)),
        ];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let mut file = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut file, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        let parquet = read("a.parquet", &file).unwrap();
        for table in [&csv, &ndjson, &parquet] {
            assert_eq!(numbers(table, "frame"), ["0", "1", "2"]);
            assert_eq!(numbers(table, "x"), ["0.5", "NaN", "-inf"]);
            assert_eq!(numbers(table, "open"), ["1", "0", "1"]);
            assert!(table.column("open").unwrap().truth && !table.column("x").unwrap().truth);
            assert_eq!(table.column("mood").unwrap().words, ["calm", "wild"]);
            assert_eq!(numbers(table, "mood"), ["0", "1", "0"]);
        }
    }

    #[test]
    fn lists_of_a_line_are_columns_and_what_is_missing_is_no_number() {
        let table = read("b.ndjson", b"{\"a\":[1,2]}\n{\"b\":3}\n{\"a\":[4],\"b\":null}\n").unwrap();
        assert_eq!(numbers(&table, "a[0]"), ["1", "NaN", "4"]);
        assert_eq!(numbers(&table, "a[1]"), ["2", "NaN", "NaN"]);
        assert_eq!(numbers(&table, "b"), ["NaN", "3", "NaN"]);
    }

    #[test]
    fn texts_come_from_parquet_as_they_are() {
        let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("b"), None, Some("a")]));
        let mut reading = Reading::default();
        take(&mut reading, texts.as_ref()).unwrap();
        let column = reading.finish(3);
        assert_eq!((column.numbers[0], column.numbers[1].is_nan(), column.numbers[2]), (0.0, true, 1.0));
        assert_eq!(column.words, ["b", "a"]);
    }

    #[test]
    fn what_is_no_table_says_why() {
        assert!(read("a.txt", b"x").unwrap_err().to_string().contains("its name should end in .csv"));
        let uneven = read("a.csv", b"a,b\n1,2\n3\n").unwrap_err().to_string();
        assert!(uneven.contains("line 3"), "{uneven}");
        let broken = read("a.ndjson", b"{\"a\":1}\n{\"a\":\n").unwrap_err().to_string();
        assert!(broken.contains("line 2"), "{broken}");
        assert!(read("a.parquet", b"PAR1").is_err());
        let texts: String = (0..2_000).map(|row| format!("name{row}\n")).collect();
        assert!(read("a.csv", format!("who\n{texts}").as_bytes()).unwrap_err().to_string().contains("`who`"));
    }

    #[test]
    fn a_table_without_rows_has_its_columns() {
        let table = read("e.csv", b"frame,x\n").unwrap();
        assert_eq!((table.rows(), table.columns.len()), (0, 2));
        assert_eq!(read("e.ndjson", b"").unwrap(), Table::default());
    }
}
