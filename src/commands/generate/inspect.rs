//! `nsode generate` on a corpus that is there: `--stats`, `--merge`, `--verify`.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Instant;

use nsode_eval::answer::plot::corpus::{PATHS, plot};
use nsode_generator::shard::{ShardReader, shard_name};
use nsode_generator::{Corpus, Error, Manifest, Sample, Split, ValidConfig, merge, verify};

use super::tables::tables;
use crate::fault::Fault;
use crate::progress::{Bar, line};
use crate::{Outcome, output, stop};

/// Says what is in a corpus, and draws it.
///
/// # Errors
/// Those of the generator, and of files that can't be written.
pub fn stats(directory: &Path, json: bool, picture: Option<PathBuf>) -> Result<Outcome, Fault> {
    let corpus = Corpus::summary(directory)?;
    let of = corpus.shard_count();
    if (corpus.shards.len() as u64) < of {
        let there = corpus.shards.len();
        line(&format!(
            "{there} of {of} shards are finished; this is what is in them"
        ));
    }
    output::stdout(|out| match json {
        true => writeln!(out, "{}", corpus.to_json()),
        false => out.write_all(tables(&corpus).as_bytes()),
    })?;
    if let Some(file) = picture {
        let second = plot(&file, &corpus, &some(directory, &corpus)?)?;
        line(&format!(
            "drawn: {} and {}",
            file.display(),
            second.display()
        ));
    }
    Ok(Outcome::Done)
}

/// Samples from all over the first shard.
fn some(directory: &Path, corpus: &Manifest) -> Result<Vec<Sample>, Fault> {
    let Some(first) = corpus.shards.first() else {
        return Ok(Vec::new());
    };
    let path = directory.join(shard_name(first.number));
    let every = (first.rows as usize / PATHS).max(1);
    let rows = ShardReader::open(&path)?.step_by(every).take(PATHS);
    let samples = rows.map(|row| {
        let row = row?;
        row.sample()
            .map_err(|e| Fault::plain(format!("{}: sample {}: {e}", path.display(), row.index)))
    });
    samples.collect()
}

/// Merges the manifests of a corpus' parts.
///
/// # Errors
/// Those of the generator: parts that are missing or do not agree.
pub fn merged(directory: &Path) -> Result<Outcome, Fault> {
    let place = directory.display();
    match merge(directory) {
        Ok(whole) => {
            line(&format!(
                "{} samples in {} files, {} % of draws accepted: {place}/manifest.json",
                whole.accepted,
                whole.shards.len(),
                whole.percent_accepted()
            ));
            if whole.made_by.len() > 1 {
                line(&format!(
                    "made by {} different builds of the program, which may differ in the last digits",
                    whole.made_by.len()
                ));
            }
            Ok(Outcome::Done)
        }
        Err(Error::Gap { missing, of, .. }) => Err(Fault::new(
            format!(
                "{place}: {} of {of} shards are not there: {}",
                missing.len(),
                list(&missing)
            ),
            "Finish the parts that make them; the same commands go on where they were stopped. A file that \
             is not as its manifest says counts as not there.",
        )),
        Err(error) => Err(error.into()),
    }
}

/// Numbers as text, not all of many.
fn list(numbers: &[u64]) -> String {
    let shown: Vec<String> = numbers.iter().take(20).map(u64::to_string).collect();
    let more = if numbers.len() > shown.len() {
        ", …"
    } else {
        ""
    };
    shown.join(", ") + more
}

/// Reads a whole corpus and names what is damaged.
///
/// # Errors
/// Those of the generator.
pub fn verified(directory: &Path, started: Instant) -> Result<Outcome, Fault> {
    let bar: Mutex<Option<Bar>> = Mutex::new(None);
    let show = |done: u64, of: u64| {
        if let Ok(mut bar) = bar.lock() {
            let template = "{wide_bar} {human_pos}/{human_len} shards, {eta} left";
            let bar = bar.get_or_insert_with(|| Bar::new(of, template));
            bar.set(done, String::new);
        }
    };
    let outcome = verify(directory, &show, stop::flag());
    drop(bar);
    let found = match outcome {
        Ok(found) => found,
        Err(Error::Stopped { .. }) => {
            line("stopped before all shards were looked at");
            return Ok(Outcome::Interrupted);
        }
        Err(error) => return Err(error.into()),
    };
    output::stdout(|out| {
        found
            .findings
            .iter()
            .try_for_each(|f| writeln!(out, "{} {}", f.file, f.damage))
    })?;
    let seconds = started.elapsed().as_secs_f64();
    line(&format!(
        "{} shards, {} rows read, {} integrated again, in {seconds:.1} s",
        found.shards, found.rows, found.integrated
    ));
    if found.findings.is_empty() {
        line("every shard is as it was written");
        return Ok(Outcome::Done);
    }
    let made = &found.manifest;
    let split = match made.split {
        Split::Train => String::new(),
        split => format!(" --split {split}"),
    };
    let configured = match made.config_sha256 == ValidConfig::default().identity() {
        true => "",
        false => " --config F.toml",
    };
    line(&format!(
        "{} of {} shards are damaged or missing; the command that made the corpus makes just these again:\n  \
         nsode generate --out {} --samples {} --seed {} --shard-size {}{split}{configured}",
        found.findings.len(),
        found.shards,
        directory.display(),
        made.samples,
        made.seed,
        made.shard_size
    ));
    Ok(Outcome::Damaged)
}
