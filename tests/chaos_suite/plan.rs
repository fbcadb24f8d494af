//! What is to be tried: the scenarios, and how much of each.

use std::time::{SystemTime, UNIX_EPOCH};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scenario {
    KillsSqlite,
    KillsPostgres,
    PostgresAway,
    Failover,
    Bouncer,
    DiskFull,
    MailAway,
    StripeAway,
    Fleet,
    Judge,
    Patroni,
}

impl Scenario {
    /// The longest first, so that they do not end last.
    pub const ALL: [Scenario; 11] = [
        Scenario::KillsSqlite,
        Scenario::KillsPostgres,
        Scenario::Fleet,
        Scenario::StripeAway,
        Scenario::PostgresAway,
        Scenario::Failover,
        Scenario::Bouncer,
        Scenario::DiskFull,
        Scenario::MailAway,
        Scenario::Judge,
        Scenario::Patroni,
    ];

    /// As `--only` names it.
    pub fn name(self) -> &'static str {
        match self {
            Scenario::KillsSqlite => "kills-sqlite",
            Scenario::KillsPostgres => "kills-postgres",
            Scenario::PostgresAway => "postgres-away",
            Scenario::Failover => "failover",
            Scenario::Bouncer => "pgbouncer",
            Scenario::DiskFull => "disk-full",
            Scenario::MailAway => "mail-away",
            Scenario::StripeAway => "stripe-away",
            Scenario::Fleet => "fleet",
            Scenario::Judge => "judge",
            Scenario::Patroni => "patroni",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Scenario::KillsSqlite => "daemon killed, SQLite",
            Scenario::KillsPostgres => "daemon killed, PostgreSQL",
            Scenario::PostgresAway => "PostgreSQL restarted and cut",
            Scenario::Failover => "primary killed, standby promoted",
            Scenario::Bouncer => "through PgBouncer",
            Scenario::DiskFull => "disk full, SQLite",
            Scenario::MailAway => "mail server misbehaves",
            Scenario::StripeAway => "Stripe frozen and cut off",
            Scenario::Fleet => "three daemons, one killed",
            Scenario::Judge => "the judge",
            Scenario::Patroni => "leader killed, Patroni and etcd",
        }
    }
}

pub struct Plan {
    pub seed: u64,
    pub long: bool,
    /// Scenarios lived at the same time.
    pub at_once: usize,
    kills: Option<usize>,
    due: Option<usize>,
    only: Vec<String>,
}

impl Plan {
    pub fn read(mut args: impl Iterator<Item = String>) -> Result<Plan, String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let mut plan = Plan { seed: now, long: false, at_once: 4, kills: None, due: None, only: Vec::new() };
        while let Some(arg) = args.next() {
            let mut number = || {
                let value = args.next().ok_or(format!("{arg} needs a number"))?;
                value.parse::<u64>().map_err(|_| format!("{arg}: {value} is not a number"))
            };
            match arg.as_str() {
                "--long" => plan.long = true,
                "--seed" => plan.seed = number()?,
                "--kills" => plan.kills = Some(size(number()?)),
                "--due" => plan.due = Some(size(number()?)),
                "--at-once" => plan.at_once = size(number()?).max(1),
                "--only" => plan.only.push(args.next().ok_or("--only needs a scenario's name")?),
                _ => {
                    return Err(format!(
                        "unknown argument {arg} (--long, --seed N, --kills N, --due N, --at-once N, --only NAME)"
                    ));
                }
            }
        }
        let known: Vec<&str> = Scenario::ALL.iter().map(|scenario| scenario.name()).collect();
        match plan.only.iter().find(|name| !known.contains(&name.as_str())) {
            Some(name) => Err(format!("no scenario {name}; there are {}", known.join(", "))),
            None => Ok(plan),
        }
    }

    pub fn wants(&self, scenario: Scenario) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == scenario.name())
    }

    /// Of the daemon, on each database.
    pub fn kills(&self) -> usize {
        self.kills.unwrap_or(self.by_length(10, 250))
    }

    /// At once, for the daemons that share them.
    pub fn due(&self) -> usize {
        self.due.unwrap_or(self.by_length(600, 10_000))
    }

    pub fn by_length<T>(&self, short: T, long: T) -> T {
        if self.long { long } else { short }
    }
}

fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
