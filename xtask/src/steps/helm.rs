//! Holds the chart to its properties, with Helm 3 and 4 and over every values file, without a cluster.

mod cases;
mod names;
mod network;
mod pods;
mod program;
mod rendering;
mod scan;
mod schema;

use std::fs;
use std::path::PathBuf;

use anyhow::{Result, bail};
use serde_json::Value;

use self::cases::Case;
use self::rendering::{Rendering, complain};
use crate::helm::{self, Helm};
use crate::parallel::in_parallel;

/// Fewer cases than this mean that some were lost or not found.
const LEAST_CASES: usize = 75;

/// What a rendering must be: says what it is not.
type Property = fn(&Rendering) -> Vec<String>;

const PROPERTIES: &[Property] = &[
    names::names_are_valid_and_labelled,
    names::selectors_select_the_release,
    names::named_objects_exist,
    names::secrets_are_declared,
    names::external_secrets_make_every_key,
    names::gauges_have_no_route,
    names::hooks_are_known_to_helm_and_argo,
    names::dashboards_are_the_mixin,
    network::policies_deny_by_default,
    pods::pods_are_restricted,
    pods::probes_are_where_they_belong,
    pods::resources_are_bounded,
    pods::mounts_and_paths_agree,
    pods::variables_are_unique,
    pods::replicas_have_one_owner,
    pods::shutdown_has_time,
];

/// Values files from elsewhere: the chart takes them, and keeps its properties with them.
pub(super) fn check_values(name: &str, files: Vec<PathBuf>) -> Result<()> {
    let [helm_3, helm_4] = Helm::both()?;
    let rendering = render(&Case { name: name.to_owned(), files }, &helm_3, &helm_4)?;
    let problems: Vec<_> = PROPERTIES.iter().flat_map(|property| property(&rendering)).collect();
    complain(&format!("the chart does not keep its properties with {name}"), &problems)?;
    program::check(&[rendering])
}

pub(super) fn run() -> Result<()> {
    let [helm_3, helm_4] = Helm::both()?;
    let cases = cases::accepted()?;
    if cases.len() < LEAST_CASES {
        bail!("{} values files, fewer than {LEAST_CASES}: some were lost", cases.len());
    }
    schema::check_templates()?;
    let renderings = in_parallel(&cases, |case| render(case, &helm_3, &helm_4))?;
    println!(
        "helm: {} values files rendered twice each and alike by {} and {}",
        cases.len(),
        helm_3.name,
        helm_4.name
    );
    let problems: Vec<_> = cases
        .iter()
        .zip(&renderings)
        .flat_map(|(case, rendering)| {
            let found = PROPERTIES.iter().flat_map(|property| property(rendering));
            found.map(|problem| format!("{}: {problem}", case.name))
        })
        .collect();
    complain("the chart does not keep its properties", &problems)?;
    println!("helm: {} properties hold for each", PROPERTIES.len());
    cases::check_refused(&[&helm_3, &helm_4])?;
    schema::check(&[&helm_3, &helm_4])?;
    program::check(&renderings)?;
    scan::check(&cases, &renderings)?;
    schema::check_effects(&helm_4, &cases)
}

fn render(case: &Case, helm_3: &Helm, helm_4: &Helm) -> Result<Rendering> {
    let chart = helm::chart();
    let files: Vec<_> = case.files.iter().map(AsRef::as_ref).collect();
    let mut texts = Vec::new();
    for helm in [helm_3, helm_4, helm_4] {
        match helm.template(&chart, &files)? {
            Ok(text) => texts.push(text),
            Err(error) => bail!("{} refuses {}:\n{error}", helm.name, case.name),
        }
    }
    if texts[1] != texts[2] {
        bail!("{}: two renderings differ", case.name);
    }
    // Versions order documents of one kind differently; what they say must be the same.
    let [one, other] = [&texts[0], &texts[1]].map(|text| sorted(text));
    if one != other {
        let differing = one.iter().zip(&other).find(|(one, other)| one != other);
        bail!("{}: Helm 3 and 4 render differently: {differing:?}", case.name);
    }
    let mut values = Value::Null;
    for file in &case.files {
        merge(&mut values, serde_saphyr::from_str(&fs::read_to_string(file)?)?);
    }
    Ok(Rendering { values, objects: helm::objects(&texts[1])? })
}

fn sorted(text: &str) -> Vec<&str> {
    let mut documents: Vec<_> = text.split("\n---").map(str::trim).collect();
    documents.sort_unstable();
    documents
}

/// As Helm merges values files.
fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}
