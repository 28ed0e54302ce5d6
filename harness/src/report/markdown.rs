//! table.md: the main table for a README or an issue.

use super::table::{Cell, Column, Row, Table};
use super::view::View;
use crate::metrics::Direction;

/// The table as Markdown.
pub fn render(view: &View, table: &Table) -> String {
    let mut text = format!("# {} ({})\n\n", escape(&view.experiment), escape(&view.profile));
    if let Some(caption) = &view.caption {
        text += &format!("> {}\n\n", escape(caption));
    }
    text += &format!("{}\n", table.legend);
    for block in &table.blocks {
        text += &format!("\n## {}\n\n{}", escape(&block.dataset), header(&table.columns));
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
    for note in &table.notes {
        text += &format!("- ({}) {}\n", note.mark, escape(&note.text));
    }
    text
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

fn content(cell: &Cell) -> String {
    let mut text = match &cell.mean {
        Some(mean) if cell.best => format!("**{mean}**"),
        Some(mean) => mean.clone(),
        None => "\u{2013}".to_string(),
    };
    text += &cell.sd.as_ref().map(|sd| format!(" \u{b1} {sd}")).unwrap_or_default();
    text += &cell.ci.as_ref().map(|[low, high]| format!(" [{low}, {high}]")).unwrap_or_default();
    text += &cell.of.as_ref().map(|of| format!(" ({of})")).unwrap_or_default();
    text + &cell.mark.as_ref().map(|mark| format!(" ({mark})")).unwrap_or_default()
}

/// Plain text that Markdown (and HTML inside it) leaves alone.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '<' | '>' | '#' | '|' | '~' => {
                escaped.push('\\');
                escaped.push(character);
            }
            character if character.is_control() => escaped.push(' '),
            character => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_names_stays_text() {
        assert_eq!(escape("a|b <i> _x_ & \\\n"), "a\\|b \\<i\\> \\_x\\_ &amp; \\\\ ");
    }
}
