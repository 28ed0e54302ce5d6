//! What a network computes, written down: the steps from inputs to expectations that a model file tells its readers.
//!
//! Names and equations of the operations stand in docs/reference/models.md. Every constant comes from where the network takes it.

use super::cc_or::{BLOCKS, SMALLEST_VARIANCE};
use super::efin::SMALLEST_NORM;
use super::front::{FRONT, OWN_FRONTS};
use super::head::{LOG_EXPECTATION_MAXIMUM, SIGMA_MAXIMUM, SIGMA_MINIMUM, SIGMA_SQUARE};
use super::tarnet::SMALLEST_SQUARE;
use super::{
    Amount, Augmentation, BackboneKind, CcOrSpec, Decoding, DeepFmSpec, GatePosition, HeadSpec, MdmeSpec,
    NetworkSpec, OrdinalKind, Residual, Structure, TowersSpec, Unit, UniteSpec, ZERO,
};
use serde::Serialize;
use valor_base::question::Question;

/// The steps of a network, and which of them are its answers.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Steps {
    /// Networks whose conversions and expectations are averaged, each with parameters of its own; absent where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    members: Option<usize>,
    /// In an order in which they can be computed.
    steps: Vec<Step>,
    #[serde(flatten)]
    answers: Answers,
    /// What raw outputs mean.
    head: Head,
}

/// Which steps have the raw outputs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
enum Answers {
    /// Of both arms.
    Two { control: String, treated: String },
    /// Of the only one.
    One { value: String },
}

/// A value under a name.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Step {
    name: String,
    #[serde(flatten)]
    operation: Operation,
}

/// How a step's value is made; `of` names an earlier step, or the encoded columns, `x`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "operation", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
enum Operation {
    /// Columns that are no numbers of levels, the rows that these name, and what attention reads of sequences.
    Front { of: String, parameters: String, divisor: Option<f64> },
    /// One more column of this value.
    Append { of: String, value: f64 },
    /// Layers, each followed by the activation.
    Layers { of: String, layers: Vec<String>, activation: Activation },
    /// One layer.
    Linear { of: String, layer: String },
    /// One score, and an offset for each output.
    Offsets { of: String, score: String, offsets: String },
    /// Each row divided by its length.
    DivideByLength { of: String, least_square: f64 },
    /// One layer times the gate of an arm.
    Gate { of: String, layer: String, treatment: String, arm: f64 },
    /// Layers of several experts, each followed by the activation.
    Experts { of: String, layers: Vec<String>, activation: Activation },
    /// Experts in shares.
    Mix { of: String, experts: String, layer: String },
    /// An embedding per column.
    Fields { of: String, weight: String },
    /// Attention among fields.
    Attend { of: String, query: String, key: String, value: String, least_length: f64, divisor: f64 },
    /// Attention of the treatment on fields.
    Interact { of: String, field: String, treatment: String, score: String },
    /// Logits of conditional exceedances, one layer each; with `feed` a layer sees the earlier logits too.
    Exceedances { of: String, layers: Vec<String>, feed: bool },
    /// A gated linear unit of a representation, the law of the bucket and an embedding of it.
    Align { of: [String; 2], law: Structure, embedding: String, value: String, gate: String },
    /// Residual blocks.
    Blocks { of: String, blocks: Vec<String>, least_variance: f64 },
    /// Products of columns of different segments, one column; without a number of segments each column is one.
    Pairs {
        of: String,
        factors: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        segments: Option<usize>,
    },
    /// The columns of these, one after another.
    Concatenate { of: Vec<String> },
    /// `1 / (1 + exp(-z))`
    Sigmoid { of: String },
    /// Two layers, multiplied column by column, and the sum of the columns.
    Products { of: String, left: String, right: String },
    /// The first plus the second.
    Add { of: [String; 2] },
    /// The first less the second.
    Subtract { of: [String; 2] },
    /// The first times the second.
    Multiply { of: [String; 2] },
}

/// What follows a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Activation {
    Elu,
}

/// From raw outputs to conversion and expectation.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
enum Head {
    Point,
    Log { largest: f64 },
    Ziln { outputs: [&'static str; 3], sigma: Sigma, sigma_square: f64, largest: f64 },
    Log1p { unit: Unit, smearing: bool, largest: f64 },
    Mdme { distributions: usize, buckets: usize, decoding: Decoding, zero: f64 },
    Ordinal { law: OrdinalKind, decoding: Decoding, zero: f64 },
    CcOr { law: Structure, residual: Residual, whales: bool, decoding: Decoding, zero: f64 },
    TwoStage { amount: Amount, largest: f64 },
    Mmoe { amount: Amount, decoding: Decoding, largest: f64 },
    ExpLtv { sigma: Sigma, sigma_square: f64, largest: f64 },
    OptDist { laws: usize, decoding: Decoding, sigma: Sigma, sigma_square: f64, largest: f64 },
}

/// From the third raw output of a ziln head to sigma.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Sigma {
    function: &'static str,
    plus: f64,
    least: f64,
    most: f64,
}

/// As networks have it.
const SIGMA: Sigma =
    Sigma { function: "softplus", plus: SIGMA_MINIMUM, least: SIGMA_MINIMUM, most: SIGMA_MAXIMUM };

/// Name of the encoded columns.
const INPUTS: &str = "x";
const ARMS: [&str; 2] = ["control", "treated"];

impl Steps {
    /// The same of so many networks.
    #[must_use]
    pub fn averaged(self, members: usize) -> Self {
        Self { members: (members > 1).then_some(members), ..self }
    }
}

impl NetworkSpec {
    /// What the network computes, step by step.
    pub fn steps(&self) -> Steps {
        let mut writer = Writer { steps: Vec::new(), head: &self.head };
        let mut arms = writer.front(self);
        if self.backbone.question() == Question::Value {
            let phi = if let BackboneKind::DeepFm(spec) = &self.backbone {
                writer.parts(spec, &arms[0], self.trunk.len())
            } else {
                writer.layer_stack("phi", &arms[0], layers("trunk", self.trunk.len()))
            };
            let value = writer.named_head("both", "value", &phi, self.heads.len());
            let answers = Answers::One { value };
            return Steps { members: None, steps: writer.steps, answers, head: Head::of(&self.head) };
        }
        let gated = |position| self.gate == Some(position);
        let shared = self.backbone.shares_sides();
        if gated(GatePosition::Features) {
            arms = writer.gate("feature-gate", shared, &arms);
        }
        let found = self.represent(&mut writer, &arms);
        let mut arms = found.arms;
        if gated(GatePosition::Representation) {
            arms = writer.gate("gate", shared, &arms);
        }
        let [control, treated] = self.answer(&mut writer, &arms, found.propensity);
        let answers = Answers::Two { control, treated };
        Steps { members: None, steps: writer.steps, answers, head: Head::of(&self.head) }
    }

    fn represent(&self, writer: &mut Writer, arms: &[String; 2]) -> Represented {
        let trunk = |name: &str| layers(name, self.trunk.len());
        match &self.backbone {
            BackboneKind::SLearner => {
                let with = [0, 1].map(|arm| {
                    let (of, value) = (arms[arm].clone(), arm as f64);
                    writer.add(format!("with-treatment.{}", ARMS[arm]), Operation::Append { of, value })
                });
                Represented::of(writer.layers("phi", &with, &trunk("trunk")))
            }
            BackboneKind::Mlp | BackboneKind::DeepFm(_) | BackboneKind::Tarnet | BackboneKind::Dragonnet => {
                Represented::of(writer.layers("phi", arms, &trunk("trunk")))
            }
            BackboneKind::Cfr => {
                let long = writer.layers("trunk", arms, &trunk("trunk"));
                Represented::of(
                    writer.both("phi", &long, |of| Operation::DivideByLength {
                        of,
                        least_square: SMALLEST_SQUARE,
                    }),
                )
            }
            BackboneKind::TLearner => Represented::of([0, 1].map(|arm| {
                writer.layer_stack(
                    &format!("phi.{}", ARMS[arm]),
                    &arms[arm],
                    trunk(&format!("trunk.{}", ARMS[arm])),
                )
            })),
            BackboneKind::Euen(_) => Represented::of([
                writer.layer_stack("phi.control", &arms[0], trunk("trunk.control")),
                writer.layer_stack("phi.uplift", &arms[1], trunk("trunk.uplift")),
            ]),
            BackboneKind::Efin(spec) => {
                let fields = writer
                    .both("fields", arms, |of| Operation::Fields { of, weight: "field.weight".to_string() });
                let [control, uplift] = writer.attention(&fields, spec.rank);
                Represented::of([
                    writer.layer_stack("phi.control", &control, trunk("trunk.control")),
                    writer.layer_stack("phi.uplift", &uplift, trunk("trunk.uplift")),
                ])
            }
            BackboneKind::SharedIndex(_) => {
                Represented::of([(0, "base"), (1, "effect")].map(|(arm, name)| {
                    let [left, right] = ["left", "right"].map(|side| format!("trunk.{name}.{side}.0"));
                    writer.add(
                        format!("score.{name}"),
                        Operation::Products { of: arms[arm].clone(), left, right },
                    )
                }))
            }
            BackboneKind::Unite(spec) => self.mix(writer, arms, spec),
        }
    }

    /// UniTE's mixtures, one per task; with point heads the propensity as well.
    fn mix(&self, writer: &mut Writer, arms: &[String; 2], spec: &UniteSpec) -> Represented {
        let experts = writer.both("experts", arms, |of| Operation::Experts {
            of,
            layers: layers("experts", spec.widths.len()),
            activation: Activation::Elu,
        });
        let mut mix = |task: &str, arm: usize| {
            let (of, experts, layer) = (arms[arm].clone(), experts[arm].clone(), format!("mixture.{task}"));
            writer.add(format!("phi.{task}"), Operation::Mix { of, experts, layer })
        };
        let residual = self.head == HeadSpec::Point;
        let tasks = if residual { ["marginal", "uplift"] } else { ARMS };
        let arms = [mix(tasks[0], 0), mix(tasks[1], 1)];
        let propensity = residual.then(|| mix("propensity", 0)).map(|phi| {
            let logit = writer.head("propensity", &phi, self.heads.len());
            writer.add("share".to_string(), Operation::Sigmoid { of: logit })
        });
        Represented { arms, propensity }
    }

    /// Names of the raw outputs of both arms.
    fn answer(&self, writer: &mut Writer, arms: &[String; 2], propensity: Option<String>) -> [String; 2] {
        let [control, treated] = arms;
        let hidden = self.heads.len();
        match (&self.backbone, propensity) {
            (BackboneKind::SLearner, _) => [
                writer.named_head("both", "control", control, hidden),
                writer.named_head("both", "treated", treated, hidden),
            ],
            (BackboneKind::Unite(_), Some(share)) => {
                let marginal = writer.head("marginal", control, hidden);
                let uplift = writer.head("uplift", treated, hidden);
                let part = Operation::Multiply { of: [share, uplift.clone()] };
                let part = writer.add("share-of-uplift".to_string(), part);
                let control = Operation::Subtract { of: [marginal, part] };
                let control = writer.add("control".to_string(), control);
                let treated = Operation::Add { of: [control.clone(), uplift] };
                [control, writer.add("treated".to_string(), treated)]
            }
            (BackboneKind::Euen(_) | BackboneKind::Efin(_) | BackboneKind::SharedIndex(_), _) => {
                let control = writer.head("control", control, hidden);
                let uplift = writer.head("uplift", treated, hidden);
                let treated = Operation::Add { of: [control.clone(), uplift] };
                [control, writer.add("treated".to_string(), treated)]
            }
            (
                BackboneKind::Mlp
                | BackboneKind::DeepFm(_)
                | BackboneKind::TLearner
                | BackboneKind::Tarnet
                | BackboneKind::Cfr
                | BackboneKind::Dragonnet
                | BackboneKind::Unite(_),
                _,
            ) => [writer.head("control", control, hidden), writer.head("treated", treated, hidden)],
        }
    }
}

/// Steps whose values the heads see.
struct Represented {
    arms: [String; 2],
    /// `P(T = 1 | x)`, where an answer is made of it.
    propensity: Option<String>,
}

impl Represented {
    fn of(arms: [String; 2]) -> Self {
        Self { arms, propensity: None }
    }
}

/// Names of so many layers.
fn layers(name: &str, count: usize) -> Vec<String> {
    (0..count).map(|layer| format!("{name}.{layer}")).collect()
}

struct Writer<'a> {
    steps: Vec<Step>,
    head: &'a HeadSpec,
}

impl Writer<'_> {
    /// Writes a step down and gives back its name.
    fn add(&mut self, name: String, operation: Operation) -> String {
        self.steps.push(Step { name: name.clone(), operation });
        name
    }

    /// What each arm sees of the encoded columns.
    fn front(&mut self, spec: &NetworkSpec) -> [String; 2] {
        let inputs = ARMS.map(|_| INPUTS.to_string());
        if spec.front.is_usual() {
            return inputs;
        }
        let divisor = spec.front.sequence.as_ref().map(|spec| (spec.width as f64).sqrt());
        let mut add = |name: &str| {
            let (of, parameters) = (INPUTS.to_string(), name.to_string());
            self.add(parameters.clone(), Operation::Front { of, parameters, divisor })
        };
        if spec.backbone.shares_sides() {
            let both = add(FRONT);
            return [both.clone(), both];
        }
        OWN_FRONTS.map(add)
    }

    /// The same operation for both arms: one step where they see the same.
    fn both(&mut self, name: &str, arms: &[String; 2], make: impl Fn(String) -> Operation) -> [String; 2] {
        if arms[0] == arms[1] {
            let both = self.add(name.to_string(), make(arms[0].clone()));
            return [both.clone(), both];
        }
        [0, 1].map(|arm| self.add(format!("{name}.{}", ARMS[arm]), make(arms[arm].clone())))
    }

    /// Hidden layers; without any what they would see.
    fn layer_stack(&mut self, name: &str, of: &str, layers: Vec<String>) -> String {
        if layers.is_empty() {
            return of.to_string();
        }
        let (of, activation) = (of.to_string(), Activation::Elu);
        self.add(name.to_string(), Operation::Layers { of, layers, activation })
    }

    /// The same hidden layers for both arms.
    fn layers(&mut self, name: &str, arms: &[String; 2], layers: &[String]) -> [String; 2] {
        if layers.is_empty() {
            return arms.clone();
        }
        let (layers, activation) = (layers.to_vec(), Activation::Elu);
        self.both(name, arms, |of| Operation::Layers { of, layers: layers.clone(), activation })
    }

    fn gate(&mut self, name: &str, shared: bool, arms: &[String; 2]) -> [String; 2] {
        [0, 1].map(|arm| {
            let place = if shared { name.to_string() } else { format!("{name}.{}", ARMS[arm]) };
            let operation = Operation::Gate {
                of: arms[arm].clone(),
                layer: format!("{place}.features"),
                treatment: format!("{place}.treatment"),
                arm: arm as f64,
            };
            self.add(format!("gated.{}", ARMS[arm]), operation)
        })
    }

    /// EFIN's two kinds of attention.
    fn attention(&mut self, fields: &[String; 2], rank: usize) -> [String; 2] {
        let attend = Operation::Attend {
            of: fields[0].clone(),
            query: "attention.query".to_string(),
            key: "attention.key".to_string(),
            value: "attention.value".to_string(),
            least_length: SMALLEST_NORM,
            divisor: (rank as f64).sqrt(),
        };
        let interact = Operation::Interact {
            of: fields[1].clone(),
            field: "interaction.field".to_string(),
            treatment: "interaction.treatment".to_string(),
            score: "interaction.score".to_string(),
        };
        [self.add("attended".to_string(), attend), self.add("interacted".to_string(), interact)]
    }

    /// The head of this name.
    fn head(&mut self, name: &str, of: &str, hidden: usize) -> String {
        self.named_head(name, name, of, hidden)
    }

    /// DeepFM's parts.
    fn parts(&mut self, spec: &DeepFmSpec, inputs: &str, layers_of_tower: usize) -> String {
        let linear = Operation::Linear { of: inputs.to_string(), layer: "linear".to_string() };
        let (of, factors, segments) = (inputs.to_string(), "factors".to_string(), spec.segments);
        let linear = self.add("linear".to_string(), linear);
        let pairs = self.add("pairs".to_string(), Operation::Pairs { of, factors, segments });
        let of = self.layer_stack("tower", inputs, layers("trunk", layers_of_tower));
        let deep = self.add("deep".to_string(), Operation::Linear { of, layer: "deep".to_string() });
        self.add("phi".to_string(), Operation::Concatenate { of: vec![linear, pairs, deep] })
    }

    /// What an mdme head computes of a representation.
    fn mdme(&mut self, spec: &MdmeSpec, (head, name): (&str, &str), of: &str, hidden: usize) -> String {
        let part = |part: String| {
            let place = format!("head.{head}.{part}");
            let own = self.layer_stack(&format!("hidden.{name}.{part}"), of, layers(&place, hidden));
            let operation = Operation::Linear { of: own, layer: format!("{place}.output") };
            self.add(format!("{part}.{name}"), operation)
        };
        let of = spec.parts().into_iter().map(part).collect();
        self.add(format!("raw.{name}"), Operation::Concatenate { of })
    }

    /// The head `head`, its steps under another name.
    fn named_head(&mut self, head: &str, name: &str, of: &str, hidden: usize) -> String {
        if let HeadSpec::Mdme(spec) = self.head {
            return self.mdme(spec, (head, name), of, hidden);
        }
        if let HeadSpec::Towers(spec) = self.head {
            return self.towers(spec, (&format!("head.{head}"), name), of, hidden);
        }
        let of = self.layer_stack(&format!("hidden.{name}"), of, layers(&format!("head.{head}"), hidden));
        let place = |part: &str| format!("head.{head}.{part}");
        if let HeadSpec::CcOr(spec) = self.head {
            return self.cc_or(spec, name, of, &place);
        }
        let coral = matches!(self.head, HeadSpec::Ordinal(spec) if spec.kind == OrdinalKind::Coral);
        let operation = match coral {
            true => Operation::Offsets { of, score: place("score.weight"), offsets: place("offsets") },
            false => Operation::Linear { of, layer: place("output") },
        };
        self.add(format!("raw.{name}"), operation)
    }

    /// What the towers of a head compute, and one after another their outputs.
    fn towers(&mut self, spec: &TowersSpec, (place, name): (&str, &str), of: &str, hidden: usize) -> String {
        let mmoe = match spec {
            TowersSpec::Mmoe(spec) => Some(spec),
            TowersSpec::TwoStage(_) | TowersSpec::ExpLtv(_) | TowersSpec::OptDist(_) => None,
        };
        let experts = mmoe.map(|spec| {
            let layers = layers(&format!("{place}.experts"), spec.widths.len());
            let (of, activation) = (of.to_string(), Activation::Elu);
            self.add(format!("experts.{name}"), Operation::Experts { of, layers, activation })
        });
        let mut raw = Vec::new();
        for tower in spec.names() {
            let mut seen = of.to_string();
            if let Some((experts, spec)) = experts.clone().zip(mmoe) {
                let gate = layers(&format!("{place}.gate.{tower}"), spec.gates.len());
                let of = self.layer_stack(&format!("gate.{name}.{tower}"), of, gate);
                let layer = format!("{place}.gate.{tower}.shares");
                seen = self.add(format!("mixed.{name}.{tower}"), Operation::Mix { of, experts, layer });
            }
            let own = layers(&format!("{place}.{tower}"), hidden);
            let of = self.layer_stack(&format!("hidden.{name}.{tower}"), &seen, own);
            let layer = format!("{place}.{tower}.output");
            raw.push(self.add(format!("raw.{name}.{tower}"), Operation::Linear { of, layer }));
        }
        self.add(format!("raw.{name}"), Operation::Concatenate { of: raw })
    }

    /// What a cc-or head computes of its hidden layers.
    fn cc_or(
        &mut self,
        spec: &CcOrSpec,
        name: &str,
        hidden: String,
        place: &dyn Fn(&str) -> String,
    ) -> String {
        let of = hidden.clone();
        let law = match spec.structure {
            Structure::Cascade => {
                let gates = (0..spec.buckets.most() - 1).map(|gate| place(&format!("gate.{gate}")));
                Operation::Exceedances { of, layers: gates.collect(), feed: spec.feed }
            }
            Structure::Softmax => Operation::Linear { of, layer: place("scores") },
        };
        let mut raw = vec![self.add(format!("law.{name}"), law)];
        let align = Operation::Align {
            of: [hidden, raw[0].clone()],
            law: spec.structure,
            embedding: place("alignment.embedding"),
            value: place("alignment.value"),
            gate: place("alignment.gate"),
        };
        let aligned = (spec.residual != Residual::None || spec.augmentation != Augmentation::None)
            .then(|| self.add(format!("aligned.{name}"), align));
        if let (Some(aligned), true) = (&aligned, spec.residual != Residual::None) {
            let blocks = (0..BLOCKS).map(|block| place(&format!("block.{block}"))).collect();
            let (of, least_variance) = (aligned.clone(), SMALLEST_VARIANCE);
            let of = self.add(format!("blocks.{name}"), Operation::Blocks { of, blocks, least_variance });
            let layer = place("residual");
            raw.push(self.add(format!("residual.{name}"), Operation::Linear { of, layer }));
        }
        if let (Some(aligned), true) = (&aligned, spec.augmentation != Augmentation::None) {
            let of = self.layer_stack(&format!("seen.{name}"), aligned, vec![place("whales.hidden.0")]);
            let layer = place("whales.output");
            raw.push(self.add(format!("whales.{name}"), Operation::Linear { of, layer }));
        }
        self.add(format!("raw.{name}"), Operation::Concatenate { of: raw })
    }
}

impl Head {
    fn of_towers(head: &TowersSpec) -> Self {
        let (sigma, sigma_square, largest) = (SIGMA, SIGMA_SQUARE, LOG_EXPECTATION_MAXIMUM);
        match head {
            TowersSpec::TwoStage(spec) => Head::TwoStage { amount: spec.amount, largest },
            TowersSpec::Mmoe(spec) => Head::Mmoe { amount: spec.amount, decoding: spec.decoding, largest },
            TowersSpec::ExpLtv(_) => Head::ExpLtv { sigma, sigma_square, largest },
            TowersSpec::OptDist(spec) => {
                let (laws, decoding) = (spec.laws, spec.decoding);
                Head::OptDist { laws, decoding, sigma, sigma_square, largest }
            }
        }
    }

    fn of(head: &HeadSpec) -> Self {
        match head {
            HeadSpec::Point => Head::Point,
            HeadSpec::Log => Head::Log { largest: LOG_EXPECTATION_MAXIMUM },
            HeadSpec::Ziln { sigma_term } => Head::Ziln {
                outputs: ["logit", "mu", "raw-sigma"],
                sigma: SIGMA,
                sigma_square: if *sigma_term { SIGMA_SQUARE } else { 0.0 },
                largest: LOG_EXPECTATION_MAXIMUM,
            },
            HeadSpec::Log1p(spec) => {
                Head::Log1p { unit: spec.unit, smearing: spec.smearing, largest: LOG_EXPECTATION_MAXIMUM }
            }
            HeadSpec::Mdme(spec) => Head::Mdme {
                distributions: spec.distributions,
                buckets: spec.buckets,
                decoding: spec.decoding,
                zero: ZERO,
            },
            HeadSpec::CcOr(spec) => Head::CcOr {
                law: spec.structure,
                residual: spec.residual,
                whales: spec.augmentation != Augmentation::None,
                decoding: spec.decoding,
                zero: ZERO,
            },
            HeadSpec::Towers(spec) => Head::of_towers(spec),
            HeadSpec::Ordinal(spec) => Head::Ordinal { law: spec.kind, decoding: spec.decoding, zero: ZERO },
        }
    }
}
