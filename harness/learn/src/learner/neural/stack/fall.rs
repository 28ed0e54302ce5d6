//! The step at which a replicate falls, watched on the device and read when an epoch ends.

use super::host;
use crate::learner::status::{GRADIENT, LastFinite, TOTAL};
use tch::{Device, Kind, Tensor};

/// What is known of every replicate's fall. Nothing is asked of the device while steps are made.
pub(super) struct Falls {
    names: Vec<String>,
    /// `[S]`: the step of the epoch at which a replicate fell, from 1; 0 for none.
    step: Tensor,
    /// `[1 + terms, S]`: total and terms at that step.
    fallen: Tensor,
    /// `[1 + terms, S]`: total and terms at the last step where they and the gradient were finite; NaN before it.
    last: Tensor,
}

/// The fall of one replicate.
pub(super) struct Fall {
    /// Step of the epoch, from 1.
    pub step: usize,
    /// What was not finite.
    pub term: String,
    /// The losses before.
    pub last: Option<LastFinite>,
}

impl Falls {
    /// None yet, of so many replicates.
    pub(super) fn new(names: Vec<&str>, replicates: i64, device: Device) -> Self {
        let shape = [names.len() as i64 + 1, replicates];
        let last = Tensor::full(shape, f64::NAN, (Kind::Float, device));
        let step = Tensor::zeros([replicates], (Kind::Int64, device));
        let names = names.into_iter().map(str::to_string).collect();
        Self { names, step, fallen: last.copy(), last }
    }

    /// Takes note of a step (from 0): its total `[S]` and terms `[terms, S]`, and which replicates learned before and
    /// after it.
    pub(super) fn watch(
        &mut self,
        step: usize,
        (total, terms): (&Tensor, &Tensor),
        (before, after): (&Tensor, &Tensor),
    ) {
        let fell = before.logical_and(&after.logical_not());
        let losses = Tensor::cat(&[&total.unsqueeze(0), terms], 0);
        self.step = self.step.masked_fill(&fell, step as i64 + 1);
        self.fallen = losses.where_self(&fell, &self.fallen);
        self.last = losses.where_self(after, &self.last);
    }

    /// Of each replicate, if it fell.
    pub(super) fn read(&self) -> Vec<Option<Fall>> {
        let steps = host(&self.step);
        if steps.iter().all(|step| *step == 0.0) {
            return steps.iter().map(|_| None).collect();
        }
        let (fallen, last) = (columns(&self.fallen), self.last());
        let fall = |((step, losses), last): ((f64, Vec<f64>), Option<LastFinite>)| {
            (step > 0.0).then(|| Fall { step: step as usize, term: self.culprit(&losses), last })
        };
        steps.into_iter().zip(fallen).zip(last).map(fall).collect()
    }

    /// Of each replicate the losses of its last step where all was finite.
    pub(super) fn last(&self) -> Vec<Option<LastFinite>> {
        let last = |losses: Vec<f64>| {
            let (total, terms) = losses.split_first()?;
            let names = self.names.iter().map(ToString::to_string);
            let terms = names.zip(terms.iter().copied()).collect();
            total.is_finite().then_some(LastFinite { total: *total, terms })
        };
        columns(&self.last).into_iter().map(last).collect()
    }

    fn culprit(&self, losses: &[f64]) -> String {
        let mut terms = self.names.iter().zip(losses.iter().skip(1));
        match terms.find(|(_, loss)| !loss.is_finite()) {
            Some((name, _)) => name.clone(),
            None if losses.first().is_some_and(|total| !total.is_finite()) => TOTAL.to_string(),
            None => GRADIENT.to_string(),
        }
    }
}

/// The columns of a matrix, on the host.
fn columns(matrix: &Tensor) -> Vec<Vec<f64>> {
    let rows = matrix.size()[0] as usize;
    host(&matrix.tr().contiguous().view([-1])).chunks(rows).map(<[f64]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const INFINITE: f32 = f32::INFINITY;

    /// Three replicates, two terms; before which step they learn is as the stack would say.
    #[test]
    fn the_first_wild_term_and_the_last_finite_losses_are_named() {
        let mut falls = Falls::new(vec!["mse", "ranking"], 4, Device::Cpu);
        let mut watch = |step, total: [f32; 4], terms: [[f32; 4]; 2], live: [[bool; 4]; 2]| {
            let terms = Tensor::from_slice(terms.as_flattened()).view([2, 4]);
            let [before, after] = live.map(|live| Tensor::from_slice(&live));
            falls.watch(step, (&Tensor::from_slice(&total), &terms), (&before, &after));
        };
        let first = [true, true, true, false];
        watch(0, [3.0, 4.0, 5.0, INFINITE], [[1.0, 2.0, 3.0, 1.0], [2.0, 2.0, 2.0, 1.0]], [[true; 4], first]);
        let second = [true, false, false, false];
        watch(
            1,
            [9.0, INFINITE, 7.0, 1.0],
            [[4.0, 8.0, 3.0, 0.0], [5.0, INFINITE, 4.0, 0.0]],
            [first, second],
        );
        // What a fallen replicate says later counts for nothing.
        watch(2, [6.0, 1.0, 1.0, 1.0], [[2.0; 4], [4.0; 4]], [second, second]);
        let last = falls.last();
        let total = |replicate: usize| last[replicate].as_ref().map(|last| last.total);
        assert_eq!((total(0), total(1), total(2), total(3)), (Some(6.0), Some(4.0), Some(5.0), None));
        assert_eq!(last[1].as_ref().unwrap().terms["ranking"], 2.0);
        let found: Vec<_> =
            falls.read().into_iter().map(|fall| fall.map(|fall| (fall.step, fall.term))).collect();
        let expected = [None, Some((2, "ranking")), Some((2, GRADIENT)), Some((1, TOTAL))];
        assert_eq!(found, expected.map(|fall| fall.map(|(step, term)| (step, term.to_string()))));
    }
}
