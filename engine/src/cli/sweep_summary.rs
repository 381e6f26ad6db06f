//! What `diptych sweep` prints: what would be run, and what came of it.

use std::fmt::Write as _;
use std::path::Path;

use indicatif::{HumanBytes, HumanCount};
use serde_json::{Map, Value, json};

use crate::explain::counted;
use crate::sweep::journal::{About, Results, Shard, Status};
use crate::sweep::runner::Limits;
use crate::sweep::spread::{PointSpread, Spread, spreads};
use crate::sweep::{Sweep, seeds::Seeding};

/// Points that are shown, at most.
const POINTS_SHOWN: usize = 40;
/// Runs without a result that are shown, at most.
const FAILURES_SHOWN: usize = 5;

/// What would be run.
pub(super) struct Planned<'a> {
    pub(super) sweep: &'a Sweep,
    pub(super) limits: Limits,
    /// Seconds that a run of some points takes, about; or why that is not known.
    pub(super) seconds: Vec<(u32, Result<f64, String>)>,
}

impl Planned<'_> {
    fn each(&self) -> Option<f64> {
        let known: Vec<f64> = self.seconds.iter().filter_map(|(_, it)| it.as_ref().ok().copied()).collect();
        (known.len() == self.seconds.len()).then(|| known.iter().sum::<f64>() / known.len() as f64)
    }

    fn all_s(&self) -> Option<f64> {
        let runs = f64::from(self.sweep.about.runs);
        self.each().map(|each| each * runs / f64::from(self.limits.jobs).min(runs))
    }

    pub(super) fn json(&self) -> String {
        let Sweep { about, points, plan, .. } = self.sweep;
        let named = |values: &[String]| -> Map<String, Value> {
            about.parameters.iter().map(|it| it.name.clone()).zip(values.iter().map(|it| it.clone().into())).collect()
        };
        let point = |(number, point): (usize, &crate::sweep::Point)| json!({ "point": number, "parameters": named(&point.values), "bytes": point.bytes });
        json!({
            "scenario": about.scenario,
            "points": points.iter().enumerate().map(point).collect::<Vec<_>>(),
            "replicates": plan.replicates,
            "runs": about.runs,
            "seeds": if plan.seeding == Seeding::Common { "common" } else { "distinct" },
            "results": about.results.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(),
            "jobs": self.limits.jobs,
            "workers": self.sweep.workers,
            "memory_bytes": self.limits.bytes,
            "seconds_a_run": self.each(),
            "seconds": self.all_s(),
        })
        .to_string()
    }

    pub(super) fn text(&self) -> String {
        let Sweep { about, points, plan, .. } = self.sweep;
        let seeds = match (plan.replicates, plan.seeding) {
            (1, Seeding::Distinct) => "each with a seed of its own".to_string(),
            (n, Seeding::Distinct) => format!("{n} of each, each with a seed of its own"),
            (n, Seeding::Common) => format!("{n} of each, with the same seeds at every point"),
        };
        let mut text = format!(
            "{}: {} of {}, {}; {seeds}\n",
            plan.page.path,
            counted(about.runs as usize, "run"),
            about.scenario,
            counted(points.len(), "point"),
        );
        let (least, most) = (points.iter().map(|it| it.bytes).min(), points.iter().map(|it| it.bytes).max());
        let (least, most) = (least.unwrap_or(0), most.unwrap_or(0));
        let range = if HumanBytes(least).to_string() == HumanBytes(most).to_string() {
            String::new()
        } else {
            format!("{} to ", HumanBytes(least))
        };
        let fits = (self.limits.bytes / most.max(1)).clamp(1, self.limits.jobs.into());
        let _ = writeln!(
            text,
            "memory   about {range}{} a run; {} may be used",
            HumanBytes(most),
            HumanBytes(self.limits.bytes)
        );
        let _ = writeln!(
            text,
            "at once  {}{}, {} each",
            counted(self.limits.jobs.into(), "run"),
            if fits < self.limits.jobs.into() { format!(" ({fits} of the largest)") } else { String::new() },
            counted(self.sweep.workers.into(), "worker"),
        );
        let known = self.seconds.iter().filter_map(|(point, it)| Some((point, it.as_ref().ok()?)));
        let known: Vec<String> = known.map(|(point, it)| format!("{} at point {point}", duration(*it))).collect();
        match known.is_empty() {
            true => text += "cost     not known",
            false => drop(write!(text, "cost     a run takes about {}", known.join(", "))),
        }
        if let Some(seconds) = self.all_s() {
            let _ = write!(text, "; all of them {}", duration(seconds));
        }
        for (point, why) in self.seconds.iter().filter_map(|(point, it)| Some((point, it.as_ref().err()?))) {
            let _ = write!(text, "\n         point {point}: {}", why.lines().next().unwrap_or_default());
        }
        let results: Vec<&str> = about.results.iter().map(|it| it.name.as_str()).collect();
        let _ = write!(text, "\nresults  {}\n\n", results.join(", "));
        let mut rows = vec![
            std::iter::once("point".to_string()).chain(about.parameters.iter().map(|it| it.name.clone())).collect(),
        ];
        for (number, point) in points.iter().enumerate().take(POINTS_SHOWN) {
            rows.push(std::iter::once(number.to_string()).chain(point.values.iter().cloned()).collect());
        }
        text += &aligned(&rows);
        if points.len() > POINTS_SHOWN {
            let _ = write!(
                text,
                "\nand {} more points (--summary json has all)",
                HumanCount((points.len() - POINTS_SHOWN) as u64)
            );
        }
        text
    }
}

/// What came of a sweep.
pub(super) struct Finished<'a> {
    pub(super) plan: &'a str,
    pub(super) folder: &'a str,
    pub(super) about: &'a About,
    pub(super) results: &'a Results,
    pub(super) limits: Option<(Limits, u16)>,
    pub(super) shard: Option<Shard>,
    /// Runs that ended in this process, and the seconds it took.
    pub(super) ran: u32,
    pub(super) wall_s: f64,
    pub(super) table: Option<&'a Path>,
}

impl Finished<'_> {
    fn spreads(&self) -> Vec<PointSpread<'_>> {
        spreads(self.about, &self.results.runs.values().collect::<Vec<_>>())
    }

    fn count(&self, status: Status) -> usize {
        self.results.runs.values().filter(|done| done.status == status).count()
    }
}

/// One JSON object.
pub(super) fn json(finished: &Finished<'_>) -> String {
    let about = finished.about;
    let point = |spread: PointSpread<'_>| {
        let names = about.parameters.iter().map(|it| it.name.clone());
        let parameters: Map<String, Value> = names.zip(spread.parameters.iter().map(|it| it.clone().into())).collect();
        let results: Map<String, Value> =
            about.results.iter().map(|it| it.name.clone()).zip(spread.results.iter().map(|it| json!(it))).collect();
        json!({ "point": spread.point, "parameters": parameters, "ok": spread.ok, "failed": spread.failed, "results": results })
    };
    json!({
        "scenario": about.scenario,
        "engine": about.engine,
        "folder": finished.folder,
        "runs": about.runs,
        "ok": finished.count(Status::Ok),
        "failed": finished.count(Status::Failed),
        "timeout": finished.count(Status::Timeout),
        "missing": finished.results.missing(),
        "table": finished.table.map(|it| it.display().to_string()),
        "wall_s": finished.wall_s,
        "points": finished.spreads().into_iter().map(point).collect::<Vec<_>>(),
    })
    .to_string()
}

/// A few lines, and a table of points.
pub(super) fn text(finished: &Finished<'_>) -> String {
    let (about, missing) = (finished.about, finished.results.missing());
    let points = about.runs / about.replicates.max(1);
    let mut text = format!(
        "{}: {} of {} runs done; {}, {} of each",
        about.scenario,
        HumanCount(finished.results.runs.len() as u64),
        HumanCount(about.runs.into()),
        counted(points as usize, "point"),
        about.replicates,
    );
    if let Some((limits, workers)) = finished.limits {
        let _ = write!(
            text,
            "\nran      {} in {}, {} at a time, {} each",
            counted(finished.ran as usize, "run"),
            duration(finished.wall_s),
            limits.jobs,
            counted(workers.into(), "worker"),
        );
    }
    let without: Vec<_> = finished.results.runs.values().filter(|done| done.status != Status::Ok).collect();
    if !without.is_empty() {
        let (failed, late) = (finished.count(Status::Failed), finished.count(Status::Timeout));
        let _ = write!(
            text,
            "\nfailed   {} without a result ({failed} failed, {late} took too long): {}",
            counted(without.len(), "run"),
            ranges(&without.iter().map(|it| it.run).collect::<Vec<_>>())
        );
        for done in without.iter().take(FAILURES_SHOWN) {
            let error = done.error.as_deref().unwrap_or_default();
            let _ = write!(text, "\n         run {}: {}", done.run, error.lines().next().unwrap_or_default());
        }
        let _ = write!(text, "\n         the column `error` says why; --retry runs them again");
    }
    match finished.table {
        Some(table) => drop(write!(text, "\ntable    {}", table.display())),
        None => {
            let _ = write!(text, "\nmissing  {}: {}", counted(missing.len(), "run"), ranges(&missing));
            let _ = match finished.shard {
                Some(shard) => write!(
                    text,
                    "\n         this was part {shard}; when the others are done: diptych sweep merge {} … --to results.parquet",
                    finished.folder
                ),
                None => write!(text, "\n         go on: diptych sweep {} --out {}", finished.plan, finished.folder),
            };
        }
    }
    let spreads = finished.spreads();
    if spreads.is_empty() {
        return text;
    }
    let names =
        |columns: &[crate::sweep::journal::Column]| columns.iter().map(|it| it.name.clone()).collect::<Vec<_>>();
    let mut rows =
        vec![[vec!["point".into()], names(&about.parameters), vec!["n".into()], names(&about.results)].concat()];
    for spread in spreads.iter().take(POINTS_SHOWN) {
        let mut row = vec![spread.point.to_string()];
        row.extend(spread.parameters.iter().cloned());
        row.push(spread.ok.to_string());
        row.extend(spread.results.iter().map(|it| it.map_or_else(|| "·".into(), |it| shown(it, spread.ok))));
        rows.push(row);
    }
    let _ = write!(text, "\n\nmean ± standard deviation of the runs of each point\n{}", aligned(&rows));
    if spreads.len() > POINTS_SHOWN {
        let more = HumanCount((spreads.len() - POINTS_SHOWN) as u64);
        let _ = write!(text, "\nand {more} more points (--summary json has all)");
    }
    text
}

/// A result's mean and spread; of how many runs, where some have none.
fn shown(spread: Spread, of: u32) -> String {
    let Some(mean) = spread.mean else { return "-".into() };
    let sd = spread.sd.map_or_else(String::new, |sd| format!(" ± {}", significant(sd, 3)));
    let n = if spread.n == of { String::new() } else { format!(" ({} of {of})", spread.n) };
    format!("{}{sd}{n}", significant(mean, 5))
}

/// A number with so many significant digits.
fn significant(value: f64, digits: usize) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-4..1e9).contains(&size) {
        return format!("{value:.*e}", digits - 1);
    }
    let mut before = 0;
    let mut power = 1.0;
    while size >= power {
        before += 1;
        power *= 10.0;
    }
    let mut power = 0.1;
    let mut zeros = 0;
    while size > 0.0 && size < power {
        zeros += 1;
        power /= 10.0;
    }
    let text = format!("{value:.*}", (digits + zeros).saturating_sub(before));
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_string(),
        false => text,
    }
}

/// Columns one below the other, numbers to the right, two spaces apart.
fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |at: usize| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        row.iter().zip(&widths).map(|(cell, width)| format!("{cell:>width$}")).collect::<Vec<_>>().join("  ")
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Numbers as people write them: `0-4, 7, 9-11`.
pub(super) fn ranges(numbers: &[u32]) -> String {
    let runs: Vec<&[u32]> = numbers.chunk_by(|a, b| *a + 1 == *b).collect();
    let shown = runs.iter().take(12).map(|run| match run {
        [only] => only.to_string(),
        [first, .., last] => format!("{first}-{last}"),
        [] => String::new(),
    });
    let mut text = shown.collect::<Vec<_>>().join(", ");
    if runs.len() > 12 {
        let _ = write!(text, ", … ({} in all)", numbers.len());
    }
    text
}

/// Seconds for people.
pub(super) fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 0.995 => format!("{:.0} ms", s * 1e3),
        s if s < 99.95 => format!("{s:.1} s"),
        s if s < 5_400.0 => format!("{:.0} min", s / 60.0),
        s if s < 172_800.0 => format!("{:.1} h", s / 3_600.0),
        s => format!("{:.1} days", s / 86_400.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_say_enough() {
        for (value, text) in [
            (0.0, "0"),
            (0.05, "0.05"),
            (1234.56, "1234.6"),
            (812.4, "812.4"),
            (0.012345678, "0.012346"),
            (-3.5, "-3.5"),
            (1e-9, "1.0000e-9"),
            (123_456_789.0, "123456789"),
        ] {
            assert_eq!(significant(value, 5), text);
        }
        assert_eq!(ranges(&[0, 1, 2, 5, 7, 8]), "0-2, 5, 7-8");
        assert_eq!(
            ranges(&(0..40).map(|n| n * 2).collect::<Vec<_>>()),
            "0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, … (40 in all)"
        );
        assert_eq!(
            [0.03, 1.0, 240.0, 7_200.0, 260_000.0].map(duration),
            ["30 ms", "1.0 s", "4 min", "2.0 h", "3.0 days"]
        );
    }
}
