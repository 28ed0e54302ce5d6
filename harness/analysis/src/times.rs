//! What a method cost: times, memory, devices.

use super::estimate::mean;
use serde::Serialize;
use std::collections::BTreeSet;
use valor_runs::record::{Latency, Measured};

/// Cost of a cell, averaged over its recorded seeds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Times {
    /// Seconds of training per seed.
    pub train_seconds: f64,
    /// Milliseconds for a single row, median.
    pub single_median_ms: Option<f64>,
    /// Milliseconds for a single row, 95th percentile.
    pub single_p95_ms: Option<f64>,
    /// Milliseconds per row in batches.
    pub batched_ms: Option<f64>,
    /// Rows of such a batch.
    pub batch: Option<usize>,
    /// Highest resident memory.
    pub peak_memory_bytes: u64,
    /// Devices, sorted.
    pub devices: Vec<String>,
}

impl Times {
    /// Averages; nothing without a recorded seed.
    pub fn over<'a>(measured: impl Iterator<Item = &'a Measured>) -> Option<Self> {
        let all: Vec<&Measured> = measured.collect();
        let latencies: Vec<Latency> = all.iter().filter_map(|one| one.latency).collect();
        let latency = |value: fn(&Latency) -> f64| mean(latencies.iter().map(value));
        Some(Self {
            train_seconds: mean(all.iter().map(|one| one.train_seconds))?,
            single_median_ms: latency(|one| one.single_median_ms),
            single_p95_ms: latency(|one| one.single_p95_ms),
            batched_ms: latency(|one| one.batched_ms),
            batch: latencies.first().map(|one| one.batch),
            peak_memory_bytes: all.iter().map(|one| one.peak_memory_bytes).max()?,
            devices: all.iter().map(|one| one.device.clone()).collect::<BTreeSet<_>>().into_iter().collect(),
        })
    }
}
