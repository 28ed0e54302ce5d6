//! `valor metrics`: every metric of a file of scores, whoever made them.

use super::reading::ReadingArguments;
use anyhow::{Context, Result};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use valor_analysis::DatasetTotals;
use valor_base::error::shown;
use valor_base::input_error;
use valor_base::question::{Arms, Question};
use valor_data::Dataset;
use valor_data::segments::{SegmentColumn, check_cuts, unjudged};
use valor_data::table::{self, Propensity, Scored, TableSpec};
use valor_stats::metrics::{Buckets, Direction, Metric, MetricValue, ScoredRows, Summary, summary};
use valor_stats::stats::AverageEffect;

/// Judges scores against what happened.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// File of scores, one row per account: .csv, .csv.gz or .parquet
    pub scores: PathBuf,
    /// Column that rows are ranked by, higher first; read as predicted uplift in outcome units for pehe and ate.error, without
    /// --treatment as the predicted outcome
    #[arg(long, value_name = "COL")]
    pub score: String,
    /// Column of the treatment: 1 or true treated, 0 or false control, or as --treated and --control say; without it the scores
    /// are judged as what each row is worth
    #[arg(long, value_name = "COL")]
    pub treatment: Option<String>,
    /// Values that mean treated, with commas
    #[arg(long, value_name = "VALUES", value_delimiter = ',', requires = "control", requires = "treatment")]
    pub treated: Vec<String>,
    /// Values that mean control, with commas
    #[arg(long, value_name = "VALUES", value_delimiter = ',', requires = "treated")]
    pub control: Vec<String>,
    /// Values whose rows are left out, with commas
    #[arg(long, value_name = "VALUES", value_delimiter = ',', requires = "treatment")]
    pub drop: Vec<String>,
    /// Column of the outcome
    #[arg(long, value_name = "COL")]
    pub outcome: String,
    /// Column of the true effect, where it is known
    #[arg(long, value_name = "COL", requires = "treatment")]
    pub effect: Option<String>,
    /// Probability of treatment: one number for all rows, or a column
    #[arg(long, value_name = "VALUE|COL", requires = "treatment")]
    pub propensity: Option<String>,
    /// Column of what rows are truly worth, E[Y | x], where it is known; without --treatment
    #[arg(long, value_name = "COL", conflicts_with = "treatment")]
    pub expected: Option<String>,
    /// Where positive outcomes are parted into buckets, ascending amounts with commas; without --treatment. Usual are the median and
    /// the third quartile of the file's own positive outcomes
    #[arg(long, value_name = "AMOUNTS", value_delimiter = ',', conflicts_with = "treatment")]
    pub thresholds: Vec<f64>,
    /// Judges groups of rows as well: by the levels of a column, by the quartiles of one of numbers, or by ranges up to the given cuts
    /// (`tenure:0,90,365`)
    #[arg(long, value_name = "COL[:CUTS]")]
    pub by: Vec<String>,
    /// Prints one JSON object instead of a table
    #[arg(long)]
    pub json: bool,
    /// How the file is read.
    #[command(flatten)]
    pub reading: ReadingArguments,
}

/// What means treated and control where the options do not say.
const TREATED: [&str; 2] = ["1", "true"];
const CONTROL: [&str; 2] = ["0", "false"];

/// Prints the metrics.
///
/// # Errors
///
/// Input errors of the file and its columns, and of arms that are empty.
pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let found = judge(arguments)?;
    let text = if arguments.json { format!("{:#}\n", json(&found)) } else { table(&found) };
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        // The reader (`head`, a pager) has seen enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("writing to the standard output"),
    }
}

/// All metrics, and whether there are totals to take shares of.
#[derive(Debug)]
struct Found {
    summary: Summary,
    /// Absent where there is no treatment.
    average: Option<AverageEffect>,
    totals: DatasetTotals,
    rows: usize,
    mean_outcome: f64,
    /// Absent where there is a treatment.
    parted: Option<Parted>,
    /// Groups of the rows, by column.
    by: Vec<By>,
}

/// Groups of the rows by one column.
#[derive(Debug)]
struct By {
    column: String,
    groups: Vec<Group>,
}

/// A group of rows.
#[derive(Debug)]
struct Group {
    segment: String,
    rows: usize,
    /// What is found of them, or why they are not judged.
    found: std::result::Result<Found, String>,
}

/// A column to group by, and where its numbers are cut.
struct Asked<'a> {
    column: &'a str,
    cuts: Vec<f64>,
}

impl<'a> Asked<'a> {
    /// `column`, or `column:cuts`.
    fn new(text: &'a str) -> Result<Self> {
        let numbers =
            |cuts: &str| cuts.split(',').map(|cut| cut.trim().parse().ok()).collect::<Option<Vec<f64>>>();
        let cut = text.rsplit_once(':').and_then(|(column, cuts)| Some((column, numbers(cuts)?)));
        let (column, cuts) = cut.unwrap_or((text, Vec::new()));
        check_cuts(&cuts).map_err(|error| input_error!("--by {text}: {error}"))?;
        Ok(Self { column, cuts })
    }
}

/// How outcomes are parted.
#[derive(Clone, Debug)]
struct Parted {
    buckets: Buckets,
    /// Where the thresholds come from.
    from: &'static str,
    /// Rows by the bucket of their outcome.
    rows: Vec<usize>,
}

impl Parted {
    /// By `--thresholds`, else by the file's own positive outcomes.
    fn new(arguments: &Arguments, rows: &Dataset) -> Result<Self> {
        let (file, column) = (arguments.scores.display(), shown(&arguments.outcome));
        if let Some(place) = rows.outcome.iter().position(|outcome| *outcome < 0.0) {
            let row = rows.origin.as_ref().map_or(place as u64 + 1, |origin| origin[place]);
            return Err(input_error!(
                "{file}: row {row}, column '{column}': found '{}'; what a row is worth is 0 or more, so without --treatment nothing \
                 below 0 is allowed",
                rows.outcome[place]
            ));
        }
        let own = Buckets::of(&rows.outcome).map_err(|_| {
            input_error!(
                "{file}: column '{column}': no outcome is above 0 ({} rows); without a positive one there is nothing to judge",
                rows.outcome.len()
            )
        })?;
        let (buckets, from) = match arguments.thresholds.as_slice() {
            [] => (own, "the file's own positive outcomes"),
            some => {
                let given = Buckets::at(some, &rows.outcome);
                (given.map_err(|error| input_error!("--thresholds: {error}"))?, "--thresholds")
            }
        };
        let mut counts = vec![0; buckets.count()];
        rows.outcome.iter().for_each(|outcome| counts[buckets.of_amount(*outcome) - 1] += 1);
        Ok(Self { buckets, from, rows: counts })
    }

    fn line(&self) -> String {
        let ranges = self.buckets.ranges().into_iter().zip(&self.rows);
        let ranges: Vec<String> = ranges.map(|(range, rows)| format!("{range} ({rows})")).collect();
        format!("buckets from {}, with their rows: {}\n", self.from, ranges.join(", "))
    }
}

fn judge(arguments: &Arguments) -> Result<Found> {
    let asked: Vec<Asked> = arguments.by.iter().map(|text| Asked::new(text)).collect::<Result<_>>()?;
    let mut spec = spec(arguments)?;
    for Asked { column, .. } in &asked {
        if !spec.categorical.iter().any(|known| known == column) {
            spec.categorical.push(column.to_string());
        }
    }
    let scored = table::load_scored(&spec, &arguments.score)?;
    let parted = match scored.rows.question() {
        Question::Uplift => None,
        Question::Value => Some(Parted::new(arguments, &scored.rows)?),
    };
    let refuse = |error| input_error!("{}: {error}", arguments.scores.display());
    let whole = found(&judged(&scored, parted.as_ref())).map_err(refuse)?;
    let by = asked.iter().map(|asked| By::new(arguments, asked, &scored, parted.as_ref()));
    let by = by.collect::<Result<_>>()?;
    Ok(Found { parted, by, ..whole })
}

impl By {
    fn new(arguments: &Arguments, asked: &Asked, scored: &Scored, parted: Option<&Parted>) -> Result<Self> {
        let (file, name) = (arguments.scores.display(), asked.column);
        let refuse = |error| input_error!("{file}: column '{}': {error}", shown(name));
        let column = SegmentColumn::of(&scored.rows, name).unwrap_or(SegmentColumn::Numbers(Vec::new()));
        let column = column.as_numbers(!asked.cuts.is_empty());
        let all: Vec<u32> = (0..scored.score.len() as u32).collect();
        let grouping = column.grouping(&asked.cuts, &all).map_err(refuse)?;
        let parts = grouping.names().into_iter().zip(column.parted(&grouping, &all));
        let group = |(segment, places): (String, Vec<u32>)| {
            let rows = scored.rows.select(&places);
            let score = places.iter().map(|place| scored.score[*place as usize]).collect();
            let treated = rows.treatment.as_ref().map(|treatment| treatment.assigned.as_slice());
            let unjudged = unjudged(&rows.outcome, treated);
            let some = Scored { score, rows };
            // Buckets are those of all rows, so that groups can be compared.
            let judge = || found(&judged(&some, parted)).map_err(|error| format!("{error:#}"));
            Group { segment, rows: places.len(), found: unjudged.map_or_else(judge, Err) }
        };
        Ok(Self { column: name.to_string(), groups: parts.map(group).collect() })
    }

    /// A column per group, and below why others have none.
    fn text(&self) -> String {
        let judged: Vec<(&Group, &Found)> =
            self.groups.iter().filter_map(|group| Some((group, group.found.as_ref().ok()?))).collect();
        let mut lines: Vec<(String, Vec<String>)> = vec![
            (String::new(), judged.iter().map(|(group, _)| group.segment.clone()).collect()),
            ("rows".to_string(), judged.iter().map(|(group, _)| group.rows.to_string()).collect()),
            (
                "mean outcome".to_string(),
                judged.iter().map(|(_, found)| format!("{:.6}", found.mean_outcome)).collect(),
            ),
        ];
        let entries = judged.first().map(|(_, found)| found.summary.entries.as_slice()).unwrap_or_default();
        for (place, (metric, _)) in entries.iter().enumerate() {
            let value = |found: &Found| found.summary.entries.get(place).and_then(|(_, found)| found.value);
            let cell = |(_, found): &(&Group, &Found)| {
                value(found).map_or("-".to_string(), |value| format!("{value:.6}"))
            };
            lines.push((metric.name.to_string(), judged.iter().map(cell).collect()));
        }
        let known = |cells: &[String]| cells.iter().any(|cell| cell != "-");
        lines.retain(|(_, cells)| known(cells));
        let width = |cells: &mut dyn Iterator<Item = &String>| {
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let first = width(&mut lines.iter().map(|(name, _)| name));
        let widths: Vec<usize> = (0..judged.len())
            .map(|column| width(&mut lines.iter().map(|(_, cells)| &cells[column])))
            .collect();
        let line = |(name, cells): &(String, Vec<String>)| {
            let cells = cells.iter().zip(&widths).map(|(cell, width)| format!("  {cell:>width$}"));
            format!("{name:first$}{}\n", cells.collect::<String>())
        };
        let refused = self
            .groups
            .iter()
            .filter_map(|group| Some(format!("{}: {}\n", group.segment, group.found.as_ref().err()?)));
        let table: String = if judged.is_empty() { String::new() } else { lines.iter().map(line).collect() };
        format!("\nby {}\n{table}{}", self.column, refused.collect::<String>())
    }

    fn json(&self) -> serde_json::Value {
        let group = |group: &Group| {
            let mut object = serde_json::Map::new();
            object.insert("segment".to_string(), serde_json::json!(group.segment));
            object.insert("rows".to_string(), serde_json::json!(group.rows));
            match &group.found {
                Ok(found) => {
                    if let serde_json::Value::Object(rest) = json(found) {
                        object.extend(rest);
                    }
                }
                Err(reason) => drop(object.insert("reason".to_string(), serde_json::json!(reason))),
            }
            serde_json::Value::Object(object)
        };
        serde_json::json!({ "column": self.column, "groups": self.groups.iter().map(group).collect::<Vec<_>>() })
    }
}

/// Scores beside what happened.
fn judged<'a>(scored: &'a Scored, parted: Option<&'a Parted>) -> ScoredRows<'a> {
    let Scored { score, rows } = scored;
    match &rows.treatment {
        Some(treatment) => ScoredRows {
            effect: rows.truth.as_ref().and_then(|truth| truth.effect.as_deref()),
            predicted_uplift: Some(score),
            propensity: treatment.propensity.as_deref(),
            ..ScoredRows::new(score, &treatment.assigned, &rows.outcome)
        },
        None => ScoredRows {
            expected: rows
                .truth
                .as_ref()
                .and_then(|truth| truth.expected.as_ref())
                .and_then(Arms::only)
                .map(Vec::as_slice),
            buckets: parted.map(|parted| &parted.buckets),
            ..ScoredRows::of_values(score, &rows.outcome, Some(score))
        },
    }
}

/// The file as a table that declares no features.
fn spec(arguments: &Arguments) -> Result<TableSpec> {
    let constant = arguments.propensity.as_ref().and_then(|propensity| propensity.parse::<f64>().ok());
    if let Some(value) = constant.filter(|&value| !(value > 0.0 && value < 1.0)) {
        return Err(input_error!("--propensity {value}: is not between 0 and 1 (both excluded)"));
    }
    let column = || arguments.propensity.clone().map(Propensity::Column);
    let values = |own: &[String], usual: [&str; 2]| match own.is_empty() {
        true if arguments.treatment.is_none() => Vec::new(),
        true => usual.map(String::from).to_vec(),
        false => own.to_vec(),
    };
    let reading = arguments.reading.over(&table::Dialect::default());
    Ok(TableSpec {
        path: Some(arguments.scores.display().to_string()),
        treatment: arguments.treatment.clone(),
        treated: values(&arguments.treated, TREATED),
        control: values(&arguments.control, CONTROL),
        drop: arguments.drop.clone(),
        outcome: arguments.outcome.clone(),
        effect: arguments.effect.clone(),
        expected: arguments.expected.clone(),
        propensity: constant.map(Propensity::Constant).or_else(column),
        ..TableSpec::read_as(reading)
    })
}

fn found(judged: &ScoredRows) -> Result<Found> {
    let summary = summary(judged)?;
    let average = judged.treatment.map(|treatment| AverageEffect::of(treatment, judged.outcome));
    let (average, rows) = (average.transpose()?, judged.outcome.len());
    let mean_outcome = judged.outcome.iter().sum::<f64>() / rows as f64;
    let totals = DatasetTotals::of_rows("the file", judged);
    Ok(Found { summary, average, totals, rows, mean_outcome, parted: None, by: Vec::new() })
}

impl Found {
    /// Metrics in the order in which they are to be read: facts of the rows, then an area before every share that says
    /// nothing here, then all others.
    fn ordered(&self) -> Vec<&(&'static Metric, MetricValue)> {
        let entries = &self.summary.entries;
        let areas: Vec<&str> = self.silent().filter_map(|metric| Some(metric.share_of()?.1)).collect();
        let place = |metric: &Metric| match metric.direction {
            Direction::Neither => 0,
            _ if areas.contains(&metric.name) => 1,
            _ if self.totals.warning(metric.name).is_some() => 3,
            Direction::Higher | Direction::Lower | Direction::Zero | Direction::One => 2,
        };
        let mut ordered: Vec<_> = entries.iter().collect();
        if !areas.is_empty() {
            ordered.sort_by_key(|(metric, _)| place(metric));
        }
        ordered
    }

    /// Shares of a total that is hardly there.
    fn silent(&self) -> impl Iterator<Item = &'static Metric> {
        let entries = self.summary.entries.iter();
        entries
            .filter(|(metric, value)| value.value.is_some() && self.totals.warning(metric.name).is_some())
            .map(|(metric, _)| *metric)
    }

    /// What to read instead of them, and why.
    fn warning(&self) -> Option<String> {
        let shares: Vec<&str> = self.silent().map(|metric| metric.name).collect();
        let first = self.silent().next()?;
        let reason = self.totals.warning(first.name)?;
        let others = shares.get(1..).filter(|others| !others.is_empty());
        let others =
            others.map(|others| format!(" The same holds of {}.", others.join(", "))).unwrap_or_default();
        Some(format!("{reason}.{others} Areas in outcome units come first, shares last."))
    }
}

/// The average effect or the mean outcome first, then as the summary has it.
fn json(found: &Found) -> serde_json::Value {
    let mut object = serde_json::Map::new();
    match &found.average {
        Some(average) => {
            object.insert("average_effect".to_string(), serde_json::json!(average));
            object.insert("warning".to_string(), serde_json::json!(found.warning()));
        }
        None => {
            object.insert("rows".to_string(), serde_json::json!(found.rows));
            object.insert("mean_outcome".to_string(), serde_json::json!(found.mean_outcome));
        }
    }
    if let Some(Parted { buckets, from, rows }) = &found.parted {
        let (edges, median) = (&buckets.edges, buckets.median);
        let parted = serde_json::json!({ "edges": edges, "median": median, "rows": rows, "from": from });
        object.insert("buckets".to_string(), parted);
    }
    if let serde_json::Value::Object(rest) = found.summary.to_json() {
        object.extend(rest);
    }
    if !found.by.is_empty() {
        object.insert("by".to_string(), found.by.iter().map(By::json).collect());
    }
    serde_json::Value::Object(object)
}

/// The average effect or the mean outcome; aligned names, values and units; then what is undefined, and why.
fn table(found: &Found) -> String {
    let entries = found.ordered();
    let width = entries.iter().map(|(metric, _)| metric.name.len()).max().unwrap_or(0);
    let head = match &found.average {
        Some(average) => {
            let interval = average.interval.map(|[low, high]| format!(" [{low:.6}, {high:.6}], 95 %"));
            let interval = interval.unwrap_or_default();
            format!("average effect {:.6}{interval}, {}\n", average.effect, average.distance())
        }
        None => {
            let parted = found.parted.as_ref().map(Parted::line).unwrap_or_default();
            let (mean, rows) = (found.mean_outcome, found.rows);
            format!("mean outcome {mean:.6} of {rows} rows without a treatment\n{parted}")
        }
    };
    let warning = found.warning().map(|warning| format!("{warning}\n")).unwrap_or_default();
    let (mut defined, mut undefined) = (format!("{head}{warning}\n"), String::new());
    for (metric, value) in entries {
        let name = metric.name;
        // Writing to a string cannot fail.
        let _ = match (value.value, &value.reason) {
            (Some(value), _) if metric.unit == "rows" => {
                writeln!(defined, "{name:width$}  {value:>14}  rows")
            }
            (Some(value), _) => writeln!(defined, "{name:width$}  {value:>14.6}  {}", metric.unit),
            (None, reason) => writeln!(undefined, "{name:width$}  {}", reason.as_deref().unwrap_or("")),
        };
    }
    let undefined = if undefined.is_empty() { undefined } else { format!("\nundefined:\n{undefined}") };
    let by: String = found.by.iter().map(By::text).collect();
    format!("{defined}{by}{undefined}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn file(bytes: &[u8], suffix: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::Builder::new().prefix("scores").suffix(suffix).tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    fn arguments(file: &tempfile::NamedTempFile) -> Arguments {
        let [score, treatment, outcome] = ["s", "t", "y"].map(str::to_string);
        Arguments {
            scores: file.path().to_path_buf(),
            score,
            treatment: Some(treatment),
            treated: vec![],
            control: vec![],
            drop: vec![],
            outcome,
            effect: None,
            propensity: None,
            expected: None,
            thresholds: vec![],
            by: vec![],
            json: false,
            reading: ReadingArguments::default(),
        }
    }

    fn message(bytes: &[u8], suffix: &str, change: impl Fn(&mut Arguments)) -> String {
        let file = file(bytes, suffix);
        let mut arguments = arguments(&file);
        change(&mut arguments);
        let error = judge(&arguments).expect_err("bad input");
        assert!(valor_base::error::is_input(&error));
        error.to_string().replace(&file.path().display().to_string(), "FILE")
    }

    const GOOD: &[u8] = b"\xef\xbb\xbfs, t,y,tau,e\n3,1,5,2,0.5\n2,0,1,1,0.25\n1,1,0,1,0.5\n0,0,2,0,0.5\n";

    #[test]
    fn a_good_file_gives_the_same_plain_and_gzipped() {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(GOOD).unwrap();
        let (plain, packed) = (file(GOOD, ".csv"), file(&packed.finish().unwrap(), ".csv.gz"));
        let found = [plain, packed].map(|file| {
            let extra = (Some("tau".to_string()), Some("e".to_string()));
            judge(&Arguments { effect: extra.0, propensity: extra.1, ..arguments(&file) })
                .map(|found| json(&found))
                .unwrap()
        });
        assert_eq!(found[0], found[1]);
        assert_eq!((&found[0]["n"], &found[0]["ate"]), (&serde_json::json!(4), &serde_json::json!(1.0)));
        assert!(found[0]["krcc"].is_f64() && found[0]["auuc.ipw"].is_f64() && found[0]["pehe"].is_f64());
    }

    #[test]
    fn without_a_treatment_scores_are_judged_as_what_rows_are_worth() {
        let file = file(GOOD, ".csv");
        let found = judge(&Arguments { treatment: None, ..arguments(&file) }).unwrap();
        let object = json(&found);
        assert_eq!(
            (&object["rows"], &object["mean_outcome"]),
            (&serde_json::json!(4), &serde_json::json!(2.0))
        );
        for name in ["gini", "spearman", "nmae"] {
            assert!(object[name].is_f64(), "{object:#}");
        }
        assert!(object.get("auuc").is_none() && object.get("average_effect").is_none(), "{object:#}");
        let text = table(&found);
        let head = "mean outcome 2.000000 of 4 rows without a treatment\n\
                    buckets from the file's own positive outcomes, with their rows: 0 (1), up to 2 (2), 2 to 3.5 (0), above 3.5 (1)\n\n";
        assert!(text.starts_with(head), "{text}");
        let (defined, undefined) = text.split_once("\nundefined:\n").unwrap();
        assert!(defined.contains("\ngini ") && !undefined.contains("\ngini "), "{text}");
        assert!(undefined.contains("what rows are truly worth is not known"), "{text}");
    }

    /// 240 rows: of a tenure, of a kind, and some of a kind that hardly occurs.
    fn many() -> String {
        let row = |row: u32| {
            let kind = if row < 3 {
                "rare"
            } else if row.is_multiple_of(2) {
                "old"
            } else {
                "new"
            };
            let spent = if kind == "new" && row < 120 { 0 } else { row % 7 };
            format!("{},{},{spent},{kind},{}\n", row % 11, u8::from(row.is_multiple_of(3)), row * 4)
        };
        format!("s,t,y,kind,tenure\n{}", (0..240).map(row).collect::<String>())
    }

    #[test]
    fn groups_of_rows_are_judged_apart_by_levels_and_by_cuts() {
        let file = file(many().as_bytes(), ".csv");
        let by = vec!["kind".to_string(), "tenure:240,480".to_string(), "tenure".to_string()];
        for treatment in [None, Some("t".to_string())] {
            let worth = treatment.is_none();
            let found = judge(&Arguments { treatment, by: by.clone(), ..arguments(&file) }).unwrap();
            let object = json(&found);
            let groups = |place: usize| object["by"][place]["groups"].as_array().unwrap().clone();
            let names = |place: usize| -> Vec<String> {
                groups(place).iter().map(|group| group["segment"].as_str().unwrap().to_string()).collect()
            };
            assert_eq!(names(0), ["new", "old", "rare"]);
            assert_eq!(names(1), ["up to 240", "240 to 480", "above 480"]);
            assert_eq!(names(2).len(), 4);
            let rare = &groups(0)[2];
            assert_eq!(rare["reason"], "3 rows; at least 50 are needed");
            let rows: u64 = groups(1).iter().map(|group| group["rows"].as_u64().unwrap()).sum();
            assert_eq!(rows, 240);
            let metric = if worth { "gini" } else { "auuc" };
            assert!(groups(0)[0][metric].is_f64() && groups(0)[1][metric].is_f64(), "{object:#}");
            assert_ne!(groups(0)[0][metric], groups(0)[1][metric]);
            let text = table(&found);
            assert!(
                text.contains("\nby kind\n") && text.contains("rare: 3 rows; at least 50 are needed"),
                "{text}"
            );
        }
        // By hand: the group's rows alone, in a file of their own, but for the buckets of all rows.
        let alone: String = many()
            .lines()
            .filter(|line| !line.contains("rare") && !line.contains("new"))
            .fold(String::new(), |text, line| text + line + "\n");
        let alone = self::file(alone.as_bytes(), ".csv");
        let alone = json(&judge(&Arguments { treatment: None, ..arguments(&alone) }).unwrap());
        let whole = Arguments { treatment: None, by: vec!["kind".to_string()], ..arguments(&file) };
        let group = json(&judge(&whole).unwrap())["by"][0]["groups"][1].clone();
        for name in ["gini", "spearman", "nmae", "nrmse", "calibration"] {
            assert_eq!(group[name], alone[name], "{name}");
        }
    }

    #[test]
    fn what_cannot_be_grouped_is_refused_by_name() {
        let bytes = many();
        let refused =
            |by: &str| message(bytes.as_bytes(), ".csv", |arguments| arguments.by = vec![by.to_string()]);
        assert!(
            refused("tenur").contains("no column 'tenur'; did you mean 'tenure'?"),
            "{}",
            refused("tenur")
        );
        assert!(refused("kind:1,2").contains("column 'kind': it holds texts, which cannot be cut"));
        assert!(
            refused("tenure:5,5").starts_with("--by tenure:5,5: found 5 after 5"),
            "{}",
            refused("tenure:5,5")
        );
    }

    #[test]
    fn thresholds_and_true_worth_are_taken_where_they_are_given() {
        let file = file(GOOD, ".csv");
        let worth = Arguments {
            treatment: None,
            expected: Some("tau".to_string()),
            thresholds: vec![1.0],
            ..arguments(&file)
        };
        let object = json(&judge(&worth).unwrap());
        let parted = serde_json::json!({ "edges": [1e-6, 1.0], "median": 2.0, "rows": [1, 1, 2], "from": "--thresholds" });
        assert_eq!(object["buckets"], parted, "{object:#}");
        for name in ["gini.true", "spearman.true", "rmse.true", "nmae.true", "calibration.true", "recall.top"]
        {
            assert!(object[name].is_f64(), "{name}: {object:#}");
        }
        assert!(object["reasons"]["spearman.bucket3"].as_str().unwrap().contains("there are 3 buckets"));
    }

    #[test]
    fn what_rows_cannot_be_worth_is_refused_by_what_is_wrong_with_it() {
        let worth = |bytes: &[u8], thresholds: &[f64]| {
            message(bytes, ".csv", |arguments| {
                (arguments.treatment, arguments.thresholds) = (None, thresholds.to_vec());
            })
        };
        let below = worth(b"s,y\n1,2\n2,-3\n", &[]);
        assert!(
            below.starts_with("FILE: row 3, column 'y': found '-3'; what a row is worth is 0 or more"),
            "{below}"
        );
        let zeros = "FILE: column 'y': no outcome is above 0 (2 rows); without a positive one there is nothing to judge";
        assert_eq!(worth(b"s,y\n1,0\n2,0\n", &[]), zeros);
        assert_eq!(worth(b"s,y\n1,5\n", &[]), "FILE: 1 row to judge: at least 2 are needed");
        let order = worth(b"s,y\n1,5\n2,0\n", &[10.0, 5.0]);
        assert!(order.starts_with("--thresholds: threshold 5 is not above 10"), "{order}");
        assert!(
            worth(b"s,y\n1,5\n2,much\n", &[])
                .contains("column 'y': found 'much'; allowed are finite numbers")
        );
        assert_eq!(worth(b"s,yy\n1,5\n", &[]), "FILE: no column 'y'; did you mean 'yy'? it has s, yy");
    }

    #[test]
    fn truth_values_and_declared_values_are_treatments() {
        let judged = |from: [&str; 2], change: &dyn Fn(&mut Arguments)| {
            let text = String::from_utf8(GOOD[3..].to_vec()).unwrap();
            let swap = |line: &str| {
                let mut cells: Vec<&str> = line.split(',').collect();
                cells[1] = match cells[1] {
                    "1" => from[0],
                    "0" => from[1],
                    other => other,
                };
                cells.join(",") + "\n"
            };
            let file = file(text.lines().map(swap).collect::<String>().as_bytes(), ".csv");
            let mut arguments = arguments(&file);
            change(&mut arguments);
            json(&judge(&arguments).unwrap())
        };
        let plain = judged(["1", "0"], &|_| {});
        for values in [["1.0", "0.0"], ["true", "false"], ["True", "False"], ["TRUE", "FALSE"]] {
            assert_eq!(judged(values, &|_| {}), plain, "{values:?}");
        }
        let declared = |arguments: &mut Arguments| {
            (arguments.treated, arguments.control) = (vec!["mail".into()], vec!["none".into()]);
        };
        assert_eq!(judged(["mail", "none"], &declared), plain);
    }

    #[test]
    fn the_table_is_aligned_and_ends_with_reasons() {
        let table = table(&judge(&arguments(&file(GOOD, ".csv"))).unwrap());
        assert!(table.starts_with("average effect 1.000000 ["), "{table}");
        assert!(table.contains(&format!("\n{:32}  {:>14}  rows\n", "n", 4)), "{table}");
        let (_, undefined) = table.split_once("\nundefined:\n").unwrap();
        assert!(undefined.contains("\nlift@30 "), "{table}");
    }

    fn rows(effect: f64) -> String {
        let line = |row: usize| {
            let treated = row % 2;
            let outcome = (row * 7 % 11) as f64 + effect * treated as f64;
            format!("{},{treated},{outcome}\n", row * 13 % 40)
        };
        std::iter::once("s,t,y\n".to_string()).chain((0..40).map(line)).collect()
    }

    #[test]
    fn where_the_total_is_hardly_there_the_area_leads_and_the_reason_is_said() {
        let found = |effect: f64| judge(&arguments(&file(rows(effect).as_bytes(), ".csv"))).unwrap();
        let (weak, strong) = (found(0.1), found(9.0));
        let text = table(&weak);
        assert!(text.contains("auuc is a share of a total that is hardly there"), "{text}");
        let (_, rows) = text.split_once("\n\n").unwrap();
        let at = |name: &str| rows.find(&format!("\n{name} ")).unwrap_or_else(|| panic!("{name}: {text}"));
        assert!(
            at("auuc.area") < at("lift@30") && at("lift@30") < at("auuc") && at("qini.area") < at("qini"),
            "{text}"
        );
        assert!(
            json(&weak)["warning"].is_string() && json(&weak)["average_effect"]["z"].as_f64().unwrap() < 3.0
        );
        let text = table(&strong);
        assert!(!text.contains("hardly there") && json(&strong)["warning"].is_null(), "{text}");
        assert!(text.find("\nauuc ") < text.find("\nauuc.area "), "{text}");
    }

    #[test]
    fn bad_files_are_named_with_row_and_column() {
        let none = |_: &mut Arguments| {};
        let wrong = |bytes: &[u8]| message(bytes, ".csv", none);
        let at =
            |row: u64, column: &str| format!("FILE: row {row} (the header is row 1), column '{column}': ");
        assert_eq!(wrong(b""), "FILE is empty (0 bytes)");
        assert_eq!(wrong(b"s,t,y\n"), "FILE has no rows");
        assert_eq!(wrong(b"sc,t,y\n1,1,1\n"), "FILE: no column 's'; did you mean 'sc'? it has sc, t, y");
        let twice = "FILE: the column 's' is there twice (columns 1 and 4); allowed is once";
        assert_eq!(wrong(b"s,t,y,s\n1,1,1,1\n"), twice);
        let finite = "allowed are finite numbers, true and false";
        assert_eq!(wrong(b"s,t,y\n1,1,1\n1,0,x\n"), at(3, "y") + "found 'x'; " + finite);
        assert!(wrong(b"s,t,y\nNaN,1,1\n").starts_with(&(at(2, "s") + "found 'NaN'; " + finite)));
        assert_eq!(wrong(b"s,t,y\n1,1,inf\n"), at(2, "y") + "found 'inf'; " + finite);
        assert_eq!(wrong(b"s,t,y\n1,1,\n"), at(2, "y") + "the cell is empty; " + finite);
        let undeclared = "the value '2' is declared in none of the lists: --treated = [\"1\", \"true\"], \
                          --control = [\"0\", \"false\"], --drop = []";
        assert!(wrong(b"s,t,y\n1,2,1\n").starts_with(&(at(2, "t") + undeclared)));
        let short =
            "FILE: row 3 (the header is row 1) has 2 cells, the header has 3; the file may be truncated";
        assert_eq!(wrong(b"s,t,y\n1,1,1\n2,0\n"), short);
        let bytes = "FILE: row 3 (the header is row 1), column 1: not UTF-8";
        assert_eq!(wrong(b"s,t,y\n1,1,1\n\xff,0,1\n"), bytes);
        assert!(
            wrong(b"s,t,y\n1,1,1\n2,1,1\n").starts_with("FILE: the control arm is empty: no row has t in ")
        );
        assert!(message(b"\x1f\x8b\x08", ".csv.gz", none).contains("truncated"));
        assert!(message(b"s,t,y\n1,1,1\n", ".txt", none).contains("allowed are files ending in .csv"));
    }

    #[test]
    fn a_propensity_is_a_probability() {
        let with = |value: &'static str| {
            move |arguments: &mut Arguments| arguments.propensity = Some(value.to_string())
        };
        assert_eq!(
            message(GOOD, ".csv", with("1")),
            "--propensity 1: is not between 0 and 1 (both excluded)"
        );
        assert_eq!(
            message(GOOD, ".csv", with("tau")),
            "FILE: row 2 (the header is row 1), column 'tau': found '2'; allowed are numbers above 0 and below 1"
        );
    }
}
