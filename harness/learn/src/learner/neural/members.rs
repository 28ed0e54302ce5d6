//! Several networks as one model: how their parameters are called, and their training told as one.

use super::stack::Log;
use crate::learner::{EpochLoss, Status};
use std::collections::BTreeMap;

/// What a model file calls a parameter of one of so many members.
pub(super) fn parameter(name: &str, member: usize, members: usize) -> String {
    match members {
        1 => name.to_string(),
        _ => format!("member.{member}.{name}"),
    }
}

/// One log per replicate: diverged if a member did, else losses averaged over the members that still learned, and the median of the
/// epochs that members kept.
pub(super) fn together(logs: Vec<Log>, members: usize) -> Vec<Log> {
    if members == 1 {
        return logs;
    }
    let mut logs = logs.into_iter();
    let mut replicates = Vec::new();
    loop {
        let group: Vec<Log> = logs.by_ref().take(members).collect();
        if group.is_empty() {
            return replicates;
        }
        replicates.extend(one(group));
    }
}

fn one(group: Vec<Log>) -> Option<Log> {
    if let Some(fallen) = group.iter().position(|log| matches!(log.status, Status::Diverged(_))) {
        return group.into_iter().nth(fallen);
    }
    let lengths = |log: &Log| match log.status {
        Status::Finished { epochs, kept_epoch } => Some((epochs, kept_epoch)),
        Status::Diverged(_) => None,
    };
    let ends: Vec<(usize, usize)> = group.iter().filter_map(lengths).collect();
    let epochs = ends.iter().map(|(epochs, _)| *epochs).max()?;
    let mut kept: Vec<usize> = ends.iter().map(|(_, kept)| *kept).collect();
    kept.sort_unstable();
    let kept_epoch = kept[(kept.len() - 1) / 2];
    let averaged = (1..=epochs).map(|epoch| mean(epoch, &group)).collect();
    let mut first = group.into_iter().next()?;
    first.status = Status::Finished { epochs, kept_epoch };
    first.epochs = averaged;
    Some(first)
}

/// What is noted of an epoch; what is watched is of all members together, and the same for each.
fn mean(epoch: usize, group: &[Log]) -> EpochLoss {
    let noted: Vec<&EpochLoss> = group.iter().filter_map(|log| log.epochs.get(epoch - 1)).collect();
    let over = |value: &dyn Fn(&EpochLoss) -> Option<f64>| -> Option<f64> {
        let values: Vec<f64> = noted.iter().map(|noted| value(noted)).collect::<Option<_>>()?;
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    };
    let names = noted.first().map(|noted| noted.terms.keys().cloned()).into_iter().flatten();
    let terms: BTreeMap<String, Option<f64>> = names
        .map(|name| {
            let value = over(&|noted| noted.terms.get(&name).copied().flatten());
            (name, value)
        })
        .collect();
    EpochLoss {
        epoch,
        total: over(&|noted| noted.total),
        terms,
        validation: over(&|noted| noted.validation),
        watched: noted.iter().find_map(|noted| noted.watched),
    }
}
