//! Claims, components that were left out, and effects of components as text: Markdown and HTML print these strings.

use super::claim_words;
use super::headline::rests_on;
use serde::Serialize;
use valor_analysis::Analysis;
use valor_analysis::claims::ClaimView;
use valor_analysis::contrasts::{ContrastView, Observed};
use valor_analysis::effects::{EffectView, EffectsView};
use valor_analysis::gates::GateView;
use valor_learn::learner::neural::GateFact;
use valor_page::format::{self, p_text};
use valor_stats::stats::{Answer, Interval};

/// A claim for the reader.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct ClaimText {
    /// Its name.
    pub id: String,
    /// `supported`, `refuted`, `too small to matter`, `inconclusive`.
    pub verdict: String,
    /// As declared.
    pub text: String,
    /// The number that it rests on.
    pub number: Option<String>,
    /// Whose it is, if not the experiment's own.
    pub source: Option<String>,
    /// What was tested.
    pub statement: String,
    /// Why.
    pub evidence: String,
    /// What an experimenter would have answered, where that is another metric.
    pub observed: Option<String>,
    /// Claims that it is corrected with.
    pub family: String,
    /// What would decide it.
    pub needed: Option<String>,
    /// Every part in numbers, where there are several: verdict and sentence.
    pub parts: Vec<(String, String)>,
}

impl ClaimText {
    /// Of one claim.
    pub(super) fn new(claim: &ClaimView) -> Self {
        let several = claim.parts.len() > 1;
        let parts = claim.parts.iter().filter(|_| several);
        Self {
            id: claim.claim.id.clone(),
            verdict: claim.verdict.word().to_string(),
            text: claim.claim.text.clone(),
            number: rests_on(claim),
            source: claim.claim.source.clone(),
            statement: claim_words::sentence(&claim.claim),
            evidence: claim_words::evidence(claim),
            observed: claim_words::observed(claim),
            family: claim.claim.family.clone(),
            needed: claim_words::needed(claim),
            parts: parts.map(|part| (part.verdict.word().to_string(), claim_words::part(part))).collect(),
        }
    }
}

/// Claims that share a verdict.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct ClaimGroup {
    /// `supported`, `refuted`, `too small to matter`, `inconclusive`.
    pub verdict: &'static str,
    /// In the order of the file.
    pub claims: Vec<ClaimText>,
}

impl ClaimGroup {
    /// All claims, the more decisive verdicts first; verdicts that none has are left out.
    pub(super) fn all(analysis: &Analysis) -> Vec<Self> {
        let of = |verdict: &Answer| Self {
            verdict: verdict.word(),
            claims: analysis
                .claims
                .iter()
                .filter(|claim| claim.verdict == *verdict)
                .map(ClaimText::new)
                .collect(),
        };
        Answer::ALL.iter().map(of).filter(|group| !group.claims.is_empty()).collect()
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
fn left_out(analysis: &Analysis) -> Vec<TextTable> {
    let comparing = Comparing {
        title: "a full model less one component",
        columns: &["Without", "Left out", "Difference", "95 % interval", "Verdict", "p (Holm)", "Detectable"],
        row: left_out_row,
        remark: "The model without the component minus the full one, on the same seeds and rows. Worse without it: the \
                 component helps. Detectable: the smallest true difference that this design would call better or worse \
                 with probability .8.",
    };
    comparing.tables(analysis, &analysis.left_out)
}

/// A kind of comparison as a table of every primary metric.
struct Comparing {
    title: &'static str,
    columns: &'static [&'static str],
    row: fn(&ContrastView, usize) -> Vec<String>,
    remark: &'static str,
}

impl Comparing {
    /// Averaged over datasets if there are several; none without a comparison.
    fn tables(&self, analysis: &Analysis, contrasts: &[ContrastView]) -> Vec<TextTable> {
        let several = analysis.blocks.len() > 1;
        let shown = |contrast: &&ContrastView| !several || contrast.dataset.is_none();
        let table = |metric: &String| {
            let found: Vec<&ContrastView> =
                contrasts.iter().filter(|contrast| contrast.metric == *metric).filter(shown).collect();
            let decimals = decimals(found.iter().filter_map(|contrast| contrast.value()));
            TextTable {
                title: format!("{metric}: {}", self.title),
                columns: self.columns.iter().map(ToString::to_string).collect(),
                rows: found.iter().map(|contrast| (self.row)(contrast, decimals)).collect(),
                remark: self.remark.to_string(),
            }
        };
        analysis.primary.iter().map(table).filter(|table| !table.rows.is_empty()).collect()
    }
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

/// Every method against its own backbone, alone and as full VALOR, in the primary metrics, averaged over datasets if there are several;
/// with what an experimenter would have seen.
fn within(analysis: &Analysis) -> Vec<TextTable> {
    let comparing = Comparing {
        title: "within a backbone",
        columns: &[
            "Method",
            "Against",
            "Difference",
            "95 % interval",
            "Verdict",
            "p (Holm)",
            "Detectable",
            "Observed",
        ],
        row: within_row,
        remark: "The method minus what stands beside it, on the same seeds and rows: its backbone without components, and full VALOR \
                 on it. Observed: what an experimenter who does not know the true effects would have said.",
    };
    comparing.tables(analysis, &analysis.within)
}

fn within_row(contrast: &ContrastView, decimals: usize) -> Vec<String> {
    let mut row = left_out_row(contrast, decimals);
    row[1].clone_from(&contrast.baseline);
    row.push(contrast.observed.as_deref().map(seen).unwrap_or_default());
    row
}

/// What was observed of a comparison, in short.
pub(super) fn seen(observed: &Observed) -> String {
    let verdict = observed.verdict.map_or("no verdict", |verdict| verdict.word());
    let needed = observed
        .needed
        .as_ref()
        .ok()
        .map(|needed| format!("; {} rows would show it", format::count(*needed as usize)));
    format!("{verdict} in {}{}", observed.metric, needed.unwrap_or_default())
}

/// Effects of components in the primary metrics: alone and with their pairs.
fn effects(analysis: &Analysis) -> Vec<TextTable> {
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

/// What components do: left out of a full model, over backbones, and what became of gates.
pub(super) fn components(analysis: &Analysis) -> Vec<TextTable> {
    let compared = within(analysis).into_iter().chain(left_out(analysis));
    compared.chain(effects(analysis)).chain(gates(analysis)).collect()
}

/// How far gates are closed; nothing where no method has one.
fn gates(analysis: &Analysis) -> Option<TextTable> {
    let columns = [false, true]
        .into_iter()
        .flat_map(|treated| GateFact::ALL.map(|fact| fact.noted(treated)))
        .collect::<Vec<String>>();
    let row = |gate: &GateView| {
        let cell =
            |name: &String| gate.values.get(name).map(|value| format::number(*value, 3)).unwrap_or_default();
        let name = match analysis.blocks.len() {
            1 => gate.method.clone(),
            _ => format!("{}, {}", gate.method, gate.dataset),
        };
        std::iter::once(name).chain(columns.iter().map(cell)).collect()
    };
    let rows: Vec<Vec<String>> = analysis.gates.iter().map(row).collect();
    (!rows.is_empty()).then(|| TextTable {
        title: "How far gates are closed".to_string(),
        columns: std::iter::once("Method".to_string()).chain(columns.clone()).collect(),
        rows,
        remark: "Of the gate of an arm, sigmoid(t w + b), which is the same for every account: the mean over its units, the \
                 share of units below one half, and the least; means over seeds. It starts at .88 under control and between .73 \
                 and .95 under treatment."
            .to_string(),
    })
}

fn decimals(values: impl Iterator<Item = f64>) -> usize {
    format::decimals(values).min(5)
}

fn ends(interval: &Interval, decimals: usize) -> String {
    format!("[{}, {}]", format::number(interval.low, decimals), format::number(interval.high, decimals))
}

/// How the declared family reads.
pub(super) fn family(analysis: &Analysis) -> String {
    let kinds: Vec<&str> = analysis.decision.contrasts.iter().map(|kind| kind.words()).collect();
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
         corrected among those of the same kind, metric and dataset; claims within the families that the file declares.",
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
        "Claims about differences of methods are looked at after every seed, from {declared} to at most {most}, until each is \
         decided: their intervals and p-values hold at every look (always-valid t), after Holm over all tests of their family, \
         whenever each ended. Other claims are judged once. Tables show the {declared} declared seeds, beside them how many \
         more claims rest on."
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
