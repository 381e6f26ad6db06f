//! How much memory the control groups of this process leave it: in a container the machine has more than the kernel lets
//! anybody touch, and who touches more is killed.
//!
//! Each group of a process counts, and each group around it. Of what is used, what the kernel gives back at once (pages of
//! files that nobody has looked at for long) is free.

use std::path::{Path, PathBuf};

/// What a limit leaves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Left {
    /// Bytes that may still be used.
    pub free: u64,
    /// Bytes that may be used in all.
    pub limit: u64,
    /// The folder of the group that has the limit.
    pub group: PathBuf,
}

/// What the tightest limit on the memory of this process leaves; nothing if there is none, or none can be seen.
pub fn memory_left() -> Option<Left> {
    left(|path| std::fs::read_to_string(path).ok())
}

/// The names that a version of control groups has for its files.
struct Files {
    limit: &'static str,
    used: &'static str,
    /// The line of `memory.stat` that says how much can be given back.
    idle: &'static str,
}

const FIRST: Files =
    Files { limit: "memory.limit_in_bytes", used: "memory.usage_in_bytes", idle: "total_inactive_file" };
const SECOND: Files = Files { limit: "memory.max", used: "memory.current", idle: "inactive_file" };
/// The first version says "no limit" by a number that no machine has.
const NO_LIMIT: u64 = 1 << 62;

/// The same, of what stands in files.
fn left(read: impl Fn(&Path) -> Option<String>) -> Option<Left> {
    let (own, mounts) = (read(Path::new("/proc/self/cgroup"))?, read(Path::new("/proc/self/mountinfo"))?);
    let mut tightest: Option<Left> = None;
    for (folder, top, files) in own.lines().filter_map(|line| folder(line, &mounts)) {
        for group in folder.ancestors().take_while(|group| group.starts_with(&top)) {
            let Some(left) = of_group(group, &files, &read) else { continue };
            if tightest.as_ref().is_none_or(|tightest| left.free < tightest.free) {
                tightest = Some(left);
            }
        }
    }
    tightest
}

/// Where a line of a process's groups leads, if it is about memory: its folder, and that of the outermost group to be seen.
fn folder(line: &str, mounts: &str) -> Option<(PathBuf, PathBuf, Files)> {
    let mut parts = line.splitn(3, ':');
    let (hierarchy, controllers, group) = (parts.next()?, parts.next()?, parts.next()?);
    let second = hierarchy == "0" && controllers.is_empty();
    if !second && !controllers.split(',').any(|controller| controller == "memory") {
        return None;
    }
    let (root, top) = mounts.lines().find_map(|mount| mounted(mount, second))?;
    // A container sees its own group mounted as the outermost one, but may be told the whole path.
    let inside = Path::new(group).strip_prefix(root).unwrap_or(Path::new(""));
    let plain = inside.components().all(|part| matches!(part, std::path::Component::Normal(_)));
    let top = PathBuf::from(top);
    let folder = if plain { top.components().chain(inside.components()).collect() } else { top.clone() };
    Some((folder, top, if second { SECOND } else { FIRST }))
}

/// The outermost group of a mount of this version, and where it is mounted, if the line is about one.
fn mounted(line: &str, second: bool) -> Option<(&str, &str)> {
    let (mount, system) = line.split_once(" - ")?;
    let mut mount = mount.split(' ').skip(3);
    let (root, top) = (mount.next()?, mount.next()?);
    let mut system = system.split(' ');
    let (kind, options) = (system.next()?, system.nth(1)?);
    let right = match second {
        true => kind == "cgroup2",
        false => kind == "cgroup" && options.split(',').any(|option| option == "memory"),
    };
    right.then_some((root, top))
}

fn of_group(group: &Path, files: &Files, read: &impl Fn(&Path) -> Option<String>) -> Option<Left> {
    let number = |name: &str| read(&group.join(name))?.trim().parse::<u64>().ok();
    // "max" is no number, and no limit.
    let limit = number(files.limit).filter(|limit| *limit < NO_LIMIT)?;
    let used = number(files.used).unwrap_or(0);
    let stat = read(&group.join("memory.stat")).unwrap_or_default();
    let idle = stat.lines().find_map(|line| line.strip_prefix(files.idle)?.trim().parse::<u64>().ok()).unwrap_or(0);
    Some(Left { free: limit.saturating_sub(used.saturating_sub(idle)), limit, group: group.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(files: &[(&str, &str)]) -> Option<(u64, u64, String)> {
        let read =
            |path: &Path| files.iter().find(|(name, _)| Path::new(name) == path).map(|(_, text)| (*text).to_string());
        left(read).map(|left| (left.free, left.limit, left.group.display().to_string()))
    }

    const SECOND_MOUNT: (&str, &str) =
        ("/proc/self/mountinfo", "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n");

    #[test]
    fn the_tightest_limit_of_all_groups_around_a_process_counts() {
        let own = ("/proc/self/cgroup", "0::/user.slice/job\n");
        let inner = ("/sys/fs/cgroup/user.slice/job/memory.max", "1000\n");
        let used = ("/sys/fs/cgroup/user.slice/job/memory.current", "300\n");
        let job = "/sys/fs/cgroup/user.slice/job".to_string();
        assert_eq!(of(&[own, SECOND_MOUNT, inner, used]), Some((700, 1000, job.clone())));
        let idle = ("/sys/fs/cgroup/user.slice/job/memory.stat", "anon 200\ninactive_file 60\n");
        assert_eq!(of(&[own, SECOND_MOUNT, inner, used, idle]), Some((760, 1000, job.clone())));
        let none = ("/sys/fs/cgroup/user.slice/job/memory.max", "max\n");
        assert_eq!(of(&[own, SECOND_MOUNT, none, used]), None);
        let outer =
            [("/sys/fs/cgroup/user.slice/memory.max", "5000"), ("/sys/fs/cgroup/user.slice/memory.current", "4500")];
        let outermost = Some((500, 5000, "/sys/fs/cgroup/user.slice".to_string()));
        assert_eq!(of(&[own, SECOND_MOUNT, inner, used, outer[0], outer[1]]), outermost);
        assert_eq!(of(&[own, SECOND_MOUNT, none, used, outer[0], outer[1]]), outermost);
        // More used than is allowed: nothing is left.
        let over = ("/sys/fs/cgroup/user.slice/job/memory.current", "3000");
        assert_eq!(of(&[own, SECOND_MOUNT, inner, over]), Some((0, 1000, job)));
    }

    #[test]
    fn a_container_that_is_told_its_whole_path_finds_its_group_where_it_is_mounted() {
        let own = ("/proc/self/cgroup", "9:name=systemd:/docker/a1\n4:cpu,memory:/docker/a1/inner\n0::/\n");
        let mounts = "40 30 0:30 /docker/a1 /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n\
             41 30 0:31 /docker/a1 /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n";
        let mounts = ("/proc/self/mountinfo", mounts);
        let free = ("/sys/fs/cgroup/memory/inner/memory.limit_in_bytes", "9223372036854771712\n");
        assert_eq!(of(&[own, mounts, free]), None);
        let limit = ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "67108864\n");
        let used = ("/sys/fs/cgroup/memory/memory.usage_in_bytes", "7108864\n");
        let stat = ("/sys/fs/cgroup/memory/memory.stat", "inactive_file 5\ntotal_inactive_file 1000000\n");
        let memory = "/sys/fs/cgroup/memory".to_string();
        assert_eq!(of(&[own, mounts, free, limit, used, stat]), Some((61_000_000, 67_108_864, memory)));
    }

    #[test]
    fn what_makes_no_sense_is_no_limit() {
        let limit = ("/sys/fs/cgroup/memory.max", "4096");
        for own in ["", "0", "0:", "0::", "x:y:z", "0::/../../etc", "0::relative", "1:memory:/"] {
            let found = of(&[("/proc/self/cgroup", own), SECOND_MOUNT, limit]);
            // Of a path that leads nowhere the outermost group that is seen counts.
            let second = own.starts_with("0::");
            assert_eq!(found, second.then(|| (4096, 4096, "/sys/fs/cgroup".to_string())), "{own:?}");
        }
        for mounts in ["", "1 2 3", "a b c / /sys/fs/cgroup rw - cgroup2", "- - -", "1 2 3 / /x rw - cgroup2 a b"] {
            assert_eq!(
                of(&[("/proc/self/cgroup", "0::/"), ("/proc/self/mountinfo", mounts), limit]),
                None,
                "{mounts:?}"
            );
        }
        assert_eq!(of(&[("/proc/self/cgroup", "0::/"), SECOND_MOUNT, ("/sys/fs/cgroup/memory.max", "-1")]), None);
    }
}
