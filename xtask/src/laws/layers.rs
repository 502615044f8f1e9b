//! Which crate may depend on which. `deny.toml` states it for the whole dependency graph;
//! these run in a second, on every machine, and need nothing but cargo.

use std::process::Stdio;

use serde_json::Value;

use super::repository::text;
use crate::run;

/// Which members of the workspace each member may use. A new member states its place here.
const MAY_USE: [(&str, &[&str]); 21] = [
    ("domain", &[]),
    ("service-metrics", &["domain"]),
    ("exposition", &[]),
    ("listener", &["service-metrics"]),
    ("sso", &[]),
    ("statistics", &[]),
    ("rds", &[]),
    ("simulator", &[]),
    ("store", &["domain"]),
    ("ingest", &["domain", "service-metrics", "store"]),
    ("exporter", &["domain", "exposition", "service-metrics", "store"]),
    (
        "api",
        &[
            "domain",
            "export",
            "exposition",
            "jobs",
            "listener",
            "service-metrics",
            "sso",
            "statistics",
            "store",
        ],
    ),
    ("export", &["domain", "store"]),
    ("report", &["domain", "statistics", "store"]),
    ("jobs", &["domain", "export", "report", "service-metrics", "store"]),
    ("backup", &["domain", "jobs", "service-metrics", "store"]),
    (
        "app",
        &[
            "api",
            "backup",
            "domain",
            "export",
            "exporter",
            "ingest",
            "jobs",
            "listener",
            "mixin",
            "rds",
            "report",
            "service-metrics",
            "simulator",
            "sso",
            "store",
        ],
    ),
    ("mixin", &["domain", "service-metrics", "statistics"]),
    ("harness", &[]),
    ("bench", &["domain", "harness"]),
    ("xtask", &["domain", "harness", "mixin"]),
];

/// Members that tests of any member may use too.
const FOR_TESTS: [&str; 1] = ["simulator"];

/// Crates that belong to one place: the crate, the members that may use it, whether tests elsewhere may.
const PLACES: [(&str, &[&str], bool); 4] = [
    // All SQL is in one crate, where every statement is tried on both databases.
    ("sqlx", &["store"], false),
    ("jiff-sqlx", &["store"], false),
    // `ingest` requests Oura, `export` pushes history to a receiver of remote write, `sso` asks an identity provider who logs in. Tests
    // may request our own servers. `rds` requests nothing with it: `object_store` builds with the TLS that it brings.
    ("reqwest", &["export", "ingest", "rds", "sso"], true),
    // Libraries have typed errors.
    ("anyhow", &["app", "bench", "harness", "xtask"], true),
];

/// `domain` is pure: no runtime, no I/O. (SQL and HTTP clients are barred by their own law.)
const NOT_IN_DOMAIN: [&str; 5] = ["axum", "futures-util", "hyper", "tokio", "tokio-util"];

/// A dependency in the manifest of a member.
struct Dependency {
    from: String,
    to: String,
    for_tests: bool,
}

/// The workspace as cargo sees it, without resolving anything: works offline and does not build.
fn metadata() -> Value {
    let mut cargo = run::cargo(&["metadata", "--no-deps", "--offline", "--format-version", "1"]);
    let output = cargo.stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "`{}` failed: {}", run::command_line(&cargo), output.status);
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The names of the workspace's members.
pub(super) fn members() -> Vec<String> {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap();
    packages.iter().map(|package| package["name"].as_str().unwrap().to_owned()).collect()
}

fn dependencies() -> Vec<Dependency> {
    let metadata = metadata();
    let mut all = Vec::new();
    for package in metadata["packages"].as_array().unwrap() {
        for dependency in package["dependencies"].as_array().unwrap() {
            all.push(Dependency {
                from: package["name"].as_str().unwrap().to_owned(),
                to: dependency["name"].as_str().unwrap().to_owned(),
                for_tests: dependency["kind"] == "dev",
            });
        }
    }
    assert!(all.len() > 20, "the manifests were not read");
    all
}

/// Fails with the law and everyone who breaks it.
#[track_caller]
fn assert_law(law: &str, offenders: impl IntoIterator<Item = String>) {
    let offenders: Vec<_> = offenders.into_iter().collect();
    assert!(offenders.is_empty(), "{law}; broken by:\n  {}", offenders.join("\n  "));
}

/// The lines below one `[header]` of a manifest.
fn section<'a>(manifest: &'a str, header: &str) -> Vec<&'a str> {
    let below = manifest.lines().skip_while(|line| line.trim() != header).skip(1);
    below.take_while(|line| !line.starts_with('[')).collect()
}

/// The crates that `deny.toml` bans outright, as opposed to those it allows in one place.
fn banned(deny: &str) -> Vec<&str> {
    let bans =
        deny.lines().map(str::trim).filter(|line| !line.starts_with('#') && !line.contains("wrappers"));
    bans.filter_map(|line| line.strip_prefix("{ crate = \"")?.split_once('"').map(|(name, _)| name)).collect()
}

#[test]
fn members_use_only_lower_members() {
    let members = members();
    assert_law(
        "every member of the workspace has a place in `MAY_USE`",
        members.iter().filter(|&member| !MAY_USE.iter().any(|(name, _)| name == member)).cloned(),
    );
    let allowed = |dependency: &Dependency| {
        let Dependency { from, to, for_tests } = dependency;
        let below = MAY_USE.iter().any(|(name, below)| name == from && below.contains(&&**to));
        // A crate's tests may depend on the crate itself with other features.
        below || (*for_tests && (from == to || FOR_TESTS.contains(&&**to)))
    };
    let broken = dependencies()
        .into_iter()
        .filter(|dependency| members.contains(&dependency.to) && !allowed(dependency));
    assert_law(
        "services never use each other, and nothing uses what lies above it",
        broken.map(|dependency| format!("{} uses {}", dependency.from, dependency.to)),
    );
}

#[test]
fn restricted_crates_stay_in_their_place() {
    let misplaced = |Dependency { from, to, for_tests }: &Dependency| {
        PLACES.iter().any(|&(name, places, tests_may)| {
            name == to && !places.contains(&&**from) && !(tests_may && *for_tests)
        })
    };
    let broken = dependencies().into_iter().filter(misplaced);
    assert_law(
        "crates in `PLACES` are used only there",
        broken.map(|dependency| format!("{} uses {}", dependency.from, dependency.to)),
    );
}

#[test]
fn domain_is_pure() {
    let impure = dependencies().into_iter().filter(|dependency| dependency.from == "domain");
    let impure = impure.map(|dependency| dependency.to).filter(|name| NOT_IN_DOMAIN.contains(&&**name));
    assert_law("domain has no async and no I/O", impure);
}

#[test]
fn banned_crates_are_not_in_the_lock_file() {
    let (deny, lock) = (text("deny.toml"), text("Cargo.lock"));
    let banned = banned(&deny);
    assert!(
        banned.contains(&"openssl-sys") && !banned.contains(&"sqlx"),
        "deny.toml was not understood: {banned:?}"
    );
    let locked: Vec<_> =
        lock.lines().filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"')).collect();
    assert!(locked.contains(&"xtask"), "Cargo.lock was not understood");
    let present = banned.into_iter().filter(|name| locked.contains(name)).map(str::to_owned);
    assert_law("no crate that deny.toml bans (`cargo tree --invert NAME` shows who brings it)", present);
}

#[test]
fn members_inherit_the_workspace_lints() {
    let silent = members().into_iter().filter(|member| {
        let manifest = text(&format!("{member}/Cargo.toml"));
        !section(&manifest, "[lints]").contains(&"workspace = true")
    });
    assert_law("every manifest says `[lints]` `workspace = true`", silent);
}

#[test]
fn workspace_dependencies_are_used() {
    let manifest = text("Cargo.toml");
    let declared = section(&manifest, "[workspace.dependencies]");
    let declared = declared.iter().filter(|line| !line.starts_with('#'));
    let declared: Vec<_> = declared.filter_map(|line| Some(line.split_once(" = ")?.0)).collect();
    assert!(declared.contains(&"serde_json"), "Cargo.toml was not understood: {declared:?}");
    let used: Vec<_> = dependencies().into_iter().map(|dependency| dependency.to).collect();
    let unused = declared.into_iter().filter(|name| !used.iter().any(|used| used == name)).map(str::to_owned);
    assert_law("every crate in [workspace.dependencies] is used by a member", unused);
}

#[test]
fn manifest_sections_end_where_the_next_begins() {
    assert_eq!(section("[a]\nx = 1\n\n[b]\ny = 2\n", "[a]"), ["x = 1", ""]);
    assert_eq!(section("[a]\nx = 1\n", "[b]"), [""; 0]);
}

#[test]
fn bans_with_wrappers_are_not_absolute() {
    let deny = "  { crate = \"a\", reason = \"old\" },\n  { crate = \"b\", wrappers = [\"c\"] },\n  # { crate = \"d\" },\n";
    assert_eq!(banned(deny), ["a"]);
}
