//! The table of metrics: data, in the order in which they are explained.

use super::buckets::Bucket;
use super::metric::Direction::{self, Higher, Lower, Neither, One, Zero};
use super::metric::{Compute, Metric, Total};
use super::{
    amounts, binned, causalml, devriendt, intervals, rank, rerum, sklift, sweep, truth, value, value_pairs,
};

const VALOR: &str = "VALOR (Guduguntla et al. 2026), released code";
const PAPER: &str = "VALOR (Guduguntla et al. 2026), appendix A";
const CAUSALML: &str = "causalml 0.18.0";
const SKLIFT: &str = "scikit-uplift 0.5.1";
const RERUM: &str = "RERUM (He et al. 2024), released code";
const DEVRIENDT: &str = "Devriendt et al. 2020, table 2";
const ZILN: &str = "Wang, Liu, Miao 2019 (normalised Gini)";
const LIFETIME: &str = "google/lifetime_value";
const CC_OR: &str = "CC-OR-Net (arXiv 2601.10176), formula of this project";
const TRANSUN: &str = "TranSUN, with the outcome below the line";
const HAJEK: &str = "VALOR's form with Hajek weights";
const HERE: &str = "this project";
const SPEARMAN: &str = "Spearman 1904";
const TEXTBOOK: &str = "textbook";

const SHARE: &str = "share of the total";
const OUTCOME: &str = "outcome";
const ROWS: &str = "rows";
const CORRELATION: &str = "correlation";
const RATIO: &str = "ratio";
const AREA: &str = "share of the perfect area";
const SUM: &str = "outcome x rows";
const MEANS: &str = "outcome x points";

/// What compares with the truth.
pub(super) const TRUTH: &[&str] = &[
    "krcc",
    "krcc.prognosis",
    "ate.true",
    "auuc.true",
    "qini.true",
    "lift@30.true",
    "auuc.area.true",
    "qini.area.true",
    "effect@30",
    "pehe",
    "ate.error",
    "sd.ratio",
    "accuracy.value",
    "ranking.loss.true",
    "gini.true",
    "spearman.true",
    "rmse.true",
    "nmae.true",
    "calibration.true",
];

/// Metrics of outcomes, and what each tends to over many outcomes and assignments of the same rows: the metric without the noise of
/// both, where the true effect is known. What an experimenter sees of a noise-free metric is the first that tends to it.
pub(super) const LIMITS: &[(&str, &str)] = &[
    ("auuc", "auuc.true"),
    ("qini", "qini.true"),
    ("auuc.area", "auuc.area.true"),
    ("qini.area", "qini.area.true"),
    ("lift@30", "lift@30.true"),
    ("auuc.ipw", "auuc.true"),
    ("qini.ipw", "qini.true"),
    ("auuc.area.ipw", "auuc.area.true"),
    ("qini.area.ipw", "qini.area.true"),
    ("lift@30.ipw", "lift@30.true"),
    ("gini", "gini.true"),
];

/// Shares of a total, the total, and the area that is not divided by it.
pub(super) const SHARES: &[(&str, Total, &str)] = &[
    ("auuc", Total::Observed, "auuc.area"),
    ("qini", Total::Observed, "qini.area"),
    ("auuc.true", Total::True, "auuc.area.true"),
    ("qini.true", Total::True, "qini.area.true"),
    ("auuc.ipw", Total::Inverse, "auuc.area.ipw"),
    ("qini.ipw", Total::Inverse, "qini.area.ipw"),
    ("auuc.causalml", Total::Observed, "auuc.area"),
    ("qini.causalml", Total::Observed, "qini.area"),
    ("auuc.rerum", Total::Observed, "auuc.area"),
    ("qini.rerum", Total::Observed, "qini.area"),
];

/// Everything that can be asked for.
#[rustfmt::skip]
pub(super) const METRICS: &[Metric] = &[
    row("n", "rows", ROWS, Neither, TEXTBOOK, Compute::Observed(sweep::n)),
    row("n_treated", "treated rows", ROWS, Neither, TEXTBOOK, Compute::Observed(sweep::n_treated)),
    row("ate", "R_T(n)/N_T(n) - R_C(n)/N_C(n)", OUTCOME, Neither, TEXTBOOK, Compute::Observed(sweep::ate)),
    row("auuc", "mean over k of V(k)/|V(n)| - 1/2, V(k) = (R_T/N_T - R_C/N_C) k", SHARE, Higher, VALOR, Compute::Observed(sweep::auuc)),
    row("qini", "mean over k of (Q(k) - Q(n) k/n)/|Q(n)|, Q(k) = R_T - R_C N_T(n)/N_C(n)", SHARE, Higher, VALOR, Compute::Observed(sweep::qini)),
    row("auuc.area", "(mean over k of V(k) - V(n)/2)/n: auuc not divided by the total", OUTCOME, Higher, HERE, Compute::Observed(sweep::auuc_area)),
    row("qini.area", "(mean over k of Q(k) - Q(n) k/n)/N_T(n): qini not divided by the total", OUTCOME, Higher, HERE, Compute::Observed(sweep::qini_area)),
    row("lift@30", "R_T(m)/N_T(m) - R_C(m)/N_C(m), m = int(0.3 n)", OUTCOME, Higher, VALOR, Compute::Observed(sweep::lift_at_30)),
    row("krcc", "tau_b(score, true effect)", CORRELATION, Higher, "Kendall 1945; exact, on all rows", Compute::Correlation(rank::effect)),
    row("krcc@50bins", "tau_b(bucket, observed uplift of the bucket), 50 quantile buckets", CORRELATION, Higher, VALOR, Compute::Ranked(binned::krcc_50)),
    row("krcc@100bins", "tau_b(bucket, observed uplift of the bucket), 100 quantile buckets", CORRELATION, Higher, RERUM, Compute::Ranked(binned::krcc_100)),
    row("krcc.prognosis", "tau_b(score, true E[Y_0])", CORRELATION, Neither, HERE, Compute::Correlation(rank::prognosis)),
    row("ate.true", "mean tau", OUTCOME, Neither, TEXTBOOK, Compute::Observed(sweep::ate_true)),
    row("auuc.true", "(mean over k of E(k) - E(n)/2)/|E(n)|, E(k) = true effect of the top k", SHARE, Higher, HERE, Compute::Observed(sweep::auuc_true)),
    row("qini.true", "mean over k of (E(k) - E(n) k/n)/|E(n)|", SHARE, Higher, HERE, Compute::Observed(sweep::qini_true)),
    row("lift@30.true", "E(m)/m, m = int(0.3 n)", OUTCOME, Higher, HERE, Compute::Observed(sweep::effect_at_30)),
    row("auuc.area.true", "(mean over k of E(k) - E(n)/2)/n: auuc.true not divided by the total", OUTCOME, Higher, HERE, Compute::Observed(sweep::auuc_area_true)),
    row("qini.area.true", "(mean over k of E(k) - E(n) k/n)/n: qini.true not divided by the total", OUTCOME, Higher, HERE, Compute::Observed(sweep::qini_area_true)),
    row("effect@30", "E(m)/m, m = int(0.3 n): another name of lift@30.true", OUTCOME, Higher, HERE, Compute::Observed(sweep::effect_at_30)),
    row("pehe", "sqrt(mean (tau_hat - tau)^2)", OUTCOME, Lower, "Hill 2011, as a root", Compute::Means(truth::pehe)),
    row("ate.error", "mean tau_hat - mean tau", OUTCOME, Zero, TEXTBOOK, Compute::Means(truth::ate_error)),
    row("sd.ratio", "sd(tau_hat) / sd(tau)", RATIO, One, HERE, Compute::Means(value_pairs::sd_ratio)),
    row("accuracy.value", "sum over pairs |tau_i - tau_j| c_ij / sum |tau_i - tau_j|, c_ij = 1 in the right order, 1/2 for equal scores", RATIO, Higher, PAPER, Compute::Ranked(value_pairs::accuracy)),
    row("ranking.loss.true", "mean over pairs of log(1 + exp(-(tau_hat_i - tau_hat_j)/sd(tau))), weights tau_i - tau_j > 0", RATIO, Lower, PAPER, Compute::Ranked(value_pairs::loss_true)),
    row("ranking.loss", "mean over pairs of log(1 + exp(-(tau_hat_i - tau_hat_j)/s)), weights log(1 + (z_i - z_j)/s), z_i > z_j, s = sd(y)", RATIO, Lower, PAPER, Compute::Ranked(value_pairs::loss)),
    row("calibration.control", "mean predicted / mean observed outcome, control rows", RATIO, One, TEXTBOOK, Compute::Means(truth::calibration_control)),
    row("calibration.treated", "mean predicted / mean observed outcome, treated rows", RATIO, One, TEXTBOOK, Compute::Means(truth::calibration_treated)),
    row("ate.ipw", "ate with N and R summed over 1/P(own arm)", OUTCOME, Neither, "Hajek 1971", Compute::Inverse(sweep::ate)),
    row("auuc.ipw", "auuc with N and R summed over 1/P(own arm)", SHARE, Higher, HAJEK, Compute::Inverse(sweep::auuc)),
    row("qini.ipw", "qini with N and R summed over 1/P(own arm)", SHARE, Higher, HAJEK, Compute::Inverse(sweep::qini)),
    row("auuc.area.ipw", "auuc.area with N and R summed over 1/P(own arm)", OUTCOME, Higher, HERE, Compute::Inverse(sweep::auuc_area)),
    row("qini.area.ipw", "qini.area with N and R summed over 1/P(own arm)", OUTCOME, Higher, HERE, Compute::Inverse(sweep::qini_area)),
    row("lift@30.ipw", "lift@30 with N and R summed over 1/P(own arm)", OUTCOME, Higher, HAJEK, Compute::Inverse(sweep::lift_at_30)),
    row("auuc.causalml", "sum over k = 0..n of V(k)/|V(n)|, over n+1; gaps interpolated", SHARE, Higher, CAUSALML, Compute::Ranked(causalml::auuc)),
    row("qini.causalml", "sum over k = 0..n of (q(k) - q(n) k/n)/|q(n)|, over n+1; q = R_T - R_C N_T/N_C", SHARE, Higher, CAUSALML, Compute::Ranked(causalml::qini)),
    row("auuc.sklift", "area of V above its chord / that of the perfect V; binary outcomes", AREA, Higher, SKLIFT, Compute::Ranked(sklift::auuc)),
    row("qini.sklift", "area of q above its chord / that of the perfect q; binary outcomes", AREA, Higher, SKLIFT, Compute::Ranked(sklift::qini)),
    row("auuc.rerum", "trapezoid area of V/|V(n)| at 100 score buckets, + 1 if V(n) < 0", SHARE, Higher, RERUM, Compute::Ranked(rerum::auuc)),
    row("qini.rerum", "trapezoid area of q/|q(n)| at 100 score buckets, + 1 if q(n) < 0", SHARE, Higher, RERUM, Compute::Ranked(rerum::qini)),
    row("auuc.devriendt.joint-absolute", "sum over k of (R_T/N_T - R_C/N_C) k", SUM, Higher, DEVRIENDT, Compute::Ranked(devriendt::auuc_joint_absolute)),
    row("auuc.devriendt.joint-relative", "sum over k of R_T/|T| - R_C/|C| (also the relative Qini form)", MEANS, Higher, DEVRIENDT, Compute::Ranked(devriendt::auuc_joint_relative)),
    row("auuc.devriendt.separate-absolute", "sum over percents p of R(T,p|T|) - R(C,p|C|)", SUM, Higher, DEVRIENDT, Compute::Ranked(devriendt::auuc_separate_absolute)),
    row("auuc.devriendt.separate-relative", "sum over percents p of R(T,p|T|)/|T| - R(C,p|C|)/|C| (also the relative Qini form)", MEANS, Higher, DEVRIENDT, Compute::Ranked(devriendt::auuc_separate_relative)),
    row("qini.devriendt.joint-absolute", "sum over k of R_T - R_C N_T/N_C", SUM, Higher, DEVRIENDT, Compute::Ranked(devriendt::qini_joint_absolute)),
    row("qini.devriendt.separate-absolute", "sum over percents p of R(T,p|T|) - R(C,p|C|) |T|/|C|", SUM, Higher, DEVRIENDT, Compute::Ranked(devriendt::qini_separate_absolute)),
    row("gini", "A(score)/A(outcome), A = mean over k of (share of the outcome in the top k - k/n); rows without a treatment", RATIO, Higher, ZILN, Compute::Positions(value::gini)),
    row("gini.true", "A(score)/A(E[Y|x]), A = mean over k of (share of E[Y|x] in the top k - k/n)", RATIO, Higher, HERE, Compute::Positions(value::gini_true)),
    row("spearman", "Pearson's correlation of the middle ranks of score and outcome; rows without a treatment", CORRELATION, Higher, SPEARMAN, Compute::Positions(value::spearman)),
    row("spearman.true", "Pearson's correlation of the middle ranks of score and E[Y|x]", CORRELATION, Higher, SPEARMAN, Compute::Positions(value::spearman_true)),
    row("spearman.positive", "spearman among the rows with y > 0", CORRELATION, Higher, CC_OR, Compute::Positions(value::spearman_positive)),
    row("spearman.bucket2", "spearman among the rows whose outcome is in bucket 2, the lowest of positive outcomes", CORRELATION, Higher, HERE, Compute::Positions(|positions| value::spearman_within(positions, Bucket::Inner(2)))),
    row("spearman.bucket3", "spearman among the rows whose outcome is in bucket 3", CORRELATION, Higher, HERE, Compute::Positions(|positions| value::spearman_within(positions, Bucket::Inner(3)))),
    row("spearman.top", "spearman among the rows whose outcome is in the top bucket", CORRELATION, Higher, HERE, Compute::Positions(|positions| value::spearman_within(positions, Bucket::Top))),
    row("nmae", "mean |y_hat - y| / mean y; rows without a treatment", RATIO, Lower, LIFETIME, Compute::ValueMeans(amounts::nmae)),
    row("nmae.true", "mean |y_hat - E[Y|x]| / mean E[Y|x]", RATIO, Lower, HERE, Compute::ValueMeans(amounts::nmae_true)),
    row("nmae.bucket2", "sum |y_hat - y| / sum y over the rows whose outcome is in bucket 2", RATIO, Lower, HERE, Compute::ValueMeans(|rows| amounts::nmae_within(rows, Bucket::Inner(2)))),
    row("nmae.bucket3", "sum |y_hat - y| / sum y over the rows whose outcome is in bucket 3", RATIO, Lower, HERE, Compute::ValueMeans(|rows| amounts::nmae_within(rows, Bucket::Inner(3)))),
    row("nmae.top", "sum |y_hat - y| / sum y over the rows whose outcome is in the top bucket", RATIO, Lower, HERE, Compute::ValueMeans(|rows| amounts::nmae_within(rows, Bucket::Top))),
    row("nrmse", "sqrt(mean (y_hat - y)^2) / mean y", RATIO, Lower, LIFETIME, Compute::ValueMeans(amounts::nrmse)),
    row("rmse.true", "sqrt(mean (y_hat - E[Y|x])^2)", OUTCOME, Lower, TEXTBOOK, Compute::ValueMeans(amounts::rmse_true)),
    row("mape", "mean over y > 0 of |y_hat - y| / y", RATIO, Lower, TEXTBOOK, Compute::ValueMeans(amounts::mape)),
    row("mre", "|mean over y > 0 of (y_hat - y) / y|", RATIO, Lower, TRANSUN, Compute::ValueMeans(amounts::mre)),
    row("tre", "|sum (y_hat - y) / sum y|", RATIO, Lower, TRANSUN, Compute::ValueMeans(amounts::tre)),
    row("ambe", "|mean (y_hat - y)|", OUTCOME, Lower, CC_OR, Compute::ValueMeans(amounts::ambe)),
    row("ambe.top", "|mean (y_hat - y)| over the rows whose outcome is in the top bucket", OUTCOME, Lower, CC_OR, Compute::ValueMeans(amounts::ambe_top)),
    row("calibration", "mean y_hat / mean y", RATIO, One, TEXTBOOK, Compute::ValueMeans(amounts::calibration)),
    row("calibration.true", "mean y_hat / mean E[Y|x]", RATIO, One, TEXTBOOK, Compute::ValueMeans(amounts::calibration_true)),
    row("decile.mape", "mean over ten equal groups by score of |mean y_hat - mean y| / mean y", RATIO, Lower, LIFETIME, Compute::Positions(value::decile_mape)),
    row("bucket.accuracy", "share of rows with b(y_hat) = b(y), b the bucket", RATIO, Higher, CC_OR, Compute::ValueMeans(amounts::bucket_accuracy)),
    row("f1.top", "2 TP/(2 TP + FP + FN) of the top bucket", RATIO, Higher, CC_OR, Compute::ValueMeans(amounts::f1_top)),
    row("sva", "share of rows with s(y_hat) = s(y), s: zero, up to the median of positive outcomes, above it", RATIO, Higher, CC_OR, Compute::ValueMeans(amounts::sva)),
    row("sva.macro", "mean over the strata s of the share of their rows with s(y_hat) = s(y)", RATIO, Higher, CC_OR, Compute::ValueMeans(amounts::sva_macro)),
    row("recall.top", "share of the rows whose outcome is in the top bucket that are among as many by score", RATIO, Higher, CC_OR, Compute::Positions(value::recall_top)),
    row("recall.top@5", "the same among the ceil(n/20) rows by score", RATIO, Higher, CC_OR, Compute::Positions(value::recall_top_at_5)),
    row("recall.p99", "share of the ceil(n/100) rows with the largest positive outcomes that are among as many by score", RATIO, Higher, CC_OR, Compute::Positions(value::recall_percent)),
    row("recall.p99@5", "the same among the ceil(n/20) rows by score", RATIO, Higher, CC_OR, Compute::Positions(value::recall_percent_at_5)),
    row("coverage", "share of rows with low <= y <= high, the interval that was predicted", RATIO, Neither, HERE, Compute::ValueMeans(intervals::coverage)),
    row("coverage.gap", "coverage less the level of the intervals", RATIO, Zero, HERE, Compute::ValueMeans(intervals::coverage_gap)),
    row("coverage.total", "share of 50 cohorts (every fiftieth row by score) whose total lies in the interval of their total", RATIO, Neither, HERE, Compute::Positions(intervals::coverage_total)),
    row("interval.width", "mean (high - low) / mean y", RATIO, Lower, HERE, Compute::ValueMeans(intervals::width)),
];

const fn row(
    name: &'static str,
    formula: &'static str,
    unit: &'static str,
    direction: Direction,
    source: &'static str,
    compute: Compute,
) -> Metric {
    Metric { name, formula, unit, direction, source, compute }
}
