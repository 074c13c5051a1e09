#!/bin/bash
# A corpus as a Slurm array: each task makes one part, the last one to finish writes manifest.json.
#
#   sbatch deploy/slurm-array.sh
#   OUT=/scratch/corpus SAMPLES=3000000 SEED=7 sbatch --array=0-15 deploy/slurm-array.sh
#
# `nsode generate` reads its part from SLURM_ARRAY_TASK_ID, _MIN, _STEP and _COUNT. OUT is a directory
# that all nodes see. A task that was killed, requeued or out of time goes on where it was when it is
# submitted again with the same values; tasks that had finished end at once.
#
#SBATCH --job-name=nsode-corpus
#SBATCH --array=0-7
#SBATCH --cpus-per-task=16
#SBATCH --mem=8G
#SBATCH --time=12:00:00
#SBATCH --requeue
# A minute before the end, so that the task can stop cleanly; what it has finished stays in any case.
#SBATCH --signal=TERM@60
#SBATCH --output=%x-%A_%a.log
set -euo pipefail

: "${NSODE:=nsode}"                      # the program, in PATH or with its path
: "${OUT:=$SLURM_SUBMIT_DIR/out/corpus}" # the same for all tasks
: "${SAMPLES:=63000000}"                 # of the whole corpus, not of one task
: "${SEED:=1}"
: "${CONFIG:=}"                          # a TOML file; empty for the default distribution

export RAYON_NUM_THREADS="${SLURM_CPUS_PER_TASK:-1}"

arguments=(generate --out "$OUT" --samples "$SAMPLES" --seed "$SEED")
if [[ -n $CONFIG ]]; then
    arguments+=(--config "$CONFIG")
fi
# exec: the program itself gets the signals.
exec "$NSODE" "${arguments[@]}"
