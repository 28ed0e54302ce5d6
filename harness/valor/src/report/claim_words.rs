//! Claims as sentences: what is tested, what the evidence says, what would decide.

use valor_analysis::claims::{ClaimView, Ended, Ending, MOST_SEEDS, Needed, Part};
use valor_page::format::{self, p_text};
use valor_runs::spec::{Claim, Margin, Over, Statement};
use valor_stats::stats::Answer;

/// Parts that evidence spells out.
const SPELLED: usize = 3;

/// What was tested, in words.
pub(super) fn sentence(claim: &Claim) -> String {
    let place = match claim.datasets.as_slice() {
        [] => "averaged over all datasets".to_string(),
        [one] => format!("on {one}"),
        several => format!("averaged over {}", several.join(", ")),
    };
    let metric = &claim.metric;
    match &claim.statement {
        Statement::Better { pairs, over, by, at_most } => {
            let by = amount(*by, *at_most);
            let each: Vec<String> =
                pairs.iter().map(|pair| format!("{} better than {}", pair.better, pair.than)).collect();
            let joint = match (pairs.len(), over) {
                (1, _) => String::new(),
                (_, Over::Each) => "each of: ".to_string(),
                (count, Over::Average) => format!("on average over {count} backbones: "),
            };
            format!("{joint}{} in {metric}{by}, {place}", each.join("; "))
        }
        Statement::LargestStep(chains) => {
            let steps: Vec<String> = chains
                .iter()
                .filter_map(|chain| {
                    let (from, to) = (chain.methods.get(chain.step)?, chain.methods.get(chain.step + 1)?);
                    Some(format!(
                        "from {from} to {to} a gain, and the largest step of {}",
                        chain.methods.join(" \u{2192} ")
                    ))
                })
                .collect();
            format!("{} in {metric}, {place}", steps.join("; "))
        }
        Statement::EveryBestHas { component, groups } => {
            format!(
                "on each of {} backbones the best method in {metric} has {component}, {place}",
                groups.len()
            )
        }
        Statement::SpreadAtMost { limit, methods } => {
            let place = if claim.datasets.is_empty() {
                "every dataset".to_string()
            } else {
                claim.datasets.join(", ")
            };
            format!(
                "the standard deviation over seeds of {metric} is at most {limit} for {} methods on {place}",
                methods.len()
            )
        }
        Statement::MeanAtMost { limit, methods } => {
            format!("{metric} at most {limit} for {}, {place}", methods.join("; "))
        }
        Statement::OrdersAs { other, tau_above, methods } => format!(
            "of two of {} methods the better in {metric} is the better in {other}: tau-b of the two orders above {tau_above}, \
             per seed, {place}",
            methods.len()
        ),
        Statement::Faster { faster, than, latency, times, at_most } => {
            let most = at_most.map(|most| format!(" and at most {most} times")).unwrap_or_default();
            format!(
                "{faster} scores a row at least {times} times{most} as fast as {than} ({} latency, a fact of the machine), {place}",
                latency.name()
            )
        }
        Statement::Fails { methods, seeds } => {
            let place = if claim.datasets.is_empty() {
                "every dataset".to_string()
            } else {
                claim.datasets.join(", ")
            };
            format!("{} of each of {} fails to converge on {place}", seeds.words(), methods.join(", "))
        }
        Statement::AllOf(claims) => format!("all of these claims hold: {}", claims.join("; ")),
    }
}

fn amount(by: Margin, at_most: Option<Margin>) -> String {
    match (by, at_most) {
        (_, Some(most)) => format!(" by {} to {}", by.text(), most.text()),
        (by, None) if by.value() == 0.0 => String::new(),
        (by, None) => format!(" by at least {}", by.text()),
    }
}

/// A part of a claim in numbers.
pub(super) fn part(part: &Part) -> String {
    let Some(value) = part.value else {
        return format!(
            "{}: no answer, {}",
            part.what,
            part.reason.as_deref().unwrap_or("nothing was found")
        );
    };
    let ends = part.interval.unwrap_or_default();
    // A whole number without an interval is a count.
    let counted = part.interval.is_none() && value.fract() == 0.0;
    let decimals = if counted { 0 } else { format::decimals([value, ends[0], ends[1]]).min(5) };
    let number = |value: f64| format::number(value, decimals);
    let mut text = format!("{}: {}", part.what, number(value));
    if let Some([low, high]) = part.interval {
        text += &format!(" [{}, {}] over {}", number(low), number(high), part.over);
    }
    if let Some(relative) = part.relative {
        text += &format!(", {}{:.1} %", if relative > 0.0 { "+" } else { "" }, 100.0 * relative);
    }
    let equals = |p: &str| if p.starts_with('<') { "" } else { "= " };
    text += &part.p.map(p_text).map(|p| format!(", p {}{p}", equals(&p))).unwrap_or_default();
    if let Some((p, (family, count))) = part.p_adjusted.map(p_text).zip(part.family.as_ref()) {
        text += &format!(", {}{p} after Holm over {count} ({family})", equals(&p));
    }
    text + &part.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default()
}

/// Why a claim has its answer, and with how many seeds it was looked at where that was after every one.
pub(super) fn evidence(claim: &ClaimView) -> String {
    let found = found(claim);
    ended(claim).map_or(found.clone(), |ended| format!("{found} {ended}"))
}

/// Where looking at a claim after every seed ended; nothing where it was looked at once.
fn ended(claim: &ClaimView) -> Option<String> {
    let Ended { seeds, why } = claim.ended?;
    let rows = claim.needed() == Some(&Needed::Rows);
    let once = claim.claim.statement.compared().is_empty();
    Some(match why {
        Ending::Decided if once => format!("Judged once, with {seeds} seeds."),
        Ending::Decided => format!("Decided with {seeds} seeds, looked at after every one."),
        Ending::SeedsDoNotDecide if once => {
            format!(
                "Judged once, with {seeds} seeds: differences of methods alone are looked at after every one."
            )
        }
        Ending::SeedsDoNotDecide if rows => {
            format!("Open with {seeds} seeds, and no more are asked for: test rows leave it open.")
        }
        Ending::SeedsDoNotDecide => {
            format!("Open with {seeds} seeds, and no more are asked for: it cannot be tested.")
        }
        Ending::MostSeeds => format!("Open with {seeds} seeds, the most that the design allows."),
        Ending::Missing => {
            format!("Open with {seeds} seeds so far; what the next look needs is not recorded.")
        }
    })
}

/// The counts, and the parts that decided.
fn found(claim: &ClaimView) -> String {
    if !claim.absent.is_empty() {
        return format!("Not in this profile: {}.", claim.absent.join(", "));
    }
    let instead = claim.instead.as_ref().map(|instead| format!("In {}: {}. ", instead.metric, instead.why));
    let parts = &claim.parts;
    let count = |answer: Answer| parts.iter().filter(|part| part.verdict == answer).count();
    let mut text = instead.unwrap_or_default();
    if parts.len() > 1 {
        let counts: Vec<String> = Answer::ALL
            .iter()
            .filter(|answer| count(**answer) > 0)
            .map(|answer| format!("{} {}", count(*answer), answer.word()))
            .collect();
        text += &format!("Of {} parts {}. ", parts.len(), counts.join(", "));
    }
    let decisive: Vec<&Part> = claim.decisive().collect();
    let spell = |one: &&Part| match claim.claim.statement.rests_on() {
        [] => part(one),
        // The numbers of other claims stand beside these.
        [_, ..] => format!("{} ({})", one.what, one.verdict.word()),
    };
    let spelled: Vec<String> = decisive.iter().take(SPELLED).map(spell).collect();
    let more = decisive.len().saturating_sub(SPELLED);
    let rest = if more > 0 { format!("; and {more} more") } else { String::new() };
    if spelled.is_empty() {
        text + "Nothing to test."
    } else {
        format!("{text}{}{rest}.", spelled.join("; "))
    }
}

/// What an experimenter would have answered who does not know the true effects; nothing where the claim is decided by what is seen.
pub(super) fn observed(claim: &ClaimView) -> Option<String> {
    let seen = claim.observed.as_ref()?;
    let rows = seen.rows.map(|rows| format!(" over {} test rows", format::count(rows))).unwrap_or_default();
    let needed = match &seen.needed {
        Ok(needed) => format!(
            "about {} would show the difference in four of five repetitions",
            format::count(*needed as usize)
        ),
        Err(reason) => format!("how many would show the difference is not known: {reason}"),
    };
    Some(format!("Observed, in {}{rows}: {}; {needed}.", seen.metric, seen.verdict.word()))
}

/// What would decide an open claim; nothing where it is decided.
pub(super) fn needed(claim: &ClaimView) -> Option<String> {
    if claim.verdict != Answer::Inconclusive {
        return None;
    }
    if !claim.absent.is_empty() {
        return Some(format!("A profile with {}.", claim.absent.join(", ")));
    }
    if !claim.claim.statement.rests_on().is_empty() {
        let open: Vec<&str> = claim.decisive().map(|part| part.what.as_str()).collect();
        return Some(format!("What decides {}.", open.join("; ")));
    }
    Some(match (claim.needed(), claim.decisive().find_map(|part| part.reason.as_ref())) {
        (Some(needed), _) => demand(*needed),
        (None, Some(reason)) => format!("Runs that can be compared: {reason}."),
        (None, None) => "Runs that can be compared.".to_string(),
    })
}

/// What is missing, for the reader.
fn demand(needed: Needed) -> String {
    match needed {
        Needed::Seeds { seeds, instead_of } => format!(
            "About {seeds} seeds instead of {instead_of}, if the truth is what was found, for a decision in four of five \
                 repetitions."
        ),
        Needed::AnotherDesign => {
            format!(
                "More than {MOST_SEEDS} seeds, if the truth is what was found: it is too close to what is claimed."
            )
        }
        Needed::Rows => {
            "More test rows: with any number of seeds these leave it open, if the truth is what was found."
                .to_string()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use valor_analysis::Analysis;
    use valor_analysis::Evidence;
    use valor_analysis::sample::{NONE, better, chain, diverge, four, planted, weak};
    use valor_runs::spec::{Chain, FailingSeeds, LatencyOf, Pair};

    fn claimed(mut evidence: Evidence, statement: Statement, datasets: &[&str]) -> ClaimView {
        evidence.experiment.claims = vec![Claim {
            id: "c".to_string(),
            text: "A claim.".to_string(),
            source: None,
            family: valor_runs::spec::OWN_CLAIMS.to_string(),
            metric: "auuc".to_string(),
            datasets: datasets.iter().map(ToString::to_string).collect(),
            statement,
        }];
        Analysis::new(&evidence).unwrap().claims.remove(0)
    }

    #[test]
    fn an_open_claim_says_why_in_numbers_and_what_would_decide_it() {
        let claim = claimed(four(), better("noisy", "base", NONE, None), &[]);
        let (why, needed) = (evidence(&claim), needed(&claim).unwrap());
        assert!(needed.starts_with("About ") && needed.contains("seeds instead of 5"), "{needed}");
        assert!(why.contains("noisy minus base: 0.01") && why.contains("p = "), "{why}");
        assert!(why.contains("after Holm over 1 (own claims)"), "{why}");
        assert_eq!(super::needed(&claimed(four(), better("high", "base", NONE, None), &[])), None);
    }

    #[test]
    fn a_claim_decided_by_the_truth_says_what_would_have_been_seen() {
        let evidence = valor_analysis::sample::Sample::default().evidence();
        let claim = claimed(evidence, better("TARNet", "T-learner", NONE, None), &[]);
        let (why, seen) = (super::evidence(&claim), observed(&claim).unwrap());
        assert!(why.starts_with("In auuc.true: auuc.true is auuc without the noise of outcomes. "), "{why}");
        assert!(
            seen.starts_with("Observed, in auuc over 400 test rows: ") && seen.contains("would show"),
            "{seen}"
        );
        assert_eq!(observed(&claimed(four(), better("high", "base", NONE, None), &[])), None);
    }

    #[test]
    fn what_cannot_be_tested_says_why() {
        let mut evidence = four();
        evidence.cells[1].runs.iter_mut().for_each(diverge);
        let claim = claimed(evidence, better("high", "base", NONE, None), &[]);
        assert!(
            super::evidence(&claim).contains("failed to converge") && needed(&claim).is_some(),
            "{claim:?}"
        );
        let claim = claimed(four(), better("high", "base", NONE, None), &["elsewhere"]);
        assert_eq!(super::evidence(&claim), "Not in this profile: elsewhere.");
        assert_eq!(needed(&claim).as_deref(), Some("A profile with elsewhere."));
        let claim = claimed(weak(), better("T-learner", "TARNet", NONE, None), &[]);
        let why = super::evidence(&claim);
        assert!(why.starts_with("In auuc.area: auuc is a share of a total that is hardly there"), "{why}");
    }

    #[test]
    fn counts_are_whole_numbers_and_times_name_their_machine() {
        let mut evidence = four();
        evidence.cells[1].runs[..2].iter_mut().for_each(diverge);
        let (methods, seeds) = (vec!["high".to_string()], FailingSeeds::AtLeast(1));
        let claim = claimed(evidence, Statement::Fails { methods, seeds }, &[]);
        assert_eq!(super::evidence(&claim), "seeds of high on world that failed to converge, of 5: 2.");
        assert_eq!(
            sentence(&claim.claim),
            "at least 1 seed of each of high fails to converge on every dataset"
        );
        let (faster, than) = ("high".to_string(), "base".to_string());
        let (latency, times, at_most) = (LatencyOf::Single, 6.0, Some(8.0));
        let claim = claimed(four(), Statement::Faster { faster, than, latency, times, at_most }, &[]);
        assert!(
            sentence(&claim.claim)
                .starts_with("high scores a row at least 6 times and at most 8 times as fast as base"),
            "{}",
            sentence(&claim.claim)
        );
        let why = super::evidence(&claim);
        assert!(why.contains("A processor, cpu, 1 thread") && why.contains("trained together"), "{why}");
        assert!(needed(&claim).unwrap().contains("an interval needs two"), "{:?}", needed(&claim));
    }

    #[test]
    fn several_parts_are_counted_and_steps_are_named() {
        let pairs = [("T zw", "T"), ("D zw", "D")];
        let pairs = pairs.map(|(a, b)| Pair { better: a.to_string(), than: b.to_string() }).to_vec();
        let each = Statement::Better { pairs, over: Over::Each, by: NONE, at_most: None };
        let claim = claimed(planted(&chain(), &["a", "b"], "auuc"), each, &[]);
        assert!(evidence(&claim).starts_with("Of 2 parts 2 supported."), "{}", evidence(&claim));
        let methods = ["T", "T z", "T zw", "T zgw"].map(str::to_string).to_vec();
        let step = Statement::LargestStep(vec![Chain { methods, step: 0 }]);
        let claim = claimed(planted(&chain(), &["a"], "auuc"), step, &[]);
        assert!(sentence(&claim.claim).contains("largest step of T \u{2192} T z"));
    }
}
