//! Work on guests that the emulator may lose: it is repeated, and that is counted.

use anyhow::Result;

/// A guest that the emulator loses is booted again until it has been tried this often.
pub(crate) const TRIES: u32 = 3;

/// Works on a stage until the work is done or fails by itself. When it fails and `lost` says that
/// an emulator died meanwhile, `again` gets the stage ready for the next try.
pub(crate) fn until_kept<S, T>(
    stage: &mut S,
    mut work: impl FnMut(&mut S) -> Result<T>,
    mut lost: impl FnMut(&mut S) -> Result<bool>,
    mut again: impl FnMut(&mut S) -> Result<()>,
) -> Result<T> {
    let mut tries = 1;
    loop {
        let done = work(stage);
        if done.is_ok() || tries == TRIES || !lost(stage)? {
            return done;
        }
        tries += 1;
        again(stage)?;
    }
}

#[cfg(test)]
mod tests {
    use anyhow::{bail, ensure};

    use super::*;

    /// Counts tries; an emulator dies in each of the first `lost` ones.
    struct Fake {
        tries: u32,
        lost: u32,
        again: u32,
    }

    fn run(lost: u32, fails: bool) -> (Result<u32>, u32) {
        let mut fake = Fake {
            tries: 0,
            lost,
            again: 0,
        };
        let done = until_kept(
            &mut fake,
            |fake| {
                fake.tries += 1;
                ensure!(fake.tries > fake.lost, "the connection is closed");
                ensure!(!fails, "two is not three");
                Ok(fake.tries)
            },
            |fake| Ok(fake.tries <= fake.lost),
            |fake| {
                fake.again += 1;
                Ok(())
            },
        );
        (done, fake.again)
    }

    #[test]
    fn only_what_the_emulator_lost_is_repeated() {
        let (done, again) = run(0, false);
        assert_eq!((done.unwrap(), again), (1, 0));
        let (done, again) = run(TRIES - 1, false);
        assert_eq!((done.unwrap(), again), (TRIES, TRIES - 1));
        let (done, again) = run(0, true);
        assert_eq!(
            (done.unwrap_err().to_string().as_str(), again),
            ("two is not three", 0)
        );
        let (done, again) = run(1, true);
        assert_eq!(
            (done.unwrap_err().to_string().as_str(), again),
            ("two is not three", 1)
        );
    }

    #[test]
    fn an_emulator_that_dies_each_time_is_a_failure() {
        let (done, again) = run(TRIES, false);
        let error = done.unwrap_err().to_string();
        assert_eq!(
            (error.as_str(), again),
            ("the connection is closed", TRIES - 1)
        );
    }

    #[test]
    fn a_kernel_that_complained_is_a_failure_whatever_the_emulator_did() {
        let done: Result<()> = until_kept(
            &mut (),
            |()| bail!("the connection is closed"),
            |()| bail!("the kernel complained"),
            |()| Ok(()),
        );
        assert_eq!(done.unwrap_err().to_string(), "the kernel complained");
    }
}
