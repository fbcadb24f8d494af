//! A Stripe that lives in the process: for the demo, for development and for tests. It imports no other room:
//! it plays Stripe, and must not share our mistakes.
//!
//! [`Core`] is the whole of Stripe as a synchronous state machine: requests and the time go in, answers and
//! events come out. [`Sandbox`] puts it on a loopback port, delivers signed webhooks, and gives the control
//! over it that only the world has over Stripe: customers pay and dispute, mentors onboard, networks fail.
//!
//! ```no_run
//! # use payoutd::sandbox::*;
//! # async fn story() -> Result<(), Box<dyn std::error::Error>> {
//! let sandbox = Sandbox::start(SandboxOptions::new(|| 1_800_000_000)).await?;
//! sandbox.add_webhook("http://127.0.0.1:8080/webhooks/stripe", "whsec_demo");
//! let mentor = sandbox.create_account(NewAccount::default())?;
//! let pay = Pay::new(12_500, "usd").by("Ada Customer", "ada@example.com").metadata("mentorUserId", "m1");
//! let paid = sandbox.pay(pay)?;
//! let timeout = Fault::TimeoutAfterEffect { hold_ms: None };
//! sandbox.add_fault(FaultRule::once(FaultMatch::destination(&mentor), timeout));
//! sandbox.open_dispute(NewDispute::chargeback(&paid.charge))?;
//! sandbox.wait_for_deliveries().await;
//! assert_eq!(sandbox.books().duplicates, 0);
//! sandbox.shutdown().await;
//! # Ok(()) }
//! ```
//!
//! # The same control over HTTP
//!
//! JSON in, JSON out, no key asked for: the sandbox listens on loopback only. A refusal is a 400 with
//! `{"error": {"message": …}}`.
//!
//! | call | body | answer |
//! |---|---|---|
//! | `POST /_sandbox/accounts` | [`NewAccount`] | `{"id"}` |
//! | `POST /_sandbox/accounts/{id}` | [`AccountChange`] | `{}` |
//! | `POST /_sandbox/pay` | [`Pay`] | [`Paid`] |
//! | `POST /_sandbox/charges/{id}/end` | `{"ending": "succeeds" or "fails"}`: a processing payment | `{}` |
//! | `POST /_sandbox/refunds` | [`NewRefund`] | `{"id"}` |
//! | `POST /_sandbox/refunds/{id}` | `{"ending"}` | `{}` |
//! | `POST /_sandbox/disputes` | [`NewDispute`] | `{"id"}` |
//! | `POST /_sandbox/disputes/{id}` | `{"status"}`: [`DisputeStatus`] | `{}` |
//! | `POST /_sandbox/payouts/{id}` | `{"ending"}` | `{}` |
//! | `POST /_sandbox/balance` | `{"currency", "amount_minor"}`: the platform's available balance | `{}` |
//! | `POST /_sandbox/faults` | [`FaultRule`] | `{"id"}` |
//! | `GET /_sandbox/faults` | | `[`[`FaultReport`]`]` |
//! | `DELETE /_sandbox/faults` | | `{}` |
//! | `GET /_sandbox/books` | | [`Books`] |
//! | `POST /_sandbox/webhooks` | [`WebhookEndpoint`] | `{}` |
//! | `GET /_sandbox/events` | | the undelivered events |
//! | `POST /_sandbox/events/{id}/deliver` | | `{"statuses": […]}` |
//! | `POST /_sandbox/wait` | | `{}` when every event is delivered |

mod control;
mod control_api;
pub mod core;
mod delivery;
mod options;
mod server;
mod signature;

pub use self::core::*;
pub use control::Control;
pub use delivery::DeliveryError;
pub use options::{DeliveryMode, DeliveryRetry, Now, SandboxOptions, WebhookEndpoint};
pub use server::{Sandbox, SandboxError};
pub use signature::signature_header;
