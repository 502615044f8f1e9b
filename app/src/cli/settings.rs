//! Settings from a file, and where each setting comes from. A setting is a flag that has an environment variable; its name
//! is its key. The file changes the flags' defaults, so that clap parses and checks its values as it does any other.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde::Serialize;
use toml::{Table, Value};

use super::environment;

/// The flag that names the file; no setting in it.
const FLAG: &str = "config.file";

/// A command line, variable or file that is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Mistake {
    /// clap has the text, and `--help` and `--version` are among them.
    #[error(transparent)]
    Arguments(#[from] clap::Error),
    #[error("cannot read --config.file {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{}: {source}", path.display())]
    Syntax { path: PathBuf, source: toml::de::Error },
    #[error("{}: no setting is called {key:?}; {hint}", path.display())]
    UnknownKey { path: PathBuf, key: String, hint: String },
    #[error("{}: {key} takes {expected}", path.display())]
    Type { path: PathBuf, key: String, expected: &'static str },
    #[error("{}: {reason}", path.display())]
    Value { path: PathBuf, reason: String },
    #[error("{}: {one} and {other} exclude each other; remove one", path.display())]
    Contradiction { path: PathBuf, one: String, other: String },
}

/// A setting with its value and source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Setting {
    /// The flag's name, which is the key in the file.
    pub(crate) key: String,
    /// As text, several with commas between; of a secret only `set`. `None`: not set.
    pub(crate) value: Option<String>,
    #[serde(flatten)]
    pub(crate) source: Source,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "source", content = "from", rename_all = "lowercase")]
pub(crate) enum Source {
    Flag,
    Environment(String),
    File(PathBuf),
    Default,
}

/// The settings of a file, as texts.
pub(super) struct ConfigFile {
    path: PathBuf,
    values: BTreeMap<String, Vec<String>>,
}

impl ConfigFile {
    /// The file that the command line or the environment names, if any.
    pub(super) fn named_by(command: &Command, words: &[OsString]) -> Result<Option<Self>, Mistake> {
        let given = flag(words).or_else(|| environment::value("MYHEALTH_CONFIG_FILE"));
        let Some(path) = given.filter(|path| !path.is_empty()).map(PathBuf::from) else { return Ok(None) };
        let text = std::fs::read_to_string(&path)
            .map_err(|source| Mistake::Unreadable { path: path.clone(), source })?;
        Self::read(command, path, &text).map(Some)
    }

    fn read(command: &Command, path: PathBuf, text: &str) -> Result<Self, Mistake> {
        let table: Table = text.parse().map_err(|source| Mistake::Syntax { path: path.clone(), source })?;
        let mut file = Self { path, values: BTreeMap::new() };
        let mut known = BTreeSet::new();
        keys(command, &mut known);
        file.add(&known, "", table)?;
        Ok(file)
    }

    /// Adds a table, whose keys continue `prefix`: `[web]` with `listen-address` is `web.listen-address`.
    fn add(&mut self, known: &BTreeSet<String>, prefix: &str, table: Table) -> Result<(), Mistake> {
        for (name, value) in table {
            let key = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
            match value {
                Value::Table(inner) => self.add(known, &key, inner)?,
                _ if !known.contains(&key) => {
                    let hint = match nearest(&key, known.iter().map(String::as_str)) {
                        Some(meant) => format!("did you mean {meant}?"),
                        None => "docs/configuration.md lists every flag with a variable".to_owned(),
                    };
                    return Err(Mistake::UnknownKey { path: self.path.clone(), key, hint });
                }
                Value::Array(values) => {
                    let texts: Option<Vec<_>> = values.iter().map(text).collect();
                    let expected = "a list of texts or numbers";
                    let texts = texts.ok_or_else(|| self.wrong_type(&key, expected))?;
                    self.values.insert(key, texts);
                }
                value => {
                    let text = text(&value).ok_or_else(|| self.wrong_type(&key, "a text or a number"))?;
                    self.values.insert(key, vec![text]);
                }
            }
        }
        Ok(())
    }

    fn wrong_type(&self, key: &str, expected: &'static str) -> Mistake {
        Mistake::Type { path: self.path.clone(), key: key.to_owned(), expected }
    }

    /// The values of a flag in this file.
    fn of(&self, flag: &Arg) -> Option<&[String]> {
        let values = self.values.get(flag.get_long()?)?;
        (is_setting(flag) && !values.is_empty()).then_some(values)
    }

    /// The command with this file's values as defaults, but those of the flags that are overruled.
    fn apply(&self, command: Command, overruled: &BTreeSet<String>) -> Command {
        let command = command.mut_args(|flag| match self.of(&flag) {
            Some(values) if !overruled.contains(flag.get_id().as_str()) => {
                let values: Vec<_> = values.iter().map(OsString::from).collect();
                flag.required(false).default_values(values)
            }
            _ => flag,
        });
        command.mut_subcommands(|inner| self.apply(inner, overruled))
    }

    /// More than one value for a flag that takes one would silently be the last.
    fn check_counts(&self, command: &Command) -> Result<(), Mistake> {
        for flag in command.get_arguments() {
            let several = self.of(flag).is_some_and(|values| values.len() > 1);
            if several && !matches!(flag.get_action(), ArgAction::Append) {
                return Err(self.wrong_type(flag.get_long().unwrap_or_default(), "one value"));
            }
        }
        command.get_subcommands().try_for_each(|inner| self.check_counts(inner))
    }

    /// The flags whose value in this file gives way to another flag that excludes it: `database-url` here to
    /// --database-url-file of the command line.
    fn overruled(&self, command: &Command, matches: &ArgMatches) -> Result<BTreeSet<String>, Mistake> {
        let mut overruled = BTreeSet::new();
        let flags: Vec<&Arg> = command.get_arguments().collect();
        for one in &flags {
            for other in command.get_arg_conflicts_with(one) {
                for (mine, theirs) in [(*one, other), (other, *one)] {
                    if self.of(mine).is_none() {
                        continue;
                    }
                    if is_given(matches, theirs) {
                        overruled.insert(mine.get_id().to_string());
                    } else if self.of(theirs).is_some() && !is_given(matches, mine) {
                        let key = |flag: &Arg| flag.get_long().unwrap_or_default().to_owned();
                        return Err(Mistake::Contradiction {
                            path: self.path.clone(),
                            one: key(mine),
                            other: key(theirs),
                        });
                    }
                }
            }
        }
        Ok(overruled)
    }
}

/// The value of --config.file on the command line.
fn flag(words: &[OsString]) -> Option<OsString> {
    let mut words = words.iter().take_while(|word| *word != "--");
    let mut found = None;
    while let Some(word) = words.next() {
        let Some(rest) = word.to_str().and_then(|word| word.strip_prefix("--")?.strip_prefix(FLAG)) else {
            continue;
        };
        match rest.strip_prefix('=') {
            Some(value) => found = Some(value.into()),
            None if rest.is_empty() => found = words.next().cloned(),
            None => {}
        }
    }
    found
}

/// A value of TOML as it would be written on the command line; lists and tables are none.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Boolean(yes) => Some(yes.to_string()),
        Value::Datetime(time) => Some(time.to_string()),
        Value::Array(_) | Value::Table(_) => None,
    }
}

/// Whether a flag may be in the file and is shown by `config show`.
fn is_setting(flag: &Arg) -> bool {
    flag.get_env().is_some() && !flag.is_hide_set() && flag.get_long() != Some(FLAG)
}

/// The keys of every setting of a command and those below it.
fn keys(command: &Command, into: &mut BTreeSet<String>) {
    let settings = command.get_arguments().filter(|flag| is_setting(flag));
    into.extend(settings.filter_map(Arg::get_long).map(str::to_owned));
    for inner in command.get_subcommands() {
        keys(inner, into);
    }
}

/// The name that may have been meant.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let likeness = |known: &str| strsim::jaro_winkler(name, known);
    let best = known.max_by(|one, other| likeness(one).total_cmp(&likeness(other)))?;
    (likeness(best) > 0.85).then_some(best)
}

/// Whether a value was given on the command line or by a variable.
fn is_given(matches: &ArgMatches, flag: &Arg) -> bool {
    matches.try_contains_id(flag.get_id().as_str()).is_ok()
        && matches!(
            matches.value_source(flag.get_id().as_str()),
            Some(ValueSource::CommandLine | ValueSource::EnvVariable)
        )
}

/// Parses the words; the file's values are used where neither a flag nor a variable has one.
pub(super) fn parse(
    command: Command,
    words: &[OsString],
    file: Option<&ConfigFile>,
) -> Result<(Command, ArgMatches), Mistake> {
    let Some(file) = file else {
        let mut command = command;
        let matches = command.try_get_matches_from_mut(words)?;
        return Ok((command, matches));
    };
    file.check_counts(&command)?;
    let mut overruled = BTreeSet::new();
    loop {
        let mut applied = file.apply(command.clone(), &overruled);
        let matches = match applied.try_get_matches_from_mut(words) {
            Err(error) if error.use_stderr() && command.clone().try_get_matches_from(words).is_ok() => {
                let reason = error.to_string();
                let reason = reason.trim_start_matches("error: ").split("\n\n").next().unwrap_or_default();
                return Err(Mistake::Value { path: file.path.clone(), reason: reason.trim().to_owned() });
            }
            parsed => parsed?,
        };
        let (leaf, leaf_matches) = leaf(&applied, &matches);
        let more = file.overruled(leaf, leaf_matches)?;
        if more.is_subset(&overruled) {
            return Ok((applied, matches));
        }
        overruled.extend(more);
    }
}

/// The command that was named, with its matches.
fn leaf<'a>(mut command: &'a Command, mut matches: &'a ArgMatches) -> (&'a Command, &'a ArgMatches) {
    while let Some((name, inner)) = matches.subcommand() {
        let Some(found) = command.find_subcommand(name) else { break };
        (command, matches) = (found, inner);
    }
    (command, matches)
}

/// Every setting of the command that was named, in the order of its help.
pub(super) fn of(command: &Command, matches: &ArgMatches, file: Option<&ConfigFile>) -> Vec<Setting> {
    let (command, matches) = leaf(command, matches);
    let settings = command.get_arguments().filter(|flag| is_setting(flag));
    settings.filter_map(|flag| setting(flag, matches, file)).collect()
}

fn setting(flag: &Arg, matches: &ArgMatches, file: Option<&ConfigFile>) -> Option<Setting> {
    let (key, id) = (flag.get_long()?.to_owned(), flag.get_id().as_str());
    let raw = matches.try_get_raw(id).ok()?;
    let texts: Option<Vec<_>> = raw.map(|values| values.map(OsStr::to_string_lossy).collect());
    let value = texts.map(|texts| texts.join(",")).filter(|text| !text.is_empty());
    let value = if flag.is_hide_env_values_set() { value.map(|_| "set".to_owned()) } else { value };
    let source = match matches.value_source(id) {
        Some(ValueSource::CommandLine) => Source::Flag,
        Some(ValueSource::EnvVariable) => {
            Source::Environment(flag.get_env().unwrap_or_default().to_string_lossy().into_owned())
        }
        _ => match file.filter(|file| value.is_some() && file.of(flag).is_some()) {
            Some(file) => Source::File(file.path.clone()),
            None => Source::Default,
        },
    };
    Some(Setting { key, value, source })
}

/// A file is named in texts by its path.
impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path = |path: &Path| path.display().to_string();
        match self {
            Self::Flag => f.write_str("flag"),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::File(file) => write!(f, "file {}", path(file)),
            Self::Default => f.write_str("default"),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::Invocation;

    /// The settings of `config show` with this file and these words.
    fn show(text: &str, words: &[&str]) -> Result<Vec<Setting>, Mistake> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        std::fs::write(&path, text).unwrap();
        let words = ["myhealth", "config", "show", "--config.file", path.to_str().unwrap()]
            .into_iter()
            .chain(words.iter().copied());
        let command = crate::cli::Cli::command();
        let words: Vec<_> = words.map(OsString::from).collect();
        Invocation::of(command, &words).map(|invocation| invocation.settings)
    }

    fn find<'a>(settings: &'a [Setting], key: &str) -> (Option<&'a str>, &'a Source) {
        let setting = settings.iter().find(|setting| setting.key == key).unwrap();
        (setting.value.as_deref(), &setting.source)
    }

    #[test]
    fn value_comes_from_the_flag_before_the_file_before_the_default() {
        let text = "interval = \"15m\"\nworkers = 2\n[web]\nlisten-address = [\":1\", \":2\"]\n[api]\nallow-anonymous = true\n";
        let settings = show(text, &["--interval", "20m"]).unwrap();
        assert_eq!(find(&settings, "interval"), (Some("20m"), &Source::Flag));
        let (value, source) = find(&settings, "workers");
        assert!(value == Some("2") && matches!(source, Source::File(_)), "{source}");
        assert_eq!(find(&settings, "web.listen-address").0, Some(":1,:2"));
        assert_eq!(find(&settings, "api.allow-anonymous").0, Some("true"));
        assert_eq!(find(&settings, "resync-days"), (Some("7"), &Source::Default));
        assert_eq!(find(&settings, "person"), (None, &Source::Default));
    }

    #[test]
    fn secret_of_a_file_is_not_shown() {
        let settings = show("oura-client-secret = \"hunter2\"\n", &[]).unwrap();
        assert_eq!(find(&settings, "oura-client-secret").0, Some("set"));
    }

    #[test]
    fn flag_overrules_the_setting_of_a_file_that_it_excludes() {
        let text = "database-url = \"postgres://file/health\"\n";
        let settings = show(text, &["--database-url-file", "elsewhere"]).unwrap();
        assert_eq!(find(&settings, "database-url"), (None, &Source::Default));
        assert_eq!(find(&settings, "database-url-file"), (Some("elsewhere"), &Source::Flag));
    }

    #[test]
    fn mistakes_in_a_file_are_named_with_their_key() {
        for (text, expected) in [
            ("web.listen-adress = \":1\"", "did you mean web.listen-address?"),
            ("kitchen = 1", "no setting is called \"kitchen\""),
            ("from = \"2026-01-01\"", "no setting is called \"from\""),
            ("config.file = \"other\"", "no setting is called \"config.file\""),
            ("home = \"/home\"", "no setting is called \"home\""),
            ("interval = \"1s\"", "invalid value '1s' for '--interval <DURATION>'"),
            ("interval = [\"10m\", \"20m\"]", "interval takes one value"),
            ("workers = [[1]]", "workers takes a list of texts or numbers"),
            ("workers = ", "workers = "),
            ("database-url = \"a\"\ndatabase-url-file = \"b\"", "exclude each other"),
            ("oura-token = \"a\"\noura-token-file = \"b\"", "exclude each other"),
        ] {
            let error = show(text, &[]).unwrap_err().to_string();
            assert!(error.contains("config.toml: ") && error.contains(expected), "{text}: {error}");
        }
    }

    /// Two flags of one name with different variables would be one key with two meanings.
    #[test]
    fn key_belongs_to_one_variable() {
        fn collect(command: &Command, into: &mut BTreeMap<String, BTreeSet<String>>) {
            for flag in command.get_arguments().filter(|flag| is_setting(flag)) {
                let variable = flag.get_env().unwrap().to_str().unwrap().to_owned();
                into.entry(flag.get_long().unwrap().to_owned()).or_default().insert(variable);
            }
            for inner in command.get_subcommands() {
                collect(inner, into);
            }
        }
        let mut variables = BTreeMap::new();
        collect(&crate::cli::Cli::command(), &mut variables);
        assert!(variables.len() > 50);
        for (key, variables) in variables {
            assert_eq!(variables.len(), 1, "{key}: {variables:?}");
        }
    }
}
