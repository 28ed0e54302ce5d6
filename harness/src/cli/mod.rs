//! The command line: one file per verb. The only place that prints, and the only one that knows exit codes.
#![expect(clippy::print_stdout, reason = "the command line prints")]

mod common;
mod compare;
mod data;
mod doctor;
mod explain;
mod fit;
mod gc;
mod metrics;
mod output;
mod plan;
mod progress;
mod reading;
mod report;
mod run;
mod score;
mod status;
mod writer;

use crate::error::{caught, is_full_disk, is_input, printable};
use clap::{CommandFactory, Parser, Subcommand};
use std::io::Write;
use std::process::ExitCode;

/// A research harness for revenue uplift models.
#[derive(Parser)]
#[command(name = "valor", version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Shows every cell and seed of an experiment: its id, done or missing, and why
    Plan(plan::Arguments),
    /// Trains what is missing
    Run(run::Arguments),
    /// Trains one method with one seed and keeps the model
    Fit(fit::Arguments),
    /// Scores the rows of a file with a kept model
    Score(score::Arguments),
    /// Explains trees: what each feature contributes to each account's uplift, as tables and a page
    Explain(explain::Arguments),
    /// Counts what is done
    Status(status::Arguments),
    /// Writes the report of what is done
    Report(report::Arguments),
    /// Shows what differs between two runs or two cells
    Compare(compare::Arguments),
    /// Computes metrics of any file of scores
    Metrics(metrics::Arguments),
    /// Describes or exports a dataset
    Data(data::DataArguments),
    /// Shows libtorch, devices and threads, and what is missing
    Doctor(doctor::Arguments),
    /// Lists, and with --yes removes, runs that no experiment file asks for
    Gc(gc::Arguments),
    /// Prints a completion script
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Trains jobs read from standard input
    #[command(hide = true)]
    Work,
}

/// Exit code of a verb that did what was asked.
const DONE: u8 = 0;
/// Some run failed.
const FAILED: u8 = 1;
/// The user's input is wrong.
const INPUT: u8 = 2;
/// Stopped by Ctrl-C, as shells have it.
const INTERRUPTED: u8 = 130;

/// Runs the program. `cuda` says why CUDA's library is absent, if it is.
pub fn main(cuda: Result<(), String>) -> ExitCode {
    let verb = Cli::parse().verb;
    if !matches!(verb, Verb::Run(_) | Verb::Work) {
        end_quietly_on_broken_pipes();
    }
    // `println!` panics where standard output takes no more, on a full disk say: an error like any other.
    let outcome = caught(|| run(verb, cuda)).unwrap_or_else(|panic| Err(anyhow::anyhow!("{panic}")));
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            // Where standard error takes no more either, the code alone says it.
            let _ = writeln!(std::io::stderr(), "valor: {}", printable(&format!("{error:#}")));
            ExitCode::from(if is_input(&error) && !is_full_disk(&error) { INPUT } else { FAILED })
        }
    }
}

fn run(verb: Verb, cuda: Result<(), String>) -> anyhow::Result<u8> {
    match verb {
        Verb::Plan(arguments) => plan::run(&arguments),
        Verb::Run(arguments) => run::run(&arguments),
        Verb::Fit(arguments) => fit::run(&arguments),
        Verb::Score(arguments) => score::run(&arguments),
        Verb::Explain(arguments) => explain::run(&arguments),
        Verb::Status(arguments) => status::run(&arguments),
        Verb::Report(arguments) => report::run(&arguments),
        Verb::Compare(arguments) => compare::run(&arguments),
        Verb::Metrics(arguments) => metrics::run(&arguments).map(|()| DONE),
        Verb::Data(arguments) => data::run(&arguments).map(|()| DONE),
        Verb::Doctor(arguments) => doctor::run(&arguments, cuda),
        Verb::Gc(arguments) => gc::run(&arguments),
        Verb::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "valor", &mut std::io::stdout());
            Ok(DONE)
        }
        Verb::Work => crate::executor::work().map(|()| DONE),
    }
}

/// `valor plan ... | head` ends as other programs do. Not while workers are spoken to over pipes.
fn end_quietly_on_broken_pipes() {
    // SAFETY: restores the signal's default action, before any thread is started.
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
    }
}
