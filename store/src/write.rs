//! Writing documents and the numbers derived from them: every change is one transaction.

pub(crate) mod apply;
pub(crate) mod deletions;
pub(crate) mod derivation;
pub(crate) mod derive;
pub(crate) mod drift;
mod execute;
mod fingerprint;
mod load;
pub(crate) mod origin;
mod plan;
mod precedence;
mod quarantine;
pub(crate) mod rejected;
mod withdraw;
