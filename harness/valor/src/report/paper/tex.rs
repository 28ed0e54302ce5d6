//! paper.tex: our figures in the layout of the paper's table. Needs booktabs.

use super::text::{decimals, title};
use valor_analysis::Analysis;
use valor_analysis::paper::{Half, PaperCell, PaperView};
use valor_base::escape::tex::{comment, text as escape};
use valor_page::format;

/// The halves of the paper's tables.
const HALVES: [(&str, &str); 2] = [("synthetic", "Synthetic Dataset"), ("production", "Production Dataset")];

/// The table as LaTeX; the best of each group is underlined, as in the paper.
pub(crate) fn render(analysis: &Analysis, paper: &PaperView) -> String {
    let Some(like) = paper.halves.first() else { return String::new() };
    let width = like.columns.len();
    let mut text = format!(
        "% {} ({}), our figures in the layout of the paper's {}\n",
        comment(&analysis.experiment),
        comment(&analysis.profile),
        title(paper.table)
    );
    for half in &paper.halves {
        text += &format!("% {}: {}\n", half.half, comment(&half.note));
    }
    // As wide as the text of an article: eight columns leave no room for larger letters.
    text += &format!(
        "{{\\scriptsize\\setlength{{\\tabcolsep}}{{2.5pt}}\n\\begin{{tabular}}{{@{{}}l*{{{}}}{{r}}@{{}}}}\n\\toprule\n{}",
        2 * width,
        header(paper, like)
    );
    let mut group = "";
    for (index, row) in like.rows.iter().enumerate() {
        if row.group != group {
            group = &row.group;
            text += &format!(
                "\\midrule\n\\multicolumn{{{}}}{{l}}{{\\textbf{{{}}}}} \\\\\n",
                2 * width + 1,
                escape(group)
            );
        }
        let cells = HALVES.iter().flat_map(|(name, _)| cells(paper, name, index, width));
        text += &format!(
            "{}{} \\\\\n",
            escape(&row.row),
            cells.map(|cell| format!(" & {cell}")).collect::<String>()
        );
    }
    text + "\\bottomrule\n\\end{tabular}}\n"
}

fn header(paper: &PaperView, like: &Half) -> String {
    let width = like.columns.len();
    let spans = HALVES.iter().map(|(name, title)| {
        let source =
            half(paper, name).map_or_else(String::new, |half| format!(" ({})", escape(&half.source)));
        format!(" & \\multicolumn{{{width}}}{{c}}{{{title}{source}}}")
    });
    let titles: String = like.columns.iter().map(|column| format!(" & {}", escape(&column.title))).collect();
    let first = match paper.table {
        valor_runs::spec::PaperTable::Table1 => "Models",
        valor_runs::spec::PaperTable::Table2 => "Method Variants",
    };
    format!(
        "{} \\\\\n\\cmidrule(lr){{2-{}}} \\cmidrule(lr){{{}-{}}}\n{first}{titles}{titles} \\\\\n",
        spans.collect::<String>(),
        width + 1,
        width + 2,
        2 * width + 1
    )
}

fn half<'a>(paper: &'a PaperView, name: &str) -> Option<&'a Half> {
    paper.halves.iter().find(|half| half.half == name)
}

/// A row of one half; dashes where there is nothing of ours.
fn cells(paper: &PaperView, name: &str, row: usize, width: usize) -> Vec<String> {
    let Some(half) = half(paper, name) else { return vec!["--".to_string(); width] };
    let cell = |(column, cell): (usize, &PaperCell)| {
        let Some(ours) = cell.figure() else { return "--".to_string() };
        let text = format::number(ours, decimals(half, column));
        if cell.best { format!("\\underline{{${text}$}}") } else { format!("${text}$") }
    };
    half.rows[row].cells.iter().enumerate().map(cell).collect()
}
