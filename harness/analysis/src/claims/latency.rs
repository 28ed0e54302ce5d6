//! Claims on times of scoring: facts of the machine.

use super::bounded::{self, Bounds, FoundValue};
use super::part::Part;
use crate::estimate::mean;
use crate::linear_contrast::{DatasetCells, Place};
use std::collections::BTreeSet;
use valor_runs::record::Measured;
use valor_runs::spec::LatencyOf;
use valor_stats::metrics::{Defined, Undefined};
use valor_stats::stats::{Rule, Studentised};

/// Which is said to be faster than which, in what.
pub(super) struct Race<'a> {
    /// The one said to be faster.
    pub faster: &'a str,
    /// The other.
    pub than: &'a str,
    /// Which time per row.
    pub latency: LatencyOf,
}

/// A pair of measurements on one machine.
struct Measurement {
    log_ratio: f64,
    /// Processor and device.
    machine: String,
}

impl Race<'_> {
    /// The one part: the ratio of the times per row, averaged on the log scale over measurements.
    pub(super) fn part(&self, place: &Place, times: (f64, Option<f64>), rule: &Rule, seeds: usize) -> Part {
        let measured: Defined<Vec<Measurement>> =
            place.datasets.iter().map(|cells| self.of(cells)).collect::<Defined<Vec<_>>>().map(flat);
        let machines: BTreeSet<String> = measured.iter().flatten().map(|one| one.machine.clone()).collect();
        let machines: Vec<String> = machines.into_iter().collect();
        let what = format!(
            "time per row, {}, of {} over that of {}{}",
            self.latency.name(),
            self.than,
            self.faster,
            if machines.is_empty() { String::new() } else { format!(" ({})", machines.join("; ")) }
        );
        // One measurement is told, if it decides nothing.
        let single = measured.as_ref().ok().and_then(|all| mean(all.iter().map(|one| one.log_ratio)));
        let found = measured.and_then(|measured| self.found(&measured));
        let (least, most) = (Some(times.0.ln()), times.1.map(f64::ln));
        let part = bounded::part(what, found, Bounds { least, most }, rule, seeds);
        Part {
            value: part.value.or(single).map(f64::exp),
            interval: part.interval.map(|ends| ends.map(f64::exp)),
            // More seeds of a stack measure nothing anew.
            needed: None,
            ..part
        }
    }

    fn found(&self, measured: &[Measurement]) -> Defined<FoundValue> {
        let ratios: Vec<f64> = measured.iter().map(|one| one.log_ratio).collect();
        let whole = Studentised::of(&ratios).map_err(|_| {
            Undefined(format!(
                "{} measurement of {} beside {}: seeds that trained together have one time in common, and an interval needs two",
                ratios.len(),
                self.than,
                self.faster
            ))
        })?;
        Ok(FoundValue { whole, over: "measurements", count: ratios.len() })
    }

    /// Pairs of seeds; a measurement that another seed of its stack has as well counts once.
    fn of(&self, cells: &DatasetCells) -> Defined<Vec<Measurement>> {
        let cell = |method: &str| {
            let found = cells.find(method).map(|one| one.cell);
            found
                .filter(|cell| !cell.measured.is_empty())
                .ok_or_else(|| Undefined(format!("{method}: no run is recorded on {}", cells.dataset)))
        };
        let (faster, than) = (cell(self.faster)?, cell(self.than)?);
        let mut seen = [BTreeSet::new(), BTreeSet::new()];
        let mut found = Vec::new();
        for (seed, other) in &than.measured {
            let Some(one) = faster.measured.get(seed) else { continue };
            let (Some(fast), Some(slow)) = (self.time(one), self.time(other)) else { continue };
            if machine(one) != machine(other) {
                return Err(Undefined(format!(
                    "{} and {} were timed on different machines: {}; {}",
                    self.faster,
                    self.than,
                    machine(one),
                    machine(other)
                )));
            }
            let new = !seen[0].contains(&fast.to_bits()) && !seen[1].contains(&slow.to_bits());
            seen[0].insert(fast.to_bits());
            seen[1].insert(slow.to_bits());
            if new {
                found.push(Measurement { log_ratio: (slow / fast).ln(), machine: machine(one) });
            }
        }
        Ok(found)
    }

    /// Milliseconds, above 0.
    fn time(&self, measured: &Measured) -> Option<f64> {
        let latency = measured.latency?;
        let time = match self.latency {
            LatencyOf::Single => latency.single_median_ms,
            LatencyOf::Batched => latency.batched_ms,
        };
        (time.is_finite() && time > 0.0).then_some(time)
    }
}

fn machine(measured: &Measured) -> String {
    let threads = if measured.threads == 1 { "thread" } else { "threads" };
    format!("{}, {}, {} {threads}", measured.processor, measured.device, measured.threads)
}

fn flat(measured: Vec<Vec<Measurement>>) -> Vec<Measurement> {
    measured.into_iter().flatten().collect()
}
