//! Rows of a table by their numbers, and where their gradients go.

/// Where the numbers stand in a row of features, and the rows of the table in a row of what is made of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Places {
    /// Column of the numbers.
    pub column: usize,
    /// Columns of the features.
    pub inputs: usize,
    /// First column of the table's row.
    pub start: usize,
    /// Columns of the output.
    pub outputs: usize,
    /// Rows and columns of the table.
    pub table: [usize; 2],
}

impl Places {
    /// The number that a row of features holds: the nearest of the table's for one that it has not.
    fn number(&self, features: &[f32]) -> usize {
        // Saturates: what is below 0 or no number is 0.
        (features[self.column] as usize).min(self.table[0].saturating_sub(1))
    }
}

/// Writes the row of `table` that every row of `features` names into its columns of `out`.
pub(crate) fn forward(table: &[f32], places: &Places, features: &[f32], out: &mut [f32]) {
    let width = places.table[1];
    let rows = features.chunks_exact(places.inputs).zip(out.chunks_exact_mut(places.outputs));
    for (features, out) in rows {
        let row = &table[places.number(features) * width..][..width];
        out[places.start..][..width].copy_from_slice(row);
    }
}

/// The gradient by the table: overwritten, then row by row in order, so that its bits depend on nothing else.
pub(crate) fn backward(places: &Places, features: &[f32], gradient: &[f32], of_table: &mut [f32]) {
    let width = places.table[1];
    of_table.fill(0.0);
    let rows = features.chunks_exact(places.inputs).zip(gradient.chunks_exact(places.outputs));
    for (features, gradient) in rows {
        let row = &mut of_table[places.number(features) * width..][..width];
        row.iter_mut().zip(&gradient[places.start..]).for_each(|(sum, slope)| *sum += slope);
    }
}
