//! `wasi:sockets/ip-name-lookup`, within the bounds that lookups of outgoing HTTP have. Upstream's own begins as many as a guest asks for,
//! each on a blocking thread, and has forgotten those that nobody waits for while they still hold one.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use tokio::time::timeout;
use wasmtime::Result;
use wasmtime::component::{HasData, Linker, Resource};
use wasmtime_wasi::p2::bindings::sockets::ip_name_lookup::{self, ResolveAddressStream};
use wasmtime_wasi::p2::bindings::sockets::network::{self, ErrorCode, IpAddress, Network};
use wasmtime_wasi::p2::{DynPollable, Pollable, SocketError, subscribe};
use wasmtime_wasi::runtime::{AbortOnDropJoinHandle, spawn};
use wasmtime_wasi::sockets::WasiSocketsCtxView;

use crate::shared::lookups::Lookups;
use crate::store::StoreData;

/// For an answer, the wait for a place included. A call may end before that.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(10);

/// What the interface works on.
pub(crate) struct Names<'a> {
    pub(crate) sockets: WasiSocketsCtxView<'a>,
    /// `None`: the policy lets nobody look names up.
    pub(crate) lookups: Option<Arc<Lookups>>,
}

struct OfNames;

impl HasData for OfNames {
    type Data<'a> = Names<'a>;
}

/// Puts it in place of upstream's.
pub(crate) fn link(linker: &mut Linker<StoreData>) -> Result<()> {
    ip_name_lookup::add_to_linker::<_, OfNames>(linker, StoreData::names)
}

/// The same for 0.3.
#[cfg(feature = "wasi03")]
pub(crate) fn link_preview3(linker: &mut Linker<StoreData>) -> Result<()> {
    wasmtime_wasi::p3::bindings::sockets::ip_name_lookup::add_to_linker::<_, OfNames>(linker, StoreData::names)
}

/// Why a name has no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failure {
    Denied,
    Invalid,
    Unknown,
    Late,
}

type Found = std::result::Result<Vec<IpAddr>, Failure>;

/// What is asked for: an address in one of its spellings, which nobody has to look up, or a name in the spelling of the DNS.
enum Asked {
    Address(IpAddr),
    Name(String),
}

fn parse(text: &str) -> std::result::Result<Asked, Failure> {
    match url::Host::parse(text) {
        Ok(url::Host::Domain(name)) => Ok(Asked::Name(name)),
        Ok(url::Host::Ipv4(address)) => Ok(Asked::Address(address.into())),
        Ok(url::Host::Ipv6(address)) => Ok(Asked::Address(address.into())),
        // Without the brackets that they have in URLs.
        Err(_) => text.parse::<Ipv6Addr>().map(|address| Asked::Address(address.into())).map_err(|_| Failure::Invalid),
    }
}

async fn look_up(lookups: Arc<Lookups>, name: String, limit: Duration) -> Found {
    let found = timeout(limit, lookups.find(&name)).await.map_err(|_| Failure::Late)?;
    let found = found.ok().filter(|found| !found.is_empty()).ok_or(Failure::Unknown)?;
    Ok(found.into_iter().map(|address| address.to_canonical()).collect())
}

/// A lookup of 0.2, under way or done. Dropped before it has begun, it never begins.
enum Addresses {
    Awaited(AbortOnDropJoinHandle<Found>),
    Found(std::vec::IntoIter<IpAddr>),
    Failed(Failure),
}

impl Addresses {
    fn settle(&mut self, found: Found) {
        *self = match found {
            Ok(addresses) => Self::Found(addresses.into_iter()),
            Err(failure) => Self::Failed(failure),
        };
    }

    fn next(&mut self) -> std::result::Result<Option<IpAddress>, ErrorCode> {
        if let Self::Awaited(lookup) = self {
            let found = lookup.now_or_never().ok_or(ErrorCode::WouldBlock)?;
            self.settle(found);
        }
        match self {
            Self::Found(addresses) => Ok(addresses.next().map(IpAddress::from)),
            Self::Failed(failure) => Err((*failure).into()),
            Self::Awaited(_) => Err(ErrorCode::WouldBlock),
        }
    }
}

#[async_trait]
impl Pollable for Addresses {
    async fn ready(&mut self) {
        if let Self::Awaited(lookup) = self {
            let found = lookup.await;
            self.settle(found);
        }
    }
}

impl From<Failure> for ErrorCode {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Denied => Self::PermanentResolverFailure,
            Failure::Invalid => Self::InvalidArgument,
            Failure::Unknown => Self::NameUnresolvable,
            Failure::Late => Self::TemporaryResolverFailure,
        }
    }
}

/// The same thing under the type that upstream's bindings have for it, whose own nobody else can make.
fn ours(resource: &Resource<ResolveAddressStream>) -> Resource<Addresses> {
    if resource.owned() { Resource::new_own(resource.rep()) } else { Resource::new_borrow(resource.rep()) }
}

impl ip_name_lookup::Host for Names<'_> {
    fn resolve_addresses(
        &mut self,
        network: Resource<Network>,
        name: String,
    ) -> std::result::Result<Resource<ResolveAddressStream>, SocketError> {
        // Whoever holds one may ask.
        self.sockets.table.get(&network)?;
        let lookups = self.lookups.clone().ok_or(ErrorCode::from(Failure::Denied))?;
        let addresses = match parse(&name).map_err(ErrorCode::from)? {
            Asked::Address(address) => Addresses::Found(vec![address].into_iter()),
            Asked::Name(name) => Addresses::Awaited(spawn(look_up(lookups, name, LOOKUP_TIMEOUT))),
        };
        Ok(Resource::new_own(self.sockets.table.push(addresses)?.rep()))
    }
}

impl ip_name_lookup::HostResolveAddressStream for Names<'_> {
    fn resolve_next_address(
        &mut self,
        resource: Resource<ResolveAddressStream>,
    ) -> std::result::Result<Option<IpAddress>, SocketError> {
        Ok(self.sockets.table.get_mut(&ours(&resource))?.next()?)
    }

    fn subscribe(&mut self, resource: Resource<ResolveAddressStream>) -> Result<Resource<DynPollable>> {
        subscribe(self.sockets.table, ours(&resource))
    }

    fn drop(&mut self, resource: Resource<ResolveAddressStream>) -> Result<()> {
        self.sockets.table.delete(ours(&resource))?;
        Ok(())
    }
}

/// Only its conversion of errors is called: the interface itself stays upstream's.
impl network::Host for Names<'_> {
    fn convert_error_code(&mut self, error: SocketError) -> Result<ErrorCode> {
        network::Host::convert_error_code(&mut self.sockets, error)
    }

    fn network_error_code(&mut self, error: Resource<wasmtime::Error>) -> Result<Option<ErrorCode>> {
        network::Host::network_error_code(&mut self.sockets, error)
    }
}

impl network::HostNetwork for Names<'_> {
    fn drop(&mut self, network: Resource<Network>) -> Result<()> {
        network::HostNetwork::drop(&mut self.sockets, network)
    }
}

#[cfg(feature = "wasi03")]
mod preview3 {
    use std::sync::Arc;

    use wasmtime::component::Accessor;
    use wasmtime_wasi::p3::bindings::sockets::ip_name_lookup::{ErrorCode, Host, HostWithStore};
    use wasmtime_wasi::p3::bindings::sockets::types::IpAddress;

    use super::{Asked, Failure, Found, LOOKUP_TIMEOUT, Lookups, Names, OfNames, look_up, parse};

    impl<T> HostWithStore<T> for OfNames {
        async fn resolve_addresses(
            store: &Accessor<T, Self>,
            name: String,
        ) -> wasmtime::Result<Result<Vec<IpAddress>, ErrorCode>> {
            let lookups = store.with(|mut view| view.get().lookups);
            let found = find(lookups, &name).await;
            Ok(found.map(|found| found.into_iter().map(IpAddress::from).collect()).map_err(ErrorCode::from))
        }
    }

    async fn find(lookups: Option<Arc<Lookups>>, name: &str) -> Found {
        let lookups = lookups.ok_or(Failure::Denied)?;
        match parse(name)? {
            Asked::Address(address) => Ok(vec![address]),
            Asked::Name(name) => look_up(lookups, name, LOOKUP_TIMEOUT).await,
        }
    }

    impl Host for Names<'_> {}

    impl From<Failure> for ErrorCode {
        fn from(failure: Failure) -> Self {
            match failure {
                Failure::Denied => Self::PermanentResolverFailure,
                Failure::Invalid => Self::InvalidArgument,
                Failure::Unknown => Self::NameUnresolvable,
                Failure::Late => Self::TemporaryResolverFailure,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use wasmtime_wasi::ResourceTable;
    use wasmtime_wasi::p2::bindings::sockets::instance_network;
    use wasmtime_wasi::sockets::WasiSocketsCtx;

    use super::ip_name_lookup::{Host as _, HostResolveAddressStream};
    use super::*;
    use crate::shared::lookups::tests::Slow;

    /// A store's part, without a store.
    struct Part {
        context: WasiSocketsCtx,
        table: ResourceTable,
        lookups: Option<Arc<Lookups>>,
    }

    impl Part {
        fn new(lookups: Option<Arc<Lookups>>) -> Self {
            Self { context: WasiSocketsCtx::default(), table: ResourceTable::new(), lookups }
        }

        fn names(&mut self) -> Names<'_> {
            let sockets = WasiSocketsCtxView { ctx: &mut self.context, table: &mut self.table };
            Names { sockets, lookups: self.lookups.clone() }
        }

        fn ask(&mut self, name: &str) -> std::result::Result<Resource<ResolveAddressStream>, ErrorCode> {
            let network = instance_network::Host::instance_network(&mut self.names().sockets).expect("a network");
            let asked = self.names().resolve_addresses(network, name.to_owned());
            asked.map_err(|error| error.downcast().expect("no trap"))
        }

        fn next(
            &mut self,
            asked: &Resource<ResolveAddressStream>,
        ) -> std::result::Result<Option<IpAddress>, ErrorCode> {
            let next = self.names().resolve_next_address(Resource::new_borrow(asked.rep()));
            next.map_err(|error| error.downcast().expect("no trap"))
        }
    }

    #[tokio::test]
    async fn what_is_an_address_already_is_looked_up_by_nobody() {
        let names = Slow::new(Duration::ZERO);
        let mut part = Part::new(Some(Lookups::by(names.clone())));
        for (text, first) in [("127.0.0.1", Some(127)), ("0x7f.1", Some(127)), ("::1", None), ("[::1]", None)] {
            let asked = part.ask(text).expect("an address");
            match (part.next(&asked), first) {
                (Ok(Some(IpAddress::Ipv4(address))), Some(first)) => assert_eq!(address.0, first),
                (Ok(Some(IpAddress::Ipv6(address))), None) => assert_eq!(address.7, 1),
                (other, _) => panic!("{text}: {other:?}"),
            }
            assert!(matches!(part.next(&asked), Ok(None)), "{text}");
        }
        for text in ["", "a b", "127.0.0.1:80", "[::1"] {
            assert!(matches!(part.ask(text), Err(ErrorCode::InvalidArgument)), "{text}");
        }
        assert_eq!(names.begun(), 0);
        assert!(matches!(Part::new(None).ask("localhost"), Err(ErrorCode::PermanentResolverFailure)));
    }

    #[tokio::test]
    async fn a_guest_has_few_lookups_under_way_however_many_it_asks_for_and_leaves() {
        let names = Slow::new(Duration::from_mins(1));
        let lookups = Lookups::by(names.clone());
        let mut part = Part::new(Some(lookups.clone()));
        for _ in 0..3 {
            let asked: Vec<_> = (0..100).map(|n| part.ask(&format!("n{n}.test")).expect("begins")).collect();
            assert!(asked.iter().all(|asked| matches!(part.next(asked), Err(ErrorCode::WouldBlock))));
            tokio::time::sleep(Duration::from_millis(20)).await;
            for asked in asked {
                HostResolveAddressStream::drop(&mut part.names(), asked).expect("its own");
            }
        }
        assert_eq!((names.active(), names.most(), names.begun()), (4, 4, 4), "the others never begin");
        // Outgoing HTTP of the same module waits behind them.
        let late = look_up(lookups, "late.test".to_owned(), Duration::from_millis(20)).await;
        assert_eq!((late, names.begun()), (Err(Failure::Late), 4));
    }

    #[tokio::test]
    async fn an_answer_is_waited_for_and_read_once() {
        let names = Slow::new(Duration::from_millis(20));
        let mut part = Part::new(Some(Lookups::by(names)));
        let asked = part.ask("B\u{fc}cher.example").expect("begins");
        part.table.get_mut(&ours(&asked)).expect("its own").ready().await;
        assert!(matches!(part.next(&asked), Ok(Some(IpAddress::Ipv4((127, 0, 0, 1))))));
        assert!(matches!(part.next(&asked), Ok(None)));
        assert!(matches!(parse("B\u{fc}cher.example"), Ok(Asked::Name(name)) if name == "xn--bcher-kva.example"));
    }
}
