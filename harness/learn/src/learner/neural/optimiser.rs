//! Adam over the flat parameters of a stack.

use crate::learner::TrainingSpec;
use crate::nets::host::{values, values_mut};
use tch::{Device, Tensor};

const FIRST_DECAY: f64 = 0.9;
const SECOND_DECAY: f64 = 0.999;
const EPSILON: f64 = 1e-8;

/// Adam with clipping per replicate, as in PyTorch's `clip_grad_norm_` and `Adam`.
///
/// ```text
/// g <- g min(1, clip / (|g| + 1e-6)) + weight_decay theta + l1 sign(theta) [theta is a weight of a feature]
/// m <- .9 m + .1 g       v <- .999 v + .001 g^2
/// theta <- theta - rate (m / (1 - .9^k)) / (sqrt(v / (1 - .999^k)) + 1e-8)
/// ```
///
/// Every quantity is `[S, P]`; a replicate that is not live keeps its parameters. On the CPU all of it is one
/// pass over memory, which is what bounds it; on a GPU it is a few tensor operations.
pub(super) struct Adam {
    first: Tensor,
    second: Tensor,
    steps: i32,
    learning_rate: f64,
    weight_decay: f64,
    /// By parameter, `[P]`; nothing where none is penalised.
    l1: Option<Tensor>,
    clip: f64,
}

/// The factors of one step.
#[derive(Clone, Copy)]
struct Factors {
    /// Step size over the first bias correction.
    rate: f64,
    /// Square root of the second bias correction.
    correction: f64,
    weight_decay: f64,
}

impl Adam {
    /// For parameters `[S, P]`, of which those of features (`[P]`: 1 for them, else 0) may be penalised.
    pub(super) fn new(parameters: &Tensor, of_features: &[f32], spec: &TrainingSpec) -> Self {
        let penalised = || (Tensor::from_slice(of_features) * spec.l1).to_device(parameters.device());
        Self {
            first: parameters.zeros_like(),
            second: parameters.zeros_like(),
            steps: 0,
            learning_rate: spec.learning_rate,
            weight_decay: spec.weight_decay,
            l1: (spec.l1 > 0.0).then(penalised),
            clip: spec.clip,
        }
    }

    /// One step with this share of the learning rate. Returns which replicates are still live: those that were, and whose gradient is finite.
    pub(super) fn step(
        &mut self,
        parameters: &mut Tensor,
        gradient: &Tensor,
        live: &Tensor,
        share: f64,
    ) -> Tensor {
        self.steps += 1;
        let norm = gradient.norm_scalaropt_dim(2, [1i64].as_slice(), true);
        let live = live.logical_and(&norm.isfinite().squeeze_dim(1));
        let clipped = match self.clip > 0.0 {
            true => ((norm + 1e-6).reciprocal() * self.clip).clamp_max(1.0),
            false => norm.ones_like(),
        };
        let factors = Factors {
            rate: share * self.learning_rate / (1.0 - FIRST_DECAY.powi(self.steps)),
            correction: (1.0 - SECOND_DECAY.powi(self.steps)).sqrt(),
            weight_decay: self.weight_decay,
        };
        match parameters.device() {
            Device::Cpu => self.update_host(parameters, gradient, (&live, &clipped), factors),
            _ => self.update_device(parameters, gradient, (&live, &clipped), factors),
        }
        live
    }

    fn update_host(
        &mut self,
        parameters: &mut Tensor,
        gradient: &Tensor,
        (live, clipped): (&Tensor, &Tensor),
        factors: Factors,
    ) {
        let gradient = gradient.contiguous();
        for replicate in 0..live.size()[0] {
            if live.int64_value(&[replicate]) == 1 {
                let clip = clipped.double_value(&[replicate, 0]) as f32;
                let row = |tensor: &Tensor| tensor.get(replicate);
                let (mut parameters, gradient) = (row(parameters), row(&gradient));
                let mut moments = [row(&self.first), row(&self.second)];
                let [first, second] = moments.each_mut().map(values_mut);
                let l1 = self.l1.as_ref().map(values);
                update([values_mut(&mut parameters), first, second], values(&gradient), (clip, l1), factors);
            }
        }
    }

    fn update_device(
        &mut self,
        parameters: &mut Tensor,
        gradient: &Tensor,
        (live, clipped): (&Tensor, &Tensor),
        factors: Factors,
    ) {
        let column = live.unsqueeze(1);
        let zeros = gradient.zeros_like();
        let mut gradient = (gradient * clipped).where_self(&column, &zeros);
        gradient += &*parameters * factors.weight_decay;
        if let Some(l1) = &self.l1 {
            gradient += parameters.sign() * l1;
        }
        self.first *= FIRST_DECAY;
        self.first += &gradient * (1.0 - FIRST_DECAY);
        self.second *= SECOND_DECAY;
        self.second += gradient.square() * (1.0 - SECOND_DECAY);
        let scale = self.second.sqrt() / factors.correction + EPSILON;
        *parameters -= (&self.first / scale * factors.rate).where_self(&column, &zeros);
    }
}

/// One replicate's parameters, first and second moment, and gradient; the L1 penalty of each parameter, where there is one.
fn update(
    [parameters, first, second]: [&mut [f32]; 3],
    gradient: &[f32],
    (clip, l1): (f32, Option<&[f32]>),
    factors: Factors,
) {
    let (decay, rate) = (factors.weight_decay as f32, factors.rate as f32);
    let (correction, epsilon) = (1.0 / factors.correction as f32, EPSILON as f32);
    let (keep_first, keep_second) = (FIRST_DECAY as f32, SECOND_DECAY as f32);
    let (add_first, add_second) = ((1.0 - FIRST_DECAY) as f32, (1.0 - SECOND_DECAY) as f32);
    let one = |parameter: &mut f32, gradient: f32, first: &mut f32, second: &mut f32| {
        *first = keep_first * *first + add_first * gradient;
        *second = keep_second * *second + add_second * gradient * gradient;
        *parameter -= rate * *first / (second.sqrt() * correction + epsilon);
    };
    let moments = first.iter_mut().zip(second.iter_mut());
    let all = parameters.iter_mut().zip(gradient.iter()).zip(moments);
    match l1 {
        None => {
            for ((parameter, gradient), (first, second)) in all {
                let gradient = gradient * clip + decay * *parameter;
                one(parameter, gradient, first, second);
            }
        }
        Some(l1) => {
            for (((parameter, gradient), (first, second)), l1) in all.zip(l1) {
                // The subgradient at 0 is 0.
                let sign = if *parameter == 0.0 { 0.0 } else { parameter.signum() };
                let gradient = gradient * clip + decay * *parameter + l1 * sign;
                one(parameter, gradient, first, second);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Kind;

    const OF_FEATURES: [f32; 7] = [1.0, 1.0, 0.0, 1.0, 0.0, 1.0, 1.0];

    #[test]
    fn one_pass_and_tensor_operations_agree() {
        for l1 in [0.0, 0.3] {
            agree(&TrainingSpec { weight_decay: 0.01, l1, ..TrainingSpec::default() });
        }
    }

    fn agree(spec: &TrainingSpec) {
        let start = Tensor::linspace(-1.0, 1.0, 14, (Kind::Float, Device::Cpu)).view([2, 7]);
        let (mut host, mut device) = (start.copy(), start.copy());
        let (mut of_host, mut of_device) =
            (Adam::new(&host, &OF_FEATURES, spec), Adam::new(&device, &OF_FEATURES, spec));
        let live = Tensor::from_slice(&[true, false]);
        let clipped = Tensor::from_slice(&[0.5f32, 1.0]).view([2, 1]);
        for step in 1..4 {
            let factors = Factors { rate: 0.01 / f64::from(step), correction: 0.5, weight_decay: 0.01 };
            let gradient = (&start * f64::from(step)).sin();
            of_host.update_host(&mut host, &gradient, (&live, &clipped), factors);
            of_device.update_device(&mut device, &gradient, (&live, &clipped), factors);
        }
        assert!((&host - &device).abs().max().double_value(&[]) < 1e-6);
        assert_eq!(host.get(1), start.get(1), "a replicate that is not live stays");
        assert!((host.get(0) - start.get(0)).abs().min().double_value(&[]) > 1e-4);
    }

    /// The penalty alone moves a weight of a feature by its sign, and nothing else.
    #[test]
    fn the_l1_penalty_pulls_weights_of_features_towards_0() {
        let spec = TrainingSpec { l1: 0.5, ..TrainingSpec::default() };
        let mut parameters = Tensor::from_slice(&[1.0f32, -2.0, 3.0, 0.0, 5.0, 6.0, -7.0]).view([1, 7]);
        let start = parameters.copy();
        let mut adam = Adam::new(&parameters, &OF_FEATURES, &spec);
        let _ = adam.step(&mut parameters, &start.zeros_like(), &Tensor::from_slice(&[true]), 1.0);
        // Adam's first step is the learning rate against the sign of the gradient.
        let moved = Vec::<f32>::try_from((parameters - start).view(-1)).unwrap();
        let rate = spec.learning_rate as f32;
        let expected = [-rate, rate, 0.0, 0.0, 0.0, -rate, rate];
        assert!(moved.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{moved:?}");
    }
}
