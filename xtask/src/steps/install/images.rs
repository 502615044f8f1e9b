//! Images of the programs that the compose file starts next to ours, with the users and folders of the official ones.

use std::fs;

use anyhow::Result;

use crate::go_tools::Tool;
use crate::image::engine::Engine;
use crate::image::{TAG, debian};

pub(super) const PROMETHEUS: &str = "docker.io/local/prometheus:v3.16.0";
pub(super) const ALERTMANAGER: &str = "docker.io/local/alertmanager:v0.35.0";
pub(super) const POSTGRES: &str = "docker.io/local/postgres:15";
/// Ours as of an earlier release: another image with the same program.
pub(super) const PREVIOUS: &str = "docker.io/local/myhealth:previous";

/// What the official image's entry point does with an empty folder.
const ENTRYPOINT: &str = r#"#!/bin/sh
set -e
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    : "${POSTGRES_PASSWORD:?is not set}"
    printf %s "$POSTGRES_PASSWORD" > /tmp/password
    initdb --username="$POSTGRES_USER" --pwfile=/tmp/password --auth=scram-sha-256 --encoding=UTF8
    rm /tmp/password
    echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
    echo "create database $POSTGRES_DB" | postgres --single postgres
fi
exec postgres -c listen_addresses='*' -c fsync=off
"#;

pub(super) fn ensure(engine: &Engine) -> Result<()> {
    let debian = debian(engine)?;
    let program = |folder: &str, programs: &str, entrypoint: &str| {
        format!(
            "FROM {debian}\nCOPY {programs} /bin/\nRUN install --directory --owner=65534 --group=65534 {folder}\n\
             USER 65534:65534\nVOLUME {folder}\nWORKDIR {folder}\nENTRYPOINT [\"/bin/{entrypoint}\"]\n"
        )
    };
    // What these are made of is in their tags; sending the programs again takes longer than anything else here.
    if !engine.has_image(PROMETHEUS)? {
        let prometheus = program("/prometheus", "prometheus promtool", "prometheus");
        engine.build(PROMETHEUS, &prometheus, &Tool::Prometheus.folder()?)?;
    }
    if !engine.has_image(ALERTMANAGER)? {
        let alertmanager = program("/alertmanager", "alertmanager amtool", "alertmanager");
        engine.build(ALERTMANAGER, &alertmanager, &Tool::Alertmanager.folder()?)?;
    }

    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("entrypoint"), ENTRYPOINT)?;
    let postgres = format!(
        "FROM {debian}\nRUN groupadd --gid 999 postgres && useradd --uid 999 --gid 999 --home-dir /var/lib/postgresql postgres \
         && apt-get update && apt-get install --yes --no-install-recommends postgresql-15 && rm -rf /var/lib/apt/lists/* \
         && install --directory --owner=999 --group=999 --mode=0700 /var/lib/postgresql/data\n\
         ENV PGDATA=/var/lib/postgresql/data PATH=/usr/lib/postgresql/15/bin:/usr/bin:/bin\n\
         COPY --chmod=0755 entrypoint /usr/local/bin/entrypoint\nVOLUME /var/lib/postgresql/data\n\
         ENTRYPOINT [\"/usr/local/bin/entrypoint\"]\n"
    );
    engine.build(POSTGRES, &postgres, folder.path())?;

    let previous = format!("FROM {TAG}\nLABEL org.opencontainers.image.revision=previous\n");
    engine.build(PREVIOUS, &previous, folder.path())
}
