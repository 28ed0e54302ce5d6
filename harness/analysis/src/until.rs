//! Claims that are looked at after every seed: which are decided with how many, and what the next look needs.
//!
//! The first look is at the declared seeds. Every claim that is then open, and that seeds can decide, asks one further seed of each of
//! its cells; when all that are asked for are recorded, all open claims are looked at with one seed more. One at a time, because an
//! interval that is valid at every look costs nothing for another look, and a seed that a decision does not need costs its training.
//! Claims wait for each other, so that what is found is a function of the experiment and of the runs that are recorded, in
//! whatever order they were trained.

use super::cell::{CellView, SeedCounts};
use super::claims::{self, ClaimView, Ended, Ending, FamilyTest, Looked, Needed, Part};
use super::comparisons::Deciding;
use super::estimate::MetricEstimate;
use super::evidence::{CellEvidence, Evidence, Outcome, RunEvidence};
use super::linear_contrast::{DatasetCells, ResampledCell};
use super::resample::{EstimationPlan, NO_COMMON_ROWS, Resamples, Visits, row_interval};
use super::runs::FinishedRuns;
use super::totals::Totals;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use valor_runs::record::{Measured, Status};
use valor_runs::spec::{Cell, Claim, Experiment, MoreSeeds};
use valor_stats::metrics::{Defined, Undefined};
use valor_stats::stats::{Answer, Looks, Resampled};

/// What looking at an experiment's claims after every seed has found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sequence {
    /// Most seeds of a cell.
    pub max_seeds: usize,
    /// Further seeds that looks were made with.
    pub looked: MoreSeeds,
    /// Further seeds that are asked for: those, and what the next look needs.
    pub asked: MoreSeeds,
    /// Runs that the next look needs and that are not recorded: cell and seed.
    pub missing: Vec<(Cell, u64)>,
    /// Claims that wait for them.
    pub open: usize,
    /// Seeds of the last look.
    pub seeds: usize,
    /// The command that trains what is missing and reports again.
    pub command: String,
}

/// What single runs add, by their ids: looks share it.
#[derive(Default)]
pub struct Numbers {
    plan: Option<EstimationPlan>,
    runs: BTreeMap<String, Arc<RunNumbers>>,
}

/// A run in the metrics of claims.
struct RunNumbers {
    seed: u64,
    /// The rows that it was judged on, and its metrics; nothing where it did not finish.
    finished: Option<Finished>,
    diverged: bool,
}

struct Finished {
    evaluation: String,
    values: BTreeMap<String, Defined<f64>>,
    resampled: BTreeMap<String, Defined<Resampled>>,
}

/// Claims with their answers, and what the next look needs, from the evidence alone. Nothing where the experiment declares no such
/// design.
pub fn looked(evidence: &Evidence, numbers: &mut Numbers) -> Option<(Vec<ClaimView>, Sequence)> {
    let totals = evidence.all_totals();
    until_decided(evidence, &totals.leading(&evidence.experiment), &totals, numbers)
}

/// The same for an experiment with the areas that lead its table.
pub fn until_decided(
    evidence: &Evidence,
    asked: &Experiment,
    totals: &Totals,
    numbers: &mut Numbers,
) -> Option<(Vec<ClaimView>, Sequence)> {
    let max_seeds = asked.decision.max_seeds?;
    let deciding = Deciding {
        decision: &asked.decision,
        metrics: &evidence.experiment.metrics,
        totals,
        datasets: asked.datasets.len(),
        looks: Looks::Every,
    };
    let mut looking = Looking { evidence, asked, deciding, numbers, settled: Vec::new() };
    Some(looking.all(max_seeds))
}

struct Looking<'a> {
    evidence: &'a Evidence,
    asked: &'a Experiment,
    deciding: Deciding<'a>,
    numbers: &'a mut Numbers,
    settled: Vec<FamilyTest>,
}

impl Looking<'_> {
    fn all(&mut self, max_seeds: usize) -> (Vec<ClaimView>, Sequence) {
        let declared = self.asked.seeds.len();
        let command = self.evidence.command.clone();
        let mut sequence = Sequence { max_seeds, seeds: declared, command, ..Sequence::default() };
        let mut views: BTreeMap<usize, ClaimView> = BTreeMap::new();
        let mut open: Vec<usize> = (0..self.asked.claims.len()).collect();
        while !open.is_empty() {
            let seeds = sequence.seeds;
            let claims: Vec<Claim> = open.iter().map(|claim| self.asked.claims[*claim].clone()).collect();
            let found = self.look(&claims, seeds);
            let ends: Vec<Option<Ending>> =
                found.iter().map(|found| ending(found, seeds, max_seeds)).collect();
            let left: Vec<usize> =
                open.iter().zip(&ends).filter(|(_, end)| end.is_none()).map(|(claim, _)| *claim).collect();
            let cells: BTreeSet<Cell> =
                left.iter().flat_map(|claim| self.asked.cells_of(&self.asked.claims[*claim])).collect();
            sequence.missing = cells.iter().flat_map(|cell| self.missing(*cell, seeds + 1)).collect();
            let stuck = !sequence.missing.is_empty();
            // A look that lacks runs of its own asks for no further ones.
            let whole = cells.iter().all(|cell| self.missing(*cell, seeds).is_none());
            for ((claim, found), end) in open.iter().zip(found).zip(ends) {
                let why = end.or(stuck.then_some(Ending::Missing));
                let ended = why.map(|why| Ended { seeds, why });
                if end.is_some() {
                    self.settled.extend(found.tests);
                }
                views.insert(*claim, ClaimView { ended, ..found.view });
            }
            for cell in cells.iter().filter(|_| whole) {
                sequence.asked.ask(*cell, seeds + 1 - declared);
                if !stuck {
                    sequence.looked.ask(*cell, seeds + 1 - declared);
                }
            }
            sequence.open = left.len();
            if stuck {
                break;
            }
            open = left;
            sequence.seeds += usize::from(!open.is_empty());
        }
        (views.into_values().collect(), sequence)
    }

    /// The first runs of a cell that are not recorded, of so many.
    fn missing(&self, cell: Cell, seeds: usize) -> Option<(Cell, u64)> {
        let wanted = self.asked.seeds.iter().copied().chain(self.asked.further_seeds()).take(seeds);
        let recorded = |run: &&RunEvidence| matches!(run.outcome, Outcome::Found { .. });
        let found: BTreeSet<u64> = self.runs(cell).filter(recorded).map(|run| run.seed).collect();
        wanted.into_iter().find(|seed| !found.contains(seed)).map(|seed| (cell, seed))
    }

    /// What is known of a cell's runs, declared seeds first.
    fn runs(&self, cell: Cell) -> impl Iterator<Item = &RunEvidence> {
        let of_cell = move |one: &&CellEvidence| one.dataset == cell.dataset && one.method == cell.method;
        let cells = self.evidence.cells.iter().chain(&self.evidence.further);
        cells.filter(of_cell).flat_map(|one| &one.runs)
    }

    /// These claims with so many seeds of each cell.
    fn look(&mut self, claims: &[Claim], seeds: usize) -> Vec<Looked> {
        let judged_once = claims.iter().any(|claim| claim.statement.compared().is_empty());
        let once = if judged_once { self.asked.cells().collect() } else { Vec::new() };
        let cells: BTreeSet<Cell> =
            claims.iter().flat_map(|claim| self.asked.cells_of(claim)).chain(once).collect();
        let plan = self.plan();
        let views: Vec<(CellView, Resamples)> =
            cells.into_iter().map(|cell| self.cell(cell, seeds, &plan)).collect();
        let of_dataset = |name: &str| -> Vec<ResampledCell> {
            let of = views.iter().filter(|(cell, _)| cell.dataset == name);
            of.map(|(cell, resamples)| ResampledCell { cell, resamples }).collect()
        };
        let datasets = self.asked.datasets.iter();
        let datasets: Vec<DatasetCells> = datasets
            .map(|dataset| DatasetCells { dataset: &dataset.name, cells: of_dataset(&dataset.name) })
            .collect();
        let asked = Experiment { claims: claims.to_vec(), ..self.asked.clone() };
        claims::look(&asked, &datasets, &self.deciding, seeds, &self.settled)
    }

    fn plan(&mut self) -> EstimationPlan {
        let plan = self.numbers.plan.get_or_insert_with(|| {
            // Rows are resampled of what decides or would have been seen; orders need the values of their metrics alone.
            let resampled = self.deciding.totals.of_claims(self.asked);
            let ordered = self.asked.claims.iter().flat_map(Claim::metrics).cloned();
            let names: BTreeSet<String> = resampled.iter().cloned().chain(ordered).collect();
            EstimationPlan::new(
                names.into_iter().collect(),
                resampled,
                self.asked.interval,
                Visits::of(self.evidence),
            )
        });
        plan.clone()
    }

    /// A cell as it was with so many seeds.
    fn cell(&mut self, cell: Cell, seeds: usize, plan: &EstimationPlan) -> (CellView, Resamples) {
        let runs: Vec<RunEvidence> = self.runs(cell).take(seeds).cloned().collect();
        let numbers: Vec<Arc<RunNumbers>> = runs.iter().map(|run| self.numbers(cell, run, plan)).collect();
        let finished: Vec<(u64, &Finished)> =
            numbers.iter().filter_map(|run| Some((run.seed, run.finished.as_ref()?))).collect();
        let diverged = numbers.iter().filter(|run| run.diverged).count();
        let crashed = runs.iter().filter(|run| matches!(run.outcome, Outcome::Failed(_))).count();
        let counts = SeedCounts { found: finished.len(), failed: diverged + crashed, diverged, asked: seeds };
        let resamples = averaged(&finished, plan, &counts);
        let estimate = |name: &String| {
            let rows = resamples.metrics.get(name).cloned();
            let rows = rows.unwrap_or_else(|| Err(Undefined::new("not resampled")));
            let values = finished.iter().map(|(seed, found)| (*seed, value(found, name)));
            let estimate = match finished.is_empty() {
                true => MetricEstimate::absent(unfinished(&counts)),
                false => {
                    MetricEstimate::over_seeds(values, plan.over_seeds, &rows, row_interval(name, &rows))
                }
            };
            (name.clone(), estimate)
        };
        let (dataset, method) = (self.asked.dataset(cell), self.asked.method(cell));
        let view = CellView {
            dataset: dataset.name.clone(),
            method: method.name.clone(),
            backbone: method.backbone.clone(),
            components: method.components.clone(),
            seeds: counts,
            metrics: plan.names.iter().map(estimate).collect(),
            measured: runs.iter().filter_map(measured).collect(),
            importance: None,
            times: None,
        };
        (view, resamples)
    }

    fn numbers(&mut self, cell: Cell, run: &RunEvidence, plan: &EstimationPlan) -> Arc<RunNumbers> {
        if let Some(known) = self.numbers.runs.get(&run.id) {
            return Arc::clone(known);
        }
        let found = Arc::new(RunNumbers::of(self.evidence, cell, run, plan));
        // What is not recorded may be at the next look.
        if matches!(run.outcome, Outcome::Found { .. }) {
            self.numbers.runs.insert(run.id.clone(), Arc::clone(&found));
        }
        found
    }
}

impl RunNumbers {
    fn of(evidence: &Evidence, cell: Cell, run: &RunEvidence, plan: &EstimationPlan) -> Self {
        let alone = CellEvidence { dataset: cell.dataset, method: cell.method, runs: vec![run.clone()] };
        let runs = FinishedRuns::of(evidence, &alone);
        let finished = (runs.seeds.found > 0).then(|| {
            let resamples = runs.resamples(plan);
            let estimates = runs.estimates(plan, &resamples);
            let value = |estimate: &MetricEstimate| match estimate.per_seed.get(&run.seed) {
                Some(value) => Ok(*value),
                None => estimate.mean.clone(),
            };
            Finished {
                values: estimates.iter().map(|(name, estimate)| (name.clone(), value(estimate))).collect(),
                resampled: resamples.metrics,
                evaluation: resamples.evaluation,
            }
        });
        let diverged = match &run.outcome {
            Outcome::Found { record, .. } => matches!(record.status, Status::Diverged(_)),
            Outcome::Failed(_) | Outcome::Missing => false,
        };
        Self { seed: run.seed, finished, diverged }
    }
}

fn measured(run: &RunEvidence) -> Option<(u64, Measured)> {
    match &run.outcome {
        Outcome::Found { record, .. } => Some((run.seed, record.measured.clone())),
        Outcome::Failed(_) | Outcome::Missing => None,
    }
}

fn value(found: &Finished, name: &str) -> Defined<f64> {
    found.values.get(name).cloned().unwrap_or_else(|| Err(Undefined::new("not recorded")))
}

fn unfinished(counts: &SeedCounts) -> Undefined {
    Undefined(counts.unconverged().unwrap_or_else(|| "no seed finished".to_string()))
}

/// Metrics averaged over runs that share their rows, resample by resample.
fn averaged(finished: &[(u64, &Finished)], plan: &EstimationPlan, counts: &SeedCounts) -> Resamples {
    let Some((_, first)) = finished.first() else { return plan.refuse(&unfinished(counts)) };
    let evaluation = first.evaluation.clone();
    if finished.iter().any(|(_, found)| found.evaluation != evaluation) {
        return Resamples { evaluation, ..plan.refuse(&Undefined::new(NO_COMMON_ROWS)) };
    }
    let share = 1.0 / finished.len() as f64;
    let mean = |name: &String| -> Defined<Resampled> {
        let part = |(_, found): &(u64, &'_ Finished)| -> Defined<Resampled> {
            let missing = || Err(Undefined::new("not resampled"));
            found.resampled.get(name).cloned().unwrap_or_else(missing)
        };
        let parts = finished.iter().map(part).collect::<Defined<Vec<Resampled>>>()?;
        let terms: Vec<(f64, &Resampled)> = parts.iter().map(|part| (share, part)).collect();
        Resampled::sum(&terms).map_err(|error| Undefined(format!("{error:#}")))
    };
    let metrics = plan.names.iter().map(|name| (name.clone(), mean(name))).collect();
    Resamples { evaluation, metrics, ..Resamples::default() }
}

/// Why nothing more is asked for a claim; nothing where further seeds may decide it.
fn ending(found: &Looked, seeds: usize, max_seeds: usize) -> Option<Ending> {
    let view = &found.view;
    if view.verdict != Answer::Inconclusive {
        return Some(Ending::Decided);
    }
    let once = !view.absent.is_empty() || view.claim.statement.compared().is_empty();
    // One pair of seeds is too few for a test, and a second may come; without any there is nothing to wait for.
    let untested = |part: &Part| (part.reason.is_some() || part.p.is_none()) && part.pairs != 1;
    let untested = view.decisive().any(untested);
    let rows = view.needed() == Some(&Needed::Rows);
    match once || untested || rows || view.parts.is_empty() {
        true => Some(Ending::SeedsDoNotDecide),
        false => (seeds >= max_seeds).then_some(Ending::MostSeeds),
    }
}
