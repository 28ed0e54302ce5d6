//! Sums in a fixed number of lanes, whatever vectors the processor has.

/// Numbers that are worked on at once, and partial sums of a sum.
pub const LANES: usize = 16;

pub(super) type Lanes = [f32; LANES];

/// The first so many numbers. There are as many: tables are as wide as whole lanes.
#[inline(always)]
pub(super) fn load(values: &[f32]) -> Lanes {
    let mut lanes = [0.0; LANES];
    lanes.copy_from_slice(&values[..LANES]);
    lanes
}

/// The lanes together.
#[inline(always)]
pub(super) fn total(lanes: &Lanes) -> f64 {
    lanes.iter().map(|&lane| f64::from(lane)).sum()
}

/// `sum a_i b_i` of as many; in two lanes of lanes, so that one addition need not wait for the other.
#[inline(always)]
pub(super) fn product(a: &[f32], b: &[f32]) -> f32 {
    const TWO: usize = 2 * LANES;
    let mut sums = [0.0; TWO];
    let (mut wide, mut others) = (a.chunks_exact(TWO), b.chunks_exact(TWO));
    for (a, b) in wide.by_ref().zip(others.by_ref()) {
        for lane in 0..TWO {
            sums[lane] += a[lane] * b[lane];
        }
    }
    for (lane, (a, b)) in wide.remainder().iter().zip(others.remainder()).enumerate() {
        sums[lane] += a * b;
    }
    for half in [LANES, LANES / 2, LANES / 4, LANES / 8, LANES / 16] {
        for lane in 0..half {
            sums[lane] += sums[lane + half];
        }
    }
    sums[0]
}
