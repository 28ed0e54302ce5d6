//! What each kind of head says of itself: how its raw outputs are made and read.

use super::head::{ArmHead, Head};
use super::law::BucketLaw;
use super::parameters::Layout;
use super::{Buckets, OutcomeSummary};
use std::fmt::Debug;
use tch::Tensor;

/// What a head knows of outcomes beyond their expectation, in the network's unit.
pub enum AmountLaw {
    /// Zero, or log-normal: mean and standard deviation of the log of what is above zero, each `[S, B]`.
    ZeroInflated {
        /// `mu`
        mu: Tensor,
        /// `sigma`
        sigma: Tensor,
    },
    /// In buckets, each `[S, B, K]`.
    Buckets {
        /// `P_k`
        shares: Tensor,
        /// `P_k v_k`, `v_k` the mean within the bucket.
        amounts: Tensor,
    },
}

/// A kind of head with what it needs of the training rows: how its raw outputs `[S, B, k]` are made and read.
pub(super) trait Reading: Debug + Send + Sync {
    /// Where the raw outputs start.
    fn start(&self, summary: &OutcomeSummary) -> Vec<f32>;

    /// `E[y]`, `[S, B]`.
    fn expectation(&self, raw: &Tensor) -> Tensor;

    /// What makes the raw outputs: hidden layers and an output layer, unless it says otherwise.
    fn head(
        &self,
        layout: &mut Layout,
        name: &str,
        shape: (i64, &[usize]),
        summary: &OutcomeSummary,
    ) -> Box<dyn ArmHead> {
        Box::new(Head::new(layout, name, shape, &self.start(summary)))
    }

    /// Its buckets, where it has any.
    fn buckets(&self) -> Option<&Buckets> {
        None
    }

    /// `log E[y]`, where that is what it puts out.
    fn log_expectation(&self, _raw: &Tensor) -> Option<Tensor> {
        None
    }

    /// The law of the bucket, where it has one.
    fn law(&self, _raw: &Tensor) -> Option<BucketLaw> {
        None
    }

    /// The mean within each bucket, `[S, B, K]` or `[K]`, where it has a law of the bucket.
    fn within(&self, _raw: &Tensor) -> Option<Tensor> {
        None
    }

    /// `P(y > 0)`, where it knows it. Of buckets the share above the zeros; 1 where the training rows had none.
    fn conversion(&self, raw: &Tensor) -> Option<Tensor> {
        let above = self.law(raw)?.survival().into_iter().next()?;
        Some(if self.buckets()?.starts_with_zeros() { above } else { above.ones_like() })
    }

    /// What it knows of an outcome beyond its expectation, where it has a law of amounts.
    fn amounts(&self, raw: &Tensor) -> Option<AmountLaw> {
        let shares = self.law(raw)?.probabilities();
        let amounts = &shares * self.within(raw)?;
        Some(AmountLaw::Buckets { shares, amounts })
    }
}
