//! What goes in comes out: the same values through both engines.

use sqlx::Row;

use super::{Bed, on_both_engines};

on_both_engines!(
    text_numbers_bytes_and_nulls_come_back_as_they_went_in,
    an_identity_is_never_handed_out_again,
);

async fn text_numbers_bytes_and_nulls_come_back_as_they_went_in(bed: Bed) {
    bed.run("create table v (id bigint primary key, t text, n bigint, b bytea)").await.unwrap();
    let texts = ["", "'", "\"; drop table v; --", "é漢🦋", "line\nbreak", "%_\\", "$1"];
    let numbers = [0, -1, i64::MAX, i64::MIN, 1 << 53, 253_402_300_799_999_999];
    let bytes: [&[u8]; 4] = [b"", b"\0", &[0xff, 0xfe, 0x80], &[7; 70_000]];
    let mut tx = bed.ledger.begin().await.unwrap();
    let insert = "insert into v (id, t, n, b) values ($1, $2, $3, $4)";
    for id in 0..texts.len().max(numbers.len()).max(bytes.len()) {
        let row = sqlx::query(insert).bind(id as i64);
        let row = row.bind(texts.get(id).map(|text| text.to_string()));
        let row = row.bind(numbers.get(id).copied()).bind(bytes.get(id).map(|bytes| bytes.to_vec()));
        row.execute(&mut *tx).await.unwrap();
    }
    tx.save().await.unwrap();
    let mut connection = bed.ledger.read().await.unwrap();
    let rows = sqlx::query("select t, n, b from v order by id").fetch_all(&mut *connection).await.unwrap();
    for (id, row) in rows.iter().enumerate() {
        assert_eq!(row.get::<Option<String>, _>("t").as_deref(), texts.get(id).copied());
        assert_eq!(row.get::<Option<i64>, _>("n"), numbers.get(id).copied());
        assert_eq!(row.get::<Option<Vec<u8>>, _>("b").as_deref(), bytes.get(id).copied());
    }
}

async fn an_identity_is_never_handed_out_again(bed: Bed) {
    let letter = "insert into dead_letter (kind, subject, lane, priority, deadline_ms, attempts, rescues, progress, reason, died_at)
                  values ('k', 's', 'small', 1, 1, 1, 0, '', '', 1)";
    bed.run(letter).await.unwrap();
    let first = bed.number("select max(id) from dead_letter").await;
    bed.run("delete from dead_letter").await.unwrap();
    bed.run(letter).await.unwrap();
    assert!(bed.number("select max(id) from dead_letter").await > first);
}
