//! How new files are spread over the device, as three options say it.

use famfs_cli::size;

use super::number;
use famfs_media::alloc::Interleave;

#[derive(Debug, clap::Args)]
pub(super) struct SpreadArgs {
    /// Interleave new files over this many strips, from 1 to 16; needs --nbuckets.
    #[arg(short = 'N', long, value_name = "N", requires = "nbuckets",
          value_parser = number::up_to::<u64>(u32::MAX))]
    nstrips: Option<u64>,

    /// Cut the device into this many equal parts, of which a file gets a strip each.
    #[arg(short = 'B', long, value_name = "N", requires = "nstrips",
          value_parser = number::up_to::<u64>(u32::MAX))]
    nbuckets: Option<u64>,

    /// Bytes that go to one strip before the next one's turn: a power of two.
    #[arg(short = 'C', long, value_name = "SIZE", requires = "nstrips", value_parser = size::parse)]
    chunksize: Option<u64>,
}

impl SpreadArgs {
    /// `None`: as the file system is configured.
    pub(super) fn interleave(&self) -> Option<Interleave> {
        Some(Interleave {
            nstrips: self.nstrips?,
            nbuckets: self.nbuckets?,
            chunk_size: self.chunksize.unwrap_or(famfs_media::format::UNIT_2M),
        })
    }
}
