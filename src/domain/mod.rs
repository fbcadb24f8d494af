//! The rules about money, and nothing else. Domain never waits, reads a clock, talks to a database or to
//! Stripe: `now` and every fact are arguments, and what to do is returned as data.

pub mod adjust;
mod adjusted;
pub mod ask;
pub mod asked;
pub mod assemble;
pub mod breaker;
pub mod capture;
pub mod conversion;
#[cfg(test)]
mod currencies;
pub mod digest;
pub mod dispute;
pub mod dispute_news;
pub mod event;
pub mod event_object;
pub mod facts;
pub mod fees;
pub mod hold;
pub mod holding;
pub mod ids;
pub mod late;
pub mod ledger;
pub mod mentor;
pub mod money;
pub mod notice;
pub mod operation;
pub mod outcome;
pub mod outgoing;
pub mod payment;
pub mod policy;
pub mod portion;
pub mod position;
pub mod read;
pub mod reason;
pub mod refund;
pub mod release;
pub mod report;
pub mod request;
pub mod rescue;
pub mod retry;
pub mod session;
pub mod settle;
pub mod timetable;
pub mod triage;
pub mod withdrawal;
