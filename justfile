# Every check and chore of the project. `.ci/run` calls these, and nothing else.
#
# Tests are chosen by name, not with `--test`: cargo builds what a single program needs
# with fewer features, which is another build of most crates.

host := `rustc -vV | sed -n 's/^host: //p'`

# What there is.
default:
    @just --list

# Formatting, lints, docs, tests, feature combinations, the README's commands.
ci: fmt lint features doc test test-network test-million test-shm test-shm-kills test-shm-python test-grpcio test-engines main-job test-consumers examples

# Formatting is as rustfmt wants it.
fmt:
    cargo fmt --all --check

# No lint speaks up, in any target.
lint:
    cargo clippy --workspace --all-targets --all-features -- -D warnings

# No feature at all, for data sets too; then each of the client alone.
[doc("Each feature alone and none at all")]
features:
    cargo clippy -p synthcap -p synthcap-dataset --no-default-features -- -D warnings
    for feature in server tls jpeg config-file; do \
        cargo clippy -p synthcap --features $feature -- -D warnings || exit 1; done

# Every public item is documented and every link leads somewhere.
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --all-features --no-deps

# The tests, with the doc tests. Needs Rust alone.
test:
    cargo test

# Kills a capture of every format at 20 moments and compares what it ends as.
test-crash:
    SYNTHCAP_CRASHES=20 cargo test --tests -- --nocapture a_kill_at_any_moment

# What the tests with Python need, each set in an environment of its own. Few of the
# modules are ever imported: these are compiled then.
[doc("What the tests with Python need")]
python: python-grpcio python-engines python-consumers

# A gRPC C++ core.
python-grpcio:
    test -x target/grpcio/bin/pip || python3 -m venv target/grpcio
    target/grpcio/bin/pip install --quiet --no-compile grpcio grpcio-tools

# MuJoCo, and what the Python server kit is built on.
python-engines:
    test -x target/engines/bin/pip || python3 -m venv target/engines
    target/engines/bin/pip install --quiet --no-compile -r examples/engines/mujoco_server/requirements.txt

# The libraries that people load data sets with.
python-consumers:
    test -x target/consumers/bin/pip || python3 -m venv target/consumers
    target/consumers/bin/pip install --quiet --no-compile webdataset pycocotools datasets pyarrow mcap mcap-protobuf-support numpy opencv-python-headless OpenEXR pillow pyyaml

# The client against a real gRPC C++ core. Needs Python 3; installs grpcio.
test-grpcio: python-grpcio
    PYTHON="$PWD/target/grpcio/bin/python" cargo test --tests -- --ignored grpcio::

# The tests once more, with every image in shared memory; but for those that serve none,
# and long ones that are about files or about what faulty servers answer. Of jobs, only
# what becomes of them when a server dies.
[doc("The tests once more, with every image in shared memory")]
test-shm:
    SYNTHCAP_SERVER_SHARED_MEMORY=1 cargo test --tests -- --skip whatever_the_network_does \
        --skip herd:: --skip commands:: --skip determinism:: --skip flow:: --skip gltf:: \
        --skip formats:: --skip pipeline:: --skip preview:: --skip several:: --skip staging:: \
        --skip disk_full:: --skip jobs::a --skip shards_joined --skip faulty:: --skip validate:: \
        --skip below_its_messages --skip a_bomb_fails_its_own

# A server in Python that shares memory. Needs Python 3; installs grpcio.
test-shm-python: python-grpcio
    PYTHON="$PWD/target/grpcio/bin/python" cargo test --tests -- --ignored shared_memory_python::

# Each side of shared memory is killed a hundred times, below and with gRPC.
test-shm-kills:
    SYNTHCAP_KILLS=100 cargo test --tests a_killed_ -- --skip a_killed_server_leaves_no_request

# The program, as it is released.
release:
    cargo build --release -p synthcap-cli

# Data sets of every format, loaded by the libraries that people train with. Needs
# Python 3; installs them.
[doc("Load data sets of every format with the libraries people train with")]
test-consumers: python-consumers release
    target/consumers/bin/python crates/synthcap-dataset/tests/consumers/run.py "${CARGO_TARGET_DIR:-target}/release/synthcap" target/consumers-sets

# How fast the formats write, beside the usual Python script on the same frames; then
# 100,000 small samples, for memory and the cost of the last ones. Needs the folder of
# `test-consumers`.
[doc("How fast the formats are written, beside a Python script")]
bench-writers samples="400": release
    rm -rf target/bench-writers && mkdir -p target/bench-writers
    "${CARGO_TARGET_DIR:-target}/release/synthcap" capture --frames 16 --out target/bench-writers/large --modalities rgb,depth,segmentation
    "${CARGO_TARGET_DIR:-target}/release/synthcap" capture --frames 16 --size 64x48 --out target/bench-writers/small --modalities rgb,depth,segmentation
    target/consumers/bin/python crates/synthcap-dataset/benches/baseline.py target/bench-writers/large target/bench-writers/out {{samples}}
    cargo bench --bench writers -- "$PWD/target/bench-writers/large" "$PWD/target/bench-writers/out" {{samples}} webdataset coco frames hf-parquet imagefolder mcap bop
    target/consumers/bin/python crates/synthcap-dataset/benches/baseline.py target/bench-writers/large target/bench-writers/out {{samples}}
    cargo bench --bench writers -- "$PWD/target/bench-writers/small" "$PWD/target/bench-writers/out" 100000 webdataset coco

# The Python server kit, and MuJoCo behind it. Needs Python 3; installs MuJoCo.
test-engines: python-engines
    cd examples/engines && "$OLDPWD/target/engines/bin/python" -m unittest
    PYTHON="$PWD/target/engines/bin/python" cargo test --tests -- --ignored --skip blender engines::

# Blender behind the kit, by hand: 374 MB to install, and minutes to render.
test-blender:
    python3.11 -m venv target/blender
    target/blender/bin/pip install --quiet --no-compile -r examples/engines/blender_server/requirements.txt
    PYTHON="$PWD/target/blender/bin/python" cargo test --tests -- --ignored --nocapture engines::blender

# What the kit costs against MuJoCo's own renderer; after test-engines.
bench-engines:
    cd examples/engines && "$OLDPWD/target/engines/bin/python" bench.py

# A thousand simulated networks; a failing seed is printed.
test-network seeds="0..1000":
    SYNTHCAP_SEEDS={{seeds}} cargo test --tests -- --nocapture whatever_the_network_does

# Tells what happens in the simulated network of one seed. Built so that tokio's own
# choices come from the seed as well.
[doc("Tell what happens in one simulated network")]
replay-network seed:
    SYNTHCAP_STORY=1 SYNTHCAP_SEEDS={{seed}}..$(({{seed}} + 1)) RUSTFLAGS="--cfg tokio_unstable" \
        cargo test --profile thorough --target-dir target/network -p synthcap-simnet \
        --test simulated_network whatever -- --nocapture

# A million frames at flat memory: prints the memory at first and at last.
test-million:
    cargo test --tests -- --ignored --nocapture a_million_frames

# A hundred times `kill -9` of a server in the middle of its work.
test-kills kills="100":
    SYNTHCAP_KILLS={{kills}} cargo test --tests -- --nocapture a_killed_server_leaves_no_request

# Runs a fuzz target (session, request, receive, texts) for some seconds. The flags are those
# of cargo-fuzz, as far as stable Rust has them. Needs a C++ compiler.
[doc("Run a fuzz target for some seconds")]
fuzz target seconds="60":
    cd fuzz && RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
        -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
        -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1" \
        cargo build --release --target {{host}} --bin {{target}}
    mkdir -p fuzz/corpus/{{target}} fuzz/artifacts/{{target}}
    fuzz/target/{{host}}/release/{{target}} fuzz/corpus/{{target}} \
        -artifact_prefix=fuzz/artifacts/{{target}}/ -max_total_time={{seconds}} -max_len=4096 \
        -rss_limit_mb=1024 -timeout=10

# The README's first command, in a folder of its own.
main-job:
    rm -rf target/demo
    cargo run --release -- capture --frames 48 --out target/demo

# Every example, as a reader would run it.
examples:
    for example in examples/*.rs; do cargo run --example "$(basename "$example" .rs)" || exit 1; done

# Frames and commands beside a raw socket, memcpy, a generated stub and, where there is a
# Python, its grpcio client; then what encodings cost and gain. Draws the pictures of docs/performance.md.
[doc("The comparison of docs/performance.md, with its pictures")]
bench: bench-python
    python=target/bench-python/bin/python; test -x $python || python=; \
        cargo run --release -- bench --compare --plot docs ${python:+--python $python}
    cargo bench --bench encodings
    cargo bench --bench link

# The Python client's environment; without Python 3 the comparison does without.
bench-python:
    -test -x target/bench-python/bin/python || python3 -m venv target/bench-python
    -target/bench-python/bin/pip install --quiet --no-compile grpcio grpcio-tools

# Each part by itself, for comparing one version of the code with the next.
bench-parts:
    cargo bench --workspace

# What encodings gain over 1 Gb/s Ethernet and cost on loopback, on networks made for
# it. Needs Linux, root and iproute2; without them `cargo bench --bench link` slows a
# proxy down instead.
[doc("What encodings gain over a slow link, and cost on loopback")]
bench-link rate="1gbit":
    #!/usr/bin/env bash
    set -euo pipefail
    cargo bench --bench link --no-run
    bench=$(ls -t "${CARGO_TARGET_DIR:-target}"/release/deps/link-* | grep -v '\.d$' | head -1)
    ip netns add synthcap-server
    trap 'kill $server 2>/dev/null || true; ip netns del synthcap-server' EXIT
    ip link add synthcap0 type veth peer name synthcap1 netns synthcap-server
    ip addr add 10.211.0.1/24 dev synthcap0
    ip link set synthcap0 up
    ip netns exec synthcap-server ip addr add 10.211.0.2/24 dev synthcap1
    ip netns exec synthcap-server ip link set synthcap1 up
    ip netns exec synthcap-server tc qdisc add dev synthcap1 root tbf rate {{rate}} burst 256kb latency 50ms
    ip netns exec synthcap-server "$bench" --serve 10.211.0.2:50099 &
    server=$!
    until ss -N synthcap-server -ltn | grep -q 50099; do sleep 0.2; done
    "$bench" --measure http://10.211.0.2:50099

# Feeds the decoders of images anything at all for some seconds. The flags are those
# of cargo-fuzz, as far as stable Rust has them. Needs a C++ compiler.
[doc("Fuzz the decoders of images for some seconds")]
fuzz-codec seconds="60":
    cd crates/synthcap-codec/fuzz && RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module \
        -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
        -Cllvm-args=-sanitizer-coverage-pc-table" cargo build --release --target $(rustc --print host-tuple)
    mkdir -p target/fuzz-codec
    crates/synthcap-codec/fuzz/target/$(rustc --print host-tuple)/release/decode target/fuzz-codec \
        -max_total_time={{seconds}} -max_len=4096 -rss_limit_mb=1024

# How many crates a program that depends on the client alone pulls in.
count-client-crates:
    @cargo tree -p synthcap -e normal --prefix none --no-dedupe | sort -u | wc -l
    @cargo tree -p synthcap -e normal,build --prefix none --no-dedupe | sort -u | wc -l
