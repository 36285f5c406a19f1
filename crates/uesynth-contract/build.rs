//! Makes the protobuf stubs of both sides.

use std::{env, error::Error, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto/uesynth.proto");
    let descriptors = protox::compile(["uesynth.proto"], ["proto"])?;
    tonic_prost_build::configure()
        .out_dir(PathBuf::from(env::var("OUT_DIR")?))
        .compile_fds(descriptors)?;
    Ok(())
}
