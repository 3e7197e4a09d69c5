//! The peer: `graphile_worker`, in the way that suits it best.
//!
//! Single: its own functions that add, get and complete one job, called by our
//! loop, without the cost of its runner. Batch: adding 64 at a time, then its
//! runner with a local queue that fetches 64 and a completion batcher; that one
//! collects for a time and not up to a number, and saves after the handler has
//! returned, so it offers no completion together with the job's effects.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use counterpart::clock::Stopwatch;
use graphile_worker::sql::{complete_job, get_job, task_identifiers};
use graphile_worker::{
    Database, IntoTaskHandlerResult, JobComplete, JobSpec, LocalQueueConfig, TaskHandler, Worker,
    WorkerContext, WorkerUtils,
};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::{BATCH, Drained, Mode, WORKERS};

const SCHEMA: &str = "graphile_worker";

/// As in its own throughput bench.
const POLL_MS: u64 = 5;
const COMPLETE_AFTER_MS: u64 = 5;

pub struct Graphile {
    pool: PgPool,
    database: Database,
    utils: WorkerUtils,
    details: Arc<task_identifiers::TaskDetails>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Nothing {
    subject: String,
}

impl TaskHandler for Nothing {
    const IDENTIFIER: &'static str = "bench";

    async fn run(self, _: WorkerContext) -> impl IntoTaskHandlerResult {
        Ok::<(), String>(())
    }
}

impl Graphile {
    pub async fn open(url: &str) -> Result<Self> {
        let pool = PgPoolOptions::new()
            .max_connections(WORKERS as u32)
            .min_connections(WORKERS as u32)
            .test_before_acquire(false)
            .connect(url)
            .await?;
        let database = Database::from(pool.clone());
        let utils = WorkerUtils::new(database.clone(), SCHEMA);
        utils.migrate().await?;
        let names = vec![Nothing::IDENTIFIER.to_owned()];
        let details = Arc::new(task_identifiers::get_tasks_details(&database, SCHEMA, names).await?);
        let utils = utils.with_task_details((*details).clone().into());
        Ok(Self { pool, database, utils, details })
    }

    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    pub async fn enqueue(&self, mode: Mode, jobs: usize) -> Result<()> {
        let mut workers = JoinSet::new();
        for worker in 0..WORKERS {
            let utils = self.utils.clone();
            let payloads: Vec<_> =
                crate::ours::subjects(worker, jobs).map(|subject| Nothing { subject }).collect();
            workers.spawn(async move {
                match mode {
                    Mode::Single => {
                        for payload in payloads {
                            utils.add_job(payload, JobSpec::default()).await?;
                        }
                    }
                    Mode::Batch => {
                        let spec = JobSpec::default();
                        for payloads in payloads.chunks(BATCH) {
                            let jobs: Vec<_> = payloads.iter().map(|one| (one.clone(), &spec)).collect();
                            utils.add_jobs(&jobs).await?;
                        }
                    }
                }
                anyhow::Ok(())
            });
        }
        while let Some(ended) = workers.join_next().await {
            ended??;
        }
        Ok(())
    }

    pub async fn drain(&self, mode: Mode, jobs: usize) -> Result<Drained> {
        match mode {
            Mode::Single => self.drain_by_hand().await,
            Mode::Batch => self.drain_by_runner(jobs).await,
        }
    }

    async fn drain_by_hand(&self) -> Result<Drained> {
        let watch = Stopwatch::start();
        let mut workers = JoinSet::new();
        for worker in 0..WORKERS {
            let (database, details) = (self.database.clone(), Arc::clone(&self.details));
            workers.spawn(async move {
                let name = format!("bench {worker}");
                let mut done = 0;
                loop {
                    let job = get_job::get_job(&database, &details, SCHEMA, &name, &[], None).await?;
                    let Some(job) = job else { return anyhow::Ok(done) };
                    complete_job::complete_job(&database, &job, &name, SCHEMA).await?;
                    done += 1;
                }
            });
        }
        let mut done = 0;
        while let Some(ended) = workers.join_next().await {
            done += ended??;
        }
        Ok(Drained { jobs: done, took: watch.elapsed() })
    }

    async fn drain_by_runner(&self, jobs: usize) -> Result<Drained> {
        let (done, all_done) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let (counter, bell) = (Arc::clone(&done), Arc::clone(&all_done));
        let worker = Worker::options()
            .database(self.database.clone())
            .schema(SCHEMA)
            .concurrency(WORKERS)
            .poll_interval(Duration::from_millis(POLL_MS))
            .use_notification_delivery(false)
            .local_queue(LocalQueueConfig::default().with_size(BATCH))
            .complete_job_batch_delay(Duration::from_millis(COMPLETE_AFTER_MS))
            .define_job::<Nothing>()
            // Called once the completion is saved.
            .on(JobComplete, move |_| {
                let (counter, bell) = (Arc::clone(&counter), Arc::clone(&bell));
                async move {
                    if counter.fetch_add(1, Ordering::Relaxed) + 1 == jobs {
                        bell.notify_one();
                    }
                }
            })
            .init()
            .await?;
        let worker = Arc::new(worker);
        let runner = Arc::clone(&worker);
        let watch = Stopwatch::start();
        let running = tokio::spawn(async move { runner.run().await });
        let finished = tokio::time::timeout(Duration::from_secs(60), all_done.notified()).await;
        let took = watch.elapsed();
        worker.request_shutdown();
        running.await??;
        let done = done.load(Ordering::Relaxed);
        ensure!(finished.is_ok(), "graphile_worker completed {done} of {jobs} jobs in a minute");
        Ok(Drained { jobs: done, took })
    }

    pub async fn left(&self) -> Result<i64> {
        let left = "select count(*) from graphile_worker._private_jobs";
        Ok(sqlx::query_scalar(left).fetch_one(&self.pool).await?)
    }
}
