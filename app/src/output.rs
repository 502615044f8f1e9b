//! What commands print. The reader of a pipe may go at any time (`myhealth doctor | head`): what it no longer takes is
//! dropped, and the command goes on to its own end. Any other failure, as of a full disk, is reported by [`finish`].

use std::fmt;
use std::io::{self, Write};
use std::sync::OnceLock;

/// The first failure of standard output that is not a reader who has gone.
static FAILURE: OnceLock<io::Error> = OnceLock::new();

/// Prints a line on standard output.
macro_rules! outln {
    ($($text:tt)*) => { $crate::output::print(format_args!("{}\n", format_args!($($text)*))) };
}

/// Prints a line on standard error.
macro_rules! errln {
    ($($text:tt)*) => { $crate::output::complain(format_args!("{}\n", format_args!($($text)*))) };
}

/// Writes to standard output what must arrive: an error is the caller's to handle.
pub(crate) fn deliver(text: fmt::Arguments<'_>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_fmt(text).and_then(|()| out.flush())
}

/// Prints on standard output at once.
pub(crate) fn print(text: fmt::Arguments<'_>) {
    if let Err(error) = deliver(text)
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        let _ = FAILURE.set(error);
    }
}

/// Prints one JSON document.
pub(crate) fn print_json(document: &impl serde::Serialize) -> serde_json::Result<()> {
    print(format_args!("{}\n", serde_json::to_string_pretty(document)?));
    Ok(())
}

/// Prints on standard error; a failure cannot be reported anywhere.
pub(crate) fn complain(text: fmt::Arguments<'_>) {
    let _ = io::stderr().lock().write_fmt(text);
}

/// What a command has printed and did not arrive.
pub(crate) fn finish() -> Result<(), &'static io::Error> {
    FAILURE.get().map_or(Ok(()), Err)
}
