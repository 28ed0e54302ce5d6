//! How one feature's contribution depends on its value.

use super::account::plain;
use super::summary::axis;
use valor_analysis::explain::{Account, Feature};
use valor_data::encode::FeatureSummary;
use valor_learn::model::Cell;
use valor_page::amount::{Unit, tick_decimals};
use valor_page::canvas::{Anchor, Canvas, Span};
use valor_page::format;
use valor_page::swarm::{self, Caption, Row};

/// Levels with a row of their own, the most frequent.
const LEVELS: usize = 8;
/// Share of dots beyond each end of an axis.
const BEYOND: f64 = 0.005;
const WIDTH: f64 = 440.0;
const HEIGHT: f64 = 270.0;
const LEFT: f64 = 62.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 8.0;
const BOTTOM: f64 = 42.0;
/// Room for dots without a value.
const GAP: f64 = 46.0;

/// The plot of a feature, with the unit and the name of what it contributes to, and how many dots lie beyond its axes.
pub(super) fn draw(
    feature: &Feature,
    sample: &[Account],
    place: usize,
    amounts: (&Unit, &str),
) -> (String, usize) {
    match feature.known() {
        FeatureSummary::Levels(levels) => by_level(feature, levels, (sample, place), amounts),
        FeatureSummary::Number { .. } => by_value(feature, (sample, place), amounts),
    }
}

fn by_value(
    feature: &Feature,
    (sample, place): (&[Account], usize),
    (unit, score): (&Unit, &str),
) -> (String, usize) {
    let (mut there, mut gaps) = (Vec::new(), Vec::new());
    for account in sample {
        let contribution = account.contributions[place];
        match account.cells[place] {
            Cell::Number(value) => there.push((f64::from(value), contribution)),
            Cell::Level(_) | Cell::Unmet(_) | Cell::Missing => gaps.push(contribution),
        }
    }
    let left = LEFT + if gaps.is_empty() { 0.0 } else { GAP };
    let x = Span::around(there.iter().map(|(value, _)| *value), BEYOND, (left, WIDTH - RIGHT));
    let all = || there.iter().map(|(_, found)| *found).chain(gaps.iter().copied());
    let y = Span::around(all(), BEYOND, (HEIGHT - BOTTOM, TOP)).with(0.0);
    let mut canvas = Canvas::new(WIDTH, HEIGHT);
    axes(&mut canvas, (x, y), &feature.readable(), unit);
    if !gaps.is_empty() {
        let centre = LEFT + GAP / 2.0;
        canvas.text("c-text", (centre, HEIGHT - BOTTOM + 16.0), Anchor::Middle, ("missing", GAP + 10.0));
        // Beside each other by turns, so that equal contributions do not hide each other.
        let at = |(turn, gap): (usize, &f64)| (centre + (turn % 7) as f64 * 4.0 - 12.0, y.at(*gap));
        canvas.dots("gap", &gaps.iter().enumerate().map(at).collect::<Vec<_>>());
    }
    canvas.dots("v0", &there.iter().map(|(value, found)| (x.at(*value), y.at(*found))).collect::<Vec<_>>());
    let beyond = there.iter().filter(|(value, found)| x.misses(*value) || y.misses(*found)).count()
        + gaps.iter().filter(|gap| y.misses(**gap)).count();
    let description = format!("Contribution to {score} by value, a sample of {} accounts.", sample.len());
    (canvas.finish(&feature.readable(), &description), beyond)
}

fn axes(canvas: &mut Canvas, (x, y): (Span, Span), name: &str, unit: &Unit) {
    let bottom = HEIGHT - BOTTOM;
    let ticks = y.ticks(5);
    let places = tick_decimals(ticks.get(1).zip(ticks.first()).map_or(1.0, |(next, first)| next - first));
    for tick in ticks {
        let class = if tick == 0.0 { "c-zero" } else { "c-grid" };
        canvas.line(class, (LEFT, y.at(tick)), (WIDTH - RIGHT, y.at(tick)));
        let label = unit.signed(tick, places);
        canvas.text("c-text", (LEFT - 6.0, y.at(tick) + 4.0), Anchor::End, (&label, LEFT - 6.0));
    }
    let ticks = x.ticks(4);
    for (&tick, label) in ticks.iter().zip(labels(&ticks)) {
        canvas.line("c-axis", (x.at(tick), bottom), (x.at(tick), bottom + 4.0));
        canvas.text("c-text", (x.at(tick), bottom + 16.0), Anchor::Middle, (&label, 70.0));
    }
    canvas.line("c-axis", (LEFT, bottom), (WIDTH - RIGHT, bottom));
    let middle = f64::midpoint(x.pixels.0, x.pixels.1);
    canvas.text("c-text", (middle, bottom + 34.0), Anchor::Middle, (name, WIDTH - LEFT));
}

/// Short where that tells them apart, else with all digits before the step's.
fn labels(ticks: &[f64]) -> Vec<String> {
    let short: Vec<String> = ticks.iter().map(|tick| plain(*tick)).collect();
    match short.windows(2).any(|pair| pair[0] == pair[1]) {
        true => ticks.iter().map(|tick| format::number(*tick, tick_decimals(ticks[1] - ticks[0]))).collect(),
        false => short,
    }
}

fn by_level(
    feature: &Feature,
    levels: &[String],
    (sample, place): (&[Account], usize),
    (unit, score): (&Unit, &str),
) -> (String, usize) {
    let of = |chosen: &dyn Fn(&Cell) -> bool, class: &'static str| -> Vec<(f64, &'static str)> {
        let accounts = sample.iter().filter(|account| chosen(&account.cells[place]));
        accounts.map(|account| (account.contributions[place], class)).collect()
    };
    let row = |(code, level): (usize, &String)| Row {
        label: level.clone(),
        dots: of(&|cell| *cell == Cell::Level(code), "v0"),
    };
    let mut rows: Vec<Row> = levels.iter().enumerate().map(row).filter(|row| !row.dots.is_empty()).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.dots.len()));
    if rows.len() > LEVELS {
        let others: Vec<Row> = rows.drain(LEVELS - 1..).collect();
        let label = format!("{} others", others.len());
        rows.push(Row { label, dots: others.into_iter().flat_map(|row| row.dots).collect() });
    }
    let missing = of(&|cell| matches!(cell, Cell::Missing | Cell::Unmet(_)), "gap");
    if !missing.is_empty() {
        rows.push(Row { label: "missing".to_string(), dots: missing });
    }
    let description = format!("Contribution to {score} by level, a sample of {} accounts.", sample.len());
    let title = &feature.readable();
    swarm::draw(&rows, unit, swarm::NARROW, &Caption { title, description: &description, axis: &axis(score) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(cell: Cell, contribution: f64) -> Account {
        Account { id: String::new(), uplift: 0.0, cells: vec![cell], contributions: vec![contribution] }
    }

    #[test]
    fn numbers_and_gaps_stand_apart() {
        let feature = Feature::new("usage_share", FeatureSummary::Number { mean: 0.0, sd: 1.0 });
        let mut sample: Vec<Account> =
            (0..50).map(|value| account(Cell::Number(value as f32), f64::from(value - 25))).collect();
        let (svg, beyond) = draw(&feature, &sample, 0, (&Unit::default(), "uplift"));
        assert!(!svg.contains("missing") && svg.contains("usage share") && beyond == 0);
        sample.push(account(Cell::Missing, 4.0));
        let (svg, _) = draw(&feature, &sample, 0, (&Unit::default(), "uplift"));
        assert!(svg.contains(">missing<") && svg.matches("h0").count() == 51, "{svg}");
    }

    #[test]
    fn ticks_of_large_numbers_are_told_apart() {
        assert_eq!(labels(&[20_240_100.0, 20_240_120.0]), ["20240100", "20240120"]);
        assert_eq!(labels(&[0.0, 0.5]), ["0", "0.5"]);
    }

    #[test]
    fn rare_levels_stand_together() {
        let levels: Vec<String> = (0..12).map(|level| format!("level {level}")).collect();
        let feature = Feature::new("region", FeatureSummary::Levels(&levels));
        let accounts = (0..12).flat_map(|code| (0..20 - code).map(move |_| account(Cell::Level(code), 1.0)));
        let (svg, _) = draw(&feature, &accounts.collect::<Vec<_>>(), 0, (&Unit::default(), "uplift"));
        assert!(svg.contains("level 6") && !svg.contains("level 7") && svg.contains("5 others"), "{svg}");
    }
}
