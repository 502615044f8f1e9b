//! Backups that the service makes by itself.

use backup::{Encryption, Keep, Repository, Schedule, Scheduled};
use prometheus_client::registry::Registry;
use service_metrics::Task;
use store::Store;

use crate::cli::backup::{BackupScheduleArgs, EncryptionArgs};
use crate::config::Invalid;
use crate::shutdown::Lifecycle;
use crate::{Clock, build, database, serve};

impl BackupScheduleArgs {
    /// How backups are encrypted; `None`: by the key that is there.
    pub(crate) fn encryption(&self) -> Result<Option<Encryption>, Invalid> {
        let args = EncryptionArgs {
            recipient: self.backup_recipient.clone(),
            passphrase_file: self.backup_passphrase_file.clone(),
            unencrypted: self.backup_unencrypted,
        };
        args.encryption()
    }
}

/// Makes backups as long as the process runs, where a place for them is configured.
pub(crate) fn start(
    args: &BackupScheduleArgs,
    lifecycle: &Lifecycle,
    store: &Store,
    registry: &mut Registry,
    clock: &Clock,
) -> anyhow::Result<()> {
    let Some(place) = &args.to else { return Ok(()) };
    let schedule = Schedule {
        repository: Repository::create(place, database::aws_settings()).map_err(Invalid::Place)?,
        encryption: args.encryption()?,
        interval: args.every,
        keep: Keep { daily: args.backup_keep_daily, weekly: args.backup_keep_weekly },
        program: build::VERSION,
    };
    let holder = serve::lease_holder()?;
    let scheduled = Scheduled::register(store.clone(), schedule, clock.clone(), holder, registry);
    let stop = lifecycle.stop.clone();
    lifecycle.supervise(Task::Backup, move || {
        let (scheduled, stop) = (scheduled.clone(), stop.clone());
        async move { scheduled.run(stop).await }
    });
    Ok(())
}
