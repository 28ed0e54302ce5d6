//! Altered model files, also with a hash that is right again, so that what stands behind the hash is reached.

use crate::alter;
use crate::survive::{folder, survive};
use anyhow::Context;
use rand::Rng;
use std::fmt::Write;
use std::path::Path;
use valor_base::error::is_input;
use valor_data::table::Reading;
use valor_data::table::stream::Stream;
use valor_learn::learner::Device;
use valor_learn::model::Model;
use valor_runs::trial::{Job, Place};

const NAME: &str = "altered.safetensors";

const EXPERIMENT: &str = r#"
seeds = [1]
[[dataset]]
name = "rows"
table = { path = "rows.csv", treatment = "t", treated = [1], control = [0], outcome = "y", numeric = ["x", "z"], categorical = ["kind"] }
[training]
epochs = 1
batch = 64
[model]
trunk = [6]
heads = [4]
ziln-forest.trees = 3
causal-forest.trees = 4
ziln-gbdt.rounds = 6
unite.widths = [4]
efin.rank = 2
[[grid]]
backbones = ["tarnet", "cfr-wass", "dragonnet", "unite", "euen", "efin", "shared-index", "s-learner", "t-learner"]
components = [[], ["ziln"]]
[[method]]
backbone = "ziln-forest"
[[method]]
backbone = "causal-forest"
[[method]]
backbone = "ziln-gbdt"
[[method]]
backbone = "uplift-tree"
[[method]]
name = "VALOR"
backbone = "tarnet"
components = ["ziln", "focal", "gti", "wr"]
model.recalibration = "isotonic"
"#;

fn rows() -> String {
    let mut text = "x,z,kind,t,y\n".to_string();
    for row in 0..300 {
        let (x, kind) = (f64::from(row % 17) - 8.0, ["a", "b", "", "d"][row as usize % 4]);
        let (treated, spend) = (row % 2, if row % 3 == 0 { 0.0 } else { 1.0 + f64::from(row % 13) });
        let z = if row % 11 == 0 { String::new() } else { format!("{}", row % 29) };
        writeln!(text, "{x},{z},{kind},{treated},{spend}").unwrap();
    }
    text
}

/// One file of each kind of model.
fn models(folder: &Path) -> Vec<Vec<u8>> {
    std::fs::write(folder.join("rows.csv"), rows()).unwrap();
    std::fs::write(folder.join("models.toml"), EXPERIMENT).unwrap();
    let experiment = valor_runs::spec::load(&folder.join("models.toml"), None, &[]).unwrap();
    let place = Place { device: "cpu".into(), provenance: Default::default() };
    let cells: Vec<_> = experiment.cells().collect();
    let job = |cell| Job::new(&experiment, cell, vec![1], &place);
    let fit = |cell| valor_runs::trial::fit(&job(cell), &mut |_, _| {}).unwrap();
    cells.into_iter().map(|cell| fit(cell).to_bytes().unwrap()).collect()
}

/// Loads a model and scores rows with it, as `valor score` does.
fn read(folder: &Path, content: &[u8]) -> anyhow::Result<()> {
    let model = Model::from_bytes(NAME, content)?;
    let ready = model.ready(Device::Cpu);
    let ready = ready.map_err(|error| valor_base::input_error!("{NAME} is not a whole model: {error:#}"))?;
    let encoder = &model.about.encoder;
    let reading = Reading { dialect: model.about.dialect.clone(), ..Reading::default() };
    let stream = Stream::open(
        &folder.join("rows.csv"),
        reading,
        encoder.numeric().collect(),
        encoder.categorical().collect(),
    );
    // Names of columns are the model's own: rows without them are refused by the name of the rows.
    let mut stream = stream.context(NAME)?;
    if let Some(chunk) = stream.next_chunk().context(NAME)? {
        let scores = ready.score(&chunk.features).context(NAME)?;
        assert_eq!(scores.rows(), chunk.features.numeric.rows);
    }
    Ok(())
}

/// The header's length, the header, the tensors.
fn parts(content: &[u8]) -> Option<(serde_json::Value, &[u8])> {
    let length = u64::from_le_bytes(content.get(..8)?.try_into().ok()?) as usize;
    let header = serde_json::from_slice(content.get(8..8 + length)?).ok()?;
    Some((header, &content[8 + length..]))
}

/// A copy whose metadata or tensors are altered, under a hash that fits.
fn hashed_again(content: &[u8], stream: &mut valor_base::seed::Stream) -> Option<Vec<u8>> {
    let (mut header, data) = parts(content)?;
    let about: serde_json::Value = serde_json::from_str(header["__metadata__"]["valor"].as_str()?).ok()?;
    let (mut about, mut data) = (about, data.to_vec());
    if stream.random_bool(0.7) {
        about = alter::json(&about, stream);
    } else if !data.is_empty() {
        for _ in 0..stream.random_range(1..=8) {
            let place = stream.random_range(0..data.len());
            data[place] = *[0, 0x7f, 0x80, 0xff, stream.random()].get(stream.random_range(0..5)).unwrap();
        }
    }
    if stream.random_bool(0.1) {
        header = alter::json(&header, stream);
    }
    let about = about.to_string();
    let hash = blake3::Hasher::new().update(about.as_bytes()).update(&data).finalize().to_hex().to_string();
    let metadata = header.as_object_mut()?.get_mut("__metadata__")?.as_object_mut()?;
    metadata.insert("valor".into(), about.into());
    metadata.insert("blake3".into(), hash.into());
    let mut header = serde_json::to_vec(&header).ok()?;
    header.resize(header.len().next_multiple_of(8), b' ');
    Some([(header.len() as u64).to_le_bytes().as_slice(), &header, &data].concat())
}

#[test]
fn altered_models_are_read_or_refused_by_name() {
    tch::set_num_threads(1);
    let folder = folder();
    let models = models(folder.path());
    let alter = |source: &[u8], others: &[Vec<u8>], stream: &mut valor_base::seed::Stream| match stream
        .random_bool(0.8)
    {
        true => hashed_again(source, stream).unwrap_or_else(|| alter::bytes(source, others, stream)),
        false => alter::bytes(source, others, stream),
    };
    survive(NAME, &models, alter, |content| {
        let found = read(folder.path(), content);
        // A model may say anything of its columns; the rows are then refused by theirs.
        if let Err(error) = &found {
            assert!(is_input(error), "{error:#}");
        }
        found
    });
}
