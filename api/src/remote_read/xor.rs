//! The chunks of Prometheus: timestamps as differences of differences, values as the bits that changed (the encoding
//! of Facebook's Gorilla, with Prometheus' own bit widths). A test compares them byte by byte with those that a real
//! Prometheus makes.

use super::wire::Chunk;

/// Samples a chunk holds, as in Prometheus' own blocks.
const SAMPLES: u16 = 120;

/// Bytes that most chunks fit.
const BYTES: usize = 128;

/// The encoding's number on the wire.
const XOR: i32 = 1;

/// A chunk being filled.
#[derive(Debug, Default)]
pub(super) struct Encoder {
    bits: Bits,
    count: u16,
    first: i64,
    time: i64,
    delta: u64,
    value: u64,
    /// Zero bits before and after the last difference that was written with its position.
    window: Option<(u32, u32)>,
}

impl Encoder {
    pub(super) fn is_full(&self) -> bool {
        self.count == SAMPLES
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Adds a sample that is later than all before.
    pub(super) fn push(&mut self, time: i64, value: f64) {
        let value = value.to_bits();
        match self.count {
            0 => {
                self.bits.bytes.reserve(BYTES);
                // The number of samples goes here in the end.
                self.bits.bytes.extend([0, 0]);
                self.bits.varint(zigzag(time));
                self.bits.write(value, 64);
                self.first = time;
            }
            1 => {
                self.delta = time.wrapping_sub(self.time).cast_unsigned();
                self.bits.varint(self.delta);
                self.difference(value);
            }
            _ => {
                let delta = time.wrapping_sub(self.time).cast_unsigned();
                let acceleration = delta.wrapping_sub(self.delta).cast_signed();
                if acceleration == 0 && value == self.value {
                    // A number that holds all day is hardly anything else.
                    self.bits.write(0, 2);
                } else {
                    self.acceleration(acceleration);
                    self.delta = delta;
                    self.difference(value);
                }
            }
        }
        (self.time, self.value) = (time, value);
        self.count += 1;
    }

    fn acceleration(&mut self, by: i64) {
        let fits = |bits: u32| {
            let half = 1_i64 << (bits - 1);
            (1 - half..=half).contains(&by)
        };
        let bits = by.cast_unsigned();
        if by == 0 {
            self.bits.write(0, 1);
        } else if fits(14) {
            self.bits.write(0b10, 2);
            self.bits.write(bits, 14);
        } else if fits(17) {
            self.bits.write(0b110, 3);
            self.bits.write(bits, 17);
        } else if fits(20) {
            self.bits.write(0b1110, 4);
            self.bits.write(bits, 20);
        } else {
            self.bits.write(0b1111, 4);
            self.bits.write(bits, 64);
        }
    }

    fn difference(&mut self, value: u64) {
        let changed = value ^ self.value;
        if changed == 0 {
            self.bits.write(0, 1);
            return;
        }
        self.bits.write(1, 1);
        // Five bits hold the number of leading zeros.
        let (leading, trailing) = (changed.leading_zeros().min(31), changed.trailing_zeros());
        match self.window {
            Some((before, after)) if leading >= before && trailing >= after => {
                self.bits.write(0, 1);
                self.bits.write(changed >> after, 64 - before - after);
            }
            _ => {
                self.window = Some((leading, trailing));
                let significant = 64 - leading - trailing;
                self.bits.write(1, 1);
                self.bits.write(u64::from(leading), 5);
                // Six bits: 64 is written as 0.
                self.bits.write(u64::from(significant) & 63, 6);
                self.bits.write(changed >> trailing, significant);
            }
        }
    }

    /// The chunk; the encoder is empty again.
    pub(super) fn take(&mut self) -> Chunk {
        let Self { bits, count, first, time, .. } = std::mem::take(self);
        let mut data = bits.bytes;
        data[..2].copy_from_slice(&count.to_be_bytes());
        Chunk { min_time_ms: first, max_time_ms: time, encoding: XOR, data }
    }
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

/// Bits from the highest of each byte on.
#[derive(Debug, Default)]
struct Bits {
    bytes: Vec<u8>,
    /// Free bits in the last byte.
    free: u32,
}

impl Bits {
    /// Writes the lowest `count` bits of `bits`, the highest first: whole bytes as long as there are any, then what fits
    /// the last one.
    fn write(&mut self, bits: u64, mut count: u32) {
        while count >= 8 {
            count -= 8;
            self.byte((bits >> count).to_le_bytes()[0]);
        }
        while count > 0 {
            self.make_room();
            let some = count.min(self.free);
            count -= some;
            self.free -= some;
            let bits = (bits >> count).to_le_bytes()[0] & (0xff >> (8 - some));
            self.or(bits << self.free);
        }
    }

    /// What does not fit the last byte begins the next.
    fn byte(&mut self, byte: u8) {
        if self.free == 0 {
            self.bytes.push(byte);
        } else {
            self.or(byte >> (8 - self.free));
            self.bytes.push(byte << self.free);
        }
    }

    fn make_room(&mut self) {
        if self.free == 0 {
            self.bytes.push(0);
            self.free = 8;
        }
    }

    fn or(&mut self, bits: u8) {
        if let Some(last) = self.bytes.last_mut() {
            *last |= bits;
        }
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.write((value & 0x7f) | 0x80, 8);
            value >>= 7;
        }
        self.write(value, 8);
    }
}
