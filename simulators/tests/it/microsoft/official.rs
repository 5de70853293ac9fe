//! Microsoft's own Python client against the served simulator, and the published types against our copy of them.

use simulators::serve;
use tokio::{net::TcpListener, process::Command};

use super::{Api, api::CLIENT};
use crate::{
    microsoft::serving::{answering, echo},
    python::{python, ran, root},
};

#[tokio::test]
async fn microsofts_own_python_client_finds_nothing_amiss() {
    let Some(python) = python() else { return };
    let api = Api::new().await;
    api.world.tune_microsoft(|knobs| knobs.allow_http_push = true);
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let serving = tokio::spawn(serve(api.world.clone(), listener));
    let (callback, receiving) = answering(usize::MAX, echo).await;
    let mut command = Command::new(python);
    let script = root().join("simulators/tests/graph_client.py");
    command.arg(script).args([&base, CLIENT, "secret", &api.refresh, &callback]);
    println!("{}", ran(command).await);
    serving.abort();
    receiving.abort();
    api.is_by_the_book();
}

#[tokio::test]
async fn our_facts_are_those_of_the_published_types() {
    let Some(python) = python() else { return };
    let mut command = Command::new(python);
    command.arg(root().join("fixtures/microsoft/generate.py")).arg("--check");
    ran(command).await;
}
