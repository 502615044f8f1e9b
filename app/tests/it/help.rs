//! The help of the commands as a user sees it. A change is looked at, then accepted with `cargo insta accept`.

use crate::process::{finish, myhealth, printed};

fn help(words: &[&str]) -> String {
    let mut command = myhealth(words);
    command.env_clear();
    printed(&finish(command))
}

#[test]
fn commands_are_grouped() {
    insta::assert_snapshot!("help", help(&["-h"]));
}

#[test]
fn short_help_shows_the_flags_that_matter() {
    insta::assert_snapshot!("help_serve", help(&["serve", "-h"]));
    insta::assert_snapshot!("help_demo", help(&["demo", "-h"]));
    insta::assert_snapshot!("help_status", help(&["status", "-h"]));
    let short = help(&["serve", "-h"]);
    let flags = short.lines().filter(|line| line.trim_start().starts_with('-')).count();
    assert!(flags <= 14, "ten settings, and --demo, -h, -v and -q: {short}");
}

#[test]
fn full_help_shows_every_flag_below_its_heading() {
    let full = help(&["serve", "--help"]);
    let heading_of = |flag: &str| {
        let before = full.split(&format!(" {flag} ")).next().unwrap();
        before.lines().rev().find(|line| line.ends_with(':') && !line.starts_with(' ')).unwrap().to_owned()
    };
    for (flag, heading) in [
        ("--interval", "Oura:"),
        ("--workers", "Oura:"),
        ("--shard", "Exporter:"),
        ("--sleep-goal", "Exporter:"),
        ("--jobs.results", "Jobs:"),
        ("--database-replica-url", "Database:"),
        ("--roles", "Process:"),
        ("--api.issuer", "API:"),
        ("--web.listen-address", "Listeners:"),
        ("--log.level", "Logs and traces:"),
        ("--config.file", "Configuration:"),
    ] {
        assert_eq!(heading_of(flag), heading, "{flag}");
    }
    assert!(full.lines().count() > 3 * help(&["serve", "-h"]).lines().count());
}
