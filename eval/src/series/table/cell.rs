//! One cell: where it is in its line, and which number it is.

use std::ops::Range;

use super::error::Hint;

/// What a cell holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Cell {
    /// A finite number.
    Number(f64),
    /// No observation.
    Missing,
    /// Less than could be seen: `<0.5`, `<LOD`.
    Below,
    /// An infinite number, or one beyond double precision.
    Infinite,
    /// Something else.
    Text,
}

/// What stands for a missing observation, in any case.
const MISSING: [&str; 18] = [
    "nan", "na", "n/a", "null", "none", "#n/a", "nd", "n.d.", "nil", "-", "--", "---", ".", "?",
    "#div/0!", "#num!", "#value!", "#ref!",
];

/// What stands for less than could be seen, in any case, with or without a `<`.
const BELOW: [&str; 12] = [
    "lod",
    "loq",
    "lloq",
    "dl",
    "mdl",
    "bdl",
    "bld",
    "blq",
    "bloq",
    "bql",
    "below lod",
    "below loq",
];

/// Which mark separates a number's fraction. Found out from the first number of a file that has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decimal {
    /// No fraction was seen yet, and a comma would be one.
    Open,
    /// `1.5`
    Point,
    /// `1,5`
    Comma,
}

impl Decimal {
    /// The mark of a file whose columns `delimiter` separates, as far as that says it.
    pub(super) fn for_delimiter(delimiter: char) -> Decimal {
        match delimiter {
            ',' => Decimal::Point,
            _ => Decimal::Open,
        }
    }

    /// Reads `text`, already trimmed; the first fraction settles the decimal mark.
    pub(super) fn read(&mut self, text: &str) -> Cell {
        if text.is_empty() || MISSING.iter().any(|word| text.eq_ignore_ascii_case(word)) {
            return Cell::Missing;
        }
        if is_below(text) {
            return Cell::Below;
        }
        let has = |mark| text.contains(mark);
        if *self != Decimal::Point && has(',') {
            return self.read_comma(text);
        }
        if *self == Decimal::Comma && has('.') {
            return Cell::Text;
        }
        let cell = number(text);
        if *self == Decimal::Open && has('.') && matches!(cell, Cell::Number(_)) {
            *self = Decimal::Point;
        }
        cell
    }

    fn read_comma(&mut self, text: &str) -> Cell {
        if text.contains('.') || text.matches(',').count() > 1 {
            return Cell::Text;
        }
        let cell = number(&text.replace(',', "."));
        if matches!(cell, Cell::Number(_)) {
            *self = Decimal::Comma;
        }
        cell
    }
}

/// What the numbers with a comma, all read as decimal commas, say about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Commas {
    /// There were none.
    #[default]
    None,
    /// Each could separate thousands: `1,234`.
    Doubtful,
    /// One can't: `0,125`, `1,5`, `1234,567`.
    Decimal,
}

impl Commas {
    /// Takes note of `text`, which was read as a number. Returns whether it is the first with a doubtful comma.
    pub(super) fn note(&mut self, text: &str) -> bool {
        let Some((whole, fraction)) = text.split_once(',') else {
            return false;
        };
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        let whole = whole.trim_start_matches(['+', '-', '−']);
        let thousands = (1..=3).contains(&whole.len())
            && !whole.starts_with('0')
            && digits(whole)
            && fraction.len() == 3
            && digits(fraction);
        let before = *self;
        match (thousands, before) {
            (false, _) => *self = Commas::Decimal,
            (true, Commas::None) => *self = Commas::Doubtful,
            (true, _) => {}
        }
        before == Commas::None && *self == Commas::Doubtful
    }
}

/// Whether `text` says that there was less than could be seen. Which number follows the sign does not matter.
fn is_below(text: &str) -> bool {
    let bound = text.strip_prefix(['<', '≤']).map(str::trim_start);
    let number = |text: &str| matches!(number(&text.replace(',', ".")), Cell::Number(_));
    let word = |text: &str| BELOW.iter().any(|word| text.eq_ignore_ascii_case(word));
    bound.is_some_and(number) || word(bound.unwrap_or(text))
}

/// `text` as Rust writes numbers, if it is written otherwise: with the minus of a keyboard, and `e` for the `D` of Fortran, which has a point
/// before it where `5D3` may be the name of a sample.
fn usual(text: &str) -> Option<String> {
    let begins = text.starts_with(|c: char| c.is_ascii_digit() || "+-−.".contains(c));
    let fortran = text.contains('.') && text.contains(['d', 'D']);
    let strange = begins && (fortran || text.contains('−'));
    strange.then(|| match fortran {
        true => text.replace('−', "-").replace(['d', 'D'], "e"),
        false => text.replace('−', "-"),
    })
}

pub(super) fn number(text: &str) -> Cell {
    let otherwise = |error| usual(text).map_or(Err(error), |text| text.parse());
    match text.parse::<f64>().or_else(otherwise) {
        Ok(value) if value.is_finite() => Cell::Number(value),
        Ok(value) if value.is_nan() => Cell::Missing,
        Ok(_) => Cell::Infinite,
        Err(_) => Cell::Text,
    }
}

/// What may have kept `text` from being a number.
pub(super) fn hint(text: &str) -> Hint {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let made_of = |extra: &str| {
        digits > 0
            && text
                .chars()
                .all(|c| c.is_ascii_digit() || extra.contains(c))
    };
    if text.starts_with(['<', '>', '≤', '≥', '~']) && digits > 0 {
        Hint::Bound
    } else if !is_date(text)
        && made_of("+-−.,eEdD'’\u{a0}\u{202f} ")
        && text.contains([',', '.', '\''])
    {
        Hint::Decimal
    } else if is_date(text) {
        Hint::Date
    } else {
        Hint::None
    }
}

/// Whether `text` looks like a date (`2024-05-01`, `1.5.2024`, `05/01/24`) or a time of the day
/// (`12:30`), alone or with more behind it.
pub(super) fn is_date(text: &str) -> bool {
    let head = text.split(['T', ' ']).next().unwrap_or("");
    ['-', '/', '.', ':'].into_iter().any(|mark| {
        let parts: Vec<&str> = head.split(mark).collect();
        let enough = parts.len() == 3 || (mark == ':' && parts.len() == 2);
        let whole = |part: &&str| {
            let digits = part.split('.').next().unwrap_or("");
            (1..=4).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
        };
        enough && parts.iter().all(whole)
    })
}

/// The cells of `line`, trimmed and without their quotation marks, as ranges of bytes of it.
pub(super) fn split(line: &str, delimiter: char, cells: &mut Vec<Range<usize>>) {
    cells.clear();
    let bytes = line.as_bytes();
    let delimiter = delimiter as u8; // one of three ASCII characters
    let (mut start, mut quoted, mut fresh) = (0, false, true);
    for (i, &b) in bytes.iter().enumerate() {
        if b == delimiter && !quoted {
            cells.push(trimmed(line, start..i));
            (start, fresh) = (i + 1, true);
        } else if b == b'"' && (quoted || fresh) {
            // A doubled mark closes and opens again.
            quoted = !quoted;
        } else if !quoted && b != b' ' {
            fresh = false;
        }
    }
    cells.push(trimmed(line, start..bytes.len()));
}

/// The cells of `line`, trimmed and without their quotation marks.
pub(super) fn cells(line: &str, delimiter: char) -> Vec<&str> {
    let mut ranges = Vec::new();
    split(line, delimiter, &mut ranges);
    let each = ranges.into_iter();
    each.map(|range| line.get(range).unwrap_or("")).collect()
}

/// `range` without white space at its ends, and without a pair of quotation marks around it.
fn trimmed(line: &str, range: Range<usize>) -> Range<usize> {
    let inner = |range: Range<usize>| {
        let text = line.get(range.clone()).unwrap_or("");
        let start = range.start + (text.len() - text.trim_start().len());
        start..start + text.trim().len()
    };
    let outer = inner(range);
    match line
        .get(outer.clone())
        .and_then(|t| t.strip_prefix('"')?.strip_suffix('"'))
    {
        Some(_) => inner(outer.start + 1..outer.end - 1),
        None => outer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitting() {
        assert_eq!(cells("1, 2 ,,3", ','), ["1", "2", "", "3"]);
        assert_eq!(cells("\"a,b\",\" c \"", ','), ["a,b", "c"]);
        assert_eq!(
            cells("\"say \"\"x\"\", y\";2", ';'),
            ["say \"\"x\"\", y", "2"]
        );
        assert_eq!(cells("5\" pipe,3", ','), ["5\" pipe", "3"]);
        assert_eq!(cells("\t1\t", '\t'), ["", "1", ""]);
        assert_eq!(cells("\"", ','), ["\""]);
    }

    #[test]
    fn numbers_and_marks() {
        let mut open = Decimal::Open;
        assert_eq!(open.read("3"), Cell::Number(3.0));
        assert_eq!(open.read("1,5"), Cell::Number(1.5));
        assert_eq!(open, Decimal::Comma);
        assert_eq!(open.read("1.5"), Cell::Text);
        assert_eq!(open.read("1.234,5"), Cell::Text);
        let mut point = Decimal::for_delimiter(',');
        assert_eq!(point.read("-1.5E-3"), Cell::Number(-1.5e-3));
        assert_eq!(point.read(" "), Cell::Text); // cells come trimmed
        assert_eq!(point.read("−1.5"), Cell::Number(-1.5));
        assert_eq!(point.read("1.5D-03"), Cell::Number(1.5e-3));
        for below in ["<0.5", "< 1e-3", "≤2", "<LOD", "bdl", "LLOQ"] {
            assert_eq!(point.read(below), Cell::Below, "{below}");
        }
        for text in [">5", "<", "<x", "5d5d", "5D3", "1.5D3D", "day", "d", "a−1"] {
            assert_eq!(point.read(text), Cell::Text, "{text}");
        }
        for missing in ["", "NaN", "-nan", "NA", "n/a", "NULL", "None"] {
            assert_eq!(point.read(missing), Cell::Missing, "{missing}");
        }
        for infinite in ["inf", "-Infinity", "1e999"] {
            assert_eq!(point.read(infinite), Cell::Infinite, "{infinite}");
        }
    }

    #[test]
    fn commas_that_may_separate_thousands() {
        for (cells, expected) in [
            ("950 1", Commas::None),
            ("950 1,234 12,345", Commas::Doubtful),
            ("-1,234 +999,000", Commas::Doubtful),
            ("−1,234", Commas::Doubtful),
            ("0,125 0,250", Commas::Decimal),
            ("-0,125", Commas::Decimal),
            ("1,234 0,125", Commas::Decimal),
            ("1,234 1,5", Commas::Decimal),
            ("1,2345", Commas::Decimal),
            ("1234,567", Commas::Decimal),
            ("1,234e3", Commas::Decimal),
            (",125", Commas::Decimal),
        ] {
            let mut commas = Commas::None;
            for cell in cells.split(' ') {
                commas.note(cell);
            }
            assert_eq!(commas, expected, "{cells}");
        }
    }

    #[test]
    fn hints() {
        for (text, expected) in [
            ("2024-05-01", Hint::Date),
            ("2024-05-01T12:00:00Z", Hint::Date),
            ("1.5.2024", Hint::Date),
            ("12:30", Hint::Date),
            ("1,5", Hint::Decimal),
            ("1.234,5", Hint::Decimal),
            ("−1.234,5", Hint::Decimal),
            (">0.5", Hint::Bound),
            ("low", Hint::None),
            ("-", Hint::None),
        ] {
            assert_eq!(hint(text), expected, "{text}");
        }
    }
}
