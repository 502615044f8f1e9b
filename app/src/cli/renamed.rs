//! Environment variables under the names they had before. A flag keeps its former name by `alias`; clap knows one variable for
//! each flag, so the former ones are here.

use std::ffi::OsStr;

use clap::Command;

/// Today's name, and the one before.
const RENAMED: [(&str, &str); 7] = [
    ("MYHEALTH_ENCRYPTION_KEY", "MYHEALTH_SECRET_KEY"),
    ("MYHEALTH_ENCRYPTION_KEY_FILE", "MYHEALTH_SECRET_KEY_FILE"),
    ("MYHEALTH_PREVIOUS_ENCRYPTION_KEY_FILE", "MYHEALTH_PREVIOUS_SECRET_KEY_FILE"),
    ("MYHEALTH_INTERVAL", "MYHEALTH_INTERVAL_SECONDS"),
    ("MYHEALTH_RESYNC_DAYS", "MYHEALTH_TRAILING_DAYS"),
    ("MYHEALTH_ROLES", "MYHEALTH_ONLY"),
    ("MYHEALTH_WEB_ALLOWED_HOSTS", "MYHEALTH_WEB_HOST"),
];

/// Lets every flag of `command` read its variable's former name where only that is set.
pub(super) fn accept_former_variables(command: Command) -> Command {
    #[expect(clippy::disallowed_methods, reason = "whether a variable is set; clap reads it")]
    accept(command, &|name| std::env::var_os(name).is_some())
}

/// The names that are still read.
pub(super) fn former_names() -> impl Iterator<Item = &'static str> {
    RENAMED.iter().map(|(_, former)| *former)
}

fn accept(command: Command, is_set: &dyn Fn(&str) -> bool) -> Command {
    let former = |name: &OsStr| {
        let (name, former) = RENAMED.iter().find(|(renamed, _)| name == *renamed)?;
        (!is_set(name) && is_set(former)).then_some(*former)
    };
    let command = command.mut_args(|argument| match argument.get_env().and_then(former) {
        Some(former) => argument.env(former),
        None => argument,
    });
    command.mut_subcommands(|inner| accept(inner, is_set))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::Cli;

    /// The variables that the flags of `command` read.
    fn variables(command: &Command, into: &mut Vec<String>) {
        let names = command.get_arguments().filter_map(|argument| argument.get_env()?.to_str());
        into.extend(names.map(str::to_owned));
        for inner in command.get_subcommands() {
            variables(inner, into);
        }
    }

    fn read(set: &[&str]) -> Vec<String> {
        let mut read = Vec::new();
        variables(&accept(Cli::command(), &|name| set.contains(&name)), &mut read);
        read
    }

    #[test]
    fn former_variable_is_read_where_only_it_is_set() {
        for (name, former) in RENAMED {
            let has = |read: &[String], name: &str| read.iter().any(|read| read == name);
            let without = read(&[]);
            assert!(has(&without, name) && !has(&without, former), "{name}");
            let both = read(&[name, former]);
            assert!(has(&both, name) && !has(&both, former), "{name}");
            let alone = read(&[former]);
            assert!(!has(&alone, name) && has(&alone, former), "{former}");
        }
    }
}
