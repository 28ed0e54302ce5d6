//! table.tex by pdfLaTeX: it compiles, and nothing is wider than the text. Skipped, with a line that says so, where pdflatex is
//! not installed.

use super::tex::{TexIntervals, TexOptions, render};
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use valor_analysis::Analysis;
use valor_analysis::sample::{Sample, diverge};

/// What pdfLaTeX prints of Greek, accents, brackets, and what means something in LaTeX.
const NAMES: [(&str, &str); 9] = [
    ("TARNet", "tarnet"),
    ("[3cm] x", "tarnet"),
    ("* star", "tarnet"),
    ("\u{3c4}-\u{3c1}\u{3ac}\u{391} \u{2265} \u{394}", "tarnet"),
    ("Z\u{fc}rich \u{141}\u{f3}d\u{17a} na\u{ef}ve \u{e9}", "dragonnet"),
    ("a&b 50% x_y \\ {z} $ # ~ ^ | \" <> `", "dragonnet"),
    ("TARNet +ziln+focal+gti", "tarnet"),
    ("averylongnamewithoutanyspacethatreachesoverthewholewidthofthecolumn", "t-learner"),
    ("a name of many words that goes on and on until nobody reads it any more", "t-learner"),
];

fn pdflatex() -> bool {
    Command::new("pdflatex").arg("--version").output().is_ok_and(|output| output.status.success())
}

/// The log of a document with this table; panics where it does not compile. booktabs, which texlive-latex-base lacks, has a
/// stand-in.
#[expect(clippy::disallowed_methods, reason = "a document for pdflatex, in a folder of the test")]
fn compiled(table: &str, folder: &Path) -> String {
    let document = format!(
        "\\documentclass{{article}}\n\\usepackage[T1]{{fontenc}}\n\\usepackage{{longtable}}\n\\IfFileExists{{booktabs.sty}}\
         {{\\usepackage{{booktabs}}}}{{\\let\\toprule\\hline\\let\\midrule\\hline\\let\\bottomrule\\hline\n\
         \\def\\cmidrule(##1)##2{{\\cline{{##2}}}}}}\n\\begin{{document}}\n{table}\n\\end{{document}}\n"
    );
    std::fs::write(folder.join("table.tex"), document).unwrap();
    let output = Command::new("pdflatex")
        .args(["-draftmode", "-interaction=nonstopmode", "-halt-on-error", "table.tex"])
        .current_dir(folder)
        .output()
        .unwrap();
    let log = String::from_utf8_lossy(&std::fs::read(folder.join("table.log")).unwrap()).into_owned();
    assert!(output.status.success(), "{log}\n{table}");
    log
}

fn checked(analysis: &Analysis, options: &TexOptions) -> String {
    let table = render(analysis, options).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let log = compiled(&table, folder.path());
    let wide: Vec<&str> = log.lines().filter(|line| line.starts_with("Overfull \\hbox")).collect();
    assert!(wide.is_empty(), "{wide:?}\n{table}");
    table
}

#[test]
fn pdflatex_sets_every_table_within_the_text() {
    if !pdflatex() {
        // Not through the test harness, which keeps what passing tests say.
        writeln!(std::io::stderr(), "SKIPPED: table.tex by pdfLaTeX (no pdflatex)").unwrap();
        return;
    }
    let mut evidence =
        Sample { methods: NAMES.to_vec(), datasets: vec!["world 1", "world 2"], ..Default::default() }
            .evidence();
    evidence.experiment.caption = Some("cap\n\\input{/etc/passwd}\r\\bad".to_string());
    diverge(&mut evidence.cells[1].runs[0]);
    evidence.cells[2].runs.iter_mut().for_each(diverge);
    let analysis = Analysis::new(&evidence).unwrap();
    let usual = checked(&analysis, &TexOptions::default());
    assert!(
        usual.contains("AUUC $\\uparrow$") && usual.contains("Lift@30 (true)") && !usual.contains("auuc"),
        "{usual}"
    );
    // These names are long: two parts at most.
    let parts = usual.matches("\\begin{table}").count();
    assert!((1..=2).contains(&parts), "{usual}");
    assert!(usual.contains("{[}3cm{]} x") && usual.contains("expected spend alone"), "{usual}");
    let metrics = ["pehe", "auuc", "qini", "lift@30", "krcc", "auuc.true"].map(str::to_string).to_vec();
    let many = checked(&analysis, &TexOptions { metrics, intervals: TexIntervals::Both });
    assert!(many.matches("\\begin{table}").count() > 1 && many.find("PEHE") < many.find("AUUC"), "{many}");
    let metrics = vec!["auuc.true".to_string()];
    let plain = checked(&analysis, &TexOptions { metrics: metrics.clone(), intervals: TexIntervals::None });
    assert!(!plain.contains("scriptsize") && plain.contains("AUUC (true)"), "{plain}");
    let seeds = checked(&analysis, &TexOptions { metrics, intervals: TexIntervals::Seeds });
    assert!(seeds.contains("scriptsize") && seeds.contains("intervals over seeds."), "{seeds}");
}

#[test]
fn a_long_table_goes_on_over_pages() {
    let methods = (0..60).map(|place| (&*format!("method {place}").leak(), "tarnet")).collect();
    let analysis = Sample { methods, rows: 60, ..Default::default() }.analysis();
    let table = render(&analysis, &TexOptions::default()).unwrap();
    assert!(table.contains("\\begin{longtable}") && table.contains("\\endhead"), "{table}");
    if pdflatex() {
        checked(&analysis, &TexOptions::default());
    }
}

#[test]
fn a_metric_that_the_report_lacks_is_refused_by_name() {
    let options = TexOptions { metrics: vec!["auc".to_string()], ..Default::default() };
    let error = render(&Sample::default().analysis(), &options).unwrap_err().to_string();
    assert!(error.contains("--tex-metrics: sample has no metric 'auc'") && error.contains("auuc"), "{error}");
}
