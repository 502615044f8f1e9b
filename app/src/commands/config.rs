//! The settings in force.

use std::process::ExitCode;

use crate::cli::settings::Setting;
use crate::cli::{ConfigCommand, ConfigShowArgs};
use crate::output;

pub(crate) fn config(command: &ConfigCommand, settings: &[Setting]) -> anyhow::Result<ExitCode> {
    let ConfigCommand::Show(args) = command;
    let ConfigShowArgs { output, .. } = &**args;
    if output.json {
        output::print_json(&settings)?;
        return Ok(ExitCode::SUCCESS);
    }
    let longest = |text: &dyn Fn(&Setting) -> usize| settings.iter().map(text).max().unwrap_or_default();
    let shown = |setting: &Setting| setting.value.clone().unwrap_or_else(|| "not set".to_owned());
    let key = longest(&|setting| setting.key.len());
    let value = longest(&|setting| shown(setting).len()).min(48);
    for setting in settings {
        outln!("{:<key$}  {:<value$}  {}", setting.key, shown(setting), setting.source);
    }
    Ok(ExitCode::SUCCESS)
}
