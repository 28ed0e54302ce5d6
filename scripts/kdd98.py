"""Makes the rows of experiments/kdd98.toml of the files of the KDD Cup 1998 (donors of a veterans' charity).

    python3 scripts/kdd98.py data/kdd98 data/kdd98.csv

The folder holds cup98LRN.txt, cup98VAL.txt and valtargt.txt, unpacked from the archive of the contest (kdd.ics.uci.edu/databases/kddcup98), which its
terms let people use for research; nothing of it is part of this repository. Rows: the 95,412 of LRN, then the 96,367 of VAL with the targets of valtargt.txt, joined
by CONTROLN. `part` is a number below 1 for LRN, drawn by the row's number, and 2 for VAL: parted by it with the share of VAL, the test is VAL and
validation rows are some of LRN. Levels with fewer than 100 rows of LRN become 0, a level of their own, as in the notebook of the ZILN paper. Amounts are
log1p. TARGET_B and TARGET_D are no features. The columns are a choice of ours, not the notebook's list, and the script has been tried on files of the same form only.
"""

import collections
import csv
import hashlib
import math
import pathlib
import sys

CATEGORICAL = [
    "ODATEDW", "OSOURCE", "TCODE", "STATE", "DOMAIN", "CLUSTER", "GENDER", "MAXADATE", "MINRDATE", "LASTDATE", "FIRSTDATE", "RFA_2F", "RFA_2A",
]
NUMERIC = ["AGE", "INCOME", "WEALTH1", "HIT", "NUMPROM", "CARDPROM", "NUMPRM12", "CARDPM12", "NGIFTALL", "CARDGIFT", "TIMELAG"]
AMOUNTS = ["RAMNTALL", "MINRAMNT", "MAXRAMNT", "LASTGIFT", "AVGGIFT"]
FEWEST = 100


def read(path):
    with open(path, newline="", encoding="latin-1") as file:
        reader = csv.DictReader(file)
        missing = [name for name in [*CATEGORICAL, *NUMERIC, *AMOUNTS, "CONTROLN"] if name not in (reader.fieldnames or [])]
        if missing:
            sys.exit(f"{path}: no column {missing[0]}; it is not the contest's file")
        yield from reader


def cell(row, name):
    return (row[name] or "").strip()


def log1p(text):
    return repr(math.log1p(float(text))) if text else ""


def draw(number):
    """In [0, 1), the same on every machine."""
    return int.from_bytes(hashlib.sha256(str(number).encode()).digest()[:6], "big") / 2**48


def main(folder, out):
    folder = pathlib.Path(folder)
    counts = {name: collections.Counter() for name in CATEGORICAL}
    for row in read(folder / "cup98LRN.txt"):
        for name in CATEGORICAL:
            counts[name][cell(row, name)] += 1
    # Of a file that is smaller than the contest's, a hundredth.
    rows = sum(counts[CATEGORICAL[0]].values())
    fewest = min(FEWEST, max(1, rows // 100))
    with open(folder / "valtargt.txt", newline="", encoding="latin-1") as file:
        targets = {row["CONTROLN"].strip(): row["TARGET_D"].strip() for row in csv.DictReader(file)}

    def made():
        for number, row in enumerate(read(folder / "cup98LRN.txt")):
            yield repr(draw(number)), cell(row, "TARGET_D"), row
        for row in read(folder / "cup98VAL.txt"):
            name = cell(row, "CONTROLN")
            if name not in targets:
                sys.exit(f"valtargt.txt: no target of CONTROLN {name}")
            yield "2", targets[name], row

    with open(out, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["part", "TARGET_D", *CATEGORICAL, *NUMERIC, *AMOUNTS])
        for part, target, row in made():
            levels = [cell(row, name) if counts[name][cell(row, name)] >= fewest else "0" for name in CATEGORICAL]
            amounts = [log1p(cell(row, name)) for name in AMOUNTS]
            writer.writerow([part, target, *levels, *(cell(row, name) for name in NUMERIC), *amounts])


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
