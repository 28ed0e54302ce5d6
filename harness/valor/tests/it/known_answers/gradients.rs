//! Which parameters a loss trains where the treated outcome is a sum: with stopped gradients the uplift network only.

use super::{compose, small};
use tch::{Device, Kind, Tensor};
use valor_base::seed::Seeds;
use valor_learn::learner::catalog::Options;
use valor_learn::learner::{MethodSpec, NeuralSpec, TrainingSpec};
use valor_learn::nets::{EfinSpec, EuenSpec, Network, OutcomeSummary, Pass};
use valor_learn::objectives::{Batch, Labels, Objective, Prediction, Setting};

const ROWS: i64 = 16;

fn spec(backbone: &str, components: &[&str], stop_gradient: bool) -> NeuralSpec {
    let options = Options {
        euen: EuenSpec { stop_gradient },
        efin: EfinSpec { stop_gradient, ..small().efin },
        ..small()
    };
    let MethodSpec::Neural(spec) = compose(backbone, components, &options, &TrainingSpec::default()) else {
        panic!("not a network")
    };
    spec
}

/// Rows of which `treated(row)` are treated; every second one buys, buyers first.
fn batch(treated: impl Fn(i64) -> bool) -> Batch {
    let outcome = |row: i64| if row < ROWS / 2 { 2.0 + row as f64 } else { 0.0 };
    let signed = |row: i64| if treated(row) { outcome(row) } else { -outcome(row) };
    let rows = (0..ROWS).flat_map(|row| Labels::row(treated(row), outcome(row), signed(row)));
    let labels = Tensor::from_slice(&rows.collect::<Vec<f32>>()).view([1, ROWS, -1]);
    Batch::new(&labels, ROWS as usize / 2)
}

/// The largest gradient among the parameters of the control network and among those of the uplift network, of the
/// terms called `term`.
fn gradients(spec: &NeuralSpec, term: &str, batch: &Batch) -> (f64, f64) {
    tch::set_num_threads(1);
    let summary = OutcomeSummary {
        scale: 1.0,
        mean: 3.0,
        sd: 4.0,
        nonzero_share: 0.5,
        positive_share: 0.5,
        log_mean: 1.5,
        log_sd: 0.5,
        treated_share: 0.5,
        ..OutcomeSummary::default()
    };
    let network = Network::new(&spec.network, 3, &summary);
    let terms: Vec<_> = spec.objective.iter().filter(|found| found.term.name() == term).cloned().collect();
    let setting = Setting::new(&spec.network, summary.clone(), ROWS as usize);
    let objective = Objective::new(&terms, &setting).unwrap();
    let drawn = network.layout().draw(&Seeds::new(9));
    let flat = Tensor::from_slice(&drawn).unsqueeze(0).set_requires_grad(true);
    let features = (Tensor::arange(ROWS * 3, (Kind::Float, Device::Cpu)) * 1.3).sin().view([1, ROWS, 3]);
    let outputs = network.forward(&network.layout().views(&flat), &features, &Pass::default());
    let (total, _) = objective.loss(batch, &Prediction::new(network.head(), &outputs));
    let gradient = Tensor::run_backward(&[total.sum(None)], &[&flat], false, false);
    let (mut control, mut uplift, mut start) = (0.0f64, 0.0f64, 0);
    for (name, shape) in network.layout().names() {
        let length = shape.iter().product::<i64>();
        let largest = gradient[0].narrow(1, start, length).abs().max().double_value(&[]);
        start += length;
        // EFIN's field embeddings serve both networks.
        let of_control = name.contains("control") || name.starts_with("attention");
        let of_uplift = name.contains("uplift") || name.starts_with("interaction");
        assert!(
            of_control || of_uplift || ["field.weight", "propensity"].iter().any(|both| name.contains(both))
        );
        if of_control {
            control = control.max(largest);
        } else if of_uplift {
            uplift = uplift.max(largest);
        }
    }
    (control, uplift)
}

#[test]
fn treated_rows_train_the_uplift_network_only() {
    let (treated, control) = (batch(|_| true), batch(|_| false));
    for backbone in ["euen", "efin"] {
        for (components, term) in [(&[][..], "mse"), (&["ziln"], "ziln"), (&["ziln", "focal"], "focal-ziln")]
        {
            let place = format!("{backbone}, {term}");
            let stopped = gradients(&spec(backbone, components, true), term, &treated);
            assert!(stopped.0 == 0.0 && stopped.1 > 0.0, "{place}: {stopped:?}");
            let through = gradients(&spec(backbone, components, false), term, &treated);
            assert!(through.0 > 0.0 && through.1 == stopped.1, "{place}: {through:?}");
            for stop_gradient in [true, false] {
                let found = gradients(&spec(backbone, components, stop_gradient), term, &control);
                assert!(found.0 > 0.0 && found.1 == 0.0, "{place}, control rows: {found:?}");
            }
        }
    }
}

#[test]
fn ranking_trains_the_uplift_network_only() {
    let both = batch(|row| row % 2 == 0);
    for backbone in ["euen", "efin"] {
        let of = |stop| gradients(&spec(backbone, &["ziln", "wr"], stop), "ranking", &both);
        let (stopped, through) = (of(true), of(false));
        assert!(stopped.0 == 0.0 && stopped.1 > 0.0, "{backbone}: {stopped:?}");
        assert!(through.0 > 0.0 && through.1 > 0.0, "{backbone}: {through:?}");
    }
}
