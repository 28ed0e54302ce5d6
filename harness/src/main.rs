//! The `valor` program: find CUDA, parse, run, say what went wrong, set the exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Before anything touches libtorch, which caches the devices that it finds.
    let cuda = valor::learner::device::open_cuda();
    valor::cli::main(cuda)
}
