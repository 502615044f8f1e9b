//! docs/kubernetes.md, its commands run from top to bottom.

use std::process::Command;
use std::{env, fs};

use super::cluster::{chart, folder, kubectl, repository, run, variable};
use super::namespace::{API_CONFIG, local_values, volume};

/// The commands of each block of a page.
fn blocks(page: &str) -> Vec<String> {
    let parts = page.split("\n```sh\n").skip(1);
    parts.map(|part| part.split("\n```").next().unwrap().to_owned()).collect()
}

/// Puts in what a reader has of their own; each must be there to be replaced.
fn replaced(text: &str, values: &[(&str, &str)]) -> String {
    values.iter().fold(text.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "docs/kubernetes.md has no {from:?}:\n{text}");
        text.replace(from, to)
    })
}

#[test]
fn commands_of_the_guide_install_a_working_release() {
    let place = folder();
    let data = folder();
    volume("guide", data.path(), "data-myhealth-embedded-0", "myhealth", "");
    fs::write(place.path().join("web.yml"), API_CONFIG).unwrap();
    fs::write(place.path().join("local.yaml"), local_values().to_string()).unwrap();
    let page = fs::read_to_string(repository().join("docs/kubernetes.md")).unwrap();
    let [install, login, check] = &blocks(&page)[..3] else { panic!("the page has fewer commands") };
    let ca = variable("MYHEALTH_TEST_KEYS").join("ca.crt");
    let with_ca =
        format!("kubectl create configmap test-ca -n myhealth --from-file={}\nkubectl label", ca.display());
    let values = chart().join("values/embedded.yaml");
    let install = replaced(
        install,
        &[
            ("kubectl label", &with_ca),
            ("client-secret=…", "client-secret=secret --from-literal=token=test-token"),
            ("oci://ghcr.io/myhealth/charts/myhealth", &chart().display().to_string()),
            ("helm/myhealth/values/embedded.yaml", &values.display().to_string()),
            ("oura.clientId=…", "oura.clientId=CLIENT -f local.yaml"),
        ],
    );
    // The link is for a person with a browser; the program behind the command is there.
    let login = replaced(login, &[("exec -it", "exec"), ("--paste --data-dir=/data …", "--help")]);

    let programs = ["MYHEALTH_TEST_KUBECTL", "MYHEALTH_TEST_HELM"]
        .map(|name| variable(name).parent().unwrap().to_owned());
    let path = env::join_paths(programs.into_iter().chain(env::split_paths(&variable("PATH")))).unwrap();
    for commands in [&install, &login, check] {
        run(Command::new("sh").args(["-euc", commands]).current_dir(place.path()).env("PATH", &path));
    }
    let logs = run(&mut kubectl("logs -n myhealth -l app.kubernetes.io/name=myhealth --tail=200"));
    assert!(logs.contains("reading history"), "{logs}");
    run(&mut kubectl("delete namespace myhealth"));
    run(&mut kubectl("delete pv guide"));
}
