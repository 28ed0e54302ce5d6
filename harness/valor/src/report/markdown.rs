//! table.md: the main table for a README or an issue.

use super::averages;
use super::claims::{self, ClaimGroup, ClaimText, TextTable};
use super::differences::{Difference, Differences, PRIMARY};
use super::failures::{COLUMNS, FailureRow};
use super::headline::{HeadlineText, StandingTable, StepTable};
use super::paper::{CellText, PaperText};
use super::table::{Column, Note, Row, Table, TableCell};
use super::tuning::{REMARK, TuningText};
use valor_analysis::Analysis;
use valor_base::escape::markdown::text as escape;
use valor_stats::metrics::Direction;

/// The table as Markdown.
pub(super) fn render(analysis: &Analysis, table: &Table, differences: &Differences) -> String {
    let mut text = format!("# {} ({})\n\n", escape(&analysis.experiment), escape(&analysis.profile));
    if let Some(caption) = &analysis.caption {
        text += &format!("> {}\n\n", escape(caption));
    }
    if analysis.is_of_nothing() {
        text += "No run of this experiment is recorded: there is nothing to report yet.\n\n";
    }
    text += &headline(analysis);
    text += &claims(analysis);
    let tuning = TuningText::new(analysis);
    text += &format!("\n## Every dataset\n\n{}\n\n{}\n", table.legend, escape(&tuning.sentence));
    for block in &table.blocks {
        text += &format!("\n### {}\n\n", escape(&block.dataset));
        text += &block.totals.iter().map(|line| format!("{}\n\n", escape(line))).collect::<String>();
        text += &block.notes.iter().map(|note| format!("{}\n\n", escape(note))).collect::<String>();
        text += &header(&table.columns);
        for row in &block.methods {
            text += &line(&escape(&row.name), row);
        }
        for row in &block.references {
            text += &line(&format!("*{}*", escape(&row.name)), row);
        }
    }
    if !table.notes.is_empty() {
        text.push('\n');
    }
    text += &notes(&table.notes);
    text += &averages::table(analysis).map(|table| text_table(&table)).unwrap_or_default();
    text + &contrasts(analysis, differences)
        + &components(analysis)
        + &beside_the_paper(analysis)
        + &searched(&tuning)
        + &failures(analysis)
}

/// The question and the answer.
fn headline(analysis: &Analysis) -> String {
    let found = HeadlineText::new(analysis);
    let mut text = format!("{}\n", escape(analysis.question.split("\n\n").next().unwrap_or_default().trim()));
    text += &found.answer.iter().map(|sentence| format!("\n- {}", escape(sentence))).collect::<String>();
    if !found.answer.is_empty() {
        text.push('\n');
    }
    if found.claims > 0 {
        let counts: Vec<String> = found.tally.iter().map(|(word, count)| format!("{count} {word}")).collect();
        let claims = if found.claims == 1 { "claim" } else { "claims" };
        text += &format!("\n{} {claims}: {}.\n", found.claims, counts.join(", "));
    }
    text += &standings(&found.table);
    text += &found.spend.iter().map(|line| format!("\n{}\n", escape(line))).collect::<String>();
    text + &found.steps.iter().map(steps).collect::<String>()
}

fn standings(table: &StandingTable) -> String {
    if table.rows.is_empty() {
        return String::new();
    }
    let names = table.columns.iter().map(|column| {
        let under = column.under.as_ref().map(|kind| format!(", {}", escape(kind))).unwrap_or_default();
        format!(" {}{under}{} |", escape(&column.title), arrow(column.better))
    });
    let mut text =
        format!("\n| Method |{}\n|:--|{}\n", names.collect::<String>(), "--:|".repeat(table.columns.len()));
    for row in table.rows.iter().chain(&table.more) {
        let seeds = row.seeds.as_ref().map(|seeds| format!(" ({seeds})")).unwrap_or_default();
        let name = if row.reference { format!("*{}*", escape(&row.name)) } else { escape(&row.name) };
        let cells = row.cells.iter().map(|cell| {
            let ends = cell.ends.as_ref().map(|[low, high]| format!(" [{low}, {high}]")).unwrap_or_default();
            let verdict = cell.verdict.map(|verdict| format!(" {}", mark(verdict))).unwrap_or_default();
            let mean =
                cell.mean.clone().or_else(|| cell.instead.clone()).unwrap_or_else(|| "\u{2013}".to_string());
            format!(" {mean}{ends}{verdict} |")
        });
        text += &format!("| {name}{seeds} |{}\n", cells.collect::<String>());
    }
    let notes: String = table.notes.iter().map(|note| format!("\n{}\n", escape(note))).collect();
    format!("{text}\n{}\n{notes}", escape(&table.remark))
}

fn steps(table: &StepTable) -> String {
    let columns: String = table.columns.iter().map(|name| format!(" {} |", escape(name))).collect();
    let mut text = format!(
        "\n{}:\n\n| Step |{columns}\n|:--|{}\n",
        escape(&table.title),
        "--:|".repeat(table.columns.len())
    );
    for row in &table.rows {
        let cells = row.cells.iter().map(|cell| {
            let verdict = cell.verdict.map(|verdict| format!(" {}", mark(verdict))).unwrap_or_default();
            format!(" {}{verdict} |", cell.text.as_deref().unwrap_or(""))
        });
        text += &format!("| {} {} |{}\n", escape(&row.name), escape(&row.to), cells.collect::<String>());
    }
    text
}

/// As the table's remark explains it.
fn mark(verdict: &str) -> &'static str {
    match verdict {
        "better" => "\u{25b2}",
        "worse" => "\u{25bc}",
        _ => "=",
    }
}

/// Figures of the paper with ours, and what they are called.
fn beside_the_paper(analysis: &Analysis) -> String {
    let Some(paper) = PaperText::new(analysis) else { return String::new() };
    let mut text = format!("\n## Beside the paper's {}\n", paper.title);
    for half in &paper.halves {
        let titles =
            half.columns.iter().map(|[title, metric]| format!(" {} ({}) |", escape(title), escape(metric)));
        let titles: String = titles.collect();
        text += &format!("\n### {}\n\n{}\n\n{}.\n\n", escape(&half.heading), escape(&half.note), half.counts);
        text += &format!(
            "Paper / ours: verdict, difference, smallest detectable difference.\n\n| Row |{titles}\n|:--|{}\n",
            ":--|".repeat(half.columns.len())
        );
        for row in half.groups.iter().flat_map(|group| &group.rows) {
            let cells: String = row.cells.iter().map(|cell| format!(" {} |", paper_cell(cell))).collect();
            text += &format!("| {} |{cells}\n", escape(row.method.as_ref().unwrap_or(&row.name)));
        }
        let order = |[column, tau, pairs, _]: &[String; 4]| {
            format!("- {}: tau {tau}, {pairs} pairs in the same order\n", escape(column))
        };
        text += &format!("\nOrder of the rows:\n\n{}", half.orderings.iter().map(order).collect::<String>());
    }
    text + "\n" + &notes(&paper.notes)
}

fn paper_cell(cell: &CellText) -> String {
    let flags: String = cell.flags.iter().map(|flag| format!(" ({flag})")).collect();
    let mut text = format!("{}{flags} / {}", cell.paper, cell.ours);
    text += &cell.mark.as_ref().map(|mark| format!(" ({mark})")).unwrap_or_default();
    if let (Some(difference), Some(detectable)) = (&cell.difference, &cell.detectable) {
        text += &format!(": {}, {difference}, finds {detectable}", cell.words);
    }
    text
}

/// Claims with their answers.
fn claims(analysis: &Analysis) -> String {
    let line = |claim: ClaimText| {
        let source = claim.source.map(|source| format!(" ({})", escape(&source))).unwrap_or_default();
        let needed =
            claim.needed.map(|needed| format!(" To decide: {}", escape(&needed))).unwrap_or_default();
        let observed = claim.observed.map(|seen| format!(" {}", escape(&seen))).unwrap_or_default();
        let (id, text, evidence) = (escape(&claim.id), escape(&claim.text), escape(&claim.evidence));
        format!("- {id}: {text}{source} {evidence}{observed}{needed}\n")
    };
    let group = |group: ClaimGroup| {
        let count = group.claims.len();
        let lines: String = group.claims.into_iter().map(line).collect();
        format!("\n### {} ({count})\n\n{lines}", group.verdict)
    };
    let groups: String = ClaimGroup::all(analysis).into_iter().map(group).collect();
    let looked = claims::looked_at(analysis).map(|text| format!("\n{}\n", escape(&text))).unwrap_or_default();
    if groups.is_empty() { groups } else { format!("\n## Claims\n{looked}{groups}") }
}

/// What components do: left out of a full model, and over backbones.
fn components(analysis: &Analysis) -> String {
    let text: String = claims::components(analysis).iter().map(text_table).collect();
    if text.is_empty() { text } else { format!("\n## Components\n{text}") }
}

fn text_table(table: &TextTable) -> String {
    let line = |cells: &[String]| cells.iter().map(|cell| format!(" {} |", escape(cell))).collect::<String>();
    let rows: String = table.rows.iter().map(|row| format!("|{}\n", line(row))).collect();
    let rule = ":--|".repeat(table.columns.len());
    let (title, remark) = (escape(&table.title), escape(&table.remark));
    format!("\n### {title}\n\n|{}\n|{rule}\n{rows}\n{remark}\n", line(&table.columns))
}

/// What was searched and kept.
fn searched(tuning: &TuningText) -> String {
    if tuning.columns.is_empty() {
        return String::new();
    }
    let line = |cells: &[String]| cells.iter().map(|cell| format!(" {} |", escape(cell))).collect::<String>();
    let ranges: String = tuning.ranges.iter().map(|range| format!("- {}\n", escape(range))).collect();
    let rows: String = tuning.rows.iter().map(|row| format!("|{}\n", line(row))).collect();
    let (columns, rule) = (line(&tuning.columns), ":--|".repeat(tuning.columns.len()));
    format!("\n## Tuning\n\n{ranges}\n{REMARK}\n\n|{columns}\n|{rule}\n{rows}")
}

/// Every run without a result.
fn failures(analysis: &Analysis) -> String {
    if analysis.failures.is_empty() {
        return String::new();
    }
    let line = |cells: [&str; 8]| cells.iter().map(|cell| format!(" {} |", escape(cell))).collect::<String>();
    let rows: String =
        FailureRow::all(analysis).iter().map(|row| format!("|{}\n", line(row.cells()))).collect();
    format!("\n## Failures\n\n|{}\n|{}\n{rows}", line(COLUMNS), ":--|".repeat(COLUMNS.len()))
}

fn notes<'a>(notes: impl IntoIterator<Item = &'a Note>) -> String {
    notes.into_iter().map(|note| format!("- ({}) {}\n", note.mark, escape(&note.text))).collect()
}

/// The first metrics, on the only dataset or averaged over all.
fn contrasts(analysis: &Analysis, differences: &Differences) -> String {
    let shown: Vec<_> = differences.metrics.iter().take(PRIMARY).collect();
    let Some(first) = shown.first() else { return String::new() };
    let over = if first.columns.len() > 1 { ", averaged over datasets" } else { "" };
    let names: String =
        shown.iter().map(|metric| format!(" {}{} |", escape(&metric.name), arrow(metric.better))).collect();
    let mut text = format!(
        "\n## Differences from {}\n\nMethod minus {}{over} [95 % interval over paired seeds and test rows together, over seeds alone where rows have none: Student t] and verdict (p after Holm). {}\n\n| Method |{names}\n|:--|{}\n",
        escape(&analysis.baseline),
        escape(&analysis.baseline),
        escape(&claims::family(analysis)),
        "--:|".repeat(shown.len())
    );
    for (index, row) in first.rows.iter().enumerate() {
        let cells = shown.iter().filter_map(|metric| metric.rows.get(index)?.cells.last());
        let cells: String = cells.map(|cell| format!(" {} |", difference(cell))).collect();
        text += &format!("| {} |{cells}\n", escape(&row.name));
    }
    let notes = notes(differences.primary_notes());
    if notes.is_empty() { text } else { text + "\n" + &notes }
}

fn header(columns: &[Column]) -> String {
    let names: String =
        columns.iter().map(|column| format!(" {}{} |", escape(&column.name), arrow(column.better))).collect();
    format!("| Method | Seeds |{names}\n|:--|:--|{}\n", "--:|".repeat(columns.len()))
}

fn arrow(better: Direction) -> &'static str {
    match better {
        Direction::Higher => " \u{2191}",
        Direction::Lower => " \u{2193}",
        Direction::Zero => " \u{2192}0",
        Direction::One => " \u{2192}1",
        Direction::Neither => "",
    }
}

fn line(name: &str, row: &Row) -> String {
    let cells: String = row.cells.iter().map(|cell| format!(" {} |", content(cell))).collect();
    format!("| {name} | {} |{cells}\n", row.seeds)
}

fn difference(cell: &Difference) -> String {
    let mut text = cell.value.clone().unwrap_or_else(|| "\u{2013}".to_string());
    text += &cell.ci.as_ref().map(|[low, high]| format!(" [{low}, {high}]")).unwrap_or_default();
    text += &cell.verdict.map(|verdict| format!(" {verdict}")).unwrap_or_default();
    text += &cell.p.as_ref().map(|p| format!(" (p {p})")).unwrap_or_default();
    text += &cell.of.as_ref().map(|of| format!(" ({of})")).unwrap_or_default();
    text + &cell.mark.as_ref().map(|mark| format!(" ({mark})")).unwrap_or_default()
}

fn content(cell: &TableCell) -> String {
    let mut text = match &cell.mean {
        Some(mean) if cell.best => format!("**{mean}**"),
        Some(mean) => mean.clone(),
        None => cell.instead.clone().unwrap_or_else(|| "\u{2013}".to_string()),
    };
    text += &cell.sd.as_ref().map(|sd| format!(" \u{b1} {sd}")).unwrap_or_default();
    text += &cell.ci.as_ref().map(|[low, high]| format!(" [{low}, {high}]")).unwrap_or_default();
    text += &cell.of.as_ref().map(|of| format!(" ({of})")).unwrap_or_default();
    text += &cell.beside.as_ref().map(|beside| format!(" ({beside})")).unwrap_or_default();
    text + &cell.mark.as_ref().map(|mark| format!(" ({mark})")).unwrap_or_default()
}
