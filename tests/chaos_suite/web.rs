//! A small HTTP client that lives with servers that do not answer.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Serialize;
use serde::de::DeserializeOwned;

const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone)]
pub struct Web(Client<HttpConnector, Full<Bytes>>);

impl Web {
    pub fn new() -> Web {
        Web(Client::builder(TokioExecutor::new()).build_http())
    }

    /// The status of what is there.
    pub async fn status(&self, url: &str) -> Result<u16> {
        Ok(self.call(hyper::Request::get(url).body(Full::default())?).await?.0)
    }

    /// JSON, asked for with a key.
    pub async fn get<T: DeserializeOwned>(&self, url: &str, key: &str) -> Result<T> {
        let request = hyper::Request::get(url).header("Authorization", format!("Bearer {key}"));
        read(url, self.call(request.body(Full::default())?).await?)
    }

    /// JSON for JSON.
    pub async fn post<T: DeserializeOwned>(&self, url: &str, body: &impl Serialize) -> Result<T> {
        let body = serde_json::to_vec(body)?;
        let request = hyper::Request::post(url).header("Content-Type", "application/json");
        read(url, self.call(request.body(Full::from(body))?).await?)
    }

    /// JSON for a form, with a key.
    pub async fn post_form<T: DeserializeOwned>(&self, url: &str, key: &str, form: String) -> Result<T> {
        let request = hyper::Request::post(url)
            .header("Authorization", format!("Bearer {key}"))
            .header("Content-Type", "application/x-www-form-urlencoded");
        read(url, self.call(request.body(Full::from(form))?).await?)
    }

    async fn call(&self, request: hyper::Request<Full<Bytes>>) -> Result<(u16, Bytes)> {
        let url = request.uri().clone();
        let answered = async {
            let response = self.0.request(request).await?;
            let status = response.status().as_u16();
            anyhow::Ok((status, response.into_body().collect().await?.to_bytes()))
        };
        let answer = tokio::time::timeout(PATIENCE, answered).await;
        answer.with_context(|| format!("no answer from {url}"))?.with_context(|| format!("no answer from {url}"))
    }
}

fn read<T: DeserializeOwned>(url: &str, (status, body): (u16, Bytes)) -> Result<T> {
    ensure!(status == 200, "{url}: {status} {}", String::from_utf8_lossy(&body));
    serde_json::from_slice(&body).with_context(|| format!("{url}: {}", String::from_utf8_lossy(&body)))
}
