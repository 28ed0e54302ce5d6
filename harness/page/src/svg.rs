//! From plotters' fixed colours to CSS classes, so that a chart follows the page: light, dark, print.

use plotters::style::{Color, RGBAColor, RGBColor};
use valor_base::escape::html::text as escape;

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
    /// A reference line, by its place in the order of references, below `REFERENCES`.
    Reference(usize),
}

impl Style {
    /// A colour that no chart means: it only carries the style through plotters.
    pub(super) fn colour(self) -> RGBAColor {
        let opacity = match self {
            Self::Band(_) => 0.08,
            Self::Outer(_) => 0.04,
            _ => 1.0,
        };
        let (kind, index) = self.code();
        RGBColor(1, kind, index).mix(opacity)
    }

    /// Stroke width in half pixels.
    pub(super) fn width(self) -> u32 {
        match self {
            Self::Series(_) | Self::Mark | Self::Span | Self::Interval => 4,
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

    fn code(self) -> (u8, u8) {
        match self {
            Self::Text => (0, 0),
            Self::Axis => (0, 1),
            Self::Grid => (0, 2),
            Self::Zero => (0, 3),
            Self::Dot => (0, 4),
            Self::Mark => (0, 5),
            Self::Training => (0, 6),
            Self::Validation => (0, 7),
            Self::Span => (0, 8),
            Self::Interval => (0, 9),
            Self::Seed => (0, 10),
            Self::Series(index) => (1, index as u8),
            Self::Band(index) => (2, index as u8),
            Self::Reference(index) => (3, index as u8),
            Self::Outer(index) => (4, index as u8),
        }
    }

    fn all() -> impl Iterator<Item = Self> {
        let fixed = [
            Self::Text,
            Self::Axis,
            Self::Grid,
            Self::Zero,
            Self::Dot,
            Self::Mark,
            Self::Training,
            Self::Validation,
            Self::Span,
            Self::Interval,
            Self::Seed,
        ];
        let series =
            (0..SERIES).flat_map(|index| [Self::Series(index), Self::Band(index), Self::Outer(index)]);
        fixed.into_iter().chain(series).chain((0..REFERENCES).map(Self::Reference))
    }
}

/// Replaces colours by classes, the fixed size by the view box, and names the chart for those who cannot see it.
/// `facts` are attributes that the page's script reads values by.
pub(super) fn themed(drawn: &str, title: &str, description: &str, facts: &str) -> String {
    let mut text = drawn.replace(" opacity=\"1\"", "").replace(" font-family=\"sans-serif\"", "");
    for style in Style::all() {
        let (kind, index) = style.code();
        let colour = format!("\"#01{kind:02X}{index:02X}\"");
        let class = format!("class=\"{}\"", style.class());
        text = text.replace(&format!("stroke={colour}"), &class).replace(&format!("fill={colour}"), &class);
    }
    let body = text.split_once('>').map(|(_, body)| body).unwrap_or_default();
    let view_box =
        drawn.split("viewBox=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
    let (title, description) = (escape(title), escape(description));
    format!(
        "<svg class=\"chart\" viewBox=\"{view_box}\" role=\"img\" aria-label=\"{title}. {description}\"{facts}><title>{title}</title>{body}"
    )
}

/// What a legend shows of a style: a short line, or a dot.
pub fn swatch(style: Style) -> String {
    let (class, width) = (style.class(), style.width() * 2);
    let shape = match style {
        Style::Dot | Style::Seed => format!("<circle class=\"{class}\" cx=\"68\" cy=\"24\" r=\"14\"/>"),
        Style::Mark => format!(
            "<line class=\"{class}\" stroke-width=\"{width}\" x1=\"40\" y1=\"24\" x2=\"96\" y2=\"24\"/>"
        ),
        Style::Interval => format!(
            "<line class=\"{class}\" stroke-width=\"{width}\" x1=\"68\" y1=\"4\" x2=\"68\" y2=\"44\"/>"
        ),
        _ => format!(
            "<line class=\"{class}\" stroke-width=\"{width}\" x1=\"4\" y1=\"24\" x2=\"132\" y2=\"24\"/>"
        ),
    };
    format!("<svg class=\"swatch\" viewBox=\"0 0 136 48\" aria-hidden=\"true\">{shape}</svg>")
}
