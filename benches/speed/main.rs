//! Measures payoutd as it is run: its own process, a real PostgreSQL with fsync, a Stripe that answers from memory. Beside
//! each figure stands what the database alone does with the same rows. Started by `benches/run`.

mod cluster;
mod daemon;
mod fake;
mod figures;
mod growth;
mod load;
mod memory;
mod payouts;
mod seed;
mod sqlite;
mod webhooks;
mod yardstick;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    /// Rounds, of which the median counts.
    pub rounds: usize,
    /// Divides the rows.
    pub divisor: usize,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let quick = arguments.iter().any(|argument| argument == "--quick");
    let scale = if quick { Scale { rounds: 1, divisor: 10 } } else { Scale { rounds: 5, divisor: 1 } };
    let only = arguments.iter().find_map(|argument| argument.strip_prefix("--only="));
    let size = arguments.iter().find_map(|argument| argument.strip_prefix("--payments="));
    let size = size.map(|size| size.parse().expect("--payments= takes a number"));
    // The load and the fake share the machine with what is measured: they get one thread each.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    figures::machine();
    match arguments.first().map(String::as_str) {
        Some("webhooks") => runtime.block_on(webhooks::bench(scale, only)),
        Some("payouts") => runtime.block_on(payouts::bench(scale, only)),
        Some("growth") => runtime.block_on(growth::bench(scale, size)),
        Some("memory") => runtime.block_on(memory::bench(scale, only)),
        _ => {
            eprintln!("benches/run webhooks | payouts | growth | memory [--quick] [--only=<part of a case's name>]");
            eprintln!("benches/run growth --payments=10000000");
            std::process::exit(2);
        }
    }
}
