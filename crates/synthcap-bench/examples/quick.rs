//! t
use std::time::Duration;
use synthcap_bench::*;
#[global_allocator]
static A: alloc::Counting = alloc::Counting;
fn main() {
    alloc::enable();
    let filter: Vec<String> = std::env::args().skip(1).collect();
    let secs: f64 = std::env::var("T")
        .ok()
        .and_then(|t| t.parse().ok())
        .unwrap_or(1.5);
    let rt = tokio::runtime::Runtime::new().unwrap();
    let work: Vec<_> = Work::standard()
        .into_iter()
        .filter(|w| filter.is_empty() || filter.iter().any(|f| w.name().contains(f.as_str())))
        .collect();
    let c = Comparison {
        work,
        time: Duration::from_secs_f64(secs),
        turns: 3,
        python: None,
    };
    rt.block_on(async {
        compare(&c, |c| {
            println!("{}", c.work.name());
            for (who, m) in &c.measures {
                println!("  {who:14} {:>10.0}/s {:>6.2} GB/s  vs raw {:.2} vs tonic {:.2} cpu {:.1}us alloc {:.1} p50 {:.1} p99 {:.1}", m.per_second, m.per_second * c.work.kind.bytes() as f64/1e9,
                   c.ratio(*who, Contender::RawTcp).unwrap(), c.ratio(*who, Contender::Tonic).unwrap(), m.cpu_us, m.allocations, m.p50_us, m.p99_us);
            }
        }).await.unwrap();
    });
}
