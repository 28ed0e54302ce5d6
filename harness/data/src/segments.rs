//! Rows in groups by what stands in a column of theirs: by its levels, or by ranges of its numbers.

use super::table::TableSpec;
use super::{DataSpec, Dataset, Evaluation, FeatureKind, MISSING, fresh, load};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use valor_base::error::shown;
use valor_base::input_error;
use valor_stats::metrics::quantile;

/// Fewest rows of a group that is judged: of fewer a metric says little, and its interval as little.
pub const FEWEST: usize = 50;
/// Most levels that are groups of their own; the others are one group together.
const MOST_LEVELS: usize = 12;
/// Where numbers are parted if nothing else is asked for: quartiles.
const QUARTERS: [f64; 3] = [0.25, 0.5, 0.75];

/// Values of a column, one per row.
#[derive(Clone, Debug, PartialEq)]
pub enum SegmentColumn {
    /// Numbers; NaN where missing.
    Numbers(Vec<f64>),
    /// Levels.
    Levels {
        /// Their names.
        levels: Vec<String>,
        /// The place of each row's level among them; [`MISSING`] where the cell is empty.
        codes: Vec<u32>,
    },
}

/// Groups of rows, by their values.
#[derive(Clone, Debug, PartialEq)]
pub enum Grouping {
    /// A group up to each cut, one above the last, and those without a number.
    Ranges {
        /// They increase.
        cuts: Vec<f64>,
        /// Whether any row lacks a number.
        gaps: bool,
    },
    /// A group per level, in their order; the others and those without a level last.
    Levels {
        /// Name and place among the column's levels.
        kept: Vec<(String, u32)>,
        /// Number of levels in the group of the others.
        others: usize,
        /// Whether any row lacks a level.
        gaps: bool,
    },
}

impl SegmentColumn {
    /// The column of a dataset that is called so: a feature, or the times of its rows.
    pub fn of(dataset: &Dataset, name: &str) -> Option<Self> {
        if let Some(feature) = dataset.features.iter().find(|feature| feature.name == name) {
            return Some(match &feature.kind {
                FeatureKind::Numeric { column } => {
                    let rows = 0..dataset.numeric.rows;
                    Self::Numbers(rows.map(|row| f64::from(dataset.numeric.row(row)[*column])).collect())
                }
                FeatureKind::Categorical { levels, codes } => {
                    Self::Levels { levels: levels.clone(), codes: codes.clone() }
                }
            });
        }
        let time = dataset.time.as_ref().filter(|_| dataset.units.time.as_deref() == Some(name));
        time.map(|times| Self::Numbers(times.clone()))
    }

    /// Its number of rows.
    fn rows(&self) -> usize {
        match self {
            Self::Numbers(values) => values.len(),
            Self::Levels { codes, .. } => codes.len(),
        }
    }

    /// A column of levels as numbers, where all are: one that is to be cut, or that has more levels than are shown.
    #[must_use]
    pub fn as_numbers(self, cut: bool) -> Self {
        let Self::Levels { levels, codes } = &self else { return self };
        let numbers: Option<Vec<f64>> = levels.iter().map(|level| level.parse::<f64>().ok()).collect();
        match numbers.filter(|_| cut || levels.len() > MOST_LEVELS) {
            Some(numbers) => {
                let number = |code: &u32| numbers.get(*code as usize).copied().unwrap_or(f64::NAN);
                Self::Numbers(codes.iter().map(number).collect())
            }
            None => self,
        }
    }

    /// The numbers of some rows.
    ///
    /// # Errors
    ///
    /// Why there are none: the column has levels, or fewer rows.
    pub fn numbers(&self, rows: &[u32]) -> anyhow::Result<Vec<f64>> {
        let Self::Numbers(values) = self else {
            return Err(input_error!("it holds texts; allowed are numbers"));
        };
        self.check(rows)?;
        Ok(rows.iter().map(|row| values[*row as usize]).collect())
    }

    fn check(&self, rows: &[u32]) -> anyhow::Result<()> {
        let (most, count) = (rows.iter().max().map_or(0, |row| *row as usize + 1), self.rows());
        match most <= count {
            true => Ok(()),
            false => {
                Err(input_error!("it has {count} rows, and row {most} is judged: the data are others now"))
            }
        }
    }

    /// How rows are grouped: numbers at the cuts, or at their quartiles among `rows` where there are none; texts by their levels, of
    /// which the most frequent 12 among `rows` stand alone.
    ///
    /// # Errors
    ///
    /// Input errors: cuts of a column of texts, and rows that are not there.
    pub fn grouping(&self, cuts: &[f64], rows: &[u32]) -> anyhow::Result<Grouping> {
        self.check(rows)?;
        match self {
            Self::Numbers(values) => {
                let mut known: Vec<f64> = rows.iter().map(|row| values[*row as usize]).collect();
                let all = known.len();
                known.retain(|value| !value.is_nan());
                known.sort_by(f64::total_cmp);
                let gaps = known.len() < all;
                let quarters = || QUARTERS.iter().map(|share| quantile(&known, *share)).collect();
                let mut cuts: Vec<f64> = if cuts.is_empty() { quarters() } else { cuts.to_vec() };
                cuts.dedup();
                Ok(Grouping::Ranges { cuts, gaps })
            }
            Self::Levels { .. } if !cuts.is_empty() => Err(input_error!(
                "it holds texts, which cannot be cut; allowed without cuts: a group per level"
            )),
            Self::Levels { levels, codes } => {
                let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
                for row in rows {
                    *counts.entry(codes[*row as usize]).or_default() += 1;
                }
                let gaps = counts.remove(&MISSING).is_some();
                let mut frequent: Vec<(u32, usize)> = counts.into_iter().collect();
                frequent.sort_by_key(|(code, count)| (std::cmp::Reverse(*count), *code));
                let others = frequent.len().saturating_sub(MOST_LEVELS);
                let mut kept: Vec<u32> =
                    frequent.into_iter().take(MOST_LEVELS).map(|(code, _)| code).collect();
                kept.sort_unstable();
                let name = |code: &u32| levels.get(*code as usize).cloned().unwrap_or_default();
                Ok(Grouping::Levels {
                    kept: kept.iter().map(|code| (name(code), *code)).collect(),
                    others,
                    gaps,
                })
            }
        }
    }

    /// The places of `rows` in each group of a grouping of this column.
    pub fn parted(&self, grouping: &Grouping, rows: &[u32]) -> Vec<Vec<u32>> {
        let mut groups = vec![Vec::new(); grouping.names().len()];
        for (place, row) in (0..).zip(rows) {
            let group = match self {
                Self::Numbers(values) => grouping.of_number(values[*row as usize]),
                Self::Levels { codes, .. } => grouping.of_level(codes[*row as usize]),
            };
            if let Some(group) = group.and_then(|group: usize| groups.get_mut(group)) {
                group.push(place);
            }
        }
        groups
    }
}

impl Grouping {
    /// For the reader.
    pub fn names(&self) -> Vec<String> {
        match self {
            Grouping::Ranges { cuts, gaps } => {
                let below = |(place, cut): (usize, &f64)| match place.checked_sub(1) {
                    None => format!("up to {}", written(*cut)),
                    Some(before) => format!("{} to {}", written(cuts[before]), written(*cut)),
                };
                let last = cuts.last().map(|cut| format!("above {}", written(*cut)));
                let all = cuts.iter().enumerate().map(below).chain(last);
                all.chain(gaps.then(|| "missing".to_string())).collect()
            }
            Grouping::Levels { kept, others, gaps } => {
                let rest = (*others > 0).then(|| format!("{others} other levels"));
                let names = kept.iter().map(|(name, _)| name.clone()).chain(rest);
                names.chain(gaps.then(|| "missing".to_string())).collect()
            }
        }
    }

    fn of_number(&self, value: f64) -> Option<usize> {
        match self {
            Grouping::Ranges { cuts, .. } if value.is_nan() => Some(cuts.len() + 1),
            Grouping::Ranges { cuts, .. } => Some(cuts.partition_point(|cut| *cut < value)),
            Grouping::Levels { .. } => None,
        }
    }

    fn of_level(&self, code: u32) -> Option<usize> {
        match self {
            Grouping::Ranges { .. } => None,
            Grouping::Levels { kept, others, .. } => {
                let own = kept.iter().position(|(_, level)| *level == code);
                let after = kept.len() + usize::from(*others > 0);
                own.or(Some(if code == MISSING { after } else { kept.len() }))
            }
        }
    }
}

/// To a millionth.
fn written(cut: f64) -> String {
    let digits = format!("{cut:.6}");
    digits.trim_end_matches('0').trim_end_matches('.').to_string()
}

/// Refuses cuts that do not increase.
///
/// # Errors
///
/// Input errors that say which.
pub fn check_cuts(cuts: &[f64]) -> anyhow::Result<()> {
    if let Some(cut) = cuts.iter().find(|cut| !cut.is_finite()) {
        return Err(input_error!("found {cut}; allowed are finite numbers"));
    }
    match cuts.windows(2).find(|pair| pair[0] >= pair[1]) {
        Some(pair) => {
            Err(input_error!("found {} after {}; allowed are numbers that increase", pair[1], pair[0]))
        }
        None => Ok(()),
    }
}

/// Why a group of rows is not judged; nothing where it is. `assigned` says who was treated, where there is a treatment.
pub fn unjudged(outcomes: &[f64], assigned: Option<&[bool]>) -> Option<String> {
    let rows = outcomes.len();
    if rows < FEWEST {
        return Some(format!("{rows} rows; at least {FEWEST} are needed"));
    }
    if outcomes.iter().all(|outcome| *outcome == 0.0) {
        return Some(format!("all {rows} outcomes are 0"));
    }
    let treated = assigned?.iter().filter(|treated| **treated).count();
    match treated {
        0 => Some("no row is treated".to_string()),
        all if all == rows => Some("all rows are treated".to_string()),
        _ => None,
    }
}

/// The rows that models are judged on, to be asked for their columns.
pub struct ColumnSource {
    source: Source,
}

enum Source {
    /// All that a source drew.
    Drawn(Box<Dataset>),
    /// A file, and the folder that its path starts from.
    File(Box<TableSpec>, PathBuf),
}

impl ColumnSource {
    /// Of a source and what its models are judged on; the numbers of judged rows count in these.
    ///
    /// # Errors
    ///
    /// Input errors of the source.
    pub fn open(data: &DataSpec, evaluation: Evaluation, root: &Path) -> anyhow::Result<Self> {
        let source = match (data, evaluation) {
            (DataSpec::Table(spec), _) => Source::File(Box::new(spec.clone()), root.to_path_buf()),
            (_, Evaluation::Share(_)) => Source::Drawn(Box::new(load(data, root)?)),
            (_, Evaluation::Fresh { rows }) => Source::Drawn(Box::new(fresh(data, rows)?)),
        };
        Ok(Self { source })
    }

    /// The column called so; one that a table does not declare is read as numbers where `numbers` are wanted, else as texts.
    ///
    /// # Errors
    ///
    /// Input errors: no such column, or cells that are not what is wanted.
    pub fn column(&self, name: &str, numbers: bool) -> anyhow::Result<SegmentColumn> {
        match &self.source {
            Source::Drawn(dataset) => SegmentColumn::of(dataset, name).ok_or_else(|| {
                let features: Vec<&str> =
                    dataset.features.iter().map(|feature| feature.name.as_str()).collect();
                let all =
                    features.into_iter().chain(dataset.units.time.as_deref()).collect::<Vec<_>>().join(", ");
                input_error!("no column '{}'; there are {all}", shown(name))
            }),
            Source::File(spec, root) => {
                let declared = |columns: &[String]| columns.iter().any(|column| column == name);
                let number = declared(&spec.numeric) || (numbers && !declared(&spec.categorical));
                let mut asked = (**spec).clone();
                if spec.time.as_deref() != Some(name) {
                    let alone = |wanted: bool| if wanted { vec![name.to_string()] } else { Vec::new() };
                    (asked.numeric, asked.categorical) = (alone(number), alone(!number));
                    // How networks see columns that are not read here.
                    (asked.log1p, asked.sequence) = (Vec::new(), Vec::new());
                }
                let dataset = load(&DataSpec::Table(asked), root)?;
                SegmentColumn::of(&dataset, name).ok_or_else(|| input_error!("no column '{}'", shown(name)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(column: &SegmentColumn, cuts: &[f64], rows: &[u32]) -> Vec<(String, Vec<u32>)> {
        let grouping = column.grouping(cuts, rows).unwrap();
        grouping.names().into_iter().zip(column.parted(&grouping, rows)).collect()
    }

    fn named(groups: &[(&str, &[u32])]) -> Vec<(String, Vec<u32>)> {
        groups.iter().map(|(name, rows)| (name.to_string(), rows.to_vec())).collect()
    }

    #[test]
    fn numbers_are_parted_at_cuts_or_quartiles_and_gaps_stand_apart() {
        let column = SegmentColumn::Numbers(vec![0.0, 90.0, 91.0, 400.0, f64::NAN, -3.0]);
        let all = [0, 1, 2, 3, 4, 5];
        let expected: &[(&str, &[u32])] = &[
            ("up to 0", &[0, 5]),
            ("0 to 90", &[1]),
            ("90 to 365", &[2]),
            ("above 365", &[3]),
            ("missing", &[4]),
        ];
        assert_eq!(groups(&column, &[0.0, 90.0, 365.0], &all), named(expected));
        // Places among the rows that are judged, not rows of the file.
        assert_eq!(groups(&column, &[0.0], &[3, 0]), named(&[("up to 0", &[1]), ("above 0", &[0])]));
        let quarters =
            groups(&SegmentColumn::Numbers((1..=8).map(f64::from).collect()), &[], &[0, 1, 2, 3, 4, 5, 6, 7]);
        assert!(quarters.iter().all(|(_, rows)| rows.len() == 2), "{quarters:?}");
        assert_eq!(quarters[1].0, "2.75 to 4.5");
        let same = groups(&SegmentColumn::Numbers(vec![5.0; 3]), &[], &[0, 1, 2]);
        assert_eq!(
            same,
            named(&[("up to 5", &[0, 1, 2]), ("above 5", &[])]),
            "quartiles that coincide are one"
        );
    }

    #[test]
    fn texts_are_grouped_by_level_and_rare_ones_together() {
        let levels: Vec<String> = (0..20).map(|level| format!("l{level:02}")).collect();
        let codes: Vec<u32> =
            (0..20u32).flat_map(|level| vec![level; 1 + level as usize]).chain([MISSING]).collect();
        let rows: Vec<u32> = (0..codes.len() as u32).collect();
        let column = SegmentColumn::Levels { levels, codes };
        let found = groups(&column, &[], &rows);
        let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!((names.len(), names[0], names[12], names[13]), (14, "l08", "8 other levels", "missing"));
        assert_eq!(found.iter().map(|(_, rows)| rows.len()).sum::<usize>(), rows.len());
        assert_eq!((found[12].1.len(), found[13].1.len()), (36, 1));
        assert!(column.grouping(&[1.0], &rows).unwrap_err().to_string().contains("cannot be cut"));
        assert!(column.grouping(&[], &[9999]).unwrap_err().to_string().contains("the data are others now"));
    }

    #[test]
    fn levels_that_are_numbers_are_numbers_where_they_are_many_or_cut() {
        let of = |texts: &[&str]| SegmentColumn::Levels {
            levels: texts.iter().map(ToString::to_string).collect(),
            codes: (0..texts.len() as u32).chain([MISSING]).collect(),
        };
        assert!(matches!(of(&["1", "2"]).as_numbers(false), SegmentColumn::Levels { .. }));
        let SegmentColumn::Numbers(found) = of(&["1", "2.5"]).as_numbers(true) else { panic!() };
        assert!(found[..2] == [1.0, 2.5] && found[2].is_nan());
        let many: Vec<String> = (0..13).map(|number| number.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(matches!(of(&many).as_numbers(false), SegmentColumn::Numbers(_)));
        assert!(matches!(of(&["1", "x"]).as_numbers(true), SegmentColumn::Levels { .. }));
    }

    /// A column is read alone, whatever networks do with others.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "a file to read")]
    fn a_column_of_a_table_is_read_alone() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("rows.csv"), "a,b,c,y,kind\n1,2,3,0,x\n4,5,6,7,z\n").unwrap();
        let spec: DataSpec = toml::from_str(
            "[table]\npath = 'rows.csv'\noutcome = 'y'\nnumeric = ['a', 'b', 'c']\nlog1p = ['a']\nsequence = [['b', 'c']]\n",
        )
        .unwrap();
        let source = ColumnSource::open(&spec, Evaluation::Share(0.5), folder.path()).unwrap();
        let SegmentColumn::Numbers(found) = source.column("b", true).unwrap() else { panic!() };
        assert_eq!(found, [2.0, 5.0]);
        assert!(matches!(source.column("kind", false).unwrap(), SegmentColumn::Levels { .. }));
    }

    #[test]
    fn groups_that_say_nothing_say_why() {
        assert_eq!(unjudged(&[1.0; 3], None).as_deref(), Some("3 rows; at least 50 are needed"));
        assert_eq!(unjudged(&[0.0; 60], None).as_deref(), Some("all 60 outcomes are 0"));
        assert_eq!(unjudged(&[1.0; 60], Some(&[true; 60])).as_deref(), Some("all rows are treated"));
        assert_eq!(unjudged(&[1.0; 60], Some(&[false; 60])).as_deref(), Some("no row is treated"));
        assert_eq!(unjudged(&[1.0; 60], None), None);
        for (cuts, words) in [(vec![1.0, 1.0], "found 1 after 1"), (vec![f64::NAN], "found NaN")] {
            assert!(check_cuts(&cuts).unwrap_err().to_string().contains(words));
        }
    }
}
