use super::*;

const HASH: &str = "sha256:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const PASSWORD: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bdYLoGd/uBfaiqWTJ/6DdA$EFJovjwP63gH9Mzn9bYX0kP7kQEOlAx0JU+ByybNg2k";

fn read(text: &str, folder: &Path) -> Result<DeclaredAccess, Invalid> {
    Source::new(folder, text).parse::<Entries>()?.declared(folder)
}

#[test]
fn declared_values_come_from_the_file_and_from_others() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ann.hash"), format!("{PASSWORD}\n")).unwrap();
    let text = format!(
        "people:\n  - {{name: ann, time_zone: Europe/Berlin}}\naccounts:\n  - name: ann\n    person: ann\n    \
         password_hash: {{file: ann.hash}}\n  - name: operator\n    everyone: true\n    password_hash: {PASSWORD}\n    \
         scopes: [rest, ingest]\ntokens:\n  - name: grafana\n    hash: {HASH}\n    scopes: [\"read:sleep\"]\n    \
         expires: 2027-01-31\n"
    );
    let declared = read(&text, folder.path()).unwrap();
    assert_eq!(declared.people, [("ann".parse().unwrap(), "Europe/Berlin".to_owned())]);
    let accounts: Vec<_> =
        declared.accounts.iter().map(|it| (&*it.name, it.person.clone(), it.scopes.to_string())).collect();
    let ann = Some("ann".parse().unwrap());
    assert_eq!(
        accounts,
        [("ann", ann, "rest remote-read jobs".to_owned()), ("operator", None, "rest ingest".to_owned())]
    );
    assert_eq!(secrecy::ExposeSecret::expose_secret(&declared.accounts[0].password), PASSWORD);
    let [token] = &declared.tokens[..] else { panic!("one token") };
    assert_eq!((&*token.name, token.scopes.to_string()), ("grafana", "read:sleep".to_owned()));
    assert_eq!(token.expires_at, Some("2027-02-01T00:00:00Z".parse().unwrap()));
    assert_eq!(HASH.strip_prefix(SHA256), Some(&*token.hash));
    assert_eq!(
        Declared::default().files(&Source::new(folder.path(), text)),
        [folder.path().join("ann.hash")]
    );
}

#[test]
fn declared_mistake_is_refused_with_its_line_and_key_and_without_its_value() {
    let account = |more: &str| format!("accounts:\n  - name: ann\n    everyone: true\n    {more}\n");
    let token = |more: &str| format!("tokens:\n  - name: grafana\n    {more}\n");
    for (text, place) in [
        (account("pasword_hash: hunter2"), "line 4: unknown key pasword_hash; did you mean password_hash?"),
        (account("password_hash: hunter2"), "line 4, accounts[].password_hash: it is no argon2id hash"),
        (account("password_hash: [hunter2]"), "line 4, password_hash: it is not in the format"),
        (account("password_hash: {file: none}"), "line 4, accounts[].password_hash: cannot read"),
        (account("password_hash: {env: MYHEALTH_HAS_NO_SUCH}"), "MYHEALTH_HAS_NO_SUCH is not set"),
        (account("password_hash: {env: A, file: hunter2}"), "line 4, password_hash: it is not in"),
        (account("scopes: [rest]"), "the key password_hash is missing"),
        (account(&format!("password_hash: {PASSWORD}\n    role: owner")), "line 5, accounts[].role: no role"),
        (
            account(&format!("password_hash: {PASSWORD}\n    role: user\n    scopes: [rest]")),
            "line 5, accounts[].role: write either",
        ),
        (
            account(&format!("password_hash: {PASSWORD}\n    person: ann")),
            "line 2, accounts[].person: write either",
        ),
        (format!("accounts:\n  - name: ann\n    password_hash: {PASSWORD}\n"), "line 2, accounts[].person"),
        (token("hash: hunter2"), "line 3, tokens[].hash: expected sha256:"),
        (token(&format!("hash: {}", HASH.to_uppercase())), "line 3, tokens[].hash"),
        (
            token(&format!("hash: {HASH}\n    scopes: [rest, everything]")),
            "line 4, tokens[].scopes: no scope",
        ),
        (
            token(&format!("hash: {HASH}\n    expires: tomorrow")),
            "line 4, tokens[].expires: write the last day",
        ),
        (token(&format!("hash: {HASH}\n    person: a@b.c")), "line 4, tokens[].person"),
        (
            token(&format!("hash: {HASH}\n  - name: other\n    hash: {HASH}")),
            "line 5, tokens[].hash: another",
        ),
        (
            token(&format!("hash: {HASH}\n  - name: grafana\n    hash: {}", HASH.replace('0', "1"))),
            "line 4, tokens[].name: another",
        ),
        (token(&format!("hash: {HASH}\n    hash: {HASH}")), "line 4: the key hash is given twice"),
        (
            "people:\n  - {name: ann, time_zone: Mars/Olympus}\n".to_owned(),
            "line 2, people[].time_zone: no such",
        ),
        ("tokens: hunter2\n".to_owned(), "line 1, tokens: it is not in the format"),
    ] {
        let error = read(&text, Path::new("")).err().unwrap_or_else(|| panic!("{text} is refused"));
        let message = error.to_string();
        assert!(message.contains(place), "{text}: {message}");
        assert!(!message.contains("hunter2") && !message.contains("sha256:0"), "{text}: {message}");
    }
}
