//! What becomes of lookups that take longer than anybody waits for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use wasmtime_wasi_http::{Error, RequestOptions};

use super::{get, policy, send};
use crate::egress::connect::{Lookup, Resolver};
use crate::egress::{Egress, EgressHooks};

/// Takes its time, whoever waits for it, and knows how many it looks for.
struct Slow {
    active: Arc<AtomicUsize>,
    most: AtomicUsize,
}

impl Resolver for Slow {
    fn resolve(&self, _: &str) -> Lookup {
        let active = self.active.clone();
        self.most.fetch_max(active.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        let looking = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(500)).await;
            active.fetch_sub(1, Ordering::SeqCst);
        });
        Box::pin(async move {
            looking.await.map_err(std::io::Error::other)?;
            Ok(Vec::new())
        })
    }
}

#[tokio::test]
async fn lookups_that_nobody_waits_for_keep_their_places() {
    let names = Arc::new(Slow { active: Arc::default(), most: AtomicUsize::new(0) });
    let egress = Egress::with_resolver(&policy(&["*.slow.test"], false), 5_000, names.clone());
    let mut hooks = EgressHooks::new(Some(egress.expect("a policy").expect("hosts are allowed")));
    let options = RequestOptions { connect_timeout: Some(Duration::from_millis(5)), ..RequestOptions::default() };
    for turn in 0..20 {
        let failed = send(&mut hooks, get(&format!("http://n{turn}.slow.test/")), Some(options)).await;
        assert!(matches!(failed, Err(Error::DnsTimeout)), "{failed:?}");
    }
    assert_eq!(names.most.load(Ordering::SeqCst), 4);
}
