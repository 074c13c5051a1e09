//! `nsode infer` with a network: that it is asked, and what happens when there is none, or none that can
//! be used.

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use serde_json::Value;

use crate::support::{
    copied_checkpoint, folder, infer, nsode, nsode_in, root, run, strings, text, tiny_checkpoint,
};

/// `infer` on the yeast series from a directory without a checkpoint.
fn yeast(place: &Path, arguments: &[&str]) -> Command {
    let mut command = nsode_in(place);
    command
        .arg("infer")
        .arg(root().join("data/examples/yeast.csv"))
        .args(arguments);
    command
}

/// A table of three states.
const THREE: &str = "dx/dt = 10*(y - x); dy/dt = x*(2 - z) - y; dz/dt = x*y - 2*z";

#[test]
fn a_trained_network_proposes_laws() {
    let mut command = nsode();
    command.args([
        "infer",
        "data/examples/yeast.csv",
        "--json",
        "--proposers",
        "transformer",
    ]);
    let document = infer(command.arg("--checkpoint").arg(tiny_checkpoint()));
    assert_eq!(document["checkpoint"], tiny_checkpoint().to_str().unwrap());
    let candidates = document["candidates"].as_array().unwrap();
    assert!(
        candidates.iter().any(|c| c["source"] == "transformer"),
        "{document}"
    );
}

#[test]
fn the_environment_can_name_it() {
    let mut command = nsode();
    command.args(["infer", "data/examples/yeast.csv", "--json"]);
    let document = infer(command.env("NSODE_CHECKPOINT", tiny_checkpoint()));
    assert_eq!(document["checkpoint"], tiny_checkpoint().to_str().unwrap());
    let said = run(command.env("NSODE_CHECKPOINT", "nowhere"), 2).stderr;
    assert!(
        text(&said).contains("nowhere/config.json is missing"),
        "{}",
        text(&said)
    );
}

/// A program without a network beside it: a link would be followed back to the source tree.
fn program_alone(place: &Path) -> Command {
    let alone = place.join("alone/bin");
    fs::create_dir_all(&alone).unwrap();
    let copy = alone.join("nsode");
    if !copy.exists() {
        fs::hard_link(crate::support::program(), &copy)
            .or_else(|_| fs::copy(crate::support::program(), &copy).map(drop))
            .unwrap();
    }
    let mut command = Command::new(copy);
    command.current_dir(place).env_remove("NSODE_CHECKPOINT");
    command
        .arg("infer")
        .arg(root().join("data/examples/yeast.csv"));
    command
}

#[test]
fn without_one_the_others_go_on() {
    let place = folder();
    let document = infer(program_alone(place.path()).arg("--json"));
    assert_eq!(document["checkpoint"], Value::Null);
    let warnings = strings(&document["warnings"]);
    assert!(warnings[0].contains("no checkpoint"), "{warnings:?}");
    assert!(!document["candidates"].as_array().unwrap().is_empty());
    let mut only = program_alone(place.path());
    let said = text(&run(only.args(["--proposers", "transformer"]), 2).stderr);
    assert!(said.contains("--checkpoint"), "{said}");
}

#[test]
fn it_is_found_beside_an_installed_program() {
    let place = folder();
    let share = place.path().join("alone/share/nsode/checkpoints/scalar");
    fs::create_dir_all(&share).unwrap();
    for (name, bytes) in crate::support::contents(tiny_checkpoint()) {
        fs::write(share.join(name), bytes).unwrap();
    }
    let document = infer(program_alone(place.path()).arg("--json"));
    let found = document["checkpoint"].as_str().unwrap();
    assert!(found.ends_with("share/nsode/checkpoints/scalar"), "{found}");
}

#[test]
fn of_two_networks_the_one_for_as_many_states_is_asked() {
    let place = folder();
    for name in ["scalar", "systems"] {
        let own = place.path().join("both").join(name);
        fs::create_dir_all(&own).unwrap();
        for (name, bytes) in crate::support::contents(tiny_checkpoint()) {
            fs::write(own.join(name), bytes).unwrap();
        }
    }
    for (series, expected) in [
        ("yeast.csv", "both/scalar"),
        ("lynx_hare.csv", "both/systems"),
    ] {
        let asked = |checkpoint: &str| {
            let mut command = nsode_in(place.path());
            let series = root().join("data/examples").join(series);
            command
                .arg("infer")
                .arg(series)
                .args(["--json", "--checkpoint"]);
            infer(
                command
                    .arg(checkpoint)
                    .args(["--proposers", "transformer:5"]),
            )["checkpoint"]
                .clone()
        };
        assert_eq!(asked("both"), expected);
        // One is asked whatever its name.
        assert_eq!(asked("both/scalar"), "both/scalar");
    }
    fs::remove_dir_all(place.path().join("both/systems")).unwrap();
    let mut command = nsode_in(place.path());
    command
        .arg("infer")
        .arg(root().join("data/examples/lynx_hare.csv"));
    let document = infer(command.args(["--json", "--checkpoint", "both"]));
    assert_eq!(document["checkpoint"], "both/scalar");
}

#[test]
fn too_many_states_for_the_network() {
    let place = folder();
    let mut simulate = nsode_in(place.path());
    simulate.args([
        "simulate",
        THREE,
        "--y0",
        "1,0.5,0.2",
        "--t",
        "0:5:60",
        "--out",
        "a.csv",
    ]);
    run(&mut simulate, 0);
    let mut command = nsode_in(place.path());
    command.args(["infer", "a.csv", "--json", "--seconds", "3", "--checkpoint"]);
    let document = infer(command.arg(tiny_checkpoint()));
    let warnings = strings(&document["warnings"]);
    assert!(
        warnings
            .iter()
            .any(|w| w.contains("up to 2 states, the data have 3")),
        "{warnings:?}"
    );
    let said = text(&run(command.args(["--proposers", "transformer"]), 2).stderr);
    assert!(said.contains("the data have 3"), "{said}");
}

#[test]
fn a_damaged_checkpoint_is_refused() {
    type Damage = fn(Vec<u8>) -> Vec<u8>;
    let cases: [(&str, Damage, &str); 7] = [
        (
            "model.safetensors",
            |bytes| bytes[..bytes.len() / 2].to_vec(),
            "model.safetensors",
        ),
        ("model.safetensors", |_| Vec::new(), "model.safetensors"),
        (
            "model.safetensors",
            |mut bytes| {
                let last = bytes.len() - 1;
                bytes[last] ^= 1;
                bytes
            },
            "model.safetensors is damaged",
        ),
        (
            "model.safetensors",
            |_| b"\x00\xffgarbage".to_vec(),
            "model.safetensors",
        ),
        (
            "config.json",
            |bytes| bytes[..bytes.len() / 2].to_vec(),
            "config.json cannot be read",
        ),
        (
            "config.json",
            |bytes| {
                let text = String::from_utf8(bytes).unwrap();
                assert!(text.contains("\"format\": 1"));
                text.replace("\"format\": 1", "\"format\": 99").into_bytes()
            },
            "config.json has format version 99",
        ),
        (
            "config.json",
            |bytes| {
                let text = String::from_utf8(bytes).unwrap();
                let at = text.find("\"fingerprint\": \"").unwrap() + 16;
                format!("{}0000{}", &text[..at], &text[at + 4..]).into_bytes()
            },
            "config.json",
        ),
    ];
    for (file, damage, expected) in cases {
        let copy = copied_checkpoint();
        let path = copy.path().join(file);
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, damage(bytes)).unwrap();
        let place = folder();
        let output = run(yeast(place.path(), &["--checkpoint"]).arg(copy.path()), 2);
        assert_eq!(text(&output.stdout), "");
        let said = text(&output.stderr);
        let first = said.lines().next().unwrap();
        assert!(first.contains(copy.path().to_str().unwrap()), "{said}");
        assert!(first.contains(expected), "{said}");
        assert!(said.contains("help: "), "{said}");
    }
}

#[test]
fn a_missing_gpu_is_an_error() {
    let place = folder();
    let arguments = [
        "--proposers",
        "transformer",
        "--device",
        "cuda",
        "--checkpoint",
    ];
    let mut command = yeast(place.path(), &arguments);
    let output = command.arg(tiny_checkpoint()).output().unwrap();
    // There may be one.
    if output.status.code() != Some(0) {
        assert_eq!(output.status.code(), Some(2));
        let said = text(&output.stderr);
        assert!(said.contains("no CUDA device"), "{said}");
        assert!(
            said.contains("--device cpu") || said.contains("nvidia-smi"),
            "{said}"
        );
    }
}
