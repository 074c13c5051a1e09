//! What a picture is made of, in logical pixels from the upper left corner, and how much room text takes.

use std::sync::OnceLock;

use plotters::style::{FontStyle, IntoFont, register_font};

/// The font, under the name that SVG viewers know a similar one by.
pub(super) const FAMILY: &str = "sans-serif";

/// Plotters' font sizes are of the line, these are of the letter M.
const LINE: f64 = 1.24;

/// Red, green, blue from 0 to 255, and opacity from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Color(pub u8, pub u8, pub u8, pub f64);

pub(super) const INK: Color = Color(0x22, 0x22, 0x22, 1.0);
pub(super) const FAINT: Color = Color(0x70, 0x70, 0x70, 1.0);
pub(super) const GRID: Color = Color(0xe6, 0xe6, 0xe6, 1.0);

/// The colours of Okabe and Ito that are dark enough on white, in an order in which neighbours differ.
pub(super) const PALETTE: [Color; 7] = [
    Color(0x00, 0x72, 0xb2, 1.0),
    Color(0xd5, 0x5e, 0x00, 1.0),
    Color(0x00, 0x9e, 0x73, 1.0),
    Color(0xcc, 0x79, 0xa7, 1.0),
    Color(0xe6, 0x9f, 0x00, 1.0),
    Color(0x56, 0xb4, 0xe9, 1.0),
    Color(0x00, 0x00, 0x00, 1.0),
];

/// Points of the colour map viridis, from dark to what is still visible on white.
const VIRIDIS: [Color; 7] = [
    Color(0x44, 0x01, 0x54, 1.0),
    Color(0x45, 0x34, 0x7f, 1.0),
    Color(0x34, 0x61, 0x8d, 1.0),
    Color(0x25, 0x84, 0x8e, 1.0),
    Color(0x20, 0xa3, 0x87, 1.0),
    Color(0x56, 0xc5, 0x67, 1.0),
    Color(0xa8, 0xdb, 0x34, 1.0),
];

/// The colour of the `k`-th of `count` things: one of [`PALETTE`] if there are enough, else one of a scale.
pub(super) fn distinct(k: usize, count: usize) -> Color {
    if count <= PALETTE.len() {
        return PALETTE.get(k).copied().unwrap_or(INK);
    }
    let place = k as f64 / (count - 1) as f64 * (VIRIDIS.len() - 1) as f64;
    let at = |i: usize| {
        VIRIDIS
            .get(i.min(VIRIDIS.len() - 1))
            .copied()
            .unwrap_or(INK)
    };
    let (a, b) = (at(place as usize), at(place as usize + 1));
    let mix = |a: u8, b: u8| (f64::from(a) + (f64::from(b) - f64::from(a)) * place.fract()) as u8;
    Color(mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2), 1.0)
}

impl Color {
    /// The same colour, less opaque.
    pub(super) fn faded(self, opacity: f64) -> Color {
        Color(self.0, self.1, self.2, self.3 * opacity)
    }
}

/// Which point of a text is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// One element of a picture.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shape {
    /// A line through points.
    Path {
        points: Vec<(f64, f64)>,
        width: f64,
        color: Color,
    },
    /// A filled area inside of a closed line.
    Area {
        points: Vec<(f64, f64)>,
        color: Color,
    },
    /// A filled circle.
    Dot {
        center: (f64, f64),
        radius: f64,
        color: Color,
    },
    /// A line of text, centred on the height of `at`; `upright` text reads from below.
    Text {
        at: (f64, f64),
        text: String,
        size: f64,
        anchor: Anchor,
        upright: bool,
        color: Color,
    },
}

/// A picture.
#[derive(Clone, Debug, Default)]
pub(super) struct Scene {
    pub width: f64,
    pub height: f64,
    pub shapes: Vec<Shape>,
}

impl Scene {
    /// A line.
    pub(super) fn path(&mut self, points: Vec<(f64, f64)>, width: f64, color: Color) {
        self.shapes.push(Shape::Path {
            points,
            width,
            color,
        });
    }

    /// A filled area.
    pub(super) fn area(&mut self, points: Vec<(f64, f64)>, color: Color) {
        self.shapes.push(Shape::Area { points, color });
    }

    /// A filled circle.
    pub(super) fn dot(&mut self, center: (f64, f64), radius: f64, color: Color) {
        self.shapes.push(Shape::Dot {
            center,
            radius,
            color,
        });
    }

    /// A line of text.
    pub(super) fn text(
        &mut self,
        at: (f64, f64),
        text: impl Into<String>,
        size: f64,
        anchor: Anchor,
        color: Color,
    ) {
        self.shapes.push(Shape::Text {
            at,
            text: text.into(),
            size,
            anchor,
            upright: false,
            color,
        });
    }

    /// A line of text that reads from below, centred.
    pub(super) fn upright(&mut self, at: (f64, f64), text: impl Into<String>, size: f64) {
        self.shapes.push(Shape::Text {
            at,
            text: text.into(),
            size,
            anchor: Anchor::Middle,
            upright: true,
            color: INK,
        });
    }
}

/// Makes the font known to plotters, once.
pub(super) fn register() -> bool {
    static DONE: OnceLock<bool> = OnceLock::new();
    *DONE.get_or_init(|| {
        let font = include_bytes!("../../../assets/DejaVuSans.ttf");
        register_font(FAMILY, FontStyle::Normal, font).is_ok()
    })
}

/// Size by plotters' measure of text of `size` logical pixels, on a picture enlarged `scale` times.
pub(super) fn font_size(size: f64, scale: f64) -> f64 {
    size * LINE * scale
}

/// Width of `text`, in logical pixels.
pub(super) fn text_width(text: &str, size: f64) -> f64 {
    const FINE: f64 = 10.0;
    register();
    let font = (FAMILY, font_size(size, FINE)).into_font();
    match font.layout_box(text) {
        Ok(((left, _), (right, _))) => f64::from(right - left) / FINE,
        Err(_) => 0.6 * size * text.chars().count() as f64,
    }
}

/// `text` cut so that it is no wider than `room`, with `…` where something is missing.
pub(super) fn fitted(text: &str, size: f64, room: f64) -> String {
    if text_width(text, size) <= room {
        return text.to_string();
    }
    let letters: Vec<char> = text.chars().collect();
    let cut = |n: usize| letters.iter().take(n).collect::<String>() + "…";
    let longest = (0..letters.len())
        .rev()
        .find(|&n| text_width(&cut(n), size) <= room);
    cut(longest.unwrap_or(0))
}

/// `text` in lines no wider than `room`, broken at spaces where it can be, `most` lines at most.
pub(super) fn wrapped(text: &str, size: f64, room: f64, most: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        if lines.len() + 1 == most || text_width(rest, size) <= room {
            lines.push(fitted(rest, size, room));
            break;
        }
        // Not after the equals sign, which would leave the left-hand side alone.
        let breaks = rest.match_indices(' ').map(|(i, _)| i);
        let breaks = breaks.filter(|&i| !rest.get(..i).unwrap_or("").ends_with('='));
        let at = breaks
            .take_while(|&i| text_width(rest.get(..i).unwrap_or(""), size) <= room)
            .last();
        match at {
            Some(at) if at > 0 => {
                lines.push(rest.get(..at).unwrap_or("").to_string());
                rest = rest.get(at..).unwrap_or("").trim_start();
            }
            _ => {
                lines.push(fitted(rest, size, room));
                break;
            }
        }
    }
    lines
}
