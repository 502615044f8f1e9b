//! Why reading Oura failed: one row per cause holds everything that other crates need to know about it.
//!
//! `ingest` returns causes, `store` keeps their words, metrics have one series per cause, and `doctor`, the API, the
//! exporter and the report show the fields of the row.

use std::fmt;
use std::str::FromStr;

use crate::reason::Reason;

/// Why the last attempt to read a collection failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// No connection, or it broke.
    Network,
    /// No response in time.
    Timeout,
    /// Status 5xx.
    Server,
    /// Status 429.
    RateLimited,
    /// The access token is refused.
    Unauthorized,
    /// The consent leaves the collection out.
    Scope,
    /// 403: the membership has lapsed, or Oura refuses the request, for example one without a `User-Agent`.
    Forbidden,
    /// Oura does not know the address.
    NotFound,
    /// The phone app is too old for this collection.
    AppTooOld,
    /// Oura does not understand the request.
    Refused,
    /// The response is broken.
    Malformed,
    /// Something between this machine and Oura answered with a page of its own.
    Intercepted,
    /// The database refuses what was read.
    Store,
    /// There is no log-in, or it is spent or revoked.
    LoginRequired,
    /// The log-in has run out and could not be renewed; it is tried again.
    RenewalFailed,
    /// The token belongs to another Oura account than the stored data.
    WrongAccount,
    /// Anything else, and what only a newer version knows.
    Unexpected,
}

/// Who can end a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    /// Oura, in time.
    Oura,
    /// The operator of the network between this machine and Oura.
    Network,
    /// The person whose ring it is: consent, membership, phone.
    Person,
    /// The operator of myhealth: settings, keys, database.
    Operator,
    /// The developers of myhealth.
    Program,
}

/// Everything that is known about a cause.
struct Row {
    cause: Cause,
    word: &'static str,
    reason: Reason,
    transient: bool,
    party: Party,
    advice: &'static str,
}

const fn row(
    cause: Cause,
    word: &'static str,
    reason: Reason,
    transient: bool,
    party: Party,
    advice: &'static str,
) -> Row {
    Row { cause, word, reason, transient, party, advice }
}

/// One row per cause, in the order of the enum.
const ROWS: [Row; 17] = {
    const RETRIED: bool = true;
    const ASKED_ONCE: bool = false;
    use Cause::{
        AppTooOld, Forbidden, Intercepted, LoginRequired, Malformed, Network, NotFound, RateLimited, Refused,
        RenewalFailed, Scope, Server, Store, Timeout, Unauthorized, Unexpected, WrongAccount,
    };
    use Party::{Network as Net, Operator, Oura, Person, Program};
    [
        row(
            Network,
            "network",
            Reason::OuraDown,
            RETRIED,
            Net,
            "check this machine's network, proxy and DNS",
        ),
        row(
            Timeout,
            "timeout",
            Reason::OuraDown,
            RETRIED,
            Net,
            "check this machine's network, proxy and DNS",
        ),
        row(
            Server,
            "server",
            Reason::OuraDown,
            RETRIED,
            Oura,
            "nothing: Oura has a fault of its own, it is tried again",
        ),
        row(
            RateLimited,
            "rate_limited",
            Reason::RateLimited,
            RETRIED,
            Operator,
            "nothing: it is tried again when Oura allows it; a longer --interval asks less",
        ),
        row(
            Unauthorized,
            "unauthorized",
            Reason::Unauthorized,
            ASKED_ONCE,
            Person,
            "run `myhealth login`, or get a new access token and put it where --oura-token-file points",
        ),
        row(
            Scope,
            "scope",
            Reason::Scope,
            ASKED_ONCE,
            Person,
            "give the consent again with this collection ticked",
        ),
        row(
            Forbidden,
            "forbidden",
            Reason::Membership,
            ASKED_ONCE,
            Person,
            "check in the Oura app that the membership is active",
        ),
        row(NotFound, "not_found", Reason::ReadFailed, ASKED_ONCE, Operator, "check --oura-url"),
        row(
            AppTooOld,
            "app_too_old",
            Reason::AppTooOld,
            ASKED_ONCE,
            Person,
            "update the Oura app on the phone and let it sync",
        ),
        row(Refused, "refused", Reason::ReadFailed, ASKED_ONCE, Program, REPORT),
        row(
            Malformed,
            "malformed",
            Reason::OuraDown,
            RETRIED,
            Oura,
            "nothing: Oura has a fault of its own, it is tried again",
        ),
        row(
            Intercepted,
            "intercepted",
            Reason::OuraDown,
            RETRIED,
            Net,
            "check the firewall, proxy or log-in page of this network, and --oura-url",
        ),
        row(
            Store,
            "store",
            Reason::ReadFailed,
            ASKED_ONCE,
            Operator,
            "see the log for what the database says",
        ),
        row(
            LoginRequired,
            "login_required",
            Reason::Unauthorized,
            ASKED_ONCE,
            Person,
            "run `myhealth login`",
        ),
        row(
            RenewalFailed,
            "renewal_failed",
            Reason::RenewalFailed,
            ASKED_ONCE,
            Operator,
            "if it lasts, check the client id and secret and the secret key; it is tried again",
        ),
        row(
            WrongAccount,
            "wrong_account",
            Reason::Unauthorized,
            ASKED_ONCE,
            Person,
            "log in as the account that is stored, name another --person, or, where it was really replaced, give \
             --replace-account to `myhealth login` or `sync`",
        ),
        row(Unexpected, "unexpected", Reason::ReadFailed, ASKED_ONCE, Program, REPORT),
    ]
};

const REPORT: &str = "run again with --log.level debug; if it stays, report it with the word above";

/// The text is the word of no cause that this version knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the word of a cause")]
pub struct UnknownCause;

impl Cause {
    /// Every cause.
    pub const ALL: [Self; ROWS.len()] = {
        let mut all = [Self::Network; ROWS.len()];
        let mut at = 0;
        while at < ROWS.len() {
            all[at] = ROWS[at].cause;
            at += 1;
        }
        all
    };

    const fn row(self) -> &'static Row {
        &ROWS[self as usize]
    }

    /// The word: label value, API value, and what the database keeps.
    pub const fn word(self) -> &'static str {
        self.row().word
    }

    /// Why a collection that fails so has nothing of today.
    pub const fn reason(self) -> Reason {
        self.row().reason
    }

    /// Whether the same request may succeed a little later.
    pub const fn is_transient(self) -> bool {
        self.row().transient
    }

    /// Who can end it.
    pub const fn party(self) -> Party {
        self.row().party
    }

    /// What to do about it, for the operator or the person.
    pub const fn advice(self) -> &'static str {
        self.row().advice
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Cause {
    type Err = UnknownCause;

    fn from_str(word: &str) -> Result<Self, UnknownCause> {
        Self::ALL.into_iter().find(|cause| cause.word() == word).ok_or(UnknownCause)
    }
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Oura => "Oura",
            Self::Network => "network",
            Self::Person => "person",
            Self::Operator => "operator",
            Self::Program => "myhealth",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn row_of_a_cause_is_its_own() {
        for (at, row) in ROWS.iter().enumerate() {
            assert_eq!(row.cause as usize, at, "{}", row.word);
            assert_eq!(row.word.parse(), Ok(row.cause));
        }
        assert_eq!("a word of tomorrow".parse::<Cause>(), Err(UnknownCause));
    }

    #[test]
    fn reason_names_are_unique_and_label_safe() {
        let words: BTreeSet<&str> = Cause::ALL.iter().map(|cause| cause.word()).collect();
        assert_eq!(words.len(), Cause::ALL.len());
        assert!(words.iter().all(|word| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')));
        assert!(Cause::ALL.iter().all(|cause| !cause.advice().is_empty()));
    }

    #[test]
    fn cause_that_a_person_must_fix_is_not_transient() {
        for cause in Cause::ALL.into_iter().filter(|cause| cause.party() == Party::Person) {
            assert!(!cause.is_transient(), "{cause}");
            assert_ne!(cause.reason(), Reason::ReadFailed, "{cause} has advice of its own");
        }
    }
}
