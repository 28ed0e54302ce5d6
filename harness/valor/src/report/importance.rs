//! The page's section on what features are worth to trees.

use super::charts::importance::{DRAWN, importance};
use anyhow::Result;
use serde::Serialize;
use valor_analysis::importance::{ImportanceView, Spread};
use valor_analysis::{Analysis, Block};
use valor_page::figure::FigurePage;
use valor_page::format;

/// One method of trees on one dataset.
#[derive(Serialize)]
pub(super) struct ImportancePage {
    dataset: String,
    method: String,
    seeds: usize,
    rows: String,
    plate: FigurePage,
    features: Vec<FeatureRow>,
    /// Features that are left out of the table.
    others: usize,
}

#[derive(Serialize)]
struct FeatureRow {
    name: String,
    loss: Option<SpreadText>,
    gain: SpreadText,
}

#[derive(Serialize)]
struct SpreadText {
    mean: String,
    sd: Option<String>,
}

impl ImportancePage {
    /// Of every method of trees, dataset by dataset.
    pub(super) fn all(analysis: &Analysis) -> Result<Vec<Self>> {
        let cells = analysis.blocks.iter().flat_map(|block: &Block| &block.cells);
        let known = cells.filter_map(|cell| cell.importance.as_ref().map(|found| (cell, found)));
        known.map(|(cell, found)| Self::new(&cell.dataset, &cell.method, found)).collect()
    }

    fn new(dataset: &str, method: &str, found: &ImportanceView) -> Result<Self> {
        let shown = &found.features[..found.features.len().min(DRAWN)];
        let means = shown.iter().filter_map(|feature| feature.loss.map(|loss| loss.mean));
        let places = format::decimals(means).min(4);
        let feature = |feature: &valor_analysis::importance::FeatureImportanceView| FeatureRow {
            name: feature.name.clone(),
            loss: feature.loss.map(|loss| text(loss, 1.0, places)),
            gain: text(feature.gain, 100.0, 1),
        };
        Ok(Self {
            dataset: dataset.to_string(),
            method: method.to_string(),
            seeds: found.seeds,
            rows: format::count(found.rows),
            plate: importance(method, found).page()?,
            features: shown.iter().map(feature).collect(),
            others: found.features.len() - shown.len(),
        })
    }
}

fn text(spread: Spread, factor: f64, places: usize) -> SpreadText {
    SpreadText {
        mean: format::number(factor * spread.mean, places),
        sd: spread.sd.map(|sd| format::number(factor * sd, places)),
    }
}
