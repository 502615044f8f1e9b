//! Backups: made, checked and restored; a store moved into another.

use std::fs::File;
use std::io;
use std::process::ExitCode;

use anyhow::{Context, bail};
use backup::{
    ArchiveReader, ArchiveWriter, Encryption, Identities, Keep, Made, Repository, Selection, Source, Summary,
};
use indicatif::ProgressBar;
use store::{AuditAction, Person, Store};

use super::audit;
use crate::cli::StoreArgs;
use crate::cli::backup::{BackupArgs, BackupPlace, EncryptionArgs, MoveArgs, RestoreArgs};
use crate::config::{Invalid, read_secret};
use crate::file::Target;
use crate::{Clock, build, database, progress};

impl EncryptionArgs {
    /// How a backup is to be encrypted; `None` where nothing was said.
    pub(crate) fn encryption(&self) -> Result<Option<Encryption>, Invalid> {
        Ok(match (&self.passphrase_file, self.recipient.as_slice(), self.unencrypted) {
            (Some(path), _, _) => {
                Some(Encryption::Passphrase(read_secret("--passphrase-file", path)?.into()))
            }
            (None, [], true) => Some(Encryption::None),
            (None, [], false) => None,
            (None, recipients, _) => Some(Encryption::Recipients(recipients.to_vec())),
        })
    }
}

pub(crate) async fn backup(args: BackupArgs, clock: Clock) -> anyhow::Result<ExitCode> {
    let encryption = args.encryption.encryption()?;
    let keep = match (args.keep_daily, args.keep_weekly) {
        (None, None) => None,
        (daily, weekly) => {
            Some(Keep { daily: daily.unwrap_or_default(), weekly: weekly.unwrap_or_default() })
        }
    };
    let store = match &args.target {
        BackupPlace::File(path) => {
            let encryption = encryption.ok_or(Invalid::NoEncryption)?;
            if keep.is_some() {
                return Err(Invalid::KeepOfFile.into());
            }
            let target = Target::of(path)?;
            let store = super::open(&args.store).await?;
            let only = match &args.person {
                Some(name) => Some(super::known(&store, name).await?.id),
                None => None,
            };
            let bar = progress::days("backup");
            let made = target
                .write(async |out| {
                    let mut archive = ArchiveWriter::new(out);
                    let at = (build::VERSION, clock());
                    let mut step = |done, all| step(&bar, done, all);
                    Ok(archive.back_up(&store, only, &encryption, at, &mut step).await?)
                })
                .await?;
            bar.finish_and_clear();
            target.note(&summary_of(&made));
            store
        }
        BackupPlace::Repository(_) if args.person.is_some() => return Err(Invalid::PersonOfRepository.into()),
        BackupPlace::Repository(place) => {
            let repository = Repository::create(place, database::aws_settings()).map_err(Invalid::Place)?;
            let store = super::open(&args.store).await?;
            let bar = progress::days("backup");
            let at = (build::VERSION, clock());
            let mut step = |done, all| step(&bar, done, all);
            let made = backup::back_up(&store, &repository, encryption.as_ref(), at, &mut step).await;
            let made = match made {
                Err(backup::Error::NoIdentity) => return Err(Invalid::NoEncryption.into()),
                made => made?,
            };
            bar.finish_and_clear();
            outln!("{}", summary_of(&made));
            outln!("verified: every object of it is in {place}, and what was written was read back");
            if let Some(keep) = keep {
                let pruned = repository.prune(keep, clock()).await?;
                outln!(
                    "removed {} older backups and {} objects ({} bytes)",
                    pruned.backups,
                    pruned.objects,
                    pruned.bytes
                );
            }
            store
        }
    };
    let subject = args.person.as_ref().map_or("everything".to_owned(), |name| format!("person {name}"));
    audit::record(&store, clock(), AuditAction::Backup, "backup", subject).await;
    store.close().await;
    Ok(ExitCode::SUCCESS)
}

fn summary_of(made: &Made) -> String {
    let manifest = &made.manifest;
    format!(
        "backup of {}: {} people, {} documents, {} superseded versions; {} bytes in {} objects, {} of them new ({} bytes); {}",
        made.listing.created_at.strftime("%F %H:%M:%S UTC"),
        manifest.people.len(),
        manifest.rows("document"),
        manifest.rows("document_revision"),
        made.listing.bytes(),
        made.listing.objects_count(),
        made.written.len(),
        made.bytes_written,
        if made.listing.recipients.is_empty() { "not encrypted" } else { "encrypted" }
    )
}

pub(crate) async fn restore(args: RestoreArgs, clock: Clock) -> anyhow::Result<ExitCode> {
    let mut identities = Identities::default();
    for path in &args.identity {
        let text = read_secret("--identity", path)?;
        identities.add_file(&text).map_err(|source| Invalid::Identity { path: path.clone(), source })?;
    }
    if let Some(path) = &args.passphrase_file {
        identities.set_passphrase(read_secret("--passphrase-file", path)?.into());
    }
    let source = match &args.source {
        BackupPlace::File(_) if args.at.is_some() => return Err(Invalid::AtOfFile.into()),
        BackupPlace::File(path) if path.as_os_str() == "-" => {
            Source::Archive(ArchiveReader::new(io::stdin()), identities)
        }
        BackupPlace::File(path) => {
            let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
            Source::Archive(ArchiveReader::new(io::BufReader::new(file)), identities)
        }
        BackupPlace::Repository(place) => {
            let repository = Repository::open(place, database::aws_settings())?;
            Source::Repository(Box::new(repository.read(args.at, identities).await?))
        }
    };
    let bar = progress::days(if args.check { "check" } else { "restore" });
    let mut step = |done, all| step(&bar, done, all);
    if args.check {
        let summary = backup::check(source, &mut step).await?;
        bar.finish_and_clear();
        outln!("{}", contents(&summary));
        outln!("every object, row and count of it is as it was made");
        return Ok(ExitCode::SUCCESS);
    }
    let location = args.store.location()?;
    let store = Store::open(&location).await?;
    store.migrate().await?;
    let selection = match &args.person {
        Some(name) => Selection::Person(name.as_str().to_owned()),
        None => Selection::Everything,
    };
    let summary = backup::restore(source, &selection, &store, clock(), &mut step).await?;
    bar.finish_and_clear();
    outln!("{}", contents(&summary));
    outln!("restored into {location}: {}", summary.people.join(", "));
    audit::record(&store, clock(), AuditAction::Restore, "restore", summary.people.join(", ")).await;
    say_log_in(&store.people().await?);
    store.close().await;
    Ok(ExitCode::SUCCESS)
}

fn contents(summary: &Summary) -> String {
    let manifest = &summary.manifest;
    format!(
        "backup of {} by myhealth {}: {} people, {} documents, {} superseded versions",
        summary.listing.created_at.strftime("%F %H:%M:%S UTC"),
        summary.listing.program,
        manifest.people.len(),
        manifest.rows("document"),
        manifest.rows("document_revision"),
    )
}

/// What a backup cannot bring back, and how to get it.
fn say_log_in(people: &[Person]) {
    outln!(
        "Log-ins at Oura are not in a backup, because they work once. Give the consent of each person again:"
    );
    for person in people {
        outln!("  myhealth login --person {}", person.name);
    }
}

pub(crate) async fn move_store(args: MoveArgs, clock: Clock) -> anyhow::Result<ExitCode> {
    let from = args.store.location()?;
    let to = StoreArgs {
        data_dir: args.to_data_dir.clone(),
        database_url: args.to_database_url.clone(),
        database_url_file: args.to_database_url_file.clone(),
        ..StoreArgs::default()
    };
    let to = to.location()?;
    let source = super::open(&args.store).await?;
    if source.came_alone() == Some(false) {
        bail!("another process uses {from}; stop it first, or what it stores meanwhile is not moved");
    }
    let target = Store::open(&to).await?;
    target.migrate().await?;
    let bar = progress::days("move");
    let manifest = backup::copy(&source, &target, clock(), &mut |done, all| step(&bar, done, all)).await?;
    bar.finish_and_clear();
    outln!(
        "moved {} people, {} documents and {} superseded versions from {from} to {to}; both have the same rows",
        manifest.people.len(),
        manifest.rows("document"),
        manifest.rows("document_revision")
    );
    audit::record(&target, clock(), AuditAction::Restore, "move", "everything").await;
    say_log_in(&target.people().await?);
    outln!("{from} is unchanged. Stop using it: a log-in that is renewed in two places ends in both.");
    target.close().await;
    source.close().await;
    Ok(ExitCode::SUCCESS)
}

fn step(bar: &ProgressBar, done: usize, all: usize) {
    bar.set_length(all.max(done) as u64);
    bar.set_position(done as u64);
}
