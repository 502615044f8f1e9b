//! Variables that look like settings and are none: most often a mistyped name, whose value would silently not count.

use std::collections::BTreeSet;
use std::ffi::OsString;

use clap::CommandFactory as _;

use super::{Cli, renamed, settings};

const PREFIX: &str = "MYHEALTH_";

/// A variable that nothing reads.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct UnknownVariable {
    pub(crate) name: String,
    /// The variable that may have been meant.
    pub(crate) meant: Option<String>,
}

/// The value of a variable.
pub(super) fn value(name: &str) -> Option<OsString> {
    #[expect(clippy::disallowed_methods, reason = "the file of settings is read before clap reads variables")]
    std::env::var_os(name)
}

/// The variables of this process that begin as ours do and that no command reads.
pub(crate) fn unknown_variables() -> Vec<UnknownVariable> {
    #[expect(clippy::disallowed_methods, reason = "to find mistyped names")]
    let variables = std::env::vars_os();
    let variables = variables.filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
    unknown(variables.map(|(name, value)| (name, value.to_string_lossy().into_owned())))
}

fn unknown(variables: impl Iterator<Item = (String, String)>) -> Vec<UnknownVariable> {
    let mut ours =
        variables.filter(|(name, value)| name.starts_with(PREFIX) && !is_service_link(name, value));
    let Some(first) = ours.next() else { return Vec::new() };
    let known = known();
    let unknown = std::iter::once(first).chain(ours).filter(|(name, _)| !known.contains(name));
    let described = unknown.map(|(name, _)| {
        // The prefix that all have in common would make all alike.
        let names = known.iter().filter_map(|known| known.strip_prefix(PREFIX));
        let meant = settings::nearest(&name[PREFIX.len()..], names).map(|meant| format!("{PREFIX}{meant}"));
        UnknownVariable { name, meant }
    });
    described.collect()
}

/// Every variable that a flag reads, and the former names.
fn known() -> BTreeSet<String> {
    fn collect(command: &clap::Command, into: &mut BTreeSet<String>) {
        let names = command.get_arguments().filter_map(|flag| flag.get_env()?.to_str());
        into.extend(names.map(str::to_owned));
        for inner in command.get_subcommands() {
            collect(inner, into);
        }
    }
    let mut known: BTreeSet<String> = renamed::former_names().map(str::to_owned).collect();
    collect(&Cli::command(), &mut known);
    known
}

/// Kubernetes sets variables for each Service of a namespace, such as `MYHEALTH_API_SERVICE_HOST` and
/// `MYHEALTH_PORT_8872_TCP_ADDR` for Services called `myhealth-api` and `myhealth`.
fn is_service_link(name: &str, value: &str) -> bool {
    // Before the port's number: the Service's name.
    let is_port = |rest: &str| {
        let mut words = rest.split('_');
        let number = words.next().is_some_and(|word| word.parse::<u16>().is_ok());
        let protocol = words.next().is_some_and(|word| ["TCP", "UDP", "SCTP"].contains(&word));
        let field = words.next().is_none_or(|word| ["PROTO", "PORT", "ADDR"].contains(&word));
        number && protocol && field && words.next().is_none()
    };
    let is_address = ["tcp://", "udp://", "sctp://"].iter().any(|scheme| value.starts_with(scheme));
    name.ends_with("_SERVICE_HOST")
        || name.ends_with("_SERVICE_PORT")
        || name.contains("_SERVICE_PORT_")
        || name.ends_with("_PORT") && is_address
        || name.match_indices("_PORT_").any(|(at, word)| is_port(&name[at + word.len()..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, value: &str) -> Option<UnknownVariable> {
        unknown([(name.to_owned(), value.to_owned())].into_iter()).pop()
    }

    #[test]
    fn mistyped_variable_is_reported_with_the_one_that_was_meant() {
        let unknown = found("MYHEALTH_WEB_LISTEN_ADRESS", ":9872").unwrap();
        assert_eq!(unknown.meant.as_deref(), Some("MYHEALTH_WEB_LISTEN_ADDRESS"));
        assert_eq!(found("MYHEALTH_KITCHEN", "1").unwrap().meant, None);
        assert!(found("MYHEALTH_PORT", "9872").is_some(), "no address of a Service");
    }

    #[test]
    fn variables_of_flags_former_names_and_other_programs_are_not_reported() {
        for name in
            ["MYHEALTH_INTERVAL", "MYHEALTH_INTERVAL_SECONDS", "MYHEALTH_CONFIG_FILE", "HOME", "PGHOST"]
        {
            assert_eq!(found(name, "1"), None, "{name}");
        }
    }

    #[test]
    fn variables_that_kubernetes_sets_for_services_are_not_reported() {
        for (name, value) in [
            ("MYHEALTH_SERVICE_HOST", "10.0.0.1"),
            ("MYHEALTH_SERVICE_PORT", "8872"),
            ("MYHEALTH_SERVICE_PORT_HTTP", "8872"),
            ("MYHEALTH_API_SERVICE_HOST", "10.0.0.1"),
            ("MYHEALTH_PORT", "tcp://10.0.0.1:8872"),
            ("MYHEALTH_PORT_8872_TCP", "tcp://10.0.0.1:8872"),
            ("MYHEALTH_PORT_8872_TCP_ADDR", "10.0.0.1"),
            ("MYHEALTH_EXPORTER_PORT_9872_TCP_PROTO", "tcp"),
            ("MYHEALTH_DNS_PORT_53_UDP_PORT", "53"),
        ] {
            assert_eq!(found(name, value), None, "{name}");
        }
        assert!(found("MYHEALTH_PORT_HTTP_TCP", "1").is_some());
    }
}
