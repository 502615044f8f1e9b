//! Keys that an application adds to the file of a listener.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde::Deserialize;

use super::web_config::{causes, file};
use super::*;

/// The key `greeting`, whose value is in force once it is applied, and the key `greeting_file`.
#[derive(Clone, Default)]
struct Greeting {
    in_force: Arc<Mutex<Vec<String>>>,
    unavailable: Arc<AtomicBool>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Keys {
    greeting: String,
    greeting_file: Option<PathBuf>,
}

struct Read {
    greeting: String,
    extension: Greeting,
}

impl Extension for Greeting {
    fn keys(&self) -> &'static [&'static str] {
        &["greeting", "greeting_file"]
    }

    fn files(&self, source: &Source) -> Vec<PathBuf> {
        let keys: Keys = source.parse().unwrap_or_default();
        keys.greeting_file.iter().map(|file| source.folder().join(file)).collect()
    }

    fn read(&self, source: &Source) -> Result<Box<dyn Values>, Invalid> {
        let Keys { mut greeting, greeting_file } = source.parse()?;
        if let Some(file) = greeting_file {
            let path = source.folder().join(file);
            greeting = std::fs::read_to_string(&path).map_err(|source| Invalid::Unreadable {
                field: None,
                path,
                source,
            })?;
        }
        if greeting == "boo" {
            let (line, key) = (1, "greeting".to_owned());
            return Err(Invalid::Entry { line, key, reason: "write something nicer".to_owned() });
        }
        Ok(Box::new(Read { greeting, extension: self.clone() }))
    }
}

impl Values for Read {
    fn apply(&self, _: Timestamp) -> BoxFuture<'_, Result<(), Invalid>> {
        Box::pin(async {
            if self.extension.unavailable.load(Ordering::SeqCst) {
                return Err(Invalid::NotApplied { temporary: true, source: "it is away".into() });
            }
            self.extension.in_force.lock().unwrap().push(self.greeting.clone());
            Ok(())
        })
    }
}

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn extended(path: &Path, greeting: &Greeting) -> Result<WebConfig, Invalid> {
    let metrics = Metrics::register(&mut Registry::default(), NOW);
    WebConfig::new(Some(path.to_owned()), Some(Arc::new(greeting.clone())), metrics)
}

const USER: &str = "basic_auth_users: {ann: $2y$04$2QjdmMZAv1ZEfxzYGKBVe.dkHPiTbeCGFV7OQ2m6KaoA6rhvIElcW}\n";

#[tokio::test]
async fn extension_is_applied_with_the_rest_of_the_file_or_refuses_it() {
    let (_folder, path) = file("greeting: hello\n");
    let greeting = Greeting::default();
    let web = extended(&path, &greeting).unwrap();
    let in_force = || greeting.in_force.lock().unwrap().clone();
    assert!(in_force().is_empty(), "it is applied when the application is ready");
    web.apply(NOW).await.unwrap();
    assert_eq!(in_force(), ["hello"]);

    std::fs::write(&path, format!("greeting: boo\n{USER}")).unwrap();
    let error = web.reload(NOW).await.unwrap_err();
    assert_eq!(error.to_string(), "line 1, greeting: write something nicer");
    greeting.unavailable.store(true, Ordering::SeqCst);
    std::fs::write(&path, format!("greeting: hi\n{USER}")).unwrap();
    let error = web.reload(NOW).await.unwrap_err();
    assert_eq!(causes(&error), "its settings cannot be put in force: it is away");
    assert!(!web.rules().requires_password(), "a refused file changes nothing");
    assert_eq!(in_force(), ["hello"]);

    greeting.unavailable.store(false, Ordering::SeqCst);
    std::fs::write(&path, format!("greeting: hi\n{USER}tls_server_config: {{}}\n")).unwrap();
    web.reload(NOW).await.unwrap_err();
    assert_eq!(in_force(), ["hello"], "a mistake in the listener's own keys refuses the extension's");
    std::fs::write(&path, format!("greeting: hi\n{USER}")).unwrap();
    web.reload(NOW).await.unwrap();
    assert!(web.rules().requires_password());
    assert_eq!(in_force(), ["hello", "hi"]);
}

#[tokio::test(start_paused = true)]
async fn extension_that_is_unavailable_is_tried_again_without_a_change() {
    let (folder, path) = file("greeting_file: greeting\n");
    let other = folder.path().join("greeting");
    std::fs::write(&other, "hello").unwrap();
    let greeting = Greeting::default();
    let web = Arc::new(extended(&path, &greeting).unwrap());
    let stop = CancellationToken::new();
    let watch = tokio::spawn({
        let (web, stop) = (web.clone(), stop.clone());
        async move { web.watch(Arc::new(|| NOW), stop).await }
    });
    // By then the files have been looked at.
    tokio::time::sleep(Duration::from_secs(1)).await;
    greeting.unavailable.store(true, Ordering::SeqCst);
    std::fs::write(&other, "hello again").unwrap();
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert!(greeting.in_force.lock().unwrap().is_empty());
    greeting.unavailable.store(false, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(*greeting.in_force.lock().unwrap(), ["hello again"], "read once more, then not again");
    stop.cancel();
    watch.await.unwrap();
}

#[test]
fn unknown_key_is_refused_with_its_line_and_the_key_that_may_be_meant() {
    let check = |text: &str, expected: &str| {
        let (_folder, path) = file(text);
        let error =
            extended(&path, &Greeting::default()).err().unwrap_or_else(|| panic!("{text} is refused"));
        let message = causes(&error);
        assert!(message.contains(expected), "{text}: {message}");
        assert!(!message.contains("hunter2"), "{text}: {message}");
    };
    check("# a comment\ngreting:\n  - hunter2\n", "line 2: unknown key greting; did you mean greeting?");
    check("greeting: hi\nrate_limits: {}\n", "line 2: unknown key rate_limits; did you mean rate_limit?");
    check("xyz: hunter2\n", "line 1: unknown key xyz; the keys here are tls_server_config, ");
    check("tls_server_config: {certfile: x}", "line 1: unknown key certfile; did you mean cert_file?");
    check("greeting: [hunter2]\n", "line 1, greeting: it is not in the format");
    check("greeting: hi\ngreeting: hunter2\n", "the key greeting is given twice");
    check("hunter2hunter2hunter2hunter2hunter2hunter2HUNTER2: 1\n", "line 1: it is not in the format");
    check("hunter2\n", "it is not in the format");

    let (_folder, path) = file("greeting: hi\n");
    let metrics = Metrics::register(&mut Registry::default(), NOW);
    let error = WebConfig::new(Some(path), None, metrics).unwrap_err().to_string();
    assert!(error.starts_with("line 1: unknown key greeting; the keys here are"), "{error}");
}
