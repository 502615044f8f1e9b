//! The findings about a log-in.

use domain::Cause;
use ingest::oauth::{Application, missing};
use jiff::{SignedDuration, Timestamp};
use store::OuraGrant;

use super::Findings;
use crate::commands::login::cost;

/// A renewal that began this recently may be under way.
const UNDER_WAY: SignedDuration = SignedDuration::from_mins(1);

pub(super) fn report(
    credential: Option<&OuraGrant>,
    application: &Application,
    now: Timestamp,
    findings: &mut Findings,
) {
    let Some(credential) = credential else {
        findings.wrong("there is no log-in at Oura", "run `myhealth login`");
        return;
    };
    let ends = credential.pair.expires_at.round(jiff::Unit::Second).unwrap_or(credential.pair.expires_at);
    let left = if now < ends { format!("works until {ends}") } else { format!("ended at {ends}") };
    match (credential.failure, credential.attempted_at) {
        (Some((Cause::LoginRequired, at)), _) => findings.wrong(
            &format!("the log-in is spent or revoked, as Oura said at {at}; the access token {left}"),
            "run `myhealth login`",
        ),
        (Some((Cause::Unauthorized, at)), _) => findings.wrong(
            &format!("Oura refused the access token and gave the same one again at {at}"),
            "it is not renewed before it ends; `myhealth login` gets another one",
        ),
        (Some((_, at)), None) => findings.wrong(
            &format!("the log-in could not be renewed at {at}; the access token {left}"),
            "see the log for the reason; it is tried again while the service runs",
        ),
        (_, Some(at)) if now.duration_since(at).abs() > UNDER_WAY => findings.wrong(
            &format!("a renewal at {at} had no answer, so the log-in may be spent; the access token {left}"),
            "it is tried once more when the access token ends; `myhealth login` now makes it certain",
        ),
        _ => findings.ok(&format!(
            "logged in since {:.0}; the access token {left} and is renewed before",
            credential.logged_in_at
        )),
    }
    for scope in missing(application.scopes(), &credential.pair.scopes) {
        findings.wrong(
            &format!("the scope {scope} was not given{}", cost(scope)),
            "run `myhealth login` again and tick it, or leave it out of --oura-scopes",
        );
    }
}
