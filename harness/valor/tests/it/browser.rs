//! A report in a real browser: what it says first, sorted, toggled, read in light, dark, on a phone and on paper. Skipped, with a line that
//! says so, where no Chromium is installed.

use crate::workspace::Workspace;
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A small grid with VALOR on two backbones, a method that diverges, claims, and a dataset whose name is markup.
const EXPERIMENT: &str = r#"
question = "Does the page <b>work</b>?"
seeds = [1, 2]
metrics = ["auuc", "qini", "lift@30", "krcc"]
paper = "table1"
baseline = "TARNet"

[[dataset]]
name = "mimic <i>one</i> & \"two\""
b2b-mimic = { rows = 1500 }

[grid]
backbones = ["t-learner", "tarnet", "dragonnet"]
components = [[]]

[[method]]
name = "VALOR (TARNet)"
backbone = "tarnet"
components = ["ziln", "focal", "gti", "wr"]

[[method]]
name = "VALOR (DragonNet)"
backbone = "dragonnet"
components = ["ziln", "focal", "gti", "wr"]

[[method]]
name = "wild"
backbone = "tarnet"
training.learning-rate = 1e30

[[claim]]
id = "better"
text = "VALOR beats <i>TARNet</i>."
better = "VALOR (TARNet)"
than = "TARNet"
metric = "auuc"

[[claim]]
id = "spread"
text = "Seeds differ by less than a millionth."
sd-at-most = 0.000001
metric = "auuc"

[[claim]]
id = "narrow"
text = "Seeds differ by less than a thousand."
sd-at-most = 1000
metric = "auuc"

[model]
trunk = [8]
heads = [4]

[training]
epochs = 3
batch = 128
"#;

const CHECKS: &str = include_str!("browser.js");

/// The first Chromium that runs.
fn chromium() -> Option<&'static str> {
    let runs = |name: &&str| {
        Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success())
    };
    ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"].into_iter().find(runs)
}

/// Light, dark, and the width of a phone.
const LOOKS: [(&str, &str, u64); 3] = [
    ("light", "--blink-settings=preferredColorScheme=1", 1280),
    ("dark", "--blink-settings=preferredColorScheme=0", 1280),
    ("phone", "--blink-settings=preferredColorScheme=1", 390),
];

/// A page that shows another as wide as a phone, and what the checks in it found: windows are wider.
const PHONE: &str = r#"<!DOCTYPE html><title>phone</title><style>body { margin: 0 }</style>
<iframe src="PAGE" style="width: 390px; height: 844px; border: 0"></iframe>
<script>addEventListener("message", (message) => {
  const found = document.createElement("pre");
  found.id = "found";
  found.textContent = message.data;
  document.body.append(found);
});</script>"#;

fn browse(browser: &str, page: &Path, options: &[&str]) -> Output {
    let profile = tempfile::tempdir().unwrap();
    let mut command = Command::new(browser);
    command.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]);
    command.args(["--disable-background-networking", "--disable-component-update", "--disable-sync"]);
    command.args(["--hide-scrollbars", "--enable-logging=stderr"]);
    command.arg(format!("--user-data-dir={}", profile.path().display()));
    command.args(["--window-size=1280,900", "--virtual-time-budget=20000"]).args(options);
    command.arg(format!("file://{}", page.display())).output().unwrap()
}

/// What the page's scripts and style complained of.
fn console(output: &Output) -> Vec<String> {
    let text = String::from_utf8_lossy(&output.stderr);
    text.lines().filter(|line| line.contains(":CONSOLE")).map(str::to_string).collect()
}

/// The JSON that the checks left in the page.
fn found(output: &Output) -> Value {
    let dom = String::from_utf8_lossy(&output.stdout);
    let text = dom.split("<pre id=\"found\">").nth(1).and_then(|rest| rest.split("</pre>").next());
    let text = text.unwrap_or_else(|| panic!("the checks did not end: {output:?}"));
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    serde_json::from_str(&text).unwrap()
}

#[test]
fn a_report_works_in_a_browser() {
    let Some(browser) = chromium() else {
        // Not through the test harness, which keeps what passing tests say.
        writeln!(
            std::io::stderr(),
            "SKIPPED: the report in a browser (no chromium, chromium-browser or google-chrome)"
        )
        .unwrap();
        return;
    };
    let workspace = Workspace::with(EXPERIMENT);
    workspace.succeed("run experiments/small.toml --results results");
    workspace.succeed("report experiments/small.toml --results results --out reports");
    let page = workspace.path("reports/index.html");
    let checked = workspace.path("reports/checked.html");
    let html = fs::read_to_string(&page).unwrap();
    fs::write(&checked, html.replace("</body>", &format!("<script>\n{CHECKS}\n</script>\n</body>"))).unwrap();
    for (name, scheme, width) in LOOKS {
        let [shown, checked] =
            [&page, &checked].map(|page| if width < 500 { framed(page) } else { page.clone() });
        let output = browse(browser, &checked, &[scheme, "--dump-dom"]);
        let found = found(&output);
        assert_eq!(found["problems"], Value::Array(Vec::new()), "{name}: {found:#}");
        assert_eq!(console(&output), Vec::<String>::new(), "{name}");
        assert_eq!(
            (&found["dark"], &found["width"]),
            (&Value::Bool(name == "dark"), &width.into()),
            "{name}"
        );
        assert!(found["charts"].as_u64().unwrap() > 10, "{found:#}");
        let picture = workspace.path(&format!("{name}.png"));
        browse(browser, &shown, &[scheme, &format!("--screenshot={}", picture.display())]);
        assert!(fs::metadata(&picture).unwrap().len() > 10_000, "{name} draws nothing");
    }
    let paper = workspace.path("print.pdf");
    let output = browse(browser, &page, &[&format!("--print-to-pdf={}", paper.display())]);
    assert!(fs::read(&paper).unwrap().starts_with(b"%PDF") && console(&output).is_empty(), "{output:?}");
    let open = workspace.path("reports/open.html");
    fs::write(&open, html.replace("<details", "<details open")).unwrap();
    let all = workspace.path("open.pdf");
    browse(browser, &open, &[&format!("--print-to-pdf={}", all.display())]);
    assert!(pages(&paper) > 3 && pages(&paper) == pages(&all), "what is folded on screen is open on paper");
    let silent = workspace.path("reports/silent.html");
    let (before, after) = html.split_once("<script>").unwrap();
    fs::write(&silent, before.to_string() + after.split_once("</script>").unwrap().1).unwrap();
    let picture = workspace.path("silent.png");
    let output = browse(browser, &silent, &[&format!("--screenshot={}", picture.display())]);
    assert!(console(&output).is_empty() && fs::metadata(&picture).unwrap().len() > 10_000, "{output:?}");
    assert!(
        before.contains("VALOR (TARNet)") && !before.contains("class=\"sort\""),
        "all stands without the script"
    );
}

/// Pages of a PDF.
fn pages(pdf: &Path) -> usize {
    let bytes = fs::read(pdf).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    text.split("/Type /Page").skip(1).filter(|rest| !rest.starts_with('s')).count()
}

/// A page that frames another, beside it.
fn framed(page: &Path) -> PathBuf {
    let name = page.file_name().unwrap().to_str().unwrap();
    let frame = page.with_file_name(format!("phone-{name}"));
    fs::write(&frame, PHONE.replace("PAGE", name)).unwrap();
    frame
}
