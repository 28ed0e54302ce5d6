//! From drawings of plotters to SVG whose elements have classes, so that a chart follows the page: light, dark, print.
//!
//! plotters passes colours from a chart to the surface that it draws on, and nothing else. A chart here has no colours: what is
//! drawn is a `Style`, and plotters is given the number of the style as if it were a colour, as with an indexed palette. The
//! surface, `ClassedSvg`, reads the number and writes the style's class; the sheets `report.css` (a page, light and dark) and
//! `figure.css` (a figure that stands alone) give each class its colour and dash. No text that was drawn is read or replaced.

use plotters::style::text_anchor::{HPos, VPos};
use plotters::style::{Color, RGBAColor, RGBColor};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind,
    FontTransform,
};
use std::convert::Infallible;
use valor_base::escape::html::text as escape;

/// Height of a line in sizes of its letters, as plotters counts.
pub(crate) const LINE_HEIGHT: f64 = 1.24;
/// Series that a panel can tell apart.
pub const SERIES: usize = 4;
/// Reference lines that a panel can tell apart.
pub const REFERENCES: usize = 5;

/// What something in a chart is. The page's style sheet gives it a colour and a dash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Labels.
    Text,
    /// Axes.
    Axis,
    /// Grid lines.
    Grid,
    /// A zero line.
    Zero,
    /// A method, by its place in the panel, below `SERIES`.
    Series(usize),
    /// The band of a method, point by point.
    Band(usize),
    /// The wider band that holds a method's whole curve.
    Outer(usize),
    /// A run's training loss.
    Training,
    /// A run's loss on validation rows.
    Validation,
    /// A dot: what was observed.
    Dot,
    /// A short stroke: what was predicted.
    Mark,
    /// An interval around a dot.
    Span,
    /// The same upright.
    Interval,
    /// A dot of one seed.
    Seed,
    /// What is better, decidedly.
    Better,
    /// What is worse, decidedly.
    Worse,
    /// What is the same for all that matters.
    Same,
    /// What is not decided.
    Open,
    /// A ring: what something else is compared with.
    Ring,
    /// A reference line, by its place in the order of references, below `REFERENCES`.
    Reference(usize),
}

/// Styles without a place.
const FIXED: [Style; 16] = [
    Style::Text,
    Style::Axis,
    Style::Grid,
    Style::Zero,
    Style::Dot,
    Style::Mark,
    Style::Training,
    Style::Validation,
    Style::Span,
    Style::Interval,
    Style::Seed,
    Style::Better,
    Style::Worse,
    Style::Same,
    Style::Open,
    Style::Ring,
];

impl Style {
    /// How opaque it is, 0 to 1.
    fn opacity(self) -> f64 {
        match self {
            Self::Band(_) => 0.08,
            Self::Outer(_) => 0.04,
            Self::Text
            | Self::Axis
            | Self::Grid
            | Self::Zero
            | Self::Series(_)
            | Self::Training
            | Self::Validation
            | Self::Dot
            | Self::Mark
            | Self::Span
            | Self::Interval
            | Self::Seed
            | Self::Better
            | Self::Worse
            | Self::Same
            | Self::Open
            | Self::Ring
            | Self::Reference(_) => 1.0,
        }
    }

    /// The style's number as plotters hands it on: kind and place in green and blue, opacity in alpha.
    pub(crate) fn colour(self) -> RGBAColor {
        let fixed = FIXED.iter().position(|style| *style == self).unwrap_or_default();
        let (kind, place) = match self {
            Self::Series(place) => (1, place),
            Self::Band(place) => (2, place),
            Self::Reference(place) => (3, place),
            Self::Outer(place) => (4, place),
            Self::Text
            | Self::Axis
            | Self::Grid
            | Self::Zero
            | Self::Training
            | Self::Validation
            | Self::Dot
            | Self::Mark
            | Self::Span
            | Self::Interval
            | Self::Seed
            | Self::Better
            | Self::Worse
            | Self::Same
            | Self::Open
            | Self::Ring => (0, fixed),
        };
        RGBColor(0, kind, place as u8).mix(self.opacity())
    }

    /// The style of a number.
    fn numbered(colour: BackendColor) -> Option<Self> {
        let (_, kind, place) = colour.rgb;
        let place = usize::from(place);
        match kind {
            0 => FIXED.get(place).copied(),
            1 => Some(Self::Series(place)),
            2 => Some(Self::Band(place)),
            3 => Some(Self::Reference(place)),
            4 => Some(Self::Outer(place)),
            _ => None,
        }
    }

    /// Stroke width in half pixels.
    pub(crate) fn width(self) -> u32 {
        match self {
            Self::Series(_)
            | Self::Mark
            | Self::Span
            | Self::Interval
            | Self::Better
            | Self::Worse
            | Self::Same
            | Self::Open
            | Self::Ring => 4,
            Self::Reference(_) => 3,
            Self::Text
            | Self::Axis
            | Self::Grid
            | Self::Zero
            | Self::Band(_)
            | Self::Outer(_)
            | Self::Dot
            | Self::Seed
            | Self::Training
            | Self::Validation => 2,
        }
    }

    /// Name of the class.
    pub fn class(self) -> String {
        match self {
            Self::Text => "c-text".to_string(),
            Self::Axis => "c-axis".to_string(),
            Self::Grid => "c-grid".to_string(),
            Self::Zero => "c-zero".to_string(),
            Self::Training => "c-training".to_string(),
            Self::Validation => "c-validation".to_string(),
            Self::Dot => "c-dot".to_string(),
            Self::Mark => "c-mark".to_string(),
            Self::Span => "c-span".to_string(),
            Self::Interval => "c-interval".to_string(),
            Self::Seed => "c-seed".to_string(),
            Self::Better => "c-better".to_string(),
            Self::Worse => "c-worse".to_string(),
            Self::Same => "c-same".to_string(),
            Self::Open => "c-open".to_string(),
            Self::Ring => "c-ring".to_string(),
            Self::Series(index) => format!("c-s{index}"),
            Self::Band(index) => format!("c-b{index}"),
            Self::Outer(index) => format!("c-w{index}"),
            Self::Reference(index) => format!("c-r{index}"),
        }
    }

    /// Names of the classes that belong to a name in the legend: a method's curve brings its bands.
    pub fn draws(self) -> String {
        match self {
            Self::Series(index) => [self, Self::Band(index), Self::Outer(index)].map(Self::class).join(" "),
            _ => self.class(),
        }
    }
}

/// A surface that plotters draws on: elements of an SVG with a class for what they are.
pub(crate) struct ClassedSvg<'a> {
    size: (u32, u32),
    /// Elements, a line each.
    body: &'a mut String,
}

/// Drawing into a string cannot fail.
type Drawn = Result<(), DrawingErrorKind<Infallible>>;

impl<'a> ClassedSvg<'a> {
    /// An empty one of so many pixels.
    pub(crate) fn new(size: (u32, u32), body: &'a mut String) -> Self {
        Self { size, body }
    }

    /// Writes an element unless it is transparent; `before` and `after` are its attributes around opacity and class.
    fn put(&mut self, element: &str, before: &str, colour: BackendColor, after: &str) -> Drawn {
        if colour.alpha > 0.0 {
            self.body.push_str(&format!("<{element}{before}{}{after}/>\n", look(colour)));
        }
        Ok(())
    }
}

/// Opacity and class.
fn look(colour: BackendColor) -> String {
    let opacity = match colour.alpha {
        1.0 => String::new(),
        alpha => format!(" opacity=\"{alpha}\""),
    };
    let class = Style::numbered(colour).map(|style| format!(" class=\"{}\"", style.class()));
    opacity + &class.unwrap_or_default()
}

fn points(path: impl IntoIterator<Item = BackendCoord>) -> String {
    path.into_iter().map(|(x, y)| format!("{x},{y} ")).collect()
}

impl DrawingBackend for ClassedSvg<'_> {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        self.size
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        Ok(())
    }

    fn draw_pixel(&mut self, (x, y): BackendCoord, colour: BackendColor) -> Drawn {
        self.put("rect", &format!(" x=\"{x}\" y=\"{y}\" width=\"1\" height=\"1\""), colour, "")
    }

    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> Drawn {
        let ((x1, y1), (x2, y2), width) = (from, to, style.stroke_width());
        let after = format!(" stroke-width=\"{width}\" x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"");
        self.put("line", "", style.color(), &after)
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        (left, top): BackendCoord,
        (right, bottom): BackendCoord,
        style: &S,
        fill: bool,
    ) -> Drawn {
        let (width, height) = (right - left, bottom - top);
        let before = format!(" x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\"");
        self.put("rect", &before, style.color(), if fill { " stroke=\"none\"" } else { " fill=\"none\"" })
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Drawn {
        let after = format!(" stroke-width=\"{}\" points=\"{}\"", style.stroke_width(), points(path));
        self.put("polyline", " fill=\"none\"", style.color(), &after)
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Drawn {
        self.put("polygon", "", style.color(), &format!(" points=\"{}\"", points(path)))
    }

    fn draw_circle<S: BackendStyle>(
        &mut self,
        (x, y): BackendCoord,
        radius: u32,
        style: &S,
        fill: bool,
    ) -> Drawn {
        let before = format!(" cx=\"{x}\" cy=\"{y}\" r=\"{radius}\"");
        let none = if fill { "stroke" } else { "fill" };
        let after = format!(" {none}=\"none\" stroke-width=\"{}\"", style.stroke_width());
        self.put("circle", &before, style.color(), &after)
    }

    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, (x, y): BackendCoord) -> Drawn {
        let anchor = match style.anchor().h_pos {
            HPos::Left => "start",
            HPos::Right => "end",
            HPos::Center => "middle",
        };
        let down = match style.anchor().v_pos {
            VPos::Top => "0.76em",
            VPos::Center => "0.5ex",
            VPos::Bottom => "-0.5ex",
        };
        let turn = match style.transform() {
            FontTransform::None => String::new(),
            FontTransform::Rotate90 => format!(" transform=\"rotate(90, {x}, {y})\""),
            FontTransform::Rotate180 => format!(" transform=\"rotate(180, {x}, {y})\""),
            FontTransform::Rotate270 => format!(" transform=\"rotate(270, {x}, {y})\""),
        };
        // Sizes of plotters are heights of lines.
        let (size, look, text) = (style.size() / LINE_HEIGHT, look(style.color()), escape(text));
        self.body.push_str(&format!(
            "<text x=\"{x}\" y=\"{y}\" dy=\"{down}\" text-anchor=\"{anchor}\" font-size=\"{size}\"{look}{turn}>\n{text}\n</text>\n"
        ));
        Ok(())
    }
}

/// A drawing that is not yet on a page.
pub(crate) struct Drawing {
    /// Pixels of the drawing.
    pub(crate) size: (u32, u32),
    /// Accessible name.
    pub(crate) title: String,
    /// Accessible description.
    pub(crate) description: String,
    /// Attributes that the page's script reads values by.
    pub(crate) facts: String,
    /// Elements, a line each.
    pub(crate) body: String,
}

impl Drawing {
    /// The elements with the name of the drawing.
    pub(crate) fn named(&self) -> String {
        format!("<title>{}</title>\n{}", escape(&self.title), self.body)
    }

    /// As a page holds it, as large as there is room, named for those who cannot see it.
    pub(crate) fn on_page(&self) -> String {
        let ((width, height), facts) = (self.size, &self.facts);
        let (title, description) = (escape(&self.title), escape(&self.description));
        format!(
            "<svg class=\"chart\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{title}. {description}\"{facts}>{}</svg>\n",
            self.named()
        )
    }
}

/// Width and height of what a legend shows of a style, in units of the drawing.
pub(crate) const SWATCH: (u32, u32) = (136, 48);

/// What a legend shows of a style: a short line, or a dot.
pub fn swatch(style: Style) -> String {
    let ((width, height), shape) = (SWATCH, shape(style));
    format!("<svg class=\"swatch\" viewBox=\"0 0 {width} {height}\" aria-hidden=\"true\">{shape}</svg>")
}

/// The short line, or the dot.
pub(crate) fn shape(style: Style) -> String {
    let (class, width) = (style.class(), style.width() * 2);
    match style {
        Style::Dot | Style::Seed | Style::Better | Style::Worse | Style::Same | Style::Open | Style::Ring => {
            format!("<circle class=\"{class}\" cx=\"68\" cy=\"24\" r=\"14\"/>")
        }
        Style::Mark => format!(
            "<line class=\"{class}\" stroke-width=\"{width}\" x1=\"40\" y1=\"24\" x2=\"96\" y2=\"24\"/>"
        ),
        Style::Interval => format!(
            "<line class=\"{class}\" stroke-width=\"{width}\" x1=\"68\" y1=\"4\" x2=\"68\" y2=\"44\"/>"
        ),
        _ => format!(
            "<line class=\"{class}\" stroke-width=\"{width}\" x1=\"4\" y1=\"24\" x2=\"132\" y2=\"24\"/>"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plotters_backend::BackendStyle;

    #[test]
    fn every_style_is_found_again_by_its_number() {
        let placed =
            (0..SERIES).flat_map(|place| [Style::Series(place), Style::Band(place), Style::Outer(place)]);
        let styles = FIXED.into_iter().chain(placed).chain((0..REFERENCES).map(Style::Reference));
        let mut classes = Vec::new();
        for style in styles {
            assert_eq!(Style::numbered(BackendStyle::color(&style.colour())), Some(style));
            assert!(!classes.contains(&style.class()), "{style:?}");
            classes.push(style.class());
        }
    }
}
