//! Components that answer HTTP: by `wasi:http/incoming-handler` of 0.2, or by `wasi:http/handler` of 0.3.

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tokio::sync::oneshot;
use wasmtime::Store;
use wasmtime::component::InstancePre;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode as GuestErrorCode, Scheme};
use wasmtime_wasi_http::p2::bindings::{Proxy, ProxyPre};
#[cfg(feature = "wasi03")]
use wasmtime_wasi_http::p3::bindings::{Service, ServicePre};
use wasmtime_wasi_http::{Error as HttpError, WasiBody, WasiHttpView};

use crate::functions::FunctionEntry;
use crate::store::StoreData;

/// What a guest answers with: a response, or an error of its own.
pub(crate) type Head = std::result::Result<Response<WasiBody>, GuestErrorCode>;

/// Linked, not instantiated.
pub(crate) enum ServerPre {
    Proxy(ProxyPre<StoreData>),
    #[cfg(feature = "wasi03")]
    Service(ServicePre<StoreData>),
}

/// An instance.
pub(crate) enum Server {
    Proxy(Proxy),
    #[cfg(feature = "wasi03")]
    Service(Service),
}

impl ServerPre {
    /// `None`: the component answers no HTTP.
    pub(crate) fn find(pre: &InstancePre<StoreData>, functions: &[FunctionEntry]) -> Option<Self> {
        let exports = |name: &str| functions.iter().any(|entry| entry.name.starts_with(name));
        if exports("wasi:http/incoming-handler@0.2") {
            return ProxyPre::new(pre.clone()).ok().map(Self::Proxy);
        }
        #[cfg(feature = "wasi03")]
        if exports("wasi:http/handler@0.3") {
            return ServicePre::new(pre.clone()).ok().map(Self::Service);
        }
        None
    }

    pub(crate) async fn instantiate(&self, store: &mut Store<StoreData>) -> wasmtime::Result<Server> {
        Ok(match self {
            // Boxed, as what is not needed by every request: all of them would carry the room for it.
            Self::Proxy(pre) => Server::Proxy(Box::pin(pre.instantiate_async(store)).await?),
            #[cfg(feature = "wasi03")]
            Self::Service(pre) => Server::Service(Box::pin(pre.instantiate_async(store)).await?),
        })
    }
}

impl Server {
    /// Lets the guest answer one request; ends when the guest has nothing more to do for it.
    pub(crate) async fn answer<B>(
        &self,
        store: &mut Store<StoreData>,
        request: Request<B>,
        scheme: Scheme,
        head: oneshot::Sender<Head>,
    ) -> wasmtime::Result<()>
    where
        B: Body<Data = Bytes, Error: Into<HttpError>> + Send + 'static,
    {
        match self {
            Self::Proxy(proxy) => {
                let mut http = store.data_mut().http();
                let request = http.new_incoming_request(scheme, request)?;
                let answering = http.new_response_outparam(head)?;
                proxy.wasi_http_incoming_handler().call_handle(store, request, answering).await
            }
            #[cfg(feature = "wasi03")]
            Self::Service(service) => Box::pin(super::preview3::answer(service, store, request, &scheme, head)).await,
        }
    }
}
