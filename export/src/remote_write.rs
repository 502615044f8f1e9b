//! Prometheus remote write 1.0, oldest days first.
//!
//! Receivers report a sample that is too old in many ways, Prometheus 2.42 by a 500 that a retry does not change. Every
//! response that names the sample as too old is therefore final: it is counted, its time is kept, and no older sample is
//! sent again.

mod wire;

use std::path::{Path, PathBuf};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use domain::history::Labels;
use domain::{Day, DayRange};
use prost::Message as _;
use reqwest::{StatusCode, header};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use store::Store;

use crate::selection::Selection;
use crate::{Error, Progress};
use wire::{Label, Sample, TimeSeries, WriteRequest};

/// Days sent before the cursor moves on. Receivers want time to go forward, series by series and over all.
const DAYS_PER_STEP: i64 = 14;

/// Samples a request, as Prometheus' own sender does at most.
const SAMPLES_PER_REQUEST: usize = 5000;

/// Attempts with a receiver that fails.
const MAX_ATTEMPTS: usize = 6;

/// How long one request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// The address or token cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InvalidReceiver {
    /// No http address.
    #[error(
        "the receiver's address must be an http or https URL, for example http://127.0.0.1:9090/api/v1/write"
    )]
    Url,
    /// The token holds characters that no header takes.
    #[error("the receiver's token holds characters that no HTTP header takes")]
    Token,
    /// The HTTP client cannot be built.
    #[error("cannot build the HTTP client")]
    Client(#[source] reqwest::Error),
    /// The cursor belongs to another push.
    #[error(
        "{path} belongs to another receiver or another selection; name another file, or remove it to begin again"
    )]
    Cursor {
        /// Which file.
        path: PathBuf,
    },
    /// The cursor cannot be read.
    #[error("{path} is no cursor of this command; name another file")]
    Unreadable {
        /// Which file.
        path: PathBuf,
    },
}

/// Where samples go.
#[derive(Debug)]
pub struct Receiver {
    http: reqwest::Client,
    url: reqwest::Url,
}

/// The result of a push.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pushed {
    /// Samples that the receiver took.
    pub taken: u64,
    /// Samples that it will never take: too old for it, or it has another value for the same time.
    pub refused: u64,
    /// The first reason it gave.
    pub reason: Option<String>,
}

/// The day up to which a receiver has everything, kept in a file.
#[derive(Clone, Debug)]
pub struct Cursor {
    path: PathBuf,
    mark: Mark,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    url: String,
    people: Vec<String>,
    metrics: Vec<String>,
    /// The first day, which the selection begins with.
    from: String,
    /// The last day of which everything was sent.
    done: Option<String>,
}

impl Cursor {
    /// Reads the cursor at `path`, or begins one for this push.
    pub fn open(path: &Path, receiver: &Receiver, selection: &Selection) -> Result<Self, InvalidReceiver> {
        let fresh = Mark {
            url: receiver.url.to_string(),
            people: selection.people.iter().map(|person| person.name.to_string()).collect(),
            metrics: selection.metrics.iter().map(|metric| metric.key.to_owned()).collect(),
            from: selection.range.first().to_string(),
            done: None,
        };
        let mark = match std::fs::read(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => fresh,
            read => {
                let unreadable = || InvalidReceiver::Unreadable { path: path.to_owned() };
                let found: Mark =
                    read.ok().and_then(|text| serde_json::from_slice(&text).ok()).ok_or_else(unreadable)?;
                if found.done.as_ref().is_some_and(|day| day.parse::<Day>().is_err()) {
                    return Err(unreadable());
                }
                if (Mark { done: None, ..found.clone() }) != fresh {
                    return Err(InvalidReceiver::Cursor { path: path.to_owned() });
                }
                found
            }
        };
        // A link stays, and what it names is replaced.
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        Ok(Self { path, mark })
    }

    fn done(&self) -> Option<Day> {
        self.mark.done.as_deref()?.parse().ok()
    }

    /// The file is replaced as a whole: a power cut leaves the old one or the new one.
    fn advance(&mut self, day: Day) -> Result<(), Error> {
        self.mark.done = Some(day.to_string());
        let temporary = self.path.with_extension("new");
        std::fs::write(&temporary, serde_json::to_vec_pretty(&self.mark).map_err(std::io::Error::from)?)?;
        std::fs::File::open(&temporary)?.sync_all()?;
        Ok(std::fs::rename(&temporary, &self.path)?)
    }
}

impl Receiver {
    /// A receiver at this address.
    pub fn new(url: &str, token: Option<&SecretString>) -> Result<Self, InvalidReceiver> {
        let url: reqwest::Url = url.parse().map_err(|_| InvalidReceiver::Url)?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(InvalidReceiver::Url);
        }
        let mut headers = header::HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/x-protobuf"));
        headers.insert(header::CONTENT_ENCODING, header::HeaderValue::from_static("snappy"));
        headers.insert("x-prometheus-remote-write-version", header::HeaderValue::from_static("0.1.0"));
        if let Some(token) = token {
            let bearer = format!("Bearer {}", token.expose_secret());
            let mut value = header::HeaderValue::from_str(&bearer).map_err(|_| InvalidReceiver::Token)?;
            value.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, value);
        }
        let http = reqwest::Client::builder()
            .user_agent(concat!("myhealth/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .timeout(REQUEST_TIMEOUT)
            // A redirected POST becomes a GET; and the token is for this address.
            .redirect(reqwest::redirect::Policy::none());
        Ok(Self { http: http.build().map_err(InvalidReceiver::Client)?, url })
    }

    /// Sends a selection from where the cursor stands. Numbers of `today` and the day before are still growing, so the
    /// cursor stays before them. Stopped at any moment, the next run repeats two weeks at most, which receivers ignore.
    pub async fn push(
        &self,
        store: &Store,
        selection: &Selection,
        mut cursor: Option<&mut Cursor>,
        today: Day,
        progress: Progress<'_>,
    ) -> Result<Pushed, Error> {
        let mut pushed = Pushed::default();
        let mut sender =
            Sender { receiver: self, pushed: &mut pushed, floor: i64::MIN, batch: Vec::new(), size: 0 };
        let first = cursor
            .as_ref()
            .and_then(|cursor| cursor.done())
            .map_or(selection.range.first(), |day| day.plus(1));
        let Ok(rest) = DayRange::new(first.max(selection.range.first()), selection.range.last()) else {
            return Ok(pushed);
        };
        let series = selection.series()?;
        let chunks = rest.chunks(DAYS_PER_STEP);
        for (done, chunk) in chunks.iter().enumerate() {
            for one in &series {
                let labels = one.labels();
                one.samples(store, *chunk, async |samples| sender.add(&labels, samples).await).await?;
            }
            sender.flush().await?;
            let settled = chunk.last().min(today.plus(-2));
            if let Some(cursor) = cursor.as_mut().filter(|_| settled >= chunk.first()) {
                cursor.advance(settled)?;
            }
            progress(done + 1, chunks.len());
        }
        Ok(pushed)
    }

    /// Sends a request until the response is final. `Ok(None)`: taken. `Ok(Some(reason))`: refused, and a retry would be.
    async fn send(&self, series: &[TimeSeries]) -> Result<Option<Refusal>, Error> {
        let plain = WriteRequest { timeseries: series.to_vec() }.encode_to_vec();
        let body = snap::raw::Encoder::new()
            .compress_vec(&plain)
            .map_err(|error| std::io::Error::other(error.to_string()))?;
        let mut pauses = ExponentialBuilder::default().with_jitter().with_max_times(MAX_ATTEMPTS - 1).build();
        loop {
            let failure = match self.http.post(self.url.clone()).body(body.clone()).send().await {
                Ok(answer) => {
                    let status = answer.status();
                    let body: String = answer.text().await.unwrap_or_default().chars().take(300).collect();
                    let body = body.trim().to_owned();
                    if status.is_success() {
                        return Ok(None);
                    }
                    if let Some(refusal) = final_refusal(status, &body) {
                        return Ok(Some(refusal));
                    }
                    if status == StatusCode::UNSUPPORTED_MEDIA_TYPE {
                        return Err(Error::Protocol { body });
                    }
                    let again = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
                    let status = status.as_u16();
                    if !again {
                        return Err(Error::Refused { status, body });
                    }
                    Error::Failing { status, tries: MAX_ATTEMPTS, body }
                }
                Err(error) => Error::Unreachable(error.without_url()),
            };
            match pauses.next() {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(failure),
            }
        }
    }
}

/// Why samples will never be taken.
enum Refusal {
    /// Older than the receiver keeps; it took nothing of the request.
    TooOld(String),
    /// Some of the request cannot be taken, the rest was.
    Some(String),
}

fn final_refusal(status: StatusCode, body: &str) -> Option<Refusal> {
    let low = body.to_ascii_lowercase();
    let about_age = ["too old", "out of bounds", "err-mimir-sample-timestamp-too-old"]
        .iter()
        .any(|words| low.contains(words));
    if about_age && (status.is_server_error() || status == StatusCode::BAD_REQUEST) {
        return Some(Refusal::TooOld(body.to_owned()));
    }
    (status == StatusCode::BAD_REQUEST).then(|| Refusal::Some(body.to_owned()))
}

/// Collects samples into requests.
struct Sender<'a> {
    receiver: &'a Receiver,
    pushed: &'a mut Pushed,
    /// The newest moment known to be too old.
    floor: i64,
    batch: Vec<TimeSeries>,
    size: usize,
}

impl Sender<'_> {
    async fn add(&mut self, labels: &Labels<'_>, samples: &[(i64, f64)]) -> Result<(), Error> {
        let mut rest = samples;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(SAMPLES_PER_REQUEST - self.size));
            let label =
                |(name, value): &(&str, _)| Label { name: (*name).to_owned(), value: String::clone(value) };
            let owned: Vec<(&str, String)> =
                labels.iter().map(|(name, value)| (*name, value.to_string())).collect();
            let sample = |(timestamp, value): &(i64, f64)| Sample { value: *value, timestamp: *timestamp };
            let samples = now.iter().map(sample).collect();
            self.batch.push(TimeSeries { labels: owned.iter().map(label).collect(), samples });
            self.size += now.len();
            rest = later;
            if self.size == SAMPLES_PER_REQUEST {
                self.flush().await?;
            }
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Error> {
        self.size = 0;
        // What waits to be sent, newest on top: of a request that is too old, its newer half is tried first, so that the
        // first single sample refused is the newest that is too old.
        let mut waiting = vec![std::mem::take(&mut self.batch)];
        while let Some(mut series) = waiting.pop() {
            self.forget_too_old(&mut series);
            let count = count(&series);
            if count == 0 {
                continue;
            }
            match self.receiver.send(&series).await? {
                None => self.pushed.taken += count,
                Some(Refusal::Some(reason)) => {
                    self.pushed.refused += count;
                    self.pushed.reason.get_or_insert(reason);
                }
                Some(Refusal::TooOld(reason)) => {
                    self.pushed.reason.get_or_insert(reason);
                    if let Some((older, newer)) = halves(&series) {
                        waiting.extend([older, newer]);
                        continue;
                    }
                    let at = series.iter().flat_map(|one| &one.samples).map(|sample| sample.timestamp).max();
                    self.floor = self.floor.max(at.unwrap_or(self.floor));
                    self.pushed.refused += count;
                }
            }
        }
        Ok(())
    }

    fn forget_too_old(&mut self, series: &mut Vec<TimeSeries>) {
        let before = count(series);
        for one in series.iter_mut() {
            one.samples.retain(|sample| sample.timestamp > self.floor);
        }
        series.retain(|one| !one.samples.is_empty());
        self.pushed.refused += before - count(series);
    }
}

fn count(series: &[TimeSeries]) -> u64 {
    series.iter().map(|one| one.samples.len() as u64).sum()
}

/// The samples before and after the middle of their time; `None` when all are of one moment.
fn halves(series: &[TimeSeries]) -> Option<(Vec<TimeSeries>, Vec<TimeSeries>)> {
    let times = || series.iter().flat_map(|one| &one.samples).map(|sample| sample.timestamp);
    let (first, last) = (times().min()?, times().max()?);
    if first == last {
        return None;
    }
    let middle = first + (last - first) / 2;
    let part = |newer: bool| {
        let of = |one: &TimeSeries| {
            let samples =
                one.samples.iter().filter(|sample| (sample.timestamp > middle) == newer).cloned().collect();
            TimeSeries { labels: one.labels.clone(), samples }
        };
        series.iter().map(of).filter(|one| !one.samples.is_empty()).collect()
    };
    Some((part(false), part(true)))
}
