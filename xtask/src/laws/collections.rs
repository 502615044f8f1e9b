//! CONTRIBUTING.md says how a collection is added. Here one that does not exist is added to a copy of the repository, which
//! must then build and pass the tests that a forgotten step would fail.

use std::fs;
use std::path::{Path, PathBuf};

use crate::run;

/// An edit by hand: the file, the text before which lines are inserted, and the lines. An empty text means a new file.
const EDITS: [(&str, &str, &str); 4] = [
    (
        "domain/src/collection/table.rs",
        "    /// Every ring the wearer ever set up.\n",
        r#"    /// Glasses of water.
    DailyHydration: DAILY {
        name: "daily_hydration",
        theme: Theme::Activity,
        import_tables: &["dailyhydration"],
        fields: &["/day", "/glasses", "/id"],
    },
"#,
    ),
    (
        "domain/fixtures/daily_hydration.json",
        "",
        r#"{"data": [{"id": "8f0c", "day": "2026-03-29", "glasses": 7}], "next_token": null}"#,
    ),
    (
        "domain/src/catalogue/metrics.rs",
        "    // --- ring_battery_level\n",
        r#"    one("hydration_glasses", Collection::DailyHydration, Number(Only, "/glasses"), Unit::Count, "Glasses of water."),
"#,
    ),
    (
        "api/src/resources/daily.rs",
        "    list_personal_info ",
        r#"    list_hydration "list_hydration" "/hydration" "Glasses of water, day by day." [DailyHydration];
"#,
    ),
];

/// A copy of the repository with the first of the edits. It stays between runs, so that only what differs is built again.
fn edited_copy(name: &str, edits: usize) -> PathBuf {
    let copy = run::root().join("target/invented").join(name);
    fs::remove_file(copy.join(EDITS[1].0)).ok();
    for path in super::repository::files("", &[]) {
        let mut content = fs::read(run::root().join(&path)).unwrap();
        for (_, before, lines) in EDITS[..edits].iter().filter(|(edited, _, _)| *edited == path) {
            let text = String::from_utf8(content).unwrap();
            assert_eq!(text.matches(before).count(), 1, "{before:?} in {path}");
            content = text.replacen(before, &format!("{lines}{before}"), 1).into_bytes();
        }
        write(&copy.join(path), &content);
    }
    for (path, _, content) in EDITS[..edits].iter().filter(|(_, before, _)| before.is_empty()) {
        write(&copy.join(path), content.as_bytes());
    }
    copy
}

/// Leaves a file alone that has this content, so that cargo does not see a change.
fn write(path: &Path, content: &[u8]) {
    if fs::read(path).is_ok_and(|found| found == content) {
        return;
    }
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// Cargo in the copy, with the dependencies that are built already.
fn cargo(copy: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    let mut cargo = run::cargo(arguments);
    cargo
        .current_dir(copy)
        // Cargo tells members apart by their place in the workspace: copies that share a folder would take each other's build.
        .env("CARGO_TARGET_DIR", copy.join("target"))
        .env("CARGO_NET_OFFLINE", "true");
    run::quietly(&mut cargo, "follow CONTRIBUTING.md, or correct it and this test")
}

#[test]
fn invented_collection_takes_four_files() {
    let copy = edited_copy("complete", EDITS.len());
    cargo(&copy, &["test", "--package", "domain", "--tests"]).unwrap();
}

#[test]
fn collection_without_its_metrics_is_noticed() {
    let copy = edited_copy("incomplete", 2);
    let error = cargo(&copy, &["test", "--package", "domain", "--lib", "catalogue"]).unwrap_err().to_string();
    // It compiles, and a test fails.
    assert!(error.contains("test failed, to rerun pass `-p domain --lib`"), "{error}");
}
