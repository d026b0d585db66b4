//! GraphiQL, served from the program itself: it works without the Internet, and nothing of it comes from elsewhere.

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sha2::{Digest, Sha256};

use ground::setting::Mode;

const SECURITY: &str = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; font-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; \
    form-action 'none'";

struct File {
    path: &'static str,
    media_type: &'static str,
    bytes: Bytes,
    /// Compressed when it was vendored; every browser takes gzip.
    gzip: bool,
    etag: HeaderValue,
}

static FILES: LazyLock<Vec<File>> = LazyLock::new(|| {
    vec![
        plain("boot.js", JAVASCRIPT, include_str!("../../graphiql/boot.js")),
        plain("tabs.js", JAVASCRIPT, include_str!("../../graphiql/tabs.js")),
        plain("page.css", CSS, include_str!("../../graphiql/page.css")),
        plain("LICENSES.txt", "text/plain; charset=utf-8", include_str!("../../graphiql/dist/LICENSES.txt")),
        packed("graphiql.min.js", JAVASCRIPT, include_bytes!("../../graphiql/dist/graphiql.min.js.gz")),
        packed("graphiql.min.css", CSS, include_bytes!("../../graphiql/dist/graphiql.min.css.gz")),
        packed("react.production.min.js", JAVASCRIPT, include_bytes!("../../graphiql/dist/react.production.min.js.gz")),
        packed(
            "react-dom.production.min.js",
            JAVASCRIPT,
            include_bytes!("../../graphiql/dist/react-dom.production.min.js.gz"),
        ),
    ]
});

const PAGE: &str = include_str!("../../graphiql/index.html");
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";

fn plain(path: &'static str, media_type: &'static str, text: &'static str) -> File {
    File { gzip: false, ..packed(path, media_type, text.as_bytes()) }
}

fn packed(path: &'static str, media_type: &'static str, bytes: &'static [u8]) -> File {
    File { path, media_type, bytes: Bytes::from_static(bytes), gzip: true, etag: etag(bytes) }
}

fn etag(bytes: &[u8]) -> HeaderValue {
    let digest = hex::encode(&Sha256::digest(bytes)[..12]);
    HeaderValue::from_str(&format!("\"{digest}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

pub(super) fn routes(mode: Mode) -> Router {
    let name = match mode {
        Mode::Sandbox => "sandbox",
        Mode::Live => "live",
    };
    let text = PAGE.replace("data-mode=\"sandbox\"", &format!("data-mode=\"{name}\""));
    let page = Arc::new(File {
        path: "",
        media_type: "text/html; charset=utf-8",
        gzip: false,
        etag: etag(text.as_bytes()),
        bytes: text.into(),
    });
    let mut routes =
        Router::new().route("/graphiql", get(move |headers: HeaderMap| async move { send(&page, &headers) }));
    for file in FILES.iter() {
        let route = get(move |headers: HeaderMap| async move { send(file, &headers) });
        routes = routes.route(&format!("/graphiql/{}", file.path), route);
    }
    routes
}

fn send(file: &File, request: &HeaderMap) -> Response {
    let known = request.get(header::IF_NONE_MATCH).is_some_and(|etag| *etag == file.etag);
    let mut response =
        if known { StatusCode::NOT_MODIFIED.into_response() } else { file.bytes.clone().into_response() };
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &'static str| headers.insert(name, HeaderValue::from_static(value));
    set(header::CONTENT_TYPE, file.media_type);
    // Kept, but asked about each time: an upgraded server serves its own files.
    set(header::CACHE_CONTROL, "no-cache");
    set(header::CONTENT_SECURITY_POLICY, SECURITY);
    set(header::REFERRER_POLICY, "no-referrer");
    if file.gzip && !known {
        set(header::CONTENT_ENCODING, "gzip");
    }
    headers.insert(header::ETAG, file.etag.clone());
    response
}
