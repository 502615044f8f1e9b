//! How the help looks: commands in groups, `-h` with the flags that matter, `--help` with all of them.

use std::fmt::Write as _;

use clap::{Arg, Command};

/// Every command that is shown, in the order of the help.
pub(super) const GROUPS: [(&str, &[&str]); 6] = [
    ("Start", &["demo", "login", "serve", "status", "doctor"]),
    ("Data", &["sync", "import", "export", "report", "rebuild"]),
    ("People and access", &["person", "account", "token", "audit", "logout", "erase"]),
    ("Operations", &["config", "backup", "restore", "move", "migrate", "webhook", "healthcheck"]),
    ("Monitoring", &["dashboards", "rules"]),
    ("Reference", &["completions", "man", "openapi", "version", "help"]),
];

/// The settings that `-h` shows. Flags without a variable belong to a single run and are always shown.
pub(super) const ESSENTIAL: [&str; 11] = [
    "config.file",
    "data-dir",
    "database-url",
    "demo-dir",
    "oura-client-id",
    "oura-client-secret-file",
    "person",
    "roles",
    "web.listen-address",
    "api.listen-address",
    "web.config.file",
];

/// Groups the commands, and shortens what `-h` shows.
pub(super) fn arrange(command: Command) -> Command {
    let name = command.get_name().to_owned();
    let header = command.get_styles().get_header();
    let template = format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n{}\n{header}Options:{header:#}\n{{options}}{{after-help}}",
        groups(&command)
    );
    shorten(command, &name).help_template(template)
}

/// The commands by group, a line each.
fn groups(command: &Command) -> String {
    let header = command.get_styles().get_header();
    let literal = command.get_styles().get_literal();
    let mut text = String::new();
    for (group, names) in GROUPS {
        let _ = write!(text, "\n{header}{group}:{header:#}\n");
        for name in names {
            let about = match command.find_subcommand(name).and_then(Command::get_about) {
                Some(about) => about.to_string(),
                None => "Print this message or the help of the given command".to_owned(),
            };
            let _ = writeln!(text, "  {literal}{name:<13}{literal:#}{about}");
        }
    }
    text
}

/// Of a command and those below it: `-h` shows the first sentence of each flag that matters. `path` is how it is called.
fn shorten(command: Command, path: &str) -> Command {
    let mut shortened = false;
    let command = command.mut_args(|flag| {
        let is_setting = flag.get_env().is_some() || flag.is_global_set() && flag.get_short().is_none();
        let essential = flag.get_long().is_some_and(|name| ESSENTIAL.contains(&name));
        let hidden = flag.is_hide_short_help_set() || is_setting && !essential;
        shortened |= hidden && !flag.is_hide_set();
        first_sentence(flag).hide_short_help(hidden)
    });
    let more = format!("{path} --help: all flags. docs/configuration.md: the same with variables.");
    let command = match (shortened && !command.has_subcommands(), command.get_after_help().cloned()) {
        (false, _) => command,
        (true, None) => command.after_help(more).after_long_help(""),
        (true, Some(after)) => command.after_help(format!("{after}\n\n{more}")).after_long_help(after),
    };
    let below: Vec<String> = command.get_subcommands().map(|inner| inner.get_name().to_owned()).collect();
    below.iter().fold(command, |command, name| {
        command.mut_subcommand(name, |inner| shorten(inner, &format!("{path} {name}")))
    })
}

fn first_sentence(flag: Arg) -> Arg {
    let Some(full) = flag.get_help().map(ToString::to_string) else { return flag };
    let ends = full.match_indices(". ").find(|(at, _)| {
        let next = full[at + 2..].chars().next();
        next.is_some_and(|next| next.is_uppercase() || matches!(next, '`' | '-'))
    });
    let Some((end, _)) = ends else { return flag };
    let short = full[..end].to_owned();
    let long = flag.get_long_help().map_or(full, ToString::to_string);
    flag.help(short).long_help(long)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn every_command_is_in_one_group() {
        let command = Cli::command();
        let shown = command.get_subcommands().filter(|command| !command.is_hide_set());
        let mut shown: Vec<&str> = shown.map(Command::get_name).chain(["help"]).collect();
        let mut grouped: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| *names).copied().collect();
        shown.sort_unstable();
        grouped.sort_unstable();
        assert_eq!(shown, grouped);
    }

    #[test]
    fn every_essential_setting_exists() {
        let command = Cli::command();
        let mut flags: BTreeSet<&str> = command.get_arguments().filter_map(Arg::get_long).collect();
        for inner in command.get_subcommands() {
            flags.extend(inner.get_arguments().filter_map(Arg::get_long));
        }
        for name in ESSENTIAL {
            assert!(flags.contains(name), "{name}");
        }
    }
}
