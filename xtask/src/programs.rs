//! The process environment: which programs are on the path and what the caller has set.
#![expect(
    clippy::disallowed_methods,
    reason = "xtask looks for programs; only the product's configuration is barred from it"
)]

use std::env;
use std::path::PathBuf;

/// What the caller set `variable` to, if to anything.
pub(crate) fn variable(variable: &str) -> Option<String> {
    env::var(variable).ok().filter(|value| !value.is_empty())
}

/// The names of all variables.
pub(crate) fn variable_names() -> impl Iterator<Item = String> {
    env::vars_os().filter_map(|(name, _)| name.into_string().ok())
}

/// Where a program lies, searching as a shell would.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_on_the_path() {
        assert!(find("cargo").is_some_and(|file| file.ends_with("cargo")));
        assert_eq!(find("no-such-program"), None);
    }
}
