//! The joined list: what the chart says to the program exists in the program. Every command line is given to the real one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use super::rendering::{Rendering, complain};
use crate::folders::copy_folder;
use crate::helm::{self, Helm, NAMESPACE};
use crate::run;

/// What the files that flags name hold; none is real.
const FILES: [(&str, &str); 5] = [
    ("url", "postgres://myhealth:secret@database.test/myhealth"),
    ("client-secret", "secret"),
    ("token", "secret"),
    ("key", "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"),
    // The hash of "secret" with the lowest cost.
    ("yml", "basic_auth_users:\n  ann: $2y$04$abcdefghijklmnopqrstuuMiMzGhYIWUyE5dtYDxuOQlYZkFmFfJu\n"),
];

pub(super) fn check(renderings: &[Rendering]) -> Result<()> {
    run::quietly(&mut run::cargo(&["build", "--quiet", "--package", "app"]), "fix the build.")?;
    let program = run::root().join("target/debug/myhealth");
    let mut lines: BTreeMap<Vec<String>, String> = BTreeMap::new();
    let mut variables: BTreeMap<Vec<String>, Vec<String>> = BTreeMap::new();
    for object in renderings.iter().flat_map(|rendering| &rendering.objects) {
        let Some(pod) = object.pod() else { continue };
        for kind in ["initContainers", "containers"] {
            let containers = pod.pointer(&format!("/spec/{kind}")).and_then(Value::as_array);
            for container in containers.into_iter().flatten() {
                let line = words(&container["args"]);
                let names = container["env"].as_array().into_iter().flatten();
                let of_program = names.filter_map(|variable| variable["name"].as_str());
                let of_program = of_program.filter(|name| name.starts_with("MYHEALTH_")).map(str::to_owned);
                variables.insert(line.clone(), of_program.collect());
                lines.insert(line, object.title());
            }
        }
    }
    let app_template: Value =
        serde_saphyr::from_str(&fs::read_to_string(helm::chart().join("values/app-template.yaml"))?)?;
    let args = app_template.pointer("/controllers/myhealth/containers/app/args");
    lines
        .insert(words(args.context("app-template.yaml has no args")?), "values/app-template.yaml".to_owned());
    for (notes, line) in notes()? {
        lines.insert(line, notes);
    }
    let mut make_key = Command::new("openssl");
    make_key.args(["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]);
    let signing_key = run::quietly(&mut make_key, "install openssl.")?;
    let mut problems = Vec::new();
    for (line, title) in &lines {
        problems.extend(
            refusal(&program, line, variables.get(line).map_or(&[], Vec::as_slice), &signing_key)?
                .map(|error| format!("{title}: {}\n{error}", line.join(" "))),
        );
    }
    complain("the program refuses what the chart gives it", &problems)?;
    println!("helm: the program accepts each of {} command lines", lines.len());
    check_metrics()
}

fn words(args: &Value) -> Vec<String> {
    args.as_array().into_iter().flatten().filter_map(|word| Some(word.as_str()?.to_owned())).collect()
}

/// What the program says against a command line. `serve` checks all that can be known before anything is opened; the
/// others parse every flag before they print their help.
fn refusal(
    program: &Path,
    line: &[String],
    variables: &[String],
    signing_key: &str,
) -> Result<Option<String>> {
    let folder = tempfile::tempdir()?;
    let place = folder.path().display().to_string();
    let mut command = Command::new(program);
    command.env_clear().env("HOME", folder.path()).envs(variables.iter().map(|name| (name, "value")));
    for word in line {
        let word = word
            .replace("/etc/myhealth", &place)
            .replace("=/data", &format!("={place}"))
            .replace("$(POD_INDEX)", "0");
        if let Some((_, path)) = word.split_once('=').filter(|(_, path)| path.starts_with(&place)) {
            let content = FILES.iter().find(|(end, _)| path.ends_with(end)).map(|(_, content)| *content);
            let content = if path.ends_with("signing-key") { Some(signing_key) } else { content };
            if let Some(content) = content {
                let path = Path::new(path);
                fs::create_dir_all(path.parent().context("a file without a folder")?)?;
                fs::write(path, content)?;
            }
        }
        command.arg(word);
    }
    command.arg(if line.first().is_some_and(|word| word == "serve") { "--config.check" } else { "--help" });
    let output = command.output().with_context(|| format!("{} did not start", program.display()))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Ok((!output.status.success()).then_some(said))
}

/// An object with what NOTES say: Helm prints them only where a cluster is.
const NOTES: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: notes}\ndata:\n  notes: |\n    \
                     {{- tpl (.Files.Get \"files/NOTES.txt\") . | nindent 4 }}\n";

/// The log-in that NOTES print, for both modes.
fn notes() -> Result<Vec<(String, Vec<String>)>> {
    let work = tempfile::tempdir()?;
    let chart = work.path().join("myhealth");
    copy_folder(&helm::chart(), &chart)?;
    fs::rename(chart.join("templates/NOTES.txt"), chart.join("files/NOTES.txt"))?;
    fs::write(chart.join("templates/notes.yaml"), NOTES)?;
    let mut lines = Vec::new();
    for helm in Helm::both()? {
        for (base, workload) in
            [("roles", "deploy/rel-myhealth-ingest"), ("embedded", "statefulset/rel-myhealth-embedded")]
        {
            let values = run::root().join(format!("helm/tests/base/{base}.yaml"));
            let printed = helm.template(&chart, &[&values])?;
            let printed = printed.map_err(|error| anyhow::anyhow!("{} refuses NOTES: {error}", helm.name))?;
            let command = format!("kubectl exec -it -n {NAMESPACE} {workload} -c myhealth -- myhealth ");
            let line = printed
                .lines()
                .find_map(|line| line.trim().strip_prefix(&command))
                .with_context(|| format!("{} prints no `{command}`:\n{printed}", helm.name))?;
            lines.push((format!("NOTES for {base}"), line.split_whitespace().map(str::to_owned).collect()));
        }
    }
    Ok(lines)
}

/// Metrics that autoscalers ask for are those of docs/service-metrics.md, which a test of the program holds to it.
fn check_metrics() -> Result<()> {
    let known = fs::read_to_string(run::root().join("docs/service-metrics.md"))?;
    let mut named = BTreeSet::new();
    for file in ["templates/scaling.yaml", "values/prometheus-adapter.yaml"] {
        let text = fs::read_to_string(helm::chart().join(file))?;
        let words = text.split(|char: char| !(char.is_ascii_alphanumeric() || char == '_'));
        named.extend(words.filter(|name| name.starts_with("myhealth_")).map(str::to_owned));
    }
    let problems: Vec<_> = named
        .iter()
        // The adapter makes the percentile of the histogram.
        .map(|name| name.trim_end_matches("_bucket").replace("_p95_seconds", "_seconds"))
        .filter(|name| !known.contains(&format!("`{name}`")))
        .map(|name| format!("no metric is called {name}"))
        .collect();
    complain("autoscaling", &problems)
}
