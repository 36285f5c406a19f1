//! Runs commands on an engine, between ticks.

use std::{
    any::Any,
    borrow::Cow,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use super::{
    Engine, EngineError, EngineInfo, PixelBuffers, ResolvedView,
    catalog::Catalog,
    check::{self, Rules},
    clock::{Clock, wall_clock},
    subscriptions::{Control, Sink, Subscriptions},
};
use crate::{
    Answer, CameraName, Capability, CaptureSet, CapturedImage, Command, EncodingSupport, ErrorCode,
    ModalitySet, Pixels, SceneQuery, ServerInfo, ServerLimits, Subscription, Tick, Transfer,
    Transform, View,
    frame::raw_bytes,
    wire::reply::{Failure, Meta},
};

/// What can be run at one go.
#[derive(Debug)]
pub(super) enum Runnable {
    One(Command),
    Batch(Vec<Command>),
}

/// What became of a request.
#[derive(Debug)]
pub(super) enum Ran {
    One(Result<Answer, Failure>, Meta),
    /// One answer per item, with its own circumstances.
    Batch(Result<Vec<(Answer, Meta)>, Failure>, Meta),
}

/// An engine with everything the kit keeps about it.
pub(super) struct Executor<E> {
    engine: E,
    info: EngineInfo,
    limits: ServerLimits,
    clock: Clock,
    running: bool,
    /// Whether time never passes by itself.
    by_steps: bool,
    instance_id: Arc<str>,
    /// Made anew when something may have changed it.
    catalog: Option<Catalog>,
    subscriptions: Subscriptions,
    /// Of whoever asked for what is being run.
    buffers: PixelBuffers,
}

impl<E: Engine> Executor<E> {
    pub(super) fn new(engine: E, limits: ServerLimits, paused: bool, by_steps: bool) -> Self {
        let info = engine.info();
        Self {
            running: !paused && !by_steps && info.tick_rate_hz > 0.0,
            by_steps,
            engine,
            info,
            limits,
            clock: Clock::default(),
            instance_id: format!("{:016x}", fastrand::u64(..)).into(),
            catalog: None,
            subscriptions: Subscriptions::default(),
            buffers: PixelBuffers::heap(),
        }
    }

    /// The time between ticks while simulation time runs by itself.
    pub(super) fn tick_interval(&self) -> Option<Duration> {
        let rate = self.info.tick_rate_hz;
        (self.running && rate > 0.0).then(|| Duration::from_secs_f64(1.0 / rate))
    }

    /// Lets one tick pass.
    pub(super) fn tick(&mut self) -> Result<(), EngineError> {
        self.catalog = None;
        let passed = catch_unwind(AssertUnwindSafe(|| self.engine.tick()));
        let passed = passed.map_err(|panic| {
            // Ticking a broken engine again and again helps nobody.
            self.running = false;
            let reason = panic_text(&*panic);
            tracing::error!(reason, "the engine panicked in a tick; paused");
            let message = format!("the engine panicked in a tick: {reason}");
            EngineError::new(ErrorCode::Internal, message)
        })?;
        self.clock.advance(passed);
        self.push_due();
        Ok(())
    }

    /// Serves the subscriptions for which a capture is due.
    pub(super) fn push_due(&mut self) {
        let mut subscriptions = std::mem::take(&mut self.subscriptions);
        subscriptions.serve(self.clock.sim_time, |set, buffers| {
            let captured =
                self.with_buffers(buffers, |this| this.guarded(|this| this.capture_set(set)));
            (captured, self.clock.stamp(wall_clock()))
        });
        self.subscriptions = subscriptions;
    }

    /// Opens a subscription, whose first capture follows at once.
    pub(super) fn subscribe(
        &mut self,
        subscription: Subscription,
        control: Arc<Control>,
        sink: Box<dyn Sink>,
        received: Duration,
    ) -> Ran {
        let result = self.guarded(|this| this.check_subscription(&subscription));
        let accepted = result.is_ok();
        if accepted {
            self.subscriptions.add(subscription, control, sink);
        }
        let result = result.map(|()| done("subscribed")).map_err(Failure::from);
        Ran::One(result, self.clock.stamp(received))
    }

    fn check_subscription(&mut self, subscription: &Subscription) -> Result<(), EngineError> {
        if !(subscription.rate_hz.is_finite() && subscription.rate_hz >= 0.0) {
            let message = format!("a rate of {} per second is none", subscription.rate_hz);
            return Err(EngineError::invalid(message));
        }
        let most = self.limits.max_subscriptions as usize;
        if self.subscriptions.len() >= most {
            let message = format!("{most} subscriptions are open already, which is the limit");
            return Err(EngineError::new(ErrorCode::ResourceExhausted, message));
        }
        let command = Command::CaptureSet(subscription.set.clone());
        self.check_all(&[command]).map_err(|(_, error)| error)
    }

    /// What the server says of itself.
    ///
    /// # Errors
    ///
    /// When the engine panics.
    pub(super) fn describe(&mut self) -> Result<ServerInfo, EngineError> {
        self.guarded(|this| Ok(this.info_now()))
    }

    fn info_now(&self) -> ServerInfo {
        let info = self.engine.info();
        let mut capabilities = PROVIDED.to_vec();
        let others = info.capabilities.into_iter();
        let is_engines = |capability: &Capability| {
            // How replies travel is not the engine's business.
            !PROVIDED.contains(capability) && *capability != Capability::SeparateReplies
        };
        capabilities.extend(others.filter(is_engines));
        ServerInfo {
            engine_name: info.name,
            engine_version: info.version,
            protocol_version: 1,
            capabilities,
            modalities: info.modalities,
            encodings: EncodingSupport::built_in(),
            limits: self.limits,
            tick_rate_hz: info.tick_rate_hz,
            paused: !self.running,
            tick: Tick::new(self.clock.tick),
            sim_time: self.clock.sim_time,
            scene_name: info.scene_name,
            seed: info.seed,
            cameras: self.engine.cameras(),
            weathers: info.weathers,
            instance_id: self.instance_id.to_string(),
            // The engine knows nothing of connections.
            shared_memory_socket: None,
        }
    }

    /// Runs a request, with buffers for the images that it may ask for.
    pub(super) fn run(
        &mut self,
        runnable: Runnable,
        received: Duration,
        buffers: PixelBuffers,
    ) -> Ran {
        self.with_buffers(buffers, |this| this.run_now(runnable, received))
    }

    fn with_buffers<T>(&mut self, buffers: PixelBuffers, run: impl FnOnce(&mut Self) -> T) -> T {
        // A step that one client takes may push to another.
        let before = std::mem::replace(&mut self.buffers, buffers);
        let done = run(self);
        self.buffers = before;
        done
    }

    fn run_now(&mut self, runnable: Runnable, received: Duration) -> Ran {
        match runnable {
            Runnable::One(command) => {
                let result = self.guarded(|this| {
                    this.check_all(std::slice::from_ref(&command))
                        .map_err(|(_, error)| error)?;
                    this.execute(&command)
                });
                Ran::One(result.map_err(Failure::from), self.clock.stamp(received))
            }
            Runnable::Batch(commands) => {
                let result = self.guarded(|this| Ok(this.run_batch(&commands, received)));
                let result = result.unwrap_or_else(|error| Err(error.into()));
                Ran::Batch(result, self.clock.stamp(received))
            }
        }
    }

    fn run_batch(
        &mut self,
        commands: &[Command],
        received: Duration,
    ) -> Result<Vec<(Answer, Meta)>, Failure> {
        let most = self.limits.max_batch_items as usize;
        if commands.len() > most {
            let message = format!("a batch of {} is over the limit of {most}", commands.len());
            return Err(EngineError::invalid(message).into());
        }
        let checked = check::batch(commands).and_then(|()| self.check_all(commands));
        checked.map_err(|(index, error)| Failure {
            batch_index: Some(index as u32),
            ..error.into()
        })?;
        let mut answers = Vec::with_capacity(commands.len());
        for (index, command) in commands.iter().enumerate() {
            let answer = self.execute(command).map_err(|error| Failure {
                // It passed the check, so the engine broke its word; what ran
                // before cannot be taken back, and the message says so.
                message: format!("{error} ({index} items before it were executed)"),
                code: error.code,
                batch_index: Some(index as u32),
            })?;
            answers.push((answer, self.clock.stamp(received)));
        }
        Ok(answers)
    }

    /// Checks commands in order, as if each had run before the next; the first
    /// that cannot run is named by its index.
    fn check_all(&mut self, commands: &[Command]) -> Result<(), (usize, EngineError)> {
        let catalog = self
            .catalog
            .get_or_insert_with(|| Catalog::of(&self.engine));
        let rules = Rules {
            info: &self.info,
            limits: &self.limits,
        };
        // Copied only by the commands that make or remove names.
        let mut names = Cow::Borrowed(&*catalog);
        for (index, command) in commands.iter().enumerate() {
            rules
                .check(command, &mut names)
                .and_then(|()| self.engine.check(command))
                .map_err(|error| (index, error))?;
        }
        Ok(())
    }

    /// Runs something on the engine; a panic in it fails only this request.
    fn guarded<T>(
        &mut self,
        run: impl FnOnce(&mut Self) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        catch_unwind(AssertUnwindSafe(|| run(self))).unwrap_or_else(|panic| {
            self.catalog = None;
            let message = format!("the engine panicked: {}", panic_text(&*panic));
            Err(EngineError::new(ErrorCode::Internal, message))
        })
    }

    fn execute(&mut self, command: &Command) -> Result<Answer, EngineError> {
        match command {
            Command::SetCameraTransform { camera, transform } => {
                let camera = self.real_name(camera)?;
                self.engine.set_camera_transform(&camera, transform)?;
                Ok(done("camera moved"))
            }
            Command::GetCameraTransform { camera } => {
                let name = self.real_name(camera)?;
                let cameras = self.engine.cameras();
                let camera = cameras.into_iter().find(|camera| camera.name == name);
                camera
                    .map(|camera| Answer::CameraTransform(camera.pose))
                    .ok_or_else(|| EngineError::not_found(format!("camera {name:?} is gone")))
            }
            Command::Capture { view, modality } => {
                let view = self.resolve(view, (*modality).into())?;
                self.capture(&[view], false)
            }
            Command::CaptureSet(set) => self.capture_set(set),
            Command::ListObjects => Ok(Answer::Objects(self.engine.object_names())),
            Command::ListCameras => Ok(Answer::Cameras(self.engine.cameras())),
            Command::GetObjectTransform { object } => self
                .engine
                .object_transform(object)
                .map(Answer::ObjectTransform),
            Command::GetScene(query) => self.scene(query),
            Command::Step { ticks } => {
                for _ in 0..*ticks {
                    self.tick()?;
                }
                Ok(done("stepped"))
            }
            Command::Pause => {
                self.running = false;
                Ok(done("paused"))
            }
            Command::Resume => self.resume(),
            changing => {
                let result = self.change(changing);
                // Whatever else there is may change names or sizes, and finding
                // the camera has just read the old ones.
                self.catalog = None;
                result
            }
        }
    }

    /// The commands that change what the catalog holds, or how things look.
    fn change(&mut self, command: &Command) -> Result<Answer, EngineError> {
        match command {
            Command::SetObjectTransform { object, transform } => {
                self.engine.set_object_transform(object, transform)?;
            }
            Command::CreateCamera { camera, transform } => {
                let pose = transform.over(Transform::IDENTITY);
                self.engine.create_camera(camera, &pose)?;
            }
            Command::DestroyCamera { camera } => {
                let camera = self.real_name(camera)?;
                self.engine.destroy_camera(&camera)?;
            }
            Command::SetResolution {
                camera,
                width,
                height,
            } => {
                let camera = self.real_name(camera)?;
                self.engine.set_resolution(&camera, *width, *height)?;
            }
            Command::SetIntrinsics { camera, lens } => {
                let camera = self.real_name(camera)?;
                self.engine.set_lens(&camera, lens)?;
            }
            Command::SpawnObject {
                object,
                asset,
                transform,
            } => {
                let pose = transform.over(Transform::IDENTITY);
                self.engine.spawn_object(object, asset, &pose)?;
            }
            Command::DestroyObject { object } => self.engine.destroy_object(object)?,
            Command::SetMaterial {
                object,
                property,
                value,
            } => self.engine.set_material(object, property, value)?,
            Command::SetLighting(light) => self.engine.set_light(light)?,
            Command::SetEnvironment(environment) => self.engine.set_environment(environment)?,
            Command::Reset { seed } => {
                self.engine.reset(*seed)?;
                self.clock.restart();
                self.subscriptions.restart();
                self.info = self.engine.info();
            }
            other => {
                let message = format!("{} is not a change", other.name());
                return Err(EngineError::new(ErrorCode::Internal, message));
            }
        }
        Ok(done("done"))
    }

    fn resume(&mut self) -> Result<Answer, EngineError> {
        if self.info.tick_rate_hz > 0.0 && !self.by_steps {
            self.running = true;
            return Ok(done("running"));
        }
        let message = "time passes only by steps on this server";
        Err(EngineError::new(ErrorCode::FailedPrecondition, message))
    }

    fn capture_set(&mut self, set: &CaptureSet) -> Result<Answer, EngineError> {
        let views = set.views.iter();
        let views = views.map(|(view, modalities)| self.resolve(view, *modalities));
        let views = views.collect::<Result<Vec<_>, _>>()?;
        self.capture(&views, set.include_scene)
    }

    fn capture(
        &mut self,
        views: &[ResolvedView],
        include_scene: bool,
    ) -> Result<Answer, EngineError> {
        let captured = self
            .engine
            .capture_into(views, include_scene, &self.buffers)?;
        check::captured(&captured, views, include_scene)?;
        let pairs = captured.views.into_iter().zip(views);
        let images = pairs.flat_map(|(view, asked)| {
            let image = move |pixels: Pixels| CapturedImage {
                camera: asked.camera.clone(),
                pose: Some(view.pose),
                intrinsics: Some(view.intrinsics),
                transfer: Transfer::raw(raw_bytes(&pixels)),
                pixels,
            };
            view.images.into_iter().map(image)
        });
        Ok(Answer::Images(images.collect(), captured.scene))
    }

    fn scene(&mut self, query: &SceneQuery) -> Result<Answer, EngineError> {
        let views = query.views.iter();
        let views = views.map(|view| {
            let resolved = self.resolve(view, ModalitySet::EMPTY)?;
            Ok(View::of(resolved.camera).with_size(resolved.width, resolved.height))
        });
        let resolved = SceneQuery {
            views: views.collect::<Result<_, EngineError>>()?,
            ..query.clone()
        };
        self.engine.scene(&resolved).map(Answer::Scene)
    }

    fn catalog(&mut self) -> &Catalog {
        self.catalog
            .get_or_insert_with(|| Catalog::of(&self.engine))
    }

    fn real_name(&mut self, camera: &CameraName) -> Result<CameraName, EngineError> {
        Ok(self.catalog().camera(camera)?.0.clone())
    }

    fn resolve(
        &mut self,
        view: &View,
        modalities: ModalitySet,
    ) -> Result<ResolvedView, EngineError> {
        let (camera, width, height) = self.catalog().camera(&view.camera)?.clone();
        let or = |asked: u32, own: u32| if asked == 0 { own } else { asked };
        Ok(ResolvedView {
            camera,
            width: or(view.width, width),
            height: or(view.height, height),
            modalities,
        })
    }
}

/// What the kit itself provides for every engine.
const PROVIDED: [Capability; 5] = [
    Capability::CaptureSet,
    Capability::Batch,
    Capability::Step,
    Capability::Subscribe,
    Capability::Cancel,
];

fn done(message: &str) -> Answer {
    Answer::Done(message.to_owned())
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}
