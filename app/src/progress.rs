//! Long work shows how far it is: a bar on a terminal, a line now and then in a log.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use ingest::WindowProgress;
use store::Applied;

/// Between two lines in a log.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// A sync run with fewer windows is over before a bar can be read.
const WORTH_A_BAR: usize = 20;

/// Whether bars are drawn: on a terminal, unless --quiet.
fn is_watched() -> bool {
    std::io::stderr().is_terminal() && tracing::enabled!(tracing::Level::INFO)
}

/// The progress of sync runs.
struct Progress {
    person: String,
    bar: ProgressBar,
    said: Option<Instant>,
    came: Applied,
}

impl Progress {
    fn of(person: &str) -> Self {
        let bar = if is_watched() { ProgressBar::no_length() } else { ProgressBar::hidden() };
        bar.set_style(style("{prefix} {bar:30} {percent:>3} %  {msg}, {eta} left"));
        bar.set_prefix(format!("reading Oura for {person}"));
        Self { person: person.to_owned(), bar, said: None, came: Applied::default() }
    }

    fn step(&mut self, step: &WindowProgress) {
        let (done, total) = (step.done, step.total);
        self.came += step.applied.unwrap_or_default();
        if total < WORTH_A_BAR {
            return;
        }
        let back_to = step.request.range.first();
        if self.bar.is_hidden() {
            let due = self.said.is_none_or(|said| said.elapsed() >= LOG_INTERVAL) || done == total;
            if due {
                self.said = Some(Instant::now());
                let percent = 100 * done / total.max(1);
                tracing::info!(person = self.person, windows = done, of = total, percent, %back_to, new_documents = self.came.new, "reading history");
            }
        } else {
            self.bar.set_length(total as u64);
            self.bar.set_position(done as u64);
            self.bar.set_message(format!("back to {back_to}"));
            if done == total {
                self.bar.finish_and_clear();
            }
        }
    }
}

/// Shows how far each person's sync run is. Several bars would share one line, so the newest run has it.
pub(crate) fn watch() -> ingest::ProgressFn {
    let progress: Mutex<HashMap<i64, Progress>> = Mutex::default();
    Arc::new(move |person, step| {
        let mut progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = progress.entry(person.id).or_insert_with(|| Progress::of(person.name.as_str()));
        shown.step(step);
        if step.done == step.total {
            progress.remove(&person.id);
        }
    })
}

/// A bar over days.
pub(crate) fn days(what: &str) -> ProgressBar {
    let bar = if is_watched() { ProgressBar::no_length() } else { ProgressBar::hidden() };
    bar.set_style(style("{prefix:<28} {bar:30} {percent:>3} %"));
    bar.set_prefix(what.to_owned());
    bar
}

/// A bar over the bytes of a file; hidden where there is no terminal.
pub(crate) fn bytes(what: &str, all: u64) -> ProgressBar {
    let bar = if is_watched() { ProgressBar::new(all) } else { ProgressBar::hidden() };
    bar.set_style(style("{prefix} {bar:30} {percent:>3} %  {bytes} of {total_bytes}, {eta} left"));
    bar.set_prefix(what.to_owned());
    bar
}

/// Moves a bar over days.
pub(crate) fn set(bar: &ProgressBar, done: i64, all: i64) {
    bar.set_length(u64::try_from(all).unwrap_or_default());
    bar.set_position(u64::try_from(done).unwrap_or_default());
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("BUG: the templates are constants")
}
