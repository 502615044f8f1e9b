//! Files of the crate that name each other in a circle can only be understood together, so a circle has three at most.
//! A file names another where a path of its code (`crate::`, `super::`, `self::`, a child module) leads into it; comments,
//! visibilities, unit tests and the lists of `lib.rs` do not count.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use regex::Regex;

/// Most files of a circle.
const MAX_CIRCLE: usize = 3;

/// A file, as the path of its module.
type Module = Vec<String>;

/// The code of every file below a folder.
fn collect(folder: &Path, module: &Module, files: &mut BTreeMap<Module, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let mut inner = module.clone();
        inner.push(path.file_stem().unwrap().to_str().unwrap().to_owned());
        if path.is_dir() {
            collect(&path, &inner, files);
        } else if inner != ["lib"] && !path.ends_with("tests.rs") {
            files.insert(inner, code(&fs::read_to_string(&path).unwrap()));
        }
    }
}

/// A text without what names no file: comments, literals, visibilities, unit tests.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    let other = r##"//[^\n]*|r#"(?s:.*?)"#|"(?s:\\.|[^"\\])*"|'(?:\\.|[^'\\])'|pub\([^)]*\)"##;
    Regex::new(other).unwrap().replace_all(text, " ").into_owned()
}

/// Every path in a text, those of nested `use` trees written out.
fn paths(code: &str) -> Vec<Module> {
    let token = Regex::new(r"[A-Za-z_]\w*|::|\S").unwrap();
    let (mut found, mut path, mut joined) = (Vec::new(), Module::new(), false);
    let mut bases: Vec<Module> = Vec::new();
    for token in token.find_iter(code).map(|token| token.as_str()) {
        let is_name = token.starts_with(|first: char| first.is_alphabetic() || first == '_');
        match token {
            "::" => {
                joined = true;
                continue;
            }
            "{" => bases.push(if joined { std::mem::take(&mut path) } else { Module::new() }),
            "}" => drop(bases.pop()),
            _ if is_name && joined && !path.is_empty() => {
                path.push(token.to_owned());
                joined = false;
                continue;
            }
            _ => {}
        }
        found.push(std::mem::take(&mut path));
        if is_name {
            path.extend(bases.last().cloned().unwrap_or_default());
            path.push(token.to_owned());
        }
        joined = false;
    }
    found.push(path);
    found
}

/// The file that a path in `own` leads into.
fn resolve(own: &Module, path: &[String], files: &BTreeMap<Module, String>) -> Option<Module> {
    let mut module = own.clone();
    let mut rest = path;
    match path.first()?.as_str() {
        "crate" => module.clear(),
        "self" => {}
        "super" => {
            while let [first, later @ ..] = rest
                && first == "super"
            {
                module.pop();
                rest = later;
            }
            module.extend(rest.iter().cloned());
            rest = &[];
        }
        child => {
            module.push(child.to_owned());
            if !files.contains_key(&module) {
                return None;
            }
        }
    }
    module.extend(rest.iter().skip(1).cloned());
    while !module.is_empty() && !files.contains_key(&module) {
        module.pop();
    }
    (!module.is_empty() && module != *own).then_some(module)
}

fn reachable<'a>(
    from: &'a Module,
    edges: &'a BTreeMap<Module, BTreeSet<Module>>,
    seen: &mut BTreeSet<&'a Module>,
) {
    for next in &edges[from] {
        if seen.insert(next) {
            reachable(next, edges, seen);
        }
    }
}

#[test]
fn circle_of_imports_has_few_files() {
    let mut files = BTreeMap::new();
    collect(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &Module::new(), &mut files);
    let edges: BTreeMap<Module, BTreeSet<Module>> = files
        .iter()
        .map(|(own, code)| {
            (own.clone(), paths(code).iter().filter_map(|path| resolve(own, path, &files)).collect())
        })
        .collect();
    let number: usize = edges.values().map(BTreeSet::len).sum();
    assert!(files.len() > 50 && number > 200, "{} files with {number} imports were read", files.len());
    for own in files.keys() {
        let mut reached = BTreeSet::new();
        reachable(own, &edges, &mut reached);
        let circle: Vec<String> = reached
            .into_iter()
            .filter(|other| {
                let mut back = BTreeSet::new();
                reachable(other, &edges, &mut back);
                back.contains(own)
            })
            .map(|module| module.join("::"))
            .collect();
        assert!(
            circle.len() <= MAX_CIRCLE,
            "{} files import each other: {}",
            circle.len(),
            circle.join(", ")
        );
    }
}

#[test]
fn paths_of_nested_imports_are_written_out() {
    let found = paths("use crate::a::{B, c::{self, D}}; fn f() { super::g::<u8>(h::i) }");
    for path in ["crate::a::B", "crate::a::c::self", "crate::a::c::D", "super::g", "h::i"] {
        let path: Module = path.split("::").map(str::to_owned).collect();
        assert!(found.contains(&path), "{path:?} in {found:?}");
    }
}
