//! A plane with one listener, and a client that takes answers apart byte by byte: it must see what is not whole.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use hotswap_engine::http::{
    AccessRecord, FallbackBody, FallbackRequest, Handlers, ListenOptions, Listener, OutputRecord, Plane, RequestHead,
    Route, Wants,
};
use hotswap_engine::{Assignment, LoadedModule, Outcome, SlotTable};

use super::{Awaited, options};

/// Bytes of one of the committed guests.
pub fn guest(name: &str) -> Vec<u8> {
    // Of where this runs: clones share a target folder, so it may have been compiled for one that is gone.
    let folder = std::env::var("CARGO_MANIFEST_DIR").expect("cargo names the crate's folder");
    std::fs::read(format!("{folder}/../../../../examples/modules/rust/{name}.wasm")).expect("a committed guest")
}

pub fn load(node: &mut Awaited, wasm: Vec<u8>, json: &str) -> Arc<LoadedModule> {
    let id = node.id();
    node.client.load(id, Some(wasm.into()), options(json)).expect("admitted");
    match node.wait(id).outcome {
        Ok(Outcome::Module(module)) => module,
        other => panic!("not a module: {other:?}"),
    }
}

/// An owner that answers with what it was asked, and with headers that a client names `x-answer-…`, and remembers.
#[derive(Default)]
pub struct Owner {
    pub wants: Wants,
    pub admits: Option<Duration>,
    pub asked: Mutex<Vec<RequestHead>>,
    pub records: Mutex<Vec<AccessRecord>>,
    pub output: Mutex<Vec<OutputRecord>>,
}

impl Handlers for Owner {
    fn wants(&self) -> Wants {
        self.wants
    }

    fn fallback(
        &self,
        request: FallbackRequest,
    ) -> futures_util::future::BoxFuture<'static, Option<http::Response<FallbackBody>>> {
        use http_body_util::BodyExt;
        Box::pin(async move {
            let body = request.body.map_err(Into::into).boxed_unsync();
            let echo = http::Response::builder().header("x-url", request.head.url).body(body);
            let mut echo = echo.expect("a response");
            for (name, value) in &request.head.headers {
                if let Some(name) = name.as_str().strip_prefix("x-answer-") {
                    let name = http::HeaderName::from_bytes(name.as_bytes()).expect("a name");
                    echo.headers_mut().append(name, value.clone());
                }
            }
            Some(echo)
        })
    }

    fn authorize(&self, head: RequestHead) -> futures_util::future::BoxFuture<'static, Option<SystemTime>> {
        self.asked.lock().expect("unpoisoned").push(head);
        let until = self.admits.map(|valid_for| SystemTime::now() + valid_for);
        Box::pin(std::future::ready(until))
    }

    fn access(&self, records: Vec<AccessRecord>) {
        self.records.lock().expect("unpoisoned").extend(records);
    }

    fn output(&self, records: Vec<OutputRecord>) {
        self.output.lock().expect("unpoisoned").extend(records);
    }
}

pub struct Server {
    pub node: Awaited,
    pub slots: Arc<SlotTable>,
    pub owner: Arc<Owner>,
    pub plane: Arc<Plane>,
    pub listener: Arc<Listener>,
}

impl Server {
    pub fn with(owner: Owner, listen: &str) -> Self {
        let slots = SlotTable::create().expect("starts");
        let owner = Arc::new(owner);
        let plane = Plane::new(slots.clone(), owner.clone()).expect("starts");
        let listen: ListenOptions = serde_json::from_str(listen).expect("the test's own options");
        let listener = plane.listen(&listen).expect("listens");
        Self { node: Awaited::new(), slots, owner, plane, listener }
    }

    pub fn new() -> Self {
        Self::with(Owner::default(), "{}")
    }

    /// Serves one guest at every path.
    pub fn of(name: &str, policy: &str) -> Self {
        let mut server = Self::new();
        let module = server.load(name, policy);
        server.serve(&module);
        server
    }

    pub fn serve(&self, module: &LoadedModule) {
        self.assign("app", &format!(r#"{{"current":{0},"labels":{{"{0}":"one"}}}}"#, module.id()));
        self.route(r#"[{"slot":"app","hosts":[],"pathPrefix":"/","access":"public"}]"#);
    }

    pub fn load(&mut self, name: &str, policy: &str) -> Arc<LoadedModule> {
        let json = if policy.is_empty() { String::new() } else { format!(r#"{{"policy":{policy}}}"#) };
        load(&mut self.node, guest(name), &json)
    }

    pub fn assign(&self, slot: &str, json: &str) {
        let assignment: Assignment = serde_json::from_str(json).expect("the test's own assignment");
        self.slots.set(slot, &assignment).expect("set");
    }

    pub fn route(&self, json: &str) {
        let routes: Vec<Route> = serde_json::from_str(json).expect("the test's own routes");
        self.listener.set_routes(&routes).expect("set");
    }

    pub fn client(&self) -> Client {
        Client::connect(self.listener.port())
    }

    pub fn get(&self, path: &str) -> Reply {
        self.client().get(path)
    }

    pub fn stats(&self) -> serde_json::Value {
        serde_json::from_str(&self.plane.stats_json()).expect("JSON")
    }

    pub fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> T {
        let (sender, receiver) = std::sync::mpsc::channel();
        self.plane.handle().expect("runs").spawn(async move {
            let _ = sender.send(work.await);
        });
        receiver.recv_timeout(Duration::from_mins(1)).expect("ends within a minute")
    }
}

/// What came back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// The answer said where it ends, and it ended there.
    pub whole: bool,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    pub fn code(&self) -> String {
        let document: serde_json::Value = serde_json::from_slice(&self.body).expect("a problem document");
        document["code"].as_str().expect("a code").to_owned()
    }
}

/// A connection of HTTP/1.1.
pub struct Client {
    pub stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    pub fn connect(port: u16) -> Self {
        let stream = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))).expect("connects");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a socket");
        stream.set_nodelay(true).expect("a socket");
        Self { stream, buffer: Vec::new() }
    }

    pub fn send(&mut self, text: &str) {
        // A server that has answered and closed already is seen by the one who reads.
        let _ = self.stream.write_all(text.as_bytes());
    }

    pub fn get(&mut self, path: &str) -> Reply {
        self.get_with(path, "")
    }

    pub fn get_with(&mut self, path: &str, headers: &str) -> Reply {
        self.send(&format!("GET {path} HTTP/1.1\r\nhost: app.test\r\n{headers}\r\n"));
        self.reply()
    }

    pub fn post(&mut self, path: &str, body: &[u8]) -> Reply {
        self.send(&format!("POST {path} HTTP/1.1\r\nhost: app.test\r\ncontent-length: {}\r\n\r\n", body.len()));
        let _ = self.stream.write_all(body);
        self.reply()
    }

    /// Reads on. False at the end of the connection, however it came.
    fn fill(&mut self) -> bool {
        let mut piece = vec![0; 64 * 1024];
        match self.stream.read(&mut piece) {
            Ok(0) => false,
            Ok(count) => {
                self.buffer.extend_from_slice(&piece[..count]);
                true
            }
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => false,
            Err(error) => panic!("the server neither answers nor closes: {error}"),
        }
    }

    fn line(&mut self) -> Option<String> {
        loop {
            if let Some(at) = self.buffer.windows(2).position(|pair| pair == b"\r\n") {
                let line: Vec<u8> = self.buffer.drain(..at + 2).collect();
                return Some(String::from_utf8_lossy(&line[..at]).into_owned());
            }
            if !self.fill() {
                return None;
            }
        }
    }

    fn take(&mut self, count: usize, to: &mut Vec<u8>) -> bool {
        while self.buffer.len() < count {
            if !self.fill() {
                to.append(&mut self.buffer);
                return false;
            }
        }
        to.extend(self.buffer.drain(..count));
        true
    }

    /// The next answer. Status 0: the connection ended without one.
    pub fn reply(&mut self) -> Reply {
        let mut reply = self.head();
        if reply.status == 0 {
            return reply;
        }
        let mut body = Vec::new();
        reply.whole = if reply.header("transfer-encoding") == Some("chunked") {
            self.chunks(&mut body)
        } else {
            let length = reply.header("content-length").map_or(0, |length| length.parse().expect("a length"));
            self.take(length, &mut body)
        };
        reply.body = body;
        reply
    }

    /// The head of the next answer.
    pub fn head(&mut self) -> Reply {
        let mut reply = Reply::default();
        let Some(first) = self.line() else { return reply };
        reply.status = first.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status line");
        loop {
            match self.line() {
                None => return Reply::default(),
                Some(line) if line.is_empty() => break,
                Some(line) => {
                    let (name, value) = line.split_once(':').expect("a header");
                    reply.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
                }
            }
        }
        if reply.status == 100 { self.head() } else { reply }
    }

    fn chunks(&mut self, body: &mut Vec<u8>) -> bool {
        loop {
            let Some(line) = self.line() else { return false };
            let size = usize::from_str_radix(&line, 16).expect("the size of a chunk");
            if size == 0 {
                // Trailers, up to the empty line.
                while let Some(line) = self.line() {
                    if line.is_empty() {
                        return true;
                    }
                }
                return false;
            }
            if !self.take(size, body) || self.line().is_none() {
                return false;
            }
        }
    }

    /// Whether the server has closed the connection, or does so soon.
    pub fn is_closed(&mut self) -> bool {
        self.buffer.is_empty() && !self.fill()
    }

    pub fn leave(self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}
