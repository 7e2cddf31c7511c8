//! Plays of an image's log, for tests of the player.

use famfs_media::player::{self, Options, Outcome, Plan};
use famfs_media::role::Role;
use famfs_media::volume::Volume;

use super::Ram;
use super::builder::DEVICE;
use super::model::Model;

/// Plays as the host that made the file system.
pub(crate) const MASTER: Options = Options {
    role: Role::Master,
    dry_run: false,
    repair: false,
};

/// Plays, and puts right what differs from the log.
pub(crate) const REPAIR: Options = Options {
    repair: true,
    ..MASTER
};

/// Plans the whole log of an image, which must be sound.
pub(crate) fn plan(image: &[u8]) -> Plan {
    let volume = Volume::load(&mut Ram::new(image.to_vec())).unwrap();
    volume.check().unwrap();
    Plan::new(&volume, Some(DEVICE))
}

/// Plays a plan from its first action on, without a stop.
pub(crate) fn play(plan: &Plan, model: &mut Model, options: &Options) -> Outcome {
    player::play(plan, 0, model, options, &mut |_, _| true)
}
