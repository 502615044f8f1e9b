//! Nothing restores silently wrong.

use backup::{Encryption, Error, Identities, Selection};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use secrecy::SecretString;
use store::Store;

use crate::world::{archive, fill, live, now, restore, source};

/// A key as `age-keygen` writes it, and its recipient.
pub(crate) const KEY: &str = "# public key: age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj\n\
                              AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX\n";

pub(crate) fn identity() -> Identities {
    let mut identities = Identities::default();
    identities.add_file(KEY).unwrap();
    identities
}

fn recipients() -> Encryption {
    let recipient = KEY.split_whitespace().find(|word| word.starts_with("age1")).unwrap();
    Encryption::Recipients(vec![recipient.parse().unwrap()])
}

#[derive(Clone, Debug)]
enum Harm {
    Flip(usize, u8),
    Truncate(usize),
    Remove(usize, usize),
    Swap(usize, usize),
    Repeat(usize),
    Zero(usize, usize),
}

fn harm() -> impl Strategy<Value = Harm> {
    let any = any::<usize>;
    prop_oneof![
        6 => (any(), 0_u8..8).prop_map(|(at, bit)| Harm::Flip(at, bit)),
        2 => any().prop_map(Harm::Truncate),
        1 => (any(), 1_usize..2_000).prop_map(|(at, length)| Harm::Remove(at, length)),
        1 => (any(), any()).prop_map(|(one, other)| Harm::Swap(one, other)),
        1 => any().prop_map(Harm::Repeat),
        1 => (any(), 1_usize..2_000).prop_map(|(at, length)| Harm::Zero(at, length)),
    ]
}

/// The members of an archive, each with its header and padding.
fn members(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut archive = tar::Archive::new(bytes);
    let begins: Vec<u64> =
        archive.entries().unwrap().map(|entry| entry.unwrap().raw_header_position()).collect();
    let ends = begins.iter().skip(1).copied().chain([bytes.len() as u64]);
    let range = |(begin, end): (&u64, u64)| {
        bytes[usize::try_from(*begin).unwrap()..usize::try_from(end).unwrap()].to_vec()
    };
    begins.iter().zip(ends).map(range).collect()
}

fn harmed(whole: &[u8], harm: &Harm) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    let at = |at: usize| at % whole.len();
    let end = |begin: usize, length: usize| (begin + length).min(whole.len());
    match *harm {
        Harm::Flip(place, bit) => bytes[at(place)] ^= 1 << bit,
        Harm::Truncate(place) => bytes.truncate(at(place)),
        Harm::Remove(place, length) => drop(bytes.drain(at(place)..end(at(place), length))),
        Harm::Zero(place, length) => bytes[at(place)..end(at(place), length)].fill(0),
        Harm::Swap(one, other) => {
            let mut members = members(whole);
            let count = members.len();
            members.swap(one % count, other % count);
            bytes = members.concat();
        }
        Harm::Repeat(one) => {
            let mut members = members(whole);
            let member = members[one % members.len()].clone();
            members.insert(one % members.len(), member);
            bytes = members.concat();
        }
    }
    bytes
}

/// Harms a file as often as `cases` says: it is refused, or what is read is the same. (How tar writes the sum of a header has
/// bytes that mean nothing.)
async fn every_harm_is_noticed(whole: &[u8], identities: &Identities, cases: u32) {
    let runtime = tokio::runtime::Handle::current();
    let (whole, identities) = (whole.to_vec(), identities.clone());
    let expected = backup::check(source(whole.clone(), identities.clone()), &mut |_, _| {}).await.unwrap();
    let run = move || {
        let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
        let ran = runner.run(&harm(), |harm| {
            let bytes = harmed(&whole, &harm);
            let checked = runtime.block_on(backup::check(source(bytes, identities.clone()), &mut |_, _| {}));
            prop_assert!(checked.is_err() || checked.unwrap() == expected);
            Ok(())
        });
        ran.unwrap();
    };
    tokio::task::spawn_blocking(run).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_file_is_never_accepted() {
    let (store, _folder) = store::testing::sqlite().await;
    live(&store, "ann", 2).await;
    live(&store, "bob", 1).await;
    let (plain, _) = archive(&store, &Encryption::None).await;
    every_harm_is_noticed(&plain, &Identities::default(), 10_000).await;
    let (encrypted, _) = archive(&store, &recipients()).await;
    every_harm_is_noticed(&encrypted, &identity(), 2_000).await;
}

#[tokio::test]
async fn damaged_file_restores_nothing() {
    let (store, _folder) = store::testing::sqlite().await;
    fill(&store).await;
    let (bytes, _) = archive(&store, &Encryption::None).await;
    let count = members(&bytes).len();
    let (embedded, _embedded) = store::testing::sqlite().await;
    for target in [embedded, store::testing::postgres().await] {
        for left in 0..count {
            // The end of the pipe: all members before this one have come.
            let cut = members(&bytes)[..left].concat();
            let error = restore(cut, Identities::default(), &target).await.unwrap_err();
            assert!(error.is_damage(), "{left}: {error}");
            assert_eq!(target.people().await.unwrap(), [], "{left}");
        }
        restore(bytes.clone(), Identities::default(), &target).await.unwrap();
    }
}

#[tokio::test]
async fn backup_opens_with_its_key_only() {
    let (store, _folder) = store::testing::sqlite().await;
    fill(&store).await;
    let (bytes, _) = archive(&store, &recipients()).await;
    let check = async |bytes: &[u8], identities| {
        backup::check(source(bytes.to_vec(), identities), &mut |_, _| {}).await
    };
    assert!(matches!(check(&bytes, Identities::default()).await, Err(Error::NoIdentity)));
    let mut other = Identities::default();
    let another = "AGE-SECRET-KEY-1T8VZ4NZRQTPFQ63X2AKRAL6YJ6YQ5DTDRGQVUZ0AL7UXQPT4G2DQV5EPZ6";
    if other.add_file(another).is_ok() {
        assert!(matches!(check(&bytes, other).await, Err(Error::WrongIdentity)));
    }
    check(&bytes, identity()).await.unwrap();

    let passphrase = |text: &str| {
        let mut identities = Identities::default();
        identities.set_passphrase(SecretString::from(text));
        identities
    };
    let (bytes, _) = archive(&store, &Encryption::Passphrase("correct horse".into())).await;
    assert!(matches!(check(&bytes, passphrase("wrong horse")).await, Err(Error::WrongIdentity)));
    check(&bytes, passphrase("correct horse")).await.unwrap();
    for secret in ["ann", "bob", "argon2id"] {
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret}");
    }
}

#[tokio::test]
async fn backup_of_a_newer_version_is_refused() {
    let (store, _folder) = store::testing::sqlite().await;
    live(&store, "ann", 2).await;
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().to_str().unwrap().parse().unwrap();
    let repository = backup::Repository::create(&place, []).unwrap();
    let at = ("0.0.0", now());
    backup::back_up(&store, &repository, Some(&Encryption::None), at, &mut |_, _| {}).await.unwrap();
    let listings = folder.path().join("listings");
    let name = std::fs::read_dir(&listings).unwrap().next().unwrap().unwrap().path();
    let text = std::fs::read_to_string(&name).unwrap();
    let change = |from: &str, to: &str| {
        let text = text.replace(from, to);
        let hash = data_encoding::HEXLOWER.encode(&<sha2::Sha256 as sha2::Digest>::digest(text.as_bytes()));
        std::fs::remove_dir_all(&listings).unwrap();
        std::fs::create_dir(&listings).unwrap();
        std::fs::write(listings.join(format!("20260601T080000Z-{hash}.json")), text).unwrap();
    };
    let schema = Store::schema();
    change("\"format\":1", "\"format\":2");
    let error = repository.read(None, Identities::default()).await.unwrap_err();
    assert!(matches!(error, Error::Newer { found: 2, known: 1 }), "{error}");
    change(&format!("\"schema\":{schema}"), "\"schema\":9999");
    let error = repository.read(None, Identities::default()).await.unwrap_err();
    assert!(matches!(error, Error::NewerSchema { found: 9999, .. }), "{error}");
    let (target, _folder) = store::testing::sqlite().await;
    change("", "");
    let reader = repository.read(None, Identities::default()).await.unwrap();
    let source = backup::Source::Repository(Box::new(reader));
    backup::restore(source, &Selection::Everything, &target, now(), &mut |_, _| {}).await.unwrap();
}
