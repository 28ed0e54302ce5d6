//! index.html above several reports: what was asked, what was found, how much is done.

use super::headline::HeadlineText;
use anyhow::Result;
use serde::Serialize;
use valor_analysis::Analysis;
use valor_page::templates::{self, SCRIPT, STYLE};
use valor_runs::store::folder_name;

/// A report as the index shows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct IndexLine {
    /// The report, from the folder of the index.
    pub href: String,
    /// The experiment.
    pub experiment: String,
    /// Its profile.
    pub profile: String,
    /// What a reader should know about the profile.
    pub caption: Option<String>,
    /// First paragraph of the question.
    pub question: String,
    /// Runs that finished.
    pub found: usize,
    /// Runs that diverged or crashed.
    pub failed: usize,
    /// Asked runs.
    pub asked: usize,
    /// Methods.
    pub methods: usize,
    /// The answer, sentence by sentence.
    pub answer: Vec<String>,
    /// Verdicts and how many claims have them.
    pub tally: Vec<(String, usize)>,
}

impl IndexLine {
    /// Of a report.
    pub(crate) fn new(analysis: &Analysis) -> Self {
        let counts = || analysis.blocks.iter().flat_map(|block| &block.cells).map(|cell| cell.seeds);
        let headline = HeadlineText::new(analysis);
        Self {
            href: format!(
                "{}/{}/index.html",
                encoded(&folder_name(&analysis.experiment)),
                encoded(&folder_name(&analysis.profile))
            ),
            experiment: analysis.experiment.clone(),
            profile: analysis.profile.clone(),
            caption: analysis.caption.clone(),
            question: analysis.question.split("\n\n").next().unwrap_or_default().trim().to_string(),
            found: counts().map(|seeds| seeds.found).sum(),
            failed: counts().map(|seeds| seeds.failed).sum(),
            asked: counts().map(|seeds| seeds.asked).sum(),
            methods: analysis.blocks.first().map_or(0, |block| block.cells.len()),
            answer: headline.answer,
            tally: headline.tally,
        }
    }
}

/// A name as a part of an address.
fn encoded(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    name.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// What `index.html` asks for, by name.
#[derive(Serialize)]
struct Page<'a> {
    style: &'static str,
    script: &'static str,
    lines: &'a [IndexLine],
}

/// The page; every line links to `EXPERIMENT/PROFILE/index.html` beside it.
pub(super) fn render(lines: &[IndexLine]) -> Result<String> {
    templates::fill("index.html", &Page { style: STYLE, script: SCRIPT, lines })
}

#[cfg(test)]
mod tests {
    use super::*;
    use valor_analysis::sample::{Sample, diverge};

    #[test]
    fn an_index_says_what_was_asked_what_was_found_and_what_is_done() {
        let mut evidence = Sample::default().evidence();
        evidence.experiment.name = "a <b>".to_string();
        diverge(&mut evidence.cells[0].runs[0]);
        let analysis = Analysis::new(&evidence).unwrap();
        let line = IndexLine::new(&analysis);
        assert_eq!((line.found, line.failed, line.asked, line.methods), (8, 1, 9, 3));
        assert_eq!(
            (line.href.as_str(), line.question.as_str()),
            ("a%20-b~a329faaed71b3682/quick/index.html", "Which component helps?")
        );
        assert_eq!(line.answer, HeadlineText::new(&analysis).answer);
        assert_eq!(line.tally.iter().map(|(_, count)| count).sum::<usize>(), analysis.claims.len());
        let page = render(&[line.clone(), line]).unwrap();
        assert!(page.contains("a &lt;b&gt;") && page.contains("8/9 (1 failed)") && !page.contains("<b>"));
    }
}
