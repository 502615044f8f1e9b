//! Start and end of a process as objects: readiness is a latch, the end has two stages.
//!
//! A role that panics or ends by itself is started again, and the others go on: gauges and API outlive a fault of the
//! reader, and the other way round.
//!
//! SIGTERM ends readiness first, and everything is still served for the shutdown delay: a load balancer needs that time to notice.
//! Then the process stops taking work and lets what runs finish; a second signal, or the time limit, drops the rest.

use std::sync::{Arc, Weak};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use service_metrics::{Labels, Task, table};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long running work may take to finish after the first signal.
const GRACE_PERIOD: Duration = Duration::from_secs(20);

/// Pause before a role is started again; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// A role that has run for so long has recovered from what ended it before.
const RECOVERED: Duration = Duration::from_mins(10);

/// Ready when every [`Latch`] made with it has been dropped, and until the first signal.
#[derive(Clone, Debug)]
pub(crate) struct Readiness {
    latches: Weak<()>,
    draining: CancellationToken,
}

/// Held by whatever must come up first; dropping it says "I am up".
#[derive(Clone, Debug)]
pub(crate) struct Latch(#[expect(dead_code, reason = "lives to be dropped")] Arc<()>);

impl Readiness {
    pub(crate) fn new(draining: CancellationToken) -> (Self, Latch) {
        let latch = Arc::new(());
        (Self { latches: Arc::downgrade(&latch), draining }, Latch(latch))
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.latches.strong_count() == 0 && !self.draining.is_cancelled()
    }
}

/// The tasks of a process and how they end.
#[derive(Clone, Debug)]
pub(crate) struct Lifecycle {
    /// Cancelled by the first signal: no longer ready.
    pub(crate) draining: CancellationToken,
    /// Cancelled when the shutdown delay is over: take no more work.
    pub(crate) stop: CancellationToken,
    tasks: TaskTracker,
    restarts: Family<Labels<(Task,)>, Counter>,
}

/// How the process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Everything finished.
    Clean,
    /// Work had to be dropped.
    Broken,
}

impl Lifecycle {
    /// Nothing runs yet; what is started again is counted in `registry`.
    pub(crate) fn new(registry: &mut Registry) -> Self {
        let restarts = table::TASK_RESTARTS.family(registry);
        Self {
            draining: CancellationToken::new(),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            restarts,
        }
    }

    /// Runs what is to live as long as the process. If it panics or ends earlier, it is made and started again after a
    /// pause.
    pub(crate) fn supervise<T>(&self, task: Task, make: impl Fn() -> T + Send + 'static)
    where
        T: Future<Output = ()> + Send + 'static,
    {
        let stop = self.stop.clone();
        let restarts = self.restarts.get_or_create_owned(&Labels((task,)));
        let task = <&str>::from(task);
        self.tasks.spawn(async move {
            let mut pause = FIRST_PAUSE;
            loop {
                let began = Instant::now();
                let ended = tokio::spawn(make()).await;
                if stop.is_cancelled() {
                    return;
                }
                restarts.inc();
                if began.elapsed() >= RECOVERED {
                    pause = FIRST_PAUSE;
                }
                let pause_ms = pause.as_millis();
                match ended {
                    Ok(()) => {
                        tracing::error!(task, pause_ms, "BUG: a task ended by itself; restarting it");
                    }
                    Err(error) => {
                        tracing::error!(task, %error, pause_ms, "BUG: a task failed; restarting it");
                    }
                }
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(pause) => {}
                }
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        });
    }

    /// Does something on every SIGHUP, which would otherwise end the process.
    pub(crate) fn on_hangup<T: Future<Output = ()> + Send>(
        &self,
        act: impl Fn() -> T + Send + Sync + 'static,
    ) {
        let (stop, act) = (self.stop.clone(), Arc::new(act));
        self.supervise(Task::Hangup, move || {
            let (stop, act) = (stop.clone(), act.clone());
            async move {
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
            }
        });
    }

    /// Waits for a signal, then for the end of all tasks. `delay` is between SIGTERM and the stop; Ctrl-C has none, because no
    /// load balancer sends it.
    pub(crate) async fn run(self, delay: Duration) -> std::io::Result<Ending> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let delay = tokio::select! {
            _ = interrupt.recv() => Duration::ZERO,
            _ = terminate.recv() => delay,
        };
        self.draining.cancel();
        tracing::info!(delay_ms = delay.as_millis(), "stopping; a second signal stops at once");
        let finish = async {
            tokio::time::sleep(delay).await;
            self.stop.cancel();
            self.tasks.close();
            tokio::time::timeout(GRACE_PERIOD, self.tasks.wait()).await.is_ok()
        };
        let finished = tokio::select! {
            finished = finish => finished,
            _ = interrupt.recv() => false,
            _ = terminate.recv() => false,
        };
        if !finished {
            tracing::warn!("work was dropped; nothing stored is lost, the next start reads it again");
        }
        Ok(if finished { Ending::Clean } else { Ending::Broken })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::sync::Notify;

    use super::*;

    #[test]
    fn readiness_requires_every_part_and_ends_at_shutdown() {
        let draining = CancellationToken::new();
        let (readiness, latch) = Readiness::new(draining.clone());
        let another = latch.clone();
        assert!(!readiness.is_ready());
        drop(latch);
        assert!(!readiness.is_ready());
        drop(another);
        assert!(readiness.is_ready());
        draining.cancel();
        assert!(!readiness.is_ready());
    }

    #[tokio::test]
    async fn role_that_panics_is_restarted_and_counted_and_the_others_go_on() {
        let mut registry = Registry::default();
        let lifecycle = Lifecycle::new(&mut registry);
        let attempts = Arc::new(AtomicU32::new(0));
        let (recovered, restarted) = (Arc::new(Notify::new()), attempts.clone());
        let (told, stop) = (recovered.clone(), lifecycle.stop.clone());
        let waiting = lifecycle.stop.clone();
        lifecycle.supervise(Task::Api, move || waiting.clone().cancelled_owned());
        lifecycle.supervise(Task::Ingest, move || {
            let (attempt, told, stop) =
                (restarted.fetch_add(1, Ordering::SeqCst), told.clone(), stop.clone());
            async move {
                match attempt {
                    0 => panic!("an instant overflows"),
                    1 => {}
                    _ => {
                        told.notify_one();
                        stop.cancelled().await;
                    }
                }
            }
        });
        recovered.notified().await;
        assert!(!lifecycle.stop.is_cancelled());
        lifecycle.stop.cancel();
        lifecycle.tasks.close();
        lifecycle.tasks.wait().await;
        assert_eq!(attempts.load(Ordering::SeqCst), 3, "nothing is restarted while the process stops");
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        assert!(text.contains("task_restarts_total{task=\"ingest\"} 2"), "{text}");
        assert!(text.contains("task_restarts_total{task=\"api\"} 0"), "{text}");
    }
}
