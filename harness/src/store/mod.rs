//! The run store: the only writer of results.
