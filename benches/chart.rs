//! Bar charts as SVG: light and dark, and narrow enough for a phone.

use std::fmt::Write;

/// How wide a chart is, in units of its own.
const WIDTH: f64 = 360.0;
/// Where bars start, behind their labels.
const LEFT: f64 = 72.0;
/// The longest bar; behind it is room for its figure.
const LONGEST: f64 = 170.0;
/// The height of a bar with the space below it.
const ROW: f64 = 24.0;

/// Bars with a common scale.
pub(crate) struct Panel {
    pub(crate) title: String,
    pub(crate) bars: Vec<Bar>,
}

/// One bar of a panel.
pub(crate) struct Bar {
    pub(crate) label: String,
    pub(crate) value: f64,
    /// The figure behind it.
    pub(crate) figure: String,
}

/// A chart; the bars whose label begins with `fetch` stand out.
pub(crate) fn svg(title: &str, panels: &[Panel], note: &str) -> String {
    let mut body = String::new();
    let mut y = 26.0;
    let _ = writeln!(body, "<text class=\"title\" x=\"8\" y=\"{y}\">{}</text>", escaped(title));
    for panel in panels {
        y += 34.0;
        let _ = writeln!(body, "<text class=\"panel\" x=\"8\" y=\"{y}\">{}</text>", escaped(&panel.title));
        let most = panel.bars.iter().map(|bar| bar.value).fold(f64::MIN_POSITIVE, f64::max);
        for bar in &panel.bars {
            y += ROW;
            let class = if bar.label.starts_with("fetch") { "own" } else { "other" };
            let length = bar.value / most * LONGEST;
            let _ = writeln!(
                body,
                "<text x=\"{}\" y=\"{y}\" text-anchor=\"end\">{}</text>\
                 <rect class=\"{class}\" x=\"{LEFT}\" y=\"{}\" width=\"{length:.1}\" height=\"16\" rx=\"2\"/>\
                 <text x=\"{:.1}\" y=\"{y}\">{}</text>",
                LEFT - 8.0,
                escaped(&bar.label),
                y - 13.0,
                LEFT + length + 6.0,
                escaped(&bar.figure)
            );
        }
    }
    for line in note.lines() {
        y += 24.0;
        let _ = writeln!(body, "<text class=\"note\" x=\"8\" y=\"{y}\">{}</text>", escaped(line));
    }
    let height = y + 14.0;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" role=\"img\">\n\
         <title>{}</title>\n\
         <style>\n\
         text {{ font: 15px system-ui, sans-serif; fill: #1f2328 }}\n\
         .title {{ font-size: 18px; font-weight: 600 }} .panel {{ font-weight: 600 }} .note {{ font-size: 13px; fill: #59636e }}\n\
         .own {{ fill: #0969da }} .other {{ fill: #9aa4af }} .ground {{ fill: #ffffff }}\n\
         @media (prefers-color-scheme: dark) {{\n\
         text {{ fill: #e6edf3 }} .note {{ fill: #9198a1 }} .own {{ fill: #4493f8 }} .other {{ fill: #656c76 }} .ground {{ fill: #0d1117 }}\n\
         }}\n\
         </style>\n<rect class=\"ground\" width=\"{WIDTH}\" height=\"{height}\"/>\n{body}</svg>\n",
        escaped(title)
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
