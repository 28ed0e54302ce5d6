//! What the contributions of features come to over all accounts: sums, a sample, the ends of the ranking, directions.

mod account;
mod digest;
mod features;
mod standing;
mod tree;

pub use account::Account;
pub use digest::{Digest, Feature, Part, Tally, Total};
pub use features::{Direction, FeatureView, features};
pub use standing::{Standing, standings};
pub use tree::{Below, Sign, below, sign};
