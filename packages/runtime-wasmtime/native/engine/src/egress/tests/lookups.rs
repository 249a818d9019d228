//! What becomes of lookups that take longer than anybody waits for them.

use std::time::Duration;

use wasmtime_wasi_http::{Error, RequestOptions};

use super::{get, policy, send};
use crate::egress::{Egress, EgressHooks};
use crate::shared::lookups::Lookups;
use crate::shared::lookups::tests::Slow;

#[tokio::test]
async fn lookups_that_nobody_waits_for_keep_their_places() {
    let names = Slow::new(Duration::from_millis(500));
    let egress = Egress::new(&policy(&["*.slow.test"], false), 5_000, Lookups::by(names.clone()));
    let mut hooks = EgressHooks::new(Some(egress.expect("a policy").expect("hosts are allowed")));
    let options = RequestOptions { connect_timeout: Some(Duration::from_millis(5)), ..RequestOptions::default() };
    for turn in 0..20 {
        let failed = send(&mut hooks, get(&format!("http://n{turn}.slow.test/")), Some(options)).await;
        assert!(matches!(failed, Err(Error::DnsTimeout)), "{failed:?}");
    }
    assert_eq!(names.most(), 4);
}
