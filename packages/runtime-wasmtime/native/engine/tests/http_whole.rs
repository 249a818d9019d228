//! Commands and core modules that answer HTTP without components.

mod support;

use support::http::{Server, load};
use support::wasm;

/// Prints a head, its environment and its input.
const COMMAND: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $environ (param i32 i32) (result i32)))
  (memory (export "memory") 4)
  (data (i32.const 64) "Status: 201 Made\nContent-Type: text/plain\n\n")
  (func $print (param i32 i32)
    (i32.store (i32.const 16) (local.get 0)) (i32.store (i32.const 20) (local.get 1))
    (drop (call $write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 24))))
  (func (export "_start")
    (call $print (i32.const 64) (i32.const 43))
    (drop (call $sizes (i32.const 0) (i32.const 4)))
    (drop (call $environ (i32.const 1024) (i32.const 8192)))
    (call $print (i32.const 8192) (i32.load (i32.const 4)))
    (loop $more
      (i32.store (i32.const 32) (i32.const 65536)) (i32.store (i32.const 36) (i32.const 4096))
      (drop (call $read (i32.const 0) (i32.const 32) (i32.const 1) (i32.const 40)))
      (if (i32.load (i32.const 40))
        (then (call $print (i32.const 65536) (i32.load (i32.const 40))) (br $more))))))"#;

/// Answers with the request it was given, or in a way that is none.
const HANDLER: &str = r#"(module
  (memory (export "memory") 4)
  (data (i32.const 982) "HTTP/1.1 200 OK\ncontent-type: text/plain\n\n")
  (func (export "hotswap_alloc") (param $size i32) (result i32)
    (if (result i32) (i32.gt_u (local.get $size) (i32.const 100000)) (then (i32.const 0)) (else (i32.const 1024))))
  (func (export "hotswap_http_handle") (param $at i32) (param $size i32) (result i64)
    ;; The path's first letter: `t` traps, `x` points outside, `n` is no message.
    (if (i32.eq (i32.load8_u (i32.const 1029)) (i32.const 116)) (then unreachable))
    (if (i32.eq (i32.load8_u (i32.const 1029)) (i32.const 120)) (then (return (i64.const 0x7fffffff_00000010))))
    (if (i32.eq (i32.load8_u (i32.const 1029)) (i32.const 110)) (then (return (i64.const 0x00000400_00000010))))
    (if (i32.eq (i32.load8_u (i32.const 1029)) (i32.const 108)) (then (loop br 0)))
    (i64.or (i64.shl (i64.const 982) (i64.const 32)) (i64.extend_i32_u (i32.add (local.get $size) (i32.const 42))))))"#;

fn serve(text: &str, prefix: &str) -> Server {
    let mut server = Server::new();
    let module = load(&mut server.node, wasm(text), r#"{"policy":{"limits":{"timeoutMs":300}}}"#);
    server.assign("app", &format!(r#"{{"current":{0},"labels":{{"{0}":"one"}}}}"#, module.id()));
    server.route(&format!(
        r#"[{{"slot":"app","hosts":[],"pathPrefix":"{prefix}","stripPrefix":true,"access":"public","limits":{{"maxBodyBytes":200000}}}}]"#
    ));
    server
}

#[test]
fn commands_answer_as_cgi_programs() {
    let server = serve(COMMAND, "/cgi");
    let mut client = server.client();
    client.send(
        "POST /cgi/a/b?x=1 HTTP/1.1\r\nhost: app.test:81\r\nx-Some-Header: v\r\ncontent-length: 7\r\n\r\nthe end",
    );
    let reply = client.reply();
    assert_eq!((reply.status, reply.header("content-type"), reply.whole), (201, Some("text/plain"), true), "{reply:?}");
    assert_eq!(reply.header("x-hotswap-version"), Some("one"));
    for variable in [
        "REQUEST_METHOD=POST",
        "SCRIPT_NAME=/cgi",
        "PATH_INFO=/a/b",
        "QUERY_STRING=x=1",
        "HTTP_X_SOME_HEADER=v",
        "SERVER_NAME=app.test",
        "SERVER_PORT=81",
        "REMOTE_ADDR=127.0.0.1",
        "CONTENT_LENGTH=7",
    ] {
        assert!(reply.text().split('\0').any(|known| known == variable), "{variable}: {}", reply.text());
    }
    assert!(reply.text().ends_with("the end"));
    // More than what a command's output is usually cut to.
    let reply = client.post("/cgi", &vec![b'a'; 200_000]);
    assert!(reply.whole && reply.body.len() > 200_000, "{}", reply.body.len());
    assert_eq!(client.post("/cgi", &vec![b'a'; 200_001]).status, 413);
}

#[test]
fn commands_that_fail_are_answered_for() {
    for (body, code) in [
        ("unreachable", "HS_RUNTIME_TRAP"),
        ("(call $exit (i32.const 3))", "HS_RUNTIME_TRAP"),
        ("", "HS_RUNTIME_TRAP"),
        ("(loop br 0)", "HS_RUNTIME_TIMEOUT"),
    ] {
        let text = format!(
            r#"(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
                (memory (export "memory") 1) (func (export "_start") {body}))"#
        );
        let reply = serve(&text, "/").get("/");
        assert_eq!((reply.status >= 500, reply.code().as_str()), (true, code), "{body}: {reply:?}");
    }
}

#[test]
fn core_modules_answer_through_their_handler() {
    let server = serve(HANDLER, "/");
    let mut client = server.client();
    client.send("PUT /echo?a HTTP/1.1\r\nhost: app.test\r\nx-one: 1\r\ncontent-length: 4\r\n\r\nbody");
    let reply = client.reply();
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("text/plain")), "{reply:?}");
    assert_eq!(reply.header("x-hotswap-version"), Some("one"));
    assert_eq!(reply.text(), "PUT /echo?a HTTP/1.1\r\nhost: app.test\r\nx-one: 1\r\ncontent-length: 4\r\n\r\nbody");
    for (path, status) in [("/trap", 500), ("/xoutside", 500), ("/no-message", 500), ("/loop", 504), ("/echo", 200)] {
        assert_eq!(client.get(path).status, status, "{path}");
    }
    let reply = client.post("/echo", &vec![b'a'; 150_000]);
    assert_eq!((reply.status, reply.code().as_str()), (500, "HS_RUNTIME_MEMORY_LIMIT"));
}
