//! A server that is cut off while it runs a job: what may go elsewhere, and what
//! must not.

mod common;

use std::{
    net::SocketAddr,
    sync::mpsc::{Receiver, Sender, channel},
    time::Duration,
};

use common::{TinyEngine, serve};
use synthcap::{
    CameraName, CameraState, Client, ErrorKind, PartialTransform, Pool, ServerStats, Tick,
    server::{Captured, Engine, EngineError, EngineInfo, ResolvedView, Server, ServerHandle},
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    task::{AbortHandle, JoinSet},
};

type TestResult = Result<(), Box<dyn std::error::Error>>;

/// Says when a capture or a step has begun, and then waits to go on.
struct Gated {
    engine: TinyEngine,
    begun: UnboundedSender<()>,
    go: Receiver<()>,
}

impl Gated {
    fn pass(&self) {
        // Both fail only once the test is over.
        let _ = self.begun.send(());
        let _ = self.go.recv();
    }
}

impl Engine for Gated {
    fn info(&self) -> EngineInfo {
        self.engine.info()
    }

    fn cameras(&self) -> Vec<CameraState> {
        self.engine.cameras()
    }

    fn tick(&mut self) -> Duration {
        self.pass();
        self.engine.tick()
    }

    fn set_camera_transform(
        &mut self,
        camera: &CameraName,
        transform: &PartialTransform,
    ) -> Result<(), EngineError> {
        self.engine.set_camera_transform(camera, transform)
    }

    fn capture(
        &mut self,
        views: &[ResolvedView],
        include_scene: bool,
    ) -> Result<Captured, EngineError> {
        self.pass();
        self.engine.capture(views, include_scene)
    }
}

/// A connection that can be cut.
struct Link {
    address: SocketAddr,
    task: AbortHandle,
}

impl Link {
    async fn to(target: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(async move {
            let mut links = JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                let mut far = TcpStream::connect(target).await?;
                links.spawn(async move { copy_bidirectional(&mut near, &mut far).await });
            }
            Ok::<_, std::io::Error>(())
        });
        let task = task.abort_handle();
        Ok(Self { address, task })
    }
}

/// A pool whose first server can be cut off while it works.
struct Bench {
    pool: Pool,
    link: Link,
    begun: UnboundedReceiver<()>,
    free: ServerHandle,
    /// Dropped last: it lets the engine end.
    _gated: ServerHandle,
    _go: Sender<()>,
}

impl Bench {
    async fn new() -> Result<Self, Box<dyn std::error::Error>> {
        let (sender, begun) = unbounded_channel();
        let (go, waiting) = channel();
        let engine = Gated {
            engine: TinyEngine::default(),
            begun: sender,
            go: waiting,
        };
        let gated = Server::builder(engine).paused(true).start().await?;
        let link = Link::to(gated.local_addr()).await?;
        let free = serve(TinyEngine::default()).await;
        let builder = Pool::builder().server(format!("http://{}", link.address));
        Ok(Self {
            pool: builder.server(free.url()).connect().await?,
            link,
            begun,
            free,
            _gated: gated,
            _go: go,
        })
    }

    /// Cuts the first server off once its engine is at work.
    async fn cut_at_work(&mut self) {
        self.begun.recv().await.expect("the engine lives");
        self.link.task.abort();
    }

    fn servers(&self) -> [ServerStats; 2] {
        let servers = self.pool.stats().servers;
        servers.try_into().expect("there are two")
    }
}

#[tokio::test]
async fn a_capture_goes_to_the_other_server() -> TestResult {
    let mut bench = Bench::new().await?;
    let job = |client: &Client| client.default_camera().rgb();
    let results = bench.pool.run([job]).all();
    let (results, ()) = tokio::join!(results, bench.cut_at_work());
    assert!(matches!(results.as_slice(), [Ok(_)]), "{results:?}");
    let [cut, free] = bench.servers();
    assert_eq!((cut.moved, cut.done, cut.failed), (1, 0, 0));
    assert_eq!((free.moved, free.done, free.failed), (0, 1, 0));
    Ok(())
}

#[tokio::test]
async fn a_step_does_not_and_says_that_it_may_have_happened() -> TestResult {
    let mut bench = Bench::new().await?;
    let results = bench.pool.run([|client: &Client| client.step(1)]).all();
    let (mut results, ()) = tokio::join!(results, bench.cut_at_work());
    let error = results.remove(0).expect_err("nobody knows");
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
    let [cut, free] = bench.servers();
    assert_eq!((cut.moved, cut.done, cut.failed), (0, 0, 1));
    assert_eq!((free.moved, free.done, free.failed), (0, 0, 0));
    let other = Client::connect(bench.free.url()).await?;
    assert_eq!(
        other.default_camera().rgb().await?.tick(),
        Some(Tick::new(0))
    );
    Ok(())
}
