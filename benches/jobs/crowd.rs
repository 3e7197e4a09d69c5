//! Whether a crowd slows our claims: one host with a long queue that is at its
//! cap, or a thousand hosts that all have work, beside nobody.

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};
use counterpart::clock::Stopwatch;
use counterpart::jobs::Lease;
use counterpart::ledger::{Engine, LedgerUrl};

use crate::cluster::Cluster;
use crate::ours::Ours;
use crate::{Sizes, WORKERS, table};

/// Wishes saved in one transaction while the crowd gathers.
const GATHER: usize = 4_096;

const HOSTS: usize = 1_000;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Crowd {
    Nobody,
    /// One host with this many ready jobs, as many running as it may have.
    OneHost(usize),
    /// So many hosts with a few ready jobs each, none of them urgent.
    ManyHosts(usize),
}

struct Scene {
    ours: Ours,
    rates: Vec<f64>,
}

pub async fn run(cluster: &Cluster, directory: &Path, sizes: &Sizes) -> Result<()> {
    let crowds = [Crowd::Nobody, Crowd::OneHost(sizes.backlog), Crowd::ManyHosts(HOSTS)];
    for engine in [Engine::Postgres, Engine::Sqlite] {
        let mut scenes = Vec::new();
        for (number, crowd) in crowds.into_iter().enumerate() {
            let name = format!("crowd_{number}");
            let url = match engine {
                Engine::Postgres => LedgerUrl::parse(&cluster.database(&name).await?)?,
                Engine::Sqlite => {
                    fs::create_dir(directory.join(&name))?;
                    LedgerUrl::in_directory(&directory.join(&name))
                }
            };
            let ours = Ours::open(&url).await?;
            gather(&ours, crowd).await?;
            scenes.push(Scene { ours, rates: Vec::new() });
        }
        for round in 0..=sizes.rounds {
            for scene in &mut scenes {
                let rate = claims_per_second(&scene.ours, sizes.claims).await?;
                if round > 0 {
                    scene.rates.push(rate);
                }
            }
        }
        let [alone, one_host, many_hosts] = &scenes[..] else { unreachable!("one scene for each crowd") };
        table::crowd(engine, &alone.rates, &one_host.rates, sizes.backlog, &many_hosts.rates, HOSTS);
    }
    Ok(())
}

async fn gather(ours: &Ours, crowd: Crowd) -> Result<()> {
    let wishes: Vec<(String, usize)> = match crowd {
        Crowd::Nobody => Vec::new(),
        Crowd::OneHost(jobs) => vec![("huge.test".to_owned(), jobs)],
        Crowd::ManyHosts(hosts) => (0..hosts).map(|host| (format!("host{host:05}.test"), 10)).collect(),
    };
    let requests: Vec<_> = wishes
        .iter()
        .flat_map(|(host, jobs)| (0..*jobs).map(move |number| (host, number)))
        .map(|(host, number)| ours.request(format!("{host} {number:06}")).talking_to(host))
        .collect();
    for requests in requests.chunks(GATHER) {
        ours.wish(requests.to_vec()).await?;
    }
    if let Crowd::OneHost(_) = crowd {
        let held = ours.claim(WORKERS).await?;
        ensure!(held.len() == 2, "the host has {} jobs running and may have 2", held.len());
        ensure!(ours.claim(WORKERS).await?.is_empty(), "the host is not at its cap");
    }
    ours.meter().tidy().await
}

/// One job a claim, claimed one after another; only the claims are timed.
async fn claims_per_second(ours: &Ours, claims: usize) -> Result<f64> {
    let urgent = |number| {
        let mut request = ours.request(format!("nobody's {number:06}"));
        request.priority = 90;
        request
    };
    ours.wish((0..claims).map(urgent).collect()).await?;
    let watch = Stopwatch::start();
    let mut leases: Vec<Lease> = Vec::new();
    for _ in 0..claims {
        leases.extend(ours.claim(1).await?);
    }
    let rate = claims as f64 / watch.elapsed().as_secs_f64();
    ensure!(leases.len() == claims, "{} of {claims} claims took a job", leases.len());
    ensure!(leases.iter().all(|lease| lease.host.is_empty()), "a claim took from the crowd");
    ours.finish(&leases).await?;
    Ok(rate)
}
