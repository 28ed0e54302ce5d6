//! Options of a causal forest, and the settings that others are known by.

use super::bag::BagSpec;
use super::bins::MOST_BINS;
use super::causal::Criterion;
use super::columns::{Columns, NamedColumns};
use serde::{Deserialize, Serialize};
use valor_base::error::within;
use valor_base::input_error;

/// Options of a causal forest. A file names a preset and what differs from it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Wire", rename_all = "kebab-case")]
pub struct CausalForestSpec {
    /// Number of trees, a multiple of `little_bag`.
    pub trees: usize,
    /// Splits above a leaf, at most.
    pub depth: usize,
    /// What a split gains.
    pub criterion: Criterion,
    /// Rows that a child has at least.
    pub leaf_rows: u64,
    /// Rows of each arm that a child has at least.
    pub arm_rows: u64,
    /// Rows that a node has at least to be split.
    pub split_rows: u64,
    /// Share of its parent's rows that a child has at least; below one half.
    pub balance: f64,
    /// Columns that each split tries.
    pub columns: Columns,
    /// Bins of a column; 2 to 255.
    pub bins: usize,
    /// How a tree's rows are drawn.
    pub bag: BagSpec,
    /// Trees that share a half of the rows, from whose likeness the standard error comes; 2 or more.
    pub little_bag: usize,
    /// What is taken off outcome and treatment first.
    pub nuisance: NuisanceSpec,
}

/// Regression forests of outcome and treatment, fitted on other rows than they are asked about.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct NuisanceSpec {
    /// Parts of the training rows; each is asked of the forest of the others. 2 or more.
    pub folds: usize,
    /// Trees per forest.
    pub trees: usize,
    /// Splits above a leaf, at most.
    pub depth: usize,
    /// Rows that a child has at least.
    pub leaf_rows: u64,
    /// Columns that each split tries.
    pub columns: Columns,
}

impl Default for NuisanceSpec {
    fn default() -> Self {
        let columns = Columns::Named(NamedColumns::Grf);
        Self { folds: 2, trees: 50, depth: 8, leaf_rows: 5, columns }
    }
}

/// Settings by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// The paper's: EconML's with 20 trees of depth 6.
    #[default]
    Paper,
    /// EconML's defaults of `CausalForestDML`.
    Econml,
    /// Those of R's `grf::causal_forest`.
    Grf,
}

impl Preset {
    /// All its settings.
    pub fn spec(self) -> CausalForestSpec {
        let econml = CausalForestSpec {
            trees: 100,
            depth: UNLIMITED,
            criterion: Criterion::SquaredError,
            leaf_rows: 5,
            arm_rows: 0,
            split_rows: 10,
            balance: 0.05,
            columns: Columns::Named(NamedColumns::All),
            bins: MOST_BINS,
            bag: BagSpec { share: 0.45, replacement: false, honest: true },
            little_bag: 4,
            nuisance: NuisanceSpec::default(),
        };
        match self {
            Preset::Paper => CausalForestSpec { trees: 20, depth: 6, ..econml },
            Preset::Econml => econml,
            Preset::Grf => CausalForestSpec {
                trees: 2000,
                criterion: Criterion::Heterogeneity,
                arm_rows: 5,
                split_rows: 1,
                columns: Columns::Named(NamedColumns::Grf),
                bag: BagSpec { share: 0.5, replacement: false, honest: true },
                little_bag: 2,
                ..econml
            },
        }
    }
}

/// Deeper than any tree of rows that differ.
const UNLIMITED: usize = 10_000;

/// A preset and what differs from it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Wire {
    #[serde(default)]
    preset: Preset,
    trees: Option<usize>,
    depth: Option<usize>,
    criterion: Option<Criterion>,
    leaf_rows: Option<u64>,
    arm_rows: Option<u64>,
    split_rows: Option<u64>,
    balance: Option<f64>,
    columns: Option<Columns>,
    bins: Option<usize>,
    bag: Option<BagSpec>,
    little_bag: Option<usize>,
    nuisance: Option<NuisanceSpec>,
}

impl From<Wire> for CausalForestSpec {
    fn from(wire: Wire) -> Self {
        let preset = wire.preset.spec();
        Self {
            trees: wire.trees.unwrap_or(preset.trees),
            depth: wire.depth.unwrap_or(preset.depth),
            criterion: wire.criterion.unwrap_or(preset.criterion),
            leaf_rows: wire.leaf_rows.unwrap_or(preset.leaf_rows),
            arm_rows: wire.arm_rows.unwrap_or(preset.arm_rows),
            split_rows: wire.split_rows.unwrap_or(preset.split_rows),
            balance: wire.balance.unwrap_or(preset.balance),
            columns: wire.columns.unwrap_or(preset.columns),
            bins: wire.bins.unwrap_or(preset.bins),
            bag: wire.bag.unwrap_or(preset.bag),
            little_bag: wire.little_bag.unwrap_or(preset.little_bag),
            nuisance: wire.nuisance.unwrap_or(preset.nuisance),
        }
    }
}

impl Default for CausalForestSpec {
    fn default() -> Self {
        Preset::default().spec()
    }
}

impl CausalForestSpec {
    /// Checks the ranges.
    pub fn validate(&self) -> anyhow::Result<()> {
        let within = |key: &str, found: usize, least: usize, most: usize| {
            within(&format!("causal-forest.{key}"), found, least, most)
        };
        within("trees", self.trees, 1, 100_000)?;
        within("depth", self.depth, 0, UNLIMITED)?;
        within("bins", self.bins, 2, MOST_BINS)?;
        within("little-bag", self.little_bag, 2, self.trees.max(2))?;
        within("nuisance.folds", self.nuisance.folds, 2, 100)?;
        within("nuisance.trees", self.nuisance.trees, 1, 100_000)?;
        within("nuisance.depth", self.nuisance.depth, 0, UNLIMITED)?;
        if !self.trees.is_multiple_of(self.little_bag) {
            return Err(input_error!(
                "causal-forest.trees: found {}; must be a multiple of causal-forest.little-bag = {}",
                self.trees,
                self.little_bag
            ));
        }
        if !(self.balance >= 0.0 && self.balance < 0.5) {
            return Err(input_error!(
                "causal-forest.balance: found {}; must be 0 or more and below .5",
                self.balance
            ));
        }
        if self.bag.replacement || self.bag.share > 0.5 {
            return Err(input_error!(
                "causal-forest.bag: little bags are drawn from halves of the rows: replacement must be false and share at \
                 most .5"
            ));
        }
        self.columns.validate("causal-forest.columns")?;
        self.nuisance.columns.validate("causal-forest.nuisance.columns")?;
        self.bag.validate("causal-forest.bag")
    }
}
