//! Serves one component by HTTP until it is killed, for measurements without Node.
//!
//! `cargo run --release -p hotswap-engine --example http_serve -- FILE [POLICY_JSON]` prints the port.

use std::sync::Arc;
use std::time::SystemTime;

use futures_util::future::BoxFuture;
use hotswap_engine::http::{
    Access, AccessRecord, FallbackBody, FallbackRequest, Handlers, ListenOptions, OutputRecord, Plane, RequestHead,
    Route, RouteLimits, Wants,
};
use hotswap_engine::{Assignment, LoadOptions, SlotTable, load, parse_options};

struct Nobody;

impl Handlers for Nobody {
    fn wants(&self) -> Wants {
        Wants::default()
    }

    fn fallback(&self, _: FallbackRequest) -> BoxFuture<'static, Option<http::Response<FallbackBody>>> {
        Box::pin(std::future::ready(None))
    }

    fn authorize(&self, _: RequestHead) -> BoxFuture<'static, Option<SystemTime>> {
        Box::pin(std::future::ready(None))
    }

    fn access(&self, _: Vec<AccessRecord>) {}

    fn output(&self, _: Vec<OutputRecord>) {}
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let wasm = std::fs::read(args.next().ok_or("FILE is missing")?)?;
    let options = args.next().map_or(String::new(), |policy| format!(r#"{{"policy":{policy}}}"#));
    let options: LoadOptions = parse_options("policy", &options)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let module = runtime.block_on(load(Some(wasm.into()), options))?;
    let slots = SlotTable::create()?;
    slots.set("app", &serde_json::from_value::<Assignment>(serde_json::json!({ "current": module.id() }))?)?;
    let plane = Plane::new(slots, Arc::new(Nobody))?;
    let listener = plane.listen(&ListenOptions::default())?;
    listener.set_routes(&[Route {
        slot: Some("app".to_owned()),
        hosts: Vec::new(),
        path_prefix: "/".to_owned(),
        strip_prefix: false,
        access: Access::Public,
        affinity: None,
        limits: RouteLimits::default(),
    }])?;
    println!("{}", listener.port());
    loop {
        std::thread::park();
    }
}
