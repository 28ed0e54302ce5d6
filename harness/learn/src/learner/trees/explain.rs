//! What trees say of an account, feature by feature, and what stands in their leaves.

use super::{Forest, Grown, TreesSpec, saved};
use crate::learner::{SavedModel, TrainedSpec};
use crate::trees::{Contributions, Tree};

/// How contributions of features are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attribution {
    /// Uplift is additive over trees: exact Shapley values along their paths.
    Shapley,
    /// Uplift is a function of what is additive: prices along a straight path.
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

/// Trees that explain themselves.
pub struct Explainer {
    forest: Forest,
    contributions: Contributions,
}

/// A tree with what its leaves say.
#[derive(Clone, Debug, PartialEq)]
pub struct Listing {
    /// Where rows go.
    pub tree: Tree,
    /// One per leaf.
    pub leaves: Vec<LeafFacts>,
}

/// What stands in a leaf.
#[derive(Clone, Debug, PartialEq)]
pub struct LeafFacts {
    /// Rows that it was estimated on.
    pub rows: f64,
    /// What it says of uplift, outcome units; nothing where leaves say something else.
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
}

impl Explainer {
    /// Of a saved model; nothing where it is a network.
    ///
    /// # Errors
    ///
    /// Where trees are not whole.
    pub fn of(saved: &SavedModel) -> anyhow::Result<Option<Self>> {
        let TrainedSpec::Trees(spec) = &saved.spec else { return Ok(None) };
        spec.validate()?;
        let (grown, columns) = (saved::grown(spec, saved)?, saved.inputs);
        let contributions = match &grown {
            Grown::Ziln(forest) => Contributions::of_ziln_forest(forest, columns),
            Grown::Causal(forest) => Contributions::of_causal_forest(forest, columns),
            Grown::Boosted(model) => Contributions::of_ziln_gbdt(model, columns),
            Grown::Uplift(tree) => Contributions::of_uplift_tree(tree, columns),
        };
        let forest = Forest { spec: spec.clone(), inputs: columns, grown };
        Ok(Some(Self { forest, contributions }))
    }

    /// The method.
    pub fn spec(&self) -> &TreesSpec {
        &self.forest.spec
    }

    /// How contributions are computed.
    pub fn attribution(&self) -> Attribution {
        match &self.forest.grown {
            Grown::Ziln(_) | Grown::Uplift(_) => Attribution::Shapley,
            Grown::Causal(_) | Grown::Boosted(_) => Attribution::AumannShapley,
        }
    }

    /// What all features start from, outcome units.
    pub fn base(&self) -> f64 {
        self.contributions.base()
    }

    /// One number per feature; with the base they add up to the uplift.
    pub fn contributions(&self, row: &[f32]) -> Vec<f64> {
        self.contributions.of(row)
    }

    /// What the trees say of a row, outcome units.
    pub fn uplift(&self, row: &[f32]) -> f64 {
        self.forest.uplift_of(row)
    }

    /// Whether it is one tree to decide by.
    pub fn decides(&self) -> bool {
        match &self.forest.grown {
            Grown::Uplift(_) => true,
            Grown::Ziln(_) | Grown::Causal(_) | Grown::Boosted(_) => false,
        }
    }

    /// Number of trees.
    pub fn trees(&self) -> usize {
        self.forest.grown_trees().len()
    }

    /// A tree by its number, from 0.
    pub fn listing(&self, number: usize) -> Option<Listing> {
        match &self.forest.grown {
            Grown::Ziln(forest) => {
                let tree = forest.trees().get(number)?;
                let leaf = |leaf: &crate::trees::Leaf| LeafFacts {
                    rows: f64::from(leaf.rows[0]) + f64::from(leaf.rows[1]),
                    uplift: Some(leaf.uplift()),
                    interval: None,
                    facts: vec![
                        Fact::Rows(leaf.rows.map(f64::from)),
                        Fact::Conversion(leaf.arms.map(|arm| arm.conversion)),
                        Fact::Expected(leaf.arms.map(|arm| arm.expected())),
                    ],
                };
                Some(Listing { tree: tree.tree.clone(), leaves: tree.leaves.iter().map(leaf).collect() })
            }
            Grown::Causal(forest) => {
                let tree = forest.trees.get(number)?;
                let leaf = |leaf: &crate::trees::CausalLeaf| LeafFacts {
                    rows: leaf.rows,
                    uplift: (leaf.rows > 0.0).then(|| leaf.averages.effect().0),
                    interval: None,
                    facts: Vec::new(),
                };
                Some(Listing { tree: tree.tree.clone(), leaves: tree.leaves.iter().map(leaf).collect() })
            }
            Grown::Boosted(model) => {
                let tree = model.trees.get(number)?;
                let leaf = |leaf: &crate::trees::BoostedLeaf| {
                    let step = |place: usize| leaf.step.map(|arm| arm[place]);
                    LeafFacts {
                        rows: leaf.rows,
                        uplift: None,
                        interval: None,
                        facts: vec![
                            Fact::Step("logit of conversion", step(0)),
                            Fact::Step("mean of log spend", step(1)),
                            Fact::Step("log of its SD", step(2)),
                        ],
                    }
                };
                Some(Listing { tree: tree.tree.clone(), leaves: tree.leaves.iter().map(leaf).collect() })
            }
            Grown::Uplift(tree) => (number == 0).then(|| Listing {
                tree: tree.tree.clone(),
                leaves: tree.leaves.iter().map(uplift_leaf).collect(),
            }),
        }
    }
}

fn uplift_leaf(leaf: &crate::trees::UpliftLeaf) -> LeafFacts {
    LeafFacts {
        rows: leaf.rows(),
        uplift: Some(leaf.uplift()),
        interval: leaf.interval(),
        facts: vec![
            Fact::Rows(leaf.arms.map(|arm| f64::from(arm.rows))),
            Fact::Conversion(leaf.arms.map(|arm| arm.conversion)),
            Fact::Expected(leaf.arms.map(|arm| arm.mean)),
        ],
    }
}
