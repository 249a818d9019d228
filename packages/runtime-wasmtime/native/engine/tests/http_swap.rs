//! Versions behind one address: swapped under load, shared out by weight, drained.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use hotswap_engine::{LoadedModule, Outcome};
use support::eventually;
use support::http::{Client, Server};

fn two(policy: &str) -> (Server, [Arc<LoadedModule>; 2]) {
    let mut server = Server::new();
    let versions = [server.load("http-hello-1.0.0", policy), server.load("http-hello-1.1.0", policy)];
    server.assign("app", &only(&versions[0], "0"));
    server.route(r#"[{"slot":"app","hosts":[],"pathPrefix":"/","access":"public","affinity":{"header":"x-user"}}]"#);
    (server, versions)
}

fn only(module: &LoadedModule, label: &str) -> String {
    format!(r#"{{"current":{0},"labels":{{"{0}":"{label}"}}}}"#, module.id())
}

fn under_swaps(policy: &str) {
    let (server, versions) = two(policy);
    let (done, failed, answered) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    let port = server.listener.port();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut client = Client::connect(port);
                while !done.load(Ordering::Relaxed) {
                    let reply = client.get("/");
                    let good = reply.status == 200 && reply.whole && reply.header("x-hotswap-version").is_some();
                    failed.fetch_add(usize::from(!good), Ordering::Relaxed);
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let mut client = server.client();
        for round in 0..300 {
            let at = round % 2;
            server.assign("app", &only(&versions[at], &at.to_string()));
            // Whoever asks after the swap is answered by the new version.
            assert_eq!(client.get("/").header("x-hotswap-version"), Some(at.to_string().as_str()), "round {round}");
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(failed.into_inner(), 0);
    assert!(answered.into_inner() > 300);
}

#[test]
fn no_request_fails_or_is_stale_while_versions_swap() {
    under_swaps("");
}

#[test]
fn nor_with_instances_that_are_used_again() {
    under_swaps(r#"{"runtime":{"reuse":{"maxInstances":4}}}"#);
}

#[test]
fn clients_never_go_back_while_a_share_grows() {
    let (server, versions) = two("");
    let mut client = server.client();
    let mut on_new = [false; 200];
    for percent in [0.0, 10.0, 30.0, 60.0, 100.0] {
        let (old, new) = (versions[0].id(), versions[1].id());
        server.assign(
            "app",
            &format!(
                r#"{{"current":{old},"splits":[{{"moduleId":{new},"weightPercent":{percent}}}],"labels":{{"{old}":"old","{new}":"new"}}}}"#
            ),
        );
        for (user, was_new) in on_new.iter_mut().enumerate() {
            let reply = client.get_with("/", &format!("x-user: user-{user}\r\n"));
            let is_new = reply.header("x-hotswap-version") == Some("new");
            assert!(is_new || !*was_new, "user {user} went back at {percent} %");
            *was_new = is_new;
        }
        let share = on_new.iter().filter(|is_new| **is_new).count() as f64 / 2.0;
        assert!((share - percent).abs() < 12.0, "{share} % instead of {percent} %");
    }
}

#[test]
fn instances_are_used_again_only_where_the_module_asks_for_it() {
    let policy = r#"{"runtime":{"reuse":{"maxInstances":1,"maxCalls":3,"maxIdleMs":60000}}}"#;
    let server = Server::of("http-lab-1.0.0", policy);
    let mut client = server.client();
    let seen: Vec<_> = (0..7).map(|_| client.get("/state").text().trim().to_owned()).collect();
    assert_eq!(seen, ["1", "2", "3", "1", "2", "3", "1"]);
    // One that failed does not serve again, and one that was left half-way neither.
    assert_eq!(client.get("/trap").status, 500);
    assert_eq!(client.get("/state").text().trim(), "1");
    let mut other = server.client();
    other.send("GET /stream?n=1000&ms=5 HTTP/1.1\r\nhost: a\r\n\r\n");
    assert_eq!(other.head().status, 200);
    other.leave();
    eventually("the one that was left is gone", || server.stats()["inFlight"] == 0);
    assert_eq!(client.get("/state").text().trim(), "1");
}

#[test]
fn a_drain_waits_for_answers_and_cuts_what_goes_on() {
    let mut server = Server::of("http-lab-1.0.0", r#"{"limits":{"timeoutMs":60000}}"#);
    let id = server.slots.get("app").and_then(|assignment| assignment.current).expect("assigned");
    let module = server.slots.choose("app", None, Some(id)).expect("held");
    let next = server.load("http-hello-1.0.0", "");
    let ask = |path: &str| {
        let mut client = server.client();
        client.send(&format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n"));
        client
    };
    let mut short = ask("/stream?n=3&ms=50");
    let mut endless = ask("/stream?n=100000&ms=20");
    assert_eq!(endless.head().status, 200);
    assert_eq!(short.head().status, 200);
    let mut computing = ask("/loop");
    eventually("all three are in flight", || module.in_flight() == 3);
    server.assign("app", &only(&next, "next"));
    let call = server.node.id();
    server.node.client.drain_module(call, &module, Duration::from_millis(500)).expect("admitted");
    let Ok(Outcome::Drained { finished, cut }) = server.node.wait(call).outcome else { panic!("drains") };
    assert_eq!((finished, cut), (1, 2));
    eventually("nothing is left", || module.in_flight() == 0);
    assert!(computing.is_closed(), "the looping one was cut");
    let weak = Arc::downgrade(&module);
    drop(module);
    eventually("the old version is gone", || weak.upgrade().is_none());
    assert_eq!(server.get("/").header("x-hotswap-version"), Some("next"));
}

#[test]
fn a_listener_that_closes_lets_answers_end_and_refuses_newcomers() {
    let server = Server::of("http-lab-1.0.0", r#"{"limits":{"timeoutMs":60000}}"#);
    let mut idle = server.client();
    assert_eq!(idle.get("/hello").status, 200);
    let mut short = server.client();
    short.send("GET /stream?n=4&ms=50 HTTP/1.1\r\nhost: a\r\n\r\n");
    let mut endless = server.client();
    endless.send("GET /stream?n=100000&ms=20 HTTP/1.1\r\nhost: a\r\n\r\n");
    assert_eq!(endless.head().status, 200);
    eventually("both are in flight", || server.stats()["inFlight"] == 2);
    let closing = server.listener.close(Duration::from_millis(600));
    let drained = server.run(closing);
    assert_eq!((drained.finished, drained.cut), (1, 1));
    let reply = short.reply();
    assert!(reply.whole && reply.text().lines().count() == 4, "{reply:?}");
    assert!(idle.is_closed());
    assert!(std::net::TcpStream::connect(("127.0.0.1", server.listener.port())).is_err());
    assert_eq!(server.stats()["connections"], 0);
}
