//! A page about a week or month, as a file.

use std::io::Write as _;
use std::process::ExitCode;

use domain::Day;
use jiff::tz::TimeZone;

use crate::Clock;
use crate::cli::ReportArgs;
use crate::file::Target;

pub(crate) async fn report(args: ReportArgs, clock: Clock) -> anyhow::Result<ExitCode> {
    let target = Target::of(&args.file)?;
    let store = super::open(&args.store).await?;
    let person = super::known(&store, &args.person).await?;
    let zone = TimeZone::get(&person.time_zone)?;
    let days = match args.day {
        Some(day) => args.period.around(day),
        None => args.period.before(Day::at(clock(), &zone)),
    };
    let page = report::report(&store, &person, args.period, days, clock()).await;
    store.close().await;
    let page = page?;
    target.write(async |out| Ok(out.write_all(page.as_bytes())?)).await?;
    target.note(&format!(
        "{} to {} is in {}; open it in a browser, and print it there for a PDF",
        days.first(),
        days.last(),
        args.file.display()
    ));
    Ok(ExitCode::SUCCESS)
}
