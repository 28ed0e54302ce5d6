//! One tree as text and as a drawing.

use super::Arguments;
use super::folder::Folder;
use crate::cli::DONE;
use crate::report::explain::{Names, tree_svg, tree_text};
use std::io::Write;
use valor_analysis::explain::Feature;
use valor_base::input_error;
use valor_base::question::Question;
use valor_learn::model::Explained;
use valor_page::amount::Unit;

/// Levels that a drawing has room for.
const DRAWN: usize = 5;

pub(super) fn print(
    arguments: &Arguments,
    explained: &Explained,
    features: &[Feature],
    number: usize,
) -> anyhow::Result<u8> {
    let (count, spec) = (explained.trees.trees(), explained.trees.spec().slug());
    let listing =
        number.checked_sub(1).and_then(|place| explained.trees.listing(place)).ok_or_else(|| {
            let trees =
                if count == 1 { "1 tree".to_string() } else { format!("{count} trees, 1 to {count}") };
            input_error!("--tree {number}: {} ({spec}) has {trees}", arguments.model.display())
        })?;
    let (names, unit) = (Names(features), Unit::new(&arguments.unit));
    let text = tree_text::draw(&listing, &names, &unit, arguments.depth);
    let leaves = listing.leaves.len();
    let many = if leaves == 1 { "leaf" } else { "leaves" };
    let arrows = match explained.trees.question() {
        Question::Uplift => "; arrows lead from control to treated",
        Question::Value => "",
    };
    println!("{spec}, tree {number} of {count}, {leaves} {many}{arrows}");
    println!("{}", text.trim_end());
    if let Some(out) = &arguments.out {
        let folder = Folder::new(out)?;
        let file = format!("tree-{number}.svg");
        let staged = folder.stage(&file)?;
        let drawing = tree_svg::draw(&listing, &names, &unit, arguments.depth.min(DRAWN));
        let drawing = tree_svg::standalone(&drawing);
        staged.file().write_all(drawing.as_bytes()).map_err(|error| staged.refuse(error.into()))?;
        folder.publish([staged])?;
        println!("{}", out.join(file).display());
    }
    Ok(DONE)
}
