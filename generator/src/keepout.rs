//! Lists of laws that a distribution must not draw, or must not hold out: reading them.
//!
//! A law is a text: an equation, a right-hand side, or a template with `c0`, `c1`, … for constants; the
//! equations of a system stand between `;`. What counts is the canonical skeleton, so constants, units and
//! ways of writing make no difference.

use std::collections::BTreeSet;
use std::path::Path;

use nsode_parser::infix::parse_system;
use nsode_parser::{CanonicalSystem, Skeleton};

use crate::Error;

/// Most bytes of a list that are read.
const MOST_BYTES: u64 = 16 << 20;

/// The skeleton of a law.
///
/// # Errors
/// What is wrong with the text.
pub fn skeleton(law: &str) -> Result<Skeleton, String> {
    let (system, _) = parse_system(&with_numbers(law), None).map_err(|e| e.to_string())?;
    let canonical = CanonicalSystem::new(&system).map_err(|e| e.to_string())?;
    let (skeleton, _) = canonical.parts().map_err(|e| e.to_string())?;
    Ok(skeleton)
}

/// Numbers of no special value in the places of `c0`, `c1`, …
fn with_numbers(law: &str) -> String {
    let mut written = String::with_capacity(law.len());
    let mut rest = law;
    while let Some(first) = rest.chars().next() {
        let word = rest
            .find(|c: char| !(c.is_alphanumeric() || c == '_'))
            .unwrap_or(rest.len())
            .max(first.len_utf8());
        let (word, after) = rest.split_at(word);
        let number = word.strip_prefix('c').and_then(|k| k.parse::<u16>().ok());
        match number {
            Some(k) => {
                let value = 0.731_058_6 + 0.618_034 * f64::from(k);
                written.push_str(&value.to_string());
            }
            None => written.push_str(word),
        }
        rest = after;
    }
    written
}

/// The laws of a file. A text has one a line, blank lines and what follows a `#` left out. TOML has them as
/// the suites do: `equations` or `equation` in `[[problem]]` or `[[law]]`.
///
/// # Errors
/// [`Error::Io`] for a file that cannot be read, [`Error::Law`], with file and line or number, for a law
/// that is none.
pub fn read(path: &Path) -> Result<Vec<String>, Error> {
    let size = std::fs::metadata(path)
        .map_err(|e| Error::io(path, e))?
        .len();
    if size > MOST_BYTES {
        let source = std::io::Error::other("a list of laws has at most 16 MiB");
        return Err(Error::io(path, source));
    }
    let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
    let found = match path.extension().is_some_and(|e| e == "toml") {
        true => entries(&text).map_err(|e| Error::law(path.display().to_string(), "", e))?,
        false => lines(&text),
    };
    let laws = found.into_iter().map(|(place, law)| {
        let place = || format!("{}:{place}", path.display());
        match skeleton(&law) {
            Ok(_) => Ok(law),
            Err(message) => Err(Error::law(place(), &law, message)),
        }
    });
    laws.collect()
}

/// The laws of a text and their lines, from 1.
fn lines(text: &str) -> Vec<(String, String)> {
    let lines = text.lines().enumerate().map(|(number, line)| {
        let law = line.split('#').next().unwrap_or("").trim();
        ((number + 1).to_string(), law.to_string())
    });
    lines.filter(|(_, law)| !law.is_empty()).collect()
}

/// The laws of TOML tables, and which of them each is in, from 1.
fn entries(text: &str) -> Result<Vec<(String, String)>, String> {
    let table: toml::Table = text.parse().map_err(|e: toml::de::Error| e.to_string())?;
    let mut laws = Vec::new();
    for kind in ["law", "problem"] {
        let entries = table.get(kind).and_then(|v| v.as_array());
        for (number, entry) in entries.into_iter().flatten().enumerate() {
            let place = format!(" {kind} {}", number + 1);
            let one = entry.get("equation").and_then(|v| v.as_str());
            let several = entry.get("equations").and_then(|v| v.as_array());
            let several = several.into_iter().flatten().filter_map(|v| v.as_str());
            let law: Vec<&str> = one.into_iter().chain(several).collect();
            laws.push((place, law.join(" ; ")));
        }
    }
    Ok(laws)
}

/// The skeletons of the laws of a configuration's field.
///
/// # Errors
/// [`Error::Law`] with the field and the number of the law.
pub fn skeletons(field: &str, laws: &[String]) -> Result<BTreeSet<Skeleton>, Error> {
    let parsed = laws.iter().enumerate().map(|(i, law)| {
        skeleton(law).map_err(|message| Error::law(format!("{field}[{i}]"), law, message))
    });
    parsed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(law: &str) -> String {
        let skeleton = skeleton(law).unwrap();
        let names = skeleton.tokens().iter().map(|t| t.name());
        names.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn ways_to_write_a_law_are_one() {
        for law in [
            "0.79*y*(1 - y/74.3)",
            "y' = c0*y*(1 - y/c1)",
            "c0*y + c1*y^2",
            "dN/dt = 3*N - N^2",
            "x1 - x1^2",
        ] {
            assert_eq!(tokens(law), "add2 x1 sq x1", "{law}");
        }
        assert_eq!(tokens("x' = c0*v; v' = -c1*x"), "x2 x1");
        // Names that only begin like a constant.
        assert_eq!(tokens("c0*cos(y)"), tokens("2*cos(3*y)"));
    }

    #[test]
    fn files_have_comments_and_errors_have_places() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("laws.txt");
        std::fs::write(&path, "# logistic\nc0*y - c1*y^2  # its law\n\nsin(y)\n").unwrap();
        assert_eq!(read(&path).unwrap(), ["c0*y - c1*y^2", "sin(y)"]);
        std::fs::write(&path, "y\n\ny +* 2\n").unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains("laws.txt:3"), "{error}");
        assert!(read(&folder.path().join("none.txt")).is_err());
        let path = folder.path().join("suite.toml");
        let suite =
            "[[problem]]\nequations = [\"x1' = x2\", \"x2' = -x1\"]\n[[law]]\nequation = \"y\"\n";
        std::fs::write(&path, suite).unwrap();
        assert_eq!(read(&path).unwrap(), ["y", "x1' = x2 ; x2' = -x1"]);
        std::fs::write(&path, suite.replace("= -x1", "= (")).unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains("suite.toml: problem 1"), "{error}");
        let error = skeletons("exclude.skeletons", &["y".into(), "(".into()]).unwrap_err();
        assert!(
            error.to_string().contains("exclude.skeletons[1]"),
            "{error}"
        );
    }
}
