//! A saved model becomes a scorer again.

use super::members;
use super::predict::Model;
use super::recalibration::{Map, Maps, Recalibration, focal};
use crate::learner::training::MOST_MEMBERS;
use crate::learner::{NeuralSpec, Parameter, SavedModel, Values};
use crate::nets::{Buckets, Network, OutcomeSummary};
use anyhow::{Context, ensure};
use std::collections::BTreeMap;
use tch::{Device, Tensor};
use valor_data::LARGEST;

/// The network of the spec with the saved parameters.
///
/// # Errors
///
/// Where a parameter of the network is absent or of another shape, or a tensor is not of the network.
pub fn restore(spec: &NeuralSpec, saved: &SavedModel, device: Device) -> anyhow::Result<Model> {
    spec.network.validate()?;
    spec.network.check_gate()?;
    ensure!(saved.inputs.columns > 0, "there are no inputs");
    ensure!(
        saved.inputs.fit(&spec.network.front),
        "the encoder gives columns that the method does not ask for"
    );
    check_buckets(spec, saved.buckets.as_ref())?;
    let scale = saved.outcome_scale;
    let summary = OutcomeSummary { buckets: saved.buckets.clone(), scale, ..OutcomeSummary::default() };
    let network = Network::new(&spec.network, saved.inputs.clone(), &summary);
    let mut named: BTreeMap<&str, &Parameter> =
        saved.parameters.iter().map(|parameter| (parameter.name.as_str(), parameter)).collect();
    let mut values = Vec::new();
    let members = spec.training.members;
    ensure!(
        (1..=MOST_MEMBERS).contains(&members),
        "training.members is {members}; allowed are 1 to {MOST_MEMBERS}"
    );
    let of_member = |member| network.layout().names().map(move |(name, shape)| (member, name, shape));
    for (member, name, shape) in (0..members).flat_map(of_member) {
        let name = members::parameter(name, member, members);
        let found =
            named.remove(name.as_str()).with_context(|| format!("the parameter '{name}' is missing"))?;
        let same = found.shape.iter().map(|&size| size as i64).eq(shape.iter().copied());
        ensure!(same, "the parameter '{name}' has the shape {:?}; the network needs {shape:?}", found.shape);
        let Values::Single(found) = &found.values else {
            anyhow::bail!("the parameter '{name}' is of double precision; allowed is single");
        };
        values.extend_from_slice(found);
    }
    if let Some(name) = named.keys().next() {
        anyhow::bail!("the tensor '{name}' is not a parameter of the network");
    }
    ensure!(values.len() as i64 == network.layout().size() * members as i64, "the parameters are not whole");
    let parameters = Tensor::from_slice(&values).view([members as i64, -1]).to_device(device);
    check_maps(spec, saved.maps.as_ref())?;
    ensure!(
        saved.outcome_scale > 0.0 && saved.outcome_scale <= LARGEST,
        "the outcome scale is {}; allowed are numbers above 0, at most {LARGEST:e}",
        saved.outcome_scale
    );
    let model = Model::new((spec, saved.inputs.columns), network, parameters, saved.outcome_scale);
    Ok(model.first(saved.maps.clone()))
}

/// Refuses buckets that the head does not have, or that no training rows give.
fn check_buckets(spec: &NeuralSpec, buckets: Option<&Buckets>) -> anyhow::Result<()> {
    match (spec.network.head.buckets(), buckets) {
        (None, None) => Ok(()),
        (None, Some(_)) => anyhow::bail!("a {} head has no buckets", spec.network.head.name()),
        (Some(_), None) => anyhow::bail!("the buckets are missing"),
        (Some(spec), Some(buckets)) => {
            buckets.check()?;
            let most = spec.most();
            ensure!(buckets.count() <= most, "there are {} buckets; the method has {most}", buckets.count());
            Ok(())
        }
    }
}

/// Refuses maps that are no functions of a probability, or not those that the method makes.
fn check_maps(spec: &NeuralSpec, maps: Option<&Maps>) -> anyhow::Result<()> {
    let Some(maps) = maps else {
        ensure!(spec.recalibration.is_none(), "the method recalibrates, and the recalibration is missing");
        return Ok(());
    };
    let arms = maps.0.question();
    ensure!(arms == spec.network.backbone.question(), "recalibration is that of a method for {arms}");
    for (arm, map) in maps.0.named() {
        let arm = arm.unwrap_or("all");
        let fits = match (map, spec.recalibration) {
            (Map::Focal(map), Some(Recalibration::ClosedForm)) => focal(&spec.objective) == Some(map),
            (Map::Knots { .. }, Some(Recalibration::Isotonic)) => true,
            (Map::Focal(_) | Map::Knots { .. }, _) => false,
        };
        ensure!(fits, "recalibration.{arm} is not what the method's recalibration makes");
        ensure!(is_whole(map), "recalibration.{arm} is no function from [0, 1] to [0, 1]");
    }
    Ok(())
}

fn is_whole(map: &Map) -> bool {
    match map {
        Map::Focal(_) => true,
        Map::Knots { from, to } => {
            let inside = |p: &f64| (0.0..=1.0).contains(p);
            let places = from.iter().chain(to).all(inside) && from.is_sorted_by(|a, b| a < b);
            !from.is_empty() && from.len() == to.len() && places && to.is_sorted()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::Predictions;
    use crate::learner::catalog::{self, Options};
    use crate::learner::{MethodSpec, Scorer, TrainedSpec, TrainingSpec};
    use crate::objectives::FocalZilnSpec;
    use valor_base::question::Arms;
    use valor_base::seed::Seeds;
    use valor_data::Matrix;

    const INPUTS: usize = 5;

    /// A network as it is drawn, with layers of these widths.
    fn model(key: &str, (trunk, heads): (usize, usize), components: &[&str]) -> Model {
        let options = Options { trunk: vec![trunk], heads: vec![heads], ..Options::default() };
        let components: Vec<String> = components.iter().map(ToString::to_string).collect();
        let backbone = catalog::backbone(key).unwrap();
        let method = catalog::compose(backbone, &components, &options, &TrainingSpec::default()).unwrap();
        let MethodSpec::Neural(spec) = method else { panic!() };
        let summary = OutcomeSummary { mean: 2.0, sd: 1.0, positive_share: 0.4, ..Default::default() };
        let network = Network::new(&spec.network, INPUTS as i64, &summary);
        let drawn = Tensor::from_slice(&network.layout().draw(&Seeds::new(3))).unsqueeze(0);
        Model::new((&spec, INPUTS), network, drawn, 2.5)
    }

    fn again(saved: &SavedModel) -> anyhow::Result<Model> {
        restore(network(&mut saved.clone()), saved, Device::Cpu)
    }

    fn network(saved: &mut SavedModel) -> &mut NeuralSpec {
        match &mut saved.spec {
            TrainedSpec::Network(spec) => spec,
            TrainedSpec::Trees(_) | TrainedSpec::Purchases(_) => panic!(),
        }
    }

    fn rows(count: usize) -> Matrix {
        let values = (0..count * INPUTS).map(|place| (place as f32 * 1.7).sin() * 3.0).collect();
        Matrix { rows: count, columns: INPUTS, values }
    }

    fn bits(found: &Predictions, row: usize) -> Vec<u32> {
        found.columns().into_iter().map(|(_, column)| column[row].to_bits()).collect()
    }

    /// Widths that are no multiples of four are those whose products round by the place of a row.
    #[test]
    fn neither_place_nor_company_changes_a_bit() {
        for widths in [(8, 4), (19, 7), (6, 10), (32, 16)] {
            for components in [&[][..], &["ziln", "gti"]] {
                assert_steady("tarnet", widths, components);
            }
        }
        for backbone in catalog::BACKBONES.iter().chain(&catalog::ONE_ARM) {
            let components: &[&str] = if backbone.chooses_head() { &["ziln"] } else { &[] };
            assert_steady(backbone.key, (9, 16), components);
        }
    }

    fn assert_steady(key: &str, widths: (usize, usize), components: &[&str]) {
        let model = model(key, widths, components);
        let rows = rows(5000);
        let whole = model.predictions(&rows);
        let order: Vec<u32> = (0..5000).map(|row| (row * 1231 + 7) % 5000).collect();
        let shuffled = model.predictions(&rows.select(&order));
        for (place, row) in order.iter().enumerate() {
            assert_eq!(bits(&shuffled, place), bits(&whole, *row as usize), "{key} {widths:?} {row}");
        }
        for row in [0, 1, 4095, 4096, 4999] {
            let alone = model.predictions(&rows.select(&[row]));
            assert_eq!(bits(&alone, 0), bits(&whole, row as usize), "{key} {widths:?} {row}");
        }
    }

    #[test]
    fn a_restored_model_scores_the_same_bits() {
        for components in [&[][..], &["ziln", "focal", "gti", "wr"]] {
            let model = model("tarnet", (16, 8), components);
            let saved = model.saved();
            let restored = again(&saved).unwrap();
            assert_eq!(restored.saved(), saved);
            let (found, expected) = (restored.predictions(&rows(300)), model.predictions(&rows(300)));
            assert_eq!(found, expected);
            assert_eq!(found.conversion.is_some(), !components.is_empty());
            let weight = saved.parameters.iter().find(|parameter| parameter.name == "trunk.0.weight");
            assert_eq!(weight.unwrap().shape, [INPUTS, 16]);
        }
    }

    #[test]
    fn buckets_are_kept_and_are_those_of_the_head() {
        for (key, components) in [
            ("cc-or-net", &[][..]),
            ("mdme", &[]),
            ("coral", &[]),
            ("corn", &[]),
            ("or-cnn", &[]),
            ("exp-ltv", &[]),
            ("tarnet", &["cc-or"]),
        ] {
            let model = model(key, (16, 8), components);
            let saved = model.saved();
            let restored = again(&saved).unwrap();
            assert_eq!(restored.saved(), saved, "{key}");
            let (found, expected) = (restored.predictions(&rows(300)), model.predictions(&rows(300)));
            assert_eq!(found, expected, "{key}");
            assert!(found.conversion.is_some(), "{key}");
            let refused = |change: fn(&mut Buckets)| {
                let mut other = saved.clone();
                change(other.buckets.as_mut().unwrap());
                again(&other).map(drop).unwrap_err().to_string()
            };
            let changes: [fn(&mut Buckets); 5] = [
                |buckets| buckets.thresholds.swap(0, 1),
                |buckets| buckets.means[0] = f64::NAN,
                |buckets| buckets.shares.truncate(1),
                |buckets| buckets.largest = 0.5,
                |buckets| buckets.median = 0.0,
            ];
            for change in changes {
                assert!(refused(change).contains("the buckets are not those of training rows"), "{key}");
            }
            let mut without = saved.clone();
            without.buckets = None;
            assert!(again(&without).map(drop).unwrap_err().to_string().contains("the buckets are missing"));
        }
        let mut plain = model("tarnet", (16, 8), &[]).saved();
        plain.buckets = model("coral", (16, 8), &[]).saved().buckets;
        assert!(again(&plain).map(drop).unwrap_err().to_string().contains("a point head has no buckets"));
    }

    /// Two fifths of an outcome unit are one unit of the network.
    #[test]
    fn a_unit_of_logs_is_that_of_the_training_rows() {
        for smearing in [false, true] {
            let mut options = Options { trunk: vec![16], heads: vec![8], ..Options::default() };
            options.log1p.unit = crate::nets::Unit::Amount(3.0);
            options.log1p.smearing = smearing;
            let backbone = catalog::backbone("mlp").unwrap();
            let components = ["log1p".to_string()];
            let method = catalog::compose(backbone, &components, &options, &TrainingSpec::default()).unwrap();
            let MethodSpec::Neural(spec) = method else { panic!() };
            let summary = OutcomeSummary { scale: 2.5, positive_share: 0.4, ..Default::default() };
            let network = Network::new(&spec.network, INPUTS as i64, &summary);
            let drawn = Tensor::from_slice(&network.layout().draw(&Seeds::new(3))).unsqueeze(0);
            let model = Model::new((&spec, INPUTS), network, drawn, 2.5);
            let restored = again(&model.saved()).unwrap();
            let (found, expected) = (restored.predictions(&rows(300)), model.predictions(&rows(300)));
            assert_eq!(found, expected, "{smearing}");
            assert!(found.conversion.is_none() && found.score.iter().all(|value| *value >= 0.0));
        }
    }

    #[test]
    fn a_recalibration_is_a_function_that_the_method_makes() {
        let mut model = model("tarnet", (16, 8), &["ziln", "focal"]).saved();
        let loaded = |model: &mut SavedModel, recalibration, map: Map| {
            network(model).recalibration = recalibration;
            model.maps = Some(Maps(Arms::Two { control: map.clone(), treated: map }));
            again(model).map(drop).map_err(|error| error.to_string())
        };
        let knots = |from: &[f64], to: &[f64]| Map::Knots { from: from.to_vec(), to: to.to_vec() };
        let isotonic = Some(Recalibration::Isotonic);
        loaded(&mut model, isotonic, knots(&[0.0, 0.5, 1.0], &[0.1, 0.1, 0.2])).unwrap();
        for (from, to) in [
            (&[0.0, 1.0][..], &[0.0][..]),
            (&[], &[]),
            (&[0.5, 0.5], &[0.1, 0.2]),
            (&[0.5, 0.6], &[0.2, 0.1]),
            (&[0.5, 1.5], &[0.1, 0.2]),
            (&[0.5, f64::NAN], &[0.1, 0.2]),
            (&[0.5, 0.6], &[0.1, f64::INFINITY]),
        ] {
            let refused = loaded(&mut model, isotonic, knots(from, to)).unwrap_err();
            assert!(refused.contains("recalibration.control is no function"), "{refused}");
        }
        let (closed, fine) = (Some(Recalibration::ClosedForm), FocalZilnSpec::default());
        loaded(&mut model, closed, Map::Focal(fine.clone())).unwrap();
        let other = FocalZilnSpec { gamma: 5.0, ..fine.clone() };
        for (kind, map) in [
            (closed, Map::Focal(other)),
            (closed, knots(&[0.0, 1.0], &[0.0, 1.0])),
            (isotonic, Map::Focal(fine.clone())),
            (None, Map::Focal(fine)),
        ] {
            let refused = loaded(&mut model, kind, map).unwrap_err();
            assert!(refused.contains("is not what the method's recalibration makes"), "{refused}");
        }
        (network(&mut model).recalibration, model.maps) = (isotonic, None);
        assert!(again(&model).map(drop).unwrap_err().to_string().contains("is missing"));
    }

    #[test]
    fn parameters_of_another_network_are_refused() {
        let saved = model("tarnet", (16, 8), &[]).saved();
        let refused = |change: fn(&mut SavedModel)| {
            let mut other = saved.clone();
            change(&mut other);
            again(&other).map(drop).unwrap_err().to_string()
        };
        assert!(refused(|saved| drop(saved.parameters.remove(0))).contains("is missing"));
        assert!(refused(|saved| saved.parameters[0].name += "x").contains("is missing"));
        assert!(refused(|saved| saved.inputs = 6.into()).contains("the network needs [6, 16]"));
        assert!(refused(|saved| saved.parameters[0].values = Values::Single(vec![])).contains("not whole"));
        assert!(
            refused(|saved| network(saved).network.trunk = vec![usize::MAX])
                .contains("allowed are 1 to 65536")
        );
        assert!(refused(|saved| network(saved).network.heads = vec![]).contains("the network needs"));
        let extra = |saved: &mut SavedModel| {
            saved.parameters.push(Parameter {
                name: "other".into(),
                shape: vec![0],
                values: Values::Single(vec![]),
            });
        };
        assert!(refused(extra).contains("'other' is not a parameter"));
    }
}
