//! Why a verb gave no answer, and how that looks on standard error: one line with file, line and column in
//! plain text, the place in its source with a caret below it, and what to do.
//!
//! The words are those of the library crates; here they are only laid out. The drawing is miette's.

use std::io::{IsTerminal, Write};
use std::path::Path;

use miette::{Diagnostic, LabeledSpan, MietteHandlerOpts, ReportHandler, SourceCode};
use nsode_eval::answer::plot::PlotError;
use nsode_eval::answer::report::ReportError;
use nsode_eval::bench::BenchError;
use nsode_eval::series::table::TableError;
use nsode_eval::suite::SuiteError;
use nsode_parser::{ParseError, ParseErrorKind, Span};

use crate::excerpt::{Excerpt, Position};

/// Why a verb gave no answer.
#[derive(Debug)]
pub enum Fault {
    /// Whoever reads standard output has gone: no reason to complain.
    BrokenPipe,
    /// Something that the user can change.
    Problem(Box<Problem>),
}

/// A message for the user.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Problem {
    message: String,
    remedy: Option<String>,
    excerpt: Option<Excerpt>,
}

impl Fault {
    /// A problem and what to do about it.
    pub fn new(message: impl Into<String>, remedy: impl Into<String>) -> Fault {
        Fault::Problem(Box::new(Problem {
            message: message.into(),
            remedy: Some(remedy.into()),
            excerpt: None,
        }))
    }

    /// A problem whose message says all there is to say.
    pub fn plain(message: impl Into<String>) -> Fault {
        Fault::Problem(Box::new(Problem {
            message: message.into(),
            remedy: None,
            excerpt: None,
        }))
    }

    /// The same problem with the place that it is about.
    #[must_use]
    pub fn at(mut self, place: Excerpt) -> Fault {
        if let Fault::Problem(problem) = &mut self {
            problem.excerpt = Some(place);
        }
        self
    }

    /// What is wrong with a formula that was given as `text`; `name` is what the user knows it by.
    pub fn formula(name: &str, text: &str, error: &ParseError) -> Fault {
        let mut labels = vec![(error.span, "here".to_string())];
        if let ParseErrorKind::DuplicateLeftHandSide { first, .. } = &error.kind {
            labels.push((*first, "the first one".to_string()));
        }
        let position = Position::of(text, error.span.offset);
        let message = format!("{name}, {position}: {error}");
        let fault = match &error.hint {
            Some(hint) => Fault::new(message, sentence(hint)),
            None => Fault::new(message, general_hint(&error.kind)),
        };
        fault.at(Excerpt::of(name, text, labels))
    }

    /// An input file that can't be read.
    pub fn unreadable(file: &Path, error: &std::io::Error) -> Fault {
        Fault::new(
            format!("{}: {error}", file.display()),
            "Check the path, which is taken from the current directory, and its permissions.",
        )
    }

    /// Writes the message to standard error.
    pub fn show(self) {
        if let Fault::Problem(problem) = self {
            // A terminal gets the message in its own width; for a file or a pipe, the first line is whole.
            let handler = MietteHandlerOpts::new()
                .terminal_links(false)
                .wrap_lines(std::io::stderr().is_terminal())
                .build();
            let text = Drawn(&problem, handler).to_string();
            // Where not even this can be written, the exit code remains.
            let _ = writeln!(std::io::stderr(), "{}", text.trim_end());
        }
    }
}

/// A hint of the parser's as a sentence.
fn sentence(hint: &str) -> String {
    let mut characters = hint.chars();
    match characters.next() {
        Some(first) => {
            let mut text: String = first.to_uppercase().chain(characters).collect();
            if !text.ends_with(['.', '?', '!']) {
                text.push('.');
            }
            text
        }
        None => String::new(),
    }
}

/// What to do where the parser has no hint.
fn general_hint(kind: &ParseErrorKind) -> &'static str {
    match kind {
        ParseErrorKind::TextTooLong { .. }
        | ParseErrorKind::TooManyNodes { .. }
        | ParseErrorKind::TooDeep { .. }
        | ParseErrorKind::TooManyEquations { .. } => "Write a smaller formula.",
        ParseErrorKind::UnclosedParenthesis => "Close it with `)`, or leave it out.",
        ParseErrorKind::UnopenedParenthesis => "Open it with `(`, or leave it out.",
        ParseErrorKind::UnknownFunction { .. } => "Write products with `*`: `a*(b + c)`.",
        _ => {
            "Formulas look like `0.79*y*(1 - y/74.3)`; several equations are separated by `;`, each \
             with its left-hand side, such as `dx/dt = -y; dy/dt = x`."
        }
    }
}

impl From<TableError> for Fault {
    fn from(error: TableError) -> Fault {
        let fault = Fault::new(error.to_string(), error.remedy());
        match error.place() {
            Some(place) => {
                let span = Span::new(place.span.start, place.span.len());
                fault.at(Excerpt {
                    name: place.file.clone(),
                    line: usize::try_from(place.line).unwrap_or(1),
                    skipped: 0,
                    text: place.text.clone(),
                    labels: vec![(span, "here".to_string())],
                })
            }
            None => fault,
        }
    }
}

impl From<PlotError> for Fault {
    fn from(error: PlotError) -> Fault {
        Fault::new(error.to_string(), error.remedy())
    }
}

impl From<SuiteError> for Fault {
    fn from(error: SuiteError) -> Fault {
        Fault::new(error.to_string(), error.remedy())
    }
}

impl From<BenchError> for Fault {
    fn from(error: BenchError) -> Fault {
        Fault::new(error.to_string(), error.remedy())
    }
}

impl From<ReportError> for Fault {
    fn from(error: ReportError) -> Fault {
        Fault::new(error.to_string(), error.remedy())
    }
}

impl From<nsode_eval::Error> for Fault {
    fn from(error: nsode_eval::Error) -> Fault {
        Fault::plain(error.to_string())
    }
}

impl From<nsode_generator::Error> for Fault {
    fn from(error: nsode_generator::Error) -> Fault {
        Fault::plain(error.to_string())
    }
}

impl From<nsode_model::Error> for Fault {
    fn from(error: nsode_model::Error) -> Fault {
        match error {
            nsode_model::Error::Checkpoint {
                file,
                problem,
                remedy,
            } => Fault::new(format!("{} {problem}", file.display()), sentence(remedy)),
            nsode_model::Error::Io { path, source } => Fault::unreadable(&path, &source),
            error => Fault::plain(error.to_string()),
        }
    }
}

impl Diagnostic for Problem {
    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        let remedy = self.remedy.as_ref()?;
        Some(Box::new(remedy))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.excerpt.as_ref().map(|e| e as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let excerpt = self.excerpt.as_ref()?;
        Some(Box::new(excerpt.labels.iter().map(|(span, label)| {
            LabeledSpan::new(Some(label.clone()), span.offset, span.length)
        })))
    }
}

/// A problem as miette draws it.
struct Drawn<'a>(&'a Problem, miette::MietteHandler);

impl std::fmt::Display for Drawn<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.1.debug(self.0, f)
    }
}
