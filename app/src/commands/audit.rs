//! The audit trail: shown, and written by commands that change who may do what.

use std::process::ExitCode;

use jiff::{SignedDuration, Timestamp};
use store::{AuditAction, AuditEntry, AuditOutcome, Store, causes};

use crate::Clock;
use crate::cli::{AuditArgs, AuditFormat};

/// How far back without --from.
const PERIOD: SignedDuration = SignedDuration::from_hours(30 * 24);

pub(crate) async fn audit(args: AuditArgs, clock: Clock) -> anyhow::Result<ExitCode> {
    let store = super::open(&args.store).await?;
    let end =
        args.to.map_or_else(|| clock() + SignedDuration::from_mins(5), |day| day.plus(1).midnight_utc());
    let begin = args.from.map_or(end - PERIOD, domain::Day::midnight_utc);
    let mut entries = store.audit(begin, end, args.action, i64::from(args.limit)).await?;
    store.close().await;
    // As a log is read: the newest last.
    entries.reverse();
    for entry in entries {
        match args.format {
            AuditFormat::Table => outln!("{}", row(&entry)),
            AuditFormat::Json => outln!("{}", json(&entry)),
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn row(entry: &AuditEntry) -> String {
    let word = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let at = entry.at.strftime("%F %H:%M:%S UTC");
    format!(
        "{at}  {:<16} {:<8}  {:<24} {:<20} {:<28} {}",
        entry.action.name(),
        entry.outcome.name(),
        word(&entry.principal),
        word(&entry.client),
        word(&entry.route),
        word(&entry.subject)
    )
}

fn json(entry: &AuditEntry) -> serde_json::Value {
    let AuditEntry { at, action, outcome, principal, client, route, subject } = entry;
    serde_json::json!({
        "at": at, "action": action.name(), "outcome": outcome.name(), "principal": principal, "client": client,
        "route": route, "subject": subject,
    })
}

/// Records what a command of the operator did. The command has done it, so a failure here does not fail it.
pub(super) async fn record(
    store: &Store,
    now: Timestamp,
    action: AuditAction,
    command: &str,
    subject: impl Into<String>,
) {
    let entry = AuditEntry {
        at: now,
        action,
        outcome: AuditOutcome::Accepted,
        principal: Some("operator".to_owned()),
        client: None,
        route: Some(format!("myhealth {command}")),
        subject: Some(subject.into()),
    };
    if let Err(error) = store.record_audit(&[entry]).await {
        tracing::warn!(error = causes(&error), "cannot store the audit entry");
    }
}
