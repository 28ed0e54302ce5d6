//! Attention among the fields of a row, with its gradient: the scores of a row never leave the cache.
//!
//! ```text
//! F_i = x_i w_i      N_ic = F_ic / max(|F_c|, smallest)      q, k, v = N W + b
//! A_ij = softmax_j(sigmoid(q_i k_j / sqrt r))                o_i = sum_j A_ij v_j
//! ```
//!
//! A sigmoid lies between 0 and 1, so that the softmax needs no maximum. The gradient computes all of it again from the
//! features, which takes less time than to keep it.
//!
//! Two layouts make every product one of a scalar and [`LANES`] neighbours: "by field" holds lanes of the embedding for each
//! field, "by rank" holds lanes of fields for each number of the embedding. Fields and embedding are padded with zeros.

use super::lanes::LANES;
use super::logistic::logistic;
use super::vector::{Vector, flat, flat_mut, total};
use multiversion::multiversion;

/// Sums that are followed at once.
const SUMS: usize = 4;

/// Lengths are not taken below this.
pub(crate) const SMALLEST_NORM: f32 = 1e-12;

/// A linear map of the embedding: weights `[r, r]` (inputs first) and bias `[r]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Map<'a> {
    /// Row after row.
    pub weight: &'a [f32],
    /// One per output.
    pub bias: &'a [f32],
}

/// The gradient of a [`Map`].
#[derive(Debug)]
pub(crate) struct MapGradient<'a> {
    /// As the map's.
    pub weight: &'a mut [f32],
    /// As the map's.
    pub bias: &'a mut [f32],
}

/// The parameters of one replicate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parameters<'a> {
    /// `w`, `[d, r]`
    pub field: &'a [f32],
    /// Query, key, value.
    pub maps: [Map<'a>; 3],
}

/// Where the gradient of one replicate goes; what was there is overwritten.
#[derive(Debug)]
pub(crate) struct Gradients<'a> {
    /// As the parameter.
    pub field: &'a mut [f32],
    /// Query, key, value.
    pub maps: [MapGradient<'a>; 3],
    /// As the features, where it is asked for.
    pub features: Option<&'a mut [f32]>,
}

/// `o`, `[B, d, r]`, of `features` `[B, d]`.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
pub(crate) fn forward(parameters: &Parameters, features: &[f32], out: &mut [f32]) {
    let prepared = Prepared::new(parameters);
    let Shape { fields, rank, .. } = prepared.shape;
    let mut row = Row::new(prepared.shape);
    let mut attended = prepared.shape.by_field();
    for (features, out) in features.chunks_exact(fields).zip(out.chunks_exact_mut(fields * rank)) {
        row.read(&prepared, features);
        row.map_by_rank(&prepared, QUERY);
        row.map_by_rank(&prepared, KEY);
        row.map_by_field(&prepared, VALUE);
        row.attend(prepared.shape, &mut attended);
        put(prepared.shape, &attended, out);
    }
}

/// The gradients, from `o` and its gradient.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
pub(crate) fn backward(
    parameters: &Parameters,
    features: &[f32],
    [out, grad_out]: [&[f32]; 2],
    gradients: Gradients,
) {
    let prepared = Prepared::new(parameters);
    let Shape { fields, rank, .. } = prepared.shape;
    let mut row = Row::new(prepared.shape);
    let mut slopes = Slopes::new(prepared.shape);
    let mut into_features = gradients.features;
    for (index, features) in features.chunks_exact(fields).enumerate() {
        row.read(&prepared, features);
        for map in [QUERY, KEY] {
            row.map_by_rank(&prepared, map);
            row.map_by_field(&prepared, map);
        }
        row.map_by_rank(&prepared, VALUE);
        let part = index * fields * rank..(index + 1) * fields * rank;
        slopes.read(prepared.shape, &out[part.clone()], &grad_out[part]);
        slopes.of_maps(&row, prepared.shape);
        slopes.of_weights(&row, prepared.shape);
        let into = into_features.as_deref_mut().map(|into| &mut into[index * fields..][..fields]);
        slopes.of_fields(&row, &prepared, into);
    }
    let scale = [prepared.scale, 1.0, 1.0];
    put(prepared.shape, &slopes.field, gradients.field);
    for ((found, into), scale) in slopes.weights.iter().zip(gradients.maps).zip(scale) {
        let square = Shape { fields: rank, ..prepared.shape };
        put_strided(&found.weight, prepared.shape.width(), square, into.weight);
        put_strided(&found.bias, 1, Shape { fields: 1, ..square }, into.bias);
        into.weight.iter_mut().chain(into.bias).for_each(|value| *value *= scale);
    }
}

const QUERY: usize = 0;
const KEY: usize = 1;
const VALUE: usize = 2;

#[derive(Clone, Copy)]
struct Shape {
    fields: usize,
    rank: usize,
    /// Groups of lanes of fields, and of the embedding.
    blocks: usize,
    chunks: usize,
}

impl Shape {
    /// Fields with their padding.
    #[inline(always)]
    fn length(&self) -> usize {
        self.blocks * LANES
    }

    /// The embedding with its padding.
    #[inline(always)]
    fn width(&self) -> usize {
        self.chunks * LANES
    }

    /// Zeros: chunk, field, lanes of the embedding.
    fn by_field(&self) -> Vec<Vector> {
        vec![Vector::ZERO; self.chunks * self.length()]
    }

    /// Zeros: block, number of the embedding, lanes of fields.
    fn by_rank(&self) -> Vec<Vector> {
        vec![Vector::ZERO; self.blocks * self.width()]
    }
}

/// Parameters in lanes.
struct Prepared {
    shape: Shape,
    /// `1 / sqrt r`, which is in the query's map.
    scale: f32,
    field_by_field: Vec<Vector>,
    field_by_rank: Vec<Vector>,
    maps: [PreparedMap; 3],
}

struct PreparedMap {
    /// Chunk of outputs, input, lanes of outputs.
    weight: Vec<Vector>,
    /// Chunk of inputs, output, lanes of inputs.
    transposed: Vec<Vector>,
    /// Chunk of outputs.
    bias: Vec<Vector>,
}

impl Prepared {
    fn new(parameters: &Parameters) -> Self {
        let rank = parameters.maps[QUERY].bias.len();
        let fields = parameters.field.len() / rank;
        let (blocks, chunks) = (fields.div_ceil(LANES), rank.div_ceil(LANES));
        let shape = Shape { fields, rank, blocks, chunks };
        let (mut field_by_field, mut field_by_rank) = (shape.by_field(), shape.by_rank());
        get(shape, parameters.field, &mut field_by_field);
        turn(shape, &field_by_field, &mut field_by_rank);
        let scale = 1.0 / (rank as f32).sqrt();
        let factors = [scale, 1.0, 1.0];
        let maps = std::array::from_fn(|map| PreparedMap::new(shape, &parameters.maps[map], factors[map]));
        Self { shape, scale, field_by_field, field_by_rank, maps }
    }
}

impl PreparedMap {
    fn new(shape: Shape, map: &Map, factor: f32) -> Self {
        let width = shape.width();
        let zeros = || vec![Vector::ZERO; shape.chunks * width];
        let (mut weight, mut transposed) = (zeros(), zeros());
        let mut bias = vec![Vector::ZERO; shape.chunks];
        for (input, row) in map.weight.chunks_exact(shape.rank).enumerate() {
            for (output, value) in row.iter().enumerate() {
                weight[output / LANES * width + input].0[output % LANES] = value * factor;
                transposed[input / LANES * width + output].0[input % LANES] = value * factor;
            }
        }
        for (output, value) in map.bias.iter().enumerate() {
            bias[output / LANES].0[output % LANES] = value * factor;
        }
        Self { weight, transposed, bias }
    }
}

/// What is computed of one row of the batch.
struct Row {
    /// Features in lanes.
    features: Vec<Vector>,
    /// `1 / max(|F_c|, smallest)`
    inverse: Vec<Vector>,
    /// `N`
    by_rank: Vec<Vector>,
    maps_by_field: [Vec<Vector>; 3],
    maps_by_rank: [Vec<Vector>; 3],
    /// Key, lanes of queries.
    tile: Vec<Vector>,
}

impl Row {
    fn new(shape: Shape) -> Self {
        Self {
            features: vec![Vector::ZERO; shape.blocks],
            inverse: vec![Vector::ZERO; shape.chunks],
            by_rank: shape.by_rank(),
            maps_by_field: std::array::from_fn(|_| shape.by_field()),
            maps_by_rank: std::array::from_fn(|_| shape.by_rank()),
            tile: vec![Vector::ZERO; shape.length()],
        }
    }

    /// `N`
    #[inline(always)]
    fn read(&mut self, prepared: &Prepared, features: &[f32]) {
        let shape = prepared.shape;
        flat_mut(&mut self.features)[..features.len()].copy_from_slice(features);
        let fields = prepared.field_by_field.chunks_exact(shape.length());
        for (inverse, fields) in self.inverse.iter_mut().zip(fields) {
            let mut squares = Vector::ZERO;
            for (&field, &feature) in fields.iter().zip(features) {
                let product = field * feature;
                squares += product * product;
            }
            *inverse = squares.map(|square| {
                let norm = square.sqrt();
                1.0 / if norm < SMALLEST_NORM { SMALLEST_NORM } else { norm }
            });
        }
        let width = shape.width();
        let blocks = self.by_rank.chunks_exact_mut(width).zip(prepared.field_by_rank.chunks_exact(width));
        for ((out, fields), &features) in blocks.zip(&self.features) {
            for ((out, &field), &inverse) in out.iter_mut().zip(fields).zip(flat(&self.inverse)) {
                *out = features * field * inverse;
            }
        }
    }

    #[inline(always)]
    fn map_by_rank(&mut self, prepared: &Prepared, map: usize) {
        let width = prepared.shape.width();
        let out = self.maps_by_rank[map].chunks_exact_mut(width);
        let map = &prepared.maps[map];
        for (out, inputs) in out.zip(self.by_rank.chunks_exact(width)) {
            let chunks = out.chunks_exact_mut(LANES).zip(map.weight.chunks_exact(width));
            for ((out, weight), bias) in chunks.zip(&map.bias) {
                out.iter_mut().zip(&bias.0).for_each(|(out, bias)| *out = Vector::of(*bias));
                add_products(out, weight, inputs);
            }
        }
    }

    #[inline(always)]
    fn map_by_field(&mut self, prepared: &Prepared, map: usize) {
        let shape = prepared.shape;
        let width = shape.width();
        let out = self.maps_by_field[map].chunks_exact_mut(shape.length());
        let map = &prepared.maps[map];
        for ((out, weight), bias) in out.zip(map.weight.chunks_exact(width)).zip(&map.bias) {
            out.fill(*bias);
            for (out, inputs) in out.chunks_exact_mut(LANES).zip(self.by_rank.chunks_exact(width)) {
                add_products(out, inputs, weight);
            }
        }
    }

    /// `o` by field.
    #[inline(always)]
    fn attend(&mut self, shape: Shape, attended: &mut [Vector]) {
        attended.fill(Vector::ZERO);
        let [query, key, _] = &self.maps_by_rank;
        for (block, query) in query.chunks_exact(shape.width()).enumerate() {
            products(shape, &mut self.tile, (key, query), Vector::ZERO);
            weigh(flat_mut(&mut self.tile[..shape.fields]));
            let share = total(&self.tile[..shape.fields]).map(|sum| 1.0 / sum);
            let values = self.maps_by_field[VALUE].chunks_exact(shape.length());
            for (out, values) in attended.chunks_exact_mut(shape.length()).zip(values) {
                let out = &mut out[block * LANES..][..LANES];
                add_products(out, &self.tile[..shape.fields], values);
                out.iter_mut().zip(share.0).for_each(|(out, share)| *out = *out * share);
            }
        }
    }
}

/// Gradients of one row, and the sums of those of parameters.
struct Slopes {
    /// Of `o`, later over the sum that the softmax divides by.
    out_by_field: Vec<Vector>,
    out_by_rank: Vec<Vector>,
    /// Mean over keys of the gradient of attention, which is `o_i do_i`.
    means: Vec<Vector>,
    /// Of queries, keys and values, by field.
    maps: [Vec<Vector>; 3],
    /// Of `N`, by field.
    normed: Vec<Vector>,
    tiles: Tiles,
    /// Of `w`, by field.
    field: Vec<Vector>,
    weights: [WeightSlopes; 3],
}

/// Of the queries of one block: key, lanes of queries.
struct Tiles {
    /// Scores, then what the softmax divides by its sum.
    weights: Vec<Vector>,
    /// How fast they grow with scores.
    steepness: Vec<Vector>,
    /// The gradient of attention, then of scores.
    slopes: Vec<Vector>,
}

struct WeightSlopes {
    weight: Vec<Vector>,
    bias: Vec<Vector>,
}

impl Slopes {
    fn new(shape: Shape) -> Self {
        let tile = || vec![Vector::ZERO; shape.length()];
        Self {
            out_by_field: shape.by_field(),
            out_by_rank: shape.by_rank(),
            means: vec![Vector::ZERO; shape.blocks],
            maps: std::array::from_fn(|_| shape.by_field()),
            normed: shape.by_field(),
            tiles: Tiles { weights: tile(), steepness: tile(), slopes: tile() },
            field: shape.by_field(),
            weights: std::array::from_fn(|_| WeightSlopes {
                weight: vec![Vector::ZERO; shape.chunks * shape.width()],
                bias: vec![Vector::ZERO; shape.chunks],
            }),
        }
    }

    #[inline(always)]
    fn read(&mut self, shape: Shape, out: &[f32], grad_out: &[f32]) {
        get(shape, grad_out, &mut self.out_by_field);
        let rows = out.chunks_exact(shape.rank).zip(grad_out.chunks_exact(shape.rank));
        for (mean, (out, grad_out)) in flat_mut(&mut self.means).iter_mut().zip(rows) {
            *mean = Vector::sum_of_products(out, grad_out);
        }
        turn(shape, &self.out_by_field, &mut self.out_by_rank);
    }

    /// Of queries, keys and values.
    #[inline(always)]
    fn of_maps(&mut self, row: &Row, shape: Shape) {
        let (length, width) = (shape.length(), shape.width());
        self.maps.iter_mut().for_each(|map| map.fill(Vector::ZERO));
        let [query, key, value] = &row.maps_by_rank;
        let out = self.out_by_rank.chunks_exact_mut(width);
        for (block, ((query, out), &mean)) in query.chunks_exact(width).zip(out).zip(&self.means).enumerate()
        {
            let start = block * LANES;
            let Tiles { weights, steepness, slopes } = &mut self.tiles;
            products(shape, weights, (key, query), Vector::ZERO);
            weigh_steep(flat_mut(&mut weights[..shape.fields]), flat_mut(steepness));
            let share = total(&weights[..shape.fields]).map(|sum| 1.0 / sum);
            out.iter_mut().for_each(|out| *out = *out * share);
            products(shape, slopes, (value, out), mean * share * -1.0);
            let steep = flat(steepness).iter();
            flat_mut(slopes).iter_mut().zip(steep).for_each(|(slope, steep)| *slope *= steep);
            // What keys of the padding would get.
            weights[shape.fields..].fill(Vector::ZERO);
            slopes[shape.fields..].fill(Vector::ZERO);
            for chunk in 0..shape.chunks {
                let part = chunk * length..(chunk + 1) * length;
                let queries = &mut self.maps[QUERY][part.clone()][start..][..LANES];
                let keys = &row.maps_by_field[KEY][part.clone()];
                add_products(queries, &self.tiles.slopes[..shape.fields], keys);
                let queries = &row.maps_by_field[QUERY][part.clone()][start..][..LANES];
                add_turned(&mut self.maps[KEY][part.clone()], &self.tiles.slopes, queries);
                let out = &mut self.out_by_field[part.clone()][start..][..LANES];
                out.iter_mut().zip(share.0).for_each(|(out, share)| *out = *out * share);
                add_turned(&mut self.maps[VALUE][part], &self.tiles.weights, out);
            }
        }
    }

    /// Of the maps' weights. The sums of a row are added to those of the rows before.
    #[inline(always)]
    fn of_weights(&mut self, row: &Row, shape: Shape) {
        let (length, width) = (shape.length(), shape.width());
        for (slopes, sums) in self.maps.iter().zip(&mut self.weights) {
            let chunks = slopes.chunks_exact(length).zip(sums.weight.chunks_exact_mut(width));
            for ((slopes, weight), bias) in chunks.zip(&mut sums.bias) {
                for (chunk, weight) in weight.chunks_exact_mut(LANES).enumerate() {
                    let mut found = [Vector::ZERO; LANES];
                    let inputs = row.by_rank.chunks_exact(width);
                    for (slopes, inputs) in slopes.chunks_exact(LANES).zip(inputs) {
                        add_turned(&mut found, &inputs[chunk * LANES..][..LANES], slopes);
                    }
                    weight.iter_mut().zip(found).for_each(|(sum, found)| *sum += found);
                }
                *bias += total(&slopes[..shape.fields]);
            }
        }
    }

    /// Of fields, and so of their embeddings and of features.
    #[inline(always)]
    fn of_fields(&mut self, row: &Row, prepared: &Prepared, mut features: Option<&mut [f32]>) {
        let shape = prepared.shape;
        let (length, width) = (shape.length(), shape.width());
        self.normed.fill(Vector::ZERO);
        if let Some(features) = features.as_deref_mut() {
            features.fill(0.0);
        }
        for (chunk, normed) in self.normed.chunks_exact_mut(length).enumerate() {
            for (slopes, map) in self.maps.iter().zip(&prepared.maps) {
                let transposed = map.transposed[chunk * width..][..width].chunks_exact(LANES);
                for (slopes, transposed) in slopes.chunks_exact(length).zip(transposed) {
                    for (normed, slopes) in normed.chunks_exact_mut(LANES).zip(slopes.chunks_exact(LANES)) {
                        add_turned(normed, slopes, transposed);
                    }
                }
            }
            let inverse = row.inverse[chunk];
            let fields = &prepared.field_by_field[chunk * length..][..shape.fields];
            let values = flat(&row.features);
            let mut along = Vector::ZERO;
            for ((&slope, &field), &value) in normed.iter().zip(fields).zip(values) {
                along += slope * (field * value * inverse);
            }
            // A length that was raised to the smallest one does not move.
            for lane in 0..LANES {
                let raised = inverse.0[lane] >= 1.0 / SMALLEST_NORM;
                along.0[lane] = if raised { 0.0 } else { along.0[lane] };
            }
            let into = self.field[chunk * length..][..length].iter_mut();
            let each = normed.iter().zip(fields).zip(values).zip(into);
            for (index, (((&slope, &field), &value), into)) in each.enumerate() {
                let slope = (slope - field * value * inverse * along) * inverse;
                *into += slope * value;
                if let Some(features) = features.as_deref_mut() {
                    features[index] += (slope * field).sum();
                }
            }
        }
    }
}

/// Row after row into lanes by field.
#[inline(always)]
fn get(shape: Shape, from: &[f32], by_field: &mut [Vector]) {
    for (chunk, lanes) in by_field.chunks_exact_mut(shape.length()).enumerate() {
        let (start, end) = (chunk * LANES, shape.rank.min((chunk + 1) * LANES));
        for (lanes, row) in lanes.iter_mut().zip(from.chunks_exact(shape.rank)) {
            match row[start..end].first_chunk::<LANES>() {
                Some(whole) => lanes.0 = *whole,
                None => lanes.0[..end - start].copy_from_slice(&row[start..end]),
            }
        }
    }
}

/// Lanes by field, row after row.
#[inline(always)]
fn put(shape: Shape, by_field: &[Vector], out: &mut [f32]) {
    put_strided(by_field, shape.length(), shape, out);
}

#[inline(always)]
fn put_strided(lanes: &[Vector], length: usize, shape: Shape, out: &mut [f32]) {
    for (chunk, lanes) in lanes.chunks_exact(length).enumerate() {
        let (start, end) = (chunk * LANES, shape.rank.min((chunk + 1) * LANES));
        for (lanes, row) in lanes.iter().zip(out.chunks_exact_mut(shape.rank)).take(shape.fields) {
            match row[start..end].first_chunk_mut::<LANES>() {
                Some(whole) => *whole = lanes.0,
                None => row[start..end].copy_from_slice(&lanes.0[..end - start]),
            }
        }
    }
}

/// Lanes by field to lanes by rank.
#[inline(always)]
#[expect(
    clippy::needless_range_loop,
    reason = "a fixed number of lanes by number is what becomes shuffles of registers"
)]
fn turn(shape: Shape, by_field: &[Vector], by_rank: &mut [Vector]) {
    for (chunk, fields) in by_field.chunks_exact(shape.length()).enumerate() {
        for (block, fields) in fields.chunks_exact(LANES).enumerate() {
            let out = &mut by_rank[block * shape.width() + chunk * LANES..][..LANES];
            for (number, out) in out.iter_mut().enumerate() {
                for lane in 0..LANES {
                    out.0[lane] = fields[lane].0[number];
                }
            }
        }
    }
}

/// `tile_j = start + sum_c keys_c[j] queries_c` for the queries of one block and all keys.
#[inline(always)]
fn products(shape: Shape, tile: &mut [Vector], (keys, queries): (&[Vector], &[Vector]), start: Vector) {
    tile.fill(start);
    let needed = &mut tile[..shape.fields.next_multiple_of(SUMS)];
    for (tile, keys) in needed.chunks_mut(LANES).zip(keys.chunks_exact(shape.width())) {
        add_products(tile, keys, queries);
    }
}

/// `out_a += sum_t factors_t[a] lanes_t`
#[inline(always)]
fn add_products(out: &mut [Vector], factors: &[Vector], lanes: &[Vector]) {
    for (four, out) in out.as_chunks_mut::<SUMS>().0.iter_mut().take(LANES / SUMS).enumerate() {
        let [mut one, mut two, mut three, mut more] = *out;
        for (factors, &lanes) in factors.iter().zip(lanes) {
            let [a, b, c, d] = factors.0.as_chunks::<SUMS>().0[four];
            one += lanes * a;
            two += lanes * b;
            three += lanes * c;
            more += lanes * d;
        }
        *out = [one, two, three, more];
    }
}

/// `out_a += sum_t factors_a[t] lanes_t`
#[inline(always)]
fn add_turned(out: &mut [Vector], factors: &[Vector], lanes: &[Vector]) {
    let Some(lanes) = lanes.first_chunk::<LANES>() else { return };
    let factors = factors.as_chunks::<SUMS>().0;
    for (out, [a, b, c, d]) in out.as_chunks_mut::<SUMS>().0.iter_mut().zip(factors) {
        let [mut one, mut two, mut three, mut more] = *out;
        for (t, &lanes) in lanes.iter().enumerate() {
            one += lanes * a.0[t];
            two += lanes * b.0[t];
            three += lanes * c.0[t];
            more += lanes * d.0[t];
        }
        *out = [one, two, three, more];
    }
}

/// Scores to `exp(sigmoid - 1/2)`, which the softmax divides by its sum.
#[inline(always)]
fn weigh(scores: &mut [f32]) {
    for score in scores {
        *score = exp_within_half(logistic(*score) - 0.5);
    }
}

/// As `weigh`, with the slope.
#[inline(always)]
fn weigh_steep(scores: &mut [f32], steepness: &mut [f32]) {
    for (score, steep) in scores.iter_mut().zip(steepness) {
        let sigmoid = logistic(*score);
        *score = exp_within_half(sigmoid - 0.5);
        *steep = *score * (sigmoid * (1.0 - sigmoid));
    }
}

/// `exp(x)` within 3e-8 of it, for |x| <= 1/2.
#[inline(always)]
fn exp_within_half(x: f32) -> f32 {
    const POLYNOMIAL: [f32; 7] =
        [1.378_077e-3, 8.419_173e-3, 4.167_339e-2, 1.666_561_7e-1, 4.999_992_9e-1, 1.000_000_3, 1.0];
    let [a, b, c, d, e, f, g] = POLYNOMIAL;
    // In parts that need not wait for each other.
    let square = x * x;
    ((a * square + (b * x + c)) * square + (d * x + e)) * square + (f * x + g)
}
