//! Where a line of numbers falls apart best: the partition into intervals of least squares, found exactly.

/// The last value of every part but the last one, of the partition of `ascending` values into at most `parts` parts with the least
///
/// ```text
/// sum over parts of the sum over its values of (v - mean of the part)^2
/// ```
///
/// Equal values are in one part; of equal sums the one whose last part starts first. Fewer parts where there are fewer values that
/// differ. O(parts n log n). Source: Fisher, "On grouping for maximum homogeneity", JASA 53 (1958); that the best border does not
/// fall as rows are added halves the search (Aggarwal and others, Algorithmica 2, 1987).
pub(crate) fn least_squares(ascending: &[f64], parts: usize) -> Vec<f64> {
    let line = Line::new(ascending);
    let distinct = line.values.len();
    let parts = parts.min(distinct);
    if parts < 2 {
        return Vec::new();
    }
    // Least squares of the first values with so many parts so far, one part to begin with.
    let mut least: Vec<f64> = (0..=distinct).map(|end| line.squares(0, end)).collect();
    let mut borders: Vec<Vec<usize>> = Vec::new();
    for part in 1..parts {
        let mut step = Step {
            line: &line,
            before: &least,
            found: vec![f64::INFINITY; distinct + 1],
            starts: vec![0; distinct + 1],
        };
        step.search(part + 1, distinct, part, distinct - 1);
        let Step { found, starts, .. } = step;
        least = found;
        borders.push(starts);
    }
    let mut end = distinct;
    let mut ends: Vec<f64> = borders
        .iter()
        .rev()
        .map(|starts| {
            end = starts[end];
            line.values[end - 1]
        })
        .collect();
    ends.reverse();
    ends
}

/// Values that differ, and sums over all up to each.
struct Line {
    values: Vec<f64>,
    /// Number, sum and sum of squares of the values before each place, less the middle of all.
    sums: Vec<[f64; 3]>,
}

impl Line {
    fn new(ascending: &[f64]) -> Self {
        // From their middle, so that squares keep their digits.
        let middle = ascending.iter().sum::<f64>() / ascending.len().max(1) as f64;
        let (mut values, mut sums, mut sum) = (Vec::new(), vec![[0.0; 3]], [0.0; 3]);
        for block in ascending.chunk_by(|a, b| a == b) {
            let (count, value) = (block.len() as f64, block[0] - middle);
            sum = [sum[0] + count, sum[1] + count * value, sum[2] + count * value * value];
            values.push(block[0]);
            sums.push(sum);
        }
        Self { values, sums }
    }

    /// Sum of squares of the values `start..end` around their mean.
    fn squares(&self, start: usize, end: usize) -> f64 {
        let [count, sum, squares]: [f64; 3] =
            std::array::from_fn(|part| self.sums[end][part] - self.sums[start][part]);
        if count > 0.0 { (squares - sum * sum / count).max(0.0) } else { 0.0 }
    }
}

/// One more part than `before` had.
struct Step<'a> {
    line: &'a Line,
    before: &'a [f64],
    found: Vec<f64>,
    /// Where the last part starts, by end.
    starts: Vec<usize>,
}

impl Step<'_> {
    /// All ends `first..=last`, whose last parts start in `low..=high`: the one in the middle, and what is left and right of it, which
    /// starts no later and no sooner.
    fn search(&mut self, first: usize, last: usize, low: usize, high: usize) {
        if first > last {
            return;
        }
        let end = usize::midpoint(first, last);
        for start in low..=high.min(end - 1) {
            let squares = self.before[start] + self.line.squares(start, end);
            if squares < self.found[end] {
                (self.found[end], self.starts[end]) = (squares, start);
            }
        }
        let start = self.starts[end];
        self.search(first, end - 1, low, start);
        self.search(end + 1, last, start, high);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Sum of squares where parts end with these values.
    fn squares(ascending: &[f64], ends: &[f64]) -> f64 {
        let part = |value: f64| ends.partition_point(|end| *end < value);
        let parts = ascending.chunk_by(|a, b| part(*a) == part(*b));
        let of = |part: &[f64]| {
            let mean = part.iter().sum::<f64>() / part.len() as f64;
            part.iter().map(|value| (value - mean).powi(2)).sum::<f64>()
        };
        parts.map(of).sum()
    }

    /// The least over all choices of ends.
    fn least(ascending: &[f64], distinct: &[f64], ends: &mut Vec<f64>, parts: usize) -> f64 {
        if parts == 1 {
            return squares(ascending, ends);
        }
        let mut best = f64::INFINITY;
        for (place, end) in distinct.iter().enumerate().take(distinct.len() + 1 - parts) {
            ends.push(*end);
            best = best.min(least(ascending, &distinct[place + 1..], ends, parts - 1));
            ends.pop();
        }
        best
    }

    #[test]
    fn gaps_are_found() {
        assert_eq!(least_squares(&[1.0, 1.1, 1.2, 5.0, 5.1, 9.0], 3), [1.2, 5.1]);
        assert_eq!(least_squares(&[2.0, 2.0, 2.0, 7.0], 4), [2.0]);
        assert!(least_squares(&[3.0; 5], 3).is_empty() && least_squares(&[], 3).is_empty());
        assert!(least_squares(&[1.0, 2.0], 1).is_empty());
    }

    proptest! {
        #[test]
        fn no_other_partition_has_less(mut values in proptest::collection::vec(0u8..30, 1..14), parts in 1usize..5) {
            values.sort_unstable();
            let ascending: Vec<f64> = values.iter().map(|&value| f64::from(value)).collect();
            let mut distinct = ascending.clone();
            distinct.dedup();
            let found = least_squares(&ascending, parts);
            let parts = parts.min(distinct.len());
            prop_assert_eq!(found.len(), parts - 1);
            prop_assert!(found.is_sorted_by(|a, b| a < b));
            let best = least(&ascending, &distinct, &mut Vec::new(), parts);
            prop_assert!((squares(&ascending, &found) - best).abs() < 1e-9, "{:?}", found);
        }
    }
}
