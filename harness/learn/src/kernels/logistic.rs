//! The logistic function of single precision without a branch, a call or a division.

/// `1.5 * 2^23 + 127`: a number that this is added to is rounded to a whole one, which stands in the lowest bits as an
/// exponent.
const ROUND: f32 = 12_582_912.0 + 127.0;
/// `2^r` for |r| <= 1/2 within 8e-8 of it, from the highest power.
#[expect(clippy::approx_constant, reason = "fitted together with the others, so not the log of 2")]
const POLYNOMIAL: [f32; 6] =
    [1.327_647_2e-3, 9.675_541e-3, 5.550_713_3e-2, 2.402_212e-1, 6.931_47e-1, 1.000_000_1];
/// Beyond this exponent of 2 the function is 0 or 1 to the last place of 1.
const MOST: f32 = 40.0;
/// Its bits less those of a positive number are a reciprocal within an eighth.
const RECIPROCAL: u32 = 0x7ef3_11c7;
const MANTISSA: u32 = 23;

/// `1 / (1 + exp(-x))` within 2e-7. What is not a number stays so.
#[inline(always)]
pub(super) fn logistic(x: f32) -> f32 {
    let exponent = x * -std::f32::consts::LOG2_E;
    let exponent = if exponent > MOST { MOST } else { exponent };
    let exponent = if exponent < -MOST { -MOST } else { exponent };
    let shifted = exponent + ROUND;
    let rest = exponent - (shifted - ROUND);
    let [a, b, c, d, e, f] = POLYNOMIAL;
    // In parts that need not wait for each other.
    let square = rest * rest;
    let power = ((a * rest + b) * square + (c * rest + d)) * square + (e * rest + f);
    reciprocal(1.0 + power * f32::from_bits(shifted.to_bits() << MANTISSA))
}

/// `1 / x` for 1 <= x < 2^100. Newton's method, whose error is squared each time.
#[inline(always)]
fn reciprocal(x: f32) -> f32 {
    let start = f32::from_bits(RECIPROCAL.wrapping_sub(x.to_bits()));
    let once = start * (2.0 - x * start);
    let twice = once * (2.0 - x * once);
    // In this order the last place is right.
    twice + twice * (1.0 - x * twice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_logistic_function() {
        for step in -200_000..=200_000i32 {
            let x = step as f32 * 5e-4;
            let truth = 1.0 / (1.0 + f64::from(-x).exp());
            assert!((f64::from(logistic(x)) - truth).abs() < 2e-7, "{x}: {} for {truth}", logistic(x));
        }
        assert_eq!([logistic(0.0), logistic(f32::INFINITY), logistic(1e30)], [0.5, 1.0, 1.0]);
        assert!(logistic(f32::NEG_INFINITY) < 1e-9 && logistic(f32::NAN).is_nan());
    }
}
