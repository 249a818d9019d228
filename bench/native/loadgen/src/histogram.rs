//! Latencies in buckets of at most 0.4 % of their value.

const SUB_BITS: u32 = 8;
const SUB: u64 = 1 << SUB_BITS;

/// Counts nanoseconds.
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
    sum: u64,
    max: u64,
}

impl Histogram {
    /// With nothing in it.
    pub fn new() -> Self {
        Self { counts: vec![0; ((64 - SUB_BITS as usize) + 1) << SUB_BITS], total: 0, sum: 0, max: 0 }
    }

    fn index(ns: u64) -> usize {
        let shift = (63 - SUB_BITS).saturating_sub((ns | 1).leading_zeros());
        ((u64::from(shift) << SUB_BITS) + (ns >> shift)) as usize
    }

    /// The middle of a bucket.
    fn value(index: usize) -> u64 {
        let index = index as u64;
        if index < SUB * 2 {
            return index;
        }
        let shift = (index >> SUB_BITS) - 1;
        let low = (index - (shift << SUB_BITS)) << shift;
        low + (1 << shift) / 2
    }

    /// Counts one.
    pub fn record(&mut self, ns: u64) {
        self.counts[Self::index(ns)] += 1;
        self.total += 1;
        self.sum += ns;
        self.max = self.max.max(ns);
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.total
    }

    /// The value below which a share of them lies; 0 if there are none.
    pub fn percentile(&self, share: f64) -> u64 {
        let wanted = ((self.total as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return Self::value(index).min(self.max);
            }
        }
        self.max
    }

    /// The mean; 0 if there are none.
    pub fn mean(&self) -> u64 {
        self.sum.checked_div(self.total).unwrap_or(0)
    }

    /// The largest; 0 if there are none.
    pub fn max(&self) -> u64 {
        self.max
    }
}

#[cfg(test)]
mod tests {
    use super::Histogram;

    #[test]
    fn keeps_values_within_half_a_percent() {
        for ns in [0, 1, 255, 256, 511, 512, 1_000, 65_535, 1_234_567, 9_999_999_999, u64::MAX / 2] {
            let back = Histogram::value(Histogram::index(ns));
            assert!(back.abs_diff(ns) <= ns / 200, "{ns} became {back}");
        }
    }

    #[test]
    fn finds_percentiles() {
        let mut histogram = Histogram::new();
        (1..=1_000).for_each(|us| histogram.record(us * 1_000));
        assert_eq!(histogram.count(), 1_000);
        assert!(histogram.percentile(0.5).abs_diff(500_000) < 2_500);
        assert!(histogram.percentile(0.99).abs_diff(990_000) < 5_000);
        assert_eq!(histogram.max(), 1_000_000);
    }
}
