//! Times: plain numbers, or ISO 8601 dates with or without a time of day.

/// What the cells of a time column hold: one of them throughout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimeKind {
    Number,
    Date,
}

/// A number as it stands, a date as seconds since 1970 (UTC where no offset is given).
pub(super) fn parse(text: &str) -> Result<(TimeKind, f64), String> {
    let text = text.trim();
    if let Ok(number) = text.parse::<f64>()
        && number.is_finite()
    {
        return Ok((TimeKind::Number, number));
    }
    match date(text) {
        Some(seconds) => Ok((TimeKind::Date, seconds)),
        None if text.is_empty() => Err("the cell is empty; allowed are numbers or ISO dates".into()),
        None => Err(format!(
            "found '{}'; allowed are numbers or ISO dates such as 2024-01-31 or 2024-01-31T08:30:00",
            crate::error::shown(text)
        )),
    }
}

/// `YYYY-MM-DD`, then perhaps `T` or a space and `HH:MM[:SS[.fff]]`, then perhaps `Z` or `+HH:MM`.
fn date(text: &str) -> Option<f64> {
    let day = text.get(..10)?;
    let days = civil_days(number(day, 0, 4)?, number(day, 5, 2)?, number(day, 8, 2)?)?;
    if [day.as_bytes()[4], day.as_bytes()[7]] != *b"--" {
        return None;
    }
    let rest = text.get(10..)?;
    let seconds = match rest.strip_prefix(['T', ' ']) {
        Some(time) => time_of_day(time)?,
        None if rest.is_empty() => 0.0,
        None => return None,
    };
    Some(days as f64 * 86_400.0 + seconds)
}

fn time_of_day(text: &str) -> Option<f64> {
    let (clock, offset) = match text.find(['Z', '+', '-']) {
        Some(place) => text.split_at(place),
        None => (text, "Z"),
    };
    let minutes = hours_and_minutes(clock.get(..5)?)?;
    let seconds = match clock.get(5..)?.strip_prefix(':') {
        Some(seconds) if seconds.starts_with(|first: char| first.is_ascii_digit()) => seconds.parse().ok()?,
        None if clock.len() == 5 => 0.0,
        _ => return None,
    };
    let offset_minutes = match offset.split_at(1) {
        ("Z", "") => 0,
        ("+", offset) => hours_and_minutes(offset)?,
        ("-", offset) => -hours_and_minutes(offset)?,
        _ => return None,
    };
    (0.0..61.0).contains(&seconds).then(|| (minutes - offset_minutes) as f64 * 60.0 + seconds)
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
fn civil_days(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let lengths = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let length = *lengths.get(usize::try_from(month - 1).ok()?)?;
    if !(1..=length).contains(&day) {
        return None;
    }
    let before = |year: i64| year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let in_year: i64 = lengths.iter().take(month as usize - 1).sum();
    Some(before(year - 1) - before(1969) + in_year + day - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> f64 {
        parse(text).unwrap().1
    }

    #[test]
    fn dates_count_seconds_since_1970() {
        assert_eq!(seconds("1970-01-01"), 0.0);
        assert_eq!(seconds("2000-03-01"), 951_868_800.0);
        assert_eq!(seconds("2024-02-29T12:30:15"), 1_709_209_815.0);
        assert_eq!(seconds("2024-02-29 14:30:15.5+02:00"), 1_709_209_815.5);
        assert_eq!(seconds(" 1969-12-31T23:59Z "), -60.0);
    }

    #[test]
    fn numbers_stand_for_themselves() {
        assert_eq!(parse(" 20240131 "), Ok((TimeKind::Number, 20_240_131.0)));
        assert_eq!(parse("2024-01-31").unwrap().0, TimeKind::Date);
    }

    #[test]
    fn what_is_no_time_is_refused() {
        let odd = ["", "nan", "inf", "2023-02-29", "2024-13-01", "2024-00-01", "2024-01-00", "31.01.2024"];
        let odder = [
            "2024-01-31T",
            "2024-01-31T25:00",
            "2024-01-31x",
            "2024/01/31",
            "2024-01-31T08:30:",
            "é024-01-31",
        ];
        let oddest =
            ["2024-01-31T08:30:15+2", "2024-01-31T08:3é", "2024-01-31T08:30:99", "2024-01-31T08:30+"];
        for text in odd.iter().chain(&odder).chain(&oddest) {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
