//! What the charts show: points, not pixels.

/// A curve of one method over its seeds.
#[derive(Clone, Debug, PartialEq)]
pub struct Band {
    /// Method.
    pub name: String,
    /// Panels group by this.
    pub backbone: String,
    /// Mean over seeds, one value per abscissa.
    pub mean: Vec<f64>,
    /// Lowest seed.
    pub low: Vec<f64>,
    /// Highest seed.
    pub high: Vec<f64>,
}

/// A reference curve.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Ranker.
    pub name: String,
    /// One value per abscissa.
    pub values: Vec<f64>,
}

/// Curves that share their abscissae.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curves {
    /// Share of rows, best first, 0 to 1.
    pub share: Vec<f64>,
    /// Methods.
    pub methods: Vec<Band>,
    /// References.
    pub references: Vec<Line>,
}

/// A tenth of the rows, best first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DecilePoint {
    /// 1 to 10.
    pub decile: usize,
    /// Difference of mean outcomes between the arms; absent when an arm is empty.
    pub observed: Option<f64>,
    /// Standard error of it.
    pub standard_error: Option<f64>,
    /// Mean predicted uplift.
    pub predicted: f64,
    /// Mean true effect, where known.
    pub truth: Option<f64>,
}

/// Uplift by decile of one method, averaged over its seeds.
#[derive(Clone, Debug, PartialEq)]
pub struct Deciles {
    /// Method.
    pub name: String,
    /// Ten of them.
    pub points: Vec<DecilePoint>,
}

/// The training of one method.
#[derive(Clone, Debug, PartialEq)]
pub struct Losses {
    /// Method.
    pub name: String,
    /// Seeds.
    pub seeds: Vec<LossCurve>,
    /// Mean over finished seeds of each term in its last epoch, before its weight.
    pub last_terms: Vec<(String, f64)>,
}

/// The training of one seed.
#[derive(Clone, Debug, PartialEq)]
pub struct LossCurve {
    /// Seed.
    pub seed: u64,
    /// Epoch and weighted total on training batches, where finite.
    pub total: Vec<(f64, f64)>,
    /// Epoch and total on validation rows, where there are any.
    pub validation: Vec<(f64, f64)>,
    /// The epoch in which it diverged.
    pub diverged: Option<usize>,
}
