//! `nsode train`: that it stops cleanly, goes on, and leaves what `infer` can use.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;

use crate::support::{
    Running, copied_checkpoint, folder, infer, nsode, nsode_in, program, root, run, text,
    tiny_checkpoint, tiny_config,
};

#[test]
fn a_run_leaves_its_configuration_and_metrics() {
    let read = |name: &str| fs::read_to_string(tiny_checkpoint().join(name)).unwrap();
    let config: toml::Table = read("train.toml").parse().unwrap();
    assert_eq!(config["steps"].as_integer(), Some(6));
    let kinds: Vec<String> = read("metrics.jsonl")
        .lines()
        .map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            line["kind"].as_str().unwrap().to_string()
        })
        .collect();
    assert_eq!(kinds.iter().filter(|k| *k == "train").count(), 6);
    assert_eq!(kinds.iter().filter(|k| *k == "validation").count(), 2);
}

#[test]
fn a_run_is_not_overwritten() {
    let mut command = nsode();
    command
        .args(["train", "--config"])
        .arg(tiny_config())
        .arg("--out")
        .arg(tiny_checkpoint());
    let output = run(&mut command, 2);
    assert_eq!(text(&output.stdout), "");
    assert!(text(&output.stderr).contains("--resume"));
}

#[test]
fn an_interrupted_run_is_saved_and_goes_on() {
    let place = folder();
    let config = fs::read_to_string(tiny_config()).unwrap();
    let write = |steps: u64| {
        let text = config
            .replace("steps = 6", &format!("steps = {steps}"))
            .replace("checkpoint_every = 3", "checkpoint_every = 1000000");
        fs::write(place.path().join("config.toml"), text).unwrap();
    };
    write(1_000_000);
    let arguments = ["train", "--config", "config.toml", "--out", "run"];
    let metrics = place.path().join("run/metrics.jsonl");
    let lines = || fs::read_to_string(&metrics).map_or(0, |text| text.lines().count());
    let mut running = Running::start(place.path(), &arguments);
    running.wait_until(|| lines() >= 10);
    let (code, said) = running.interrupt();
    assert_eq!(code, Some(130), "{said}");
    assert!(said.contains("--resume goes on"), "{said}");

    // It can be used …
    let mut command = nsode();
    command.args([
        "infer",
        "data/examples/yeast.csv",
        "--json",
        "--proposers",
        "transformer",
    ]);
    infer(command.arg("--checkpoint").arg(place.path().join("run")));

    // … and goes on where it stopped.
    let (_, rest) = said.rsplit_once("stopped at step ").unwrap();
    let step: u64 = rest.split(' ').next().unwrap().parse().unwrap();
    assert!(step >= 8, "{said}");
    write(step + 2);
    let mut command = nsode_in(place.path());
    let said = text(&run(command.args(arguments).arg("--resume"), 0).stderr);
    assert!(
        said.contains(&format!("from step {step} to {}", step + 2)),
        "{said}"
    );
    assert!(
        said.contains(&format!("done: {} steps", step + 2)),
        "{said}"
    );
}

#[test]
fn a_configuration_out_of_range_is_shown() {
    let config = fs::read_to_string(tiny_config()).unwrap();
    for (from, to, message) in [
        ("heads = 2", "heads = 3", "model.heads is 3"),
        ("clip = 1.0", "clip = -1.0", "optimizer.clip is -1.0"),
        (
            "constants = 2",
            "constants = 0",
            "generator.system.constants = 0",
        ),
    ] {
        let place = folder();
        assert!(config.contains(from));
        let text_of = config.replace(from, to);
        let at = text_of.find(to).unwrap();
        let line = 1 + text_of[..at].matches('\n').count();
        let column = 1 + to.find("= ").unwrap() + 2;
        fs::write(place.path().join("a.toml"), &text_of).unwrap();
        let mut command = nsode_in(place.path());
        command.args(["train", "--config", "a.toml", "--out", "run"]);
        let said = text(&run(&mut command, 2).stderr);
        let first = said.lines().next().unwrap();
        let expected = format!("a.toml, line {line}, column {column}: {message}");
        assert!(first.contains(&expected), "{expected} is not in {said}");
        assert!(!place.path().join("run").exists());
    }
}

#[test]
fn a_run_outlives_its_terminal() {
    let place = folder();
    let config = fs::read_to_string(tiny_config()).unwrap();
    let long = config.replace("steps = 6", "steps = 1000000");
    fs::write(place.path().join("config.toml"), long).unwrap();
    let metrics = place.path().join("out/config/metrics.jsonl");
    let lines = || fs::read_to_string(&metrics).map_or(0, |text| text.lines().count());
    let mut running = Running::spawn(
        std::process::Command::new("nohup")
            .arg(program())
            .args(["train", "--config", "config.toml"])
            .current_dir(place.path()),
    );
    running.wait_until(|| lines() >= 2);
    running.signal(libc::SIGHUP);
    let before = lines();
    running.wait_until(|| lines() >= before + 10);
    assert_eq!(running.interrupt().0, Some(130));
}

#[test]
fn a_time_limit_stops_as_ctrl_c_does() {
    let place = folder();
    let text_of = fs::read_to_string(tiny_config()).unwrap();
    let long = text_of.replace("steps = 6", "steps = 1000000");
    fs::write(place.path().join("config.toml"), long).unwrap();
    let mut command = nsode_in(place.path());
    command.args(["train", "--config", "config.toml", "--minutes", "0.02"]);
    let said = text(&run(&mut command, 0).stderr);
    assert!(said.contains("--resume goes on"), "{said}");
    // where runs go by default
    assert!(place.path().join("out/config/model.safetensors").is_file());
}

#[test]
fn a_corpus_can_be_read() {
    let place = folder();
    let mut generate = nsode_in(place.path());
    run(
        generate.args([
            "generate",
            "--out",
            "corpus",
            "--samples",
            "300",
            "--seed",
            "1",
        ]),
        0,
    );
    let mut train = nsode_in(place.path());
    train.args(["train", "--out", "run", "--corpus", "corpus", "--config"]);
    run(train.arg(tiny_config()), 0);
    assert!(place.path().join("run/model.safetensors").is_file());
}

#[test]
fn a_run_is_drawn() {
    let run_directory = copied_checkpoint();
    let place = folder();
    // as a run leaves it that is writing its next line
    let metrics = run_directory.path().join("metrics.jsonl");
    let mut lines = fs::read_to_string(&metrics).unwrap();
    lines.push_str("{\"kind\":\"train\",\"step\":7,\"sam");
    fs::write(&metrics, &lines).unwrap();
    let mut command = nsode_in(place.path());
    command.args(["train", "--out", "pictures", "--plot"]);
    let output = run(command.arg(run_directory.path()), 0);
    assert_eq!(text(&output.stdout), "");
    let svg = fs::read_to_string(place.path().join("pictures/training.svg")).unwrap();
    for title in ["Learning rate", "unseen, clean", "Use of the machine"] {
        assert!(svg.contains(title), "{title}");
    }
    let png = fs::read(place.path().join("pictures/training.png")).unwrap();
    assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");

    // What is no metrics is named.
    for (spoilt, message) in [
        (format!("{{}}\n{lines}"), "metrics.jsonl, line 1: "),
        (String::new(), "no metrics yet"),
    ] {
        fs::write(&metrics, spoilt).unwrap();
        let mut command = nsode_in(place.path());
        command.args(["train", "--plot"]).arg(run_directory.path());
        let said = text(&run(&mut command, 2).stderr);
        assert!(said.contains(message), "{said}");
    }
    let mut command = nsode_in(place.path());
    let said = text(&run(command.args(["train", "--plot", "nowhere"]), 2).stderr);
    assert!(said.contains("nowhere"), "{said}");
}

/// A run long enough to be killed in: samples of several pools, several saves and validations.
fn killable(place: &Path) {
    let text = fs::read_to_string(tiny_config()).unwrap();
    let mut longer = text.clone();
    for (from, to) in [
        ("steps = 6", "steps = 120"),
        ("checkpoint_every = 3", "checkpoint_every = 7"),
        ("every = 3\n", "every = 30\n"),
        ("clip = 1.0", "clip = 1.0\naverage = 20.0"),
    ] {
        assert!(longer.contains(from), "{from}");
        longer = longer.replace(from, to);
    }
    fs::write(place.join("config.toml"), longer).unwrap();
}

/// What a run has logged, without what is timed or counted in one session only, and its weights: those for
/// use, the best, and the whole state.
fn reached(out: &Path) -> (Vec<Value>, Vec<Vec<u8>>) {
    let log = fs::read_to_string(out.join("metrics.jsonl")).unwrap();
    let lines = log.lines().map(|line| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        for timed in [
            "samples_per_second",
            "step_ms",
            "wait_ms",
            "mfu",
            "accepted",
            "seconds",
        ] {
            line.as_object_mut().unwrap().remove(timed);
        }
        line
    });
    let files = ["model.safetensors", "best/model.safetensors"];
    let files = files.map(|name| fs::read(out.join(name)).unwrap());
    (lines.collect(), files.to_vec())
}

/// Kills runs, each until it has survived to its end, `kills` times in all, and holds each against a run that
/// was left alone.
fn killed_runs_end_as_others_do(kills: usize) {
    let place = folder();
    killable(place.path());
    let train = |out: &str| {
        let mut command = std::process::Command::new(program());
        command
            .args(["train", "--config", "config.toml", "--out", out])
            .current_dir(place.path());
        if place.path().join(out).join("training.safetensors").exists() {
            command.arg("--resume");
        }
        Running::spawn(&mut command)
    };
    let start = Instant::now();
    let mut running = train("whole");
    assert_eq!(
        running.child.wait().unwrap().code(),
        Some(0),
        "{}",
        running.stderr()
    );
    let whole = start.elapsed();
    let expected = reached(&place.path().join("whole"));
    assert_eq!(expected.0.len(), 124);

    // Read again from what is printed, a failure's moments can be tried once more.
    let clock = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap();
    let mut seed = match std::env::var("NSODE_KILL_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => clock.subsec_nanos() | 1,
    };
    println!("NSODE_KILL_SEED={seed}");
    let mut moment = || {
        // xorshift (Marsaglia, 2003)
        seed ^= seed << 13;
        seed ^= seed >> 17;
        seed ^= seed << 5;
        f64::from(seed) / f64::from(u32::MAX)
    };
    let mut done = 0;
    let mut steps = Vec::new();
    for number in 0.. {
        if done >= kills {
            break;
        }
        let out = format!("killed-{number}");
        loop {
            let mut running = train(&out);
            // Anywhere: in the start, in a step, in a save, in a validation.
            let deadline = Instant::now() + whole.mul_f64(0.8 * moment());
            let mut ended = None;
            while ended.is_none() && (done >= kills || Instant::now() < deadline) {
                std::thread::sleep(Duration::from_millis(2));
                ended = running.child.try_wait().unwrap();
            }
            match ended {
                Some(status) => {
                    assert_eq!(status.code(), Some(0), "{}", running.stderr());
                    break;
                }
                None => {
                    running.signal(libc::SIGKILL);
                    running.child.wait().unwrap();
                    done += 1;
                    let log = place.path().join(&out).join("metrics.jsonl");
                    steps.push(fs::read_to_string(log).map_or(0, |log| log.lines().count()));
                }
            }
        }
        let found = reached(&place.path().join(&out));
        for (a, b) in expected.0.iter().zip(&found.0) {
            assert_eq!(a, b, "{out}");
        }
        assert_eq!(expected.0.len(), found.0.len());
        assert!(expected.1 == found.1, "{out}: other weights");
    }
    println!("killed after {steps:?} lines of metrics");
}

#[test]
fn a_killed_run_goes_on_as_if_nothing_had_happened() {
    killed_runs_end_as_others_do(4);
}

#[test]
#[ignore = "takes minutes; cargo test --release --test program -- --ignored --nocapture twenty"]
fn a_run_killed_twenty_times_goes_on_as_if_nothing_had_happened() {
    killed_runs_end_as_others_do(20);
}

/// Runs a script of the source tree in `place`.
fn script(place: &Path, name: &str, arguments: &[&str], code: i32) -> String {
    let mut command = assert_cmd::Command::new(root().join("scripts").join(name));
    command
        .args(arguments)
        .current_dir(place)
        .env("NSODE", program());
    text(&run(&mut command, code).stderr)
}

#[test]
fn a_pretraining_is_rehearsed_from_its_start_to_weights_put_together_again() {
    let place = folder();
    let config = fs::read_to_string(tiny_config()).unwrap();
    let long = config
        .replace("steps = 6", "steps = 1000000")
        .replace("every = 3\n", "every = 1000000\n");
    fs::write(place.path().join("config.toml"), long).unwrap();
    let arguments = "--minutes 0.2 --fall 0.4 --config config.toml --device cpu --out out";
    let arguments: Vec<&str> = arguments.split(' ').collect();
    let said = script(place.path(), "pretrain-cuda", &arguments, 0);
    let at = |name: &str| place.path().join("out").join(name);
    // It ends with a fall of the rate to zero, …
    let log = fs::read_to_string(at("final/metrics.jsonl")).unwrap();
    let rates = log.lines().filter_map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        line["learning_rate"].as_f64()
    });
    let rates: Vec<f64> = rates.collect();
    let (peak, last) = (rates[2], rates[rates.len() - 1]);
    assert!(peak == 0.003 && last < 0.5 * peak, "{said}");
    // … says how the time was used, …
    let used = fs::read_to_string(at("final/use.txt")).unwrap();
    assert!(
        used.starts_with("MFU ") && used.contains("waiting for samples"),
        "{used}"
    );
    // … and what is put together is what was cut.
    let taken = ["join", "out/parts", "home"];
    script(place.path(), "parts", &taken, 0);
    for name in [
        "model.safetensors",
        "config.json",
        "metrics.jsonl",
        "train.toml",
    ] {
        let home = fs::read(place.path().join("home").join(name)).unwrap();
        assert!(home == fs::read(at("final").join(name)).unwrap(), "{name}");
    }
    let mut command = nsode();
    command.args([
        "infer",
        "data/examples/yeast.csv",
        "--json",
        "--proposers",
        "transformer",
    ]);
    infer(command.arg("--checkpoint").arg(place.path().join("home")));
}

#[test]
fn parts_are_small_and_checked() {
    let place = folder();
    let at = |name: &str| place.path().join(name);
    let most = 16 << 20;
    let large: Vec<u8> = (0..most as u32 + 5).map(|i| (i % 251) as u8).collect();
    fs::write(at("large"), &large).unwrap();
    fs::write(at("empty"), "").unwrap();
    script(
        place.path(),
        "parts",
        &["split", "cut", "large", "empty"],
        0,
    );
    let sizes = ["large.part-000", "large.part-001", "empty.part-000"];
    let sizes = sizes.map(|name| fs::metadata(at("cut").join(name)).unwrap().len());
    assert_eq!(sizes, [most, 5, 0]);
    script(place.path(), "parts", &["join", "cut", "whole"], 0);
    assert!(fs::read(at("whole/large")).unwrap() == large);
    assert_eq!(fs::read(at("whole/empty")).unwrap(), b"");

    let refused = |message: &str| {
        let said = script(place.path(), "parts", &["join", "cut", "again"], 2);
        assert!(said.contains(message), "{said}");
        assert!(!at("again/large").exists());
    };
    fs::write(at("cut/large.part-001"), "other").unwrap();
    refused("large.part-001 is damaged");
    fs::remove_file(at("cut/large.part-001")).unwrap();
    refused("large.part-001 is missing");
    let manifest = fs::read_to_string(at("cut/MANIFEST")).unwrap();
    let without = manifest
        .lines()
        .filter(|line| !line.ends_with("large.part-001"));
    fs::write(at("cut/MANIFEST"), without.collect::<Vec<_>>().join("\n")).unwrap();
    refused("large is not what was cut");
    fs::write(
        at("cut/MANIFEST"),
        manifest.replace("  large", "  ../large"),
    )
    .unwrap();
    refused("MANIFEST is damaged");
    let said = script(place.path(), "parts", &["split", "cut", "large"], 2);
    assert!(said.contains("holds parts already"), "{said}");
}
