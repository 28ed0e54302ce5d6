//! The answer in words.

use super::super::metric_names::printed;
use valor_analysis::Analysis;
use valor_analysis::claims::ClaimView;
use valor_analysis::contrasts::ContrastView;
use valor_analysis::headline::{Gain, KindView, Leader, Sentence, Split};
use valor_page::format;
use valor_stats::metrics::Direction;
use valor_stats::stats::Answer;

/// Differences that a sentence spells out.
const SPELLED: usize = 3;
/// Decimals less than the full table has.
const ROUNDER: usize = 1;

/// Every sentence of the answer.
pub(super) fn answer(analysis: &Analysis) -> Vec<String> {
    analysis.headline.answer.iter().filter_map(|sentence| said(analysis, sentence)).collect()
}

fn said(analysis: &Analysis, sentence: &Sentence) -> Option<String> {
    let kind = |place: &usize| analysis.headline.kinds.get(*place);
    Some(match sentence {
        Sentence::Whole { kind: place, gains } => whole(analysis, kind(place)?, gains),
        Sentence::Added { kind: place, components } => added(analysis, kind(place)?, components),
        Sentence::Beside { kind: place, gains } => beside(analysis, kind(place)?, gains),
        Sentence::Leader(leader) => best(analysis, kind(&leader.kind)?, leader),
        Sentence::Alone { kind: place, method } => alone(analysis, kind(place)?, method),
        Sentence::Claims { verdict, claims } => {
            claimed(*verdict, claims.iter().filter_map(|place| analysis.claims.get(*place)))
        }
    })
}

/// Decimals of a metric on a kind: those of its means, one less than the full table has.
pub(in super::super) fn decimals(kind: &KindView, metric: &str) -> usize {
    let means = kind.methods.iter().filter_map(|method| method.value(metric));
    let references = kind.references.iter().filter_map(|row| row.metrics.get(metric).copied());
    format::decimals(means.chain(references)).saturating_sub(ROUNDER)
}

/// A number with the minus sign of print.
pub(super) fn number(value: f64, decimals: usize) -> String {
    format::number(value, decimals).replace('-', "\u{2212}")
}

/// A difference with its sign.
pub(super) fn signed(value: f64, decimals: usize) -> String {
    format::signed(&format::number(value, decimals)).replace('-', "\u{2212}")
}

fn ends((low, high): (f64, f64), decimals: usize) -> String {
    format!("[{}, {}]", number(low, decimals), number(high, decimals))
}

/// `on world 1`, `on b2b-mimic (3 datasets)`; nothing where there is one dataset in all.
fn place(analysis: &Analysis, kind: &KindView) -> String {
    match (analysis.blocks.len(), kind.datasets.len()) {
        (1, _) => String::new(),
        (_, 1) => format!(" on {}", kind.name),
        (_, count) => format!(" on {} (mean of {count} datasets)", kind.name),
    }
}

fn difference(contrast: &ContrastView, decimals: usize) -> String {
    let Some(value) = contrast.value() else { return String::new() };
    let interval = contrast.interval().as_ref().ok();
    let interval = interval.map(|found| format!(" {}", ends((found.low, found.high), decimals)));
    format!(" {}{}", signed(value, decimals), interval.unwrap_or_default())
}

/// The first few with their differences, the others by number.
fn spelled(gains: &[Gain], decimals: usize) -> String {
    let mut found: Vec<String> = gains
        .iter()
        .take(SPELLED)
        .map(|gain| format!("{}{}", gain.name, difference(&gain.contrast, decimals)))
        .collect();
    if gains.len() > SPELLED {
        found.push(format!("{} more", gains.len() - SPELLED));
    }
    joined(&found)
}

fn names(gains: &[Gain]) -> String {
    let mut found: Vec<String> = gains.iter().take(2 * SPELLED).map(|gain| gain.name.clone()).collect();
    if gains.len() > found.len() {
        found.push(format!("{} more", gains.len() - found.len()));
    }
    joined(&found)
}

/// `a, b and c`.
fn joined(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// From the lowest to the highest difference.
fn reach(gains: &[Gain], decimals: usize) -> Option<String> {
    let values = || gains.iter().filter_map(|gain| gain.contrast.value());
    let (low, high) = (values().min_by(f64::total_cmp)?, values().max_by(f64::total_cmp)?);
    Some(match gains.len() {
        1 => format!(" (difference {})", signed(low, decimals)),
        _ => format!(" (differences from {} to {})", signed(low, decimals), signed(high, decimals)),
    })
}

fn whole(analysis: &Analysis, kind: &KindView, gains: &Split) -> String {
    let (decimals, all) = (decimals(kind, &kind.metric), gains.count());
    let (metric, place) = (printed(&kind.metric), place(analysis, kind));
    let reach = |gains: &[Gain]| reach(gains, decimals).unwrap_or_default();
    if gains.open.len() == all {
        return format!(
            "We cannot tell on any of {all} backbones whether VALOR is better or worse than the backbone alone in \
             {metric}{place}{}.",
            reach(&gains.open)
        );
    }
    let mut text = format!(
        "VALOR is better than its backbone alone on {} of {all} backbones in {metric}{place}",
        gains.better.len()
    );
    if !gains.better.is_empty() {
        text += &format!(": {}", spelled(&gains.better, decimals));
    }
    text += &rest(gains, decimals, "on");
    text + "."
}

/// What is worse, the same, and open.
fn rest(gains: &Split, decimals: usize, on: &str) -> String {
    let mut text = String::new();
    if !gains.worse.is_empty() {
        text += &format!("; worse {on} {}", spelled(&gains.worse, decimals));
    }
    if !gains.same.is_empty() {
        text += &format!("; no different for what matters {on} {}", names(&gains.same));
    }
    if !gains.open.is_empty() {
        let reach = reach(&gains.open, decimals).unwrap_or_default();
        text += &format!("; {on} {} we cannot tell{reach}", names(&gains.open));
    }
    text
}

fn added(analysis: &Analysis, kind: &KindView, components: &[(String, Split)]) -> String {
    let open = components.iter().all(|(_, gains)| gains.open.len() == gains.count());
    if open {
        let names: Vec<String> = components.iter().map(|(name, _)| name.clone()).collect();
        let count: usize = components.iter().map(|(_, gains)| gains.count()).sum();
        return format!(
            "Of none of the components ({}), added one at a time in {count} comparisons{}, can we tell whether it helps.",
            names.join(", "),
            place(analysis, kind)
        );
    }
    let one = |(name, gains): &(String, Split)| {
        let all = gains.count();
        let parts = [
            (gains.better.len(), "better"),
            (gains.worse.len(), "worse"),
            (gains.same.len(), "no different"),
        ];
        let decided: Vec<String> = parts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| format!("{word} {count}"))
            .collect();
        match decided.as_slice() {
            [] => format!("{name}, we cannot tell in {all} comparisons"),
            _ if gains.open.is_empty() => format!("{name}, {} of {all} times", decided.join(" and ")),
            _ => format!("{name}, {} of {all} times, the others open", decided.join(" and ")),
        }
    };
    let parts: Vec<String> = components.iter().map(one).collect();
    format!("One component at a time{}: {}.", place(analysis, kind), parts.join("; "))
}

fn beside(analysis: &Analysis, kind: &KindView, gains: &Split) -> String {
    let (decimals, all) = (decimals(kind, &kind.metric), gains.count());
    let (metric, place) = (printed(&kind.metric), place(analysis, kind));
    let baseline = &analysis.baseline;
    if gains.open.len() == all {
        let reach = reach(&gains.open, decimals).unwrap_or_default();
        return match gains.open.as_slice() {
            [one] => format!(
                "We cannot tell whether {} is better or worse than {baseline} in {metric}{place}{}.",
                one.name,
                difference(&one.contrast, decimals)
            ),
            _ => format!("We cannot tell any of {all} methods from {baseline} in {metric}{place}{reach}."),
        };
    }
    let mut text = format!(
        "In {metric}{place} {} of {all} methods {} better than {baseline}",
        gains.better.len(),
        if gains.better.len() == 1 { "is" } else { "are" }
    );
    if !gains.better.is_empty() {
        text += &format!(": {}", spelled(&gains.better, decimals));
    }
    if !gains.worse.is_empty() {
        text += &format!("; {} worse: {}", gains.worse.len(), spelled(&gains.worse, decimals));
    }
    if !gains.same.is_empty() {
        text += &format!("; {} no different for what matters", gains.same.len());
    }
    if !gains.open.is_empty() {
        text += &format!("; of {} we cannot tell", gains.open.len());
    }
    text + "."
}

/// What the best mean is called.
fn best_mean(direction: Direction) -> &'static str {
    match direction {
        Direction::Higher => "highest",
        Direction::Lower => "lowest",
        Direction::Zero => "mean nearest 0",
        Direction::One => "mean nearest 1",
        Direction::Neither => "first",
    }
}

fn best(analysis: &Analysis, kind: &KindView, leader: &Leader) -> String {
    let score = score(kind, &leader.method);
    let mean = match best_mean(kind.direction()) {
        word if word.starts_with("mean") => word.to_string(),
        word => format!("{word} mean"),
    };
    let what = format!("The {mean} is that of {}{score}{}", leader.method, place(analysis, kind));
    let known: Vec<String> = leader.open.iter().take(SPELLED).cloned().collect();
    match (leader.open.len(), leader.others) {
        (0, 1) => format!("{what}; the other method is worse."),
        (1, 1) => format!("{what}; that does not make it the better one: the other cannot be told from it."),
        (0, others) => format!("{what}; all {others} others are worse."),
        (open, others) if open == others => {
            format!(
                "{what}; that does not make it the best: none of the {others} others can be told from it."
            )
        }
        (open, others) => format!(
            "{what}; that does not make it the best: {open} of {others} others cannot be told from it, {} among them.",
            joined(&known)
        ),
    }
}

/// ` (0.41 [0.39, 0.43])`.
fn score(kind: &KindView, method: &str) -> String {
    let found = kind.methods.iter().find(|one| one.method == method);
    let found = found.and_then(|one| one.metrics.get(&kind.metric));
    let decimals = decimals(kind, &kind.metric);
    let Some((value, interval)) = found.and_then(|mean| Some((mean.value()?, mean.interval()))) else {
        return String::new();
    };
    let interval = interval.map(|found| format!(" {}", ends(found, decimals))).unwrap_or_default();
    format!(" ({}{interval})", number(value, decimals))
}

fn alone(analysis: &Analysis, kind: &KindView, method: &str) -> String {
    let (metric, place) = (printed(&kind.metric), place(analysis, kind));
    format!(
        "{method} is the only method{}, in {metric}{place}: there is nothing to compare it with.",
        score(kind, method)
    )
}

fn claimed<'a>(verdict: Answer, claims: impl Iterator<Item = &'a ClaimView>) -> String {
    let all: Vec<&ClaimView> = claims.collect();
    let mut parts: Vec<String> = all.iter().take(SPELLED).map(|claim| short(claim)).collect();
    if all.len() > parts.len() {
        parts.push(format!("{} more", all.len() - parts.len()));
    }
    let word = match verdict {
        Answer::Supported => "Supported",
        Answer::Refuted => "Refuted",
        Answer::TooSmall => "Too small to matter",
        Answer::Inconclusive => "We cannot tell about",
    };
    format!("{word}: {}.", parts.join("; "))
}

/// A claim with the difference that it rests on, where it rests on one.
fn short(claim: &ClaimView) -> String {
    let text = claim.claim.text.trim().trim_end_matches('.');
    format!(
        "\u{201c}{text}\u{201d}{}",
        rests_on(claim).map(|found| format!(" ({found})")).unwrap_or_default()
    )
}

/// The number that a claim rests on: its only part, or how many parts have which answer.
pub(in super::super) fn rests_on(claim: &ClaimView) -> Option<String> {
    match claim.parts.as_slice() {
        [] => None,
        [one] => {
            let (value, interval) = (one.value?, one.interval);
            let [low, high] = interval.unwrap_or([value, value]);
            let decimals = format::decimals([value, low, high]).saturating_sub(ROUNDER).min(4);
            let interval = interval.map(|[low, high]| format!(" {}", ends((low, high), decimals)));
            Some(format!("{}{}", signed(value, decimals), interval.unwrap_or_default()))
        }
        several => {
            let count = |answer: Answer| several.iter().filter(|part| part.verdict == answer).count();
            let counts: Vec<String> = Answer::ALL
                .iter()
                .filter(|answer| count(**answer) > 0)
                .map(|answer| format!("{} {}", count(*answer), answer.word()))
                .collect();
            Some(format!("{} of {} parts", counts.join(", "), several.len()))
        }
    }
}

/// What ranking by expected spend alone scores, on every kind that is spelled out.
pub(super) fn spend(analysis: &Analysis) -> Vec<String> {
    let line = |kind: &KindView| {
        let (spend, decimals) = (kind.spend()?, decimals(kind, &kind.metric));
        let how = match spend.fitted {
            false => "without knowing who is persuadable".to_string(),
            true => format!("as {} expects it without treatment", analysis.baseline),
        };
        let mut text = format!(
            "Ranking by expected spend alone, {how}, scores {} in {}{}",
            number(spend.value, decimals),
            printed(&kind.metric),
            place(analysis, kind)
        );
        let beside = [(spend.random, "a random ranking"), (spend.oracle, "ranking by the true effect")];
        let beside: Vec<String> = beside
            .iter()
            .filter_map(|(value, what)| Some(format!("{what} {}", number((*value)?, decimals))))
            .collect();
        if !beside.is_empty() {
            text += &format!("; {}", beside.join(", "));
        }
        Some(format!("{text}. {} of {} methods have a worse mean than that.", spend.below, spend.methods))
    };
    analysis.headline.kinds.iter().take(valor_analysis::headline::SPELLED_KINDS).filter_map(line).collect()
}

/// The tally of claims: word and how many.
pub(super) fn tally(analysis: &Analysis) -> Vec<(String, usize)> {
    let some = analysis.headline.tally.iter().filter(|(_, count)| *count > 0);
    some.map(|(answer, count)| (answer.word().to_string(), *count)).collect()
}
