//! Values against their schema and against the templates: each has a type that is checked, and each does something.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::cases::Case;
use super::rendering::complain;
use crate::folders::copy_folder;
use crate::helm::{self, Helm, Leaf};
use crate::parallel::in_parallel;

/// Values that change nothing here.
const WITHOUT_EFFECT: [(&str, &str); 2] =
    [("enabled", "a parent chart reads it"), ("embedded.replicas", "there is one value that it may have")];

/// What makes two renderings differ, or needs a cluster.
const FORBIDDEN: [&str; 8] =
    ["uuidv4", "genCA", "genSelfSigned", "genSigned", "genPrivateKey", "lookup", "now", "derivePassword"];

fn values() -> Result<Vec<Leaf>> {
    helm::leaves(&fs::read_to_string(helm::chart().join("values.yaml"))?)
}

pub(super) fn check(helms: &[&Helm]) -> Result<()> {
    let leaves = values()?;
    for helm in helms {
        check_types(helm, &leaves)?;
        check_unknown_keys(helm, &leaves)?;
        check_subchart(helm)?;
        check_nothing(helm)?;
    }
    println!("helm: the schema refuses another type and an unknown key for each of {} values", leaves.len());
    Ok(())
}

/// Every path `.Values.a.b` of a template is a value, or a part of one.
pub(super) fn check_templates() -> Result<()> {
    let leaves = values()?;
    let names: BTreeSet<_> = leaves.iter().map(Leaf::name).collect();
    let is_value = |path: &str| {
        let parent = format!("{path}.");
        names
            .iter()
            .any(|name| name == path || name.starts_with(&parent) || path.starts_with(&format!("{name}.")))
    };
    let mut problems = Vec::new();
    for (file, text) in templates(&helm::chart().join("templates"))? {
        for marker in [".Values.", "$values."] {
            for rest in text.split(marker).skip(1) {
                let path: String =
                    rest.chars().take_while(|char| char.is_ascii_alphanumeric() || *char == '.').collect();
                let path = path.trim_end_matches('.');
                // In the template of a role, `$values` is what this role has.
                let of_a_role = marker == "$values." && file == "workloads.yaml";
                if !of_a_role && !is_value(path) {
                    problems.push(format!("{file} reads {path}, which values.yaml does not have"));
                }
            }
        }
        for word in text.split(|char: char| !char.is_ascii_alphanumeric()) {
            if FORBIDDEN.contains(&word) || word.strip_prefix("rand").is_some_and(|kind| !kind.is_empty()) {
                problems.push(format!("{file} uses {word}: it would render differently each time"));
            }
        }
    }
    complain("templates", &problems)
}

/// Name and text, without comments.
fn templates(folder: &Path) -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(templates(&path)?);
            continue;
        }
        let text = fs::read_to_string(&path)?;
        let without_comments: String = text
            .split("{{/*")
            .enumerate()
            .map(
                |(at, part)| {
                    if at == 0 { part } else { part.split_once("*/}}").map_or("", |(_, rest)| rest) }
                },
            )
            .collect();
        let lines: Vec<_> =
            without_comments.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
        found.push((path.file_name().context("no name")?.to_string_lossy().into_owned(), lines.join("\n")));
    }
    Ok(found)
}

/// Values with something at each path.
fn tree<'a>(paths: impl Iterator<Item = (&'a [String], Value)>) -> Value {
    let mut root = json!({});
    for (path, value) in paths {
        let mut node = &mut root;
        for key in path {
            node = node
                .as_object_mut()
                .expect("BUG: leaves have no parts")
                .entry(key)
                .or_insert_with(|| json!({}));
        }
        *node = value;
    }
    root
}

fn template(helm: &Helm, values: &[&Value]) -> Result<Result<String, String>> {
    let folder = tempfile::tempdir()?;
    let mut files = Vec::new();
    for (at, values) in values.iter().enumerate() {
        let file = folder.path().join(format!("{at}.yaml"));
        fs::write(&file, values.to_string())?;
        files.push(file);
    }
    helm.template(&helm::chart(), &files.iter().map(AsRef::as_ref).collect::<Vec<_>>())
}

/// All values of another type at once: the complaint names each.
fn check_types(helm: &Helm, leaves: &[Leaf]) -> Result<()> {
    let wrong =
        |leaf: &Leaf| if leaf.default.is_object() { json!("wrong") } else { json!({ "wrong": true }) };
    let values = tree(leaves.iter().map(|leaf| (&leaf.path[..], wrong(leaf))));
    let Err(error) = template(helm, &[&values])? else { bail!("{} accepts wrong types", helm.name) };
    let missing = leaves.iter().filter(|leaf| !complains_of(&error, &leaf.path));
    let problems: Vec<_> =
        missing.map(|leaf| format!("{} accepts another type for {}", helm.name, leaf.name())).collect();
    complain("the schema is too weak", &problems)
}

/// Whether a complaint names a value: as a pointer since Helm 3.18, with dots before.
fn complains_of(error: &str, path: &[String]) -> bool {
    let (pointer, dotted) = if path.is_empty() {
        ("at ''".to_owned(), "- (root): ".to_owned())
    } else {
        (format!("at '/{}'", path.join("/")), format!("- {}: ", path.join(".")))
    };
    error.contains(&pointer) || error.contains(&dotted)
}

fn check_unknown_keys(helm: &Helm, leaves: &[Leaf]) -> Result<()> {
    let groups: BTreeSet<_> = leaves
        .iter()
        .flat_map(|leaf| (0..leaf.path.len()).map(|depth| &leaf.path[..depth]))
        .filter(|path| *path != ["global"])
        .collect();
    let unknown: Vec<Vec<String>> =
        groups.iter().map(|path| [*path, &["nosuchkey".to_owned()]].concat()).collect();
    let values = tree(unknown.iter().map(|path| (&path[..], json!(1))));
    let Err(error) = template(helm, &[&values])? else { bail!("{} accepts unknown keys", helm.name) };
    let missing = groups.iter().filter(|path| !complains_of(&error, path));
    let problems: Vec<_> =
        missing.map(|path| format!("{} accepts an unknown key in {:?}", helm.name, path.join("."))).collect();
    complain("the schema is too weak", &problems)
}

/// The least that renders, as part of another chart.
fn check_subchart(helm: &Helm) -> Result<()> {
    let parent = tempfile::tempdir()?;
    let source = helm::chart();
    copy_folder(&source, &parent.path().join("charts/myhealth"))?;
    let chart = "apiVersion: v2\nname: parent\nversion: 1.0.0\ndependencies:\n- name: myhealth\n  version: \">=0.0.0\"\n  \
                 condition: myhealth.enabled\n";
    fs::write(parent.path().join("Chart.yaml"), chart)?;
    let values = |enabled: bool| {
        json!({
            "global": { "imageRegistry": "mirror.test", "somethingElse": { "of": "the parent" } },
            "myhealth": {
                "enabled": enabled, "database": { "existingSecret": "db" }, "ingest": { "enabled": false },
                "api": { "allowAnonymous": true },
            },
        })
    };
    let file = parent.path().join("with.yaml");
    for (enabled, expected) in [(true, true), (false, false)] {
        fs::write(&file, values(enabled).to_string())?;
        let rendered = helm.template(parent.path(), &[&file])?;
        let rendered =
            rendered.map_err(|error| anyhow::anyhow!("{} as part of a chart: {error}", helm.name))?;
        if rendered.contains("mirror.test/myhealth/myhealth") != expected {
            bail!("{} as part of a chart with enabled: {enabled} renders:\n{rendered}", helm.name);
        }
    }
    Ok(())
}

/// Nothing enabled, nothing rendered.
fn check_nothing(helm: &Helm) -> Result<()> {
    let off = json!({ "enabled": false });
    let nothing = template(helm, &[&json!({ "exporter": off, "api": off, "ingest": off })])?;
    let nothing = nothing.map_err(|error| anyhow::anyhow!("{} with nothing enabled: {error}", helm.name))?;
    let objects = helm::objects(&nothing)?;
    if !objects.is_empty() {
        bail!(
            "{} with nothing enabled renders {:?}",
            helm.name,
            objects.iter().map(helm::Object::title).collect::<Vec<_>>()
        );
    }
    Ok(())
}

/// Every value of a fragment changes what is rendered with it, and every value is in one.
pub(super) fn check_effects(helm: &Helm, cases: &[Case]) -> Result<()> {
    let leaves = values()?;
    let fragments: Vec<_> = cases.iter().filter(|case| !case.ships()).collect();
    let results = in_parallel(&fragments, |case| {
        let parsed = |path| anyhow::Ok(serde_saphyr::from_str::<Value>(&fs::read_to_string(path)?)?);
        let (last, below) = case.files.split_last().context("a case without files")?;
        let (base, fragment) = (below.first().map_or_else(|| Ok(json!({})), parsed)?, parsed(last)?);
        let full = template(helm, &[&base, &fragment])?;
        let mut effects = Vec::new();
        for leaf in &leaves {
            let mut without = fragment.clone();
            if remove(&mut without, &leaf.path) {
                effects.push((leaf.name(), template(helm, &[&base, &without])? != full));
            }
        }
        Ok(effects)
    })?;
    let mut problems = Vec::new();
    let mut effective = BTreeSet::new();
    for (case, effects) in fragments.iter().zip(&results) {
        for (name, has_effect) in effects {
            // A fragment for both bases may have a value for one of them.
            let elsewhere = fragments.iter().zip(&results).any(|(other, effects)| {
                other.files.last() == case.files.last() && effects.contains(&(name.clone(), true))
            });
            if !has_effect && !elsewhere {
                problems.push(format!("{}: {name} changes nothing", case.name));
            }
            if *has_effect {
                effective.insert(name.clone());
            }
        }
    }
    for leaf in leaves.iter().map(Leaf::name) {
        if !effective.contains(&leaf) && WITHOUT_EFFECT.iter().all(|(name, _)| *name != leaf) {
            problems.push(format!("no fragment in helm/tests shows an effect of {leaf}"));
        }
    }
    complain("values without effect", &problems)?;
    println!("helm: each of {} values changes what is rendered", effective.len());
    Ok(())
}

/// Whether there was something at the path.
fn remove(values: &mut Value, path: &[String]) -> bool {
    let Some((last, parents)) = path.split_last() else { return false };
    let mut node = values;
    for key in parents {
        match node.get_mut(key) {
            Some(next) => node = next,
            None => return false,
        }
    }
    node.as_object_mut().is_some_and(|map| map.remove(last).is_some())
}
