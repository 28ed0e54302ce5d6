//! Exact Shapley values of what is additive over trees, path by path.

use super::bins::level_bin;
use super::tree::{LevelSet, Place, Predicate, Split, Tree};

/// Paths with at most so many features have a table of all cases.
const TABLED: usize = 8;

/// Contributions of features to a sum over trees, for rows of one forest.
///
/// ```text
/// v(S)  = sum over leaves  value prod over features j of the leaf's path (j in S ? o_j : z_j)
/// o_j   = 1 where the row meets all conditions that the path sets on j, else 0
/// z_j   = product over the path's splits at j of cover(child) / cover(node)
/// phi_i = sum over leaves  value (o_i - z_i) int_0^1 prod over j of the path but i of (z_j (1 - u) + o_j u) du
/// ```
///
/// `v(all) = v(none) + sum phi_i`, in units of the values. The integral is that of a polynomial, and exact by Gauss and
/// Legendre's rule. Source: Lundberg, Erion, Lee 2018 (path-dependent TreeSHAP); Yang 2021 and Yu et al. 2022 for the faster
/// forms.
#[derive(Clone, Debug, PartialEq)]
pub struct Shap {
    columns: usize,
    outputs: usize,
    leaves: Vec<Path>,
    base: Vec<f64>,
}

/// A tree, the weight of the rows of each leaf, and what each leaf adds to the sum: one number per output.
pub struct Explained<'a> {
    /// Where a row goes.
    pub tree: &'a Tree,
    /// Rows of each leaf.
    pub covers: Vec<f64>,
    /// Outputs of each leaf.
    pub values: Vec<Vec<f64>>,
}

/// A leaf with what its path asks, feature by feature.
#[derive(Clone, Debug, PartialEq)]
struct Path {
    conditions: Vec<Condition>,
    values: Vec<f64>,
    /// Factors of the values by case (one bit per condition) and feature; empty for long paths.
    table: Vec<f64>,
}

/// What a path asks of one feature.
#[derive(Clone, Debug, PartialEq)]
struct Condition {
    column: usize,
    /// Values above this.
    above: f32,
    /// And up to this.
    up_to: f32,
    /// Of a column of levels: these.
    levels: Option<LevelSet>,
    missing: bool,
    /// `z`: the share of rows that go this way at the path's splits at this feature.
    share: f64,
}

impl Shap {
    /// For rows of so many columns.
    pub fn new<'a>(columns: usize, trees: impl Iterator<Item = Explained<'a>>) -> Self {
        let (mut leaves, mut base, mut outputs) = (Vec::new(), Vec::new(), 0);
        for explained in trees {
            outputs = explained.values.first().map_or(outputs, Vec::len);
            base.resize(outputs, 0.0);
            walk(&explained, &mut leaves);
        }
        for path in &leaves {
            let share: f64 = path.conditions.iter().map(|condition| condition.share).product();
            base.iter_mut().zip(&path.values).for_each(|(base, value)| *base += share * value);
        }
        Self { columns, outputs, leaves, base }
    }

    /// `v(none)`: what the trees say of nobody in particular, by output.
    pub fn base(&self) -> &[f64] {
        &self.base
    }

    /// `phi` of each row, `[columns][outputs]` in one list. A path is gone through for all rows before the next one, so that its
    /// table is at hand; a row's bits do not depend on the rows beside it.
    pub fn explain(&self, rows: &[&[f32]]) -> Vec<Vec<f64>> {
        let mut found = vec![vec![0.0; self.columns * self.outputs]; rows.len()];
        let mut factors = Vec::new();
        for path in &self.leaves {
            for (row, found) in rows.iter().zip(&mut found) {
                path.factors(row, &mut factors);
                for (condition, factor) in path.conditions.iter().zip(&factors) {
                    let start = condition.column * self.outputs;
                    let target = &mut found[start..start + self.outputs];
                    target.iter_mut().zip(&path.values).for_each(|(sum, value)| *sum += factor * value);
                }
            }
        }
        found
    }
}

/// A place on the way down, with what its path has asked so far.
struct Open {
    place: usize,
    conditions: Vec<Condition>,
}

/// All leaves of a tree with their paths.
fn walk(explained: &Explained, leaves: &mut Vec<Path>) {
    let covers = covers(explained);
    let mut open = vec![Open { place: 0, conditions: Vec::new() }];
    while let Some(Open { place, conditions }) = open.pop() {
        match explained.tree.place(place) {
            Place::Leaf(leaf) => leaves.push(Path::new(conditions, explained.values[leaf].clone())),
            Place::Inner(split, children) => {
                for (child, goes_left) in [(children[1], false), (children[0], true)] {
                    // Where no row stands, neither way is likelier.
                    let share = if covers[place] > 0.0 { covers[child] / covers[place] } else { 0.5 };
                    let conditions = narrowed(&conditions, &split, goes_left, share);
                    open.push(Open { place: child, conditions });
                }
            }
        }
    }
}

/// Rows of every place.
fn covers(explained: &Explained) -> Vec<f64> {
    let places = explained.tree.places();
    let mut covers = vec![0.0; places];
    // Children stand after their parent.
    for place in (0..places).rev() {
        covers[place] = match explained.tree.place(place) {
            Place::Leaf(leaf) => explained.covers[leaf],
            Place::Inner(_, [left, right]) => covers[left] + covers[right],
        };
    }
    covers
}

/// Conditions with those of one more split.
fn narrowed(conditions: &[Condition], split: &Split, goes_left: bool, share: f64) -> Vec<Condition> {
    let mut conditions = conditions.to_vec();
    let place = match conditions.iter().position(|condition| condition.column == split.column) {
        Some(place) => place,
        None => {
            let levels = matches!(split.left, Predicate::Among(_)).then(LevelSet::all);
            let (above, up_to, column) = (f32::NEG_INFINITY, f32::INFINITY, split.column);
            conditions.push(Condition { column, above, up_to, levels, missing: true, share: 1.0 });
            conditions.len() - 1
        }
    };
    let condition = &mut conditions[place];
    match &split.left {
        Predicate::UpTo(threshold) if goes_left => condition.up_to = condition.up_to.min(*threshold),
        Predicate::UpTo(threshold) => condition.above = condition.above.max(*threshold),
        Predicate::Among(set) => {
            let set = if goes_left { *set } else { set.complement() };
            condition.levels = condition.levels.map(|levels| levels.both(set));
        }
    }
    condition.missing &= split.missing_left == goes_left;
    condition.share *= share;
    conditions
}

impl Condition {
    fn is_met(&self, value: f32) -> bool {
        match (&self.levels, value.is_nan()) {
            (_, true) => self.missing,
            (Some(levels), false) => levels.contains(level_bin(value)),
            // No number is at most minus infinity, but a path that begins there lets it through.
            (None, false) => (value > self.above || self.above == f32::NEG_INFINITY) && value <= self.up_to,
        }
    }
}

impl Path {
    fn new(conditions: Vec<Condition>, values: Vec<f64>) -> Self {
        let mut path = Self { conditions, values, table: Vec::new() };
        let features = path.conditions.len();
        if features <= TABLED {
            let mut factors = Vec::new();
            for case in 0..1usize << features {
                path.integrate(|place| case >> place & 1 == 1, &mut factors);
                path.table.extend(&factors);
            }
        }
        path
    }

    /// What the values are multiplied by for each feature of the path.
    fn factors(&self, row: &[f32], factors: &mut Vec<f64>) {
        let met = |place: usize| {
            let condition = &self.conditions[place];
            condition.is_met(row[condition.column])
        };
        let features = self.conditions.len();
        if features > TABLED {
            return self.integrate(met, factors);
        }
        let case = (0..features).map(|place| usize::from(met(place)) << place).sum::<usize>();
        factors.clear();
        factors.extend_from_slice(&self.table[case * features..(case + 1) * features]);
    }

    /// `(o_i - z_i) int prod over the others`, feature by feature.
    fn integrate(&self, met: impl Fn(usize) -> bool, factors: &mut Vec<f64>) {
        let features = self.conditions.len();
        let ends: Vec<(f64, f64)> = self
            .conditions
            .iter()
            .enumerate()
            .map(|(place, condition)| (condition.share, f64::from(u8::from(met(place)))))
            .collect();
        factors.clear();
        factors.resize(features, 0.0);
        for (at, weight) in gauss_legendre(features.div_ceil(2)) {
            let mixed = |&(share, one): &(f64, f64)| share * (1.0 - at) + one * at;
            let all: f64 = ends.iter().map(mixed).product();
            for (factor, end) in factors.iter_mut().zip(&ends) {
                let own = mixed(end);
                // Where the own part is 0, so is the difference of its ends.
                if own != 0.0 {
                    *factor += weight * (end.1 - end.0) * all / own;
                }
            }
        }
    }
}

/// Places and weights of the rule on [0, 1] that is exact for polynomials of degree `2 count - 1`.
pub(super) fn gauss_legendre(count: usize) -> Vec<(f64, f64)> {
    let n = count.max(1) as f64;
    let place = |index: usize| {
        // Newton's method on Legendre's polynomial, from Tricomi's guess.
        let mut x = (std::f64::consts::PI * (index as f64 + 0.75) / (n + 0.5)).cos();
        let mut slope = 1.0;
        for _ in 0..100 {
            let (mut last, mut value) = (1.0, x);
            for degree in 2..=count.max(1) {
                let k = degree as f64;
                (last, value) = (value, ((2.0 * k - 1.0) * x * value - (k - 1.0) * last) / k);
            }
            slope = n * (x * value - last) / (x * x - 1.0);
            let step = value / slope;
            x -= step;
            if step.abs() < 1e-16 {
                break;
            }
        }
        ((1.0 - x) / 2.0, 1.0 / ((1.0 - x * x) * slope * slope))
    };
    (0..count.max(1)).map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const COLUMNS: usize = 5;

    /// A tree of random splits: numbers in the first columns, levels in the last.
    fn tree(choices: &[(u8, u8, u8, bool)]) -> Tree {
        let mut tree = Tree::new();
        for &(place, column, cut, missing_left) in choices {
            let leaves: Vec<usize> =
                (0..tree.places()).filter(|&place| matches!(tree.place(place), Place::Leaf(_))).collect();
            let column = usize::from(column) % COLUMNS;
            let left = match column == COLUMNS - 1 {
                true => {
                    let mut set = LevelSet::default();
                    (0..4).filter(|bit| cut >> bit & 1 == 1).for_each(|bit| set.insert(bit));
                    Predicate::Among(set)
                }
                false => Predicate::UpTo(f32::from(cut % 4)),
            };
            tree.split(leaves[usize::from(place) % leaves.len()], &Split { column, left, missing_left });
        }
        tree
    }

    /// What the tree says where only the features in `known` are known: others go both ways by covers.
    fn expected(explained: &Explained, covers: &[f64], place: usize, known: u32, row: &[f32]) -> f64 {
        match explained.tree.place(place) {
            Place::Leaf(leaf) => explained.values[leaf][0],
            Place::Inner(split, [left, right]) => {
                let below = |child: usize| expected(explained, covers, child, known, row);
                if known >> split.column & 1 == 1 {
                    let value = row[split.column];
                    let goes_left = match &split.left {
                        _ if value.is_nan() => split.missing_left,
                        Predicate::UpTo(threshold) => value <= *threshold,
                        Predicate::Among(set) => set.contains(value as u8),
                    };
                    return below(if goes_left { left } else { right });
                }
                let share = if covers[place] > 0.0 { covers[left] / covers[place] } else { 0.5 };
                share * below(left) + (1.0 - share) * below(right)
            }
        }
    }

    /// Shapley's formula, subset by subset.
    fn brute_force(explained: &Explained, row: &[f32]) -> Vec<f64> {
        let covers = covers(explained);
        let value = |known: u32| expected(explained, &covers, 0, known, row);
        let factorial = |n: u32| (1..=n).map(f64::from).product::<f64>();
        let contribution = |feature: usize| {
            let others = (0..1u32 << COLUMNS).filter(|known| known >> feature & 1 == 0);
            others
                .map(|known| {
                    let size = known.count_ones();
                    let weight =
                        factorial(size) * factorial(COLUMNS as u32 - size - 1) / factorial(COLUMNS as u32);
                    weight * (value(known | 1 << feature) - value(known))
                })
                .sum()
        };
        (0..COLUMNS).map(contribution).collect()
    }

    fn cell() -> impl Strategy<Value = f32> {
        prop_oneof![1 => Just(f32::NAN), 5 => (0u8..4).prop_map(f32::from)]
    }

    proptest! {
        #[test]
        fn contributions_are_shapley_values(
            choices in prop::collection::vec((any::<u8>(), any::<u8>(), any::<u8>(), any::<bool>()), 0..14),
            covers in prop::collection::vec(0u8..9, 15),
            values in prop::collection::vec(-10.0f64..10.0, 15),
            row in prop::collection::vec(cell(), COLUMNS),
        ) {
            let tree = tree(&choices);
            let explained = || Explained {
                tree: &tree,
                covers: covers[..tree.leaves()].iter().map(|&cover| f64::from(cover)).collect(),
                values: values[..tree.leaves()].iter().map(|&value| vec![value]).collect(),
            };
            let shap = Shap::new(COLUMNS, std::iter::once(explained()));
            let found = shap.explain(&[&row]).remove(0);
            for (found, expected) in found.iter().zip(brute_force(&explained(), &row)) {
                prop_assert!((found - expected).abs() < 1e-10, "{found} instead of {expected}");
            }
            let said = values[tree.leaf(&row)];
            let sum = shap.base()[0] + found.iter().sum::<f64>();
            prop_assert!((sum - said).abs() < 1e-9, "{sum} instead of {said}");
        }
    }

    /// A path of 12 features is longer than those with a table.
    #[test]
    fn long_paths_add_up() {
        let mut tree = Tree::new();
        let mut place = 0;
        for column in 0..12 {
            let split = Split { column, left: Predicate::UpTo(0.0), missing_left: true };
            place = tree.split(place, &split)[1];
        }
        let leaves = tree.leaves();
        let explained = Explained {
            tree: &tree,
            covers: (1..=leaves).map(|leaf| leaf as f64).collect(),
            values: (0..leaves).map(|leaf| vec![(leaf * leaf) as f64, 1.0]).collect(),
        };
        let shap = Shap::new(12, std::iter::once(explained));
        for row in [[1.0; 12], [-1.0; 12], std::array::from_fn(|column| if column < 7 { 1.0 } else { -1.0 })]
        {
            let found = shap.explain(&[&row]).remove(0);
            let sum: f64 = found.iter().step_by(2).sum();
            let said = (tree.leaf(&row) * tree.leaf(&row)) as f64;
            assert!((shap.base()[0] + sum - said).abs() < 1e-9, "{sum}");
            assert!(
                found.iter().skip(1).step_by(2).sum::<f64>().abs() < 1e-12,
                "a constant needs no feature"
            );
        }
    }

    #[test]
    fn the_rule_is_exact_for_polynomials() {
        for count in 1..12 {
            for degree in 0..2 * count {
                let found: f64 =
                    gauss_legendre(count).iter().map(|(at, weight)| weight * at.powi(degree as i32)).sum();
                assert!((found - 1.0 / (degree as f64 + 1.0)).abs() < 1e-13, "{count}, {degree}: {found}");
            }
        }
    }
}
