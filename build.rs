//! Makes the protobuf stubs. The schema is compiled in Rust, so that building
//! needs no `protoc`.

use std::{env, error::Error, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto/uesynth.proto");
    let descriptors = protox::compile(["uesynth.proto"], ["proto"])?;
    tonic_prost_build::configure()
        // `bytes` fields become slices of the received message instead of copies.
        .bytes(".")
        .build_client(true)
        .build_server(env::var_os("CARGO_FEATURE_SERVER").is_some())
        .out_dir(PathBuf::from(env::var("OUT_DIR")?))
        .compile_fds(descriptors)?;
    Ok(())
}
