//! How long a score takes.

use crate::record::Latency;
use std::time::Instant;
use valor_data::Matrix;
use valor_learn::learner::Scorer;

const WARM_UP: usize = 20;
const SINGLES: usize = 200;
const BATCH: usize = 4096;
const BATCHES: usize = 5;

/// Times single rows and batches. Absent where there are no rows.
pub(super) fn measure(scorer: &dyn Scorer, rows: &Matrix, now: fn() -> Instant) -> Option<Latency> {
    if rows.rows == 0 {
        return None;
    }
    let time = |first: usize, count: usize| {
        let rows = slice(rows, first, count);
        let start = now();
        let scored = scorer.score(&rows);
        start.elapsed().as_secs_f64() * 1e3 / scored.len().max(1) as f64
    };
    let mut singles: Vec<f64> = (0..WARM_UP + SINGLES).map(|turn| time(turn % rows.rows, 1)).collect();
    let mut singles = singles.split_off(WARM_UP);
    let batch = BATCH.min(rows.rows);
    let mut batches: Vec<f64> = (0..BATCHES).map(|_| time(0, batch)).collect();
    Some(Latency {
        single_median_ms: quantile(&mut singles, 0.5),
        single_p95_ms: quantile(&mut singles, 0.95),
        batched_ms: quantile(&mut batches, 0.5),
        batch,
    })
}

fn slice(rows: &Matrix, first: usize, count: usize) -> Matrix {
    let values = rows.values[first * rows.columns..(first + count) * rows.columns].to_vec();
    Matrix { rows: count, columns: rows.columns, values }
}

fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * share).round() as usize]
}
