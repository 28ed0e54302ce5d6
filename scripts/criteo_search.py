"""Makes the rows of experiments/criteo_search.toml of Criteo's Sponsored Search Conversion Log.

    python3 scripts/criteo_search.py data/CriteoSearchData data/criteo_search.csv.gz [ROWS]

The file is the one of Criteo AI Lab's page of the data set (15,995,634 clicks, 6.4 GB, tab-separated, 23 columns without a header, CC BY-NC-SA 4.0); nothing of it is
part of this repository. A row is a click; the outcome is the euros that were spent within 30 days, 0 where the file has -1 for no sale. Sale and
time_delay_for_conversion are known only afterwards and are left out, as is product_price, which is above 0 hardly anywhere but where something was sold. -1 is a missing value.
Of each categorical column the 999 levels that most of the earliest 60 % of clicks have are kept, all others are `rare`. Identifiers of people, products and titles are left
out. `known` is 30 days after the click. ROWS keeps the first so many lines of the file.
"""

import collections
import csv
import gzip
import itertools
import sys

COLUMNS = [
    "Sale", "SalesAmountInEuro", "time_delay_for_conversion", "click_timestamp", "nb_clicks_1week", "product_price", "product_age_group",
    "device_type", "audience_id", "product_gender", "product_brand", "product_category_1", "product_category_2", "product_category_3",
    "product_category_4", "product_category_5", "product_category_6", "product_category_7", "product_country", "product_id", "product_title",
    "partner_id", "user_id",
]
CATEGORICAL = [
    "product_age_group", "device_type", "audience_id", "product_gender", "product_brand", "product_category_1", "product_category_2",
    "product_category_3", "product_category_4", "product_category_5", "product_category_6", "product_category_7", "product_country", "partner_id",
]
LEVELS = 999
HORIZON = 30 * 86_400
EARLIEST = 0.6


def lines(path, rows):
    with open(path, encoding="utf-8", newline="\n") as file:
        for number, line in enumerate(itertools.islice(file, rows), start=1):
            cells = line.rstrip("\r\n").split("\t")
            if len(cells) != len(COLUMNS):
                sys.exit(f"{path}: line {number} has {len(cells)} cells; allowed are {len(COLUMNS)} between tabs")
            yield dict(zip(COLUMNS, cells))


def main(path, out, rows=None):
    rows = int(rows) if rows else None
    times = sorted(int(row["click_timestamp"]) for row in lines(path, rows))
    if not times:
        sys.exit(f"{path} has no lines")
    latest = times[min(int(EARLIEST * len(times)), len(times) - 1)]
    counts = {name: collections.Counter() for name in CATEGORICAL}
    for row in lines(path, rows):
        if int(row["click_timestamp"]) < latest:
            for name in CATEGORICAL:
                counts[name][row[name]] += 1
    # Of levels with as many clicks those first by name.
    kept = {name: {level for level, _ in sorted(found.items(), key=lambda item: (-item[1], item[0]))[:LEVELS]} for name, found in counts.items()}
    with gzip.open(out, "wt", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["spent", "click_timestamp", "known", "nb_clicks_1week", *CATEGORICAL])
        for row in lines(path, rows):
            spent = max(float(row["SalesAmountInEuro"]), 0.0)
            levels = []
            for name in CATEGORICAL:
                level = row[name]
                levels.append("" if level == "-1" else level if level in kept[name] else "rare")
            clicks = "" if row["nb_clicks_1week"] == "-1" else row["nb_clicks_1week"]
            time = int(row["click_timestamp"])
            writer.writerow([repr(spent), time, time + HORIZON, clicks, *levels])


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    main(*sys.argv[1:])
