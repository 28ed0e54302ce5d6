//! What a cell holds: one value, whatever the format of the file and the type of its column.
//!
//! The value of a cell is what a CSV file would say of it. A float is the shortest decimal that reads back as it in its
//! own width; a moment is one moment, whatever unit or zone it is stored in.

use super::dialect;
use super::time::{self, TimeKind};
use crate::LARGEST;
use serde::{Deserialize, Deserializer};
use std::borrow::Cow;
use valor_base::error::shown;

/// The value of a cell.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    /// An empty cell, or null.
    Missing,
    /// True or false.
    Truth(bool),
    /// A whole number.
    Whole(i128),
    /// A 32-bit float.
    Single(f32),
    /// A 64-bit float.
    Double(f64),
    /// A text without spaces around it, not empty; it may spell a number, a truth value or a moment.
    Text(Cow<'a, str>),
    /// Nanoseconds since 1970, UTC.
    Moment(i128),
    /// A time of day, nanoseconds since midnight.
    Clock(i64),
}

/// From here on 32 bits do not tell every whole number from its neighbours.
const WHOLE_LIMIT: f32 = 16_777_216.0;
/// Bits of a 64-bit float beyond those of a 32-bit one, and what they are half-way between two of those.
const BEYOND_SINGLE: u64 = 0x1fff_ffff;
const HALF_WAY: u64 = 0x1000_0000;
/// Numbers with a larger power of ten are left as they are written.
const LARGEST_POWER: i32 = 400;

impl<'a> Value<'a> {
    /// Of a text as a file holds it.
    pub(crate) fn text(text: &'a str) -> Self {
        match text.trim() {
            "" => Self::Missing,
            text => Self::Text(Cow::Borrowed(text)),
        }
    }

    /// As a feature: the nearest 32-bit float; NaN where missing. True is 1, false 0.
    ///
    /// # Errors
    ///
    /// What was found and what is allowed, where it is no finite number.
    pub(crate) fn feature(&self) -> Result<f32, String> {
        const ALLOWED: &str =
            "finite numbers from -1e30 to 1e30, true and false, and an empty cell for a missing value";
        let value = match self {
            Self::Missing => return Ok(f32::NAN),
            Self::Truth(truth) => Some(f32::from(u8::from(*truth))),
            Self::Whole(number) => Some(*number as f32),
            Self::Single(number) => Some(*number),
            Self::Double(number) => Some(nearest_single(*number)),
            Self::Text(text) => {
                text.parse().ok().or_else(|| truth(text).map(|truth| f32::from(u8::from(truth))))
            }
            Self::Moment(_) | Self::Clock(_) => None,
        };
        // Adding zero turns -0 into 0.
        value
            .filter(|value| value.abs() <= LARGEST as f32)
            .map(|value| value + 0.0)
            .ok_or_else(|| self.no_number(ALLOWED))
    }

    /// A finite number that must be there. True is 1, false 0.
    ///
    /// # Errors
    ///
    /// What was found and what is allowed.
    pub(crate) fn required(&self) -> Result<f64, String> {
        const ALLOWED: &str = "finite numbers, true and false";
        if *self == Self::Missing {
            return Err(format!("the cell is empty; allowed are {ALLOWED}"));
        }
        self.number().ok_or_else(|| self.no_number(ALLOWED))
    }

    /// The finite number that the cell holds, if it does: the nearest 64-bit float. True is 1, false 0.
    pub(crate) fn number(&self) -> Option<f64> {
        let value = match self {
            Self::Missing | Self::Moment(_) | Self::Clock(_) => None,
            Self::Truth(truth) => Some(f64::from(u8::from(*truth))),
            Self::Whole(number) => Some(*number as f64),
            // Of these the shortest decimal is the number itself.
            Self::Single(number) if number.fract() == 0.0 && number.abs() < WHOLE_LIMIT => {
                Some(f64::from(*number))
            }
            Self::Single(number) => number.to_string().parse().ok(),
            Self::Double(number) => Some(*number),
            Self::Text(text) => {
                text.parse().ok().or_else(|| truth(text).map(|truth| f64::from(u8::from(truth))))
            }
        };
        value.filter(|value| value.is_finite()).map(|value| value + 0.0)
    }

    /// The name of a level, a group or an arm: one per value; nothing where missing.
    ///
    /// ```text
    /// true, True, TRUE                        true
    /// 1, 1.0, 1.00 and 1 of any type          1        -0 is 0; digits of any number are kept
    /// 1e+05, 2.5E-07                          100000, 0.00000025
    /// 007, +7, 1e5, .5                        as they are: texts, not numbers
    /// 2024-01-31 00:00:00+00:00, a date       2024-01-31
    /// 2024-01-31 10:30+02:00, a timestamp     2024-01-31T08:30:00
    /// 08:30, a time of day                    08:30:00
    /// ```
    pub(crate) fn level(&self) -> Option<Cow<'_, str>> {
        Some(match self {
            Self::Missing => return None,
            Self::Truth(true) => Cow::Borrowed("true"),
            Self::Truth(false) => Cow::Borrowed("false"),
            Self::Whole(number) => Cow::Owned(number.to_string()),
            Self::Single(number) => Cow::Owned(canonical(&number.to_string()).into_owned()),
            Self::Double(number) => Cow::Owned(canonical(&number.to_string()).into_owned()),
            Self::Text(text) => canonical(text),
            Self::Moment(moment) => Cow::Owned(time::spell(*moment)),
            Self::Clock(clock) => Cow::Owned(time::spell_clock(*clock)),
        })
    }

    /// A number as it stands, or seconds since 1970, UTC where no offset is given.
    ///
    /// # Errors
    ///
    /// What was found and what is allowed.
    pub(crate) fn time(&self) -> Result<(TimeKind, f64), String> {
        let moment = match self {
            Self::Missing => return Err(format!("the cell is empty; allowed are {}", time::ALLOWED)),
            Self::Moment(moment) => Some(*moment),
            Self::Text(text) => time::moment(text),
            Self::Truth(_) | Self::Whole(_) | Self::Single(_) | Self::Double(_) | Self::Clock(_) => None,
        };
        if let Some(moment) = moment {
            return Ok((TimeKind::Date, time::seconds(moment)));
        }
        let truth = self.level().is_some_and(|level| truth(&level).is_some());
        let number = self.number().filter(|_| !truth).map(|number| (TimeKind::Number, number));
        number.ok_or_else(|| format!("found '{}'; allowed are {}", self.shown(), time::ALLOWED))
    }

    /// A key that numbers share if they are equal, of a number that stands where 32 bits lose digits before the point;
    /// `single` is the 32-bit float that it became.
    pub(super) fn exact(&self, single: f32) -> Option<i128> {
        if single.is_nan() || single.abs() < WHOLE_LIMIT {
            return None;
        }
        let whole = match self {
            Self::Whole(number) => Some(*number),
            Self::Text(text) => text.parse().ok().or_else(|| canonical(text).parse().ok()),
            Self::Missing
            | Self::Truth(_)
            | Self::Single(_)
            | Self::Double(_)
            | Self::Moment(_)
            | Self::Clock(_) => None,
        };
        whole.or_else(|| self.number().map(exact_key))
    }

    /// As messages show it.
    pub(crate) fn shown(&self) -> String {
        shown(&self.spelled())
    }

    /// As the file has it, or a program would write it.
    fn spelled(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            other => other.level().unwrap_or_default(),
        }
    }

    fn no_number(&self, allowed: &str) -> String {
        let moment = match self {
            Self::Moment(_) => true,
            Self::Text(text) => time::moment(text).is_some(),
            Self::Missing
            | Self::Truth(_)
            | Self::Whole(_)
            | Self::Single(_)
            | Self::Double(_)
            | Self::Clock(_) => false,
        };
        let hint = match moment {
            true => "; name a column of times under 'time', or make a number of it".into(),
            false => dialect::of_cell(&self.spelled()),
        };
        format!("found '{}'; allowed are {allowed}{hint}", self.shown())
    }
}

/// Whole numbers as they are, others by their bits, which no such whole number has.
fn exact_key(number: f64) -> i128 {
    match number.fract() == 0.0 && number.abs() < 1e30 {
        true => number as i128,
        false => i128::from(number.to_bits()) | 1 << 126,
    }
}

/// The 32-bit float nearest to the shortest decimal that reads back as this number: what a CSV file with that decimal gives.
/// Rounding twice gives another one only half-way between two, and where 32 bits have fewer digits.
fn nearest_single(number: f64) -> f32 {
    let near = number as f32;
    let half_way = number.to_bits() & BEYOND_SINGLE == HALF_WAY;
    let small = near.abs() < f32::MIN_POSITIVE && number != 0.0;
    if half_way || small { number.to_string().parse().unwrap_or(near) } else { near }
}

/// The spelling that all texts share which say the same number, truth value or moment; another text as it is.
pub(crate) fn canonical(text: &str) -> Cow<'_, str> {
    match text.as_bytes().first() {
        Some(b'n' | b'N') if text.eq_ignore_ascii_case("nan") => Cow::Borrowed("NaN"),
        Some(b't' | b'T' | b'f' | b'F') => match truth(text) {
            Some(true) => Cow::Borrowed("true"),
            Some(false) => Cow::Borrowed("false"),
            None => Cow::Borrowed(text),
        },
        Some(b'0'..=b'9' | b'-') => number(text)
            .or_else(|| time::moment(text).map(|moment| Cow::Owned(time::spell(moment))))
            .or_else(|| time::clock(text).map(|clock| Cow::Owned(time::spell_clock(clock))))
            .unwrap_or(Cow::Borrowed(text)),
        Some(_) | None => Cow::Borrowed(text),
    }
}

/// The truth value that a text spells.
pub(super) fn truth(text: &str) -> Option<bool> {
    match () {
        () if text.eq_ignore_ascii_case("true") => Some(true),
        () if text.eq_ignore_ascii_case("false") => Some(false),
        () => None,
    }
}

/// A number's canonical spelling, where the text is one as programs write them: without plus or leading zeros, digits on
/// both sides of a point; or with a power of ten that has a sign or two digits, after one digit other than 0.
fn number(text: &str) -> Option<Cow<'_, str>> {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|digit| digit.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, power) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, power)) => (mantissa, Some(power)),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    if !digits(whole) || !fraction.is_none_or(digits) || (whole.len() > 1 && whole.starts_with('0')) {
        return None;
    }
    let fraction = fraction.unwrap_or_default();
    let Some(power) = power else {
        let kept = if fraction.is_empty() { text } else { text.trim_end_matches('0').trim_end_matches('.') };
        return Some(Cow::Borrowed(if kept == "-0" { "0" } else { kept }));
    };
    let bare = power.strip_prefix(['+', '-']).unwrap_or(power);
    let plain_power = bare.len() == power.len() && bare.len() < 2;
    if whole.len() != 1 || whole == "0" || !digits(bare) || plain_power {
        return None;
    }
    let power: i32 = power.parse().ok().filter(|power: &i32| power.abs() <= LARGEST_POWER)?;
    let sign = if unsigned.len() < text.len() { "-" } else { "" };
    Some(Cow::Owned(format!("{sign}{}", expanded(&format!("{whole}{fraction}"), power))))
}

/// `d.ddd` times a power of ten, of the digits without the point, in full.
fn expanded(digits: &str, power: i32) -> String {
    let digits = digits.trim_end_matches('0');
    let point = 1 + power;
    if point <= 0 {
        return format!("0.{}{digits}", "0".repeat(point.unsigned_abs() as usize));
    }
    let point = point as usize;
    match digits.len() <= point {
        true => format!("{digits}{}", "0".repeat(point - digits.len())),
        false => format!("{}.{}", &digits[..point], &digits[point..]),
    }
}

/// Reads a list of texts, numbers and truth values as texts.
pub(super) fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected a text, a number or true/false")]
    enum Declared {
        Text(String),
        Integer(i64),
        Number(f64),
        Truth(bool),
    }
    let text = |value| match value {
        Declared::Text(text) => text,
        Declared::Integer(number) => number.to_string(),
        Declared::Number(number) => number.to_string(),
        Declared::Truth(truth) => truth.to_string(),
    };
    Ok(Vec::<Declared>::deserialize(deserializer)?.into_iter().map(text).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(text: &str) -> String {
        Value::text(text).level().unwrap_or_default().into_owned()
    }

    #[test]
    fn one_value_has_one_level_however_it_is_spelled() {
        let alike = [
            ("true", &["True", "TRUE", " tRue "][..]),
            ("false", &["False", "FALSE"]),
            ("1", &["1.0", "1.00", " 1 ", "1.000"]),
            ("0", &["-0", "0.0", "-0.0", "0.000"]),
            ("-2.5", &["-2.50", "-2.5"]),
            ("10", &["10", "10.0"]),
            ("100000", &["1e+05", "1.0e+05", "1E+5", "1.00e05", "100000.0"]),
            ("0.00000025", &["2.5e-07", "2.5E-7", "2.50e-07"]),
            ("-1250", &["-1.25e+03"]),
            ("9007199254740993", &["9007199254740993.0"]),
            ("12345678901234567890123", &["12345678901234567890123.00"]),
            ("2024-01-31", &["2024-01-31 00:00", "2024-01-31T00:00:00Z", "2024-01-31 02:00:00.000+02:00"]),
            (
                "2024-01-31T08:30:00",
                &["2024-01-31 08:30", "2024-01-31 10:30:00.0+0200", "2024-01-31T08:30:00 UTC"],
            ),
            ("2024-01-31T08:30:00.25", &["2024-01-31 08:30:00.250000000"]),
            ("08:30:00", &["08:30", "08:30:00.000000"]),
            ("NaN", &["nan", "NAN", " nan "]),
            ("a b", &[" a b "]),
        ];
        for (expected, spellings) in alike {
            for spelling in spellings.iter().chain([&expected]) {
                assert_eq!(level(spelling), expected, "{spelling}");
            }
        }
    }

    #[test]
    fn texts_that_are_no_number_as_programs_write_it_stay_texts() {
        for text in [
            "007",
            "00",
            "+7",
            "1e5",
            "2E7",
            "12e10",
            "0e+05",
            ".5",
            "5.",
            "1_000",
            "1,5",
            "0x10",
            "-",
            "--1",
            "1e+999",
            "1.2.3",
            "١",
            "2024-02-30",
            "24:00",
            "8:30",
            "Tru",
            "t",
            "nano",
            "inf",
            "1e+",
            "1 000",
            "-007",
            "e5",
        ] {
            assert_eq!(level(text), text);
        }
        assert_ne!(level("a"), level("A"));
        assert_eq!(Value::text("  ").level(), None);
    }

    #[test]
    fn numbers_of_every_type_are_the_level_that_their_text_is() {
        let same = |value: Value, text: &str| assert_eq!(value.level().unwrap(), level(text), "{value:?}");
        same(Value::Whole(1), "1.0");
        same(Value::Double(1.0), "1");
        same(Value::Single(0.1), "0.10");
        same(Value::Double(-0.0), "0");
        same(Value::Double(1e16), "1e+16");
        same(Value::Double(1e21), "1e+21");
        same(Value::Double(1.5e-7), "1.5e-07");
        same(Value::Double(1e300), "1e+300");
        same(Value::Whole(i128::from(u64::MAX)), "18446744073709551615");
        same(Value::Truth(true), "TRUE");
        same(Value::Double(f64::NAN), "NaN");
        same(Value::Moment(1_706_689_800_000_000_000), "2024-01-31 08:30");
        same(Value::Clock(30_600_000_000_000), "08:30");
    }

    #[test]
    fn a_float_is_what_its_text_is_in_every_width() {
        let mut stream = valor_base::seed::Seeds::new(1).child("floats").stream();
        for _ in 0..20_000 {
            let single = f32::from_bits(rand::Rng::random(&mut stream));
            if !single.is_finite() {
                continue;
            }
            // Half-way to the next one, and a little beside.
            let next = f64::from(f32::from_bits(single.to_bits() + 1));
            let half =
                f64::midpoint(f64::from(single), if next.is_finite() { next } else { f64::from(single) });
            for double in [half, half * (1.0 + 1e-15), f64::from(single)] {
                let text = double.to_string();
                assert_eq!(Value::Double(double).feature().ok(), Value::text(&text).feature().ok(), "{text}");
                assert_eq!(Value::Double(double).level(), Value::text(&text).level());
            }
            let text = single.to_string();
            assert_eq!(Value::Single(single).feature().ok(), Value::text(&text).feature().ok());
            assert_eq!(Value::Single(single).required().unwrap(), Value::text(&text).required().unwrap());
        }
    }

    #[test]
    fn a_feature_may_be_missing_but_not_odd() {
        assert!(Value::text("  ").feature().unwrap().is_nan());
        assert_eq!(Value::text(" 0.1 ").feature().unwrap(), 0.1_f32);
        assert_eq!(Value::Double(0.5).feature().unwrap(), 0.5);
        assert_eq!(["True", "FALSE"].map(|text| Value::text(text).feature().unwrap()), [1.0, 0.0]);
        for odd in ["NaN", "inf", "-Infinity", "1e39", "1,5", "abc", "0x10"] {
            assert!(Value::text(odd).feature().unwrap_err().contains(odd));
        }
        assert!(Value::Double(f64::NAN).feature().unwrap_err().contains("found 'NaN'"));
        for large in [Value::text("1e31"), Value::Double(-1e31), Value::Single(2e30), Value::Whole(i128::MAX)]
        {
            assert!(large.feature().unwrap_err().contains("from -1e30 to 1e30"), "{large:?}");
        }
        assert_eq!(Value::Double(1e30).feature(), Value::text("1e30").feature());
        let long = Value::text("\u{1b}[2J").feature().unwrap_err();
        assert!(!long.contains(char::is_control), "{long:?}");
        assert!(Value::text("2024-01-31").feature().unwrap_err().contains("under 'time'"));
    }

    #[test]
    fn what_is_required_must_be_there() {
        assert_eq!(Value::text("1e300").required().unwrap(), 1e300);
        assert_eq!(Value::Truth(true).required().unwrap(), 1.0);
        assert!(Value::Missing.required().unwrap_err().contains("empty"));
        assert!(Value::text("inf").required().is_err() && Value::Double(f64::INFINITY).required().is_err());
    }

    #[test]
    fn times_are_numbers_or_moments_and_nothing_else() {
        assert_eq!(Value::text(" 20240131 ").time(), Ok((TimeKind::Number, 20_240_131.0)));
        assert_eq!(Value::text("1970-01-02").time(), Ok((TimeKind::Date, 86_400.0)));
        assert_eq!(Value::Moment(1_500_000_000).time(), Ok((TimeKind::Date, 1.5)));
        for odd in
            [Value::Truth(true), Value::Clock(0), Value::text("true"), Value::text("nan"), Value::Missing]
        {
            assert!(odd.time().is_err(), "{odd:?}");
        }
    }

    #[test]
    fn numbers_beyond_32_bits_keep_apart_what_is_different() {
        let exact = |value: Value| value.exact(value.feature().unwrap());
        assert_eq!(exact(Value::text("20240128.0")), exact(Value::Whole(20_240_128)));
        assert_eq!(exact(Value::text("20240128")), exact(Value::Double(20_240_128.0)));
        assert_ne!(exact(Value::Whole(20_240_128)), exact(Value::Whole(20_240_129)));
        assert_ne!(exact(Value::text("9007199254740993")), exact(Value::text("9007199254740992")));
        assert_ne!(exact(Value::Double(20_240_128.5)), exact(Value::Double(20_240_128.0)));
        assert_eq!(exact(Value::Whole(16_777_215)), None);
        assert_eq!(exact(Value::Missing), None);
    }
}
