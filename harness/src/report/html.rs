//! index.html: one self-contained page that needs neither network nor JavaScript.

use super::charts::{self, Figure, panel, svg};
use super::format;
use super::table::{Table, TableBlock};
use super::view::cell::CellView;
use super::view::{Block, TestRows, View};
use anyhow::{Context as _, Result};
use serde::Serialize;
use tera::{Context, Tera};

const TEMPLATE: &str = include_str!("../../../reports/templates/report.html");
const STYLE: &str = include_str!("../../../reports/templates/report.css");

/// The page.
pub fn render(view: &View, table: &Table) -> Result<String> {
    let mut tera = Tera::default();
    tera.add_raw_template("report.html", TEMPLATE).context("the report's template is broken")?;
    let blocks = view.blocks.iter().zip(&table.blocks).map(|(block, rows)| block_page(block, rows));
    let mut context = Context::new();
    context.insert("style", STYLE);
    context.insert("experiment", &view.experiment);
    context.insert("profile", &view.profile);
    context.insert("caption", &view.caption);
    context.insert("question", &paragraphs(&view.question));
    context.insert("baseline", &view.baseline);
    context.insert("seeds", &view.seeds);
    context.insert("table", table);
    context.insert("blocks", &blocks.collect::<Result<Vec<_>>>()?);
    context.insert("metrics", &view.metrics);
    context.insert("failures", &view.failures);
    context.insert("missing", &missing(view));
    context.insert("claims", &view.claims);
    context.insert("machine", &view.machine);
    context.insert(
        "has_truth",
        &view.blocks.iter().any(|block| block.references.iter().any(|row| row.ranker == "oracle")),
    );
    tera.render("report.html", &context).context("the report's template is broken")
}

#[derive(Serialize)]
struct BlockPage<'a> {
    id: String,
    dataset: &'a str,
    facts: Vec<String>,
    notes: &'a [String],
    table: &'a TableBlock,
    curves: Vec<FigurePage>,
    deciles: Vec<FigurePage>,
    losses: Vec<FigurePage>,
    times: Vec<TimesRow<'a>>,
}

#[derive(Serialize)]
struct FigurePage {
    heading: String,
    svg: String,
    legend: Vec<(String, String)>,
    remark: String,
}

#[derive(Serialize)]
struct TimesRow<'a> {
    method: &'a str,
    train: String,
    single: String,
    batched: String,
    memory: String,
    devices: String,
}

fn block_page<'a>(block: &'a Block, table: &'a TableBlock) -> Result<BlockPage<'a>> {
    let figures = |figures: Vec<Figure>| figures.into_iter().map(figure).collect::<Result<Vec<_>>>();
    let uplift = charts::curves("Uplift curve", "share of the total effect", &block.uplift);
    let qini = charts::curves("Qini curve", "share of the total effect", &block.qini);
    Ok(BlockPage {
        id: table_id(&block.dataset),
        dataset: &block.dataset,
        facts: facts(block),
        notes: &block.notes,
        table,
        curves: figures(interleave(uplift, qini))?,
        deciles: figures(charts::deciles(&block.deciles))?,
        losses: figures(charts::losses(&block.losses))?,
        times: block.cells.iter().filter_map(times).collect(),
    })
}

/// The uplift panel of a group beside its Qini panel.
fn interleave(first: Vec<Figure>, second: Vec<Figure>) -> Vec<Figure> {
    let mut second = second.into_iter();
    first.into_iter().flat_map(|figure| [Some(figure), second.next()]).flatten().collect()
}

fn figure(figure: Figure) -> Result<FigurePage> {
    Ok(FigurePage {
        heading: figure.heading,
        svg: panel::draw(&figure.panel)?,
        legend: figure.legend.into_iter().map(|(style, name)| (svg::swatch(style), name)).collect(),
        remark: figure.remark,
    })
}

/// An anchor: letters and digits of the name, so that markup in names cannot reach it.
fn table_id(name: &str) -> String {
    name.chars().map(|character| if character.is_ascii_alphanumeric() { character } else { '-' }).collect()
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
    let effects =
        [("observed average effect", test.observed_effect), ("true average effect", test.true_effect)];
    let number = |value: f64| format::number(value, format::decimals([value])).replace('-', "\u{2212}");
    facts.extend(effects.iter().filter_map(|(what, effect)| Some(format!("{what} {}", number((*effect)?)))));
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
