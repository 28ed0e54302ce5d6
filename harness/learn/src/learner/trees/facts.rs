//! What trees say of themselves, for those who explain them.

/// How contributions of features are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attribution {
    /// Uplift, or the value of one arm, is additive over trees: exact Shapley values along their paths.
    Shapley,
    /// It is a function of what is additive: prices along a straight path.
    AumannShapley,
}

impl Attribution {
    /// What readers should call it.
    pub fn name(self) -> &'static str {
        match self {
            Attribution::Shapley => "exact path-dependent TreeSHAP",
            Attribution::AumannShapley => "Aumann-Shapley",
        }
    }
}

/// What stands in a leaf.
#[derive(Clone, Debug, PartialEq)]
pub struct LeafFacts {
    /// Rows that it was estimated on.
    pub rows: f64,
    /// What it says of uplift, outcome units; nothing where leaves say something else, as for rows of one arm.
    pub uplift: Option<f64>,
    /// Its 95 % interval, where there is one.
    pub interval: Option<(f64, f64)>,
    /// What else it says: control and treated, or one number.
    pub facts: Vec<Fact>,
}

/// Something that a leaf says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fact {
    /// Rows of control and treated.
    Rows([f64; 2]),
    /// Share of buyers under control and treatment.
    Conversion([f64; 2]),
    /// Expected outcome under control and treatment.
    Expected([f64; 2]),
    /// What is added to a parameter under control and treatment.
    Step(&'static str, [f64; 2]),
    /// What is added to a sum where there is one arm.
    OneStep(&'static str, f64),
}
