/work/wt/house/target-doc/debug/deps/encoding_rs_io-9d4a70b0a191edbf.d: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/encoding_rs_io-0.1.8/src/lib.rs /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/encoding_rs_io-0.1.8/src/util.rs

/work/wt/house/target-doc/debug/deps/libencoding_rs_io-9d4a70b0a191edbf.rmeta: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/encoding_rs_io-0.1.8/src/lib.rs /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/encoding_rs_io-0.1.8/src/util.rs

/root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/encoding_rs_io-0.1.8/src/lib.rs:
/root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/encoding_rs_io-0.1.8/src/util.rs:
