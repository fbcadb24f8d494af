//! Ids that look like Stripe's and come from one counter and one seed: the same run gives the same ids.

/// The source of every id of one sandbox.
#[derive(Debug)]
pub(super) struct Ids {
    seed: u64,
    next: u64,
}

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

impl Ids {
    pub fn new(seed: u64) -> Self {
        Self { seed, next: 0 }
    }

    /// `prefix` and 24 characters; the counter is part of them, so no two are ever equal.
    pub fn object(&mut self, prefix: &str) -> String {
        self.make(prefix, 24)
    }

    /// Connected accounts and requests have shorter ids.
    pub fn short(&mut self, prefix: &str) -> String {
        self.make(prefix, 16)
    }

    fn make(&mut self, prefix: &str, length: usize) -> String {
        self.next += 1;
        let mut id = String::from(prefix);
        id.push('3');
        let mut mixed = mix(self.seed ^ self.next);
        for _ in 0..length - 6 {
            id.push(letter(mixed));
            mixed = mix(mixed);
        }
        let mut counter = self.next;
        let mut tail = [b'0'; 5];
        for slot in tail.iter_mut().rev() {
            *slot = ALPHABET[(counter % 62) as usize];
            counter /= 62;
        }
        id.extend(tail.iter().map(|&byte| char::from(byte)));
        id
    }
}

fn letter(mixed: u64) -> char {
    char::from(ALPHABET[(mixed % 62) as usize])
}

/// SplitMix64: spreads a counter over 64 bits.
fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_ids_and_no_id_twice() {
        let (mut left, mut right) = (Ids::new(7), Ids::new(7));
        let ids: Vec<_> = (0..500).map(|_| left.object("tr_")).collect();
        let again: Vec<_> = (0..500).map(|_| right.object("tr_")).collect();
        assert_eq!(ids, again);
        assert_eq!(ids.iter().collect::<std::collections::BTreeSet<_>>().len(), 500);
        assert_eq!(ids[0].len(), "tr_".len() + 24);
    }
}
