//! Claims, components that were left out, and effects of components as text: Markdown and HTML print these strings.

use super::claim_words;
use serde::Serialize;
use valor_analysis::Analysis;
use valor_analysis::claims::ClaimView;
use valor_analysis::contrasts::ContrastView;
use valor_analysis::effects::{EffectView, EffectsView};
use valor_page::format::{self, p_text};
use valor_stats::stats::Interval;

/// A claim for the reader.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct ClaimText {
    /// Its name.
    pub id: String,
    /// `supported`, `refuted`, `too small to matter`, `inconclusive`.
    pub verdict: String,
    /// As declared.
    pub text: String,
    /// Whose it is, if not the experiment's own.
    pub source: Option<String>,
    /// What was tested.
    pub statement: String,
    /// Why.
    pub evidence: String,
    /// What would decide it.
    pub needed: Option<String>,
    /// Every part in numbers, where there are several: verdict and sentence.
    pub parts: Vec<(String, String)>,
}

impl ClaimText {
    /// All claims of an analysis.
    pub(super) fn all(analysis: &Analysis) -> Vec<Self> {
        analysis.claims.iter().map(Self::new).collect()
    }

    /// Of one claim.
    pub(super) fn new(claim: &ClaimView) -> Self {
        let several = claim.parts.len() > 1;
        let parts = claim.parts.iter().filter(|_| several);
        Self {
            id: claim.claim.id.clone(),
            verdict: claim.verdict.word().to_string(),
            text: claim.claim.text.clone(),
            source: claim.claim.source.clone(),
            statement: claim_words::sentence(&claim.claim),
            evidence: claim_words::evidence(claim),
            needed: claim_words::needed(claim),
            parts: parts.map(|part| (part.verdict.word().to_string(), claim_words::part(part))).collect(),
        }
    }
}

/// A table of text.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct TextTable {
    /// What it shows.
    pub title: String,
    /// Names of columns; the first holds names, the others numbers.
    pub columns: Vec<String>,
    /// Rows.
    pub rows: Vec<Vec<String>>,
    /// Below it.
    pub remark: String,
}

/// Full models less one component, in the primary metrics, averaged over datasets if there are several.
pub(super) fn left_out(analysis: &Analysis) -> Vec<TextTable> {
    let several = analysis.blocks.len() > 1;
    let shown = |contrast: &&ContrastView| !several || contrast.dataset.is_none();
    let table = |metric: &String| {
        let found: Vec<&ContrastView> =
            analysis.left_out.iter().filter(|contrast| contrast.metric == *metric).filter(shown).collect();
        let decimals = decimals(found.iter().filter_map(|contrast| contrast.value()));
        TextTable {
            title: format!("{metric}: a full model less one component"),
            columns: ["Without", "Left out", "Difference", "95 % interval", "Verdict", "p (Holm)", "Detectable"]
                .map(str::to_string)
                .to_vec(),
            rows: found.iter().map(|contrast| left_out_row(contrast, decimals)).collect(),
            remark: "The model without the component minus the full one, on the same seeds and rows. Worse without it: the \
                     component helps. Detectable: the smallest true difference that this design would call better or worse \
                     with probability .8."
                .to_string(),
        }
    };
    analysis.primary.iter().map(table).filter(|table| !table.rows.is_empty()).collect()
}

fn left_out_row(contrast: &ContrastView, decimals: usize) -> Vec<String> {
    let number = |value: Option<f64>| value.map(|value| format::number(value, decimals)).unwrap_or_default();
    let decided = contrast.decided.as_ref();
    let interval = contrast.interval().as_ref().ok();
    vec![
        contrast.method.clone(),
        contrast.component.clone().unwrap_or_default(),
        contrast.value().map(|value| format::signed(&format::number(value, decimals))).unwrap_or_default(),
        interval.map(|interval| ends(interval, decimals)).unwrap_or_default(),
        decided.map(|decided| decided.verdict.word().to_string()).unwrap_or_default(),
        decided.and_then(|decided| decided.p_adjusted).map(p_text).unwrap_or_default(),
        number(decided.and_then(|decided| decided.detectable)),
    ]
}

/// Effects of components in the primary metrics: alone and with their pairs.
pub(super) fn effects(analysis: &Analysis) -> Vec<TextTable> {
    let primary = |effects: &&EffectsView| analysis.primary.contains(&effects.metric);
    analysis.effects.iter().filter(primary).map(effects_table).collect()
}

fn effects_table(effects: &EffectsView) -> TextTable {
    let decimals = decimals(effects.terms.iter().filter_map(|term| term.estimate));
    let kind = if effects.interactions { "components and their pairs" } else { "components" };
    let told = match (&effects.reason, effects.residual) {
        (Some(reason), _) => format!("Not fitted: {reason}."),
        (None, residual) => format!(
            "{}. {} values in {} blocks{}. {}, Holm over {} terms.",
            effects.formula,
            effects.rows,
            effects.blocks,
            residual
                .map(|residual| format!(", residual SD {}", format::number(residual, decimals)))
                .unwrap_or_default(),
            match effects.terms.iter().find_map(|term| term.rows_reason.as_ref()) {
                None => "Over seeds and test rows together".to_string(),
                Some(reason) => format!("Over seeds alone ({reason})"),
            },
            effects.terms.len()
        ),
    };
    TextTable {
        title: format!("{}: {kind}", effects.metric),
        columns: [
            "Term",
            "Effect",
            "95 %, these backbones",
            "95 %, backbones at large",
            "Verdict",
            "p (Holm)",
        ]
        .map(str::to_string)
        .to_vec(),
        rows: effects.terms.iter().map(|term| effect_row(term, decimals)).collect(),
        remark: told,
    }
}

fn effect_row(term: &EffectView, decimals: usize) -> Vec<String> {
    let interval = |interval: &Option<Interval>| {
        interval.as_ref().map(|found| ends(found, decimals)).unwrap_or_default()
    };
    let effect = match term.estimate {
        Some(estimate) => format::signed(&format::number(estimate, decimals)),
        None => format!("not told apart from {}", term.alias_of.join(", ")),
    };
    let p = term.p_adjusted.map(p_text).unwrap_or_default();
    let word = term.verdict.map(|verdict| verdict.word().to_string()).unwrap_or_default();
    vec![term.name.clone(), effect, interval(&term.ci), interval(&term.ci_backbones), word, p]
}

fn decimals(values: impl Iterator<Item = f64>) -> usize {
    format::decimals(values).min(5)
}

fn ends(interval: &Interval, decimals: usize) -> String {
    format!("[{}, {}]", format::number(interval.low, decimals), format::number(interval.high, decimals))
}

/// How the declared family reads.
pub(super) fn family(analysis: &Analysis) -> String {
    let kinds: Vec<&str> = analysis
        .decision
        .contrasts
        .iter()
        .map(|kind| match kind {
            valor_runs::spec::Family::Baseline => "every method with the baseline",
            valor_runs::spec::Family::LeaveOneOut => "every full model with itself less one component",
        })
        .collect();
    let place = match (analysis.blocks.len(), analysis.decision.datasets) {
        (1, _) => "",
        (_, valor_runs::spec::Scope::Average) => ", averaged over datasets",
        (_, valor_runs::spec::Scope::Each) => ", on each dataset",
    };
    let test = match analysis.decision.test {
        valor_runs::spec::Test::StudentT => "Student t",
        valor_runs::spec::Test::SignFlip => "flipping signs",
        valor_runs::spec::Test::Wilcoxon => "Wilcoxon's signed ranks",
    };
    format!(
        "Declared family: {} in {}{place}: {} comparison{}, tested by {test}, corrected after Holm. All other comparisons are \
         corrected among those of the same kind, metric and dataset; those that only claims make, among all of claims.",
        kinds.join(" and "),
        analysis.primary.join(", "),
        analysis.declared,
        if analysis.declared == 1 { "" } else { "s" }
    )
}

/// That claims are looked at after every seed, and what is missing for the next look; nothing where they are looked at once.
pub(super) fn looked_at(analysis: &Analysis) -> Option<String> {
    let sequence = analysis.sequence.as_ref()?;
    let (declared, most) = (analysis.seeds.len(), sequence.max_seeds);
    let mut text = format!(
        "Claims are looked at after every seed, from {declared} to at most {most}, until each is decided: their intervals and \
         p-values hold at every look (always-valid t), after Holm over all of them, apart from the tables of differences. Tables show the {declared} declared seeds, beside \
         them how many more claims rest on."
    );
    if !sequence.missing.is_empty() {
        let (count, open) = (sequence.missing.len(), sequence.open);
        text += &format!(
            " {open} claim{} open; cells whose next run is not recorded: {count}. To go on: {}",
            if open == 1 { " is" } else { "s are" },
            sequence.command
        );
    }
    Some(text)
}
