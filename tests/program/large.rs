//! Large tables: memory stays bounded.

use std::fs::{self, File};
use std::io::{BufWriter, Write};

use crate::support::{Running, folder};

/// The largest memory, in bytes, that a running process ever had.
fn peak(id: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(1024 * kilobytes)
}

#[test]
fn two_million_rows_in_bounded_memory() {
    let place = folder();
    let path = place.path().join("large.csv");
    let mut out = BufWriter::new(File::create(&path).unwrap());
    writeln!(out, "t,y").unwrap();
    for i in 0..2_000_000_u32 {
        writeln!(out, "{i},{:.3}", 100.0 - 1e-5 * f64::from(i)).unwrap();
    }
    out.into_inner().unwrap();
    let arguments = [
        "infer",
        "large.csv",
        "--proposers",
        "sparse",
        "--seconds",
        "1",
        "--top",
        "1",
    ];
    let mut running = Running::start(place.path(), &arguments);
    let id = running.child.id();
    let mut most = 0;
    let code = loop {
        most = most.max(peak(id).unwrap_or(0));
        if let Some(status) = running.child.try_wait().unwrap() {
            break status.code();
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    };
    assert_eq!(code, Some(0));
    if cfg!(target_os = "linux") {
        // Whole in memory, its numbers alone would take 32 MB, its text as much again; libtorch takes
        // most of what there is.
        assert!((1 << 20..512 << 20).contains(&most), "{most} bytes");
    }
}
