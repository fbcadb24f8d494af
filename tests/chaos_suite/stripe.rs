//! Stripe: `payoutd sandbox` in a process of its own, and the control over it that the world has.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use payoutd::app::sandbox::{Books, DEFAULT_SECRET_KEY, NewAccount, Paid, Pay, WebhookEndpoint};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::process::Process;
use crate::web::Web;

pub struct Stripe {
    pub process: Process,
    pub base_url: String,
    web: Web,
}

#[derive(Deserialize)]
struct Made {
    id: String,
}

#[derive(Deserialize)]
struct Page {
    data: Vec<Made>,
    has_more: bool,
}

impl Stripe {
    pub async fn start(dir: &Path) -> Result<Stripe> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_payoutd"));
        command.args(["sandbox", "--listen", "127.0.0.1:0"]).env_clear();
        let mut process = Process::start(&mut command, &dir.join("sandbox.log"))?;
        let base_url = loop {
            let said = process.said();
            match said.split_once("listens on ").and_then(|(_, rest)| rest.split_once('\n')) {
                Some((url, _)) => break url.trim().to_owned(),
                None => ensure!(process.ended()?.is_none(), "the sandbox ended: {said}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        Ok(Stripe { process, base_url, web: Web::new() })
    }

    pub async fn add_webhook(&self, url: &str, secret: &str) -> Result<()> {
        let endpoint = WebhookEndpoint { url: url.to_owned(), secret: secret.to_owned() };
        self.web.post::<Value>(&self.control("webhooks"), &endpoint).await.map(drop)
    }

    pub async fn account(&self) -> Result<String> {
        Ok(self.web.post::<Made>(&self.control("accounts"), &NewAccount::default()).await?.id)
    }

    pub async fn pay(&self, pay: &Pay) -> Result<Paid> {
        self.web.post(&self.control("pay"), pay).await
    }

    pub async fn books(&self) -> Result<Books> {
        self.web.get(&self.control("books"), DEFAULT_SECRET_KEY).await
    }

    /// The ids of all events there are, as the API lists them.
    pub async fn events(&self) -> Result<BTreeSet<String>> {
        let mut ids = BTreeSet::new();
        let mut after = String::new();
        loop {
            let url = format!("{}/v1/events?limit=100{after}", self.base_url);
            let page: Page = self.web.get(&url, DEFAULT_SECRET_KEY).await?;
            let last = page.data.last().map(|event| format!("&starting_after={}", event.id));
            ids.extend(page.data.into_iter().map(|event| event.id));
            match last {
                Some(last) if page.has_more => after = last,
                _ => return Ok(ids),
            }
        }
    }

    /// Brings what Stripe has given up on; answers how many events that were.
    pub async fn deliver_the_rest(&self) -> Result<usize> {
        // Stripe goes on trying for some minutes; on a slow machine an answer takes as long.
        for _ in 0..10 {
            if self.web.post::<Value>(&self.control("wait"), &json!({})).await.is_ok() {
                break;
            }
        }
        let left: Vec<Made> = self.web.get(&self.control("events"), DEFAULT_SECRET_KEY).await?;
        for event in &left {
            self.deliver(&event.id).await?;
        }
        Ok(left.len())
    }

    /// Brings one event, for the first time or again.
    pub async fn deliver(&self, event: &str) -> Result<()> {
        let answer: Value = self.web.post(&self.control(&format!("events/{event}/deliver")), &json!({})).await?;
        ensure!(answer["statuses"][0] == 200, "{event} is refused: {answer}");
        Ok(())
    }

    /// Somebody else with the platform's key moves money.
    pub async fn transfers_by_hand(&self, charge: &str, account: &str, amount_minor: i64) -> Result<()> {
        let form = format!("amount={amount_minor}&currency=usd&destination={account}&source_transaction={charge}");
        self.web
            .post_form::<Value>(&format!("{}/v1/transfers", self.base_url), DEFAULT_SECRET_KEY, form)
            .await
            .map(drop)
    }

    fn control(&self, call: &str) -> String {
        format!("{}/_sandbox/{call}", self.base_url)
    }

    /// Whether it is there at all.
    pub async fn is_well(&self) -> Result<()> {
        self.books().await.map(drop).context("the sandbox does not answer")
    }
}
