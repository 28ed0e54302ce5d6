//! Every figure of the page as a file of its own: SVG with its title and legend, and the same as PNG.

use super::charts;
use super::metric_names::printed;
use anyhow::Result;
use valor_analysis::Analysis;
use valor_page::figure::Figure;
use valor_page::standalone::{Letters, standalone};
use valor_runs::store::{FIGURES, Folder};

/// Writes `NUMBER-DATASET-TITLE.svg` and `.png` into the folder's `figures/`, in the order of the page, and says how many figures.
///
/// # Errors
///
/// When the folder cannot be written.
pub(super) fn write_figures(analysis: &Analysis, folder: &Folder) -> Result<usize> {
    let letters = Letters::default();
    let mut count = 0;
    for (dataset, figure) in figures(analysis) {
        for panel in &figure.panels {
            count += 1;
            let text = standalone(&dataset, panel, &figure.legend)?;
            let name = format!("{FIGURES}/{count:03}-{}", slug(&format!("{dataset} {}", panel.panel.title)));
            folder.write(&format!("{name}.svg"), text.as_bytes())?;
            folder.write(&format!("{name}.png"), &letters.bitmap(&text)?)?;
        }
    }
    Ok(count)
}

/// All figures of the page with their dataset.
fn figures(analysis: &Analysis) -> Vec<(String, Figure)> {
    let leading = [charts::headline(analysis, printed), charts::forest(&analysis.contrasts)];
    let forest = leading.into_iter().flatten().map(|figure| (String::new(), figure));
    let effects =
        analysis.decision.metrics.iter().filter_map(|metric| charts::effects(&analysis.effects, metric));
    let mut found: Vec<(String, Figure)> =
        forest.chain(effects.map(|figure| (String::new(), figure))).collect();
    for block in &analysis.blocks {
        let primary = analysis.metrics.first();
        let seeds = primary.and_then(|metric| charts::seeds(&metric.name, &block.cells, &block.references));
        let quality = primary.and_then(|metric| charts::quality(metric, &block.costs(metric)));
        let learning = super::beside::learning_figures(analysis, block);
        let found_here = charts::curves(&block.curves).into_iter().chain(seeds).chain(learning).chain([
            charts::deciles(&block.deciles),
            charts::calibration(&block.deciles),
            charts::losses(&block.losses),
        ]);
        found.extend(found_here.chain(quality).map(|figure| (block.dataset.clone(), figure)));
    }
    found
}

/// Letters, digits and dashes.
fn slug(name: &str) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' };
    let plain: String = name.chars().map(plain).collect();
    let words: Vec<&str> = plain.split('-').filter(|word| !word.is_empty()).collect();
    words.join("-").chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;
    use valor_analysis::sample::Sample;

    #[test]
    fn every_figure_is_a_picture_with_title_and_legend() {
        let folder = tempfile::tempdir().unwrap();
        let analysis = Sample { datasets: vec!["<world> & \"1\""], ..Default::default() }.analysis();
        let report = Folder::new(folder.path()).unwrap();
        let count = write_figures(&analysis, &report).unwrap();
        report.publish().unwrap();
        // Headline, forest, two curves, seeds, learning of two backbones, three methods in deciles, calibration and losses, latency.
        assert_eq!(count, 1 + 1 + 2 + 1 + 2 + 3 * 3 + 1);
        let mut files: Vec<PathBuf> = std::fs::read_dir(folder.path().join(FIGURES))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        assert_eq!(files.len(), 2 * count);
        let read = |path: &PathBuf| std::fs::read(path).unwrap();
        for pair in files.chunks(2) {
            assert!(read(&pair[0]).starts_with(b"\x89PNG") && read(&pair[0]).len() > 3_000, "{pair:?}");
            let text = String::from_utf8(read(&pair[1])).unwrap();
            assert!(text.contains("font-weight=\"bold\">") && !text.contains("var(--"), "{pair:?}");
        }
        assert!(files[4].ends_with("003-world-1-uplift-curve.png"), "{files:?}");
        let curve = String::from_utf8(read(&files[5])).unwrap();
        assert!(curve.contains(">TARNet +ziln</text>") && curve.contains("&lt;world&gt; &amp;"));
    }
}
