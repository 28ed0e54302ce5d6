//! index.html: one self-contained page that needs no network, and no JavaScript to be read.

use super::averages;
use super::charts::{self, Figure, Plate, panel, svg, svg::Style};
use super::claims::{self, ClaimText};
use super::differences::{Differences, PRIMARY};
use super::failures::{COLUMNS, FailureRow};
use super::format;
use super::importance::ImportancePage;
use super::paper::PaperText;
use super::table::{Table, TableBlock};
use super::templates::{self, SCRIPT, STYLE};
use super::tuning::{REMARK, TuningText};
use super::view::cell::CellView;
use super::view::{Block, TestRows, View};
use anyhow::Result;
use serde::Serialize;
use tera::Context;

/// The page.
pub fn render(view: &View, table: &Table, differences: &Differences) -> Result<String> {
    let blocks = view.blocks.iter().zip(&table.blocks).map(|(block, rows)| block_page(view, block, rows));
    let mut context = Context::new();
    context.insert("style", STYLE);
    context.insert("script", SCRIPT);
    context.insert("experiment", &view.experiment);
    context.insert("profile", &view.profile);
    context.insert("caption", &view.caption);
    context.insert("question", &paragraphs(&view.question));
    context.insert("baseline", &view.baseline);
    context.insert("seeds", &view.seeds);
    context.insert("table", table);
    context.insert("blocks", &blocks.collect::<Result<Vec<_>>>()?);
    context.insert("averages", &averages::table(view));
    context.insert("differences", differences);
    context.insert("primary", &PRIMARY);
    context.insert("forest", &charts::forest(&view.contrasts).map(plate).transpose()?);
    context.insert("paper", &PaperText::new(view));
    context.insert("metrics", &view.metrics);
    context.insert("failures", &FailureRow::all(view));
    context.insert("failure_columns", &COLUMNS);
    context.insert("missing", &missing(view));
    context.insert("claims", &ClaimText::all(view));
    context.insert("family", &claims::family(view));
    context.insert("components", &[claims::left_out(view), claims::effects(view)].concat());
    context.insert("effects", &effects(view)?);
    context.insert("machine", &view.machine);
    context.insert("tuning", &TuningText::new(view));
    context.insert("nothing", &view.is_of_nothing());
    context.insert("tuning_remark", REMARK);
    context.insert("importance", &ImportancePage::all(view)?);
    let own_splits = |block: &Block| block.test.is_some_and(|test| test.splits > 1);
    context.insert("own_splits", &view.blocks.iter().any(own_splits));
    context.insert(
        "has_truth",
        &view.blocks.iter().any(|block| block.references.iter().any(|row| row.ranker == "oracle")),
    );
    templates::fill("report.html", &context)
}

/// Effects of components in the primary metrics.
fn effects(view: &View) -> Result<Vec<PlatePage>> {
    let plates = view.primary.iter().filter_map(|metric| charts::effects(&view.effects, metric));
    plates.map(plate).collect()
}

#[derive(Serialize)]
struct BlockPage<'a> {
    dataset: &'a str,
    facts: Vec<String>,
    notes: &'a [String],
    table: &'a TableBlock,
    curves: Vec<PlatePage>,
    deciles: PlatePage,
    calibration: PlatePage,
    losses: PlatePage,
    seeds: Option<PlatePage>,
    quality: Option<PlatePage>,
    times: Vec<TimesRow<'a>>,
}

/// Panels with their legend.
#[derive(Serialize)]
pub struct PlatePage {
    legend: Vec<LegendItem>,
    figures: Vec<FigurePage>,
}

/// How something is drawn, what it is, and the classes that it is drawn by.
#[derive(Serialize)]
struct LegendItem {
    swatch: String,
    name: String,
    draws: String,
}

#[derive(Serialize)]
struct FigurePage {
    heading: String,
    svg: String,
    remark: String,
}

#[derive(Serialize)]
struct TimesRow<'a> {
    method: &'a str,
    train: String,
    train_seconds: f64,
    single: String,
    batched: String,
    memory: String,
    devices: String,
}

fn block_page<'a>(view: &View, block: &'a Block, table: &'a TableBlock) -> Result<BlockPage<'a>> {
    let primary = view.metrics.first();
    let seeds = primary.and_then(|metric| charts::seeds(&metric.name, &block.cells, &block.references));
    let quality = primary.and_then(|metric| charts::quality(&metric.name, metric.direction, &block.cells));
    let curves = charts::curves(&block.uplift, &block.qini);
    Ok(BlockPage {
        dataset: &block.dataset,
        facts: facts(block),
        notes: &block.notes,
        table,
        curves: curves.into_iter().map(plate).collect::<Result<_>>()?,
        deciles: plate(charts::deciles(&block.deciles))?,
        calibration: plate(charts::calibration(&block.deciles))?,
        losses: plate(charts::losses(&block.losses))?,
        seeds: seeds.map(plate).transpose()?,
        quality: quality.map(plate).transpose()?,
        times: block.cells.iter().filter_map(times).collect(),
    })
}

/// Draws the panels of a plate.
pub fn plate(plate: Plate) -> Result<PlatePage> {
    let figure = |figure: Figure| {
        Ok(FigurePage { heading: figure.heading, svg: panel::draw(&figure.panel)?, remark: figure.remark })
    };
    Ok(PlatePage {
        legend: plate.legend.into_iter().map(item).collect(),
        figures: plate.figures.into_iter().map(figure).collect::<Result<_>>()?,
    })
}

fn item((style, name): (Style, String)) -> LegendItem {
    LegendItem { swatch: svg::swatch(style), name, draws: style.draws() }
}

fn facts(block: &Block) -> Vec<String> {
    let mut facts = Vec::new();
    if let Some(rows) = block.rows {
        facts.push(format!("{} training rows", format::count(rows.train)));
        if rows.validation > 0 {
            facts.push(format!("{} validation rows", format::count(rows.validation)));
        }
        facts.push(format!("{} test rows", format::count(rows.test)));
    }
    facts.extend(block.test.iter().flat_map(test_facts));
    facts
}

fn test_facts(test: &TestRows) -> Vec<String> {
    let mut facts = vec![
        format!("{:.1} % treated", 100.0 * test.treated as f64 / test.rows.max(1) as f64),
        format!("{:.1} % zero outcomes", 100.0 * test.zeros),
    ];
    let number = |value: f64| format::number(value, format::decimals([value])).replace('-', "\u{2212}");
    facts.extend(test.true_effect.map(|effect| format!("true average effect {}", number(effect))));
    if test.splits > 1 {
        facts.push(format!("{} splits, one per seed; figures of the first", test.splits));
    }
    facts
}

fn times(cell: &CellView) -> Option<TimesRow<'_>> {
    let times = cell.times.as_ref()?;
    let milliseconds = |value: f64| format::number(value, format::decimals([value]).min(5));
    let single = times.single_median_ms.zip(times.single_p95_ms);
    Some(TimesRow {
        method: &cell.method,
        train: format::duration(times.train_seconds),
        train_seconds: times.train_seconds,
        single: single
            .map(|(median, p95)| format!("{} ({})", milliseconds(median), milliseconds(p95)))
            .unwrap_or_default(),
        batched: times.batched_ms.map(milliseconds).unwrap_or_default(),
        memory: format!("{:.0} MiB", times.peak_memory_bytes as f64 / 1024.0 / 1024.0),
        devices: times.devices.join(", "),
    })
}

/// Cells with runs of which nothing is known: dataset, method, how many.
fn missing(view: &View) -> Vec<(String, String, usize)> {
    let cells = view.blocks.iter().flat_map(|block| &block.cells);
    cells
        .map(|cell| {
            let missing = cell.seeds.asked.saturating_sub(cell.seeds.found + cell.seeds.failed);
            (cell.dataset.clone(), cell.method.clone(), missing)
        })
        .filter(|(_, _, missing)| *missing > 0)
        .collect()
}

fn paragraphs(text: &str) -> Vec<&str> {
    text.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty()).collect()
}
