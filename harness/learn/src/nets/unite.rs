//! UniTE: a mixture of experts for marginal outcome, uplift and propensity (CIKM 2023), with Robinson's residual loss.

use super::experts::Experts;
use super::head::Head;
use super::layers::Linear;
use super::parameters::{Layout, Weights};
use super::seen::Seen;
use super::{Backbone, HeadSpec, OutcomeSummary, Pass, Representation, Sharing, UniteSpec};
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
        let experts = Experts::new(layout, inputs, spec);
        let (tasks, sharing) = match head {
            HeadSpec::Point => (["marginal", "uplift", "propensity"], Sharing::Residual),
            HeadSpec::Log | HeadSpec::Ziln { .. } => (["control", "treated", "propensity"], Sharing::Trunk),
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
        let mix = |task: usize, features: &Tensor, experts: &Tensor| {
            let shares = self.mixtures[task].forward(weights, features).softmax(-1, None);
            (experts * shares.transpose(1, 2).unsqueeze(-1)).sum_dim_intlist(1i64, false, None)
        };
        let arms = Seen::Apart {
            control: mix(0, features.control(), experts.control()),
            treated: mix(1, features.treated(), experts.treated()),
        };
        let propensity = mix(2, features.control(), experts.control());
        let propensity = self.propensity.forward(weights, &propensity).squeeze_dim(-1);
        Representation { propensity: Some(propensity), ..Representation::of(arms) }
    }
}
