//! Load for HTTP/1.1 servers: one thread, connections that are kept, every answer checked. Prints one line of JSON.

mod connection;
mod histogram;
mod load;
mod response;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

/// What to send, how much of it, and what must come back.
#[derive(Parser)]
pub struct Options {
    /// Address of the server, `127.0.0.1:8080`.
    #[arg(long)]
    address: SocketAddr,
    /// Path and query of every request.
    #[arg(long, default_value = "/")]
    path: String,
    /// The Host header. Default: the address.
    #[arg(long)]
    host: Option<String>,
    /// Another header, `name: value`; may be given more than once.
    #[arg(long = "header")]
    headers: Vec<String>,
    /// How many connections.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Requests per second, each due at its time whatever became of the others. 0: as many as are answered.
    #[arg(long, default_value_t = 0)]
    rate: u64,
    /// Length of the run. The run ends with `requests`, if they are done before.
    #[arg(long, default_value_t = 8.0)]
    seconds: f64,
    /// Requests after which the run ends. 0: none.
    #[arg(long, default_value_t = 0)]
    requests: u64,
    /// Load before the run that is not counted, but whose failures are.
    #[arg(long, default_value_t = 1.0)]
    warmup_seconds: f64,
    /// Never sleeps. For a load with a core of its own: waking a sleeper is work of whoever sends to it, here a sixth of a server's time.
    #[arg(long)]
    spin: bool,
    /// Time after which a request has failed.
    #[arg(long, default_value_t = 10_000)]
    timeout_ms: u64,
    /// The status that every answer must have.
    #[arg(long, default_value_t = 200)]
    status: u16,
    /// A body that an answer may have; may be given more than once. None: any.
    #[arg(long = "body")]
    bodies: Vec<String>,
    /// Counts the values of this header.
    #[arg(long, default_value = "x-hotswap-version")]
    count_header: String,
}

impl Options {
    fn request(&self) -> Vec<u8> {
        let host = self.host.clone().unwrap_or_else(|| self.address.to_string());
        let headers = self.headers.iter().fold(String::new(), |all, line| all + line + "\r\n");
        format!("GET {} HTTP/1.1\r\nhost: {host}\r\n{headers}\r\n", self.path).into_bytes()
    }

    fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    let report = load::run(&options).and_then(|report| serde_json::to_string(&report).map_err(Into::into));
    match report {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("loadgen: no load on {}: {error}", options.address);
            ExitCode::FAILURE
        }
    }
}
