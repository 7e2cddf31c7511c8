/work/wt/house/target-doc/debug/deps/assert_matches-3fb1b064ab6f808a.d: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/assert_matches-1.5.0/src/lib.rs

/work/wt/house/target-doc/debug/deps/libassert_matches-3fb1b064ab6f808a.rmeta: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/assert_matches-1.5.0/src/lib.rs

/root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/assert_matches-1.5.0/src/lib.rs:
