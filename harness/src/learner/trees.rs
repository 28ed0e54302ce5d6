//! Trees and forests behind the door: no device, no epochs, the same numbers on any number of threads.

mod saved;

pub use saved::restore;

use super::{Context, Fitted, Predictions, Replicate, SavedModel, Scorer, Status, Task, TrainedSpec};
use crate::data::Matrix;
use crate::input_error;
use crate::seed::Seeds;
use crate::trees::{Rows, Said, ZilnForest, ZilnForestSpec};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Rows that one task handles.
const CHUNK: usize = 4096;

/// A method made of trees.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TreesSpec {
    /// Trees that part accounts by their zero-inflated log-normal uplift, averaged.
    ZilnForest(ZilnForestSpec),
}

impl TreesSpec {
    /// A name for people.
    pub fn slug(&self) -> String {
        match self {
            TreesSpec::ZilnForest(_) => "ziln-forest".to_string(),
        }
    }

    /// Checks the ranges.
    pub fn validate(&self) -> anyhow::Result<()> {
        match self {
            TreesSpec::ZilnForest(spec) => spec.validate(),
        }
    }
}

/// Refuses rows that trees cannot learn from.
pub fn check(spec: &TreesSpec, task: &Task) -> anyhow::Result<()> {
    match spec {
        TreesSpec::ZilnForest(_) => task.refuse_negative_outcomes(task.train, "a ziln-forest"),
    }
}

/// Grows one forest per seed.
pub fn fit(spec: &TreesSpec, task: &Task, seeds: &[u64], context: Context) -> anyhow::Result<Fitted> {
    check(spec, task)?;
    if task.train.is_empty() {
        return Err(input_error!("there are no training rows"));
    }
    let TreesSpec::ZilnForest(options) = spec;
    let rows = Rows {
        features: task.features,
        kinds: task.kinds,
        treatment: task.treatment,
        outcome: task.outcome,
        train: task.train,
    };
    let (mut replicates, mut first) = (Vec::new(), None);
    for (turn, &seed) in seeds.iter().enumerate() {
        let forest = ZilnForest::fit(options, &rows, &Seeds::new(seed).child("ziln-forest"));
        let forest = Forest { spec: options.clone(), inputs: task.features.columns, forest };
        replicates.push(Replicate {
            status: Status::Finished { epochs: 0, kept_epoch: 0 },
            epochs: Vec::new(),
            predictions: Some(
                forest.ask(task.test.len(), |place| task.features.row(task.test[place] as usize)),
            ),
            fitted: BTreeMap::new(),
        });
        first.get_or_insert(forest);
        (context.progress)(turn + 1, seeds.len());
    }
    let scorer = first.ok_or_else(|| anyhow::anyhow!("a forest without seeds"))?;
    Ok(Fitted { replicates, scorer: Box::new(scorer) })
}

/// A ziln-forest as a scorer.
struct Forest {
    spec: ZilnForestSpec,
    inputs: usize,
    forest: ZilnForest,
}

impl Forest {
    /// What the forest says of so many rows.
    fn ask<'r>(&self, rows: usize, row: impl Fn(usize) -> &'r [f32] + Sync) -> Predictions {
        let mut said = vec![Said::default(); rows];
        said.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, said)| {
            let places = chunk * CHUNK..;
            said.iter_mut().zip(places).for_each(|(said, place)| *said = self.forest.predict(row(place)));
        });
        let column = |value: fn(&Said) -> f64| said.iter().map(|said| value(said) as f32).collect();
        Predictions {
            uplift: column(Said::uplift),
            expected_control: column(|said| said.expected[0]),
            expected_treated: column(|said| said.expected[1]),
            conversion_control: Some(column(|said| said.conversion[0])),
            conversion_treated: Some(column(|said| said.conversion[1])),
        }
    }
}

impl Scorer for Forest {
    fn uplift(&self, rows: &Matrix) -> Vec<f32> {
        let rows = rows.values.chunks_exact(self.inputs.max(1));
        rows.map(|row| self.forest.predict(row).uplift() as f32).collect()
    }

    fn predictions(&self, rows: &Matrix) -> Predictions {
        self.ask(rows.rows, |row| rows.row(row))
    }

    fn converts(&self) -> bool {
        true
    }

    fn saved(&self) -> SavedModel {
        SavedModel {
            spec: TrainedSpec::Trees(TreesSpec::ZilnForest(self.spec.clone())),
            inputs: self.inputs,
            parameters: saved::parameters(&self.forest),
            maps: None,
        }
    }
}
