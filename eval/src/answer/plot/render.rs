//! Scenes through plotters, to SVG and PNG.
//!
//! Plotters' coordinates are whole numbers, and its bitmaps have hard edges. So an SVG is drawn on a finer
//! grid than its nominal size, and a PNG on a finer grid than its pixels, which are then averaged.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::Color as _;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::shapes::{Anchor, Color, FAMILY, Scene, Shape, font_size, register};

/// Steps of the grid of an SVG in one logical pixel.
const SVG_GRID: f64 = 10.0;

/// Pixels of a PNG in one logical pixel.
const PNG_SCALE: u32 = 2;

/// Samples of a PNG's pixel, in each direction.
const SAMPLES: u32 = 2;

type Failure = String;

/// The scene as SVG.
pub(super) fn svg(scene: &Scene) -> Result<String, Failure> {
    let fine = |logical: f64| (logical * SVG_GRID).round() as u32;
    let mut text = String::new();
    {
        let size = (fine(scene.width), fine(scene.height));
        let area = SVGBackend::with_string(&mut text, size).into_drawing_area();
        let style = Style {
            scale: SVG_GRID,
            drop: 0.0,
            pieces: false,
        };
        draw(scene, &area, style)?;
    }
    // The box of coordinates stays fine, the nominal size is the logical one.
    for (name, logical) in [("width", scene.width), ("height", scene.height)] {
        let before = format!("{name}=\"{}\"", fine(logical));
        let after = format!("{name}=\"{}\"", logical.round());
        text = text.replacen(&before, &after, 1);
    }
    Ok(text)
}

/// The scene as PNG.
pub(super) fn png(scene: &Scene) -> Result<Vec<u8>, Failure> {
    let pixels = |logical: f64| (logical.round() as u32).clamp(1, 8000) * PNG_SCALE;
    let (width, height) = (pixels(scene.width), pixels(scene.height));
    let fine = (width * SAMPLES, height * SAMPLES);
    let mut samples = vec![255u8; fine.0 as usize * fine.1 as usize * 3];
    {
        let area = BitMapBackend::with_buffer(&mut samples, fine).into_drawing_area();
        let style = Style {
            scale: f64::from(PNG_SCALE * SAMPLES),
            drop: 0.24,
            pieces: true,
        };
        draw(scene, &area, style)?;
    }
    let mut averaged = Vec::with_capacity(width as usize * height as usize * 3);
    let row = fine.0 as usize * 3;
    for lines in samples.chunks_exact(row * SAMPLES as usize) {
        for x in 0..width as usize {
            for channel in 0..3 {
                let mut sum = 0u32;
                for line in lines.chunks_exact(row) {
                    let start = x * SAMPLES as usize * 3 + channel;
                    let cells = line.iter().skip(start).step_by(3);
                    sum += cells
                        .take(SAMPLES as usize)
                        .map(|&v| u32::from(v))
                        .sum::<u32>();
                }
                averaged.push((sum / (SAMPLES * SAMPLES)) as u8);
            }
        }
    }
    encode(&averaged, width, height)
}

/// What a back end needs to be told beside the scale.
#[derive(Clone, Copy)]
struct Style {
    /// Steps of the grid for a logical pixel.
    scale: f64,
    /// How far text must go down so that its middle is where it should be, in sizes of the text.
    drop: f64,
    /// Whether lines must be filled piece by piece: the bitmap's own thick lines are uneven.
    pieces: bool,
}

/// Draws every shape.
fn draw<DB: DrawingBackend>(
    scene: &Scene,
    area: &DrawingArea<DB, Shift>,
    style: Style,
) -> Result<(), Failure> {
    let scale = style.scale;
    if !register() {
        return Err("the font is broken".to_string());
    }
    let fail = |e: DrawingAreaErrorKind<DB::ErrorType>| e.to_string();
    let grid = |(x, y): (f64, f64)| ((x * scale).round() as i32, (y * scale).round() as i32);
    area.fill(&WHITE).map_err(fail)?;
    for shape in &scene.shapes {
        match shape {
            Shape::Path {
                points,
                width,
                color,
            } if style.pieces && points.len() > 3 => {
                let fill = rgba(*color).filled();
                let half = width / 2.0;
                let round = (half * scale).round() as i32;
                for pair in points.windows(2) {
                    let [a, b] = pair else { continue };
                    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
                    let length = dx.hypot(dy).max(1e-9);
                    let (nx, ny) = (-dy / length * half, dx / length * half);
                    let corners = [
                        grid((a.0 + nx, a.1 + ny)),
                        grid((b.0 + nx, b.1 + ny)),
                        grid((b.0 - nx, b.1 - ny)),
                        grid((a.0 - nx, a.1 - ny)),
                    ];
                    area.draw(&Polygon::new(corners, fill)).map_err(fail)?;
                    area.draw(&Circle::new(grid(*b), round, fill))
                        .map_err(fail)?;
                }
            }
            Shape::Path {
                points,
                width,
                color,
            } => {
                let points: Vec<(i32, i32)> = points.iter().map(|&p| grid(p)).collect();
                let stroke = (width * scale).round().max(1.0) as u32;
                let stroke = rgba(*color).stroke_width(stroke);
                area.draw(&PathElement::new(points, stroke)).map_err(fail)?;
            }
            Shape::Area { points, color } => {
                let points: Vec<(i32, i32)> = points.iter().map(|&p| grid(p)).collect();
                area.draw(&Polygon::new(points, rgba(*color).filled()))
                    .map_err(fail)?;
            }
            Shape::Dot {
                center,
                radius,
                color,
            } => {
                let radius = (radius * scale).round().max(1.0) as i32;
                area.draw(&Circle::new(grid(*center), radius, rgba(*color).filled()))
                    .map_err(fail)?;
            }
            Shape::Text {
                at,
                text,
                size,
                anchor,
                upright,
                color,
            } => {
                let horizontal = match anchor {
                    Anchor::Start => HPos::Left,
                    Anchor::Middle => HPos::Center,
                    Anchor::End => HPos::Right,
                };
                let transform = match upright {
                    true => FontTransform::Rotate270,
                    false => FontTransform::None,
                };
                let drop = style.drop * size;
                let at = match upright {
                    true => (at.0 + drop, at.1),
                    false => (at.0, at.1 + drop),
                };
                let font = (FAMILY, font_size(*size, scale))
                    .into_font()
                    .transform(transform)
                    .color(&rgba(*color))
                    .pos(Pos::new(horizontal, VPos::Center));
                area.draw(&Text::new(text.as_str(), grid(at), font))
                    .map_err(fail)?;
            }
        }
    }
    area.present().map_err(fail)
}

fn rgba(Color(r, g, b, opacity): Color) -> RGBAColor {
    RGBAColor(r, g, b, opacity)
}

/// The bytes of a PNG file. Plotters encodes only to a path.
fn encode(pixels: &[u8], width: u32, height: u32) -> Result<Vec<u8>, Failure> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let file = folder.path().join("plot.png");
    {
        let mut backend = BitMapBackend::new(&file, (width, height));
        backend
            .blit_bitmap((0, 0), (width, height), pixels)
            .map_err(|e| e.to_string())?;
        backend.present().map_err(|e| e.to_string())?;
    }
    std::fs::read(&file).map_err(|e| e.to_string())
}
