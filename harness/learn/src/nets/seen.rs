//! What each arm of the treatment sees: the same tensor, or one each.

use tch::Tensor;

/// What each arm sees. `Shared` is computed once and serves both.
pub(super) enum Seen {
    /// Both arms see this.
    Shared(Tensor),
    /// Each arm sees its own.
    Apart {
        /// What the control arm sees.
        control: Tensor,
        /// What the treated arm sees.
        treated: Tensor,
    },
}

impl Seen {
    /// What the control arm sees.
    pub(super) fn control(&self) -> &Tensor {
        match self {
            Seen::Shared(both) => both,
            Seen::Apart { control, .. } => control,
        }
    }

    /// What the treated arm sees.
    pub(super) fn treated(&self) -> &Tensor {
        match self {
            Seen::Shared(both) => both,
            Seen::Apart { treated, .. } => treated,
        }
    }

    /// The same function for both arms, evaluated once where they share.
    pub(super) fn map(&self, apply: impl Fn(&Tensor) -> Tensor) -> Seen {
        match self {
            Seen::Shared(both) => Seen::Shared(apply(both)),
            Seen::Apart { control, treated } => {
                Seen::Apart { control: apply(control), treated: apply(treated) }
            }
        }
    }
}
