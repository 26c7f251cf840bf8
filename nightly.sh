#!/bin/sh
# A night: new files of a log → marts → models → every learner's list, back in the marts.
#
#   sh nightly.sh NAME FILE…
#
# NAME is the data set, FILEs are its new logs; other choices of the first ingest are made
# by hand before the first night. MOOCMETA_DATA_DIR, MOOCMETA_DUCKDB, MOOCMETA_RUNS_DIR and
# NIGHT_CONFIG say where things are. Killed at any step, the same line does it again: files
# appear whole or not at all, and a log file that is in already is not counted twice.
set -eu
name=$1
shift
data=${MOOCMETA_DATA_DIR:-sample_data}
runs=${MOOCMETA_RUNS_DIR:-runs}
config=${NIGHT_CONFIG:-configs/nightly.yaml}

sha256() {
    if command -v sha256sum > /dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi |
        cut -d ' ' -f 1
}

record=$data/raw/$name/dataset.yml
append=
if [ -f "$record" ]; then
    append=--append
    for file do # those that are in already, as after a kill, are left out
        shift
        grep -q "$(sha256 "$file")" "$record" || set -- "$@" "$file"
    done
fi
if [ $# -gt 0 ]; then moocmeta ingest "$name" "$@" $append; fi

dbt build --quiet --selector recommendation

# yesterday's models on what happened since; a night does not end for it
if ls "$runs"/*/manifest.json > /dev/null 2>&1; then
    moocmeta evaluate --run latest --out "$runs" || echo "yesterday's run was not asked" >&2
fi

moocmeta-train --config "$config" --dataset "$name" --out "$runs" --quiet
moocmeta recommend --run latest --out "$runs" --all --write "$runs/lists.parquet"

dbt build --quiet --select rec_exports
