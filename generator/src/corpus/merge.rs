//! One manifest from those of the parts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::verify::intact;
use crate::Error;
use crate::manifest::{Manifest, Part, ShardRecord};
use crate::shard::shard_name;
use crate::statistics::Statistics;

/// What all manifests of a directory say together.
#[derive(Default)]
pub(super) struct Gathered {
    /// One of them.
    pub(super) any: Option<Manifest>,
    /// Every shard that one of them lists, with the name of that one.
    pub(super) shards: BTreeMap<u64, (String, ShardRecord)>,
    /// Programs that made them.
    pub(super) made_by: BTreeSet<String>,
}

/// Reads all manifests of a directory and checks that they agree. Where two list a shard differently and
/// one of them is right about the file, that one counts.
///
/// # Errors
/// [`Error::Parts`] or [`Error::Duplicate`] where they do not; [`Error::Io`], [`Error::Manifest`].
pub(super) fn gather(directory: &Path) -> Result<Gathered, Error> {
    let mut gathered = Gathered::default();
    let mut first: Option<(String, Manifest)> = None;
    for (name, manifest) in Manifest::all(directory)? {
        if let Some((other, earlier)) = &first
            && let Some((field, a, b)) = earlier.difference(&manifest)
        {
            return Err(Error::Parts {
                path: directory.to_path_buf(),
                names: Box::new([other.clone(), name]),
                field,
                values: Box::new([a, b]),
            });
        }
        gathered.made_by.extend(manifest.made_by.iter().cloned());
        for shard in &manifest.shards {
            let entry = gathered.shards.entry(shard.number);
            let (other, listed) = entry.or_insert_with(|| (name.clone(), shard.clone()));
            if listed == shard {
                continue;
            }
            // The file tells who is right.
            let right = |record: &ShardRecord| {
                let adds_up = record.adds_up(manifest.size(record.number));
                Ok::<bool, Error>(adds_up && intact(directory, record)?)
            };
            match (right(listed)?, right(shard)?) {
                (true, false) => {}
                (false, true) => (*other, *listed) = (name.clone(), shard.clone()),
                _ => {
                    return Err(Error::Duplicate {
                        path: directory.to_path_buf(),
                        names: Box::new([other.clone(), name]),
                        number: shard.number,
                    });
                }
            }
        }
        first.get_or_insert((name, manifest));
    }
    gathered.any = first.map(|(_, manifest)| manifest);
    Ok(gathered)
}

/// Merges the manifests of all parts in a directory into `manifest.json`.
///
/// # Errors
/// [`Error::Parts`] or [`Error::Duplicate`] for parts that do not agree; [`Error::Gap`] while shards are
/// missing, have another size or are entered wrongly; [`Error::Manifest`] for a directory without any; [`Error::Io`], [`Error::Shard`].
pub fn merge(directory: &Path) -> Result<Manifest, Error> {
    let merged = whole(directory)?;
    merged.write(&directory.join(Part::WHOLE.manifest_name()), Part::WHOLE)?;
    Ok(merged)
}

/// The manifest of the whole.
pub(super) fn whole(directory: &Path) -> Result<Manifest, Error> {
    let Gathered {
        any,
        shards,
        made_by,
    } = gather(directory)?;
    let mut merged = any.ok_or_else(|| no_manifest(directory))?;
    let of = merged.shard_count();
    let there = |number: &u64| {
        shards.get(number).is_some_and(|(_, shard)| {
            let file = std::fs::metadata(directory.join(shard_name(*number)));
            let bytes = file.ok().filter(|f| f.is_file()).map(|f| f.len());
            bytes == Some(shard.bytes) && shard.adds_up(merged.size(*number))
        })
    };
    let missing: Vec<u64> = (0..of).filter(|number| !there(number)).collect();
    if !missing.is_empty() {
        return Err(Error::Gap {
            path: directory.to_path_buf(),
            missing,
            of,
        });
    }
    let files: Vec<PathBuf> = (0..of).map(|n| directory.join(shard_name(n))).collect();
    merged.statistics = Some(Statistics::of_shards(&files)?);
    merged.part = Part::WHOLE;
    merged.complete = true;
    merged.made_by = made_by;
    merged.shards = shards
        .into_values()
        .map(|(_, shard)| shard)
        .take(files.len())
        .collect();
    merged.add_up();
    if merged.accepted != merged.samples {
        return Err(Error::Manifest {
            path: directory.to_path_buf(),
            message: format!(
                "its shards hold {} samples, not {}",
                merged.accepted, merged.samples
            ),
        });
    }
    Ok(merged)
}

pub(super) fn no_manifest(directory: &Path) -> Error {
    Error::Manifest {
        path: directory.to_path_buf(),
        message: "there is no manifest in it, so it is no corpus".to_string(),
    }
}
