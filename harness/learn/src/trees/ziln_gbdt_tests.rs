//! Boosted splits and steps against their definition written naively; what boosting learns, and samples that lack something.

use super::boosting::{BoostingRule, Gain, Law, Margins, Pull, PullSums};
use super::fixtures::{Table, best_cut, coins, column, every_row, on_threads, uniform};
use super::ziln::Response;
use super::*;
use proptest::prelude::*;
use rand::Rng;
use valor_base::seed::Seeds;

/// One column, what came of each row, and the margins so far.
#[derive(Clone, Debug)]
struct Small {
    x: Vec<f32>,
    responses: Vec<Response>,
    margins: Vec<Margins>,
}

fn small() -> impl Strategy<Value = Small> {
    let arm = || (-1.5f64..1.5, -1.0f64..2.0, -1.0f64..0.8).prop_map(|(eta, mu, s)| [eta, mu, s]);
    let row = (
        prop_oneof![1 => Just(f32::NAN), 5 => (0u8..5).prop_map(f32::from)],
        any::<bool>(),
        prop_oneof![2 => Just(0.0), 1 => 0.05f64..40.0],
        arm(),
        arm(),
    );
    prop::collection::vec(row, 4..30).prop_map(|rows| Small {
        x: rows.iter().map(|row| row.0).collect(),
        responses: rows.iter().map(|row| Response::new(row.1, row.2)).collect(),
        margins: rows.iter().map(|row| [row.3, row.4]).collect(),
    })
}

const PENALTY: f64 = 0.7;

impl Small {
    fn pulls(&self) -> Vec<Pull> {
        self.responses
            .iter()
            .zip(&self.margins)
            .map(|(&response, margins)| Pull::new(response, margins))
            .collect()
    }

    /// Newton-like step of an arm over some rows, by finite differences of the loss and the stated information.
    fn step(&self, inside: &[usize], arm: usize) -> [f64; 3] {
        let own = || inside.iter().filter(|&&row| usize::from(self.responses[row].treated) == arm);
        if !own().any(|&row| self.responses[row].log.is_some()) {
            return [0.0; 3];
        }
        std::array::from_fn(|parameter| {
            let slope: f64 = own().map(|&row| self.slope(row, arm, parameter)).sum();
            let information: f64 = own().map(|&row| self.information(row, arm, parameter)).sum();
            slope / (information + PENALTY)
        })
    }

    fn slope(&self, row: usize, arm: usize, parameter: usize) -> f64 {
        let loss = |by: f64| {
            let mut margins = self.margins[row][arm];
            margins[parameter] += by;
            Law::new(margins).loss(self.responses[row].log)
        };
        (loss(-1e-5) - loss(1e-5)) / 2e-5
    }

    fn information(&self, row: usize, arm: usize, parameter: usize) -> f64 {
        let law = Law::new(self.margins[row][arm]);
        let buys = f64::from(u8::from(self.responses[row].log.is_some()));
        [law.conversion * (1.0 - law.conversion), buys / law.sigma.powi(2), 2.0 * buys][parameter]
    }

    fn likelihood(&self, inside: &[usize]) -> f64 {
        let arm = |arm: usize| {
            let step = self.step(inside, arm);
            let own = inside.iter().filter(|&&row| usize::from(self.responses[row].treated) == arm);
            own.map(|&row| {
                (0..3).map(|parameter| step[parameter] * self.slope(row, arm, parameter)).sum::<f64>()
            })
            .sum::<f64>()
        };
        (arm(0) + arm(1)) / 2.0
    }

    /// Mean uplift after the step, to first order, by finite differences.
    fn uplift(&self, inside: &[usize]) -> f64 {
        let steps = [self.step(inside, 0), self.step(inside, 1)];
        let expected = |row: usize, arm: usize, by: f64| {
            let margins = std::array::from_fn(|k| self.margins[row][arm][k] + by * steps[arm][k]);
            Law::new(margins).expected()
        };
        let moved = |row: usize, arm: usize| {
            let slope = (expected(row, arm, 1e-6) - expected(row, arm, -1e-6)) / 2e-6;
            expected(row, arm, 0.0) + slope
        };
        let total: f64 = inside.iter().map(|&row| moved(row, 1) - moved(row, 0)).sum();
        total / inside.len() as f64
    }

    fn gain(&self, gain: Gain, goes_left: impl Fn(f32) -> bool) -> f64 {
        let all: Vec<usize> = (0..self.x.len()).collect();
        let (left, right): (Vec<usize>, Vec<usize>) = all.iter().partition(|&&row| goes_left(self.x[row]));
        for side in [&left, &right] {
            let treated = side.iter().filter(|&&row| self.responses[row].treated).count();
            if treated.min(side.len() - treated) < 1 {
                return 0.0;
            }
        }
        match gain {
            Gain::Likelihood => self.likelihood(&left) + self.likelihood(&right) - self.likelihood(&all),
            Gain::Uplift => {
                let (l, r) = (left.len() as f64, right.len() as f64);
                l * r / (l + r).powi(2) * (self.uplift(&left) - self.uplift(&right)).powi(2)
            }
        }
    }
}

proptest! {
    #[test]
    fn the_best_cut_is_the_naive_one(small in small()) {
        for gain in [Gain::Likelihood, Gain::Uplift] {
            let pulls = small.pulls();
            let rule = BoostingRule { pulls: &pulls, penalty: PENALTY, arm_rows: 1, gain };
            let found = best_cut(&rule, &column(&small.x), Cuts::All);
            let mut naive = 0.0;
            for threshold in (0..5).map(|value| value as f32).chain([f32::INFINITY]) {
                for missing in [true, false] {
                    let side = |x: f32| if x.is_nan() { missing } else { x <= threshold };
                    naive = f64::max(naive, small.gain(gain, side));
                }
            }
            let found = found.map_or(0.0, |best| best.gain);
            prop_assert!((found - naive).abs() <= 1e-5 * naive.max(1e-2), "{gain:?}: {found}, {naive}");
        }
    }

    #[test]
    fn steps_are_the_naive_ones(small in small()) {
        let pulls = small.pulls();
        let rule = BoostingRule { pulls: &pulls, penalty: PENALTY, arm_rows: 1, gain: Gain::Likelihood };
        let mut sums = PullSums::default();
        every_row(small.x.len()).into_iter().for_each(|drawn| rule.count(&mut sums, drawn));
        let all: Vec<usize> = (0..small.x.len()).collect();
        for (arm, found) in rule.step(&sums).iter().enumerate() {
            for (found, expected) in found.iter().zip(small.step(&all, arm)) {
                prop_assert!((found - expected).abs() <= 1e-6 * expected.abs().max(1.0), "{found}, {expected}");
            }
        }
    }
}

/// 4,000 accounts whose conversion and spend move with the first column; treatment adds to both where the second is above 0.
fn planted() -> Table {
    let rows = 4000;
    let mut stream = Seeds::new(31).stream();
    let features = uniform(rows, 3, &mut stream);
    let treatment = coins(rows, &mut stream);
    let outcome = (0..rows).map(|row| {
        let x = features.row(row);
        let moved = f64::from(u8::from(treatment[row] && x[1] > 0.0));
        let share = 0.3 + 0.1 * f64::from(x[0]) + 0.2 * moved;
        let log = 1.0 + 0.5 * f64::from(x[0]) + 0.4 * moved + stream.random_range(-0.8..0.8);
        if stream.random_bool(share) { log.exp() } else { 0.0 }
    });
    let outcome = outcome.collect();
    Table::new(features, treatment, outcome)
}

fn fit(spec: &ZilnGbdtSpec, train: &[u32], validation: &[u32]) -> (ZilnGbdt, Rounds) {
    let table = Table { train: train.to_vec(), ..planted() };
    ZilnGbdt::fit(spec, &table.rows(), validation, &Seeds::new(2))
}

#[test]
fn boosting_learns_who_is_moved() {
    let train: Vec<u32> = (0..4000).collect();
    for gain in [Gain::Likelihood, Gain::Uplift] {
        let (model, rounds) =
            fit(&ZilnGbdtSpec { gain, rounds: 100, ..ZilnGbdtSpec::default() }, &train, &[]);
        assert!(rounds.train[99] < rounds.train[0] - 0.005, "{gain:?}: {:?}", rounds.train);
        let mean = |sign: f32| {
            let uplift = |step: usize| {
                let x = (step as f32 / 10.0) * 1.8 - 0.9;
                model.predict(&[x, 0.5 * sign, 0.0]).uplift()
            };
            (0..=10).map(uplift).sum::<f64>() / 11.0
        };
        assert!(mean(1.0) > 1.0 && mean(-1.0).abs() < 0.5, "{gain:?}: {} {}", mean(1.0), mean(-1.0));
    }
}

#[test]
fn the_best_round_on_validation_rows_is_kept() {
    let (train, validation): (Vec<u32>, Vec<u32>) = (0..4000).partition(|row| row % 4 != 0);
    let spec =
        ZilnGbdtSpec { rounds: 400, patience: 10, shrinkage: 0.5, depth: 6, ..ZilnGbdtSpec::default() };
    let (model, rounds) = fit(&spec, &train, &validation);
    let least = rounds.validation.iter().copied().fold(f64::INFINITY, f64::min);
    assert_eq!(rounds.validation[model.trees.len() - 1], least);
    assert_eq!(rounds.validation.len(), model.trees.len() + 10);
}

#[test]
fn threads_change_nothing_and_lacking_samples_are_no_failure() {
    let train: Vec<u32> = (0..500).collect();
    let spec = ZilnGbdtSpec { rounds: 10, ..ZilnGbdtSpec::default() };
    let with = |threads| on_threads(threads, || fit(&spec, &train, &[]));
    assert_eq!(with(1), with(3));
    for outcome in [vec![0.0; 20], [vec![9.0], vec![0.0; 19]].concat()] {
        for treatment in [vec![true; 20], (0..20).map(|row| row % 2 == 0).collect()] {
            let table = Table { treatment, outcome: outcome.clone(), ..column(&[f32::NAN; 20]) };
            let (model, _) = ZilnGbdt::fit(&spec, &table.rows(), &[], &Seeds::new(1));
            let said = model.predict(&[f32::NAN]);
            assert!(said.expected.iter().all(|value| value.is_finite() && *value >= 0.0), "{said:?}");
        }
    }
}
