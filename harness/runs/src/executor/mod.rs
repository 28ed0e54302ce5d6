//! Where runs happen: workers that pull cells of an experiment from its plan, train them and commit what they found themselves.
//! `pool` starts workers on this machine and notes why they ended; whatever starts them elsewhere needs nothing of it.

mod agenda;
mod event;
mod pool;
mod worker;

pub use agenda::Beginning;
pub use event::Event;
pub use pool::{Pool, Report};
pub use worker::{Alone, Claims, Options, Tally, child};

use valor_learn::learner::device::cores;

/// Workers when none are asked for. Measured: on the CPU one single-threaded worker per core trains more runs
/// per hour than fewer workers with more threads; a GPU is busy with one stack.
pub fn default_workers(cuda: bool) -> usize {
    if cuda { 1 } else { cores() }
}
