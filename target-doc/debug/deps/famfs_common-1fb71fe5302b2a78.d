/work/wt/house/target-doc/debug/deps/famfs_common-1fb71fe5302b2a78.d: famfs-common/src/lib.rs famfs-common/src/event.rs famfs-common/src/fault.rs famfs-common/src/field.rs famfs-common/src/hist.rs famfs-common/src/keys.rs famfs-common/src/probe.rs famfs-common/src/pod.rs

/work/wt/house/target-doc/debug/deps/libfamfs_common-1fb71fe5302b2a78.rmeta: famfs-common/src/lib.rs famfs-common/src/event.rs famfs-common/src/fault.rs famfs-common/src/field.rs famfs-common/src/hist.rs famfs-common/src/keys.rs famfs-common/src/probe.rs famfs-common/src/pod.rs

famfs-common/src/lib.rs:
famfs-common/src/event.rs:
famfs-common/src/fault.rs:
famfs-common/src/field.rs:
famfs-common/src/hist.rs:
famfs-common/src/keys.rs:
famfs-common/src/probe.rs:
famfs-common/src/pod.rs:
