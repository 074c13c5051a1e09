//! Who is asked for laws: `--proposers`, `--candidates`, `--checkpoint` and `--device`, as several verbs have
//! them, checked and made into proposers.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use nsode_eval::Proposer;
use nsode_eval::propose::filter::Filter;
use nsode_eval::propose::frequent::Frequent;
use nsode_eval::propose::proposer::{Choice, ProposerKind};
use nsode_eval::propose::sparse::Sparse;
use nsode_eval::propose::transformer::{BEAMS, Transformer};
use nsode_model::predictor::Predictor;
use nsode_model::{CheckpointProblem, Device, Error as ModelError};

use crate::cli::DeviceArgument;
use crate::fault::Fault;
use crate::locate;

/// Laws of a proposer, at most: a beam of so many takes some ten seconds and a gigabyte.
const MOST_CANDIDATES: usize = 2000;

/// The options that name proposers and the network, as they are typed.
#[derive(Debug, Args)]
pub struct SourceArguments {
    /// Who proposes laws: transformer, sparse (regression), frequent (common formulas, whatever the data), local
    /// (variants of the best), all four by default; guess (the --guess alone). NAME:K asks for K laws
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    proposers: Vec<Choice>,
    /// Laws asked of each proposer that has no number of its own
    #[arg(long, value_name = "K")]
    candidates: Option<usize>,
    /// The trained network, or a directory with two, scalar and systems: one for laws of one state, one for laws of
    /// more [default: $NSODE_CHECKPOINT, or those that come with the program]
    #[arg(long, value_name = "DIR")]
    checkpoint: Option<PathBuf>,
    #[command(flatten)]
    device: Place,
}

/// The option that says where a network computes, as it is typed.
#[derive(Debug, Args)]
pub struct Place {
    /// Where the network computes
    #[arg(
        long,
        value_name = "cpu|cuda",
        value_enum,
        default_value_t,
        hide_possible_values = true
    )]
    device: DeviceArgument,
}

impl From<Place> for Device {
    fn from(place: Place) -> Device {
        place.device.into()
    }
}

impl SourceArguments {
    /// Checks that somebody proposes laws; `guessed` says whether the user does.
    ///
    /// # Errors
    /// A problem that names the option.
    pub fn validated(self, guessed: bool) -> Result<Sources, Fault> {
        if self.candidates == Some(0) {
            return Err(Fault::new("--candidates 0 does nothing", "Give 1 or more."));
        }
        let counts = self.proposers.iter().map(|choice| choice.count);
        if let Some(count) = counts.chain([self.candidates]).flatten().max()
            && count > MOST_CANDIDATES
        {
            return Err(Fault::new(
                format!("{count} laws of one proposer are too many"),
                format!("Ask for {MOST_CANDIDATES} at most."),
            ));
        }
        let mut choices = match self.proposers.is_empty() {
            true => Choice::usual(),
            false => self.proposers,
        };
        // Variants are made of what there is: their number is not chosen.
        let counted =
            |c: &&mut Choice| !matches!(c.kind, ProposerKind::Local | ProposerKind::Guess);
        for choice in choices.iter_mut().filter(counted) {
            choice.count = choice.count.or(self.candidates);
        }
        Sources::new(choices, guessed, self.checkpoint, self.device.into())
    }
}

/// Who is asked.
#[derive(Clone, Debug)]
pub struct Sources {
    choices: Vec<Choice>,
    /// The network.
    pub network: Network,
}

/// Whether and which network is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Network {
    /// None was asked for.
    No,
    /// Of these, the one for as many states as the data have.
    At {
        /// Directory of its checkpoint, or of several.
        directory: PathBuf,
        /// Where it computes.
        device: Device,
        /// Laws it is asked for.
        beams: usize,
        /// Whether nobody else is asked, so that there is no answer without it.
        alone: bool,
    },
    /// One would be asked, but there is none.
    Missing,
}

impl Sources {
    fn new(
        choices: Vec<Choice>,
        guessed: bool,
        checkpoint: Option<PathBuf>,
        device: Device,
    ) -> Result<Sources, Fault> {
        for (i, choice) in choices.iter().enumerate() {
            if choices.iter().take(i).any(|c| c.kind == choice.kind) {
                return Err(Fault::new(
                    format!("--proposers names {} twice", choice.kind),
                    "Name each once.",
                ));
            }
        }
        let find = |kind| choices.iter().find(|choice| choice.kind == kind);
        if find(ProposerKind::Guess).is_some() && !guessed {
            return Err(Fault::new(
                "--proposers guess: there is no guess",
                "Write a law with infer's --guess, such as --guess \"r*y*(1 - y/K)\".",
            ));
        }
        let others = guessed
            || find(ProposerKind::Sparse).is_some()
            || find(ProposerKind::Told).is_some()
            || find(ProposerKind::Frequent).is_some();
        let network = match find(ProposerKind::Transformer) {
            None if !others => {
                return Err(Fault::new(
                    "--proposers local: there is nothing that it could make variants of",
                    "Add sparse or transformer.",
                ));
            }
            None => Network::No,
            Some(choice) => match checkpoint.or_else(locate::checkpoints) {
                Some(directory) => Network::At {
                    directory,
                    device,
                    beams: choice.count.unwrap_or(BEAMS),
                    alone: !others,
                },
                None if others => Network::Missing,
                None => {
                    return Err(Fault::new(
                        "--proposers transformer: there is no checkpoint of a trained network",
                        "Name one with --checkpoint, or train one with `nsode train`.",
                    ));
                }
            },
        };
        Ok(Sources { choices, network })
    }

    /// Whether the true shape is told.
    pub fn told(&self) -> bool {
        self.choices.iter().any(|c| c.kind == ProposerKind::Told)
    }

    /// Whether variants of the best candidates are tried.
    pub fn local(&self) -> bool {
        self.choices.iter().any(|c| c.kind == ProposerKind::Local)
    }

    /// Whether these are the usual ones.
    pub fn usual(&self) -> bool {
        let usual = Choice::usual();
        self.choices.len() == usual.len() && usual.iter().all(|c| self.choices.contains(c))
    }

    /// The names of all, as they were chosen.
    pub fn names(&self) -> Vec<String> {
        self.choices.iter().map(Choice::to_string).collect()
    }

    /// The checkpoint that is asked about systems of so many states.
    pub fn checkpoint(&self, states: usize) -> Option<PathBuf> {
        match &self.network {
            Network::At { directory, .. } => Some(locate::checkpoint(directory, states)),
            _ => None,
        }
    }

    /// Begins to load a network, if one is asked about systems of so many states; [`await_weights`] tells how that ended.
    ///
    /// # Errors
    /// What is wrong with its checkpoint.
    pub fn begin(&self, states: usize) -> Result<Option<Arc<Predictor>>, Fault> {
        match &self.network {
            Network::At {
                directory, device, ..
            } => {
                let directory = locate::checkpoint(directory, states);
                let network = Predictor::begin(&directory, *device).map_err(unusable)?;
                Ok(Some(Arc::new(network)))
            }
            _ => Ok(None),
        }
    }

    /// Everybody who proposes, the network among them if it is given; none proposes what `filter` refuses.
    pub fn proposers(
        &self,
        network: Option<Arc<Predictor>>,
        filter: &Filter,
    ) -> Vec<Box<dyn Proposer>> {
        let mut proposers: Vec<Box<dyn Proposer>> = Vec::new();
        if let (Some(network), Network::At { beams, .. }) = (network, &self.network) {
            proposers.push(Box::new(
                Transformer::new(network, *beams).admitting(filter.clone()),
            ));
        }
        for choice in &self.choices {
            match choice.kind {
                ProposerKind::Sparse => {
                    proposers.push(Box::new(Sparse {
                        candidates: choice.count,
                        filter: filter.clone(),
                    }));
                }
                ProposerKind::Frequent => {
                    proposers.push(Box::new(Frequent {
                        count: choice.count,
                        filter: filter.clone(),
                    }));
                }
                _ => {}
            }
        }
        proposers
    }
}

/// Waits for the weights of a network that began to load.
///
/// # Errors
/// What is wrong with them.
pub fn await_weights(network: Option<&Predictor>) -> Result<(), Fault> {
    network.map_or(Ok(()), |network| network.ready().map_err(unusable))
}

fn unusable(error: ModelError) -> Fault {
    match error {
        ModelError::Checkpoint {
            file,
            problem: CheckpointProblem::Missing,
            ..
        } => Fault::new(
            format!("{} is missing: there is no checkpoint", file.display()),
            "Name the directory of a trained network with --checkpoint, or one that has such directories named \
             scalar and systems, or go on without one with --proposers sparse.",
        ),
        error => error.into(),
    }
}
