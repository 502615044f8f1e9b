//! Backups in a bucket; it is moto's, which is no client library of ours.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use backup::{Encryption, Identities, Keep, Repository, Selection, Source};
use jiff::SignedDuration;

use crate::world::{fill, now, numbers};

/// An implementation of S3 in a process of its own; it ends with its standard input.
struct Bucket(Child, u16);

const MOTO: &str = r#"
import os, sys
import boto3
from moto.server import ThreadedMotoServer
out = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
server.start()
_, port = server.get_host_and_port()
s3 = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{port}", region_name="eu-central-1",
                  aws_access_key_id="key", aws_secret_access_key="secret")
s3.create_bucket(Bucket="health", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
s3.put_object(Bucket="health", Key="objects/aa/another", Body=b"another's")
print(port, file=out, flush=True)
sys.stdin.read()
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
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Self(child, port.trim().parse().expect("moto starts; try `python -m moto.server`"))
    }

    fn repository(&self) -> Repository {
        // What the binary does at its start.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let settings = [
            ("AWS_ENDPOINT", format!("http://127.0.0.1:{}", self.1)),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
            ("AWS_REGION", "eu-central-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "key".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "secret".to_owned()),
        ];
        let place = "s3://health/house/one".parse().unwrap();
        Repository::create(&place, settings.map(|(name, value)| (name.to_owned(), value))).unwrap()
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn backups_in_a_bucket_are_restored_thinned_out_and_survive_its_loss() {
    let bucket = Bucket::start();
    let repository = bucket.repository();
    let (store, _folder) = store::testing::sqlite().await;
    fill(&store).await;
    let make = async |n: i64| {
        let at = ("0.0.0", now() + SignedDuration::from_hours(24 * n));
        backup::back_up(&store, &repository, Some(&Encryption::None), at, &mut |_, _| {}).await
    };
    let first = make(0).await.unwrap();
    let second = make(1).await.unwrap();
    assert_eq!((second.written.len(), second.listing.bytes()), (0, first.listing.bytes()));
    let (restored, _folder) = store::testing::sqlite().await;
    let source = Source::Repository(Box::new(repository.read(None, Identities::default()).await.unwrap()));
    backup::restore(source, &Selection::Everything, &restored, now(), &mut |_, _| {}).await.unwrap();
    assert_eq!(numbers(&restored).await, numbers(&store).await);
    let keep = Keep { daily: 1, weekly: 1 };
    let pruned = repository.prune(keep, now() + SignedDuration::from_hours(24 * 400_000)).await.unwrap();
    assert_eq!((pruned.backups, pruned.objects), (1, 0), "what other programs have in the bucket stays");
    repository.verify(&second.listing, None).await.unwrap();
    drop(bucket);
    let error = make(2).await.unwrap_err();
    assert!(!error.is_damage() && error.to_string().contains("does not answer"), "{error}");
}
