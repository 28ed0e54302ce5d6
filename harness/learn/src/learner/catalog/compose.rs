//! From a backbone and components, or an objective, to a method.

use super::{BackboneRow, Options, has};
use crate::learner::neural::Recalibration;
use crate::learner::{MethodSpec, NeuralSpec, TrainingSpec};
use crate::nets::{BackboneKind, GatePosition, HeadSpec, NetworkSpec};
use crate::objectives::{
    CrossGroupSpec, ListwiseSpec, MarginalSpec, MseSpec, Over, PairReduction, TermKind, TermSpec, Unit,
    WithinGroupSpec, ZilnSpec,
};
use serde::{Deserialize, Serialize};
use valor_base::input_error;

/// A composition of terms under a name.
#[derive(Clone, Debug, PartialEq)]
pub struct ObjectiveSpec {
    /// What tables call it.
    pub name: String,
    /// Its terms; weights are relative to an outcome loss without unit.
    pub terms: Vec<TermSpec>,
    /// What heads put out; the first that suits all terms when absent.
    pub head: Option<HeadKey>,
    /// Whether the backbone's own terms are added.
    pub backbone_terms: bool,
    /// What is done to conversion probabilities after training.
    pub recalibration: Option<Recalibration>,
}

/// Heads as objectives spell them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HeadKey {
    /// The expected outcome.
    Point,
    /// Its log.
    Log,
    /// Zero-inflated log-normal.
    Ziln,
}

impl HeadKey {
    fn spec(self, options: &Options) -> HeadSpec {
        match self {
            HeadKey::Point => HeadSpec::Point,
            HeadKey::Log => HeadSpec::Log,
            HeadKey::Ziln => HeadSpec::Ziln { sigma_term: options.sigma_term },
        }
    }
}

/// The composition of components. What a method does not use is not in it, so that it changes no identity.
///
/// # Errors
///
/// Input errors that name the key under `model`, or the parts that do not go together.
pub fn compose(
    backbone: &BackboneRow,
    components: &[String],
    options: &Options,
    training: &TrainingSpec,
) -> anyhow::Result<MethodSpec> {
    options.validate().map_err(in_model)?;
    let rerum = has(components, "rerum") || has(components, "rerum-released");
    let ziln = has(components, "ziln") || rerum;
    let head = if ziln { HeadKey::Ziln } else { HeadKey::Point };
    let kind = (backbone.kind)(options);
    let mut objective = vec![outcome(&kind, components, ziln, options)];
    objective.extend((backbone.terms)(options));
    if has(components, "wr") {
        objective.push(TermSpec::new(options.ranking_weight, TermKind::Ranking(options.ranking.clone())));
    }
    if rerum {
        objective.extend(rerum_terms(backbone, has(components, "rerum-released"), options.rerum_unit));
    }
    let gate = has(components, "gti").then_some(options.gate);
    let network = network(kind, head.spec(options), options, gate);
    let recalibration = options.recalibration.filter(|_| ziln);
    validate(&objective).map_err(in_model)?;
    finish(network, objective, training, recalibration)
}

/// A backbone trained for an objective, gated or not.
///
/// # Errors
///
/// Input errors that name the objective and its term.
pub fn compose_objective(
    backbone: &BackboneRow,
    objective: &ObjectiveSpec,
    gated: bool,
    settings: (&Options, &TrainingSpec),
) -> anyhow::Result<MethodSpec> {
    let (options, training) = settings;
    let place = |error: anyhow::Error| input_error!("objective '{}': {error:#}", objective.name);
    options.validate().map_err(in_model)?;
    validate(&objective.terms).map_err(place)?;
    let mut terms = objective.terms.clone();
    if objective.backbone_terms {
        let own = (backbone.terms)(options);
        validate(&own).map_err(in_model)?;
        terms.extend(own);
    }
    let attempt = |head: HeadKey| {
        let kind = (backbone.kind)(options);
        let network = network(kind, head.spec(options), options, gated.then_some(options.gate));
        finish(network, terms.clone(), training, objective.recalibration).map_err(place)
    };
    match objective.head {
        Some(head) => attempt(head),
        None => {
            attempt(HeadKey::Point).or_else(|_| attempt(HeadKey::Log)).or_else(|_| attempt(HeadKey::Ziln))
        }
    }
}

/// The outcome loss that components ask for.
fn outcome(kind: &BackboneKind, components: &[String], ziln: bool, options: &Options) -> TermSpec {
    let term = match (ziln, has(components, "focal"), kind) {
        (true, true, _) => TermKind::FocalZiln(options.focal.clone()),
        (true, false, _) => TermKind::Ziln(ZilnSpec {}),
        // The other half of a marginal outcome and an uplift is the backbone's residual loss.
        (false, _, BackboneKind::Unite(_)) => TermKind::Marginal(MarginalSpec::default()),
        (false, _, _) => TermKind::Mse(MseSpec {}),
    };
    TermSpec::new(1.0, term)
}

/// RERUM's losses: as in its paper, or with the weights of its public code.
fn rerum_terms(backbone: &BackboneRow, released: bool, unit: Unit) -> Vec<TermSpec> {
    if !released {
        let terms = [
            TermKind::WithinGroup(WithinGroupSpec { unit, ..WithinGroupSpec::default() }),
            TermKind::CrossGroup(CrossGroupSpec { unit, ..CrossGroupSpec::default() }),
            TermKind::Listwise(ListwiseSpec { unit, ..ListwiseSpec::default() }),
        ];
        return terms.map(|term| TermSpec::new(1.0, term)).into();
    }
    let listwise = ListwiseSpec { over: Over::Arm, factor: true, unit };
    let within = WithinGroupSpec { reduction: PairReduction::Sum, unit };
    vec![
        TermSpec::new(backbone.released.0, TermKind::Listwise(listwise)),
        TermSpec::new(backbone.released.1, TermKind::WithinGroup(within)),
    ]
}

fn network(
    backbone: BackboneKind,
    head: HeadSpec,
    options: &Options,
    gate: Option<GatePosition>,
) -> NetworkSpec {
    // UniTE's experts stand where others have a trunk, and scores where others have hidden layers.
    let (trunk, heads) = match backbone {
        BackboneKind::Unite(_) => (Vec::new(), options.heads.clone()),
        BackboneKind::SharedIndex(_) => (Vec::new(), Vec::new()),
        BackboneKind::Mlp
        | BackboneKind::SLearner
        | BackboneKind::TLearner
        | BackboneKind::Tarnet
        | BackboneKind::Cfr
        | BackboneKind::Dragonnet
        | BackboneKind::Euen(_)
        | BackboneKind::Efin(_) => (options.trunk.clone(), options.heads.clone()),
    };
    NetworkSpec { backbone, trunk, heads, head, gate }
}

/// Checks the parts.
fn finish(
    network: NetworkSpec,
    objective: Vec<TermSpec>,
    training: &TrainingSpec,
    recalibration: Option<Recalibration>,
) -> anyhow::Result<MethodSpec> {
    training.validate()?;
    network.validate().map_err(in_model)?;
    network.check_gate()?;
    let spec = NeuralSpec { network, objective, training: training.clone(), recalibration };
    spec.check_terms()?;
    Ok(MethodSpec::Neural(spec))
}

fn validate(terms: &[TermSpec]) -> anyhow::Result<()> {
    terms.iter().try_for_each(|spec| spec.term.validate())
}

/// Names the key of an option; components call the focal term's options by their own name.
fn in_model(error: anyhow::Error) -> anyhow::Error {
    input_error!("model.{}", format!("{error:#}").replacen("focal-ziln.", "focal.", 1))
}
