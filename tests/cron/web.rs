//! HTTP as a cron service speaks it, with every byte in sight.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub const PATH: &str = "/cron/transfer-funds";

#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Value,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    pub fn code(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap_or_else(|| panic!("no error: {self:?}"))
    }

    /// What an error says, but for the request's own name.
    pub fn said(&self) -> Value {
        let mut error = self.body["error"].clone();
        let named = error.as_object_mut().and_then(|error| error.remove("request_id"));
        assert!(
            named.is_some_and(|name| Some(name.as_str().expect("text")) == self.header("x-request-id")),
            "{self:?}"
        );
        error
    }

    pub fn run_id(&self) -> i64 {
        self.body["run_id"].as_i64().unwrap_or_else(|| panic!("no run: {self:?}"))
    }
}

pub fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

/// Opens a connection, and sends the request's head; nobody has read the answer.
pub async fn begin(at: SocketAddr, line: &str, headers: &str) -> TcpStream {
    let mut stream = TcpStream::connect(at).await.expect("the listener is there");
    let request = format!("{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
    stream
}

pub async fn answer(mut stream: TcpStream) -> Answer {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.expect("an answer");
    let text = String::from_utf8(bytes).expect("UTF-8");
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("not an answer: {text:?}"));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    Answer { status, head: head.to_ascii_lowercase(), body: serde_json::from_str(body).unwrap_or(Value::Null) }
}

pub async fn send(at: SocketAddr, line: &str, headers: &str) -> Answer {
    answer(begin(at, line, headers).await).await
}

pub async fn post(at: SocketAddr, token: &str) -> Answer {
    send(at, &format!("POST {PATH}"), &bearer(token)).await
}
