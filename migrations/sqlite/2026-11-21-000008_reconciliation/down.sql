DROP INDEX payouts_told;
DROP INDEX disputes_told;
DROP INDEX transfers_created;
DROP TABLE discrepancies;
DROP TABLE continuity;
