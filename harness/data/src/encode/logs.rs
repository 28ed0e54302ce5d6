//! Numbers in logs, for columns with heavy tails.

use crate::{Dataset, FeatureKind};
use serde::{Deserialize, Serialize};

/// The amount of which logs are taken, in units of the column; above 0.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Unit(f64);

impl Unit {
    /// Whether training rows can have it.
    pub(super) fn is_known(self) -> bool {
        self.0 > 0.0 && self.0.is_finite()
    }
}

/// What is encoded in the place of a number: `sign(x) log(1 + |x| / unit)`; the number itself where no logs are taken.
pub(super) fn seen(unit: Option<Unit>, value: f32) -> f64 {
    let value = f64::from(value);
    match unit {
        None => value,
        Some(Unit(unit)) => (value.abs() / unit).ln_1p().copysign(value),
    }
}

/// Per numeric column the median size over the training rows whose number is there and not 0, where logs are asked for; 1 where there is
/// no such row.
pub(super) fn units(dataset: &Dataset, train: &[u32]) -> Vec<Option<Unit>> {
    let mut units = vec![None; dataset.numeric.columns];
    for feature in dataset.features.iter().filter(|feature| dataset.logs.contains(&feature.name)) {
        if let FeatureKind::Numeric { column } = feature.kind {
            let sizes = train.iter().map(|row| dataset.numeric.row(*row as usize)[column].abs());
            units[column] = Some(Unit(median(sizes.filter(|size| *size > 0.0).collect())));
        }
    }
    units
}

/// Half of them are no more than this, half no less.
fn median(mut sizes: Vec<f32>) -> f64 {
    sizes.sort_by(f32::total_cmp);
    let middle = |place: usize| sizes.get(place).map_or(1.0, |size| f64::from(*size));
    match sizes.len() {
        0 => 1.0,
        count => f64::midpoint(middle((count - 1) / 2), middle(count / 2)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Encoder, Encoding};
    use super::*;
    use crate::{Feature, Matrix};

    fn dataset(values: &[f32], logs: &[&str]) -> Dataset {
        let numeric =
            |name: &str, column| Feature { name: name.into(), kind: FeatureKind::Numeric { column } };
        Dataset {
            features: vec![numeric("spend", 0), numeric("age", 1)],
            numeric: Matrix {
                rows: values.len(),
                columns: 2,
                values: values.iter().zip(1_u8..).flat_map(|(value, row)| [*value, f32::from(row)]).collect(),
            },
            outcome: vec![0.0; values.len()],
            logs: logs.iter().map(ToString::to_string).collect(),
            ..Dataset::default()
        }
    }

    const SPEND: [f32; 7] = [0.0, 3.0, -1.0, f32::NAN, 5.0, 4000.0, 1e6];

    #[test]
    fn logs_keep_signs_and_know_the_training_rows_alone() {
        let train: Vec<u32> = (0..6).collect();
        let rows = dataset(&SPEND, &["spend"]);
        let encoder = Encoder::fit(&rows, &train, Encoding::Standard);
        // 1, 3, 5, 4000: their median is 4.
        let json = serde_json::to_string(&encoder).unwrap();
        assert!(json.contains("\"unit\":4.0") && json.matches("unit").count() == 1, "{json}");
        assert_eq!(serde_json::from_str::<Encoder>(&json).unwrap(), encoder);
        let logs = [0.0, 1.75_f64.ln(), -1.25_f64.ln(), 2.25_f64.ln(), 1001_f64.ln()];
        let mean = logs.iter().sum::<f64>() / 5.0;
        let sd = (logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>() / 5.0).sqrt();
        let encoded = encoder.encode(&rows).unwrap();
        for (row, log) in [0, 1, 2, 4, 5].into_iter().zip(logs) {
            assert!((f64::from(encoded.row(row)[0]) - (log - mean) / sd).abs() < 1e-6, "row {row}");
        }
        assert_eq!(encoded.row(3)[..3], [0.0, encoded.row(3)[1], 1.0], "missing stays missing");
        assert!(encoded.row(6)[0] < 5.0, "a row beyond all others: {:?}", encoded.row(6));
        let other = dataset(&[0.0, 3.0, -1.0, f32::NAN, 5.0, 4000.0, 7.0], &["spend"]);
        assert_eq!(Encoder::fit(&other, &train, Encoding::Standard), encoder);
        let plain = dataset(&SPEND, &[]);
        assert_eq!(encoder.encode(&plain).unwrap(), encoded, "rows to score need not say it");
        assert!(
            !serde_json::to_string(&Encoder::fit(&plain, &train, Encoding::Standard))
                .unwrap()
                .contains("unit")
        );
    }

    #[test]
    fn logs_do_not_depend_on_the_currency_and_trees_have_none() {
        let train: Vec<u32> = (0..7).collect();
        let rows = dataset(&SPEND, &["spend"]);
        let cents = dataset(&SPEND.map(|spend| spend * 128.0), &["spend"]);
        let encoded = |rows: &Dataset| Encoder::fit(rows, &train, Encoding::Standard).encode(rows).unwrap();
        assert_eq!(encoded(&rows), encoded(&cents));
        let plain = Encoder::fit(&rows, &train, Encoding::Plain);
        assert_eq!(plain, Encoder::fit(&dataset(&SPEND, &[]), &train, Encoding::Plain));
    }

    #[test]
    fn a_column_of_zeros_or_of_nothing_says_nothing() {
        for value in [0.0, f32::NAN, 7.0] {
            let rows = dataset(&[value; 5], &["spend"]);
            let encoded = Encoder::fit(&rows, &[0, 1, 2, 3, 4], Encoding::Standard).encode(&rows).unwrap();
            assert!((0..5).all(|row| encoded.row(row)[0] == 0.0), "{value}");
        }
    }
}
