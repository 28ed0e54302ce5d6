//! Two protocols side by side, and learning by epoch, as text and figures.

use super::charts::{self, Protocol};
use anyhow::Result;
use serde::Serialize;
use valor_analysis::beside::{Beside, BothAnswers, BothMeans};
use valor_analysis::{Analysis, Block};
use valor_page::figure::{Figure, FigurePage};
use valor_page::format;

/// What the section on two protocols shows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct BesideText {
    /// The profile of this report.
    pub here: String,
    /// The other.
    pub there: String,
    /// What a reader should know of the other.
    pub caption: Option<String>,
    /// How many claims are answered differently.
    pub sentence: String,
    /// Claims of both.
    pub claims: Vec<BothText>,
    /// The metric of the methods.
    pub metric: String,
    /// Dataset, method, mean here, mean there.
    pub methods: Vec<[String; 4]>,
}

/// A claim under both profiles.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct BothText {
    /// In prose.
    pub text: String,
    /// The answer of this report.
    pub here: String,
    /// The other's.
    pub there: String,
    /// Whether the two differ.
    pub differ: bool,
}

impl BesideText {
    /// Nothing where no other profile is asked for.
    pub(super) fn new(analysis: &Analysis) -> Option<Self> {
        let beside = analysis.beside.as_ref()?;
        let number = |value: Option<f64>| {
            value.map_or_else(|| "\u{2013}".to_string(), |value| format::number(value, 3))
        };
        let method = |both: &BothMeans| {
            [both.dataset.clone(), both.method.clone(), number(both.here), number(both.there)]
        };
        let claim = |claim: &BothAnswers| BothText {
            text: claim.text.clone(),
            here: claim.here.word().to_string(),
            there: claim.there.word().to_string(),
            differ: claim.here != claim.there,
        };
        Some(Self {
            here: analysis.profile.clone(),
            there: beside.profile.clone(),
            caption: beside.caption.clone(),
            sentence: sentence(beside),
            claims: beside.claims.iter().map(claim).collect(),
            metric: beside.metric.clone(),
            methods: beside.methods.iter().map(method).collect(),
        })
    }
}

fn sentence(beside: &Beside) -> String {
    let (different, all) = (beside.different(), beside.claims.len());
    match (different, all) {
        (_, 0) => "No claim stands in both.".to_string(),
        (0, all) => format!("All {all} claims are answered alike under {}.", beside.profile),
        (different, all) => {
            format!("{different} of {all} claims are answered differently under {}.", beside.profile)
        }
    }
}

/// Learning by epoch of a block, with that of the other protocol where there is one.
pub(super) fn learning_figures(analysis: &Analysis, block: &Block) -> Vec<Figure> {
    let there = analysis.beside.as_ref().and_then(|beside| Some((beside, beside.block(&block.dataset)?)));
    let here = match there {
        None => "",
        Some(_) => analysis.profile.as_str(),
    };
    let mut protocols = vec![Protocol { name: here, methods: &block.learning }];
    protocols.extend(
        there.map(|(beside, there)| Protocol { name: beside.profile.as_str(), methods: &there.learning }),
    );
    charts::learning(&protocols, &block.references)
}

/// The same, drawn.
pub(super) fn learning(analysis: &Analysis, block: &Block) -> Result<Vec<FigurePage>> {
    learning_figures(analysis, block).into_iter().map(Figure::page).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use valor_analysis::sample::Sample;

    #[test]
    fn both_protocols_are_shown_and_never_mixed() {
        let mut evidence = Sample::default().evidence();
        let mut other = evidence.clone();
        other.experiment.profile = "to-the-letter".to_string();
        evidence.beside = Some(Box::new(other));
        let analysis = Analysis::new(&evidence).unwrap();
        let text = BesideText::new(&analysis).unwrap();
        assert_eq!(text.sentence, "All 1 claims are answered alike under to-the-letter.");
        assert_eq!(text.methods.len(), 3);
        let table = super::super::Table::new(&analysis);
        let differences = super::super::Differences::new(&analysis, &table);
        let page = super::super::html::render(&analysis, &table, &differences).unwrap();
        assert!(page.contains("id=\"beside\"") && page.contains("auuc.true by epoch, to-the-letter"));
        let alone = Sample::default().analysis();
        let table = super::super::Table::new(&alone);
        let differences = super::super::Differences::new(&alone, &table);
        let page = super::super::html::render(&alone, &table, &differences).unwrap();
        assert!(!page.contains("id=\"beside\"") && page.contains("auuc.true by epoch"));
    }
}
