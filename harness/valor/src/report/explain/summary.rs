//! The summary plot: a row of dots per feature, where each dot is an account.

use valor_analysis::explain::{Digest, FeatureView, Standing, standings};
use valor_page::amount::Unit;
use valor_page::swarm::{self, Caption, Row};

/// Colours between low and high values.
const SHADES: [&str; 7] = ["v0", "v1", "v2", "v3", "v4", "v5", "v6"];

/// What an axis of contributions to a score says.
pub(super) fn axis(score: &str) -> String {
    format!("lowers {score} \u{2190} \u{2192} raises {score}")
}

/// The plot of the leading features, and how many dots lie beyond its axis.
pub(super) fn draw(views: &[FeatureView], digest: &Digest, unit: &Unit, score: &str) -> (String, usize) {
    let Digest { features, sample, .. } = digest;
    let rows = views.iter().map(|view| {
        let feature = &features[view.place];
        let dots = sample.iter().zip(standings(feature, sample, view.place));
        let dots = dots.map(|(account, standing)| (account.contributions[view.place], class(standing)));
        Row { label: feature.readable(), dots: dots.collect() }
    });
    let rows: Vec<Row> = rows.collect();
    let description = format!("One dot per account of a sample of {}, one row per feature.", sample.len());
    let title = "Contributions of the leading features";
    swarm::draw(&rows, unit, swarm::WIDE, &Caption { title, description: &description, axis: &axis(score) })
}

/// What colours a dot.
fn class(standing: Standing) -> &'static str {
    match standing {
        Standing::Rank(rank) => SHADES[((rank * SHADES.len() as f64) as usize).min(SHADES.len() - 1)],
        Standing::Level => "level",
        Standing::Missing => "gap",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_follow_values_and_gaps_have_their_own() {
        let found = [0.0, 0.5, 0.99, 1.0].map(|rank| class(Standing::Rank(rank)));
        assert_eq!(found, ["v0", "v3", "v6", "v6"]);
        assert_eq!((class(Standing::Level), class(Standing::Missing)), ("level", "gap"));
    }
}
