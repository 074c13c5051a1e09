//! The keys of sampling without replacement.
//!
//! Sampling is stochastic beam search (Kool, van Hoof, Welling: "Stochastic Beams and Where to Find Them",
//! ICML 2019): each node's log-probability φ gets Gumbel noise, G = φ + Gumbel, drawn top-down so that the
//! largest G among the children of a node is the node's own. The `k` leaves with the largest G are then a
//! sample of `k` without replacement, the `i`-th drawn with probability p / (1 − the earlier ones'), and a
//! beam of width `k` by G finds exactly them.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::Open01;

use super::pool::Child;
use crate::random::stream;

/// Draws of one problem.
pub(super) struct Noise(ChaCha8Rng);

impl Noise {
    /// The draws of a problem.
    pub(super) fn new(seed: u64, problem: u64) -> Noise {
        Noise(stream(seed, problem))
    }

    /// The keys of a node's children, which hold their log-probabilities, given the node's own key:
    /// independent Gumbel draws around them, shifted together so that the largest is `parent`. The paper's
    /// appendix B.3 gives the stable form that is used here.
    pub(super) fn perturb(&mut self, children: &mut [Child], parent: f64) {
        let mut top = f64::NEG_INFINITY;
        for child in children.iter_mut() {
            let uniform: f64 = self.0.sample(Open01);
            child.key = child.log_probability - (-uniform.ln()).ln();
            top = top.max(child.key);
        }
        for child in children {
            // The largest child has ln(1 − 1) = −∞ here, which gives `parent` exactly.
            let rest = (-(child.key - top).exp_m1()).ln();
            let v = parent - child.key + rest;
            child.key = parent - v.max(0.0) - (-v.abs()).exp().ln_1p();
        }
    }
}
