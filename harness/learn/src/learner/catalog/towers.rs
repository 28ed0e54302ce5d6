//! Two-stage, MMOE, ExpLTV and OptDist: from the options of each to its head and its losses.

use crate::nets::{
    Amount, BucketSpec, Decoding, Detector, ExpLtvSpec, HeadSpec, MmoeSpec, OptDistSpec, Selection,
    TowersSpec, TwoStageSpec,
};
use crate::objectives::{
    AlignmentSpec, BuyersError, BuyersSpec, ChosenZilnSpec, DiversitySpec, FocalPurchaseSpec, MixedZilnSpec,
    PurchaseSpec, TermKind, TermSpec, WhaleDetectionSpec,
};
use serde::{Deserialize, Serialize};
use valor_base::error::not_negative;
use valor_base::input_error;
use valor_base::question::Question;

/// Options of the two-stage network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct TwoStageOptions {
    /// How a raw output is what a buyer spends.
    pub amount: Amount,
    /// Weight of what buyers spend beside the purchase; 0 or more.
    pub amount_weight: f64,
}

/// Options of MMOE with focal loss.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct MmoeOptions {
    /// Number of experts; 1 or more.
    pub experts: usize,
    /// Widths of an expert's layers; at least one.
    pub widths: Vec<usize>,
    /// Widths of a gate's hidden layers.
    pub gates: Vec<usize>,
    /// How a raw output is what a buyer spends.
    pub amount: Amount,
    /// What is said.
    pub decoding: Decoding,
    /// Weight of buyers in the focal loss; in (0, 1).
    pub alpha: f64,
    /// How much easy rows are discounted; 0 or more.
    pub gamma: f64,
    /// Error, in training standard deviations, from which Huber's loss is linear; above 0.
    pub delta: f64,
    /// Weight of the purchase; 0 or more.
    pub purchase_weight: f64,
    /// Weight of what buyers spend; 0 or more.
    pub amount_weight: f64,
}

/// Options of ExpLTV.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpLtvOptions {
    /// Whales are the last of these buckets.
    pub buckets: BucketSpec,
    /// Among whom the detector tells whales.
    pub detector: Detector,
    /// Weight of the likelihood; 0 or more.
    pub value_weight: f64,
    /// Weight of the detector; 0 or more.
    pub detection_weight: f64,
    /// Weight of the purchase beside the detector; 0 or more.
    pub purchase_weight: f64,
}

/// Options of OptDist.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct OptDistOptions {
    /// Number of laws; 2 to 64.
    pub laws: usize,
    /// How the weights of the laws are made while training.
    pub selection: Selection,
    /// What scores are divided by while training; above 0.
    pub temperature: f64,
    /// What is said.
    pub decoding: Decoding,
    /// How much easy rows are discounted in what teaches the choice; 0 or more.
    pub gamma: f64,
    /// Weight of the divergence from the soft label there; 0 or more.
    pub divergence: f64,
    /// Weight of what teaches the choice; 0 leaves it out.
    pub alignment_weight: f64,
    /// Weight of what keeps laws apart; 0 leaves it out.
    pub diversity_weight: f64,
}

impl Default for TwoStageOptions {
    fn default() -> Self {
        Self { amount: Amount::default(), amount_weight: 1.0 }
    }
}

impl Default for MmoeOptions {
    fn default() -> Self {
        let MmoeSpec { experts, widths, gates, amount, decoding } = MmoeSpec::default();
        let FocalPurchaseSpec { alpha, gamma } = FocalPurchaseSpec::default();
        let delta = BuyersSpec::default().delta;
        let (purchase_weight, amount_weight) = (0.3, 0.7);
        Self { experts, widths, gates, amount, decoding, alpha, gamma, delta, purchase_weight, amount_weight }
    }
}

impl Default for ExpLtvOptions {
    fn default() -> Self {
        let ExpLtvSpec { buckets, detector } = ExpLtvSpec::default();
        Self { buckets, detector, value_weight: 10.0, detection_weight: 1.0, purchase_weight: 1.0 }
    }
}

impl Default for OptDistOptions {
    fn default() -> Self {
        let OptDistSpec { laws, selection, temperature, decoding } = OptDistSpec::default();
        let AlignmentSpec { gamma, divergence } = AlignmentSpec::default();
        let (alignment_weight, diversity_weight) = (1.0, 0.0);
        Self { laws, selection, temperature, decoding, gamma, divergence, alignment_weight, diversity_weight }
    }
}

/// Options of all networks of towers.
#[derive(Clone, Copy)]
pub(super) struct Towers<'a> {
    pub two_stage: &'a TwoStageOptions,
    pub mmoe: &'a MmoeOptions,
    pub exp_ltv: &'a ExpLtvOptions,
    pub opt_dist: &'a OptDistOptions,
}

impl Towers<'_> {
    /// Checks what no part checks itself.
    pub(super) fn validate(self) -> anyhow::Result<()> {
        for (key, weight) in [
            ("two-stage.amount-weight", self.two_stage.amount_weight),
            ("mmoe.purchase-weight", self.mmoe.purchase_weight),
            ("mmoe.amount-weight", self.mmoe.amount_weight),
            ("exp-ltv.value-weight", self.exp_ltv.value_weight),
            ("exp-ltv.detection-weight", self.exp_ltv.detection_weight),
            ("exp-ltv.purchase-weight", self.exp_ltv.purchase_weight),
            ("opt-dist.alignment-weight", self.opt_dist.alignment_weight),
            ("opt-dist.diversity-weight", self.opt_dist.diversity_weight),
        ] {
            not_negative(key, weight)?;
        }
        let named = |made: Made, key: &str| {
            let own = |error: anyhow::Error| {
                let error = format!("{error:#}");
                let option = error.split_once('.').map_or("", |(_, option)| option);
                input_error!("{key}.{option}")
            };
            made.terms.iter().try_for_each(|term| term.term.validate()).map_err(own)
        };
        named(self.mmoe(), "mmoe")?;
        named(self.opt_dist(), "opt-dist")
    }

    /// Two-stage.
    pub(super) fn two_stage(self) -> Made {
        let TwoStageOptions { amount, amount_weight } = *self.two_stage;
        let terms = [
            (1.0, TermKind::Purchase(PurchaseSpec {})),
            (amount_weight, TermKind::Buyers(BuyersSpec::default())),
        ];
        Made::new(TowersSpec::TwoStage(TwoStageSpec { amount }), terms)
    }

    /// MMOE.
    pub(super) fn mmoe(self) -> Made {
        let MmoeOptions { experts, widths, gates, amount, decoding, alpha, gamma, delta, .. } =
            self.mmoe.clone();
        let buyers = BuyersSpec { error: BuyersError::Huber, delta };
        let terms = [
            (self.mmoe.purchase_weight, TermKind::FocalPurchase(FocalPurchaseSpec { alpha, gamma })),
            (self.mmoe.amount_weight, TermKind::Buyers(buyers)),
        ];
        Made::new(TowersSpec::Mmoe(MmoeSpec { experts, widths, gates, amount, decoding }), terms)
    }

    /// ExpLTV.
    pub(super) fn exp_ltv(self) -> Made {
        let ExpLtvOptions { buckets, detector, value_weight, detection_weight, purchase_weight } =
            self.exp_ltv.clone();
        let terms = [
            (value_weight, TermKind::MixedZiln(MixedZilnSpec {})),
            (detection_weight, TermKind::WhaleDetection(WhaleDetectionSpec {})),
            (purchase_weight, TermKind::Purchase(PurchaseSpec {})),
        ];
        Made::new(TowersSpec::ExpLtv(ExpLtvSpec { buckets, detector }), terms)
    }

    /// OptDist.
    pub(super) fn opt_dist(self) -> Made {
        let OptDistOptions { laws, selection, temperature, decoding, gamma, divergence, .. } = *self.opt_dist;
        let others = [
            (self.opt_dist.alignment_weight, TermKind::Alignment(AlignmentSpec { gamma, divergence })),
            (self.opt_dist.diversity_weight, TermKind::Diversity(DiversitySpec {})),
        ];
        let others = others.into_iter().filter(|(weight, _)| *weight > 0.0);
        let terms = [(1.0, TermKind::ChosenZiln(ChosenZilnSpec {}))].into_iter().chain(others);
        Made::new(TowersSpec::OptDist(OptDistSpec { laws, selection, temperature, decoding }), terms)
    }
}

/// A head of towers and its losses.
pub(super) struct Made {
    pub head: TowersSpec,
    pub terms: Vec<TermSpec>,
}

impl Made {
    fn new(head: TowersSpec, terms: impl IntoIterator<Item = (f64, TermKind)>) -> Self {
        let terms = terms.into_iter().map(|(weight, term)| TermSpec::new(weight, term));
        Self { head, terms: terms.collect() }
    }
}

/// The head as a question needs it: what treatment adds is a difference of expectations.
pub(super) fn answering(towers: TowersSpec, question: Question) -> HeadSpec {
    HeadSpec::Towers(match question {
        Question::Uplift => towers.expecting(),
        Question::Value => towers,
    })
}
