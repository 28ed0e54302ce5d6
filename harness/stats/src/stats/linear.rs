//! Least squares within blocks: effects that several switches have, each block with a level of its own.

use super::studentised::Studentised;
use crate::metrics::Undefined;
use std::collections::BTreeMap;

/// A column whose part that no earlier column explains is below this share of it is a sum of earlier ones.
const ALIASED: f64 = 1e-9;

/// The earlier columns, by index, that a column is a sum of; none if it is constant within blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alias(pub Vec<usize>);

/// Estimated effects.
#[derive(Clone, Debug, PartialEq)]
pub struct WithinBlocks {
    /// One per column, or what it cannot be told from.
    pub coefficients: Vec<Result<Studentised, Alias>>,
    /// Per column, what each row counts in its coefficient: the coefficient is the sum of these times `y`.
    pub weights: Vec<Vec<f64>>,
    /// Residual standard deviation.
    pub residual: f64,
    /// Rows.
    pub rows: usize,
    /// Blocks.
    pub blocks: usize,
}

/// Ordinary least squares of `y` on `columns` (one list per row) and one level per block.
///
/// ```text
/// y = level(block) + columns beta + e,   cov beta = s^2 (X'X)^-1 with X centred within blocks,
/// s^2 = sum of squared residuals / (rows - blocks - columns kept)
/// ```
///
/// A column that earlier ones add up to is left out and named.
///
/// # Errors
///
/// Why there is none: no rows, or as many parameters as rows.
pub fn within_blocks(blocks: &[usize], columns: &[Vec<f64>], y: &[f64]) -> Result<WithinBlocks, Undefined> {
    let count = columns.first().map_or(0, Vec::len);
    let fits = blocks.len() == y.len() && columns.len() == y.len();
    if y.is_empty() || !fits || columns.iter().any(|row| row.len() != count) {
        return Err(Undefined("there are no rows to fit".to_string()));
    }
    let centred: Vec<Vec<f64>> = (0..count)
        .map(|column| centre(blocks, &columns.iter().map(|row| row[column]).collect::<Vec<_>>()))
        .collect();
    let (basis, aliases) = orthogonal(&centred);
    let groups = blocks.iter().collect::<std::collections::BTreeSet<_>>().len();
    let kept: Vec<usize> = (0..count).filter(|column| aliases[*column].is_none()).collect();
    let freedom = y.len() as i64 - groups as i64 - kept.len() as i64;
    if freedom < 1 {
        return Err(Undefined(format!(
            "{} rows are too few for {} effects in {groups} blocks",
            y.len(),
            kept.len()
        )));
    }
    let mut residuals = centre(blocks, y);
    let mut projections = Vec::new();
    for direction in &basis {
        let amount = dot(direction, &residuals) / dot(direction, direction);
        residuals.iter_mut().zip(direction).for_each(|(residual, part)| *residual -= amount * part);
        projections.push(amount);
    }
    let variance = dot(&residuals, &residuals) / freedom as f64;
    let inverse = coordinates(&basis, &centred, &kept);
    let coefficient = |place: usize| {
        let mean = inverse[place].iter().zip(&projections).map(|(part, amount)| part * amount).sum();
        let spread: f64 = inverse[place]
            .iter()
            .zip(&basis)
            .map(|(part, direction)| part * part / dot(direction, direction))
            .sum();
        Studentised::new(mean, (variance * spread).sqrt(), freedom as f64)
    };
    let weights = |place: usize| -> Vec<f64> {
        let part = |row: usize| -> f64 {
            let sizes = inverse[place].iter().zip(&basis);
            sizes.map(|(part, direction)| part * direction[row] / dot(direction, direction)).sum()
        };
        (0..y.len()).map(part).collect()
    };
    let places: BTreeMap<usize, usize> =
        kept.iter().enumerate().map(|(place, column)| (*column, place)).collect();
    let found = aliases.into_iter().enumerate().map(|(column, alias)| match (alias, places.get(&column)) {
        (None, Some(place)) => Ok(coefficient(*place)),
        (alias, _) => Err(alias.unwrap_or(Alias(Vec::new()))),
    });
    let weighted =
        (0..count).map(|column| places.get(&column).map(|place| weights(*place)).unwrap_or_default());
    Ok(WithinBlocks {
        weights: weighted.collect(),
        coefficients: found.collect(),
        residual: variance.sqrt(),
        rows: y.len(),
        blocks: groups,
    })
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Less the mean of its block.
fn centre(blocks: &[usize], values: &[f64]) -> Vec<f64> {
    let mut sums: BTreeMap<usize, (f64, f64)> = BTreeMap::new();
    for (block, value) in blocks.iter().zip(values) {
        let sum = sums.entry(*block).or_default();
        *sum = (sum.0 + value, sum.1 + 1.0);
    }
    blocks.iter().zip(values).map(|(block, value)| value - sums[block].0 / sums[block].1).collect()
}

/// Gram-Schmidt: a direction per column that brings something new, and the earlier columns of those that do not.
fn orthogonal(columns: &[Vec<f64>]) -> (Vec<Vec<f64>>, Vec<Option<Alias>>) {
    let mut basis: Vec<(usize, Vec<f64>)> = Vec::new();
    let mut aliases = Vec::new();
    for (index, column) in columns.iter().enumerate() {
        let (mut rest, size) = (column.clone(), dot(column, column));
        for (_, direction) in &basis {
            let amount = dot(direction, &rest) / dot(direction, direction);
            rest.iter_mut().zip(direction).for_each(|(rest, part)| *rest -= amount * part);
        }
        if dot(&rest, &rest) > ALIASED * size.max(f64::MIN_POSITIVE) {
            basis.push((index, rest));
            aliases.push(None);
        } else {
            aliases.push(Some(Alias(parts(columns, &basis, column))));
        }
    }
    (basis.into_iter().map(|(_, direction)| direction).collect(), aliases)
}

/// The earlier columns that this one is a sum of.
fn parts(columns: &[Vec<f64>], basis: &[(usize, Vec<f64>)], column: &[f64]) -> Vec<usize> {
    let directions: Vec<Vec<f64>> = basis.iter().map(|(_, direction)| direction.clone()).collect();
    let kept: Vec<usize> = basis.iter().map(|(index, _)| *index).collect();
    let inverse = coordinates(&directions, columns, &kept);
    let amounts: Vec<f64> =
        directions.iter().map(|direction| dot(direction, column) / dot(direction, direction)).collect();
    let weight =
        |place: usize| inverse[place].iter().zip(&amounts).map(|(part, amount)| part * amount).sum::<f64>();
    kept.iter()
        .enumerate()
        .filter(|(place, _)| weight(*place).abs() > 1e-6)
        .map(|(_, index)| *index)
        .collect()
}

/// The coefficients of columns as sums over the coefficients of directions: the inverse of a unit triangular matrix.
fn coordinates(basis: &[Vec<f64>], columns: &[Vec<f64>], kept: &[usize]) -> Vec<Vec<f64>> {
    let size = basis.len();
    let share = |direction: usize, column: usize| {
        dot(&basis[direction], &columns[kept[column]]) / dot(&basis[direction], &basis[direction])
    };
    let column = |place: usize| {
        let mut solution = vec![0.0; size];
        solution[place] = 1.0;
        for row in (0..place).rev() {
            let known = solution.iter().enumerate().take(place + 1).skip(row + 1);
            solution[row] = -known.map(|(between, value)| share(row, between) * value).sum::<f64>();
        }
        solution
    };
    let columns: Vec<Vec<f64>> = (0..size).map(column).collect();
    (0..size).map(|row| columns.iter().map(|column| column[row]).collect()).collect()
}
