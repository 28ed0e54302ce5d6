//! `valor fit`: trains one cell with one seed and keeps the model.

use super::DONE;
use super::common::{Chosen, provenance, tell_notes};
use super::output::Staged;
use super::progress::Bar;
use clap::Args;
use serde_json::json;
use std::io::Write;
use std::path::{Path, PathBuf};
use valor_base::error::choices;
use valor_base::escape::terminal::line as shown;
use valor_base::input_error;
use valor_learn::learner::device;
use valor_learn::model::Model;
use valor_runs::spec::{Cell, Experiment};
use valor_runs::trial::{self, Job, Place};

/// What to train and where to keep it.
#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    chosen: Chosen,
    /// The method, as the experiment's table calls it
    #[arg(long, value_name = "NAME")]
    method: String,
    /// The dataset; needed where the experiment has several
    #[arg(long, value_name = "NAME")]
    dataset: Option<String>,
    /// The seed, of the experiment or any other
    #[arg(long)]
    seed: u64,
    /// The model file to write: .safetensors
    #[arg(long, value_name = "MODEL")]
    out: PathBuf,
    /// auto, cpu, cuda, cuda:1
    #[arg(long, default_value = "auto")]
    device: String,
    /// Prints one JSON object
    #[arg(long)]
    json: bool,
}

/// Trains as `valor run` does and writes the model.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    let out = &arguments.out;
    check_ending(out)?;
    let experiment = arguments.chosen.load()?;
    let cell = cell(&experiment, arguments)?;
    let device = device::name(device::resolve(&arguments.device)?);
    // Tried before the training, so that no training is lost to a folder that cannot be written.
    drop(Staged::new(out)?);
    device::fix_threads();
    let place = Place { device, provenance: provenance(&experiment) };
    let job = Job::new(&experiment, cell, vec![arguments.seed], &place);
    let bar = Bar::new(&format!("{}, seed {}", arguments.method, arguments.seed));
    let model = trial::fit(&job, &mut |done, total| bar.show(done as f64 / total.max(1) as f64));
    bar.close();
    let model = model.map_err(|error| error.context(format!("{} is not written", out.display())))?;
    write(&model, out)?;
    tell_notes(&model)?;
    tell(&model, arguments)
}

fn check_ending(out: &Path) -> anyhow::Result<()> {
    if out.extension().is_some_and(|extension| extension == "safetensors") {
        return Ok(());
    }
    Err(input_error!("--out {}: allowed are files ending in .safetensors", out.display()))
}

/// The cell that is meant.
fn cell(experiment: &Experiment, arguments: &Arguments) -> anyhow::Result<Cell> {
    let datasets: Vec<&str> = experiment.datasets.iter().map(|dataset| dataset.name.as_str()).collect();
    let methods: Vec<&str> = experiment.methods.iter().map(|method| method.name.as_str()).collect();
    let dataset = match (&arguments.dataset, datasets.len()) {
        (Some(name), _) => find("--dataset", name, &datasets)?,
        (None, 1) => 0,
        (None, count) => {
            let path = experiment.path.display();
            let names = datasets.join(", ");
            return Err(input_error!("{path} has {count} datasets; choose one with --dataset: {names}"));
        }
    };
    Ok(Cell { dataset, method: find("--method", &arguments.method, &methods)? })
}

fn find(option: &str, name: &str, allowed: &[&str]) -> anyhow::Result<usize> {
    allowed.iter().position(|known| *known == name).ok_or_else(|| {
        input_error!("{option} '{name}' is not there{}", choices(name, "allowed are", allowed))
    })
}

fn write(model: &Model, out: &Path) -> anyhow::Result<()> {
    let bytes = model.to_bytes()?;
    let staged = Staged::new(out)?;
    staged.file().write_all(&bytes).map_err(|error| staged.refuse(error.into()))?;
    staged.publish()
}

fn tell(model: &Model, arguments: &Arguments) -> anyhow::Result<u8> {
    let about = &model.about;
    let parameters: usize = model.tensors.iter().map(|tensor| tensor.shape.iter().product::<usize>()).sum();
    if arguments.json {
        let found = json!({
            "id": about.id,
            "out": arguments.out,
            "method": arguments.method,
            "seed": arguments.seed,
            "status": about.status,
            "rows": about.rows,
            "features": about.features.len(),
            "inputs": about.columns.len(),
            "parameters": parameters,
        });
        println!("{found:#}");
    } else {
        let path = arguments.out.display();
        let (features, train) = (about.features.len(), about.rows.train);
        println!(
            "{path}: {}, seed {}, {features} columns, {parameters} parameters, {train} training rows, run {}",
            shown(&arguments.method),
            arguments.seed,
            about.id
        );
    }
    Ok(DONE)
}
