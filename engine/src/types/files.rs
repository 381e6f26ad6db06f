//! Checking groups that are made from files: which columns are read, as what.

use diptych_protocol::id::Id;
use diptych_protocol::limits::FRAMES_MAX;
use diptych_protocol::program::Span;
use diptych_protocol::types::{Sort, Type};

use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::syntax::ast::{self, Expr};
use crate::table::{self, Wanted};
use crate::types::expressions::Checker;
use crate::types::typed::{Checked, Kind, Typed};

impl Checker<'_, '_> {
    /// Opens a file of rows; says how many it has. Its columns are read as the blueprint uses them.
    pub(super) fn open_file(&mut self, path: &ast::Name, frame: Option<&Expr>) -> Option<u32> {
        let frame = match frame {
            Some(frame) => {
                Some(self.integer(frame, "the frame of a record", 0..=u64::from(FRAMES_MAX), codes::E0414)? as u32)
            }
            None => None,
        };
        let rows = table::Rows { path: self.folder.join(&path.text), frame };
        match table::header(&rows) {
            Ok(header) => {
                let number = header.rows;
                self.file = Some(FileInHand { rows, span: path.span, names: header.names, read: Vec::new() });
                Some(number)
            }
            Err(error) => {
                self.unreadable(path.span, &error);
                None
            }
        }
    }

    fn unreadable(&mut self, span: Span, error: &table::TableError) {
        let error = Diagnostic::error(codes::E0414, span, error.to_string());
        self.diagnostics.push(error.help("paths are relative to the scenario's own folder"));
    }

    /// A column of the file at hand, as values of this type; nothing if it has none of this name.
    pub(super) fn column_of_file(&mut self, name: &str, ty: Type) -> Option<Checked> {
        let file = self.file.as_mut()?;
        if !file.names.iter().any(|known| known == name) {
            return None;
        }
        let known = file.read.iter().find(|(read, as_type, _)| read == name && *as_type == ty);
        if let Some((_, _, at)) = known {
            return Some(Checked::Typed(Typed { ty, kind: Kind::Data(*at) }));
        }
        let at = self.data.len();
        let span = file.span;
        let variants = match ty.sort {
            Sort::Enum(of) => self.names.enums.get(of.index()).map(|it| &it.variants),
            _ => None,
        };
        let variants: Option<Vec<String>> =
            variants.map(|variants| variants.iter().map(|variant| variant.text.clone()).collect());
        let wanted = variants.as_ref().map_or(Wanted::Scalar(ty.scalar), |variants| Wanted::Variant(variants));
        match table::read(&file.rows, &[(name, wanted)]) {
            Ok(columns) => {
                file.read.push((name.to_string(), ty, at));
                self.data.extend(columns);
                Some(Checked::Typed(Typed { ty, kind: Kind::Data(at) }))
            }
            Err(error) => {
                self.unreadable(span, &error);
                Some(Checked::Error)
            }
        }
    }

    /// The value of a leaf that is said by the columns of its name alone: `Age`, `Position.x` and `Position.y`.
    pub(super) fn leaf_of_file(&mut self, leaf: &str, ty: Type, name: &ast::Name) -> Option<Typed> {
        let lane = Type { lanes: 1, ..ty };
        let mut lanes = Vec::new();
        for suffix in ty.lane_names() {
            let column = if suffix.is_empty() { leaf.to_string() } else { format!("{leaf}.{suffix}") };
            let readable = !matches!(ty.sort, Sort::Entity(_));
            match self.column_of_file(&column, lane).filter(|_| readable) {
                Some(Checked::Typed(typed)) => lanes.push(typed),
                Some(_) => return None,
                None => {
                    let message = format!("`{}` needs a first value: the file has no column `{column}`", name.text);
                    let message =
                        if readable { message } else { format!("references are not read from files: `{leaf}`") };
                    let error = Diagnostic::error(codes::E0410, name.span, message);
                    self.diagnostics.push(error.help(format!("write `{} = ...`", name.text)));
                    return None;
                }
            }
        }
        match <[Typed; 1]>::try_from(lanes) {
            Ok([one]) => Some(one),
            Err(lanes) => Some(Typed { ty, kind: Kind::Vector(lanes) }),
        }
    }
}

/// The file that a group is being made from.
pub(super) struct FileInHand {
    rows: table::Rows,
    span: Span,
    names: Vec<String>,
    /// Columns read so far, as which type, and where they are.
    read: Vec<(String, Type, usize)>,
}
