//! Every figure of the page as a file of its own: SVG with its title and legend, and the same as PNG.

use super::charts::{self, Figure, Plate, panel, svg};
use super::templates::FIGURE_STYLE;
use super::view::View;
use anyhow::{Context, Result, anyhow};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree};
use valor_base::escape::html;
use valor_runs::store::{FIGURES, Folder};

/// Letters of the pictures; a machine without fonts draws the same.
const FONT: &[u8] = include_bytes!("../../../../reports/fonts/DejaVuSans-subset.ttf");
/// Height of the title and of a line of the legend, in units of the drawing.
const LINE: usize = 84;
/// Size of letters, in units of the drawing.
const LETTERS: usize = 62;
/// Letters that a line of the legend has room for.
const ROOM: usize = 44;
/// Units of the drawing per pixel of the SVG's size.
const SCALE: usize = 4;

/// Writes `NUMBER-DATASET-TITLE.svg` and `.png` into the folder's `figures/`, in the order of the page, and says how many figures.
///
/// # Errors
///
/// When the folder cannot be written.
pub fn write_figures(view: &View, folder: &Folder) -> Result<usize> {
    let mut options = Options { font_family: "DejaVu Sans".to_string(), ..Options::default() };
    options.fontdb_mut().load_font_data(FONT.to_vec());
    let mut count = 0;
    for (dataset, plate) in plates(view) {
        for figure in &plate.figures {
            count += 1;
            let text = standalone(&dataset, figure, &plate.legend)?;
            let name = format!("{FIGURES}/{count:03}-{}", slug(&format!("{dataset} {}", figure.panel.title)));
            folder.write(&format!("{name}.svg"), text.as_bytes())?;
            folder.write(&format!("{name}.png"), &bitmap(&text, &options)?)?;
        }
    }
    Ok(count)
}

/// All plates of the page with their dataset.
fn plates(view: &View) -> Vec<(String, Plate)> {
    let forest = charts::forest(&view.contrasts).map(|plate| (String::new(), plate));
    let effects = view.decision.metrics.iter().filter_map(|metric| charts::effects(&view.effects, metric));
    let mut found: Vec<(String, Plate)> =
        forest.into_iter().chain(effects.map(|plate| (String::new(), plate))).collect();
    for block in &view.blocks {
        let primary = view.metrics.first();
        let seeds = primary.and_then(|metric| charts::seeds(&metric.name, &block.cells, &block.references));
        let quality =
            primary.and_then(|metric| charts::quality(&metric.name, metric.direction, &block.cells));
        let plates = charts::curves(&block.uplift, &block.qini).into_iter().chain(seeds).chain([
            charts::deciles(&block.deciles),
            charts::calibration(&block.deciles),
            charts::losses(&block.losses),
        ]);
        found.extend(plates.chain(quality).map(|plate| (block.dataset.clone(), plate)));
    }
    found
}

/// A figure with title, legend and its own style.
fn standalone(dataset: &str, figure: &Figure, legend: &[(svg::Style, String)]) -> Result<String> {
    let drawn = panel::draw(&figure.panel)?;
    let (opening, body) = drawn.split_once('>').context("a chart without an opening tag")?;
    let size = opening.split("viewBox=\"").nth(1).and_then(|rest| rest.split('"').next());
    let size: Vec<usize> = size.unwrap_or_default().split(' ').filter_map(|part| part.parse().ok()).collect();
    let [_, _, width, height] = size[..] else { return Err(anyhow!("a chart without a view box")) };
    let body = body.trim_end().trim_end_matches("</svg>");
    let (lines, rows) = legend_lines(legend, width, height + LINE);
    let total = height + LINE * (rows + 1) + LINE / 3;
    let title = if dataset.is_empty() {
        figure.panel.title.clone()
    } else {
        format!("{dataset}: {}", figure.panel.title)
    };
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{}\" viewBox=\"0 0 {width} {total}\"><style>{FIGURE_STYLE}</style><rect class=\"paper\" width=\"{width}\" height=\"{total}\"/><text class=\"title\" x=\"24\" y=\"{LETTERS}\" font-size=\"{LETTERS}\" font-weight=\"bold\">{}</text><g transform=\"translate(0 {LINE})\">{body}</g>{lines}</svg>\n",
        width / SCALE,
        total / SCALE,
        html::text(&title)
    ))
}

/// The legend from `top` down, as many names in a line as there is room for, and how many lines.
fn legend_lines(legend: &[(svg::Style, String)], width: usize, top: usize) -> (String, usize) {
    let mut text = String::new();
    let (mut row, mut used) = (0, 0);
    let room = ROOM * width / 1760;
    for (style, name) in legend {
        let letters = name.chars().count() + 6;
        if used > 0 && used + letters > room {
            (row, used) = (row + 1, 0);
        }
        let (x, y) = (24 + used * width / room.max(1), top + row * LINE);
        let swatch = svg::swatch(*style);
        let swatch = swatch.replacen(
            "<svg class=\"swatch\"",
            &format!("<svg x=\"{x}\" y=\"{}\" width=\"136\" height=\"48\"", y + 24),
            1,
        );
        let name = html::text(name);
        text += &format!(
            "{swatch}<text class=\"title\" x=\"{}\" y=\"{}\" font-size=\"50\">{name}</text>",
            x + 156,
            y + 66
        );
        used += letters;
    }
    (text, row + usize::from(!legend.is_empty()))
}

/// Two pixels for every pixel of the SVG's size.
fn bitmap(text: &str, options: &Options) -> Result<Vec<u8>> {
    let tree = Tree::from_str(text, options).context("a figure cannot be drawn as PNG")?;
    let size = tree.size();
    let (width, height) = ((size.width() * 2.0) as u32, (size.height() * 2.0) as u32);
    let mut pixels = Pixmap::new(width, height).context("a figure without a size")?;
    resvg::render(&tree, Transform::from_scale(2.0, 2.0), &mut pixels.as_mut());
    pixels.encode_png().context("a figure cannot be written as PNG")
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
    use crate::report::sample::Sample;
    use std::path::PathBuf;

    #[test]
    fn every_figure_is_a_picture_with_title_and_legend() {
        let folder = tempfile::tempdir().unwrap();
        let view = Sample { datasets: vec!["<world> & \"1\""], ..Default::default() }.view();
        let report = Folder::new(folder.path()).unwrap();
        let count = write_figures(&view, &report).unwrap();
        report.publish().unwrap();
        // Forest, two curves, seeds, three methods in deciles, calibration and losses, latency.
        assert_eq!(count, 1 + 2 + 1 + 3 * 3 + 1);
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
        assert!(files[2].ends_with("002-world-1-uplift-curve.png"), "{files:?}");
        let curve = String::from_utf8(read(&files[3])).unwrap();
        assert!(curve.contains(">TARNet +ziln</text>") && curve.contains("&lt;world&gt; &amp;"));
    }
}
