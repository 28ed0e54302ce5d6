//! Attention among the steps of a sequence of single numbers, and its mean, with the gradient.
//!
//! ```text
//! z_t = x_t a + p_t      q = z Q      k = z K      v = z V      w_s = mean_t softmax_s(q_t . k_s / sqrt d)
//! y   = mean_t z_t + sum_s w_s v_s
//! ```
//!
//! Everything is linear in `x_t`, so that scores and sums are made of tables that depend on no row:
//! `q_t . k_s = x_t x_s (aQ . aK) + x_t (aQ . p_s K) + x_s (p_t Q . aK) + p_t Q . p_s K`.

use super::exp::exp;
use super::lanes::LANES;
use super::vector::{Vector, flat, flat_mut};
use multiversion::multiversion;

/// The parameters of one replicate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parameters<'a> {
    /// `a`, `[d]`
    pub token: &'a [f32],
    /// `p`, `[T, d]`
    pub position: &'a [f32],
    /// `Q`, `K`, `V`, `[d, d]` each, inputs first.
    pub maps: [&'a [f32]; 3],
}

/// Where the gradient of one replicate goes; what was there is overwritten.
#[derive(Debug)]
pub(crate) struct Gradients<'a> {
    /// As the parameter.
    pub token: &'a mut [f32],
    /// As the parameter.
    pub position: &'a mut [f32],
    /// As the parameters.
    pub maps: [&'a mut [f32]; 3],
}

/// Where a sequence stands in a row of features, and its vector in a row of what is made of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Places<'a> {
    /// Columns of the steps.
    pub columns: &'a [usize],
    /// Columns of the features.
    pub inputs: usize,
    /// First column of the vector.
    pub start: usize,
    /// Columns of the output.
    pub outputs: usize,
}

/// Writes `y` of every row of `features` into its columns of `out`.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
pub(crate) fn forward(parameters: &Parameters, places: Places, features: &[f32], out: &mut [f32]) {
    let tables = Tables::new(parameters);
    let mut row = Row::new(&tables);
    let rows = features.chunks_exact(places.inputs).zip(out.chunks_exact_mut(places.outputs));
    for (features, out) in rows {
        row.read(&tables, places.columns, features);
        row.answer(&tables, parameters.token, &mut out[places.start..][..tables.width]);
    }
}

/// The gradients, from that of the output.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
pub(crate) fn backward(
    parameters: &Parameters,
    places: Places,
    features: &[f32],
    gradient: &[f32],
    gradients: Gradients,
) {
    let tables = Tables::new(parameters);
    let (mut row, mut slopes) = (Row::new(&tables), Slopes::new(&tables));
    let rows = features.chunks_exact(places.inputs).zip(gradient.chunks_exact(places.outputs));
    for (features, gradient) in rows {
        row.read(&tables, places.columns, features);
        slopes.add(&tables, &row, &gradient[places.start..][..tables.width]);
    }
    slopes.finish(&tables, parameters, gradients);
}

/// What of a sequence depends on no row. Steps in lanes are the queries, padded.
struct Tables {
    steps: usize,
    width: usize,
    /// Vectors of all steps.
    blocks: usize,
    /// `a Q`, `a K`, `a V`, `[d]`
    of_token: [Vec<f32>; 3],
    /// `p Q`, `p K`, `p V`, `[T, d]`
    of_position: [Vec<f32>; 3],
    /// `1 / sqrt d`
    scale: f32,
    /// `aQ . aK / sqrt d`
    both: f32,
    /// By key: `aQ . p_s K / sqrt d`
    keys: Vec<f32>,
    /// By query: `p_t Q . aK / sqrt d`
    queries: Vec<Vector>,
    /// By key, then query: `p_t Q . p_s K / sqrt d`
    scores: Vec<Vector>,
    /// `1 / T` for steps, 0 for padding.
    share: Vec<Vector>,
    /// `mean_t p_t`
    mean: Vec<f32>,
}

impl Tables {
    #[inline(always)]
    fn new(parameters: &Parameters) -> Self {
        let width = parameters.token.len();
        let steps = parameters.position.len() / width;
        let blocks = steps.div_ceil(LANES);
        let of_token = parameters.maps.map(|map| times(parameters.token, map, width));
        let of_position = parameters.maps.map(|map| times(parameters.position, map, width));
        let scale = 1.0 / (width as f32).sqrt();
        let row = |table: &[f32], step: usize| table[step * width..][..width].to_vec();
        let by_query = |value: &dyn Fn(usize) -> f32| {
            let mut vectors = vec![Vector::ZERO; blocks];
            flat_mut(&mut vectors)[..steps]
                .iter_mut()
                .enumerate()
                .for_each(|(step, place)| *place = value(step));
            vectors
        };
        let (query, key) = (&of_position[0], &of_position[1]);
        let mut mean = vec![0.0; width];
        parameters.position.chunks_exact(width).for_each(|position| add(&mut mean, 1.0, position));
        mean.iter_mut().for_each(|mean| *mean /= steps as f32);
        Self {
            both: scale * dot(&of_token[0], &of_token[1]),
            keys: (0..steps).map(|step| scale * dot(&of_token[0], &row(key, step))).collect(),
            queries: by_query(&|step| scale * dot(&row(query, step), &of_token[1])),
            scores: (0..steps)
                .flat_map(|other| {
                    let key = row(key, other);
                    by_query(&|step| scale * dot(&row(query, step), &key))
                })
                .collect(),
            share: by_query(&|_| 1.0 / steps as f32),
            steps,
            width,
            blocks,
            of_token,
            of_position,
            scale,
            mean,
        }
    }
}

/// One row and the attention of its steps.
struct Row {
    /// `x`, padded by 0.
    values: Vec<Vector>,
    /// By key, then query: `softmax / T`.
    shares: Vec<Vector>,
    /// `w`, by key.
    weights: Vec<f32>,
    /// `x_t aQ.aK + p_t Q.aK`, by query.
    slopes: Vec<Vector>,
    largest: Vec<Vector>,
    sums: Vec<Vector>,
}

impl Row {
    fn new(tables: &Tables) -> Self {
        let by_query = || vec![Vector::ZERO; tables.blocks];
        Self {
            values: by_query(),
            shares: vec![Vector::ZERO; tables.blocks * tables.steps],
            weights: vec![0.0; tables.steps],
            slopes: by_query(),
            largest: by_query(),
            sums: by_query(),
        }
    }

    /// Attention of a row.
    #[inline(always)]
    fn read(&mut self, tables: &Tables, columns: &[usize], features: &[f32]) {
        for (place, &column) in flat_mut(&mut self.values).iter_mut().zip(columns) {
            *place = features[column];
        }
        for block in 0..tables.blocks {
            self.slopes[block] = self.values[block] * tables.both + tables.queries[block];
            self.largest[block] = Vector::of(f32::NEG_INFINITY);
            self.sums[block] = Vector::ZERO;
        }
        for step in 0..tables.steps {
            let (value, key) = (flat(&self.values)[step], tables.keys[step]);
            for block in 0..tables.blocks {
                let place = step * tables.blocks + block;
                let score = self.slopes[block] * value + self.values[block] * key + tables.scores[place];
                self.shares[place] = score;
                self.largest[block] = greater(self.largest[block], score);
            }
        }
        for step in 0..tables.steps {
            for block in 0..tables.blocks {
                let place = step * tables.blocks + block;
                let power = (self.shares[place] - self.largest[block]).map(exp);
                self.shares[place] = power;
                self.sums[block] += power;
            }
        }
        for block in 0..tables.blocks {
            self.sums[block] = self.sums[block].map(|sum| 1.0 / sum) * tables.share[block];
        }
        for step in 0..tables.steps {
            let mut weight = Vector::ZERO;
            for block in 0..tables.blocks {
                let place = step * tables.blocks + block;
                self.shares[place] = self.shares[place] * self.sums[block];
                weight += self.shares[place];
            }
            self.weights[step] = weight.sum();
        }
    }

    /// `mean_t x_t` and `sum_s w_s x_s`.
    #[inline(always)]
    fn means(&self, tables: &Tables) -> [f32; 2] {
        let values = &flat(&self.values)[..tables.steps];
        [values.iter().sum::<f32>() / tables.steps as f32, dot(values, &self.weights)]
    }

    /// `y`
    #[inline(always)]
    fn answer(&self, tables: &Tables, token: &[f32], out: &mut [f32]) {
        let [mean, weighted] = self.means(tables);
        out.copy_from_slice(&tables.mean);
        add(out, mean, token);
        add(out, weighted, &tables.of_token[2]);
        for (&weight, value) in self.weights.iter().zip(tables.of_position[2].chunks_exact(tables.width)) {
            add(out, weight, value);
        }
    }
}

/// Gradients by what depends on no row, summed over rows.
struct Slopes {
    both: f32,
    keys: Vec<f32>,
    queries: Vec<Vector>,
    scores: Vec<Vector>,
    /// By `a V` and `p V`.
    token_values: Vec<f32>,
    position_values: Vec<f32>,
    /// By `a` where it stands in the mean, and by the mean of `p`.
    token: Vec<f32>,
    mean: Vec<f32>,
    /// Of a row: by `w`, and by query what shares fall by.
    weights: Vec<f32>,
    falls: Vec<Vector>,
}

impl Slopes {
    fn new(tables: &Tables) -> Self {
        let (by_query, by_unit) = (|| vec![Vector::ZERO; tables.blocks], || vec![0.0; tables.width]);
        Self {
            both: 0.0,
            keys: vec![0.0; tables.steps],
            queries: by_query(),
            scores: vec![Vector::ZERO; tables.blocks * tables.steps],
            token_values: by_unit(),
            position_values: vec![0.0; tables.steps * tables.width],
            token: by_unit(),
            mean: by_unit(),
            weights: vec![0.0; tables.steps],
            falls: by_query(),
        }
    }

    /// Adds a row with the gradient by its `y`.
    #[inline(always)]
    fn add(&mut self, tables: &Tables, row: &Row, gradient: &[f32]) {
        let [mean, weighted] = row.means(tables);
        add(&mut self.mean, 1.0, gradient);
        add(&mut self.token, mean, gradient);
        add(&mut self.token_values, weighted, gradient);
        let along = dot(gradient, &tables.of_token[2]);
        self.falls.fill(Vector::ZERO);
        for step in 0..tables.steps {
            let unit = step * tables.width..(step + 1) * tables.width;
            add(&mut self.position_values[unit.clone()], row.weights[step], gradient);
            let slope = flat(&row.values)[step] * along + dot(gradient, &tables.of_position[2][unit]);
            self.weights[step] = slope;
            for block in 0..tables.blocks {
                self.falls[block] += row.shares[step * tables.blocks + block] * slope;
            }
        }
        self.falls.iter_mut().for_each(|fall| *fall = *fall * tables.steps as f32);
        for step in 0..tables.steps {
            let (value, slope) = (flat(&row.values)[step], Vector::of(self.weights[step]));
            let mut by_key = Vector::ZERO;
            for block in 0..tables.blocks {
                let place = step * tables.blocks + block;
                let score = row.shares[place] * (slope - self.falls[block]);
                self.scores[place] += score;
                self.queries[block] += score * value;
                by_key += score * row.values[block];
            }
            let by_key = by_key.sum();
            self.keys[step] += by_key;
            self.both += by_key * value;
        }
    }

    /// From these to the gradients by the parameters.
    fn finish(self, tables: &Tables, parameters: &Parameters, gradients: Gradients) {
        let (steps, width, scale) = (tables.steps, tables.width, tables.scale);
        let [query, key, _] = &tables.of_token;
        let unit = |step: usize| step * width..(step + 1) * width;
        let (mut of_query, mut of_key) = (vec![0.0; width], vec![0.0; width]);
        let (mut of_queries, mut of_keys) = (vec![0.0; steps * width], vec![0.0; steps * width]);
        add(&mut of_query, scale * self.both, key);
        add(&mut of_key, scale * self.both, query);
        let by_query = flat(&self.queries);
        for step in 0..steps {
            let [queries, keys, _] = tables.of_position.each_ref().map(|table| &table[unit(step)]);
            add(&mut of_query, scale * self.keys[step], keys);
            add(&mut of_key, scale * by_query[step], queries);
            add(&mut of_keys[unit(step)], scale * self.keys[step], query);
            add(&mut of_queries[unit(step)], scale * by_query[step], key);
            let scores = flat(&self.scores[step * tables.blocks..][..tables.blocks]);
            for (other, score) in (0..steps).zip(scores) {
                add(&mut of_keys[unit(step)], scale * score, &tables.of_position[0][unit(other)]);
                add(&mut of_queries[unit(other)], scale * score, keys);
            }
        }
        gradients.token.copy_from_slice(&self.token);
        for position in gradients.position.chunks_exact_mut(width) {
            position.fill(0.0);
            add(position, 1.0 / steps as f32, &self.mean);
        }
        let of_token = [of_query, of_key, self.token_values];
        let of_position = [of_queries, of_keys, self.position_values];
        let maps = parameters.maps.iter().zip(gradients.maps);
        for ((map, into), (of_token, of_position)) in maps.zip(of_token.iter().zip(&of_position)) {
            into.fill(0.0);
            through((parameters.token, of_token), map, into, gradients.token);
            let rows = parameters.position.chunks_exact(width).zip(of_position.chunks_exact(width));
            for (row, into_position) in rows.zip(gradients.position.chunks_exact_mut(width)) {
                through(row, map, into, into_position);
            }
        }
    }
}

/// From the gradient of a row times a map to those of the map and the row, which are added.
fn through((row, gradient): (&[f32], &[f32]), map: &[f32], of_map: &mut [f32], of_row: &mut [f32]) {
    let width = gradient.len();
    for (input, value) in row.iter().enumerate() {
        let place = input * width..(input + 1) * width;
        of_row[input] += dot(&map[place.clone()], gradient);
        add(&mut of_map[place], *value, gradient);
    }
}

/// Rows `[n, d]` times a map `[d, d]`.
fn times(rows: &[f32], map: &[f32], width: usize) -> Vec<f32> {
    let mut out = vec![0.0; rows.len()];
    for (row, out) in rows.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
        row.iter().zip(map.chunks_exact(width)).for_each(|(value, map)| add(out, *value, map));
    }
    out
}

#[inline(always)]
fn add(sum: &mut [f32], factor: f32, values: &[f32]) {
    sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += factor * value);
}

#[inline(always)]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The greater of each pair.
#[inline(always)]
fn greater(a: Vector, b: Vector) -> Vector {
    let mut out = a;
    for lane in 0..LANES {
        out.0[lane] = if a.0[lane] > b.0[lane] { a.0[lane] } else { b.0[lane] };
    }
    out
}
