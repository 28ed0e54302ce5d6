//! A grid of backbones with the full VALOR: each alone and with all components, and what every component adds.

use super::sentence::Gain;
use crate::comparisons::{Asker, Comparisons};
use crate::contrasts::{ComparedMethods, ContrastView};
use crate::linear_contrast::Place;
use valor_learn::learner::catalog;
use valor_runs::spec::NamedMethod;
use valor_runs::spec::groups::{backbones, by_components, with_components};

/// Fewest backbones that make a grid.
const FEWEST: usize = 2;

/// A backbone of a grid.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line<'a> {
    /// The backbone, as files spell it.
    key: &'a str,
    /// The method without a component.
    alone: &'a NamedMethod,
    /// With all of VALOR's.
    full: &'a NamedMethod,
}

/// Methods of a grid, before they are compared.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Draft<'a> {
    lines: Vec<Line<'a>>,
    steps: Vec<DraftStep<'a>>,
}

/// A component added to a set, on every backbone that has both.
#[derive(Clone, Debug, PartialEq)]
struct DraftStep<'a> {
    component: String,
    to: Vec<String>,
    /// By place of the backbone: with it, without it.
    pairs: Vec<Option<(&'a str, &'a str)>>,
}

/// What full models and single components gain on datasets of one kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    /// Place of the kind of datasets.
    pub kind: usize,
    /// One per backbone that has both.
    pub lines: Vec<GridLine>,
    /// What components add; nothing where no two methods differ by one.
    pub steps: Vec<GridStep>,
}

/// A backbone alone and with all components.
#[derive(Clone, Debug, PartialEq)]
pub struct GridLine {
    /// The method alone, which names the backbone.
    pub alone: String,
    /// The full model.
    pub full: String,
    /// The full model minus the backbone alone.
    pub gain: Gain,
}

/// A component added to a set.
#[derive(Clone, Debug, PartialEq)]
pub struct GridStep {
    /// The component.
    pub component: String,
    /// What it is added to.
    pub to: Vec<String>,
    /// By backbone in the order of `lines`; nothing where the grid lacks a method.
    pub gains: Vec<Option<ContrastView>>,
}

impl<'a> Draft<'a> {
    /// The grid of these methods; empty unless several backbones stand alone and with all of VALOR.
    pub(super) fn of(methods: &'a [NamedMethod]) -> Self {
        let all = catalog::VALOR.map(str::to_string);
        let line = |key: &'a str| {
            let alone = with_components(methods, key, &[])?;
            Some(Line { key, alone, full: with_components(methods, key, &all)? })
        };
        let lines: Vec<Line> = backbones(methods).into_iter().filter_map(line).collect();
        if lines.len() < FEWEST {
            return Self::default();
        }
        let steps = steps(methods, &lines);
        Self { lines, steps }
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Asks for every comparison of the grid.
    pub(super) fn ask(&self, metric: &str, place: &Place, comparisons: &mut Comparisons) {
        for line in &self.lines {
            comparisons.ask(Asker::Whole, &question(&line.full.name, &line.alone.name), metric, place);
        }
        for (with, without) in self.steps.iter().flat_map(|step| step.pairs.iter().flatten()) {
            comparisons.ask(Asker::Added, &question(with, without), metric, place);
        }
    }

    /// What the comparisons say; nothing where none of the full models could be compared.
    pub(super) fn answer(
        &self,
        kind: usize,
        metric: &str,
        datasets: &[&str],
        comparisons: &Comparisons,
    ) -> Option<Grid> {
        let get = |with: &str, without: &str| comparisons.get(&question(with, without), metric, datasets);
        let line = |line: &Line| {
            let contrast = get(&line.full.name, &line.alone.name)?;
            let (alone, full) = (line.alone.name.clone(), line.full.name.clone());
            Some(GridLine { gain: Gain { name: alone.clone(), contrast }, alone, full })
        };
        let lines = self.lines.iter().map(line).collect::<Option<Vec<_>>>()?;
        let step = |step: &DraftStep| GridStep {
            component: step.component.clone(),
            to: step.to.clone(),
            gains: step
                .pairs
                .iter()
                .map(|pair| pair.and_then(|(with, without)| get(with, without)))
                .collect(),
        };
        let decides = |line: &GridLine| line.gain.contrast.value().is_some();
        lines.iter().any(decides).then(|| Grid { kind, steps: self.steps.iter().map(step).collect(), lines })
    }
}

fn question<'a>(with: &'a str, without: &'a str) -> ComparedMethods<'a> {
    ComparedMethods { method: with, against: without, component: None }
}

/// Every component of VALOR added to every set that some backbone has with and without it: small sets first.
fn steps<'a>(methods: &'a [NamedMethod], lines: &[Line<'a>]) -> Vec<DraftStep<'a>> {
    let mut sets: Vec<&Vec<String>> = Vec::new();
    for method in lines.iter().flat_map(|line| by_components(methods, line.key)) {
        if !sets.contains(&&method.components) {
            sets.push(&method.components);
        }
    }
    sets.sort_by_key(|set| set.len());
    let mut found = Vec::new();
    for set in sets {
        for component in catalog::VALOR.iter().filter(|name| !set.iter().any(|has| has == *name)) {
            let mut with = set.clone();
            with.push(component.to_string());
            let Ok(with) = catalog::components(&with) else { continue };
            let pair = |line: &Line<'a>| {
                let larger = with_components(methods, line.key, &with)?;
                Some((larger.name.as_str(), with_components(methods, line.key, set)?.name.as_str()))
            };
            let pairs: Vec<_> = lines.iter().map(pair).collect();
            if pairs.iter().any(Option::is_some) {
                found.push(DraftStep { component: component.to_string(), to: set.clone(), pairs });
            }
        }
    }
    found
}
