//! A panel as a file of its own: SVG with its title and legend, and the same as PNG.

use crate::figure::TitledPanel;
use crate::panel;
use crate::svg;
use crate::templates::FIGURE_STYLE;
use anyhow::{Context, Result};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree};
use valor_base::escape::html;

/// Letters of the pictures; a machine without fonts draws the same.
const FONT: &[u8] = include_bytes!("../../../reports/fonts/DejaVuSans-subset.ttf");
/// Height of the title and of a line of the legend, in units of the drawing.
const LINE: usize = 84;
/// Size of letters, in units of the drawing.
const LETTERS: usize = 62;
/// Letters that a line of the legend has room for.
const ROOM: usize = 44;
/// Units of the drawing per pixel of the SVG's size.
const SCALE: usize = 4;

/// A panel with title, legend and a style of its own.
///
/// # Errors
///
/// Internal: a panel that cannot be drawn.
pub fn standalone(dataset: &str, figure: &TitledPanel, legend: &[(svg::Style, String)]) -> Result<String> {
    let drawing = panel::drawing(&figure.panel)?;
    let (width, height) = (drawing.size.0 as usize, drawing.size.1 as usize);
    let body = drawing.named();
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
        let ((wide, high), shape) = (svg::SWATCH, svg::shape(*style));
        let swatch = format!(
            "<svg x=\"{x}\" y=\"{}\" width=\"{wide}\" height=\"{high}\" viewBox=\"0 0 {wide} {high}\" aria-hidden=\"true\">{shape}</svg>",
            y + 24
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

/// The letters of pictures, the same on every machine.
pub struct Letters(Options<'static>);

impl Default for Letters {
    fn default() -> Self {
        let mut options = Options { font_family: "DejaVu Sans".to_string(), ..Options::default() };
        options.fontdb_mut().load_font_data(FONT.to_vec());
        Self(options)
    }
}

impl Letters {
    /// An SVG as PNG: two pixels for every pixel of its size.
    ///
    /// # Errors
    ///
    /// Internal: an SVG that cannot be read.
    pub fn bitmap(&self, text: &str) -> Result<Vec<u8>> {
        let tree = Tree::from_str(text, &self.0).context("a figure cannot be drawn as PNG")?;
        let size = tree.size();
        let (width, height) = ((size.width() * 2.0) as u32, (size.height() * 2.0) as u32);
        let mut pixels = Pixmap::new(width, height).context("a figure without a size")?;
        resvg::render(&tree, Transform::from_scale(2.0, 2.0), &mut pixels.as_mut());
        pixels.encode_png().context("a figure cannot be written as PNG")
    }
}
