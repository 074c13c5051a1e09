//! The exact sign test: of the cases on which two systems differ, are wins and losses evenly spread?

/// The probability that of `wins + losses` fair coins as many or fewer fall on the rarer side, or as many or
/// more on the other: two-sided. 1 where there are none.
pub fn two_sided(wins: usize, losses: usize) -> f64 {
    (2.0 * at_most(wins.min(losses), wins + losses)).min(1.0)
}

/// The probability that `wins` or fewer of `wins + losses` fair coins are wins: small if losses prevail.
pub fn losing(wins: usize, losses: usize) -> f64 {
    at_most(wins, wins + losses)
}

/// `P(X ≤ k)` for `n` fair coins.
fn at_most(k: usize, n: usize) -> f64 {
    let mut log = -(n as f64) * std::f64::consts::LN_2;
    let mut sum = log.exp();
    for i in 1..=k {
        log += ((n + 1 - i) as f64 / i as f64).ln();
        sum += log.exp();
    }
    sum.min(1.0)
}
