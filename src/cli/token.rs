//! `payoutd token`: mints a token for the cron endpoint. It prints the token and nothing else, so that it can stand in
//! a command: `curl -H "Authorization: Bearer $(payoutd token)" …`.

use std::time::Duration;

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::show;
use crate::app::{self, SystemClock};
use crate::config::{Config, parse_duration};

#[derive(Debug, Args)]
pub(super) struct TokenArgs {
    /// How long it may be used, 1s to 1h
    #[arg(long, default_value = "5m", value_name = "TIME", value_parser = parse_duration)]
    ttl: Duration,
    /// Who it says it comes from [default: cron.issuer]
    #[arg(long, value_name = "ISSUER")]
    issuer: Option<String>,
    #[command(flatten)]
    output: super::Output,
}

pub(super) fn token(config: &Config, args: TokenArgs) -> Result<()> {
    let minted = app::mint_token(&config.cron, args.ttl, args.issuer, &SystemClock)?;
    if args.output.json {
        return show::json(&json!({ "token": minted.token, "jti": minted.jti, "expires_at": minted.expires_at }));
    }
    outln!("{}", minted.token);
    Ok(())
}
