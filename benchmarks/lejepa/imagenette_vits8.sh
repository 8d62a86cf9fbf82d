#!/usr/bin/env bash
# Imagenette at 128 px, ViT-S/8 on one GPU. Not run yet; to be held against MINIMAL's 90.7 % after 800
# epochs (200 minutes) and stable-pretraining's 87.1 % (ViT-S/16, 200 epochs). Its images are JPEGs
# of 128 px at quality 72, so compare with care.
#     benchmarks/lejepa/imagenette_vits8.sh [RUN]            again to go on
set -euo pipefail
cd "$(dirname "$0")/../.."
data="${SHIOMI_DATA:-../shared/data}/lejepa"
run="${1:-.cache/lejepa_imagenette_vits8}"
shiomi lejepa pretrain "$data/imagenette128_train.parquet" --out "$run" \
  --recipe minimal
for judge in knn probe; do
  shiomi lejepa "$judge" --run "$run" "$data/imagenette128_train.parquet" "$data/imagenette128_val.parquet"
done
