//! Contexts of the library that are deleted with their owners.

use std::rc::Rc;

use crate::api::{Api, Handle};

/// A context and the function that deletes it.
pub(crate) struct Owned {
    handle: Handle,
    delete: unsafe extern "C" fn(Handle),
    // The library must outlive its contexts.
    _api: Rc<Api>,
}

impl Owned {
    /// Takes over a context that the library just made; `None` when it could not.
    pub(crate) fn new(api: &Rc<Api>, handle: Handle, delete: unsafe extern "C" fn(Handle)) -> Option<Self> {
        (!handle.is_null()).then(|| Self { handle, delete, _api: Rc::clone(api) })
    }

    pub(crate) fn handle(&self) -> Handle {
        self.handle
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: the context is alive, and nobody else deletes it.
        unsafe { (self.delete)(self.handle) };
    }
}
