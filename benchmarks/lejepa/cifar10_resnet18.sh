#!/usr/bin/env bash
# CIFAR-10, ResNet-18 on one GPU by eb_jepa's recipe. Not run yet: compare with its 91.02 % after 300
# epochs, and with the paper's 92.5 %.
#     benchmarks/lejepa/cifar10_resnet18.sh [RUN]            again to go on
set -euo pipefail
cd "$(dirname "$0")/../.."
data="${SHIOMI_DATA:-../shared/data}/lejepa"
run="${1:-.cache/lejepa_cifar10_resnet18}"
shiomi lejepa pretrain "$data/cifar10_jpeg_train.parquet" --out "$run" \
  --recipe eb-jepa
for judge in knn probe; do
  shiomi lejepa "$judge" --run "$run" "$data/cifar10_jpeg_train.parquet" "$data/cifar10_jpeg_test.parquet"
done
