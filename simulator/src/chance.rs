//! Chance with random access: a fresh generator for every (seed, index, channel), and smooth noise made from it.
//!
//! What belongs here: the only source of randomness of the crate. Distributions are written out rather than taken
//! from `rand`, whose sampling may change between versions; these bytes must not.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::math::{index, length, real, whole};

/// One independent stream of chance. The numbers are part of every document ever generated: append, never renumber.
#[derive(Clone, Copy, Debug)]
#[repr(u64)]
pub(crate) enum Channel {
    Constitution = 1,
    Bedtime = 2,
    Hypnogram = 3,
    Pulse = 4,
    Daytime = 5,
    Workout = 6,
    Minutes = 7,
    DayPulse = 8,
    Illness = 9,
    Trip = 10,
    Wear = 11,
    Sync = 12,
    Revision = 13,
    Nap = 14,
    Evening = 15,
    Identity = 16,
    Body = 17,
    Quirk = 18,
    Gap = 19,
    Broken = 20,
    Morning = 21,
    NightSync = 22,
    TurnOver = 23,
    Stress = 24,
    Resilience = 25,
    Oxygen = 26,
    Vessels = 27,
    Advice = 28,
    Battery = 29,
    Sport = 30,
    Session = 31,
    Tag = 38,
    DriftFitness = 32,
    DriftFatigue = 33,
    DriftHrv = 34,
    DriftTemperature = 35,
    DriftBedtime = 36,
    DriftDrive = 37,
}

/// A generator of its own for one (seed, index, channel). The index is mostly a day, sometimes a week or a year.
pub(crate) struct Chance(ChaCha8Rng);

impl Chance {
    pub(crate) fn new(seed: u64, index: i64, channel: Channel) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&index.to_le_bytes());
        key[16..24].copy_from_slice(&(channel as u64).to_le_bytes());
        key[24..].copy_from_slice(b"one life");
        Self(ChaCha8Rng::from_seed(key))
    }

    /// 64 bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Uniform in [0, 1), 32 bits fine.
    pub(crate) fn unit(&mut self) -> f64 {
        f64::from(self.0.next_u32()) / 4_294_967_296.0
    }

    /// Uniform in [low, high).
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// A whole number in [low, high], both included.
    pub(crate) fn whole(&mut self, low: i64, high: i64) -> i64 {
        whole((self.between(real(low), real(high + 1))).floor())
    }

    /// True once in `1 / probability`.
    pub(crate) fn happens(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Nearly normal, mean 0 and deviation 1, never beyond 3.5: the sum of four uniforms.
    pub(crate) fn bell(&mut self) -> f64 {
        (self.unit() + self.unit() + self.unit() + self.unit() - 2.0) * 1.732_050_807_568_877_2
    }

    /// One of `choices`.
    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[index(self.whole(0, length(choices.len()) - 1))]
    }
}

/// A slow process in [-1, 1]: values hashed every `period` days, joined by a smooth step.
pub(crate) fn drift(seed: u64, channel: Channel, day: i64, period: i64) -> f64 {
    let node = |i| Chance::new(seed, i, channel).between(-1.0, 1.0);
    let (step, within) = (day.div_euclid(period), day.rem_euclid(period));
    let x = real(within) / real(period);
    let (before, after) = (node(step), node(step + 1));
    before + (after - before) * x * x * (3.0 - 2.0 * x)
}
