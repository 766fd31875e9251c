# Sourced by the scripts beside it: Debian's compiler with the crates that Debian packages, offline. The
# crates are made for that compiler, whatever else is first on PATH.
here=$(cd "$(dirname "$0")/.." && pwd)
target=$here/target
registry=/usr/share/cargo/registry
cargo=/usr/bin/cargo
rustc=/usr/bin/rustc

missing() {
  echo "$1 is missing: install $2" >&2
  exit 69
}

# Whatever is built unoptimised, hashing is not: of large values it would take seconds.
quick_hash='profile.dev.package.sha2.opt-level=3'

run_cargo() {
  RUSTC=$rustc CARGO_PROFILE_DEV_DEBUG=0 CARGO_INCREMENTAL=0 CARGO_TARGET_DIR=$target CARGO_HOME=$target/cargo "$cargo" "$@" --offline \
    --config 'source.crates-io.replace-with="debian"' \
    --config "source.debian.directory=\"$registry\""
}
