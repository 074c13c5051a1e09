//! `nsode generate`: the same bytes however it is run, also when it is interrupted and killed on the way.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::{Running, contents, folder, nsode_in, run, text};

const SAMPLES: [&str; 8] = [
    "generate",
    "--samples",
    "6000",
    "--shard-size",
    "500",
    "--seed",
    "5",
    "--out",
];

fn shards(corpus: &Path) -> u64 {
    let Ok(text) = fs::read(corpus.join("manifest.json")) else {
        return 0;
    };
    let manifest: Value = serde_json::from_slice(&text).unwrap();
    manifest["shards"].as_array().unwrap().len() as u64
}

#[test]
fn the_same_bytes_whatever_happens() {
    let place = folder();
    let mut whole = nsode_in(place.path());
    whole
        .args(SAMPLES)
        .arg("whole")
        .env("RAYON_NUM_THREADS", "1");
    let output = run(&mut whole, 0);
    assert_eq!(text(&output.stdout), "");
    assert!(text(&output.stderr).contains("6000 samples in 12 files in whole"));

    let start = || {
        let arguments = [&SAMPLES[..], &["parts"]].concat();
        Running::start(place.path(), &arguments)
    };
    let corpus = place.path().join("parts");
    // Ctrl-C
    let mut running = start();
    running.wait_until(|| shards(&corpus) >= 2);
    let (code, said) = running.interrupt();
    assert_eq!(code, Some(130), "{said}");
    assert!(said.contains("of 6000 samples are in parts"), "{said}");
    let after = shards(&corpus);
    assert!((2..12).contains(&after), "{after}");
    // killed, in the middle of a shard
    let mut running = start();
    running.wait_until(|| shards(&corpus) > after);
    drop(running);
    assert!(shards(&corpus) > after);

    let mut rest = nsode_in(place.path());
    rest.args(SAMPLES).arg("parts");
    let said = text(&run(&mut rest, 0).stderr);
    assert!(said.contains("of 6000 samples are there already"), "{said}");
    let (whole, parts) = (contents(&place.path().join("whole")), contents(&corpus));
    let names = |files: &[(String, Vec<u8>)]| -> Vec<String> {
        files.iter().map(|(name, _)| name.clone()).collect()
    };
    assert_eq!(names(&whole), names(&parts));
    assert!(whole == parts);
}

#[test]
fn parts_make_the_whole() {
    let place = folder();
    let samples = [
        "generate",
        "--samples",
        "400",
        "--shard-size",
        "100",
        "--seed",
        "9",
    ];
    let make = |arguments: &[&str]| {
        run(nsode_in(place.path()).args(samples).args(arguments), 0);
    };
    make(&["--out", "whole"]);
    make(&["--out", "parts", "--shard", "2/2"]);
    make(&["--out", "parts", "--shard", "1/2"]);
    let shards = |corpus: &str| -> Vec<(String, Vec<u8>)> {
        let files = contents(&place.path().join(corpus));
        files
            .into_iter()
            .filter(|(name, _)| name.ends_with(".parquet"))
            .collect()
    };
    assert_eq!(shards("whole").len(), 4);
    assert!(shards("whole") == shards("parts"));
    assert!(place.path().join("parts/manifest.json").is_file());
}

#[test]
fn another_corpus_in_the_same_place_is_refused() {
    let place = folder();
    let make = |seed: &str, code| {
        let mut command = nsode_in(place.path());
        command.args([
            "generate",
            "--out",
            "corpus",
            "--samples",
            "50",
            "--seed",
            seed,
        ]);
        text(&run(&mut command, code).stderr)
    };
    make("1", 0);
    let before = contents(&place.path().join("corpus"));
    let said = make("2", 2);
    assert!(
        said.contains("corpus holds a corpus with another seed"),
        "{said}"
    );
    assert!(before == contents(&place.path().join("corpus")));
}
