//! Start and end of a process as objects: readiness is a latch, the end has two stages.
//!
//! The first signal stops taking work and lets what runs finish; a second signal, or the time limit, drops the rest.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long running work may take to finish after the first signal.
const GRACE: Duration = Duration::from_secs(20);

/// Ready when every [`Latch`] made with it has been dropped, and until the process is told to stop.
#[derive(Clone, Debug)]
pub(crate) struct Readiness {
    latches: Weak<()>,
    stop: CancellationToken,
}

/// Held by whatever must come up first; dropping it says "I am up".
#[derive(Clone, Debug)]
pub(crate) struct Latch(#[expect(dead_code, reason = "lives to be dropped")] Arc<()>);

impl Readiness {
    pub(crate) fn new(stop: CancellationToken) -> (Self, Latch) {
        let latch = Arc::new(());
        (Self { latches: Arc::downgrade(&latch), stop }, Latch(latch))
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.latches.strong_count() == 0 && !self.stop.is_cancelled()
    }
}

/// The tasks of a process and how they end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lifecycle {
    /// Cancelled by the first signal.
    pub(crate) stop: CancellationToken,
    tasks: TaskTracker,
}

/// How the process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Told to stop, and everything finished.
    Clean,
    /// A task ended by itself, or work had to be dropped.
    Broken,
}

impl Lifecycle {
    /// Runs a task that is to live as long as the process; if it ends earlier, the process stops.
    pub(crate) fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            let finished = tokio::spawn(task).await;
            if !stop.is_cancelled() {
                match finished {
                    Ok(()) => tracing::error!(task = name, "a task ended by itself; stopping"),
                    Err(error) => tracing::error!(task = name, %error, "a task failed; stopping"),
                }
                stop.cancel();
            }
        });
    }

    /// Does something on every SIGHUP, which would otherwise end the process.
    pub(crate) fn on_hangup<T: Future<Output = ()> + Send>(&self, act: impl Fn() -> T + Send + 'static) {
        let stop = self.stop.clone();
        self.spawn("hangup", async move {
            let mut hangup = match signal(SignalKind::hangup()) {
                Ok(hangup) => hangup,
                Err(error) => {
                    tracing::warn!(%error, "cannot listen for SIGHUP");
                    return stop.cancelled().await;
                }
            };
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    // None never comes: the runtime outlives its tasks.
                    _ = hangup.recv() => act().await,
                }
            }
        });
    }

    /// Waits for a signal or a task that ends by itself, then for the rest.
    pub(crate) async fn run(self) -> std::io::Result<Ending> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let told = tokio::select! {
            _ = interrupt.recv() => true,
            _ = terminate.recv() => true,
            () = self.stop.cancelled() => false,
        };
        tracing::info!("stopping; a second signal stops at once");
        self.stop.cancel();
        self.tasks.close();
        let finished = tokio::select! {
            () = self.tasks.wait() => true,
            _ = interrupt.recv() => false,
            _ = terminate.recv() => false,
            () = tokio::time::sleep(GRACE) => false,
        };
        if !finished {
            tracing::warn!("work was dropped; nothing stored is lost, the next start reads it again");
        }
        Ok(if told && finished { Ending::Clean } else { Ending::Broken })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_when_all_are_up_and_not_while_stopping() {
        let stop = CancellationToken::new();
        let (readiness, latch) = Readiness::new(stop.clone());
        let another = latch.clone();
        assert!(!readiness.is_ready());
        drop(latch);
        assert!(!readiness.is_ready());
        drop(another);
        assert!(readiness.is_ready());
        stop.cancel();
        assert!(!readiness.is_ready());
    }
}
