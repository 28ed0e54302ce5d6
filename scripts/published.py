"""Writes results/published/README.md from the reports beside it, so that no finding is typed by hand. Standard library only.

    python3 scripts/published.py            packs what was copied there and writes made.json and README.md
    python3 scripts/published.py --check    changes nothing; exit code 1 if anything is not what the first line would write

To publish a report copy its folder, `cp -r reports/table2/standard results/published/table2/`, and run `make published`. Of a report are kept:

    index.html                              the page, as written
    summary.json.gz                         summary.json, packed: gunzip gives the bytes that `valor report` wrote
    table.csv table.md table.tex contrasts.csv segments.csv paper.tex    the tables, as written
    curves.png                              of the report whose figure README.md shows
    made.json                               what made it: command, profile, versions, commits, dates, machine. Science is the version of the
                                            code that stood here when the report was copied; everything else is in the summary

Summaries of versions 1 to 6 are understood. Where more is shown than a version has, the line is left out.
"""

import argparse
import gzip
import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PUBLISHED = ROOT / "results/published"
KEPT = {"index.html", "summary.json.gz", "table.csv", "table.md", "table.tex", "contrasts.csv", "segments.csv", "paper.tex", "curves.png", "made.json"}
NEEDED = {"index.html", "summary.json.gz", "table.csv", "table.md", "table.tex", "contrasts.csv", "made.json"}
# Version of the summary that first had it.
DECIDED, JOINT, TRUTH = 4, 4, 6
VERSIONS = range(1, 7)
VERDICTS = ["supported", "refuted", "too small to matter", "inconclusive"]
# Of a table of differences so many rows from either end.
FIRST, LAST = 8, 4

RULE = """## What is kept, and when it is written anew

Of each report its page, its tables and its `summary.json` (packed) of one version, and in `made.json` what made it. A report is made anew
when its numbers change, that is once per science version or change of its experiment, and not when only words or drawings of the page do.
Earlier ones are in the history. `cp -r reports/NAME/PROFILE results/published/NAME/`, then `make published`, which writes this page; a test
compares it with the summaries.

Beside the reports: `bench/` and `forests/`, figures of [docs/performance.md](../../docs/performance.md) and
[docs/methods/trees.md](../../docs/methods/trees.md)."""


class Wrong(Exception):
    """What is wrong, for the reader."""


def constant(name):
    """An integer constant of the code."""
    pattern = re.compile(rf"^pub(?:\((?:crate|super)\))? const {name}: u32 = (\d+);", re.MULTILINE)
    found = [int(value) for file in sorted((ROOT / "harness").rglob("*.rs")) for value in pattern.findall(file.read_text("utf-8"))]
    if len(found) != 1:
        raise Wrong(f"harness/: {name} stands in {len(found)} places, one was expected")
    return found[0]


def read_json(path):
    """The object in a file, packed or not."""
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        return json.loads(data)
    except (OSError, EOFError, ValueError) as error:
        raise Wrong(f"{path.relative_to(ROOT)}: {error}") from error


class Report:
    """A published report: its folder, its summary and what made it."""

    def __init__(self, folder):
        self.folder = folder
        self.name = folder.relative_to(PUBLISHED).as_posix()
        self.summary = read_json(folder / "summary.json.gz")
        self.version = self.summary.get("version")
        if self.version not in VERSIONS:
            raise Wrong(f"results/published/{self.name}/summary.json.gz: summary version {self.version}; known are {VERSIONS[0]} to {VERSIONS[-1]}")
        self.science = read_json(folder / "made.json").get("science")
        if not isinstance(self.science, int):
            raise Wrong(f"results/published/{self.name}/made.json: science is {self.science}, a version was expected")
        expected = f"{self.summary['experiment']}/{self.summary['profile']}"
        if expected != self.name:
            raise Wrong(f"results/published/{self.name}: the summary is of {expected}")

    def primary(self):
        """Up to three metrics: the one that decides, then those against the truth."""
        table = [metric["name"] for metric in self.summary["metrics"] if metric["in_table"]]
        decided = "primary" if self.version >= TRUTH else "metrics"
        first = self.summary["decision"][decided][:1] if self.version >= DECIDED else table[:1]
        return first + [name for name in ("auuc.true", "krcc") if name in table and name not in first]

    def datasets(self):
        return [dataset["name"] for dataset in self.summary["datasets"]]


def made(summary, science):
    """What made a report, in the order in which a reader asks."""
    measured = summary["measured"]
    return {
        "command": measured["command"],
        "profile": summary["profile"],
        "science": science,
        "summary": summary["version"],
        "valor": measured["valor"],
        "commits": measured["commits"],
        "trained": dates(summary),
        "processors": measured["processors"],
        "devices": measured["devices"],
        "threads": measured["threads"],
        "libtorch": measured["libtorch"],
    }


def dates(summary):
    """Days on which runs of a report were started."""
    seeds = [seed for cell in summary["cells"] for seed in cell["measured"].get("per_seed", {}).values()]
    return sorted({seed["started"][:10] for seed in seeds if seed.get("started")})


def text(value):
    """Prose on one line, safe in a table of Markdown."""
    return re.sub(r"([\\`*|]|<(?=[\w/!])|\](?=\()|(?<!\w)_|_(?!\w))", r"\\\1", " ".join(value.split()))


def sentence(evidence):
    """The first sentence of the evidence: of many parts how they were answered, of one all of it."""
    return text(evidence.split(". ")[0] + "." if evidence.startswith("Of ") else evidence)


def count(names, order):
    """`3 supported, 2 refuted`."""
    return ", ".join(f"{names.count(name)} {name.replace('-', ' ')}" for name in order if name in names)


def table(heads, rows):
    lines = [heads, ["---"] * len(heads)] + rows
    return [f"| {' | '.join(line)} |" for line in lines]


def mean(values):
    values = list(values)
    return sum(values) / len(values) if values and None not in values else None


def shown(values, signed=False):
    """Numbers of one column, with one number of decimals."""
    largest = max((abs(value) for value in values if value is not None), default=0)
    decimals = 3 if largest < 10 else 1
    return lambda value: "" if value is None else f"{round(value, decimals) + 0.0:{'+' if signed else ''}.{decimals}f}"


def claims(report):
    found = report.summary["claims"]
    if not found or report.version < DECIDED:
        return []
    lines = [f"**Claims:** {count([claim['verdict'] for claim in found], VERDICTS)}.", ""]
    rows = []
    for claim in sorted(found, key=lambda claim: VERDICTS.index(claim["verdict"])):
        about = "; ".join(filter(None, [", ".join(claim["datasets"]), claim["source"]]))
        asked = text(claim["text"]) + (f" ({text(about)})" if about else "")
        seen = claim.get("observed")
        evidence = sentence(claim["evidence"]) + (f" Observed, in {seen['metric']}: {seen['verdict']}." if seen else "")
        rows.append([claim["verdict"], asked, claim.get("instead") or claim["metric"], evidence])
    return lines + table(["verdict", "claim", "metric", "evidence"], rows) + [""]


def levels(report):
    """Reference rankings and the baseline, means over datasets."""
    metrics, names = report.primary(), report.datasets()

    def values(rows, key, who):
        of = {row["dataset"]: row["metrics"] for row in rows if row[key] == who}
        return [mean((of.get(name, {}).get(metric) or {}).get("mean") for name in names) for metric in metrics]

    summary = report.summary
    rankers = [who for who in ("oracle", "log-ratio", "prognostic", "prognostic (fitted)", "random") if any(row["ranker"] == who for row in summary["reference"])]
    rows = [(f"{who} ranking", values(summary["reference"], "ranker", who)) for who in rankers]
    rows.append((text(summary["baseline"]), values(summary["cells"], "method", summary["baseline"])))
    formats = [shown([row[1][column] for row in rows]) for column in range(len(metrics))]
    over = f", means over {len(names)} datasets" if len(names) > 1 else ""
    lines = [f"**What can be reached**{over}:", ""]
    return lines + table(["ranking"] + metrics, [[name] + [write(value) for write, value in zip(formats, found)] for name, found in rows]) + [""]


def differences(report):
    """Differences from the baseline: the largest and the smallest in the metric that decides."""
    summary, metrics, names = report.summary, report.primary(), report.datasets()
    block = None if len(names) > 1 else names[0]
    found = {(row["method"], row["metric"]): row for row in summary["contrasts"] if row["dataset"] == block}
    methods = {row["method"] for row in summary["contrasts"] if (row["method"], metrics[0]) in found}
    key = lambda method: (-(found[method, metrics[0]]["difference"] or 0), method)
    methods = sorted((method for method in methods if found[method, metrics[0]]["difference"] is not None), key=key)
    if not methods:
        return []
    left = methods[FIRST:-LAST] if len(methods) > FIRST + LAST + 1 else []
    methods = [method for method in methods if method not in left]
    columns = []
    for metric in metrics:
        rows = [found.get((method, metric), {}) for method in methods]
        intervals = [row.get("ci_both") or row.get("ci") for row in rows]
        bounds = [end for interval in intervals if interval for end in (interval["low"], interval["high"])]
        write = shown([row.get("difference") for row in rows] + bounds, signed=True)
        ends = shown([row.get("difference") for row in rows] + bounds)
        within = lambda interval: f" [{ends(interval['low'])}, {ends(interval['high'])}]" if interval else ""
        columns.append([write(row.get("difference")) + within(interval) for row, interval in zip(rows, intervals)])
    over = "seeds and test rows together" if report.version >= JOINT else "paired seeds"
    average = f", averaged over {len(names)} datasets" if len(names) > 1 else ""
    some = f" The {FIRST} largest and the {LAST} smallest of {len(methods) + len(left)}; all are in [table.md]({report.name}/table.md) and [contrasts.csv]({report.name}/contrasts.csv)." if left else ""
    lines = [f"**Differences from {text(summary['baseline'])}**{average}, with 95 % intervals over {over}, not corrected for their number.{some}", ""]
    rows = [[text(method)] + [column[at] for column in columns] for at, method in enumerate(methods)]
    return lines + table(["method"] + metrics, rows) + [""]


def failures(report):
    found = {}
    for failure in report.summary["failures"]:
        key = (failure["method"], failure["dataset"], "failed to converge" if failure["class"] == "diverged" else "crashed")
        found[key] = found.get(key, 0) + 1
    asked = len(report.summary["seeds"])
    parts = [f"{text(method)} {what} in {seeds} of {asked} seeds on {text(dataset)}" for (method, dataset, what), seeds in sorted(found.items())]
    return [f"**Failures:** {'; '.join(parts)}.", ""] if parts else []


def paper(report):
    halves = (report.summary.get("paper") or {}).get("halves", [])
    lines = []
    for half in halves:
        verdicts = [cell["verdict"] for row in half["rows"] for cell in row["cells"]]
        lines.append(f"**Beside the paper's figures** ({half['half']} half, our {text(half['source'])}): "
                     f"{count(verdicts, ['reproduced', 'within-noise', 'off', 'not-comparable'])}.")
    return [part for line in lines for part in (line, "")]


def stale(report, science, summary):
    """What a reader must know of a report that today's code would write otherwise."""
    parts = []
    if report.science != science:
        parts.append(f"Made under science version {report.science}; the code is at {science}, and the same experiment may give other numbers today.")
    if report.version != summary:
        known = " Its claims have no answers yet." if report.version < DECIDED else " Refuted there also meant too small to matter." if report.version < 5 else ""
        parts.append(f"Verdicts and intervals are those of summary version {report.version}; the code is at {summary} (CHANGELOG.md).{known}")
    return [f"*{' '.join(parts)}*", ""] if parts else []


def section(report, science, summary):
    facts = made(report.summary, report.science)
    when = facts["trained"]
    when = "at an unknown date" if not when else f"on {when[0]}" if len(when) == 1 else f"from {when[0]} to {when[-1]}"
    commits = ", ".join(re.sub(r"^([0-9a-f]{7})[0-9a-f]{33}", r"\1", commit) for commit in facts["commits"])
    files = f"[page]({report.name}/index.html), [table]({report.name}/table.md), [what made it]({report.name}/made.json)"
    lines = [f"## {report.summary['experiment']}, {report.summary['profile']}", "", text(report.summary["question"]), "", f"Read: {files}.", ""]
    lines += stale(report, science, summary)
    lines += claims(report) + differences(report) + levels(report) + paper(report) + failures(report)
    machine = f"{', '.join(facts['processors'])}; {', '.join(facts['devices'])}"
    lines += [f"Made {when} on {machine}, commits {commits}: `{facts['command']}`. Science {report.science}, summary {report.version}."]
    return lines


def page(reports, science, summary):
    lines = ["# Published results", "", "Written by `make published` from the summaries beside it; not by hand.", ""]
    old = [report for report in reports if report.science != science]
    if old:
        which = "All of these reports were" if len(old) == len(reports) else f"{len(old)} of these {len(reports)} reports were"
        lines += [f"**{which} made under an older science version than the code's, {science}: the same experiments may give other numbers today** (CHANGELOG.md).", ""]
    rows = []
    for report in reports:
        name = report.summary["experiment"]
        answers = [claim["verdict"] for claim in report.summary["claims"]] if report.version >= DECIDED else []
        anchor = f"#{name}-{report.summary['profile']}"
        asked = text(re.split(r"(?<=[?.]) ", " ".join(report.summary["question"].split()))[0])
        rows.append([f"[{text(name)}]({anchor})", asked, count(answers, VERDICTS), f"[page]({report.name}/index.html)"])
    lines += table(["report", "question", "claims", ""], rows) + [""]
    for report in reports:
        lines += section(report, science, summary) + [""]
    return "\n".join(lines + [RULE]) + "\n"


def pack(folder, science, summary):
    """Takes in a report that was copied as `valor report` wrote it."""
    loose = folder / "summary.json"
    found = read_json(loose)
    if found.get("version") != summary:
        raise Wrong(f"{loose.relative_to(ROOT)}: summary version {found.get('version')}, the code writes {summary}: make the report anew")
    (folder / "summary.json.gz").write_bytes(gzip.compress(loose.read_bytes(), 9, mtime=0))
    write_made(folder / "made.json", found, science)
    loose.unlink()


def made_text(summary, science):
    return json.dumps(made(summary, science), indent=1, ensure_ascii=False) + "\n"


def write_made(path, summary, science):
    path.write_text(made_text(summary, science), "utf-8")


def complaints(folder):
    """What a folder of a report lacks or has too much of."""
    names = {file.name for file in folder.iterdir()}
    where = folder.relative_to(ROOT)
    return [f"{where}/{name} is not kept" for name in sorted(names - KEPT)] + [f"{where}/{name} is missing" for name in sorted(NEEDED - names)]


def run(check):
    science, summary = constant("SCIENCE_VERSION"), constant("SUMMARY_VERSION")
    folders = sorted(file.parent for file in PUBLISHED.glob("*/*/index.html"))
    if not check:
        for folder in folders:
            if (folder / "summary.json").exists():
                pack(folder, science, summary)
    wrong = [complaint for folder in folders for complaint in complaints(folder)]
    if wrong:
        raise Wrong("; ".join(wrong) + (": `make published`" if check else ""))
    reports = [Report(folder) for folder in folders]
    wanted = {report.folder / "made.json": made_text(report.summary, report.science) for report in reports}
    wanted[PUBLISHED / "README.md"] = page(reports, science, summary)
    for path, content in wanted.items():
        if check and (not path.exists() or path.read_text("utf-8") != content):
            raise Wrong(f"{path.relative_to(ROOT)} is not what the summaries say: `make published`")
        if not check:
            path.write_text(content, "utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="change nothing; exit code 1 if anything would change")
    try:
        run(parser.parse_args().check)
    except Wrong as wrong:
        print(f"published.py: {wrong}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
