//! The OpenAPI document is a good one, and says of each route what the route is.

use std::collections::BTreeSet;

use payoutd::http::{Access, Route, mounted};
use serde_json::{Value, json};

use crate::spec::Spec;

fn spec() -> Spec {
    let text = include_str!("../../src/http/api/openapi.json");
    Spec(serde_json::from_str(text).expect("JSON"))
}

fn every<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("$ref").and_then(Value::as_str));
            fields.values().for_each(|value| every(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| every(value, found)),
        _ => {}
    }
}

/// Method, path and operation.
fn operations(spec: &Spec) -> Vec<(String, &String, &Value)> {
    let mut found = Vec::new();
    for (path, item) in spec.paths() {
        for (method, operation) in item.as_object().expect("a path's operations") {
            found.push((method.to_ascii_uppercase(), path, operation));
        }
    }
    found
}

fn names<'a>(spec: &'a Spec, operation: &'a Value, place: &str) -> BTreeSet<&'a str> {
    let parameters = operation["parameters"].as_array().into_iter().flatten().map(|one| spec.resolved(one));
    let here = parameters.filter(|one| one["in"] == place);
    here.map(|one| one["name"].as_str().expect("a name")).collect()
}

#[test]
fn every_reference_leads_somewhere_and_everything_is_referred_to() {
    let spec = spec();
    let mut found = Vec::new();
    every(&spec.0, &mut found);
    assert!(found.len() > 100, "reads the wrong places: {found:?}");
    let named: BTreeSet<&str> = found.into_iter().collect();
    for name in &named {
        assert!(spec.resolved(&json!({ "$ref": name })).is_object(), "{name}");
    }
    for (kind, things) in spec.0["components"].as_object().expect("components") {
        for name in things.as_object().expect("named things").keys().filter(|_| kind != "securitySchemes") {
            assert!(named.contains(format!("#/components/{kind}/{name}").as_str()), "{kind}/{name} is used nowhere");
        }
    }
}

/// The rules of OpenAPI 3.1 for what stands here.
#[test]
fn the_document_keeps_the_rules_of_openapi() {
    let spec = spec();
    assert_eq!(spec.0["openapi"], "3.1.0");
    assert!(spec.0["info"]["title"].is_string() && spec.0["info"]["version"].is_string());
    let mut ids = BTreeSet::new();
    for (method, path, operation) in operations(&spec) {
        let what = format!("{method} {path}");
        assert!(operation["summary"].is_string(), "{what}");
        assert!(ids.insert(operation["operationId"].as_str().expect("an id")), "{what}: its id is not its own");
        let responses = operation["responses"].as_object().expect("responses");
        assert!(responses.keys().any(|status| status.starts_with('2')), "{what}");
        for (status, response) in responses {
            let response = spec.resolved(response);
            assert!(status.len() == 3 && response["description"].is_string(), "{what} {status}");
            let media = response["content"].as_object().expect("what is answered");
            assert!(media.keys().eq(["application/json"]) && media["application/json"]["schema"].is_object(), "{what}");
        }
        let in_path: BTreeSet<&str> =
            path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        assert_eq!(names(&spec, operation, "path"), in_path, "{what}");
        for parameter in operation["parameters"].as_array().into_iter().flatten().map(|one| spec.resolved(one)) {
            assert!(parameter["schema"].is_object(), "{what}: {parameter}");
            assert!(parameter["in"] != "path" || parameter["required"] == true, "{what}: {parameter}");
        }
    }
    for (name, schema) in spec.0["components"]["schemas"].as_object().expect("schemas") {
        assert!(jsonschema::meta::is_valid(schema), "{name} is no JSON Schema");
    }
}

#[test]
fn the_document_and_the_routes_are_the_same() {
    let spec = spec();
    let routes: Vec<&Route> = mounted(true).collect();
    let described: BTreeSet<(String, &str)> =
        operations(&spec).into_iter().map(|(method, path, _)| (method, path.as_str())).collect();
    let there: BTreeSet<(String, &str)> = routes.iter().map(|route| (route.method.to_owned(), route.path)).collect();
    assert_eq!(described, there);
    for route in routes {
        let operation = &spec.paths()[route.path][route.method.to_ascii_lowercase()];
        let known: BTreeSet<&str> = route.query.iter().copied().collect();
        assert_eq!(names(&spec, operation, "query"), known, "{route:?}");
        let body = spec.resolved(&operation["requestBody"]["content"]["application/json"]["schema"]);
        let fields: Option<BTreeSet<&str>> =
            body["properties"].as_object().map(|fields| fields.keys().map(String::as_str).collect());
        assert_eq!(fields, route.body.map(|fields| fields.iter().copied().collect()), "{route:?}");
        assert_eq!(names(&spec, operation, "header").contains("Idempotency-Key"), route.body.is_some(), "{route:?}");
        let scopes = match route.access {
            Access::Anybody => json!([]),
            Access::OwnMentor | Access::Reader => json!([{ "token": ["mentor:read"] }, { "token": ["admin:read"] }]),
            Access::AdminRead => json!([{ "token": ["admin:read"] }]),
            Access::AdminWrite => json!([{ "token": ["admin:write"] }]),
        };
        assert_eq!(operation["security"], scopes, "{route:?}");
    }
}
