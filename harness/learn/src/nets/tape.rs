//! Operations that bring their own gradient, and how it is joined with what libtorch finds between them.

use std::cell::RefCell;
use tch::Tensor;

/// From the gradients of an operation's outputs (nothing for one that nobody used) to those of its inputs, in their order; nothing for
/// an input that needs none.
pub(super) type Backward = Box<dyn FnOnce(&[Option<Tensor>]) -> Vec<Option<Tensor>>>;

/// What an input of an operation is to the tape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// A parameter, by its number.
    Parameter(usize),
    /// An output of an earlier operation, by its number among all.
    Output(usize),
    /// What libtorch computed of these.
    Between,
    /// Nothing that learns.
    Constant,
}

struct Operation {
    inputs: Vec<(Place, Tensor)>,
    /// Leaves of libtorch's graph: what follows ends here, and the operation goes on.
    outputs: Vec<Tensor>,
    backward: Backward,
}

/// The operations of one pass, in order.
///
/// libtorch's graph is cut at each of them. The gradient is found from the end: libtorch brings it from the loss to the outputs
/// it was computed of; an operation takes it from its output to its inputs; where those are no parameters and no outputs, libtorch
/// takes it on from there.
#[derive(Default)]
pub(super) struct Tape(RefCell<Vec<Operation>>);

impl Tape {
    /// Notes an operation on `inputs` that gave `outputs`, which nobody else holds; returns what stands for these from now on.
    pub(super) fn record(
        &self,
        parameters: &[Tensor],
        inputs: &[&Tensor],
        outputs: Vec<Tensor>,
        backward: Backward,
    ) -> Vec<Tensor> {
        let mut operations = self.0.borrow_mut();
        let inputs: Vec<(Place, Tensor)> = inputs
            .iter()
            .map(|input| (place(parameters, &operations, input), input.shallow_clone()))
            .collect();
        if inputs.iter().all(|(place, _)| *place == Place::Constant) {
            return outputs;
        }
        let outputs: Vec<Tensor> = outputs.into_iter().map(|output| output.set_requires_grad(true)).collect();
        operations.push(Operation { inputs, outputs: clones(&outputs), backward });
        outputs
    }

    /// The gradient of `total`, a single value, by every parameter; nothing for those it does not depend on.
    pub(super) fn gradients(&self, parameters: &[Tensor], total: &Tensor) -> Vec<Option<Tensor>> {
        let operations = std::mem::take(&mut *self.0.borrow_mut());
        let outputs: Vec<Tensor> =
            operations.iter().flat_map(|operation| clones(&operation.outputs)).collect();
        let mut found = Found {
            parameters: parameters.iter().map(|_| None).collect(),
            outputs: outputs.iter().map(|_| None).collect(),
        };
        found.through_libtorch(&[total.shallow_clone()], parameters, &outputs);
        let mut first = outputs.len();
        for Operation { inputs, outputs: own, backward } in operations.into_iter().rev() {
            first -= own.len();
            let gradients: Vec<Option<Tensor>> = found.outputs.drain(first..).collect();
            if gradients.iter().all(Option::is_none) {
                continue;
            }
            let mut between = Vec::new();
            for ((place, input), gradient) in inputs.iter().zip(tch::no_grad(|| backward(&gradients))) {
                let Some(gradient) = gradient else { continue };
                match place {
                    Place::Parameter(number) => add(&mut found.parameters[*number], gradient),
                    Place::Output(number) => add(&mut found.outputs[*number], gradient),
                    // The gradient of this product is the gradient, and one number starts it.
                    Place::Between => between.push(input.reshape(-1i64).dot(&gradient.reshape(-1i64))),
                    Place::Constant => {}
                }
            }
            found.through_libtorch(&between, parameters, &outputs[..first]);
        }
        found.parameters
    }
}

fn clones(tensors: &[Tensor]) -> Vec<Tensor> {
    tensors.iter().map(Tensor::shallow_clone).collect()
}

struct Found {
    parameters: Vec<Option<Tensor>>,
    outputs: Vec<Option<Tensor>>,
}

impl Found {
    /// Adds the gradient of the sums of `roots`. The graph is kept: two operations may have inputs that libtorch computed of the
    /// same.
    fn through_libtorch(&mut self, roots: &[Tensor], parameters: &[Tensor], outputs: &[Tensor]) {
        let roots: Vec<&Tensor> = roots.iter().filter(|root| root.requires_grad()).collect();
        if roots.is_empty() {
            return;
        }
        let wanted: Vec<&Tensor> = parameters.iter().chain(outputs).collect();
        let gradients = Tensor::run_backward(&roots, &wanted, true, false);
        let places = self.parameters.iter_mut().chain(&mut self.outputs);
        for (place, gradient) in places.zip(gradients) {
            if gradient.defined() {
                add(place, gradient);
            }
        }
    }
}

fn add(place: &mut Option<Tensor>, gradient: Tensor) {
    // Not in place: libtorch may hold the same values elsewhere.
    *place = Some(match place.take() {
        Some(sum) => tch::no_grad(|| sum + gradient),
        None => gradient,
    });
}

fn place(parameters: &[Tensor], operations: &[Operation], input: &Tensor) -> Place {
    if !input.requires_grad() {
        return Place::Constant;
    }
    let is_input = |tensor: &Tensor| {
        tensor.data_ptr() == input.data_ptr() && tensor.is_leaf() && tensor.size() == input.size()
    };
    if !input.is_leaf() {
        return Place::Between;
    }
    let parameter = parameters.iter().position(is_input).map(Place::Parameter);
    let mut outputs = operations.iter().flat_map(|operation| &operation.outputs);
    let output = || outputs.position(is_input).map(Place::Output);
    parameter.or_else(output).unwrap_or(Place::Between)
}
