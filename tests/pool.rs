//! Pools: spreading, leases, lost servers, their return.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use crate::common::{TinyEngine, serve};
use synthcap::{
    Backoff, Client, ErrorCode, ErrorKind, Pool, PoolBuilder, PoolStart, Rerun, ServerState,
    Transform,
    server::{Server, ServerHandle},
};

type TestResult = Result<(), Box<dyn std::error::Error>>;

fn builder(servers: &[&ServerHandle]) -> PoolBuilder {
    let quick = Backoff {
        initial: Duration::from_millis(5),
        multiplier: 1.0,
        ..Backoff::GRPC
    };
    let builder = Pool::builder().backoff(quick);
    servers.iter().fold(builder, |b, s| b.server(s.url()))
}

/// An address where nothing listens.
async fn dead_url() -> String {
    let server = serve(TinyEngine::default()).await;
    let url = server.url();
    server.shutdown().await;
    url
}

#[tokio::test]
async fn a_lost_server_leaves_its_jobs_to_the_other_and_is_used_again() -> TestResult {
    let first = serve(TinyEngine::default()).await;
    let second = serve(TinyEngine::default()).await;
    let address = second.local_addr();
    let pool = builder(&[&first, &second]).connect().await?;
    assert_eq!(pool.stats().up(), 2);

    let started = Arc::new(AtomicUsize::new(0));
    let jobs = (1..=300_u32).map(|index| {
        let started = started.clone();
        move |client: &Client| {
            started.fetch_add(1, Ordering::Relaxed);
            client.default_camera().with_size(index, 2).rgb()
        }
    });
    let mut results = pool.run(jobs.collect::<Vec<_>>());
    let mut second = Some(second);
    let mut widths = Vec::new();
    while let Some(image) = results.next().await {
        widths.push(image?.width());
        if widths.len() == 100
            && let Some(second) = second.take()
        {
            second.shutdown().await;
        }
    }
    assert_eq!(widths, (1..=300).collect::<Vec<_>>(), "each once, in order");
    let stats = pool.stats();
    assert_eq!(
        (stats.done(), stats.failed(), stats.in_flight()),
        (300, 0, 0)
    );
    let moved: u64 = stats.servers.iter().map(|server| server.moved).sum();
    assert_eq!(started.load(Ordering::Relaxed) as u64, 300 + moved);
    let before = stats.servers[1].done;
    assert!(before > 0 && stats.servers[0].done > before);

    let back = Server::builder(TinyEngine::default());
    let back = back.listen(address.to_string()).start().await?;
    pool.wait_for(2).await?;
    let jobs = (0..40).map(|_| |client: &Client| client.default_camera().rgb());
    assert!(pool.run(jobs).all().await.iter().all(Result::is_ok));
    let stats = pool.stats();
    assert!(stats.servers[1].done > before, "it is used again");
    assert_eq!(stats.servers[1].connections, 2);
    assert_eq!(stats.done(), 340);
    pool.close().await;
    back.shutdown().await;
    Ok(())
}

#[tokio::test]
async fn what_must_not_run_twice_is_never_sent_twice() -> TestResult {
    let (one, two) = (TinyEngine::default(), TinyEngine::default());
    let logs = [one.spawned.clone(), two.spawned.clone()];
    let (first, second) = (serve(one).await, serve(two).await);
    let pool = builder(&[&first, &second]).connect().await?;
    // How often each job was asked for its request.
    let built = Arc::new(Mutex::new(BTreeMap::<usize, usize>::new()));
    let jobs = (0..200).map(|index| {
        let built = built.clone();
        move |client: &Client| {
            *built
                .lock()
                .expect("no job panics")
                .entry(index)
                .or_default() += 1;
            let object = client.object(format!("object-{index}"));
            object.spawn("shape:cube", Transform::IDENTITY)
        }
    });
    let mut results = pool.run(jobs.collect::<Vec<_>>());
    let (mut done, mut unknown) = (0, 0);
    let mut second = Some(second);
    while let Some(result) = results.next().await {
        match result {
            Ok(_) => done += 1,
            Err(error) if error.kind() == ErrorKind::OutcomeUnknown => unknown += 1,
            // A second spawn of the same name on one server would say so.
            Err(error) => panic!("{error:?}"),
        }
        if done == 50
            && let Some(second) = second.take()
        {
            second.shutdown().await;
        }
    }
    assert_eq!(done + unknown, 200);
    let stats = pool.stats();
    assert_eq!((stats.done(), stats.failed()), (done, unknown));
    // What was built again was moved without having been sent.
    let moved: u64 = stats.servers.iter().map(|server| server.moved).sum();
    let built: usize = built.lock().expect("no job panics").values().sum();
    assert_eq!(built as u64, 200 + moved);

    // And so say the engines themselves.
    first.shutdown().await;
    let mut names: Vec<_> = logs
        .iter()
        .flat_map(|log| log.lock().expect("no engine panics").clone())
        .collect();
    let carried_out = names.len() as u64;
    names.sort();
    names.dedup();
    assert_eq!(names.len() as u64, carried_out, "none on both servers");
    assert!((done..=200).contains(&carried_out));
    Ok(())
}

#[tokio::test]
async fn tasks_run_again_only_when_allowed() -> TestResult {
    for (rerun, calls, succeeds) in [(Rerun::Never, 1, false), (Rerun::FromStart, 2, true)] {
        let first = serve(TinyEngine::default()).await;
        let second = serve(TinyEngine::default()).await;
        let pool = builder(&[&first, &second]).connect().await?;
        let doomed = Arc::new(Mutex::new(Some(first)));
        let called = Arc::new(AtomicUsize::new(0));
        let count = called.clone();
        let job = move |client: Client| {
            count.fetch_add(1, Ordering::Relaxed);
            let doomed = doomed.lock().expect("no job panics").take();
            async move {
                client.default_camera().rgb().await?;
                // The first server dies between two requests of the job.
                if let Some(server) = doomed {
                    server.shutdown().await;
                    while client.default_camera().rgb().await.is_ok() {}
                }
                client.default_camera().depth().await
            }
        };
        let result = pool.run_tasks(rerun, [job]).all().await.remove(0);
        assert_eq!(called.load(Ordering::Relaxed), calls);
        match result {
            Ok(_) => assert!(succeeds),
            Err(error) => {
                assert!(!succeeds);
                assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn one_server_is_enough_to_start_unless_all_are_wanted() -> TestResult {
    let server = serve(TinyEngine::default()).await;
    let dead = dead_url().await;
    let pool = builder(&[&server]).server(&dead).connect().await?;
    let states: Vec<_> = pool.stats().servers.iter().map(|s| s.state).collect();
    assert_eq!(states, [ServerState::Up, ServerState::Down]);
    pool.acquire().await?.default_camera().rgb().await?;

    let all = builder(&[&server]).server(&dead).start(PoolStart::All);
    let error = all.connect().await.expect_err("one is down");
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    let none = Pool::builder().server(&dead).connect().await;
    assert_eq!(none.expect_err("down").kind(), ErrorKind::Unreachable);
    let empty = Pool::builder().connect().await.expect_err("no server");
    assert_eq!(empty.kind(), ErrorKind::InvalidInput);
    Ok(())
}

#[tokio::test]
async fn leases_spread_refuse_wait_and_come_back() -> TestResult {
    let first = serve(TinyEngine::default()).await;
    let second = serve(TinyEngine::default()).await;
    let builder = builder(&[&first, &second]).jobs_per_server(1);
    let pool = builder.connect().await?;
    let (one, two) = (pool.acquire().await?, pool.acquire().await?);
    assert_ne!(one.server(), two.server());
    let full = pool.try_acquire().expect_err("both are taken");
    assert_eq!(full.kind(), ErrorKind::InFlightLimit);

    let waiting = tokio::spawn({
        let pool = pool.clone();
        async move { pool.acquire().await.map(|lease| lease.server()) }
    });
    let freed = one.server();
    drop(one);
    assert_eq!(waiting.await??, freed);
    two.default_camera().rgb().await?;
    drop(two);
    assert_eq!(pool.stats().in_flight(), 0);
    pool.clone().close().await;
    assert_eq!(
        pool.acquire().await.expect_err("closed").kind(),
        ErrorKind::Closed
    );
    Ok(())
}

#[tokio::test]
async fn a_jobs_own_error_is_its_result_and_stays_where_it_is() -> TestResult {
    let first = serve(TinyEngine::default()).await;
    let second = serve(TinyEngine::default()).await;
    let pool = builder(&[&first, &second]).connect().await?;
    let jobs = (0..10).map(|index| {
        move |client: &Client| match index {
            4 => client.camera("nobody").rgb(),
            _ => client.default_camera().rgb(),
        }
    });
    let results = pool.run(jobs).all().await;
    let kinds: Vec<_> = results
        .iter()
        .map(|r| r.as_ref().err().map(|e| e.kind()))
        .collect();
    let mut expected = vec![None; 10];
    expected[4] = Some(ErrorKind::Rejected(ErrorCode::NotFound));
    assert_eq!(kinds, expected);
    let stats = pool.stats();
    assert_eq!((stats.done(), stats.failed(), stats.up()), (9, 1, 2));
    Ok(())
}

#[tokio::test]
async fn without_any_server_jobs_end_unsent_after_the_outage_limit() -> TestResult {
    let server = serve(TinyEngine::default()).await;
    let builder = builder(&[&server]).max_outage(Duration::ZERO);
    let pool = builder.connect().await?;
    server.shutdown().await;
    // The loss may show only with the first request.
    let jobs = (0..5).map(|_| |client: &Client| client.default_camera().rgb());
    for result in pool.run(jobs).all().await {
        let kind = result.expect_err("nobody is there").kind();
        assert!(matches!(
            kind,
            ErrorKind::NotSent | ErrorKind::OutcomeUnknown
        ));
    }
    let unsent = pool.run([|client: &Client| client.step(1)]).all().await;
    assert_eq!(
        unsent[0].as_ref().expect_err("down").kind(),
        ErrorKind::NotSent
    );
    Ok(())
}

#[tokio::test]
async fn a_server_that_lets_a_deadline_pass_must_answer_again_first() -> TestResult {
    let server = serve(TinyEngine::default()).await;
    let pool = builder(&[&server]).connect().await?;
    let late = |client: &Client| client.default_camera().rgb().timeout(Duration::ZERO);
    let error = pool.run([late]).all().await.remove(0).expect_err("no time");
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    // It does answer, over a connection that was made to find out.
    let good = |client: &Client| client.default_camera().rgb();
    pool.run([good]).all().await.remove(0)?;
    assert_eq!(pool.stats().servers[0].connections, 2);
    Ok(())
}
