//! Figures: panels that share a legend, and how they stand on a page.

use crate::panel::{self, Panel};
use crate::svg::{self, Style};
use anyhow::Result;
use serde::Serialize;

/// Panels that share a legend.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Names of what is drawn.
    pub legend: Vec<(Style, String)>,
    /// Panels.
    pub panels: Vec<TitledPanel>,
}

/// A panel with its heading.
#[derive(Clone, Debug, PartialEq)]
pub struct TitledPanel {
    /// Above the panel.
    pub heading: String,
    /// What is drawn.
    pub panel: Panel,
    /// Under the panel.
    pub remark: String,
}

/// A figure as pages hold it: its panels drawn, its legend with a swatch for every name.
#[derive(Clone, Debug, Serialize)]
pub struct FigurePage {
    legend: Vec<LegendItem>,
    figures: Vec<PanelPage>,
}

/// How something is drawn, what it is, and the classes that it is drawn by.
#[derive(Clone, Debug, Serialize)]
struct LegendItem {
    swatch: String,
    name: String,
    draws: String,
}

#[derive(Clone, Debug, Serialize)]
struct PanelPage {
    heading: String,
    svg: String,
    remark: String,
}

impl Figure {
    /// Draws its panels.
    ///
    /// # Errors
    ///
    /// Internal: a panel that cannot be drawn.
    pub fn page(self) -> Result<FigurePage> {
        let panel = |one: TitledPanel| {
            Ok(PanelPage { heading: one.heading, svg: panel::draw(&one.panel)?, remark: one.remark })
        };
        Ok(FigurePage {
            legend: self.legend.into_iter().map(item).collect(),
            figures: self.panels.into_iter().map(panel).collect::<Result<_>>()?,
        })
    }
}

fn item((style, name): (Style, String)) -> LegendItem {
    LegendItem { swatch: svg::swatch(style), name, draws: style.draws() }
}
