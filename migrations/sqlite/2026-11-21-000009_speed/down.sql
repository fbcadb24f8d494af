-- PostgreSQL alone has something to change here; the names are the same in both.
SELECT 1;
