//! The tables as diesel sees them. Must match `migrations/`; the store's tests read and write every column.

use super::types::Instant;

macro_rules! tables {
    ($($name:ident ($($key:ident),+) { $($columns:tt)* })+) => {
        $(diesel::table! {
            use diesel::sql_types::*;
            use super::Instant;
            $name ($($key),+) { $($columns)* }
        })+
    };
}

tables! {
    mentors (id) {
        id -> Text,
        name -> Nullable<Text>,
        email -> Nullable<Text>,
        stripe_account_id -> Nullable<Text>,
        created_at -> Instant,
        updated_at -> Instant,
    }
    accounts (stripe_account_id) {
        stripe_account_id -> Text,
        transfers -> Text,
        details_submitted -> Bool,
        payouts_enabled -> Bool,
        disabled_reason -> Nullable<Text>,
        deauthorized_at -> Nullable<Instant>,
        transfers_told_at -> Instant,
        transfers_rank -> SmallInt,
        transfers_event_id -> Text,
        details_told_at -> Nullable<Instant>,
        details_event_id -> Nullable<Text>,
        read_at -> Nullable<Instant>,
    }
    payment_sources (object_id) {
        object_id -> Text,
        kind -> Text,
        payment_key -> Text,
        told_at -> Instant,
        rank -> SmallInt,
        event_id -> Text,
        says -> Json,
    }
    payments (id) {
        id -> BigInt,
        payment_key -> Text,
        livemode -> Bool,
        status -> Text,
        collection -> Text,
        stripe_payment_intent_id -> Nullable<Text>,
        stripe_checkout_session_id -> Nullable<Text>,
        stripe_charge_id -> Nullable<Text>,
        booking_id -> Nullable<Text>,
        mentor_id -> Nullable<Text>,
        customer_name -> Nullable<Text>,
        customer_email -> Nullable<Text>,
        currency -> Text,
        settlement_currency -> Nullable<Text>,
        amount -> BigInt,
        platform_fee -> BigInt,
        mentor_amount -> BigInt,
        refunded_amount -> BigInt,
        platform_fee_bps -> Integer,
        fee_conflict -> Nullable<Text>,
        paid_at -> Nullable<Instant>,
        dispute_period_ends -> Nullable<Instant>,
        dispute_requested -> Bool,
        dispute_reason -> Nullable<Text>,
        flagged_by -> Nullable<Text>,
        charge_disputed -> Bool,
        destination_charge -> Bool,
        transfer_group -> Nullable<Text>,
        wait_until -> Nullable<Instant>,
        wait_reason -> Nullable<Text>,
        hold_reasons -> Text,
        next_check_at -> Nullable<Instant>,
        transfer_id -> Nullable<Text>,
        transfer_status -> Nullable<Text>,
        transfer_retry_count -> Integer,
        transfer_error -> Nullable<Text>,
        transferred_at -> Nullable<Instant>,
        metadata -> Json,
        created_at -> Instant,
        updated_at -> Instant,
    }
    refunds (stripe_refund_id) {
        stripe_refund_id -> Text,
        stripe_charge_id -> Text,
        amount -> BigInt,
        currency -> Text,
        status -> Text,
        told_at -> Instant,
        rank -> SmallInt,
        event_id -> Text,
    }
    disputes (stripe_dispute_id) {
        stripe_dispute_id -> Text,
        stripe_charge_id -> Text,
        amount -> BigInt,
        currency -> Text,
        status -> Text,
        reason -> Text,
        told_at -> Instant,
        rank -> SmallInt,
        event_id -> Text,
        fee -> BigInt,
    }
    transfers (stripe_transfer_id) {
        stripe_transfer_id -> Text,
        stripe_charge_id -> Nullable<Text>,
        destination -> Text,
        amount -> BigInt,
        amount_reversed -> BigInt,
        currency -> Text,
        transfer_group -> Nullable<Text>,
        operation_key -> Nullable<Text>,
        created_at -> Instant,
    }
    payouts (stripe_payout_id) {
        stripe_payout_id -> Text,
        stripe_account_id -> Nullable<Text>,
        amount -> BigInt,
        currency -> Text,
        status -> Text,
        failure -> Nullable<Text>,
        told_at -> Instant,
        rank -> SmallInt,
        event_id -> Text,
    }
    holds (id) {
        id -> BigInt,
        payment_id -> Nullable<BigInt>,
        mentor_id -> Nullable<Text>,
        source -> Text,
        actor -> Text,
        reason -> Text,
        placed_at -> Instant,
        lifted_at -> Nullable<Instant>,
        lifted_by -> Nullable<Text>,
        lift_reason -> Nullable<Text>,
    }
    operations (id) {
        id -> BigInt,
        kind -> Text,
        payment_id -> BigInt,
        mentor_id -> Text,
        generation -> Integer,
        idempotency_key -> Text,
        amount -> BigInt,
        currency -> Text,
        parameters -> Json,
        state -> Text,
        maybe_done -> Bool,
        attempts -> Integer,
        first_sent_at -> Nullable<Instant>,
        last_sent_at -> Nullable<Instant>,
        unknown_since -> Nullable<Instant>,
        next_attempt_at -> Nullable<Instant>,
        lease_epoch -> BigInt,
        lease_owner -> Nullable<Text>,
        lease_until -> Nullable<Instant>,
        stripe_id -> Nullable<Text>,
        stripe_request_id -> Nullable<Text>,
        error_code -> Nullable<Text>,
        error -> Nullable<Text>,
        created_at -> Instant,
        updated_at -> Instant,
        cause -> Text,
    }
    operation_attempts (id) {
        id -> BigInt,
        operation_id -> BigInt,
        kind -> Text,
        started_at -> Instant,
        duration_ms -> BigInt,
        http_status -> Nullable<Integer>,
        error_code -> Nullable<Text>,
        error -> Nullable<Text>,
        request_id -> Nullable<Text>,
    }
    webhook_events (id) {
        id -> BigInt,
        event_id -> Text,
        #[sql_name = "type"]
        kind -> Text,
        stripe_created -> Instant,
        livemode -> Bool,
        account -> Nullable<Text>,
        body -> Binary,
        received_at -> Instant,
        state -> Text,
        attempts -> Integer,
        next_attempt_at -> Nullable<Instant>,
        note -> Nullable<Text>,
        projected_at -> Nullable<Instant>,
        payment_key -> Nullable<Text>,
    }
    emails (id) {
        id -> BigInt,
        once_key -> Text,
        merge_key -> Nullable<Text>,
        kind -> Text,
        recipient -> Text,
        to_address -> Text,
        mentor_id -> Nullable<Text>,
        payment_id -> Nullable<BigInt>,
        notice -> Json,
        state -> Text,
        attempts -> Integer,
        next_attempt_at -> Nullable<Instant>,
        lease_owner -> Nullable<Text>,
        sent_with -> Nullable<BigInt>,
        error -> Nullable<Text>,
        created_at -> Instant,
        sent_at -> Nullable<Instant>,
    }
    runs (id) {
        id -> BigInt,
        trigger -> Text,
        started_at -> Instant,
        finished_at -> Nullable<Instant>,
        looked_at -> BigInt,
        transferred -> BigInt,
        held -> BigInt,
        waiting -> BigInt,
        failed -> BigInt,
        unfinished -> BigInt,
        error -> Nullable<Text>,
    }
    audit_log (id) {
        id -> BigInt,
        at -> Instant,
        actor -> Text,
        action -> Text,
        subject_kind -> Text,
        subject_id -> Text,
        detail -> Nullable<Text>,
    }
    mentor_debts (mentor_id, currency) {
        mentor_id -> Text,
        currency -> Text,
        outstanding -> BigInt,
    }
    debt_entries (id) {
        id -> BigInt,
        mentor_id -> Text,
        currency -> Text,
        payment_id -> BigInt,
        kind -> Text,
        amount -> BigInt,
        cause -> Text,
        generation -> Integer,
        measure -> Nullable<Json>,
        at -> Instant,
    }
    ledger_journals (id) {
        id -> BigInt,
        key -> Text,
        payment_id -> Nullable<BigInt>,
        kind -> Text,
        at -> Instant,
        note -> Nullable<Text>,
    }
    ledger_entries (id) {
        id -> BigInt,
        journal_id -> BigInt,
        account -> Text,
        mentor_id -> Nullable<Text>,
        currency -> Text,
        amount -> BigInt,
    }
    used_tokens (jti) {
        jti -> Text,
        expires_at -> Instant,
        used_at -> Instant,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    mentors,
    accounts,
    payment_sources,
    payments,
    refunds,
    disputes,
    transfers,
    payouts,
    holds,
    operations,
    operation_attempts,
    webhook_events,
    emails,
    runs,
    audit_log,
    ledger_journals,
    ledger_entries,
);
