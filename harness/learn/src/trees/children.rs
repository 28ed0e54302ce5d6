//! What is asked of the children of a split, and what children gain that differ.

/// Sums that know how many rows of each arm they hold.
pub(super) trait ByArm {
    /// Rows of control and treated, as often as they were drawn.
    fn arms(&self) -> [u64; 2];
}

/// Rows that a child has at least.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Least {
    /// Of each arm.
    pub arm_rows: u64,
    /// In all.
    pub rows: u64,
}

impl Least {
    /// Whether both children may stand alone.
    pub(super) fn allows<S: ByArm>(&self, left: &S, right: &S) -> bool {
        [left, right].into_iter().all(|side| {
            let [control, treated] = side.arms();
            control.min(treated) >= self.arm_rows && control + treated >= self.rows
        })
    }
}

/// What children gain whose uplifts are so far apart.
///
/// ```text
/// gain = N_L N_R / (N_L + N_R)^2 gap^2          the paper, equation 7
/// ```
pub(super) fn apart(lefts: u64, rights: u64, gap: f64) -> f64 {
    let (lefts, rights) = (lefts as f64, rights as f64);
    let share = lefts * rights / (lefts + rights).powi(2);
    share * gap.powi(2)
}
