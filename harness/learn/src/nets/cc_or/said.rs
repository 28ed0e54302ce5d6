//! How the raw outputs are read.

use super::super::law::{BucketLaw, chosen};
use super::super::{Buckets, Decoding, steady};
use super::{CcOrSpec, Residual, Structure};
use tch::Tensor;

/// The raw outputs of an arm by what they are.
pub struct CcOrSaid<'a> {
    spec: &'a CcOrSpec,
    buckets: &'a Buckets,
    /// Of the law, `[S, B, K - 1]`; of a softmax `[S, B, K]`.
    pub logits: Tensor,
    /// The same logits, which no representation learns from.
    pub shielded: Option<Tensor>,
    /// Scores of a softmax beside the law, `[S, B, K]`.
    pub student: Option<Tensor>,
    residual: Option<Tensor>,
    whales: Option<[Tensor; 2]>,
}

impl<'a> CcOrSaid<'a> {
    /// Takes `[S, B, k]` apart.
    pub(in super::super) fn new(spec: &'a CcOrSpec, buckets: &'a Buckets, raw: &Tensor) -> Self {
        let (mut start, mut found) = (0, std::collections::BTreeMap::new());
        for (name, width) in spec.parts(buckets) {
            found.insert(name, raw.narrow(-1, start, width as i64));
            start += width as i64;
        }
        let mut take = |name: &str| found.remove(name);
        Self {
            spec,
            buckets,
            logits: take("logits").unwrap_or_default(),
            shielded: take("shielded"),
            student: take("student"),
            residual: take("residual").map(|residual| residual.squeeze_dim(-1)),
            whales: take("whales").map(|whales| [0, 1].map(|column| whales.select(-1, column))),
        }
    }

    /// The law of the bucket.
    pub fn law(&self) -> BucketLaw {
        self.law_of(&self.logits)
    }

    /// The law that logits of this head mean.
    pub fn law_of(&self, logits: &Tensor) -> BucketLaw {
        match self.spec.structure {
            Structure::Cascade => BucketLaw::of_conditionals(logits),
            Structure::Softmax => BucketLaw::of_scores(logits),
        }
    }

    /// Where a value lies between the ends of its bucket, in [-1, 1], `[S, B]`.
    pub fn within(&self) -> Option<Tensor> {
        self.residual.as_ref().map(steady::tanh)
    }

    /// Where outcomes `[S, B]` lie between the ends of their bucket, in [-1, 1].
    pub fn place_within(&self, outcomes: &Tensor) -> Tensor {
        let places = self.buckets.places(outcomes);
        let (centre, half): (Vec<f64>, Vec<f64>) = self.scale().into_iter().unzip();
        let of_row = |values: &[f64]| chosen(&places, &self.buckets.row(outcomes, values).unbind(0));
        let place = (self.forth(outcomes) - of_row(&centre)) / of_row(&half);
        place.clamp(-1.0, 1.0)
    }

    /// Value above the lower end of the top bucket, `[S, B]`: `edge + (mean - edge) softplus(w)`.
    pub fn whale_value(&self) -> Option<Tensor> {
        let last = self.buckets.count() - 1;
        let (edge, mean) = (self.buckets.ends()[last].0, self.buckets.means[last]);
        let above = |amount: &Tensor| steady::softplus(amount) * (mean - edge) + edge;
        self.whales.as_ref().map(|[amount, _]| above(amount).clamp_min(just_above(edge)))
    }

    /// Logit of the confidence that a row is in the top bucket, `[S, B]`.
    pub fn whale_logit(&self) -> Option<&Tensor> {
        self.whales.as_ref().map(|[_, confidence]| confidence)
    }

    /// The value in each bucket, `[S, B]` each: inside the bucket, whatever the outputs.
    ///
    /// ```text
    /// zeros:   0
    /// bucket:  T^-1(c_k + r_k v)             c_k, r_k: centre and half the range of T(l_k), T(u_k);   u_K: the largest training outcome
    /// top:     q v_w + (1 - q) of that       with whales
    /// log1p:   T(y) = log(1 + y / m)         m: the median above zero        raw:  T(y) = y
    /// ```
    pub fn values(&self) -> Vec<Tensor> {
        let within = self.within();
        let like = self.logits.select(-1, 0).zeros_like();
        let ends = self.buckets.ends();
        let last = ends.len() - 1;
        let value = |bucket: usize, (lower, upper): (f64, f64), (centre, half): (f64, f64)| {
            if bucket == 0 && self.buckets.starts_with_zeros() {
                return like.shallow_clone();
            }
            let place = match &within {
                Some(within) => within * half + centre,
                None => &like + centre,
            };
            let least = if bucket == 0 { 0.0 } else { just_above(lower) };
            let inside = self.back(&place).clamp(least, upper);
            match (bucket == last, self.whale_value(), self.whale_logit()) {
                (true, Some(whale), Some(logit)) => {
                    let sure = steady::sigmoid(logit);
                    (&sure * whale + (-&sure + 1.0) * inside).clamp_min(least)
                }
                _ => inside,
            }
        };
        let buckets = ends.iter().zip(self.scale()).enumerate();
        buckets.map(|(bucket, (&ends, scale))| value(bucket, ends, scale)).collect()
    }

    /// `E[y]`, `[S, B]`.
    pub(super) fn expectation(&self) -> Tensor {
        let (law, values) = (self.law(), self.values());
        match self.spec.decoding {
            Decoding::Hard => chosen(&law.most_likely(), &values),
            Decoding::Soft => law.expectation(values.iter()),
        }
    }

    /// Centre and half the range of each bucket, transformed.
    fn scale(&self) -> Vec<(f64, f64)> {
        let forth = |value: f64| match self.spec.residual {
            Residual::Raw => value,
            Residual::Log1p | Residual::None => (value / self.buckets.median).ln_1p(),
        };
        let of = |(lower, upper): (f64, f64)| {
            let (lower, upper) = (forth(lower), forth(upper));
            ((upper + lower) / 2.0, (upper - lower) / 2.0)
        };
        self.buckets.ends().into_iter().map(of).collect()
    }

    fn forth(&self, value: &Tensor) -> Tensor {
        match self.spec.residual {
            Residual::Raw => value.shallow_clone(),
            Residual::Log1p | Residual::None => (value / self.buckets.median).log1p(),
        }
    }

    fn back(&self, place: &Tensor) -> Tensor {
        match self.spec.residual {
            Residual::Raw => place.shallow_clone(),
            Residual::Log1p | Residual::None => place.expm1() * self.buckets.median,
        }
    }
}

/// The next number of 32 bits.
fn just_above(edge: f64) -> f64 {
    f64::from((edge as f32).next_up())
}
