//! The law of a row's bucket, however a head comes to it.

use super::steady;
use tch::Tensor;

/// Probabilities are not taken below this before their log.
const LEAST: f64 = 1e-30;

/// `log P(bucket = k)` of each row, `[S, B, K]`, as a tensor per bucket.
///
/// Whatever the logits, probabilities are at least 0 and sum to 1, and `S_k = P(y > tau_k)` falls with `k`.
pub struct BucketLaw {
    logs: Vec<Tensor>,
}

impl BucketLaw {
    /// Of `K - 1` logits `f_k` of exceeding `tau_k` given that `tau_{k-1}` is exceeded, in log space.
    ///
    /// ```text
    /// log S_k = sum_{j <= k} log sigmoid(f_j)          log P_k = log S_{k-1} + log sigmoid(-f_k),  S_0 = 1,  P_K = S_{K-1}
    /// ```
    pub(super) fn of_conditionals(logits: &Tensor) -> Self {
        let (mut logs, mut above) = (Vec::new(), None::<Tensor>);
        for logit in logits.unbind(-1) {
            let (no, yes) = ((-&logit).log_sigmoid(), logit.log_sigmoid());
            logs.push(above.as_ref().map_or_else(|| no.shallow_clone(), |above| above + &no));
            above = Some(above.map_or_else(|| yes.shallow_clone(), |above| above + &yes));
        }
        logs.extend(above);
        Self { logs }
    }

    /// Of `K` scores: their softmax.
    pub(crate) fn of_scores(scores: &Tensor) -> Self {
        let scores = scores.unbind(-1);
        let most =
            scores.iter().skip(1).fold(scores[0].detach(), |most, score| most.maximum(&score.detach()));
        // Less the largest before anything else: large scores would leave no digits to their differences.
        let shifted: Vec<Tensor> = scores.iter().map(|score| score - &most).collect();
        let sum = shifted.iter().map(Tensor::exp).reduce(|sum, more| sum + more);
        let total = sum.unwrap_or_else(|| most.ones_like()).log();
        Self { logs: shifted.iter().map(|score| score - &total).collect() }
    }

    /// Of `log P_k` themselves, each `[S, B]`.
    pub(super) fn of_logs(logs: Vec<Tensor>) -> Self {
        Self { logs }
    }

    /// Of `K - 1` logits of exceeding `tau_k`, each by itself: `S_k` is the least of the first `k` probabilities, since nothing keeps
    /// these from crossing.
    pub(super) fn of_exceedances(logits: &Tensor) -> Self {
        let mut above: Option<Tensor> = None;
        let mut logs = Vec::new();
        for logit in logits.unbind(-1) {
            let own = steady::sigmoid(&logit);
            let (before, next) = match above {
                None => (own.ones_like(), own),
                Some(above) => (above.shallow_clone(), above.minimum(&own)),
            };
            logs.push((before - &next).clamp_min(LEAST).log());
            above = Some(next);
        }
        logs.extend(above.map(|above| above.clamp_min(LEAST).log()));
        Self { logs }
    }

    /// `log P_k` of each bucket, `[S, B]`.
    pub(crate) fn each(&self) -> &[Tensor] {
        &self.logs
    }

    /// `log P_k`, `[S, B, K]`
    pub fn logs(&self) -> Tensor {
        Tensor::stack(&self.logs, -1)
    }

    /// `P_k`, `[S, B, K]`
    pub fn probabilities(&self) -> Tensor {
        self.logs().exp()
    }

    /// `S_k = P(y > tau_k)`, `k` from 1 to `K - 1`, each `[S, B]`.
    pub fn survival(&self) -> Vec<Tensor> {
        let mut above: Option<Tensor> = None;
        let mut survival: Vec<Tensor> = Vec::new();
        // From the top, so that small probabilities are not differences of large ones.
        for logs in self.logs.iter().skip(1).rev() {
            let next = match above {
                None => logs.exp(),
                Some(above) => above + logs.exp(),
            };
            survival.push(next.clamp_max(1.0));
            above = Some(next);
        }
        survival.reverse();
        survival
    }

    /// The most likely bucket of each row, from 0, the lower one of two; whole numbers `[S, B]`.
    pub fn most_likely(&self) -> Tensor {
        let mut best = self.logs[0].detach();
        let mut place = best.zeros_like().to_kind(tch::Kind::Int64);
        for (bucket, logs) in (0..).zip(&self.logs).skip(1) {
            let better = logs.detach().gt_tensor(&best);
            best = best.maximum(&logs.detach());
            place = place.masked_fill(&better, bucket);
        }
        place
    }

    /// How many exceedances are likelier than not, from the lowest on; whole numbers `[S, B]`.
    pub(super) fn rank(&self) -> Tensor {
        let ranks = self.survival().into_iter().map(|above| above.gt(0.5).to_kind(tch::Kind::Int64));
        ranks.reduce(|sum, more| sum + more).unwrap_or_else(|| self.most_likely())
    }

    /// `sum_k P_k v_k` with a value per bucket, each `[S, B]` or a number to all rows.
    pub(crate) fn expectation<'a>(&self, values: impl Iterator<Item = &'a Tensor>) -> Tensor {
        let parts = self.logs.iter().zip(values).map(|(logs, value)| logs.exp() * value);
        parts.reduce(|sum, more| sum + more).unwrap_or_else(|| self.logs[0].zeros_like())
    }
}

/// The value at each row's place, of a value per bucket.
pub(crate) fn chosen(places: &Tensor, values: &[Tensor]) -> Tensor {
    let mut found = values[0].expand_as(places);
    for (bucket, value) in (0..).zip(values).skip(1) {
        let here = places.eq(bucket as i64);
        found = value.expand_as(places).where_self(&here, &found);
    }
    found
}
