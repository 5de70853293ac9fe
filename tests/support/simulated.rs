//! Simulated providers behind the hub's own transport, in this process: no sockets, no waiting.

use std::{net::IpAddr, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use connectors::transport::{Cut, Fixed, Observer, Service, Settings, Transport};
use http::{Request, Response, header};
use simulators::{Delivery, Waited, World};

/// Where the simulated providers live.
pub const ORIGIN: &str = "https://sim.example";

/// A world as a [`Service`].
#[derive(Debug)]
pub struct Simulated(pub World);

#[async_trait]
impl Service for Simulated {
    async fn call(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Cut> {
        match self.0.call(request).await {
            Ok(answer) if waited(&answer) >= Settings::default().limits.total => Err(Cut::TimedOut),
            Ok(mut answer) => {
                if answer.extensions().get::<Delivery>() == Some(&Delivery::Chunked) {
                    answer.headers_mut().remove(header::CONTENT_LENGTH);
                    let chunked = header::HeaderValue::from_static("chunked");
                    answer.headers_mut().insert(header::TRANSFER_ENCODING, chunked);
                }
                Ok(answer)
            }
            Err(simulators::Cut::BeforeApply) => Err(Cut::Refused),
            Err(simulators::Cut::AfterApply | simulators::Cut::MidBody(_)) => Err(Cut::Dropped),
        }
    }
}

/// How long the simulated provider took, in its own time.
fn waited(answer: &Response<Bytes>) -> Duration {
    answer.extensions().get::<Waited>().map_or(Duration::ZERO, |waited| waited.0)
}

/// A transport into `world`.
pub fn transport(world: &World) -> Transport {
    // Requests are counted by the calendar, as in the built hub.
    transport_seen_by(world, Arc::<calhub::sync::Traffic>::default())
}

/// A transport into `world` that tells `observer` of every exchange.
pub fn transport_seen_by(world: &World, observer: Arc<dyn Observer>) -> Transport {
    transport_over(Arc::new(Simulated(world.clone())), observer)
}

/// A transport into what stands before a world.
pub fn transport_over(service: Arc<dyn Service>, observer: Arc<dyn Observer>) -> Transport {
    let public: IpAddr = "93.184.216.34".parse().unwrap();
    let settings = Settings {
        resolver: Some(Arc::new(Fixed(vec![public]))),
        observer: Some(observer),
        ..Settings::default()
    };
    Transport::in_process(service, settings)
}
