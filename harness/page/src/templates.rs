//! The page's templates, style and script, compiled in: the page itself, its sections, macros for all of them.

use anyhow::{Context as _, Result};
use serde::Serialize;
use tera::{Context, Tera};
use valor_base::escape::html;

/// The look of every page.
pub const STYLE: &str = include_str!("../../../reports/templates/report.css");

/// The look of a figure that stands alone: the page's light colours.
pub(crate) const FIGURE_STYLE: &str = include_str!("../../../reports/templates/figure.css");

/// What `STYLE` lacks for pages that explain trees.
pub const EXPLAIN_STYLE: &str = include_str!("../../../reports/templates/explain.css");

/// What makes it better where scripts run: sorting, hiding, values under the pointer.
pub const SCRIPT: &str = include_str!("../../../reports/templates/report.js");

/// A template of `reports/templates/` under its own name.
macro_rules! template {
    ($name:literal) => {
        ($name, include_str!(concat!("../../../reports/templates/", $name)))
    };
}

/// Macros first, then pages, then the sections of `report.html` in its order.
const TEMPLATES: &[(&str, &str)] = &[
    template!("macros.html"),
    template!("report.html"),
    template!("explain.html"),
    template!("index.html"),
    template!("headline.html"),
    template!("results.html"),
    template!("differences.html"),
    template!("components.html"),
    template!("paper.html"),
    template!("tuning.html"),
    template!("reading.html"),
    template!("curves.html"),
    template!("deciles.html"),
    template!("calibration.html"),
    template!("seeds.html"),
    template!("beside.html"),
    template!("learning.html"),
    template!("losses.html"),
    template!("importance.html"),
    template!("segments.html"),
    template!("failures.html"),
    template!("claims.html"),
    template!("cost.html"),
    template!("rerun.html"),
    template!("data.html"),
];

/// Fills a template with the fields of `content`; everything is escaped unless the template says `safe`.
///
/// # Errors
///
/// Internal: a template that asks for what `content` lacks.
pub fn fill(name: &str, content: &impl Serialize) -> Result<String> {
    let mut tera = Tera::default();
    tera.set_escape_fn(html::text);
    tera.add_raw_templates(TEMPLATES.iter().copied()).context("a template is broken")?;
    let context = Context::from_serialize(content).context("a page needs fields with names")?;
    tera.render(name, &context).with_context(|| format!("the template {name} is broken"))
}
