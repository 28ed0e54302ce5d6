//! Claims on differences: what each part compares, first; then, when every family is corrected, its answer.

use super::family::{ClaimFamily, ClaimTest};
use super::needed::Needed;
use super::part::{Part, PartRows};
use crate::comparisons::{Comparisons, Deciding};
use crate::contrasts::{ComparedMethods, ContrastView};
use crate::estimate::LEVEL;
use crate::linear_contrast::{LinearContrast, Orientation, Place, Pooled, Tested, pooled};
use valor_runs::spec::{Chain, Group, Margin, Over, Pair};
use valor_stats::metrics::{Direction, Undefined};
use valor_stats::stats::{Answer, POWER, Rule, Studentised};

/// One metric on chosen datasets, and what answers rest on.
pub(super) struct Judge<'a> {
    /// The metric.
    pub metric: &'a str,
    /// What is better.
    pub direction: Direction,
    /// Its datasets.
    pub place: &'a Place<'a>,
    /// What verdicts rest on.
    pub deciding: &'a Deciding<'a>,
    /// Asked seeds.
    pub seeds: usize,
}

/// A part before families are corrected.
#[expect(clippy::large_enum_variant, reason = "a handful per claim")]
pub(super) enum Draft {
    /// Nothing is left to decide.
    Done(Part),
    /// A comparison of two methods, decided where all of them are.
    Looked {
        /// What is compared.
        what: String,
        /// The one said to be better.
        better: String,
        /// The other.
        than: String,
    },
    /// A test of the claim's own.
    Own(Own),
}

/// A test that no comparison of two methods is: a margin, an average over backbones, a difference of steps, a best method.
pub(super) struct Own {
    what: String,
    gain: Pooled,
    tested: Tested,
    level: Option<f64>,
    margin: f64,
    bounds: Bounds,
    test: ClaimTest,
}

/// What is claimed of a gain.
enum Bounds {
    /// The gain less what is claimed at least.
    Least(Studentised),
    /// The same, and the gain less what is claimed at most.
    Between(Studentised, Studentised),
}

/// How large a gain is claimed to be.
pub(super) struct Margins {
    /// At least.
    pub by: Margin,
    /// At most, where that is claimed.
    pub at_most: Option<Margin>,
}

/// Methods with their factors.
type Terms<'a> = Vec<(f64, &'a str)>;

impl Judge<'_> {
    /// One part per pair, or one for their average.
    pub(super) fn better(&self, pairs: &[Pair], over: Over, margins: &Margins) -> Vec<Draft> {
        let plain = margins.by.value() == 0.0 && margins.at_most.is_none();
        let each = |pair: &Pair| {
            let what = format!("{} minus {}", pair.better, pair.than);
            match plain && pair.better != pair.than {
                true => self.looked(what, &pair.better, &pair.than),
                false => self.at_least(&[pair], what, margins),
            }
        };
        match (over, pairs) {
            (Over::Each, pairs) => pairs.iter().map(each).collect(),
            (Over::Average, [pair]) => vec![each(pair)],
            (Over::Average, pairs) => {
                let what = format!("average over {} backbones", pairs.len());
                vec![self.at_least(&pairs.iter().collect::<Vec<_>>(), what, margins)]
            }
        }
    }

    fn looked(&self, what: String, better: &str, than: &str) -> Draft {
        Draft::Looked { what, better: better.to_string(), than: than.to_string() }
    }

    /// A gain of at least so much, and at most so much, averaged over pairs and datasets.
    fn at_least(&self, pairs: &[&Pair], what: String, margins: &Margins) -> Draft {
        let Margins { by, at_most } = *margins;
        let gain = self.gain(pairs, None);
        let Some(level) = self.level(pairs) else {
            let reason = gain
                .mean
                .err()
                .map_or_else(|| "nothing to compare with".to_string(), |undefined| undefined.0);
            return Draft::Done(Part::untested(what, reason));
        };
        let shares =
            [Some(by), at_most].into_iter().flatten().any(|margin| matches!(margin, Margin::Share(_)));
        if shares && level <= 0.0 {
            return Draft::Done(Part::untested(
                what,
                format!("a share of a mean of {level:.4} means nothing"),
            ));
        }
        let tested = match &gain.tested {
            Ok(tested) => tested.clone(),
            Err(reason) => return Draft::Done(self.untested(what, &gain, reason)),
        };
        let over = |margin: Margin| self.less(pairs, &tested, margin);
        let Some((least, most)) = over(by).zip(at_most.map_or(Some(tested.clone()), over)) else {
            return Draft::Done(Part::untested(what, "no variance to test against".to_string()));
        };
        let p = match at_most {
            Some(_) => self.p_between(&least, &most),
            None => self.deciding.p_value(&least),
        };
        let text =
            [Some(by), at_most].into_iter().flatten().map(Margin::text).collect::<Vec<_>>().join(" to ");
        let names: Vec<String> =
            pairs.iter().map(|pair| format!("{} minus {}", pair.better, pair.than)).collect();
        Draft::Own(Own {
            margin: self.deciding.margin(self.metric, level),
            bounds: match at_most {
                Some(_) => Bounds::Between(least.whole, most.whole),
                None => Bounds::Least(least.whole),
            },
            test: self.test(&format!("{} by {text}", names.join(", ")), p),
            level: Some(level),
            what,
            gain,
            tested,
        })
    }

    /// Inside both bounds the larger of their p-values, outside that of the bound that is crossed.
    fn p_between(&self, least: &Tested, most: &Tested) -> Option<f64> {
        let (low, high) = (self.deciding.p_value(least)?, self.deciding.p_value(most)?);
        Some(match (least.whole.mean < 0.0, most.whole.mean > 0.0) {
            (true, _) => low,
            (_, true) => high,
            (false, false) => low.max(high),
        })
    }

    /// The same test has the same name in every claim.
    fn test(&self, what: &str, p: Option<f64>) -> ClaimTest {
        let datasets = self.place.names().join(", ");
        ClaimTest { id: format!("{} on {datasets}: {what}", self.metric), p }
    }

    /// What a part adds to its family; nothing where an interval decides, or nothing is left to decide.
    pub(super) fn tested(&self, draft: &Draft, comparisons: &Comparisons) -> Option<ClaimTest> {
        match draft {
            Draft::Done(_) => None,
            Draft::Own(own) => Some(own.test.clone()),
            Draft::Looked { better, than, .. } => {
                let question = ComparedMethods { method: better, against: than, component: None };
                let found = comparisons.get(&question, self.metric, &self.place.names())?;
                let p = found.gain.as_ref().ok().and_then(|gain| self.deciding.p_value(gain));
                // The same comparison in either order.
                let mut methods = [better.as_str(), than.as_str()];
                methods.sort_unstable();
                Some(self.test(&methods.join(" and "), p))
            }
        }
    }

    /// The gain less a margin, with the standard error of that difference.
    fn less(&self, pairs: &[&Pair], gain: &Tested, margin: Margin) -> Option<Tested> {
        match margin {
            Margin::Absolute(number) => Some(gain.less(number)),
            Margin::Share(share) => self.gain(pairs, Some(share)).tested.ok(),
        }
    }

    /// The gain over pairs and datasets; with a share, over so much more than what is compared with.
    fn gain(&self, pairs: &[&Pair], share: Option<f64>) -> Pooled {
        let share = share.unwrap_or(0.0) * if self.direction == Direction::Lower { -1.0 } else { 1.0 };
        let terms =
            pairs.iter().map(|pair| vec![(1.0, pair.better.as_str()), (-1.0 - share, pair.than.as_str())]);
        self.sum(&terms.collect::<Vec<_>>(), Orientation::Gain(self.direction))
    }

    /// The mean of what is compared with.
    fn level(&self, pairs: &[&Pair]) -> Option<f64> {
        let terms: Vec<Terms> = pairs.iter().map(|pair| vec![(1.0, pair.than.as_str())]).collect();
        self.sum(&terms, Orientation::Metric).mean.ok()
    }

    /// Sums of methods, averaged over the sums and the datasets.
    fn sum(&self, sums: &[Terms], orientation: Orientation) -> Pooled {
        let datasets = self.place.datasets.iter();
        let blocks = datasets.flat_map(|cells| sums.iter().map(move |terms| (cells, terms)));
        let combined = blocks.map(|(cells, terms)| {
            let find = |(factor, name): &(f64, &str)| cells.find(name).map(|one| (*factor, one));
            LinearContrast::of(&terms.iter().filter_map(find).collect::<Vec<_>>(), self.metric, orientation)
        });
        pooled(&combined.collect::<Vec<_>>(), self.place.looks)
    }

    /// A step is a gain, and larger than every other step.
    pub(super) fn largest_step(&self, chains: &[Chain]) -> Vec<Draft> {
        chains.iter().flat_map(|chain| self.step(chain)).collect()
    }

    fn step(&self, chain: &Chain) -> Vec<Draft> {
        let name = |step: usize| format!("step from {} to {}", chain.methods[step], chain.methods[step + 1]);
        let terms = |step: usize, sign: f64| {
            vec![(sign, chain.methods[step + 1].as_str()), (-sign, chain.methods[step].as_str())]
        };
        let steps = (0..chain.methods.len().saturating_sub(1)).map(|step| {
            if step == chain.step {
                return self.looked(name(step), &chain.methods[step + 1], &chain.methods[step]);
            }
            let both: Terms = terms(chain.step, 1.0).into_iter().chain(terms(step, -1.0)).collect();
            self.positive(format!("{} less the {}", name(chain.step), name(step)), both, 1, 0.0)
        });
        steps.collect()
    }

    /// The best method with a component against the best without, backbone by backbone.
    pub(super) fn every_best(&self, component: &str, groups: &[Group]) -> Vec<Draft> {
        groups.iter().map(|group| self.best(component, group)).collect()
    }

    fn best(&self, component: &str, group: &Group) -> Draft {
        let best = |names: &[String]| {
            let gains = names.iter().filter_map(|name| {
                let gain =
                    self.sum(&[vec![(1.0, name.as_str())]], Orientation::Gain(self.direction)).tested.ok()?;
                Some((name.clone(), gain.whole.mean))
            });
            gains.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(name, _)| name)
        };
        match (best(&group.with), best(&group.without)) {
            (Some(with), Some(without)) => {
                let tries = group.with.len() * group.without.len();
                let what = format!(
                    "{with}, the best with {component}, minus {without}, the best without (one of {tries} pairs)"
                );
                let level = self.sum(&[vec![(1.0, without.as_str())]], Orientation::Metric).mean.ok();
                let margin = level.map_or(0.0, |level| self.deciding.margin(self.metric, level));
                self.positive(what, vec![(1.0, with.as_str()), (-1.0, without.as_str())], tries, margin)
            }
            (None, _) | (_, None) => {
                let names = group.with.first().or(group.without.first()).cloned().unwrap_or_default();
                Draft::Done(Part::untested(
                    format!("{names} and its kin"),
                    "no method with it, or none without, has two seeds".to_string(),
                ))
            }
        }
    }

    /// A sum above zero, picked from so many.
    fn positive(&self, what: String, terms: Terms, tries: usize, margin: f64) -> Draft {
        let gain = self.sum(&[terms], Orientation::Gain(self.direction));
        let tested = match &gain.tested {
            Ok(tested) => tested.clone(),
            Err(reason) => return Draft::Done(self.untested(what, &gain, reason)),
        };
        let p = self.deciding.p_value(&tested).map(|p| (p * tries.max(1) as f64).min(1.0));
        let bounds = Bounds::Least(tested.whole);
        Draft::Own(Own { test: self.test(&what, p), what, gain, tested, level: None, margin, bounds })
    }

    fn sign(&self) -> f64 {
        if self.direction == Direction::Lower { -1.0 } else { 1.0 }
    }

    fn untested(&self, what: String, gain: &Pooled, reason: &Undefined) -> Part {
        let (value, pairs) = (gain.mean.clone().ok().map(|mean| self.sign() * mean), gain.pairs);
        Part { value, pairs, ..Part::untested(what, reason.to_string()) }
    }

    /// The part once families are corrected.
    pub(super) fn part(&self, draft: Draft, comparisons: &Comparisons, family: &ClaimFamily) -> Part {
        let test = self.tested(&draft, comparisons);
        match draft {
            Draft::Done(part) => part,
            Draft::Looked { what, better, than } => {
                let question = ComparedMethods { method: &better, against: &than, component: None };
                match (comparisons.get(&question, self.metric, &self.place.names()), test) {
                    (Some(found), Some(test)) => self.looked_up(what, &found, &test, family),
                    (None, _) | (_, None) => Part::untested(what, "nothing to compare with".to_string()),
                }
            }
            Draft::Own(own) => self.own(own, family),
        }
    }

    /// A comparison that may stand elsewhere, with its p; the answer is after Holm over the family of the claim.
    fn looked_up(&self, what: String, found: &ContrastView, test: &ClaimTest, family: &ClaimFamily) -> Part {
        let gain = match &found.gain {
            Ok(gain) => gain,
            Err(reason) => {
                let part = Part::untested(what, reason.0.clone());
                return Part { value: found.difference.clone().ok(), pairs: found.seeds_paired, ..part };
            }
        };
        let margin = self.deciding.margin(self.metric, found.level.unwrap_or(0.0));
        let rule = Rule { level: LEVEL, power: POWER, family: family.count, margin };
        let adjusted = family.adjusted(&test.id);
        let verdict = Answer::from(rule.verdict(&gain.whole, adjusted));
        let untested = test.p.is_none() && verdict == Answer::Inconclusive;
        let pair = Pair { better: found.method.clone(), than: found.baseline.clone() };
        let level = self.level(&[&pair]).filter(|level| *level > 0.0);
        Part {
            verdict,
            value: found.difference.clone().ok(),
            interval: found.interval().as_ref().ok().map(|interval| [interval.low, interval.high]),
            over: gain.over(),
            p: test.p,
            p_adjusted: adjusted,
            family: Some((family.name.clone(), family.count)),
            relative: found.difference.clone().ok().zip(level).map(|(difference, level)| difference / level),
            pairs: found.seeds_paired,
            detectable: gain.whole.detectable(rule.single_level(), rule.power).ok(),
            reason: untested.then(|| "no variance to test against".to_string()),
            needed: (verdict == Answer::Inconclusive)
                .then(|| Needed::of(&gain.whole, Some(&gain.whole), &rule, self.seeds)),
            distance: Some(gain.whole.mean),
            rows: PartRows::of(gain),
            ..Part::untested(what, String::new())
        }
    }

    fn own(&self, own: Own, family: &ClaimFamily) -> Part {
        let Own { what, gain, tested, level, margin, bounds, test } = own;
        let rule = Rule { level: LEVEL, power: POWER, family: family.count, margin };
        let adjusted = family.adjusted(&test.id);
        let (verdict, nearest, small) = match bounds {
            Bounds::Least(over) => (rule.answer(&tested.whole, &over, adjusted), over, Some(&tested.whole)),
            Bounds::Between(least, most) => {
                let inside = least.mean > 0.0 && most.mean < 0.0;
                let certain = adjusted.is_some_and(|p| p < 1.0 - rule.level);
                let verdict = match (certain, inside) {
                    (true, true) => Answer::Supported,
                    (true, false) => Answer::Refuted,
                    (false, _) => Answer::Inconclusive,
                };
                (verdict, if least.mean.abs() < most.mean.abs() { least } else { most }, None)
            }
        };
        let sign = self.sign();
        let interval = tested.interval().ok().map(|interval| [sign * interval.low, sign * interval.high]);
        let value = sign * tested.whole.mean;
        Part {
            verdict,
            value: Some(value),
            interval: interval.map(|[a, b]| [a.min(b), a.max(b)]),
            over: tested.over(),
            p: test.p,
            p_adjusted: adjusted,
            family: Some((family.name.clone(), family.count)),
            relative: level.filter(|level| *level > 0.0).map(|level| value / level),
            pairs: gain.pairs,
            detectable: tested.whole.detectable(rule.single_level(), rule.power).ok(),
            reason: None,
            needed: (verdict == Answer::Inconclusive).then(|| Needed::of(&nearest, small, &rule, self.seeds)),
            distance: Some(nearest.mean),
            rows: PartRows::of(&tested),
            ..Part::untested(what, String::new())
        }
    }
}
