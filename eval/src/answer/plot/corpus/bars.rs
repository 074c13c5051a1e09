//! Small charts with one axis below and one on the left: their frame, and bars in it.

use super::super::axis::{Span, TICK_SIZE, beside, under};
use super::super::panel::Frame;
use super::super::shapes::{Anchor, Color, FAINT, INK, Scene, fitted, text_width};

/// Colour of bars.
pub(super) const BAR: Color = Color(0x4c, 0x92, 0xc3, 1.0);

/// Size of titles, in logical pixels.
pub(super) const TITLE_SIZE: f64 = 12.5;
/// Room for the title, and for numbers and label below.
const ABOVE: f64 = 26.0;
const BELOW: f64 = 42.0;
/// Part of a bar's room that it fills.
const FILLED: f64 = 0.86;

/// Values and their texts.
pub(super) type Marks = Vec<(f64, String)>;

/// The inside of a chart: coordinates to pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inside {
    pub x: Span,
    pub y: Span,
}

/// What stands around a chart.
pub(super) struct Chart<'a> {
    pub title: &'a str,
    /// Below the axis.
    pub label: &'a str,
    pub x: (f64, f64),
    pub y: (f64, f64),
    pub x_marks: Marks,
    pub y_marks: Marks,
}

impl Chart<'_> {
    /// Draws title, axes and grid into `frame`.
    pub(super) fn draw(&self, scene: &mut Scene, frame: Frame) -> Inside {
        let widths = self.y_marks.iter().map(|(_, t)| text_width(t, TICK_SIZE));
        let left = frame.left + widths.fold(0.0, f64::max) + 10.0;
        let right = frame.left + frame.width - 12.0;
        let (top, bottom) = (frame.top + ABOVE, frame.top + frame.height - BELOW);
        let x = Span {
            low: self.x.0,
            high: self.x.1,
            from: left,
            to: right,
        };
        let y = Span {
            low: self.y.0,
            high: self.y.1,
            from: bottom,
            to: top,
        };
        title(scene, self.title, frame);
        beside(scene, &self.y_marks, x, y);
        under(scene, &self.x_marks, x, y);
        scene.path(vec![(left, bottom), (right, bottom)], 1.0, FAINT);
        let label = fitted(self.label, TICK_SIZE, right - left);
        let place = ((left + right) / 2.0, bottom + 30.0);
        scene.text(place, label, TICK_SIZE, Anchor::Middle, INK);
        Inside { x, y }
    }
}

fn title(scene: &mut Scene, text: &str, frame: Frame) {
    let text = fitted(text, TITLE_SIZE, frame.width);
    let place = (frame.left, frame.top + 8.0);
    scene.text(place, text, TITLE_SIZE, Anchor::Start, INK);
}

impl Inside {
    /// A bar from the axis up to `height`, between `from` and `to` on the axis below.
    pub(super) fn bar(&self, scene: &mut Scene, (from, to): (f64, f64), height: f64) {
        let (left, right) = (self.x.pixel(from), self.x.pixel(to));
        let (bottom, top) = (self.y.pixel(0.0), self.y.pixel(height));
        if bottom - top < 0.05 {
            return;
        }
        // A thick line is a rectangle.
        let middle = (left + right) / 2.0;
        let width = (right - left) * FILLED;
        scene.path(vec![(middle, bottom), (middle, top)], width, BAR);
    }
}

/// Bars that lie side by side below each other, each with its name on the left and a text behind it.
pub(super) struct Lying<'a> {
    pub title: &'a str,
    /// Name, length, text; the longest bar fills the width.
    pub bars: &'a [(String, f64, String)],
}

/// Height of one lying bar.
const LINE: f64 = 16.0;

impl Lying<'_> {
    /// Height of a frame for so many bars.
    pub(super) fn height(bars: usize) -> f64 {
        ABOVE + bars as f64 * LINE
    }

    /// Draws the bars into `frame`.
    pub(super) fn draw(&self, scene: &mut Scene, frame: Frame) {
        title(scene, self.title, frame);
        let widest = |texts: &mut dyn Iterator<Item = &str>| {
            texts.map(|t| text_width(t, TICK_SIZE)).fold(0.0, f64::max)
        };
        let names = widest(&mut self.bars.iter().map(|(name, _, _)| name.as_str()));
        let texts = widest(&mut self.bars.iter().map(|(_, _, text)| text.as_str()));
        let left = frame.left + names + 8.0;
        let room = frame.left + frame.width - left - texts - 8.0;
        let longest = self
            .bars
            .iter()
            .fold(0.0, |l: f64, (_, length, _)| l.max(*length));
        for (k, (name, length, text)) in self.bars.iter().enumerate() {
            let y = frame.top + ABOVE + (k as f64 + 0.5) * LINE;
            scene.text((left - 6.0, y), name.clone(), TICK_SIZE, Anchor::End, INK);
            let right = left + room * (length / longest.max(f64::MIN_POSITIVE)).clamp(0.0, 1.0);
            if right - left > 0.05 {
                scene.path(vec![(left, y), (right, y)], LINE * 0.72, BAR);
            }
            scene.text(
                (right + 6.0, y),
                text.clone(),
                TICK_SIZE,
                Anchor::Start,
                FAINT,
            );
        }
    }
}
