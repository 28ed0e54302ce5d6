//! The worker: reads jobs, trains them, says what it found. Writes no files.

use super::protocol::{Blob, Message};
use crate::store::columns;
use crate::trial::{self, Cache, Job};
use std::io::{BufRead, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use valor_base::error;
use valor_learn::learner::device;

/// Works until its standard input ends. When the parent dies the input ends, and so does the worker, whatever
/// it is doing.
pub fn run() -> anyhow::Result<()> {
    device::fix_threads();
    std::panic::set_hook(Box::new(|_| {}));
    let (sender, jobs) = mpsc::channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
        std::process::exit(0);
    });
    let mut cache = Cache::default();
    for line in jobs {
        let job: Job = serde_json::from_str(&line)?;
        let outcome = catch_unwind(AssertUnwindSafe(|| train(&job, &mut cache)));
        let last = match outcome {
            Ok(Ok(())) => Message::Done,
            Ok(Err(error)) => {
                failed(if error::is_input(&error) { "input" } else { "error" }, &format!("{error:#}"))
            }
            Err(panic) => panicked(panic.as_ref()),
        };
        say(&last)?;
    }
    Ok(())
}

fn train(job: &Job, cache: &mut Cache) -> anyhow::Result<()> {
    let mut told = 0;
    let mut progress = |done: usize, total: usize| {
        let percent = done * 200 / total.max(1);
        if percent != told {
            told = percent;
            // A parent that has gone ends this process through its standard input.
            let _ = say(&Message::Progress(done, total));
        }
    };
    let (found, evaluation) = trial::run(job, cache, &mut progress)?;
    say(&Message::Evaluation(Blob::new(&columns::encode_evaluation(evaluation)?)))?;
    for run in found {
        let predictions = run.predictions.as_ref().map(columns::encode_predictions).transpose()?;
        say(&Message::Found(Box::new(run.record), predictions.as_deref().map(Blob::new)))?;
    }
    Ok(())
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> Message {
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    let text = text.unwrap_or("no message");
    let lower = text.to_lowercase();
    let memory = ["out of memory", "not enough memory", "can't allocate memory"];
    let class = if memory.iter().any(|words| lower.contains(words)) { "out-of-memory" } else { "panicked" };
    failed(class, text)
}

fn failed(class: &str, message: &str) -> Message {
    Message::Failed { class: class.to_string(), message: message.to_string() }
}

fn say(message: &Message) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, message)?;
    out.write_all(b"\n")?;
    Ok(out.flush()?)
}
