#!/usr/bin/env bash
# Images per second of `shiomi lejepa pretrain` with spinning and with sleeping OpenMP threads.
#
#     benchmarks/lejepa/wait_policy.sh IMAGES.parquet    # two runs of each, 40 steps of 128
#
# Run it on a machine where other programs use the cores. `shiomi lejepa` sets PASSIVE itself.
set -euo pipefail
images=${1:?give a parquet file of images}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for policy in ACTIVE PASSIVE ACTIVE PASSIVE; do
  rm -rf "$folder/run"
  OMP_WAIT_POLICY=$policy shiomi lejepa pretrain "$images" --out "$folder/run" \
    --cache "$folder/cache" --steps 40 --batch-size 128 --evaluations 0 --no-labels >/dev/null 2>&1
  column=$(head -1 "$folder/run/metrics.csv" | tr ',' '\n' | grep -n '^samples_per_second$' | cut -d: -f1)
  echo "$policy $(tail -1 "$folder/run/metrics.csv" | cut -d, -f"$column") images/s"
done
