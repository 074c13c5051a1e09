//! `nsode simulate`: from a formula to its solution, as it is or as it would be measured.

use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use nsode_generator::{Integration, Integrator, Observer, Trajectory};
use nsode_parser::infix::{MAX_TEXT, parse_system};
use nsode_parser::print::number;
use nsode_parser::tape::Tape;
use nsode_parser::{Names, System};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::Outcome;
use crate::fault::Fault;
use crate::output::{Target, check_file};

/// Most points of one solution.
const MOST_POINTS: usize = 10_000_000;

const EXAMPLES: &str = "\
Examples:
  nsode simulate \"0.79*y*(1 - y/74.3)\" --y0 7.3 --t 0:10:150
  nsode simulate \"-0.5*y + sin(t)\" --y0 -1 --t 0:20:200 --noise 0.05 --drop 0.5 --seed 1
  nsode simulate \"dx/dt = v; dv/dt = -x - 0.1*v\" --y0 1,0 --t 0:20:200 --out spring.csv
  echo \"x1*(1 - x2); x2*(x1 - 1)\" | nsode simulate - --y0 1,2 --t 0:20:100";

/// The options as they are typed.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Right-hand side, or equations separated by `;`; `-` reads them from standard input
    #[arg(value_name = "RHS", allow_hyphen_values = true)]
    formula: String,
    /// Initial values, one an equation, separated by commas
    #[arg(
        long,
        value_name = "Y,…",
        required = true,
        value_delimiter = ',',
        allow_hyphen_values = true
    )]
    y0: Vec<f64>,
    /// First time, last time, and number of times
    #[arg(long, value_name = "START:END:POINTS", allow_hyphen_values = true)]
    t: Grid,
    /// Multiplicative noise: each value y becomes y·(1 + σ·ε), ε standard normal
    #[arg(
        long,
        value_name = "σ",
        default_value_t = 0.0,
        allow_hyphen_values = true
    )]
    noise: f64,
    /// Share of the times that are dropped at random; five stay
    #[arg(
        long,
        value_name = "ρ",
        default_value_t = 0.0,
        allow_hyphen_values = true
    )]
    drop: f64,
    /// Seed of noise and dropping
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Write to this file, not to standard output
    #[arg(long, value_name = "F.csv")]
    out: Option<PathBuf>,
}

/// Evenly spaced times.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Grid {
    start: f64,
    end: f64,
    points: usize,
}

impl FromStr for Grid {
    type Err = String;

    fn from_str(text: &str) -> Result<Grid, String> {
        let parts: Vec<&str> = text.split(':').collect();
        let [start, end, points] = parts.as_slice() else {
            return Err("it takes three numbers, as in 0:10:150".to_string());
        };
        let time = |text: &str| match text.trim().parse::<f64>() {
            Ok(time) if time.is_finite() => Ok(time),
            _ => Err(format!("`{text}` is no time")),
        };
        let grid = Grid {
            start: time(start)?,
            end: time(end)?,
            points: points
                .trim()
                .parse()
                .map_err(|_| format!("`{points}` is no number of points"))?,
        };
        if !(2..=MOST_POINTS).contains(&grid.points) {
            return Err(format!("there must be 2 to {MOST_POINTS} points"));
        }
        if grid.start >= grid.end {
            return Err("the first time must be before the last one".to_string());
        }
        if !(grid.end - grid.start).is_finite() {
            return Err("the times are too far apart".to_string());
        }
        Ok(grid)
    }
}

impl Grid {
    fn times(self) -> Vec<f64> {
        let last = self.points - 1;
        // The ends exactly; no sum that rounding would carry away.
        let time = |i: usize| match i {
            0 => self.start,
            i if i == last => self.end,
            i => self.start + (self.end - self.start) * i as f64 / last as f64,
        };
        (0..self.points).map(time).collect()
    }
}

/// A solution to compute, checked.
#[derive(Debug)]
pub struct Config {
    system: System,
    names: Names,
    initial: Vec<f64>,
    times: Vec<f64>,
    observer: Observer,
    seed: u64,
    target: Target,
}

impl Arguments {
    /// Reads the formula and checks that everything fits together.
    ///
    /// # Errors
    /// A problem for a formula that does not parse, numbers out of range, or an unwritable file.
    pub fn validated(self) -> Result<Config, Fault> {
        let (name, text) = match self.formula.as_str() {
            "-" => ("standard input", read_stdin()?),
            _ => ("formula", self.formula),
        };
        let (system, names) =
            parse_system(&text, None).map_err(|error| Fault::formula(name, &text, &error))?;
        if self.y0.len() != system.dimension() {
            return Err(Fault::new(
                format!(
                    "--y0 has {}, the formula has {}",
                    counted(self.y0.len(), "value"),
                    counted(system.dimension(), "equation")
                ),
                format!(
                    "Give one value for each of {}, separated by commas.",
                    names.states.join(", ")
                ),
            ));
        }
        if let Some(value) = self.y0.iter().find(|y| !y.is_finite()) {
            return Err(Fault::new(
                format!("--y0 {value} is not finite"),
                "Give finite numbers.",
            ));
        }
        if !(self.noise.is_finite() && self.noise >= 0.0) {
            return Err(Fault::new(
                format!("--noise {} is out of range", self.noise),
                "Give a share of the value, 0 or more, such as 0.05.",
            ));
        }
        if !(0.0..1.0).contains(&self.drop) {
            return Err(Fault::new(
                format!("--drop {} is out of range", self.drop),
                "Give a share from 0 to below 1, such as 0.5.",
            ));
        }
        let times = self.t.times();
        if times.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err(Fault::new(
                format!(
                    "--t {}:{}:{}: the times are too close together to be different numbers",
                    self.t.start, self.t.end, self.t.points
                ),
                "Ask for fewer points, or shift the origin of time.",
            ));
        }
        let target = match self.out {
            Some(file) => {
                check_file(&file, "--out")?;
                Target::File(file)
            }
            None => Target::Stdout,
        };
        Ok(Config {
            system,
            names,
            initial: self.y0,
            times,
            observer: Observer {
                noise: self.noise,
                drop: self.drop,
                ..Observer::default()
            },
            seed: self.seed,
            target,
        })
    }
}

/// `1 value`, `2 values`.
fn counted(n: usize, what: &str) -> String {
    match n {
        1 => format!("1 {what}"),
        n => format!("{n} {what}s"),
    }
}

/// Standard input, or as much of it as is more than a formula may have.
fn read_stdin() -> Result<String, Fault> {
    let mut bytes = Vec::new();
    let limit = 16 * MAX_TEXT as u64;
    io::stdin()
        .lock()
        .take(limit)
        .read_to_end(&mut bytes)
        .map_err(|error| Fault::plain(format!("standard input: {error}")))?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = error.as_bytes().get(..valid).unwrap_or(&[]);
        let line = line.iter().filter(|b| **b == b'\n').count() + 1;
        Fault::new(
            format!("standard input, line {line}: byte {valid} is not text in UTF-8"),
            "Give the formula as text.",
        )
    })
}

/// Solves, observes, and writes.
///
/// # Errors
/// A problem where there is no solution up to the last time, or nowhere to write it.
pub fn run(config: Config) -> Result<Outcome, Fault> {
    let solution = solve(&config)?;
    let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
    let observed = config.observer.observe(&solution, &mut rng);
    config
        .target
        .fill("--out", |out| write_csv(out, &config.names, &observed))?;
    Ok(Outcome::Done)
}

fn solve(config: &Config) -> Result<Trajectory, Fault> {
    let size = config.initial.iter().fold(1.0_f64, |a, y| a.max(y.abs()));
    let integrator = Integrator {
        relative_tolerance: 1e-10,
        absolute_tolerance: 1e-13 * size,
        max_abs: 1e12 * size,
        max_steps: 10_000_000,
        // Stiff or not, the allowed steps are taken: one solution can wait for them.
        stiffness_check: u32::MAX,
    };
    let tape = Tape::compile(config.system.rhs());
    let outcome = integrator.integrate(&tape, &[], &config.initial, &config.times);
    let start = config.times.first().copied().unwrap_or(0.0);
    let (what, t) = match outcome {
        Integration::Complete(solution) => return Ok(solution),
        Integration::Diverged { t } => ("grows beyond all bounds", t),
        Integration::OutOfDomain { t } if t <= start => {
            return Err(Fault::new(
                "the right-hand side is not a finite number at the initial values",
                "Choose other initial values with --y0, or another start with --t.",
            ));
        }
        Integration::OutOfDomain { t } => ("reaches a place where the formula has no value", t),
        Integration::StepSizeUnderflow { t } => ("becomes infinitely steep", t),
        Integration::Stiff { t } => ("becomes too stiff to be followed", t),
        Integration::TooManySteps { t } => ("takes too many steps to be followed", t),
        _ => ("could not be followed", start),
    };
    Err(Fault::new(
        format!("the solution {what} at {} = {t}", config.names.time),
        "End before that with --t, or choose other initial values with --y0.",
    ))
}

/// The table with a header, numbers with all their digits, missing cells blank.
fn write_csv(out: &mut dyn Write, names: &Names, path: &Trajectory) -> io::Result<()> {
    writeln!(out, "{},{}", names.time, names.states.join(","))?;
    for (i, time) in path.times().iter().enumerate() {
        write!(out, "{}", number(*time))?;
        for value in path.state(i) {
            match value.is_nan() {
                true => write!(out, ",")?,
                false => write!(out, ",{}", number(*value))?,
            }
        }
        writeln!(out)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grids() {
        let grid: Grid = "-1:1:5".parse().unwrap();
        assert_eq!(grid.times(), [-1.0, -0.5, 0.0, 0.5, 1.0]);
        let grid: Grid = "0.1:0.7:3".parse().unwrap();
        assert_eq!((grid.times()[0], grid.times()[2]), (0.1, 0.7));
        for wrong in [
            "",
            "1",
            "0:1",
            "0:1:2:3",
            "a:1:5",
            "0:b:5",
            "0:1:c",
            "0:1:1",
            "0:1:-2",
            "1:1:5",
            "2:1:5",
            "nan:1:5",
            "0:inf:5",
            "0:1:2.5",
            "0:1:99999999",
        ] {
            assert!(wrong.parse::<Grid>().is_err(), "{wrong}");
        }
    }
}
