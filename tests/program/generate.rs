//! `nsode generate`: the same bytes however it is run, also when it is interrupted and killed on the way.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::support::{Running, contents, folder, nsode_in, program, run, text};

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

/// Every shard, and the manifest of the whole.
fn corpus(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = contents(directory);
    files.retain(|(name, _)| name.ends_with(".parquet") || name == "manifest.json");
    files
}

fn names(files: &[(String, Vec<u8>)]) -> Vec<&str> {
    files.iter().map(|(name, _)| name.as_str()).collect()
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
    let parts = place.path().join("parts");
    // Ctrl-C
    let mut running = start();
    running.wait_until(|| shards(&parts) >= 2);
    let (code, said) = running.interrupt();
    assert_eq!(code, Some(130), "{said}");
    assert!(said.contains("of 6000 samples are in parts"), "{said}");
    let after = shards(&parts);
    assert!((2..12).contains(&after), "{after}");

    let mut rest = nsode_in(place.path());
    rest.args(SAMPLES).arg("parts");
    let said = text(&run(&mut rest, 0).stderr);
    assert!(said.contains("of 6000 samples are there already"), "{said}");
    let (whole, parts) = (contents(&place.path().join("whole")), contents(&parts));
    assert_eq!(names(&whole), names(&parts));
    assert!(whole == parts);
}

/// Kills a run at `kills` moments, then lets it finish: it must be the corpus of an undisturbed run.
fn killed(kills: u64, samples: &str) {
    let place = folder();
    let samples = [
        "generate",
        "--samples",
        samples,
        "--shard-size",
        "200",
        "--seed",
        "3",
        "--out",
    ];
    run(nsode_in(place.path()).args(samples).arg("whole"), 0);
    let parts = place.path().join("parts");
    let mut hit = 0;
    for kill in 0..kills {
        let mut running = Running::start(place.path(), &[&samples[..], &["parts"]].concat());
        // Once it writes, at moments that are spread over the time of some shards.
        let writing = || {
            parts.is_dir()
                && contents_names(&parts)
                    .iter()
                    .any(|n| n.ends_with(".partial"))
        };
        for _ in 0..3000 {
            if writing() || running.child.try_wait().unwrap().is_some() {
                break;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        std::thread::sleep(Duration::from_micros(kill * 7_919_000 % 173_000));
        hit += u64::from(running.child.try_wait().unwrap().is_none());
        // SIGKILL, and waited for.
        drop(running);
        // What has its name is whole.
        run(
            nsode_in(place.path()).args(["generate", "--stats", "parts"]),
            match shards(&parts) {
                0 => 2,
                _ => 0,
            },
        );
    }
    assert!(
        2 * hit > kills,
        "only {hit} of {kills} kills met a running program"
    );
    run(nsode_in(place.path()).args(samples).arg("parts"), 0);
    let (whole, parts) = (contents(&place.path().join("whole")), contents(&parts));
    assert_eq!(names(&whole), names(&parts));
    assert!(whole == parts);
    run(
        nsode_in(place.path()).args(["generate", "--verify", "parts"]),
        0,
    );
}

fn contents_names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    entries
        .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
        .collect()
}

#[test]
fn killed_eight_times() {
    killed(8, "6000");
}

#[test]
#[ignore = "takes minutes; cargo test --release --test program -- --ignored killed_fifty_times"]
fn killed_fifty_times() {
    killed(50, "60000");
}

#[test]
fn eight_processes_make_the_whole() {
    let place = folder();
    let samples = [
        "generate",
        "--samples",
        "2100",
        "--shard-size",
        "100",
        "--seed",
        "9",
        "--out",
    ];
    run(nsode_in(place.path()).args(samples).arg("whole"), 0);
    // As the pods of a Kubernetes Job, all at once in one directory; the last one with --shard.
    let start = |index: u32| {
        let mut command = std::process::Command::new(program());
        command.current_dir(place.path()).args(samples).arg("parts");
        match index {
            7 => command.args(["--shard", "8/8"]),
            _ => command
                .env("JOB_COMPLETION_INDEX", index.to_string())
                .env("NSODE_SHARDS", "8"),
        };
        command.env("RAYON_NUM_THREADS", "1");
        Running::spawn(&mut command)
    };
    let all: Vec<Running> = (0..8).map(start).collect();
    for (index, mut running) in all.into_iter().enumerate() {
        let status = running.child.wait().unwrap();
        let said = running.stderr();
        assert!(status.success(), "{said}");
        let part = format!(
            "part {} of 8, from JOB_COMPLETION_INDEX and NSODE_SHARDS",
            index + 1
        );
        assert_eq!(said.contains(&part), index < 7, "{said}");
    }
    let parts = place.path().join("parts");
    let whole = corpus(&place.path().join("whole"));
    assert_eq!(whole.len(), 22);
    assert_eq!(contents(&parts).len(), 22 + 8);
    // The last one to finish has merged; merging again gives the same.
    assert!(whole == corpus(&parts));
    fs::remove_file(parts.join("manifest.json")).unwrap();
    let merge = |code| {
        let output = run(
            nsode_in(place.path()).args(["generate", "--merge", "parts"]),
            code,
        );
        text(&output.stderr)
    };
    let said = merge(0);
    assert!(said.contains("2100 samples in 21 files"), "{said}");
    assert!(whole == corpus(&parts));
    // Part 3 is missing.
    fs::remove_file(parts.join("manifest.json")).unwrap();
    fs::remove_file(parts.join("manifest-00002-of-00008.json")).unwrap();
    let said = merge(2);
    assert!(
        said.contains("3 of 21 shards are not there: 2, 10, 18"),
        "{said}"
    );
    assert!(!parts.join("manifest.json").exists());
}

#[test]
fn schedulers_that_name_no_part_are_an_error() {
    let place = folder();
    for (variables, expected) in [
        (
            &[("JOB_COMPLETION_INDEX", "3")][..],
            "the second is not set",
        ),
        (
            &[
                ("SLURM_ARRAY_TASK_ID", "9"),
                ("SLURM_ARRAY_TASK_COUNT", "4"),
            ],
            "they name none of 4",
        ),
        (&[("SLURM_ARRAY_TASK_ID", "one")], "is no number"),
    ] {
        let mut command = nsode_in(place.path());
        command
            .args(SAMPLES)
            .arg("corpus")
            .envs(variables.iter().copied());
        let said = text(&run(&mut command, 2).stderr);
        assert!(said.replace("\n", " ").contains(expected), "{said}");
        assert!(said.contains("--shard I/N"), "{said}");
        assert!(!place.path().join("corpus").exists());
    }
}

#[test]
fn damage_is_found_and_remade() {
    let place = folder();
    let make = || {
        let mut command = nsode_in(place.path());
        command.args([
            "generate",
            "--out",
            "corpus",
            "--samples",
            "400",
            "--shard-size",
            "100",
        ]);
        text(&run(command.args(["--seed", "4"]), 0).stderr)
    };
    make();
    let directory = place.path().join("corpus");
    let whole = contents(&directory);
    let verify = |code| {
        let output = run(
            nsode_in(place.path()).args(["generate", "--verify", "corpus"]),
            code,
        );
        (text(&output.stdout), text(&output.stderr))
    };
    let (found, said) = verify(0);
    assert_eq!(found, "");
    assert!(said.contains("every shard is as it was written"), "{said}");

    fs::remove_file(directory.join("shard-00000.parquet")).unwrap();
    let second = directory.join("shard-00002.parquet");
    let mut bytes = fs::read(&second).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 16;
    fs::write(&second, bytes).unwrap();
    let (found, said) = verify(1);
    assert_eq!(
        found,
        "shard-00000.parquet is missing\n\
         shard-00002.parquet has other contents than were written (its SHA-256 differs)\n"
    );
    let command = "nsode generate --out corpus --samples 400 --seed 4 --shard-size 100\n";
    assert!(said.contains(command), "{said}");
    let said = make();
    assert!(
        said.contains("200 of 400 samples are there already"),
        "{said}"
    );
    assert!(contents(&directory) == whole);
}

#[test]
fn what_is_in_it() {
    let place = folder();
    let mut make = nsode_in(place.path());
    make.args([
        "generate",
        "--out",
        "corpus",
        "--samples",
        "300",
        "--seed",
        "4",
    ]);
    run(&mut make, 0);
    let stats = |arguments: &[&str], code| {
        let mut command = nsode_in(place.path());
        run(
            command
                .args(["generate", "--stats", "corpus"])
                .args(arguments),
            code,
        )
    };
    let tables = text(&stats(&[], 0).stdout);
    for expected in [
        "300 samples in 1 shards",
        "\n Unidentifiable ",
        "\n constant, normalised ",
        "\n add2 ",
        "\n    1 ",
    ] {
        assert!(tables.contains(expected), "{expected:?} in {tables}");
    }
    let json = text(&stats(&["--json", "--plot", "a.png"], 0).stdout);
    assert_eq!(json.lines().count(), 1);
    let json: Value = serde_json::from_str(&json).unwrap();
    let manifest = fs::read(place.path().join("corpus/manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    assert_eq!(json, manifest);
    assert_eq!(json["made_by"][0].as_str().unwrap().len(), 64);
    assert!(place.path().join("a.png").is_file() && place.path().join("a-samples.png").is_file());

    let said = text(&stats(&["--plot", "a.pdf"], 2).stderr);
    assert!(said.contains(".svg or .png"), "{said}");
    let said = text(&stats(&["--samples", "3"], 2).stderr);
    assert!(
        said.contains("--samples <N>") && said.contains("cannot be used with"),
        "{said}"
    );
    let mut nothing = nsode_in(place.path());
    let said = text(&run(nothing.args(["generate", "--stats", "."]), 2).stderr);
    assert!(said.contains("there is no manifest in it"), "{said}");
    let mut missing = nsode_in(place.path());
    let said = text(&run(missing.args(["generate", "--out", "x"]), 2).stderr);
    assert!(
        said.contains("--samples <N>") && said.contains("--seed <S>"),
        "{said}"
    );
}

/// A disk of 3 MB, full after four shards. It is mounted where only the test sees it; where the system does
/// not allow that, there is nothing to test with.
#[test]
fn a_full_disk_keeps_what_is_finished() {
    let place = folder();
    let script = r#"mount -t tmpfs -o size=3m tmpfs disk || exit 77
        "$NSODE" generate --samples 20000 --shard-size 1000 --seed 1 --out disk/corpus
        echo "code $?"
        ls disk/corpus
        mount -o remount,size=30m disk
        "$NSODE" generate --samples 9000 --shard-size 1000 --seed 1 --out disk/corpus
        echo "code $?"
        cp -r disk/corpus corpus"#;
    fs::create_dir(place.path().join("disk")).unwrap();
    let output = std::process::Command::new("unshare")
        .args(["--mount", "--map-root-user", "sh", "-c", script])
        .current_dir(place.path())
        .env("NSODE", program())
        .output();
    let Ok(output) = output else {
        return;
    };
    let (found, said) = (text(&output.stdout), text(&output.stderr));
    if output.status.code() == Some(77) || said.contains("unshare failed") {
        return;
    }
    assert!(
        said.contains("no space left") && said.contains("the same command again"),
        "{said}"
    );
    assert!(!said.contains("panicked"), "{said}");
    let lines: Vec<&str> = found.lines().collect();
    assert_eq!(lines.first(), Some(&"code 2"), "{found}\n{said}");
    assert!(!found.contains("partial"), "{found}");
    assert!(
        lines.contains(&"manifest.json") && lines.contains(&"shard-00000.parquet"),
        "{found}"
    );
    // Other options are refused, the same ones go on.
    assert_eq!(lines.last(), Some(&"code 2"), "{found}\n{said}");
    let corpus = place.path().join("corpus");
    let finished = shards(&corpus);
    assert!(finished >= 2, "{found}");
    let mut rest = nsode_in(place.path());
    rest.args([
        "generate",
        "--samples",
        "20000",
        "--shard-size",
        "1000",
        "--seed",
        "1",
    ]);
    let said = text(&run(rest.args(["--out", "corpus"]), 0).stderr);
    let there = format!("{} of 20000 samples are there already", 1000 * finished);
    assert!(said.contains(&there), "{said}");
    run(
        nsode_in(place.path()).args(["generate", "--verify", "corpus"]),
        0,
    );
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
