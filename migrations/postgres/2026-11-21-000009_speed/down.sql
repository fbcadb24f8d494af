DO $$
BEGIN
    EXECUTE 'ALTER TABLE webhook_events ALTER COLUMN body SET COMPRESSION pglz';
EXCEPTION WHEN feature_not_supported OR syntax_error OR invalid_parameter_value THEN
    RAISE NOTICE 'this server compresses as it always did';
END $$;
DROP TRIGGER transfers_wake_gone ON transfers;
DROP TRIGGER transfers_wake_new ON transfers;
CREATE TRIGGER transfers_wake_new AFTER INSERT OR DELETE ON transfers
    FOR EACH ROW EXECUTE FUNCTION wake_payments_of_charge();
DROP FUNCTION wake_payments_of_new_transfers();
