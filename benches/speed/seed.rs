//! What is in the database before a round: mentors with accounts, and payments as webhooks would have left them. One payment
//! is told of by a webhook, and the others are copies of its rows, so that they are what payoutd itself writes.

use super::cluster::Database;

/// Mentors.
pub const MENTORS: u64 = 1_000;
/// When the copied charge was made; its window is long over.
pub const PAID_AT: i64 = 1_760_000_000;

/// A charge as Stripe tells of it, pretty-printed as Stripe does.
pub fn event(number: &str, created: i64) -> String {
    let mentor = number.trim_start_matches(|c: char| !c.is_ascii_digit()).parse::<u64>().unwrap_or(0) % MENTORS;
    let id: &str = number;
    format!(
        r#"{{
  "id": "evt_bench_{id}",
  "object": "event",
  "api_version": "2026-10-28.endive",
  "created": {created},
  "data": {{
    "object": {{
      "id": "ch_bench_{id}",
      "object": "charge",
      "amount": 10000,
      "amount_captured": 10000,
      "amount_refunded": 0,
      "application": null,
      "application_fee": null,
      "application_fee_amount": null,
      "balance_transaction": "txn_bench_{id}",
      "billing_details": {{
        "address": {{
          "city": null,
          "country": "DE",
          "line1": null,
          "line2": null,
          "postal_code": null,
          "state": null
        }},
        "email": "ada@example.com",
        "name": "Ada Customer",
        "phone": null,
        "tax_id": null
      }},
      "calculated_statement_descriptor": "EXAMPLE SESSIONS",
      "captured": true,
      "created": {created},
      "currency": "eur",
      "customer": null,
      "description": "A session of an hour",
      "destination": null,
      "dispute": null,
      "disputed": false,
      "failure_balance_transaction": null,
      "failure_code": null,
      "failure_message": null,
      "fraud_details": {{}},
      "livemode": false,
      "metadata": {{
        "booking_id": "booking-{id}",
        "mentor_id": "mentor-{mentor}"
      }},
      "on_behalf_of": null,
      "order": null,
      "outcome": {{
        "advice_code": null,
        "network_advice_code": null,
        "network_decline_code": null,
        "network_status": "approved_by_network",
        "reason": null,
        "risk_level": "normal",
        "risk_score": 17,
        "seller_message": "Payment complete.",
        "type": "authorized"
      }},
      "paid": true,
      "payment_intent": "pi_bench_{id}",
      "payment_method": "pm_bench_{id}",
      "payment_method_details": {{
        "card": {{
          "amount_authorized": 10000,
          "brand": "visa",
          "checks": {{
            "address_line1_check": null,
            "address_postal_code_check": null,
            "cvc_check": "pass"
          }},
          "country": "DE",
          "exp_month": 12,
          "exp_year": 2030,
          "fingerprint": "fingerprint{id}",
          "funding": "credit",
          "installments": null,
          "last4": "4242",
          "mandate": null,
          "network": "visa",
          "three_d_secure": null,
          "wallet": null
        }},
        "type": "card"
      }},
      "receipt_email": null,
      "receipt_number": null,
      "receipt_url": "https://pay.example.com/receipts/bench/{id}",
      "refunded": false,
      "review": null,
      "shipping": null,
      "source": null,
      "source_transfer": null,
      "statement_descriptor": null,
      "statement_descriptor_suffix": null,
      "status": "succeeded",
      "transfer_data": null,
      "transfer_group": null
    }}
  }},
  "livemode": false,
  "pending_webhooks": 1,
  "request": {{
    "id": "req_bench_{id}",
    "idempotency_key": "key-bench-{id}"
  }},
  "type": "charge.succeeded"
}}"#
    )
}

/// Mentors with accounts that may be paid.
pub fn mentors() -> String {
    mentors_of("now()", &format!("generate_series(0, {}) AS n", MENTORS - 1))
}

/// The same for SQLite.
pub fn mentors_in_sqlite() -> String {
    let series = format!(
        "(WITH RECURSIVE all_of(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM all_of WHERE n < {}) SELECT n FROM all_of)",
        MENTORS - 1
    );
    mentors_of("strftime('%Y-%m-%dT%H:%M:%fZ', 'now')", &series)
}

fn mentors_of(now: &str, series: &str) -> String {
    format!(
        "INSERT INTO accounts (stripe_account_id, transfers, details_submitted, payouts_enabled, charges_enabled,
             payout_interval, transfers_told_at, transfers_rank, transfers_event_id, read_at)
         SELECT 'acct_' || n, 'active', TRUE, TRUE, TRUE, 'manual', {now}, 3, 'evt_seed', {now} FROM {series};
         INSERT INTO mentors (id, name, email, stripe_account_id)
         SELECT 'mentor-' || n, 'Mentor ' || n, 'mentor' || n || '@example.com', 'acct_' || n FROM {series};"
    )
}

/// Payments in one statement.
const AT_ONCE: usize = 1_000_000;

/// How a copy stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copied {
    /// To be paid now.
    Due,
    /// Paid long ago.
    Done,
}

/// Copies payment 0 with all its rows, as payments `from` to `to` that are due.
pub async fn copy_payments(database: &Database, from: usize, to: usize) {
    let copying = copying(database, from, to, Copied::Due).await;
    database.run(&format!("BEGIN; SET LOCAL session_replication_role = replica; {copying}; COMMIT")).await;
}

/// The same for very many. Those that are done are counted as pending, too, until they are counted anew.
pub async fn copy_many(database: &Database, from: usize, to: usize, as_what: Copied) {
    let mut all = Vec::new();
    for first in (from..=to).step_by(AT_ONCE) {
        all.push(copying(database, first, to.min(first + AT_ONCE - 1), as_what).await);
    }
    in_bulk(database, &all.join(";\n")).await;
}

/// Runs what writes very many rows while indexes that hold no constraint are put aside. What triggers would do to each row
/// is done by none.
pub async fn in_bulk(database: &Database, sql: &str) {
    database
        .run(&format!(
            "BEGIN;
             SET LOCAL session_replication_role = replica;
             SET LOCAL work_mem = '256MB';
             SET LOCAL maintenance_work_mem = '512MB';
             CREATE TEMP TABLE put_aside ON COMMIT DROP AS
                 SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition FROM pg_index
                 WHERE indrelid = ANY ('{{payments,payment_sources,ledger_journals,ledger_entries}}'::regclass[])
                   AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid);
             DO $$ DECLARE index record; BEGIN
                 FOR index IN SELECT * FROM put_aside LOOP EXECUTE 'DROP INDEX ' || index.name; END LOOP;
             END $$;
             {sql};
             DO $$ DECLARE index record; BEGIN
                 FOR index IN SELECT * FROM put_aside LOOP EXECUTE index.definition; END LOOP;
             END $$;
             COMMIT"
        ))
        .await;
}

async fn copying(database: &Database, from: usize, to: usize, as_what: Copied) -> String {
    let columns = columns(database, "payments", &["id", "mentor_id", "metadata"]).await;
    let copied: Vec<String> = columns
        .iter()
        .map(|column| match column.as_str() {
            "payment_key" | "stripe_payment_intent_id" | "stripe_charge_id" | "booking_id" => {
                format!("regexp_replace(p.{column}, '[0-9]+$', n::text)")
            }
            "next_check_at" if as_what == Copied::Due => "to_timestamp(0)".to_owned(),
            "next_check_at" => "NULL".to_owned(),
            "status" if as_what == Copied::Done => "'transferred'".to_owned(),
            "transfer_id" if as_what == Copied::Done => "'tr_done_' || n".to_owned(),
            _ => format!("p.{column}"),
        })
        .collect();
    format!(
            "INSERT INTO payments ({names}, mentor_id, metadata)
             SELECT {copied}, 'mentor-' || n % {MENTORS},
                    json_build_object('booking_id', 'booking-' || n, 'mentor_id', 'mentor-' || n % {MENTORS})
             FROM payments AS p, generate_series({from}, {to}) AS n
             WHERE p.payment_key = 'pi_bench_0' ORDER BY n;
             INSERT INTO payment_sources (object_id, kind, payment_key, told_at, rank, event_id, says)
             SELECT 'ch_bench_' || n, kind, 'pi_bench_' || n, told_at, rank, event_id || '_' || n,
                    replace(replace(replace(says::text, '_bench_0\"', '_bench_' || n || '\"'),
                        'booking-0\"', 'booking-' || n || '\"'), 'mentor-0\"', 'mentor-' || n % {MENTORS} || '\"')::json
             FROM payment_sources, generate_series({from}, {to}) AS n WHERE object_id = 'ch_bench_0';
             INSERT INTO ledger_journals (key, payment_id, kind, at)
             SELECT p.id || ':' || j.kind || ':1', p.id, j.kind, j.at
             FROM payments AS p, ledger_journals AS j
             WHERE p.id > (SELECT max(id) FROM payments) - {count}
               AND j.payment_id = (SELECT id FROM payments WHERE payment_key = 'pi_bench_0') AND j.kind IN ('charge', 'fee')
             ORDER BY p.id;
             INSERT INTO ledger_entries (journal_id, account, mentor_id, currency, amount)
             SELECT k.id, e.account, CASE WHEN e.mentor_id IS NOT NULL THEN p.mentor_id END, e.currency, e.amount
             FROM payments AS p
             JOIN ledger_journals AS k ON k.payment_id = p.id
             JOIN ledger_journals AS j ON j.kind = k.kind
                  AND j.payment_id = (SELECT id FROM payments WHERE payment_key = 'pi_bench_0')
             JOIN ledger_entries AS e ON e.journal_id = j.id
             WHERE p.id > (SELECT max(id) FROM payments) - {count} AND k.id > (SELECT max(id) FROM ledger_journals) - 2 * {count}
             ORDER BY k.id;
             INSERT INTO payment_counts (status, hold_reasons, payments) VALUES ('pending', '', {count})",
            count = to - from + 1,
            names = columns.join(", "),
            copied = copied.join(", "),
        )
}

/// The charges of all due payments were read once, as sweeps read them: it is known what they settled as.
pub async fn were_read(database: &Database) {
    database
        .run(
            "BEGIN;
             SET LOCAL session_replication_role = replica;
             UPDATE payments SET settlement_currency = currency, settlement_amount = amount WHERE next_check_at IS NOT NULL;
             COMMIT;",
        )
        .await;
}

/// The columns of a table, but for these.
async fn columns(database: &Database, table: &str, without: &[&str]) -> Vec<String> {
    let rows = database
        .sql
        .query(
            "SELECT column_name::text FROM information_schema.columns WHERE table_schema = 'public' AND table_name = $1
             ORDER BY ordinal_position",
            &[&table],
        )
        .await
        .expect("the catalogue answers");
    rows.iter().map(|row| row.get::<_, String>(0)).filter(|name| !without.contains(&name.as_str())).collect()
}
