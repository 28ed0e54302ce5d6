//! How trees answer, written down: what a model file tells its readers.
//!
//! Names and equations stand in docs/reference/models.md, Trees. Every constant comes from where the trees take it.

use super::TreesSpec;
use super::saved::{EFFECT, OUTCOME, SCALE, SHARE, START, TREATMENT, TREES};
use crate::trees::{LOG_SIGMA, LOGIT, Link, MARGIN, MOST_BINS, OVERLAP, ROUNDING};
use serde::Serialize;

/// What the numbers of the tensors are, and how they become an answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct TreeSteps {
    /// Columns of `GROUP.nodes`.
    node: [&'static str; 6],
    /// Rows of `GROUP.sets`.
    set: SetLayout,
    /// Groups of trees, with the columns of their leaves.
    groups: Vec<Group>,
    /// From the leaves of a row to what is expected of it.
    answer: Answer,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
struct SetLayout {
    /// Bits in each number.
    bits: u32,
    /// Larger codes of levels count as this one.
    largest_code: usize,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Group {
    name: &'static str,
    leaf: Vec<&'static str>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
enum Answer {
    /// Means over trees of what their leaves' laws say.
    Mean { of: &'static str, sigma_square: f64 },
    /// The law whose parameters are the sums over trees.
    Sum { of: &'static str, start: &'static str, logit: Range, log_sigma: Range, sigma_square: f64 },
    /// An effect that parts a marginal outcome.
    Residual {
        effect: &'static str,
        outcome: &'static str,
        propensity: &'static str,
        known_propensity: &'static str,
        propensity_range: Range,
        least_variance: f64,
    },
    /// What the leaf says.
    Leaf { of: &'static str },
    /// Of one arm: a product of sums over trees, each read by a function.
    Product { stages: Vec<StageSteps>, start: &'static str, scale: &'static str, margin: Range },
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
struct StageSteps {
    of: &'static str,
    function: Link,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Range {
    least: f64,
    most: f64,
}

/// Factor of `sigma^2` in a log-normal's log-mean.
const SIGMA_SQUARE: f64 = 0.5;

/// Numbers of a leaf, as `saved` writes them.
const ZILN_LEAF: [&str; 8] = [
    "rows.control",
    "conversion.control",
    "mu.control",
    "sigma.control",
    "rows.treated",
    "conversion.treated",
    "mu.treated",
    "sigma.treated",
];
const BOOSTED_LEAF: [&str; 7] = [
    "rows",
    "logit.control",
    "mu.control",
    "log-sigma.control",
    "logit.treated",
    "mu.treated",
    "log-sigma.treated",
];
const UPLIFT_LEAF: [&str; 10] = [
    "rows.control",
    "conversion.control",
    "mean.control",
    "error.control",
    "effective-rows.control",
    "rows.treated",
    "conversion.treated",
    "mean.treated",
    "error.treated",
    "effective-rows.treated",
];
const VALUE_LEAF: [&str; 2] = ["rows", "step"];
const CAUSAL_LEAF: [&str; 5] = ["rows", "t", "y", "tt", "ty"];
const REGRESSION_LEAF: [&str; 1] = ["mean"];

impl TreesSpec {
    /// How the trees answer.
    pub fn steps(&self) -> TreeSteps {
        let group = |name, leaf: &[&'static str]| Group { name, leaf: leaf.to_vec() };
        let (groups, answer) = match self {
            TreesSpec::ZilnForest(_) => {
                let answer = Answer::Mean { of: TREES, sigma_square: SIGMA_SQUARE };
                (vec![group(TREES, &ZILN_LEAF)], answer)
            }
            TreesSpec::CausalForest(_) => {
                let answer = Answer::Residual {
                    effect: EFFECT,
                    outcome: OUTCOME,
                    propensity: TREATMENT,
                    known_propensity: SHARE,
                    propensity_range: Range { least: OVERLAP, most: 1.0 - OVERLAP },
                    least_variance: ROUNDING,
                };
                let nuisances = [OUTCOME, TREATMENT].map(|name| group(name, &REGRESSION_LEAF));
                ([group(EFFECT, &CAUSAL_LEAF)].into_iter().chain(nuisances).collect(), answer)
            }
            TreesSpec::ZilnGbdt(_) => {
                let answer = Answer::Sum {
                    of: TREES,
                    start: START,
                    logit: Range { least: -LOGIT, most: LOGIT },
                    log_sigma: Range { least: LOG_SIGMA[0], most: LOG_SIGMA[1] },
                    sigma_square: SIGMA_SQUARE,
                };
                (vec![group(TREES, &BOOSTED_LEAF)], answer)
            }
            TreesSpec::Gbdt(spec) => {
                let stages = spec.stages();
                let groups = stages.iter().map(|(name, _)| group(name, &VALUE_LEAF)).collect();
                let stages = stages.into_iter().map(|(of, function)| StageSteps { of, function }).collect();
                let margin = Range { least: -MARGIN, most: MARGIN };
                (groups, Answer::Product { stages, start: START, scale: SCALE, margin })
            }
            TreesSpec::UpliftTree(_) => (vec![group(TREES, &UPLIFT_LEAF)], Answer::Leaf { of: TREES }),
        };
        let node = ["column", "threshold", "left", "right", "set", "missing-left"];
        TreeSteps { node, set: SetLayout { bits: 16, largest_code: MOST_BINS - 1 }, groups, answer }
    }
}
