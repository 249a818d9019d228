//! What a call waits for before it runs: its module's share of a core, and a place in the pool.

use std::time::{Duration, Instant};

use crate::calls::completions::CallInfo;
use crate::calls::invoke::queue_full;
use crate::deadline::Deadline;
use crate::error::{EngineError, Result};
use crate::module::LoadedModule;
use crate::runtime::Runtime;
use crate::trap::timeout;

/// Waits for a permit and runs the work, all within one wall clock that began at admission.
pub(crate) async fn within<T>(
    runtime: &'static Runtime,
    module: &LoadedModule,
    limit_ms: u64,
    admitted: Instant,
    info: &mut CallInfo,
    work: impl AsyncFnOnce(Deadline, &mut CallInfo) -> Result<T>,
) -> Result<T> {
    let deadline = Deadline::after(admitted, limit_ms);
    let timed = tokio::time::timeout_at(deadline.at.into(), async {
        wait_for_share(module, deadline).await.inspect_err(|_| module.stats.record_queue_full())?;
        let _own = module.permits.acquire().await.map_err(EngineError::internal)?;
        let _permit = runtime.place().await?;
        info.meter.queue = admitted.elapsed();
        let _running = runtime.ticker.running();
        work(deadline, info).await
    })
    .await;
    timed.unwrap_or_else(|_| Err(timed_out(limit_ms, admitted, info.meter.queue)))
}

/// Holds a call back while its module is over its share of a core; refuses it when its time would be over before that.
pub(crate) async fn wait_for_share(module: &LoadedModule, deadline: Deadline) -> Result<()> {
    while module.share.is_limited() {
        let now = Instant::now();
        let Some(wait) = module.share.wait(now) else { return Ok(()) };
        if now + wait >= deadline.at {
            let percent = module.limits().max_cpu_percent.unwrap_or(100);
            return Err(queue_full("cpu", percent as usize).with("retryAfterMs", wait.as_millis() as u64));
        }
        module.share.record_throttled(wait);
        tokio::time::sleep(wait).await;
    }
    Ok(())
}

pub(crate) fn timed_out(limit_ms: u64, admitted: Instant, queued: Duration) -> EngineError {
    let round = |duration: Duration| (duration.as_secs_f64() * 1e6).round() / 1e3;
    timeout("timeoutMs", limit_ms, round(admitted.elapsed())).with("queuedMs", round(queued))
}
