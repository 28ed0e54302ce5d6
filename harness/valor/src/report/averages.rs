//! Averages over datasets as text: Markdown and HTML print these strings.

use super::claims::TextTable;
use valor_analysis::Analysis;
use valor_analysis::averages::Average;
use valor_page::format;

/// Every method, averaged over datasets; nothing where there is one dataset.
pub(super) fn table(analysis: &Analysis) -> Option<TextTable> {
    let first = analysis.averages.first()?;
    let shown = analysis.metrics.iter().filter(|metric| first.metrics.contains_key(&metric.name));
    let names: Vec<&str> = shown.map(|metric| metric.name.as_str()).collect();
    let decimals = |name: &str| {
        let averages = analysis.averages.iter().filter_map(|row| row.metrics.get(name)?.mean.as_ref().ok());
        format::decimals(averages.copied())
    };
    let decimals: Vec<usize> = names.iter().map(|name| decimals(name)).collect();
    let row = |method: &str, metrics: Vec<Option<&Average>>| {
        let cells = metrics.into_iter().zip(&decimals).map(|(average, decimals)| cell(average, *decimals));
        std::iter::once(method.to_string()).chain(cells).collect()
    };
    Some(TextTable {
        title: format!("Averages over {} datasets", analysis.blocks.len()),
        columns: ["Method"].iter().chain(&names).map(ToString::to_string).collect(),
        rows: analysis
            .averages
            .iter()
            .map(|average| {
                row(&average.method, names.iter().map(|name| average.metrics.get(*name)).collect())
            })
            .collect(),
        remark: "Mean of the datasets' means \u{b1} standard deviation over datasets [95 % interval of the mean: Student t over \
                 datasets, as if they were drawn from many]. Every dataset counts once."
            .to_string(),
    })
}

fn cell(average: Option<&Average>, decimals: usize) -> String {
    let Some(Average { mean: Ok(mean), sd, ci, .. }) = average else {
        let reason = average.and_then(|average| average.mean.as_ref().err());
        return reason.map(|reason| format!("- ({reason})")).unwrap_or_default();
    };
    let number = |value: f64| format::number(value, decimals);
    let mut text = number(*mean);
    if let Some(sd) = sd {
        text += &format!(" \u{b1} {}", number(*sd));
    }
    if let Ok(ci) = ci {
        text += &format!(" [{}, {}]", number(ci.low), number(ci.high));
    }
    text
}
