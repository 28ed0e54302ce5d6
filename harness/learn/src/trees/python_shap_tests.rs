//! Contributions against Python's shap, on the forests and rows of `scripts/fixtures/tree_shap.py`.

use super::{Explained, FlatTree, Shap, Tree};
use serde::Deserialize;

#[derive(Deserialize)]
struct Forest {
    trees: Vec<Exported>,
    rows: Vec<Vec<Option<f32>>>,
    base: f64,
    contributions: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
struct Exported {
    nodes: Vec<f32>,
    covers: Vec<f64>,
    values: Vec<f64>,
}

fn close(found: f64, expected: f64, what: &str) {
    assert!((found - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{what}: {found}, not {expected}");
}

#[test]
fn contributions_are_those_of_pythons_shap() {
    let fixtures = include_str!("../../../fixtures/tree_shap.json");
    let forests: Vec<Forest> = serde_json::from_str(fixtures).unwrap();
    for (index, forest) in forests.iter().enumerate() {
        let columns = forest.rows[0].len();
        let tree = |exported: &Exported| {
            let flat = FlatTree { nodes: exported.nodes.clone(), sets: Vec::new(), gains: Vec::new() };
            Tree::from_flat(&flat, columns).unwrap()
        };
        let trees: Vec<Tree> = forest.trees.iter().map(tree).collect();
        let explained = trees.iter().zip(&forest.trees).map(|(tree, exported)| Explained {
            tree,
            covers: exported.covers.clone(),
            values: exported.values.iter().map(|&value| vec![value]).collect(),
        });
        let shap = Shap::new(columns, explained);
        close(shap.base()[0], forest.base, "base");
        let filled = |row: &Vec<Option<f32>>| row.iter().map(|cell| cell.unwrap_or(f32::NAN)).collect();
        let rows: Vec<Vec<f32>> = forest.rows.iter().map(filled).collect();
        let rows: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
        for (found, expected) in shap.explain(&rows).iter().zip(&forest.contributions) {
            for (column, (found, expected)) in found.iter().zip(expected).enumerate() {
                close(*found, *expected, &format!("forest {index}, column {column}"));
            }
        }
    }
}
