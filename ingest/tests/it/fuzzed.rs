//! The fuzz targets without a fuzzer: every seed, and a few thousand mutations of the seeds that are the same on every
//! machine. `cargo fuzz` searches further; this keeps its targets compiling and its findings fixed.

use std::path::Path;

use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

#[expect(unreachable_pub, reason = "a crate of its own where a fuzzer runs it")]
#[path = "../../../fuzz/src/lib.rs"]
mod targets;

/// Runs of one target; a release build of the fuzzer does as many in a second.
const MUTANTS: u32 = 2_000;

/// Fragments that broke parsers before.
const SPLICES: [&[u8]; 20] = [
    b"\"",
    b";",
    b"\n",
    b"\r\n",
    b"{",
    b"[",
    b"}",
    b"]",
    b",",
    b":",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"1e999",
    b"-0",
    b"18446744073709551616",
    b"null",
    b"\\ud800",
    b"\"id\":\"a\",\"id\":1",
    b"[[[[[[[[[[[[[[[[",
];

/// Where, what to take away, what to put in.
type Edit = (prop::sample::Index, usize, Option<usize>, bool);

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(target);
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() > 3, "{target} has seeds");
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

fn mutated(seed: &[u8], edits: &[Edit]) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for (at, cut, splice, again) in edits {
        let at = at.index(bytes.len() + 1);
        let end = (at + cut).min(bytes.len());
        let piece = bytes[at..end].to_vec();
        let new = splice.map_or(&[][..], |n| SPLICES[n]).to_vec();
        let twice = if *again { [piece.clone(), piece].concat() } else { Vec::new() };
        bytes.splice(at..end, [new, twice].concat());
    }
    bytes
}

fn holds(name: &str) {
    let (_, target) = targets::TARGETS.into_iter().find(|(target, _)| *target == name).unwrap();
    let seeds = seeds(name);
    for seed in &seeds {
        target(seed);
    }
    let edit = (any::<prop::sample::Index>(), 0_usize..24, prop::option::of(0..SPLICES.len()), any::<bool>());
    let edits = prop::collection::vec(edit, 1..6);
    let config = ProptestConfig { cases: MUTANTS, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let outcome = runner.run(&((0..seeds.len()), edits), |(seed, edits)| {
        target(&mutated(&seeds[seed], &edits));
        Ok(())
    });
    outcome.unwrap();
}

#[test]
fn fuzzed_documents_are_kept_or_rejected() {
    holds("documents");
}

#[test]
fn fuzzed_pages_are_read_or_refused() {
    holds("page");
}

#[test]
fn fuzzed_table_rows_are_accounted_for() {
    holds("table");
}

#[test]
fn fuzzed_archives_are_read_or_refused() {
    holds("archive");
}

#[test]
fn fuzzed_webhook_events_are_read_or_refused() {
    holds("event");
}

#[test]
fn fuzz_targets_have_seeds() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    let manifest = std::fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
    for (name, _) in targets::TARGETS {
        assert!(fuzz.join("fuzz_targets").join(format!("{name}.rs")).is_file(), "{name}");
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
    }
}
