//! What a payment is asked for before or beside its transfer: a refund, a capture, letting go of an authorisation. It
//! looks at the facts and answers with one step; the next is asked for when that one has ended.

use chrono::{DateTime, Utc};

use super::capture;
use super::ids::RequestId;
use super::operation::{IntentOrder, Operation, OperationKind, Order, RefundOrder};
use super::payment::PaymentStatus;
use super::policy::Policy;
use super::release::Case;
use super::request::{Answer, RefundRequest, answer};

/// What is asked of a payment, and what was done about it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// The requests that are not at their end, the oldest first.
    pub requests: Vec<RefundRequest>,
    /// Every operation of the payment but its transfers.
    pub operations: Vec<PastOperation>,
}

/// An operation, as far as the next one needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastOperation {
    /// What it does.
    pub kind: OperationKind,
    /// Because of what.
    pub cause: String,
    /// The how-manieth.
    pub generation: i32,
    /// Whether it is under way.
    pub is_live: bool,
}

impl Asked {
    fn generation(&self, kind: OperationKind, cause: &str) -> i32 {
        let same = self.operations.iter().filter(|op| op.kind == kind && op.cause == cause);
        same.map(|op| op.generation).max().unwrap_or(0) + 1
    }
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// Send this.
    Order {
        /// Because of what.
        cause: String,
        /// The how-manieth of its kind and cause.
        generation: i32,
        /// What.
        order: Order,
    },
    /// Refuse a request, for this reason.
    Refuse(RequestId, String),
}

/// What is to be done now, if anything. Nothing while another operation of the payment is under way.
pub fn next(case: &Case, policy: &Policy, now: DateTime<Utc>) -> Option<Task> {
    let under_way = case.asked.operations.iter().any(|op| op.is_live);
    if under_way || case.payment.status == PaymentStatus::Releasing {
        return None;
    }
    let by_request = case.asked.requests.iter().find_map(|request| task(request, case, policy));
    by_request.or_else(|| {
        let (cause, order) = capture::step(case, policy, now)?;
        Some(ordered(case, cause.to_owned(), order))
    })
}

/// Whether the facts still ask for just this, the operation itself left aside.
pub fn still(op: &Operation, case: &Case, policy: &Policy, now: DateTime<Utc>) -> bool {
    let order = match op.order.request_id() {
        Some(id) => {
            let request = case.asked.requests.iter().find(|request| request.id == id);
            request.and_then(|request| task(request, case, policy)).and_then(|task| match task {
                Task::Order { order, .. } => Some(order),
                Task::Refuse(..) => None,
            })
        }
        None => capture::step(case, policy, now).map(|(_, order)| order),
    };
    order.as_ref() == Some(&op.order)
}

/// The cause of what a request asks for.
pub fn cause(request: RequestId) -> String {
    format!("request_{request}")
}

fn task(request: &RefundRequest, case: &Case, policy: &Policy) -> Option<Task> {
    let payment = &case.payment;
    let order = match answer(request, case, policy) {
        Answer::Refuse(why) => return Some(Task::Refuse(request.id, why)),
        Answer::AfterCapture(_) => return None,
        Answer::LetGo => Order::Cancel(IntentOrder { request_id: Some(request.id), ..capture::order(payment)? }),
        Answer::Refund(amount) => Order::Refund(RefundOrder {
            amount,
            currency: payment.currency,
            charge_id: payment.charge_id.clone()?,
            payment_id: payment.id,
            request_id: request.id,
        }),
    };
    Some(ordered(case, cause(request.id), order))
}

fn ordered(case: &Case, cause: String, order: Order) -> Task {
    let generation = case.asked.generation(order.kind(), &cause);
    Task::Order { cause, generation, order }
}

#[cfg(test)]
#[path = "ask_tests.rs"]
mod tests;
