//! How sure we are: pure functions on slices.
