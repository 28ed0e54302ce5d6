//! Altered experiment files.

use crate::alter;
use crate::survive::{folder, survive};
use std::path::Path;

/// The shipped experiments.
fn shipped() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let whole = paths.iter().map(|path| std::fs::read(path).unwrap());
    // Those of a few thousand bytes are read quickest; claims repeat each other.
    whole
        .filter(|content| content.len() < 6000 && !content.windows(6).any(|piece| piece == b"[table"))
        .collect()
}

#[test]
fn altered_experiment_files_are_read_or_refused_by_name() {
    let folder = folder();
    let path = folder.path().join("altered.toml");
    let alter = |source: &[u8], others: &[Vec<u8>], stream: &mut _| {
        alter::text(&String::from_utf8_lossy(source), others, stream)
    };
    survive("altered.toml", &shipped(), alter, |content| {
        std::fs::write(&path, content)?;
        let experiment = valor_runs::spec::load(&path, None, &[])?;
        // What `plan` asks for each cell.
        for cell in experiment.cells().take(20) {
            let run = experiment.run(cell, 1);
            assert_eq!(run.id().len(), 16);
            assert!(!run.slug().contains('/'));
        }
        Ok(())
    });
}
