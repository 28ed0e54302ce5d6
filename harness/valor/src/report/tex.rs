//! table.tex: the main table for a paper. Needs booktabs.

use super::table::{Column, Row, Table, TableCell};
use valor_analysis::Analysis;
use valor_base::escape::tex::{comment, text as escape};
use valor_stats::metrics::Direction;

/// The table as LaTeX.
pub(super) fn render(analysis: &Analysis, table: &Table) -> String {
    let columns = table.columns.len();
    let mut text = format!(
        "% {} ({})\n% {}\n",
        comment(&analysis.experiment),
        comment(&analysis.profile),
        comment(&table.legend)
    );
    if let Some(caption) = &analysis.caption {
        text += &format!("% {}\n", comment(caption));
    }
    text +=
        &format!("\\begin{{tabular}}{{ll{}}}\n\\toprule\n{}", "r".repeat(columns), header(&table.columns));
    for block in &table.blocks {
        text += &format!(
            "\\midrule\n\\multicolumn{{{}}}{{l}}{{\\emph{{{}}}}} \\\\\n",
            columns + 2,
            escape(&block.dataset)
        );
        text += &block.totals.iter().map(|line| remark(columns, &escape(line))).collect::<String>();
        text += &block.notes.iter().map(|note| remark(columns, &escape(note))).collect::<String>();
        text += &block.methods.iter().map(|row| lines(&escape(&row.name), row)).collect::<String>();
        if !block.references.is_empty() {
            text += &format!("\\cmidrule(l){{1-{}}}\n", columns + 2);
        }
        text += &block
            .references
            .iter()
            .map(|row| lines(&format!("\\textit{{{}}}", escape(&row.name)), row))
            .collect::<String>();
    }
    text += "\\bottomrule\n";
    for note in &table.notes {
        text += &remark(columns, &format!("$^{{{}}}$ {}", note.mark, escape(&note.text)));
    }
    text + "\\end{tabular}\n"
}

/// A line in small print.
fn remark(columns: usize, text: &str) -> String {
    format!("\\multicolumn{{{}}}{{l}}{{\\footnotesize {text}}} \\\\\n", columns + 2)
}

fn header(columns: &[Column]) -> String {
    let names: String =
        columns.iter().map(|column| format!(" & {}{}", escape(&column.name), arrow(column.better))).collect();
    format!("Method & Seeds{names} \\\\\n")
}

fn arrow(better: Direction) -> &'static str {
    match better {
        Direction::Higher => " $\\uparrow$",
        Direction::Lower => " $\\downarrow$",
        Direction::Zero => " $\\to 0$",
        Direction::One => " $\\to 1$",
        Direction::Neither => "",
    }
}

/// A line of means and, where there are any, a line of intervals.
fn lines(name: &str, row: &Row) -> String {
    let means: String = row.cells.iter().map(|cell| format!(" & {}", mean(cell))).collect();
    let mut text = format!("{name} & {}{means} \\\\\n", escape(&row.seeds));
    if row.cells.iter().any(|cell| cell.ci.is_some()) {
        let intervals: String = row.cells.iter().map(|cell| format!(" & {}", interval(cell))).collect();
        text += &format!(" & {intervals} \\\\\n");
    }
    text
}

fn mean(cell: &TableCell) -> String {
    let mark = cell.mark.as_ref().map(|mark| format!("^{{{mark}}}")).unwrap_or_default();
    let sd = cell.sd.as_ref().map(|sd| format!(" \\pm {sd}")).unwrap_or_default();
    let remarks = [&cell.of, &cell.beside].into_iter().flatten();
    let remarks: String = remarks.map(|remark| format!(" ({remark})")).collect();
    match (&cell.mean, &cell.instead) {
        (Some(mean), _) if cell.best => format!("$\\mathbf{{{mean}}}{sd}{mark}${remarks}"),
        (Some(mean), _) => format!("${mean}{sd}{mark}${remarks}"),
        (None, Some(instead)) => instead.clone(),
        (None, None) if mark.is_empty() => format!("--{remarks}"),
        (None, None) => format!("--${mark}${remarks}"),
    }
}

fn interval(cell: &TableCell) -> String {
    let text = |[low, high]: &[String; 2]| format!("{{\\scriptsize $[{low}, {high}]$}}");
    cell.ci.as_ref().map(text).unwrap_or_default()
}
