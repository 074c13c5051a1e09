//! The piece of a file or of a formula that an error points at, in the form that miette draws.
//!
//! A piece, because a file may have gigabytes and a formula a megabyte in one line. It keeps its own line
//! number, so that the picture shows the place in the whole.

use miette::{MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};
use nsode_parser::Span;

/// Texts up to this size, in bytes, are shown whole.
const WHOLE: usize = 1000;
/// Characters that are kept on either side of a span in a longer text.
const CONTEXT: usize = 40;

/// Some lines of a text, or a part of one, and the spans in it that are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// Where the text is from: a path, or `formula`.
    pub name: String,
    /// Number of the first line that is kept, from 1.
    pub line: usize,
    /// Characters of that line before what is kept.
    pub skipped: usize,
    /// The text that is kept.
    pub text: String,
    /// What is meant: a span of `text`, and what to write there.
    pub labels: Vec<(Span, String)>,
}

/// Where a byte stands in a text, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
}

impl Position {
    /// The position of byte `offset` of `text`; that of the end for an offset beyond it.
    pub fn of(text: &str, offset: usize) -> Position {
        let before = text.get(..floor(text, offset)).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        Position {
            line: before.matches('\n').count() + 1,
            column: before.get(line_start..).unwrap_or("").chars().count() + 1,
        }
    }
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

impl Excerpt {
    /// What of `text`, called `name`, has to be seen to understand what `labels` say of its spans. The
    /// first label decides which part of a long text is kept; others that fall outside are dropped.
    pub fn of(name: &str, text: &str, labels: Vec<(Span, String)>) -> Excerpt {
        let (from, to) = match labels.first() {
            Some((span, _)) if text.len() > WHOLE => window(text, *span),
            _ => (0, text.len()),
        };
        let kept = text.get(from..to).unwrap_or("");
        let labels = labels
            .into_iter()
            .filter_map(|(span, label)| {
                let start = span.offset.checked_sub(from)?;
                // Of a span that is longer than what is kept, its start is marked.
                let length = span.length.min(kept.len().checked_sub(start)?);
                Some((Span::new(start, length), label))
            })
            .collect();
        let Position { line, column } = Position::of(text, from);
        Excerpt {
            name: name.to_string(),
            line,
            skipped: column - 1,
            text: kept.to_string(),
            labels,
        }
    }
}

/// The part of the line of `span` that is within [`CONTEXT`] characters of its start.
fn window(text: &str, span: Span) -> (usize, usize) {
    let start = floor(text, span.offset);
    let (before, after) = text.split_at(start);
    let from = before
        .char_indices()
        .rev()
        .take(CONTEXT)
        .take_while(|(_, c)| *c != '\n')
        .last()
        .map_or(start, |(i, _)| i);
    let to = after
        .char_indices()
        .take_while(|(_, c)| *c != '\n')
        .nth(CONTEXT)
        .map_or_else(
            || after.find('\n').map_or(text.len(), |i| start + i),
            |(i, _)| start + i,
        );
    (from, to)
}

/// `offset`, or the nearest character boundary below it.
fn floor(text: &str, offset: usize) -> usize {
    let mut floor = offset.min(text.len());
    while !text.is_char_boundary(floor) {
        floor -= 1;
    }
    floor
}

impl SourceCode for Excerpt {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let part = self.text.read_span(span, before, after)?;
        Ok(Box::new(MietteSpanContents::new_named(
            self.name.clone(),
            part.data(),
            *part.span(),
            self.line - 1 + part.line(),
            match part.line() {
                0 => self.skipped + part.column(),
                _ => part.column(),
            },
            part.line_count(),
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_and_characters() {
        let text = "dä/dt = ä\ny' = 2";
        for (offset, line, column) in [(0, 1, 1), (3, 1, 3), (12, 2, 1), (15, 2, 4), (99, 2, 7)] {
            assert_eq!(Position::of(text, offset), Position { line, column });
        }
        // in the middle of a character: that character
        assert_eq!(Position::of("ä", 1), Position { line: 1, column: 1 });
    }

    #[test]
    fn short_texts_are_kept_whole() {
        let label = (Span::new(4, 1), "here".to_string());
        let excerpt = Excerpt::of("formula", "1 + )", vec![label.clone()]);
        assert_eq!(excerpt.text, "1 + )");
        assert_eq!(excerpt.labels, [label]);
    }

    #[test]
    fn of_long_texts_a_part_is_kept() {
        let text = format!("a\n{}?{}\nb", "ä".repeat(5000), "x".repeat(5000));
        let offset = text.find('?').unwrap();
        let labels = vec![
            (Span::new(offset, 3000), "here".to_string()),
            (Span::new(0, 1), "out of sight".to_string()),
        ];
        let excerpt = Excerpt::of("formula", &text, labels);
        assert_eq!((excerpt.line, excerpt.skipped), (2, 5000 - CONTEXT));
        assert_eq!(
            excerpt.text,
            format!("{}?{}", "ä".repeat(CONTEXT), "x".repeat(CONTEXT - 1))
        );
        let (span, label) = &excerpt.labels[0];
        assert_eq!((excerpt.labels.len(), label.as_str()), (1, "here"));
        assert_eq!(
            &excerpt.text[span.offset..][..span.length],
            format!("?{}", "x".repeat(CONTEXT - 1))
        );
    }

    #[test]
    fn a_window_stays_in_its_line() {
        let text = format!("{}\nabc?def\n{}", "x".repeat(2000), "y".repeat(2000));
        let at = text.find('?').unwrap();
        let (from, to) = window(&text, Span::new(at, 1));
        assert_eq!(&text[from..to], "abc?def");
    }
}
