//! What the command line accepts and refuses, and how its help looks.

use super::*;

#[test]
fn command_line_definition_is_valid() {
    Cli::command().debug_assert();
}

#[test]
fn oura_portals_are_both_known_by_default() {
    let Ok(Cli { command: Command::Login(login), .. }) = Cli::try_parse_from(["myhealth", "login"]) else {
        panic!("login needs no flag");
    };
    assert_eq!((login.login.oura_token_url.len(), login.login.oura_revoke_url.len()), (2, 2));
    assert!(!login.login.oura_scopes.contains("email"));
}

#[test]
fn former_flags_do_what_todays_flags_do() {
    for (former, today) in [
        ("serve --only api,exporter", "serve --roles api,exporter"),
        ("serve --web.host health.example.org", "serve --web.allowed-hosts health.example.org"),
        ("serve --trailing-days 14", "serve --resync-days 14"),
        ("serve --interval 900", "serve --interval 15m"),
        ("serve --webhook.replay-window 600", "serve --webhook.replay-window 10m"),
        ("serve --webhook.poll-interval 21600", "serve --webhook.poll-interval 6h"),
        ("login --timeout 60", "login --timeout 1m"),
        ("login --secret-key-file key", "login --encryption-key-file key"),
        ("login --secret-key k", "login --encryption-key k"),
        ("login --previous-secret-key-file key", "login --previous-encryption-key-file key"),
    ] {
        let parsed = |line: &str| {
            let words = std::iter::once("myhealth").chain(line.split(' '));
            format!("{:?}", Cli::try_parse_from(words).unwrap_or_else(|error| panic!("{line}: {error}")))
        };
        assert_eq!(parsed(former), parsed(today));
        assert_ne!(parsed(today), parsed(today.split(' ').next().unwrap()), "{today}");
    }
}

#[test]
fn command_line_mistakes_are_refused() {
    for line in [
        "serve --history-from 0024-01-01",
        "serve --history-from tomorrow",
        "serve --person a@b.c",
        "serve --time-zone Mars/Olympus",
        "serve --interval 1",
        "serve --shutdown.delay 2h",
        "serve --roles kitchen",
        "serve --jobs.result-links 2h",
        "serve --jobs.result-links 0s",
        "serve --database-auth kerberos",
        "migrate --grant owner=a",
        "migrate --grant writer",
        "migrate --grant reader=",
        "serve --web.listen-address 9872",
        "serve --oura-token x --oura-token-file y",
        "sync --to 2026-01-01",
        "import",
        "serve --web.telemetry-path metrics",
        "serve --web.telemetry-path /-/ready",
        "serve --web.telemetry-path /runbook",
        "serve --web.telemetry-path /healthz",
        "serve --web.telemetry-path /{x}",
        "serve --shard 3/3",
        "demo --since 1",
        "serve --webhook.listen-address 9874",
        "serve --webhook.replay-window 1",
        "serve --oura-client-secret x --oura-client-secret-file y",
        "webhook",
        "webhook sync",
        "serve --api.trusted-proxies everyone",
        "serve --api.cors-origins *",
        "account add ann",
        "account add ann --person ann --everyone",
        "token create x --scope read:everything",
        "token create x --expires yesterday",
        "fly",
    ] {
        let words = std::iter::once("myhealth").chain(line.split(' '));
        assert!(Cli::try_parse_from(words).is_err(), "{line}");
    }
}
