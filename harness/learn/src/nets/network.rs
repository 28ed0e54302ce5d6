//! A network: features, front, gate, backbone, heads, in the order that its spec asks for.

use super::deep_fm::DeepFm;
use super::dragonnet::Dragonnet;
use super::efin::Efin;
use super::euen::Euen;
use super::front::{Front, Inputs, Plan};
use super::gate::Gate;
use super::heads::Heads;
use super::one_arm::OneArm;
use super::outputs::Outputs;
use super::parameters::{Layout, Weights};
use super::readout::Readout;
use super::s_learner::SLearner;
use super::shared_index::SharedIndex;
use super::t_learner::TLearner;
use super::tarnet::Tarnet;
use super::unite::Unite;
use super::{Backbone, BackboneKind, GatePosition, NetworkSpec, OutcomeSummary, Pass, Sharing};
use tch::Tensor;
use valor_base::question::Question;

/// A network and the layout of its parameters.
pub struct Network {
    layout: Layout,
    front: Front,
    backbone: Box<dyn Backbone + Send>,
    feature_gate: Option<Gate>,
    representation_gate: Option<Gate>,
    heads: Heads,
    head: Readout,
    question: Question,
}

impl Network {
    /// The network for these features (a number of them where all are numbers), its outputs starting at the training outcomes.
    pub fn new(spec: &NetworkSpec, inputs: impl Into<Inputs>, summary: &OutcomeSummary) -> Self {
        let mut layout = Layout::default();
        let plan = Plan::new(&spec.front, inputs.into());
        let inputs = plan.width() as i64;
        let gated = |position| spec.gate == Some(position);
        let backbone = build(spec, &mut layout, inputs, summary);
        layout.mark_features(is_of_features);
        let (sharing, width) = (backbone.sharing(), backbone.width());
        let front = Front::new(&mut layout, plan, sharing);
        let feature_gate =
            gated(GatePosition::Features).then(|| Gate::new(&mut layout, "feature-gate", inputs, sharing));
        let representation_gate =
            gated(GatePosition::Representation).then(|| Gate::new(&mut layout, "gate", width, sharing));
        let head = Readout::new(&spec.head, summary);
        let heads = Heads::new(&mut layout, sharing, (width, &spec.heads), (&head, summary));
        Self {
            layout,
            front,
            backbone,
            feature_gate,
            representation_gate,
            heads,
            head,
            question: spec.backbone.question(),
        }
    }

    /// The layout of the parameters.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// What it is given.
    pub fn inputs(&self) -> &Inputs {
        self.front.inputs()
    }

    /// What it answers: where that is `Value`, both arms' outputs are those of the only one.
    pub fn question(&self) -> Question {
        self.question
    }

    /// How what the heads put out is read.
    pub fn head(&self) -> &Readout {
        &self.head
    }

    /// How open the gate is in each arm, `[S, width]`: control, treated; nothing without a gate.
    pub fn openness(&self, weights: &Weights) -> Option<[Tensor; 2]> {
        let gate = self.feature_gate.as_ref().or(self.representation_gate.as_ref());
        gate.map(|gate| gate.openness(weights))
    }

    /// Features `[S, B, d]` to what terms and predictions read.
    pub fn forward(&self, weights: &Weights, features: &Tensor, pass: &Pass) -> Outputs {
        let mut arms = self.front.forward(weights, features);
        if let Some(gate) = &self.feature_gate {
            arms = gate.forward(weights, &arms);
        }
        let found = self.backbone.represent(weights, &arms, pass);
        let gated = self.representation_gate.as_ref().map(|gate| gate.forward(weights, &found.arms));
        let arms = gated.as_ref().unwrap_or(&found.arms);
        let said = self.heads.forward(weights, arms, found.propensity.as_ref(), pass);
        let shared = self.backbone.sharing() == Sharing::Trunk;
        Outputs {
            representation: shared.then(|| found.arms.control().shallow_clone()),
            propensity: found.propensity,
            epsilon: found.epsilon,
            parts: found.parts,
            ..said
        }
    }
}

/// Whether a backbone's parameter is a weight of a first layer. EFIN's trunks see what its attention makes of the fields.
fn is_of_features(name: &str) -> bool {
    let first = name.starts_with("trunk") || name.starts_with("experts");
    (first && name.ends_with(".0.weight"))
        || name.starts_with("mixture") && name.ends_with(".weight")
        || ["field.weight", "linear.weight", "factors"].contains(&name)
}

fn build(
    spec: &NetworkSpec,
    layout: &mut Layout,
    inputs: i64,
    summary: &OutcomeSummary,
) -> Box<dyn Backbone + Send> {
    let trunk = spec.trunk.as_slice();
    match &spec.backbone {
        BackboneKind::Mlp => Box::new(OneArm::new(layout, inputs, trunk)),
        BackboneKind::DeepFm(spec) => Box::new(DeepFm::new(layout, (inputs, trunk), spec, summary)),
        BackboneKind::SLearner => Box::new(SLearner::new(layout, inputs, trunk)),
        BackboneKind::TLearner => Box::new(TLearner::new(layout, inputs, trunk)),
        BackboneKind::Tarnet => Box::new(Tarnet::new(layout, inputs, trunk, false)),
        BackboneKind::Cfr => Box::new(Tarnet::new(layout, inputs, trunk, true)),
        BackboneKind::Dragonnet => Box::new(Dragonnet::new(layout, inputs, trunk)),
        BackboneKind::Unite(unite) => {
            Box::new(Unite::new(layout, (inputs, &spec.heads), unite, (&spec.head, summary)))
        }
        BackboneKind::Euen(euen) => Box::new(Euen::new(layout, inputs, trunk, euen.stop_gradient)),
        BackboneKind::Efin(efin) => {
            Box::new(Efin::new(layout, (inputs, trunk), efin.rank, efin.stop_gradient))
        }
        BackboneKind::SharedIndex(spec) => Box::new(SharedIndex::new(layout, inputs, spec)),
    }
}
