//! `docs/quirks.md` names a test for every trap. The table must not rot: what it names exists.

use std::collections::BTreeSet;
use std::path::Path;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Names of the functions in every test of the workspace.
fn functions() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for member in ["domain", "store", "ingest", "exporter", "api", "simulator", "app"] {
        for part in ["src", "tests"] {
            collect(&root().join(member).join(part), &mut found);
        }
    }
    found
}

fn collect(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let names = text.lines().filter_map(|line| line.split_once("fn ")?.1.split(['(', '<']).next());
            found.extend(names.map(str::to_owned));
        }
    }
}

/// The last cell of each row, and the cell before it.
fn rows(page: &str) -> Vec<(&str, &str)> {
    let rows = page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| Trap"));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        assert_eq!(cells.len(), 3, "{row}");
        (cells[1], cells[2])
    })
    .collect()
}

#[test]
fn every_quirk_names_an_existing_test() {
    let page = std::fs::read_to_string(root().join("docs/quirks.md")).unwrap();
    let functions = functions();
    assert!(functions.len() > 100, "the tests are found: {}", functions.len());
    let rows = rows(&page);
    assert!(rows.len() > 40, "the table is read: {}", rows.len());
    for (done, tests) in rows {
        let names: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "{done}: no test");
        for name in names {
            assert!(functions.contains(name), "docs/quirks.md names {name}, and no such test exists");
        }
    }
}

#[test]
fn missing_test_of_a_quirk_is_noticed() {
    assert!(!functions().contains("a_test_nobody_wrote"));
    assert_eq!(rows("| Trap | a | b |\n|---|---|---|\n| t | d | `n` |"), [("d", "`n`")]);
}
