//! Garbage collection: expired jobs with their results, results without a job, and half-written files of killed processes.

use futures_util::StreamExt as _;
use store::causes;

use crate::results::Unreadable;
use crate::worker::Worker;

/// A failure of garbage collection.
#[derive(Debug, thiserror::Error)]
enum GcError {
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Results(#[from] Unreadable),
}

impl Worker {
    /// Collects garbage once; a failure is logged, and tried again the next time.
    pub async fn collect_garbage(&self) {
        if let Err(error) = self.try_collect_garbage().await {
            tracing::warn!(error = causes(&error), "cannot collect finished jobs as garbage");
        }
    }

    async fn try_collect_garbage(&self) -> Result<(), GcError> {
        let now = (self.clock)();
        // The jobs first, wherever their results are: a result without a job is removed below, or by a process that has
        // access to its place.
        self.store.delete_expired_jobs(now).await?;
        let Some(results) = &self.desk.results else { return Ok(()) };
        let mut all = results.list();
        while let Some(object) = all.next().await {
            let object = object?;
            if self.is_orphan(&object).await? {
                results.remove(&object).await?;
            }
        }
        results.sweep(now).await?;
        Ok(())
    }

    /// Whether no job has this result or is about to: a job is there before its result is, so one that is not there was
    /// removed, with its person perhaps.
    async fn is_orphan(&self, object: &str) -> Result<bool, store::Error> {
        let name = object.rsplit('/').next().unwrap_or(object);
        // Only objects named as results are ours to remove.
        let Some((id, _)) = name.split_once('-').filter(|(id, _)| is_id(id)) else { return Ok(false) };
        Ok(match self.store.job(id).await? {
            None => true,
            Some(job) if job.state.is_final() => job.result.is_none_or(|result| result.object != object),
            Some(_) => false,
        })
    }
}

fn is_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
