//! The table, and the arithmetic of medians.

use counterpart::ledger::Engine;

use crate::meter::Reading;
use crate::{BATCH, Mode, Sizes, WORKERS};

const OF_RAW: f64 = 0.5;
const OF_GRAPHILE: f64 = 0.8;
const OF_ALONE: f64 = 0.5;

pub fn title(mode: Mode) -> String {
    match mode {
        Mode::Single => "one job a transaction".to_owned(),
        Mode::Batch => format!("{BATCH} jobs a transaction"),
    }
}

pub fn head(sizes: &Sizes) {
    println!(
        "jobs: enqueue, then claim and complete; {WORKERS} workers on {WORKERS} connections, fsync on; \
         medians of {} rounds",
        sizes.rounds
    );
}

/// One mode: a row for each contender, then ours against the first two.
pub fn section(mode: Mode, jobs: usize, rows: &[(&str, Vec<Reading>)]) {
    println!("\n{}, {jobs} jobs a round", title(mode));
    println!(
        "{:<24} {:>10} {:>17} {:>10} {:>10} {:>15} {:>15}",
        "", "enqueue/s", "claim+complete/s", "all/s", "WAL B/job", "client µs/job", "server µs/job"
    );
    for (name, readings) in rows {
        let column = |value: fn(&Reading) -> Option<f64>| {
            let values: Option<Vec<f64>> = readings.iter().map(value).collect();
            values.map_or("-".to_owned(), |values| format!("{:.0}", median(values)))
        };
        println!(
            "{name:<24} {:>10} {:>17} {:>10} {:>10} {:>15} {:>15}",
            column(|one| Some(one.jobs as f64 / one.enqueue.as_secs_f64())),
            column(|one| Some(one.jobs as f64 / one.drain.as_secs_f64())),
            column(|one| Some(one.all())),
            column(|one| Some(one.wal_bytes? as f64 / one.jobs as f64)),
            column(|one| Some(one.client_cpu?.as_secs_f64() * 1e6 / one.jobs as f64)),
            column(|one| Some(one.server_cpu?.as_secs_f64() * 1e6 / one.jobs as f64)),
        );
    }
    let [(_, raw), (_, graphile), (_, ours), ..] = rows else { unreachable!("three contenders on Postgres") };
    verdict("counterpart / raw SQL", &ratios(ours, raw), OF_RAW);
    verdict("counterpart / graphile_worker", &ratios(ours, graphile), OF_GRAPHILE);
}

/// Claims beside a crowd, against claims beside nobody.
pub fn crowd(engine: Engine, alone: &[f64], one: &[f64], backlog: usize, many: &[f64], hosts: usize) {
    println!("\nclaims one by one on {engine}, per second");
    println!("{:<46} {:>8.0}", "with nobody waiting", median(alone.to_vec()));
    println!("{:<46} {:>8.0}", format!("beside {backlog} jobs of a host at its cap"), median(one.to_vec()));
    println!("{:<46} {:>8.0}", format!("beside {hosts} hosts with 10 jobs each"), median(many.to_vec()));
    let against =
        |rates: &[f64]| rates.iter().zip(alone).map(|(rate, alone)| rate / alone).collect::<Vec<_>>();
    verdict("host at its cap / nobody", &against(one), OF_ALONE);
    println!("{:<46} {:>8.2}", format!("{hosts} hosts / nobody"), median(against(many)));
}

// Round by round: what disturbed one round disturbed both.
fn ratios(ours: &[Reading], theirs: &[Reading]) -> Vec<f64> {
    ours.iter().zip(theirs).map(|(ours, theirs)| ours.all() / theirs.all()).collect()
}

fn verdict(name: &str, ratios: &[f64], target: f64) {
    let ratio = median(ratios.to_vec());
    let said = if ratio >= target { "met" } else { "MISSED" };
    println!("{name:<46} {ratio:>8.2}   target {target} {said}");
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}
