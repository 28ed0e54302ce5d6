//! Rows sorted once by descending score, and the walk down that ranking on which every metric is built.

use rayon::slice::ParallelSliceMut;

/// Entries that are worth several threads.
const MANY: usize = 100_000;

/// Rows by descending score, in blocks of equal scores.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranking {
    /// Row number at each rank, best first.
    pub order: Vec<u32>,
    /// Rank after the last row of each tie block, ascending; the last entry is the number of rows.
    pub ends: Vec<u32>,
}

impl Ranking {
    /// Sorts by descending score, and rows of a block by `content`, so that sums over it have the same order whatever
    /// the order of the input.
    ///
    /// Scores are finite (`RankedRows::new` checks it); -0 equals 0.
    pub fn new(score: &[f64], content: impl Fn(usize) -> u64) -> Self {
        let mut keyed: Vec<(u64, u32)> = score.iter().map(|&s| descending_key(s)).zip(0..).collect();
        sort(&mut keyed);
        let mut ends = Vec::with_capacity(score.len());
        for block in keyed.chunk_by_mut(|a, b| a.0 == b.0) {
            if block.len() > 1 {
                block.iter_mut().for_each(|entry| entry.0 = content(entry.1 as usize));
                sort(block);
            }
            ends.push(ends.last().copied().unwrap_or(0) + block.len() as u32);
        }
        Self { order: keyed.into_iter().map(|entry| entry.1).collect(), ends }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.order.len()
    }

    /// `values` in ranked order.
    pub fn gather<T: Copy>(&self, values: &[T]) -> Vec<T> {
        let mut gathered = Vec::new();
        self.gather_into(values, &mut gathered);
        gathered
    }

    /// The same into memory that is used again.
    pub fn gather_into<T: Copy>(&self, values: &[T], gathered: &mut Vec<T>) {
        gathered.clear();
        gathered.extend(self.order.iter().map(|&row| values[row as usize]));
    }

    /// The blocks as ranges of ranks.
    pub fn blocks(&self) -> impl Iterator<Item = std::ops::Range<usize>> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| start as usize..end as usize)
    }

    /// Visits k = 1, 2, ... with the sums over the top k rows, and returns the sums over all of them.
    ///
    /// `rows` and `weights` are indexed by rank; a row of weight w counts as w equal rows, once where there are
    /// no weights. Within a block the sums are interpolated linearly.
    pub fn walk<const D: usize>(
        &self,
        rows: &[[f64; D]],
        weights: Option<&[u8]>,
        visit: impl FnMut(usize, &[f64; D]),
    ) -> [f64; D] {
        match weights {
            None if self.is_untied() => accumulate(rows.iter(), visit),
            Some(weights) if self.is_untied() => {
                accumulate(repeat(weights).iter().map(|&rank| &rows[rank as usize]), visit)
            }
            None => self.walk_blocks(rows, |_| 1, visit),
            Some(weights) => self.walk_blocks(rows, |rank| usize::from(weights[rank]), visit),
        }
    }

    fn is_untied(&self) -> bool {
        self.ends.len() == self.rows()
    }

    fn walk_blocks<const D: usize>(
        &self,
        rows: &[[f64; D]],
        weight: impl Fn(usize) -> usize,
        mut visit: impl FnMut(usize, &[f64; D]),
    ) -> [f64; D] {
        let (mut sums, mut k) = ([0.0; D], 0);
        for block in self.blocks() {
            let (base, mut inside, mut size) = (sums, [0.0; D], 0);
            for rank in block {
                let copies = weight(rank);
                inside = add(&inside, &rows[rank], copies as f64);
                size += copies;
            }
            for position in 1..=size {
                sums = add(&base, &inside, position as f64 / size as f64);
                visit(k + position, &sums);
            }
            k += size;
        }
        sums
    }

    /// The sums over the top k rows for each k of `at` (ascending); k = 0 gives zeros.
    pub fn sums_at<const D: usize>(&self, rows: &[[f64; D]], at: &[usize]) -> Vec<[f64; D]> {
        self.weighted_sums_at(rows, None, at)
    }

    /// The same where rows count several times; indexed by rank, as in `walk`.
    pub fn weighted_sums_at<const D: usize>(
        &self,
        rows: &[[f64; D]],
        weights: Option<&[u8]>,
        at: &[usize],
    ) -> Vec<[f64; D]> {
        let mut found = vec![[0.0; D]; at.iter().take_while(|&&k| k == 0).count()];
        self.walk(rows, weights, |k, sums| {
            while at.get(found.len()) == Some(&k) {
                found.push(*sums);
            }
        });
        found
    }
}

/// On all threads where there are many entries. No two are equal, so the order does not depend on how it is found.
fn sort(entries: &mut [(u64, u32)]) {
    if entries.len() < MANY { entries.sort_unstable() } else { entries.par_sort_unstable() }
}

fn accumulate<'a, const D: usize>(
    rows: impl Iterator<Item = &'a [f64; D]>,
    mut visit: impl FnMut(usize, &[f64; D]),
) -> [f64; D] {
    let mut sums = [0.0; D];
    for (before, row) in rows.enumerate() {
        sums = add(&sums, row, 1.0);
        visit(before + 1, &sums);
    }
    sums
}

/// Each rank as often as its weight says: four copies are always written, so that no branch depends on the weight.
pub(super) fn repeat(weights: &[u8]) -> Vec<u32> {
    let total = weights.iter().map(|&weight| usize::from(weight)).sum();
    let (mut ranks, mut at) = (vec![0; total + 4], 0);
    for (rank, &weight) in weights.iter().enumerate() {
        ranks[at..at + 4].fill(rank as u32);
        if weight > 4 {
            ranks[at + 4..at + usize::from(weight)].fill(rank as u32);
        }
        at += usize::from(weight);
    }
    ranks.truncate(total);
    ranks
}

fn add<const D: usize>(a: &[f64; D], b: &[f64; D], factor: f64) -> [f64; D] {
    std::array::from_fn(|i| a[i] + factor * b[i])
}

/// An integer that sorts ascending as the score sorts descending.
fn descending_key(score: f64) -> u64 {
    let bits = (score + 0.0).to_bits();
    if bits >> 63 == 1 { bits } else { !(bits | 1 << 63) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rank(score: &[f64]) -> Ranking {
        Ranking::new(score, |row| row as u64)
    }

    #[test]
    fn rows_are_sorted_and_ties_are_found() {
        let ranking = rank(&[0.5, -1.0, 2.0, 0.5, 0.0, -0.0, -7.0]);
        assert_eq!(ranking.order, [2, 0, 3, 4, 5, 1, 6]);
        assert_eq!(ranking.ends, [1, 3, 5, 6, 7]);
    }

    #[test]
    fn a_block_is_shared_out_evenly() {
        let mut seen = Vec::new();
        let rows = [[3.0], [1.0], [5.0]];
        rank(&[9.0, 1.0, 1.0]).walk(&rows, None, |k, sums| seen.push((k, sums[0])));
        assert_eq!(seen, [(1, 3.0), (2, 6.0), (3, 9.0)]);
    }

    #[test]
    fn a_weight_is_a_repetition() {
        let mut seen = Vec::new();
        let rows = [[1.0], [10.0], [100.0]];
        let total = rank(&[2.0, 1.0, 0.0]).walk(&rows, Some(&[2, 0, 1]), |_, sums| seen.push(sums[0]));
        assert_eq!(seen, [1.0, 2.0, 102.0]);
        assert_eq!(total, [102.0]);
    }

    #[test]
    fn any_weight_is_written_out() {
        assert_eq!(repeat(&[0, 1, 6, 0, 4, 0]), [1, 2, 2, 2, 2, 2, 2, 4, 4, 4, 4]);
    }

    #[test]
    fn sums_are_read_at_the_asked_ranks() {
        let sums = rank(&[3.0, 2.0, 1.0]).sums_at(&[[1.0], [1.0], [1.0]], &[0, 0, 2, 2, 3]);
        assert_eq!(sums, [[0.0], [0.0], [2.0], [2.0], [3.0]]);
    }
}
