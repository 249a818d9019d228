//! Compiling in a child process, for modules of strangers: a compile cannot be interrupted, a process can be ended.
//!
//! The child is this same code in a process of its own (`compile_worker`). It limits its own processor time and address space; this side
//! watches its memory and the clock, and believes an answer only with a MAC by the key that it gave that child.

use std::io::{BufReader, Read};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::compile::frames::{Answer, Hello, Job, answer_mac, read_frame, write_frame};
use crate::error::{EngineError, ErrorCode, Result, bounded};
use crate::policy::CompilerOptions;
use crate::runtime::Runtime;

/// Time between two looks at the child's memory.
const WATCH_EVERY: Duration = Duration::from_millis(10);
/// A child that had nothing to do for so long is ended.
const IDLE_FOR: Duration = Duration::from_secs(10);
/// Bytes of what the child wrote on its standard error that an error message repeats.
const MAX_COMPLAINT_BYTES: u64 = 2_000;

/// Children that wait for work.
#[derive(Debug, Default)]
pub(crate) struct CompileChildren {
    idle: Mutex<Vec<CompileChild>>,
}

#[derive(Debug)]
struct CompileChild {
    options: CompilerOptions,
    process: Child,
    input: Option<ChildStdin>,
    answers: Receiver<std::io::Result<(Answer, Vec<u8>)>>,
    complaint: std::sync::Arc<Mutex<String>>,
    key: [u8; 32],
    next_job: u64,
    idle_since: Instant,
}

/// What ended a child before it could answer.
enum Excess {
    Memory(u64),
    Wall,
    Gone,
}

impl CompileChildren {
    /// Compiles one module in a child, a new one or one that waits for work.
    ///
    /// # Errors
    /// `COMPILE_LIMIT`, `COMPILE_FAILED`, `IO_FAILED` when no child can be started.
    pub(crate) fn compile(
        &'static self,
        runtime: &'static Runtime,
        options: &CompilerOptions,
        profile: &str,
        is_component: bool,
        module: &[u8],
    ) -> Result<Vec<u8>> {
        let waiting = {
            let mut idle = self.idle.lock();
            idle.iter().position(|child| child.options == *options).map(|index| idle.swap_remove(index))
        };
        let mut child = match waiting {
            Some(child) => child,
            None => CompileChild::start(runtime, options)?,
        };
        // An error that is not the compiler's own answer drops the child, which ends it.
        let code = child.compile(profile, is_component, module)?;
        child.idle_since = Instant::now();
        self.idle.lock().push(child);
        self.sweep_later(runtime);
        code
    }

    fn sweep_later(&'static self, runtime: &Runtime) {
        runtime.tokio.spawn(async move {
            tokio::time::sleep(IDLE_FOR + Duration::from_millis(50)).await;
            let old: Vec<_> = self.idle.lock().extract_if(.., |child| child.idle_since.elapsed() >= IDLE_FOR).collect();
            drop(tokio::task::spawn_blocking(move || drop(old)).await);
        });
    }
}

impl CompileChild {
    fn start(runtime: &Runtime, options: &CompilerOptions) -> Result<Self> {
        let failed = |reason: &dyn std::fmt::Display| {
            EngineError::new(ErrorCode::IoFailed, format!("The compiling process cannot be started: {reason}"))
                .with("reason", reason.to_string())
        };
        let (program, arguments) =
            options.command.split_first().ok_or_else(|| EngineError::argument("compiler.command", "a program"))?;
        let kept = ["LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SystemRoot"];
        let mut process = Command::new(program)
            .args(arguments)
            .env_clear()
            .envs(kept.iter().filter_map(|name| std::env::var_os(name).map(|value| (name, value))))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| failed(&error))?;
        let (mut input, output, errors) = (process.stdin.take(), process.stdout.take(), process.stderr.take());
        let (sender, answers) = sync_channel(1);
        let complaint = std::sync::Arc::new(Mutex::new(String::new()));
        if let (Some(output), Some(mut errors)) = (output, errors) {
            let heard = complaint.clone();
            let read = std::thread::Builder::new().name("hotswap-compiler".to_owned()).spawn(move || {
                let mut output = BufReader::new(output);
                while let Some(answer) = read_frame(&mut output).transpose() {
                    if sender.send(answer).is_err() {
                        return;
                    }
                }
                let mut text = Vec::new();
                drop(errors.by_ref().take(MAX_COMPLAINT_BYTES).read_to_end(&mut text));
                *heard.lock() = String::from_utf8_lossy(&text).into_owned();
            });
            read.map_err(|error| failed(&error))?;
        }
        let key =
            *blake3::Hasher::new_keyed(&process_key()).update(&runtime.next_id().to_le_bytes()).finalize().as_bytes();
        let mut options_of_engines = runtime.options.clone();
        options_of_engines.pool_slots = Some(1);
        let hello = Hello {
            key,
            options: options_of_engines,
            threads: runtime.compile_threads(),
            cpu_ms: options.cpu_ms,
            memory_bytes: options.memory_bytes,
        };
        if let Some(input) = &mut input {
            write_frame(input, &hello, &[]).map_err(|error| failed(&error))?;
        }
        let (options, idle_since) = (options.clone(), Instant::now());
        Ok(Self { options, process, input, answers, complaint, key, next_job: 0, idle_since })
    }

    /// The outer error ends the child, the inner one is the compiler's own.
    fn compile(&mut self, profile: &str, is_component: bool, module: &[u8]) -> Result<Result<Vec<u8>>> {
        self.next_job += 1;
        let job = Job { id: self.next_job, profile: profile.to_owned(), is_component };
        let begun = Instant::now();
        // Fails when the child is gone already; then there is no answer either.
        if let Some(input) = &mut self.input {
            drop(write_frame(input, &job, module));
        }
        let (answer, code) = loop {
            match self.answers.recv_timeout(WATCH_EVERY) {
                Ok(Ok(answer)) => break answer,
                Ok(Err(_)) | Err(RecvTimeoutError::Disconnected) => return Err(self.ended(&Excess::Gone)),
                Err(RecvTimeoutError::Timeout) => {}
            }
            match resident_bytes(self.process.id()) {
                Some(bytes) if bytes > self.options.memory_bytes => return Err(self.ended(&Excess::Memory(bytes))),
                _ => {}
            }
            if begun.elapsed() >= Duration::from_millis(self.options.wall_ms) {
                return Err(self.ended(&Excess::Wall));
            }
        };
        let genuine = blake3::Hash::from_hex(&answer.mac).ok() == Some(answer_mac(&self.key, &job, module, &code));
        if !genuine || answer.id != job.id {
            return Err(EngineError::internal("the compiling process gave an answer that is not authentic"));
        }
        Ok(match answer.refused {
            None => Ok(code),
            Some(reason) => {
                let message = format!("The module cannot be compiled: {reason}");
                Err(EngineError::new(ErrorCode::CompileFailed, message).with("reason", reason))
            }
        })
    }

    /// Ends the child and says why.
    fn ended(&mut self, excess: &Excess) -> EngineError {
        if !matches!(excess, Excess::Gone) {
            drop(self.process.kill());
        }
        self.input = None;
        let status = self.process.wait().ok();
        let (limit, reason) = match excess {
            Excess::Memory(bytes) => ("memoryBytes", format!("it held {bytes} of {} bytes", self.options.memory_bytes)),
            Excess::Wall => ("wallMs", format!("it did not end within {} ms", self.options.wall_ms)),
            Excess::Gone => self.cause_of_death(status),
        };
        EngineError::new(ErrorCode::CompileLimit, format!("Compiling the module was ended: {reason}"))
            .with("limit", limit)
            .with("reason", reason)
    }

    fn cause_of_death(&self, status: Option<ExitStatus>) -> (&'static str, String) {
        #[cfg(unix)]
        {
            use std::os::unix::process::ExitStatusExt;
            match status.and_then(|status| status.signal()) {
                Some(libc::SIGXCPU) => {
                    return ("cpuMs", format!("it used up its {} ms of processor time", self.options.cpu_ms));
                }
                Some(libc::SIGABRT) if self.complaint.lock().contains("memory allocation") => {
                    return ("memoryBytes", format!("it needed more than {} bytes", self.options.memory_bytes));
                }
                _ => {}
            }
        }
        let complaint = self.complaint.lock();
        let last = complaint.lines().last().map(|line| bounded(line, 200)).unwrap_or_default();
        let status = status.map_or_else(|| "no status".to_owned(), |status| status.to_string());
        ("crash", format!("the compiler ended by itself ({status}) {last}").trim_end().to_owned())
    }
}

impl Drop for CompileChild {
    fn drop(&mut self) {
        // At the end of its input it leaves by itself; one that is stuck is ended.
        self.input = None;
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Random, and the same for the life of the process.
fn process_key() -> [u8; 32] {
    use std::hash::{BuildHasher, Hasher, RandomState};
    static KEY: std::sync::OnceLock<[u8; 32]> = std::sync::OnceLock::new();
    *KEY.get_or_init(|| {
        let mut bytes = [0; 32];
        let read = std::fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
        if read.is_err() {
            // Seeded by the operating system as well.
            for part in bytes.chunks_mut(8) {
                let mut hasher = RandomState::new().build_hasher();
                hasher.write_u32(std::process::id());
                part.copy_from_slice(&hasher.finish().to_le_bytes());
            }
        }
        bytes
    })
}

/// Resident memory of a process, where the system says.
fn resident_bytes(process: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/statm")).ok()?;
    text.split_ascii_whitespace().nth(1)?.parse::<u64>().ok().map(|pages| pages * 4096)
}
