#!/usr/bin/env bash
# ImageNet-1k, ViT-H/14, the paper's 79 %: the recipe. Not run; docs/lejepa/objective.md computes what
# it takes: 12 H100-days per 100 epochs at 40 % of the peak, and with 8 GPUs 48 GiB on each.
#     IMAGENET=/data/imagenet/train benchmarks/lejepa/imagenet_vith14.sh [RUN]      again to go on
# Several hosts: NODES, NODE_RANK and MASTER as of torchrun, and a RUN that all of them see.
set -euo pipefail
cd "$(dirname "$0")/../.."
run="${1:-.cache/lejepa_imagenet_vith14}"
torchrun --nproc-per-node "${GPUS:-8}" --nnodes "${NODES:-1}" --node-rank "${NODE_RANK:-0}" \
  --master-addr "${MASTER:-localhost}" --master-port "${PORT:-29500}" \
  -m shiomi.cli lejepa pretrain "${IMAGENET:?the folder of training images, one folder per class}" \
  --out "$run" --encoder vit_huge_patch14_224 --epochs "${EPOCHS:-100}" --batch-size 256 \
  --lr 5e-4 --weight-decay 1e-1 --global-size 224 --local-size 98 --global-views 2 --local-views 6 \
  --precision bf16 --cache-gib 0
