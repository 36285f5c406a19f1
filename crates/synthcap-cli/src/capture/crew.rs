//! Servers that share a job: each makes runs of samples, and one that fails is gone
//! around.

use std::{
    collections::VecDeque,
    ops::Range,
    path::Path,
    sync::Arc,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use synthcap::Capability;
use synthcap_dataset::Sample;
use synthcap_job::ClassTable;
use tokio::{sync::mpsc, task::JoinSet};

use super::{
    checks,
    dispatch::{Dispatch, Work},
    shot::Pending,
    studio::{PATIENCE, Studio},
};
use crate::{
    exit::{Failure, Result, Stop},
    output,
    settings::JobSettings,
};

/// Samples asked for ahead of the one that is waited for: enough that the server
/// never waits for us, few enough to end soon when asked to.
const AHEAD: usize = 3;
/// Samples between the servers and the writer.
const QUEUED: usize = 4;

/// Servers at work.
#[derive(Debug)]
pub(super) struct Crew {
    pub(super) dispatch: Arc<Dispatch>,
    pub(super) samples: mpsc::Receiver<Result<Sample>>,
    workers: JoinSet<Option<Studio>>,
}

/// What a worker needs of the others.
#[derive(Clone, Debug)]
struct Shared {
    settings: JobSettings,
    classes: Option<ClassTable>,
    reference: Arc<synthcap::ServerInfo>,
    dispatch: Arc<Dispatch>,
    samples: mpsc::Sender<Result<Sample>>,
    /// Servers that are up.
    up: Arc<AtomicUsize>,
}

impl Crew {
    /// Sets a server that is ready, and those of the settings that are not open yet,
    /// to work on these samples.
    pub(super) fn start(settings: &JobSettings, first: Studio, samples: Range<u64>) -> Self {
        let servers = settings.servers.len().max(1);
        let dispatch = Arc::new(Dispatch::new(samples, servers));
        let (sender, receiver) = mpsc::channel(QUEUED);
        let shared = Shared {
            settings: settings.clone(),
            classes: first.classes.clone(),
            reference: first.info.clone(),
            dispatch: dispatch.clone(),
            samples: sender,
            up: Arc::new(AtomicUsize::new(servers)),
        };
        let mut workers = JoinSet::new();
        let urls: Vec<_> = settings.servers.iter().skip(1).cloned().collect();
        workers.spawn(
            shared
                .clone()
                .work(settings.servers.first().cloned(), Some(first)),
        );
        for url in urls {
            workers.spawn(shared.clone().work(Some(url), None));
        }
        Self {
            dispatch,
            samples: receiver,
            workers,
        }
    }

    /// Ends the work and closes all connections.
    pub(super) async fn end(mut self) {
        // Workers that wait for a place to put a sample are told by this.
        self.samples.close();
        while let Some(ended) = self.workers.join_next().await {
            if let Ok(Some(studio)) = ended {
                studio.close().await;
            }
        }
    }
}

impl Shared {
    /// Works until all is done or the crew ends; gives back what is to be closed.
    async fn work(self, url: Option<String>, mut studio: Option<Studio>) -> Option<Studio> {
        let mut pauses = Pauses::default();
        let mut owes_time = false;
        loop {
            let worked = tokio::select! {
                worked = self.attempt(url.as_deref(), &mut studio) => worked,
                () = self.samples.closed() => return studio,
            };
            let Err(stop) = worked else {
                return studio;
            };
            let lost = matches!(stop.failure, Failure::Lost | Failure::Unreachable);
            // The last one up takes the job with it.
            if !lost || self.up.fetch_sub(1, Ordering::SeqCst) == 1 {
                let _ = self.samples.send(Err(stop)).await;
                return studio;
            }
            output::remark(format_args!("warning: {stop}; the other servers go on"));
            if let Some(studio) = studio.take() {
                owes_time |= studio.owes_time();
                studio.close().await;
            }
            let again = tokio::select! {
                again = self.open_again(url.as_deref(), &mut pauses) => Some(again),
                () = self.samples.closed() => None,
            };
            let done = again.is_none();
            studio = match again {
                // All ends without it. Its time is to run again if it is back by now.
                None if owes_time => self.open_soon(url.as_deref()).await,
                again => again,
            };
            if let Some(studio) = studio.as_mut().filter(|_| owes_time) {
                studio.owe_time();
            }
            if done {
                return studio;
            }
            self.up.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Tries a server that has failed until it is back.
    async fn open_again(&self, url: Option<&str>, pauses: &mut Pauses) -> Studio {
        loop {
            tokio::time::sleep(pauses.next()).await;
            if let Ok(studio) = self.open(url).await {
                return studio;
            }
        }
    }

    /// A server that is there, and is not waited for.
    async fn open_soon(&self, url: Option<&str>) -> Option<Studio> {
        let opened = tokio::time::timeout(PATIENCE, self.open(url)).await;
        opened.ok()?.ok()
    }

    async fn open(&self, url: Option<&str>) -> Result<Studio> {
        let mut studio = Studio::open(&self.settings, url).await?;
        checks::same(&self.reference, &studio.info)?;
        studio.classes.clone_from(&self.classes);
        Ok(studio)
    }

    /// Works until all is done, or the server fails: then its samples are others'.
    async fn attempt(&self, url: Option<&str>, studio: &mut Option<Studio>) -> Result<()> {
        if studio.is_none() {
            *studio = Some(self.open(url).await?);
        }
        let Some(studio) = studio else {
            return Ok(());
        };
        let mut pending = VecDeque::new();
        let mut run = 0..0;
        let mut waited_for = None;
        let worked = self
            .serve(studio, &mut pending, &mut run, &mut waited_for)
            .await;
        if worked.is_err() {
            let asked = pending.iter().map(Pending::index);
            self.dispatch
                .give_back(waited_for.into_iter().chain(asked).chain(run));
        }
        worked
    }

    async fn serve(
        &self,
        studio: &mut Studio,
        pending: &mut VecDeque<Pending>,
        run: &mut Range<u64>,
        waited_for: &mut Option<u64>,
    ) -> Result<()> {
        loop {
            while pending.len() <= AHEAD {
                if run.is_empty() {
                    *run = match self.dispatch.look() {
                        Work::Run(next) => next,
                        _ if !pending.is_empty() => break,
                        Work::Later => match self.dispatch.take().await {
                            Some(next) => next,
                            None => return Ok(()),
                        },
                        Work::Done => return Ok(()),
                    };
                }
                pending.push_back(studio.ask(run.start).await?);
                run.start += 1;
            }
            let Some(first) = pending.pop_front() else {
                continue;
            };
            *waited_for = Some(first.index());
            let sample = first.sample().await?;
            *waited_for = None;
            if self.samples.send(Ok(sample)).await.is_err() {
                return Ok(());
            }
        }
    }
}

/// Pauses between tries: 1, 2, 4, ... up to 30 seconds.
#[derive(Debug, Default)]
struct Pauses(u32);

impl Pauses {
    fn next(&mut self) -> Duration {
        let seconds = 1_u64 << self.0.min(5);
        self.0 += 1;
        Duration::from_secs(seconds.min(30))
    }
}

/// Finds the classes of a job with several scenes: those it lists, else those of the
/// first scenes, and of what it spawns.
pub(super) async fn classes(
    settings: &JobSettings,
    studio: &mut Studio,
) -> Result<Option<ClassTable>> {
    /// Scenes that are looked at.
    const SCENES: u64 = 4;
    let job = &settings.job;
    if !job.classes.is_empty() {
        return Ok(Some(ClassTable::new(
            job.classes.iter().map(String::as_str),
        )));
    }
    let several = job.scenes() > 1 || job.changes_objects();
    if !several || !studio.info.can(Capability::Scene) {
        return Ok(None);
    }
    let mut names = Vec::new();
    for scene in 0..job.scenes().min(SCENES) {
        let found = studio.enter(scene).await?;
        let mut classes: Vec<_> = found.objects.iter().map(|o| &o.label).collect();
        classes.sort_by_key(|label| label.class_id);
        // What the job strews about has a class of its own, last.
        let own = classes
            .iter()
            .filter(|l| !l.object.as_str().starts_with("distractor_"));
        names.extend(own.map(|label| label.class_name.clone()));
    }
    let drop = job.randomize.drop.iter().flat_map(|drop| &drop.assets);
    names.extend(drop.filter_map(|asset| class_of(asset)));
    if job.randomize.distractors.is_some() {
        names.push("distractor".to_owned());
    }
    Ok(Some(ClassTable::new(names)))
}

/// The class of what the embedded simulator makes of an asset. What comes only in later
/// scenes has its place among the classes by this.
fn class_of(asset: &str) -> Option<String> {
    if let Some(shape) = asset.strip_prefix("shape:") {
        return Some(shape.to_owned());
    }
    let file = Path::new(asset);
    let kind = file.extension()?.to_str()?;
    let is_gltf = ["gltf", "glb"].iter().any(|k| kind.eq_ignore_ascii_case(k));
    let name = file.file_stem().filter(|_| is_gltf)?;
    Some(name.to_string_lossy().into_owned())
}

/// All of them have gone.
pub(super) fn gone() -> Stop {
    Stop::new(
        Failure::Lost,
        "no server is left; start one, then go on with --resume",
    )
}
