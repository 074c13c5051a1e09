//! Sample number `index` of a distribution: the same whatever thread, shard or order it is drawn in.
//!
//! Three streams of ChaCha8 feed a sample: one, numbered by the skeleton, draws the system; one, numbered
//! by the set of constants, those; one, numbered by the sample, its initial state, span and units. A
//! skeleton has `constants` sets of constants, each of them `initials` initial states, and the samples of
//! `interleave` skeletons alternate, so that neighbours in the order of indices differ: with
//! `B = interleave` and `K = constants · initials`, a block holds `B·K` indices, and index `r` of a block
//! is solution `r / B` of its skeleton `r % B`.
//!
//! Of samples that are held out ([`crate::split`]), the same index names the same skeleton; its constants or
//! its initial state come from other streams.

use std::sync::Arc;

use nsode_parser::tape::Tape;
use nsode_parser::{CanonicalSystem, Scaling, Skeleton};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::config::ValidConfig;
use crate::draft::{Connection, Draft, Drafter, connection};
use crate::integrate::{Integration, Integrator};
use crate::pilot::Pilot;
use crate::random::{chance, uniform};
use crate::reject::{Evidence, Rejection, Terms, check_course};
use crate::split::{Reserve, Split};
use crate::{Trajectory, constants, horizon, initial};

/// Added to the seed: the streams that draw skeletons.
const SKELETONS: u64 = 0x9e37_79b9_7f4a_7c15;
/// Added to the seed: the streams that draw sets of constants.
const CONSTANTS: u64 = 0x3c6e_f372_fe94_f82a;
/// The same for sets of constants that are held out.
const UNSEEN_CONSTANTS: u64 = 0xdaa6_6d2c_7ddf_743f;
/// The same for initial states that are held out.
const UNSEEN_INITIALS: u64 = 0x78dd_e6e5_fd29_f054;

/// A system and one of its solutions, in physical units.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Its number in the distribution.
    pub index: u64,
    /// The law.
    pub system: CanonicalSystem,
    /// The shape of the law.
    pub skeleton: Skeleton,
    /// The constants of the law, in slot order.
    pub constants: Vec<f64>,
    /// The state at the first time.
    pub initial: Vec<f64>,
    /// The solution on a regular grid, without noise.
    pub trajectory: Trajectory,
}

/// Where an index stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// Number of the skeleton.
    pub skeleton: u64,
    /// Number of the set of constants among those of the skeleton.
    pub constants: u64,
    /// Number of the initial state among those of the set of constants.
    pub initial: u64,
}

/// Draws samples by their index. Cheap to share between threads by reference.
#[derive(Clone, Debug)]
pub struct Sampler {
    config: ValidConfig,
    seed: u64,
    split: Split,
    drafter: Drafter,
    integrator: Integrator,
    pilot: Arc<Pilot>,
    reserve: Reserve,
    /// The sampler of what is trained on, if this one is another.
    training: Option<Arc<Sampler>>,
}

/// A drawn skeleton, ready for constants.
struct Prepared {
    draft: Draft,
    tape: Tape,
    /// Its first set of constants.
    first: Law,
}

/// A skeleton with a set of constants.
#[derive(Clone)]
struct Law {
    /// Values of the draft's parameters.
    constants: Vec<f64>,
    canonical: CanonicalSystem,
    terms: Terms,
    skeleton: Skeleton,
    connection: Connection,
}

impl Sampler {
    /// A sampler of the distribution `config`, of what training may see; `seed` selects one of 2⁶⁴
    /// independent sequences. The first one of a configuration in a process makes a pilot run, which takes
    /// the time of `accept.pilot` draws.
    pub fn new(config: ValidConfig, seed: u64) -> Sampler {
        let integrator = Integrator::from(&config.integrator);
        let pilot = Pilot::of(&config);
        Sampler {
            drafter: Drafter::new(&config),
            integrator,
            reserve: Reserve::new(&config, Arc::clone(&pilot)),
            pilot,
            config,
            seed,
            split: Split::Train,
            training: None,
        }
    }

    /// The same distribution and seed, of another split.
    pub fn split(self, split: Split) -> Sampler {
        let training = match (&self.training, split) {
            (_, Split::Train) => None,
            (Some(training), _) => Some(Arc::clone(training)),
            (None, _) => Some(Arc::new(self.clone())),
        };
        Sampler {
            split,
            training,
            ..self
        }
    }

    /// The distribution.
    pub fn config(&self) -> &ValidConfig {
        &self.config
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// What solves the systems, in dimensionless form.
    pub fn integrator(&self) -> &Integrator {
        &self.integrator
    }

    /// Number of consecutive indices that share their skeletons.
    pub fn block_size(&self) -> u64 {
        let system = &self.config.system;
        system.interleave * system.constants * system.initials
    }

    /// Skeleton, set of constants and initial state of an index.
    pub fn address(&self, index: u64) -> Address {
        let wide = self.config.system.interleave;
        let (block, place) = (index / self.block_size(), index % self.block_size());
        let solution = place / wide;
        Address {
            skeleton: block.wrapping_mul(wide).wrapping_add(place % wide),
            constants: solution / self.config.system.initials,
            initial: solution % self.config.system.initials,
        }
    }

    /// The index of an address.
    fn index(&self, address: Address) -> u64 {
        let system = &self.config.system;
        let (wide, initials) = (system.interleave, system.initials);
        let block = address.skeleton / wide;
        let solution = address.constants * initials + address.initial;
        let place = solution * wide + address.skeleton % wide;
        block.wrapping_mul(self.block_size()).wrapping_add(place)
    }

    /// Sample number `index`.
    ///
    /// # Errors
    /// The [`Rejection`] if that draw is not fit to be one; the next index is another draw.
    pub fn sample(&self, index: u64) -> Result<Sample, Rejection> {
        let address = self.address(index);
        let prepared = self.prepare(address.skeleton)?;
        let law = self.law(&prepared, address)?;
        self.solve(&prepared, &law, index)
    }

    /// All samples of a block, in the order of their indices, which start at `block · block_size`. The
    /// same as [`Sampler::sample`] one by one, but each skeleton is prepared once.
    pub fn block(&self, block: u64) -> Vec<Result<Sample, Rejection>> {
        let wide = self.config.system.interleave;
        let initials = self.config.system.initials;
        let first = block.wrapping_mul(self.block_size());
        let mut samples: Vec<Option<Result<Sample, Rejection>>> = Vec::new();
        samples.resize_with(self.block_size() as usize, || None);
        for place in 0..wide {
            let skeleton = self.address(first.wrapping_add(place)).skeleton;
            let prepared = self.prepare(skeleton);
            for set in 0..self.config.system.constants {
                let law = prepared.as_ref().map_err(|rejection| *rejection);
                let law = law.and_then(|prepared| {
                    let address = Address {
                        skeleton,
                        constants: set,
                        initial: 0,
                    };
                    Ok((prepared, self.law(prepared, address)?))
                });
                for initial in 0..initials {
                    let offset = (set * initials + initial) * wide + place;
                    let sample = match &law {
                        Ok((prepared, law)) => {
                            self.solve(prepared, law, first.wrapping_add(offset))
                        }
                        Err(rejection) => Err(*rejection),
                    };
                    if let Some(cell) = samples.get_mut(offset as usize) {
                        *cell = Some(sample);
                    }
                }
            }
        }
        samples.into_iter().flatten().collect()
    }

    fn stream(&self, purpose: u64, number: u64) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed.wrapping_add(purpose));
        rng.set_stream(number);
        rng
    }

    /// Draws skeleton number `skeleton` and checks its form with its first set of constants.
    fn prepare(&self, skeleton: u64) -> Result<Prepared, Rejection> {
        let mut rng = self.stream(SKELETONS, skeleton);
        let draft = self.drafter.draw(&mut rng);
        if draft.connection() == Connection::Apart {
            return Err(Rejection::NoDependence);
        }
        let first = self.draw_law(&draft, skeleton, 0)?;
        let kept = chance(&mut rng, self.config.accept.cascade_kept);
        if first.connection == Connection::Cascade && !kept {
            return Err(Rejection::Cascade);
        }
        if !chance(&mut rng, self.pilot.kept(&first.skeleton)) {
            return Err(Rejection::Frequent);
        }
        let tape = Tape::compile(&draft.rhs);
        Ok(Prepared { draft, tape, first })
    }

    /// The set of constants that an address names.
    fn law(&self, prepared: &Prepared, address: Address) -> Result<Law, Rejection> {
        match address.constants {
            0 => Ok(prepared.first.clone()),
            set => self.draw_law(&prepared.draft, address.skeleton, set),
        }
    }

    /// Draws set number `set` of the constants of a skeleton, one that belongs to the split.
    fn draw_law(&self, draft: &Draft, skeleton: u64, set: u64) -> Result<Law, Rejection> {
        let number = skeleton.wrapping_mul(self.config.system.constants);
        let held_out = self.split == Split::UnseenConstants;
        let purpose = if held_out {
            UNSEEN_CONSTANTS
        } else {
            CONSTANTS
        };
        let mut rng = self.stream(purpose, number.wrapping_add(set));
        let tries = match held_out {
            false => 16,
            // All but one in a thousand are found.
            true => (7.0 / self.reserve.constants_share()).min(10_000.0) as usize,
        };
        for _ in 0..tries {
            let constants = self.constants(draft, &mut rng);
            let (canonical, connection) = self.canonical(draft, &constants)?;
            let (skeleton, values) = canonical.parts().map_err(|_| Rejection::TooManyTokens)?;
            if self.config.excluded().contains(&skeleton) {
                return Err(Rejection::Excluded);
            }
            if self.reserve.skeleton(&skeleton) != (self.split == Split::UnseenSkeletons) {
                return Err(Rejection::Reserved);
            }
            if self.reserve.constants(&skeleton, &values) == held_out {
                return Ok(Law {
                    constants,
                    terms: Terms::of(&canonical),
                    canonical,
                    skeleton,
                    connection,
                });
            }
        }
        Err(Rejection::Reserved)
    }

    /// The first training sample with the skeleton, or the set of constants, of an address.
    fn training_sample(&self, address: Address, same_set: bool) -> Option<Sample> {
        let system = &self.config.system;
        let prepared = self.prepare(address.skeleton).ok()?;
        let sets = match same_set {
            true => address.constants..address.constants + 1,
            false => 0..system.constants,
        };
        for constants in sets {
            let address = Address {
                constants,
                initial: 0,
                ..address
            };
            let Ok(law) = self.law(&prepared, address) else {
                continue;
            };
            for initial in 0..system.initials {
                let index = self.index(Address { initial, ..address });
                if let Ok(sample) = self.solve(&prepared, &law, index) {
                    return Some(sample);
                }
            }
        }
        None
    }

    /// Whether training has what this split says that it has.
    fn check_familiar(&self, sample: &Sample) -> Result<(), Rejection> {
        let training = match (&self.training, self.split) {
            (Some(training), Split::UnseenConstants | Split::UnseenInitialStates) => training,
            _ => return Ok(()),
        };
        let address = self.address(sample.index);
        let same_set = self.split == Split::UnseenInitialStates;
        match training.training_sample(address, same_set) {
            Some(seen) if seen.skeleton == sample.skeleton => Ok(()),
            _ => Err(Rejection::Unfamiliar),
        }
    }

    fn constants(&self, draft: &Draft, rng: &mut impl Rng) -> Vec<f64> {
        let roles = draft.roles.iter();
        roles
            .map(|&role| constants::draw(role, &self.config.constants, rng))
            .collect()
    }

    /// The canonical form, if it is small enough and one connected system.
    fn canonical(
        &self,
        draft: &Draft,
        constants: &[f64],
    ) -> Result<(CanonicalSystem, Connection), Rejection> {
        let system = draft.system(constants).ok_or(Rejection::NotCanonical)?;
        let canonical = CanonicalSystem::new(&system).map_err(|_| Rejection::NotCanonical)?;
        // Terms may have cancelled.
        let connection = connection(canonical.to_system().rhs());
        if connection == Connection::Apart {
            return Err(Rejection::NoDependence);
        }
        let (skeleton, values) = canonical.parts().map_err(|_| Rejection::TooManyTokens)?;
        if skeleton.tokens().len() > self.config.system.max_tokens {
            return Err(Rejection::TooManyTokens);
        }
        if values.len() > self.config.system.max_constants {
            return Err(Rejection::TooManyConstants);
        }
        Ok((canonical, connection))
    }

    /// Draws the rest of sample `index`.
    fn solve(&self, prepared: &Prepared, law: &Law, index: u64) -> Result<Sample, Rejection> {
        let Prepared { draft, tape, .. } = prepared;
        let Law {
            constants,
            canonical,
            terms,
            ..
        } = law;
        let mut rng = match self.split {
            Split::UnseenInitialStates => self.stream(UNSEEN_INITIALS, index),
            _ => self.stream(0, index),
        };
        let initial = initial::draw(draft.dimension(), &self.config.initial, &mut rng);
        let horizon = horizon::draw(tape, constants, &initial, &self.config, &mut rng)?;
        let times = grid(0.0, horizon.span, self.config.horizon.points);
        let kept = chance(&mut rng, self.config.accept.quadratic_kept);
        let check = |path: &Trajectory| {
            check_course(path, &self.config)?;
            match terms.check(path, &self.config)? {
                Evidence::LooksQuadratic if !kept => Err(Rejection::Quadratic),
                _ => Ok(()),
            }
        };
        // Most draws are turned down, for which the exploration shows enough.
        if horizon.span <= horizon.course.end() {
            let states = horizon.course.states(times.iter().copied());
            let rough = Trajectory::new(initial.len(), times.clone(), states);
            check(&rough.map_err(|_| Rejection::OutOfDomain)?)?;
        }
        let outcome = self.integrator.integrate(tape, constants, &initial, &times);
        let path = match outcome {
            Integration::Complete(path) => path,
            failed => return Err(Rejection::of(&failed).unwrap_or(Rejection::OutOfDomain)),
        };
        check(&path)?;
        self.check_range(canonical, &path)?;
        let sample = self.in_units(index, canonical, path, &mut rng)?;
        self.check_familiar(&sample)?;
        Ok(sample)
    }

    /// Constants must be such that a model can write them after normalisation.
    fn check_range(&self, canonical: &CanonicalSystem, path: &Trajectory) -> Result<(), Rejection> {
        let scaling = path.scaling().map_err(|_| Rejection::Constant)?;
        let unit = canonical.rescaled(&scaling);
        let unit = unit.map_err(|_| Rejection::ConstantOutOfRange)?;
        let (_, values) = unit.parts().map_err(|_| Rejection::TooManyTokens)?;
        let limits = &self.config.constants;
        let range = limits.min_normalised..=limits.max_normalised;
        if values.iter().all(|c| range.contains(&c.abs())) {
            Ok(())
        } else {
            Err(Rejection::ConstantOutOfRange)
        }
    }

    /// Changes some samples to physical units.
    fn in_units(
        &self,
        index: u64,
        canonical: &CanonicalSystem,
        path: Trajectory,
        rng: &mut impl Rng,
    ) -> Result<Sample, Rejection> {
        let units = &self.config.units;
        let (system, trajectory) = if chance(rng, units.share) {
            let mut unit = |decades: f64| 10_f64.powf(uniform(rng, [-decades, decades]));
            let scaling = Scaling {
                origin: 0.0,
                time: unit(units.time_decades),
                states: (0..path.dimension())
                    .map(|_| unit(units.state_decades))
                    .collect(),
            };
            let system = canonical.restored(&scaling);
            let path = path.restored(&scaling);
            (
                system.map_err(|_| Rejection::ConstantOutOfRange)?,
                path.map_err(|_| Rejection::ConstantOutOfRange)?,
            )
        } else {
            (canonical.clone(), path)
        };
        let (skeleton, constants) = system.parts().map_err(|_| Rejection::TooManyTokens)?;
        Ok(Sample {
            index,
            initial: trajectory.state(0).to_vec(),
            system,
            skeleton,
            constants,
            trajectory,
        })
    }
}

/// `points` equidistant times from `first` to `last`, both exact.
pub fn grid(first: f64, last: f64, points: usize) -> Vec<f64> {
    let steps = points.saturating_sub(1).max(1) as f64;
    (0..points)
        .map(|i| {
            let share = i as f64 / steps;
            if i + 1 == points {
                last
            } else {
                first + share * (last - first)
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampler(seed: u64, interleave: u64) -> Sampler {
        let text = format!("[system]\nconstants = 3\ninitials = 2\ninterleave = {interleave}");
        Sampler::new(crate::Config::from_toml(&text).unwrap(), seed)
    }

    #[test]
    fn addresses_cover_every_solution_of_every_skeleton_once() {
        let sampler = sampler(0, 4);
        let mut seen: Vec<_> = (0..48)
            .map(|i| {
                let address = sampler.address(i);
                assert_eq!(sampler.index(address), i);
                address
            })
            .map(|a| (a.skeleton, a.constants, a.initial))
            .collect();
        assert_eq!(&seen[..3], [(0, 0, 0), (1, 0, 0), (2, 0, 0)]);
        assert_eq!(&seen[3..6], [(3, 0, 0), (0, 0, 1), (1, 0, 1)]);
        seen.sort_unstable();
        let of = |s| (0..3).flat_map(move |c| (0..2).map(move |k| (s, c, k)));
        let expected: Vec<_> = (0..8).flat_map(of).collect();
        assert_eq!(seen, expected);
    }

    #[test]
    fn initial_states_share_constants_and_sets_differ() {
        let sampler = sampler(2, 16);
        let mut laws: std::collections::BTreeMap<(u64, u64), Vec<f64>> = Default::default();
        let mut compared = 0;
        for sample in sampler.block(0).into_iter().flatten() {
            let Address {
                skeleton,
                constants,
                ..
            } = sampler.address(sample.index);
            let earlier = laws.insert((skeleton, constants), sample.constants.clone());
            compared += usize::from(earlier.is_some());
            assert!(earlier.is_none_or(|e| e == sample.constants));
        }
        assert!(compared > 3, "{compared}");
        let sets = laws.values().map(|c| format!("{c:?}"));
        let distinct: std::collections::BTreeSet<_> = sets.collect();
        assert_eq!(distinct.len(), laws.len());
    }

    #[test]
    fn a_block_is_its_samples_one_by_one() {
        let sampler = sampler(1, 16);
        let block = sampler.block(2);
        assert_eq!(block.len(), 96);
        for (i, sample) in block.iter().enumerate() {
            assert_eq!(*sample, sampler.sample(192 + i as u64), "{i}");
        }
        assert!(block.iter().filter(|s| s.is_ok()).count() > 3);
    }

    #[test]
    fn grids_end_where_they_should() {
        let times = grid(0.1, 0.7, 7);
        assert_eq!((times[0], times[6], times.len()), (0.1, 0.7, 7));
        assert!(times.windows(2).all(|w| w[0] < w[1]));
    }
}
