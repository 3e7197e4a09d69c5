//! One thing, one row: no second cursor, no second commit, no second spelling.

use counterpart::ledger::Engine;
use sqlx::{AssertSqlSafe, Row};

use super::{Bed, on_both_engines};

on_both_engines!(
    no_column_of_a_unique_index_may_be_null,
    a_server_is_one_row_however_it_is_spelled,
    a_host_has_one_stream,
    a_commit_is_logged_once_wherever_it_came_from,
    history_is_kept_for_hosts_and_accounts_that_are_unknown,
    a_denial_has_a_reason_and_a_limit_is_a_limit,
    words_outside_the_vocabulary_are_refused,
);

/// Nulls are unequal to each other, so a unique index over a column that may
/// be null lets doubles in. This asks the engine for every unique index there is.
async fn no_column_of_a_unique_index_may_be_null(bed: Bed) {
    let text = match bed.ledger.engine() {
        Engine::Sqlite => {
            "select t.name || '.' || c.name as place, c.\"notnull\" as fixed
             from sqlite_master t, pragma_index_list(t.name) l, pragma_index_info(l.name) i, pragma_table_info(t.name) c
             where t.type = 'table' and l.\"unique\" = 1 and c.name = i.name"
        }
        Engine::Postgres => {
            "select cast(t.relname || '.' || c.attname as text) as place, cast(c.attnotnull as int) as fixed
             from pg_index i join pg_class t on t.oid = i.indrelid join pg_namespace n on n.oid = t.relnamespace
             join pg_attribute c on c.attrelid = t.oid and c.attnum = any(i.indkey)
             where n.nspname = 'public' and i.indisunique"
        }
    };
    let mut connection = bed.ledger.read().await.unwrap();
    let rows = sqlx::query(AssertSqlSafe(text)).fetch_all(&mut *connection).await.unwrap();
    let place = |row: &sqlx::any::AnyRow| row.get::<String, _>("place");
    let places: Vec<_> = rows.iter().map(place).collect();
    for known in ["job.kind", "job.subject", "commit_log.rev", "host.origin"] {
        assert!(places.iter().any(|place| place == known), "{known} not among {places:?}");
    }
    let fixed = |row: &&sqlx::any::AnyRow| {
        row.try_get::<i64, _>("fixed").unwrap_or_else(|_| row.get::<i32, _>("fixed").into()) > 0
    };
    let loose: Vec<_> = rows.iter().filter(|row| !fixed(row)).map(place).collect();
    assert!(loose.is_empty(), "may be null and is part of a unique index: {loose:?}");
}

fn host(origin: &str) -> String {
    format!("insert into host (origin, kind, created_at) values ('{origin}', 'pds', 1)")
}

async fn a_server_is_one_row_however_it_is_spelled(bed: Bed) {
    bed.run(&host("https://pds.test")).await.unwrap();
    for same in ["https://pds.test", "https://PDS.test", "https://pds.test/", "HTTPS://pds.test"] {
        assert!(bed.run(&host(same)).await.is_err(), "{same}");
    }
    for not_a_server in [
        "",
        "not a url",
        "pds.test",
        "https://",
        "https://a.test/path",
        "https://a.test?q",
        "https://u@a.test",
    ] {
        assert!(bed.run(&host(not_a_server)).await.is_err(), "{not_a_server}");
    }
    for another in ["http://pds.test", "https://pds.test:8443", "https://other.test"] {
        bed.run(&host(another)).await.unwrap();
    }
}

async fn a_host_has_one_stream(bed: Bed) {
    bed.run(&host("https://pds.test")).await.unwrap();
    let stream = "insert into stream (host, state) select id, 'idle' from host";
    bed.run(stream).await.unwrap();
    assert!(bed.run(stream).await.is_err());
    assert!(bed.run("insert into stream (host, state) values (null, 'idle')").await.is_err());
    assert!(bed.run("insert into stream (host, state) values (999, 'idle')").await.is_err(), "no such host");
    assert!(bed.run("update stream set cursor = -1").await.is_err());
    assert_eq!(bed.number("select count(*) from stream").await, 1);
}

fn commit(place: &str) -> String {
    format!(
        "insert into commit_log (did, rev, commit_cid, data_cid, since, prev_data_cid, ops, outcome, received_at, host, epoch, seq)
         values ('did:plc:alice', '3k1', 'bafy1', 'bafy2', '', '', '[]', 'applied', 1, {place})"
    )
}

async fn a_commit_is_logged_once_wherever_it_came_from(bed: Bed) {
    bed.run(&commit("7, 1, 100")).await.unwrap();
    for again in ["7, 1, 100", "7, 2, 3", "8, 1, 100", "null, null, null"] {
        assert!(bed.run(&commit(again)).await.is_err(), "{again}");
    }
    let fetched = commit("null, null, null").replace("3k1", "3k2");
    bed.run(&fetched).await.unwrap();
    assert!(bed.run(&fetched).await.is_err(), "nulls do not let a double in");
    assert!(bed.run(&commit("7, 1, -1").replace("3k1", "3k3")).await.is_err());
    assert!(bed.run(&commit("7, 1, null").replace("3k1", "3k3")).await.is_err(), "half a place is none");
}

async fn history_is_kept_for_hosts_and_accounts_that_are_unknown(bed: Bed) {
    bed.run(&commit("12345, 1, 100")).await.unwrap();
    assert_eq!(bed.number("select host from commit_log").await, 12345);
}

async fn a_denial_has_a_reason_and_a_limit_is_a_limit(bed: Bed) {
    bed.run(&host("https://pds.test")).await.unwrap();
    assert!(bed.run("update host set allow_ingest = 0").await.is_err());
    assert!(bed.run("update host set deny_reason = 'spam'").await.is_err());
    bed.run("update host set allow_ingest = 0, deny_reason = 'spam'").await.unwrap();
    for limit in ["0", "-1"] {
        assert!(bed.run(&format!("update host set rate_limit_per_minute = {limit}")).await.is_err());
    }
    bed.run("update host set rate_limit_per_minute = 1").await.unwrap();
    bed.run("update host set rate_limit_per_minute = null").await.unwrap();
}

async fn words_outside_the_vocabulary_are_refused(bed: Bed) {
    bed.run(&host("https://pds.test")).await.unwrap();
    assert!(bed.run("update host set kind = 'appview'").await.is_err());
    let job = |state: &str, holder: &str| {
        format!(
            "insert into job (kind, subject, lane, priority, state, holder, due_at, deadline_ms, created_at)
             values ('k', 's', 'small', 50, '{state}', '{holder}', 1, 1, 1)"
        )
    };
    for (state, holder) in [("done", ""), ("running", ""), ("ready", "somebody"), ("", "")] {
        assert!(bed.run(&job(state, holder)).await.is_err(), "{state} held by {holder:?}");
    }
    bed.run(&job("ready", "")).await.unwrap();
}
