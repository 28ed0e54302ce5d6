//! What each feature contributes to an account's uplift, or to what a row of one arm is worth.

use super::boosting::{Law, Margins, PARAMETERS};
use super::causal::Averages;
use super::causal_forest::CausalForest;
use super::gbdt::ValueGbdt;
use super::shap::{Explained, Shap, gauss_legendre};
use super::slopes::Link;
use super::uplift_tree::{UpliftLeaf, UpliftTree};
use super::ziln_forest::ZilnForest;
use super::ziln_gbdt::ZilnGbdt;

/// Contributions are to add up to the uplift less the base to this share of the larger of the two.
const EXACT: f64 = 1e-10;
/// Rows that are explained together: their sums fit the nearest cache.
const BLOCK: usize = 64;
/// Numbers of places at which a path is looked at, until that is so.
const PLACES: [usize; 4] = [16, 64, 256, 1024];

/// Features' contributions to the uplift of a forest, in outcome units.
///
/// ```text
/// m(x)  = m_0 + sum over features phi_i(x)                     what is additive over trees, by Shapley values
/// c_i   = int_0^1 f'(m_0 + u (m - m_0)) . phi_i du             uplift = f(m) = f(m_0) + sum c_i
/// ```
///
/// Where uplift is itself additive (ziln-forest), `c_i = phi_i`. Elsewhere `c_i` are the prices of Aumann and Shapley along the
/// straight path of the additive quantities: the six parameters of a ziln-gbdt, the sums of a causal forest, the stages of boosted trees for
/// one arm, whose value stands in the place of uplift. Source: Aumann and Shapley 1974; Lundberg et al. 2018 for the additive part.
pub struct Contributions {
    shap: Shap,
    uplift: Uplift,
}

/// Uplift as a function of what is additive.
enum Uplift {
    /// It is additive itself.
    Additive,
    /// Of parameters that all rows start from.
    Boosted { start: [f64; PARAMETERS] },
    /// Of sums over trees: how many say something, means of `t~, y~, t~^2, t~ y~`.
    Causal,
    /// Of what is added to the start of each stage, how it is read, and the unit of all.
    Stages { scale: f64, stages: Vec<(Link, f64)> },
}

impl Contributions {
    /// Of a ziln-forest on rows of so many columns.
    pub fn of_ziln_forest(forest: &ZilnForest, columns: usize) -> Self {
        let share = 1.0 / forest.trees().len().max(1) as f64;
        let trees = forest.trees().iter().map(|tree| Explained {
            tree: &tree.tree,
            covers: tree
                .leaves
                .iter()
                .map(|leaf| f64::from(leaf.rows[0]) + f64::from(leaf.rows[1]))
                .collect(),
            values: tree.leaves.iter().map(|leaf| vec![leaf.uplift() * share]).collect(),
        });
        Self { shap: Shap::new(columns, trees), uplift: Uplift::Additive }
    }

    /// Of an uplift-tree.
    pub fn of_uplift_tree(tree: &UpliftTree, columns: usize) -> Self {
        let explained = Explained {
            tree: &tree.tree,
            covers: tree.leaves.iter().map(UpliftLeaf::rows).collect(),
            values: tree.leaves.iter().map(|leaf| vec![leaf.uplift()]).collect(),
        };
        Self { shap: Shap::new(columns, std::iter::once(explained)), uplift: Uplift::Additive }
    }

    /// Of a ziln-gbdt.
    pub fn of_ziln_gbdt(model: &ZilnGbdt, columns: usize) -> Self {
        let trees = model.trees.iter().map(|tree| Explained {
            tree: &tree.tree,
            covers: tree.leaves.iter().map(|leaf| leaf.rows).collect(),
            values: tree.leaves.iter().map(|leaf| leaf.step.concat()).collect(),
        });
        Self { shap: Shap::new(columns, trees), uplift: Uplift::Boosted { start: model.start } }
    }

    /// Of boosted trees for rows of one arm: contributions to the value.
    pub fn of_value_gbdt(model: &ValueGbdt, columns: usize) -> Self {
        let count = model.stages.len();
        let trees = model.stages.iter().enumerate().flat_map(|(stage, of)| {
            of.trees.iter().map(move |tree| Explained {
                tree: &tree.tree,
                covers: tree.leaves.iter().map(|leaf| leaf.rows).collect(),
                values: tree
                    .leaves
                    .iter()
                    .map(|leaf| {
                        (0..count).map(|other| if other == stage { leaf.step } else { 0.0 }).collect()
                    })
                    .collect(),
            })
        });
        let stages = model.stages.iter().map(|stage| (stage.link, stage.start)).collect();
        let uplift = Uplift::Stages { scale: model.scale, stages };
        Self { shap: Shap::new(columns, trees), uplift }
    }

    /// Of a causal forest.
    pub fn of_causal_forest(forest: &CausalForest, columns: usize) -> Self {
        let trees = forest.trees.iter().map(|tree| Explained {
            tree: &tree.tree,
            covers: tree.leaves.iter().map(|leaf| leaf.rows).collect(),
            values: tree
                .leaves
                .iter()
                .map(|leaf| {
                    let Averages { t, y, tt, ty } = leaf.averages;
                    let says = f64::from(u8::from(leaf.rows > 0.0));
                    vec![says, t, y, tt, ty]
                })
                .collect(),
        });
        Self { shap: Shap::new(columns, trees), uplift: Uplift::Causal }
    }

    /// What all features start from, outcome units.
    pub fn base(&self) -> f64 {
        self.uplift.value(self.shap.base())
    }

    /// One number per feature; they add up to the uplift of the row less the base.
    pub fn of(&self, row: &[f32]) -> Vec<f64> {
        self.of_all(&[row]).remove(0)
    }

    /// The same of many rows, which is faster than one after another and gives the same bits.
    pub fn of_all(&self, rows: &[&[f32]]) -> Vec<Vec<f64>> {
        let explain = |rows: &[&[f32]]| self.shap.explain(rows);
        let found = rows.chunks(BLOCK).flat_map(explain).zip(rows);
        found.map(|(parts, row)| self.shares(&parts, row.len())).collect()
    }

    /// Of the parts of what is additive, feature by feature, those of the uplift.
    fn shares(&self, parts: &[f64], features: usize) -> Vec<f64> {
        let base = self.shap.base();
        let outputs = base.len();
        if outputs == 0 {
            return vec![0.0; features];
        }
        let parts: Vec<&[f64]> = parts.chunks_exact(outputs).collect();
        if let Uplift::Additive = self.uplift {
            return parts.iter().map(|part| part[0]).collect();
        }
        let way: Vec<f64> = (0..outputs).map(|output| parts.iter().map(|part| part[output]).sum()).collect();
        let end: Vec<f64> = base.iter().zip(&way).map(|(base, way)| base + way).collect();
        let (first, last) = (self.uplift.value(base), self.uplift.value(&end));
        let mut found = Vec::new();
        let mut gap = 0.0;
        for places in PLACES {
            found = self.prices(base, &way, &parts, places);
            gap = last - first - found.iter().sum::<f64>();
            if gap.abs() <= EXACT * f64::max(first.abs(), last.abs()) {
                return found;
            }
        }
        share(&mut found, gap);
        found
    }

    /// Prices along the straight path from `base` by `way`, which the features' `parts` add up to, looked at in so many places.
    fn prices(&self, base: &[f64], way: &[f64], parts: &[&[f64]], places: usize) -> Vec<f64> {
        let mut slope = vec![0.0; base.len()];
        for (at, weight) in gauss_legendre(places) {
            let point: Vec<f64> = base.iter().zip(way).map(|(base, way)| base + at * way).collect();
            let here = self.uplift.slope(&point);
            slope.iter_mut().zip(here).for_each(|(slope, here)| *slope += weight * here);
        }
        let price = |part: &&[f64]| part.iter().zip(&slope).map(|(part, slope)| part * slope).sum();
        parts.iter().map(price).collect()
    }
}

/// Shares out what no rule of so many places has found, as where arms nearly vanish along the path: in proportion to sizes.
fn share(found: &mut [f64], gap: f64) {
    let whole: f64 = found.iter().map(|one| one.abs()).sum();
    let count = found.len() as f64;
    let part = |one: f64| if whole > 0.0 { one.abs() / whole } else { 1.0 / count };
    found.iter_mut().for_each(|one| *one += gap * part(*one));
}

impl Uplift {
    fn value(&self, at: &[f64]) -> f64 {
        match self {
            Uplift::Additive => at.first().copied().unwrap_or_default(),
            Uplift::Boosted { start } => {
                let laws = margins(start, at).map(Law::new);
                laws[1].expected() - laws[0].expected()
            }
            Uplift::Causal => match averages(at) {
                Some(averages) => averages.effect().0,
                None => 0.0,
            },
            Uplift::Stages { scale, stages } => factors(stages, at).product::<f64>() * scale,
        }
    }

    /// Derivatives of `value`.
    fn slope(&self, at: &[f64]) -> Vec<f64> {
        match self {
            Uplift::Additive => vec![1.0; at.len()],
            Uplift::Boosted { start } => {
                let [control, treated] = margins(start, at).map(|arm| Law::new(arm).leverage());
                control.iter().map(|slope| -slope).chain(treated).collect()
            }
            Uplift::Causal => match averages(at) {
                Some(Averages { t, y, tt, ty }) => {
                    // theta = (n TY - T Y) / (n TT - T^2) of sums, and scaling all sums alike changes nothing.
                    let (count, variance) = (at[0], tt - t * t);
                    let theta = (ty - t * y) / variance;
                    let by = [ty - theta * tt, 2.0 * theta * t - y, -t, -theta, 1.0];
                    by.map(|slope| slope / (count * variance)).to_vec()
                }
                None => vec![0.0; at.len()],
            },
            Uplift::Stages { scale, stages } => {
                let others = |stage: usize| {
                    let others = factors(stages, at).enumerate().filter(move |(other, _)| *other != stage);
                    others.map(|(_, factor)| factor).product::<f64>()
                };
                let slope = |(stage, ((link, start), at)): (usize, (&(Link, f64), &f64))| {
                    scale * link.slope(start + at) * others(stage)
                };
                stages.iter().zip(at).enumerate().map(slope).collect()
            }
        }
    }
}

/// What stages say where so much is added to the start of each.
fn factors<'a>(stages: &'a [(Link, f64)], at: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
    stages.iter().zip(at).map(|((link, start), at)| link.of(start + at))
}

fn margins(start: &[f64; PARAMETERS], at: &[f64]) -> Margins {
    std::array::from_fn(|arm| std::array::from_fn(|place| start[place] + at[arm * PARAMETERS + place]))
}

/// Means of sums over trees; nothing where no tree says something or `t~` does not vary.
fn averages(at: &[f64]) -> Option<Averages> {
    if at[0] <= 0.0 {
        return None;
    }
    let averages = Averages { t: at[1], y: at[2], tt: at[3], ty: at[4] }.times(1.0 / at[0]);
    averages.varies().then_some(averages)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trees::fixtures::Table;
    use crate::trees::{CausalForestSpec, Rows, ZilnForestSpec, ZilnGbdtSpec};
    use rand::Rng;
    use valor_base::seed::Seeds;
    use valor_data::Matrix;
    use valor_data::encode::ColumnKind;

    const COLUMNS: usize = 4;

    /// Spending rises with the first column, the effect with the second; one column has gaps, one holds levels.
    fn planted() -> Table {
        let rows = 1500;
        let mut stream = Seeds::new(8).stream();
        let values = (0..rows * COLUMNS).map(|place| match place % COLUMNS {
            2 if place % 5 == 0 => f32::NAN,
            3 => (place / COLUMNS % 6) as f32,
            _ => stream.random_range(-1.0f32..1.0),
        });
        let features = Matrix { rows, columns: COLUMNS, values: values.collect() };
        let treatment: Vec<bool> = (0..rows).map(|row| row % 2 == 0).collect();
        let outcome = (0..rows).map(|row| {
            let x = features.row(row);
            let effect = if treatment[row] { 1.0 + f64::from(x[1]) } else { 0.0 };
            let log = 0.5 + 0.5 * f64::from(x[0]) + effect + stream.random_range(-0.5..0.5);
            if stream.random_bool(0.5) { log.exp() } else { 0.0 }
        });
        let outcome = outcome.collect();
        let mut table = Table::new(features, treatment, outcome);
        table.kinds[3] = ColumnKind::Levels(6);
        table
    }

    /// What a forest says of a row.
    type Says = Box<dyn Fn(&[f32]) -> f64>;

    /// Contributions and predictions of all kinds of forests.
    fn forests(rows: &Rows) -> Vec<(Contributions, Says)> {
        let seeds = Seeds::new(3);
        let ziln = ZilnForest::fit(&ZilnForestSpec { trees: 5, ..ZilnForestSpec::default() }, rows, &seeds);
        let boosted =
            ZilnGbdt::fit(&ZilnGbdtSpec { rounds: 40, ..ZilnGbdtSpec::default() }, rows, &[], &seeds).0;
        let mut spec = CausalForestSpec { trees: 12, ..CausalForestSpec::default() };
        spec.nuisance.trees = 4;
        let causal = CausalForest::fit(&spec, rows, None, &seeds);
        vec![
            (Contributions::of_ziln_forest(&ziln, COLUMNS), Box::new(move |row| ziln.predict(row).uplift())),
            (
                Contributions::of_ziln_gbdt(&boosted, COLUMNS),
                Box::new(move |row| boosted.predict(row).uplift()),
            ),
            (Contributions::of_causal_forest(&causal, COLUMNS), Box::new(move |row| causal.effect(row))),
        ]
    }

    #[test]
    fn contributions_add_up_to_the_uplift() {
        let table = planted();
        for (place, (contributions, uplift)) in forests(&table.rows()).into_iter().enumerate() {
            let mut sizes = [0.0; COLUMNS];
            for row in 0..200 {
                let row = table.features.row(row);
                let found = contributions.of(row);
                let (sum, said) = (contributions.base() + found.iter().sum::<f64>(), uplift(row));
                assert!(
                    (sum - said).abs() <= 1e-9 * said.abs().max(1.0),
                    "forest {place}: {sum} instead of {said}"
                );
                sizes.iter_mut().zip(&found).for_each(|(size, one)| *size += one.abs());
            }
            assert!(sizes[1] > sizes[2] && sizes[1] > sizes[3], "forest {place}: {sizes:?}");
        }
    }

    /// Prices by a fine sum along the path, with slopes by finite differences.
    #[test]
    fn prices_are_those_of_the_path() {
        let stages = vec![(Link::Sigmoid, -0.4), (Link::Identity, 1.5)];
        let uplifts = [
            Uplift::Boosted { start: [-0.5, 1.0, -0.3] },
            Uplift::Causal,
            Uplift::Stages { scale: 3.0, stages },
        ];
        let bases = [vec![0.1, -0.2, 0.05, 0.2, 0.3, -0.1], vec![10.0, 0.4, 3.0, 2.6, 1.9], vec![0.2, -0.5]];
        let parts = [
            vec![vec![0.3, 0.1, 0.0, -0.2, 0.4, 0.1], vec![-0.6, 0.2, 0.1, 0.5, -0.3, 0.2]],
            vec![vec![0.0, 0.3, 1.0, 0.2, 0.9], vec![-1.0, -0.2, 2.0, -0.4, 1.5]],
            vec![vec![0.7, 0.0], vec![-0.3, 1.1]],
        ];
        for ((uplift, base), parts) in uplifts.into_iter().zip(bases).zip(parts) {
            let parts: Vec<&[f64]> = parts.iter().map(Vec::as_slice).collect();
            let way: Vec<f64> = (0..base.len()).map(|k| parts.iter().map(|part| part[k]).sum()).collect();
            let along =
                |at: f64| -> Vec<f64> { base.iter().zip(&way).map(|(base, way)| base + at * way).collect() };
            let slow = |part: &[f64]| -> f64 {
                let steps = 2000;
                (0..steps)
                    .map(|step| {
                        let point = along((f64::from(step) + 0.5) / f64::from(steps));
                        let moved = |by: f64| -> Vec<f64> {
                            point.iter().zip(part).map(|(point, part)| point + by * part).collect()
                        };
                        (uplift.value(&moved(1e-5)) - uplift.value(&moved(-1e-5))) / 2e-5 / f64::from(steps)
                    })
                    .sum()
            };
            let expected: Vec<f64> = parts.iter().map(|part| slow(part)).collect();
            let contributions = Contributions { shap: Shap::new(0, std::iter::empty()), uplift };
            let found = contributions.prices(&base, &way, &parts, 64);
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-6, "{found} instead of {expected}");
            }
        }
    }
}
