DROP INDEX discrepancies_by_payment;
DROP INDEX operations_of_accounts;
DROP INDEX operations_payouts_by_mentor;
