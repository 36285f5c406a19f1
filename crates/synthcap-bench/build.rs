//! Makes the stubs of the baseline.

use std::{env, error::Error, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto/baseline.proto");
    let descriptors = protox::compile(["baseline.proto"], ["proto"])?;
    tonic_prost_build::configure()
        // Spares the baseline a copy that the generator's default would make.
        .bytes(".")
        .out_dir(PathBuf::from(env::var("OUT_DIR")?))
        .compile_fds(descriptors)?;
    Ok(())
}
