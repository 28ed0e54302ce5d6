//! The paper's tables beside ours, as text.

mod tex;
mod text;

pub(super) use tex::render as tex;
pub(super) use text::{CellText, PaperText};

#[cfg(test)]
mod tests {
    use valor_analysis::Analysis;
    use valor_analysis::sample::Sample;
    use valor_runs::spec::PaperTable;

    #[test]
    fn the_page_the_markdown_and_the_latex_show_it() {
        let methods = vec![("TARNet", "tarnet"), ("VALOR (TARNet)", "tarnet"), ("T-Learner", "t-learner")];
        let mut evidence = Sample { rows: 3_000, methods, ..Default::default() }.evidence();
        evidence.experiment.paper = Some(PaperTable::Table1);
        let analysis = Analysis::new(&evidence).unwrap();
        let table = crate::report::Table::new(&analysis);
        let differences = crate::report::Differences::new(&analysis, &table);
        let html = crate::report::html::render(&analysis, &table, &differences).unwrap();
        assert!(html.contains("Beside the paper&#39;s") || html.contains("Beside the paper's Table 1"));
        assert!(html.contains("not the paper&#39;s data") || html.contains("not available"));
        assert!(html.contains("0.2566") && html.contains("<span class=\"verdict "));
        let text = crate::report::markdown::render(&analysis, &table, &differences);
        assert!(
            text.contains("## Beside the paper's Table 1") && text.contains("| VALOR (TARNet) | 0.2772 (")
        );
        let tex = super::tex(&analysis, analysis.paper.as_ref().unwrap());
        assert!(tex.contains("Models & AUUC & Qini & Lift@30 & KRCC & Inf(ms) & AUUC"), "{tex}");
        assert!(tex.contains("\\multicolumn{11}{l}{\\textbf{Baselines}}") && tex.contains("\\underline{"));
        let line = tex.lines().find(|line| line.starts_with("CFR-WASS &")).unwrap();
        assert_eq!(line.matches("--").count(), 10, "nothing of ours: {line}");
        assert_eq!(tex.lines().filter(|line| line.matches(" & ").count() == 10).count(), 18);
    }
}
