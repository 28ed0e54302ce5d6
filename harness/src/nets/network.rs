//! A network: features, gate, backbone, heads, in the order that its spec asks for.

use super::arms::Arms;
use super::gate::Gate;
use super::head::Head;
use super::parameters::{Layout, Weights};
use super::t_learner::TLearner;
use super::tarnet::Tarnet;
use super::{Backbone, BackboneKind, GatePosition, HeadSpec, NetworkSpec, OutcomeSummary};
use tch::Tensor;

/// A network and the layout of its parameters.
pub struct Network {
    layout: Layout,
    backbone: Box<dyn Backbone + Send>,
    feature_gate: Option<Gate>,
    representation_gate: Option<Gate>,
    control: Head,
    treated: Head,
    head: HeadSpec,
}

/// What a network says of a batch. Raw head outputs, `[S, B, k]`.
pub struct Outputs {
    /// Under control.
    pub control: Tensor,
    /// Under treatment.
    pub treated: Tensor,
}

impl Network {
    /// The network for `inputs` features, its outputs starting at the training outcomes.
    pub fn new(spec: &NetworkSpec, inputs: i64, summary: &OutcomeSummary) -> Self {
        let mut layout = Layout::default();
        let gated = |position| spec.gate == Some(position);
        let backbone = build(spec, &mut layout, inputs);
        let (sharing, width) = (backbone.sharing(), backbone.width());
        let feature_gate =
            gated(GatePosition::Features).then(|| Gate::new(&mut layout, "feature-gate", inputs, sharing));
        let representation_gate =
            gated(GatePosition::Representation).then(|| Gate::new(&mut layout, "gate", width, sharing));
        let start = spec.head.start(summary);
        let control = Head::new(&mut layout, "head.control", (width, &spec.heads), &start);
        let treated = Head::new(&mut layout, "head.treated", (width, &spec.heads), &start);
        let head = spec.head.clone();
        Self { layout, backbone, feature_gate, representation_gate, control, treated, head }
    }

    /// The layout of the parameters.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// What the heads put out.
    pub fn head(&self) -> &HeadSpec {
        &self.head
    }

    /// Features `[S, B, d]` to raw head outputs per arm.
    pub fn forward(&self, weights: &Weights, features: &Tensor) -> Outputs {
        let mut arms = Arms::Shared(features.shallow_clone());
        if let Some(gate) = &self.feature_gate {
            arms = gate.forward(weights, &arms);
        }
        arms = self.backbone.represent(weights, &arms);
        if let Some(gate) = &self.representation_gate {
            arms = gate.forward(weights, &arms);
        }
        Outputs {
            control: self.control.forward(weights, arms.control()),
            treated: self.treated.forward(weights, arms.treated()),
        }
    }
}

fn build(spec: &NetworkSpec, layout: &mut Layout, inputs: i64) -> Box<dyn Backbone + Send> {
    match spec.backbone {
        BackboneKind::Tarnet => Box::new(Tarnet::new(layout, inputs, &spec.trunk)),
        BackboneKind::TLearner => Box::new(TLearner::new(layout, inputs, &spec.trunk)),
    }
}
