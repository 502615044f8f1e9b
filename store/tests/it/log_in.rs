//! Log-ins at a server that change while the process runs.

use std::sync::{Arc, Mutex};

use store::{Error, Location, Login, Store, testing};

/// Two roles of one schema, and a store whose log-in is the one that `current` names.
struct Rotated {
    url: String,
    roles: [String; 2],
    current: Arc<Mutex<Result<String, &'static str>>>,
    store: Store,
}

impl Rotated {
    async fn start() -> Self {
        let url = testing::empty_database_url().await;
        let schema = url.rsplit_once("%3D").unwrap().1.to_owned();
        let roles = ["first", "second"].map(|name| format!("{name}_{schema}"));
        for role in &roles {
            testing::administer(&url, &format!("create role {role} login superuser")).await;
        }
        let current = Arc::new(Mutex::new(Ok(roles[0].clone())));
        let (read, of) = (current.clone(), url.clone());
        let location: Location = as_role(&url, &roles[0]).parse().unwrap();
        let location = location.with_login(Arc::new(move || {
            let login = read.lock().unwrap().clone().map(|role| Login {
                url: as_role(&of, &role).into(),
                password: None,
                is_token: false,
            });
            Box::pin(async move { login.map_err(Into::into) })
        }));
        let store = Store::open(&location).await.unwrap();
        store.migrate().await.unwrap();
        Self { url, roles, current, store }
    }

    fn set(&self, login: Result<&str, &'static str>) {
        *self.current.lock().unwrap() = login.map(str::to_owned);
    }

    /// Ends the connections of the first role, and lets it log in no more.
    async fn refuse_first(&self) {
        let first = &self.roles[0];
        let refuse = format!(
            "alter role {first} nologin;
             select pg_terminate_backend(pid) from pg_stat_activity where usename = '{first}'"
        );
        testing::administer(&self.url, &refuse).await;
    }

    async fn end(self) {
        self.store.close().await;
        for role in &self.roles {
            testing::administer(&self.url, &format!("drop owned by {role} cascade; drop role {role}")).await;
        }
    }
}

fn as_role(url: &str, role: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap();
    let (_, server) = rest.split_once('@').unwrap();
    format!("{scheme}://{role}@{server}")
}

#[tokio::test]
async fn statement_succeeds_when_the_server_refuses_the_log_in_and_another_is_read() {
    let rotated = Rotated::start().await;
    rotated.set(Ok(&rotated.roles[1]));
    rotated.refuse_first().await;
    // Reading, writing and probing each open a connection of their own.
    let (store, ann) = (&rotated.store, "ann".parse().unwrap());
    let (read, written, probed) = tokio::join!(
        store.people(),
        store.ensure_person(&ann, "UTC", crate::fixtures::now()),
        store.probe_now()
    );
    read.unwrap();
    written.unwrap();
    probed.unwrap();
    assert_eq!(testing::connections_of(&rotated.url, &rotated.roles[0]).await, 0);
    rotated.end().await;
}

#[tokio::test]
async fn log_in_that_the_server_refuses_is_not_adopted() {
    let rotated = Rotated::start().await;
    for wrong in [Ok("stranger"), Err("the file is gone")] {
        rotated.set(wrong);
        let error = rotated.store.renew_login().await.unwrap_err();
        assert!(matches!(error, Error::Unavailable { .. } | Error::Login { .. }), "{error:?}");
        rotated.store.people().await.unwrap();
    }
    rotated.refuse_first().await;
    let error = rotated.store.people().await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
    rotated.set(Ok(&rotated.roles[1]));
    rotated.store.people().await.unwrap();
    rotated.end().await;
}

#[tokio::test]
async fn connections_of_the_previous_log_in_are_replaced() {
    let rotated = Rotated::start().await;
    let (store, [first, second]) = (&rotated.store, &rotated.roles);
    let both = async || {
        let (one, other) = tokio::join!(store.people(), store.people());
        one.unwrap();
        other.unwrap();
    };
    both().await;
    assert!(testing::connections_of(&rotated.url, first).await > 0);
    rotated.set(Ok(second));
    store.renew_login().await.unwrap();
    // An idle connection is looked at when it is taken; each round takes two.
    for _ in 0..10 {
        both().await;
    }
    assert_eq!(testing::connections_of(&rotated.url, first).await, 0);
    assert!(testing::connections_of(&rotated.url, second).await > 0);
    rotated.end().await;
}

#[tokio::test]
async fn probe_whose_connection_was_ended_is_no_outage() {
    let rotated = Rotated::start().await;
    rotated.store.probe_now().await.unwrap();
    let end = format!(
        "select pg_terminate_backend(pid) from pg_stat_activity where usename = '{}'",
        rotated.roles[0]
    );
    testing::administer(&rotated.url, &end).await;
    rotated.store.probe_now().await.unwrap();
    rotated.end().await;
}
