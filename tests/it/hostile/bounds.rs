//! What refusing costs: less than a second for each case, and less than
//! 256 MiB for the whole process that generates and refuses all of them.
//!
//! Memory is bounded from outside, by the limit on the address space of a
//! child that runs the first test here and nothing else: what the allocator,
//! a mapping or the stack takes counts, whoever asked for it.

use std::process::Command;
use std::time::{Duration, Instant};

use super::{Asked, Way, cases};

const CASE_TIME_MAX: Duration = Duration::from_secs(1);
const PROCESS_KIB_MAX: u64 = 256 << 10;
const COST: &str = "cost:";

#[test]
fn each_case_is_refused_within_a_second() {
    for case in cases() {
        // Only a repository arrives in more ways than one.
        let ways = if matches!(case.asked, Asked::Repo(_)) { &Way::ALL[..] } else { &Way::ALL[..1] };
        for way in ways {
            let before = forget_peak();
            let begin = Instant::now();
            let refusal = case.refusal(*way);
            let took = begin.elapsed();
            let peak = status_kib("VmHWM").saturating_sub(before);
            assert_eq!(refusal.as_ref(), Some(&case.expected), "{}", case.rule);
            assert!(took < CASE_TIME_MAX, "{} ({way:?}) took {took:?}", case.rule);
            let (rule, label, size) = (&case.rule, &case.expected, case.bytes.len());
            let micros = took.as_micros();
            println!("{COST} {micros:>7} µs {peak:>6} KiB for {size:>8} bytes {way:?}: {rule} => {label}");
        }
    }
    println!("the process took up to {} KiB of addresses", status_kib("VmPeak"));
}

#[test]
fn all_cases_together_are_refused_in_little_memory() {
    let test = concat!(module_path!(), "::each_case_is_refused_within_a_second");
    let (_, test) = test.split_once("::").unwrap();
    let child = Command::new("bash")
        .args(["-c", r#"ulimit -v "$0" && exec "$@""#, &PROCESS_KIB_MAX.to_string()])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        // Each arena of the allocator reserves 64 MiB of addresses, whether it needs them or not.
        .env("MALLOC_ARENA_MAX", "1")
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&child.stdout), String::from_utf8_lossy(&child.stderr));
    assert!(child.status.success(), "{}\n{out}\n{err}", child.status);

    // The first one stands behind the name of the test.
    let costs: Vec<_> = out.lines().filter_map(|line| Some(line.split_once(COST)?.1)).collect();
    assert!(costs.len() >= cases().len(), "the child judged {} cases:\n{out}", costs.len());
    println!("{out}");
    let most = |column: usize| {
        let value =
            |line: &str| line.split_whitespace().nth(column).and_then(|text| text.parse::<u64>().ok());
        costs.iter().map(|line| value(line).expect("a cost is a number")).max().unwrap()
    };
    println!("{} judgements, at most {} µs and {} KiB each", costs.len(), most(0), most(2));
}

/// Lets the peak of resident memory begin anew, and says where it begins.
fn forget_peak() -> u64 {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    status_kib("VmRSS")
}

fn status_kib(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':')).unwrap();
    line.trim().trim_end_matches("kB").trim().parse().unwrap()
}
