//! `synthcap bench`: that it measures, not how fast anything is.

use crate::common::run;
use serde_json::Value;

fn number(entry: &Value, key: &str) -> f64 {
    let value = entry[key].as_f64();
    value.unwrap_or_else(|| panic!("{key} is no number in {entry}"))
}

#[test]
fn a_run_counts_requests_bytes_and_allocations() {
    let ended = run(&[
        "bench",
        "--size",
        "64x64,128x32",
        "--duration",
        "0.1",
        "--connections",
        "2",
        "--json",
    ]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let report = ended.json();
    assert!(number(&report["machine"], "threads") >= 1.0);
    let runs = report["runs"].as_array().expect("a list");
    let names: Vec<_> = runs.iter().map(|run| run["name"].as_str()).collect();
    assert_eq!(names, [Some("rgba_64x64"), Some("rgba_128x32")]);
    for run in runs {
        assert_eq!(number(run, "bytes"), 16_384.0);
        for key in ["requests", "per_second", "cpu_us", "allocations", "p50_us"] {
            assert!(number(run, key) > 0.0, "{key} of {run}");
        }
        assert!(number(run, "p99_us") >= number(run, "p50_us"));
    }
}

#[test]
fn the_modes_of_the_guide_run_with_both_engines() {
    let ended = run(&[
        "bench",
        "--guide",
        "--size",
        "32x32",
        "--duration",
        "0.05",
        "--json",
    ]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let report = ended.json();
    let runs = report["runs"].as_array().expect("a list");
    let modes: Vec<_> = runs.iter().filter_map(|run| run["mode"].as_str()).collect();
    assert_eq!(modes, ["sync", "direct", "streaming"].repeat(2));
}

#[test]
fn a_comparison_puts_everybody_side_by_side() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let plot = folder.path().to_str().expect("text");
    let ended = run(&[
        "bench",
        "--compare",
        "--only",
        "command_x16,rgba_256x256_x1",
        "--duration",
        "0.1",
        "--turns",
        "1",
        "--json",
        "--plot",
        plot,
    ]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let report = ended.json();
    let work = report["work"].as_array().expect("a list");
    let names: Vec<_> = work
        .iter()
        .filter_map(|work| work["name"].as_str())
        .collect();
    assert_eq!(
        names,
        ["command_x16", "rgba_256x256_x1", "rgba_256x256_x16"]
    );
    for entry in work {
        for who in ["raw_tcp", "memcpy", "tonic", "synthcap_tcp", "synthcap_uds"] {
            assert!(number(entry, who) > 0.0, "{who} in {entry}");
        }
        // No Python was named.
        assert_eq!(entry.get("python_async"), None);
    }
    for way in ["alone", "behind_frames", "apart"] {
        assert!(number(&report["control"][way], "requests") > 0.0, "{way}");
    }
    for chart in ["bench-frames.svg", "bench-commands.svg"] {
        let svg = std::fs::read_to_string(folder.path().join(chart)).expect("drawn");
        assert!(
            svg.starts_with("<svg") && svg.contains("synthcap_uds"),
            "{chart}"
        );
    }
}

#[test]
fn what_cannot_be_measured_is_said() {
    let ended = run(&[
        "bench",
        "--server",
        "http://127.0.0.1:1",
        "--duration",
        "0.1",
    ]);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.complaint().contains("127.0.0.1:1"));
    let ended = run(&["bench", "--compare", "--only", "nonsense"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(
        ended.complaint().contains("rgba_512x512"),
        "it names what there is"
    );
}
