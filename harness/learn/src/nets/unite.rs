//! UniTE: a mixture of experts for marginal outcome, uplift and propensity (CIKM 2023), with Robinson's residual loss.

use super::experts::Experts;
use super::head::Head;
use super::host::{values, values_mut};
use super::layers::Linear;
use super::parameters::{Layout, Weights};
use super::seen::Seen;
use super::{Backbone, HeadSpec, OutcomeSummary, Pass, Representation, Sharing, UniteSpec};
use crate::kernels;
use tch::Tensor;

/// Experts that all tasks share, mixed anew for each task.
///
/// ```text
/// phi_task(x) = sum_j softmax(x G_task + b_task)_j expert_j(x)
/// tasks: control and treated (point heads: marginal outcome m and uplift tau), and propensity
/// ```
pub(super) struct Unite {
    experts: Experts,
    mixtures: [Linear; 3],
    propensity: Head,
    sharing: Sharing,
}

impl Unite {
    /// Experts as `spec` says; the propensity's tower has the heads' widths and starts at the training share.
    pub(super) fn new(
        layout: &mut Layout,
        shape: (i64, &[usize]),
        spec: &UniteSpec,
        start: (&HeadSpec, &OutcomeSummary),
    ) -> Self {
        let ((inputs, heads), (head, summary)) = (shape, start);
        let experts = Experts::new(layout, "experts", inputs, spec);
        let (tasks, sharing) = match head {
            HeadSpec::Point => (["marginal", "uplift", "propensity"], Sharing::Residual),
            HeadSpec::Log
            | HeadSpec::Ziln { .. }
            | HeadSpec::Log1p(_)
            | HeadSpec::Mdme(_)
            | HeadSpec::Ordinal(_)
            | HeadSpec::CcOr(_)
            | HeadSpec::Towers(_) => (["control", "treated", "propensity"], Sharing::Trunk),
        };
        let mixtures =
            tasks.map(|task| Linear::new(layout, &format!("mixture.{task}"), inputs, spec.experts as i64));
        let share = summary.treated_share.clamp(1e-4, 1.0 - 1e-4);
        let start = [(share / (1.0 - share)).ln() as f32];
        let propensity = Head::new(layout, "head.propensity", (experts.outputs(), heads), &start);
        Self { experts, mixtures, propensity, sharing }
    }
}

impl Backbone for Unite {
    fn sharing(&self) -> Sharing {
        self.sharing
    }

    fn width(&self) -> i64 {
        self.experts.outputs()
    }

    fn represent(&self, weights: &Weights, features: &Seen, pass: &Pass) -> Representation {
        let experts = features.map(|features| self.experts.forward(weights, features, pass));
        let mix = |tasks: &[usize], features: &Tensor, experts: &Tensor| {
            let shares = |&task: &usize| self.mixtures[task].forward(weights, features).softmax(-1, None);
            mixtures(weights, experts, &tasks.iter().map(shares).collect::<Vec<_>>())
        };
        let mut mixed = match (features, &experts) {
            (Seen::Shared(features), Seen::Shared(experts)) => mix(&[0, 1, 2], features, experts),
            _ => {
                let mut of_control = mix(&[0, 2], features.control(), experts.control());
                of_control.splice(1..1, mix(&[1], features.treated(), experts.treated()));
                of_control
            }
        }
        .into_iter();
        let mut next = || mixed.next().unwrap_or_default();
        let arms = Seen::Apart { control: next(), treated: next() };
        let propensity = next();
        let propensity = self.propensity.forward(weights, &propensity).squeeze_dim(-1);
        Representation { propensity: Some(propensity), ..Representation::of(arms) }
    }
}

/// The experts `[S E, B, width]` mixed by the shares `[S, B, E]` of each task: `[S, B, width]` each.
pub(super) fn mixtures(weights: &Weights, experts: &Tensor, shares: &[Tensor]) -> Vec<Tensor> {
    let (shape, of_shares) = (experts.size(), shares[0].size());
    let mix = Mix {
        replicates: of_shares[0] as usize,
        experts: of_shares[2] as usize,
        size: (shape[1] * shape[2]) as usize,
        width: shape[2] as usize,
    };
    if !weights.are_fused() {
        let experts = experts.view([of_shares[0], of_shares[2], shape[1], shape[2]]);
        let mixture = |shares: &Tensor| {
            (&experts * shares.transpose(1, 2).unsqueeze(-1)).sum_dim_intlist(1i64, false, None)
        };
        return shares.iter().map(mixture).collect();
    }
    let outputs = tch::no_grad(|| shares.iter().map(|shares| mix.forward(experts, shares)).collect());
    let inputs: Vec<&Tensor> = std::iter::once(experts).chain(shares).collect();
    let (experts, shares) =
        (experts.shallow_clone(), shares.iter().map(Tensor::contiguous).collect::<Vec<_>>());
    weights.closed_all(&inputs, outputs, move |gradients| mix.backward(&experts, &shares, gradients))
}

/// Sizes of a mixture.
#[derive(Clone, Copy)]
struct Mix {
    replicates: usize,
    experts: usize,
    /// Rows times width.
    size: usize,
    width: usize,
}

impl Mix {
    fn forward(self, experts: &Tensor, shares: &Tensor) -> Tensor {
        let (experts, shares) = (experts.contiguous(), shares.contiguous());
        let size = experts.size();
        let mut mixed =
            experts.new_empty([shares.size()[0], size[1], size[2]], (experts.kind(), experts.device()));
        for (number, into) in values_mut(&mut mixed).chunks_exact_mut(self.size.max(1)).enumerate() {
            kernels::mixture::mix(&self.of(number, &experts), self.shares(number, &shares), self.width, into);
        }
        mixed
    }

    /// The gradients of the experts and of each task's shares.
    fn backward(
        self,
        experts: &Tensor,
        shares: &[Tensor],
        gradients: &[Option<Tensor>],
    ) -> Vec<Option<Tensor>> {
        let experts = experts.contiguous();
        let mut of_experts = experts.zeros_like();
        let mut found = Vec::with_capacity(shares.len());
        for (shares, gradient) in shares.iter().zip(gradients) {
            let mut of_shares = shares.zeros_like();
            if let Some(gradient) = gradient.as_ref().map(Tensor::contiguous) {
                let rows = (values(shares).len() / self.replicates.max(1)).max(1);
                let places = values_mut(&mut of_experts).chunks_exact_mut((self.experts * self.size).max(1));
                let places = places.zip(values_mut(&mut of_shares).chunks_exact_mut(rows));
                for (number, (of_experts, of_shares)) in places.enumerate() {
                    let gradient = &values(&gradient)[number * self.size..(number + 1) * self.size];
                    let (experts, shares) = (self.of(number, &experts), self.shares(number, shares));
                    kernels::mixture::back(gradient, &experts, shares, self.width, of_experts, of_shares);
                }
            }
            found.push(Some(of_shares));
        }
        std::iter::once(Some(of_experts)).chain(found).collect()
    }

    /// Each expert's values for a replicate.
    fn of(self, replicate: usize, experts: &Tensor) -> Vec<&[f32]> {
        let of_replicate = self.experts * self.size;
        let all = &values(experts)[replicate * of_replicate..(replicate + 1) * of_replicate];
        all.chunks_exact(self.size.max(1)).collect()
    }

    fn shares(self, replicate: usize, shares: &Tensor) -> &[f32] {
        let of_replicate = values(shares).len() / self.replicates.max(1);
        &values(shares)[replicate * of_replicate..(replicate + 1) * of_replicate]
    }
}
