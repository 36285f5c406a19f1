//! Client, protocol and server kit from outside, over real sockets.
//!
//! One program for all of these tests: to build one for each file takes minutes. What
//! counts something of a whole process, or ends it, is a program of its own.

mod blocking;
#[path = "common/certificates.rs"]
mod certificates;
mod common;
mod config;
mod contract_client;
mod encodings;
mod faults;
mod frame_path;
mod geometry;
mod grpcio;
mod hostile_server;
mod loops;
mod numbers;
mod path;
mod plain_quirks;
mod plain_server;
mod pool;
mod python;
mod reads;
#[path = "common/scripted.rs"]
mod scripted;
mod security;
mod shared_memory;
mod shared_memory_python;
mod subscription;
mod unary;
mod wire_identity;
mod wrong_peer;

/// A file that no program has would be a test that never runs.
#[test]
fn every_file_of_tests_belongs_to_a_program() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let crates = std::fs::read_dir(root.join("crates")).expect("the crates");
    let crates = crates.map(|entry| entry.expect("a crate").path());
    for package in crates.chain([root.to_owned()]) {
        let read = |path: &str| std::fs::read_to_string(package.join(path)).unwrap_or_default();
        let manifest = read("Cargo.toml");
        if !manifest.contains("autotests = false") {
            continue;
        }
        let together = read("tests/together.rs");
        let files = std::fs::read_dir(package.join("tests")).expect("its tests");
        for file in files.map(|entry| entry.expect("a file").path()) {
            let name = file.file_stem().expect("a name").to_string_lossy();
            let of_its_own = manifest.contains(&format!("name = \"{name}\"\npath = \"tests/"));
            let known = of_its_own || together.contains(&format!("mod {name};"));
            assert!(known || file.is_dir(), "{}", file.display());
        }
    }
}
