//! Steps that are one command of cargo.

use anyhow::Result;

use crate::run;

pub(super) fn fmt() -> Result<()> {
    run::visibly(&mut run::cargo(&["fmt", "--all", "--check"]), "`cargo fmt --all`")
}

/// Links of docstrings to what does not exist.
pub(super) fn docs() -> Result<()> {
    let mut cargo = run::cargo(&["doc", "--quiet", "--workspace", "--no-deps"]);
    // A link to a private item is a link for readers of the source.
    cargo.env("RUSTDOCFLAGS", "-D rustdoc::broken_intra_doc_links -A rustdoc::private_intra_doc_links");
    run::visibly(&mut cargo, "fix the link.")
}

pub(super) fn clippy() -> Result<()> {
    let arguments = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
    let advice = "fix the code; an exception needs `#[expect(…, reason = \"…\")]`.";
    run::visibly(&mut run::cargo(&arguments), advice)
}
