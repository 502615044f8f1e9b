//! Entries for the API's configuration file, as `token hash` and `account hash` print them.

use domain::{Day, Pseudonym};
use store::Scope;

/// What an entry says besides its secret.
pub(super) struct Entry<'a> {
    pub(super) name: &'a str,
    pub(super) person: Option<&'a Pseudonym>,
    /// An account has to say that it opens everyone's numbers.
    pub(super) everyone: bool,
    pub(super) scopes: &'a [Scope],
    pub(super) expires: Option<Day>,
}

impl Entry<'_> {
    /// Prints the entry, indented for the list it belongs in. `hash` needs no quotes in YAML.
    pub(super) fn print(&self, key: &str, hash: &str) {
        // A text in JSON is one in YAML.
        outln!("  - name: {}", serde_json::Value::from(self.name));
        if let Some(person) = self.person {
            outln!("    person: {}", serde_json::Value::from(person.as_str()));
        } else if self.everyone {
            outln!("    everyone: true");
        }
        outln!("    {key}: {hash}");
        if !self.scopes.is_empty() {
            let scopes: Vec<String> = self.scopes.iter().map(|scope| format!("\"{scope}\"")).collect();
            outln!("    scopes: [{}]", scopes.join(", "));
        }
        if let Some(day) = self.expires {
            outln!("    expires: {day}");
        }
    }
}
