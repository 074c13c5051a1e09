//! Whether probabilities are what they say.

/// Bins of equal width.
pub const BINS: usize = 10;

/// Cases whose stated probability falls into one bin.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bin {
    /// Number of cases.
    pub cases: usize,
    /// Mean of the probabilities stated.
    pub stated: f64,
    /// Share that was right.
    pub right: f64,
}

/// The bin of a stated probability.
pub fn bin(stated: f64) -> usize {
    ((stated.clamp(0.0, 1.0) * BINS as f64) as usize).min(BINS - 1)
}

/// The cases `(probability, right)` in bins `[0, 0.1), … [0.9, 1]`.
pub fn bins(cases: &[(f64, bool)]) -> [Bin; BINS] {
    let mut bins = [Bin::default(); BINS];
    for (stated, right) in cases {
        if let Some(bin) = bins.get_mut(bin(*stated)) {
            bin.cases += 1;
            bin.stated += stated;
            bin.right += f64::from(u8::from(*right));
        }
    }
    for bin in bins.iter_mut().filter(|bin| bin.cases > 0) {
        bin.stated /= bin.cases as f64;
        bin.right /= bin.cases as f64;
    }
    bins
}

/// The expected calibration error: the difference between stated probability and share of right answers in
/// each bin, averaged over cases. `None` of no case.
pub fn error(cases: &[(f64, bool)]) -> Option<f64> {
    let off = bins(cases).map(|bin| bin.cases as f64 * (bin.stated - bin.right).abs());
    (!cases.is_empty()).then(|| off.iter().sum::<f64>() / cases.len() as f64)
}
