//! Writing documents and what is derived from them: every change is one transaction.

pub(crate) mod apply;
pub(crate) mod deletions;
pub(crate) mod derive;
pub(crate) mod drift;
pub(crate) mod fingerprint;
pub(crate) mod origin;
mod precedence;
mod quarantine;
mod rebuild;
pub(crate) mod rejected;
mod withdraw;
