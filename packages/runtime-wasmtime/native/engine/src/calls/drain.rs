//! Waits until nothing runs on a module any more.

use std::sync::Arc;
use std::time::Duration;

use crate::module::LoadedModule;
use crate::runtime::Runtime;

/// Lets calls and requests end, cuts what is left at the deadline. Returns how many finished and how many were cut.
pub(crate) async fn drain(runtime: &'static Runtime, module: &Arc<LoadedModule>, deadline: Duration) -> (usize, usize) {
    module.drop_idle(runtime);
    let at_start = module.in_flight();
    let ended = tokio::time::timeout(deadline, module.until_idle()).await.is_ok();
    // Those that came back meanwhile.
    module.drop_idle(runtime);
    if ended {
        return (at_start, 0);
    }
    let cut = runtime.calls.cancel_module(module.id()) + crate::http::cut_module(module.id());
    // A guest that computes notices at the next tick; one that is stuck in a host call is dropped with its future.
    drop(tokio::time::timeout(Duration::from_secs(1), module.until_idle()).await);
    (at_start.saturating_sub(cut), cut)
}
