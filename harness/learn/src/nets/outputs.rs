//! What a network says.

use tch::Tensor;

/// What a network says of a batch.
pub struct Outputs {
    /// Raw head outputs under control, `[S, B, k]`.
    pub control: Tensor,
    /// Raw head outputs under treatment, `[S, B, k]`.
    pub treated: Tensor,
    /// As `control`, for contrasts between the arms: without gradient where these train the uplift head only.
    pub reference: Tensor,
    /// What both arms' heads see before any gate, `[S, B, width]`; under control where a gate on the features makes
    /// the arms differ. Absent unless the arms share it.
    pub representation: Option<Tensor>,
    /// Logit of `P(T = 1 | x)`, `[S, B]`, where the backbone predicts it.
    pub propensity: Option<Tensor>,
    /// The scalar of targeted regularisation, `[S]`, where the backbone has it.
    pub epsilon: Option<Tensor>,
    /// What the parts of a sum say by themselves, where the backbone is one.
    pub parts: Option<Parts>,
}

/// What the parts of a sum say by themselves.
pub struct Parts {
    /// A linear form and products of features, `[S, B]`, as outcomes in the network's unit.
    pub interactions: Tensor,
    /// A deep tower, likewise.
    pub deep: Tensor,
    /// Sum of the squares of the weights of the former, `[S]`.
    pub penalty: Tensor,
}

impl Outputs {
    /// Raw head outputs and nothing else.
    pub fn new(control: Tensor, treated: Tensor) -> Self {
        let reference = control.shallow_clone();
        Self {
            control,
            treated,
            reference,
            representation: None,
            propensity: None,
            epsilon: None,
            parts: None,
        }
    }
}
