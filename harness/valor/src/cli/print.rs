//! The only way to standard output and standard error: nothing that a file holds acts on the terminal.
//!
//! `println!` and `eprintln!` of this room take the place of the library's, so that no verb can print past it.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write, stderr, stdout};
use valor_base::escape::terminal;

macro_rules! println {
    ($($argument:tt)*) => { $crate::cli::print::out(format_args!($($argument)*)) };
}

macro_rules! eprintln {
    ($($argument:tt)*) => { $crate::cli::print::err(format_args!($($argument)*)) };
}

/// A line, or several, on standard output. Where that cannot be written the program ends: nobody would know.
pub(super) fn out(text: Arguments) {
    let text = terminal::text(&text.to_string());
    let mut out = stdout().lock();
    if let Err(error) =
        out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush())
    {
        if error.kind() != ErrorKind::BrokenPipe {
            err(format_args!("valor: standard output cannot be written: {error}"));
        }
        std::process::exit(i32::from(super::FAILED));
    }
}

/// A line on standard error. Where that cannot be written there is nobody to tell.
pub(super) fn err(text: Arguments) {
    let text = terminal::text(&text.to_string());
    let _ = stderr().lock().write_all(format!("{text}\n").as_bytes());
}
