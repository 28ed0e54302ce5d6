//! Small logs, of which every number is told by hand.

use super::*;
use crate::table::Reading;
use crate::table::log::LogColumns;
use tempfile::TempDir;

const LOG: &str = "\
who,when,paid,pieces,shop
anna,2024-01-01,10,1,north
anna,2024-01-01T20:00:00,5,2,south
bert,2024-01-03,7,,south
anna,2024-01-11,20,1,north
anna,2024-01-11,20,1,north
anna,2024-01-31,-10,0,north
bert,2024-02-05,0,1,north
anna,2024-02-10,40,1,north
anna,2024-03-01,8,1,south
carl,2024-02-20,100,3,north
bert,2024-03-10,-3,0,north
";

fn columns() -> LogColumns {
    LogColumns {
        customer: "who".into(),
        time: "when".into(),
        amount: "paid".into(),
        units: Some("pieces".into()),
        levels: vec!["shop".into()],
    }
}

fn read(text: &str, columns: &LogColumns) -> anyhow::Result<Log> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("log.csv");
    #[expect(clippy::disallowed_methods, reason = "a file to read")]
    std::fs::write(&path, text).unwrap();
    Log::read(&path, Reading::default(), columns)
}

fn log() -> Log {
    read(LOG, &columns()).unwrap()
}

/// 2024-01-01.
const YEAR: i64 = 19_723;

fn how() -> Preparation {
    Preparation {
        origin: Origin::Cutoffs(vec![YEAR + 31]),
        horizons: vec![30],
        window: None,
        weeks: 2,
        until: None,
        refunds: Refunds::Net,
        discount: 0.0,
        margin: 1.0,
        mature_only: false,
    }
}

fn column<'a>(found: &'a Customers, name: &str) -> &'a [f64] {
    let mut all = found.features.iter().chain(&found.labels);
    &all.find(|(known, _)| known == name).unwrap_or_else(|| panic!("{name}")).1
}

fn refusal(log: &Log, how: &Preparation) -> String {
    let error = prepare(log, "log.csv", how).unwrap_err();
    assert!(valor_base::error::is_input(&error), "{error:#}");
    error.to_string()
}

#[test]
fn features_look_before_the_cut_off_and_labels_after_it() {
    let log = log();
    assert_eq!(log.day("2024-02-01"), Ok(YEAR + 31));
    let found = prepare(&log, "log.csv", &how()).unwrap();
    let names: Vec<&str> = found.customer.iter().map(|number| log.customers[*number].as_str()).collect();
    assert_eq!(names, ["anna", "bert"], "carl has not bought before");
    assert_eq!((found.cutoff[0], found.label_end[0]), (YEAR + 31, YEAR + 61));
    let expected = [
        ("tenure", [31.0, 29.0]),
        ("recency", [21.0, 29.0]),
        ("frequency", [2.0, 1.0]),
        ("spend", [45.0, 7.0]),
        ("spend_mean", [22.5, 7.0]),
        ("spend_max", [40.0, 7.0]),
        ("last_spend", [40.0, 7.0]),
        ("first_spend", [15.0, 7.0]),
        ("units", [5.0, 0.0]),
        ("first_units", [3.0, 0.0]),
        ("w01", [0.0, 0.0]),
        ("w02", [-10.0, 0.0]),
        // The first of March is the last of thirty days; a purchase of 0 is no spend.
        ("label_30", [48.0, 0.0]),
    ];
    for (name, values) in expected {
        assert_eq!(column(&found, name), values, "{name}");
    }
    assert_eq!(column(&found, "gap_mean")[0], 10.0);
    assert!(column(&found, "gap_mean")[1].is_nan() && column(&found, "gap_sd")[0].is_nan());
    let FeatureKind::Categorical { levels, .. } = &log.levels[0].kind else { panic!() };
    let shops: Vec<&str> = found.levels[0].iter().map(|code| levels[*code as usize].as_str()).collect();
    assert_eq!(shops, ["north", "south"]);
    let counts = &found.counts;
    assert_eq!((counts.rows, counts.customers, counts.lines, counts.purchases), (2, 3, 11, 7));
    assert_eq!((counts.duplicates, counts.free, counts.refunds), (1, 1, 2));
    assert_eq!((counts.zeros[0], counts.mean[0]), (0.5, 24.0));
}

#[test]
fn a_cut_off_per_customer_counts_from_the_first_purchase() {
    let log = log();
    let found = prepare(
        &log,
        "log.csv",
        &Preparation { origin: Origin::SinceFirst(11), horizons: vec![30, 39], mature_only: true, ..how() },
    );
    let found = found.unwrap();
    // The day of the first purchase is the first of the eleven; carl's labels end after the log.
    assert_eq!(found.cutoff, [YEAR + 11, YEAR + 13]);
    assert_eq!(column(&found, "frequency"), [2.0, 1.0]);
    assert_eq!(column(&found, "label_30"), [30.0, 0.0]);
    assert_eq!(found.counts.immature, 1);
}

#[test]
fn several_cut_offs_give_a_row_each() {
    let cutoffs = vec![YEAR + 3, YEAR + 31];
    let how = Preparation { origin: Origin::Cutoffs(cutoffs), horizons: vec![39], ..how() };
    let found = prepare(&log(), "log.csv", &how).unwrap();
    assert_eq!(found.customer, [0, 1, 0, 1]);
    assert_eq!(found.cutoff, [YEAR + 3, YEAR + 3, YEAR + 31, YEAR + 31]);
    assert_eq!(column(&found, "label_39"), [70.0, 0.0, 48.0, 0.0], "bert's refund leaves 0");
    assert_eq!(found.counts.negative_labels, 1);
}

#[test]
fn refunds_discount_margin_and_window_are_what_they_say() {
    let log = log();
    let label = |how: &Preparation| prepare(&log, "log.csv", how).unwrap();
    let early = Preparation { origin: Origin::Cutoffs(vec![YEAR + 5]), ..how() };
    assert_eq!(column(&label(&early), "label_30"), [30.0, 0.0]);
    let dropped = Preparation { refunds: Refunds::Drop, ..early.clone() };
    assert_eq!(column(&label(&dropped), "label_30"), [40.0, 0.0]);
    let worth = Preparation { discount: 0.1, margin: 0.5, ..early.clone() };
    // anna bought five days after the cut-off and gave back after twenty-five.
    let expected = 0.5 * (40.0 * 1.1_f64.powf(-5.0 / 365.0) - 10.0 * 1.1_f64.powf(-25.0 / 365.0));
    assert!((column(&label(&worth), "label_30")[0] - expected).abs() < 1e-9);
    let window = label(&Preparation { window: Some(21), ..how() });
    assert_eq!(column(&window, "frequency"), [1.0, 0.0]);
    assert_eq!(column(&window, "spend"), [30.0, 0.0]);
    assert_eq!(column(&window, "recency"), [21.0, 29.0], "which looks at all of the log");
    assert!(column(&window, "spend_mean")[1].is_nan());
}

#[test]
fn what_cancels_is_zero() {
    let text = "who,when,paid\na,1,5\na,3,10.1\na,4,20.2\na,5,-30.3\nb,1,1\nb,4,1\n";
    let plain = LogColumns { units: None, levels: Vec::new(), ..columns() };
    let log = read(text, &plain).unwrap();
    let how = Preparation { origin: Origin::Cutoffs(vec![2]), horizons: vec![4], ..how() };
    assert_eq!(column(&prepare(&log, "log.csv", &how).unwrap(), "label_4"), [0.0, 1.0]);
}

#[test]
fn what_the_log_does_not_cover_is_refused_or_left_out() {
    let (log, how) = (log(), how());
    let late = Preparation { horizons: vec![90], ..how.clone() };
    let words = "--cutoff 2024-02-01: its label of 90 days is not covered: the log ends on 2024-03-10, its latest line; allowed are \
                 days up to 2023-12-12";
    assert!(refusal(&log, &late).contains(words), "{}", refusal(&log, &late));
    assert!(refusal(&log, &Preparation { mature_only: true, ..late.clone() }).contains("no row is left"));
    // One that is told covers what no line shows.
    let told = Preparation { until: Some(YEAR + 31 + 89), ..late };
    assert_eq!(column(&prepare(&log, "log.csv", &told).unwrap(), "label_90"), [48.0, 0.0]);
    let each = Preparation { origin: Origin::SinceFirst(11), ..how.clone() };
    let found = refusal(&log, &each);
    assert!(found.contains("the labels of 1 of 3 customers") && found.contains("that of 'carl'"), "{found}");
    let future = Preparation { until: Some(YEAR + 60), ..how.clone() };
    let found = refusal(&log, &future);
    assert!(found.contains("row 12: found the day 2024-03-10") && found.contains("1 such lines"), "{found}");
    let early = Preparation { origin: Origin::Cutoffs(vec![YEAR]), ..how.clone() };
    assert!(refusal(&log, &early).contains("nobody has bought before that day"));
    let silent = Preparation { origin: Origin::Cutoffs(vec![YEAR + 65]), horizons: vec![3], ..how };
    assert!(refusal(&log, &silent).contains("label_3 is 0 in all 3 rows"));
}

#[test]
fn options_out_of_range_are_refused_by_name() {
    let log = log();
    let refused = |how: Preparation, words: &str| {
        let found = refusal(&log, &how);
        assert!(found.contains(words), "{found}");
    };
    refused(Preparation { horizons: vec![0], ..how() }, "--horizon 0");
    refused(Preparation { horizons: vec![30, 30], ..how() }, "each once");
    refused(Preparation { window: Some(0), ..how() }, "--window 0");
    refused(Preparation { weeks: 521, ..how() }, "--weeks 521");
    refused(Preparation { discount: -0.1, ..how() }, "--discount -0.1");
    refused(Preparation { margin: 0.0, ..how() }, "--margin 0");
    refused(Preparation { origin: Origin::Cutoffs(vec![YEAR, YEAR]), ..how() }, "--cutoff");
    refused(Preparation { origin: Origin::SinceFirst(0), ..how() }, "--since-first 0");
}

#[test]
fn cells_that_cannot_be_read_are_named() {
    let refused = |text: &str, columns: &LogColumns, words: &str| {
        let error = read(text, columns).unwrap_err();
        assert!(valor_base::error::is_input(&error), "{error:#}");
        assert!(error.to_string().contains(words), "{error}");
    };
    let plain = LogColumns { units: None, levels: Vec::new(), ..columns() };
    refused(
        "who,when,paid\na,2024-01-01,ten\n",
        &plain,
        "row 2 (the header is row 1), column 'paid': found 'ten'",
    );
    refused("who,when,paid\na,2024-01-01,$5\n", &plain, "column 'paid': found '$5'");
    refused("who,when,paid\na,2024-02-30,5\n", &plain, "column 'when': found '2024-02-30'");
    refused("who,when,paid\na,01/02/2024,5\n", &plain, "column 'when': found '01/02/2024'");
    refused("who,when,paid\n,2024-01-01,5\n", &plain, "column 'who': the cell is empty");
    refused("who,when,payd\na,2024-01-01,5\n", &plain, "no column 'paid'; did you mean 'payd'?");
    refused("who,when,paid\n", &plain, "has no rows");
    refused("who,when,paid\na,20240131,5\n", &plain, "write 2024-01-31 for 20240131");
    refused("who,when,paid\na,1706689800,5\n", &plain, "seconds since 1970");
    let twice = LogColumns { amount: "when".into(), ..plain };
    refused("who,when,paid\na,1,5\n", &twice, "named by --time and --amount");
}
