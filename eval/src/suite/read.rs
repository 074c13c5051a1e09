//! Reads a suite: TOML, or JSON Lines with the same fields, one system a line.
//!
//! A TOML file has `name`, `description`, `source` and tables `[[problem]]`. One of JSON Lines has systems only,
//! after an optional first line with name, description and source. Tables `[[include]]` take systems, all or
//! those named, from another suite in the same directory.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use nsode_parser::infix::parse_system;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use toml::de::{DeTable, DeValue};

use super::error::SuiteError;
use super::{Grid, KnownSystem, Runs, Suite};
use crate::series::table::{self, ReadOptions};

/// Most bytes of a file.
const MAX_BYTES: u64 = 32 << 20;

/// Most times of a grid that is written out.
const MAX_TIMES: usize = 100_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    name: Option<String>,
    #[serde(default)]
    description: String,
    #[serde(default, rename = "source")]
    _source: String,
    #[serde(default)]
    problem: Vec<Entry>,
    #[serde(default)]
    include: Vec<Include>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    field: String,
    equations: Vec<String>,
    #[serde(default)]
    initial: Vec<Vec<f64>>,
    span: Option<[f64; 2]>,
    times: Option<Vec<f64>>,
    observed: Option<PathBuf>,
    #[serde(default, rename = "source")]
    _source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Include {
    suite: PathBuf,
    problems: Option<Vec<String>>,
}

/// Reads the suite in `file`.
///
/// # Errors
/// [`SuiteError`]: a file that can't be read, is no suite, or holds a system that makes no sense.
pub fn read(file: &Path) -> Result<Suite, SuiteError> {
    let mut hash = Sha256::new();
    let mut suite = load(file, &mut hash, true)?;
    suite.digest = hash.finalize().iter().map(|b| format!("{b:02x}")).collect();
    Ok(suite)
}

/// `includes`: whether the file may include others, which may not.
fn load(file: &Path, hash: &mut Sha256, includes: bool) -> Result<Suite, SuiteError> {
    let text = contents(file)?;
    hash.update(text.as_bytes());
    let extension = file.extension().unwrap_or_default();
    let (head, lines) = match extension.to_string_lossy().as_ref() {
        "toml" => from_toml(file, &text)?,
        "jsonl" => from_json_lines(file, &text)?,
        _ => {
            return Err(SuiteError::Format {
                file: file.to_path_buf(),
            });
        }
    };
    let stem = file.file_stem().unwrap_or_default();
    let mut suite = Suite {
        name: head
            .name
            .unwrap_or_else(|| stem.to_string_lossy().into_owned()),
        description: head.description,
        systems: Vec::new(),
        digest: String::new(),
    };
    let mut seen = HashSet::new();
    for (entry, line) in head.problem.into_iter().zip(lines) {
        let id = entry.id.clone();
        let wrong = |message: String| SuiteError::System {
            file: file.to_path_buf(),
            line,
            id: id.clone(),
            message,
        };
        if id.is_empty() || id.contains(|c: char| c.is_whitespace() || "/:,".contains(c)) {
            return Err(wrong(
                "the id is empty, or has a space, `/`, `:` or `,`".into(),
            ));
        }
        if !seen.insert(id.clone()) {
            return Err(wrong("there is another system with this id".into()));
        }
        suite.systems.push(known(entry, file).map_err(wrong)?);
    }
    for include in head.include {
        let wrong = |message: String| SuiteError::Syntax {
            file: file.to_path_buf(),
            line: 1,
            message: format!("include of {}: {message}", include.suite.display()),
        };
        if !includes {
            return Err(wrong("an included suite can't include another one".into()));
        }
        let other = load(&sibling(file, &include.suite), hash, false)?;
        let ids = include
            .problems
            .unwrap_or_else(|| other.systems.iter().map(|s| s.id.clone()).collect());
        for id in ids {
            let system = other.systems.iter().find(|system| system.id == id);
            let system = system.ok_or_else(|| wrong(format!("it has no system \"{id}\"")))?;
            if !seen.insert(id.clone()) {
                return Err(wrong(format!(
                    "there is another system with the id \"{id}\""
                )));
            }
            suite.systems.push(system.clone());
        }
    }
    if suite.systems.is_empty() {
        return Err(SuiteError::Empty {
            file: file.to_path_buf(),
        });
    }
    Ok(suite)
}

fn contents(file: &Path) -> Result<String, SuiteError> {
    let unreadable = |source| SuiteError::Unreadable {
        file: file.to_path_buf(),
        source,
    };
    let bytes = fs::metadata(file).map_err(unreadable)?.len();
    if bytes > MAX_BYTES {
        return Err(SuiteError::TooLarge {
            file: file.to_path_buf(),
            bytes,
            limit: MAX_BYTES,
        });
    }
    fs::read_to_string(file).map_err(unreadable)
}

/// A file named in `file`, beside it.
fn sibling(file: &Path, name: &Path) -> PathBuf {
    file.parent().unwrap_or(Path::new("")).join(name)
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|b| *b == b'\n').count()
}

/// The fields, and the line on which each system begins.
fn from_toml(file: &Path, text: &str) -> Result<(Head, Vec<usize>), SuiteError> {
    let head: Head = toml::from_str(text).map_err(|error| SuiteError::Syntax {
        file: file.to_path_buf(),
        line: line_of(text, error.span().map_or(0, |span| span.start)),
        message: error.message().trim_end().to_string(),
    })?;
    let mut lines: Vec<usize> = Vec::new();
    if let Ok(table) = DeTable::parse(text)
        && let Some((_, list)) = table
            .get_ref()
            .iter()
            .find(|(k, _)| k.get_ref() == "problem")
        && let DeValue::Array(entries) = list.get_ref()
    {
        lines.extend(entries.iter().map(|e| line_of(text, e.span().start)));
    }
    lines.resize(head.problem.len(), 1);
    Ok((head, lines))
}

fn from_json_lines(file: &Path, text: &str) -> Result<(Head, Vec<usize>), SuiteError> {
    let mut head = Head {
        name: None,
        description: String::new(),
        _source: String::new(),
        problem: Vec::new(),
        include: Vec::new(),
    };
    let mut lines = Vec::new();
    for (i, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let wrong = |error: serde_json::Error| SuiteError::Syntax {
            file: file.to_path_buf(),
            line: i + 1,
            message: error.to_string(),
        };
        if lines.is_empty() && !line.contains("\"equations\"") {
            head = serde_json::from_str(line).map_err(wrong)?;
            continue;
        }
        head.problem
            .push(serde_json::from_str(line).map_err(wrong)?);
        lines.push(i + 1);
    }
    Ok((head, lines))
}

/// The system of an entry, or what is wrong with it.
fn known(entry: Entry, file: &Path) -> Result<KnownSystem, String> {
    let text = entry.equations.join("\n");
    let (law, names) = parse_system(&text, None).map_err(|error| {
        let place = text.get(error.span.offset..).unwrap_or("");
        let place = place.lines().next().unwrap_or("");
        format!("{error}, at `{place}`")
    })?;
    let runs = match entry.observed {
        Some(csv) => {
            if !entry.initial.is_empty() || entry.span.is_some() || entry.times.is_some() {
                return Err("a measured series has no initial, span or times".to_string());
            }
            let options = ReadOptions {
                time: Some(names.time.clone()),
                state: names.states.clone(),
                group: None,
            };
            let series =
                table::read(&[sibling(file, &csv)], &options).map_err(|e| e.to_string())?;
            let first = series.trajectories.into_iter().next();
            Runs::Measured(first.ok_or("the series is empty")?)
        }
        None => Runs::Solved {
            initial: initial(entry.initial, law.dimension())?,
            grid: grid(entry.span, entry.times)?,
        },
    };
    Ok(KnownSystem {
        id: entry.id,
        name: entry.name,
        field: entry.field,
        law,
        names,
        runs,
    })
}

fn initial(initial: Vec<Vec<f64>>, dimension: usize) -> Result<Vec<Vec<f64>>, String> {
    if initial.is_empty() {
        return Err("there is no initial state".to_string());
    }
    for state in &initial {
        if state.len() != dimension || state.iter().any(|y| !y.is_finite()) {
            return Err(format!(
                "an initial state is {dimension} finite numbers, not {state:?}"
            ));
        }
    }
    Ok(initial)
}

fn grid(span: Option<[f64; 2]>, times: Option<Vec<f64>>) -> Result<Grid, String> {
    match (span, times) {
        (_, Some(times)) => {
            let increases = times.windows(2).all(|pair| pair[0] < pair[1]);
            let finite = times.iter().all(|t| t.is_finite());
            if !increases || !finite || !(2..=MAX_TIMES).contains(&times.len()) {
                return Err(format!(
                    "times are 2 to {MAX_TIMES} finite numbers that increase"
                ));
            }
            Ok(Grid::Times(times))
        }
        (Some([start, end]), None) if start < end && (end - start).is_finite() => {
            Ok(Grid::Even { start, end })
        }
        (Some(_), None) => Err("span is a first and a later last time".to_string()),
        (None, None) => Err("there is neither span nor times".to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(name: &str, text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(name);
        fs::write(&file, text).unwrap();
        (folder, file)
    }

    const DECAY: &str = "[[problem]]\nid = \"decay\"\nequations = [\"dA/dh = -0.5*A\"]\ninitial = [[1.0], [2.0]]\nspan = [0.0, 3.0]\n";

    #[test]
    fn both_formats_say_the_same() {
        let (_a, toml) = write("a.toml", &format!("name = \"a\"\n{DECAY}"));
        let json = "{\"name\":\"a\"}\n{\"id\":\"decay\",\"equations\":[\"dA/dh = -0.5*A\"],\"initial\":[[1.0],[2.0]],\"span\":[0.0,3.0]}\n";
        let (_b, jsonl) = write("b.jsonl", json);
        let (toml, jsonl) = (read(&toml).unwrap(), read(&jsonl).unwrap());
        assert_eq!(toml.systems, jsonl.systems);
        assert_eq!((toml.name.as_str(), jsonl.name.as_str()), ("a", "a"));
        assert_ne!(toml.digest, jsonl.digest);
        let system = &toml.systems[0];
        assert_eq!((system.names.time.as_str(), system.starts()), ("h", 2));
    }

    #[test]
    fn suites_are_made_of_others() {
        let (folder, _) = write("a.toml", &format!("name = \"a\"\n{DECAY}"));
        let file = folder.path().join("b.toml");
        fs::write(
            &file,
            "name = \"b\"\n[[include]]\nsuite = \"a.toml\"\nproblems = [\"decay\"]\n",
        )
        .unwrap();
        let before = read(&file).unwrap();
        assert_eq!(before.systems.len(), 1);
        fs::write(
            folder.path().join("a.toml"),
            format!("name = \"A\"\n{DECAY}"),
        )
        .unwrap();
        assert_ne!(read(&file).unwrap().digest, before.digest);
        fs::write(
            &file,
            "name = \"b\"\n[[include]]\nsuite = \"a.toml\"\nproblems = [\"growth\"]\n",
        )
        .unwrap();
        assert!(read(&file).unwrap_err().to_string().contains("growth"));
    }

    #[test]
    fn errors_name_file_line_and_system() {
        for (text, words) in [
            ("name = 3\n", "line 1"),
            ("name = \"a\"\n", "no system"),
            (
                &DECAY.replace("-0.5*A", "-0.5*B"),
                "line 1, system \"decay\"",
            ),
            (&format!("{DECAY}{DECAY}"), "line 6, system \"decay\""),
            (&DECAY.replace("[1.0]", "[1.0, 2.0]"), "1 finite numbers"),
            (&DECAY.replace("[0.0, 3.0]", "[3.0, 0.0]"), "span"),
            (&DECAY.replace("span", "spam"), "line 5"),
            (&DECAY.replace("decay", "a b"), "id"),
            (
                &DECAY.replace("span = [0.0, 3.0]", "times = [0.0, 0.0]"),
                "increase",
            ),
        ] {
            let (_folder, file) = write("a.toml", text);
            let error = read(&file).unwrap_err();
            assert!(error.to_string().contains(words), "{error}: {words}");
            assert!(!error.remedy().is_empty());
        }
        let (_folder, file) = write("a.jsonl", "\n{\"id\":\"a\",\"equations\":3}\n");
        assert!(read(&file).unwrap_err().to_string().contains("line 2"));
        let (_folder, file) = write("a.csv", "");
        assert!(matches!(read(&file), Err(SuiteError::Format { .. })));
    }
}
