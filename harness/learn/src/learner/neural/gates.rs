//! How far a trained gate is closed, in numbers.

use super::predict::Model;
use std::collections::BTreeMap;
use tch::{Device, Kind, Tensor};

/// A gate value below this lets less than half of a unit through.
const HALF: f64 = 0.5;

/// What is noted of the gate of an arm, over its units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GateFact {
    /// The mean of `sigmoid(t w_t + b_t)`.
    Mean,
    /// The share of units below .5.
    Closed,
    /// The least.
    Least,
}

impl GateFact {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Mean, Self::Closed, Self::Least];

    /// Its name among what was fitted: of the control arm, of the treated arm.
    pub fn noted(self, treated: bool) -> String {
        let fact = match self {
            Self::Mean => "mean",
            Self::Closed => "share below 0.5",
            Self::Least => "least",
        };
        format!("gate {}: {fact}", if treated { "treated" } else { "control" })
    }

    fn of(self, units: &[f64]) -> f64 {
        let count = units.len().max(1) as f64;
        match self {
            Self::Mean => units.iter().sum::<f64>() / count,
            Self::Closed => units.iter().filter(|&&unit| unit < HALF).count() as f64 / count,
            Self::Least => units.iter().copied().fold(1.0, f64::min),
        }
    }
}

/// By name; empty for a network without a gate.
pub(super) fn noted(model: &Model, replicate: i64) -> BTreeMap<String, f64> {
    let arms = model.openness(replicate).into_iter().flatten().zip([false, true]);
    let facts = arms.flat_map(|(units, treated)| {
        let units = host(&units);
        GateFact::ALL.map(|fact| (fact.noted(treated), fact.of(&units)))
    });
    facts.collect()
}

fn host(units: &Tensor) -> Vec<f64> {
    Vec::try_from(units.to_kind(Kind::Double).to_device(Device::Cpu)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::NeuralSpec;
    use super::*;
    use crate::learner::TrainingSpec;
    use crate::nets::{BackboneKind, GatePosition, HeadSpec, Network, NetworkSpec, OutcomeSummary};
    use valor_base::seed::Seeds;

    fn untrained(gate: Option<GatePosition>) -> Model {
        let network = NetworkSpec {
            backbone: BackboneKind::SLearner,
            trunk: vec![8],
            heads: vec![4],
            head: HeadSpec::Point,
            gate,
            front: Default::default(),
        };
        let made = Network::new(&network, 5, &OutcomeSummary::default());
        let parameters = Tensor::from_slice(&made.layout().draw(&Seeds::new(1))).view([1, -1]);
        let training = TrainingSpec::default();
        let spec = NeuralSpec { network, objective: Vec::new(), training, recalibration: None };
        Model::new((&spec, 5), made, parameters, 1.0)
    }

    #[test]
    fn gates_start_open_wherever_they_stand() {
        for position in [GatePosition::Representation, GatePosition::Features] {
            let found = noted(&untrained(Some(position)), 0);
            let fact = |fact: GateFact, treated: bool| found[&fact.noted(treated)];
            assert!((fact(GateFact::Mean, false) - 0.880_797).abs() < 1e-6, "{found:?}");
            assert_eq!((fact(GateFact::Closed, false), fact(GateFact::Closed, true)), (0.0, 0.0));
            assert!((0.73..0.96).contains(&fact(GateFact::Least, true)), "{found:?}");
        }
        assert!(noted(&untrained(None), 0).is_empty());
    }

    #[test]
    fn facts_are_of_the_units_of_an_arm() {
        let found = GateFact::ALL.map(|fact| fact.of(&[0.1, 0.4, 0.5, 1.0]));
        assert_eq!(found, [0.5, 0.5, 0.1]);
        assert_eq!(GateFact::Closed.noted(true), "gate treated: share below 0.5");
    }
}
