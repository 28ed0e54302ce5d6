//! Exponentials of single precision without a branch and without a call, which a loop over a slice makes wide.
//!
//! ```text
//! x = n log 2 + r,  |r| <= log(2) / 2        exp x = 2^n exp r        expm1 x = 2^n expm1 r + (2^n - 1)
//! ```
//!
//! `log 2` in two parts, of which `n` times the first is exact. The polynomial is Cephes' (`expf`, Moshier 1989).

/// `1.5 * 2^23`: a number that this is added to is rounded to a whole one, which stands in the lowest bits.
const ROUND: f32 = 12_582_912.0;
/// `log 2` without its lowest bits, and the rest.
const LOG_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
/// `(exp r - 1 - r) / r^2`, from the highest power.
const POLYNOMIAL: [f32; 6] =
    [1.987_569_2e-4, 1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5];
/// Beyond these the result is as at these: 0 or -1, and infinite.
const MOST: f32 = 89.0;
const LEAST: f32 = -104.0;
const LEAST_LESS_1: f32 = -26.0;
const MANTISSA: u32 = 23;
const BIAS: i32 = 127;

/// `e^x` within 2 units of the last place, down to the least number above 0 (`x = -103.9`), then 0.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    let Parts { n, r, rest } = Parts::new(between(x, LEAST));
    let power = (r * r * polynomial(r) + rest) + r + 1.0;
    // In two halves, each of which is a normal number.
    let half = n >> 1;
    power * power_of_2(half) * power_of_2(n.wrapping_sub(half))
}

/// `e^x - 1` within 2 units of the last place, near 0 too.
#[inline(always)]
pub fn expm1(x: f32) -> f32 {
    let Parts { n, r, rest } = Parts::new(between(x, LEAST_LESS_1));
    let power = r + (r * r * polynomial(r) + rest);
    // 2^n may be infinite where half of it is not.
    let half = power_of_2(n.wrapping_sub(1));
    2.0 * (half * power + (half - 0.5))
}

/// Comparisons that a NaN passes unchanged.
#[inline(always)]
fn between(x: f32, least: f32) -> f32 {
    let x = if x < least { least } else { x };
    if x > MOST { MOST } else { x }
}

/// `x = n log 2 + r + rest`.
struct Parts {
    n: i32,
    r: f32,
    /// What rounding took from `r`.
    rest: f32,
}

impl Parts {
    #[inline(always)]
    fn new(x: f32) -> Self {
        let shifted = x * std::f32::consts::LOG2_E + ROUND;
        let n = shifted - ROUND;
        let (high, low) = (x - n * LOG_2[0], n * LOG_2[1]);
        let r = high - low;
        let whole = shifted.to_bits().wrapping_sub(ROUND.to_bits()).cast_signed();
        Self { n: whole, r, rest: (high - r) - low }
    }
}

#[inline(always)]
fn polynomial(r: f32) -> f32 {
    let [a, b, c, d, e, f] = POLYNOMIAL;
    ((((a * r + b) * r + c) * r + d) * r + e) * r + f
}

/// `2^n` for -127 < n < 128; anything for others, which only a NaN asks for.
#[inline(always)]
fn power_of_2(n: i32) -> f32 {
    f32::from_bits(n.wrapping_add(BIAS).cast_unsigned() << MANTISSA)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Units of the last place of `truth` between the two; subnormal numbers have the unit of the least normal one.
    fn units(found: f32, truth: f64) -> f64 {
        let exponent = (truth.abs() as f32).max(f32::MIN_POSITIVE).log2().floor();
        (f64::from(found) - truth).abs() / f64::from(exponent - 23.0).exp2()
    }

    /// Numbers of every size between the two, 0 among them.
    fn numbers(least: f32, most: f32) -> impl Iterator<Item = f32> {
        let below = (0..=least.abs().to_bits()).step_by(1009).map(|bits| -f32::from_bits(bits));
        below.chain((0..=most.to_bits()).step_by(1009).map(f32::from_bits)).chain([least, most])
    }

    #[test]
    fn both_are_within_two_units_of_the_last_place() {
        for x in numbers(-87.0, 88.0) {
            let truth = f64::from(x);
            let found = [units(exp(x), truth.exp()), units(expm1(x), truth.exp_m1())];
            assert!(found.iter().all(|&units| units <= 2.0), "{x}: {found:?}");
        }
    }

    #[test]
    fn ends_are_those_of_the_functions() {
        let [infinite, none] = [f32::INFINITY, f32::NAN];
        assert_eq!([exp(-infinite), exp(-1e30), exp(-104.0), exp(0.0)], [0.0, 0.0, 0.0, 1.0]);
        assert_eq!([exp(infinite), exp(1e30), exp(89.0)], [infinite; 3]);
        assert_eq!([expm1(-infinite), expm1(-1e30), expm1(-30.0), expm1(0.0)], [-1.0, -1.0, -1.0, 0.0]);
        assert_eq!([expm1(infinite), expm1(1e30), expm1(89.0)], [infinite; 3]);
        assert!(exp(none).is_nan() && expm1(none).is_nan());
        assert!(exp(88.7).is_finite() && expm1(88.7).is_finite());
        // Subnormal numbers, to their last place.
        for x in [-88.0f32, -95.0, -103.0, -103.9] {
            assert!(
                (f64::from(exp(x)) - f64::from(x).exp()).abs() <= 2.0 * f64::from(f32::from_bits(1)),
                "{x}"
            );
        }
    }
}
