//! What metrics are called where people read: `AUUC (true)` for `auuc.true`.

/// First parts of names that are no plain words.
const WRITTEN: [(&str, &str); 18] = [
    ("auuc", "AUUC"),
    ("krcc", "KRCC"),
    ("pehe", "PEHE"),
    ("ate", "ATE"),
    ("nmae", "NMAE"),
    ("nrmse", "NRMSE"),
    ("rmse", "RMSE"),
    ("mape", "MAPE"),
    ("mre", "MRE"),
    ("tre", "TRE"),
    ("ambe", "AMBE"),
    ("sva", "SVA"),
    ("n", "n"),
    ("n_treated", "n treated"),
    ("ipw", "IPW"),
    ("causalml", "causalml"),
    ("sklift", "sklift"),
    ("rerum", "RERUM"),
];

/// The name as tables for people print it: capitals where the field has them, what follows the first part in brackets.
pub(super) fn printed(name: &str) -> String {
    let mut parts = name.split('.');
    let first = parts.next().unwrap_or_default();
    let others: Vec<String> = parts.map(|part| written(part).unwrap_or_else(|| part.to_string())).collect();
    let head = match first.split_once('@') {
        Some((word, share)) => format!("{}@{share}", capital(word)),
        None => capital(first),
    };
    if others.is_empty() { head } else { format!("{head} ({})", others.join(", ")) }
}

fn written(word: &str) -> Option<String> {
    WRITTEN.iter().find(|(known, _)| *known == word).map(|(_, written)| written.to_string())
}

fn capital(word: &str) -> String {
    written(word).unwrap_or_else(|| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_as_the_field_writes_them() {
        let names = [
            "auuc",
            "qini",
            "lift@30",
            "auuc.true",
            "auuc.area.ipw",
            "krcc@100bins",
            "pehe",
            "calibration.control",
        ];
        let read = [
            "AUUC",
            "Qini",
            "Lift@30",
            "AUUC (true)",
            "AUUC (area, IPW)",
            "KRCC@100bins",
            "PEHE",
            "Calibration (control)",
        ];
        assert_eq!(names.map(printed), read);
        assert_eq!(printed(""), "");
    }

    #[test]
    fn no_two_metrics_are_called_alike() {
        let mut found: Vec<String> =
            valor_stats::metrics::registry().iter().map(|metric| printed(metric.name)).collect();
        let count = found.len();
        found.sort();
        found.dedup();
        assert_eq!(found.len(), count);
    }
}
