//! The audit trail: log-ins, credentials, exports, people and refusals, as log messages of the target `audit` and as rows that
//! are kept for a while. Never a health value, never a secret.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use crate::Store;
use crate::backend::with_pool;
use crate::error::{Error, Result};
use crate::time::Time;
use crate::transaction::with_conn;

/// A closed set whose words are stored.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$doc])* $variant,)+
        }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// Its word.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(text: &str) -> std::result::Result<Self, UnknownWord> {
                let found = Self::ALL.iter().copied().find(|one| one.name() == text);
                found.ok_or_else(|| UnknownWord(Self::ALL.iter().map(|one| one.name()).collect()))
            }
        }
    };
}

/// No action or outcome has this word.
#[derive(Debug, thiserror::Error)]
#[error("write one of {}", .0.join(", "))]
pub struct UnknownWord(Vec<&'static str>);

words! {
    /// What was done or tried.
    AuditAction {
        /// A log-in with name and password.
        LogIn = "log-in",
        /// The end of every log-in of an account.
        LogOut = "log-out",
        /// A new token.
        TokenCreate = "token-create",
        /// The first use of a token.
        TokenFirstUse = "token-first-use",
        /// The end of a token.
        TokenRevoke = "token-revoke",
        /// A new account.
        AccountCreate = "account-create",
        /// The end of an account.
        AccountRemove = "account-remove",
        /// A new password.
        PasswordChange = "password-change",
        /// Declared accounts and tokens that changed with their file.
        AccessReconcile = "access-reconcile",
        /// A request for which the scope is missing.
        Access = "access",
        /// Rows of history that left as a file.
        Export = "export",
        /// An account export of Oura that was read.
        Import = "import",
        /// Everything copied into a backup.
        Backup = "backup",
        /// A backup or another database copied into this one.
        Restore = "restore",
        /// A new person.
        PersonAdd = "person-add",
        /// A person erased with everything stored about them.
        PersonRemove = "person-remove",
    }
}

words! {
    /// How it ended.
    AuditOutcome {
        /// Done.
        Accepted = "accepted",
        /// Not done.
        Refused = "refused",
        /// Not tried: too many attempts.
        Limited = "limited",
    }
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// What was done or tried.
    pub action: AuditAction,
    /// How it ended.
    pub outcome: AuditOutcome,
    /// `account ann`, `token 3`, `operator` (the command line) or `anonymous`; `None` where it is unknown.
    pub principal: Option<String>,
    /// The client's address, after trusted proxies.
    pub client: Option<String>,
    /// The route of the API, or the command.
    pub route: Option<String>,
    /// What it was done to.
    pub subject: Option<String>,
}

impl AuditEntry {
    /// Logs the entry at the level info with the target `audit`.
    pub fn log(&self) {
        let Self { action, outcome, principal, client, route, subject, .. } = self;
        tracing::info!(
            target: "audit",
            %action,
            %outcome,
            principal = principal.as_deref(),
            client = client.as_deref(),
            route = route.as_deref(),
            subject = subject.as_deref(),
            "audit"
        );
    }
}

type Row = (Time, String, String, Option<String>, Option<String>, Option<String>, Option<String>);

fn entry((at, action, outcome, principal, client, route, subject): Row) -> Result<AuditEntry> {
    let corrupt = |_| Error::Corrupt { what: "audit entry" };
    let (action, outcome) = (action.parse().map_err(corrupt)?, outcome.parse().map_err(corrupt)?);
    Ok(AuditEntry { at: at.get(), action, outcome, principal, client, route, subject })
}

impl Store {
    /// Stores entries, all or none.
    pub async fn record_audit(&self, entries: &[AuditEntry]) -> Result<()> {
        let mut tx = self.begin().await?;
        for entry in entries {
            with_conn!(&mut tx, conn => {
                sqlx::query(
                    "insert into audit (at, action, outcome, principal, client, route, subject)
                     values ($1, $2, $3, $4, $5, $6, $7)",
                )
                .bind(Time::from(entry.at))
                .bind(entry.action.name())
                .bind(entry.outcome.name())
                .bind(&entry.principal)
                .bind(&entry.client)
                .bind(&entry.route)
                .bind(&entry.subject)
                .execute(conn)
                .await?;
            });
        }
        tx.commit().await
    }

    /// The newest entries from `from` on and before `to`, newest first, of one action or all; at most `limit`.
    pub async fn audit(
        &self,
        from: Timestamp,
        to: Timestamp,
        action: Option<AuditAction>,
        limit: i64,
    ) -> Result<Vec<AuditEntry>> {
        let rows: Vec<Row> = with_pool!(self, pool => {
            sqlx::query_as(
                "select at, action, outcome, principal, client, route, subject from audit
                 where at >= $1 and at < $2 and ($3 = '' or action = $3) order by at desc limit $4",
            )
            .bind(Time::from(from))
            .bind(Time::from(to))
            .bind(action.map_or("", AuditAction::name))
            .bind(limit)
            .fetch_all(pool)
            .await?
        });
        rows.into_iter().map(entry).collect()
    }

    /// Deletes entries from before this moment; returns how many.
    pub async fn delete_audit_before(&self, before: Timestamp) -> Result<u64> {
        let mut tx = self.begin().await?;
        let deleted = with_conn!(&mut tx, conn => {
            sqlx::query("delete from audit where at < $1").bind(Time::from(before)).execute(conn).await?.rows_affected()
        });
        tx.commit().await?;
        Ok(deleted)
    }
}
