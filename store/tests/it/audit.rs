//! The audit trail's order and retention.

use store::{AuditAction, AuditEntry, AuditOutcome, Store};

use crate::fixtures::at;

fn entry(moment: &str) -> AuditEntry {
    AuditEntry {
        at: at(moment),
        action: AuditAction::LogIn,
        outcome: AuditOutcome::Refused,
        principal: None,
        client: None,
        route: None,
        subject: Some(moment.to_owned()),
    }
}

/// With and without fractions of a second, which texts of other lengths would sort otherwise.
const MOMENTS: [&str; 3] = ["2026-03-29T12:00:00Z", "2026-03-29T12:00:00.5Z", "2026-03-29T12:00:01Z"];

pub(crate) async fn audit_entries_of_one_second_are_in_the_order_of_time(store: Store) {
    store.record_audit(&MOMENTS.map(entry)).await.unwrap();
    let subjects = async |from: &str, to: &str| {
        let entries = store.audit(at(from), at(to), None, 10).await.unwrap();
        entries.into_iter().map(|entry| entry.subject.unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(subjects(MOMENTS[0], "2026-03-30T00:00:00Z").await, [MOMENTS[2], MOMENTS[1], MOMENTS[0]]);
    assert_eq!(subjects(MOMENTS[1], MOMENTS[2]).await, [MOMENTS[1]]);

    assert_eq!(store.delete_audit_before(at(MOMENTS[1])).await.unwrap(), 1);

    assert_eq!(subjects(MOMENTS[0], "2026-03-30T00:00:00Z").await, [MOMENTS[2], MOMENTS[1]]);
}
