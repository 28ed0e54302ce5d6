//! A description as lines for a terminal.

use valor_base::escape::terminal::line as shown;
use valor_data::describe::{ArmSummaries, ArmSummary, Balance, Contrast, Description};

/// The name, then a line per fact.
pub(super) fn render(name: &str, found: &Description) -> String {
    let mut lines = vec![shown(name)];
    for (label, value) in facts(found) {
        lines.push(format!("  {label:<18} {}", shown(&value)));
    }
    lines.join("\n")
}

fn facts(found: &Description) -> Vec<(&'static str, String)> {
    let per_arm = |value: fn(&ArmSummary) -> String| match &found.arms {
        ArmSummaries::Two { treated, control } => {
            format!("treated {}, control {}", value(treated), value(control))
        }
        ArmSummaries::One { all } => value(all),
    };
    let of_all = |whole: String, value: fn(&ArmSummary) -> String| match &found.arms {
        ArmSummaries::Two { .. } => format!("{whole} ({})", per_arm(value)),
        ArmSummaries::One { .. } => whole,
    };
    let mut facts = Vec::new();
    if let Some(contrast) = &found.contrast {
        facts.push(("average effect", average(contrast)));
        facts.extend(contrast.difference_warning.clone().map(|warning| ("", warning)));
    }
    facts.extend([
        ("rows", of_all(count(found.rows), |arm| count(arm.rows))),
        ("features", format!("{} ({} columns once encoded)", found.features, found.columns)),
        ("zeros", of_all(percent(found.zeros), |arm| percent(arm.zeros))),
        ("mean outcome", per_arm(|arm| format!("{:.4}", arm.mean))),
        ("positive outcomes", quantiles(found)),
    ]);
    facts.extend(
        found.balance.as_ref().map(|found_balance| ("balance", balance(found_balance, found.columns))),
    );
    facts.extend(found.propensity.map(|range| ("propensity", propensity(range))));
    facts.extend(found.groups.map(|groups| ("groups", count(groups))));
    facts.extend(found.truth.map(|truth| {
        let correlation = truth.correlation.map_or_else(String::new, |correlation| {
            format!(", correlation of E[Y0] with the effect {correlation:.3}")
        });
        let (average, sd) = (truth.average_effect, truth.effect_sd);
        (
            "truth",
            format!(
                "average effect {average:.4}, SD {sd:.4}, {} negative{correlation}",
                percent(truth.negative)
            ),
        )
    }));
    facts.extend(found.notes.iter().map(|note| ("note", note.clone())));
    facts
}

/// The difference in means: the average effect where treatment is randomised.
fn average(found: &Contrast) -> String {
    let interval = found.difference_interval.map(|[low, high]| format!(" [{low:.4}, {high:.4}], 95 %"));
    let error = found.difference_error.map(|error| format!(", standard error {error:.4}"));
    let z = found.difference_z.map(|z| format!(", {:.1} of them from 0", z.abs()));
    let rest: String = [interval, error, z].into_iter().flatten().collect();
    format!("{:.4}{rest} (difference in means, treated less control)", found.difference)
}

fn quantiles(found: &Description) -> String {
    let quantile = |share: f64, value: f64| match share {
        0.0 => format!("least {value:.2}"),
        1.0 => format!("most {value:.2}"),
        _ => format!("{:.0} % {value:.2}", 100.0 * share),
    };
    let shown: Vec<String> = found.positive.iter().map(|point| quantile(point.share, point.value)).collect();
    shown.join(", ")
}

fn balance(balance: &Balance, columns: usize) -> String {
    let shown: Vec<String> =
        balance.largest.iter().map(|entry| format!("{} {:+.4}", entry.column, entry.difference)).collect();
    format!(
        "largest standardised differences {}; if randomised, SD {:.4} and the largest of {} below {:.4} (95 %)",
        shown.join(", "),
        balance.expected_sd,
        columns,
        balance.expected_largest
    )
}

fn propensity([low, high]: [f64; 2]) -> String {
    if low == high { format!("{low} for all rows") } else { format!("{low:.4} to {high:.4}") }
}

fn percent(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
}

/// A number with a comma every three digits.
fn count(number: usize) -> String {
    let digits = number.to_string();
    let groups = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy);
    groups.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use valor_data::b2b_mimic::B2bMimicSpec;
    use valor_data::{DataSpec, describe::describe, load};

    #[test]
    fn facts_are_named_and_numbers_readable() {
        let spec = DataSpec::B2bMimic(B2bMimicSpec { rows: 2_000, ..B2bMimicSpec::default() });
        let text = render("b2b-mimic", &describe(&load(&spec, "".as_ref()).unwrap()).unwrap());
        assert!(text.starts_with("b2b-mimic\n  average effect     "), "{text}");
        for word in [
            "], 95 %, standard error ",
            "\n  rows               2,000 (treated ",
            "zeros",
            "positive outcomes  least ",
            "0.5 for all rows",
            "average effect",
            "correlation of E[Y0]",
        ] {
            assert!(text.contains(word), "{text}");
        }
    }

    #[test]
    fn thousands_are_parted() {
        assert_eq!([1, 1_000, 236_421, 1_234_567].map(count), ["1", "1,000", "236,421", "1,234,567"]);
    }
}
