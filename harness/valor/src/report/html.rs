//! index.html: one self-contained page that needs no network, and no JavaScript to be read.

use super::averages;
use super::beside::{self, BesideText};
use super::charts;
use super::claims::{self, ClaimGroup, TextTable};
use super::differences::{Differences, PRIMARY};
use super::failures::{COLUMNS, FailureRow};
use super::headline::HeadlineText;
use super::importance::ImportancePage;
use super::metric_names::printed;
use super::paper::PaperText;
use super::segments::SegmentPage;
use super::table::{Table, TableBlock};
use super::tuning::{REMARK, TuningText};
use anyhow::Result;
use serde::Serialize;
use valor_analysis::block::TestRows;
use valor_analysis::cell::CellView;
use valor_analysis::machine::Machine;
use valor_analysis::{Analysis, Block, MetricView};
use valor_base::question::Question;
use valor_page::figure::{Figure, FigurePage};
use valor_page::format;
use valor_page::templates::{self, SCRIPT, STYLE};

/// What `report.html` and its sections ask for, by name.
#[derive(Serialize)]
struct Page<'a> {
    style: &'static str,
    script: &'static str,
    experiment: &'a str,
    profile: &'a str,
    caption: &'a Option<String>,
    question: Vec<&'a str>,
    headline: HeadlineText,
    /// The figure of the headline.
    lead: Option<FigurePage>,
    baseline: &'a str,
    seeds: &'a [u64],
    table: &'a Table,
    blocks: Vec<BlockPage<'a>>,
    averages: Option<TextTable>,
    differences: &'a Differences,
    /// Metrics in the foreground.
    primary: usize,
    forest: Option<FigurePage>,
    paper: Option<PaperText>,
    metrics: &'a [MetricView],
    failures: Vec<FailureRow>,
    failure_columns: [&'static str; 8],
    /// Dataset, method and how many runs nothing is known of.
    missing: Vec<(&'a str, &'a str, usize)>,
    claims: Vec<ClaimGroup>,
    family: String,
    looked_at: Option<String>,
    components: Vec<TextTable>,
    effects: Vec<FigurePage>,
    machine: &'a Machine,
    tuning: TuningText,
    /// Whether no run has ended yet.
    nothing: bool,
    tuning_remark: &'static str,
    importance: Vec<ImportancePage>,
    segments: Vec<SegmentPage>,
    /// Whether seeds have test rows of their own.
    own_splits: bool,
    has_truth: bool,
    /// Whether any epoch was watched.
    learns: bool,
    beside: Option<BesideText>,
    /// Whether there are two arms to compare.
    compares: bool,
}

/// The page.
pub(super) fn render(analysis: &Analysis, table: &Table, differences: &Differences) -> Result<String> {
    let blocks = analysis.blocks.iter().zip(&table.blocks);
    let blocks = blocks.map(|(block, rows)| block_page(analysis, block, rows));
    let page = Page {
        style: STYLE,
        script: SCRIPT,
        experiment: &analysis.experiment,
        profile: &analysis.profile,
        caption: &analysis.caption,
        question: paragraphs(&analysis.question),
        headline: HeadlineText::new(analysis),
        lead: charts::headline(analysis, printed).map(Figure::page).transpose()?,
        baseline: &analysis.baseline,
        seeds: &analysis.seeds,
        table,
        blocks: blocks.collect::<Result<_>>()?,
        averages: averages::table(analysis),
        differences,
        primary: PRIMARY,
        forest: charts::forest(&analysis.contrasts).map(Figure::page).transpose()?,
        paper: PaperText::new(analysis),
        metrics: &analysis.metrics,
        failures: FailureRow::all(analysis),
        failure_columns: COLUMNS,
        missing: missing(analysis),
        claims: ClaimGroup::all(analysis),
        family: claims::family(analysis),
        looked_at: claims::looked_at(analysis),
        components: claims::components(analysis),
        effects: effects(analysis)?,
        machine: &analysis.machine,
        tuning: TuningText::new(analysis),
        nothing: analysis.is_of_nothing(),
        tuning_remark: REMARK,
        importance: ImportancePage::all(analysis)?,
        segments: SegmentPage::all(analysis),
        own_splits: analysis.blocks.iter().any(|block| block.test.is_some_and(|test| test.splits > 1)),
        has_truth: analysis.blocks.iter().any(Block::has_oracle),
        compares: analysis.asks == Question::Uplift,
        beside: BesideText::new(analysis),
        learns: analysis.blocks.iter().any(|block| !block.learning.is_empty()),
    };
    templates::fill("report.html", &page)
}

/// Effects of components in the primary metrics.
fn effects(analysis: &Analysis) -> Result<Vec<FigurePage>> {
    let figures = analysis.primary.iter().filter_map(|metric| charts::effects(&analysis.effects, metric));
    figures.map(Figure::page).collect()
}

#[derive(Serialize)]
struct BlockPage<'a> {
    dataset: &'a str,
    facts: Vec<String>,
    notes: &'a [String],
    table: &'a TableBlock,
    curves: Vec<FigurePage>,
    deciles: FigurePage,
    calibration: FigurePage,
    losses: FigurePage,
    learning: Vec<FigurePage>,
    seeds: Option<FigurePage>,
    quality: Option<FigurePage>,
    times: Vec<TimesRow<'a>>,
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

fn block_page<'a>(analysis: &Analysis, block: &'a Block, table: &'a TableBlock) -> Result<BlockPage<'a>> {
    let primary = analysis.metrics.first();
    let seeds = primary.and_then(|metric| charts::seeds(&metric.name, &block.cells, &block.references));
    let quality = primary.and_then(|metric| charts::quality(metric, &block.costs(metric)));
    let curves = charts::curves(&block.curves);
    Ok(BlockPage {
        dataset: &block.dataset,
        facts: facts(block),
        notes: &block.notes,
        table,
        curves: curves.into_iter().map(Figure::page).collect::<Result<_>>()?,
        deciles: charts::deciles(&block.deciles).page()?,
        calibration: charts::calibration(&block.deciles).page()?,
        losses: charts::losses(&block.losses).page()?,
        learning: beside::learning(analysis, block)?,
        seeds: seeds.map(Figure::page).transpose()?,
        quality: quality.map(Figure::page).transpose()?,
        times: block.cells.iter().filter_map(times).collect(),
    })
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
        test.treated_share()
            .map_or_else(|| "no treatment".to_string(), |share| format!("{:.1} % treated", 100.0 * share)),
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
fn missing(analysis: &Analysis) -> Vec<(&str, &str, usize)> {
    let cells = analysis.blocks.iter().flat_map(|block| &block.cells);
    let missing = cells.map(|cell| (cell.dataset.as_str(), cell.method.as_str(), cell.seeds.missing()));
    missing.filter(|(_, _, missing)| *missing > 0).collect()
}

fn paragraphs(text: &str) -> Vec<&str> {
    text.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty()).collect()
}
