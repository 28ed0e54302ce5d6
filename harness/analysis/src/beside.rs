//! The same question under another protocol: the answers of two profiles side by side, never mixed.

use super::block::Block;
use super::cell::CellView;
use super::claims::ClaimView;
use super::estimate::MetricEstimate;
use serde::Serialize;
use valor_stats::stats::Answer;

/// What another profile of the same file answers.
#[derive(Clone, Debug, Serialize)]
pub struct Beside {
    /// Its name.
    pub profile: String,
    /// What a reader should know of it.
    pub caption: Option<String>,
    /// Claims of both.
    pub claims: Vec<BothAnswers>,
    /// The metric that methods are shown in: the first primary one of this report.
    pub metric: String,
    /// Methods of both, dataset by dataset.
    pub methods: Vec<BothMeans>,
    /// What is said of the other's learning, by dataset.
    #[serde(skip)]
    pub blocks: Vec<Block>,
}

/// A claim under both.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BothAnswers {
    /// Name of the claim.
    pub id: String,
    /// In prose.
    pub text: String,
    /// Under this profile.
    #[serde(serialize_with = "word")]
    pub here: Answer,
    /// Under the other.
    #[serde(serialize_with = "word")]
    pub there: Answer,
}

/// A method under both; absent where no seed finished.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BothMeans {
    /// Dataset, as the experiment names it.
    pub dataset: String,
    /// Method, as the experiment names it.
    pub method: String,
    /// Mean over seeds under this profile.
    pub here: Option<f64>,
    /// Under the other.
    pub there: Option<f64>,
}

fn word<S: serde::Serializer>(answer: &Answer, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(answer.word())
}

/// What a profile answers.
pub(crate) struct Answers {
    /// Its name.
    pub profile: String,
    /// What a reader should know of it.
    pub caption: Option<String>,
    /// Claims with their answers.
    pub claims: Vec<ClaimView>,
    /// One per dataset.
    pub blocks: Vec<Block>,
}

impl Beside {
    /// What `other` answers of what both have; methods in `metric`.
    pub(crate) fn new(metric: &str, claims: &[ClaimView], blocks: &[Block], other: Answers) -> Self {
        let both = |claim: &ClaimView| {
            let there = other.claims.iter().find(|found| found.claim.id == claim.claim.id)?;
            let (id, text) = (claim.claim.id.clone(), claim.claim.text.clone());
            Some(BothAnswers { id, text, here: claim.verdict, there: there.verdict })
        };
        Self {
            claims: claims.iter().filter_map(both).collect(),
            metric: metric.to_string(),
            methods: blocks.iter().flat_map(|block| means(block, &other.blocks, metric)).collect(),
            profile: other.profile,
            caption: other.caption,
            blocks: other.blocks,
        }
    }

    /// Claims that the two answer differently.
    pub fn different(&self) -> usize {
        self.claims.iter().filter(|claim| claim.here != claim.there).count()
    }

    /// The other's block of a dataset.
    pub fn block(&self, dataset: &str) -> Option<&Block> {
        self.blocks.iter().find(|block| block.dataset == dataset)
    }
}

/// The methods of a dataset that both have.
fn means(block: &Block, others: &[Block], metric: &str) -> Vec<BothMeans> {
    let Some(there) = others.iter().find(|there| there.dataset == block.dataset) else {
        return Vec::new();
    };
    let both = |cell: &CellView| {
        let twin = there.cells.iter().find(|twin| twin.method == cell.method)?;
        let mean = |cell: &CellView| cell.metrics.get(metric).and_then(MetricEstimate::value);
        Some(BothMeans {
            dataset: block.dataset.clone(),
            method: cell.method.clone(),
            here: mean(cell),
            there: mean(twin),
        })
    };
    block.cells.iter().filter_map(both).collect()
}

#[cfg(test)]
mod tests {
    use crate::Analysis;
    use crate::evidence::Outcome;
    use crate::sample::Sample;

    #[test]
    fn claims_and_methods_of_both_stand_side_by_side() {
        let mut evidence = Sample::default().evidence();
        let mut other = evidence.clone();
        other.experiment.profile = "letter".to_string();
        other.experiment.claims[0].id = "another".to_string();
        for run in &mut other.cells[1].runs {
            run.outcome = Outcome::Missing;
        }
        evidence.beside = Some(Box::new(other));
        let analysis = Analysis::new(&evidence).unwrap();
        let beside = analysis.beside.as_ref().unwrap();
        assert_eq!((beside.profile.as_str(), beside.claims.len(), beside.methods.len()), ("letter", 0, 3));
        assert!(beside.methods[0].here == beside.methods[0].there && beside.methods[0].here.is_some());
        assert_eq!((beside.methods[1].here.is_some(), beside.methods[1].there), (true, None));
    }
}
