//! Grafana's own description of a dashboard, as TypeScript types: a field that is misspelt or of the wrong kind is a
//! type error. Needs npm and a registry, so it is asked for and not part of every run.

use std::fmt::Write as _;
use std::process::Command;

use anyhow::{Context, Result};

use mixin::Dashboard;

use crate::run;

const PACKAGES: [&str; 2] = ["@grafana/schema@13", "typescript@5"];

/// JSON has texts where the types have enumerations. Annotations are typed for Grafana's own source only, so those of
/// Prometheus are left out; they are executed in the tests.
const HEAD: &str = "\
import type { Dashboard } from './node_modules/@grafana/schema/dist/types/raw/dashboard/x/types.gen';
type Plain<T> = T extends string ? `${T}` : T extends (infer U)[] ? Plain<U>[] : T extends object ? { [K in keyof T]: Plain<T[K]> } : T;
type File = Plain<Omit<Dashboard, 'annotations'>> & { annotations: object };
";

pub(super) fn check(dashboards: &[Dashboard]) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let npm = |arguments: &[&str]| {
        run::quietly(
            Command::new("npm").current_dir(folder.path()).args(arguments),
            "look at the lines above; npm comes with Node.js",
        )
    };
    std::fs::write(folder.path().join("package.json"), "{}")?;
    npm(&[&["install", "--no-audit", "--no-fund", "--ignore-scripts"], &PACKAGES[..]].concat())?;
    let mut text = HEAD.to_owned();
    for dashboard in dashboards {
        writeln!(text, "({} satisfies File);", dashboard.json.trim_end()).expect("BUG: writing to a string");
    }
    std::fs::write(folder.path().join("dashboards.ts"), text)
        .context("cannot write the dashboards as TypeScript")?;
    let options = "--noEmit --strict --skipLibCheck --moduleResolution bundler --module esnext".split(' ');
    let tsc: Vec<_> = ["exec", "--", "tsc"].into_iter().chain(options).chain(["dashboards.ts"]).collect();
    npm(&tsc).map(drop)
}
