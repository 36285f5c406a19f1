//! Makes the messages of the MCAP format, and the description of them that goes into
//! each file.

use std::{env, error::Error, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto/foxglove.proto");
    let mut compiler = protox::Compiler::new(["proto"])?;
    compiler.include_imports(true).open_file("foxglove.proto")?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(
        out.join("foxglove.bin"),
        compiler.encode_file_descriptor_set(),
    )?;
    prost_build::Config::new()
        .bytes(["."])
        .compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}
