//! The sandbox answers as Stripe does: idempotency, refusals, balances, lists. Each test is a story over real HTTP.

mod sandbox_support;

#[path = "sandbox_behaviour/keys.rs"]
mod keys;
#[path = "sandbox_behaviour/lists.rs"]
mod lists;
#[path = "sandbox_behaviour/money.rs"]
mod money;
#[path = "sandbox_behaviour/transfers.rs"]
mod transfers;
