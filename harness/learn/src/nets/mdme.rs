//! MDME's head: which sub-distribution a value is of, which bucket of it, and where within (Li et al., CIKM 2022, arXiv 2208.13358).

use super::buckets::{BucketSpec, Buckets};
use super::head::ArmHead;
use super::law::{BucketLaw, chosen};
use super::layers::{Linear, Mlp};
use super::parameters::{Layout, Weights};
use super::reading::Reading;
use super::{Decoding, OutcomeSummary, Pass, logit_of, steady};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use tch::{Kind, Tensor};
use valor_base::error::within;
use valor_base::input_error;

/// Most buckets above the zeros.
const MOST: usize = 62;

/// Options of the head.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct MdmeSpec {
    /// Sub-distributions of the outcomes above zero, beside that of the zeros; 1 or more.
    pub distributions: usize,
    /// Buckets of each, 1 or more: equally many training rows above zero are in each bucket of all.
    pub buckets: usize,
    /// What is said of an outcome whose bucket is not known.
    pub decoding: Decoding,
}

impl Default for MdmeSpec {
    fn default() -> Self {
        Self { distributions: 2, buckets: 3, decoding: Decoding::Hard }
    }
}

impl MdmeSpec {
    /// Refuses options out of range.
    pub(super) fn validate(&self) -> anyhow::Result<()> {
        within("mdme.distributions", self.distributions, 1, MOST)?;
        within("mdme.buckets", self.buckets, 1, MOST)?;
        match self.distributions * self.buckets {
            1..=MOST => Ok(()),
            found => Err(input_error!(
                "mdme.distributions times mdme.buckets: found {found}; allowed are at most {MOST}"
            )),
        }
    }

    /// Zeros, and quantiles of the rest.
    pub(super) fn of_outcomes(&self) -> BucketSpec {
        let all = self.distributions * self.buckets;
        BucketSpec {
            quantiles: (1..all).map(|place| place as f64 / all as f64).collect(),
            ..BucketSpec::default()
        }
    }

    /// Which buckets are in each sub-distribution, in order, that of the zeros first where there are any. Buckets that are left, because
    /// quantiles coincide, are shared out evenly.
    fn groups(&self, buckets: &Buckets) -> Vec<Range<usize>> {
        let zeros = usize::from(buckets.starts_with_zeros());
        let above = buckets.count() - zeros;
        let groups = self.distributions.min(above);
        let first = |group: usize| zeros + (group * above).div_ceil(groups);
        let of_zeros = (zeros > 0).then_some(0..1);
        of_zeros.into_iter().chain((0..groups).map(|group| first(group)..first(group + 1))).collect()
    }

    /// Raw outputs of the part that tells so many classes apart: scores of a softmax, and logits of exceedances.
    fn of_classes(classes: usize) -> usize {
        2 * classes - 1
    }

    /// Raw outputs of the sub-distributions, and of the buckets and places within them of one.
    fn widths(&self) -> (usize, usize) {
        (Self::of_classes(self.distributions + 1), Self::of_classes(self.buckets) + self.buckets)
    }

    /// Number of raw outputs.
    fn outputs(&self) -> usize {
        let (segments, one) = self.widths();
        segments + self.distributions * one
    }

    /// Names of the parts that have hidden layers and an output layer of their own, in the order of their raw outputs.
    pub(super) fn parts(&self) -> Vec<String> {
        let own = (0..self.distributions).map(|place| format!("distribution.{place}"));
        std::iter::once("segments".to_string()).chain(own).collect()
    }

    /// Where raw outputs start, of each part: the training shares, and the training mean of each bucket.
    fn start(&self, buckets: &Buckets) -> Vec<Vec<f32>> {
        let groups = self.groups(buckets);
        let zeros = usize::from(buckets.starts_with_zeros());
        let share = |group: &Range<usize>| buckets.shares[group.clone()].iter().sum::<f64>();
        let all: Vec<f64> = groups.iter().map(share).collect();
        let (segments, one) = self.widths();
        // Without zeros their class is there and never asked.
        let mut parts = vec![starts(&all, (1 - zeros, self.distributions + 1), segments)];
        for place in 0..self.distributions {
            let Some(group) = groups.get(zeros + place) else {
                parts.push(vec![0.0; one]);
                continue;
            };
            let mut part = starts(&buckets.shares[group.clone()], (0, self.buckets), one);
            for (slot, bucket) in group.clone().enumerate() {
                let (lower, upper) = buckets.ends()[bucket];
                let place = (buckets.means[bucket] - lower) / (upper - lower);
                part[Self::of_classes(self.buckets) + slot] = logit_of(place);
            }
            parts.push(part);
        }
        parts
    }
}

/// Logs of shares, and logits of what exceeds each class, of `classes` classes of which these are the ones after `first`.
fn starts(shares: &[f64], (first, classes): (usize, usize), width: usize) -> Vec<f32> {
    let mut start = vec![0.0; width];
    let total: f64 = shares.iter().sum();
    let mut above = total;
    for (place, share) in (first..).zip(shares) {
        start[place] = (share / total).max(1e-4).ln() as f32;
        above -= share;
        if place + 1 < first + shares.len() {
            start[classes + place] = logit_of(above / total);
        }
    }
    start
}

/// The head with the buckets of the training rows.
#[derive(Clone, Debug)]
pub(super) struct Fitted {
    spec: MdmeSpec,
    buckets: Buckets,
}

impl Fitted {
    pub(super) fn new(spec: MdmeSpec, buckets: Buckets) -> Self {
        Self { spec, buckets }
    }

    fn said(&self, raw: &Tensor) -> MdmeSaid<'_> {
        MdmeSaid::new(&self.spec, &self.buckets, raw)
    }
}

impl Reading for Fitted {
    fn start(&self, _summary: &OutcomeSummary) -> Vec<f32> {
        vec![0.0; self.spec.outputs()]
    }

    fn head(
        &self,
        layout: &mut Layout,
        name: &str,
        shape: (i64, &[usize]),
        _summary: &OutcomeSummary,
    ) -> Box<dyn ArmHead> {
        Box::new(Body::new(layout, name, shape, self))
    }

    fn expectation(&self, raw: &Tensor) -> Tensor {
        self.said(raw).expectation()
    }

    fn buckets(&self) -> Option<&Buckets> {
        Some(&self.buckets)
    }

    fn law(&self, raw: &Tensor) -> Option<BucketLaw> {
        Some(self.said(raw).law())
    }

    fn within(&self, raw: &Tensor) -> Option<Tensor> {
        Some(Tensor::stack(&self.said(raw).values(), -1))
    }
}

/// What makes the raw outputs: hidden layers and an output layer for the sub-distributions and for each of them.
struct Body(Vec<(Mlp, Linear)>);

impl Body {
    /// On a representation of the given width with hidden layers of the given widths.
    fn new(
        layout: &mut Layout,
        name: &str,
        shape: (i64, &[usize]),
        Fitted { spec, buckets }: &Fitted,
    ) -> Self {
        let parts = spec.parts().into_iter().zip(spec.start(buckets));
        let part = |(part, start): (String, Vec<f32>)| {
            let place = format!("{name}.{part}");
            let hidden = Mlp::new(layout, &place, shape.0, shape.1);
            let output = Linear::starting_at(layout, &format!("{place}.output"), hidden.outputs(), &start);
            (hidden, output)
        };
        Self(parts.map(part).collect())
    }
}

impl ArmHead for Body {
    fn forward(&self, weights: &Weights, representation: &Tensor, _pass: &Pass) -> Tensor {
        let part = |(hidden, output): &(Mlp, Linear)| {
            output.forward(weights, &hidden.forward(weights, representation))
        };
        Tensor::cat(&self.0.iter().map(part).collect::<Vec<Tensor>>(), -1)
    }
}

/// What tells classes apart.
pub struct Scores {
    /// Of a softmax, `[S, B, n]`.
    pub classes: Tensor,
    /// Logits of exceeding each class but the last, `[S, B, n - 1]`; absent where there is one class.
    pub order: Option<Tensor>,
}

impl Scores {
    /// Of the raw outputs from `start` on: `classes` classes, of which only `there` are.
    fn new(raw: &Tensor, start: usize, classes: usize, there: Range<usize>) -> Self {
        let part = |first: usize, count: usize| raw.narrow(-1, first as i64, count as i64);
        let order = part(start + classes + there.start, there.len() - 1);
        Self { classes: part(start + there.start, there.len()), order: (there.len() > 1).then_some(order) }
    }

    fn law(&self) -> BucketLaw {
        BucketLaw::of_scores(&self.classes)
    }

    /// The law that the exceedances mean.
    pub fn ordered(&self) -> Option<BucketLaw> {
        self.order.as_ref().map(BucketLaw::of_exceedances)
    }
}

/// The raw outputs of an arm by what they are.
pub struct MdmeSaid<'a> {
    spec: &'a MdmeSpec,
    buckets: &'a Buckets,
    groups: Vec<Range<usize>>,
    raw: Tensor,
}

impl<'a> MdmeSaid<'a> {
    /// Takes `[S, B, k]` apart.
    pub(super) fn new(spec: &'a MdmeSpec, buckets: &'a Buckets, raw: &Tensor) -> Self {
        Self { spec, buckets, groups: spec.groups(buckets), raw: raw.shallow_clone() }
    }

    /// Which buckets are in each sub-distribution, in order.
    pub fn groups(&self) -> &[Range<usize>] {
        &self.groups
    }

    /// What tells the sub-distributions apart.
    pub fn segments(&self) -> Scores {
        let first = 1 - self.zeros();
        Scores::new(&self.raw, 0, self.spec.distributions + 1, first..first + self.groups.len())
    }

    /// What tells the buckets of the sub-distribution at `place` apart, and logits of the place within each, `[S, B, n]`; nothing of the
    /// zeros.
    pub fn distribution(&self, place: usize) -> Option<(Scores, Tensor)> {
        let own = place.checked_sub(self.zeros())?;
        let (segments, one) = self.spec.widths();
        let start = segments + own * one;
        let (there, buckets) = (self.groups[place].len(), self.spec.buckets);
        let within = self.raw.narrow(-1, (start + MdmeSpec::of_classes(buckets)) as i64, there as i64);
        Some((Scores::new(&self.raw, start, buckets, 0..there), within))
    }

    fn zeros(&self) -> usize {
        usize::from(self.buckets.starts_with_zeros())
    }

    /// The law of the bucket: `P(sub-distribution) P(bucket within it)`.
    pub fn law(&self) -> BucketLaw {
        let segments = self.segments().law().logs().unbind(-1);
        let mut logs = Vec::new();
        for (place, segment) in segments.into_iter().enumerate() {
            match self.distribution(place) {
                None => logs.push(segment),
                Some((scores, _)) => {
                    logs.extend(scores.law().logs().unbind(-1).into_iter().map(|own| own + &segment));
                }
            }
        }
        BucketLaw::of_logs(logs)
    }

    /// The bucket that is decided for, from 0, as published: the most likely one of the most likely sub-distribution.
    pub fn places(&self) -> Tensor {
        let segments = self.segments().law().most_likely();
        let of = |(place, group): (usize, &Range<usize>)| {
            let own = match self.distribution(place) {
                Some((scores, _)) => scores.law().most_likely(),
                None => segments.zeros_like(),
            };
            own + group.start as i64
        };
        let places: Vec<Tensor> = self.groups.iter().enumerate().map(of).collect();
        chosen(&segments, &places).to_kind(Kind::Int64)
    }

    /// The value in each bucket, `[S, B]` each: `l + (u - l) sigmoid(w)`, inside the bucket; 0 of the zeros.
    fn values(&self) -> Vec<Tensor> {
        let ends = self.buckets.ends();
        let mut values = Vec::new();
        for (place, group) in self.groups.iter().enumerate() {
            let Some((_, within)) = self.distribution(place) else {
                values.push(self.raw.select(-1, 0).zeros_like());
                continue;
            };
            for (logit, bucket) in within.unbind(-1).iter().zip(group.clone()) {
                let (lower, upper) = ends[bucket];
                let least = if bucket == 0 { 0.0 } else { f64::from((lower as f32).next_up()) };
                values.push((steady::sigmoid(logit) * (upper - lower) + lower).clamp(least, upper));
            }
        }
        values
    }

    /// `E[y]`, `[S, B]`.
    fn expectation(&self) -> Tensor {
        let values = self.values();
        match self.spec.decoding {
            Decoding::Hard => chosen(&self.places(), &values),
            Decoding::Soft => self.law().expectation(values.iter()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nets::BucketRows;

    fn groups(spec: &MdmeSpec, outcomes: &[f64]) -> Vec<Range<usize>> {
        spec.groups(
            &spec.of_outcomes().fit(BucketRows { outcome: outcomes, time: None, scale: 1.0 }).unwrap(),
        )
    }

    #[test]
    fn buckets_are_shared_out_to_sub_distributions() {
        let spec = MdmeSpec::default();
        let many: Vec<f64> = (0..60).map(f64::from).collect();
        assert_eq!(groups(&spec, &many), [0..1, 1..4, 4..7]);
        // No zeros.
        assert_eq!(groups(&spec, &many[1..]), [0..3, 3..6]);
        // Price points: three amounts are three buckets, one amount is one sub-distribution.
        let points: Vec<f64> = (0..40).map(|row| [0.0, 5.0, 5.0, 9.0, 30.0][row % 5]).collect();
        assert_eq!(groups(&spec, &points), [0..1, 1..3, 3..4]);
        assert_eq!(groups(&spec, &[0.0, 0.0, 7.0, 7.0]), [0..1, 1..2]);
        let wide = MdmeSpec { distributions: 5, buckets: 1, ..MdmeSpec::default() };
        assert_eq!(groups(&wide, &[0.0, 5.0, 5.0, 9.0, 9.0]), [0..1, 1..2, 2..3]);
    }

    #[test]
    fn the_start_says_the_training_rows() {
        let spec = MdmeSpec { decoding: Decoding::Soft, ..MdmeSpec::default() };
        for first in [0, 1] {
            let outcomes: Vec<f64> = (first..61).map(|row| f64::from(row * row) / 7.0).collect();
            let buckets =
                spec.of_outcomes().fit(BucketRows { outcome: &outcomes, time: None, scale: 1.0 }).unwrap();
            let start = spec.start(&buckets).concat();
            assert_eq!(start.len(), spec.outputs());
            let raw = Tensor::from_slice(&start).view([1, 1, -1]);
            let said = MdmeSaid::new(&spec, &buckets, &raw);
            let mean = outcomes.iter().sum::<f64>() / outcomes.len() as f64;
            let found = said.expectation().double_value(&[0, 0]);
            assert!((found - mean).abs() < 1e-3 * mean, "{found} instead of {mean}");
            let ordered = said.segments().ordered().unwrap().probabilities();
            let classes = said.segments().law().probabilities();
            assert!(ordered.allclose(&classes, 1e-3, 1e-3, false), "{ordered:?} {classes:?}");
        }
    }

    #[test]
    fn options_out_of_range_are_refused() {
        for (distributions, buckets, words) in [
            (0, 3, "mdme.distributions: found 0"),
            (2, 0, "mdme.buckets: found 0"),
            (9, 9, "found 81; allowed are at most 62"),
        ] {
            let spec = MdmeSpec { distributions, buckets, ..MdmeSpec::default() };
            let error = spec.validate().unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
