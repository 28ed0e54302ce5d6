//! The only reader that draws.
