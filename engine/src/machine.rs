//! The machine that a run was run on, and when: for whoever cites it. Nothing of it changes a result.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::coordinator::cores;

/// A machine, as a run directory tells it.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Machine {
    /// Its name in its network.
    pub host: String,
    /// Operating system, and its version.
    pub system: String,
    /// What programs are compiled for.
    pub architecture: String,
    /// The processor, where the kernel names it.
    pub processor: Option<String>,
    /// Cores that this process may use.
    pub cores: u16,
    /// Memory in all, in bytes.
    pub memory_bytes: u64,
}

impl Machine {
    /// This one.
    pub fn here() -> Self {
        let (name, memory) = (rustix::system::uname(), rustix::system::sysinfo());
        let text = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
        let processors = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = processors.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
        Self {
            host: text(name.nodename()),
            system: format!("{} {}", text(name.sysname()), text(name.release())),
            architecture: text(name.machine()),
            processor: model.map(|(_, model)| model.trim().to_string()),
            cores: cores(),
            memory_bytes: u64::from(memory.mem_unit).saturating_mul(memory.totalram),
        }
    }
}

/// The time of day in UTC, as ISO 8601 writes it: `2026-11-30T01:54:29Z`.
pub fn now() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    // Before 1970 no clock is right.
    utc(since.map_or(0, |since| since.as_secs()))
}

/// The date of so many seconds after the beginning of 1970, by the calendar of civil days: years that begin in March, so that
/// the leap day is the last one.
fn utc(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let from_march_0000 = days + 719_468;
    let (era, day) = (from_march_0000 / 146_097, from_march_0000 % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = 400 * era + year + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_that_of_the_calendar() {
        for (seconds, date) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (1_796_003_669, "2026-11-30T01:54:29Z"),
        ] {
            assert_eq!(utc(seconds), date);
        }
    }

    #[test]
    fn this_machine_has_a_name_cores_and_memory() {
        let here = Machine::here();
        assert!(here.cores > 0 && here.memory_bytes > 1 << 20 && here.system.starts_with("Linux "), "{here:?}");
    }
}
