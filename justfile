# Every check and chore of the project. `.ci/run` calls these, and nothing else.

# What there is.
default:
    @just --list

# Formatting, lints, docs, tests, feature combinations, the README's commands.
ci: fmt lint features doc test test-shm test-shm-kills test-grpcio test-shm-python main-job examples

# Formatting is as rustfmt wants it.
fmt:
    cargo fmt --all --check

# No lint speaks up, in any target.
lint:
    cargo clippy --workspace --all-targets --all-features -- -D warnings

# Each feature alone and none at all.
features:
    cargo clippy -p synthcap -- -D warnings
    cargo clippy -p synthcap --features server -- -D warnings
    cargo clippy -p synthcap --features tls -- -D warnings

# Every public item is documented and every link leads somewhere.
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --all-features --no-deps

# The tests, with the doc tests. Needs Rust alone.
test:
    cargo test

# The client against a real gRPC C++ core. Needs Python 3; installs grpcio.
test-grpcio:
    python3 -m venv target/grpcio
    target/grpcio/bin/pip install --quiet grpcio grpcio-tools
    PYTHON="$PWD/target/grpcio/bin/python" cargo test --test grpcio -- --ignored

# The client's tests once more, with every image in shared memory.
test-shm:
    SYNTHCAP_SERVER_SHARED_MEMORY=1 cargo test -p synthcap --tests

# A server in Python that shares memory. Needs Python 3; installs grpcio.
test-shm-python:
    python3 -m venv target/grpcio
    target/grpcio/bin/pip install --quiet grpcio grpcio-tools
    PYTHON="$PWD/target/grpcio/bin/python" cargo test --test shared_memory_python -- --ignored

# Each side of shared memory is killed a hundred times, below and with gRPC.
test-shm-kills:
    SYNTHCAP_KILLS=100 cargo test -p synthcap-shm --test processes killed
    SYNTHCAP_KILLS=100 cargo test -p synthcap --test shared_memory_kills killed

# The README's first command, in a folder of its own.
main-job:
    rm -rf target/demo
    cargo run --release -- capture --frames 48 --out target/demo

# Every example, as a reader would run it.
examples:
    for example in examples/*.rs; do cargo run --example "$(basename "$example" .rs)" || exit 1; done

# The benches; slow, and only as quiet as the machine.
bench:
    cargo bench --workspace

# How many crates a program that depends on the client alone pulls in.
count-client-crates:
    @cargo tree -p synthcap -e normal --prefix none | sort -u | wc -l
