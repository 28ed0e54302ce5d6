//! valor-release: the generator that the paper's authors released, rebuilt with our own streams.
//!
//! Users meet products; both sums drive spend and effect alike, so that big spenders are nearly the
//! persuadable ones. All its columns are features, `data_cluster` included.

use super::draw::Accounts;
use super::{Dataset, Feature, FeatureKind, Matrix, Treatment, Truth, validate_count};
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use valor_base::question::Arms;
use valor_base::seed::{Seeds, Stream};

/// Options of valor-release.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct ValorReleaseSpec {
    /// Users; each has 30 to 59 rows. 1 or more.
    pub users: usize,
    /// Keep at most this many rows, first to last; all when absent. A row is the same whatever is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<usize>,
    /// Draws everything.
    pub seed: u64,
}

impl Default for ValorReleaseSpec {
    fn default() -> Self {
        Self { users: 5_000, rows: None, seed: 123 }
    }
}

impl ValorReleaseSpec {
    /// Refuses options out of range, naming the key.
    pub fn validate(&self) -> anyhow::Result<()> {
        validate_count("valor-release", "users", self.users, u32::MAX as usize / 59)?;
        validate_count("valor-release", "rows", self.rows.unwrap_or(1), u32::MAX as usize)
    }
}

impl ValorReleaseSpec {
    /// Rows that are drawn, about, with so many fresh ones, and bytes of each: all of them are drawn, whatever is kept.
    pub(super) fn size(&self, fresh: usize) -> (u64, u64) {
        // A user has 44.5 rows on average, and a part of each row.
        let known = self.users as u64 * 44;
        let kept = self.rows.map_or(known, |rows| known.min(rows as u64)) + fresh as u64;
        let drawn = known + fresh as u64;
        let row = (size_of::<Visit>() + size_of::<Indices<f64>>() + 4 * USER_COLUMNS / 44) as u64;
        let whole = (4 * COLUMNS + size_of::<Visit>()) as u64;
        (drawn, row + (whole * kept).div_ceil(drawn.max(1)))
    }
}

const USER_BINARY: usize = 23;
const USER_COLUMNS: usize = USER_BINARY + 83 + 1;
const PRODUCTS: usize = 50_000;
const PRODUCT_COLUMNS: usize = 106 + 2;
const COLUMNS: usize = USER_COLUMNS + PRODUCT_COLUMNS;

/// Rows of the user and product tables that share a stream.
const CHUNK: usize = 512;

/// Draws the rows of a valid spec.
///
/// The z-scores are taken over all rows, as released, before `rows` keeps the first of them.
pub(super) fn generate(spec: &ValorReleaseSpec) -> Dataset {
    let World { products, known, scales } = World::draw(spec);
    let kept = spec.rows.unwrap_or(usize::MAX);
    gather(known, kept, &products, &scales)
}

/// Draws so many rows of fresh users, who meet the same products. Their z-scores are by the mean and SD over all rows of the known
/// users: what drives a row is the same function of it.
pub(super) fn fresh(spec: &ValorReleaseSpec, rows: usize) -> Dataset {
    let World { products, scales, .. } = World::draw(spec);
    let seeds = Accounts::Fresh.streams(source(spec));
    let mut visits: Vec<Visit> =
        (0..).flat_map(|user| draw_visits(user, seeds.child("visits"))).take(rows).collect();
    let count = visits.last().map_or(0, |visit| visit.user + 1);
    let table = draw_table(count, USER_COLUMNS, seeds.child("users"), draw_user);
    // Numbers of users go on after those of the known ones, so that no two share a group.
    let users = Users { first: spec.users, table };
    visits.iter_mut().for_each(|visit| visit.user += spec.users);
    gather(Meetings { users, visits }, rows, &products, &scales)
}

fn source(spec: &ValorReleaseSpec) -> Seeds {
    Seeds::new(spec.seed).child("valor-release")
}

/// What every row depends on, and the known users with all their rows, over which z-scores are taken.
struct World {
    products: Matrix,
    known: Meetings,
    scales: Indices<Scale>,
}

impl World {
    fn draw(spec: &ValorReleaseSpec) -> Self {
        let seeds = Accounts::Known.streams(source(spec));
        let table = draw_table(spec.users, USER_COLUMNS, seeds.child("users"), draw_user);
        let products = draw_table(PRODUCTS, PRODUCT_COLUMNS, seeds.child("products"), draw_product);
        let visits: Vec<Visit> =
            (0..spec.users).flat_map(|user| draw_visits(user, seeds.child("visits"))).collect();
        let known = Meetings { users: Users { first: 0, table }, visits };
        let scales = known.indices(&products).map(|values| Scale::of(&values));
        Self { products, known, scales }
    }
}

/// A table of users, by number from `first` on.
struct Users {
    first: usize,
    table: Matrix,
}

impl Users {
    fn row(&self, user: usize) -> &[f32] {
        self.table.row(user - self.first)
    }
}

/// Users and the rows in which they meet products.
struct Meetings {
    users: Users,
    visits: Vec<Visit>,
}

impl Meetings {
    /// Before they are z-scores.
    ///
    /// ```text
    /// U = sum of a user's columns, Q = sum of their squares, P = sum of a product's columns (cluster included)
    /// U P, Q, P  per row
    /// ```
    fn indices(&self, products: &Matrix) -> Indices<Vec<f64>> {
        let sums = |table: &Matrix, power: i32| -> Vec<f64> {
            let sum = |row: usize| table.row(row).iter().map(|cell| f64::from(*cell).powi(power)).sum();
            (0..table.rows).into_par_iter().map(sum).collect()
        };
        let Users { first, table } = &self.users;
        let (user, square, product) = (sums(table, 1), sums(table, 2), sums(products, 1));
        let column = |value: &dyn Fn(&Visit) -> f64| self.visits.iter().map(value).collect();
        Indices {
            interaction: column(&|visit| user[visit.user - first] * product[visit.product]),
            squares: column(&|visit| square[visit.user - first]),
            product: column(&|visit| product[visit.product]),
        }
    }
}

/// The first so many rows, with labels.
fn gather(meetings: Meetings, rows: usize, products: &Matrix, scales: &Indices<Scale>) -> Dataset {
    let Meetings { users, mut visits } = meetings;
    visits.truncate(rows);
    let meetings = Meetings { users, visits };
    let indices = meetings.indices(products).zip(scales).map(|(values, scale)| scale.z_scores(values));
    let Meetings { users, visits } = meetings;
    let mut values = vec![0_f32; visits.len() * COLUMNS];
    values.par_chunks_exact_mut(COLUMNS).zip(&visits).for_each(|(row, visit)| {
        let (left, right) = row.split_at_mut(USER_COLUMNS);
        left.copy_from_slice(users.row(visit.user));
        right.copy_from_slice(products.row(visit.product));
    });
    let mut dataset = label(&visits, &indices);
    dataset.numeric = Matrix { rows: visits.len(), columns: COLUMNS, values };
    dataset
}

/// A user meets a product: a row, with the numbers that decide its treatment and outcome.
struct Visit {
    user: usize,
    product: usize,
    assignment: f64,
    hurdle: f64,
    size: f64,
}

/// Something of each of the three numbers that drive a row.
struct Indices<T> {
    interaction: T,
    squares: T,
    product: T,
}

impl<T> Indices<T> {
    fn map<U>(self, apply: impl Fn(T) -> U) -> Indices<U> {
        Indices {
            interaction: apply(self.interaction),
            squares: apply(self.squares),
            product: apply(self.product),
        }
    }

    fn zip<U>(self, other: &Indices<U>) -> Indices<(T, &U)> {
        Indices {
            interaction: (self.interaction, &other.interaction),
            squares: (self.squares, &other.squares),
            product: (self.product, &other.product),
        }
    }
}

/// Mean and population SD over all rows of the known users.
struct Scale {
    mean: f64,
    sd: f64,
}

impl Scale {
    fn of(values: &[f64]) -> Self {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
        Self { mean, sd: variance.sqrt() }
    }

    /// `(v - mean) / (sd + 1e-5)`, as released.
    fn z_scores(&self, mut values: Vec<f64>) -> Vec<f64> {
        values.iter_mut().for_each(|value| *value = (*value - self.mean) / (self.sd + 1e-5));
        values
    }
}

fn draw_table(rows: usize, columns: usize, seeds: Seeds, draw: fn(&mut [f32], &mut Stream)) -> Matrix {
    let mut values = vec![0_f32; rows * columns];
    values.par_chunks_mut(CHUNK * columns).enumerate().for_each(|(chunk, slab)| {
        let mut stream = seeds.at(chunk as u64).stream();
        slab.chunks_exact_mut(columns).for_each(|row| draw(row, &mut stream));
    });
    Matrix { rows, columns, values }
}

fn draw_user(row: &mut [f32], stream: &mut Stream) {
    let (binary, rest) = row.split_at_mut(USER_BINARY);
    binary.fill_with(|| f32::from(u8::from(stream.random::<bool>())));
    let (normal, class) = rest.split_at_mut(rest.len() - 1);
    normal.fill_with(|| StandardNormal.sample(stream));
    class[0] = f32::from(stream.random_range(0..10_u8)) / 10.0;
}

fn draw_product(row: &mut [f32], stream: &mut Stream) {
    let (normal, rest) = row.split_at_mut(PRODUCT_COLUMNS - 2);
    normal.fill_with(|| StandardNormal.sample(stream));
    rest[0] = f32::from(stream.random_range(0..300_u16)) / 300.0;
    rest[1] = f32::from(stream.random_range(0..6_u8));
}

fn draw_visits(user: usize, seeds: Seeds) -> Vec<Visit> {
    let mut stream = seeds.at(user as u64).stream();
    (0..stream.random_range(30..60_usize))
        .map(|_| Visit {
            user,
            product: stream.random_range(0..PRODUCTS),
            assignment: stream.random(),
            hurdle: stream.random(),
            size: StandardNormal.sample(&mut stream),
        })
        .collect()
}

/// Labels and truth, with u = z(Q), v = z(P), i = z(U P).
///
/// ```text
/// logit p0 = -0.5 + 0.5 u + 0.2 v,  logit p1 = logit p0 + 0.3 + 0.1 i
/// m0 = 3 + 0.3 i + 0.2 u,           m1 = m0 + 0.2 + 0.2 i
/// P(Y_t > 0) = p_t,                 Y_t | Y_t > 0 ~ LogNormal(m_t, 0.5^2),   T ~ Bernoulli(0.5) per row
/// ```
fn label(visits: &[Visit], indices: &Indices<Vec<f64>>) -> Dataset {
    const SCALE: f64 = 0.5;
    let mut dataset = Dataset {
        features: features(),
        group: Some(visits.iter().map(|visit| visit.user as u64).collect()),
        ..Dataset::default()
    };
    let mut assigned = Vec::with_capacity(visits.len());
    let [mut expected, mut conversion] = [(); 2].map(|()| [(); 2].map(|()| Vec::with_capacity(visits.len())));
    for (row, visit) in visits.iter().enumerate() {
        let Indices { interaction, squares, product } = indices;
        let (interaction, squares, product) = (interaction[row], squares[row], product[row]);
        let logit = -0.5 + 0.5 * squares + 0.2 * product;
        let log_mean = 3.0 + 0.3 * interaction + 0.2 * squares;
        let logits = [logit, logit + 0.3 + 0.1 * interaction];
        let log_means = [log_mean, log_mean + 0.2 + 0.2 * interaction];
        for arm in 0..2 {
            let share = 1.0 / (1.0 + (-logits[arm]).exp());
            conversion[arm].push(share);
            expected[arm].push(share * (log_means[arm] + 0.5 * SCALE * SCALE).exp());
        }
        let treatment = visit.assignment < 0.5;
        let arm = usize::from(treatment);
        let spends = conversion[arm].last().is_some_and(|share| visit.hurdle < *share);
        assigned.push(treatment);
        dataset.outcome.push(if spends { (log_means[arm] + SCALE * visit.size).exp() } else { 0.0 });
    }
    let ([control, treated], [conversion_control, conversion_treated]) = (expected, conversion);
    dataset.truth = Some(Truth {
        effect: Some(treated.iter().zip(&control).map(|(treated, control)| treated - control).collect()),
        expected: Some(Arms::Two { control, treated }),
        conversion: Some(Arms::Two { control: conversion_control, treated: conversion_treated }),
    });
    dataset.treatment = Some(Treatment { assigned, propensity: Some(vec![0.5; visits.len()]) });
    dataset
}

fn features() -> Vec<Feature> {
    let binary = (1..=USER_BINARY).map(|number| format!("user_b{number:02}"));
    let user = (1..USER_COLUMNS - USER_BINARY).map(|number| format!("user_c{number:02}"));
    let product = (1..=PRODUCT_COLUMNS - 2).map(|number| format!("product_c{number:03}"));
    let names = binary.chain(user).chain(["user_class".into()]).chain(product);
    names
        .chain(["product_class".into(), "data_cluster".into()])
        .enumerate()
        .map(|(column, name)| Feature { name, kind: FeatureKind::Numeric { column } })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> ValorReleaseSpec {
        ValorReleaseSpec { users: 50, ..ValorReleaseSpec::default() }
    }

    fn share(values: &[f64], is: fn(f64) -> bool) -> f64 {
        values.iter().filter(|value| is(**value)).count() as f64 / values.len() as f64
    }

    /// The published ranges hold for the mean over seeds; one seed in eight or so strays a little outside.
    #[test]
    fn check_figures_over_seeds() {
        let figures: Vec<[f64; 4]> = [123, 1, 2, 3, 4]
            .map(|seed| {
                let dataset = generate(&ValorReleaseSpec { seed, ..ValorReleaseSpec::default() });
                let effect = dataset.truth.as_ref().unwrap().effect.as_ref().unwrap();
                let average = effect.iter().sum::<f64>() / effect.len() as f64;
                let zeros = share(&dataset.outcome, |outcome| outcome == 0.0);
                [dataset.rows() as f64, zeros, average, share(effect, |effect| effect < 0.0)]
            })
            .to_vec();
        let published = [(221_500.0, 223_900.0), (0.580, 0.583), (6.67, 6.79), (0.050, 0.052)];
        for (figure, (low, high)) in published.into_iter().enumerate() {
            let column: Vec<f64> = figures.iter().map(|figures| figures[figure]).collect();
            let mean = column.iter().sum::<f64>() / column.len() as f64;
            assert!((low..=high).contains(&mean), "figure {figure}: {mean}");
            let slack = high - low;
            assert!(column.iter().all(|value| (low - slack..high + slack).contains(value)), "{column:?}");
        }
    }

    #[test]
    fn a_row_is_the_same_whatever_is_kept() {
        let all = generate(&small());
        let some = generate(&ValorReleaseSpec { rows: Some(100), ..small() });
        assert_eq!(some.rows(), 100);
        assert_eq!(some.numeric.values, all.numeric.values[..100 * COLUMNS]);
        assert_eq!(some.outcome, all.outcome[..100]);
        assert_eq!(some.truth.unwrap().effect.unwrap(), all.truth.unwrap().effect.unwrap()[..100]);
    }

    #[test]
    fn fresh_rows_are_of_fresh_users_and_the_same_however_many() {
        let (spec, known) = (small(), generate(&small()));
        let (few, many) = (fresh(&spec, 100), fresh(&spec, 3_000));
        assert_eq!((few.rows(), many.rows()), (100, 3_000));
        assert_eq!(few.numeric.values, many.numeric.values[..100 * COLUMNS]);
        assert_eq!((&few.outcome[..], few.assigned()), (&many.outcome[..100], &many.assigned()[..100]));
        let kept = ValorReleaseSpec { rows: Some(7), ..spec };
        assert_eq!(fresh(&kept, 100), few, "whatever is learned from");
        let users = |dataset: &Dataset| -> std::collections::BTreeSet<Vec<u32>> {
            let row = |row: usize| dataset.numeric.row(row)[..USER_COLUMNS].iter().map(|cell| cell.to_bits());
            (0..dataset.rows()).map(|number| row(number).collect()).collect()
        };
        assert!(users(&known).is_disjoint(&users(&many)));
        let groups = |dataset: &Dataset| -> std::collections::BTreeSet<u64> {
            dataset.group.iter().flatten().copied().collect()
        };
        assert!(groups(&known).is_disjoint(&groups(&many)));
        assert_eq!((groups(&known).len(), groups(&many).len()), (50, users(&many).len()));
    }

    /// Over 5,000 known and 2,250 fresh users of the default world, whose users are what varies.
    #[test]
    fn fresh_rows_are_of_the_same_world() {
        let spec = ValorReleaseSpec::default();
        let (known, fresh) = (generate(&spec), fresh(&spec, 100_000));
        let moments = |dataset: &Dataset| {
            let effect = dataset.truth.as_ref().unwrap().effect.as_ref().unwrap();
            let zeros = share(&dataset.outcome, |outcome| outcome == 0.0);
            [zeros, effect.iter().sum::<f64>() / effect.len() as f64, share(effect, |effect| effect < 0.0)]
        };
        for ((known, fresh), slack) in
            moments(&known).into_iter().zip(moments(&fresh)).zip([0.01, 0.4, 0.006])
        {
            assert!((known - fresh).abs() < slack, "{known} {fresh}");
        }
    }

    #[test]
    fn columns_are_what_their_names_say() {
        let dataset = generate(&small());
        let column = |name: &str| {
            let place = dataset.features.iter().position(|feature| feature.name == name).unwrap();
            (0..dataset.rows()).map(|row| dataset.numeric.row(row)[place]).collect::<Vec<f32>>()
        };
        assert_eq!(dataset.features.len(), COLUMNS);
        assert!(column("user_b01").iter().chain(&column("user_b23")).all(|cell| [0.0, 1.0].contains(cell)));
        assert!(column("user_c01").iter().chain(&column("user_c83")).any(|cell| *cell < 0.0));
        assert!(column("user_class").iter().all(|cell| (cell * 10.0).fract() == 0.0 && *cell < 1.0));
        assert!(column("product_class").iter().all(|cell| (0.0..1.0).contains(cell)));
        assert!(column("data_cluster").iter().all(|cell| cell.fract() == 0.0 && *cell <= 5.0));
        assert!(column("data_cluster").contains(&5.0));
    }

    #[test]
    fn groups_are_users_with_30_to_59_rows_of_equal_user_columns() {
        let dataset = generate(&small());
        let groups = dataset.group.as_ref().unwrap();
        for user in 0..50 {
            let rows: Vec<usize> = (0..dataset.rows()).filter(|row| groups[*row] == user).collect();
            assert!((30..60).contains(&rows.len()));
            let user_columns = |row: usize| &dataset.numeric.row(row)[..USER_COLUMNS];
            assert!(rows.iter().all(|row| user_columns(*row) == user_columns(rows[0])));
        }
    }
}
