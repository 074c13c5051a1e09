//! Validation: cross-entropies and shares of laws found, on samples that are not trained on, as a whole
//! and by kind of law.

use nsode_parser::skeleton::Skeleton;
use nsode_parser::token::Token;

use super::means::{add, pair};
use crate::Error;
use crate::batch::Batch;
use crate::checkpoint::vocabulary;
use crate::decode::ensemble::Ensemble;
use crate::decode::search::{Search, Strategy, search};
use crate::metrics::{Beam, Group, Unseen};
use crate::network::Network;
use crate::parameters::to_host;
use crate::vocabulary::Vocabulary;

/// Width of the beam.
const WIDTH: usize = 50;
/// The narrower one that is looked at too: the first candidates of the wide one.
const NARROW: usize = 10;
/// Samples that are decoded together.
const TOGETHER: usize = 16;

/// A sample and what became of it.
struct Found<'a> {
    skeleton: &'a Skeleton,
    /// Whether taking the most likely token each time finds it.
    greedy: bool,
    /// Whether it was searched for, and then its place among the beam's candidates.
    place: Option<Option<usize>>,
}

/// Means over `batches`; a beam over `beam` samples of them, as many of each: batches are cut from sorted lengths.
///
/// # Errors
/// [`Error::Torch`], and those of decoding.
pub(super) fn unseen(network: &Network, batches: &[Batch], beam: usize) -> Result<Unseen, Error> {
    let torch = Error::torch("validation");
    let vocabulary = vocabulary(network.config())?;
    let _guard = tch::no_grad_guard();
    let (mut skeleton, mut constants, mut counts) = (0.0, 0.0, [0; 2]);
    let mut found: Vec<Found> = Vec::new();
    let mut left = beam;
    let each = beam.div_ceil(batches.len().max(1));
    for batch in batches {
        let memory = network.encode(&batch.encoder);
        let (losses, right) = network.evaluate(&memory, &batch.targets);
        let [of_tokens, of_constants] = pair(&losses.sums).map_err(&torch)?;
        skeleton += of_tokens;
        constants += of_constants;
        add(&mut counts, losses.counts);
        let right = to_host(&right).map_err(&torch)?;
        let places = places(network, &vocabulary, batch, each.min(left))?;
        left -= places.len();
        let places = places.into_iter().map(Some).chain(std::iter::repeat(None));
        let rows = batch.skeletons.iter().zip(right).zip(places);
        found.extend(rows.map(|((skeleton, right), place)| Found {
            skeleton,
            greedy: right > 0.5,
            place,
        }));
    }
    let all: Vec<&Found> = found.iter().collect();
    let whole = group(String::new(), &all);
    Ok(Unseen {
        skeleton: skeleton / counts[0].max(1) as f64,
        constants: constants / counts[1].max(1) as f64,
        greedy: whole.greedy,
        beam: whole.beam,
        groups: groups(&all),
    })
}

/// The place of the true skeleton among the candidates, for the first `count` samples of a batch.
fn places(
    network: &Network,
    vocabulary: &Vocabulary,
    batch: &Batch,
    count: usize,
) -> Result<Vec<Option<usize>>, Error> {
    let options = Search {
        width: WIDTH,
        max_tokens: network.config().max_tokens,
        strategy: Strategy::Beam,
    };
    let mut places = Vec::new();
    let truths = batch.skeletons.get(..count.min(batch.rows)).unwrap_or(&[]);
    for (chunk, truths) in truths.chunks(TOGETHER).enumerate() {
        let part = batch.encoder.part(chunk * TOGETHER, truths.len());
        let memory = network.encode(&part);
        let mut model = Ensemble::new(network, memory, &vec![1; truths.len()]);
        let dimensions: Vec<usize> = truths.iter().map(Skeleton::dimension).collect();
        let outcomes = search(&mut model, &dimensions, &options, vocabulary)?;
        places.extend(truths.iter().zip(outcomes).map(|(truth, outcome)| {
            let mut found = outcome.found.iter();
            found.position(|candidate| candidate.skeleton == *truth)
        }));
    }
    Ok(places)
}

fn share(count: usize, of: usize) -> f64 {
    count as f64 / of.max(1) as f64
}

fn group(name: String, samples: &[&Found]) -> Group {
    let searched: Vec<Option<usize>> = samples.iter().filter_map(|s| s.place).collect();
    let within = |n: usize| {
        let inside = searched.iter().flatten().filter(|&&place| place < n);
        share(inside.count(), searched.len())
    };
    Group {
        name,
        samples: samples.len(),
        greedy: share(samples.iter().filter(|s| s.greedy).count(), samples.len()),
        beam: (!searched.is_empty()).then(|| Beam {
            samples: searched.len(),
            first: within(1),
            ten: within(NARROW),
            fifty: within(WIDTH),
        }),
    }
}

/// By length, and by what a law has in it; a law can be in several of the latter.
fn groups(samples: &[&Found]) -> Vec<Group> {
    let lengths = [(1, 3), (4, 6), (7, 10), (11, 15), (16, usize::MAX)];
    let by_length = lengths.into_iter().map(|(low, high)| {
        let name = match high {
            usize::MAX => format!("{low} and more tokens"),
            _ => format!("{low} to {high} tokens"),
        };
        let inside = |s: &&&Found| (low..=high).contains(&s.skeleton.tokens().len());
        (name, samples.iter().filter(inside).copied().collect())
    });
    let kinds: [(&str, &[Token]); 6] = [
        ("exponentials", &[Token::Exp]),
        ("logarithms", &[Token::Log]),
        ("sines", &[Token::Sin, Token::Cos, Token::Tan]),
        ("tanh", &[Token::Tanh]),
        (
            "reciprocals",
            &[Token::Inverse, Token::InverseSquare, Token::InverseCube],
        ),
        ("roots", &[Token::Sqrt, Token::InverseSqrt, Token::Power]),
    ];
    let any = |s: &Found, tokens: &[Token]| s.skeleton.tokens().iter().any(|t| tokens.contains(t));
    let polynomial = |s: &&&Found| !kinds.iter().any(|(_, tokens)| any(s, tokens));
    let polynomials = samples.iter().filter(polynomial).copied().collect();
    let by_kind = kinds.iter().map(|(name, tokens)| {
        let inside = samples.iter().filter(|s| any(s, tokens)).copied();
        (format!("with {name}"), inside.collect())
    });
    by_length
        .chain([("polynomials".to_owned(), polynomials)])
        .chain(by_kind)
        .filter(|(_, samples): &(String, Vec<&Found>)| !samples.is_empty())
        .map(|(name, samples)| group(name, &samples))
        .collect()
}
