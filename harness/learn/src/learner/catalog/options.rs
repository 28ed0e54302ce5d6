//! Options of the parts that a method may be composed of.

use super::towers::{ExpLtvOptions, MmoeOptions, OptDistOptions, Towers, TwoStageOptions};
use crate::learner::neural::Recalibration;
use crate::nets::{
    BucketSpec, CcOrSpec, Decoding, DeepFmSpec, EfinSpec, EmbeddingSpec, EuenSpec, GatePosition, Log1pSpec,
    MdmeSpec, SequenceSpec, SharedIndexSpec, UniteSpec, widths,
};
use crate::objectives::{
    BucketResidualSpec, CascadeSpec, DistillationSpec, FocalZilnSpec, MmdSpec, PartsSpec, RankingSpec,
    RobinsonSpec, SinkhornSpec, SubDistributionsSpec, TweedieSpec, Unit, WhalesSpec,
};
use crate::purchases::BgNbdSpec;
use crate::trees::{
    CausalForestSpec, GbdtSpec, GbdtTweedieSpec, UpliftTreeSpec, ZilnForestSpec, ZilnGbdtSpec,
};
use serde::{Deserialize, Serialize};
use valor_base::error::not_negative;

/// Options of the parts that a method may be composed of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Options {
    /// Widths of the representation's layers.
    pub trunk: Vec<usize>,
    /// Widths of each arm's hidden layers.
    pub heads: Vec<usize>,
    /// Whether a ziln head's expectation has the term `sigma^2/2`.
    pub sigma_term: bool,
    /// Where the gate stands.
    pub gate: GatePosition,
    /// Options of the focal conversion loss.
    pub focal: FocalZilnSpec,
    /// What is done to the conversion probabilities of ziln heads after training.
    pub recalibration: Option<Recalibration>,
    /// Weight of the ranking loss; 0 or more.
    pub ranking_weight: f64,
    /// Options of the ranking loss.
    pub ranking: RankingSpec,
    /// The unit of outcomes in RERUM's losses.
    pub rerum_unit: Unit,
    /// Whether the representation of TARNet or CFR is divided by its length; the backbone's own choice where absent.
    pub normalise: Option<bool>,
    /// Weight of a balance term, 0 or more; the backbone's own where absent.
    pub balance_weight: Option<f64>,
    /// Options of CFR-WASS's balance term.
    pub sinkhorn: SinkhornSpec,
    /// Options of CFR-MMD's balance term.
    pub mmd: MmdSpec,
    /// Weight of the propensity loss; 0 or more.
    pub propensity_weight: f64,
    /// Weight of DragonNet's targeted regularisation; 0 leaves it out, as VALOR's code does.
    pub targeted_weight: f64,
    /// Options of UniTE's residual loss.
    pub robinson: RobinsonSpec,
    /// Options of UniTE.
    pub unite: UniteSpec,
    /// Options of EUEN.
    pub euen: EuenSpec,
    /// Options of EFIN.
    pub efin: EfinSpec,
    /// Options of the shared-index network.
    pub shared_index: SharedIndexSpec,
    /// Options of the heads of buckets that others are compared with.
    pub ordinal: OrdinalOptions,
    /// Options of CC-OR-Net's head.
    pub cc_or: CcOrSpec,
    /// Options of the cascade's loss.
    pub cascade: CascadeSpec,
    /// Options of CC-OR-Net's distillation.
    pub distillation: DistillationSpec,
    /// Options of the loss of the place within the bucket.
    pub bucket_residual: BucketResidualSpec,
    /// Options of the loss of the top bucket.
    pub whales: WhalesSpec,
    /// Options of the head in the scale of logs.
    pub log1p: Log1pSpec,
    /// Options of Tweedie's deviance.
    pub tweedie: TweedieSpec,
    /// Options of MDME's head.
    pub mdme: MdmeOptions,
    /// Options of MDME's losses.
    pub sub_distributions: SubDistributionsSpec,
    /// Options of DeepFM.
    pub deep_fm: DeepFmOptions,
    /// Options of the losses of DeepFM's parts.
    pub parts: PartsSpec,
    /// Options of the two-stage network.
    pub two_stage: TwoStageOptions,
    /// Options of MMOE with focal loss.
    pub mmoe: MmoeOptions,
    /// Options of ExpLTV.
    pub exp_ltv: ExpLtvOptions,
    /// Options of OptDist.
    pub opt_dist: OptDistOptions,
    /// Options of embeddings.
    pub embedding: EmbeddingSpec,
    /// Options of the attention of sequences.
    pub sequence: SequenceSpec,
    /// Options of the causal forest.
    pub causal_forest: CausalForestSpec,
    /// Options of the ziln-forest.
    pub ziln_forest: ZilnForestSpec,
    /// Options of the ziln-gbdt.
    pub ziln_gbdt: ZilnGbdtSpec,
    /// Options of the uplift-tree.
    pub uplift_tree: UpliftTreeSpec,
    /// Options of boosted trees for rows of one arm, whatever their loss.
    pub gbdt: GbdtSpec,
    /// Options of Tweedie's deviance of boosted trees.
    pub gbdt_tweedie: GbdtTweedieSpec,
    /// Options of BG/NBD with Gamma-Gamma.
    pub bg_nbd: BgNbdSpec,
}

/// Options of CORAL, CORN, OR-CNN and a softmax of buckets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct OrdinalOptions {
    /// How outcomes are parted.
    pub buckets: BucketSpec,
    /// What is said of an outcome whose bucket is not known.
    pub decoding: Decoding,
}

impl Default for OrdinalOptions {
    fn default() -> Self {
        Self { buckets: BucketSpec::default(), decoding: Decoding::Soft }
    }
}

/// Options of MDME's head, and its sizes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct MdmeOptions {
    /// Sub-distributions of the outcomes above zero.
    pub distributions: usize,
    /// Buckets of each.
    pub buckets: usize,
    /// What is said of an outcome whose bucket is not known.
    pub decoding: Decoding,
    /// Widths of the hidden layers of each of its parts; those of `heads` where absent.
    pub widths: Option<Vec<usize>>,
}

impl Default for MdmeOptions {
    fn default() -> Self {
        let MdmeSpec { distributions, buckets, decoding } = MdmeSpec::default();
        Self { distributions, buckets, decoding, widths: None }
    }
}

impl MdmeOptions {
    /// The head.
    pub(super) fn spec(&self) -> MdmeSpec {
        MdmeSpec { distributions: self.distributions, buckets: self.buckets, decoding: self.decoding }
    }
}

/// Options of DeepFM, and its sizes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct DeepFmOptions {
    /// Length of a feature's vector.
    pub rank: usize,
    /// Segments of neighbouring encoded columns; each column is one where absent.
    pub segments: Option<usize>,
    /// Widths of the deep tower; those of `trunk`, then of `heads`, where absent.
    pub widths: Option<Vec<usize>>,
}

impl Default for DeepFmOptions {
    fn default() -> Self {
        let DeepFmSpec { rank, segments } = DeepFmSpec::default();
        Self { rank, segments, widths: None }
    }
}

impl DeepFmOptions {
    /// The backbone.
    pub(super) fn spec(&self) -> DeepFmSpec {
        DeepFmSpec { rank: self.rank, segments: self.segments }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            trunk: vec![256, 256],
            heads: vec![128, 128],
            sigma_term: true,
            gate: GatePosition::Representation,
            focal: FocalZilnSpec::default(),
            recalibration: None,
            ranking_weight: 0.1,
            ranking: RankingSpec::default(),
            rerum_unit: Unit::default(),
            normalise: None,
            balance_weight: None,
            sinkhorn: SinkhornSpec::default(),
            mmd: MmdSpec::default(),
            propensity_weight: 1.0,
            targeted_weight: 1.0,
            robinson: RobinsonSpec::default(),
            unite: UniteSpec::default(),
            euen: EuenSpec::default(),
            efin: EfinSpec::default(),
            shared_index: SharedIndexSpec::default(),
            ordinal: OrdinalOptions::default(),
            cc_or: CcOrSpec::default(),
            cascade: CascadeSpec::default(),
            distillation: DistillationSpec::default(),
            bucket_residual: BucketResidualSpec::default(),
            whales: WhalesSpec::default(),
            log1p: Log1pSpec::default(),
            tweedie: TweedieSpec::default(),
            mdme: MdmeOptions::default(),
            sub_distributions: SubDistributionsSpec::default(),
            deep_fm: DeepFmOptions::default(),
            parts: PartsSpec::default(),
            two_stage: TwoStageOptions::default(),
            mmoe: MmoeOptions::default(),
            exp_ltv: ExpLtvOptions::default(),
            opt_dist: OptDistOptions::default(),
            embedding: EmbeddingSpec::default(),
            sequence: SequenceSpec::default(),
            causal_forest: CausalForestSpec::default(),
            ziln_forest: ZilnForestSpec::default(),
            ziln_gbdt: ZilnGbdtSpec::default(),
            uplift_tree: UpliftTreeSpec::default(),
            gbdt: GbdtSpec::default(),
            gbdt_tweedie: GbdtTweedieSpec::default(),
            bg_nbd: BgNbdSpec::default(),
        }
    }
}

impl Options {
    /// Those of networks of towers.
    pub(super) fn towers(&self) -> Towers<'_> {
        Towers {
            two_stage: &self.two_stage,
            mmoe: &self.mmoe,
            exp_ltv: &self.exp_ltv,
            opt_dist: &self.opt_dist,
        }
    }

    /// Checks what no part checks itself.
    pub fn validate(&self) -> anyhow::Result<()> {
        for (key, weight) in [
            ("ranking-weight", self.ranking_weight),
            ("balance-weight", self.balance_weight.unwrap_or(0.0)),
            ("propensity-weight", self.propensity_weight),
            ("targeted-weight", self.targeted_weight),
        ] {
            not_negative(key, weight)?;
        }
        let own = [("mdme.widths", &self.mdme.widths), ("deep-fm.widths", &self.deep_fm.widths)];
        own.into_iter().try_for_each(|(key, list)| widths(key, list.as_deref().unwrap_or_default()))?;
        self.towers().validate()?;
        self.rerum_unit.validate("rerum-unit")
    }
}
