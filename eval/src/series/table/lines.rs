//! Bytes to lines: ends of all three systems, byte order mark, offsets, limits, and what is no text.
//!
//! A line is handed on whole; a cell in quotation marks may hold line ends, then its lines come as one.

use std::io::BufRead;

use super::TableError;
use super::dialect::said;
use super::error::Place;

/// Longest line, in bytes.
pub(super) const MAX_LINE: usize = 1 << 20;

/// Most lines that one quoted cell may go over; beyond it, the mark is taken for unclosed.
const MAX_JOINED: usize = 100;

/// Comments above the first row that are kept.
const MAX_COMMENTS: usize = 8;

/// A line that is neither blank nor a comment.
#[derive(Clone, Debug, Default)]
pub(super) struct Line {
    /// Number, from 1.
    pub number: u64,
    /// Offset of its first byte in the file.
    pub byte: u64,
    /// Without its end.
    pub text: String,
}

/// The lines of one file.
pub(super) struct Lines<R> {
    reader: R,
    file: String,
    /// Lines begun so far.
    number: u64,
    /// Bytes consumed so far.
    byte: u64,
    /// The last byte consumed was a carriage return: a line feed right after it belongs to it.
    after_return: bool,
    looks_like: Option<&'static str>,
    buffer: Vec<u8>,
    /// The last comments above the first row, one of which may be the header; none are added below it.
    above: Vec<Line>,
    /// The first row was handed on.
    begun: bool,
}

impl<R: BufRead> Lines<R> {
    /// The lines of `reader`, which reads `file` from its start.
    pub(super) fn new(reader: R, file: &str) -> Lines<R> {
        Lines {
            reader,
            file: file.to_string(),
            number: 0,
            byte: 0,
            after_return: false,
            looks_like: None,
            buffer: Vec::new(),
            above: Vec::new(),
            begun: false,
        }
    }

    /// The last comments above the first row, in their order.
    pub(super) fn comments_above(&self) -> &[Line] {
        &self.above
    }

    /// The next line that is neither blank nor a comment, into `line`; `false` at the end.
    pub(super) fn next_into(&mut self, line: &mut Line) -> Result<bool, TableError> {
        while self.raw(line)? {
            let text = line.text.trim_start();
            if text.is_empty() || text.starts_with('#') {
                if !self.begun && !text.is_empty() {
                    if self.above.len() == MAX_COMMENTS {
                        self.above.remove(0);
                    }
                    self.above.push(line.clone());
                }
                continue;
            }
            self.begun |= said(text).is_none();
            if line.text.contains('"') {
                self.join(line)?;
            }
            return Ok(true);
        }
        Ok(false)
    }

    /// Appends following lines to `line` as long as a quotation mark in it is open.
    fn join(&mut self, line: &mut Line) -> Result<(), TableError> {
        let mut following = Line::default();
        let mut joined = 1;
        while let Some(open) = open_quote(&line.text) {
            joined += 1;
            let fits = joined <= MAX_JOINED && line.text.len() <= MAX_LINE;
            if !fits || !self.raw(&mut following)? {
                let end = line.text.find('\n').unwrap_or(line.text.len());
                let text = line.text.get(..end).unwrap_or("").to_string();
                return Err(TableError::OpenQuote {
                    place: Box::new(Place {
                        file: self.file.clone(),
                        line: line.number,
                        byte: line.byte,
                        span: open.min(text.len())..(open + 1).min(text.len()),
                        text,
                        ..Place::default()
                    }),
                });
            }
            line.text.push('\n');
            line.text.push_str(&following.text);
        }
        Ok(())
    }

    /// The next line, whatever it is.
    fn raw(&mut self, line: &mut Line) -> Result<bool, TableError> {
        self.buffer.clear();
        let mut start = self.byte;
        loop {
            let available = match self.reader.fill_buf() {
                Ok(bytes) => bytes,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(source) => {
                    return Err(TableError::Io {
                        file: self.file.clone(),
                        source,
                    });
                }
            };
            if self.byte == 0 {
                self.looks_like = magic(available);
            }
            if available.is_empty() {
                if self.buffer.is_empty() {
                    return Ok(false);
                }
                break;
            }
            if std::mem::take(&mut self.after_return) && available.first() == Some(&b'\n') {
                self.reader.consume(1);
                self.byte += 1;
                start += 1;
                continue;
            }
            let end = available.iter().position(|&b| b == b'\n' || b == b'\r');
            let body = available.get(..end.unwrap_or(available.len()));
            self.buffer.extend_from_slice(body.unwrap_or(&[]));
            let consumed = end.map_or(available.len(), |e| e + 1);
            self.after_return = end.is_some_and(|e| available.get(e) == Some(&b'\r'));
            self.reader.consume(consumed);
            self.byte += consumed as u64;
            if self.buffer.len() > MAX_LINE {
                self.check(start)?; // binary garbage has no lines, and deserves its own message
                return Err(TableError::LongLine {
                    file: self.file.clone(),
                    line: self.number + 1,
                    limit: MAX_LINE,
                });
            }
            if end.is_some() {
                break;
            }
        }
        let text = self.check(start)?;
        line.text.clear();
        if self.number == 0 && text.starts_with('\u{feff}') {
            let mark = '\u{feff}'.len_utf8();
            start += mark as u64;
            line.text.push_str(text.get(mark..).unwrap_or(""));
        } else {
            line.text.push_str(text);
        }
        self.number += 1;
        line.number = self.number;
        line.byte = start;
        Ok(true)
    }

    /// The buffer as text, its first byte at `start` in the file.
    fn check(&self, start: u64) -> Result<&str, TableError> {
        let not_text = |at: usize| TableError::NotText {
            file: self.file.clone(),
            line: self.number + 1,
            byte: start + at as u64,
            value: self.buffer.get(at).copied().unwrap_or(0),
            looks_like: self.looks_like,
        };
        let nul = self.buffer.iter().position(|&b| b == 0);
        let (text, error) = match std::str::from_utf8(&self.buffer) {
            Ok(text) => (text, None),
            // A line that was cut off at the limit may end within a character.
            Err(e) if e.error_len().is_none() && self.buffer.len() > MAX_LINE => {
                let valid = self.buffer.get(..e.valid_up_to());
                let valid = valid.and_then(|bytes| std::str::from_utf8(bytes).ok());
                (valid.unwrap_or(""), None)
            }
            Err(e) => ("", Some(e.valid_up_to())),
        };
        match nul.into_iter().chain(error).min() {
            Some(at) => Err(not_text(at)),
            None => Ok(text),
        }
    }
}

/// What a file is that begins so and is no text.
fn magic(bytes: &[u8]) -> Option<&'static str> {
    const KNOWN: [(&[u8], &str); 8] = [
        (b"\x1f\x8b", "a gzip archive"),
        (b"PK\x03\x04", "a spreadsheet or zip archive"),
        (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
        (b"PAR1", "a Parquet file"),
        (b"\x89HDF", "an HDF5 file"),
        (b"\xff\xfe", "text in UTF-16"),
        (b"\xfe\xff", "text in UTF-16"),
        (b"\x28\xb5\x2f\xfd", "a zstd archive"),
    ];
    KNOWN
        .iter()
        .find(|(start, _)| bytes.starts_with(start))
        .map(|&(_, name)| name)
}

/// Offset of the quotation mark that opens a cell in `text` and is not closed in it. The delimiter need
/// not be known yet: any of the possible ones ends a cell.
fn open_quote(text: &str) -> Option<usize> {
    let mut at = At::Start;
    for (i, b) in text.bytes().enumerate() {
        at = match (at, b) {
            (At::Start, b'"') => At::Quoted(i),
            (At::Quoted(open), b'"') => At::Closed(open),
            (At::Closed(open), b'"') => At::Quoted(open), // a doubled mark stands for one
            (At::Quoted(open), _) => At::Quoted(open),
            (_, b',' | b';' | b'\t') => At::Start,
            (At::Start, b' ') => At::Start,
            _ => At::Bare,
        };
    }
    match at {
        At::Quoted(open) => Some(open),
        _ => None,
    }
}

/// Where in a cell a byte stands; offsets are those of the opening mark.
#[derive(Clone, Copy)]
enum At {
    Start,
    Bare,
    Quoted(usize),
    Closed(usize),
}
