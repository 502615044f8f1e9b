//! The schema of a provider, read from the TypeScript that CDK for Terraform generated from it.
//!
//! The generated code has a class per block. Each member is announced by a comment with its name and flags
//! (`// arn - computed: true, optional: false, required: false`); what the member returns says its type, and the table for
//! HCL next to the class says whether it is written as a block. The result is a provider of `terraform providers schema -json`.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};

/// How a provider nests: by blocks (`set { … }`) or by attributes (`set = […]`). The generated code does not tell them apart.
#[derive(Clone, Copy, Hash, PartialEq, Eq, Debug)]
pub(super) enum Nesting {
    Blocks,
    Attributes,
}

/// The schema of a resource or data source.
pub(super) fn resource(source: &str, nesting: Nesting) -> Result<Value> {
    let source = Source::new(source, nesting);
    let main = source.class_that_extends(&["cdktf.TerraformResource", "cdktf.TerraformDataSource"])?;
    Ok(json!({ "version": 0, "block": source.block(main)? }))
}

/// The schema of the provider's own configuration.
pub(super) fn provider(source: &str, nesting: Nesting) -> Result<Value> {
    let source = Source::new(source, nesting);
    let main = source.class_that_extends(&["cdktf.TerraformProvider"])?;
    // Its members have no getters, so the table for HCL is all there is.
    let mut block = source.block_of_table(&hcl_table(main.text))?;
    // Of the language, not of the provider.
    block["attributes"].as_object_mut().context("no attributes")?.remove("alias");
    Ok(json!({ "version": 0, "block": block }))
}

struct Class<'a> {
    base: &'a str,
    text: &'a str,
}

/// A generated file, by the names of what it exports.
struct Source<'a> {
    nesting: Nesting,
    classes: BTreeMap<&'a str, Class<'a>>,
    functions: BTreeMap<&'a str, &'a str>,
}

/// How an argument is written in HCL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hcl<'a> {
    is_block: bool,
    kind: &'a str,
    storage: &'a str,
}

/// What the comment before a member says.
struct Member<'a> {
    name: &'a str,
    computed: bool,
    optional: bool,
    required: bool,
    text: &'a str,
}

impl Member<'_> {
    fn flags(&self, mut attribute: Map<String, Value>) -> Value {
        for (name, set) in
            [("computed", self.computed), ("optional", self.optional), ("required", self.required)]
        {
            if set {
                attribute.insert(name.to_owned(), true.into());
            }
        }
        attribute.into()
    }
}

impl<'a> Source<'a> {
    fn new(source: &'a str, nesting: Nesting) -> Self {
        let mut starts: Vec<_> = source.match_indices("\nexport ").map(|(at, _)| at + 1).collect();
        starts.push(source.len());
        let (mut classes, mut functions) = (BTreeMap::new(), BTreeMap::new());
        for pair in starts.windows(2) {
            let text = &source[pair[0]..pair[1]];
            if let Some(rest) = text.strip_prefix("export class ") {
                if let Some((name, rest)) = rest.split_once(" extends ") {
                    let base = rest.split_once(' ').map_or("", |(base, _)| base);
                    classes.insert(name, Class { base, text });
                }
            } else if let Some(rest) = text.strip_prefix("export function ")
                && let Some((name, _)) = rest.split_once('(')
            {
                functions.insert(name, text);
            }
        }
        Self { nesting, classes, functions }
    }

    fn class_that_extends(&self, bases: &[&str]) -> Result<&Class<'a>> {
        let mut found = self.classes.values().filter(|class| bases.contains(&class.base));
        found.next().with_context(|| format!("no class extends {}", bases.join(" or ")))
    }

    fn class(&self, name: &str) -> Result<&Class<'a>> {
        self.classes.get(name).with_context(|| format!("no class {name}"))
    }

    /// The table for HCL of a nested class, which stands in a function; empty for one that cannot be set.
    fn table_of(&self, object: &str) -> BTreeMap<&'a str, Hcl<'a>> {
        let name = object.strip_suffix("OutputReference").unwrap_or(object);
        let mut letters = name.chars();
        let first = letters.next().map(|letter| letter.to_ascii_lowercase());
        let function = first.into_iter().chain(letters).collect::<String>() + "ToHclTerraform";
        self.functions.get(&*function).map(|text| hcl_table(text)).unwrap_or_default()
    }

    fn block(&self, class: &Class<'a>) -> Result<Value> {
        self.block_with(class, &hcl_table(class.text))
    }

    fn block_with(&self, class: &Class<'a>, table: &BTreeMap<&str, Hcl<'_>>) -> Result<Value> {
        let (mut attributes, mut blocks) = (Map::new(), Map::new());
        for member in members(class.text)? {
            let hcl = table.get(member.name).copied();
            let Some(nested) = nested(member.text) else {
                let kind = simple(member.text).with_context(|| format!("type of {}", member.name))?;
                attributes.insert(member.name.to_owned(), member.flags(object(json!({ "type": kind }))));
                continue;
            };
            let (mode, reference) = self.nesting(&nested, hcl);
            let Some(reference) = reference else {
                let kind = built_in(nested.class, nested.is_set)?;
                attributes.insert(member.name.to_owned(), member.flags(object(json!({ "type": kind }))));
                continue;
            };
            let inner = self.class(&reference)?;
            let inner_table = self.table_of(&reference);
            if self.nesting == Nesting::Blocks && hcl.is_some_and(|hcl| hcl.is_block) {
                let (mode, max) = if mode == "single" && hcl.is_some_and(|hcl| hcl.kind != "struct") {
                    ("list", 1)
                } else {
                    (mode, 0)
                };
                let min = u8::from(member.required && mode != "single");
                let block = self.block_with(inner, &inner_table)?;
                blocks.insert(
                    member.name.to_owned(),
                    json!({ "nesting_mode": mode, "block": block, "min_items": min, "max_items": max }),
                );
            } else if member.optional || member.required {
                let inner = self.block_with(inner, &inner_table)?;
                let nested = json!({ "attributes": inner["attributes"], "nesting_mode": mode });
                attributes
                    .insert(member.name.to_owned(), member.flags(object(json!({ "nested_type": nested }))));
            } else {
                let kind = self.kind(inner)?;
                // What is read only was a block once: a single one is a list of one.
                let kind = if mode == "single" { kind } else { json!([mode, kind]) };
                attributes.insert(member.name.to_owned(), member.flags(object(json!({ "type": kind }))));
            }
        }
        Ok(json!({ "attributes": attributes, "block_types": blocks }))
    }

    /// How often a nested object stands, and the class of one; none for what is no class of the file's own.
    fn nesting(&self, nested: &Nested<'_>, hcl: Option<Hcl<'_>>) -> (&'static str, Option<String>) {
        let many = if nested.is_set || hcl.is_some_and(|hcl| hcl.kind == "set") { "set" } else { "list" };
        let (mode, stem) = if nested.class.ends_with("OutputReference") {
            ("single", nested.class.strip_suffix("OutputReference"))
        } else if nested.class.ends_with("Map") {
            ("map", nested.class.strip_suffix("Map"))
        } else {
            (many, nested.class.strip_suffix("List"))
        };
        let reference = stem.map(|stem| format!("{stem}OutputReference"));
        (mode, reference.filter(|name| self.classes.contains_key(&**name)))
    }

    /// The type of a nested object that is only read.
    fn kind(&self, class: &Class<'a>) -> Result<Value> {
        let mut fields = Map::new();
        for member in members(class.text)? {
            let kind = match nested(member.text) {
                None => simple(member.text).with_context(|| format!("type of {}", member.name))?,
                Some(nested) => match self.nesting(&nested, None) {
                    (_, None) => built_in(nested.class, nested.is_set)?,
                    ("single", Some(reference)) => self.kind(self.class(&reference)?)?,
                    (mode, Some(reference)) => json!([mode, self.kind(self.class(&reference)?)?]),
                },
            };
            fields.insert(member.name.to_owned(), kind);
        }
        Ok(json!(["object", fields]))
    }

    /// A block of which only the table for HCL is known; every argument is optional.
    fn block_of_table(&self, table: &BTreeMap<&str, Hcl<'_>>) -> Result<Value> {
        let (mut attributes, mut blocks) = (Map::new(), Map::new());
        for (&name, hcl) in table {
            if hcl.is_block {
                let object = hcl.storage.strip_suffix("List").unwrap_or(hcl.storage);
                let block = self.block_of_table(&self.table_of(object))?;
                let mode = match hcl.kind {
                    "set" => "set",
                    "struct" => "single",
                    _ => "list",
                };
                if self.nesting == Nesting::Blocks {
                    blocks.insert(name.to_owned(), json!({ "nesting_mode": mode, "block": block }));
                } else {
                    let nested = json!({ "attributes": block["attributes"], "nesting_mode": mode });
                    attributes.insert(name.to_owned(), json!({ "nested_type": nested, "optional": true }));
                }
            } else {
                let element = match hcl.storage {
                    storage if storage.starts_with("string") => "string",
                    storage if storage.starts_with("boolean") => "bool",
                    storage if storage.starts_with("number") => "number",
                    storage => bail!("{name} has the unknown type {storage}"),
                };
                let kind = if hcl.kind == "simple" { json!(element) } else { json!([hcl.kind, element]) };
                attributes.insert(name.to_owned(), json!({ "type": kind, "optional": true }));
            }
        }
        Ok(json!({ "attributes": attributes, "block_types": blocks }))
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// Each member of a class: from its comment to the next.
fn members(class: &str) -> Result<Vec<Member<'_>>> {
    const FLAGS: &str = " - computed: ";
    let mut starts: Vec<_> = class.match_indices("\n  // ").map(|(at, _)| at + 1).collect();
    starts.retain(|&at| class[at..].lines().next().is_some_and(|line| line.contains(FLAGS)));
    starts.push(class.len());
    let member = |pair: &[usize]| {
        let text = &class[pair[0]..pair[1]];
        let line = text.lines().next().unwrap_or_default();
        let (name, flags) = line.trim_start_matches([' ', '/']).split_once(FLAGS)?;
        let mut flags = flags.split(", ").map(|flag| flag.rsplit(": ").next() == Some("true"));
        let (computed, optional, required) = (flags.next()?, flags.next()?, flags.next()?);
        Some(Member { name, computed, optional, required, text })
    };
    starts.windows(2).map(|pair| member(pair).context("a member's comment was not understood")).collect()
}

struct Nested<'a> {
    class: &'a str,
    is_set: bool,
}

/// The class of a member that is an object: `private _x = new Class(this, "x", false);`.
fn nested(member: &str) -> Option<Nested<'_>> {
    let (before, rest) = member.split_once("(this, \"")?;
    let (_, class) = before.rsplit_once("= new ")?;
    let is_set = rest.lines().next()?.trim_end().ends_with(", true);");
    Some(Nested { class, is_set })
}

/// Classes of CDK's own, such as `cdktf.StringMapList`.
fn built_in(class: &str, is_set: bool) -> Result<Value> {
    let many = if is_set { "set" } else { "list" };
    Ok(match class {
        "cdktf.StringMap" | "cdktf.AnyMap" => json!(["map", "string"]),
        "cdktf.NumberMap" => json!(["map", "number"]),
        "cdktf.BooleanMap" => json!(["map", "bool"]),
        "cdktf.StringMapList" | "cdktf.AnyMapList" => json!([many, ["map", "string"]]),
        "cdktf.StringListList" => json!([many, ["list", "string"]]),
        "cdktf.NumberListList" => json!([many, ["list", "number"]]),
        "cdktf.StringListMap" => json!(["map", ["list", "string"]]),
        other => bail!("unknown class {other}"),
    })
}

/// The type of a member by its getter.
fn simple(member: &str) -> Result<Value> {
    let getter = member.lines().find_map(|line| line.trim().strip_prefix("return "));
    let getter = getter.context("no getter")?;
    let many = if getter.contains("Fn.tolist(") { "set" } else { "list" };
    let (_, call) = getter.split_once("this.").context("no getter")?;
    Ok(match call.split_once('(').map_or(call, |(name, _)| name) {
        // The second is a block that nests itself, which the generated code does not describe: it cannot be written here.
        "getStringAttribute" | "interpolationForAttribute" => json!("string"),
        "getBooleanAttribute" => json!("bool"),
        "getNumberAttribute" => json!("number"),
        "getListAttribute" => json!([many, "string"]),
        "getNumberListAttribute" => json!([many, "number"]),
        "getStringMapAttribute" | "getAnyMapAttribute" => json!(["map", "string"]),
        "getNumberMapAttribute" => json!(["map", "number"]),
        "getBooleanMapAttribute" => json!(["map", "bool"]),
        other => bail!("unknown getter {other}"),
    })
}

/// The entries `name: { value: …, isBlock: …, type: …, storageClassType: … }` of a function or class.
fn hcl_table(text: &str) -> BTreeMap<&str, Hcl<'_>> {
    let mut table = BTreeMap::new();
    let mut name = None;
    let mut entry = Hcl { is_block: false, kind: "", storage: "" };
    for line in text.lines().map(str::trim) {
        if let Some(word) = line.strip_suffix(": {") {
            name = Some(word.trim_matches('"'));
        } else if let Some(value) = line.strip_prefix("isBlock: ") {
            entry.is_block = value == "true,";
        } else if let Some(value) = line.strip_prefix("type: \"") {
            entry.kind = value.trim_end_matches("\",");
        } else if let Some(value) = line.strip_prefix("storageClassType: \"")
            && let Some(name) = name.take()
        {
            entry.storage = value.trim_end_matches("\",");
            table.insert(name, entry);
        }
    }
    table
}

#[cfg(test)]
mod tests;
