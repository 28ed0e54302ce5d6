//! The `valor` program: find CUDA, parse, run, say what went wrong, set the exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Otherwise a product of odd sizes rounds differently alone and in a stack.
    // SAFETY: this is the only thread, and nothing has read the environment yet.
    unsafe { std::env::set_var("MKL_CBWR", "AUTO,STRICT") };
    // Before anything touches libtorch, which caches the devices that it finds.
    let cuda = valor_learn::learner::device::open_cuda();
    valor::cli::main(cuda)
}
