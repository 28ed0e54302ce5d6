//! table.tex: the table of the headline for a paper, kind of datasets by kind of datasets, as wide as a page of text at most.

use super::headline::{decimals, direction, references};
use super::metric_names::printed;
use std::fmt::Write as _;
use valor_analysis::Analysis;
use valor_analysis::headline::{KindMean, KindMethod, KindView, verdict};
use valor_base::error::choices;
use valor_base::escape::tex::{comment, text as escape};
use valor_base::input_error;
use valor_page::format;
use valor_stats::metrics::Direction;
use valor_stats::stats::{Interval, Verdict};

/// Metrics of the table, unless others are asked for.
const USUAL: usize = 3;
/// Width of the text of LaTeX's `article` in points; every table is narrower.
const TEXT: f64 = 345.0;
/// Points of a letter of a name or a number at `\small`, of a letter of an interval, and between columns.
const LETTER: f64 = 5.1;
const SMALL_LETTER: f64 = 4.0;
const BETWEEN: f64 = 8.0;
/// Widest column of names; longer ones are broken into lines.
const NAMES: f64 = 150.0;
/// Letters after which a long word of a name may be broken.
const PIECE: usize = 8;
/// Lines that fit on a page; a longer table goes on over pages.
const LINES: usize = 44;

/// Which intervals stand under the means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum TexIntervals {
    /// None.
    None,
    /// Over seeds.
    Seeds,
    /// Over seeds and test rows together, over seeds where rows have none.
    #[default]
    Both,
}

/// What the table shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TexOptions {
    /// Metrics in this order; the headline's, filled up from the experiment's table, if none are named.
    pub metrics: Vec<String>,
    /// Which intervals.
    pub intervals: TexIntervals,
}

/// The table as LaTeX.
///
/// # Errors
///
/// A metric that this report does not have.
pub(super) fn render(analysis: &Analysis, options: &TexOptions) -> anyhow::Result<String> {
    let metrics = metrics(analysis, options)?;
    let table = Tex { analysis, intervals: options.intervals };
    let mut text = format!("% {} ({})\n", comment(&analysis.experiment), comment(&analysis.profile));
    if let Some(caption) = &analysis.caption {
        writeln!(text, "% {}", comment(caption))?;
    }
    text += "% \\usepackage{booktabs}, \\usepackage{longtable} where the table is long; \\usepackage[T1]{fontenc} for letters \
             with accents\n";
    let names = table.names();
    for (place, part) in table.parts(&metrics, names.width).iter().enumerate() {
        text += &table.part(part, &names, place);
    }
    Ok(text)
}

/// Asked ones, or the columns of the headline and the first others of the experiment's table.
fn metrics(analysis: &Analysis, options: &TexOptions) -> anyhow::Result<Vec<String>> {
    for name in &options.metrics {
        if !analysis.metrics.iter().any(|metric| metric.name == *name) {
            let known: Vec<&str> = analysis.metrics.iter().map(|metric| metric.name.as_str()).collect();
            return Err(input_error!(
                "--tex-metrics: {} has no metric '{name}'{}",
                analysis.experiment,
                choices(name, "there are", &known)
            ));
        }
    }
    if !options.metrics.is_empty() {
        return Ok(options.metrics.clone());
    }
    let columns = analysis.headline.columns.iter().map(|column| column.metric.clone());
    let mut found: Vec<String> = columns.collect();
    if found.is_empty() {
        let shown = analysis
            .metrics
            .iter()
            .filter(|metric| metric.in_table && metric.direction != Direction::Neither);
        found.extend(shown.map(|metric| metric.name.clone()));
    }
    found.truncate(USUAL);
    Ok(found)
}

struct Tex<'a> {
    analysis: &'a Analysis,
    intervals: TexIntervals,
}

/// The column of names.
struct Names {
    /// Points.
    width: f64,
    /// Whether names are broken into lines.
    broken: bool,
}

impl Tex<'_> {
    fn names(&self) -> Names {
        let methods = self.analysis.headline.kinds.iter().flat_map(|kind| &kind.methods);
        let names = methods.map(name).chain(references(self.analysis).into_iter().map(|(_, called)| called));
        let widest = names.map(|name| name.chars().count()).max().unwrap_or(0) as f64 * LETTER;
        Names { width: widest.min(NAMES), broken: widest > NAMES }
    }

    /// Metrics that fit beside the names, part by part.
    fn parts<'m>(&self, metrics: &'m [String], names: f64) -> Vec<Vec<&'m String>> {
        let mut parts: Vec<Vec<&String>> = Vec::new();
        let mut left = 0.0;
        for metric in metrics {
            let width = self.width(metric);
            match parts.last_mut().filter(|_| width <= left) {
                Some(part) => part.push(metric),
                None => {
                    parts.push(vec![metric]);
                    left = TEXT - names;
                }
            }
            left -= width;
        }
        parts
    }

    /// Points that a column needs.
    fn width(&self, metric: &str) -> f64 {
        let kinds = &self.analysis.headline.kinds;
        let cells = kinds.iter().flat_map(|kind| {
            let means =
                kind.methods.iter().filter_map(move |method| Some((kind, method.metrics.get(metric)?)));
            means.map(|(kind, mean)| {
                let decimals = decimals(kind, metric);
                let letters = mean.value().map_or(2, |value| format::number(value, decimals).len() + 2);
                let interval = self.interval(mean).map_or(0, |found| ends(found, decimals).len());
                (letters as f64 * LETTER).max(interval as f64 * SMALL_LETTER)
            })
        });
        let title = (printed(metric).chars().count() + 3) as f64 * LETTER;
        cells.fold(title, f64::max) + BETWEEN
    }

    fn interval<'m>(&self, mean: &'m KindMean) -> Option<&'m Interval> {
        match self.intervals {
            TexIntervals::None => None,
            TexIntervals::Seeds => mean.ci.as_ref().ok(),
            TexIntervals::Both => mean.ci_both.as_ref().or(mean.ci.as_ref()).ok(),
        }
    }

    /// A table of some metrics, as a float or over pages.
    fn part(&self, metrics: &[&String], names: &Names, place: usize) -> String {
        let columns = metrics.len() + 1;
        let body: Vec<String> =
            self.analysis.headline.kinds.iter().map(|kind| self.kind(kind, metrics, names)).collect();
        let body = body.concat();
        let lines = body.matches("\\\\\n").count();
        let names_column = match names.broken {
            true => format!("p{{{:.0}pt}}", names.width),
            false => "l".to_string(),
        };
        let layout = format!("{{@{{}}{names_column}*{{{}}}{{r}}@{{}}}}", metrics.len());
        let titles: String = metrics
            .iter()
            .map(|metric| {
                format!(" & {}{}", escape(&printed(metric)), arrow(direction(self.analysis, metric)))
            })
            .collect();
        let head = format!("\\toprule\nMethod{titles} \\\\\n");
        let label: String = format!("{}-{}", self.analysis.experiment, self.analysis.profile)
            .chars()
            .map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' })
            .collect();
        let label = if place == 0 { label } else { format!("{label}-{}", place + 1) };
        let caption = format!("\\caption{{{}}}\\label{{tab:{label}}}", self.caption());
        let small = "\\small\\setlength{\\tabcolsep}{4pt}";
        if lines > LINES {
            format!(
                "{{{small}\n\\begin{{longtable}}{layout}\n{caption} \\\\\n{head}\\midrule\n\\endfirsthead\n{head}\\midrule\n\\endhead\n\
                 \\bottomrule\n\\endfoot\n{}\\end{{longtable}}}}\n",
                body.trim_start_matches("\\midrule\n")
                    .replace("\\midrule\n", &format!("\\cmidrule(l){{1-{columns}}}\n"))
            )
        } else {
            format!(
                "\\begin{{table}}[tbp]\n\\centering\n{caption}\n{small}\n\\begin{{tabular}}{layout}\n{head}{body}\\bottomrule\n\
                 \\end{{tabular}}\n\\end{{table}}\n"
            )
        }
    }

    fn caption(&self) -> String {
        let analysis = self.analysis;
        let averaged = analysis.headline.kinds.iter().any(|kind| kind.datasets.len() > 1);
        let over = if averaged { "seeds and datasets" } else { "seeds" };
        let mut text =
            format!("{} ({}): means over {over}", escape(&analysis.experiment), escape(&analysis.profile));
        text += match self.intervals {
            TexIntervals::None => ".",
            TexIntervals::Seeds => ", with 95\\,\\% intervals over seeds.",
            TexIntervals::Both => ", with 95\\,\\% intervals over seeds and test rows.",
        };
        if self
            .analysis
            .headline
            .kinds
            .iter()
            .flat_map(|kind| &kind.methods)
            .any(|method| sign(method).is_some())
        {
            text += &format!(
                " $^{{+}}$ better, $^{{-}}$ worse, $^{{=}}$ no different for what matters than {}, where that is decided \
                 (after Holm).",
                broken(&analysis.baseline)
            );
        }
        if let Some(caption) = &analysis.caption {
            text += &format!(" {}.", escape(caption.trim_end_matches('.')));
        }
        text
    }

    /// A kind of datasets: its methods, the best mean first, and reference rankings.
    fn kind(&self, kind: &KindView, metrics: &[&String], names: &Names) -> String {
        let columns = metrics.len() + 1;
        let mut text = "\\midrule\n".to_string();
        if self.analysis.headline.kinds.len() > 1 || kind.datasets.len() > 1 {
            let count = match kind.datasets.len() {
                1 => String::new(),
                count => format!(", mean of {count} datasets"),
            };
            let width = self.span(names, metrics);
            let title = format!("{}{count}", kind.name);
            let title = match title.chars().count() as f64 * LETTER > width {
                true => format!(
                    "p{{{:.0}pt}}@{{}}}}{{\\raggedright\\emph{{{}}}}}",
                    width.min(TEXT),
                    broken(&title)
                ),
                false => format!("l@{{}}}}{{\\emph{{{}}}}}", escape(&title)),
            };
            text += &format!("\\multicolumn{{{columns}}}{{@{{}}{title} \\\\\n");
        }
        for note in &kind.notes {
            // As wide as the columns above it, in lines of its own.
            let width = self.span(names, metrics);
            text += &format!(
                "\\multicolumn{{{columns}}}{{@{{}}p{{{width:.0}pt}}@{{}}}}{{\\raggedright\\footnotesize {}}} \\\\\n",
                broken(note)
            );
        }
        for place in kind.ranked() {
            text += &self.method(kind, &kind.methods[place], metrics, names);
        }
        let references: String = references(self.analysis)
            .iter()
            .filter_map(|(ranker, called)| reference(kind, ranker, called, metrics))
            .collect();
        match references.is_empty() {
            true => text,
            false => format!("{text}\\cmidrule(l){{1-{columns}}}\n{references}"),
        }
    }

    /// Points from the first column to the last.
    fn span(&self, names: &Names, metrics: &[&String]) -> f64 {
        let columns: f64 = metrics.iter().map(|metric| self.width(metric)).sum();
        (names.width + columns - BETWEEN).min(TEXT)
    }

    /// A line of means and, where there are any, a line of intervals.
    fn method(&self, kind: &KindView, method: &KindMethod, metrics: &[&String], names: &Names) -> String {
        let called = name(method);
        let called =
            if names.broken { format!("\\raggedright {}", broken(&called)) } else { escape(&called) };
        let cell = |metric: &&String| {
            let mean = method.metrics.get(*metric);
            let value =
                mean.and_then(KindMean::value).map(|value| format::number(value, decimals(kind, metric)));
            let sign = sign(method).filter(|_| **metric == kind.metric);
            let sign = sign.map(|sign| format!("^{{{sign}}}")).unwrap_or_default();
            value.map_or_else(|| " & --".to_string(), |value| format!(" & ${value}{sign}$"))
        };
        let means: String = metrics.iter().map(cell).collect();
        let mut text = format!("{called}{means} \\\\\n");
        let interval = |metric: &&String| {
            let found = method.metrics.get(*metric).and_then(|mean| self.interval(mean));
            found.map(|found| format!("{{\\scriptsize ${}$}}", ends(found, decimals(kind, metric))))
        };
        let intervals: Vec<Option<String>> = metrics.iter().map(interval).collect();
        if intervals.iter().any(Option::is_some) {
            let cells: String =
                intervals.into_iter().map(|found| format!(" & {}", found.unwrap_or_default())).collect();
            text += &format!("{cells} \\\\\n");
        }
        text
    }
}

/// The method's name, with the seeds that are not there.
fn name(method: &KindMethod) -> String {
    let seeds = method.seeds;
    match seeds.unconverged() {
        Some(text) => format!("{} ({text})", method.method),
        None if seeds.found < seeds.asked => {
            format!("{} ({}/{} runs)", method.method, seeds.found, seeds.asked)
        }
        None => method.method.clone(),
    }
}

fn ends(interval: &Interval, decimals: usize) -> String {
    format!("[{}, {}]", format::number(interval.low, decimals), format::number(interval.high, decimals))
}

/// The verdict beside the baseline, where it is decided.
fn sign(method: &KindMethod) -> Option<&'static str> {
    match verdict(method.beside.as_ref()?) {
        Verdict::Better => Some("+"),
        Verdict::Worse => Some("-"),
        Verdict::Equivalent => Some("="),
        Verdict::Inconclusive => None,
    }
}

fn reference(kind: &KindView, ranker: &str, called: &str, metrics: &[&String]) -> Option<String> {
    let row = kind.references.iter().find(|row| row.ranker == ranker)?;
    let cell = |metric: &&String| match row.metrics.get(*metric) {
        Some(value) => format!(" & ${}$", format::number(*value, decimals(kind, metric))),
        None => " & --".to_string(),
    };
    Some(format!("\\textit{{{}}}{} \\\\\n", escape(called), metrics.iter().map(cell).collect::<String>()))
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

/// A name whose long words may be broken into lines anywhere.
fn broken(name: &str) -> String {
    let word = |word: &str| {
        let letters: Vec<char> = word.chars().collect();
        if letters.len() <= 2 * PIECE {
            return escape(word);
        }
        let pieces = letters.chunks(PIECE).map(|piece| escape(&piece.iter().collect::<String>()));
        pieces.collect::<Vec<_>>().join("\\allowbreak{}")
    };
    name.split(' ').map(word).collect::<Vec<_>>().join(" ")
}
