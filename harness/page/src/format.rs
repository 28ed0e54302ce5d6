//! Numbers as text.

/// Decimals that show four significant digits of the largest magnitude: one choice for a whole column.
pub fn decimals(values: impl IntoIterator<Item = f64>) -> usize {
    let largest = values.into_iter().map(f64::abs).filter(|value| value.is_finite()).fold(0.0, f64::max);
    if largest == 0.0 {
        return 4;
    }
    (3 - largest.log10().floor() as i64).clamp(0, 9) as usize
}

/// A number with a fixed number of decimals; never a negative zero.
pub fn number(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    match text.strip_prefix('-') {
        Some(rest) if rest.chars().all(|digit| digit == '0' || digit == '.') => rest.to_string(),
        _ => text,
    }
}

/// Four significant digits of one number, with a power of ten where it is very large or very small.
pub fn short(value: f64) -> String {
    match value.abs() {
        0.0 | 1e-3..1e6 => number(value, decimals([value])),
        _ => format!("{value:.3e}"),
    }
}

/// A whole number with commas between thousands.
pub fn count(value: usize) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `12 ms`, `4.1 s`, `3 min 20 s`, `2 h 5 min`.
pub fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        0 if seconds < 0.9995 => format!("{:.0} ms", seconds * 1000.0),
        0..60 => format!("{seconds:.1} s"),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

/// A p-value: three decimals, or that it is below .001.
pub fn p_text(p: f64) -> String {
    if p < 0.0005 { "< 0.001".to_string() } else { format!("{p:.3}") }
}

/// A plus before what is above zero as printed.
pub fn signed(text: &str) -> String {
    let above = !text.starts_with('-') && text.chars().any(|digit| ('1'..='9').contains(&digit));
    if above { format!("+{text}") } else { text.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_shows_four_digits_of_its_largest_number() {
        assert_eq!(decimals([0.41, -0.02]), 4);
        assert_eq!(decimals([12.3]), 2);
        assert_eq!(decimals([123_456.0]), 0);
        assert_eq!(decimals([0.0, f64::NAN]), 4);
        assert_eq!(decimals([-0.004]), 6);
    }

    #[test]
    fn numbers_have_no_negative_zero() {
        assert_eq!(number(-0.00001, 3), "0.000");
        assert_eq!(number(-0.0006, 3), "-0.001");
        assert_eq!(number(1.0, 0), "1");
    }

    #[test]
    fn numbers_of_any_size_stay_short() {
        let texts = [6.0234e37, -2.5, 0.0, 1e-9, 123_456.7].map(short);
        assert_eq!(texts, ["6.023e37", "-2.500", "0.0000", "1.000e-9", "123457"]);
    }

    #[test]
    fn counts_and_durations_read_well() {
        assert_eq!(count(47_284), "47,284");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_000_000), "1,000,000");
        assert_eq!(duration(0.012), "12 ms");
        assert_eq!(duration(4.14), "4.1 s");
        assert_eq!(duration(200.0), "3 min 20 s");
        assert_eq!(duration(7500.0), "2 h 5 min");
    }
}
