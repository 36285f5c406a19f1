//! A server at work on a job: the scene it stands in, and how it gets to a sample.

use std::{sync::Arc, time::Duration};

use synthcap::{
    CameraState, Capability, Client, ObjectState, SceneQuery, ServerInfo, Transform,
    server::ServerHandle,
};
use synthcap_job::{ClassTable, Director, Job, SceneChange, Shot};
use synthcap_sim::SimConfig;

use super::{
    checks::{self, refused},
    commands,
    shot::{Asked, Pending},
};
use crate::{
    access,
    embedded::{self, Listen},
    exit::{Result, Stop},
    settings::JobSettings,
};

/// How long a server is waited for to which nothing is owed but its time: it may have
/// gone.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// A server at work on a job.
#[derive(Debug)]
pub(super) struct Studio {
    pub(super) client: Client,
    /// The embedded simulator.
    server: Option<ServerHandle>,
    pub(super) info: Arc<ServerInfo>,
    settings: JobSettings,
    pub(super) classes: Option<ClassTable>,
    /// Where it stands; `None` when that is not known.
    place: Option<Place>,
    /// The first scene stands as the server was made: it need not start over.
    fresh: bool,
    time: Time,
}

/// Time of a server, between a capture and those who had it before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Time {
    /// Stands still, or cannot: it is left so.
    Left,
    /// Runs, and is to be stopped before the first scene.
    Runs,
    /// Was stopped for the capture, and is to run again.
    Stopped,
}

/// A scene and the next sample in it.
#[derive(Debug)]
struct Place {
    scene: u64,
    step: u64,
    director: Director,
}

/// What is found when a scene stands.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) objects: Vec<ObjectState>,
    pub(super) cameras: Vec<CameraState>,
}

impl Studio {
    /// Connects to a server, or starts the embedded one. A server is only looked at:
    /// one that is refused, or not waited for, stays as it was.
    ///
    /// # Errors
    ///
    /// When it cannot be reached, or cannot do what the job asks.
    pub(super) async fn open(settings: &JobSettings, url: Option<&str>) -> Result<Self> {
        let (client, server) = match url {
            Some(url) => (access::connect(url, settings.access.clone()).await?, None),
            None => {
                let server = embedded(settings).await?;
                (Client::connect(server.url()).await?, Some(server))
            }
        };
        let info = client.server_info().ok_or_else(|| {
            refused(
                "this is a plain UESynth server, which cannot take several images of one instant; \
                 use a server with the extensions of synthcap",
            )
        })?;
        checks::check(&info, settings)?;
        let runs = info.can(Capability::Step) && !info.paused;
        Ok(Self {
            fresh: server.is_some() || !settings.resets,
            client,
            server,
            info,
            settings: settings.clone(),
            classes: None,
            place: None,
            time: if runs { Time::Runs } else { Time::Left },
        })
    }

    fn job(&self) -> &Arc<Job> {
        &self.settings.job
    }

    /// Starts a scene over from its seed and makes it what the job says.
    ///
    /// # Errors
    ///
    /// What the server refuses, or the scene lacks.
    pub(super) async fn enter(&mut self, scene: u64) -> Result<Found> {
        self.place = None;
        if self.time == Time::Runs {
            // Noted before it is asked for: whoever gives up on the answer owes it.
            self.time = Time::Stopped;
            self.client.pause().await?;
        }
        let job = self.job().clone();
        let fresh = std::mem::replace(&mut self.fresh, false) && scene == 0;
        if !fresh && self.settings.resets {
            self.client.reset(Some(job.scene_seed(scene))).await?;
        }
        let mut objects = self.objects().await?;
        if let Some((key, what)) = synthcap_job::missing_class(&job, &objects)
            && self.info.can(Capability::Scene)
            && scene == 0
        {
            return Err(self.settings.complain(&key, &what));
        }
        let cameras = self.cameras().await?;
        let change = SceneChange::draw(&job, scene, &self.info.capabilities, &objects, &cameras[0])
            .map_err(|e| refused(e.to_string()))?;
        if !change.commands().is_empty() {
            let mut batch = self.client.batch();
            for command in change.commands() {
                commands::add(&mut batch, &self.client, command)?;
            }
            batch.run().await?;
            objects = self.objects().await?;
        }
        let director = Director::new(
            &job,
            scene,
            &self.info.capabilities,
            &objects,
            &cameras,
            &change,
        );
        self.place = Some(Place {
            scene,
            step: 0,
            director,
        });
        Ok(Found { objects, cameras })
    }

    async fn objects(&self) -> Result<Vec<ObjectState>> {
        if !self.info.can(Capability::Scene) {
            return Ok(Vec::new());
        }
        Ok(self
            .client
            .scene(SceneQuery::default())
            .await?
            .value
            .objects)
    }

    /// The job's cameras, at the size of its images. Those that are not there are
    /// made, as copies of the scene's first.
    async fn cameras(&self) -> Result<Vec<CameraState>> {
        let known = match self.info.can(Capability::Cameras) {
            true => self.client.cameras().await?.value,
            false => self.info.cameras.clone(),
        };
        let size = self.job().size;
        let first = known
            .first()
            .ok_or_else(|| refused("the scene has no camera"))?;
        let mut found = Vec::new();
        for wish in &self.job().cameras {
            let name = wish.name.as_deref().unwrap_or(first.name.as_str());
            let mut camera = match known.iter().find(|c| c.name.as_str() == name) {
                Some(camera) => camera.clone(),
                // The only camera of a job is meant to be there.
                None if self.job().cameras.len() == 1 || !self.info.can(Capability::Cameras) => {
                    let known: Vec<_> = known.iter().map(|c| c.name.as_str()).collect();
                    return Err(refused(format!(
                        "the scene has no camera {name:?}; choose --camera from {}",
                        known.join(", ")
                    )));
                }
                None => {
                    self.client.camera(name).create(first.pose).await?;
                    CameraState {
                        name: name.into(),
                        ..first.clone()
                    }
                }
            };
            if !self.info.can(Capability::Cameras) {
                camera.pose = self.client.camera(&camera.name).transform().await?.value;
            }
            camera.intrinsics = camera.intrinsics.resized(size.width, size.height);
            found.push(camera);
        }
        Ok(found)
    }

    /// What the scene it stands in cannot vary.
    pub(super) fn fixed(&self) -> Vec<&'static str> {
        let director = self.place.as_ref().map(|place| &place.director);
        director.map(Director::lacking).unwrap_or_default()
    }

    /// Goes to where a sample is next: through the samples before it in its scene,
    /// without taking their images.
    async fn seek(&mut self, index: u64) -> Result<()> {
        let spec = self.job().expand(index);
        let ahead = |place: &Place| place.scene == spec.scene && place.step <= spec.step;
        if !self.place.as_ref().is_some_and(ahead) {
            self.enter(spec.scene).await?;
        }
        let most = (self.info.limits.max_batch_items as usize).max(1);
        let mut batch = self.client.batch();
        let from = self.place.as_ref().map_or(0, |place| place.step);
        let first = index - spec.step;
        for step in from..spec.step {
            let shot = self.director()?.shot(first + step);
            let mut next = self.client.batch();
            self.prepare(&mut next, &shot)?;
            if batch.len() + next.len() > most {
                std::mem::replace(&mut batch, self.client.batch())
                    .run()
                    .await?;
            }
            self.prepare(&mut batch, &shot)?;
        }
        if !batch.is_empty() {
            batch.run().await?;
        }
        if let Some(place) = &mut self.place {
            place.step = spec.step;
        }
        Ok(())
    }

    fn director(&self) -> Result<&Director> {
        let place = self.place.as_ref().map(|place| &place.director);
        place.ok_or_else(|| Stop::new(crate::exit::Failure::Internal, "no scene stands"))
    }

    /// Everything of a sample but its images: what varies is set, time goes on by a
    /// tick, the cameras go to their places. Flow then holds the motion of things and
    /// of cameras.
    fn prepare(&self, batch: &mut synthcap::Batch, shot: &Shot) -> Result<()> {
        for command in &shot.commands {
            commands::add(batch, &self.client, command)?;
        }
        let steps = self.info.can(Capability::Step);
        for camera in shot.cameras.iter().filter(|_| steps) {
            if let Some(before) = camera.before {
                batch.add(self.client.camera(&camera.name).set_transform(before));
            }
        }
        if steps {
            batch.add(self.client.step(1));
        }
        for camera in &shot.cameras {
            batch.add(self.client.camera(&camera.name).set_transform(camera.pose));
        }
        Ok(())
    }

    /// Asks for a sample. All of it happens in one go on the server, so that all
    /// images are of one tick.
    ///
    /// # Errors
    ///
    /// When the connection is lost.
    pub(super) async fn ask(&mut self, index: u64) -> Result<Pending> {
        self.seek(index).await?;
        let mut shot = self.director()?.shot(index);
        for place in 0..shot.cameras.len() {
            self.look(place, &mut shot).await?;
        }
        let mut batch = self.client.batch();
        self.prepare(&mut batch, &shot)?;
        let asked = Asked {
            job: self.job().clone(),
            modalities: self.settings.modalities,
            with_scene: checks::describes_objects(&self.info),
            steps: self.info.can(Capability::Step),
            classes: self.classes.clone(),
            seed: match self.settings.resets {
                true => shot.spec.scene_seed,
                false => self.info.seed,
            },
        };
        let pending = Pending::ask(&self.client, batch, shot, asked, self.director()?).await?;
        if let Some(place) = &mut self.place {
            place.step += 1;
        }
        Ok(pending)
    }

    /// Looks for a place from which a camera sees what it looks at, in the state
    /// before the sample's tick.
    async fn look(&self, place: usize, shot: &mut Shot) -> Result<()> {
        /// Tries that are made in one go.
        const AT_ONCE: u32 = 4;
        let Some(look) = shot.cameras[place].look.clone() else {
            return Ok(());
        };
        let director = self.director()?;
        let size = self.job().size;
        let camera = self
            .client
            .camera(&shot.cameras[place].name)
            .with_size(size.width, size.height);
        let mut best: (f32, u32) = (-1.0, 0);
        let mut tries = 0;
        'search: while tries < look.max_tries {
            let mut batch = self.client.batch();
            for command in &shot.commands {
                commands::add(&mut batch, &self.client, command)?;
            }
            let end = (tries + AT_ONCE).min(look.max_tries);
            let asked: Vec<_> = (tries..end)
                .map(|attempt| {
                    let (pose, _) = director.retry(place, shot.spec.index, attempt);
                    batch.add(camera.set_transform(pose));
                    batch.add(self.client.scene(SceneQuery {
                        objects: vec![look.target.clone()],
                        views: vec![camera.view()],
                        ..SceneQuery::default()
                    }))
                })
                .collect();
            let mut replies = batch.run().await?;
            for item in asked {
                let scene = replies.take(item)?.value;
                let seen = scene.objects.first().and_then(|o| o.views.first());
                let seen = seen.map_or(0.0, |view| view.visibility);
                if seen > best.0 {
                    best = (seen, tries);
                }
                tries += 1;
                if f64::from(seen) >= look.min_visibility {
                    break 'search;
                }
            }
        }
        let (visibility, attempt) = best;
        let (pose, before) = director.retry(place, shot.spec.index, attempt);
        let chosen = &mut shot.cameras[place];
        (chosen.pose, chosen.before) = (pose, before);
        let found = f64::from(visibility) >= look.min_visibility;
        let record = serde_json::json!({
            "target": look.target.as_str(), "visibility": visibility,
            "rejected": if found { tries - 1 } else { tries }, "found": found,
        });
        director.record(&mut shot.record, place, "look_at", record);
        Ok(())
    }

    /// Whether the server's time was stopped here and is to run again.
    pub(super) fn owes_time(&self) -> bool {
        self.time == Time::Stopped
    }

    /// Time of this server was stopped over a connection before: if it still stands,
    /// it is to run again in the end.
    pub(super) fn owe_time(&mut self) {
        if self.time == Time::Left {
            self.time = Time::Stopped;
        }
    }

    /// Lets time run again if it was stopped here, and ends. What is captured is safe
    /// by now, so a failure is passed over. A connection that is lost may come back for
    /// it.
    pub(super) async fn close(self) {
        if self.owes_time() {
            let _ = self.client.resume().timeout(PATIENCE).await;
        }
        // The data set is written; what the connection has to say no longer matters.
        let _ = self.client.close().await;
        if let Some(server) = self.server {
            server.shutdown().await;
        }
    }
}

async fn embedded(settings: &JobSettings) -> Result<ServerHandle> {
    let job = &settings.job;
    let mut config = SimConfig {
        seed: job.seed,
        width: job.size.width,
        height: job.size.height,
        assets_dir: settings.assets.clone(),
        ..SimConfig::default()
    };
    if let Some(scene) = &job.scene {
        config.scene.clone_from(scene);
    }
    let listen = Listen {
        address: "127.0.0.1:0".to_owned(),
        paused: true,
        ..Listen::default()
    };
    embedded::serve(config, listen).await
}

/// A pose as it is recorded.
pub(super) fn pose_record(pose: Transform) -> serde_json::Value {
    let (l, r) = (pose.location, pose.rotation);
    serde_json::json!({
        "location_cm": [l.x, l.y, l.z],
        "rotation_deg": { "pitch": r.pitch, "yaw": r.yaw, "roll": r.roll },
    })
}
