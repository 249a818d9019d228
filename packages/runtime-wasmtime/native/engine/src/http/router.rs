//! Host and path to a route. A table is made whole and never changed, so that a request sees all of one or all of another.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use http::uri::PathAndQuery;
use http::{HeaderName, Uri};

use crate::error::{EngineError, Result};

use super::options::{Access, Affinity, HttpLimits, Route};
use super::path::reading;

/// One route with everything resolved that a request would otherwise have to.
#[derive(Debug)]
pub(crate) struct RouteEntry {
    pub(crate) slot: Option<Box<str>>,
    prefix_bytes: usize,
    strip_prefix: bool,
    pub(crate) authorized: bool,
    pub(crate) affinity: StickyBy,
    pub(crate) max_body_bytes: u64,
    pub(crate) timeout_ms: Option<u64>,
    pub(crate) max_in_flight: Option<usize>,
    /// Only counted with a limit. Shared with the same route of the next table: replacing routes must not forget what runs.
    pub(crate) in_flight: Arc<AtomicUsize>,
}

/// What names a client.
#[derive(Debug)]
pub(crate) enum StickyBy {
    Address,
    Header(HeaderName),
    Cookie(Box<str>),
}

/// Routes by their prefixes without a slash at the end.
#[derive(Debug, Default)]
struct Prefixes {
    by_prefix: HashMap<Box<str>, Arc<RouteEntry>>,
    longest_bytes: usize,
}

/// Routes of one host.
#[derive(Debug, Default)]
struct Paths {
    written: Prefixes,
    /// By what the prefixes read as.
    read: Prefixes,
}

/// A path that leads to one route as it is written, and to another one as servers read it: whoever answers could be led past what guards
/// the other.
#[derive(Debug)]
pub(crate) struct Ambiguous;

/// See the module's description.
#[derive(Debug, Default)]
pub(crate) struct Table {
    exact: HashMap<Box<str>, Paths>,
    /// `.example.org`, the longest first.
    below: Vec<(Box<str>, Paths)>,
    any: Paths,
}

impl Prefixes {
    fn find(&self, path: &str) -> Option<&Arc<RouteEntry>> {
        // Whatever is longer than every prefix matches none: the search begins at the last segment that can.
        let mut end = path.len();
        if end > self.longest_bytes {
            end = path.as_bytes()[..=self.longest_bytes].iter().rposition(|byte| *byte == b'/')?;
        }
        loop {
            if let Some(route) = self.by_prefix.get(&path[..end]) {
                return Some(route);
            }
            end = path[..end].rfind('/')?;
        }
    }

    fn add(&mut self, prefix: &str, route: &Arc<RouteEntry>) {
        self.longest_bytes = self.longest_bytes.max(prefix.len());
        // The first one stays: the order of the list decides between equals.
        self.by_prefix.entry(prefix.into()).or_insert_with(|| route.clone());
    }
}

impl Paths {
    fn add(&mut self, prefix: &str, route: &Arc<RouteEntry>) {
        self.written.add(prefix, route);
        let read = reading(prefix);
        self.read.add(read.as_deref().unwrap_or(prefix).trim_end_matches('/'), route);
    }
}

impl Table {
    /// # Errors
    /// `INVALID_ARGUMENT` for hosts, prefixes and names that no request could match.
    pub(crate) fn new(routes: &[Route], limits: &HttpLimits, before: &Table) -> Result<Self> {
        let mut table = Self::default();
        for (index, route) in routes.iter().enumerate() {
            let prefix = checked_prefix(&route.path_prefix)
                .ok_or_else(|| EngineError::argument(format!("routes[{index}].pathPrefix"), "a path from `/` on"))?;
            let hosts = route.hosts.iter().map(|host| checked_host(host));
            let hosts = hosts.collect::<Option<Vec<_>>>().ok_or_else(|| {
                let expected = "names in lower case without a port, `*.` only in front";
                EngineError::argument(format!("routes[{index}].hosts"), expected)
            })?;
            let in_flight = before.same(hosts.first().copied(), prefix).map(|old| old.in_flight.clone());
            let entry = Arc::new(RouteEntry {
                slot: route.slot.as_deref().map(Into::into),
                prefix_bytes: prefix.len(),
                strip_prefix: route.strip_prefix,
                authorized: route.access == Access::Authorized,
                affinity: sticky_by(route.affinity.as_ref())
                    .ok_or_else(|| EngineError::argument(format!("routes[{index}].affinity"), "a name"))?,
                max_body_bytes: route.limits.max_body_bytes.unwrap_or(limits.max_body_bytes),
                timeout_ms: route.limits.timeout_ms.map(|ms| ms.max(1)),
                max_in_flight: route.limits.max_in_flight,
                in_flight: in_flight.unwrap_or_default(),
            });
            if hosts.is_empty() {
                table.any.add(prefix, &entry);
            }
            for host in hosts {
                table.paths_of(host).add(prefix, &entry);
            }
        }
        table.below.sort_by_key(|(suffix, _)| std::cmp::Reverse(suffix.len()));
        Ok(table)
    }

    fn paths_of(&mut self, host: &str) -> &mut Paths {
        let Some(suffix) = host.strip_prefix('*') else {
            return self.exact.entry(host.into()).or_default();
        };
        let at = self.below.iter().position(|(known, _)| **known == *suffix).unwrap_or_else(|| {
            self.below.push((suffix.into(), Paths::default()));
            self.below.len() - 1
        });
        &mut self.below[at].1
    }

    fn same(&self, host: Option<&str>, prefix: &str) -> Option<&Arc<RouteEntry>> {
        let paths = match host {
            None => &self.any,
            Some(host) => match host.strip_prefix('*') {
                Some(suffix) => &self.below.iter().find(|(known, _)| **known == *suffix)?.1,
                None => self.exact.get(host)?,
            },
        };
        paths.written.by_prefix.get(prefix)
    }

    /// The route of a request: by its exact host first, then by the longest pattern, then those for any host; in each by the longest path.
    ///
    /// # Errors
    /// The path can be read in two ways.
    pub(crate) fn find(&self, authority: &str, path: &str) -> Result<Option<&Arc<RouteEntry>>, Ambiguous> {
        let written = self.find_by(authority, |paths| paths.written.find(path));
        let Some(path) = reading(path) else { return Ok(written) };
        let read = self.find_by(authority, |paths| paths.read.find(&path));
        if written.map(Arc::as_ptr) == read.map(Arc::as_ptr) { Ok(written) } else { Err(Ambiguous) }
    }

    fn find_by<'t>(
        &'t self,
        authority: &str,
        find: impl Fn(&'t Paths) -> Option<&'t Arc<RouteEntry>>,
    ) -> Option<&'t Arc<RouteEntry>> {
        if self.exact.is_empty() && self.below.is_empty() {
            return find(&self.any);
        }
        let host = host_name(authority);
        let lower;
        let host = if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
            lower = host.to_ascii_lowercase();
            &lower
        } else {
            host
        };
        let exact = self.exact.get(host).and_then(&find);
        exact
            .or_else(|| {
                let mut below = self.below.iter();
                below.find_map(|(suffix, paths)| is_below(host, suffix).then(|| find(paths)).flatten())
            })
            .or_else(|| find(&self.any))
    }
}

impl RouteEntry {
    /// What the guest sees of a request's address, if that is not all of it.
    pub(crate) fn stripped(&self, uri: &Uri) -> Option<Uri> {
        if !self.strip_prefix || self.prefix_bytes == 0 {
            return None;
        }
        let rest = uri.path_and_query()?.as_str().get(self.prefix_bytes..)?;
        let rest = if rest.starts_with('/') { rest.to_owned() } else { format!("/{rest}") };
        let mut parts = uri.clone().into_parts();
        parts.path_and_query = Some(PathAndQuery::from_maybe_shared(bytes::Bytes::from(rest)).ok()?);
        Uri::from_parts(parts).ok()
    }

    /// The part of a path that chose this route and that the guest does not see.
    pub(crate) fn hidden_prefix<'p>(&self, path: &'p str) -> &'p str {
        if self.strip_prefix { path.get(..self.prefix_bytes).unwrap_or_default() } else { "" }
    }
}

/// Without its port and the dot of a complete name.
fn host_name(authority: &str) -> &str {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    host.strip_suffix('.').unwrap_or(host)
}

/// Whether a host has a name of its own in front of `.example.org`.
fn is_below(host: &str, suffix: &str) -> bool {
    host.len() > suffix.len() && host.ends_with(suffix)
}

fn checked_prefix(prefix: &str) -> Option<&str> {
    if !prefix.starts_with('/') || prefix.contains(['?', '#']) || prefix.parse::<PathAndQuery>().is_err() {
        return None;
    }
    Some(prefix.trim_end_matches('/'))
}

fn checked_host(host: &str) -> Option<&str> {
    let name = host.strip_prefix("*.").unwrap_or(host);
    let fits = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.');
    let address = name.starts_with('[') && name.ends_with(']') && name.len() == host.len();
    (!name.is_empty() && (address || name.bytes().all(fits))).then_some(host)
}

fn sticky_by(affinity: Option<&Affinity>) -> Option<StickyBy> {
    Some(match affinity {
        None => StickyBy::Address,
        Some(Affinity::Header(name)) => StickyBy::Header(HeaderName::from_bytes(name.as_bytes()).ok()?),
        Some(Affinity::Cookie(name)) if !name.is_empty() => StickyBy::Cookie(name.as_str().into()),
        Some(Affinity::Cookie(_)) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(routes: &[(&str, &[&str], &str)]) -> Table {
        let route = |(slot, hosts, prefix): &(&str, &[&str], &str)| Route {
            slot: Some((*slot).to_owned()),
            hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
            path_prefix: (*prefix).to_owned(),
            strip_prefix: true,
            access: Access::Public,
            affinity: None,
            limits: super::super::options::RouteLimits::default(),
        };
        let routes: Vec<_> = routes.iter().map(route).collect();
        Table::new(&routes, &HttpLimits::default(), &Table::default()).expect("the test's own routes")
    }

    fn found<'t>(table: &'t Table, authority: &str, path: &str) -> Option<&'t str> {
        table.find(authority, path).expect("unambiguous").and_then(|route| route.slot.as_deref())
    }

    #[test]
    fn the_longest_prefix_of_whole_segments_wins() {
        let table =
            table(&[("root", &[], "/"), ("api", &[], "/api"), ("v1", &[], "/api/v1/"), ("deep", &[], "/a/b/c/d")]);
        for (path, slot) in [
            ("/", "root"),
            ("/api", "api"),
            ("/api/", "api"),
            ("/apix", "root"),
            ("/api/v1", "v1"),
            ("/api/v1/", "v1"),
            ("/api/v10", "api"),
            ("/api/v1/x/y/z", "v1"),
            ("/a/b/c", "root"),
            ("/a/b/c/d", "deep"),
            ("/a/b/c/dd", "root"),
            ("/a/b/c/d/e/f/g/h/i/j/k/l", "deep"),
        ] {
            assert_eq!(found(&table, "any", path), Some(slot), "{path}");
        }
    }

    #[test]
    fn exact_hosts_win_over_patterns_and_those_over_any() {
        let table = table(&[
            ("any", &[], "/"),
            ("below", &["*.example.org"], "/"),
            ("deeper", &["*.eu.example.org"], "/"),
            ("exact", &["shop.example.org", "[::1]"], "/only"),
        ]);
        for (authority, path, slot) in [
            ("example.org", "/", "any"),
            ("shop.example.org", "/only/x", "exact"),
            ("SHOP.Example.org:8080", "/only", "exact"),
            ("shop.example.org.", "/only", "exact"),
            ("shop.example.org", "/", "below"),
            ("a.eu.example.org:1", "/", "deeper"),
            ("eu.example.org", "/", "below"),
            ("notexample.org", "/", "any"),
            (".example.org", "/", "any"),
            ("[::1]:80", "/only", "exact"),
            ("[::1]", "/only", "exact"),
        ] {
            assert_eq!(found(&table, authority, path), Some(slot), "{authority}{path}");
        }
    }

    #[test]
    fn paths_that_lead_elsewhere_when_they_are_read_are_refused() {
        let table =
            table(&[("root", &[], "/"), ("admin", &[], "/admin"), ("named", &[], "/caf%C3%A9"), ("h", &["h"], "/x")]);
        for path in [
            "/x/../admin",
            "/x/%2e%2e/admin/",
            "/%61dmin",
            "//admin",
            "/.//admin/x",
            "/x/..%2Fadmin",
            "/admin/..",
            "/admin/%2e%2E/x",
            "/admin/../caf%c3%a9",
            "/caf%c3%a9",
        ] {
            assert!(table.find("any", path).is_err(), "{path}");
        }
        for (path, slot) in [
            ("/x//y/../%7Ez", "root"),
            ("/x/admin/..", "root"),
            ("/admin/a%2Fb//c/.", "admin"),
            ("/admin/x/../y", "admin"),
            ("/caf%C3%A9/x", "named"),
            ("/.well-known/%61", "root"),
        ] {
            assert_eq!(found(&table, "any", path), Some(slot), "{path}");
        }
        assert!(table.find("h", "/x/../admin").is_err() && table.find("h", "/a/..//x").is_err());
    }

    #[test]
    fn a_table_without_a_root_leaves_requests_unmatched() {
        let table = table(&[("api", &[], "/api")]);
        assert_eq!(found(&table, "any", "/"), None);
        assert_eq!(found(&table, "any", "/ap"), None);
        assert_eq!(found(&table, "any", "*"), None);
        assert_eq!(found(&table, "any", ""), None);
        assert_eq!(found(&Table::default(), "any", "/"), None);
    }

    #[test]
    fn a_stripped_prefix_leaves_a_path_that_begins_with_a_slash() {
        let table = table(&[("api", &[], "/api/v1")]);
        for (address, rest) in [
            ("/api/v1", "/"),
            ("/api/v1/", "/"),
            ("/api/v1?a=b", "/?a=b"),
            ("/api/v1/x?a=/", "/x?a=/"),
            ("http://h:1/api/v1/x", "http://h:1/x"),
        ] {
            let uri: Uri = address.parse().expect("the test's own address");
            let route = table.find("any", uri.path()).expect("unambiguous").expect("found");
            assert_eq!(route.hidden_prefix(uri.path()), "/api/v1");
            assert_eq!(route.stripped(&uri).expect("stripped").to_string(), rest, "{address}");
        }
    }

    #[test]
    fn routes_that_nothing_could_match_are_refused() {
        for (hosts, prefix) in [
            (vec![], "api"),
            (vec![], ""),
            (vec![], "/a?b"),
            (vec!["Example.org"], "/"),
            (vec!["a:80"], "/"),
            (vec!["*"], "/"),
        ] {
            let route = Route {
                slot: None,
                hosts: hosts.into_iter().map(str::to_owned).collect(),
                path_prefix: prefix.to_owned(),
                strip_prefix: false,
                access: Access::Public,
                affinity: None,
                limits: super::super::options::RouteLimits::default(),
            };
            let error = Table::new(std::slice::from_ref(&route), &HttpLimits::default(), &Table::default());
            assert!(error.is_err(), "{route:?}");
        }
    }
}
