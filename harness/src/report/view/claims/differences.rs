//! Claims on differences, each a test of a sum of methods.

use super::needed::Needed;
use super::part::Part;
use crate::metrics::Direction;
use crate::report::view::combination::{Combination, Pooled, Scale, Side, Tested, pooled};
use crate::spec::{Chain, Group, Margin, Over, Pair};
use crate::stats::{Answer, Shortfall, Standard, Studentised};

/// Answers about one metric on chosen datasets.
pub struct Judge<'a> {
    /// The metric.
    pub metric: &'a str,
    /// What is better.
    pub direction: Direction,
    /// Cells by dataset.
    pub datasets: &'a [&'a Vec<Side<'a>>],
    /// Region of practical equivalence.
    pub equivalence: Margin,
    /// Asked seeds.
    pub seeds: usize,
    /// What answers are held to.
    pub standard: Standard,
}

/// Methods with their factors.
type Terms<'a> = Vec<(f64, &'a str)>;

impl Judge<'_> {
    /// One part per pair, or one for their average.
    pub fn better(&self, pairs: &[Pair], over: Over, margins: (Margin, Option<Margin>)) -> Vec<Part> {
        let judge = |pairs: &[&Pair], what: String, count: usize| {
            let judge = Judge { standard: Standard { parts: count, ..self.standard }, ..*self };
            judge.at_least(pairs, what, margins)
        };
        let name = |pair: &Pair| format!("{} minus {}", pair.better, pair.than);
        match (over, pairs) {
            (Over::Each, pairs) => pairs.iter().map(|pair| judge(&[pair], name(pair), pairs.len())).collect(),
            (Over::Average, [pair]) => vec![judge(&[pair], name(pair), 1)],
            (Over::Average, pairs) => {
                let what = format!("average over {} backbones", pairs.len());
                vec![judge(&pairs.iter().collect::<Vec<_>>(), what, 1)]
            }
        }
    }

    /// A gain of at least so much, and at most so much, averaged over pairs and datasets.
    fn at_least(&self, pairs: &[&Pair], what: String, (by, at_most): (Margin, Option<Margin>)) -> Part {
        let Some(level) = self.level(pairs) else {
            let gain = self.gain(pairs, None);
            return Part::untested(
                what,
                gain.reason.unwrap_or_else(|| "nothing to compare with".to_string()),
            );
        };
        let shares =
            [Some(by), at_most].into_iter().flatten().any(|margin| matches!(margin, Margin::Share(_)));
        if shares && level <= 0.0 {
            return Part::untested(what, format!("a share of a mean of {level:.4} means nothing"));
        }
        let gain = self.gain(pairs, None);
        let tested = match &gain.tested {
            Ok(tested) => tested.clone(),
            Err(reason) => return self.part(what, &gain, Err(reason.clone()), level),
        };
        let over = |margin: Margin| self.less(pairs, &tested, margin);
        let Some((over_least, over_most)) = over(by).zip(at_most.map_or(Some(tested.whole), over)) else {
            return Part::untested(what, "no variance to test against".to_string());
        };
        let verdict = match at_most {
            Some(_) => self.standard.between(&over_least, &over_most),
            None => {
                let target = if by.value() > 0.0 { by } else { self.equivalence };
                let over_target = over(target).unwrap_or(tested.whole);
                let target = target.beside(level);
                self.standard.at_least(&Shortfall { gain: tested.whole, over_least, over_target, target })
            }
        };
        self.part(what, &gain, Ok((verdict, over_least, &tested)), level)
    }

    /// The gain less a margin, with the standard error of that difference.
    fn less(&self, pairs: &[&Pair], gain: &Tested, margin: Margin) -> Option<Studentised> {
        match margin {
            Margin::Absolute(number) => Some(gain.whole.less(number)),
            Margin::Share(share) => self.gain(pairs, Some(share)).tested.ok().map(|tested| tested.whole),
        }
    }

    /// The gain over pairs and datasets; with a share, over so much more than what is compared with.
    fn gain(&self, pairs: &[&Pair], share: Option<f64>) -> Pooled {
        let share = share.unwrap_or(0.0) * if self.direction == Direction::Lower { -1.0 } else { 1.0 };
        let terms =
            pairs.iter().map(|pair| vec![(1.0, pair.better.as_str()), (-1.0 - share, pair.than.as_str())]);
        self.sum(&terms.collect::<Vec<_>>(), Scale::Gain(self.direction))
    }

    /// The mean of what is compared with.
    fn level(&self, pairs: &[&Pair]) -> Option<f64> {
        let terms: Vec<Terms> = pairs.iter().map(|pair| vec![(1.0, pair.than.as_str())]).collect();
        self.sum(&terms, Scale::Value).mean
    }

    /// Sums of methods, averaged over the sums and the datasets.
    fn sum(&self, sums: &[Terms], scale: Scale) -> Pooled {
        let blocks = self.datasets.iter().flat_map(|sides| sums.iter().map(move |terms| (sides, terms)));
        let combined = blocks.map(|(sides, terms)| {
            let find = |(factor, name): &(f64, &str)| {
                sides.iter().find(|side| side.cell.method == *name).map(|side| (*factor, side))
            };
            Combination::of(&terms.iter().filter_map(find).collect::<Vec<_>>(), self.metric, scale)
        });
        pooled(&combined.collect::<Vec<_>>())
    }

    /// A step is a gain, and larger than every other step.
    pub fn largest_step(&self, chains: &[Chain]) -> Vec<Part> {
        let count: usize = chains.iter().map(|chain| chain.methods.len().saturating_sub(1)).sum();
        let judge = Judge { standard: Standard { parts: count, ..self.standard }, ..*self };
        chains.iter().flat_map(|chain| judge.step(chain)).collect()
    }

    fn step(&self, chain: &Chain) -> Vec<Part> {
        let name = |step: usize| format!("step from {} to {}", chain.methods[step], chain.methods[step + 1]);
        let terms = |step: usize, sign: f64| {
            vec![(sign, chain.methods[step + 1].as_str()), (-sign, chain.methods[step].as_str())]
        };
        let steps = (0..chain.methods.len().saturating_sub(1)).map(|step| match step == chain.step {
            true => (name(step), terms(step, 1.0)),
            false => {
                let both = terms(chain.step, 1.0).into_iter().chain(terms(step, -1.0)).collect();
                (format!("{} less the {}", name(chain.step), name(step)), both)
            }
        });
        steps.map(|(what, terms)| self.positive(what, &[terms], 1)).collect()
    }

    /// The best method with a component against the best without, backbone by backbone.
    pub fn every_best(&self, component: &str, groups: &[Group]) -> Vec<Part> {
        groups.iter().map(|group| self.best(component, group)).collect()
    }

    fn best(&self, component: &str, group: &Group) -> Part {
        let best = |names: &[String]| {
            let gains = names.iter().filter_map(|name| {
                let gain =
                    self.sum(&[vec![(1.0, name.as_str())]], Scale::Gain(self.direction)).tested.ok()?;
                Some((name.clone(), gain.whole.mean))
            });
            gains.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(name, _)| name)
        };
        match (best(&group.with), best(&group.without)) {
            (Some(with), Some(without)) => {
                let what = format!("{with}, the best with {component}, minus {without}, the best without");
                let tries = group.with.len() * group.without.len();
                self.positive(what, &[vec![(1.0, with.as_str()), (-1.0, without.as_str())]], tries)
            }
            (None, _) | (_, None) => {
                let names = group.with.first().or(group.without.first()).cloned().unwrap_or_default();
                Part::untested(
                    format!("{names} and its kin"),
                    "no method with it, or none without, has two seeds".to_string(),
                )
            }
        }
    }

    fn positive(&self, what: String, sums: &[Terms], tries: usize) -> Part {
        let gain = self.sum(sums, Scale::Gain(self.direction));
        let judged = match &gain.tested {
            Ok(tested) => Ok((self.standard.positive(&tested.whole, tries), tested.whole, tested)),
            Err(reason) => Err(reason.clone()),
        };
        self.part(what, &gain, judged, 0.0)
    }

    /// A part in the sign of the metric.
    fn part(
        &self,
        what: String,
        gain: &Pooled,
        judged: Result<(Answer, Studentised, &Tested), String>,
        level: f64,
    ) -> Part {
        let sign = if self.direction == Direction::Lower { -1.0 } else { 1.0 };
        let (verdict, tested, found) = match judged {
            Ok(judged) => judged,
            Err(reason) => {
                let (value, pairs) = (gain.mean.map(|mean| sign * mean), gain.pairs);
                return Part { value, pairs, ..Part::untested(what, reason) };
            }
        };
        let interval = found.interval().ok().map(|interval| [sign * interval.low, sign * interval.high]);
        let value = sign * found.whole.mean;
        let open = verdict == Answer::Inconclusive;
        Part {
            verdict,
            value: Some(value),
            interval: interval.map(|[a, b]| [a.min(b), a.max(b)]),
            over: found.over(),
            p: tested.p_value(0.0).ok(),
            relative: (level > 0.0).then(|| value / level),
            pairs: gain.pairs,
            detectable: found.whole.detectable(self.standard.level, self.standard.power).ok(),
            reason: None,
            needed: open.then(|| Needed::of(&tested, found, &self.standard, self.seeds)),
            ..Part::untested(what, String::new())
        }
    }
}
