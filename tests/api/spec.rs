//! The OpenAPI document as a checker: every answer that a test gets is held against what it promises.

use serde_json::{Map, Value, json};

use crate::web::Answer;

pub struct Spec(pub Value);

impl Spec {
    /// What a `$ref` stands for, or the thing itself.
    pub fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(name) => {
                let pointer = name.strip_prefix('#').unwrap_or_else(|| panic!("{name} is in another document"));
                self.0.pointer(pointer).unwrap_or_else(|| panic!("there is no {name}"))
            }
            None => value,
        }
    }

    pub fn paths(&self) -> &Map<String, Value> {
        self.0["paths"].as_object().expect("paths")
    }

    /// The path of the document that a request's path is one of: words go before parameters.
    pub fn template(&self, path: &str) -> Option<&str> {
        let path = path.split('?').next().expect("a part");
        let fits = |template: &&String| {
            let (parts, given): (Vec<&str>, Vec<&str>) = (template.split('/').collect(), path.split('/').collect());
            let pairs = parts.iter().zip(&given);
            parts.len() == given.len() && pairs.into_iter().all(|(part, given)| part.starts_with('{') || part == given)
        };
        let mut fitting: Vec<&String> = self.paths().keys().filter(fits).collect();
        fitting.sort_by_key(|template| template.contains('{'));
        fitting.first().map(|template| template.as_str())
    }

    /// Panics unless the answer is one that the document promises for this request.
    pub fn check(&self, line: &str, answer: &Answer) {
        let (method, path) = line.split_once(' ').expect("method and path");
        let operation = self.template(path).map(|template| &self.paths()[template][method.to_ascii_lowercase()]);
        let schema = match operation.filter(|operation| operation.is_object()) {
            Some(operation) => {
                let response = &operation["responses"][answer.status.to_string()];
                assert!(response.is_object(), "{line}: {} is not in the document: {answer:?}", answer.status);
                self.resolved(response)["content"]["application/json"]["schema"].clone()
            }
            None => {
                assert!([404, 405].contains(&answer.status), "{line} is not in the document: {answer:?}");
                json!({ "$ref": "#/components/schemas/Error" })
            }
        };
        let schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "allOf": [schema],
            "components": self.0["components"],
        });
        let validator = jsonschema::options().should_validate_formats(true).build(&schema).expect("it compiles");
        let errors: Vec<String> =
            validator.iter_errors(&answer.body).map(|error| format!("{error} at {}", error.instance_path())).collect();
        assert!(errors.is_empty(), "{line} {}: {errors:#?}\n{:#}", answer.status, answer.body);
        assert_eq!(answer.header("content-type"), Some("application/json"), "{line}");
        let request_id = answer.header("x-request-id").expect("a name for the request");
        if answer.status >= 400 {
            assert_eq!(answer.body["error"]["request_id"], json!(request_id), "{line}");
        }
    }
}
