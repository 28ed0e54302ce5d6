//! Laws of purchases behind the door: learned from features alone, no device, no epochs, no seeds.

use super::{
    Context, Fitted, Parameter, Replicate, SavedModel, Scorer, SplitGains, Status, Task, TrainedSpec, Values,
};
use crate::evaluation::Predictions;
use crate::purchases::{Age, BgNbd, BgNbdSpec, Flaw, GammaGamma, History, Layout, Told};
use anyhow::{Context as _, ensure};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use valor_base::error::did_you_mean;
use valor_base::input_error;
use valor_base::question::{Arms, Question};
use valor_data::Matrix;
use valor_data::encode::ColumnKind;

/// Rows that one task handles.
const CHUNK: usize = 4096;
/// Tensors: places of the columns, parameters.
const COLUMNS: &str = "columns";
const LAW: &str = "law";
/// Names of the parameters, in their order.
const PARAMETERS: [&str; 7] = ["r", "alpha", "a", "b", "p", "q", "gamma"];

/// A law of purchases.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PurchasesSpec {
    /// BG/NBD for when, Gamma-Gamma for how much.
    BgNbd(BgNbdSpec),
}

impl PurchasesSpec {
    /// A name for people.
    pub fn slug(&self) -> String {
        match self {
            PurchasesSpec::BgNbd(_) => "bg-nbd".to_string(),
        }
    }

    /// Checks the ranges.
    pub fn validate(&self) -> anyhow::Result<()> {
        match self {
            PurchasesSpec::BgNbd(spec) => spec.validate(),
        }
    }

    /// How the law answers: what a model file tells its readers.
    pub fn steps(&self) -> PurchaseSteps {
        let PurchasesSpec::BgNbd(spec) = self;
        PurchaseSteps {
            columns: spec.columns().into_iter().map(|(key, _)| key).collect(),
            layout: spec.layout,
            age: match spec.age {
                Age::Fixed(age) => Some(age),
                Age::Column(_) => None,
            },
            horizon: spec.horizon,
            law: PARAMETERS,
        }
    }
}

/// What the numbers of the tensors are: docs/reference/models.md, Laws of purchases, says how they become an answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PurchaseSteps {
    /// What the places in the tensor `columns` hold.
    columns: Vec<&'static str>,
    /// What these columns say.
    layout: Layout,
    /// The age of all customers, where no column has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    age: Option<f64>,
    horizon: f64,
    /// Names of the numbers in the tensor `law`.
    law: [&'static str; 7],
}

/// Refuses rows without the columns. Looks at no features.
pub(super) fn check(spec: &PurchasesSpec, task: &Task) -> anyhow::Result<()> {
    let PurchasesSpec::BgNbd(spec) = spec;
    spec.validate().map_err(|error| input_error!("model.{error:#}"))?;
    if task.train.is_empty() {
        return Err(input_error!("there are no training rows"));
    }
    places(spec, task.columns).map(drop)
}

/// Where the columns stand, in the order of [`BgNbdSpec::columns`].
fn places(spec: &BgNbdSpec, names: &[String]) -> anyhow::Result<Vec<usize>> {
    let place = |(key, wanted): (&str, &str)| {
        names.iter().position(|name| name == wanted).ok_or_else(|| {
            let (hint, shown) = (did_you_mean(wanted, names.iter().map(String::as_str)), valor_base::error::shown(wanted));
            let age = if key == "age" { ", or the same age for all as a number" } else { "" };
            input_error!(
                "bg-nbd learns from the columns of purchases: '{shown}' (model.bg-nbd.{key}) is not among the rows' features{hint}; list it \
                 under 'numeric', or name another{age}"
            )
        })
    };
    spec.columns().into_iter().map(place).collect()
}

/// The law of the training rows' features, once for all seeds: nothing is drawn, and labels are not looked at.
pub(super) fn fit(
    spec: &PurchasesSpec,
    task: &Task,
    seeds: &[u64],
    context: Context,
) -> anyhow::Result<Fitted> {
    check(spec, task)?;
    let PurchasesSpec::BgNbd(options) = spec;
    let columns = places(options, task.columns)?;
    for (&place, (key, name)) in columns.iter().zip(options.columns()) {
        if let Some(ColumnKind::Levels(_)) = task.kinds.get(place) {
            let name = valor_base::error::shown(name);
            return Err(input_error!(
                "model.bg-nbd.{key}: the column '{name}' is categorical; allowed are numeric ones"
            ));
        }
    }
    let reader = Reader { spec: options.clone(), columns };
    let histories = |rows: &[u32]| -> anyhow::Result<Vec<History>> {
        let history = |&row: &u32| {
            let told = reader.told(task.features.row(row as usize));
            History::new(&told, options.layout).map_err(|flaw| reader.refuse(task.number(row), &flaw))
        };
        rows.iter().map(history).collect()
    };
    let learned = histories(task.train)?;
    histories(task.validation)?;
    histories(task.test)?;
    let (orders, amounts) = (BgNbd::fit(&learned)?, GammaGamma::fit(&learned)?);
    let customers = Customers { spec: spec.clone(), inputs: task.features.columns, reader, orders, amounts };
    let predictions = customers.ask(task.test.len(), |place| task.features.row(task.test[place] as usize));
    let fitted =
        PARAMETERS.iter().zip(customers.law()).map(|(name, value)| (format!("bg-nbd {name}"), value));
    let replicate = Replicate {
        status: Status::Finished { epochs: 0, kept_epoch: 0 },
        epochs: Vec::new(),
        predictions: Some(predictions),
        fitted: fitted.collect::<BTreeMap<String, f64>>(),
    };
    (context.progress)(seeds.len(), seeds.len());
    Ok(Fitted { replicates: vec![replicate; seeds.len()], scorer: Box::new(customers) })
}

/// A saved law as a scorer.
///
/// # Errors
///
/// Where a tensor is absent, of another length or type, or holds what no law has.
pub(super) fn restore(spec: &PurchasesSpec, saved: &SavedModel) -> anyhow::Result<Box<dyn Scorer>> {
    spec.validate()?;
    let plain = saved.outcome_scale == 1.0 && saved.maps.is_none() && saved.buckets.is_none();
    ensure!(plain, "a law of purchases has neither 'outcome_scale' nor 'recalibration' nor 'buckets'");
    let PurchasesSpec::BgNbd(options) = spec;
    let double = |name: &str, count: usize| {
        let found = saved.parameters.iter().find(|parameter| parameter.name == name);
        match &found.with_context(|| format!("the tensor '{name}' is missing"))?.values {
            Values::Double(values) if values.len() == count => Ok(values.clone()),
            Values::Double(values) => {
                anyhow::bail!("the tensor '{name}' has {count} numbers; found {}", values.len())
            }
            Values::Single(_) => {
                anyhow::bail!("the tensor '{name}' is of single precision; allowed is double")
            }
        }
    };
    let place = |place: f64| {
        let whole = place >= 0.0 && place.fract() == 0.0 && place < saved.inputs.columns as f64;
        ensure!(whole, "the tensor 'columns' names {place}, a column that is not there");
        Ok(place as usize)
    };
    let columns = double(COLUMNS, options.columns().len())?;
    let columns = columns.into_iter().map(place).collect::<anyhow::Result<Vec<usize>>>()?;
    let law = double(LAW, PARAMETERS.len())?;
    let wrong = law.iter().position(|value| !(*value > 0.0 && value.is_finite()));
    ensure!(wrong.is_none() && law[5] > 1.0, "the tensor 'law' is none: {law:?}");
    let orders = BgNbd { r: law[0], alpha: law[1], a: law[2], b: law[3] };
    let amounts = GammaGamma { p: law[4], q: law[5], gamma: law[6] };
    let reader = Reader { spec: options.clone(), columns };
    Ok(Box::new(Customers { spec: spec.clone(), inputs: saved.inputs.columns, reader, orders, amounts }))
}

/// Reads histories from encoded rows.
struct Reader {
    spec: BgNbdSpec,
    columns: Vec<usize>,
}

impl Reader {
    fn told(&self, row: &[f32]) -> Told {
        let mut told = Told { frequency: 0.0, recency: 0.0, age: 0.0, spend: 0.0, first_spend: 0.0 };
        if let Age::Fixed(age) = self.spec.age {
            told.age = age;
        }
        for ((key, _), &place) in self.spec.columns().iter().zip(&self.columns) {
            let value = f64::from(row[place]);
            match *key {
                "frequency" => told.frequency = value,
                "recency" => told.recency = value,
                "age" => told.age = value,
                "spend" => told.spend = value,
                _ => told.first_spend = value,
            }
        }
        told
    }

    fn refuse(&self, row: u64, Flaw { key, found, allowed }: &Flaw) -> anyhow::Error {
        let columns = self.spec.columns();
        let name = columns.iter().find(|(known, _)| known == key).map_or(*key, |(_, name)| name);
        let name = valor_base::error::shown(name);
        let found = if found.is_nan() { "nothing".to_string() } else { found.to_string() };
        input_error!("row {row}, column '{name}': found {found} as bg-nbd's {key}; allowed are {allowed}")
    }
}

/// A law as a scorer.
struct Customers {
    spec: PurchasesSpec,
    inputs: usize,
    reader: Reader,
    orders: BgNbd,
    amounts: GammaGamma,
}

impl Customers {
    fn law(&self) -> [f64; 7] {
        let (BgNbd { r, alpha, a, b }, GammaGamma { p, q, gamma }) = (self.orders, self.amounts);
        [r, alpha, a, b, p, q, gamma]
    }

    /// Value and conversion of so many rows.
    fn ask<'r>(&self, rows: usize, row: impl Fn(usize) -> &'r [f32] + Sync) -> Predictions {
        let (layout, horizon) = (self.reader.spec.layout, self.reader.spec.horizon);
        let answer = |place: usize| {
            let history = History::nearest(&self.reader.told(row(place)), layout);
            let value = self.orders.purchases(&history, horizon) * self.amounts.mean(&history);
            (value as f32, self.orders.buys(&history, horizon) as f32)
        };
        let (value, conversion): (Vec<f32>, Vec<f32>) =
            (0..rows).into_par_iter().with_min_len(CHUNK).map(answer).unzip();
        Predictions::new(Arms::One(value), Some(Arms::One(conversion)))
    }
}

impl Scorer for Customers {
    fn score(&self, rows: &Matrix) -> Vec<f32> {
        self.predictions(rows).score
    }

    fn predictions(&self, rows: &Matrix) -> Predictions {
        self.ask(rows.rows, |row| rows.row(row))
    }

    fn question(&self) -> Question {
        Question::Value
    }

    fn converts(&self) -> bool {
        true
    }

    fn gains(&self) -> Option<SplitGains> {
        None
    }

    fn saved(&self) -> SavedModel {
        let numbers = |name: &str, values: Vec<f64>| Parameter {
            name: name.to_string(),
            shape: vec![values.len()],
            values: Values::Double(values),
        };
        let columns = self.reader.columns.iter().map(|&place| place as f64).collect();
        SavedModel {
            spec: TrainedSpec::Purchases(self.spec.clone()),
            inputs: (self.inputs as i64).into(),
            parameters: vec![numbers(COLUMNS, columns), numbers(LAW, self.law().to_vec())],
            maps: None,
            buckets: None,
            outcome_scale: 1.0,
        }
    }
}
