//! A claim as a sentence: what is tested.

use valor_runs::spec::{Claim, Margin, Over, Statement};

/// What was tested, in words.
pub fn sentence(claim: &Claim) -> String {
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
    }
}

fn amount(by: Margin, at_most: Option<Margin>) -> String {
    match (by, at_most) {
        (_, Some(most)) => format!(" by {} to {}", by.text(), most.text()),
        (by, None) if by.value() == 0.0 => String::new(),
        (by, None) => format!(" by at least {}", by.text()),
    }
}
