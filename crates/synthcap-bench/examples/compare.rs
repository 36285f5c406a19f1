//! The comparison of `synthcap bench --compare` without the rest of the command,
//! for those who work on the path: `cargo run --release -p synthcap-bench
//! --example compare -- OUT [SECONDS [PYTHON [WORK...]]]` writes OUT/bench.json and
//! the pictures.

use std::{env, error::Error, fs, path::PathBuf, time::Duration};

use synthcap_bench::{Chart, Comparison, Machine, Work, alloc, compare, control, json, plot};

#[global_allocator]
static ALLOCATOR: alloc::Counting = alloc::Counting;

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    alloc::enable();
    let mut args = env::args().skip(1);
    let out = PathBuf::from(args.next().ok_or("name a folder for the results")?);
    let seconds = args.next().map_or(Ok(3.0), |text| text.parse())?;
    let python = args.next().filter(|python| !python.is_empty());
    let only: Vec<_> = args.collect();
    let is_wanted = |work: &Work| {
        only.is_empty()
            || only
                .iter()
                .any(|name| work.name().starts_with(name.as_str()))
    };
    let comparison = Comparison {
        work: Work::standard().into_iter().filter(is_wanted).collect(),
        time: Duration::from_secs_f64(seconds),
        turns: 3,
        python: python.map(|python| (python.into(), "benches/python/client.py".into())),
    };
    let machine = Machine::this();
    println!("{machine}\n");
    let runtime = tokio::runtime::Runtime::new()?;
    let (all, control) = runtime.block_on(async {
        let all = compare(&comparison, |one| println!("{one}")).await?;
        let control = control(comparison.time).await?;
        Ok::<_, Box<dyn Error + Send + Sync>>((all, control))
    })?;
    println!("{control}");
    let written = json(&machine, &all, &control)?.to_string();
    fs::write(out.join("bench.json"), written)?;
    for (name, chart) in [("frames", Chart::Frames), ("commands", Chart::Commands)] {
        fs::write(out.join(format!("bench-{name}.svg")), plot(chart, &all))?;
    }
    Ok(())
}
