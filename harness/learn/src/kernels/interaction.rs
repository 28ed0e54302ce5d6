//! Weights of the fields of a row and the sum that they make, with its gradient.
//!
//! ```text
//! F_i = x_i w_i      s_i = c' sigmoid(F_i M + m)      y = sum_i softmax(s)_i F_i
//! ```
//!
//! `F_i M = x_i (w_i M)`, so that no row needs a product of matrices.

use super::exp::exp;
use super::lanes::LANES;
use super::logistic::logistic;
use super::vector::{Vector, flat, flat_mut, total};
use multiversion::multiversion;

/// The parameters of one replicate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parameters<'a> {
    /// `w`, `[d, r]`
    pub field: &'a [f32],
    /// `M`, `[r, r]`, inputs first.
    pub weight: &'a [f32],
    /// `m`, `[r]`
    pub bias: &'a [f32],
    /// `c`, `[r]`
    pub score: &'a [f32],
}

/// Where the gradient of one replicate goes; what was there is overwritten.
#[derive(Debug)]
pub(crate) struct Gradients<'a> {
    /// As the parameter.
    pub field: &'a mut [f32],
    /// As the parameter.
    pub weight: &'a mut [f32],
    /// As the parameter.
    pub bias: &'a mut [f32],
    /// As the parameter.
    pub score: &'a mut [f32],
    /// As the features, where it is asked for.
    pub features: Option<&'a mut [f32]>,
}

/// `y`, `[B, r]`, of `features` `[B, d]`.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
pub(crate) fn forward(parameters: &Parameters, features: &[f32], out: &mut [f32]) {
    let prepared = Prepared::new(parameters);
    let mut row = Row::new(&prepared);
    for (features, out) in features.chunks_exact(prepared.fields).zip(out.chunks_exact_mut(prepared.rank)) {
        row.read(&prepared, features);
        for (field, out) in prepared.field.rows().zip(out) {
            *out = in_lanes(flat(&row.weighted), field).sum();
        }
    }
}

/// The gradients, from that of `y`.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
pub(crate) fn backward(parameters: &Parameters, features: &[f32], grad_out: &[f32], gradients: Gradients) {
    let prepared = Prepared::new(parameters);
    let Prepared { fields, rank, .. } = prepared;
    let (mut row, mut slopes) = (Row::new(&prepared), Slopes::new(&prepared));
    let mut into_features = gradients.features;
    let rows = features.chunks_exact(fields).zip(grad_out.chunks_exact(rank));
    for (index, (features, grad_out)) in rows.enumerate() {
        row.read(&prepared, features);
        slopes.of_scores(&row, &prepared, grad_out);
        slopes.of_parameters(&row, &prepared, parameters.score);
        if let Some(into) = into_features.as_deref_mut() {
            into[index * fields..][..fields].copy_from_slice(&flat(&slopes.features)[..fields]);
        }
    }
    let sums = |table: &Table, out: &mut [f32]| {
        table.vectors().zip(out).for_each(|(row, out)| *out = total(row).sum());
    };
    sums(&slopes.score, gradients.score);
    sums(&slopes.bias, gradients.bias);
    for (input, into) in gradients.weight.chunks_exact_mut(rank).enumerate() {
        for (products, into) in slopes.products.rows().zip(into) {
            *into = in_lanes(products, prepared.field.row(input)).sum();
        }
    }
    for (field, into) in gradients.field.chunks_exact_mut(rank).enumerate() {
        for (input, into) in into.iter_mut().enumerate() {
            let through = parameters.weight[input * rank..][..rank].iter();
            let through = through.zip(slopes.products.rows()).map(|(weight, row)| weight * row[field]);
            *into = slopes.field.row(input)[field] + through.sum::<f32>();
        }
    }
}

/// Numbers of the embedding by fields, these padded.
struct Table {
    vectors: Vec<Vector>,
    /// Vectors of a row.
    blocks: usize,
}

impl Table {
    fn new(rows: usize, blocks: usize) -> Self {
        Self { vectors: vec![Vector::ZERO; rows * blocks], blocks }
    }

    #[inline(always)]
    fn vectors(&self) -> impl Iterator<Item = &[Vector]> {
        self.vectors.chunks_exact(self.blocks)
    }

    #[inline(always)]
    fn rows(&self) -> impl Iterator<Item = &[f32]> {
        flat(&self.vectors).chunks_exact(self.blocks * LANES)
    }

    #[inline(always)]
    fn rows_mut(&mut self) -> impl Iterator<Item = &mut [f32]> {
        flat_mut(&mut self.vectors).chunks_exact_mut(self.blocks * LANES)
    }

    #[inline(always)]
    fn row(&self, number: usize) -> &[f32] {
        &flat(&self.vectors)[number * self.blocks * LANES..][..self.blocks * LANES]
    }
}

struct Prepared<'a> {
    fields: usize,
    rank: usize,
    blocks: usize,
    /// `w` and `w M`.
    field: Table,
    mapped: Table,
    bias: &'a [f32],
    score: &'a [f32],
}

impl<'a> Prepared<'a> {
    fn new(parameters: &Parameters<'a>) -> Self {
        let Parameters { field: embeddings, weight, bias, score } = *parameters;
        let rank = bias.len();
        let fields = embeddings.len() / rank;
        let blocks = fields.div_ceil(LANES);
        let (mut field, mut mapped) = (Table::new(rank, blocks), Table::new(rank, blocks));
        for (number, row) in field.rows_mut().enumerate() {
            for (value, embedding) in row.iter_mut().zip(embeddings.chunks_exact(rank)) {
                *value = embedding[number];
            }
        }
        for (output, row) in mapped.rows_mut().enumerate() {
            for (field, weights) in field.rows().zip(weight.chunks_exact(rank)) {
                row.iter_mut().zip(field).for_each(|(sum, field)| *sum += field * weights[output]);
            }
        }
        Self { fields, rank, blocks, field, mapped, bias, score }
    }
}

/// What is computed of one row of the batch, by field.
struct Row {
    features: Vec<Vector>,
    sigmoids: Table,
    /// Scores, then their softmax.
    shares: Vec<Vector>,
    /// Shares times features.
    weighted: Vec<Vector>,
}

impl Row {
    fn new(prepared: &Prepared) -> Self {
        let blocks = || vec![Vector::ZERO; prepared.blocks];
        let sigmoids = Table::new(prepared.rank, prepared.blocks);
        Self { features: blocks(), sigmoids, shares: blocks(), weighted: blocks() }
    }

    #[inline(always)]
    fn read(&mut self, prepared: &Prepared, features: &[f32]) {
        flat_mut(&mut self.features)[..features.len()].copy_from_slice(features);
        self.shares.fill(Vector::ZERO);
        let (features, shares) = (flat(&self.features), flat_mut(&mut self.shares));
        let parameters = prepared.mapped.rows().zip(prepared.bias.iter().zip(prepared.score));
        for (sigmoids, (mapped, (&bias, &weight))) in self.sigmoids.rows_mut().zip(parameters) {
            for (((sigmoid, mapped), feature), score) in
                sigmoids.iter_mut().zip(mapped).zip(features).zip(shares.iter_mut())
            {
                *sigmoid = logistic(feature * mapped + bias);
                *score += *sigmoid * weight;
            }
        }
        // The padding has no share.
        shares[prepared.fields..].fill(f32::NEG_INFINITY);
        let most =
            shares.iter().fold(f32::NEG_INFINITY, |most, &score| if score > most { score } else { most });
        shares.iter_mut().for_each(|share| *share = exp(*share - most));
        let inverse = 1.0 / total(&self.shares).sum();
        let shares = flat_mut(&mut self.shares).iter_mut().zip(features);
        for ((share, feature), weighted) in shares.zip(flat_mut(&mut self.weighted)) {
            *share *= inverse;
            *weighted = *share * feature;
        }
    }
}

/// Products of two rows, in lanes.
#[inline(always)]
fn in_lanes(a: &[f32], b: &[f32]) -> Vector {
    let mut sums = Vector::ZERO;
    for (a, b) in a.as_chunks().0.iter().zip(b.as_chunks().0) {
        sums += Vector(*a) * Vector(*b);
    }
    sums
}

/// Gradients of one row, and the sums over rows of those of parameters, by field.
struct Slopes {
    scores: Vec<Vector>,
    features: Vec<Vector>,
    field: Table,
    /// Of `w M`, of `m` and of `c`.
    products: Table,
    bias: Table,
    score: Table,
}

impl Slopes {
    fn new(prepared: &Prepared) -> Self {
        let blocks = || vec![Vector::ZERO; prepared.blocks];
        let table = || Table::new(prepared.rank, prepared.blocks);
        Self {
            scores: blocks(),
            features: blocks(),
            field: table(),
            products: table(),
            bias: table(),
            score: table(),
        }
    }

    /// Of scores, and what features and embeddings get through the sum alone.
    #[inline(always)]
    fn of_scores(&mut self, row: &Row, prepared: &Prepared, grad_out: &[f32]) {
        self.features.fill(Vector::ZERO);
        // Of shares times features.
        let weighted = flat_mut(&mut self.features);
        for (field, grad_out) in prepared.field.rows().zip(grad_out) {
            weighted.iter_mut().zip(field).for_each(|(sum, field)| *sum += field * grad_out);
        }
        let mean = in_lanes(weighted, flat(&row.weighted)).sum();
        let each = weighted.iter_mut().zip(flat(&row.features)).zip(flat(&row.shares));
        for (((slope, feature), share), score) in each.zip(flat_mut(&mut self.scores)) {
            *score = share * (*slope * feature - mean);
            *slope *= share;
        }
        for (sums, grad_out) in self.field.rows_mut().zip(grad_out) {
            sums.iter_mut().zip(flat(&row.weighted)).for_each(|(sum, weighted)| *sum += weighted * grad_out);
        }
    }

    /// Of what scores are made of.
    #[inline(always)]
    fn of_parameters(&mut self, row: &Row, prepared: &Prepared, score: &[f32]) {
        let (scores, features) = (flat(&self.scores), flat(&row.features));
        let into = flat_mut(&mut self.features);
        let sums = self.products.rows_mut().zip(self.bias.rows_mut()).zip(self.score.rows_mut());
        let each = row.sigmoids.rows().zip(prepared.mapped.rows()).zip(score);
        for (((products, biases), sums), ((sigmoids, mapped), &weight)) in sums.zip(each) {
            for ((sum, slope), sigmoid) in sums.iter_mut().zip(scores).zip(sigmoids) {
                *sum += slope * sigmoid;
            }
            let sums = products.iter_mut().zip(biases).zip(into.iter_mut());
            let each = scores.iter().zip(sigmoids).zip(features).zip(mapped);
            for (((product, bias), into), (((slope, sigmoid), feature), mapped)) in sums.zip(each) {
                let slope = slope * weight * (sigmoid * (1.0 - sigmoid));
                *product += slope * feature;
                *bias += slope;
                *into += slope * mapped;
            }
        }
    }
}
