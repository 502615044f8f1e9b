//! What changed between two versions of Oura's OpenAPI document, as a Markdown table.
//!
//! Oura publishes no changelog. The documents are Oura's and not kept here: download both, compare, and follow the rows
//! to the collection's row in `domain/src/collection/table.rs`, the fixtures and the simulator.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

/// Prints what changed from one version of Oura's OpenAPI document to another: a row for each path, schema, field, word
/// of an enumeration, scope and requirement.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The older document: JSON
    old: PathBuf,
    /// The newer document: JSON
    new: PathBuf,
    /// Changed descriptions, titles and examples as well
    #[arg(long)]
    texts: bool,
}

pub(crate) fn main(args: &Args) -> Result<()> {
    let changes = diff(&read(&args.old)?, &read(&args.new)?, args.texts);
    print!("{}", table(&changes));
    Ok(())
}

fn read(path: &Path) -> Result<Value> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))
}

/// Where, what was there, and what is there now; `None` is nothing.
type Change = (String, Option<String>, Option<String>);

fn diff(old: &Value, new: &Value, texts: bool) -> Vec<Change> {
    let mut changes = Vec::new();
    compare("", Some(old), Some(new), texts, &mut changes);
    changes
}

fn compare(at: &str, old: Option<&Value>, new: Option<&Value>, texts: bool, changes: &mut Vec<Change>) {
    if old == new || (is_text(at) && !texts) {
        return;
    }
    let (Some(old), Some(new)) = (old, new) else {
        return changes.push((at.to_owned(), old.map(summary), new.map(summary)));
    };
    if let (Some(old), Some(new)) = (words(old), words(new)) {
        let only = |these: &BTreeSet<String>, others: &BTreeSet<String>| {
            let only: Vec<_> = these.difference(others).cloned().collect();
            (!only.is_empty()).then(|| only.join(", "))
        };
        let change = (at.to_owned(), only(&old, &new), only(&new, &old));
        // The order of words means nothing.
        if change.1.is_some() || change.2.is_some() {
            changes.push(change);
        }
        return;
    }
    let (Some(old_members), Some(new_members)) = (members(old), members(new)) else {
        return changes.push((at.to_owned(), Some(summary(old)), Some(summary(new))));
    };
    let names: BTreeSet<_> = old_members.keys().chain(new_members.keys()).collect();
    for name in names {
        let at = format!("{at}/{name}");
        compare(&at, old_members.get(name).copied(), new_members.get(name).copied(), texts, changes);
    }
}

/// Prose, which changes without changing what is sent. A field may be called `title`, so only what a schema, an
/// operation or a parameter says of itself counts.
fn is_text(at: &str) -> bool {
    let mut names = at.rsplit('/');
    let name = names.next().unwrap_or_default();
    let parent = names.next().unwrap_or_default();
    let is_prose = matches!(name, "title" | "description" | "summary" | "example" | "examples");
    (is_prose && parent != "properties") || name.starts_with("x-code")
}

/// The members of an object, or of a list by their name; `None` for a scalar.
fn members(value: &Value) -> Option<BTreeMap<String, &Value>> {
    match value {
        Value::Object(map) => {
            Some(map.iter().map(|(name, member)| (name.replace('/', "~1"), member)).collect())
        }
        Value::Array(items) => {
            Some(items.iter().enumerate().map(|(n, item)| (name_of(n, item), item)).collect())
        }
        _ => None,
    }
}

/// What tells an item of a list from its neighbours: a parameter's name, the schema it refers to, its type, its place.
fn name_of(place: usize, item: &Value) -> String {
    let named = ["name", "$ref", "type"].iter().find_map(|key| item[key].as_str());
    let named = named.map(|name| name.rsplit('/').next().unwrap_or(name).to_owned());
    named.unwrap_or_else(|| place.to_string())
}

/// A list of words, such as an enumeration, the required fields or the scopes, as a set.
fn words(value: &Value) -> Option<BTreeSet<String>> {
    let items = value.as_array()?;
    items.iter().map(|item| item.as_str().map(str::to_owned)).collect()
}

/// A few words for a whole subtree.
fn summary(value: &Value) -> String {
    let reference = value["$ref"].as_str().and_then(|it| it.rsplit('/').next());
    match (value, reference) {
        (Value::String(text), _) => text.clone(),
        (_, Some(name)) => name.to_owned(),
        (Value::Object(map), _) => match value["type"].as_str() {
            Some(name) => name.to_owned(),
            None => map.keys().cloned().collect::<Vec<_>>().join(", "),
        },
        (other, _) => other.to_string(),
    }
}

fn table(changes: &[Change]) -> String {
    let cell = |text: &Option<String>| {
        let line = text.as_deref().unwrap_or("").replace('\n', " ").replace('|', "\\|");
        match line.char_indices().nth(120) {
            Some((end, _)) => format!("{}…", &line[..end]),
            None => line,
        }
    };
    let mut text = "| Where | Before | Now |\n|---|---|---|\n".to_owned();
    for (at, old, new) in changes {
        writeln!(text, "| `{at}` | {} | {} |", cell(old), cell(new)).expect("BUG: a String takes every text");
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    fn check(old: &Value, new: &Value, expected: &[(&str, &str, &str)]) {
        let changes = super::diff(old, new, false);
        let changes: Vec<_> = changes
            .iter()
            .map(|(at, old, new)| (at.as_str(), old.as_deref().unwrap_or(""), new.as_deref().unwrap_or("")))
            .collect();
        assert_eq!(changes, expected);
    }

    #[test]
    fn new_and_removed_enum_words_are_listed_in_any_order() {
        let schema = |words: &[&str]| json!({"components": {"schemas": {"Source": {"type": "string", "enum": words}}}});
        check(
            &schema(&["manual", "meal", "auto"]),
            &schema(&["auto", "live", "manual"]),
            &[("/components/schemas/Source/enum", "meal", "live")],
        );
        check(&schema(&["a", "b"]), &schema(&["b", "a"]), &[]);
    }

    #[test]
    fn field_named_as_prose_is_compared_and_prose_is_not() {
        let schema =
            |field: Value, prose: &str| json!({"description": prose, "properties": {"title": field}});
        check(
            &schema(json!({"type": "string"}), "one"),
            &schema(json!({"type": "integer"}), "two"),
            &[("/properties/title/type", "string", "integer")],
        );
    }

    #[test]
    fn parameters_are_matched_by_name() {
        let operation = |names: &[&str]| {
            let parameters: Vec<_> = names.iter().map(|name| json!({"name": name, "in": "query"})).collect();
            json!({"paths": {"/v2/sleep": {"get": {"parameters": parameters}}}})
        };
        check(
            &operation(&["start", "end"]),
            &operation(&["end", "fields", "start"]),
            &[("/paths/~1v2~1sleep/get/parameters/fields", "", "in, name")],
        );
    }

    #[test]
    fn nullable_field_shows_the_kind_that_was_added() {
        check(
            &json!({"properties": {"ring_id": {"anyOf": [{"type": "string"}]}}}),
            &json!({"properties": {"ring_id": {"anyOf": [{"type": "string"}, {"type": "null"}]}}}),
            &[("/properties/ring_id/anyOf/null", "", "null")],
        );
    }
}
