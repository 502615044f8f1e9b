//! Consent in a browser: the link, the response, the exchange. A person is sent to Oura only when the database and the
//! key are known to be there, because a code works once.

use std::io::BufRead;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use domain::Pseudonym;
use ingest::oauth::{Application, Consent, ConsentError, collections_of, log_out, missing, store_login};
use ingest::{Client, Metrics};
use prometheus_client::registry::Registry;
use secrecy::SecretString;
use store::{Location, Store};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::Clock;
use crate::cli::{LoginArgs, LoginSettings, LogoutArgs};
use crate::commands::oura_account;
use crate::config::Invalid;

/// How long the browser may take to fetch the last page.
const LAST_PAGE_TIMEOUT: Duration = Duration::from_secs(2);

pub(crate) async fn login(args: LoginArgs, clock: Clock) -> anyhow::Result<ExitCode> {
    let location = args.store.location()?;
    let application = match args.login.application()? {
        Some(application) => application,
        None => kept_application(&args.login, &location).await?,
    };
    let callback = if args.paste { None } else { Some(Callback::of(application.redirect_uri())?) };
    // Checked before the database is opened; the embedded one's key is made after, in the folder that then exists.
    args.login.keyring(&location)?;
    let listeners = match &callback {
        Some(callback) => callback.bind().await?,
        None => Vec::new(),
    };
    let metrics = Metrics::register(&mut Registry::default());
    let client = Client::new(&args.oura_url, String::new().into(), metrics).map_err(Invalid::from)?;
    let store = super::open_or_create(&args.store).await?;
    let keys = args.login.keyring_for_login(&location)?;
    let who = args.person.person();
    announce_new(&store, &who.name).await?;
    let consent = Consent::new()?;
    let link = application.authorize_url(&consent);
    outln!("Open this link and give the consent:\n\n  {link}\n");
    let waiting = async {
        match callback {
            None => pasted(&consent).await,
            Some(callback) => {
                outln!("Waiting for the browser to come back to {}", application.redirect_uri());
                outln!("(a browser on another machine cannot: use --paste)");
                if !args.no_browser {
                    // Whether there is one is not ours to know; the link is printed either way.
                    let _ = open::that_detached(link.as_str());
                }
                callback.wait_for_consent(listeners, &consent).await
            }
        }
    };
    let code = tokio::select! {
        code = waiting => code?,
        () = tokio::time::sleep(args.timeout) => bail!("no consent came in time; run `myhealth login` again"),
        _ = tokio::signal::ctrl_c() => bail!("stopped; nothing was changed"),
    };
    let now = clock();
    let pair = application.exchange(&consent, &code, now).await.context("the code was not accepted")?;
    let account = client.with_tokens(pair.access.clone().into())?.oura_user_id().await;
    let person = oura_account::person_of(&store, &who, account, args.replace_account, &clock).await?;
    store_login(&store, person.id, &keys, &pair, now).await.context("the log-in cannot be stored")?;
    store.close().await;
    outln!("{} is logged in; the log-in is renewed from now on.", person.name);
    warn_of_missing(&application, &pair.scopes);
    outln!(
        "The application's id and secret are kept with it, sealed: `myhealth serve` needs neither from now on."
    );
    outln!("A running `myhealth serve` uses it by itself; otherwise start one.");
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn logout(args: LogoutArgs) -> anyhow::Result<ExitCode> {
    let location = args.store.location()?;
    let configured = args.login.application()?;
    let store = super::open(&args.store).await?;
    let application = match configured {
        // What is not known of the application must not keep a log-in from being deleted here.
        None => args.login.kept_application(&store, &location).await.unwrap_or_default(),
        configured => configured,
    };
    let keys = if application.is_some() { Some(args.login.keyring(&location)?) } else { None };
    let person = super::known(&store, &args.person.name()).await?;
    let known = application.as_ref().zip(keys.as_ref());
    let (revoked, was_logged_in) = log_out(&store, person.id, known).await?;
    store.close().await;
    if !was_logged_in {
        outln!("{} was not logged in", person.name);
        return Ok(ExitCode::SUCCESS);
    }
    outln!("{} is logged out; what has been read stays", person.name);
    let advice = "remove the application's access in your Oura account as well";
    match (known, revoked) {
        (Some(_), Ok(())) => {}
        (Some(_), Err(error)) => outln!("not revoked at Oura: {}; {advice}", store::causes(&error)),
        (None, _) => outln!("not revoked at Oura, because --oura-client-id is not set; {advice}"),
    }
    Ok(ExitCode::SUCCESS)
}

/// The application of an earlier log-in in this database.
async fn kept_application(settings: &LoginSettings, location: &Location) -> anyhow::Result<Application> {
    if !crate::database::is_there(location) {
        return Err(Invalid::NoLogin.into());
    }
    let store = super::open_at(location).await?;
    let kept = settings.kept_application(&store, location).await;
    store.close().await;
    Ok(kept?.ok_or(Invalid::NoLogin)?)
}

/// Announces that the log-in will add a person: the name may be mistyped.
async fn announce_new(store: &Store, name: &Pseudonym) -> anyhow::Result<()> {
    let people = store.people().await?;
    if people.is_empty() || people.iter().any(|person| person.name == *name) {
        return Ok(());
    }
    match crate::people::similar(name, &people) {
        Some(meant) => outln!("{name} is new here and is added by this log-in; did you mean {meant}?"),
        None => outln!("{name} is new here and is added by this log-in"),
    }
    Ok(())
}

/// Says what the person did not tick, and what it costs.
fn warn_of_missing(application: &Application, granted: &str) {
    for scope in missing(application.scopes(), granted) {
        outln!("  not given: {scope}{}", cost(scope));
    }
}

/// The collections that a missing scope costs.
pub(crate) fn cost(scope: &str) -> String {
    let names: Vec<&str> = collections_of(scope).into_iter().map(domain::Collection::name).collect();
    if names.is_empty() { String::new() } else { format!(" (without it no {})", names.join(", ")) }
}

/// The code of what a person pastes; asks again when it is something else.
async fn pasted(consent: &Consent) -> anyhow::Result<SecretString> {
    outln!("Then paste the address of the page you were sent to (it need not load), and press Enter:");
    let (say, mut lines) = mpsc::channel(1);
    // A thread of its own: reading a terminal cannot be interrupted, and must not hold the process.
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if say.blocking_send(line).is_err() {
                break;
            }
        }
    });
    while let Some(line) = lines.recv().await {
        match consent.code_of_paste(&line) {
            Ok(code) => return Ok(code),
            Err(error @ (ConsentError::Denied | ConsentError::Failed)) => return Err(error.into()),
            Err(_) if line.trim().is_empty() => {}
            Err(error) => outln!("{error}"),
        }
    }
    bail!("nothing was pasted; run `myhealth login --paste` in a terminal (kubectl run -it, docker run -it)")
}

/// Where the browser comes back to, on this machine.
struct Callback {
    port: u16,
    path: String,
}

impl Callback {
    /// Plain http on a loopback name with a port.
    fn of(redirect_uri: &str) -> Result<Self, Invalid> {
        let refuse = || Invalid::Redirect(redirect_uri.to_owned());
        let rest = redirect_uri.strip_prefix("http://").ok_or_else(refuse)?;
        let (host, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
        let (name, port) = host.rsplit_once(':').unwrap_or((host, "80"));
        if !matches!(name, "localhost" | "127.0.0.1" | "[::1]") {
            return Err(refuse());
        }
        let path = path.split(['?', '#']).next().unwrap_or("/").to_owned();
        Ok(Self { port: port.parse().map_err(|_| refuse())?, path })
    }

    /// Both families: browsers differ in what they make of "localhost".
    async fn bind(&self) -> anyhow::Result<Vec<TcpListener>> {
        let mut bound = Vec::new();
        let mut refused = None;
        for address in ["127.0.0.1", "::1"] {
            match TcpListener::bind((address, self.port)).await {
                Ok(listener) => bound.push(listener),
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        match (bound.is_empty(), refused) {
            (true, Some(error)) => Err(error).with_context(|| {
                format!(
                    "cannot listen on port {} for the browser; free it, register a redirect URI with another port, or \
                     use --paste",
                    self.port
                )
            }),
            _ => Ok(bound),
        }
    }

    /// Serves until the browser brings the response to this consent. One with a wrong state is refused and changes nothing:
    /// any page can send a browser here.
    async fn wait_for_consent(
        self,
        listeners: Vec<TcpListener>,
        consent: &Consent,
    ) -> anyhow::Result<SecretString> {
        let (say, mut queries) = mpsc::channel(4);
        // No route: a registered path may hold what a route's pattern means otherwise.
        let router = Router::new().fallback(get(come_back)).with_state((self.path.into(), say));
        let stop = CancellationToken::new();
        let mut serving = tokio::task::JoinSet::new();
        for listener in listeners {
            let serve = axum::serve(listener, router.clone());
            serving.spawn(serve.with_graceful_shutdown(stop.clone().cancelled_owned()).into_future());
        }
        let outcome = loop {
            let (query, reply) = queries.recv().await.context("the listener ended")?;
            let code = consent.code_of_query(&query);
            let _ = reply.send(Page::of(&code));
            match code {
                Ok(code) => break Ok(code),
                Err(error @ (ConsentError::Denied | ConsentError::Failed)) => break Err(error.into()),
                Err(_) => {}
            }
        };
        stop.cancel();
        let _ = tokio::time::timeout(LAST_PAGE_TIMEOUT, serving.join_all()).await;
        outcome
    }
}

/// What the browser shows in the end.
#[derive(Clone, Copy)]
struct Page {
    status: StatusCode,
    title: &'static str,
    text: &'static str,
}

impl Page {
    fn of(code: &Result<SecretString, ConsentError>) -> Self {
        let (status, title, text) = match code {
            Ok(_) => (
                StatusCode::OK,
                "Consent given",
                "The terminal says whether the log-in is complete. You can close this page.",
            ),
            Err(ConsentError::Denied) => {
                (StatusCode::OK, "Consent denied", "Nothing was changed. You can close this page.")
            }
            Err(ConsentError::Failed) => (
                StatusCode::BAD_REQUEST,
                "Oura did not ask",
                "The terminal says what to check. You can close this page.",
            ),
            Err(_) => (
                StatusCode::BAD_REQUEST,
                "Not this log-in",
                "This answer belongs to no log-in that is waited for. Use the newest link from the terminal.",
            ),
        };
        Self { status, title, text }
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let Self { status, title, text } = self;
        // The address holds the code: nothing may pass it on, and nothing is loaded.
        let headers = [
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
            ("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'"),
        ];
        let html = format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title} · myhealth</title>\
             <style>body{{font:1.1rem/1.5 system-ui;max-width:32rem;margin:20vh auto;padding:0 1rem}}</style>\
             <h1>{title}</h1><p>{text}</p></html>"
        );
        (status, headers, Html(html)).into_response()
    }
}

/// A query that a browser brought, and where the page for it goes.
type Brought = (String, oneshot::Sender<Page>);

async fn come_back(State((path, say)): State<(Arc<str>, mpsc::Sender<Brought>)>, uri: Uri) -> Response {
    if uri.path() != &*path {
        return StatusCode::NOT_FOUND.into_response();
    }
    let (reply, page) = oneshot::channel();
    let told = say.send((uri.query().unwrap_or_default().to_owned(), reply)).await.is_ok();
    match page.await {
        Ok(page) if told => page.into_response(),
        _ => StatusCode::GONE.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn login_callback_listens_on_loopback_only() {
        let check = |uri: &str, expected: Option<(u16, &str)>| {
            let callback = Callback::of(uri).ok().map(|callback| (callback.port, callback.path));
            assert_eq!(callback, expected.map(|(port, path)| (port, path.to_owned())), "{uri}");
        };
        check("http://localhost:9873/callback", Some((9873, "/callback")));
        check("http://127.0.0.1:1234", Some((1234, "/")));
        check("http://[::1]:1234/a/b/", Some((1234, "/a/b/")));
        check("http://localhost/callback?x=1", Some((80, "/callback")));
        check("https://localhost:9873/callback", None);
        check("http://health.example:9873/callback", None);
        check("http://localhost:port/callback", None);
        check("http://localhost.evil.example:80/", None);
        check("myhealth://callback", None);
        check("", None);
    }
}
