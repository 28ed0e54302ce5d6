//! Memory: asked for before rows are drawn or gathered, so that too many of them are refused and not the machine brought down.

use std::fs::read_to_string;
use std::path::Path;
use valor_base::input_error;

/// Refuses what needs more memory than there is: `rows` rows of `bytes` each. `what` says whose rows.
///
/// # Errors
///
/// An input error with the memory needed, the memory available and the rows that would fit.
pub fn ask(what: &str, rows: u64, bytes: u64) -> anyhow::Result<()> {
    let needed = rows.saturating_mul(bytes);
    let there = available().unwrap_or(u64::MAX);
    // The system may say no where the figures say yes.
    let granted = |needed: u64| {
        let size = usize::try_from(needed).unwrap_or(usize::MAX);
        Vec::<u8>::new().try_reserve_exact(size).is_ok()
    };
    if needed <= there && granted(needed) {
        return Ok(());
    }
    let there = there.min(needed.saturating_sub(1));
    let fit = there / bytes.max(1);
    Err(input_error!(
        "{what}: they need at least {} of memory, {} are available here; allowed are about {fit} rows",
        amount(needed),
        amount(there)
    ))
}

/// Bytes that this process may still take: what the machine has, less where its control group or its own limit leaves less.
/// Nothing where the system does not say.
pub fn available() -> Option<u64> {
    [machine(), group(), own_limit()].into_iter().flatten().min()
}

fn amount(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut size = bytes as f64 / 1024.0;
    let mut unit = UNITS[0];
    for next in &UNITS[1..] {
        if size >= 1000.0 {
            (size, unit) = (size / 1024.0, next);
        }
    }
    format!("{size:.1} {unit}")
}

fn machine() -> Option<u64> {
    let text = read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    Some(number(line)? * 1024)
}

/// The first number of a text.
fn number(text: &str) -> Option<u64> {
    text.split_whitespace().next()?.parse().ok()
}

/// What is left of the tightest limit of the control groups that the process is in, in either version of them.
fn group() -> Option<u64> {
    let groups = read_to_string("/proc/self/cgroup").ok()?;
    let mut left = None;
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
        let (root, limit, used, idle) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"),
            list if list.split(',').any(|controller| controller == "memory") => (
                "/sys/fs/cgroup/memory",
                "memory.limit_in_bytes",
                "memory.usage_in_bytes",
                "total_inactive_file",
            ),
            _ => continue,
        };
        let root = Path::new(root);
        // A limit of a group above holds too; in a container the path may not be there, but its root is.
        for folder in root.join(path.trim_start_matches('/')).ancestors() {
            let read = |file: &str| read_to_string(folder.join(file)).ok();
            let limit = read(limit).and_then(|text| number(&text));
            let used = read(used).and_then(|text| number(&text));
            let statistics = read("memory.stat").unwrap_or_default();
            let idle = statistics.lines().find_map(|line| number(line.strip_prefix(idle)?));
            if let (Some(limit), Some(used)) = (limit, used) {
                let free = limit.saturating_sub(used.saturating_sub(idle.unwrap_or(0)));
                left = Some(left.map_or(free, |left: u64| left.min(free)));
            }
            if folder == root {
                break;
            }
        }
    }
    left
}

/// What `ulimit -v` leaves.
fn own_limit() -> Option<u64> {
    let limits = read_to_string("/proc/self/limits").ok()?;
    let limit = limits.lines().find_map(|line| number(line.strip_prefix("Max address space")?))?;
    let pages = number(&read_to_string("/proc/self/statm").ok()?)?;
    Some(limit.saturating_sub(pages * 4096))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused_with_the_figure() {
        ask("rows = 10", 10, 400).unwrap();
        let message = ask("rows = 4000000000", 4_000_000_000, 512).unwrap_err();
        assert!(valor_base::error::is_input(&message));
        let message = message.to_string();
        assert!(
            message.starts_with("rows = 4000000000: they need at least 1.9 TiB of memory, "),
            "{message}"
        );
        assert!(ask("rows", u64::MAX, u64::MAX).is_err());
        assert!(available().is_some_and(|bytes| bytes > 1 << 20));
        assert_eq!(amount(1 << 30), "1.0 GiB");
    }
}
