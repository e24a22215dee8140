-- The Snowflake functions that near_duplicates_sql uses, defined in PostgreSQL according to Snowflake's documentation.
CREATE SCHEMA snowflake;
CREATE FUNCTION snowflake.to_number(text, text) RETURNS bigint LANGUAGE sql IMMUTABLE
    AS $$ SELECT ('x' || $1)::bit(64)::bigint $$;
CREATE FUNCTION snowflake.to_char(bigint, text) RETURNS text LANGUAGE sql IMMUTABLE
    AS $$ SELECT upper(to_hex($1)) $$;
CREATE FUNCTION snowflake.bitxor(bigint, bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$ SELECT $1 # $2 $$;
CREATE FUNCTION snowflake.bitand(bigint, bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$ SELECT $1 & $2 $$;
-- Numbers have 38 digits in Snowflake, so a hash is never negative there.
CREATE FUNCTION snowflake.bitshiftright(bigint, integer) RETURNS bigint LANGUAGE sql IMMUTABLE
    AS $$ SELECT ($1::bit(64) >> $2)::bigint $$;
SET search_path = snowflake, public, pg_catalog;
