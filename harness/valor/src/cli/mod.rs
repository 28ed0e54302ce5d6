//! The command line: one file per verb. The only place that prints, and the only one that knows exit codes.

#[macro_use]
mod print;

mod common;
mod compare;
mod completions;
mod data;
mod doctor;
mod explain;
mod fit;
mod gc;
mod ltv;
mod metrics;
mod output;
mod plan;
mod progress;
mod reading;
mod report;
mod run;
mod score;
mod status;
mod until;
mod work;

use clap::{CommandFactory, Parser, Subcommand};
use std::io::Write;
use std::process::ExitCode;
use valor_base::error::{caught, is_full_disk, is_input, printable};
use valor_base::escape::terminal::line;

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
    #[command(after_help = "Example:\n  valor plan experiments/table2.toml --profile quick")]
    Plan(plan::Arguments),
    /// Trains what is missing
    #[command(after_help = "Example:\n  valor run experiments/table2.toml --profile quick --workers 2")]
    Run(run::Arguments),
    /// Trains what is missing as one worker, beside others on any machines that share the results folder
    #[command(after_help = "Example:\n  valor work experiments/table2.toml --profile quick")]
    Work(work::Arguments),
    /// Trains one method with one seed and keeps the model
    #[command(
        after_help = "Example:\n  valor fit experiments/table2.toml --dataset \"world 1\" --method TARNet --seed 42 --out model.safetensors"
    )]
    Fit(fit::Arguments),
    /// Scores the rows of a file with a kept model
    #[command(after_help = "Example:\n  valor score model.safetensors rows.csv --out scores.csv")]
    Score(score::Arguments),
    /// Explains trees: what each feature contributes to each account's uplift, as tables and a page
    #[command(after_help = "Example:\n  valor explain trees.safetensors rows.csv --out why")]
    Explain(explain::Arguments),
    /// Counts what is done
    #[command(after_help = "Example:\n  valor status experiments/table2.toml --profile quick")]
    Status(status::Arguments),
    /// Writes the report of what is done
    #[command(after_help = "Example:\n  valor report experiments/table2.toml --profile quick --figures")]
    Report(report::Arguments),
    /// Shows what differs between two runs or two cells
    #[command(
        after_help = "Example:\n  valor compare \"experiments/table2.toml:world 1:TARNet\" \"experiments/table2.toml:world 1:VALOR (TARNet)\""
    )]
    Compare(compare::Arguments),
    /// Computes metrics of any file of scores
    #[command(
        after_help = "Example:\n  valor metrics scores.csv --score uplift --treatment treatment --outcome outcome"
    )]
    Metrics(metrics::Arguments),
    /// Describes or exports a dataset
    #[command(after_help = "Example:\n  valor data describe b2b-mimic")]
    Data(data::DataArguments),
    /// Makes rows of customers of a log of transactions
    #[command(
        after_help = "Example:\n  valor ltv prepare log.csv --customer id --time date --amount paid --cutoff 2024-01-01 --horizon 365 --out rows.parquet"
    )]
    Ltv(ltv::LtvArguments),
    /// Shows libtorch, devices and threads, and what is missing
    #[command(after_help = "Example:\n  valor doctor")]
    Doctor(doctor::Arguments),
    /// Lists, and with --yes removes, runs that no experiment file asks for
    #[command(after_help = "Example:\n  valor gc --yes")]
    Gc(gc::Arguments),
    /// Prints a completion script
    #[command(
        after_help = "Example:\n  valor completions bash > ~/.local/share/bash-completion/completions/valor"
    )]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Lists the profiles of an experiment file
    #[command(hide = true)]
    Profiles {
        /// The experiment file
        experiment: std::path::PathBuf,
    },
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
    write_errors_at_size_limits();
    let verb = Cli::parse().verb;
    if !matches!(verb, Verb::Run(_) | Verb::Work(_)) {
        end_quietly_on_broken_pipes();
    }
    // `println!` panics where standard output takes no more, on a full disk say: an error like any other.
    let outcome = caught(|| run(verb, cuda)).unwrap_or_else(|panic| Err(anyhow::anyhow!("{panic}")));
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            // Where standard error takes no more either, the code alone says it.
            let text = printable(&format!("{error:#}")).replace('\n', " ");
            let _ = writeln!(std::io::stderr(), "valor: {}", line(&text));
            ExitCode::from(if is_input(&error) && !is_full_disk(&error) { INPUT } else { FAILED })
        }
    }
}

fn run(verb: Verb, cuda: Result<(), String>) -> anyhow::Result<u8> {
    match verb {
        Verb::Plan(arguments) => plan::run(&arguments),
        Verb::Run(arguments) => run::run(&arguments),
        Verb::Work(arguments) => work::run(&arguments),
        Verb::Fit(arguments) => fit::run(&arguments),
        Verb::Score(arguments) => score::run(&arguments),
        Verb::Explain(arguments) => explain::run(&arguments),
        Verb::Status(arguments) => status::run(&arguments),
        Verb::Report(arguments) => report::run(&arguments),
        Verb::Compare(arguments) => compare::run(&arguments),
        Verb::Metrics(arguments) => metrics::run(&arguments).map(|()| DONE),
        Verb::Data(arguments) => data::run(&arguments).map(|()| DONE),
        Verb::Ltv(arguments) => ltv::run(&arguments).map(|()| DONE),
        Verb::Doctor(arguments) => doctor::run(&arguments, cuda),
        Verb::Gc(arguments) => gc::run(&arguments),
        Verb::Completions { shell } => {
            println!("{}", completions::script(&mut Cli::command(), shell));
            Ok(DONE)
        }
        Verb::Profiles { experiment } => valor_runs::spec::profiles(&experiment).map(|names| {
            names.iter().for_each(|name| println!("{}", line(name)));
            DONE
        }),
    }
}

/// `valor plan ... | head` ends as other programs do. Not while workers are spoken to over pipes.
/// A file that may grow no further is an error of writing, not the end of the process.
fn write_errors_at_size_limits() {
    // SAFETY: sets a signal's action, before any thread is started.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
}

fn end_quietly_on_broken_pipes() {
    // SAFETY: restores the signal's default action, before any thread is started.
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Command;

    /// Verbs that people see, and verbs of verbs, each with all its words.
    fn visible(command: &Command, words: &str) -> Vec<(String, Command)> {
        let below = command.get_subcommands().filter(|verb| !verb.is_hide_set() && verb.get_name() != "help");
        let named = below.map(|verb| (format!("{words} {}", verb.get_name()), verb));
        named
            .flat_map(|(words, verb)| [vec![(words.clone(), verb.clone())], visible(verb, &words)].concat())
            .collect()
    }

    #[test]
    fn every_verb_has_an_example_that_is_understood() {
        let verbs = visible(&Cli::command(), "valor");
        assert!(verbs.len() > 14, "{}", verbs.len());
        for (words, verb) in verbs {
            let help = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
            let example =
                help.strip_prefix("Example:\n  ").unwrap_or_else(|| panic!("{words} has no example: {help}"));
            assert!(example.starts_with(&words) && !example.contains('\n'), "{words}: {example}");
            let example = example.split(" > ").next().unwrap();
            // Words as a shell parts them, of which some stand in double quotes.
            let parts = example.split('"').enumerate();
            let words = parts.flat_map(|(place, part)| match place % 2 {
                0 => part.split_whitespace().collect::<Vec<&str>>(),
                _ => vec![part],
            });
            if let Err(error) = Cli::try_parse_from(words) {
                panic!("{example}: {error}");
            }
        }
    }

    #[test]
    fn help_has_one_wording() {
        // Verbs say what they do: Shows, Trains. Options that do something say it alike; others name what they take.
        const ORDERS: [&str; 12] = [
            "Print", "Write", "Put", "Use", "Change", "Set", "Show", "Remove", "Train", "List", "Keep",
            "Compute",
        ];
        for (words, verb) in visible(&Cli::command(), "valor") {
            let about = verb.get_about().map(ToString::to_string).unwrap_or_default();
            let first = about.split([' ', ',']).next().unwrap();
            assert!(first.ends_with('s'), "{words}: {about}");
            for argument in verb.get_arguments().filter(|argument| argument.get_id() != "help") {
                let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
                let first = help.split([' ', ',']).next().unwrap();
                assert!(
                    !help.is_empty() && !ORDERS.contains(&first),
                    "{words}, {}: {help}",
                    argument.get_id()
                );
                assert!(!help.ends_with('.'), "{words}, {}: {help}", argument.get_id());
            }
        }
    }
}
