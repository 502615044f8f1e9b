//! Files of a crate that import each other in a circle can only be understood together, so a circle has three at most.
//! A file imports another where a path of its code (`crate::`, `super::`, `self::`, a child module) leads into it; comments,
//! visibilities, unit tests and the lists of `lib.rs` and `main.rs` do not count. The way out of a circle is mostly a file for
//! what the others share, instead of their parent.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use regex::Regex;

use super::layers::members;
use super::repository::{files, text};

/// Most files of a circle.
const MAX_CIRCLE: usize = 3;

/// A file, as the path of its module.
type Module = Vec<String>;

/// Crates with larger circles. They can be removed from here once these are broken up.
const NOT_YET: [&str; 3] = ["app", "mixin", "store"];

/// What names no file: comments, literals, visibilities.
static NO_CODE: LazyLock<Regex> = LazyLock::new(|| {
    let parts = r##"//[^\n]*|r#"(?s:.*?)"#|"(?s:\\.|[^"\\])*"|'(?:\\.|[^'\\])'|pub\([^)]*\)"##;
    Regex::new(parts).unwrap()
});

static TOKEN: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"[A-Za-z_]\w*|::|\S").unwrap());

/// The code of every source file of a crate.
fn modules(member: &str) -> BTreeMap<Module, String> {
    let folder = format!("{member}/src/");
    let mut modules = BTreeMap::new();
    for path in files(&folder, &["rs"]) {
        let module = path.strip_prefix(&folder).and_then(|path| path.strip_suffix(".rs")).unwrap();
        let module: Module = module.split('/').map(str::to_owned).collect();
        let is_root = module == ["lib"] || module == ["main"];
        if !is_root && !module.iter().any(|name| name == "tests") {
            modules.insert(module, code(&text(&path)));
        }
    }
    modules
}

/// A text without what names no file, and without its unit tests.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    NO_CODE.replace_all(text, " ").into_owned()
}

/// Every path in a text, those of nested `use` trees written out.
fn paths(code: &str) -> Vec<Module> {
    let (mut found, mut path, mut joined) = (Vec::new(), Module::new(), false);
    let mut bases: Vec<Module> = Vec::new();
    for token in TOKEN.find_iter(code).map(|token| token.as_str()) {
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

/// The circles of a crate that have more than [`MAX_CIRCLE`] files.
fn large_circles(files: &BTreeMap<Module, String>) -> BTreeSet<Vec<String>> {
    let imports = |(own, code): (&Module, &String)| {
        (own.clone(), paths(code).iter().filter_map(|path| resolve(own, path, files)).collect())
    };
    let edges: BTreeMap<Module, BTreeSet<Module>> = files.iter().map(imports).collect();
    let reached: BTreeMap<&Module, BTreeSet<&Module>> = files
        .keys()
        .map(|own| {
            let mut seen = BTreeSet::new();
            reachable(own, &edges, &mut seen);
            (own, seen)
        })
        .collect();
    let circle = |own: &Module| {
        let circle = reached[own].iter().filter(|other| reached[*other].contains(own));
        circle.map(|module| module.join("::")).collect::<Vec<_>>()
    };
    files.keys().map(circle).filter(|circle| circle.len() > MAX_CIRCLE).collect()
}

#[test]
fn circle_of_imports_has_few_files() {
    let (mut number, mut circles, mut unfinished) = (0, Vec::new(), BTreeSet::new());
    for member in members() {
        let modules = modules(&member);
        number += modules.len();
        let large = large_circles(&modules);
        if NOT_YET.contains(&&*member) {
            unfinished.extend((!large.is_empty()).then_some(member));
            continue;
        }
        let described = |circle: Vec<String>| {
            format!("{member}: {} files import each other: {}", circle.len(), circle.join(", "))
        };
        circles.extend(large.into_iter().map(described));
    }
    assert!(number > 350, "only {number} files were read");
    assert!(circles.is_empty(), "circles of more than {MAX_CIRCLE} files:\n{}", circles.join("\n"));
    let finished: Vec<_> = NOT_YET.into_iter().filter(|member| !unfinished.contains(*member)).collect();
    assert!(finished.is_empty(), "no large circle is left in {finished:?}: remove them from `NOT_YET`");
}

#[test]
fn circle_is_found_through_parents_and_siblings() {
    let file = |name: &str, code: &str| (name.split("::").map(str::to_owned).collect(), code.to_owned());
    let files = BTreeMap::from([
        file("a", "mod b; mod c; mod d; fn shared() {}"),
        file("a::b", "use super::shared;"),
        file("a::c", "use super::d::X;"),
        file("a::d", "fn f() { crate::a::shared() }"),
        file("e", "use crate::a;"),
    ]);
    assert_eq!(
        large_circles(&files),
        BTreeSet::from([["a", "a::b", "a::c", "a::d"].map(str::to_owned).to_vec()])
    );
}

#[test]
fn paths_of_nested_imports_are_written_out() {
    let found = paths("use crate::a::{B, c::{self, D}}; fn f() { super::g::<u8>(h::i) }");
    for path in ["crate::a::B", "crate::a::c::self", "crate::a::c::D", "super::g", "h::i"] {
        let path: Module = path.split("::").map(str::to_owned).collect();
        assert!(found.contains(&path), "{path:?} in {found:?}");
    }
}
