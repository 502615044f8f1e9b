//! Stand-ins for providers, which no registry of packages has: a small program (`xtask/stub-provider`) with the schema of
//! the real one, for the types that our code names. Names, types and required arguments are held; values are not.

use std::collections::BTreeSet;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};

use super::schema::{self, Nesting};
use crate::{cache, go_tools, run};

/// A provider whose schema an npm package carries.
#[derive(Hash)]
pub(super) struct Provider {
    /// As in `hashicorp/NAME`, and before the underscore of its types.
    name: &'static str,
    /// Of the provider, which the package was generated from.
    version: &'static str,
    package: &'static str,
    /// Of the package's archive, as npm says it.
    integrity: &'static str,
    nesting: Nesting,
}

pub(super) const PROVIDERS: [Provider; 2] = [
    Provider {
        name: "aws",
        version: "6.25.0",
        package: "@cdktf/provider-aws@21.22.1",
        integrity: "sha512-BuSHeaQFUL9l33pBzIMRT7cTQ69AM2mLtijjteCPhVQRmvuhuj9Lvfymf7knAMhYqAT6+Lrls9jiGVW/Us3zrQ==",
        nesting: Nesting::Blocks,
    },
    Provider {
        name: "helm",
        version: "3.1.1",
        package: "@cdktf/provider-helm@12.1.2",
        integrity: "sha512-QFLfD6e5djSiuw5o63JTaVjLTzUrcXW4rT6zdcvIHfjrqcUJT+Yc8cfhLTVVr5p+fRYrB90b6j8YogBEsLj+5A==",
        nesting: Nesting::Attributes,
    },
];

/// OpenTofu and Terraform look a provider up under a host each.
const HOSTS: [&str; 2] = ["registry.opentofu.org", "registry.terraform.io"];

/// The types that configurations name, such as `aws_vpc` and `data.aws_region`.
pub(super) type Types = BTreeSet<String>;

/// A folder for `-plugin-dir` with every provider, knowing these types.
pub(super) fn mirror(types: &Types) -> Result<PathBuf> {
    let program = go_tools::local("stub-provider", &run::root().join("xtask/stub-provider"))?;
    let mut hash = DefaultHasher::new();
    (&PROVIDERS, types, &program, include_str!("schema.rs")).hash(&mut hash);
    cache::folder("terraform", &format!("providers-{:016x}", hash.finish()), |folder| {
        for provider in &PROVIDERS {
            eprintln!("reading the schema of {} {} from npm", provider.name, provider.version);
            let schema = provider.schema(types).with_context(|| format!("schema of {}", provider.name))?;
            provider.install(&schema, &program, folder)?;
        }
        Ok(())
    })
}

impl Provider {
    /// One provider of `terraform providers schema -json`, of these types.
    fn schema(&self, types: &Types) -> Result<Value> {
        let work = tempfile::tempdir()?;
        let archive = self.download(work.path())?;
        let mut wanted = vec![("provider".to_owned(), None)];
        for kind in types {
            let name = kind.strip_prefix("data.").unwrap_or(kind);
            let Some(rest) = name.strip_prefix(self.name).and_then(|rest| rest.strip_prefix('_')) else {
                continue;
            };
            let folder = rest.replace('_', "-");
            let is_data = kind != name;
            let folder = if is_data { format!("data-{}-{folder}", self.name) } else { folder };
            wanted.push((folder, Some((is_data, name))));
        }
        let mut tar = Command::new("tar");
        tar.arg("-xzf").arg(&archive).arg("-C").arg(work.path());
        tar.args(wanted.iter().map(|(folder, _)| format!("package/lib/{folder}/index.js")));
        run::quietly(
            &mut tar,
            &format!("a file not found in the archive is a type that {} {} lacks.", self.name, self.version),
        )?;
        let (mut resources, mut data, mut own) = (Map::new(), Map::new(), Value::Null);
        for (folder, kind) in wanted {
            let path = work.path().join("package/lib").join(&folder).join("index.js");
            let source = type_script(&fs::read_to_string(path)?).context(folder)?;
            match kind {
                None => {
                    let version = format!("/hashicorp/{}/{}/docs", self.name, self.version);
                    if !source.contains(&version) {
                        bail!("{} was not generated from version {}", self.package, self.version);
                    }
                    own = schema::provider(&source, self.nesting)?;
                }
                Some((is_data, name)) => {
                    let schema = schema::resource(&source, self.nesting).with_context(|| name.to_owned())?;
                    if is_data { &mut data } else { &mut resources }.insert(name.to_owned(), schema);
                }
            }
        }
        Ok(json!({ "provider": own, "resource_schemas": resources, "data_source_schemas": data }))
    }

    /// The package's archive, which npm has held to its integrity and we to ours.
    fn download(&self, work: &Path) -> Result<PathBuf> {
        let mut pack = || {
            let mut npm = Command::new("npm");
            npm.current_dir(work).args(["pack", "--silent", "--json", self.package]);
            npm
        };
        let advice = "it needs npm (package `npm`, https://nodejs.org) and a way to its registry.";
        let packed: Value = serde_json::from_str(&run::quietly_retried(&mut pack, advice)?)?;
        let found = packed[0]["integrity"].as_str().unwrap_or_default();
        if found != self.integrity {
            bail!("{} has the integrity {found}, not {}", self.package, self.integrity);
        }
        Ok(work.join(packed[0]["filename"].as_str().context("npm names no file")?))
    }

    fn install(&self, schema: &Value, program: &Path, mirror: &Path) -> Result<()> {
        for host in HOSTS {
            let folder =
                mirror.join(host).join("hashicorp").join(self.name).join(self.version).join(platform());
            fs::create_dir_all(&folder)?;
            let address = format!("{host}/hashicorp/{}", self.name);
            let file = json!({ "address": address, "schema": schema });
            fs::write(folder.join("schema.json"), serde_json::to_vec(&file)?)?;
            fs::copy(program, folder.join(format!("terraform-provider-{}_v{}", self.name, self.version)))?;
        }
        Ok(())
    }
}

/// As Go names it.
fn platform() -> String {
    let processor = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let system = if std::env::consts::OS == "macos" { "darwin" } else { std::env::consts::OS };
    format!("{system}_{processor}")
}

/// The source that a compiled file carries in its source map.
fn type_script(compiled: &str) -> Result<String> {
    let (_, map) = compiled
        .rsplit_once("sourceMappingURL=data:application/json;base64,")
        .context("the file has no source map")?;
    let map = data_encoding::BASE64.decode(map.trim().as_bytes()).context("source map")?;
    let mut map: Value = serde_json::from_slice(&map).context("source map")?;
    match map["sourcesContent"][0].take() {
        Value::String(source) => Ok(source),
        _ => bail!("the source map has no source"),
    }
}

/// The types that HCL names: `resource "aws_vpc" …` and `data "aws_region" …` at the beginning of a line.
pub(super) fn types_in(hcl: &str) -> Types {
    let named = |line: &str| {
        let (kind, rest) = line.split_once(" \"")?;
        let (name, _) = rest.split_once('"')?;
        match kind {
            "resource" => Some(name.to_owned()),
            "data" => Some(format!("data.{name}")),
            _ => None,
        }
    };
    let types = hcl.lines().filter_map(named);
    // Built into the language.
    types.filter(|name| !name.contains("terraform_")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_those_of_resources_and_data_sources() {
        let hcl = "resource \"aws_vpc\" \"main\" {\n  tags = { data = \"x\" }\n}\ndata \"aws_region\" \"here\" {}\n\
                   resource \"terraform_data\" \"x\" {}\nmodule \"aws_y\" {}\n";
        assert_eq!(types_in(hcl), ["aws_vpc", "data.aws_region"].map(str::to_owned).into());
    }

    #[test]
    fn source_is_taken_from_the_source_map() {
        let map = data_encoding::BASE64.encode(br#"{"sourcesContent":["export class A"]}"#);
        let compiled = format!("exports.A = 1;\n//# sourceMappingURL=data:application/json;base64,{map}\n");
        assert_eq!(type_script(&compiled).unwrap(), "export class A");
        type_script("exports.A = 1;").unwrap_err();
    }
}
