//! The handle on a running sandbox: everything the world can do to a Stripe account, and a look at its books.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::core::{
    AccountChange, Books, ControlError, Core, DisputeStatus, Ending, Event, FaultReport, FaultRule, NewAccount,
    NewDispute, NewRefund, Outcome, Paid, Pay, Request, Ticket,
};
use super::delivery::{Deliveries, DeliveryError};
use super::options::{Now, SandboxOptions, WebhookEndpoint};

pub(super) struct Shared {
    core: Mutex<Core>,
    pub now: Now,
    pub deliveries: Deliveries,
    pub stop: CancellationToken,
    pub tasks: TaskTracker,
}

/// Control over a sandbox; cheap to clone.
#[derive(Clone)]
pub struct Control(pub(super) Arc<Shared>);

impl std::fmt::Debug for Control {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Control").finish_non_exhaustive()
    }
}

impl Control {
    pub(super) fn new(options: &SandboxOptions) -> Self {
        let mut settings = options.settings.clone();
        settings.webhook_endpoints = options.webhooks.len();
        Self(Arc::new(Shared {
            core: Mutex::new(Core::new(settings)),
            now: options.now.clone(),
            deliveries: Deliveries::new(options),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        }))
    }

    /// A customer pays.
    ///
    /// # Errors
    /// See [`Core::pay`]; the other calls likewise refuse what [`Core`] refuses.
    pub fn pay(&self, pay: Pay) -> Result<Paid, ControlError> {
        self.act(|core, now| core.pay(now, pay))
    }

    /// Ends a payment that was processing.
    ///
    /// # Errors
    /// See [`Core::end_async_payment`].
    pub fn end_async_payment(&self, charge: &str, ending: Ending) -> Result<(), ControlError> {
        self.act(|core, now| core.end_async_payment(now, charge, ending))
    }

    /// Makes a connected account and returns its id.
    ///
    /// # Errors
    /// See [`Core::add_account`].
    pub fn create_account(&self, new: NewAccount) -> Result<String, ControlError> {
        self.act(|core, now| core.add_account(now, new))
    }

    /// Changes a connected account.
    ///
    /// # Errors
    /// See [`Core::change_account`].
    pub fn change_account(&self, id: &str, change: AccountChange) -> Result<(), ControlError> {
        self.act(|core, now| core.change_account(now, id, change))
    }

    /// Refunds a charge and returns the refund's id.
    ///
    /// # Errors
    /// See [`Core::refund_in_dashboard`].
    pub fn refund(&self, new: NewRefund) -> Result<String, ControlError> {
        self.act(|core, now| core.refund_in_dashboard(now, new))
    }

    /// The bank takes a pending refund, or sends a refund back.
    ///
    /// # Errors
    /// See [`Core::settle_refund`].
    pub fn settle_refund(&self, id: &str, ending: Ending) -> Result<(), ControlError> {
        self.act(|core, now| core.settle_refund(now, id, ending))
    }

    /// Opens a dispute or inquiry and returns its id.
    ///
    /// # Errors
    /// See [`Core::open_dispute`].
    pub fn open_dispute(&self, new: NewDispute) -> Result<String, ControlError> {
        self.act(|core, now| core.open_dispute(now, new))
    }

    /// Moves a dispute to a status.
    ///
    /// # Errors
    /// See [`Core::set_dispute_status`].
    pub fn set_dispute_status(&self, id: &str, status: DisputeStatus) -> Result<(), ControlError> {
        self.act(|core, now| core.set_dispute_status(now, id, status))
    }

    /// The bank takes a payout, or sends it back.
    ///
    /// # Errors
    /// See [`Core::settle_payout`].
    pub fn settle_payout(&self, id: &str, ending: Ending) -> Result<(), ControlError> {
        self.act(|core, now| core.settle_payout(now, id, ending))
    }

    /// Makes the platform's available balance in a currency this much.
    ///
    /// # Errors
    /// See [`Core::set_available_balance`].
    pub fn set_available_balance(&self, currency: &str, amount_minor: i64) -> Result<(), ControlError> {
        self.act(|core, now| core.set_available_balance(now, currency, amount_minor))
    }

    /// Adds a rule to the fault plan and returns its number.
    pub fn add_fault(&self, rule: FaultRule) -> u64 {
        self.core().add_fault(rule)
    }

    /// Every rule of the fault plan, with how often it fired.
    pub fn faults(&self) -> Vec<FaultReport> {
        self.core().faults().to_vec()
    }

    /// Forgets every idempotency key, as Stripe may after a day.
    pub fn forget_keys(&self) {
        self.core().forget_keys();
    }

    /// Ends the fault plan.
    pub fn clear_faults(&self) {
        self.core().clear_faults();
    }

    /// What was transferred, and what is left.
    pub fn books(&self) -> Books {
        self.act(Core::books)
    }

    /// Every event so far, oldest first.
    pub fn events(&self) -> Vec<Event> {
        self.core().events().cloned().collect()
    }

    /// The events that no delivery brought to every endpoint yet, oldest first.
    pub fn undelivered(&self) -> Vec<Event> {
        self.core().events().filter(|event| !self.0.deliveries.is_delivered(&event.id)).cloned().collect()
    }

    /// Delivers one event to every endpoint, once, whether it was delivered before or not; returns the statuses.
    ///
    /// # Errors
    /// No such event, or an endpoint that cannot be reached.
    pub async fn deliver(&self, event_id: &str) -> Result<Vec<u16>, DeliveryError> {
        let event = self.core().event(event_id).cloned();
        let event = event.ok_or_else(|| DeliveryError::NoSuchEvent(event_id.to_owned()))?;
        self.0.deliveries.deliver_once(&event, (self.0.now)()).await
    }

    /// Adds an endpoint: events from now on go there too.
    pub fn add_webhook(&self, url: &str, secret: &str) {
        let (url, secret) = (url.to_owned(), secret.to_owned());
        let endpoints = self.0.deliveries.add(WebhookEndpoint { url, secret });
        self.core().set_webhook_endpoints(endpoints);
    }

    /// Waits until automatic delivery has brought every event so far to every endpoint, or given up on it.
    /// With manual delivery there is nothing to wait for.
    pub async fn wait_for_deliveries(&self) {
        self.0.deliveries.wait(&self.0.stop).await;
    }

    pub(super) fn request(&self, request: Request) -> Outcome {
        self.act(|core, now| core.request(now, request))
    }

    pub(super) fn resume(&self, ticket: Ticket) -> Outcome {
        self.act(|core, now| core.resume(now, ticket))
    }

    pub(super) fn abandon(&self, ticket: Ticket) {
        self.core().abandon(ticket);
    }

    /// Calls the state machine at the present moment and tells the dispatcher what came of it.
    fn act<T>(&self, call: impl FnOnce(&mut Core, i64) -> T) -> T {
        let mut core = self.core();
        let result = call(&mut core, (self.0.now)());
        self.0.deliveries.happened(core.events().len());
        result
    }

    /// A panic elsewhere does not make the books unreadable.
    pub(super) fn core(&self) -> MutexGuard<'_, Core> {
        self.0.core.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
