//! Moments: ISO 8601 dates with or without a time of day, times of day, and the clock's time as it is noted.
//!
//! jiff counts days. What a cell may look like is said here, because jiff takes less (`2024-01-31 08:30 UTC`, `+02`) and more
//! (signs before years, names of zones) than files of this harness always could hold.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use std::time::SystemTime;

const SECOND: i128 = 1_000_000_000;
const DAY: i128 = 86_400 * SECOND;
/// Digits of a nanosecond.
const DIGITS: usize = 9;

const EPOCH: Date = jiff::civil::date(1970, 1, 1);
const DAYS_OF_400_YEARS: i64 = 146_097;

/// A time of the clock in RFC 3339, UTC, whole seconds: `2024-01-31T08:30:00Z`.
pub fn rfc3339(time: SystemTime) -> String {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    // No clock shows what jiff has no year for.
    let moment = i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    moment.unwrap_or(Timestamp::MAX).to_string()
}

/// Nanoseconds since 1970 of `YYYY-MM-DD`, then perhaps `T` or a space and `HH:MM[:SS[.fff]]`, then perhaps `Z`, `UTC`, `GMT`,
/// `+HH`, `+HHMM` or `+HH:MM`; UTC where none is given. Digits beyond nanoseconds are left out.
pub fn moment(text: &str) -> Option<i128> {
    let day = text.get(..10)?;
    if [day.as_bytes()[4], day.as_bytes()[7]] != *b"--" {
        return None;
    }
    let days = days_since_1970(number(day, 0, 4)?, number(day, 5, 2)?, number(day, 8, 2)?)?;
    let rest = text.get(10..)?;
    let within = match rest.strip_prefix(['T', ' ']) {
        Some(time) => {
            let end =
                time.find(|letter: char| !matches!(letter, '0'..='9' | ':' | '.')).unwrap_or(time.len());
            let (clock, zone) = time.split_at(end);
            of_day(clock)? - offset_minutes(zone)? * 60 * SECOND
        }
        None if rest.is_empty() => 0,
        None => return None,
    };
    Some(i128::from(days) * DAY + within)
}

/// Seconds since 1970.
pub fn seconds(moment: i128) -> f64 {
    moment.div_euclid(SECOND) as f64 + moment.rem_euclid(SECOND) as f64 / SECOND as f64
}

/// The one spelling of a moment: a date, and at other times than midnight `T` and the time of day, UTC.
pub fn spell(moment: i128) -> String {
    let (year, month, day) = date_of(moment.div_euclid(DAY) as i64);
    let date = format!("{year:04}-{month:02}-{day:02}");
    match moment.rem_euclid(DAY) as i64 {
        0 => date,
        clock => format!("{date}T{}", spell_clock(clock)),
    }
}

/// Nanoseconds since midnight of `HH:MM[:SS[.fff]]`.
pub fn clock(text: &str) -> Option<i64> {
    of_day(text).filter(|clock| (0..DAY).contains(clock)).map(|clock| clock as i64)
}

/// `HH:MM:SS`, with as many decimals as it takes.
pub fn spell_clock(clock: i64) -> String {
    let (seconds, rest) = (clock.div_euclid(SECOND as i64), clock.rem_euclid(SECOND as i64));
    let text = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    match rest {
        0 => text,
        rest => format!("{text}.{}", format!("{rest:09}").trim_end_matches('0')),
    }
}

/// A leap second is the first of the next minute.
fn of_day(text: &str) -> Option<i128> {
    let minutes = hours_and_minutes(text.get(..5)?)?;
    let within = match text.get(5..)?.strip_prefix(':') {
        Some(rest) => {
            let (whole, fraction) = rest.split_once('.').unwrap_or((rest, "0"));
            let seconds = number(whole, 0, 2).filter(|seconds| whole.len() == 2 && *seconds < 61)?;
            let all_digits = fraction.bytes().all(|digit| digit.is_ascii_digit());
            if fraction.is_empty() || !all_digits {
                return None;
            }
            let kept = &fraction[..fraction.len().min(DIGITS)];
            i128::from(seconds) * SECOND + format!("{kept:0<DIGITS$}").parse::<i128>().ok()?
        }
        None if text.len() == 5 => 0,
        None => return None,
    };
    Some(i128::from(minutes) * 60 * SECOND + within)
}

fn offset_minutes(zone: &str) -> Option<i128> {
    let zone = zone.strip_prefix(' ').unwrap_or(zone);
    let sign = match zone.get(..1) {
        Some("+") => 1,
        Some("-") => -1,
        Some(_) | None => return matches!(zone, "" | "Z" | "UTC" | "GMT").then_some(0),
    };
    let bare = &zone[1..];
    let minutes = match bare.len() {
        2 => number(bare, 0, 2).filter(|hours| *hours < 24).map(|hours| 60 * hours),
        4 => {
            let (hours, minutes) = (number(bare, 0, 2)?, number(bare, 2, 2)?);
            (hours < 24 && minutes < 60).then_some(60 * hours + minutes)
        }
        _ => hours_and_minutes(bare),
    };
    minutes.map(|minutes| sign * i128::from(minutes))
}

/// `HH:MM` in minutes.
fn hours_and_minutes(text: &str) -> Option<i64> {
    let (hours, minutes) = (number(text, 0, 2)?, number(text, 3, 2)?);
    (text.len() == 5 && text.as_bytes()[2] == b':' && hours < 24 && minutes < 60)
        .then_some(hours * 60 + minutes)
}

fn number(text: &str, start: usize, length: usize) -> Option<i64> {
    let digits = text.get(start..start + length)?;
    digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// Days since 1970-01-01 in the Gregorian calendar; nothing for a day that does not exist.
fn days_since_1970(year: i64, month: i64, day: i64) -> Option<i64> {
    let date = Date::new(year.try_into().ok()?, month.try_into().ok()?, day.try_into().ok()?).ok()?;
    Some(date.duration_since(EPOCH).as_hours() / 24)
}

/// Year, month and day of days since 1970-01-01.
fn date_of(days: i64) -> (i64, i8, i8) {
    // A column of a Parquet file may hold years that jiff has not: the calendar repeats every 400 years.
    let (cycles, within) = (days.div_euclid(DAYS_OF_400_YEARS), days.rem_euclid(DAYS_OF_400_YEARS));
    let date = EPOCH.saturating_add(SignedDuration::from_hours(24 * within));
    (400 * cycles + i64::from(date.year()), date.month(), date.day())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> f64 {
        seconds(moment(text).unwrap_or_else(|| panic!("{text}")))
    }

    #[test]
    fn dates_count_seconds_since_1970() {
        assert_eq!(of("1970-01-01"), 0.0);
        assert_eq!(of("2000-03-01"), 951_868_800.0);
        assert_eq!(of("2024-02-29T12:30:15"), 1_709_209_815.0);
        assert_eq!(of("2024-02-29 14:30:15.5+02:00"), 1_709_209_815.5);
        assert_eq!(of("1969-12-31T23:59Z"), -60.0);
        for zone in ["", "Z", " UTC", "UTC", "GMT", "+00:00", "-00:00", "+0000", "+00"] {
            assert_eq!(of(&format!("2024-02-29T12:30:15{zone}")), 1_709_209_815.0, "{zone}");
        }
        for zone in ["+02:00", "+0200", "+02", " +02:00"] {
            assert_eq!(of(&format!("2024-02-29 14:30:15.000{zone}")), 1_709_209_815.0, "{zone}");
        }
    }

    #[test]
    fn what_is_no_moment_is_none() {
        let odd = ["", "nan", "inf", "2023-02-29", "2024-13-01", "2024-00-01", "2024-01-00", "31.01.2024"];
        let odder = [
            "2024-01-31T",
            "2024-01-31T25:00",
            "2024-01-31x",
            "2024/01/31",
            "2024-01-31T08:30:",
            "2024-01-31T08:30:15.",
            "é024-01-31",
        ];
        let oddest = [
            "2024-01-31T08:30:15+2",
            "2024-01-31T08:3é",
            "2024-01-31T08:30:99",
            "2024-01-31T08:30+",
            "2024-01-31T08:30 Europe/Berlin",
            "2024-01-31T08:30:15é",
        ];
        for text in odd.iter().chain(&odder).chain(&oddest) {
            assert!(moment(text).is_none(), "{text}");
        }
    }

    #[test]
    fn every_day_is_spelled_as_it_is_read() {
        for days in (-800_000..800_000).step_by(17).chain(-400..400) {
            let spelled = spell(i128::from(days) * DAY);
            let (year, month, day) = date_of(days);
            if (0..10_000).contains(&year) {
                assert_eq!(days_since_1970(year, month.into(), day.into()), Some(days), "{spelled}");
                assert_eq!(moment(&spelled), Some(i128::from(days) * DAY), "{spelled}");
            }
        }
    }

    #[test]
    fn days_beyond_every_calendar_are_spelled_too() {
        assert_eq!(spell(i128::from(20_778) * DAY), "2026-11-21");
        assert_eq!(spell(i128::from(i64::MAX)), "2262-04-11T23:47:16.854775807");
        assert_eq!(spell(i128::from(1_000_000_000) * DAY), "2739877-01-03");
        assert_eq!(spell(i128::from(-1_000_000_000) * DAY), "-2735938-12-29");
    }

    #[test]
    fn the_clock_is_noted_in_whole_seconds() {
        let noted =
            |nanoseconds| rfc3339(SystemTime::UNIX_EPOCH + std::time::Duration::from_nanos(nanoseconds));
        assert_eq!(noted(999_999_999), "1970-01-01T00:00:00Z");
        assert_eq!(noted(1_709_209_815_500_000_000), "2024-02-29T12:30:15Z");
        let before = SystemTime::UNIX_EPOCH - std::time::Duration::from_secs(1);
        assert_eq!(rfc3339(before), "1970-01-01T00:00:00Z");
    }

    #[test]
    fn times_of_day_have_one_spelling() {
        assert_eq!(spell(moment("2024-01-31 08:30:00.1200").unwrap()), "2024-01-31T08:30:00.12");
        assert_eq!(spell(-1), "1969-12-31T23:59:59.999999999");
        assert_eq!(clock("23:59:59.5").map(spell_clock).as_deref(), Some("23:59:59.5"));
        assert!(clock("24:00").is_none() && clock("23:59:60").is_none() && clock("8:30").is_none());
    }
}
