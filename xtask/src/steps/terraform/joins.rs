//! Names that Terraform shares with the program, the releases and the documentation.

use std::fs;
use std::path::Path;

use crate::run;

fn text(path: &str) -> String {
    fs::read_to_string(run::root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All configurations of a folder.
fn hcl(folder: &Path, into: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("tests") {
            hcl(&path, into);
        } else if path.extension().is_some_and(|kind| kind == "tf") {
            *into += &fs::read_to_string(path).unwrap();
        }
    }
}

fn all_modules() -> String {
    let mut all = String::new();
    hcl(&run::root().join("terraform/modules"), &mut all);
    all
}

/// What stands in quotes on the lines of a text.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('"').skip(1).step_by(2)
}

#[test]
fn program_may_do_on_s3_what_it_does_and_nothing_else() {
    // Each call of `object_store` in the results of jobs, and what S3 asks for it.
    const CALLS: [(&str, &[&str]); 5] = [
        ("put_multipart(", &["s3:PutObject"]),
        (".abort()", &["s3:AbortMultipartUpload"]),
        (".get(&", &["s3:GetObject"]),
        (".delete(&", &["s3:DeleteObject"]),
        (".list(Some", &["s3:ListBucket"]),
    ];
    let source = text("jobs/src/results.rs");
    let (source, _) = source.split_once("#[cfg(test)]").unwrap_or((&source, ""));
    let mut needed: Vec<_> =
        CALLS.iter().filter(|(call, _)| source.contains(call)).flat_map(|(_, actions)| *actions).collect();
    assert_eq!(
        needed.len(),
        CALLS.len(),
        "jobs/src/results.rs no longer makes every call that the policy is for"
    );
    let other = ["put_opts(", ".put(&", "copy(", "rename(", "head(", "list_with_delimiter("];
    let other: Vec<_> = other
        .iter()
        .filter(|call| source.contains(&format!("store{call}")) || source.contains(&format!("store.{call}")))
        .collect();
    assert!(other.is_empty(), "calls that the policy does not know: {other:?}");

    let policies = text("terraform/modules/workload-identity/policies.tf");
    let (_, policy) = policies.split_once("myhealth = var.results").unwrap();
    let (policy, _) = policy.split_once("external-secrets = ").unwrap();
    let mut allowed: Vec<_> =
        quoted(policy).filter(|word| word.starts_with("s3:") && *word != "s3:prefix").collect();
    let mut wanted: Vec<_> = needed.drain(..).copied().collect();
    allowed.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(allowed, wanted);
}

#[test]
fn policies_that_github_may_attach_are_those_that_modules_attach() {
    let github = text("terraform/modules/github-oidc/main.tf");
    let (_, list) = github.split_once("attached = [").unwrap();
    let (list, _) = list.split_once(']').unwrap();
    let mut allowed: Vec<_> = quoted(list).map(str::to_owned).collect();

    let modules = all_modules().replace(&github, "");
    let mut attached: Vec<String> = quoted(&modules)
        .filter_map(|word| {
            let name = word.rsplit_once("policy/").map_or(word, |(_, name)| name);
            let is_policy = name.starts_with("Amazon") || name.starts_with("service-role/");
            // Access policies of EKS are not IAM's.
            (is_policy && !name.contains(' ') && !name.starts_with("AmazonEKSViewP")).then(|| name.to_owned())
        })
        .filter(|name| {
            !["AdminPolicy", "AdminViewPolicy", "EditPolicy", "ViewPolicy"]
                .iter()
                .any(|end| name.ends_with(end))
        })
        .collect();
    allowed.sort_unstable();
    attached.sort_unstable();
    attached.dedup();
    assert_eq!(allowed, attached);
}

#[test]
fn service_accounts_with_roles_are_those_of_the_releases() {
    let stack = text("terraform/modules/stack/main.tf");
    let releases =
        text("terraform/modules/observability/main.tf") + &text("terraform/modules/cluster-services/main.tf");
    let mut checked = 0;
    for rest in stack.split("service_account = \"").skip(1) {
        let account = rest.split('"').next().unwrap();
        if account != "myhealth" {
            checked += 1;
            let named = format!("name = \"{account}\"");
            assert!(releases.contains(&named), "no release has the ServiceAccount {account}");
        }
    }
    assert_eq!(checked, 8, "the stack's ServiceAccounts were not found");
}

#[test]
fn remote_read_of_the_platform_is_that_of_the_history_page() {
    let release = text("terraform/modules/observability/main.tf");
    let page = text("docs/history.md");
    assert!(page.contains("/api/v1/prometheus/read") && release.contains(":8872/api/v1/prometheus/read"));
    assert!(
        page.contains("source: history") && release.contains("requiredMatchers = { source = \"history\" }")
    );
}

#[test]
fn guide_names_every_module_every_chart_value_and_what_was_not_tried() {
    let guide = text("docs/terraform.md");
    for entry in fs::read_dir(run::root().join("terraform/modules")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(
            guide.contains(&format!("terraform/modules/{name}")),
            "docs/terraform.md does not name {name}"
        );
    }
    let outputs = text("terraform/modules/stack/chart.tf");
    let (_, values) = outputs.split_once("output \"chart_values\"").unwrap();
    let (values, _) = values.split_once("precondition").unwrap();
    let keys = values.lines().filter_map(|line| line.strip_prefix("    ")?.split_once(" = "));
    let keys: Vec<_> =
        keys.map(|(key, _)| key.trim_end()).filter(|key| key.starts_with(char::is_alphabetic)).collect();
    assert!(keys.len() >= 8, "{keys:?}");
    for key in keys {
        assert!(guide.contains(&format!("`{key}`")), "docs/terraform.md does not say what {key} is for");
    }
    assert!(guide.contains("## What was not tried"));
}
