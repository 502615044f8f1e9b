//! Whether jobs are done, or wait for a process that does not run.

use jiff::{SignedDuration, Timestamp};
use store::{JobState, Person, Store};

use super::Findings;

/// A job that has waited longer is not merely next in the queue.
const STUCK: SignedDuration = SignedDuration::from_mins(15);

pub(super) async fn report(
    store: &Store,
    person: &Person,
    now: Timestamp,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    for counted in store.job_counts(Some(person.id)).await? {
        let (kind, count, since) = (&counted.kind, counted.count, counted.oldest);
        match counted.state {
            JobState::Queued if now.duration_since(since) > STUCK => {
                let role = if kind == "backfill" { "ingest" } else { "api" };
                findings.wrong(
                    &format!("{count} jobs of kind {kind} wait, the first since {since}"),
                    &format!(
                        "is a process with the role {role} running? its log says why a job is tried again"
                    ),
                );
            }
            JobState::Failed => findings.wrong(
                &format!("{count} jobs of kind {kind} failed in the last week"),
                "GET /api/v1/jobs says why; ask again for what is still wanted",
            ),
            JobState::Queued | JobState::Running => {
                findings.ok(&format!("{count} jobs of kind {kind} are {}", counted.state.name()));
            }
            JobState::Done | JobState::Cancelled => {}
        }
    }
    Ok(())
}
