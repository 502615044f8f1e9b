//! `docs/quirks.md` names a test for every trap. The table must not rot: what it names exists.

use std::collections::BTreeSet;

use super::repository::{files, text};

/// Names of the functions in the sources and tests of the members that tests of quirks are in.
fn functions() -> BTreeSet<String> {
    let members = ["domain", "store", "ingest", "exporter", "api", "simulator", "app"];
    let sources = members.iter().flat_map(|member| files(member, &["rs"])).map(|path| text(&path));
    let name = |line: &str| Some(line.split_once("fn ")?.1.split(['(', '<']).next()?.to_owned());
    sources.flat_map(|source| source.lines().filter_map(name).collect::<Vec<_>>()).collect()
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
    let page = text("docs/quirks.md");
    let functions = functions();
    assert!(!functions.contains("test_that_does_not_exist") && functions.len() > 100, "{}", functions.len());
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
