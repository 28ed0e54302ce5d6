//! Parameters of a stack of replicates: one flat `[S, P]` buffer per model, seen through named views.
//!
//! With one buffer, the optimiser and clipping are a handful of operations whatever the number of layers.

use super::tape::{Backward, Tape};
use rand_distr::{Distribution, Uniform};
use tch::{Device, Kind, Tensor};
use valor_base::seed::Seeds;

/// How a parameter starts.
#[derive(Clone, Debug, PartialEq)]
pub enum Init {
    /// Uniform on `[-1/sqrt(n), 1/sqrt(n)]` with `n` inputs: PyTorch's default for linear layers.
    FanIn(i64),
    /// Rows of `width` values, drawn as of as many inputs; the last `still` values are 0.
    Table {
        /// Values of a row.
        width: i64,
        /// Values that start at 0.
        still: usize,
    },
    /// The same values for every replicate.
    Values(Vec<f32>),
}

/// The place of a parameter in its layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot(usize);

#[derive(Clone, Debug)]
struct Entry {
    name: String,
    shape: Vec<i64>,
    init: Init,
    /// Whether it multiplies features.
    of_features: bool,
}

/// Names, shapes and initial laws of a model's parameters, in the order of the flat buffer.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    entries: Vec<Entry>,
}

impl Layout {
    /// Adds a parameter of `shape` (without the replicate dimension).
    pub fn add(&mut self, name: String, shape: &[i64], init: Init) -> Slot {
        self.entries.push(Entry { name, shape: shape.to_vec(), init, of_features: false });
        Slot(self.entries.len() - 1)
    }

    /// `P`: the number of values per replicate.
    pub fn size(&self) -> i64 {
        self.sizes().iter().sum()
    }

    /// Name and shape of each parameter, in order.
    pub fn names(&self) -> impl Iterator<Item = (&str, &[i64])> {
        self.entries.iter().map(|entry| (entry.name.as_str(), entry.shape.as_slice()))
    }

    /// Marks the weights of these names as those of features.
    pub fn mark_features(&mut self, is_named: impl Fn(&str) -> bool) {
        self.entries
            .iter_mut()
            .filter(|entry| is_named(&entry.name))
            .for_each(|entry| entry.of_features = true);
    }

    /// Which of the `P` values multiply features: 1 for them, 0 for all others.
    pub fn feature_weights(&self) -> Vec<f32> {
        let of = |entry: &Entry| {
            let flag = f32::from(u8::from(entry.of_features));
            vec![flag; entry.shape.iter().product::<i64>() as usize]
        };
        self.entries.iter().flat_map(of).collect()
    }

    /// One replicate's initial values. Each parameter has its own stream, addressed by its name, so that
    /// adding a layer changes no other.
    pub fn draw(&self, seeds: &Seeds) -> Vec<f32> {
        let mut values = Vec::with_capacity(self.size() as usize);
        for entry in &self.entries {
            match &entry.init {
                Init::Values(given) => values.extend_from_slice(given),
                Init::FanIn(inputs) => values.extend(uniform(entry, *inputs, seeds)),
                Init::Table { width, still } => {
                    let mut drawn = uniform(entry, *width, seeds);
                    let last = drawn.len().saturating_sub(*still);
                    drawn[last..].fill(0.0);
                    values.extend(drawn);
                }
            }
        }
        values
    }

    /// Views into `flat` (`[S, P]`), each `[S, shape...]`, to compute with. Where `flat` asks for a gradient, all of it is libtorch's and
    /// flows back through one concatenation: what `learning` is tested against.
    pub fn views(&self, flat: &Tensor) -> Weights {
        let gradients = if flat.requires_grad() { Gradients::Composed } else { Gradients::None };
        self.weights(flat, gradients)
    }

    /// Views into `flat` (`[S, P]`), each `[S, shape...]`, to learn with: `Weights::gradient` then has the gradient.
    pub fn learning(&self, flat: &Tensor) -> Weights {
        let mut weights = self.weights(&flat.detach(), Gradients::Closed(Tape::default()));
        for tensor in &mut weights.tensors {
            *tensor = tensor.set_requires_grad(true);
        }
        weights
    }

    fn weights(&self, flat: &Tensor, gradients: Gradients) -> Weights {
        let replicates = flat.size()[0];
        let parts = flat.split_with_sizes(self.sizes(), 1);
        let view = |(part, entry): (&Tensor, &Entry)| {
            let shape: Vec<i64> = std::iter::once(replicates).chain(entry.shape.iter().copied()).collect();
            part.view(shape.as_slice())
        };
        let tensors = parts.iter().zip(&self.entries).map(view).collect();
        Weights { tensors, gradients, on_host: flat.device() == Device::Cpu && flat.kind() == Kind::Float }
    }

    fn sizes(&self) -> Vec<i64> {
        self.entries.iter().map(|entry| entry.shape.iter().product()).collect()
    }
}

fn uniform(entry: &Entry, inputs: i64, seeds: &Seeds) -> Vec<f32> {
    let bound = 1.0 / (inputs.max(1) as f32).sqrt();
    let count = entry.shape.iter().product::<i64>() as usize;
    match Uniform::new_inclusive(-bound, bound) {
        Ok(law) => law.sample_iter(seeds.child(&entry.name).stream()).take(count).collect(),
        Err(_) => vec![0.0; count],
    }
}

/// The parameters of a stack, each `[S, shape...]`.
pub struct Weights {
    tensors: Vec<Tensor>,
    gradients: Gradients,
    on_host: bool,
}

/// Where gradients of the parameters come from.
enum Gradients {
    /// Nobody asks.
    None,
    /// From libtorch alone.
    Composed,
    /// From operations that bring theirs, and from libtorch between them.
    Closed(Tape),
}

impl Weights {
    /// The parameter at `slot`.
    pub fn get(&self, slot: Slot) -> &Tensor {
        &self.tensors[slot.0]
    }

    /// Whether operations may leave libtorch's graph for loops on the CPU: `closed` then says their gradients.
    pub(super) fn are_fused(&self) -> bool {
        let free = match &self.gradients {
            Gradients::None | Gradients::Closed(_) => true,
            Gradients::Composed => false,
        };
        free && self.on_host
    }

    /// An operation that brings its own gradient: what stands for its `output` from now on. Whoever calls has computed it without
    /// libtorch's graph; `backward` takes the output's gradient to those of `inputs`, in their order, parameters among them.
    pub(super) fn closed(
        &self,
        inputs: &[&Tensor],
        output: Tensor,
        backward: impl FnOnce(&Tensor) -> Vec<Option<Tensor>> + 'static,
    ) -> Tensor {
        let of_one = |gradients: &[Option<Tensor>]| match &gradients[0] {
            Some(gradient) => backward(gradient),
            None => Vec::new(),
        };
        self.closed_all(inputs, vec![output], of_one).remove(0)
    }

    /// The same for an operation with several outputs; `backward` sees nothing for those that nobody used.
    pub(super) fn closed_all(
        &self,
        inputs: &[&Tensor],
        outputs: Vec<Tensor>,
        backward: impl FnOnce(&[Option<Tensor>]) -> Vec<Option<Tensor>> + 'static,
    ) -> Vec<Tensor> {
        match &self.gradients {
            Gradients::None | Gradients::Composed => outputs,
            Gradients::Closed(tape) => {
                let backward: Backward = Box::new(backward);
                tape.record(&self.tensors, inputs, outputs, backward)
            }
        }
    }

    /// The gradient of `total`, a single value, by the flat buffer, `[S, P]`: of parameters that `learning` gave.
    pub fn gradient(&self, total: &Tensor) -> Tensor {
        let found = match &self.gradients {
            Gradients::None | Gradients::Composed => Vec::new(),
            Gradients::Closed(tape) => tape.gradients(&self.tensors, total),
        };
        let part = |(place, parameter): (usize, &Tensor)| {
            let gradient = found.get(place).and_then(Option::as_ref);
            let gradient = gradient.map_or_else(|| parameter.zeros_like(), Tensor::shallow_clone);
            gradient.reshape([parameter.size()[0], -1])
        };
        tch::no_grad(|| Tensor::cat(&self.tensors.iter().enumerate().map(part).collect::<Vec<_>>(), 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout() -> Layout {
        let mut layout = Layout::default();
        layout.add("first".into(), &[2, 3], Init::FanIn(4));
        layout.add("second".into(), &[2], Init::Values(vec![7.0, 8.0]));
        layout
    }

    #[test]
    fn views_show_the_flat_buffer_in_order() {
        let flat = Tensor::arange(16, (tch::Kind::Float, tch::Device::Cpu)).view([2, 8]);
        let weights = layout().views(&flat);
        assert_eq!(weights.get(Slot(0)).size(), [2, 2, 3]);
        assert_eq!(weights.get(Slot(1)).double_value(&[1, 0]), 14.0);
    }

    #[test]
    fn draws_respect_their_law_and_address() {
        let one = layout().draw(&Seeds::new(1));
        assert!(one[..6].iter().all(|value| value.abs() <= 0.5));
        assert_eq!(one[6..], [7.0, 8.0]);
        let mut longer = Layout::default();
        longer.add("zeroth".into(), &[5], Init::FanIn(1));
        longer.add("first".into(), &[2, 3], Init::FanIn(4));
        assert_eq!(longer.draw(&Seeds::new(1))[5..], one[..6]);
        assert_ne!(layout().draw(&Seeds::new(2))[..6], one[..6]);
    }

    #[test]
    fn weights_of_features_are_marked() {
        let mut layout = layout();
        layout.mark_features(|name| name == "first");
        assert_eq!(layout.feature_weights(), [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0]);
    }
}
