//! `nsode train`: a network from a configuration, into a checkpoint directory; and how its training went.

mod curves;

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use clap::Args;
use nsode_model::Error as ModelError;
use nsode_model::config::{GeneratorSource, TrainConfig, Valid};
use nsode_model::metrics::{Line, Unseen};
use nsode_model::train::{Event, Options, Progress, train};

use crate::commands::generate::unfit;
use crate::fault::Fault;
use crate::output::{file, make_directory};
use crate::progress::{Bar, line, warn};
use crate::sources::Place;
use crate::{Outcome, configuration, stop};

/// The configuration of a run, beside its checkpoint.
const RECORD: &str = "train.toml";

const EXAMPLES: &str = "\
Examples:
  nsode train --config data/configs/train-tiny.toml --out out/tiny
  nsode train --config data/configs/train-tiny.toml --out out/tiny --resume
  nsode train --config data/configs/train-tiny.toml --from out/tiny --decay 4 --out out/final
  nsode train --plot out/tiny

Ctrl-C saves the run and stops it; --resume goes on with it as if nothing had happened. A GPU needs \
the libtorch 2.11.0 with CUDA on LD_LIBRARY_PATH.";

/// The options as they are typed.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, mut_arg("device", |device| device.help("Where to compute")))]
pub struct Arguments {
    /// Network, optimizer, samples (TOML)
    #[arg(long, value_name = "F.toml", required_unless_present = "plot")]
    config: Option<PathBuf>,
    /// Read samples from this corpus; without it they are drawn on the way
    #[arg(long, value_name = "DIR")]
    corpus: Option<PathBuf>,
    /// Checkpoint directory; made if it is not there [default: out/ and the configuration's name]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Go on with the run in the checkpoint directory
    #[arg(long)]
    resume: bool,
    /// Begin with the run in this directory, which stays as it is, or with a network's weights, if it has no run; a
    /// network that is smaller than the configured one is grown
    #[arg(long, value_name = "DIR", conflicts_with = "resume")]
    from: Option<PathBuf>,
    /// Let the learning rate fall to zero over so many steps from here, and end there
    #[arg(long, value_name = "STEPS", requires = "from", value_parser = clap::value_parser!(u64).range(1..))]
    decay: Option<u64>,
    #[command(flatten)]
    device: Place,
    /// Stop after so many minutes, saved, as Ctrl-C does
    #[arg(long, value_name = "M")]
    minutes: Option<f64>,
    /// Train nothing; draw how the run in this directory went, as training.svg and training.png, there or
    /// in --out
    #[arg(
        long,
        value_name = "DIR",
        conflicts_with_all = ["config", "corpus", "resume", "from", "decay", "minutes"]
    )]
    plot: Option<PathBuf>,
}

/// What is asked for, checked.
#[derive(Debug)]
pub enum Action {
    /// Train.
    Train(Box<Config>),
    /// Draw how a run went.
    Draw {
        /// The run.
        directory: PathBuf,
        /// Where the pictures go.
        out: PathBuf,
    },
}

/// A run, checked.
#[derive(Debug)]
pub struct Config {
    train: Valid<TrainConfig>,
    options: Options,
    limit: Option<Duration>,
}

impl Arguments {
    /// Reads the configuration and makes the directory.
    ///
    /// # Errors
    /// A problem for a configuration that is none, or a directory that can't be written to.
    pub fn validated(self) -> Result<Action, Fault> {
        let config = match (self.config, self.plot) {
            (Some(config), _) => config,
            (None, Some(directory)) => {
                let out = self.out.unwrap_or_else(|| directory.clone());
                return Ok(Action::Draw { directory, out });
            }
            // clap has one of them
            (None, None) => return Err(Fault::new("--config is missing", "Give it, or --plot.")),
        };
        let limit = match self.minutes {
            None => None,
            Some(minutes) => match Duration::try_from_secs_f64(minutes * 60.0) {
                Ok(limit) if !limit.is_zero() => Some(limit),
                _ => {
                    return Err(Fault::new(
                        format!("--minutes {minutes} is out of range"),
                        "Give a number above 0.",
                    ));
                }
            },
        };
        let train = read(&config)?;
        let name = config.file_stem().unwrap_or_default();
        let out = self.out.unwrap_or_else(|| Path::new("out").join(name));
        make_directory(&out, "--out")?;
        Ok(Action::Train(Box::new(Config {
            train,
            options: Options {
                out,
                resume: self.resume,
                from: self.from,
                decay: self.decay,
                device: self.device.into(),
                corpus: self.corpus,
            },
            limit,
        })))
    }
}

/// The configuration in `path`, errors with their place in it.
fn read(path: &Path) -> Result<Valid<TrainConfig>, Fault> {
    let text = std::fs::read_to_string(path).map_err(|error| Fault::unreadable(path, &error))?;
    // The library's reader names no place.
    if let Err(error) = toml::from_str::<TrainConfig>(&text) {
        return Err(configuration::syntax(path, &text, &error));
    }
    let config = TrainConfig::from_file(path).map_err(|error| match error {
        ModelError::Field {
            field,
            found,
            range,
        } => {
            let message = format!("{field} is {found}");
            let remedy = format!("It must be {range}.");
            configuration::field(path, &text, &field, &message, &remedy)
        }
        error @ ModelError::Io { .. } => error.into(),
        error => Fault::plain(format!("{}: {error}", path.display())),
    })?;
    if let GeneratorSource::Inline(table) = &config.generator {
        // Before anything else is done, and with its place.
        nsode_generator::Config::from_toml(&table.to_string())
            .map_err(|error| unfit(path, &text, "generator", error))?;
    }
    Ok(config)
}

/// Does what is asked for.
///
/// # Errors
/// Those of the training, or of the drawing.
pub fn run(action: Action) -> Result<Outcome, Fault> {
    match action {
        Action::Train(config) => go(&config),
        Action::Draw { directory, out } => curves::draw(&directory, &out),
    }
}

/// Trains, until the configuration's last step, the time limit, or Ctrl-C.
fn go(config: &Config) -> Result<Outcome, Fault> {
    let stop = stop::flag();
    if let Some(limit) = config.limit {
        std::thread::spawn(move || {
            std::thread::sleep(limit);
            stop.store(true, std::sync::atomic::Ordering::SeqCst);
        });
    }
    let watcher = Watcher {
        config,
        bar: Mutex::new(None),
    };
    let summary = train(&config.train, &config.options, &watcher, stop)?;
    drop(watcher);
    let out = config.options.out.display();
    let (step, steps) = (summary.step, summary.steps);
    if summary.finished {
        line(&format!(
            "done: {steps} steps in {:.0} s, {} weights; checkpoint in {out}",
            summary.seconds, summary.parameters
        ));
        return Ok(Outcome::Done);
    }
    line(&format!(
        "stopped at step {step} of {steps}; checkpoint in {out}; --resume goes on"
    ));
    match stop::by_user() {
        true => Ok(Outcome::Interrupted),
        false => Ok(Outcome::Done),
    }
}

/// Tells on standard error how a run goes.
struct Watcher<'a> {
    config: &'a Config,
    bar: Mutex<Option<(Bar, String)>>,
}

impl Watcher<'_> {
    /// Writes the configuration beside the checkpoint.
    fn record(&self) -> Result<(), String> {
        let text = toml::to_string(&*self.config.train).map_err(|e| e.to_string())?;
        let path = self.config.options.out.join(RECORD);
        file(&path, "--out", |out| out.write_all(text.as_bytes()))
            .map_err(|_| path.display().to_string())
    }
}

impl Progress for Watcher<'_> {
    fn event(&self, event: &Event) {
        let mut bar = self.bar.lock().unwrap_or_else(|e| e.into_inner());
        match event {
            Event::Started {
                step,
                steps,
                parameters,
                precision,
                attention,
                peak,
            } => {
                line(&format!(
                    "{parameters} weights, {precision:?}, {:.0} GFLOP/s, attention {attention}; from step {step} to {steps}",
                    peak / 1e9
                ));
                if let Err(message) = self.record() {
                    warn(&format!("the configuration was not written: {message}"));
                }
                let template = "{wide_bar} {human_pos}/{human_len} steps, {msg}, {eta} left";
                *bar = Some((Bar::new(*steps, template), String::new()));
            }
            Event::Step { step } => {
                if let Some((bar, message)) = bar.as_mut() {
                    bar.set(*step, || message.clone());
                }
            }
            Event::Line(Line::Train(m)) => {
                if let Some((_, message)) = bar.as_mut() {
                    *message = format!("loss {:.3}", m.loss);
                }
                line(&format!(
                    "step {:>7}  loss {:.4} (skeleton {:.4}, constants {:.4})  rate {:.2e}  {:.0} samples/s  {:.0} ms/step  MFU {:.1} %",
                    m.step,
                    m.loss,
                    m.skeleton,
                    m.constants,
                    m.learning_rate,
                    m.samples_per_second,
                    m.step_ms,
                    100.0 * m.mfu
                ));
            }
            Event::Line(Line::Validation(v)) => {
                let text = |u: &Unseen| {
                    let mut text = format!(
                        "skeleton {:.4}, constants {:.4}, {:.1} % found",
                        u.skeleton,
                        u.constants,
                        100.0 * u.greedy
                    );
                    if let Some(beam) = &u.beam {
                        let [ten, fifty] = [beam.ten, beam.fifty].map(|share| 100.0 * share);
                        text += &format!(", {ten:.1} % among 10, {fifty:.1} % among 50");
                    }
                    text
                };
                line(&format!(
                    "step {:>7}  unseen: clean {}; noisy {}",
                    v.step,
                    text(&v.clean),
                    text(&v.noisy)
                ));
            }
            Event::Saved { step } => tracing::info!(step, "saved"),
            Event::Warning(text) => warn(text),
            _ => {}
        }
    }
}
