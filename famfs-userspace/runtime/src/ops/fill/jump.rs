//! Jumping ahead in the generator: its state after many steps, without taking them.
//!
//! A step is linear over the bits of the state, so it satisfies its own characteristic
//! polynomial, which has degree 128. The state after `n` steps is therefore the sum of those of
//! the next 128 states that the remainder of `x^n` modulo that polynomial names.

use super::State;

/// The characteristic polynomial of one step, without its leading `x^128`; bit `i` stands for
/// `x^i`.
const CHARACTERISTIC: u128 = 0x0065_3ced_7f29_f88a_5fd6_6762_f0e1_c001;

/// A number of steps, as the states that add up to the one after them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Jump(u128);

impl Jump {
    /// Prepares a jump over this many steps.
    pub(super) const fn over(steps: u64) -> Self {
        // Square and multiply, from the highest bit of the exponent on.
        let mut power = 1;
        let mut bit = u64::BITS;
        while bit > 0 {
            bit -= 1;
            power = multiply(power, power);
            if steps >> bit & 1 == 1 {
                power = times_x(power);
            }
        }
        Self(power)
    }

    /// Returns the state that the steps would lead to.
    pub(super) fn from(self, mut state: State) -> State {
        let mut sum = State([0; 2]);
        for bit in 0..u128::BITS {
            if self.0 >> bit & 1 == 1 {
                sum.0[0] ^= state.0[0];
                sum.0[1] ^= state.0[1];
            }
            state.step();
        }
        sum
    }
}

const fn times_x(power: u128) -> u128 {
    let carried = if power >> 127 == 1 { CHARACTERISTIC } else { 0 };
    power << 1 ^ carried
}

const fn multiply(a: u128, b: u128) -> u128 {
    let mut product = 0;
    let mut bit = u128::BITS;
    while bit > 0 {
        bit -= 1;
        product = times_x(product);
        if b >> bit & 1 == 1 {
            product ^= a;
        }
    }
    product
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_ends_where_the_steps_end() {
        for seed in [0, 1, 42, u32::MAX] {
            for steps in [0, 1, 2, 127, 128, 129, 1000, 4096, 65_537] {
                let mut walked = State::seeded(seed);
                for _ in 0..steps {
                    walked.step();
                }
                let jumped = Jump::over(steps).from(State::seeded(seed));
                assert_eq!(jumped, walked, "{steps} steps from seed {seed}");
            }
        }
    }

    /// The authors of the generator publish what jumps over 2^64 steps.
    #[test]
    fn the_published_jump_is_ours() {
        let half = Jump::over(1 << 63).0;
        assert_eq!(
            multiply(half, half),
            0xd86b_048b_86aa_9922_beac_0467_eba5_facb
        );
    }
}
