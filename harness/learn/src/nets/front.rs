//! The front of a network: how encoded columns become what backbones see. Levels by number are embedded, sequences read by attention.

use super::Sharing;
use super::fields::{part, part_mut};
use super::parameters::{Init, Layout, Slot, Weights};
use super::seen::Seen;
use crate::kernels::{embedding, sequence};
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};
use valor_base::error::{shown, within};
use valor_base::input_error;
use valor_data::encode::{ColumnKind, Embedded, Entry};

/// How columns enter where not as they are encoded: absent from a spec that asks for nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct FrontSpec {
    /// Categorical columns through embeddings, where asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embedding: Option<EmbeddingSpec>,
    /// Sequences through attention, where asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence: Option<SequenceSpec>,
}

/// Options of embeddings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct EmbeddingSpec {
    /// Categorical columns that are embedded; all where empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// Length of a level's vector, 1 or more; `floor(levels^(1/4)) + 1` where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<usize>,
    /// Levels with fewer training rows than this share the vector of those that the training rows lack; 0 or more.
    pub rare: usize,
}

/// Options of the attention of a sequence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct SequenceSpec {
    /// Length of a step's vector; 1 or more.
    pub width: usize,
}

impl Default for EmbeddingSpec {
    fn default() -> Self {
        Self { columns: Vec::new(), width: None, rare: 5 }
    }
}

impl Default for SequenceSpec {
    fn default() -> Self {
        Self { width: 16 }
    }
}

/// Largest width of a level's or a step's vector.
const WIDEST: usize = 1024;

impl FrontSpec {
    /// Whether nothing is asked for.
    pub fn is_usual(&self) -> bool {
        self.embedding.is_none() && self.sequence.is_none()
    }

    /// What the encoder is asked for.
    pub fn entry(&self) -> Entry {
        let embedded = |spec: &EmbeddingSpec| Embedded { columns: spec.columns.clone(), rare: spec.rare };
        Entry { embedded: self.embedding.as_ref().map(embedded), sequences: self.sequence.is_some() }
    }

    /// Refuses options out of range.
    pub(super) fn validate(&self) -> anyhow::Result<()> {
        if let Some(EmbeddingSpec { columns, width, .. }) = &self.embedding {
            within("embedding.width", width.unwrap_or(1), 1, WIDEST)?;
            let twice = columns.iter().enumerate().find(|(place, name)| columns[..*place].contains(name));
            if let Some((_, name)) = twice {
                return Err(input_error!(
                    "embedding.columns: '{}' stands there twice; allowed is once",
                    shown(name)
                ));
            }
        }
        self.sequence.as_ref().map_or(Ok(()), |spec| within("sequence.width", spec.width, 1, WIDEST))
    }
}

/// What a network is given: encoded columns, and what is not a number or not alone among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inputs {
    /// Number of encoded columns.
    pub columns: usize,
    /// Columns with numbers of levels, and how many numbers there are.
    tables: Vec<(usize, usize)>,
    /// Columns of each sequence, in order.
    sequences: Vec<Vec<usize>>,
}

impl Inputs {
    /// So many columns, which hold what `kinds` says; numbers where it says nothing.
    pub fn of(columns: usize, kinds: &[ColumnKind]) -> Self {
        let (mut tables, mut steps) = (Vec::new(), Vec::new());
        for (column, kind) in kinds.iter().enumerate() {
            match kind {
                ColumnKind::Number => {}
                ColumnKind::Levels(levels) => tables.push((column, *levels)),
                ColumnKind::Step { sequence, place } => steps.push((*sequence, *place, column)),
            }
        }
        steps.sort_unstable();
        let of_sequence = |steps: &[(usize, usize, usize)]| steps.iter().map(|step| step.2).collect();
        let sequences = steps.chunk_by(|one, next| one.0 == next.0).map(of_sequence).collect();
        Self { columns, tables, sequences }
    }

    /// Whether a network with this front may be given them.
    pub fn fit(&self, spec: &FrontSpec) -> bool {
        (self.tables.is_empty() || spec.embedding.is_some())
            && (self.sequences.is_empty() || spec.sequence.is_some())
    }
}

/// Numbers alone.
impl From<i64> for Inputs {
    fn from(columns: i64) -> Self {
        Self { columns: columns.max(0) as usize, ..Self::default() }
    }
}

/// `floor(levels^(1/4)) + 1`
fn usual_width(levels: usize) -> usize {
    (1..).take_while(|&root: &usize| root.pow(4) <= levels).last().unwrap_or(0) + 1
}

/// What stands where in a row that backbones see: columns that hold no numbers of levels, a vector per embedded column, a vector per
/// sequence.
///
/// ```text
/// z_t = x_t a + p_t      y = mean_t (z_t + sum_s softmax_s(z_t Q . z_s K / sqrt d) z_s V)        per sequence
/// ```
#[derive(Clone, Debug)]
pub(super) struct Plan {
    inputs: Inputs,
    /// Columns that are passed on.
    plain: Vec<usize>,
    /// Widths of the embeddings.
    widths: Vec<usize>,
    /// Width of a step's vector.
    step: usize,
}

impl Plan {
    /// The front of a spec for these inputs.
    pub(super) fn new(spec: &FrontSpec, inputs: Inputs) -> Self {
        let width = spec.embedding.as_ref().and_then(|spec| spec.width);
        // One number is that of all other levels.
        let widths = inputs.tables.iter().map(|(_, numbers)| width.unwrap_or(usual_width(numbers - 1)));
        let widths = widths.collect();
        let holds_levels = |column: &usize| inputs.tables.iter().any(|(table, _)| table == column);
        let plain = (0..inputs.columns).filter(|column| !holds_levels(column)).collect();
        Self { plain, widths, step: spec.sequence.as_ref().map_or(0, |spec| spec.width), inputs }
    }

    /// Columns that backbones see.
    pub(super) fn width(&self) -> usize {
        self.plain.len() + self.widths.iter().sum::<usize>() + self.inputs.sequences.len() * self.step
    }

    /// Whether columns are passed on as they are.
    fn is_usual(&self) -> bool {
        self.widths.is_empty() && self.inputs.sequences.is_empty()
    }

    /// Where each table's numbers and vectors stand.
    fn tables(&self) -> impl Iterator<Item = embedding::Places> {
        let mut start = self.plain.len();
        self.inputs.tables.iter().zip(&self.widths).map(move |(&(column, numbers), &width)| {
            let (inputs, outputs) = (self.inputs.columns, self.width());
            let places = embedding::Places { column, inputs, start, outputs, table: [numbers, width] };
            start += width;
            places
        })
    }

    /// Where each sequence's steps and vector stand.
    fn sequences(&self) -> impl Iterator<Item = sequence::Places<'_>> {
        let start = self.plain.len() + self.widths.iter().sum::<usize>();
        self.inputs.sequences.iter().enumerate().map(move |(number, columns)| {
            let (inputs, outputs) = (self.inputs.columns, self.width());
            sequence::Places { columns, inputs, start: start + number * self.step, outputs }
        })
    }
}

/// The parameters that an arm's columns enter by: a table per embedded column, then token, position and three maps per sequence.
#[derive(Clone, Debug)]
struct Side {
    tables: Vec<Slot>,
    sequences: Vec<[Slot; 5]>,
}

impl Side {
    fn new(layout: &mut Layout, name: &str, plan: &Plan) -> Self {
        let tables = plan.tables().enumerate().map(|(number, places)| {
            let [numbers, width] = places.table;
            // What no training row has says nothing: all other levels start at 0.
            let init = Init::Table { width: width as i64, still: width };
            layout.add(format!("{name}.embedding.{number}.weight"), &[numbers as i64, width as i64], init)
        });
        let tables = tables.collect();
        let width = plan.step as i64;
        let sequences = plan.inputs.sequences.iter().enumerate().map(|(number, columns)| {
            let mut add = |part: &str, shape: [i64; 2], inputs| {
                layout.add(format!("{name}.sequence.{number}.{part}"), &shape, Init::FanIn(inputs))
            };
            [
                add("token", [1, width], 1),
                add("position", [columns.len() as i64, width], width),
                add("query", [width, width], width),
                add("key", [width, width], width),
                add("value", [width, width], width),
            ]
        });
        Self { tables, sequences: sequences.collect() }
    }

    fn parameters<'a>(&self, weights: &'a Weights) -> Vec<&'a Tensor> {
        self.tables.iter().chain(self.sequences.iter().flatten()).map(|slot| weights.get(*slot)).collect()
    }
}

/// The front and its parameters: the arms' own where backbones share nothing between them.
#[derive(Clone, Debug)]
pub(super) struct Front {
    plan: Plan,
    sides: Vec<Side>,
}

impl Front {
    /// Adds the parameters of a plan.
    pub(super) fn new(layout: &mut Layout, plan: Plan, sharing: Sharing) -> Self {
        let names: &[&str] = match (plan.is_usual(), is_shared(sharing)) {
            (true, _) => &[],
            (false, true) => &[FRONT],
            (false, false) => &OWN_FRONTS,
        };
        let sides = names.iter().map(|name| Side::new(layout, name, &plan)).collect();
        Self { plan, sides }
    }

    /// What it is given.
    pub(super) fn inputs(&self) -> &Inputs {
        &self.plan.inputs
    }

    /// Encoded columns `[S, B, d]` to what backbones see, `[S, B, width]`.
    pub(super) fn forward(&self, weights: &Weights, features: &Tensor) -> Seen {
        let see = |side: &Side| self.plan.forward(weights, side, features);
        match self.sides.as_slice() {
            [control, treated] => Seen::Apart { control: see(control), treated: see(treated) },
            [both, ..] => Seen::Shared(see(both)),
            [] => Seen::Shared(features.shallow_clone()),
        }
    }
}

/// What parameters of a front are called.
pub(super) const FRONT: &str = "front";
/// The same of each arm's own.
pub(super) const OWN_FRONTS: [&str; 2] = ["front.control", "front.treated"];

/// Whether both arms' columns enter by the same parameters.
fn is_shared(sharing: Sharing) -> bool {
    match sharing {
        Sharing::Heads | Sharing::Parts | Sharing::Trunk | Sharing::Residual => true,
        Sharing::Nothing | Sharing::Sum { .. } | Sharing::Scores => false,
    }
}

impl Plan {
    fn forward(&self, weights: &Weights, side: &Side, features: &Tensor) -> Tensor {
        match weights.are_fused() {
            true => self.fused(weights, side, features),
            false => self.composed(weights, side, features),
        }
    }

    /// By loops that bring their gradient. Features do not learn.
    fn fused(&self, weights: &Weights, side: &Side, features: &Tensor) -> Tensor {
        let kept = |tensor: &Tensor| tensor.detach().contiguous();
        let parameters = side.parameters(weights);
        let rows = Rows {
            plan: self.clone(),
            features: kept(features),
            parameters: parameters.iter().map(|tensor| kept(tensor)).collect(),
        };
        let out = rows.forward();
        weights.closed(&parameters, out, move |gradient| rows.backward(&gradient.contiguous()))
    }

    /// By operations of libtorch.
    fn composed(&self, weights: &Weights, side: &Side, features: &Tensor) -> Tensor {
        let column = |columns: &[usize]| {
            let columns: Vec<i64> = columns.iter().map(|&column| column as i64).collect();
            features.index_select(2, &Tensor::from_slice(&columns).to_device(features.device()))
        };
        let replicates = features.size()[0];
        let mut parts = vec![column(&self.plain)];
        for (places, slot) in self.tables().zip(&side.tables) {
            let [numbers, width] = places.table.map(|size| size as i64);
            let first = Tensor::arange(replicates, (Kind::Int64, features.device())) * numbers;
            let number = column(&[places.column]).squeeze_dim(2).to_kind(Kind::Int64).clamp(0, numbers - 1);
            let table = weights.get(*slot).reshape([replicates * numbers, width]);
            parts.push(Tensor::embedding(&table, &(number + first.unsqueeze(1)), -1, false, false));
        }
        for (columns, slots) in self.inputs.sequences.iter().zip(&side.sequences) {
            // One more dimension for rows: `[S, 1, ...]`.
            let [token, position, query, key, value] = slots.map(|slot| weights.get(slot).unsqueeze(1));
            let steps = column(columns).unsqueeze(3) * token + position;
            let scores = steps.matmul(&query).matmul(&steps.matmul(&key).transpose(2, 3));
            let shares = (scores / (self.step as f64).sqrt()).softmax(-1, None);
            let read = &steps + shares.matmul(&steps.matmul(&value));
            parts.push(read.mean_dim(2i64, false, None));
        }
        Tensor::cat(&parts, 2)
    }
}

/// What the gradient is computed of, replicates one after another.
struct Rows {
    plan: Plan,
    features: Tensor,
    parameters: Vec<Tensor>,
}

impl Rows {
    fn forward(&self) -> Tensor {
        let (plan, shape) = (&self.plan, self.features.size());
        let options = (Kind::Float, self.features.device());
        let mut out = Tensor::empty([shape[0], shape[1], plan.width() as i64], options);
        let replicates = shape[0] as usize;
        for replicate in 0..replicates {
            let features = part(&self.features, replicate, replicates);
            let out = part_mut(&mut out, replicate, replicates);
            let rows = features.chunks_exact(plan.inputs.columns).zip(out.chunks_exact_mut(plan.width()));
            for (row, out) in rows {
                plan.plain.iter().zip(out).for_each(|(&column, out)| *out = row[column]);
            }
            for (places, table) in plan.tables().zip(&self.parameters) {
                embedding::forward(part(table, replicate, replicates), &places, features, out);
            }
            for (places, parameters) in plan.sequences().zip(self.of_sequences()) {
                sequence::forward(&parameters_of(parameters, replicate, replicates), places, features, out);
            }
        }
        out
    }

    /// The parameters of the sequences.
    fn of_sequences(&self) -> impl Iterator<Item = &[Tensor]> {
        self.parameters[self.plan.widths.len()..].chunks_exact(5)
    }

    /// Gradients of the parameters, in order.
    fn backward(&self, gradient: &Tensor) -> Vec<Option<Tensor>> {
        let plan = &self.plan;
        let replicates = self.features.size()[0] as usize;
        let mut found: Vec<Tensor> = self.parameters.iter().map(Tensor::empty_like).collect();
        let (of_tables, of_sequences) = found.split_at_mut(plan.widths.len());
        for replicate in 0..replicates {
            let [features, gradient] =
                [&self.features, gradient].map(|tensor| part(tensor, replicate, replicates));
            for (places, found) in plan.tables().zip(of_tables.iter_mut()) {
                embedding::backward(&places, features, gradient, part_mut(found, replicate, replicates));
            }
            let sequences = plan.sequences().zip(self.of_sequences());
            for ((places, parameters), found) in sequences.zip(of_sequences.chunks_exact_mut(5)) {
                let [token, position, query, key, value] = found else { continue };
                let into = |tensor| part_mut(tensor, replicate, replicates);
                let maps = [query, key, value].map(into);
                let into = |tensor| part_mut(tensor, replicate, replicates);
                let gradients = sequence::Gradients { token: into(token), position: into(position), maps };
                let parameters = parameters_of(parameters, replicate, replicates);
                sequence::backward(&parameters, places, features, gradient, gradients);
            }
        }
        found.into_iter().map(Some).collect()
    }
}

/// Those of a sequence: token, position, three maps.
fn parameters_of(tensors: &[Tensor], replicate: usize, replicates: usize) -> sequence::Parameters<'_> {
    let of = |number: usize| part(&tensors[number], replicate, replicates);
    sequence::Parameters { token: of(0), position: of(1), maps: [of(2), of(3), of(4)] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use valor_base::seed::Seeds;

    #[test]
    fn widths_are_the_fourth_root_of_the_levels_and_one() {
        let found = [0, 1, 10, 15, 16, 80, 81, 100, 1_000, 9_999, 10_000].map(usual_width);
        assert_eq!(found, [1, 2, 2, 2, 3, 3, 4, 4, 6, 10, 11]);
    }

    #[test]
    fn options_out_of_range_are_refused_by_their_key() {
        let refused = |spec: FrontSpec| spec.validate().unwrap_err().to_string();
        let embedding = |embedding| FrontSpec { embedding: Some(embedding), sequence: None };
        let none = EmbeddingSpec { width: Some(0), ..EmbeddingSpec::default() };
        assert_eq!(refused(embedding(none)), "embedding.width: found 0; allowed are 1 to 1024");
        let twice = EmbeddingSpec { columns: vec!["a".into(), "a".into()], ..EmbeddingSpec::default() };
        assert!(refused(embedding(twice)).starts_with("embedding.columns: 'a' stands there twice"));
        let none = FrontSpec { embedding: None, sequence: Some(SequenceSpec { width: 0 }) };
        assert_eq!(refused(none), "sequence.width: found 0; allowed are 1 to 1024");
    }

    /// Two tables and two sequences, whose columns do not stand in their order.
    fn inputs() -> Inputs {
        let step = |sequence, place| ColumnKind::Step { sequence, place };
        let kinds = [
            step(1, 1),
            step(0, 1),
            ColumnKind::Number,
            step(0, 0),
            step(1, 0),
            step(1, 2),
            ColumnKind::Levels(4),
            ColumnKind::Levels(18),
        ];
        Inputs::of(8, &kinds)
    }

    fn front(spec: &FrontSpec, inputs: Inputs) -> (Layout, Front) {
        let mut layout = Layout::default();
        let plan = Plan::new(spec, inputs);
        let front = Front::new(&mut layout, plan, Sharing::Trunk);
        (layout, front)
    }

    fn both() -> FrontSpec {
        let (embedding, sequence) = (Some(EmbeddingSpec::default()), Some(SequenceSpec { width: 5 }));
        FrontSpec { embedding, sequence }
    }

    #[test]
    fn columns_are_found_in_the_order_of_their_sequence() {
        let inputs = inputs();
        assert_eq!(inputs.sequences, [vec![3, 1], vec![4, 0, 5]]);
        assert_eq!(inputs.tables, [(6, 4), (7, 18)]);
        assert!(inputs.fit(&both()) && !inputs.fit(&FrontSpec::default()));
        assert_eq!(Plan::new(&both(), inputs).width(), 6 + (2 + 3) + 2 * 5);
    }

    #[test]
    fn other_levels_start_at_0_and_every_other_level_elsewhere() {
        let (layout, front) = front(&both(), inputs());
        let drawn = Tensor::from_slice(&layout.draw(&Seeds::new(3))).unsqueeze(0);
        let row = |level: f32| [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 3.0, level];
        let rows: Vec<f32> = [0.0, 16.0, 17.0, 99.0, -1.0, f32::NAN].into_iter().flat_map(row).collect();
        let rows = Tensor::from_slice(&rows).view([1, 6, 8]);
        let seen = front.forward(&layout.views(&drawn), &rows);
        let vectors: Vec<f32> = Vec::try_from(seen.control().narrow(2, 6, 5).contiguous().view(-1)).unwrap();
        let vectors: Vec<&[f32]> = vectors.chunks_exact(5).collect();
        assert!(vectors[0][2..].iter().chain(&vectors[1][2..]).all(|value| *value != 0.0));
        assert_eq!((vectors[2], vectors[3]), (&[0.0; 5][..], &[0.0; 5][..]), "beyond the last: the last");
        assert_eq!((vectors[4], vectors[5]), (vectors[0], vectors[0]), "no number: the first");
    }

    #[test]
    fn columns_pass_where_nothing_is_asked_for() {
        let (layout, front) = front(&FrontSpec::default(), 4.into());
        assert_eq!(layout.names().count(), 0);
        let rows = Tensor::from_slice(&[1.0_f32, 2.0, 3.0, 4.0]).view([1, 1, 4]);
        let weights = layout.views(&Tensor::zeros([1, 0], (Kind::Float, tch::Device::Cpu)));
        assert_eq!(front.forward(&weights, &rows).control(), &rows);
    }

    /// Lengths beside those of the vectors that loops work with, against libtorch's operations; gradients too.
    #[test]
    fn loops_are_what_libtorch_computes() {
        for (steps, width) in [(1, 1), (2, 5), (15, 16), (16, 3), (17, 16), (26, 16), (40, 7)] {
            let kinds: Vec<ColumnKind> =
                (0..steps).rev().map(|place| ColumnKind::Step { sequence: 0, place }).collect();
            let spec = FrontSpec { embedding: None, sequence: Some(SequenceSpec { width }) };
            let (layout, front) = front(&spec, Inputs::of(steps, &kinds));
            let drawn: Vec<f32> = [1, 2].iter().flat_map(|seed| layout.draw(&Seeds::new(*seed))).collect();
            let flat = Tensor::from_slice(&drawn).view([2, -1]);
            let count = (2 * 9 * steps) as i64;
            let rows = Tensor::arange(count, (Kind::Float, tch::Device::Cpu)) * 0.71;
            let rows = rows.sin().view([2, 9, steps as i64]) * 3.0;
            let wave = |out: &Tensor| {
                let count = out.numel() as i64;
                (Tensor::arange(count, (Kind::Float, tch::Device::Cpu)) * 0.53)
                    .sin()
                    .view(out.size().as_slice())
            };
            let learning = layout.learning(&flat);
            let out = front.forward(&learning, &rows).control().shallow_clone();
            let gradient = learning.gradient(&(&out * wave(&out)).sum(Kind::Float));
            let leaf = flat.copy().set_requires_grad(true);
            let composed = layout.views(&leaf);
            assert!(!composed.are_fused());
            let expected = front.forward(&composed, &rows).control().shallow_clone();
            let total = (&expected * wave(&expected)).sum(Kind::Float);
            let expected_gradient = Tensor::run_backward(&[&total], &[&leaf], false, false).remove(0);
            for (found, expected) in [(out, expected), (gradient, expected_gradient)] {
                let scale = expected.abs().max().double_value(&[]);
                let apart = (found - expected).abs().max().double_value(&[]);
                assert!(apart < 2e-5 * scale, "{steps} {width}: {apart} of {scale}");
            }
        }
    }
}
