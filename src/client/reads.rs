//! Many values of one tick in one request.

use super::{
    Client, answers,
    request::{Needs, Request, Stamped},
};
use crate::{
    CameraName, Capability, Command, Error, ErrorKind, ObjectName, Transform,
    session::{Job, Outcome},
};

impl Client {
    /// Where these objects are, in the order of the names, all of one tick. An
    /// unknown name fails the whole.
    ///
    /// It travels as a batch, so the server's limit on batches (see
    /// [`ServerLimits`](crate::ServerLimits)) bounds the names; a plain UESynth
    /// server cannot promise one tick and is not asked.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let server = synthcap_sim::serve(synthcap_sim::SimConfig::small()).await?;
    /// # let client = synthcap::Client::connect(server.url()).await?;
    /// let names = client.objects().await?.value;
    /// let transforms = client.object_transforms(&names).await?;
    /// assert_eq!(transforms.len(), names.len());
    /// println!("all of tick {:?}", transforms.stamp.tick);
    /// # client.close().await?;
    /// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub fn object_transforms<N: Into<ObjectName>>(
        &self,
        names: impl IntoIterator<Item = N>,
    ) -> Request<Stamped<Vec<Transform>>> {
        let names = names.into_iter().map(Into::into);
        let commands = names.map(|object| Command::GetObjectTransform { object });
        self.reads(commands.collect(), answers::object_transforms)
    }

    /// Where these cameras are, in the order of the names, all of one tick; as
    /// [`object_transforms`](Self::object_transforms).
    ///
    /// With their intrinsics, [`cameras`](Self::cameras) gives all of them in one
    /// request.
    pub fn camera_transforms<N: Into<CameraName>>(
        &self,
        names: impl IntoIterator<Item = N>,
    ) -> Request<Stamped<Vec<Transform>>> {
        let names = names.into_iter().map(Into::into);
        let commands = names.map(|camera| Command::GetCameraTransform { camera });
        self.reads(commands.collect(), answers::camera_transforms)
    }

    fn reads<T>(
        &self,
        commands: Vec<Command>,
        read: fn(Outcome) -> Result<T, Error>,
    ) -> Request<T> {
        if commands.is_empty() {
            let error = Error::new(ErrorKind::InvalidInput, "no names are given");
            return Request::refused(&self.inner, error, read);
        }
        let needs = Needs::Extension(Capability::Batch);
        Request::new(&self.inner, Job::Batch(commands), needs, read)
    }
}
