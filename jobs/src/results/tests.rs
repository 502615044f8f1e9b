//! A folder and a bucket under the same rules; the bucket is moto's, an implementation of S3 that
//! shares no code with our client.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use export::Output as _;

use super::*;

/// An implementation of S3 in a process of its own, which reports what it has: unfinished uploads, and the names of
/// objects.
struct Bucket {
    child: Child,
    ask: ChildStdin,
    output: BufReader<ChildStdout>,
    port: u16,
}

const MOTO: &str = r#"
import json, os, sys
import boto3
from moto.server import ThreadedMotoServer
out = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # The server greets there.
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
server.start()
_, port = server.get_host_and_port()
s3 = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{port}", region_name="eu-central-1",
                  aws_access_key_id="key", aws_secret_access_key="secret")
s3.create_bucket(Bucket="health", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
s3.put_object(Bucket="health", Key="elsewhere/1/other.csv", Body=b"another's")
print(port, file=out, flush=True)
for line in sys.stdin:
    uploads = s3.list_multipart_uploads(Bucket="health").get("Uploads", [])
    objects = s3.list_objects_v2(Bucket="health").get("Contents", [])
    print(json.dumps([len(uploads), [one["Key"] for one in objects]]), file=out, flush=True)
"#;

impl Bucket {
    fn start() -> Self {
        const VARIABLE: &str = "MYHEALTH_TEST_PYTHON";
        #[expect(clippy::disallowed_methods, reason = "the test runner tells where its programs are")]
        let python = std::env::var(VARIABLE).unwrap_or_else(|_| {
            panic!("{VARIABLE} is not set; run `cargo xtask test`, or `cargo xtask provision` by hand")
        });
        let mut command = Command::new(python);
        command.args(["-c", MOTO]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut port = String::new();
        output.read_line(&mut port).unwrap();
        let port = port.trim().parse().expect("moto starts; try `python -m moto.server`");
        Self { ask: child.stdin.take().unwrap(), child, output, port }
    }

    fn results(&self) -> Results {
        // What the binary does at its start.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let settings = [
            ("AWS_ENDPOINT", format!("http://127.0.0.1:{}", self.port)),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
            ("AWS_REGION", "eu-central-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "key".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "secret".to_owned()),
        ];
        let place = "s3://health/house/one".parse().unwrap();
        Results::open(&place, settings.map(|(name, value)| (name.to_owned(), value))).unwrap()
    }

    fn has(&mut self) -> (usize, Vec<String>) {
        writeln!(self.ask).unwrap();
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn folder() -> (Results, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (Results::open(&ResultLocation::Folder(folder.path().to_owned()), []).unwrap(), folder)
}

async fn read(results: &Results, object: &str) -> Vec<u8> {
    let pieces = results.read(object).await.unwrap();
    pieces.try_fold(Vec::new(), async |all, piece| Ok([all, piece.to_vec()].concat())).await.unwrap()
}

async fn names(results: &Results) -> Vec<String> {
    let mut names: Vec<String> = results.list().try_collect().await.unwrap();
    names.sort();
    names
}

/// What holds of every place: three parts and a bit come back as they went in, what is aborted never shows.
async fn keeps_results(results: &Results) {
    let whole: Vec<u8> = (0..3 * PART + 7).map(|n| u8::try_from(n % 251).unwrap()).collect();
    let mut upload = results.begin("7/a-1.csv").await.unwrap();
    for piece in whole.chunks(1_000_003) {
        upload.write(Bytes::copy_from_slice(piece)).await.unwrap();
    }
    assert!(matches!(results.read("7/a-1.csv").await, Err(Unreadable::Missing)), "half of it never shows");
    assert_eq!(upload.finish().await.unwrap(), whole.len() as u64);
    let small = results.begin("7/b-1.html").await.unwrap();
    assert_eq!(small.finish().await.unwrap(), 0, "nothing is a result, too");
    for part in [1, PART + 1] {
        let mut upload = results.begin("7/c-1.csv").await.unwrap();
        upload.write(whole[..part].to_vec().into()).await.unwrap();
        upload.abort().await;
    }
    assert!(read(results, "7/a-1.csv").await == whole, "not what was put");
    assert_eq!(read(results, "7/b-1.html").await, b"");
    assert_eq!(names(results).await, ["7/a-1.csv", "7/b-1.html"]);
    for _ in 0..2 {
        results.remove("7/a-1.csv").await.unwrap();
    }
    assert_eq!(names(results).await, ["7/b-1.html"]);
}

#[tokio::test]
async fn results_are_stored_in_a_folder() {
    let (results, folder) = folder();
    keeps_results(&results).await;
    let left: Vec<_> =
        std::fs::read_dir(folder.path().join("7")).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(left, ["b-1.html"], "nothing half-written");
}

#[tokio::test]
async fn results_are_stored_in_s3() {
    let mut bucket = Bucket::start();
    keeps_results(&bucket.results()).await;
    let objects = ["elsewhere/1/other.csv", "house/one/7/b-1.html"].map(str::to_owned);
    assert_eq!(
        bucket.has(),
        (0, objects.into()),
        "no upload is left open, nothing of other programs is touched"
    );
}

#[tokio::test]
async fn link_opens_one_result_at_the_bucket_without_a_credential() {
    let bucket = Bucket::start();
    let results = bucket.results();
    let mut upload = results.begin("7/a-1.csv").await.unwrap();
    upload.write(Bytes::from_static(b"day,value\n")).await.unwrap();
    upload.finish().await.unwrap();
    let how = "attachment; filename=\"days of ann.csv\"";
    assert_eq!(results.link("7/a-1.csv", "text/csv", how).await.unwrap(), None, "unless it is configured");
    let results = results.with_links(Duration::from_mins(15)).unwrap();
    let link = results.link("7/a-1.csv", "text/csv", how).await.unwrap().unwrap();
    assert!(link.contains("/health/house/one/7/a-1.csv?"), "{link}");
    assert!(link.contains("X-Amz-Expires=900") && link.contains("X-Amz-Signature="), "{link}");
    let fetched = reqwest::Client::builder().no_proxy().build().unwrap().get(&link).send().await.unwrap();
    assert_eq!(fetched.status(), 200);
    let header = |name: &str| fetched.headers()[name].to_str().unwrap().to_owned();
    assert_eq!((header("content-type"), header("content-disposition")), ("text/csv".into(), how.into()));
    assert_eq!(fetched.text().await.unwrap(), "day,value\n");
}

#[tokio::test]
async fn folder_has_no_links() {
    let (results, _folder) = folder();
    assert!(matches!(results.with_links(Duration::from_mins(1)), Err(InvalidResultLocation::NoLinks)));
}

#[tokio::test]
async fn result_over_the_limit_is_refused_while_written() {
    let (results, _folder) = folder();
    let results = Results { largest: 10, ..results };
    let mut upload = results.begin("7/a-1.csv").await.unwrap();
    upload.write(Bytes::from_static(b"0123456789")).await.unwrap();
    let error = upload.write(Bytes::from_static(b"0")).await.unwrap_err();
    let export::Error::Write(error) = error else { panic!("{error}") };
    assert_eq!(error.kind(), std::io::ErrorKind::FileTooLarge);
}

#[cfg(unix)]
#[tokio::test]
async fn result_files_are_private_in_any_folder() {
    use std::os::unix::fs::PermissionsExt as _;

    let (results, folder) = folder();
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(folder.path(), open).unwrap();
    results.begin("7/a-1.csv").await.unwrap().finish().await.unwrap();
    let mode = std::fs::metadata(folder.path().join("7")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[tokio::test]
async fn abandoned_partial_results_are_removed() {
    let (results, folder) = folder();
    let now: Timestamp = "2026-03-29T10:00:00Z".parse().unwrap();
    std::fs::create_dir(folder.path().join("7")).unwrap();
    let hours = |hours| std::time::SystemTime::from(now - SignedDuration::from_hours(hours));
    for (name, age) in [("7/old.csv#1", 25), ("7/young.csv#2", 23), ("7/whole.csv", 25), ("7/mine#x", 25)] {
        let file = std::fs::File::create(folder.path().join(name)).unwrap();
        file.set_modified(hours(age)).unwrap();
    }
    assert_eq!(results.sweep(now).await.unwrap(), 1);
    assert_eq!(results.sweep(now).await.unwrap(), 0);
    let mut left: Vec<_> =
        std::fs::read_dir(folder.path().join("7")).unwrap().map(|it| it.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["mine#x", "whole.csv", "young.csv#2"]);
}
