//! The checked form of a configuration: every number in its range, immutable, with its own identity.

use std::collections::BTreeSet;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

use nsode_parser::Skeleton;
use nsode_parser::system::MAX_DIMENSION;
use sha2::{Digest, Sha256};

use super::Config;
use crate::{Error, keepout};

/// Most samples that are drawn together: a block is held in memory, and shards count in blocks.
const MOST_IN_A_BLOCK: u64 = 1 << 20;

/// A configuration whose every number is in its range. Read through `Deref`, never changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ValidConfig {
    config: Config,
    excluded: Arc<BTreeSet<Skeleton>>,
    known: Arc<BTreeSet<Skeleton>>,
}

impl Deref for ValidConfig {
    type Target = Config;

    fn deref(&self) -> &Config {
        &self.config
    }
}

impl ValidConfig {
    /// The same configuration with every field written out, as TOML.
    pub fn to_toml(&self) -> String {
        toml::to_string(&self.config).unwrap_or_default()
    }

    /// SHA-256 of [`ValidConfig::to_toml`], in hexadecimal: two configurations that sample alike have
    /// one identity, however they are written.
    pub fn identity(&self) -> String {
        hex(&Sha256::digest(self.to_toml().as_bytes()))
    }

    /// Largest dimension with a positive weight.
    pub fn max_dimension(&self) -> usize {
        let weights = &self.config.system.dimensions;
        weights.iter().rposition(|&w| w > 0.0).map_or(1, |i| i + 1)
    }

    /// The skeletons that are never drawn.
    pub fn excluded(&self) -> &Arc<BTreeSet<Skeleton>> {
        &self.excluded
    }

    /// The skeletons that are never held out of training.
    pub fn known(&self) -> &Arc<BTreeSet<Skeleton>> {
        &self.known
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

impl Config {
    /// Reads and checks a configuration. An empty text is the default. Files that it names are looked for
    /// from the working directory.
    ///
    /// # Errors
    /// [`Error::ConfigSyntax`] for no TOML or an unknown field; [`Error::ConfigRange`], with the field and
    /// what it allows, for a number out of its range; [`Error::Io`] and [`Error::Law`] for lists of laws.
    pub fn from_toml(text: &str) -> Result<ValidConfig, Error> {
        let config: Config = toml::from_str(text).map_err(Box::new)?;
        config.validated()
    }

    /// As [`Config::from_toml`], but files that the text names are looked for from `folder`, where the
    /// configuration was read.
    ///
    /// # Errors
    /// As [`Config::from_toml`].
    pub fn from_toml_in(text: &str, folder: &Path) -> Result<ValidConfig, Error> {
        let config: Config = toml::from_str(text).map_err(Box::new)?;
        config.with_files(folder)?.validated()
    }

    /// Takes the laws of all files over into the configuration itself, which then depends on no file.
    fn with_files(mut self, folder: &Path) -> Result<Config, Error> {
        for path in std::mem::take(&mut self.exclude.files) {
            let laws = keepout::read(&folder.join(path))?;
            self.exclude.skeletons.extend(laws);
        }
        for path in std::mem::take(&mut self.split.known_files) {
            let laws = keepout::read(&folder.join(path))?;
            self.split.known.extend(laws);
        }
        Ok(self)
    }

    /// Checks every number and reads the lists of laws.
    ///
    /// # Errors
    /// [`Error::ConfigRange`], with the field and what it allows; [`Error::Io`] and [`Error::Law`].
    pub fn validated(self) -> Result<ValidConfig, Error> {
        let config = self.with_files(Path::new(""))?;
        config.check()?;
        Ok(ValidConfig {
            excluded: Arc::new(keepout::skeletons(
                "exclude.skeletons",
                &config.exclude.skeletons,
            )?),
            known: Arc::new(keepout::skeletons("split.known", &config.split.known)?),
            config,
        })
    }

    fn check(&self) -> Result<(), Error> {
        let s = &self.system;
        weights("system.dimensions", &s.dimensions)?;
        require(
            "system.dimensions",
            s.dimensions.len(),
            s.dimensions.len() <= MAX_DIMENSION,
            "at most 16 weights",
        )?;
        share("system.trees", s.trees)?;
        share("system.laws", s.laws)?;
        require(
            "system.laws",
            s.laws,
            s.trees + s.laws <= 1.0,
            "at most 1 together with system.trees",
        )?;
        let few = |n: u64| (1..=4096).contains(&n);
        require(
            "system.constants",
            s.constants,
            few(s.constants),
            "1 to 4096",
        )?;
        require("system.initials", s.initials, few(s.initials), "1 to 4096")?;
        require(
            "system.interleave",
            s.interleave,
            few(s.interleave),
            "1 to 4096",
        )?;
        let block = s.constants * s.initials * s.interleave;
        require(
            "system.constants",
            s.constants,
            block <= MOST_IN_A_BLOCK,
            "at most 2^20, multiplied with system.initials and system.interleave",
        )?;
        require(
            "system.max_tokens",
            s.max_tokens,
            (1..=1000).contains(&s.max_tokens),
            "1 to 1000",
        )?;
        require(
            "system.max_constants",
            s.max_constants,
            (1..=1000).contains(&s.max_constants),
            "1 to 1000",
        )?;

        let t = &self.trees;
        weights("trees.operators", &t.operators)?;
        require(
            "trees.operators",
            t.operators.len(),
            t.operators.len() <= 40,
            "at most 40 weights",
        )?;
        weights("trees.unary", &t.unary.list().map(|(_, w)| w))?;
        weights("trees.binary", &t.binary.list().map(|(_, w)| w))?;
        weights(
            "trees.state, constant, time",
            &[t.state, t.constant, t.time],
        )?;
        require("trees.state", t.state, t.state > 0.0, "more than 0")?;
        share("trees.scaled", t.scaled)?;
        share("trees.shifted", t.shifted)?;

        weights("laws", &self.laws.list().map(|(_, w)| w))?;
        share("laws.signs", self.laws.signs)?;
        weights("networks", &self.networks.list().map(|(_, w)| w))?;
        share("networks.signs", self.networks.signs)?;

        let f = &self.families;
        weights("families.terms", &f.terms)?;
        require(
            "families.terms",
            f.terms.len(),
            f.terms.len() <= 16,
            "at most 16 weights",
        )?;
        weights("families.degrees", &f.degrees)?;
        require(
            "families.degrees",
            f.degrees.len(),
            f.degrees.len() <= 9,
            "at most 9 weights",
        )?;
        weights("families", &f.list().map(|(_, w)| w))?;
        share("families.product", f.product)?;
        share("families.quotient", f.quotient)?;
        share("families.own", f.own)?;
        share("families.difference", f.difference)?;
        share("families.mixed", f.mixed)?;
        share("families.shared", f.shared)?;
        share("families.chain", f.chain)?;
        share("families.cycle", f.cycle)?;

        let c = &self.constants;
        positive_range("constants.coefficient", c.coefficient)?;
        share("constants.negative", c.negative)?;
        positive_range("constants.inner", c.inner)?;
        positive_range("constants.exponent", c.exponent)?;
        share("constants.fraction", c.fraction)?;
        share("constants.integer", c.integer)?;
        require(
            "constants.max_integer",
            c.max_integer,
            (1..=1000).contains(&c.max_integer),
            "1 to 1000",
        )?;
        let range = [c.min_normalised, c.max_normalised];
        positive_range("constants.min_normalised", range)?;

        positive_range("initial.magnitude", self.initial.magnitude)?;
        share("initial.positive", self.initial.positive)?;

        let h = &self.horizon;
        positive("horizon.longest", h.longest)?;
        require(
            "horizon.points",
            h.points,
            (8..=65_536).contains(&h.points),
            "8 to 65536",
        )?;
        positive_range("horizon.settling", h.settling)?;
        positive_range("horizon.ending", h.ending)?;
        require("horizon.ending", h.ending[1], h.ending[1] < 1.0, "below 1")?;
        positive_range("horizon.growth", h.growth)?;
        require("horizon.growth", h.growth[0], h.growth[0] > 1.0, "above 1")?;

        let a = &self.accept;
        share("accept.range", a.range)?;
        positive("accept.jump", a.jump)?;
        share("accept.early", a.early)?;
        share("accept.finished", a.finished)?;
        share("accept.term", a.term)?;
        share("accept.quadratic", a.quadratic)?;
        share("accept.quadratic_kept", a.quadratic_kept)?;
        share("accept.cascade_kept", a.cascade_kept)?;
        require(
            "accept.skeleton_share",
            a.skeleton_share,
            (1e-4..=1.0).contains(&a.skeleton_share),
            "0.0001 to 1",
        )?;
        require(
            "accept.pilot",
            a.pilot,
            (1000..=100_000_000).contains(&a.pilot),
            "1000 to 100000000",
        )?;
        let held = |v: f64| (0.0..=0.5).contains(&v);
        let s = &self.split;
        require(
            "split.skeletons",
            s.skeletons,
            held(s.skeletons),
            "0 to 0.5",
        )?;
        require(
            "split.constants",
            s.constants,
            held(s.constants),
            "0 to 0.5",
        )?;

        let i = &self.integrator;
        let tolerance = |v: f64| (1e-13..=0.1).contains(&v);
        require(
            "integrator.relative",
            i.relative,
            tolerance(i.relative),
            "1e-13 to 0.1",
        )?;
        require(
            "integrator.absolute",
            i.absolute,
            (1e-300..=0.1).contains(&i.absolute),
            "1e-300 to 0.1",
        )?;
        require(
            "integrator.exploring",
            i.exploring,
            tolerance(i.exploring),
            "1e-13 to 0.1",
        )?;
        require(
            "integrator.max_steps",
            i.max_steps,
            (10..=10_000_000).contains(&i.max_steps),
            "10 to 10000000",
        )?;

        let u = &self.units;
        let decades = |v: f64| (0.0..=30.0).contains(&v);
        share("units.share", u.share)?;
        require(
            "units.time_decades",
            u.time_decades,
            decades(u.time_decades),
            "0 to 30",
        )?;
        require(
            "units.state_decades",
            u.state_decades,
            decades(u.state_decades),
            "0 to 30",
        )?;

        let o = &self.observation;
        require(
            "observation.points",
            format!("{:?}", o.points),
            o.points[0] >= 5 && o.points[0] <= o.points[1],
            "two counts in order, the first at least 5",
        )?;
        share("observation.regular", o.regular)?;
        share("observation.clean", o.clean)?;
        positive_range("observation.noise", o.noise)?;
        share("observation.additive_share", o.additive_share)?;
        positive_range("observation.additive", o.additive)?;
        share("observation.drop_share", o.drop_share)?;
        share("observation.drop", o.drop)?;
        share("observation.gap_share", o.gap_share)?;
        share("observation.gap", o.gap)?;
        share("observation.missing_share", o.missing_share)?;
        share("observation.missing", o.missing)?;
        Ok(())
    }
}

fn require(
    field: &str,
    value: impl ToString,
    fits: bool,
    allowed: &'static str,
) -> Result<(), Error> {
    if fits {
        return Ok(());
    }
    Err(Error::ConfigRange {
        field: field.to_string(),
        value: value.to_string(),
        allowed,
    })
}

fn share(field: &str, value: f64) -> Result<(), Error> {
    require(field, value, (0.0..=1.0).contains(&value), "0 to 1")
}

fn positive(field: &str, value: f64) -> Result<(), Error> {
    let fits = value > 0.0 && value.is_finite();
    require(field, value, fits, "a positive finite number")
}

fn positive_range(field: &str, [low, high]: [f64; 2]) -> Result<(), Error> {
    let fits = low > 0.0 && high.is_finite() && low <= high;
    require(
        field,
        format!("[{low}, {high}]"),
        fits,
        "two positive finite numbers in order",
    )
}

fn weights(field: &str, values: &[f64]) -> Result<(), Error> {
    let fits = values.iter().all(|w| w.is_finite() && *w >= 0.0) && values.iter().any(|&w| w > 0.0);
    require(
        field,
        format!("{values:?}"),
        fits,
        "finite weights of at least 0, one of them above",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_text_is_the_default() {
        assert_eq!(Config::from_toml("").unwrap(), ValidConfig::default());
        Config::default().validated().unwrap();
    }

    #[test]
    fn written_out_reads_back_to_the_same_identity() {
        let config = Config::from_toml("[system]\ninitials = 5\n").unwrap();
        let again = Config::from_toml(&config.to_toml()).unwrap();
        assert_eq!(again, config);
        assert_eq!(again.identity(), config.identity());
        assert_ne!(config.identity(), ValidConfig::default().identity());
    }

    #[test]
    fn unknown_fields_are_errors() {
        for text in ["sede = 1", "[system]\ninitial = 3", "[nothing]"] {
            assert!(
                matches!(Config::from_toml(text), Err(Error::ConfigSyntax(_))),
                "{text}"
            );
        }
    }

    #[test]
    fn numbers_out_of_range_name_their_field() {
        let cases = [
            ("[system]\ntrees = 1.5", "system.trees"),
            ("[system]\ndimensions = [0.0]", "system.dimensions"),
            ("[system]\ninitials = 0", "system.initials"),
            (
                "[system]\nconstants = 4096\ninitials = 4096",
                "system.constants",
            ),
            (
                "[constants]\nmin_normalised = 0.0",
                "constants.min_normalised",
            ),
            ("[trees]\nstate = 0.0", "trees.state"),
            ("[families]\nterms = []", "families.terms"),
            ("[constants]\ninner = [2.0, 1.0]", "constants.inner"),
            (
                "[constants]\ncoefficient = [nan, 1.0]",
                "constants.coefficient",
            ),
            ("[initial]\nmagnitude = [0.0, 1.0]", "initial.magnitude"),
            ("[horizon]\npoints = 2", "horizon.points"),
            ("[accept]\nterm = -0.1", "accept.term"),
            ("[integrator]\nrelative = 0.0", "integrator.relative"),
            ("[observation]\npoints = [2, 10]", "observation.points"),
        ];
        for (text, expected) in cases {
            match Config::from_toml(text) {
                Err(Error::ConfigRange { field, .. }) => assert_eq!(field, expected),
                other => panic!("{text}: {other:?}"),
            }
        }
    }
}
