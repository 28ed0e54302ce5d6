//! How good a ranking is: pure functions on slices.
