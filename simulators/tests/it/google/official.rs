//! Google's own Python client against the served simulator, and the published description against our copy of it.

use simulators::serve;
use tokio::{net::TcpListener, process::Command};

use super::{
    Api,
    api::{CALLBACK, CLIENT},
};
use crate::python::{python, ran, root};

#[tokio::test]
async fn the_official_python_client_finds_nothing_amiss() {
    let Some(python) = python() else { return };
    let api = Api::new().await;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let serving = tokio::spawn(serve(api.world.clone(), listener));
    let mut command = Command::new(python);
    command.arg(root().join("simulators/tests/google_client.py")).args([
        &base,
        CLIENT,
        "secret",
        &api.refresh,
        CALLBACK,
    ]);
    println!("{}", ran(command).await);
    serving.abort();
    api.is_by_the_book();
}

#[tokio::test]
async fn our_facts_are_those_of_the_published_description() {
    let Some(python) = python() else { return };
    let mut command = Command::new(python);
    command.arg(root().join("fixtures/google/generate.py")).arg("--check");
    ran(command).await;
}
