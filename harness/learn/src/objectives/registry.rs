//! The table of all terms: one line each.

use super::{Label, Setting, Term, TermOptions};
use serde::{Deserialize, Serialize};

/// Makes `TermKind` of lines `Variant(options) = "name"`.
macro_rules! registry {
    ($($(#[$doc:meta])* $variant:ident($options:ty) = $name:literal,)*) => {
        /// The registered terms with their options.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub enum TermKind {
            $($(#[$doc])* #[serde(rename = $name)] $variant($options),)*
        }

        impl TermKind {
            /// Names of all terms, in the order of the table.
            pub const NAMES: &[&str] = &[$($name),*];

            /// Every term with its default options.
            pub fn all() -> Vec<TermKind> {
                vec![$(TermKind::$variant(<$options>::default())),*]
            }

            /// Its name in files, logs and records.
            pub fn name(&self) -> &'static str {
                match self {
                    $(TermKind::$variant(_) => $name,)*
                }
            }

            fn options(&self) -> &dyn TermOptions {
                match self {
                    $(TermKind::$variant(options) => options,)*
                }
            }
        }
    };
}

registry! {
    /// Squared error of the observed arm.
    Mse(super::mse::MseSpec) = "mse",
    /// Squared error of the observed arm that grows linearly for large errors.
    Huber(super::huber::HuberSpec) = "huber",
    /// Tweedie deviance of the observed arm.
    Tweedie(super::tweedie::TweedieSpec) = "tweedie",
    /// Poisson deviance of the observed arm.
    Poisson(super::poisson::PoissonSpec) = "poisson",
    /// Squared error of the log of the observed arm's outcome.
    Log1p(super::log1p::Log1pErrorSpec) = "log1p",
    /// Zero-inflated log-normal likelihood of the observed arm.
    Ziln(super::ziln::ZilnSpec) = "ziln",
    /// The same with a focal conversion part.
    FocalZiln(super::ziln::FocalZilnSpec) = "focal-ziln",
    /// Conditional exceedances of the observed arm's buckets.
    Cascade(super::cascade::CascadeSpec) = "cascade",
    /// Exceedances of the observed arm's buckets, each by itself.
    Exceedance(super::cascade::ExceedanceSpec) = "exceedance",
    /// Likelihood of the observed arm's bucket.
    BucketLikelihood(super::cascade::BucketLikelihoodSpec) = "bucket-likelihood",
    /// CC-OR-Net's calibration of the law of the bucket.
    Distillation(super::distillation::DistillationSpec) = "distillation",
    /// CC-OR-Net's place within the bucket.
    BucketResidual(super::bucket_residual::BucketResidualSpec) = "bucket-residual",
    /// CC-OR-Net's second look at the top bucket.
    Whales(super::whales::WhalesSpec) = "whales",
    /// MDME's sub-distributions and buckets.
    SubDistributions(super::sub_distributions::SubDistributionsSpec) = "sub-distributions",
    /// Errors of a DeepFM's parts.
    Parts(super::parts::PartsSpec) = "parts",
    /// Cross-entropy of the observed arm's purchase.
    Purchase(super::hurdle::PurchaseSpec) = "purchase",
    /// The same, focal.
    FocalPurchase(super::hurdle::FocalPurchaseSpec) = "focal-purchase",
    /// Error of what the observed arm's buyers spend.
    Buyers(super::hurdle::BuyersSpec) = "buyers",
    /// ExpLTV's likelihood of the observed arm.
    MixedZiln(super::exp_ltv::MixedZilnSpec) = "mixed-ziln",
    /// ExpLTV's detector of whales.
    WhaleDetection(super::exp_ltv::WhaleDetectionSpec) = "whale-detection",
    /// OptDist's likelihood of the observed arm.
    ChosenZiln(super::opt_dist::ChosenZilnSpec) = "chosen-ziln",
    /// What teaches OptDist's choice.
    Alignment(super::opt_dist::AlignmentSpec) = "alignment",
    /// What keeps OptDist's laws apart.
    Diversity(super::opt_dist::DiversitySpec) = "diversity",
    /// Ranking of pairs by uplift.
    Ranking(super::ranking::RankingSpec) = "ranking",
    /// Wasserstein distance of the arms' representations.
    Sinkhorn(super::sinkhorn::SinkhornSpec) = "sinkhorn",
    /// Maximum mean discrepancy of the arms' representations.
    Mmd(super::mmd::MmdSpec) = "mmd",
    /// Cross-entropy of the predicted propensity.
    Propensity(super::propensity::PropensitySpec) = "propensity",
    /// DragonNet's targeted regularisation.
    Targeted(super::targeted::TargetedSpec) = "targeted",
    /// Squared error of the outcome averaged over the arms.
    Marginal(super::robinson::MarginalSpec) = "marginal",
    /// Robinson's residual loss.
    Robinson(super::robinson::RobinsonSpec) = "robinson",
    /// RERUM's response ranking within an arm.
    WithinGroup(super::response_ranking::WithinGroupSpec) = "within-group",
    /// RERUM's response ranking between arms.
    CrossGroup(super::response_ranking::CrossGroupSpec) = "cross-group",
    /// RERUM's listwise uplift ranking.
    Listwise(super::listwise::ListwiseSpec) = "listwise",
}

impl TermKind {
    /// The term itself. An error where the network lacks what the term needs.
    pub fn build(&self, setting: &Setting) -> anyhow::Result<Box<dyn Term>> {
        self.options().build(setting)
    }

    /// Refuses options out of range; messages start with the term's name and the key.
    pub fn validate(&self) -> anyhow::Result<()> {
        self.options().validate()
    }

    /// The label that ranking compares, where the term ranks.
    pub fn label(&self) -> Option<Label> {
        self.options().label()
    }
}
