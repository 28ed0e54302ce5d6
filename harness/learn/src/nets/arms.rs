//! What each arm of the treatment sees: the same tensor, or one each.

use tch::Tensor;

/// Values per arm. `Shared` is computed once and serves both.
pub enum Arms {
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

impl Arms {
    /// What the control arm sees.
    pub fn control(&self) -> &Tensor {
        match self {
            Arms::Shared(both) => both,
            Arms::Apart { control, .. } => control,
        }
    }

    /// What the treated arm sees.
    pub fn treated(&self) -> &Tensor {
        match self {
            Arms::Shared(both) => both,
            Arms::Apart { treated, .. } => treated,
        }
    }

    /// The same function for both arms, evaluated once where they share.
    pub fn map(&self, apply: impl Fn(&Tensor) -> Tensor) -> Arms {
        match self {
            Arms::Shared(both) => Arms::Shared(apply(both)),
            Arms::Apart { control, treated } => {
                Arms::Apart { control: apply(control), treated: apply(treated) }
            }
        }
    }
}
