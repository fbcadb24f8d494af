-- Serves: a mentor's latest payout, and the next of a request. Beside it stood only indexes of payouts under way.
CREATE INDEX operations_payouts_by_mentor ON operations (mentor_id, id) WHERE kind = 'payout';
-- Serves: what was asked about an account, and of whom one was made.
CREATE INDEX operations_of_accounts ON operations (cause, mentor_id) WHERE kind IN ('account', 'schedule');
-- Serves: the foreign key, which is looked at with each payment that is written.
CREATE INDEX discrepancies_by_payment ON discrepancies (payment_id) WHERE payment_id IS NOT NULL;
