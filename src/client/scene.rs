//! The scene as a whole, and simulation time.

use super::{
    Client, FrameSet, answers,
    camera::capture_set,
    request::{Done, Needs, Request, Stamped},
};
use crate::{
    CameraState, Capability, CaptureSet, Command, Environment, Light, ObjectName, SceneQuery,
    SceneState, Vec3, session::Job,
};

impl Client {
    /// Images of several cameras and modalities from one tick, or an error for
    /// the whole.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let server = synthcap_sim::serve(synthcap_sim::SimConfig::small()).await?;
    /// # let client = synthcap::Client::connect(server.url()).await?;
    /// use synthcap::{CaptureSet, Modality, ModalitySet};
    ///
    /// let view = client.default_camera().view();
    /// let set = client
    ///     .capture_set(CaptureSet {
    ///         views: vec![(view, ModalitySet::ALL)],
    ///         include_scene: true,
    ///     })
    ///     .await?;
    /// assert_eq!(set.frames.len(), 5);
    /// assert!(set.frames.iter().all(|frame| frame.tick() == set.stamp.tick));
    /// assert!(set.scene.is_some_and(|scene| !scene.objects.is_empty()));
    /// # client.close().await?;
    /// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub fn capture_set(&self, set: CaptureSet) -> Request<FrameSet> {
        capture_set(&self.inner, set)
    }

    /// The names of all objects.
    pub fn objects(&self) -> Request<Stamped<Vec<ObjectName>>> {
        Request::new(
            &self.inner,
            Job::One(Command::ListObjects),
            Needs::Known(Capability::Objects),
            answers::objects,
        )
    }

    /// All cameras, the default one first.
    pub fn cameras(&self) -> Request<Stamped<Vec<CameraState>>> {
        Request::new(
            &self.inner,
            Job::One(Command::ListCameras),
            Needs::Extension(Capability::Cameras),
            answers::cameras,
        )
    }

    /// Objects with their IDs, classes, poses and boxes, all from one tick.
    pub fn scene(&self, query: SceneQuery) -> Request<Stamped<SceneState>> {
        let needed = if query.views.is_empty() {
            Capability::Scene
        } else {
            Capability::Boxes2d
        };
        Request::new(
            &self.inner,
            Job::One(Command::GetScene(query)),
            Needs::Extension(needed),
            answers::scene,
        )
    }

    /// The objects of a class.
    pub fn find_by_class(&self, class: impl Into<String>) -> Request<Stamped<SceneState>> {
        self.scene(SceneQuery {
            class_name: Some(class.into()),
            ..SceneQuery::default()
        })
    }

    /// Changes a light.
    pub fn set_light(&self, light: Light) -> Request<Done> {
        self.extension(Command::SetLighting(light), Capability::Lighting)
    }

    /// Changes the time of day, the sun or the weather; what is `None` stays.
    pub fn set_environment(&self, environment: Environment) -> Request<Done> {
        let Environment {
            time_of_day_h,
            sun_intensity,
            sun_color,
            weather,
        } = &environment;
        let sun = time_of_day_h.is_some() || sun_intensity.is_some() || sun_color.is_some();
        let needs = match (sun, weather.is_some()) {
            (true, true) => Needs::Both(Capability::TimeOfDay, Capability::Weather),
            (false, true) => Needs::Extension(Capability::Weather),
            (_, false) => Needs::Extension(Capability::TimeOfDay),
        };
        self.inner.done(Command::SetEnvironment(environment), needs)
    }

    /// Sets the time of day in hours, from 0 up to 24.
    pub fn set_time_of_day(&self, hours: f32) -> Request<Done> {
        self.set_environment(Environment {
            time_of_day_h: Some(hours),
            ..Environment::default()
        })
    }

    /// Sets the strength of the sun, a factor; 1 is as made.
    pub fn set_sun_intensity(&self, factor: f32) -> Request<Done> {
        self.set_environment(Environment {
            sun_intensity: Some(factor),
            ..Environment::default()
        })
    }

    /// Sets the colour of the sun, linear red, green, blue, 0 to 1.
    pub fn set_sun_color(&self, color: Vec3) -> Request<Done> {
        self.set_environment(Environment {
            sun_color: Some(color),
            ..Environment::default()
        })
    }

    /// Sets the weather by a name that the server lists in
    /// [`ServerInfo::weathers`](crate::ServerInfo::weathers).
    pub fn set_weather(&self, name: impl Into<String>) -> Request<Done> {
        self.set_environment(Environment {
            weather: Some(name.into()),
            ..Environment::default()
        })
    }

    /// Advances simulation time by whole ticks.
    pub fn step(&self, ticks: u32) -> Request<Done> {
        self.extension(Command::Step { ticks }, Capability::Step)
    }

    /// Stops simulation time; captures and steps go on working.
    pub fn pause(&self) -> Request<Done> {
        self.extension(Command::Pause, Capability::Step)
    }

    /// Lets simulation time run again.
    pub fn resume(&self) -> Request<Done> {
        self.extension(Command::Resume, Capability::Step)
    }

    /// Starts the simulation over, with another seed if one is given.
    pub fn reset(&self, seed: Option<u64>) -> Request<Done> {
        self.extension(Command::Reset { seed }, Capability::Reset)
    }

    fn extension(&self, command: Command, capability: Capability) -> Request<Done> {
        self.inner.done(command, Needs::Extension(capability))
    }
}
