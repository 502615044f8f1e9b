//! Notifications: the shipped Alertmanager configuration with every receiver pointed at a stand-in for Slack, Discord,
//! `PagerDuty`, a mail server and a program of the operator's. And quiet hours, at night and in the morning.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex};

use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::generation::{Generation, on_each_generation};
use crate::monitoring::{Alertmanager, Receiver, replaced, serve, shipped};
use crate::process::until;

/// What has arrived: where, and what.
type Arrived = Arc<Mutex<Vec<(String, String)>>>;

/// Anything that takes POSTs: keeps the path, the credentials and the body.
async fn web(arrived: &Arrived) -> String {
    let kept = Arc::clone(arrived);
    let take = async move |uri: axum::http::Uri, headers: axum::http::HeaderMap, body: String| {
        let body: Value = serde_json::from_str(&body).unwrap();
        let credentials = headers.get("authorization").map(|value| format!("{value:?}\n"));
        let text = format!("{}{body:#}", credentials.unwrap_or_default());
        kept.lock().unwrap().push((uri.path().to_owned(), text));
        axum::http::StatusCode::ACCEPTED
    };
    serve(axum::Router::new().fallback(take)).await
}

/// A mail server that delivers to `arrived`, one letter a connection.
fn mail(arrived: &Arrived) -> String {
    let kept = Arc::clone(arrived);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    listener.set_nonblocking(true).unwrap();
    // On a thread of its own, as `serve` does.
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                if let Ok((to, letter)) = letter(stream).await {
                    kept.lock().unwrap().push((to, letter));
                }
            }
        });
    });
    address
}

/// Who it is to, and everything that was printed from the log-in to the last line.
async fn letter(mut stream: TcpStream) -> std::io::Result<(String, String)> {
    let (read, mut write) = stream.split();
    let mut lines = BufReader::new(read).lines();
    write.write_all(b"220 stand-in\r\n").await?;
    let (mut to, mut text) = (String::new(), String::new());
    while let Some(line) = lines.next_line().await? {
        let answer: &[u8] = match line.split(' ').next().unwrap_or_default() {
            "EHLO" => b"250-stand-in\r\n250 AUTH PLAIN\r\n",
            "AUTH" => {
                // Base64 whose padding would look like the end of a quoted line.
                writeln!(text, "{}", line.trim_end_matches('=')).unwrap();
                b"235 welcome\r\n"
            }
            "RCPT" => {
                line.clone_into(&mut to);
                b"250 ok\r\n"
            }
            "DATA" => {
                write.write_all(b"354 go on\r\n").await?;
                while let Some(line) = lines.next_line().await?.filter(|line| line != ".") {
                    writeln!(text, "{line}").unwrap();
                }
                b"250 delivered\r\n"
            }
            "QUIT" => {
                write.write_all(b"221 bye\r\n").await?;
                break;
            }
            _ => b"250 ok\r\n",
        };
        write.write_all(answer).await?;
    }
    Ok((to, text))
}

/// Quoted-printable as text, headers in order, and nothing that differs from letter to letter.
fn readable(letter: &str) -> String {
    let boundary = letter.lines().find_map(|line| line.strip_prefix("--")).unwrap();
    let mut bytes = Vec::new();
    let joined = letter.replace(boundary, "BOUNDARY").replace("=\n", "");
    let mut rest = joined.bytes();
    while let Some(byte) = rest.next() {
        let pair = (byte == b'=').then(|| rest.clone().take(2).collect::<Vec<_>>());
        let coded = pair.and_then(|pair| u8::from_str_radix(std::str::from_utf8(&pair).ok()?, 16).ok());
        if coded.is_some() {
            rest.nth(1);
        }
        bytes.push(coded.unwrap_or(byte));
    }
    let text = String::from_utf8(bytes).unwrap();
    let passing = ["Date:", "Message-Id:"];
    let (head, body) = text.split_once("\n\n").unwrap();
    let head = head.lines().filter(|line| !passing.iter().any(|name| line.starts_with(name)));
    let mut head: Vec<_> = head.collect();
    head.sort_unstable();
    format!("{}\n\n{body}", head.join("\n"))
}

/// The shipped configuration with its secrets in `folder`, receivers at these addresses, and no waiting.
fn pointed(folder: &Path, web: &str, mail: &str) -> String {
    let secrets = [
        ("slack-url", format!("http://{web}/slack")),
        ("discord-url-alex", format!("http://{web}/discord/slack")),
        ("pagerduty-key", "key of the integration".to_owned()),
        ("smtp-password", "password of the mail server".to_owned()),
        ("webhook-token", "token of the webhook".to_owned()),
    ];
    for (name, secret) in secrets {
        std::fs::write(folder.join(name), secret).unwrap();
    }
    let text = shipped("alerts/alertmanager/alertmanager.yml");
    let text = replaced(&text, "/etc/alertmanager/secrets", &folder.display().to_string());
    let text = replaced(&text, "http://127.0.0.1:9095/myhealth", &format!("http://{web}/webhook"));
    let text = replaced(&text, "smtp.example.org:587", mail);
    let text = replaced(
        &text,
        "global:\n",
        &format!("global:\n  smtp_require_tls: false\n  pagerduty_url: http://{web}/pagerduty\n"),
    );
    let at_once = |line: &str| match line.trim_start().split_once(": ") {
        Some((name @ ("group_wait" | "group_interval"), _)) => {
            line.split(name).next().unwrap().to_owned() + name + ": 1s"
        }
        _ => line.to_owned(),
    };
    text.lines().map(|line| at_once(line) + "\n").collect()
}

fn alert(name: &str, severity: &str, person: Option<&str>) -> Value {
    let who = person.map_or(String::new(), |person| format!("{person}: "));
    let area = if person.is_some() { "health" } else { "service" };
    let mut labels = json!({ "alertname": name, "severity": severity, "area": area });
    if let Some(person) = person {
        labels["person"] = json!(person);
    }
    json!({
        "labels": labels,
        "annotations": {
            "summary": format!("{who}what {name} says <in short>"),
            "description": format!("Größer & ausführlicher: was {name} bedeutet. Über 85 %?"),
            "runbook_url": format!("https://example.org/runbook#{}", name.to_lowercase()),
        },
        "generatorURL": "http://prometheus.example.org/graph?g0.expr=ALERTS",
    })
}
on_each_generation!(receivers_get_readable_messages, quiet_hours_delay_messages_until_morning);

async fn receivers_get_readable_messages(generation: Generation) {
    let arrived = Arrived::default();
    let (web, mail) = (web(&arrived).await, mail(&arrived));
    let folder = tempfile::tempdir().unwrap();
    let text = pointed(folder.path(), &web, &mail);
    // Whatever hour it is.
    let awake = |line: &str| match line.split_once("mute_time_intervals:") {
        Some((indent, _)) => format!("{indent}mute_time_intervals: []\n"),
        None => format!("{line}\n"),
    };
    let text: String = text.lines().map(awake).collect();
    let secrets = folder.path().display().to_string();
    let alertmanager = Alertmanager::run(generation, folder, &text);
    alertmanager
        .fire(&json!([
            alert("MyHealthLatencyHigh", "warning", None),
            alert("MyHealthDocumentsRejected", "critical", None),
            alert("MyHealthOuraDrift", "info", None),
            alert("OuraIllnessSignal", "warning", Some("me")),
            alert("OuraStressHigh", "warning", Some("me")),
            alert("OuraMovementGoalMissed", "info", Some("ann")),
            alert("OuraReadinessLow", "warning", Some("alex")),
        ]))
        .await;

    // In the order of the configuration: who, and where it arrives.
    let receivers = [
        ("slack", "/slack"),
        ("pagerduty", "/pagerduty"),
        ("mail_to_the_operator", "RCPT TO:<operator@example.org>"),
        ("webhook", "/webhook"),
        ("mail_to_people", "RCPT TO:<people@example.org>"),
        ("discord", "/discord/slack"),
    ];
    for (name, place) in receivers {
        let message = until(name, async || {
            let arrived = arrived.lock().unwrap();
            arrived.iter().find(|(at, _)| at.starts_with(place)).map(|(_, message)| message.clone())
        })
        .await;
        let message = if name.starts_with("mail") { readable(&message) } else { message };
        assert!(!message.contains(&secrets), "{name} tells where secrets lie");
        let mut settings = insta::Settings::clone_current();
        settings.add_filter(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)", "[time]");
        settings.add_filter(r"https?://[\w.-]+:\d{4,5}", "[alertmanager]");
        settings.add_filter(r"[0-9a-f]{64}", "[group]");
        // Alertmanager 0.35 sends PagerDuty's details as objects, and tells webhooks why it sends.
        let form = match (name, generation) {
            ("pagerduty" | "webhook", Generation::Current) => "_from_alertmanager_0_35",
            _ => "",
        };
        settings.bind(|| insta::assert_snapshot!(format!("message_by_{name}{form}"), message));
    }
}

/// A zone in which it is this hour now: the shipped quiet hours are kept, and the earth is turned under them.
fn zone_where_it_is(hour: i8) -> String {
    #[expect(clippy::disallowed_methods, reason = "Alertmanager lives in real time")]
    let utc = Timestamp::now().to_zoned(TimeZone::UTC).hour();
    let east = (hour - utc + 36).rem_euclid(24) - 12;
    // POSIX counts westwards.
    format!("Etc/GMT{:+}", -east)
}

async fn quiet_hours_delay_messages_until_morning(generation: Generation) {
    const TOKEN: &str = "token of the webhook";
    let receiver = Receiver::start(TOKEN).await;
    let web = receiver.url.trim_start_matches("http://").trim_end_matches('/').to_owned();
    let folder = tempfile::tempdir().unwrap();
    let text = pointed(folder.path(), &web, "127.0.0.1:1");
    let text = replaced(&text, &format!("http://{web}/webhook"), &receiver.url);
    let at = |hour: i8| replaced(&text, "location: UTC", &format!("location: {}", zone_where_it_is(hour)));
    let alertmanager = Alertmanager::run(generation, folder, &at(3));
    alertmanager
        .fire(&json!([
            alert("OuraReadinessLow", "warning", Some("me")),
            alert("OuraRingBatteryLow", "warning", Some("me")),
        ]))
        .await;

    // An empty ring cannot wait; readiness can.
    until("the battery to be told at night", async || receiver.alert("OuraRingBatteryLow")).await;
    until("quiet hours to be kept", async || {
        alertmanager.log().contains("Notifications not sent, route is within mute time").then_some(())
    })
    .await;
    assert_eq!(receiver.alert("OuraReadinessLow"), None);

    alertmanager.reload(&at(12)).await;
    until("the morning to tell", async || receiver.alert("OuraReadinessLow")).await;
}
