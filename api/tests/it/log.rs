//! What the service logs, kept apart by thread: a test and its service share one.

use std::cell::RefCell;
use std::io::{Result, Write};
use std::sync::Once;

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

thread_local! {
    static LOG: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Starts logging. One subscriber for the whole process: with one a thread, tracing may decide for all threads by
/// asking a thread that has none.
pub(crate) fn start() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let log = tracing_subscriber::fmt().with_writer(Log).with_ansi(false).without_time();
        tracing::subscriber::set_global_default(log.with_max_level(Level::TRACE).finish()).unwrap();
    });
}

/// What this thread has logged so far.
pub(crate) fn text() -> String {
    LOG.with_borrow(|log| String::from_utf8(log.clone()).unwrap())
}

/// Keeps what the service says; what its libraries say at TRACE is theirs.
struct Log;

/// Whether to keep what is written.
struct Line(bool);

impl<'a> MakeWriter<'a> for Log {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line(true)
    }

    fn make_writer_for(&'a self, about: &Metadata<'_>) -> Line {
        Line(
            about.target().starts_with("api")
                || about.target() == "audit"
                || about.target().starts_with("tower_http"),
        )
    }
}

impl Write for Line {
    fn write(&mut self, text: &[u8]) -> Result<usize> {
        if self.0 {
            LOG.with_borrow_mut(|log| log.extend_from_slice(text));
        }
        Ok(text.len())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}
