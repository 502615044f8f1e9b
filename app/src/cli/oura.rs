//! Flags of what it takes to read Oura.

use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::Args;
use domain::Day;

/// Every scope that Oura enforces but `email`, which nothing here needs.
const SCOPES: &str =
    "personal daily heartrate workout tag session spo2 stress heart_health ring_configuration";

/// Where Oura's API is.
pub(super) const API: &str = "https://api.ouraring.com";

/// The application that is registered at Oura; not needed to read one's own data by a token from before.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Oura application")]
pub(crate) struct ApplicationArgs {
    /// The client id of the application registered at <https://cloud.ouraring.com/oauth/applications> or
    /// <https://developer.ouraring.com>.
    #[arg(
        id = "oura_client_id",
        long = "oura-client-id",
        env = "MYHEALTH_OURA_CLIENT_ID",
        value_name = "ID"
    )]
    pub(crate) id: Option<String>,
    /// The application's client secret; prefer the file, a command line can be read by others.
    #[arg(
        id = "oura_client_secret",
        long = "oura-client-secret",
        env = "MYHEALTH_OURA_CLIENT_SECRET",
        value_name = "SECRET",
        hide_env_values = true,
        conflicts_with = "oura_client_secret_file"
    )]
    pub(crate) secret: Option<String>,
    /// A file that holds the application's client secret.
    #[arg(
        id = "oura_client_secret_file",
        long = "oura-client-secret-file",
        env = "MYHEALTH_OURA_CLIENT_SECRET_FILE",
        value_name = "FILE"
    )]
    pub(crate) secret_file: Option<PathBuf>,
}

/// The application registered at Oura, and the key that seals its log-ins.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Log-in (docs/login.md)")]
pub(crate) struct LoginSettings {
    #[command(flatten)]
    pub(crate) application: ApplicationArgs,
    /// Its redirect URI, byte for byte as registered.
    #[arg(long, env = "MYHEALTH_OURA_REDIRECT_URI", default_value = "http://localhost:9873/callback")]
    pub(crate) oura_redirect_uri: String,
    /// Scopes to request consent for, separated by spaces.
    #[arg(long, env = "MYHEALTH_OURA_SCOPES", default_value = SCOPES)]
    pub(crate) oura_scopes: String,
    /// Where a person consents.
    #[arg(
        long,
        env = "MYHEALTH_OURA_AUTHORIZE_URL",
        default_value = "https://cloud.ouraring.com/oauth/authorize"
    )]
    pub(crate) oura_authorize_url: String,
    /// Where tokens are exchanged and renewed. Oura has two portals, and an application works with the one it was
    /// registered at; which one it is, is found out and remembered.
    #[arg(
        long,
        env = "MYHEALTH_OURA_TOKEN_URL",
        value_delimiter = ',',
        default_value = "https://api.ouraring.com/oauth/token,https://moi.ouraring.com/oauth/v2/ext/oauth-token"
    )]
    pub(crate) oura_token_url: Vec<String>,
    /// Where tokens are revoked, in the same order.
    #[arg(
        long,
        env = "MYHEALTH_OURA_REVOKE_URL",
        value_delimiter = ',',
        default_value = "https://api.ouraring.com/oauth/revoke,https://moi.ouraring.com/oauth/v2/ext/oauth-revoke"
    )]
    pub(crate) oura_revoke_url: Vec<String>,
    /// A file that holds the key which encrypts log-ins: 32 bytes, as 64 hexadecimal digits or in base64
    /// (`openssl rand -hex 32`). Default with the embedded database: secret.key next to it, made by the first log-in.
    #[arg(long, alias = "secret-key-file", env = "MYHEALTH_ENCRYPTION_KEY_FILE", value_name = "FILE")]
    pub(crate) encryption_key_file: Option<PathBuf>,
    /// The key itself; prefer the file.
    #[arg(
        long,
        alias = "secret-key",
        env = "MYHEALTH_ENCRYPTION_KEY",
        value_name = "KEY",
        hide_env_values = true,
        conflicts_with = "encryption_key_file"
    )]
    pub(crate) encryption_key: Option<String>,
    /// A file that holds the previous key, until each log-in has been renewed once with the new one.
    #[arg(
        long,
        alias = "previous-secret-key-file",
        env = "MYHEALTH_PREVIOUS_ENCRYPTION_KEY_FILE",
        value_name = "FILE"
    )]
    pub(crate) previous_encryption_key_file: Option<PathBuf>,
}

/// How Oura is read.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Oura")]
pub(crate) struct OuraArgs {
    #[command(flatten)]
    pub(crate) login: LoginSettings,
    /// A file that holds an access token, used until a person has logged in. Oura gives out no new ones.
    #[arg(long, env = "MYHEALTH_OURA_TOKEN_FILE")]
    pub(crate) oura_token_file: Option<PathBuf>,
    /// Oura's access token; prefer the file, a command line can be read by others.
    #[arg(long, env = "MYHEALTH_OURA_TOKEN", hide_env_values = true, conflicts_with = "oura_token_file")]
    pub(crate) oura_token: Option<String>,
    /// Address of the API.
    #[arg(long, env = "MYHEALTH_OURA_URL", default_value = API)]
    pub(crate) oura_url: String,
    /// Requests to Oura in a minute, all people of this process together. Oura limits each application.
    #[arg(long, env = "MYHEALTH_OURA_REQUESTS_PER_MINUTE", default_value = "600")]
    pub(crate) oura_requests_per_minute: NonZeroU32,
    /// The oldest day to read. The first ring was sold in 2015.
    #[arg(long, env = "MYHEALTH_HISTORY_FROM", default_value = "2015-01-01")]
    pub(crate) history_from: Day,
    /// Days before the newest that every sync run reads again, because Oura changes past days.
    #[arg(
        long,
        alias = "trailing-days",
        env = "MYHEALTH_RESYNC_DAYS",
        value_name = "DAYS",
        default_value_t = domain::TRAILING_DAYS,
        value_parser = clap::value_parser!(u16).range(2..=365)
    )]
    pub(crate) resync_days: u16,
}
