//! The OpenAPI document, kept by hand in `openapi.json` beside this file.

use serde_json::Value;

use super::routes::Route;

const DOCUMENT: &str = include_str!("openapi.json");

/// The document of these routes.
pub(super) fn of(routes: impl Iterator<Item = &'static Route>) -> Value {
    // cannot fail where the tests pass: they read it
    let mut document: Value = serde_json::from_str(DOCUMENT).unwrap_or_default();
    let mounted: Vec<&str> = routes.map(|route| route.path).collect();
    if let Some(paths) = document["paths"].as_object_mut() {
        paths.retain(|path, _| mounted.contains(&path.as_str()));
    }
    document["info"]["version"] = Value::from(env!("CARGO_PKG_VERSION"));
    document
}
