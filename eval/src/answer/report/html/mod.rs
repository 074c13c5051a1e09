//! What was found, as one page of HTML: no scripts, and nothing that a browser would have to fetch.
//!
//! The look is `page.css`'s, the picture [`crate::answer::plot`]'s. Whatever comes from the data is escaped.

#[cfg(test)]
mod tests;

use std::fmt::Write;
use std::path::{Path, PathBuf};

use nsode_parser::System;
use nsode_parser::print::{latex_equation, sympy};

use super::named::{Named, initial};
use super::{RunInfo, equations, posterior, r2, sources, warnings};
use crate::answer::plot;
use crate::answer::present::Presented;
use crate::discover::Candidate;
use crate::series::table::Series;
use crate::whole;

/// Files that the title names; of more, it says how many there are.
const NAMED_FILES: usize = 4;

/// Why a page was not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The path ends in neither `.html` nor `.htm`.
    #[error("{}: reports are written as .html, not as {found:?}", file.display())]
    Format {
        /// The path.
        file: PathBuf,
        /// Its extension.
        found: String,
    },
    /// The file can't be written.
    #[error("{}: {source}", file.display())]
    Write {
        /// The path.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The picture on the page failed.
    #[error("{}: the picture could not be drawn: {message}", file.display())]
    Draw {
        /// The path.
        file: PathBuf,
        /// What the drawing library said.
        message: String,
    },
}

impl ReportError {
    /// What the user can do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            ReportError::Format { .. } => "Give the file a name that ends in .html.",
            ReportError::Write { .. } => {
                "Check that the directory exists, that it can be written to, and that it has space."
            }
            ReportError::Draw { .. } => "Take the table, or JSON with --json.",
        }
    }
}

/// Whether a page can be written to `file`, as far as its name tells: to be asked before a long search.
///
/// # Errors
/// [`ReportError::Format`].
pub fn check_path(file: &Path) -> Result<(), ReportError> {
    let extension = file.extension().unwrap_or_default().to_string_lossy();
    match extension.to_ascii_lowercase().as_str() {
        "html" | "htm" => Ok(()),
        _ => Err(ReportError::Format {
            file: file.to_path_buf(),
            found: extension.into_owned(),
        }),
    }
}

/// Writes [`html`] to `file`, whole or not at all.
///
/// # Errors
/// [`ReportError`]; then `file` is as it was.
pub fn report(
    file: &Path,
    series: &Series,
    candidates: &[Candidate],
    info: &RunInfo,
) -> Result<(), ReportError> {
    check_path(file)?;
    let page = html(series, candidates, info).map_err(|message| ReportError::Draw {
        file: file.to_path_buf(),
        message,
    })?;
    whole::write(file, page.as_bytes()).map_err(|source| ReportError::Write {
        file: file.to_path_buf(),
        source,
    })
}

/// The page: the best law with its constants and its picture, all candidates, and how they came about.
///
/// # Errors
/// What the drawing library says.
pub fn html(series: &Series, candidates: &[Candidate], info: &RunInfo) -> Result<String, String> {
    let title = escaped(&title(series));
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src \
         'unsafe-inline'\">\n<title>{title} – nsode</title>\n<style>\n{}</style>\n</head>\n<body>\n\
         <main>\n<header>\n<p class=\"soft\">The differential equation behind</p>\n\
         <h1>{title}</h1>\n</header>\n",
        include_str!("page.css")
    );
    match candidates.first() {
        Some(best) => {
            law(&mut page, series, best);
            picture(&mut page, series, best, info)?;
            constants(&mut page, series, best);
            self::candidates(&mut page, series, candidates);
            texts(&mut page, series, best);
        }
        None => page.push_str("<section class=\"law\">\n<p>No law found.</p>\n</section>\n"),
    }
    let notes: Vec<&str> = info.notes.iter().map(String::as_str).collect();
    items(&mut page, "Notes", &notes);
    let warnings: Vec<&str> = warnings(series, info).collect();
    items(&mut page, "Warnings", &warnings);
    put(
        &mut page,
        format_args!(
            "<footer class=\"soft\">{}</footer>\n</main>\n</body>\n</html>\n",
            escaped(&origin(series, info))
        ),
    );
    Ok(page)
}

/// A list under a title, if it has anything.
fn items(page: &mut String, title: &str, list: &[&str]) {
    if list.is_empty() {
        return;
    }
    put(
        page,
        format_args!("<section>\n<h2>{title}</h2>\n<ul class=\"warnings\">\n"),
    );
    for item in list {
        put(page, format_args!("<li>{}</li>\n", escaped(item)));
    }
    page.push_str("</ul>\n</section>\n");
}

/// Writing to a string does not fail.
fn put(page: &mut String, text: std::fmt::Arguments) {
    let _ = page.write_fmt(text);
}

/// `text` as HTML shows it, in elements and in attributes.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// The names of the files, without their folders.
fn title(series: &Series) -> String {
    let name = |path: &String| match Path::new(path).file_name() {
        Some(name) => name.to_string_lossy().into_owned(),
        None => path.clone(),
    };
    let mut names: Vec<String> = series.files.iter().take(NAMED_FILES).map(name).collect();
    match series.files.len().saturating_sub(NAMED_FILES) {
        0 => {}
        more => names.push(format!("{more} more")),
    }
    match names.is_empty() {
        true => "measured series".to_string(),
        false => names.join(", "),
    }
}

/// Version, data, seed, network and time, in one line.
fn origin(series: &Series, info: &RunInfo) -> String {
    let count = |n: usize, one: &str, many: &str| match n {
        1 => format!("1 {one}"),
        n => format!("{n} {many}"),
    };
    let mut data = count(series.points(), "point", "points");
    if series.trajectories.len() > 1 {
        let trajectories = count(series.trajectories.len(), "trajectory", "trajectories");
        data = format!("{data} in {trajectories}");
    }
    let network = match &info.checkpoint {
        Some(checkpoint) => format!("checkpoint {checkpoint}"),
        None => "no checkpoint".to_string(),
    };
    let version = env!("CARGO_PKG_VERSION");
    let (seed, seconds) = (info.seed, info.seconds);
    format!("nsode {version} · {data} · seed {seed} · {network} · {seconds:.2} s")
}

/// The best law, large, and how good it is.
fn law(page: &mut String, series: &Series, best: &Candidate) {
    page.push_str("<section>\n<div class=\"law\">\n");
    for equation in equations(&Presented::of(best).rounded(), &series.names) {
        put(page, format_args!("<p>{}</p>\n", escaped(&equation)));
    }
    put(
        page,
        format_args!(
            "</div>\n<p class=\"soft\">R² {} · posterior {} · proposed by {}</p>\n</section>\n",
            r2(best.r2),
            escaped(&posterior(best.posterior)),
            escaped(&sources(best)),
        ),
    );
}

fn picture(
    page: &mut String,
    series: &Series,
    best: &Candidate,
    info: &RunInfo,
) -> Result<(), String> {
    let svg = plot::svg(series, best, info)?;
    put(
        page,
        format_args!(
            "<figure role=\"img\" aria-label=\"The data, the law's solution, and the residuals\">\n\
             {svg}\n</figure>\n"
        ),
    );
    Ok(())
}

/// Constants with standard errors, and beside them where the law starts.
fn constants(page: &mut String, series: &Series, best: &Candidate) {
    let named = Named::new(best, &series.names);
    page.push_str("<section class=\"pair\">\n");
    if !named.constants.is_empty() {
        page.push_str("<div>\n<h2>Constants</h2>\n");
        for equation in &named.equations {
            put(
                page,
                format_args!("<p><code>{}</code></p>\n", escaped(equation)),
            );
        }
        page.push_str(
            "<table>\n<thead><tr><th>Name</th><th>Value ± standard error</th></tr></thead>\n<tbody>\n",
        );
        for (name, value) in &named.constants {
            put(
                page,
                format_args!(
                    "<tr><td><code>{}</code></td><td>{}</td></tr>\n",
                    escaped(name),
                    escaped(value)
                ),
            );
        }
        page.push_str("</tbody>\n</table>\n</div>\n");
    }
    page.push_str("<div>\n<h2>Initial states</h2>\n");
    for line in initial(series, best) {
        put(page, format_args!("<p>{}</p>\n", escaped(&line)));
    }
    page.push_str("</div>\n</section>\n");
}

fn candidates(page: &mut String, series: &Series, candidates: &[Candidate]) {
    page.push_str(
        "<section>\n<h2>Candidates</h2>\n<div class=\"wide\">\n<table class=\"candidates\">\n<thead><tr>\
         <th class=\"number\">#</th><th>Law</th><th class=\"number\">R²</th><th class=\"number\">BIC</th>\
         <th class=\"number\">Posterior</th><th class=\"number\">Complexity</th><th>Source</th></tr>\
         </thead>\n<tbody>\n",
    );
    for (i, candidate) in candidates.iter().enumerate() {
        let class = if i == 0 { " class=\"first\"" } else { "" };
        put(
            page,
            format_args!("<tr{class}><td class=\"number\">{}</td><td>", i + 1),
        );
        for equation in equations(&Presented::of(candidate).rounded(), &series.names) {
            put(page, format_args!("<code>{}</code>", escaped(&equation)));
        }
        page.push_str("</td>");
        let numbers = [
            r2(candidate.r2),
            format!("{:.1}", candidate.bic),
            posterior(candidate.posterior),
            candidate.complexity.to_string(),
        ];
        for number in numbers {
            put(
                page,
                format_args!("<td class=\"number\">{}</td>", escaped(&number)),
            );
        }
        put(
            page,
            format_args!("<td>{}</td></tr>\n", escaped(&sources(candidate))),
        );
    }
    page.push_str("</tbody>\n</table>\n</div>\n</section>\n");
}

/// The best law in the languages of other programs. A click selects the whole text.
fn texts(page: &mut String, series: &Series, best: &Candidate) {
    let presented = Presented::of(best);
    let names = &series.names;
    let exact = presented.exact();
    let rounded = System::new(presented.rounded()).map(|system| latex_equation(&system, names));
    let python: Vec<String> = exact.iter().map(|rhs| sympy(rhs, names)).collect();
    page.push_str("<section>\n<h2>The best law as text</h2>\n");
    for (language, text) in [
        ("Formula, all digits", equations(&exact, names).join("\n")),
        ("LaTeX, rounded", rounded.unwrap_or_default()),
        ("SymPy, right-hand side, all digits", python.join("\n")),
    ] {
        put(
            page,
            format_args!("<h3>{language}</h3>\n<pre>{}</pre>\n", escaped(&text)),
        );
    }
    page.push_str("</section>\n");
}
