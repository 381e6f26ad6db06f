//! What a comparison has found, for people and for machines.

use diptych_protocol::program::Program;
use diptych_protocol::tree::Named;
use diptych_protocol::types::Value;
use serde_json::json;

use crate::diff::side::Side;
use crate::diff::{self, ColumnDifference, Difference};
use crate::explain::counted;
use crate::shown::Shown;

/// Columns that are shown of a frame.
const COLUMNS: usize = 12;

/// By what a frame was compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Basis {
    /// The hash trees of its states.
    Hashes,
    /// The states.
    States,
    /// The state hashes alone that the runs ended with.
    Ends,
    /// States that were made again.
    Made,
}

impl Basis {
    fn name(self) -> &'static str {
        match self {
            Basis::Hashes => "hashes",
            Basis::States => "values",
            Basis::Ends => "state hashes",
            Basis::Made => "made again",
        }
    }
}

/// The first frame that differs.
pub(super) struct First {
    pub(super) difference: Difference,
    pub(super) basis: Basis,
    /// Of programs that are the same: whether each side's state is what they compute,
    pub(super) verdicts: [Verdict; 2],
    /// and from which of their frames on that was made again; nothing: from the beginning.
    pub(super) made_from: Option<u32>,
}

impl First {
    pub(super) fn new(difference: Difference, basis: Basis) -> Self {
        Self { difference, basis, verdicts: Default::default(), made_from: None }
    }
}

/// Whether a state is what its program computes.
#[derive(Default)]
pub(super) struct Verdict {
    /// Whether that is known.
    pub(super) known: bool,
    /// How it differs from that.
    pub(super) found: Option<Difference>,
    /// Bits which explain that.
    pub(super) flips: Vec<Flip>,
}

/// A single bit that was turned over: computed with the one value, found with the hash of the other.
pub(super) struct Flip {
    pub(super) group: String,
    pub(super) column: Named,
    pub(super) row: u32,
    pub(super) entity: (u32, u32),
    pub(super) bit: u32,
    pub(super) values: [Value; 2],
}

/// All that was found.
pub(super) struct Report {
    sides: [serde_json::Value; 2],
    lines: [String; 2],
    others: Vec<String>,
    /// States that were compared, and those of them that were by their values, or by the last hash alone,
    pub(super) states: u32,
    by_values: u32,
    by_ends: u32,
    /// the first and the last of them,
    range: Option<(u32, u32)>,
    /// and states that were the same when they were made again.
    pub(super) made: u32,
    /// The last frame before the first difference that is known to be the same.
    pub(super) last_same: Option<u32>,
    pub(super) first: Option<First>,
    /// Frames behind it.
    pub(super) spread: Vec<Difference>,
    /// What is wrong with what was kept,
    notes: Vec<String>,
    /// and what was to be kept, and was not: that makes no difference.
    lacking: Vec<String>,
    /// For the names of rules and variants.
    pub(super) program: Option<Program>,
}

impl Report {
    pub(super) fn new(sides: &[Side; 2], others: Vec<String>) -> Self {
        let line = |side: &Side| {
            let of = &side.identity;
            let how = match &side.about {
                Some(about) => format!("{} frames, {}", about.frames, about.status.name()),
                None => counted(side.checkpoints.len(), "checkpoint"),
            };
            format!("{}: {}, {how}; program {}, seed {}", side.path.display(), of.scenario, of.program_hash, of.seed)
        };
        let machine = |side: &Side| {
            json!({
                "path": side.path.display().to_string(), "scenario": side.identity.scenario, "engine": side.identity.engine,
                "program_hash": side.identity.program_hash, "seed": side.identity.seed, "params": side.identity.params,
                "status": side.about.as_ref().map(|about| about.status.name()),
            })
        };
        let lacking = |(side, name): (&Side, &str)| {
            format!("{name} was to keep hash trees, and there are none in {}", side.path.display())
        };
        Self {
            sides: sides.each_ref().map(machine),
            lines: sides.each_ref().map(line),
            others,
            states: 0,
            by_values: 0,
            by_ends: 0,
            range: None,
            made: 0,
            last_same: None,
            first: None,
            spread: Vec::new(),
            notes: Vec::new(),
            lacking: sides.iter().zip(["A", "B"]).filter(|(side, _)| side.lacks_hashes()).map(lacking).collect(),
            program: None,
        }
    }

    /// A frame was compared.
    pub(super) fn count(&mut self, frame: u32, basis: Basis) {
        self.states += 1;
        self.by_values += u32::from(basis == Basis::States);
        self.by_ends += u32::from(basis == Basis::Ends);
        self.range = Some((self.range.map_or(frame, |(first, _)| first), frame));
    }

    /// It is the same in both.
    pub(super) fn same_at(&mut self, frame: u32) {
        self.last_same = Some(frame);
    }

    pub(super) fn note(&mut self, what: String) {
        self.notes.push(what);
    }

    fn notes(&self) -> impl Iterator<Item = &String> {
        self.lacking.iter().chain(&self.notes)
    }

    /// Whether nothing differs.
    pub(super) fn is_same(&self) -> bool {
        self.first.is_none() && self.notes.is_empty()
    }

    fn compared(&self) -> String {
        let by_hashes = self.states - self.by_values - self.by_ends;
        let parts = [
            (by_hashes, "by hash trees"),
            (self.by_values, "by their values"),
            (self.by_ends, "by the hash of the last"),
        ];
        let parts = parts.into_iter().filter(|(count, _)| *count > 0).map(|(count, how)| format!("{count} {how}"));
        let range = self.range.map_or_else(String::new, |(first, last)| format!(", of frames {first} to {last}"));
        let made = match self.made {
            0 => String::new(),
            made => format!("; {made} that were made again"),
        };
        format!("{}{range} ({}){made}", counted(self.states as usize, "state"), parts.collect::<Vec<_>>().join(", "))
    }

    pub(super) fn text(&self) -> String {
        let mut text = format!("A         {}\nB         {}\n", self.lines[0], self.lines[1]);
        match self.others.as_slice() {
            [] => text += "programs  the same, with the same parameters and the same seed\n",
            others => others.iter().for_each(|other| text += &format!("other     {other}\n")),
        }
        text += &format!("compared  {}\n", self.compared());
        self.notes().for_each(|note| text += &format!("note      {note}\n"));
        let Some(first) = &self.first else {
            return text + if self.is_same() { "the same  nothing differs" } else { "nothing else differs" };
        };
        let frame = first.difference.frame;
        text += &match self.last_same {
            Some(same) if same < frame => format!("\nfirst difference: frame {frame} (frame {same} is the same)\n"),
            _ => format!("\nfirst difference: frame {frame}\n"),
        };
        text += &self.described(&first.difference);
        text += &self.judgement(first);
        for later in &self.spread {
            text += &format!("frame {}: {}\n", later.frame, spread(later));
        }
        text.trim_end().to_string()
    }

    fn described(&self, difference: &Difference) -> String {
        let mut text = String::new();
        for (group, [a, b]) in &difference.rows {
            text += &format!("  {group}: {a} rows in A, {b} in B\n");
        }
        for (alone, side) in difference.alone.iter().zip(["A", "B"]) {
            alone.iter().for_each(|column| text += &format!("  {column}: in {side} alone\n"));
        }
        for column in difference.columns.iter().take(COLUMNS) {
            text += &self.column(column);
        }
        if difference.columns.len() > COLUMNS {
            text += &format!("  and {} more columns\n", difference.columns.len() - COLUMNS);
        }
        for (signal, [a, b]) in &difference.signals {
            text += &format!("  signal {signal}: {} in A, {} in B\n", exact(*a), exact(*b));
        }
        text
    }

    fn column(&self, of: &ColumnDifference) -> String {
        let (group, name) = (&of.group, &of.column.name);
        let first = of.blocks.first().copied().unwrap_or(0);
        let rows = ColumnDifference::rows_of(first);
        let blocks = match of.blocks.len() {
            1 => format!("block {first} (rows {} .. {})", rows.start, rows.end),
            more => format!("{more} blocks, the first {first} (rows {} .. {})", rows.start, rows.end),
        };
        let mut text = match &of.rows {
            Some(rows) => format!("  {group}.{name}: {} in {blocks}\n", counted(rows.count as usize, "row")),
            None => format!("  {group}.{name}: {blocks}\n"),
        };
        if let Some(rows) = &of.rows {
            let [a, b] = rows.entities;
            let entity = match a == b {
                true => named(a),
                false => format!("{} in A, {} in B", named(a), named(b)),
            };
            text += &format!("    row {}, {entity}\n", rows.first);
            let [a, b] = rows.values;
            text += &format!("      A  {}\n      B  {}{}\n", self.shown(of, a), self.shown(of, b), apart(a, b));
        }
        let first = self.first.as_ref().map_or(0, |first| first.difference.frame);
        if let Some((rule, place)) =
            self.program.as_ref().and_then(|program| diff::written_by(program, first, group, name))
        {
            let place = place.map_or_else(String::new, |place| format!(" ({place})"));
            text += &format!("    written by {rule}{place}\n");
        }
        text
    }

    /// A value, by its name if it has one.
    fn shown(&self, of: &ColumnDifference, value: Value) -> String {
        let variant = self.program.as_ref().and_then(|program| {
            let found = program
                .columns
                .values()
                .find(|column| program.groups[column.group].name == of.group && column.name() == of.column.name)?;
            let shown = Shown { enums: &program.enums, ty: found.component_type, bits: value.bits() };
            Some(shown.to_string()).filter(|text| *text != value.to_string())
        });
        match variant {
            Some(name) => format!("{name} = {}", exact(value)),
            None => exact(value),
        }
    }

    fn judgement(&self, first: &First) -> String {
        let from = first.made_from.map_or_else(|| "from the beginning".into(), |frame| format!("from frame {frame}"));
        let since = match self.last_same {
            Some(same) if same < first.difference.frame => {
                format!(", between frames {same} and {}", first.difference.frame)
            }
            _ => String::new(),
        };
        let mut text = String::new();
        for (verdict, side) in first.verdicts.iter().zip(["A", "B"]).filter(|(verdict, _)| verdict.known) {
            match &verdict.found {
                None => {
                    text += &format!("{side} is what its program computes: made again {from}, it comes to this state\n")
                }
                Some(found) => {
                    text += &format!(
                        "{side} is not what its program computes: made again {from}, it comes to another state. What {side} kept, or \
                         its memory, held something else: a bit was flipped, or somebody wrote there{since}\n"
                    );
                    if first.difference.is_none() {
                        text += &self.described(found);
                    }
                    for flip in &verdict.flips {
                        let [a, b] = flip.values;
                        text += &format!(
                            "  one bit explains it: bit {} of {}.{} in row {}, {}: {} became {}{}\n",
                            flip.bit,
                            flip.group,
                            flip.column.name,
                            flip.row,
                            named(flip.entity),
                            exact(a),
                            exact(b),
                            apart(a, b)
                        );
                    }
                }
            }
        }
        text
    }

    pub(super) fn json(&self) -> String {
        let [a, b] = &self.sides;
        let first = self.first.as_ref().map(|first| {
            let mut told = self.machine(&first.difference);
            told["last_same"] = json!(self.last_same.filter(|same| *same < first.difference.frame));
            told["by"] = json!(first.basis.name());
            let verdict = |verdict: &Verdict| match (verdict.known, &verdict.found) {
                (false, _) => json!(null),
                (true, None) => json!({ "as_computed": true }),
                (true, Some(found)) => {
                    let flips = verdict.flips.iter().map(|flip| {
                        let [computed, found] = flip.values.map(of_value);
                        json!({
                            "group": flip.group, "column": flip.column.name, "row": flip.row, "entity": flip.entity.0,
                            "bit": flip.bit, "computed": computed, "found": found,
                        })
                    });
                    json!({ "as_computed": false, "difference": self.machine(found), "flips": flips.collect::<Vec<_>>() })
                }
            };
            told["a"] = verdict(&first.verdicts[0]);
            told["b"] = verdict(&first.verdicts[1]);
            told
        });
        let spread: Vec<serde_json::Value> = self
            .spread
            .iter()
            .map(|later| {
                let rows = later
                    .columns
                    .iter()
                    .map(|column| column.rows.as_ref().map(|rows| rows.count))
                    .collect::<Option<Vec<_>>>();
                json!({
                    "frame": later.frame, "columns": later.columns.len(),
                    "blocks": later.columns.iter().map(|column| column.blocks.len()).sum::<usize>(),
                    "rows": rows.map(|rows| rows.into_iter().max()),
                })
            })
            .collect();
        json!({
            "same": self.is_same(), "a": a, "b": b, "others": self.others,
            "compared": {
                "states": self.states, "by_hashes": self.states - self.by_values - self.by_ends, "by_values": self.by_values,
                "by_last_hash": self.by_ends, "made_again": self.made,
                "first": self.range.map(|(first, _)| first), "last": self.range.map(|(_, last)| last),
            },
            "first_difference": first, "spread": spread, "notes": self.notes().collect::<Vec<_>>(),
        })
        .to_string()
    }

    fn machine(&self, of: &Difference) -> serde_json::Value {
        let column = |column: &ColumnDifference| {
            let mut told = json!({
                "group": column.group, "column": column.column.name, "type": column.column.scalar.name(), "blocks": column.blocks,
            });
            if let Some(rows) = &column.rows {
                let [a, b] = rows.values;
                told["rows"] = json!(rows.count);
                told["row"] = json!(rows.first);
                told["entities"] = json!(rows.entities.map(|(index, _)| index));
                told["a"] = of_value(a);
                told["b"] = of_value(b);
                told["ulps"] = json!(diff::ulps(a, b));
            }
            let rule =
                self.program.as_ref().and_then(|it| diff::written_by(it, of.frame, &column.group, &column.column.name));
            if let Some((rule, place)) = rule {
                told["written_by"] = json!(rule);
                told["place"] = json!(place);
            }
            told
        };
        let signals =
            of.signals.iter().map(|(name, [a, b])| json!({ "signal": name, "a": of_value(*a), "b": of_value(*b) }));
        json!({
            "frame": of.frame, "rows": of.rows, "alone": of.alone,
            "columns": of.columns.iter().map(column).collect::<Vec<_>>(), "signals": signals.collect::<Vec<_>>(),
        })
    }
}

fn named((index, life): (u32, u32)) -> String {
    if life == 0 { format!("entity {index}") } else { format!("entity {index}, its life {life}") }
}

/// A value, so that it can be read back exactly; of floats the bits too.
fn exact(value: Value) -> String {
    match value {
        Value::F32(x) => format!("{x} (0x{:08x})", x.to_bits()),
        Value::F64(x) => format!("{x} (0x{:016x})", x.to_bits()),
        value => value.to_string(),
    }
}

fn of_value(value: Value) -> serde_json::Value {
    let digits = 2 * value.scalar().size();
    json!({ "value": value.to_string(), "bits": format!("0x{:0digits$x}", value.bits()) })
}

/// How far two values are apart.
fn apart(a: Value, b: Value) -> String {
    let turned = a.bits() ^ b.bits();
    let one = (turned.count_ones() == 1).then(|| format!("bit {} turned over", turned.trailing_zeros()));
    let ulps = diff::ulps(a, b).map(|ulps| format!("{ulps} ULP apart"));
    let parts: Vec<String> = ulps.into_iter().chain(one).collect();
    if parts.is_empty() { String::new() } else { format!("   {}", parts.join(", ")) }
}

/// How much of a later frame differs.
fn spread(later: &Difference) -> String {
    if later.is_none() {
        return "the same again".into();
    }
    let columns = counted(later.columns.len(), "column");
    let rows: Option<Vec<u32>> =
        later.columns.iter().map(|column| column.rows.as_ref().map(|rows| rows.count)).collect();
    match rows.and_then(|rows| rows.into_iter().max()) {
        Some(rows) => format!("{columns} differ, the most in {}", counted(rows as usize, "row")),
        None => {
            let blocks = later.columns.iter().map(|column| column.blocks.len()).sum();
            format!("{columns} differ in {}", counted(blocks, "block"))
        }
    }
}
