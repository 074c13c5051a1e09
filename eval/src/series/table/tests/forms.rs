//! Tables in forms that programs write them in: without a header, with row numbers, with the header in a
//! comment, with commas that may mean either of two things.

use super::*;

/// Options from `--time`, `--state` and `--group`, blank where not given.
fn options(time: &str, state: &str, group: &str) -> ReadOptions {
    let some = |text: &str| Some(text.to_string()).filter(|t| !t.is_empty());
    ReadOptions {
        time: some(time),
        state: state.split(',').filter_map(some).collect(),
        group: some(group),
    }
}

fn series(text: &str, options: &ReadOptions) -> Series {
    match read_bytes(text.as_bytes(), options) {
        Ok(series) => series,
        Err(error) => panic!("{error}\n{text}"),
    }
}

fn names(series: &Series) -> Vec<&str> {
    let states = series.names.states.iter();
    std::iter::once(&series.names.time)
        .chain(states)
        .map(String::as_str)
        .collect()
}

fn first_row(series: &Series) -> Vec<f64> {
    let first = &series.trajectories[0];
    let mut row = vec![first.times()[0]];
    row.extend(first.state(0));
    row
}

#[test]
fn numbers_name_columns_of_a_table_without_header() {
    let text = "1,0,5.0\n1,1,6.0\n1,2,7.5\n2,0,3.0\n2,1,4.0\n2,2,5.0\n";
    let grouped = series(text, &options("", "", "1"));
    assert_eq!(names(&grouped), ["t", "y"]);
    assert_eq!(grouped.points(), 6);
    assert_eq!(first_row(&grouped), [0.0, 5.0]);
    assert_eq!(grouped.warnings, Vec::<String>::new());

    let text = "2,0,3\n3,1,4\n5,2,6\n7,3,7\n8,4,9\n";
    let chosen = series(text, &options("2", "3", ""));
    assert_eq!(names(&chosen), ["t", "y"]);
    assert_eq!(first_row(&chosen), [0.0, 3.0]);

    // Counting from 0 is answered, not taken for a header.
    let error = read_bytes(text.as_bytes(), &options("0", "", "")).unwrap_err();
    assert_eq!(error.kind(), "missing-column");
    assert!(error.remedy().contains("from 1 to 3"), "{}", error.remedy());
}

#[test]
fn row_numbers_beside_a_time_are_left_out() {
    let pandas = ",time,conc\n0,0.0,5\n1,0.5,6\n2,1.5,7\n3,2.5,9\n4,4.0,8\n";
    let r = "\"\",\"time\",\"conc\"\n\"1\",0,5\n\"2\",0.5,6\n\"3\",1.5,7\n\"4\",2.5,9\n\"5\",4,8\n";
    let again = pandas.replacen(',', "Unnamed: 0,", 1);
    for text in [pandas, r, &again] {
        let series = series(text, &options("", "", ""));
        assert_eq!(names(&series), ["time", "conc"], "{text}");
        assert_eq!(first_row(&series), [0.0, 5.0], "{text}");
        let [warning] = &series.warnings[..] else {
            panic!("{:?}", series.warnings);
        };
        for part in ["line 2, column 1", "\"time\" in column 2", "--time 1"] {
            assert!(warning.contains(part), "{part} not in {warning}");
        }
    }

    let conc = series(pandas, &options("", "conc", ""));
    assert_eq!(names(&conc), ["time", "conc"]);
    // The user's word counts.
    let named = series(pandas, &options("time", "", ""));
    assert_eq!(names(&named), ["time", "conc"]);
    assert!(
        named.warnings[0].contains("--state"),
        "{:?}",
        named.warnings
    );
    let numbered = series(pandas, &options("1", "", ""));
    assert_eq!(names(&numbered), ["t", "time", "conc"]);
    assert_eq!(numbered.warnings, Vec::<String>::new());
    let both = series(pandas, &options("time", "conc", ""));
    assert_eq!(names(&both), ["time", "conc"]);
    assert_eq!(both.warnings, Vec::<String>::new());
    let asked = series(pandas, &options("", "time,conc", ""));
    assert_eq!(names(&asked), ["t", "time", "conc"]);
}

#[test]
fn row_numbers_are_the_time_where_nothing_else_is() {
    for text in [
        ",conc\n0,5\n1,6\n2,7\n3,9\n4,8\n",
        ",time\n0,5\n1,6\n2,7\n3,9\n4,8\n",
        ",hare,lynx\n0,9,5\n1,18,6\n2,12,7\n3,10,9\n4,8,11\n",
    ] {
        let series = series(text, &options("", "", ""));
        assert_eq!(series.names.time, "t", "{text}");
        assert_eq!(series.warnings, Vec::<String>::new(), "{text}");
    }
}

#[test]
fn row_numbers_with_groups_and_several_files() {
    let text = ",flask,hour,od\n0,A,0,1\n1,A,1,2\n2,A,2,4\n3,B,0,1\n4,B,1,3\n5,B,2,5\n";
    let grouped = series(text, &options("", "", "flask"));
    assert_eq!(names(&grouped), ["hour", "od"]);
    assert_eq!(grouped.trajectory_labels, ["A", "B"]);

    // A slice of a longer table goes on counting.
    let first = file(b",time,y\n0,0,1\n1,2,2\n2,5,3\n");
    let second = file(b",time,y\n3,0,2\n4,3,4\n5,5,6\n");
    let paths = [first.path().to_path_buf(), second.path().to_path_buf()];
    let both = read(&paths, &ReadOptions::default()).unwrap();
    assert_eq!(names(&both), ["time", "y"]);
    assert_eq!(both.points(), 6);
}

#[test]
fn a_header_in_a_comment_is_used() {
    let rows = "0,5\n1,6\n2,7\n3,9\n4,8\n";
    let commented = series(
        &format!("# by hand\n# t,y (g)\n{rows}"),
        &options("", "", ""),
    );
    assert_eq!(names(&commented), ["t", "y"]);
    assert_eq!(commented.labels.states, ["y (g)"]);
    assert_eq!(commented.points(), 5);
    assert!(
        commented
            .warnings
            .iter()
            .any(|w| w.contains(", line 2: the comment"))
    );
    // Options find its names.
    let asked = series(&format!("# y,t\n{rows}"), &options("t", "y", ""));
    assert_eq!(first_row(&asked), [5.0, 0.0]);
    // Row numbers and the comment sign in place of their name.
    let rows = "1,0,5\n2,2,6\n3,3,7\n4,5,9\n5,6,8\n";
    let numbered = series(&format!("#,time,y\n{rows}"), &options("", "", ""));
    assert_eq!(names(&numbered), ["time", "y"]);
    // Behind what spreadsheets say of the delimiter.
    let tabs = series(
        &format!("sep=;\n# h;x;z\n{}", rows.replace(',', ";")),
        &options("", "", ""),
    );
    assert_eq!(names(&tabs), ["h", "x", "z"]);
}

#[test]
fn other_comments_are_no_header() {
    let rows = "0,5\n1,6\n2,7\n3,9\n4,8\n";
    for (above, expected) in [
        ("t,y\n# a,b\n", ["t", "y"]),
        ("# a,b\nt,y\n", ["t", "y"]),
        ("# t,y,z\n", ["t", "y"]),
        ("# Jena, 2024\n", ["t", "y"]),
        ("# sampled by hand each day, then frozen\n", ["t", "y"]),
        ("0,4\n# a,b\n", ["t", "y"]),
    ] {
        let series = series(&format!("{above}{rows}"), &options("", "", ""));
        assert_eq!(names(&series), expected, "{above}");
        assert!(
            !series.warnings.iter().any(|w| w.contains("comment")),
            "{above}"
        );
    }
}

#[test]
fn commas_before_three_digits_are_doubtful() {
    let text = "t;conc\n0;950\n1;1,234\n2;12,345\n3;20,100\n4;30,000\n";
    for text in [text.to_string(), text.replace(';', "\t")] {
        let series = series(&text, &options("", "", ""));
        assert_eq!(series.trajectories[0].state(1), [1.234]);
        let [warning] = &series.warnings[..] else {
            panic!("{:?}", series.warnings);
        };
        for part in [
            "line 3, column 2 (\"conc\")",
            "1,234 was read as 1.234",
            "thousands",
        ] {
            assert!(warning.contains(part), "{part} not in {warning}");
        }
    }
    // One comma that can't separate thousands settles it, in whichever column and wherever it is.
    for sure in [
        "t;y\n0,125;1,234\n0,250;2,345\n0,375;2,500\n0,500;3,100\n0,625;4,000\n",
        "t;y\n0;1,234\n1;2,345\n2;2,500\n3;3,100\n4;4,5\n",
        "t;y\n0;1\n1;2\n2;2\n3;3\n4;4\n",
    ] {
        let series = series(sure, &options("", "", ""));
        assert_eq!(series.warnings, Vec::<String>::new(), "{sure}");
    }
}

#[test]
fn text_in_a_state_that_was_asked_for() {
    let text = "t,conc,od\n0,5,1\n1,low,2\n2,7,4\n";
    let remedy = |state: &str| {
        let error = read_bytes(text.as_bytes(), &options("", state, "")).unwrap_err();
        assert_eq!((error.kind(), error.line()), ("not-a-number", Some(3)));
        error.remedy()
    };
    assert!(
        remedy("conc").contains("leave it out of --state"),
        "{}",
        remedy("conc")
    );
    assert!(!remedy("conc").contains("--group"), "{}", remedy("conc"));
    assert!(
        remedy("").contains("name those that are with --state"),
        "{}",
        remedy("")
    );
}
