//! Laws of who buys when and for how much, of histories of purchases alone. No tensors, no trees.

#![warn(unreachable_pub)]

mod bg_nbd;
mod gamma_gamma;
mod history;
mod hypergeometric;
mod maximum;
#[cfg(test)]
mod tests;

pub use bg_nbd::BgNbd;
pub use gamma_gamma::GammaGamma;
pub use history::{Age, BgNbdSpec, Flaw, History, Layout, Told};
