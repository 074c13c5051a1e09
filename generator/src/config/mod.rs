//! What is sampled and with which odds, as a person writes it in TOML.
//!
//! Every field has a default, so that an empty file is the default scalar distribution. What the numbers
//! must satisfy, and the checked, immutable form that the sampler takes, is in [`valid`].
//!
//! Systems are drawn in dimensionless form: states and time of order one. Lengths of time below are in
//! that time; physical units come last, by [`Units`].

pub mod valid;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use valid::ValidConfig;

/// The whole configuration of the generator.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Dimensions and sizes of systems.
    pub system: SystemConfig,
    /// Random unary-binary trees.
    pub trees: Trees,
    /// Scalar laws by rules.
    pub laws: Laws,
    /// Systems of several states by rules.
    pub networks: Networks,
    /// Sums of terms from families.
    pub families: Families,
    /// Values of constants.
    pub constants: Constants,
    /// Initial states.
    pub initial: Initial,
    /// Span of time and its grid.
    pub horizon: Horizon,
    /// What is kept.
    pub accept: Accept,
    /// What is never drawn.
    pub exclude: Exclude,
    /// What is held out of training.
    pub split: Split,
    /// Tolerances of the integrator.
    pub integrator: IntegratorConfig,
    /// Change to physical units.
    pub units: Units,
    /// Noise and missing points, drawn anew whenever a sample is used.
    pub observation: Observation,
}

/// Dimensions and sizes of systems.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SystemConfig {
    /// Weights of dimension 1, 2, 3, …. Default `[1]`: scalar only.
    pub dimensions: Vec<f64>,
    /// Share of systems drawn as trees. Default 0.5.
    pub trees: f64,
    /// Share of systems drawn by rules; the rest are sums of families. Default 0.32.
    pub laws: f64,
    /// Sets of constants a skeleton. Default 7.
    pub constants: u64,
    /// Initial states a set of constants. Default 3.
    pub initials: u64,
    /// Number of skeletons between two samples of the same one, in the order of indices. Default 64.
    pub interleave: u64,
    /// Largest number of skeleton tokens of all equations together. Default 32.
    pub max_tokens: usize,
    /// Largest number of constants of all equations together. Default 12.
    pub max_constants: usize,
}

impl Default for SystemConfig {
    fn default() -> Self {
        SystemConfig {
            dimensions: vec![1.0],
            trees: 0.5,
            laws: 0.32,
            constants: 7,
            initials: 3,
            interleave: 64,
            max_tokens: 32,
            max_constants: 12,
        }
    }
}

/// Random unary-binary trees: shape uniform among all trees with the drawn number of operators, then
/// operators and leaves by the weights below.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Trees {
    /// Weights of 1, 2, 3, … operators an equation. Default `[0, 1, 3, 4, 4, 3]`.
    pub operators: Vec<f64>,
    /// Weights of the operators of one argument.
    pub unary: UnaryWeights,
    /// Weights of the operators of two arguments.
    pub binary: BinaryWeights,
    /// Weight of a state as a leaf. Default 4.
    pub state: f64,
    /// Weight of a constant as a leaf. Default 1.
    pub constant: f64,
    /// Weight of the time as a leaf. Default 0: autonomous systems only.
    pub time: f64,
    /// Share of function arguments `a` that become `c·a`. Default 0.5.
    pub scaled: f64,
    /// Share of function arguments `a` that become `a + c`. Default 0.15.
    pub shifted: f64,
}

impl Default for Trees {
    fn default() -> Self {
        Trees {
            operators: vec![0.0, 1.0, 3.0, 4.0, 4.0, 3.0],
            unary: UnaryWeights::default(),
            binary: BinaryWeights::default(),
            state: 4.0,
            constant: 1.0,
            time: 0.0,
            scaled: 0.5,
            shifted: 0.15,
        }
    }
}

/// Weights of the operators of one argument.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UnaryWeights {
    /// Sine. Default 1.
    pub sin: f64,
    /// Cosine. Default 1.
    pub cos: f64,
    /// Hyperbolic tangent. Default 0.5.
    pub tanh: f64,
    /// Exponential. Default 1.
    pub exp: f64,
    /// Logarithm. Default 0.7.
    pub log: f64,
    /// Square root. Default 0.7.
    pub sqrt: f64,
    /// Absolute value. Default 0.
    pub abs: f64,
    /// Square. Default 1.5.
    pub square: f64,
    /// Cube. Default 0.7.
    pub cube: f64,
    /// Reciprocal. Default 0.7.
    pub inverse: f64,
    /// Power with a constant exponent that is no integer. Default 0.3.
    pub power: f64,
}

impl Default for UnaryWeights {
    fn default() -> Self {
        UnaryWeights {
            sin: 1.0,
            cos: 1.0,
            tanh: 0.5,
            exp: 1.0,
            log: 0.7,
            sqrt: 0.7,
            abs: 0.0,
            square: 1.5,
            cube: 0.7,
            inverse: 0.7,
            power: 0.3,
        }
    }
}

/// Weights of the operators of two arguments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BinaryWeights {
    /// Sum (its terms get coefficients of either sign). Default 4.
    pub add: f64,
    /// Product. Default 3.
    pub mul: f64,
    /// Quotient. Default 1.
    pub div: f64,
}

impl Default for BinaryWeights {
    fn default() -> Self {
        BinaryWeights {
            add: 4.0,
            mul: 3.0,
            div: 1.0,
        }
    }
}

/// Scalar laws by rules of composition: weights of the rules.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Laws {
    /// One process alone: decay of any order, a saturating or exponential rate. Default 1.3.
    pub process: f64,
    /// Growth times what limits it, less a loss. Default 3.
    pub growth: f64,
    /// Inflow less outflows. Default 3.
    pub balance: f64,
    /// Driving force less responses. Default 2.5.
    pub response: f64,
    /// Sigmoid activation against decay. Default 1.3.
    pub feedback: f64,
    /// Sparse polynomials: amplitude equations, mass action. Default 1.3.
    pub amplitude: f64,
    /// Exchange between two pools of a fixed total. Default 1.
    pub pools: f64,
    /// Roots and powers of a balance of energies. Default 0.7.
    pub energy: f64,
    /// Share of laws whose rates may have either sign; in the others they are positive. Default 0.25.
    pub signs: f64,
}

impl Default for Laws {
    fn default() -> Self {
        Laws {
            process: 1.3,
            growth: 3.0,
            balance: 3.0,
            response: 2.5,
            feedback: 1.3,
            amplitude: 1.3,
            pools: 1.0,
            energy: 0.7,
            signs: 0.25,
        }
    }
}

/// Systems of several states by rules of composition: weights of the rules.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Networks {
    /// Springs, pendulums, van der Pol. Default 2.
    pub oscillator: f64,
    /// Predators and prey, competition, food chains. Default 2.
    pub populations: f64,
    /// Mass action and saturating reactions, epidemics. Default 2.5.
    pub reactions: f64,
    /// Reactions whose heat speeds them up. Default 0.8.
    pub heat: f64,
    /// A fast state and its slow recovery, as FitzHugh–Nagumo. Default 1.
    pub excitable: f64,
    /// Linear terms and few products, as Lorenz and Rössler. Default 2.
    pub flow: f64,
    /// Hill activation and repression against decay. Default 1.
    pub genes: f64,
    /// Coupled phases and rate units. Default 1.
    pub units: f64,
    /// Rotation with an amplitude that limits itself. Default 0.4.
    pub rotation: f64,
    /// Share of systems whose rates may have either sign; in the others they are positive. Default 0.2.
    pub signs: f64,
}

impl Default for Networks {
    fn default() -> Self {
        Networks {
            oscillator: 2.0,
            populations: 2.0,
            reactions: 2.5,
            heat: 0.8,
            excitable: 1.0,
            flow: 2.0,
            genes: 1.0,
            units: 1.0,
            rotation: 0.4,
            signs: 0.2,
        }
    }
}

/// Sums of terms `c·g(v)`, `g` from the families below, `v` a state (in several dimensions also a
/// difference of states).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Families {
    /// Weights of 1, 2, 3, … terms an equation. Default `[0.6, 3, 3, 1.5]`.
    pub terms: Vec<f64>,
    /// Weights of the degrees 0, 1, 2, … of monomials. Default `[1.5, 4, 3, 1.5, 0.3]`.
    pub degrees: Vec<f64>,
    /// Weight of monomials. Default 10.
    pub monomial: f64,
    /// Weight of reciprocals `1/v`, `1/v²`. Default 0.7.
    pub inverse: f64,
    /// Weight of Michaelis–Menten, Hill, Haldane and inhibition terms. Default 3.
    pub rational: f64,
    /// Weight of `tanh`, `1 − e^(−kv)`, logistic steps. Default 1.2.
    pub saturation: f64,
    /// Weight of `e^(kv)`, Ricker `v·e^(−kv)`, Arrhenius `e^(−k/v)`. Default 1.5.
    pub exponential: f64,
    /// Weight of `log v`, Gompertz `v·log v`. Default 1.
    pub logarithm: f64,
    /// Weight of sines and cosines. Default 1.8.
    pub trigonometric: f64,
    /// Weight of roots and powers that are no integers. Default 1.8.
    pub root: f64,
    /// Weight of `v·|v|`. Default 0.
    pub drag: f64,
    /// Share of terms multiplied by a state or another term. Default 0.08.
    pub product: f64,
    /// Share of terms divided by `1 + k·` another one. Default 0.03.
    pub quotient: f64,
    /// Share of terms in the equation's own state; several dimensions only. Default 0.5.
    pub own: f64,
    /// Share of arguments that are the difference of two states; several dimensions only. Default 0.05.
    pub difference: f64,
    /// Share of monomials of degree 2 and more that mix states; several dimensions only. Default 0.7.
    pub mixed: f64,
    /// Share of nonlinear mixed terms that another equation gets too, with its own coefficient; several
    /// dimensions only. Default 0.5.
    pub shared: f64,
    /// Share of equations that are `x' = v`, as for positions of oscillators; several dimensions only.
    /// Default 0.15.
    pub chain: f64,
    /// Share of systems whose equations lead in a cycle through all states, so that every state
    /// influences every other; several dimensions only. Default 0.6.
    pub cycle: f64,
}

impl Default for Families {
    fn default() -> Self {
        Families {
            terms: vec![0.6, 3.0, 3.0, 1.5],
            degrees: vec![1.5, 4.0, 3.0, 1.5, 0.3],
            monomial: 10.0,
            inverse: 0.7,
            rational: 3.0,
            saturation: 1.2,
            exponential: 1.5,
            logarithm: 1.0,
            trigonometric: 1.8,
            root: 1.8,
            drag: 0.0,
            product: 0.08,
            quotient: 0.03,
            own: 0.5,
            difference: 0.05,
            mixed: 0.7,
            shared: 0.5,
            chain: 0.15,
            cycle: 0.6,
        }
    }
}

/// Values of constants, dimensionless.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Constants {
    /// Range of the magnitude of a term's coefficient, log-uniform. Default `[0.1, 10]`.
    pub coefficient: [f64; 2],
    /// Share of coefficients that are negative. Default 0.5.
    pub negative: f64,
    /// Range of the magnitude of a constant inside a function or denominator, log-uniform.
    /// Default `[0.2, 5]`.
    pub inner: [f64; 2],
    /// Range of exponents that are drawn uniformly. Default `[0.25, 3]`.
    pub exponent: [f64; 2],
    /// Share of exponents that are a common fraction (1/3, 2/3, 3/4, 3/2, …) instead. Default 0.5.
    pub fraction: f64,
    /// Share of coefficients and inner constants with an integer magnitude. Default 0.2.
    pub integer: f64,
    /// Largest of those integers; `1/k` is drawn beside `k`, small ones more often. Default 5.
    pub max_integer: u32,
    /// Smallest magnitude of a constant after normalisation: below it what the constant is part of hardly
    /// acts. Default 1e-4.
    pub min_normalised: f64,
    /// Largest magnitude of a constant after normalisation (what a model can write). Default 300.
    pub max_normalised: f64,
}

impl Default for Constants {
    fn default() -> Self {
        Constants {
            coefficient: [0.1, 10.0],
            negative: 0.5,
            inner: [0.2, 5.0],
            exponent: [0.25, 3.0],
            fraction: 0.5,
            integer: 0.2,
            max_integer: 5,
            min_normalised: 1e-4,
            max_normalised: 300.0,
        }
    }
}

/// Initial states, dimensionless.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Initial {
    /// Range of the magnitude of a state, log-uniform. Default `[0.05, 5]`.
    pub magnitude: [f64; 2],
    /// Share of systems that start with all states positive, as concentrations do. Default 0.7; in the
    /// others each state has either sign.
    pub positive: f64,
}

impl Default for Initial {
    fn default() -> Self {
        Initial {
            magnitude: [0.05, 5.0],
            positive: 0.7,
        }
    }
}

/// Span of time: found by exploring the solution, then drawn so that something happens in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Horizon {
    /// Longest exploration. Default 50.
    pub longest: f64,
    /// Points of the regular grid that solutions are stored on. Default 256.
    pub points: usize,
    /// Range of the span, as a multiple of the time in which the path settles, log-uniform.
    /// Default `[0.3, 3]`.
    pub settling: [f64; 2],
    /// Range of the span, as a share of the time to where the solution ends (a pole, the edge of a
    /// domain, the cap), uniform. Default `[0.3, 0.98]`.
    pub ending: [f64; 2],
    /// Range of the growth, `max|u| / |u₀|`, at which a growing solution is cut, log-uniform.
    /// Default `[3, 300]`.
    pub growth: [f64; 2],
    /// Largest number of turning points of a state in the span. Default 16.
    pub turns: usize,
}

impl Default for Horizon {
    fn default() -> Self {
        Horizon {
            longest: 50.0,
            points: 256,
            settling: [0.3, 3.0],
            ending: [0.3, 0.98],
            growth: [3.0, 300.0],
            turns: 16,
        }
    }
}

/// What is kept. Shares are of `max|u|` or rms `f` over the span.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Accept {
    /// Smallest range of a state over the span, as a share of its `max|u|`. Default 0.06.
    pub range: f64,
    /// Largest change of a state between two points of the grid, as a share of its range. Default 0.2.
    pub jump: f64,
    /// The first share of the span in which the path must not be finished. Default 0.1.
    pub early: f64,
    /// Share of the path's length that counts as finished. Default 0.95.
    pub finished: f64,
    /// Smallest residual of a term after projection on the equation's other terms along the path, as a
    /// share of rms `f`. Default 0.012.
    pub term: f64,
    /// A right-hand side that is no polynomial up to degree 2 counts as quadratic where a quadratic fits
    /// it to this share of rms `f`. Default 0.006.
    pub quadratic: f64,
    /// Share of those that are kept. Default 0.1.
    pub quadratic_kept: f64,
    /// Share of systems that are kept although some state influences no other; several dimensions only.
    /// Default 0.3.
    pub cascade_kept: f64,
    /// Largest share of samples with one skeleton: more frequent ones are thinned to it. Default 0.01;
    /// 1 thins none.
    pub skeleton_share: f64,
    /// Number of draws of the pilot run that estimates those shares. Default 16384.
    pub pilot: u64,
}

impl Default for Accept {
    fn default() -> Self {
        Accept {
            range: 0.06,
            jump: 0.2,
            early: 0.1,
            finished: 0.95,
            term: 0.012,
            quadratic: 0.006,
            quadratic_kept: 0.1,
            cascade_kept: 0.3,
            skeleton_share: 0.01,
            pilot: 16_384,
        }
    }
}

/// Laws that are never drawn, whatever their constants and units: those with the same canonical skeleton.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Exclude {
    /// Equations, right-hand sides, or templates with `c0`, `c1`, … Default none.
    pub skeletons: Vec<String>,
    /// Files with one such law a line, `#` before comments, or suites; paths relative to that of the
    /// configuration.
    /// Their laws are taken over into `skeletons`. Default none.
    pub files: Vec<PathBuf>,
}

/// Samples that training never sees.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Split {
    /// Share of samples that are held out with their skeletons, all of them rare. Default 0.01.
    pub skeletons: f64,
    /// Share of sets of constants that are held out. Default 0.02.
    pub constants: f64,
    /// Laws whose skeletons are never held out, as in [`Exclude::skeletons`]. Default none.
    pub known: Vec<String>,
    /// Files with such laws, as in [`Exclude::files`]. Default none.
    pub known_files: Vec<PathBuf>,
}

impl Default for Split {
    fn default() -> Self {
        Split {
            skeletons: 0.01,
            constants: 0.02,
            known: Vec::new(),
            known_files: Vec::new(),
        }
    }
}

/// Tolerances of the integrator, for states of order one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IntegratorConfig {
    /// Relative tolerance. Default 1e-8.
    pub relative: f64,
    /// Absolute tolerance. Default 1e-10.
    pub absolute: f64,
    /// Relative and absolute tolerance of the exploration. Default 1e-5.
    pub exploring: f64,
    /// Largest number of steps. Default 2000.
    pub max_steps: u32,
}

impl Default for IntegratorConfig {
    fn default() -> Self {
        IntegratorConfig {
            relative: 1e-8,
            absolute: 1e-10,
            exploring: 1e-5,
            max_steps: 2000,
        }
    }
}

/// Change to physical units, log-uniform.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Units {
    /// Share of samples with physical units; the others stay dimensionless. Default 0.
    pub share: f64,
    /// The unit of time is within `10^±decades`. Default 3.
    pub time_decades: f64,
    /// The unit of each state is within `10^±decades`. Default 3.
    pub state_decades: f64,
}

impl Default for Units {
    fn default() -> Self {
        Units {
            share: 0.0,
            time_decades: 3.0,
            state_decades: 3.0,
        }
    }
}

/// Noise and missing points: each use of a sample draws its own from these ranges.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Observation {
    /// Smallest and largest number of points before any is dropped, log-uniform. Default `[32, 500]`.
    pub points: [usize; 2],
    /// Share of series with evenly spread points; the others have random times. Default 0.5.
    pub regular: f64,
    /// Share of series without noise. Default 0.35.
    pub clean: f64,
    /// Range of the multiplicative noise σ of the others, log-uniform. Default `[0.002, 0.1]`.
    pub noise: [f64; 2],
    /// Share of noisy series with additive noise beside it. Default 0.3.
    pub additive_share: f64,
    /// Range of the additive noise, as a share of the state's `max|y|`, log-uniform.
    /// Default `[0.001, 0.05]`.
    pub additive: [f64; 2],
    /// Share of series from which points are dropped at random. Default 0.5.
    pub drop_share: f64,
    /// Largest share of dropped points, uniform from 0. Default 0.6.
    pub drop: f64,
    /// Share of series with gaps. Default 0.15.
    pub gap_share: f64,
    /// Largest number of gaps. Default 2.
    pub gaps: usize,
    /// Largest length of a gap, as a share of the span. Default 0.2.
    pub gap: f64,
    /// Share of series with single cells missing; several dimensions only. Default 0.1.
    pub missing_share: f64,
    /// Largest share of missing cells, uniform from 0. Default 0.3.
    pub missing: f64,
}

impl Default for Observation {
    fn default() -> Self {
        Observation {
            points: [32, 500],
            regular: 0.5,
            clean: 0.35,
            noise: [0.002, 0.1],
            additive_share: 0.3,
            additive: [0.001, 0.05],
            drop_share: 0.5,
            drop: 0.6,
            gap_share: 0.15,
            gaps: 2,
            gap: 0.2,
            missing_share: 0.1,
            missing: 0.3,
        }
    }
}
