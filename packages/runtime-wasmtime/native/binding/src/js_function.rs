//! A JavaScript function that native code calls, on the thread and within the calls of its own environment.

use napi::sys;

use crate::js::{Js, JsResult, Raw, Refused};

/// Keeps a function alive. Made, used and forgotten on its environment's thread.
pub(crate) struct HeldFunction {
    env: sys::napi_env,
    reference: sys::napi_ref,
}

/// What a function threw, in words.
#[derive(Debug)]
pub(crate) struct Thrown {
    pub(crate) code: Option<String>,
    pub(crate) message: String,
}

fn check(status: sys::napi_status) -> JsResult<()> {
    if status == sys::Status::napi_ok { Ok(()) } else { Err(Refused) }
}

impl HeldFunction {
    pub(crate) fn new(js: Js, function: Raw) -> JsResult<Self> {
        let mut reference = std::ptr::null_mut();
        // SAFETY: a live scope of this environment; the reference is deleted by `Drop`.
        check(unsafe { sys::napi_create_reference(js.env(), function.0, 1, &raw mut reference) })?;
        Ok(Self { env: js.env(), reference })
    }

    /// Calls with what `args` makes, and reads the answer by `read`, all in a scope of its own: a guest may call often before it returns.
    pub(crate) fn call<T>(
        &self,
        args: impl FnOnce(Js) -> JsResult<[Raw; 2]>,
        read: impl FnOnce(Js, Raw) -> T,
    ) -> Result<T, Thrown> {
        let js = Js::new(self.env);
        let mut scope = std::ptr::null_mut();
        // SAFETY: native code of this environment is running, called from its JavaScript; the scope is closed below.
        check(unsafe { sys::napi_open_handle_scope(self.env, &raw mut scope) }).map_err(|_| thrown(js))?;
        let outcome = (|| {
            let [first, second] = args(js)?;
            let (mut function, mut receiver) = (std::ptr::null_mut(), std::ptr::null_mut());
            // SAFETY: the reference is alive, and strong.
            check(unsafe { sys::napi_get_reference_value(self.env, self.reference, &raw mut function) })?;
            // SAFETY: a live scope.
            check(unsafe { sys::napi_get_undefined(self.env, &raw mut receiver) })?;
            let values = [first.0, second.0];
            let mut answer = std::ptr::null_mut();
            // SAFETY: all values are of this scope, and their number is that of the array.
            check(unsafe {
                sys::napi_call_function(self.env, receiver, function, values.len(), values.as_ptr(), &raw mut answer)
            })?;
            Ok(read(js, Raw(answer)))
        })();
        let outcome = outcome.map_err(|Refused| thrown(js));
        // SAFETY: opened above, and nothing of it is used any more.
        let closed = check(unsafe { sys::napi_close_handle_scope(self.env, scope) });
        closed.map_err(|_| thrown(js)).and(outcome)
    }
}

impl Drop for HeldFunction {
    fn drop(&mut self) {
        // SAFETY: made by `new` in this environment, which is still there: its cleanup forgets all held functions. A failure leaks one reference.
        let _ = unsafe { sys::napi_delete_reference(self.env, self.reference) };
    }
}

/// Takes the pending exception, if there is one.
fn thrown(js: Js) -> Thrown {
    let mut error = std::ptr::null_mut();
    // SAFETY: a live scope of this environment.
    let taken = check(unsafe { sys::napi_get_and_clear_last_exception(js.env(), &raw mut error) });
    let text = |key: &str| {
        let error = Raw(error);
        let value = if js.is_object(error) { js.own(error, key).ok().flatten()? } else { return None };
        js.string(value, 10_000).ok().flatten()
    };
    match taken {
        Ok(()) => Thrown { code: text("code"), message: text("message").unwrap_or_else(|| "it threw".to_owned()) },
        Err(Refused) => Thrown { code: None, message: "it could not be called".to_owned() },
    }
}
