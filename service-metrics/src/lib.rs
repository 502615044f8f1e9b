//! The metrics of the services themselves: one row each in [`table`], from which registration, documentation and the
//! vocabulary of dashboards and alerts follow.

mod labels;
mod metric;
mod page;
mod process;
pub mod table;

pub use labels::{
    CacheLookup, EventResult, FetchResult, JobKind, JobResult, JobState, Label, LogInOutcome, Method, Person,
    Pointer, Pool, RateLimitTier, RefreshResult, Refusal, RequestLimit, Revision, RingLabels, Route, Scope,
    ShedReason, Statement, Status, SubscriptionState, SyncOutcome, Task, Version,
};
pub use metric::{Kind, LabelSet, LabelWords, Labels, Metric, Row, Section};
pub use page::{TABLE, page};
pub use process::ProcessCollector;
pub use table::{ROWS, names};
