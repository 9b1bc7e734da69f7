//! Hosts that lead to a status page from outside because the page asked for it
//! (`exposure.manage`): whoever comes by such a name gets public things only, not metrics, the API
//! or what takes pushes.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::HOST;
use http::{StatusCode, Uri};
use kuma_core::catalog::{Catalog, CatalogSource};

use crate::problem::Problem;

/// What is public under every name.
const PUBLIC: [&str; 1] = ["/health"];

/// Whether a host, as a request names it, is one that was led here for a page.
pub fn is_of_a_page(catalog: &Catalog, host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_end_matches('.');
    let mut managed = catalog.pages.values().filter(|page| page.published && page.exposure.manage);
    managed.any(|page| page.exposure.hosts.iter().any(|host| host.eq_ignore_ascii_case(name)))
}

/// Middleware that keeps everything else from such a host.
pub(crate) async fn guard(
    State(catalog): State<Arc<dyn CatalogSource>>,
    request: Request,
    next: Next,
) -> Response {
    let is_public = PUBLIC.contains(&request.uri().path());
    if is_public || !host(&request).is_some_and(|host| is_of_a_page(&catalog.current(), host)) {
        return next.run(request).await;
    }
    Problem::new(StatusCode::NOT_FOUND, "There is no page here yet")
        .detail(
            "This host leads to a status page, and this version does not serve pages. Nothing else \
             is served under it.",
        )
        .into_response()
}

/// The host in the request's line (HTTP/2) or header.
fn host(request: &Request) -> Option<&str> {
    let in_header = || request.headers().get(HOST).and_then(|value| value.to_str().ok());
    Uri::host(request.uri()).or_else(in_header)
}

#[cfg(test)]
mod tests {
    use kuma_core::id::ObjectName;
    use kuma_core::object::{Exposure, ExposureMode, StatusPage};

    use super::*;

    fn catalog(published: bool, manage: bool) -> Catalog {
        let name = ObjectName::new("shop", "status");
        let exposure = Exposure {
            mode: ExposureMode::Ingress,
            hosts: vec!["status.example.com".to_owned()],
            tls_secret: None,
            manage,
        };
        let page = StatusPage {
            name: name.clone(),
            slug: "shop".to_owned(),
            title: "Shop".to_owned(),
            published,
            exposure,
            groups: Vec::new(),
        };
        Catalog { pages: [(name, Arc::new(page))].into(), ..Catalog::default() }
    }

    #[test]
    fn a_managed_published_page_has_its_hosts_to_itself_however_they_are_written() {
        let managed = catalog(true, true);
        for host in ["status.example.com", "Status.Example.com:443", "status.example.com."] {
            assert!(is_of_a_page(&managed, host), "{host}");
        }
        for host in ["kuma.example.com", "localhost:3000", "[::1]:3000", "", ":"] {
            assert!(!is_of_a_page(&managed, host), "{host}");
        }
        assert!(!is_of_a_page(&catalog(false, true), "status.example.com"));
        assert!(!is_of_a_page(&catalog(true, false), "status.example.com"), "its own affair");
    }
}
