"""Says whether two builds of valor give the same numbers: runs experiments with both and compares ids and summaries.

    scripts/same_summaries.py BEFORE AFTER [--profile quick] [--experiments table1,table2] [--keep FOLDER] [-- OPTIONS]

BEFORE and AFTER are programs (target/release/valor of two commits). Each gets a results folder of its own; OPTIONS go to both, for
example `--set seeds=1`. Compared are the ids of `valor plan --json`, every record and summary.json, outside `measured`, versions, and
keys that only AFTER has. Numbers that differ by rounding alone are counted. Exits 1 at the first file that differs, and says where.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# What depends on the machine, and what says which format a file has.
LEFT_OUT = {"measured", "version", "versions"}
# Sums in another order differ by so much of their size; what does is counted and said.
ROUNDING = 1e-12
ROUNDED = []


def run(program, words):
    """Runs a program in the checkout; its exit code may say that runs diverged."""
    command = [str(program), *words]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode not in (0, 1):
        sys.exit(f"{' '.join(command)}: exit code {done.returncode}\n{done.stderr}")
    return done.stdout


def difference(before, after, place=""):
    """The first place at which AFTER lacks or changes something, or nothing."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key, value in before.items():
            if key in LEFT_OUT:
                continue
            if key not in after:
                return f"{place}.{key} is missing"
            found = difference(value, after[key], f"{place}.{key}")
            if found:
                return found
        return None
    if isinstance(before, list) and isinstance(after, list):
        if len(before) != len(after):
            return f"{place} has {len(after)} entries instead of {len(before)}"
        pairs = enumerate(zip(before, after))
        return next((d for i, (a, b) in pairs if (d := difference(a, b, f"{place}[{i}]"))), None)
    if isinstance(before, float) and isinstance(after, float) and before != after:
        apart = abs(before - after) / max(abs(before), abs(after))
        if apart <= ROUNDING:
            ROUNDED.append((apart, place))
            return None
    return None if before == after else f"{place} is {after!r} instead of {before!r}"


def records(results, ids):
    """The records of these runs by the name of their folder; others that stand there do not count."""
    paths = [path for path in sorted(Path(results).glob("runs/*/record.json")) if path.parent.name[-16:] in ids]
    return {path.parent.name: json.loads(path.read_text()) for path in paths}


def made(program, folder, experiment, profile, options):
    """Ids, records and summary of one program."""
    path, results = f"experiments/{experiment}.toml", Path(folder) / "results"
    asked = [path, "--profile", profile, "--results", str(results), *options]
    run(program, ["run", *asked])
    run(program, ["report", *asked, "--out", str(Path(folder) / "reports" / experiment)])
    plan = json.loads(run(program, ["plan", *asked, "--json"]))
    summary = json.loads((Path(folder) / "reports" / experiment / "summary.json").read_text())
    ids = [run["id"] for run in plan["runs"]]
    return ids, records(results, set(ids)), summary


def main():
    words = sys.argv[1:]
    options = words[words.index("--") + 1 :] if "--" in words else []
    words = words[: words.index("--")] if "--" in words else words
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--profile", default="quick")
    parser.add_argument("--experiments", default="table1,table2")
    parser.add_argument("--keep", type=Path, help="a folder for results and reports, to go on or look at")
    asked = parser.parse_args(words)
    folder = asked.keep or Path(tempfile.mkdtemp(prefix="same-"))
    programs = {"before": asked.before.resolve(), "after": asked.after.resolve()}
    for experiment in asked.experiments.split(","):
        found = {
            name: made(program, folder / name, experiment, asked.profile, options)
            for name, program in programs.items()
        }
        (ids, runs, summary), (other_ids, other_runs, other_summary) = found["before"], found["after"]
        problems = [
            None if ids == other_ids else "the ids of the plan differ",
            difference(runs, other_runs, "records"),
            difference(summary, other_summary, "summary"),
        ]
        problem = next((problem for problem in problems if problem), None)
        if problem:
            sys.exit(f"{experiment}, {asked.profile}: {problem}")
        if ROUNDED:
            worst, place = max(ROUNDED)
            print(f"{experiment}: {len(ROUNDED)} numbers differ by rounding, at most by {worst:.1e} of their size ({place})")
            ROUNDED.clear()
        added = sorted(set(other_summary) - set(summary))
        print(
            f"{experiment}, {asked.profile}: {len(ids)} ids, {len(runs)} records and the summary of "
            f"{len(summary['cells'])} cells are the same" + (f"; added: {', '.join(added)}" if added else "")
        )


if __name__ == "__main__":
    main()
