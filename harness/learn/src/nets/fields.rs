//! Attention among fields and their weighted sum on the CPU, replicate by replicate, with their gradients.

use super::host::{values, values_mut};
use super::parameters::Weights;
use crate::kernels::attention::{self, Map, MapGradient};
use crate::kernels::interaction;
use tch::Tensor;

/// Attention of all fields to each other, `[S, B, d r]`, of features `[S, B, d]`, their embeddings `[S, d, r]`, and weight and bias of
/// query, key and value in turn.
pub(super) fn attend(weights: &Weights, features: &Tensor, parameters: [&Tensor; 7]) -> Tensor {
    let kept = Kept::new(features, parameters);
    let shape = features.size();
    let width = parameters[0].size()[1..].iter().product::<i64>();
    let mut out = Tensor::empty([shape[0], shape[1], width], (features.kind(), features.device()));
    for (replicate, out) in each(&mut out, kept.replicates).enumerate() {
        attention::forward(&attention_of(kept.parameters(replicate)), kept.features(replicate), out);
    }
    let inputs: Vec<&Tensor> = std::iter::once(features).chain(parameters).collect();
    let (attended, learns) = (out.shallow_clone(), features.requires_grad());
    weights.closed(&inputs, out, move |gradient| {
        let gradient = gradient.contiguous();
        kept.gradients(learns, |replicate, slopes, features| {
            let [field, query, query_bias, key, key_bias, value, value_bias] = slopes;
            let maps = [(query, query_bias), (key, key_bias), (value, value_bias)];
            let maps = maps.map(|(weight, bias)| MapGradient { weight, bias });
            let gradients = attention::Gradients { field, maps, features };
            let out = [&attended, &gradient].map(|tensor| part(tensor, replicate, kept.replicates));
            let parameters = attention_of(kept.parameters(replicate));
            attention::backward(&parameters, kept.features(replicate), out, gradients);
        })
    })
}

/// The sum of fields by the softmax of their scores, `[S, B, r]`, of features `[S, B, d]`, their embeddings `[S, d, r]`, weight and bias of
/// the map, and weights of the score `[S, r, 1]`.
pub(super) fn interact(weights: &Weights, features: &Tensor, parameters: [&Tensor; 4]) -> Tensor {
    let kept = Kept::new(features, parameters);
    let shape = features.size();
    let width = parameters[2].size()[1];
    let mut out = Tensor::empty([shape[0], shape[1], width], (features.kind(), features.device()));
    for (replicate, out) in each(&mut out, kept.replicates).enumerate() {
        interaction::forward(&interaction_of(kept.parameters(replicate)), kept.features(replicate), out);
    }
    let inputs: Vec<&Tensor> = std::iter::once(features).chain(parameters).collect();
    let learns = features.requires_grad();
    weights.closed(&inputs, out, move |gradient| {
        let gradient = gradient.contiguous();
        kept.gradients(learns, |replicate, [field, weight, bias, score], features| {
            let gradients = interaction::Gradients { field, weight, bias, score, features };
            let parameters = interaction_of(kept.parameters(replicate));
            let gradient = part(&gradient, replicate, kept.replicates);
            interaction::backward(&parameters, kept.features(replicate), gradient, gradients);
        })
    })
}

fn attention_of(parameters: [&[f32]; 7]) -> attention::Parameters<'_> {
    let [field, query, query_bias, key, key_bias, value, value_bias] = parameters;
    let maps = [(query, query_bias), (key, key_bias), (value, value_bias)];
    attention::Parameters { field, maps: maps.map(|(weight, bias)| Map { weight, bias }) }
}

fn interaction_of([field, weight, bias, score]: [&[f32]; 4]) -> interaction::Parameters<'_> {
    interaction::Parameters { field, weight, bias, score }
}

/// What the gradient is computed of, replicates one after another.
struct Kept<const N: usize> {
    replicates: usize,
    features: Tensor,
    parameters: [Tensor; N],
}

impl<const N: usize> Kept<N> {
    fn new(features: &Tensor, parameters: [&Tensor; N]) -> Self {
        let kept = |tensor: &Tensor| tensor.detach().contiguous();
        Self {
            replicates: features.size()[0] as usize,
            features: kept(features),
            parameters: parameters.map(kept),
        }
    }

    fn features(&self, replicate: usize) -> &[f32] {
        part(&self.features, replicate, self.replicates)
    }

    fn parameters(&self, replicate: usize) -> [&[f32]; N] {
        self.parameters.each_ref().map(|tensor| part(tensor, replicate, self.replicates))
    }

    /// The gradients of features (where they learn) and parameters, which `find` puts into their places for each replicate.
    fn gradients(
        &self,
        learns: bool,
        find: impl Fn(usize, [&mut [f32]; N], Option<&mut [f32]>),
    ) -> Vec<Option<Tensor>> {
        let mut of_features = learns.then(|| self.features.empty_like());
        let mut of_parameters = self.parameters.each_ref().map(Tensor::empty_like);
        for replicate in 0..self.replicates {
            let slopes = of_parameters.each_mut().map(|tensor| part_mut(tensor, replicate, self.replicates));
            let features = of_features.as_mut().map(|tensor| part_mut(tensor, replicate, self.replicates));
            find(replicate, slopes, features);
        }
        std::iter::once(of_features).chain(of_parameters.map(Some)).collect()
    }
}

/// A replicate's values.
pub(super) fn part(tensor: &Tensor, replicate: usize, replicates: usize) -> &[f32] {
    let values = values(tensor);
    let size = values.len() / replicates;
    &values[replicate * size..][..size]
}

/// The same, to be written to.
pub(super) fn part_mut(tensor: &mut Tensor, replicate: usize, replicates: usize) -> &mut [f32] {
    let values = values_mut(tensor);
    let size = values.len() / replicates;
    &mut values[replicate * size..][..size]
}

/// The values of each replicate.
fn each(tensor: &mut Tensor, replicates: usize) -> impl Iterator<Item = &mut [f32]> {
    let values = values_mut(tensor);
    let size = (values.len() / replicates).max(1);
    values.chunks_exact_mut(size)
}

#[cfg(test)]
mod tests {
    use super::super::efin::Efin;
    use super::super::parameters::Layout;
    use super::*;
    use tch::{Device, Kind};

    fn wave(shape: &[i64], step: f64) -> Tensor {
        let count = shape.iter().product::<i64>();
        // Not through 0: libtorch has no gradient of a length of 0.
        (Tensor::arange(count, (Kind::Float, Device::Cpu)) * step + 0.2).sin().view(shape)
    }

    /// Rows, fields, rank.
    const SHAPES: [(i64, i64, usize); 8] =
        [(3, 1, 1), (5, 1, 16), (9, 7, 2), (1, 16, 8), (4, 16, 16), (3, 100, 16), (2, 100, 18), (6, 7, 33)];

    struct Case {
        efin: Efin,
        flat: Tensor,
        features: Tensor,
        layout: Layout,
    }

    impl Case {
        fn new((rows, fields, rank): (i64, i64, usize), replicates: i64) -> Self {
            let mut layout = Layout::default();
            let efin = Efin::new(&mut layout, (fields, &[]), rank, true);
            let flat = wave(&[replicates, layout.size()], 0.37) * 0.9;
            Self { efin, flat, features: wave(&[replicates, rows, fields], 0.71) * 1.5, layout }
        }

        fn part(&self, first: i64, replicates: i64) -> (Tensor, Tensor) {
            let part = |tensor: &Tensor| tensor.narrow(0, first, replicates).contiguous();
            (part(&self.flat), part(&self.features))
        }

        /// Outputs, and the gradients of parameters, `[S, ...]`. Features learn where the first parameters move them.
        fn pass(&self, fused: bool, attends: bool, (flat, features): (Tensor, Tensor)) -> [Tensor; 2] {
            let flat = flat.set_requires_grad(!fused);
            let weights = if fused { self.layout.learning(&flat) } else { self.layout.views(&flat) };
            assert_eq!(weights.are_fused(), fused);
            // Features that learn: they are moved by the score's bias, which has no effect otherwise.
            let moved = features * (self.efin.bias_of_score(&weights).unsqueeze(-1) * 0.1 + 1.0);
            let out = match attends {
                true => self.efin.attend(&weights, &moved),
                false => self.efin.interact(&weights, &moved),
            };
            let total = (&out * wave(&out.size(), 0.53)).sum(Kind::Float);
            let gradient = match fused {
                true => weights.gradient(&total),
                false => Tensor::run_backward(&[&total], &[&flat], false, false).remove(0),
            };
            [out.detach(), gradient]
        }
    }

    /// Largest difference over the largest value.
    fn apart(found: &Tensor, expected: &Tensor) -> f64 {
        let scale = expected.abs().max().double_value(&[]).max(1e-3);
        (found - expected).abs().max().double_value(&[]) / scale
    }

    #[test]
    fn values_and_gradients_are_those_of_the_plain_composition() {
        for shape in SHAPES {
            for attends in [true, false] {
                let case = Case::new(shape, 2);
                let [found, gradient] = case.pass(true, attends, case.part(0, 2));
                let [expected, slopes] = case.pass(false, attends, case.part(0, 2));
                assert!(
                    apart(&found, &expected) < 5e-6,
                    "{shape:?}, {attends}: {}",
                    apart(&found, &expected)
                );
                assert!(
                    apart(&gradient, &slopes) < 2e-5,
                    "{shape:?}, {attends}: {}",
                    apart(&gradient, &slopes)
                );
            }
        }
    }

    #[test]
    fn a_replicate_is_the_same_alone_and_in_a_stack() {
        for shape in SHAPES {
            for attends in [true, false] {
                let case = Case::new(shape, 3);
                let together = case.pass(true, attends, case.part(0, 3));
                for replicate in 0..3 {
                    let alone = case.pass(true, attends, case.part(replicate, 1));
                    // The loss weighs the outputs of a replicate by its place; the outputs do not know it.
                    assert_eq!(alone[0], together[0].narrow(0, replicate, 1), "{shape:?}, {attends}");
                }
                let first = case.pass(true, attends, case.part(0, 1));
                assert_eq!(first[1], together[1].narrow(0, 0, 1), "{shape:?}, {attends}");
            }
        }
    }

    #[test]
    fn what_is_not_a_number_stays_so_and_in_its_row() {
        for attends in [true, false] {
            let case = Case::new((4, 7, 16), 1);
            let (flat, features) = case.part(0, 1);
            let _ = features.get(0).get(2).get(3).fill_(f64::NAN);
            let [out, gradient] = case.pass(true, attends, (flat, features));
            let of_rows: Vec<bool> =
                (0..4).map(|row| out.get(0).get(row).isnan().all().int64_value(&[]) != 0).collect();
            assert_eq!(of_rows, [false, false, true, false], "{attends}");
            assert!(gradient.isnan().any().int64_value(&[]) != 0);
            let (flat, features) = case.part(0, 1);
            let [out, _] = case.pass(true, attends, (flat.fill(f64::NAN), features));
            assert!(out.isnan().all().int64_value(&[]) != 0);
        }
    }
}
