//! The page: what raises and lowers uplift, or what accounts of one arm are worth, with plots, and accounts in plain sentences.

use super::account::Story;
use super::branch::Names;
use super::leaves::{self, LeafRow};
use super::{dependence, summary, tree_svg};
use anyhow::Result;
use serde::Serialize;
use valor_analysis::explain::{Account, Digest, Direction, FeatureView, features};
use valor_base::question::Question;
use valor_learn::learner::explain::{Attribution, Listing};
use valor_page::amount::{Unit, decimals};
use valor_page::format;
use valor_page::templates::{EXPLAIN_STYLE, STYLE, fill};

/// Features in the first table.
const LEADING: usize = 15;
/// Features that the answer names.
const NAMED: usize = 3;
/// Rows of the summary plot.
const SUMMARY: usize = 12;
/// Features with a dependence plot.
const PLOTS: usize = 6;

/// What the page is about.
pub(crate) struct About<'a> {
    /// The method, as files spell it.
    pub method: &'a str,
    /// How contributions are computed.
    pub attribution: Attribution,
    /// The file whose rows are explained.
    pub data: &'a str,
    /// What the model answers.
    pub question: Question,
    /// Identity of the model's run.
    pub id: &'a str,
    /// What the ids of accounts are: a column, or row numbers.
    pub ids: &'a str,
    /// What all accounts start from, outcome units.
    pub base: f64,
    /// What a reader should know.
    pub notes: &'a [String],
    /// Of a tree to decide by, the tree.
    pub tree: Option<&'a Listing>,
}

#[derive(Serialize)]
struct FeatureRow {
    name: String,
    mean: String,
    /// Of the largest, per cent.
    share: f64,
    direction: &'static str,
    class: &'static str,
    effects: Vec<(String, String, bool)>,
}

#[derive(Serialize)]
struct Plot {
    name: String,
    svg: String,
    beyond: usize,
}

#[derive(Serialize)]
struct TreePage {
    svg: String,
    leaves: Vec<LeafRow>,
}

#[derive(Serialize)]
struct Group {
    heading: String,
    stories: Vec<Story>,
}

/// What `explain.html` asks for, by name.
#[derive(Serialize)]
struct Page<'a> {
    style: String,
    /// What the explanation says, in sentences.
    answer: Vec<String>,
    method: &'a str,
    attribution: &'a str,
    /// What accounts are ranked by: uplift or value.
    score: &'static str,
    /// Whether there is one arm, so that nobody is contacted.
    one_arm: bool,
    /// Whether contributions add up to the score without more.
    additive: bool,
    data: &'a str,
    id: &'a str,
    ids: &'a str,
    notes: &'a [String],
    facts: Vec<(String, String)>,
    leading: &'a [FeatureRow],
    others: &'a [FeatureRow],
    /// Features that move nothing.
    silent: usize,
    sampled: String,
    /// Whether the sample is all rows.
    whole: bool,
    summary: String,
    /// Dots beyond the axes of the summary.
    beyond: usize,
    plots: Vec<Plot>,
    groups: Vec<Group>,
    tree: Option<TreePage>,
}

/// The page.
pub(crate) fn render(about: &About, digest: &Digest, unit: &Unit) -> Result<String> {
    let views = features(digest);
    let moved: Vec<&FeatureView> = views.iter().filter(|view| view.mean_absolute > 0.0).collect();
    let rows = feature_rows(about.question, &moved, unit);
    let leading: Vec<FeatureView> = moved.iter().take(SUMMARY).map(|view| (*view).clone()).collect();
    let score = about.question.score();
    let (plotted, beyond) = summary::draw(&leading, digest, unit, score);
    let plot = |view: &FeatureView| {
        let feature = &digest.features[view.place];
        let (svg, beyond) = dependence::draw(feature, &digest.sample, view.place, (unit, score));
        Plot { name: feature.readable(), svg, beyond }
    };
    let tree = about.tree.map(|listing| {
        let names = Names(&digest.features);
        TreePage {
            svg: tree_svg::draw(listing, &names, unit, usize::MAX),
            leaves: leaves::table(listing, &names, unit),
        }
    });
    let page = Page {
        style: format!("{STYLE}{EXPLAIN_STYLE}"),
        answer: answer(about.question, digest, &rows, unit),
        method: about.method,
        attribution: about.attribution.name(),
        score: about.question.score(),
        one_arm: about.question == Question::Value,
        additive: about.attribution == Attribution::Shapley,
        data: about.data,
        id: about.id,
        ids: about.ids,
        notes: about.notes,
        facts: facts(about, digest, unit),
        leading: &rows[..rows.len().min(LEADING)],
        others: &rows[rows.len().min(LEADING)..],
        silent: views.len() - moved.len(),
        sampled: format::count(digest.sample.len()),
        whole: digest.sample.len() == digest.rows,
        summary: plotted,
        beyond,
        plots: leading.iter().take(PLOTS).map(plot).collect(),
        groups: groups(about, digest, unit),
        tree,
    };
    fill("explain.html", &page)
}

/// Whom contacting pays, or what accounts are worth, and what moves it most.
fn answer(question: Question, digest: &Digest, rows: &[FeatureRow], unit: &Unit) -> Vec<String> {
    let mean = digest.mean_uplift();
    let accounts = format::count(digest.rows);
    let mut found = vec![match question {
        Question::Uplift => format!(
            "Of {accounts} accounts {:.0} % are expected to spend more if they are contacted; on average contacting changes spending by {}.",
            100.0 * digest.share_above(),
            unit.signed(mean, decimals([mean]))
        ),
        Question::Value => format!(
            "{accounts} accounts are expected to be worth {} on average.",
            unit.amount(mean, decimals([mean]))
        ),
    }];
    let named = |row: &FeatureRow| format!("{} (by {} on average, {})", row.name, row.mean, row.direction);
    let named: Vec<String> = rows.iter().take(NAMED).map(named).collect();
    found.push(match named.as_slice() {
        [] => "The model expects the same of every account: no feature moves it.".to_string(),
        some => format!("What moves it most: {}.", some.join("; ")),
    });
    found
}

fn facts(about: &About, digest: &Digest, unit: &Unit) -> Vec<(String, String)> {
    let mean = digest.mean_uplift();
    let places = decimals([mean, about.base]);
    let (share, score) = (100.0 * digest.share_above(), about.question.score());
    vec![
        ("accounts".to_string(), format::count(digest.rows)),
        (format!("mean {score}"), unit.signed(mean, places)),
        (format!("{score} above 0"), format!("{share:.0} %")),
        ("all accounts start from".to_string(), unit.signed(about.base, places)),
    ]
}

fn feature_rows(question: Question, views: &[&FeatureView], unit: &Unit) -> Vec<FeatureRow> {
    let largest = views.first().map_or(1.0, |view| view.mean_absolute);
    let amounts =
        views.iter().flat_map(|view| view.effects.iter().map(|(_, mean)| *mean).chain([view.mean_absolute]));
    let places = decimals(amounts);
    let row = |view: &&FeatureView| FeatureRow {
        name: view.name.replace('_', " "),
        mean: unit.amount(view.mean_absolute, places),
        share: 100.0 * view.mean_absolute / largest,
        direction: words(question, view.direction),
        class: class(view.direction),
        effects: view
            .effects
            .iter()
            .map(|(name, mean)| (name.clone(), unit.signed(*mean, places), *mean > 0.0))
            .collect(),
    };
    views.iter().map(row).collect()
}

fn words(question: Question, direction: Direction) -> &'static str {
    match (direction, question) {
        (Direction::Raises, Question::Uplift) => "the higher, the more persuadable",
        (Direction::Lowers, Question::Uplift) => "the higher, the less persuadable",
        (Direction::Raises, Question::Value) => "the higher, the more valuable",
        (Direction::Lowers, Question::Value) => "the higher, the less valuable",
        (Direction::Mixed, _) => "no single direction",
        (Direction::Levels, _) => "depends on the level",
        (Direction::None, _) => "does nothing",
    }
}

fn class(direction: Direction) -> &'static str {
    match direction {
        Direction::Raises => "raises",
        Direction::Lowers => "lowers",
        Direction::Mixed | Direction::Levels | Direction::None => "unclear",
    }
}

fn groups(about: &About, digest: &Digest, unit: &Unit) -> Vec<Group> {
    let accounts =
        digest.accounts(about.question.score()).into_iter().filter(|(_, accounts)| !accounts.is_empty());
    let group = |(heading, accounts): (String, Vec<&Account>)| Group {
        heading,
        stories: accounts
            .iter()
            .map(|account| Story::of(account, &digest.features, about.base, unit))
            .collect(),
    };
    accounts.map(group).collect()
}
