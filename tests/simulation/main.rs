//! The simulation: payoutd's real loops on a simulated clock, with SQLite, the sandbox in process, and everything that can
//! go wrong by chance. One seed is one life, the same each time. Lives of one thread share nothing.
//!
//! `tests/sim` runs many of them; here are a few, and the proof that the auditor sees what it is there for.

#![recursion_limit = "256"]

mod auditor;
mod boundary;
mod chance;
mod daemon;
mod mutations;
mod play;
mod post;
mod sql;
mod storage;
mod stripe;
mod time;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mutations::Mutation;
use payoutd::domain::policy::{MetadataNames, Policy, RetryPolicy};
use play::{Life, play};
use tokio::runtime::{Builder, Handle, Runtime};

/// Seeds of a test run: four times so many, each in a test of its own. `tests/sim` says how many and from where.
const SEEDS: u64 = 50;

/// What drives SQLite for the simulations of this thread.
fn backstage() -> Handle {
    thread_local! {
        static BACKSTAGE: Runtime =
            Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    }
    BACKSTAGE.with(|runtime| runtime.handle().clone())
}

/// Where files are fast: in memory, if the machine has such a place.
fn memory() -> PathBuf {
    let shm = Path::new("/dev/shm");
    if shm.is_dir() { shm.to_owned() } else { std::env::temp_dir() }
}

/// An empty database with its schema, made once.
fn template() -> &'static [u8] {
    static TEMPLATE: OnceLock<Vec<u8>> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let dir = tempfile::tempdir_in(memory()).expect("a directory");
        let path = dir.path().join("template.db");
        let url = format!("sqlite://{}", path.display());
        backstage().block_on(async {
            let database = payoutd::store::Database::open_with(&url, 1, policy().into()).expect("a database");
            database.migrate().await.expect("migrated");
        });
        sql::Sql::open(&path.to_string_lossy()).run("PRAGMA wal_checkpoint(TRUNCATE)");
        std::fs::read(path).expect("readable")
    })
}

fn policy() -> Policy {
    let list = |name: &str| vec![name.to_owned()];
    Policy {
        livemode: false,
        platform_fee_bps: u16::try_from(auditor::FEE_BPS).expect("small"),
        dispute_window: play::WINDOW,
        minimums: Default::default(),
        names: MetadataNames {
            mentor_id: list("mentorUserId"),
            booking_id: list("bookingId"),
            ..MetadataNames::default()
        },
        admin_email: "admin@example.com".into(),
        retry: RetryPolicy {
            absence_grace: Duration::from_secs(900),
            lease: Duration::from_millis(auditor::LOOK_MAX_AGE_MS.unsigned_abs()),
            ..RetryPolicy::default()
        },
        after: Default::default(),
        require_completion: false,
        cancellation: Default::default(),
        capture: Default::default(),
        sending: Default::default(),
        letters: Default::default(),
        withdrawals: Default::default(),
        onboarding: Default::default(),
    }
}

/// Lives these seeds on so many threads. Answers the sums, or the first seed that failed.
fn live(first: u64, seeds: u64, threads: u64, show: bool) -> Result<Life, String> {
    let next = AtomicU64::new(0);
    let done = AtomicU64::new(0);
    let work = || -> Result<Life, String> {
        // A life waits for its database all the time: to wake another thread for it costs more than what that one does.
        payoutd::store::block_here();
        let mut sum = Life::default();
        loop {
            let number = next.fetch_add(1, Ordering::SeqCst);
            if number >= seeds {
                return Ok(sum);
            }
            let life = play(first + number, None).inspect_err(|_| next.store(seeds, Ordering::SeqCst))?;
            sum = add(sum, life);
            let done = done.fetch_add(1, Ordering::SeqCst) + 1;
            if show && (done.is_multiple_of(500) || done == seeds) {
                eprintln!("{done} of {seeds} seeds");
            }
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let sums = workers.into_iter().map(|worker| worker.join().expect("no panic"));
        sums.collect::<Result<Vec<_>, _>>().map(|sums| sums.into_iter().fold(Life::default(), add))
    })
}

fn add(sum: Life, life: Life) -> Life {
    Life {
        payments: sum.payments + life.payments,
        transfers: sum.transfers + life.transfers,
        calls: sum.calls + life.calls,
        kills: sum.kills + life.kills,
        stops: sum.stops + life.stops,
        by_sweep: sum.by_sweep + life.by_sweep,
        trace: Vec::new(),
    }
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name} is no number")))
}

#[test]
fn nothing_is_paid_twice_and_nothing_is_lost() {
    let (first, seeds) = (number("PAYOUTD_SIM_FIRST", 1), number("PAYOUTD_SIM_SEEDS", SEEDS));
    let began = std::time::Instant::now();
    let life =
        live(first, seeds, number("PAYOUTD_SIM_THREADS", 1), seeds > SEEDS).unwrap_or_else(|why| panic!("{why}"));
    println!(
        "{seeds} seeds from {first}: {} payments, {} transfers ({} by sweep), {} calls to Stripe, {} daemons killed, {} stopped, {} s; no violation",
        life.payments,
        life.transfers,
        life.by_sweep,
        life.calls,
        life.kills,
        life.stops,
        began.elapsed().as_secs()
    );
}

/// One more part of the seeds of a test run.
fn part(number: u64) {
    live(number * SEEDS + 1, SEEDS, 1, false).unwrap_or_else(|why| panic!("{why}"));
}

#[test]
fn nor_in_the_second_part() {
    part(1);
}

#[test]
fn nor_in_the_third_part() {
    part(2);
}

#[test]
fn nor_in_the_fourth_part() {
    part(3);
}

#[test]
fn a_seed_is_the_same_life_each_time() {
    payoutd::store::block_here();
    for seed in [3, 17] {
        assert_eq!(play(seed, None), play(seed, None), "seed {seed}");
    }
}

#[test]
fn each_mutation_of_the_core_is_caught() {
    payoutd::store::block_here();
    for mutation in Mutation::ALL {
        let seeds = std::iter::once(mutation.seen_in()).chain(1..=400);
        let why = seeds.into_iter().find_map(|seed| play(seed, Some(mutation)).err());
        let why = why.unwrap_or_else(|| panic!("nobody noticed {mutation:?}"));
        println!("{mutation:?}: {}", why.lines().next().unwrap_or_default());
    }
}
