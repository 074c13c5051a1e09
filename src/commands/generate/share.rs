//! Which part of a corpus this run makes: `--shard I/N`, or the place of the run in a Slurm array or a
//! Kubernetes Indexed Job.

use std::str::FromStr;

use nsode_generator::Part;

use crate::fault::Fault;

const REMEDY: &str = "Say it with --shard I/N, or --shard 1/1 for the whole corpus.";

/// `I/N`, I from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share(pub Part);

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Share, String> {
        let wrong = || "it takes two numbers, as in 1/4, from 1/4 to 4/4".to_string();
        let (number, of) = text.split_once('/').ok_or_else(wrong)?;
        let number: u32 = number.trim().parse().map_err(|_| wrong())?;
        let of: u32 = of.trim().parse().map_err(|_| wrong())?;
        match number.checked_sub(1) {
            Some(index) if index < of => Ok(Share(Part { index, of })),
            _ => Err(wrong()),
        }
    }
}

/// The part that a scheduler's variables name, and which variables these are; `None` where there is no
/// scheduler.
///
/// Slurm: tasks are counted from `SLURM_ARRAY_TASK_MIN` in steps of `SLURM_ARRAY_TASK_STEP`, and there
/// are `SLURM_ARRAY_TASK_COUNT`. Kubernetes: `JOB_COMPLETION_INDEX` counts from 0; how many there are it
/// does not say, so the Job's template sets `NSODE_SHARDS`.
///
/// # Errors
/// A problem for variables that name no part.
pub fn from_environment(
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<(Part, &'static str)>, Fault> {
    let number = |name: &str| -> Result<Option<u32>, Fault> {
        let text = variable(name).filter(|text| !text.trim().is_empty());
        text.map(|text| {
            let wrong = |_| Fault::new(format!("{name} is {text:?}, which is no number"), REMEDY);
            text.trim().parse().map_err(wrong)
        })
        .transpose()
    };
    let (index, of, names) = if let Some(id) = number("SLURM_ARRAY_TASK_ID")? {
        let least = number("SLURM_ARRAY_TASK_MIN")?.unwrap_or(0);
        let step = number("SLURM_ARRAY_TASK_STEP")?.unwrap_or(1).max(1);
        let of = number("SLURM_ARRAY_TASK_COUNT")?;
        let place = id
            .checked_sub(least)
            .filter(|from| from.is_multiple_of(step));
        (
            place.map(|from| from / step),
            of,
            "SLURM_ARRAY_TASK_ID and SLURM_ARRAY_TASK_COUNT",
        )
    } else if let Some(index) = number("JOB_COMPLETION_INDEX")? {
        let of = number("NSODE_SHARDS")?;
        (Some(index), of, "JOB_COMPLETION_INDEX and NSODE_SHARDS")
    } else {
        return Ok(None);
    };
    match (index, of) {
        (Some(index), Some(of)) if index < of => Ok(Some((Part { index, of }, names))),
        (_, None) => Err(Fault::new(
            format!("{names} are to name the part of the corpus, but the second is not set"),
            format!("Set it to the number of parts. {REMEDY}"),
        )),
        (_, Some(of)) => Err(Fault::new(
            format!("{names} are to name the part of the corpus, but they name none of {of}"),
            format!("An array is evenly spaced, as in --array=0-7. {REMEDY}"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_count_from_one() {
        assert_eq!("1/1".parse::<Share>().unwrap().0, Part::WHOLE);
        assert_eq!("3/4".parse::<Share>().unwrap().0, Part { index: 2, of: 4 });
        for wrong in ["", "1", "0/4", "5/4", "a/4", "1/0", "1/b", "1/2/3", "-1/4"] {
            assert!(wrong.parse::<Share>().is_err(), "{wrong}");
        }
    }

    fn part(variables: &[(&str, &str)]) -> Result<Option<(u32, u32)>, Fault> {
        let variable = |name: &str| {
            let found = variables.iter().find(|(n, _)| *n == name);
            found.map(|(_, value)| value.to_string())
        };
        let part = from_environment(&variable)?;
        Ok(part.map(|(part, _)| (part.index, part.of)))
    }

    #[test]
    fn schedulers_name_the_part() {
        let slurm = |id, min, count, step| {
            part(&[
                ("SLURM_ARRAY_TASK_ID", id),
                ("SLURM_ARRAY_TASK_MIN", min),
                ("SLURM_ARRAY_TASK_COUNT", count),
                ("SLURM_ARRAY_TASK_STEP", step),
            ])
        };
        assert_eq!(part(&[]).unwrap(), None);
        assert_eq!(part(&[("NSODE_SHARDS", "4")]).unwrap(), None);
        assert_eq!(slurm("0", "0", "8", "1").unwrap(), Some((0, 8)));
        assert_eq!(slurm("8", "1", "8", "").unwrap(), Some((7, 8)));
        assert_eq!(slurm("14", "10", "3", "2").unwrap(), Some((2, 3)));
        let job = |index, of| part(&[("JOB_COMPLETION_INDEX", index), ("NSODE_SHARDS", of)]);
        assert_eq!(job("7", "8").unwrap(), Some((7, 8)));
        for wrong in [
            slurm("9", "1", "8", "1"),
            slurm("0", "1", "8", "1"),
            slurm("11", "10", "3", "2"),
            slurm("x", "0", "8", "1"),
            slurm("1", "0", "", "1"),
            job("8", "8"),
            job("0", "0"),
            job("-1", "8"),
            job("1", ""),
        ] {
            assert!(wrong.is_err(), "{wrong:?}");
        }
    }
}
