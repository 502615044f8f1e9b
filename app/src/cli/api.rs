//! Flags of the API's guards, and of its accounts.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;

use axum::http::HeaderValue;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand, ValueEnum};
use domain::history::Gauge;
use domain::{Day, Pseudonym};
use ipnet::IpNet;
use listener::Forwarded;
use store::{Role, Scope};

use super::{ListArgs, StoreArgs};

/// Guards of the API.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "API")]
pub(crate) struct GuardArgs {
    /// Networks of the proxies in front, for example 10.0.0.0/8; may be repeated. Only their header with
    /// the client's address is trusted, and limits are counted by that address.
    #[arg(
        long = "api.trusted-proxies",
        env = "MYHEALTH_API_TRUSTED_PROXIES",
        value_delimiter = ',',
        value_name = "CIDR",
        value_parser = network
    )]
    pub(crate) trusted_proxies: Vec<IpNet>,
    /// The header in which they state it; the other one is not read.
    #[arg(
        long = "api.forwarded-header",
        env = "MYHEALTH_API_FORWARDED_HEADER",
        value_enum,
        default_value_t = ForwardedArg::XForwardedFor
    )]
    pub(crate) forwarded_header: ForwardedArg,
    /// Requests a second that one address may send on average, and four times as many at once; 0: no limit.
    #[arg(long = "api.requests-per-second", env = "MYHEALTH_API_REQUESTS_PER_SECOND", default_value_t = 100)]
    pub(crate) requests_per_second: u32,
    /// Requests a minute that one token or account may send, from all addresses together and to each process; as many at once;
    /// 0: no limit. Addresses have limits of their own.
    #[arg(
        long = "api.principal-requests-per-minute",
        env = "MYHEALTH_API_PRINCIPAL_REQUESTS_PER_MINUTE",
        default_value_t = 0
    )]
    pub(crate) principal_requests_per_minute: u32,
    /// Log-ins a minute that one address may try; 0: no limit.
    #[arg(long = "api.log-ins-per-minute", env = "MYHEALTH_API_LOG_INS_PER_MINUTE", default_value_t = 10)]
    pub(crate) log_ins_per_minute: u32,
    /// Origins whose pages may read the API in a browser, for example <https://grafana.example.org>; may be repeated.
    /// Without any, no page but this process's own may.
    #[arg(
        long = "api.cors-origins",
        env = "MYHEALTH_API_CORS_ORIGINS",
        value_delimiter = ',',
        value_name = "ORIGIN",
        value_parser = origin
    )]
    pub(crate) cors_origins: Vec<HeaderValue>,
    /// Memory for long answers, in MiB; 0: none is kept.
    #[arg(
        long = "api.cache-mebibytes",
        env = "MYHEALTH_API_CACHE_MEBIBYTES",
        default_value_t = 32,
        value_parser = clap::value_parser!(u32).range(0..=65_536)
    )]
    pub(crate) cache_mebibytes: u32,
    /// Most bytes of a series in a streamed remote read, which is one frame: Prometheus refuses larger ones than its
    /// `chunked_read_limit`. Four of this size are held in memory at a time.
    #[arg(
        long = "api.remote-read-frame-bytes",
        env = "MYHEALTH_API_REMOTE_READ_FRAME_BYTES",
        default_value_t = u32::try_from(api::guards::FRAME_BYTES).expect("BUG: a constant that fits"),
        value_parser = clap::value_parser!(u32).range(65_536..=1_073_741_824)
    )]
    pub(crate) remote_read_frame_bytes: u32,
    /// Labels that Prometheus adds to every remote read (its `external_labels`) and that are no condition here; names
    /// only. Not needed with `filter_external_labels: false` in its `remote_read`.
    #[arg(
        long = "api.remote-read-external-labels",
        env = "MYHEALTH_API_REMOTE_READ_EXTERNAL_LABELS",
        value_delimiter = ',',
        value_name = "LABEL",
        value_parser = external_label
    )]
    pub(crate) remote_read_external_labels: Vec<String>,
    /// A file that holds the key which signs log-ins of people: a P-256 private key as PKCS#8 in PEM (`openssl genpkey
    /// -algorithm EC -pkeyopt ec_paramgen_curve:P-256`). Every replica needs the same. Default with the embedded database:
    /// api-key.pem next to it, made when it is missing.
    #[arg(long = "api.signing-key-file", env = "MYHEALTH_API_SIGNING_KEY_FILE", value_name = "FILE")]
    pub(crate) signing_key_file: Option<PathBuf>,
    /// Files of keys that are accepted and published as well: the ones before, until their log-ins have ended, and the
    /// next one, before it signs. May be repeated.
    #[arg(
        long = "api.previous-signing-key-file",
        env = "MYHEALTH_API_PREVIOUS_SIGNING_KEY_FILE",
        value_delimiter = ',',
        value_name = "FILE"
    )]
    pub(crate) previous_signing_key_files: Vec<PathBuf>,
    /// Days for which entries of the audit trail are kept; 0: forever.
    #[arg(long = "audit.retention-days", env = "MYHEALTH_AUDIT_RETENTION_DAYS", default_value_t = 365)]
    pub(crate) audit_retention_days: u16,
    /// The issuer of log-ins (claim `iss`): the public https address of this API, where gateways find its keys. Another
    /// issuer ends the log-ins of before.
    #[arg(
        long = "api.issuer",
        env = "MYHEALTH_API_ISSUER",
        default_value = "myhealth",
        value_name = "URL",
        value_parser = claim
    )]
    pub(crate) issuer: String,
    /// The audience of log-ins (claim `aud`), which gateways compare.
    #[arg(
        long = "api.audience",
        env = "MYHEALTH_API_AUDIENCE",
        default_value = "myhealth/api",
        value_name = "NAME",
        value_parser = claim
    )]
    pub(crate) audience: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ForwardedArg {
    /// `X-Forwarded-For`.
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

impl GuardArgs {
    pub(crate) fn settings(&self) -> api::guards::Settings {
        api::guards::Settings {
            requests_per_second: NonZeroU32::new(self.requests_per_second),
            requests_per_minute_of_principal: NonZeroU32::new(self.principal_requests_per_minute),
            log_ins_per_minute: NonZeroU32::new(self.log_ins_per_minute),
            proxies: listener::Proxies {
                trusted: self.trusted_proxies.clone(),
                header: match self.forwarded_header {
                    ForwardedArg::XForwardedFor => Forwarded::XForwardedFor,
                    ForwardedArg::Forwarded => Forwarded::Forwarded,
                },
            },
            origins: self.cors_origins.clone(),
            memory: u64::from(self.cache_mebibytes) << 20,
            frame_bytes: usize::try_from(self.remote_read_frame_bytes).unwrap_or(usize::MAX),
            external_labels: self.remote_read_external_labels.clone(),
        }
    }
}

fn network(text: &str) -> Result<IpNet, String> {
    let address = || text.parse::<IpAddr>().map(IpNet::from);
    text.parse()
        .or_else(|_| address())
        .map_err(|_| "write a network such as 10.0.0.0/8 or fd00::/8, or an address".to_owned())
}

/// A claim of a log-in: it travels with every request.
fn claim(text: &str) -> Result<String, String> {
    if (1..=200).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(text.to_owned())
    } else {
        Err("write 1 to 200 printable ASCII characters without spaces".to_owned())
    }
}

/// A scheme, a host and perhaps a port, as browsers send it: a path or `*` would match nothing, or everything.
fn origin(text: &str) -> Result<HeaderValue, String> {
    let wrong = || "write an origin such as https://grafana.example.org, without a path".to_owned();
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).ok_or_else(wrong)?;
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-:[]".contains(&byte);
    if host.is_empty() || !host.bytes().all(plain) {
        return Err(wrong());
    }
    text.parse().map_err(|_| wrong())
}

/// A label that no series of history has: a condition on one of its own must stay one.
fn external_label(text: &str) -> Result<String, String> {
    let mut bytes = text.bytes();
    let first = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    if !first || !bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Err("write names of labels, such as cluster,replica".to_owned());
    }
    let own = Gauge::all().any(|gauge| gauge.labels("").iter().any(|(name, _)| *name == text));
    if own { Err("history has this label itself".to_owned()) } else { Ok(text.to_owned()) }
}

#[derive(Debug, Subcommand)]
pub(crate) enum AccountCommand {
    /// Make an account; the password is asked for, or read from a file.
    Add {
        /// The name typed at the log-in.
        name: String,
        /// Open this person's numbers only.
        #[arg(long, required_unless_present = "everyone", conflicts_with = "everyone")]
        person: Option<Pseudonym>,
        /// Open everyone's numbers: for the operator.
        #[arg(long)]
        everyone: bool,
        #[command(flatten)]
        limits: AccountLimits,
        #[command(flatten)]
        password: PasswordArgs,
        #[command(flatten)]
        store: StoreArgs,
    },
    /// Print an entry for `accounts` in the file of --api.config.file, with the hash of a password. No database is needed.
    Hash {
        /// The name typed at the log-in.
        name: String,
        /// Open this person's numbers only.
        #[arg(long, required_unless_present = "everyone", conflicts_with = "everyone")]
        person: Option<Pseudonym>,
        /// Open everyone's numbers: for the operator.
        #[arg(long)]
        everyone: bool,
        #[command(flatten)]
        limits: AccountLimits,
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// Set a new password; every log-in with the old one ends.
    Password {
        /// The account's name.
        name: String,
        #[command(flatten)]
        password: PasswordArgs,
        #[command(flatten)]
        store: StoreArgs,
    },
    /// Show every account: name, whose numbers, last log-in.
    List(ListArgs),
    /// Remove an account; its log-ins end.
    Remove {
        /// The account's name.
        name: String,
        #[command(flatten)]
        store: StoreArgs,
    },
}

/// What an account opens, and how long.
#[derive(Clone, Debug, Args)]
pub(crate) struct AccountLimits {
    /// What it opens; may be repeated. Default: the role `user`.
    #[arg(long, value_parser = super::operate::scopes())]
    pub(crate) scope: Vec<Scope>,
    /// A set of scopes instead: `reader` sees numbers, `user` has Prometheus and jobs as well, `admin` also sends documents and
    /// administers.
    #[arg(long, value_parser = roles(), conflicts_with = "scope")]
    role: Option<Role>,
    /// The last day on which it works, in UTC. Default: until it is removed.
    #[arg(long, value_name = "DAY")]
    pub(crate) expires: Option<Day>,
}

impl AccountLimits {
    /// The scopes given, by themselves or by a role.
    pub(crate) fn scopes(&self) -> Vec<Scope> {
        self.role.map_or_else(|| self.scope.clone(), |role| role.list().to_vec())
    }
}

/// The roles by their words, so that the manual lists them.
fn roles() -> impl TypedValueParser<Value = Role> {
    PossibleValuesParser::new(Role::all().map(|role| role.to_string())).try_map(|word| word.parse())
}

#[derive(Clone, Debug, Args)]
pub(crate) struct PasswordArgs {
    /// A file that holds the password, at least 12 characters. Without it the terminal is asked.
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn external_labels_are_names_that_history_does_not_have() {
        assert_eq!(external_label("prometheus_replica").unwrap(), "prometheus_replica");
        for wrong in ["", "0a", "a-b", "cluster=home", "person", "source", "stage", "__name__"] {
            assert!(external_label(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn networks_and_origins_are_parsed() {
        assert_eq!(network("10.1.2.3").unwrap().to_string(), "10.1.2.3/32");
        assert_eq!(network("fd00::/8").unwrap().to_string(), "fd00::/8");
        assert!(network("10.0.0.0/33").is_err() && network("proxy").is_err());
        assert!(origin("https://grafana.example.org").is_ok() && origin("http://localhost:3000").is_ok());
        for wrong in [
            "*",
            "null",
            "grafana",
            "https://",
            "https://a/b",
            "https://A",
            "https://a, https://b",
            "ftp://a",
        ] {
            assert!(origin(wrong).is_err(), "{wrong}");
        }
    }
}
