//! Labels as types. Most are enums: their words are derived from the variants, which are all the values that the label has.

use std::borrow::Cow;
use std::fmt::Debug;
use std::hash::Hash;

use domain::{Cause, Collection, Reason};
use strum::{IntoStaticStr, VariantArray};

/// A label of a metric.
pub trait Label: Clone + Debug + Eq + Hash + Send + Sync + 'static {
    /// The label's name.
    const NAME: &'static str;

    /// Every value it can have; `None` where that depends on data.
    fn all() -> Option<Vec<Self>>;

    /// The value as it is shown.
    fn word(&self) -> Cow<'_, str>;
}

/// A label whose values are the variants of an enum.
trait ClosedLabel: VariantArray + Into<&'static str> + Copy + Debug + Eq + Hash + Send + Sync {
    const NAME: &'static str;
}

impl<T: ClosedLabel> Label for T {
    const NAME: &'static str = <T as ClosedLabel>::NAME;

    fn all() -> Option<Vec<Self>> {
        Some(Self::VARIANTS.to_vec())
    }

    fn word(&self) -> Cow<'_, str> {
        Cow::Borrowed((*self).into())
    }
}

macro_rules! closed {
    ($($(#[$meta:meta])+ $name:ident as $label:literal, $case:literal { $($(#[$variant_meta:meta])* $variant:ident),+ $(,)? })+) => { $(
        $(#[$meta])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoStaticStr, VariantArray)]
        #[strum(serialize_all = $case)]
        pub enum $name { $($(#[$variant_meta])* $variant),+ }

        impl ClosedLabel for $name {
            const NAME: &'static str = $label;
        }
    )+ };
}

closed! {
    /// The tasks that a process runs until it stops.
    Task as "task", "snake_case" {
        /// The API's listener.
        Api,
        /// Stores the audit trail.
        #[strum(serialize = "audit trail")]
        AuditTrail,
        /// Makes backups.
        Backup,
        /// The probes of the databases.
        #[strum(serialize = "database probes")]
        DatabaseProbes,
        /// Derives numbers again after an upgrade.
        Derivation,
        /// Keeps the gauges current.
        Exporter,
        /// Waits for SIGHUP.
        Hangup,
        /// Reads Oura.
        Ingest,
        /// Works on jobs.
        Jobs,
        /// The listener of gauges, probes and the page.
        Web,
        /// Watches the files of the listeners.
        #[strum(serialize = "web configuration")]
        WebConfiguration,
        /// The listener and the worker of webhook events.
        Webhooks,
    }

    /// Why a listener refused a connection or request.
    Refusal as "reason", "snake_case" {
        /// Too many passwords were being checked.
        Busy,
        /// Too many connections: closed for another client, or not accepted.
        Connections,
        /// The TLS handshake failed or took too long.
        Handshake,
        /// The password or the certificate is not right.
        Password,
        /// The rate limit of the web configuration.
        Rate,
    }

    /// A request's method; clients cannot create series by inventing methods.
    Method as "method", "UPPERCASE" {
        /// GET.
        Get,
        /// HEAD.
        Head,
        /// POST.
        Post,
        /// PUT.
        Put,
        /// DELETE.
        Delete,
        /// OPTIONS.
        Options,
        /// Any other.
        #[strum(serialize = "other")]
        Other,
    }

    /// The result of storing a document that was read.
    SyncOutcome as "outcome", "snake_case" {
        /// It was not stored before.
        New,
        /// It replaced another body.
        Changed,
        /// It is as it was.
        Unchanged,
        /// It is quarantined.
        Rejected,
        /// It is missing from Oura's responses and was deleted.
        Withdrawn,
        /// It is missing from a response, and its deletion is not confirmed yet.
        Doubted,
    }

    /// One of Oura's rate limits.
    RateLimitTier as "tier", "snake_case" {
        /// The limit of one person's token.
        Token,
        /// The limit of the application, all its tokens together.
        Application,
    }

    /// The result of renewing a log-in.
    RefreshResult as "result", "snake_case" {
        /// A new pair of tokens is stored.
        Renewed,
        /// Oura refused it.
        Refused,
        /// Oura's response did not arrive.
        Unanswered,
        /// Oura was not reached, or asked to wait.
        Unsent,
        /// The response cannot be stored yet.
        Unsaved,
        /// Oura issued the refused access token again.
        Repeated,
    }

    /// The result of a request to the webhook callback.
    EventResult as "result", "snake_case" {
        /// It is in the queue.
        Queued,
        /// The queue has it already, or a newer one.
        Repeated,
        /// It is about an account that is not read here.
        UnknownPerson,
        /// It is about a collection that is not read here.
        Unsupported,
        /// Its signature is wrong.
        Forged,
        /// Its signature is too old.
        Expired,
        /// It is no event.
        Malformed,
        /// Its body is too large.
        TooLarge,
        /// The queue has no room.
        QueueFull,
        /// Too many requests at a time.
        Busy,
        /// The database did not take it.
        Unavailable,
    }

    /// The result of fetching a document that a webhook event names.
    FetchResult as "result", "snake_case" {
        /// It is stored.
        Stored,
        /// It was stored already.
        Unchanged,
        /// Oura has deleted it.
        Withdrawn,
        /// It is quarantined.
        Unreadable,
        /// The consent leaves its collection out.
        NotConsented,
        /// It is tried again later.
        Postponed,
        /// It could not be fetched in all its attempts.
        Rejected,
    }

    /// The state of a webhook subscription.
    SubscriptionState as "state", "snake_case" {
        /// In force.
        Active,
        /// In force, and ends within a week.
        Expiring,
        /// Wanted and not there.
        Missing,
    }

    /// Whether a response was in the cache.
    CacheLookup as "result", "snake_case" {
        /// It was.
        Hit,
        /// It was not.
        Miss,
    }

    /// Which limit of a client's address was reached.
    RequestLimit as "limit", "kebab-case" {
        /// Requests of one address.
        Requests,
        /// Attempts of one address to log in.
        LogIns,
        /// Requests of one token or account.
        Principal,
    }

    /// Why the API refused a request of any client.
    ShedReason as "reason", "snake_case" {
        /// Too many requests were running.
        Busy,
        /// The database was unavailable.
        Database,
    }

    /// The result of an attempt to log in.
    LogInOutcome as "outcome", "snake_case" {
        /// The password is right.
        Accepted,
        /// It is not.
        Refused,
        /// Too many passwords were being checked.
        Busy,
    }

    /// The kind of a job.
    JobKind as "kind", "snake_case" {
        /// Writes rows as a file.
        Export,
        /// Reads days from Oura again.
        Backfill,
        /// Writes a page about a week or month.
        Report,
    }

    /// The state of a job.
    JobState as "state", "snake_case" {
        /// It waits for a worker.
        Queued,
        /// A worker has it.
        Running,
        /// It succeeded.
        Done,
        /// It failed.
        Failed,
        /// It was cancelled.
        Cancelled,
    }

    /// The result of an attempt at a job.
    JobResult as "result", "snake_case" {
        /// The job succeeded.
        Done,
        /// The job failed.
        Failed,
        /// The job was cancelled.
        Cancelled,
        /// Another attempt follows.
        Postponed,
        /// Another worker took over.
        Lost,
    }
}

impl Method {
    /// The method of this name.
    pub fn of(name: &str) -> Self {
        let known = Self::VARIANTS.iter().find(|method| <&str>::from(**method) == name);
        known.copied().unwrap_or(Self::Other)
    }
}

impl Label for Collection {
    const NAME: &'static str = "collection";

    fn all() -> Option<Vec<Self>> {
        Some(Self::ALL.to_vec())
    }

    fn word(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.name())
    }
}

impl Label for Cause {
    const NAME: &'static str = "kind";

    fn all() -> Option<Vec<Self>> {
        Some(Self::ALL.to_vec())
    }

    fn word(&self) -> Cow<'_, str> {
        Cow::Borrowed(Self::word(*self))
    }
}

impl Label for Reason {
    const NAME: &'static str = "reason";

    fn all() -> Option<Vec<Self>> {
        Some(Self::ALL.to_vec())
    }

    fn word(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.name())
    }
}

macro_rules! open {
    ($($(#[$meta:meta])+ $name:ident($inner:ty) as $label:literal)+) => { $(
        $(#[$meta])+
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub struct $name(pub $inner);

        impl Label for $name {
            const NAME: &'static str = $label;

            fn all() -> Option<Vec<Self>> {
                None
            }

            fn word(&self) -> Cow<'_, str> {
                Cow::Borrowed(&self.0)
            }
        }
    )+ };
}

open! {
    /// A person's pseudonym.
    Person(String) as "person"
    /// A scope of Oura's consent.
    Scope(String) as "scope"
    /// A route as it is written in the program: paths would name persons and days.
    Route(String) as "route"
    /// Where in a document an unknown field or word is.
    Pointer(String) as "pointer"
    /// A pool of database connections.
    Pool(&'static str) as "pool"
    /// What a statement does to which table: a closed set that the store defines.
    Statement(String) as "statement"
    /// The version of this build.
    Version(&'static str) as "version"
    /// The commit of this build.
    Revision(&'static str) as "revision"
}

/// The status of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Status(pub u16);

impl Label for Status {
    const NAME: &'static str = "code";

    fn all() -> Option<Vec<Self>> {
        None
    }

    fn word(&self) -> Cow<'_, str> {
        Cow::Owned(self.0.to_string())
    }
}

/// The labels of a ring, as Oura describes it; written by the exporter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RingLabels;

impl RingLabels {
    /// The names after `person`, in order.
    pub const NAMES: [&'static str; 5] = ["hardware_type", "color", "design", "firmware_version", "size"];
}

impl crate::LabelSet for RingLabels {
    fn labels() -> Vec<crate::LabelWords> {
        let open = |name| crate::LabelWords { name, words: None };
        std::iter::once(open(Person::NAME)).chain(Self::NAMES.map(open)).collect()
    }

    fn all() -> Option<Vec<Self>> {
        None
    }

    fn write(&self, _: &mut prometheus_client::encoding::LabelSetEncoder<'_>) -> std::fmt::Result {
        Ok(())
    }
}
