/work/wt/house/target-doc/debug/deps/famfs_media-667e967415bba99d.d: famfs-userspace/media/src/lib.rs famfs-userspace/media/src/alloc.rs famfs-userspace/media/src/alloc/config.rs famfs-userspace/media/src/alloc/interleave.rs famfs-userspace/media/src/format.rs famfs-userspace/media/src/format/crc.rs famfs-userspace/media/src/format/entry.rs famfs-userspace/media/src/format/extent.rs famfs-userspace/media/src/format/le.rs famfs-userspace/media/src/format/legacy.rs famfs-userspace/media/src/format/log.rs famfs-userspace/media/src/format/superblock.rs famfs-userspace/media/src/fsck.rs famfs-userspace/media/src/fsck/findings.rs famfs-userspace/media/src/fsck/space.rs famfs-userspace/media/src/memory.rs famfs-userspace/media/src/player.rs famfs-userspace/media/src/player/act.rs famfs-userspace/media/src/player/again.rs famfs-userspace/media/src/player/plan.rs famfs-userspace/media/src/player/tree.rs famfs-userspace/media/src/player/validate.rs famfs-userspace/media/src/player/why.rs famfs-userspace/media/src/role.rs famfs-userspace/media/src/shadow.rs famfs-userspace/media/src/volume.rs famfs-userspace/media/src/yaml.rs

/work/wt/house/target-doc/debug/deps/libfamfs_media-667e967415bba99d.rmeta: famfs-userspace/media/src/lib.rs famfs-userspace/media/src/alloc.rs famfs-userspace/media/src/alloc/config.rs famfs-userspace/media/src/alloc/interleave.rs famfs-userspace/media/src/format.rs famfs-userspace/media/src/format/crc.rs famfs-userspace/media/src/format/entry.rs famfs-userspace/media/src/format/extent.rs famfs-userspace/media/src/format/le.rs famfs-userspace/media/src/format/legacy.rs famfs-userspace/media/src/format/log.rs famfs-userspace/media/src/format/superblock.rs famfs-userspace/media/src/fsck.rs famfs-userspace/media/src/fsck/findings.rs famfs-userspace/media/src/fsck/space.rs famfs-userspace/media/src/memory.rs famfs-userspace/media/src/player.rs famfs-userspace/media/src/player/act.rs famfs-userspace/media/src/player/again.rs famfs-userspace/media/src/player/plan.rs famfs-userspace/media/src/player/tree.rs famfs-userspace/media/src/player/validate.rs famfs-userspace/media/src/player/why.rs famfs-userspace/media/src/role.rs famfs-userspace/media/src/shadow.rs famfs-userspace/media/src/volume.rs famfs-userspace/media/src/yaml.rs

famfs-userspace/media/src/lib.rs:
famfs-userspace/media/src/alloc.rs:
famfs-userspace/media/src/alloc/config.rs:
famfs-userspace/media/src/alloc/interleave.rs:
famfs-userspace/media/src/format.rs:
famfs-userspace/media/src/format/crc.rs:
famfs-userspace/media/src/format/entry.rs:
famfs-userspace/media/src/format/extent.rs:
famfs-userspace/media/src/format/le.rs:
famfs-userspace/media/src/format/legacy.rs:
famfs-userspace/media/src/format/log.rs:
famfs-userspace/media/src/format/superblock.rs:
famfs-userspace/media/src/fsck.rs:
famfs-userspace/media/src/fsck/findings.rs:
famfs-userspace/media/src/fsck/space.rs:
famfs-userspace/media/src/memory.rs:
famfs-userspace/media/src/player.rs:
famfs-userspace/media/src/player/act.rs:
famfs-userspace/media/src/player/again.rs:
famfs-userspace/media/src/player/plan.rs:
famfs-userspace/media/src/player/tree.rs:
famfs-userspace/media/src/player/validate.rs:
famfs-userspace/media/src/player/why.rs:
famfs-userspace/media/src/role.rs:
famfs-userspace/media/src/shadow.rs:
famfs-userspace/media/src/volume.rs:
famfs-userspace/media/src/yaml.rs:
