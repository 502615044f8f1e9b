//! The process environment: which programs are on the path and what the caller has set.
#![expect(
    clippy::disallowed_methods,
    reason = "programs are found by the environment; only the product's configuration is barred from it"
)]

use std::env;
use std::path::PathBuf;

use anyhow::{Context, Result};

/// What the caller set `variable` to, if to anything.
pub fn variable(variable: &str) -> Option<String> {
    env::var(variable).ok().filter(|value| !value.is_empty())
}

/// The names of all variables.
pub fn variable_names() -> impl Iterator<Item = String> {
    env::vars_os().filter_map(|(name, _)| name.into_string().ok())
}

/// Where a program lies, searching as root's shell would: Debian keeps servers where only root looks.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let folders = env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    folders.map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// The program that a variable names, or else the one of this name.
pub fn named(variable: &str, program: &str) -> Result<String> {
    self::variable(variable)
        .or_else(|| Some(find(program)?.display().to_string()))
        .with_context(|| format!("{program} is missing.\nWhat to do: `cargo xtask provision` installs it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn program_is_found_on_the_path() {
        assert!(find("cargo").is_some_and(|file| file.ends_with("cargo")));
        assert_eq!(find("no-such-program"), None);
    }
}
