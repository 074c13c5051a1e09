//! That the page holds what it should, that nothing of the data gets out of its place, and that it is
//! written whole or not at all.

use super::*;
use crate::samples::Sample;
use nsode_parser::infix::parse_system;

fn yeast() -> (Series, Candidate) {
    let (mut series, candidate) = Sample {
        law: "0.547*y - 0.000825*y^2",
        states: &["y"],
        initial: &[&[9.6]],
        times: (0.0, 18.0, 19),
        noise: 0.02,
    }
    .make();
    series.files = vec!["some/where/yeast.csv".into()];
    (series, candidate)
}

/// What is between the first `start` after the mark, and the next `end`.
fn between<'a>(page: &'a str, mark: &str, start: &str, end: &str) -> &'a str {
    let (_, rest) = page.split_once(mark).unwrap();
    let (_, rest) = rest.split_once(start).unwrap();
    rest.split_once(end).unwrap().0
}

#[test]
fn everything_is_on_the_page() {
    let (series, candidate) = yeast();
    let info = RunInfo {
        seconds: 1.234,
        seed: 7,
        checkpoint: Some("data/checkpoints/small".into()),
        warnings: vec!["a warning".into()],
        ..RunInfo::default()
    };
    let page = html(&series, &[candidate.clone(), candidate], &info).unwrap();
    for text in [
        "<h1>yeast.csv</h1>",
        "<p>dy/dt = 0.547*y*(1 - y/663)</p>",
        "<p>y = 9.6 at t = 0</p>",
        "0.5470 ± 0.0055",
        "<svg ",
        "<li>a warning</li>",
        "\\frac{dy}{dt} = 0.547 y",
        "sparse, transformer",
        "19 points · seed 7 · checkpoint data/checkpoints/small · 1.23 s",
        env!("CARGO_PKG_VERSION"),
    ] {
        assert!(page.contains(text), "{text}\n{page}");
    }
    assert_eq!(page.matches("<tr><td class=\"number\">2</td>").count(), 1);
    // The formula can be read back.
    let formula = between(&page, "Formula", "<pre>", "</pre>");
    let (system, _) = parse_system(formula, Some(&series.names)).unwrap();
    let rate = system.rhs()[0].eval(0.0, &[100.0], &[]);
    assert!((rate - (54.7 - 8.25)).abs() < 1e-9, "{formula}");
    // Nothing runs, and nothing is fetched.
    for forbidden in [
        "<script", "<link", "<img", "src=", "url(", "@import", "href=",
    ] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
}

#[test]
fn what_comes_from_the_data_is_escaped() {
    let (mut series, candidate) = yeast();
    let evil = "<script>alert('1')</script>&\"";
    series.files = vec![format!("{evil}.csv")];
    series.labels.states = vec![evil.into()];
    series.labels.time = evil.into();
    series.names.states = vec!["y<b>".into()];
    series.warnings = vec![evil.into()];
    series.trajectory_labels = vec![evil.into(), evil.into()];
    series.trajectories.push(series.trajectories[0].clone());
    let mut two = candidate;
    two.initial.push(two.initial[0].clone());
    two.fitted.push(two.fitted[0].clone());
    let info = RunInfo {
        checkpoint: Some(evil.into()),
        warnings: vec![evil.into()],
        ..RunInfo::default()
    };
    let page = html(&series, &[two], &info).unwrap();
    assert!(!page.contains("<script"), "{page}");
    assert!(!page.contains("<b>"), "{page}");
    assert!(page.contains("&lt;script&gt;alert(&#39;1&#39;)"));
    // Every ampersand begins an entity.
    for (at, _) in page.match_indices('&') {
        let entity = &page[at..page.len().min(at + 6)];
        assert!(
            ["&amp;", "&lt;", "&gt;", "&quot;", "&#39;", "&apos;"]
                .iter()
                .any(|e| entity.starts_with(e)),
            "{entity}"
        );
    }
}

#[test]
fn no_law_and_many_files() {
    let (mut series, _) = yeast();
    series.files = (1..=6).map(|k| format!("a/{k}.csv")).collect();
    let page = html(&series, &[], &RunInfo::default()).unwrap();
    assert!(page.contains("No law found."));
    assert!(page.contains("<h1>1.csv, 2.csv, 3.csv, 4.csv, 2 more</h1>"));
    assert!(page.contains("no checkpoint"));
    assert!(!page.contains("Warnings"));
}

#[test]
fn written_whole_or_not_at_all() {
    let (series, candidate) = yeast();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.HTML");
    let candidates = [candidate];
    report(&file, &series, &candidates, &RunInfo::default()).unwrap();
    let page = std::fs::read_to_string(&file).unwrap();
    assert_eq!(
        page,
        html(&series, &candidates, &RunInfo::default()).unwrap()
    );
    for (name, format) in [
        ("report.pdf", true),
        ("report", true),
        ("none/r.html", false),
    ] {
        let error = report(
            &folder.path().join(name),
            &series,
            &candidates,
            &RunInfo::default(),
        )
        .unwrap_err();
        assert_eq!(
            matches!(error, ReportError::Format { .. }),
            format,
            "{error}"
        );
        assert!(!error.remedy().is_empty());
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}
