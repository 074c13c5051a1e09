//! From the generator's samples to the tensors of a training step.
//!
//! A sample is a law and its exact solution. What the network sees is an observation of it, normalised
//! by what was observed; what it must write is the law in those units ([`nsode_parser::Scaling`] changes
//! it exactly). Laws that it cannot write are left out.
//!
//! Everything random is a function of seed and number, whatever thread does it: batches come in *pools*.
//! Pool `p` is made of the generator's blocks `p·2²⁰` and on, as many as it takes to fill it; from a
//! corpus, of its `p`-th piece.

use std::collections::BTreeMap;

use nsode_generator::config::Observation;
use nsode_generator::observe::Observer;
use nsode_generator::sampler::{Sample, Sampler};
use nsode_parser::skeleton::Skeleton;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use tch::Tensor;

use crate::Error;
use crate::config::{ModelConfig, Valid};
use crate::corpus::Shuffled;
use crate::inputs::{self, EncoderBatch};
use crate::network::loss::TargetBatch;
use crate::random::{shuffle, stream};
use crate::vocabulary::{BOS, FIRST_BIN, PAD, Symbol, Vocabulary};

/// Blocks that a pool may draw from.
const BLOCKS: u64 = 1 << 20;
/// Draws for one pool, in units of its size, after which the generator counts as starved.
const PATIENCE: u64 = 1000;
/// Added to the seed of the samples, for the seed of their observations.
const OBSERVE: u64 = 0x6f62_7365_7276_6500;
/// Added to the seed of the samples, for the seed of the order of a pool's batches.
const ORDER: u64 = 0x6f72_6465_7200_0000;

/// What is computed at once: the batch of a training step, or a part of it.
pub(crate) struct Batch {
    pub(crate) encoder: EncoderBatch,
    pub(crate) targets: TargetBatch,
    /// What is to be found, one a sample.
    pub(crate) skeletons: Vec<Skeleton>,
    /// Samples.
    pub(crate) rows: usize,
    /// Places of the decoder's input that are no padding, all rows together.
    pub(crate) places: usize,
}

/// Batches that were drawn together.
pub(crate) struct Pool {
    /// A training step an entry: its batch, in the parts that it is computed in.
    pub(crate) steps: Vec<Vec<Batch>>,
    /// Draws of the generator that it took; from a corpus, as many as it has samples.
    pub(crate) draws: u64,
}

/// A sample, ready for a batch.
#[derive(Clone)]
struct Row {
    features: Vec<f32>,
    /// `BOS` and the whole sequence but its last place.
    input: Vec<Symbol>,
    /// The whole sequence.
    output: Vec<Symbol>,
    skeleton: Skeleton,
}

/// Where samples come from.
pub(crate) enum Origin {
    /// Drawn when they are needed.
    Drawn(Box<Sampler>),
    /// Read from disk.
    Read(Box<Shuffled>),
}

/// Makes batches.
pub(crate) struct Source {
    pub(crate) origin: Origin,
    /// Seed of the observations and of the order of a pool's batches.
    pub(crate) seed: u64,
    /// How solutions are observed.
    pub(crate) observation: Observation,
    pub(crate) model: Valid<ModelConfig>,
    pub(crate) vocabulary: Vocabulary,
    /// Share of the skeleton's tokens that the decoder is fed blank.
    pub(crate) forget: f64,
    /// Times that a solution which was drawn is observed.
    pub(crate) observations: usize,
    /// Samples a batch.
    pub(crate) batch: usize,
    /// Of these, computed at once.
    pub(crate) part: usize,
    /// Batches a pool.
    pub(crate) pool: usize,
}

impl Source {
    /// Batches a pool.
    pub(crate) fn pool_size(&self) -> u64 {
        self.pool as u64
    }

    /// Pool number `number`.
    ///
    /// # Errors
    /// [`Error::Starved`] if hardly any draw becomes a sample; [`Error::Generator`] for a corpus that
    /// cannot be read; [`Error::Torch`].
    pub(crate) fn pool(&self, number: u64) -> Result<Pool, Error> {
        let (mut rows, draws) = match &self.origin {
            Origin::Drawn(sampler) => self.draw(sampler, number)?,
            Origin::Read(corpus) => self.read(corpus, number)?,
        };
        if self.pool > 1 {
            rows.sort_by_key(|row| row.input.len()); // stable: like lengths stay in random order
        }
        let parts = |rows: &[Row]| {
            rows.chunks(self.part)
                .map(|part| self.collate(part))
                .collect()
        };
        let mut steps = rows
            .chunks(self.batch)
            .map(parts)
            .collect::<Result<Vec<_>, _>>()?;
        shuffle(&mut steps, &mut self.stream(ORDER, number));
        Ok(Pool { steps, draws })
    }

    fn wanted(&self) -> usize {
        self.batch * self.pool
    }

    fn stream(&self, purpose: u64, number: u64) -> ChaCha8Rng {
        stream(self.seed.wrapping_add(purpose), number)
    }

    /// The rows of a pool from the generator, and how many draws they took, each as often as its solution is observed.
    fn draw(&self, sampler: &Sampler, number: u64) -> Result<(Vec<Row>, u64), Error> {
        let wanted = self.wanted();
        let mut rows = Vec::with_capacity(wanted);
        let mut draws = 0;
        let mut refusals = Refusals::default();
        for block in 0..BLOCKS {
            for sample in sampler.block(number.wrapping_mul(BLOCKS) + block) {
                draws += self.observations as u64;
                match sample {
                    Ok(sample) => self.observe(&sample, &mut rows, &mut refusals),
                    Err(rejection) => {
                        *refusals.entry(rejection.name().to_owned()).or_default() += 1;
                    }
                }
                if rows.len() >= wanted {
                    rows.truncate(wanted);
                    return Ok((rows, draws));
                }
            }
            if draws > PATIENCE * wanted as u64 {
                break;
            }
        }
        Err(starved(draws, refusals))
    }

    /// The rows of a pool from a corpus. For samples that the model cannot write, others of the pool
    /// stand in.
    fn read(&self, corpus: &Shuffled, number: u64) -> Result<(Vec<Row>, u64), Error> {
        let wanted = self.wanted();
        let first = number.wrapping_mul(wanted as u64);
        let samples = corpus.samples(first, wanted)?;
        let mut refusals = Refusals::default();
        let mut rows = Vec::with_capacity(wanted);
        for (place, sample) in samples.into_iter().enumerate() {
            // each time through the corpus, a sample is observed anew
            let observation = first.wrapping_add(place as u64);
            match sample.and_then(|sample| self.row(&sample, observation)) {
                Ok(row) => rows.push(row),
                Err(reason) => *refusals.entry(reason).or_default() += 1,
            }
        }
        if rows.is_empty() {
            return Err(starved(wanted as u64, refusals));
        }
        for place in 0..wanted - rows.len() {
            rows.push(rows[place].clone());
        }
        Ok((rows, wanted as u64))
    }

    /// Appends a sample that was drawn, as often as it is to be observed, where it is of use.
    fn observe(&self, sample: &Sample, rows: &mut Vec<Row>, refusals: &mut Refusals) {
        let times = self.observations as u64;
        for time in 0..times {
            let observation = sample.index.wrapping_mul(times).wrapping_add(time);
            match self.row(sample, observation) {
                Ok(row) => rows.push(row),
                Err(reason) => *refusals.entry(reason).or_default() += 1,
            }
        }
    }

    /// A sample as it is observed, by the draw of that number; the reason where it is no use.
    fn row(&self, sample: &Sample, observation: u64) -> Result<Row, String> {
        let mut rng = self.stream(OBSERVE, observation);
        let observer = Observer::draw(&self.observation, &mut rng);
        let observed = observer.observe_solution(&sample.trajectory, &sample.system, &mut rng);
        let text = |error: &dyn std::fmt::Display| error.to_string();
        let scaling = observed.scaling().map_err(|e| text(&e))?;
        let observed = observed.normalised(&scaling).map_err(|e| text(&e))?;
        let law = sample.system.rescaled(&scaling).map_err(|e| text(&e))?;
        let (skeleton, constants) = law.parts().map_err(|e| text(&e))?;
        if skeleton.tokens().len().max(constants.len()) > self.model.max_tokens {
            return Err("more tokens than the model writes".to_owned());
        }
        let mut output = self
            .vocabulary
            .encode(&skeleton, &constants)
            .map_err(|e| text(&e))?;
        output.pop(); // the grammar knows the end
        let mut input = Vec::with_capacity(output.len());
        input.push(Symbol::plain(BOS));
        for symbol in output.iter().take(output.len().saturating_sub(1)) {
            // `BOS` again is the blank: it counts as a token of the skeleton, so that positions stay as they are
            let forgotten =
                symbol.id < FIRST_BIN && self.forget > 0.0 && rng.random_bool(self.forget);
            input.push(if forgotten {
                Symbol::plain(BOS)
            } else {
                *symbol
            });
        }
        let features = inputs::features(&self.model, &[observed]).map_err(|e| text(&e))?;
        Ok(Row {
            features,
            input,
            output,
            skeleton,
        })
    }

    fn collate(&self, rows: &[Row]) -> Result<Batch, Error> {
        let features: Vec<&[f32]> = rows.iter().map(|row| row.features.as_slice()).collect();
        let encoder = EncoderBatch::from_rows(inputs::width(&self.model), &features)?;
        let targets = targets(rows).map_err(Error::torch("placing the targets"))?;
        Ok(Batch {
            encoder,
            targets,
            skeletons: rows.iter().map(|row| row.skeleton.clone()).collect(),
            rows: rows.len(),
            places: rows.iter().map(|row| row.input.len()).sum(),
        })
    }
}

fn targets(rows: &[Row]) -> Result<TargetBatch, tch::TchError> {
    let longest = rows.iter().map(|row| row.input.len()).max().unwrap_or(0);
    let mut ids = vec![i64::from(PAD); rows.len() * longest];
    let mut upper = vec![0.0_f32; rows.len() * longest];
    // skeleton tokens first, constants after them, wherever these stand in their rows
    let mut parts: [(Vec<i64>, Vec<i64>, Vec<f32>); 2] = Default::default();
    for (i, row) in rows.iter().enumerate() {
        let start = i * longest;
        for (place, symbol) in row.input.iter().enumerate() {
            ids[start + place] = i64::from(symbol.id);
            upper[start + place] = symbol.upper as f32;
        }
        for (place, symbol) in row.output.iter().enumerate() {
            let (places, target, weight) = &mut parts[usize::from(symbol.id >= FIRST_BIN)];
            places.push((start + place) as i64);
            target.push(i64::from(symbol.id));
            weight.push(symbol.upper as f32);
        }
    }
    let [skeleton, constants] = parts;
    let skeleton_tokens = skeleton.0.len() as i64;
    let shape = [rows.len() as i64, longest as i64];
    Ok(TargetBatch {
        ids: Tensor::f_from_slice(&ids)?.f_view(shape)?,
        upper: Tensor::f_from_slice(&upper)?.f_view(shape)?,
        places: Tensor::f_from_slice(&[skeleton.0, constants.0].concat())?,
        target: Tensor::f_from_slice(&[skeleton.1, constants.1].concat())?,
        target_upper: Tensor::f_from_slice(&[skeleton.2, constants.2].concat())?,
        skeleton_tokens,
    })
}

/// How often each reason was given.
type Refusals = BTreeMap<String, u64>;

fn starved(attempts: u64, refusals: Refusals) -> Error {
    let most = refusals.into_iter().max_by_key(|(_, count)| *count);
    Error::Starved {
        attempts,
        reason: most.map(|(reason, _)| reason).unwrap_or_default(),
    }
}
