//! What a network is trained for: a weighted sum of registered terms.
//!
//! A term is one file that implements `Term` and one row of `TermKind` with its line in `TermKind::build`.

mod batch;
#[cfg(test)]
mod fixtures;
mod mse;
mod ranking;
mod ziln;

pub use batch::{Batch, Labels, Prediction};
pub use mse::MseSpec;
pub use ranking::{Label, Link, RankingSpec, Reduction, Score, Unit};
pub use ziln::{FocalZilnSpec, ZilnSpec};

use crate::input_error;
use crate::nets::{HeadSpec, OutcomeSummary};
use serde::{Deserialize, Serialize};
use tch::Tensor;

/// One term of an objective.
pub trait Term: Send {
    /// The loss of each replicate, `[S]`: differentiable with respect to the prediction, and a function of
    /// that replicate's rows alone.
    fn loss(&self, batch: &Batch, prediction: &Prediction) -> Tensor;
}

/// A loss term with its weight and options.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TermSpec {
    /// Factor in the total; finite.
    pub weight: f64,
    /// Which term.
    pub term: TermKind,
}

/// The registered terms.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TermKind {
    /// Squared error of the observed arm.
    Mse(MseSpec),
    /// Zero-inflated log-normal likelihood of the observed arm.
    Ziln(ZilnSpec),
    /// The same with a focal conversion part.
    FocalZiln(FocalZilnSpec),
    /// Value-weighted ranking of uplift.
    Ranking(RankingSpec),
}

/// What terms may know of the training rows and the network.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The network's head.
    pub head: HeadSpec,
    /// Outcomes of the training rows.
    pub summary: OutcomeSummary,
    /// Rows per step.
    pub batch: usize,
}

impl TermKind {
    /// The term itself. An error where the head lacks what the term needs.
    pub fn build(&self, setting: &Setting) -> anyhow::Result<Box<dyn Term>> {
        Ok(match self {
            TermKind::Mse(spec) => Box::new(spec.clone()),
            TermKind::Ziln(spec) => Box::new(needs_ziln("ziln", &setting.head, spec.clone())?),
            TermKind::FocalZiln(spec) => Box::new(needs_ziln("focal-ziln", &setting.head, spec.clone())?),
            TermKind::Ranking(spec) => Box::new(ranking::Ranking::new(spec, setting)?),
        })
    }

    /// Its name in logs and records.
    pub fn name(&self) -> &'static str {
        match self {
            TermKind::Mse(_) => "mse",
            TermKind::Ziln(_) => "ziln",
            TermKind::FocalZiln(_) => "focal-ziln",
            TermKind::Ranking(_) => "ranking",
        }
    }

    /// The label that ranking compares, where the term ranks.
    pub fn label(&self) -> Option<Label> {
        match self {
            TermKind::Ranking(spec) => Some(spec.label),
            TermKind::Mse(_) | TermKind::Ziln(_) | TermKind::FocalZiln(_) => None,
        }
    }
}

fn needs_ziln<T>(term: &str, head: &HeadSpec, spec: T) -> anyhow::Result<T> {
    match head {
        HeadSpec::Ziln { .. } => Ok(spec),
        HeadSpec::Point => Err(input_error!(
            "term '{term}' needs a ziln head (conversion, log-mean, log-scale); found a point head"
        )),
    }
}

struct Weighted {
    name: &'static str,
    weight: f64,
    term: Box<dyn Term>,
}

/// Weighted terms.
pub struct Objective {
    terms: Vec<Weighted>,
}

impl Objective {
    /// Builds every term.
    pub fn new(specs: &[TermSpec], setting: &Setting) -> anyhow::Result<Self> {
        let build = |spec: &TermSpec| {
            Ok(Weighted { name: spec.term.name(), weight: spec.weight, term: spec.term.build(setting)? })
        };
        Ok(Self { terms: specs.iter().map(build).collect::<anyhow::Result<_>>()? })
    }

    /// Names of the terms, in order.
    pub fn names(&self) -> Vec<&'static str> {
        self.terms.iter().map(|weighted| weighted.name).collect()
    }

    /// The weighted total `[S]` and each term before its weight `[terms, S]`.
    pub fn loss(&self, batch: &Batch, prediction: &Prediction) -> (Tensor, Tensor) {
        let loss = |weighted: &Weighted| weighted.term.loss(batch, prediction);
        let losses: Vec<Tensor> = self.terms.iter().map(loss).collect();
        let mut total = Tensor::zeros_like(&losses[0]);
        for (weighted, loss) in self.terms.iter().zip(&losses) {
            total += loss * weighted.weight;
        }
        (total, Tensor::stack(&losses, 0).detach())
    }
}
