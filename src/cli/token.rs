//! `payoutd token`: mints a token for the cron endpoint, or for the API. It prints the token and nothing else, so that it
//! can stand in a command: `curl -H "Authorization: Bearer $(payoutd token)" …`.

use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;
use serde_json::json;

use super::show;
use crate::app::{self, Grant, Minted, SCOPE, Scope, SystemClock};
use crate::config::{Config, parse_duration};

#[derive(Debug, Args)]
pub(super) struct TokenArgs {
    /// What it allows: payouts:run for the cron endpoint; mentor:read, admin:read or admin:write for the API, and more than
    /// one of these
    #[arg(long, value_name = "SCOPE", default_value = SCOPE, value_parser = scopes())]
    scope: Vec<String>,
    /// Who shows it to the API: with mentor:read the mentor's id, else a name for the record
    #[arg(long, value_name = "SUBJECT", value_parser = super::words)]
    sub: Option<String>,
    /// How long it may be used, 1s to 1h
    #[arg(long, default_value = "5m", value_name = "TIME", value_parser = parse_duration)]
    ttl: Duration,
    /// Who it says it comes from [default: cron.issuer or api.issuer]
    #[arg(long, value_name = "ISSUER")]
    issuer: Option<String>,
    #[command(flatten)]
    output: super::Output,
}

fn scopes() -> clap::builder::PossibleValuesParser {
    clap::builder::PossibleValuesParser::new([SCOPE].into_iter().chain(Scope::ALL.iter().map(|scope| scope.word())))
}

pub(super) fn token(config: &Config, args: TokenArgs) -> Result<()> {
    let minted = mint(config, &args)?;
    if args.output.json {
        return show::json(&json!({ "token": minted.token, "jti": minted.jti, "expires_at": minted.expires_at }));
    }
    outln!("{}", minted.token);
    Ok(())
}

fn mint(config: &Config, args: &TokenArgs) -> Result<Minted> {
    let (ttl, issuer, clock) = (args.ttl, args.issuer.clone(), &SystemClock);
    let for_runs = args.scope.iter().filter(|scope| *scope == SCOPE).count();
    match (for_runs, &args.sub) {
        (0, Some(subject)) => {
            let grant = Grant { scope: &args.scope.join(" "), subject: Some(subject) };
            Ok(app::mint_api_token(&config.api, grant, ttl, issuer, clock)?)
        }
        (0, None) => bail!("a token for the API says who shows it: give --sub, with mentor:read the mentor's id"),
        (runs, None) if runs == args.scope.len() => Ok(app::mint_token(&config.cron, ttl, issuer, clock)?),
        (_, None) => bail!("{SCOPE} is for the cron endpoint, which has keys of its own: mint a token for it alone"),
        (_, Some(_)) => bail!("--sub is for tokens of the API: give their --scope, too"),
    }
}
