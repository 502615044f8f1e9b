//! Writing documents and the numbers derived from them: every change is one transaction.

mod apply;
pub(crate) mod batch;
pub(crate) mod deletions;
pub(crate) mod derivation;
pub(crate) mod derive;
mod documents;
pub(crate) mod drift;
mod execute;
mod fingerprint;
mod ids;
mod load;
pub(crate) mod origin;
pub(crate) mod owner;
mod plan;
mod precedence;
mod quarantine;
pub(crate) mod rejected;
mod retry;
mod withdraw;
