//! What is wrong with a configuration in TOML, with its place in the file.
//!
//! The crates that read configurations say what is wrong, in which field; where that field stands, they
//! do not know, since they see values only.

use std::path::Path;

use nsode_parser::Span;
use toml::de::{DeTable, DeValue};

use crate::excerpt::{Excerpt, Position};
use crate::fault::Fault;

const REMEDY: &str = "The configurations in data/configs show what is expected.";

/// The configuration in `file`, called `text`, has a wrong syntax, or fields that there aren't.
pub fn syntax(file: &Path, text: &str, error: &toml::de::Error) -> Fault {
    let span = error.span().map(|s| Span::new(s.start, s.len()));
    placed(file, text, span, error.message().trim_end(), REMEDY)
}

/// The value of a field is wrong. `field` has the names of the tables that it is in, with dots between.
pub fn field(file: &Path, text: &str, field: &str, message: &str, remedy: &str) -> Fault {
    placed(file, text, find(text, field), message, remedy)
}

fn placed(file: &Path, text: &str, span: Option<Span>, message: &str, remedy: &str) -> Fault {
    let name = file.display().to_string();
    match span {
        Some(span) => {
            let position = Position::of(text, span.offset);
            Fault::new(format!("{name}, {position}: {message}"), remedy).at(Excerpt::of(
                &name,
                text,
                vec![(span, "here".to_string())],
            ))
        }
        None => Fault::new(format!("{name}: {message}"), remedy),
    }
}

/// Where the value of a field stands; of one that is not there, the innermost table that it would be in.
fn find(text: &str, field: &str) -> Option<Span> {
    let document = DeTable::parse(text).ok()?;
    let mut table = document.get_ref();
    let mut found = None;
    for name in field.split('.') {
        let Some((key, value)) = table.iter().find(|(key, _)| key.get_ref() == name) else {
            break;
        };
        let DeValue::Table(inner) = value.get_ref() else {
            found = Some(value.span());
            break;
        };
        found = Some(key.span());
        table = inner;
    }
    found.map(|span| Span::new(span.start, span.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found() {
        let text = "seed = 1\ngenerator.system = { trees = 2 }\n[model]\nheads = 3 # wrong\n";
        for (field, expected) in [
            ("seed", Some("1")),
            ("model.heads", Some("3")),
            ("model.bins", Some("model")),
            ("generator.system.trees", Some("2")),
            ("generator.system", Some("system")),
            ("batch", None),
        ] {
            let span = find(text, field);
            let found = span.map(|s| &text[s.offset..s.offset + s.length]);
            assert_eq!(found, expected, "{field}");
        }
        assert_eq!(find("= =", "seed"), None);
    }
}
