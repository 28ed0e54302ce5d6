//! What forests learn from, and what they say of an account.

use super::grow::Drawn;
use super::tree::Tree;
use super::ziln::Response;
use valor_data::Matrix;
use valor_data::encode::ColumnKind;

/// Rows whose features are looked up at a time.
const CHUNK: usize = 1024;

/// Training rows: features with NaN where missing, and what came of each.
#[derive(Clone, Copy)]
pub struct Rows<'a> {
    /// Of all rows.
    pub features: &'a Matrix,
    /// What the columns hold.
    pub kinds: &'a [ColumnKind],
    /// Who was treated.
    pub treatment: &'a [bool],
    /// What they spent.
    pub outcome: &'a [f64],
    /// Rows to learn from.
    pub train: &'a [u32],
}

impl<'a> Rows<'a> {
    /// Features of a training row, by its place among them.
    pub fn trained(&self, place: u32) -> &'a [f32] {
        self.features.row(self.train[place as usize] as usize)
    }

    /// What came of some rows.
    pub fn responses(&self, chosen: &[u32]) -> Vec<Response> {
        let response = |&row: &u32| Response::new(self.treatment[row as usize], self.outcome[row as usize]);
        chosen.iter().map(response).collect()
    }

    /// Adds every drawn row to what its leaf has, in the order of the rows. One entry per leaf.
    pub fn by_leaf<T: Clone + Default>(
        &self,
        tree: &Tree,
        drawn: &[Drawn],
        add: impl Fn(&mut T, Drawn),
    ) -> Vec<T> {
        let mut leaves = vec![T::default(); tree.leaves()];
        for drawn in drawn.chunks(CHUNK) {
            let rows: Vec<&[f32]> = drawn.iter().map(|drawn| self.trained(drawn.row)).collect();
            tree.each_leaf(&rows, |row, leaf| add(&mut leaves[leaf], drawn[row]));
        }
        leaves
    }
}

/// What a forest says of an account.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Said {
    /// `E[Y_t | x]` for control and treated, outcome units.
    pub expected: [f64; 2],
    /// `P(Y_t > 0 | x)`.
    pub conversion: [f64; 2],
}

impl Said {
    /// `E[Y_1 | x] - E[Y_0 | x]`.
    pub fn uplift(&self) -> f64 {
        self.expected[1] - self.expected[0]
    }
}
