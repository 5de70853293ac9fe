//! The simulators as a program.

use anyhow::Result;

#[tokio::main]
async fn main() -> Result<()> {
    let world = simulators::World::new(jiff::Timestamp::UNIX_EPOCH);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    Ok(simulators::serve(world, listener).await?)
}
