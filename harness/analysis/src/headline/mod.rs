//! What a report says first: the answer, how many claims hold, who beats what, and what ranking by expected spend alone scores.
//! Averages are over datasets of one kind, never across units.

mod grid;
mod kind;
mod sentence;

pub use grid::{Grid, GridLine, GridStep};
pub use kind::{KindMean, KindMethod, KindReference, KindView, Spend};
pub use sentence::{Gain, Leader, Sentence, Split, verdict};

use super::block::Block;
use super::claims::ClaimView;
use super::comparisons::{Asker, Comparisons, Deciding};
use super::contrasts::{ComparedMethods, contrast, with_baseline};
use super::estimate::LEVEL;
use super::linear_contrast::DatasetCells;
use kind::{Kind, Metrics};
use valor_runs::spec::Experiment;
use valor_stats::metrics::Direction;
use valor_stats::stats::{Answer, Verdict};

/// Kinds of datasets that the answer and the table spell out.
pub const SPELLED_KINDS: usize = 3;
/// Columns of the table, unless there are more kinds.
const COLUMNS: usize = 3;
/// Most sentences of the answer.
const SENTENCES: usize = 4;

/// What a report says first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Headline {
    /// The answer: two to four sentences, fewer where there is less to say.
    pub answer: Vec<Sentence>,
    /// How many claims have each verdict; empty where none is declared.
    pub tally: Vec<(Answer, usize)>,
    /// Kinds of datasets, in the order of the experiment. The first one leads.
    pub kinds: Vec<KindView>,
    /// The table: methods in the order of the first kind's ranking, these columns.
    pub columns: Vec<Column>,
    /// Full models beside their backbones, kind by kind; none where there is no grid.
    pub grids: Vec<Grid>,
}

/// A column of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Place of the kind of datasets.
    pub kind: usize,
    /// The metric.
    pub metric: String,
    /// Whether it is the kind's own metric, in which methods stand beside the baseline.
    pub decides: bool,
}

/// A headline whose comparisons are asked for and not yet decided.
pub(crate) struct Draft<'a> {
    asked: &'a Experiment,
    cells: &'a [DatasetCells<'a>],
    kinds: Vec<Kind>,
    views: Vec<KindView>,
    grid: grid::Draft<'a>,
}

impl<'a> Draft<'a> {
    /// Averages over kinds, and asks for what the headline compares. `names` are all metrics.
    pub(crate) fn ask(
        asked: &'a Experiment,
        cells: &'a [DatasetCells<'a>],
        deciding: &Deciding,
        names: &[String],
        comparisons: &mut Comparisons,
    ) -> Self {
        let kinds = Kind::all(&asked.datasets);
        let grid = grid::Draft::of(&asked.methods);
        let view = |kind: &Kind| {
            let datasets = kind.place(cells).names();
            let primary: Vec<String> = asked
                .decision
                .metrics
                .iter()
                .map(|metric| deciding.totals.deciding(metric, &datasets).to_string())
                .collect();
            KindView::new(kind, asked, cells, &Metrics { primary: &primary, names })
        };
        let views: Vec<KindView> = kinds.iter().map(view).collect();
        for (kind, view) in kinds.iter().zip(&views) {
            let place = kind.place(cells);
            let Some(first) = place.datasets.first() else { continue };
            for one in with_baseline(&asked.baseline, first) {
                comparisons.ask(Asker::Standing, &one, &view.metric, &place);
            }
            grid.ask(&view.metric, &place, comparisons);
        }
        Self { asked, cells, kinds, views, grid }
    }

    /// The headline but for reference rankings and claims, once every family is corrected.
    pub(crate) fn answer(self, deciding: &Deciding, comparisons: &Comparisons) -> Headline {
        let mut kinds = self.views.clone();
        for view in &mut kinds {
            let datasets: Vec<&str> = view.datasets.iter().map(String::as_str).collect();
            let metric = view.metric.clone();
            for method in &mut view.methods {
                let name = method.method.clone();
                let question =
                    ComparedMethods { method: &name, against: &self.asked.baseline, component: None };
                let other = name != self.asked.baseline;
                method.beside = comparisons.get(&question, &metric, &datasets).filter(|_| other);
            }
        }
        let grid = |(place, view): (usize, &KindView)| {
            let datasets: Vec<&str> = view.datasets.iter().map(String::as_str).collect();
            self.grid.answer(place, &view.metric, &datasets, comparisons).filter(|_| !self.grid.is_empty())
        };
        let grids: Vec<Grid> = kinds.iter().enumerate().filter_map(grid).collect();
        let leader = kinds.first().and_then(|view| self.leader(view, deciding, comparisons));
        let answer = answer(&kinds, &grids, leader);
        Headline { answer, tally: Vec::new(), columns: columns(&kinds, &self.asked.metrics), kinds, grids }
    }

    /// Who leads on the first kind. It was chosen by its score, so that whoever it is told from is told from it among all pairs.
    fn leader(&self, view: &KindView, deciding: &Deciding, comparisons: &Comparisons) -> Option<Leader> {
        let place = self.kinds.first()?.place(self.cells);
        let leader = view.leader().filter(|_| view.direction() != Direction::Neither)?;
        let names = place.names();
        if view.methods.len() < 2 || deciding.totals.warning(&view.metric, &names).is_some() {
            return None;
        }
        let ranked = view.ranked().into_iter().map(|place| &view.methods[place]);
        let others: Vec<&KindMethod> = ranked
            .filter(|method| method.method != leader.method && method.value(&view.metric).is_some())
            .collect();
        let pairs = (others.len() * (others.len() + 1) / 2) as f64;
        let told = |other: &&&KindMethod| {
            let question =
                ComparedMethods { method: &leader.method, against: &other.method, component: None };
            let known = comparisons.get(&question, &view.metric, &names);
            let found = contrast(&question, &view.metric, &place).and_then(|found| found.gain.ok());
            let p = found.and_then(|gain| deciding.p_value(&gain));
            known.is_some_and(|known| verdict(&known) == Verdict::Better)
                || p.is_some_and(|p| p * pairs < 1.0 - LEVEL)
        };
        let open = others.iter().filter(|other| !told(other)).map(|other| other.method.clone()).collect();
        Some(Leader { kind: 0, method: leader.method.clone(), open, others: others.len() })
    }
}

impl Headline {
    /// With the reference rankings of every kind, and with claims.
    pub(crate) fn complete(mut self, blocks: &[Block], claims: &[ClaimView]) -> Self {
        for view in &mut self.kinds {
            let own = |block: &&Block| view.datasets.contains(&block.dataset);
            *view = view.clone().with_references(&blocks.iter().filter(own).collect::<Vec<_>>());
        }
        let count = |answer: &Answer| claims.iter().filter(|claim| claim.verdict == *answer).count();
        self.tally = Answer::ALL.iter().map(|answer| (*answer, count(answer))).collect();
        if claims.is_empty() {
            self.tally.clear();
        }
        // Where a grid answers, claims repeat it; elsewhere they are what was asked.
        if self.grids.is_empty() {
            self.answer.splice(0..0, sentence::claims(claims));
        }
        self.answer.truncate(SENTENCES);
        self
    }

    /// The first kind.
    pub fn leading(&self) -> Option<&KindView> {
        self.kinds.first()
    }
}

/// What comparisons say: full models beside their backbones and single components, or methods beside the baseline; then who
/// leads.
fn answer(kinds: &[KindView], grids: &[Grid], leader: Option<Leader>) -> Vec<Sentence> {
    let mut found: Vec<Sentence> = Vec::new();
    let spelled = SPELLED_KINDS.min(SENTENCES - 2);
    for grid in grids.iter().take(spelled) {
        let gains = Split::of(grid.lines.iter().map(|line| line.gain.clone()));
        found.push(Sentence::Whole { kind: grid.kind, gains });
    }
    found.extend(grids.first().and_then(added));
    let finished = |method: &&KindMethod| method.seeds.found > 0;
    match kinds.first().map(|view| (view, view.methods.as_slice())) {
        Some((_, [only])) if finished(&only) => {
            found.push(Sentence::Alone { kind: 0, method: only.method.clone() });
        }
        Some((view, _)) if grids.is_empty() => found.extend(sentence::beside(0, view)),
        Some(_) | None => {}
    }
    found.extend(leader.map(Sentence::Leader));
    found
}

/// What components add, over backbones and over what they are added to; nothing where none is added alone.
fn added(grid: &Grid) -> Option<Sentence> {
    let mut components: Vec<(String, Vec<Gain>)> = Vec::new();
    for step in &grid.steps {
        let gains = step.gains.iter().zip(&grid.lines);
        let gains = gains.filter_map(|(contrast, line)| {
            Some(Gain { name: line.alone.clone(), contrast: contrast.clone()? })
        });
        match components.iter_mut().find(|(name, _)| *name == step.component) {
            Some((_, known)) => known.extend(gains),
            None => components.push((step.component.clone(), gains.collect())),
        }
    }
    let components: Vec<_> = components.into_iter().map(|(name, gains)| (name, Split::of(gains))).collect();
    (!components.is_empty()).then_some(Sentence::Added { kind: grid.kind, components })
}

/// Metrics that say what another one says, up to half a row.
const REPEATS: [(&str, &str); 2] = [("qini.true", "auuc.true"), ("qini.area.true", "auuc.area.true")];

/// The metric of every kind; where there are few kinds, further metrics of the experiment's table.
fn columns(kinds: &[KindView], metrics: &[String]) -> Vec<Column> {
    let own = kinds.iter().take(SPELLED_KINDS).enumerate();
    let mut found: Vec<Column> =
        own.map(|(kind, view)| Column { kind, metric: view.metric.clone(), decides: true }).collect();
    let Some(first) = kinds.first() else { return found };
    if kinds.len() > 1 {
        return found;
    }
    let judged = |metric: &&String| {
        valor_stats::metrics::find(metric).is_ok_and(|metric| metric.direction != Direction::Neither)
            && first.methods.iter().any(|method| method.value(metric).is_some())
    };
    let told = |metric: &&String| {
        let repeats =
            REPEATS.iter().any(|(one, other)| metric == one && metrics.iter().any(|known| known == other));
        let limit =
            valor_stats::metrics::find(metric).ok().and_then(valor_stats::metrics::Metric::without_noise);
        // Of the metric that decides what an experimenter would have seen stands beside it, of others the truth alone.
        let noisy =
            limit.is_some_and(|limit| first.metric != limit && metrics.iter().any(|known| known == limit));
        !repeats && !noisy
    };
    for metric in metrics.iter().filter(judged).filter(told) {
        let shown = found.iter().any(|column| column.metric == *metric);
        if !shown && found.len() < COLUMNS {
            found.push(Column { kind: 0, metric: metric.clone(), decides: false });
        }
    }
    found
}
