//! Ranges and ticks: round numbers, as many as there is room for, with a common power of ten where they
//! are large or small; and how they are drawn.

use super::shapes::{Anchor, FAINT, GRID, INK, Scene, fitted, text_width};

/// Size of the numbers at ticks, in logical pixels.
pub(super) const TICK_SIZE: f64 = 11.0;

/// How an axis runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    /// Evenly.
    #[default]
    Linear,
    /// By factors; values that are not above 0 are left out.
    Logarithmic,
}

impl Scale {
    /// A value's place on an axis that runs evenly; none for what the axis does not have.
    pub(super) fn place(self, value: f64) -> Option<f64> {
        let place = match self {
            Scale::Linear => value,
            Scale::Logarithmic if value > 0.0 => value.log10(),
            Scale::Logarithmic => return None,
        };
        place.is_finite().then_some(place)
    }
}

/// An interval of data, and the pixels that it is drawn on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Span {
    pub low: f64,
    pub high: f64,
    /// Pixel of `low`.
    pub from: f64,
    /// Pixel of `high`.
    pub to: f64,
}

impl Span {
    /// The pixel of a value.
    pub(super) fn pixel(&self, value: f64) -> f64 {
        // Halves, so that a range as wide as all doubles does not overflow.
        let share = (value / 2.0 - self.low / 2.0) / (self.high / 2.0 - self.low / 2.0);
        self.from + share * (self.to - self.from)
    }

    /// Whether a value is inside, ends included.
    pub(super) fn holds(&self, value: f64) -> bool {
        value >= self.low && value <= self.high
    }
}

/// Draws lines across at the `marks` of the vertical axis, with their texts beside.
pub(super) fn beside(scene: &mut Scene, marks: &[(f64, String)], x: Span, y: Span) {
    for (value, text) in marks.iter().filter(|(v, _)| y.holds(*v)) {
        let at = y.pixel(*value);
        scene.path(vec![(x.from, at), (x.to, at)], 1.0, GRID);
        let place = (x.from - 6.0, at);
        scene.text(place, text.clone(), TICK_SIZE, Anchor::End, INK);
    }
}

/// Draws the `marks` of the horizontal axis below it, leaving out texts that would touch the one before.
pub(super) fn under(scene: &mut Scene, marks: &[(f64, String)], x: Span, y: Span) {
    let mut end = f64::NEG_INFINITY;
    for (value, text) in marks.iter().filter(|(v, _)| x.holds(*v)) {
        let at = x.pixel(*value);
        scene.path(vec![(at, y.from), (at, y.from + 4.0)], 1.0, FAINT);
        let half = text_width(text, TICK_SIZE) / 2.0;
        if at - half > end {
            let place = (at, y.from + 12.0);
            scene.text(place, text.clone(), TICK_SIZE, Anchor::Middle, INK);
            end = at + half + 4.0;
        }
    }
}

/// Smallest and largest of the finite `values`.
pub(super) fn extent(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values
        .filter(|v| v.is_finite())
        .fold(None, |extent, v| match extent {
            None => Some((v, v)),
            Some((low, high)) => Some((v.min(low), v.max(high))),
        })
}

/// `low` to `high` with room around; a positive range that starts near 0 starts at 0.
pub(super) fn padded(low: f64, high: f64) -> (f64, f64) {
    let size = high.abs().max(low.abs());
    if high / 2.0 - low / 2.0 <= 1e-12 * size || size == 0.0 {
        let room = if size == 0.0 { 1.0 } else { size * 0.1 };
        return (low - room, high + room);
    }
    let room = 0.06 * (high - low);
    let below = if low >= 0.0 && low < 0.25 * high {
        0.0
    } else {
        low - room
    };
    (finite(below), finite(high + room))
}

fn finite(value: f64) -> f64 {
    value.clamp(f64::MIN, f64::MAX)
}

/// Ticks of an axis.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ticks {
    /// Values and their texts, in order.
    pub marks: Vec<(f64, String)>,
    /// The power of ten that the texts are to be multiplied by; 0 mostly.
    pub power: i32,
}

impl Ticks {
    /// At most `most` ticks inside of `low` to `high`, at multiples of 1, 2 or 5 times a power of ten.
    pub(super) fn new(low: f64, high: f64, most: usize) -> Ticks {
        let raw = (high / most.max(1) as f64) - (low / most.max(1) as f64);
        let none = Ticks {
            marks: Vec::new(),
            power: 0,
        };
        if !(raw.is_finite() && raw > 0.0) {
            return none;
        }
        let decade = raw.log10().floor() as i32;
        let steps = (decade - 1..=decade + 2).flat_map(|d| [1, 2, 5].map(|m| (m, d)));
        for (multiple, decade) in steps {
            let step = f64::from(multiple) * 10f64.powi(decade);
            if !(step.is_finite() && step > 0.0) {
                continue;
            }
            let first = (low / step - 1e-9).ceil();
            let count = ((high / step + 1e-9).floor() - first + 1.0) as usize;
            if count > most {
                continue;
            }
            let values: Vec<f64> = (0..count)
                .map(|i| decimal((first + i as f64) * f64::from(multiple), decade))
                .collect();
            return Ticks::labelled(values, decade);
        }
        none
    }

    /// Texts for multiples of a step of size 10^`decade`.
    fn labelled(values: Vec<f64>, decade: i32) -> Ticks {
        let size = values.iter().fold(0.0, |size: f64, v| size.max(v.abs()));
        let top = if size > 0.0 {
            size.log10().floor() as i32
        } else {
            0
        };
        let power = if (-3..5).contains(&top) { 0 } else { top };
        let decimals = usize::try_from(power - decade).unwrap_or(0);
        let marks = values
            .into_iter()
            .map(|v| {
                let scaled = decimal(v, -power);
                let text = format!("{scaled:.decimals$}");
                let zero = text.trim_start_matches(['-', '0', '.']).is_empty();
                let text = if zero { "0".to_string() } else { text };
                (v, text.replace('-', "−"))
            })
            .collect();
        Ticks { marks, power }
    }

    /// Ticks of a logarithmic axis that shows the places `low` to `high`: at powers of ten, at fewer where these are many, at
    /// more round numbers where they are few.
    pub(super) fn decades(low: f64, high: f64) -> Ticks {
        Ticks::at(&round(low, high), Scale::Logarithmic, low, high)
    }

    /// Ticks at the `values` whose places are in `low` to `high`.
    pub(super) fn at(values: &[f64], scale: Scale, low: f64, high: f64) -> Ticks {
        let marks = values
            .iter()
            .filter_map(|v| Some((scale.place(*v)?, number(*v))))
            .filter(|(at, _)| (low..=high).contains(at))
            .collect();
        Ticks { marks, power: 0 }
    }

    /// Three ticks or a few more, for an axis that is symmetric around 0.
    pub(super) fn symmetric(wide: f64) -> Ticks {
        let few = Ticks::new(-wide, wide, 3);
        match few.marks.len() {
            3 => few,
            _ => Ticks::new(-wide, wide, 5),
        }
    }

    /// Ticks of a horizontal axis that begins at pixel `left`, and the pixel where it ends: its last number may stand
    /// right below its end, and half of that, or `least` pixels, must fit before `edge`.
    pub(super) fn below(low: f64, high: f64, left: f64, edge: f64, least: f64) -> (Ticks, f64) {
        let ticks = Ticks::side_by_side(low, high, edge - left);
        let right = edge - (ticks.width() / 2.0).max(least);
        (Ticks::side_by_side(low, high, right - left), right)
    }

    /// As many ticks as fit side by side in `room` logical pixels.
    pub(super) fn side_by_side(low: f64, high: f64, room: f64) -> Ticks {
        const GAP: f64 = 14.0;
        for most in (2..=8).rev() {
            let ticks = Ticks::new(low, high, most);
            let span = Span {
                low,
                high,
                from: 0.0,
                to: room,
            };
            let fits = ticks.marks.windows(2).all(|pair| {
                let [(a, left), (b, right)] = pair else {
                    return true;
                };
                let half = (text_width(left, TICK_SIZE) + text_width(right, TICK_SIZE)) / 2.0;
                span.pixel(*b) - span.pixel(*a) >= half + GAP
            });
            if fits {
                return ticks;
            }
        }
        let mut one = Ticks::new(low, high, 2);
        one.marks.truncate(1);
        one
    }

    /// Width of the widest text.
    pub(super) fn width(&self) -> f64 {
        let widths = self
            .marks
            .iter()
            .map(|(_, text)| text_width(text, TICK_SIZE));
        widths.fold(0.0, f64::max)
    }
}

/// Decades that a logarithmic axis has at most where each of them has a number.
const MOST_DECADES: f64 = 8.0;

/// Round numbers whose logarithms are in a range: powers of ten, or more where these are few.
fn round(low: f64, high: f64) -> Vec<f64> {
    let decades = (low.floor() as i32)..=(high.ceil() as i32);
    if high - low > MOST_DECADES {
        let step = ((high - low) / MOST_DECADES).ceil() as i32;
        let every = decades.filter(|decade| decade % step == 0);
        return every.map(|decade| 10f64.powi(decade)).collect();
    }
    let choices: [&[f64]; 4] = [
        &[1.0],
        &[1.0, 3.0],
        &[1.0, 2.0, 5.0],
        &[
            1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0,
        ],
    ];
    let mut values = Vec::new();
    for factors in choices {
        values = decades
            .clone()
            .flat_map(|decade| factors.iter().map(move |f| f * 10f64.powi(decade)))
            .filter(|v| (low..=high).contains(&v.log10()))
            .collect();
        if values.len() >= 3 {
            break;
        }
    }
    values
}

/// A number as short as it can be told.
fn number(value: f64) -> String {
    if value != 0.0 && !(1e-4..1e5).contains(&value.abs()) {
        return format!("{value:.1e}").replace(".0e", "e").replace('-', "−");
    }
    // rounding of powers of ten, away
    let text = format!("{value:.6}");
    text.trim_end_matches('0')
        .trim_end_matches('.')
        .replace('-', "−")
}

/// `value · 10^decade`, as exact as decimal text is.
fn decimal(value: f64, decade: i32) -> f64 {
    format!("{value:e}")
        .split_once('e')
        .and_then(|(digits, e)| {
            let exponent = e.parse::<i32>().ok()? + decade;
            format!("{digits}e{exponent}").parse().ok()
        })
        .unwrap_or(value)
}

/// `, × 10⁻⁹`, to be written behind a name; nothing for the power 0.
pub(super) fn power_text(power: i32) -> String {
    if power == 0 {
        return String::new();
    }
    let digits: String = power
        .to_string()
        .chars()
        .map(|c| match c {
            '-' => '⁻',
            '1' => '¹',
            '2' => '²',
            '3' => '³',
            c => c
                .to_digit(10)
                .and_then(|d| char::from_u32(0x2070 + d))
                .unwrap_or(c),
        })
        .collect();
    format!(", × 10{digits}")
}

/// `name` with [`power_text`], the name cut so that both fit into `room` logical pixels.
pub(super) fn with_power(name: &str, power: i32, size: f64, room: f64) -> String {
    let power = power_text(power);
    fitted(name, size, room - text_width(&power, size)) + &power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithmic_axes_have_numbers_that_are_round() {
        for (low, high) in [
            (0.4, 6.0),
            (1e-5, 2e-3),
            (0.95, 1.2),
            (1.0, 1e6),
            (30.0, 40.0),
            (2e-18, 3.0),
            (1e-300, 1e300),
        ] {
            let ticks = Ticks::decades(f64::log10(low), f64::log10(high));
            assert!((2..=14).contains(&ticks.marks.len()), "{ticks:?}");
            for (at, text) in &ticks.marks {
                let value: f64 = text.replace('−', "-").parse().unwrap();
                assert!((value.log10() - at).abs() < 1e-9, "{text} {at}");
                assert!(text.chars().count() <= 6, "{text}");
            }
        }
    }
}
