//! The numbers that stand for the words of the model. A number is never given twice.

use super::{Fault, In, Out};
use crate::model::{Access, EventKind, Failure, Fallback, MountState, Order};

/// A word that has a number.
pub(super) trait Coded: Copy {
    fn code(self) -> u64;
    fn from_code(code: u64) -> Option<Self>;
}

macro_rules! codes {
    ($word:ty { $($variant:ident = $code:literal),+ $(,)? }) => {
        impl Coded for $word {
            fn code(self) -> u64 {
                match self { $(Self::$variant => $code),+ }
            }
            fn from_code(code: u64) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

codes!(Order { Pte = 0, Pmd = 1 });
codes!(Access { Read = 0, Write = 1 });
codes!(Fallback { Colour = 0, PrivateWrite = 1, VmaBounds = 2, Eof = 3, Extent = 4, Other = 5 });
codes!(Failure { Sigbus = 0, Oom = 1, HwPoison = 2, Refused = 3 });
codes!(MountState { Ok = 0, Disabled = 1, Unknown = 2, Stale = 3 });
codes!(EventKind { MemoryError = 0, FaultFailed = 1, Mount = 2, Instrument = 3, Action = 4 });

impl Coded for (Order, Access) {
    fn code(self) -> u64 {
        self.0.code() << 1 | self.1.code()
    }

    fn from_code(code: u64) -> Option<Self> {
        Some((Order::from_code(code >> 1)?, Access::from_code(code & 1)?))
    }
}

pub(super) fn put<T: Coded>(out: &mut Out, word: T) {
    out.number(word.code());
}

pub(super) fn take<T: Coded>(input: &mut In<'_>) -> Result<T, Fault> {
    T::from_code(input.number()?).ok_or("a word has no meaning here")
}
