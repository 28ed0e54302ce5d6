//! Planted average effects, and how far from them each loss ends.

use super::{Rows, compose, mean, predict, small};
use rand::Rng;
use rand_distr::{Distribution, Normal};
use valor_learn::learner::catalog::{self, BACKBONES, HeadKey, ObjectiveSpec, Options};
use valor_learn::learner::neural::Recalibration;
use valor_learn::learner::{MethodSpec, TrainingSpec};
use valor_learn::objectives::{HuberSpec, TermKind, TermSpec, TweedieSpec};

/// What an average effect may be off by where the loss is least at the mean.
const TOLERANCE: f64 = 0.05;
const ACCOUNTS: usize = 1024;

/// `10 + x_0 - x_1 / 2 + 5 t` and normal noise: the effect is 5.
fn additive() -> Rows {
    let noise = Normal::new(0.0, 0.5).unwrap();
    Rows::twins(ACCOUNTS, |stream, x| {
        let control = 10.0 + x[0] - 0.5 * x[1] + noise.sample(stream);
        [control, control + 5.0]
    })
}

/// Four in ten buy, log-normally around `1 + x_1 / 5`; treatment triples what they spend: the effect is twice what is
/// spent without.
fn hurdle() -> Rows {
    let noise = Normal::new(0.0, 0.5).unwrap();
    Rows::twins(ACCOUNTS, |stream, x| {
        let buys = stream.random_bool(1.0 / (1.0 + f64::exp(0.4 - 0.4 * x[0])));
        let amount = f64::exp(1.0 + 0.2 * x[1] + noise.sample(stream));
        if buys { [amount, 3.0 * amount] } else { [0.0, 0.0] }
    })
}

impl Rows {
    fn difference_in_means(&self) -> f64 {
        let arm = |treated: bool| {
            let rows = self.treatment.assigned.iter().zip(&self.outcome).filter(|row| *row.0 == treated);
            mean(rows.map(|row| *row.1).collect::<Vec<f64>>().into_iter())
        };
        arm(true) - arm(false)
    }

    /// Predicted average effect over the difference in means, less 1.
    fn bias(&self, method: &MethodSpec) -> f64 {
        let uplift = predict(method, &self.task()).score;
        mean(uplift.iter().map(|&uplift| f64::from(uplift))) / self.difference_in_means() - 1.0
    }
}

/// The whole data in every step, so that no drawn batch moves the average; where rows are compared in pairs, parts of it in
/// smaller steps.
fn training(pairs: bool) -> TrainingSpec {
    let (epochs, batch, learning_rate) = if pairs { (40, 256, 1e-3) } else { (150, 2 * ACCOUNTS, 3e-3) };
    TrainingSpec { epochs, batch, learning_rate, ..TrainingSpec::default() }
}

/// TARNet trained for one outcome loss.
fn alone(term: TermKind, head: HeadKey) -> MethodSpec {
    let objective = ObjectiveSpec {
        name: term.name().into(),
        terms: vec![TermSpec::new(1.0, term)],
        head: Some(head),
        backbone_terms: true,
        recalibration: None,
    };
    let tarnet = catalog::backbone("tarnet").unwrap();
    catalog::compose_objective(tarnet, &objective, &[], (&small(), &training(false))).unwrap()
}

fn composed(backbone: &str, components: &[&str], options: &Options) -> MethodSpec {
    let pairs = backbone.starts_with("cfr")
        || components.iter().any(|name| name.starts_with("rerum") || *name == "wr");
    let training = training(pairs);
    // Its scores start near 0 and grow as products: the same steps, more of them.
    let epochs = if backbone == "shared-index" { 6 * training.epochs } else { training.epochs };
    compose(backbone, components, options, &TrainingSpec { epochs, ..training })
}

#[expect(clippy::print_stdout, reason = "docs/methods/known-answers.md quotes the table")]
fn print(law: &str, method: &str, bias: f64) {
    println!("| {law} | {method} | {:+.1} % |", bias * 100.0);
}

/// Prints the biases of methods whose loss is least at the mean; those beyond the tolerance.
fn wrong(law: &str, rows: &Rows, methods: Vec<(String, MethodSpec)>) -> Vec<String> {
    let judge = |(name, method): (String, MethodSpec)| {
        let bias = rows.bias(&method);
        print(law, &name, bias);
        (bias.abs() > TOLERANCE).then(|| format!("{name}, {law}: {bias:+.3}"))
    };
    methods.into_iter().filter_map(judge).collect()
}

#[test]
fn squared_error_finds_an_additive_effect_on_every_backbone() {
    let method = |key: &str| (key.to_string(), composed(key, &[], &small()));
    let methods = BACKBONES.iter().map(|row| method(row.key)).collect();
    assert_eq!(wrong("additive", &additive(), methods), [""; 0]);
}

#[test]
fn the_ziln_likelihood_finds_a_tripling_on_every_backbone() {
    let method = |key: &str| (format!("{key} +ziln"), composed(key, &["ziln"], &small()));
    let methods = BACKBONES.iter().map(|row| method(row.key)).collect();
    assert_eq!(wrong("hurdle", &hurdle(), methods), [""; 0]);
}

#[test]
fn losses_that_are_least_at_the_mean_find_a_tripling() {
    let focal = |recalibration| {
        composed("tarnet", &["ziln", "focal"], &Options { recalibration: Some(recalibration), ..small() })
    };
    let tweedie = || TermKind::Tweedie(TweedieSpec::default());
    let methods = vec![
        ("mse".to_string(), composed("tarnet", &[], &small())),
        ("tweedie, log head".to_string(), alone(tweedie(), HeadKey::Log)),
        ("tweedie, ziln head".to_string(), alone(tweedie(), HeadKey::Ziln)),
        ("focal-ziln, closed form".to_string(), focal(Recalibration::ClosedForm)),
        ("focal-ziln, isotonic".to_string(), focal(Recalibration::Isotonic)),
    ];
    assert_eq!(wrong("hurdle", &hurdle(), methods), [""; 0]);
}

/// Nothing is promised of these but a number; docs/methods/known-answers.md quotes them.
#[test]
fn other_losses_have_a_bias() {
    let rows = hurdle();
    let huber = alone(TermKind::Huber(HuberSpec::default()), HeadKey::Point);
    print("hurdle", "huber", rows.bias(&huber));
    let median = Options { sigma_term: false, ..small() };
    print("hurdle", "ziln, no sigma term", rows.bias(&composed("tarnet", &["ziln"], &median)));
    let compositions: [&[&str]; 6] = [
        &["ziln", "focal"],
        &["ziln", "wr"],
        &["ziln", "focal", "wr"],
        &["ziln", "focal", "gti", "wr"],
        &["rerum"],
        &["rerum-released"],
    ];
    for components in compositions {
        let bias = rows.bias(&composed("tarnet", components, &small()));
        print("hurdle", &components.join("+"), bias);
        assert!(bias.is_finite());
    }
}
