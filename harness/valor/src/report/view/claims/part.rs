//! One comparison of a claim, and the sentences made of several.

use super::needed::Needed;
use crate::report::format;
use serde::Serialize;
use valor_stats::stats::Answer;

/// Parts that evidence spells out.
const SPELLED: usize = 3;

/// What a claim rests on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Part {
    /// What is compared.
    pub what: String,
    /// What the evidence says of this part alone.
    pub verdict: Answer,
    /// The difference in units of the metric, the sign as the metric has it; or the standard deviation.
    pub value: Option<f64>,
    /// The 95 % interval of that.
    pub interval: Option<[f64; 2]>,
    /// What varies in it: `seeds and test rows`, or `seeds`.
    pub over: &'static str,
    /// Two-sided p-value of what the part tests; nothing where an interval decides.
    pub p: Option<f64>,
    /// The same after Holm over its family: what the answer rests on.
    pub p_adjusted: Option<f64>,
    /// Which family, and how many comparisons it has.
    pub family: Option<(String, usize)>,
    /// The difference relative to the mean of what is compared with.
    pub relative: Option<f64>,
    /// Pairs of seeds, or seeds.
    pub pairs: usize,
    /// The smallest true difference that such a design finds with probability .8.
    pub detectable: Option<f64>,
    /// Why there is no test.
    pub reason: Option<String>,
    /// What would decide it.
    #[serde(skip)]
    pub needed: Option<Needed>,
}

impl Part {
    /// Without a test, and why.
    pub fn untested(what: String, reason: String) -> Self {
        Self {
            what,
            verdict: Answer::Inconclusive,
            value: None,
            interval: None,
            over: "seeds",
            p: None,
            p_adjusted: None,
            family: None,
            relative: None,
            pairs: 0,
            detectable: None,
            reason: Some(reason),
            needed: None,
        }
    }

    /// In numbers.
    pub fn sentence(&self) -> String {
        let Some(value) = self.value else {
            return format!(
                "{}: no answer, {}",
                self.what,
                self.reason.as_deref().unwrap_or("nothing was found")
            );
        };
        let ends = self.interval.unwrap_or_default();
        let decimals = format::decimals([value, ends[0], ends[1]]).min(5);
        let number = |value: f64| format::number(value, decimals);
        let mut text = format!("{}: {}", self.what, number(value));
        if let Some([low, high]) = self.interval {
            text += &format!(" [{}, {}] over {}", number(low), number(high), self.over);
        }
        if let Some(relative) = self.relative {
            text += &format!(", {}{:.1} %", if relative > 0.0 { "+" } else { "" }, 100.0 * relative);
        }
        let equals = |p: &str| if p.starts_with('<') { "" } else { "= " };
        text += &self.p.map(p_text).map(|p| format!(", p {}{p}", equals(&p))).unwrap_or_default();
        if let Some((p, (family, count))) = self.p_adjusted.map(p_text).zip(self.family.as_ref()) {
            text += &format!(", {}{p} after Holm over {count} ({family})", equals(&p));
        }
        text + &self.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default()
    }
}

/// A p-value as text.
pub fn p_text(p: f64) -> String {
    if p < 0.0005 { "< 0.001".to_string() } else { format!("{p:.3}") }
}

/// Why a claim has its answer: the counts, and the parts that decided.
pub fn evidence(parts: &[Part], verdict: Answer) -> String {
    let count = |answer: Answer| parts.iter().filter(|part| part.verdict == answer).count();
    let mut text = String::new();
    if parts.len() > 1 {
        let counts: Vec<String> = Answer::ALL
            .iter()
            .filter(|answer| count(**answer) > 0)
            .map(|answer| format!("{} {}", count(*answer), answer.word()))
            .collect();
        text = format!("Of {} parts {}. ", parts.len(), counts.join(", "));
    }
    let decisive: Vec<&Part> = parts.iter().filter(|part| part.verdict == verdict).collect();
    let spelled: Vec<String> = decisive.iter().take(SPELLED).map(|part| part.sentence()).collect();
    let more = decisive.len().saturating_sub(SPELLED);
    let rest = if more > 0 { format!("; and {more} more") } else { String::new() };
    if spelled.is_empty() {
        text + "Nothing to test."
    } else {
        format!("{text}{}{rest}.", spelled.join("; "))
    }
}

/// What would decide an open claim: the largest demand of its open parts.
pub fn needed(parts: &[Part], verdict: Answer) -> Option<String> {
    if verdict != Answer::Inconclusive {
        return None;
    }
    let open = parts.iter().filter(|part| part.verdict == Answer::Inconclusive);
    let most = open.clone().filter_map(|part| part.needed.as_ref()).max();
    Some(match (most, open.clone().find_map(|part| part.reason.as_ref())) {
        (Some(needed), _) => needed.sentence(),
        (None, Some(reason)) => format!("Runs that can be compared: {reason}."),
        (None, None) => "Runs that can be compared.".to_string(),
    })
}
