"""Write model files from a published table of configurations, if shape and size agree.

    python -m tools.rig.models_from_table

Reads $SHIOMI_DATA/rig/model_configs_llmfit_2026-05.csv (MIT; llmfit at 55fa5f5). Only architectures
whose whole shape is in the columns are used. A row is skipped if its number of parameters
contradicts the shape.
"""

from __future__ import annotations

import csv
import os
from pathlib import Path

from shiomi.rig.errors import RigError
from shiomi.rig.model.layers import COLUMNS, check_parameters, read_config

OUT = Path(__file__).parents[2] / "src/shiomi/rig/model/models"
DATA = Path(os.environ.get("SHIOMI_DATA", "../shared/data")) / "rig"
FIELDS = {ours: theirs for ours, theirs in COLUMNS.items() if ours != "architecture"}
# Repository; month of release; licence; code too; languages named by the makers.
WANTED = """
Qwen/QwQ-32B 2025-03 Apache-2.0 code en,zh
Qwen/Qwen2.5-32B-Instruct 2024-09 Apache-2.0 - en,zh,ja
Qwen/Qwen2.5-14B-Instruct 2024-09 Apache-2.0 - en,zh,ja
Qwen/Qwen2.5-14B-Instruct-1M 2025-01 Apache-2.0 - en,zh,ja
Qwen/Qwen2.5-7B-Instruct-1M 2025-01 Apache-2.0 - en,zh,ja
Qwen/Qwen2.5-3B-Instruct 2024-09 Qwen-Research - en,zh,ja
Qwen/Qwen2.5-1.5B-Instruct 2024-09 Apache-2.0 - en,zh,ja
Qwen/Qwen2.5-Coder-3B-Instruct 2024-11 Qwen-Research code en
Qwen/Qwen2.5-Coder-1.5B-Instruct 2024-09 Apache-2.0 code en
Qwen/Qwen3-4B-Thinking-2507 2025-08 Apache-2.0 code en,zh,ja
Qwen/Qwen3-30B-A3B-Thinking-2507 2025-07 Apache-2.0 code en,zh,ja
Qwen/Qwen3-235B-A22B-Thinking-2507 2025-07 Apache-2.0 code en,zh,ja
Qwen/Qwen3-235B-A22B 2025-04 Apache-2.0 - en,zh,ja
Qwen/Qwen3-Coder-480B-A35B-Instruct 2025-07 Apache-2.0 code en,zh
Qwen/Qwen2-72B-Instruct 2024-06 Qwen - en,zh,ja
Qwen/Qwen2-57B-A14B-Instruct 2024-06 Apache-2.0 - en,zh
Qwen/Qwen2-7B-Instruct 2024-06 Apache-2.0 - en,zh
zai-org/GLM-4.5 2025-07 MIT code en,zh
zai-org/GLM-4.7 2025-12 MIT code en,zh
zai-org/GLM-4-9B-0414 2025-04 MIT - en,zh
deepseek-ai/DeepSeek-R1-Distill-Qwen-32B 2025-01 MIT - en,zh
deepseek-ai/DeepSeek-R1-Distill-Qwen-14B 2025-01 MIT - en,zh
deepseek-ai/DeepSeek-R1-Distill-Qwen-7B 2025-01 MIT - en,zh
deepseek-ai/DeepSeek-R1-Distill-Llama-70B 2025-01 MIT - en
deepseek-ai/DeepSeek-R1-Distill-Llama-8B 2025-01 MIT - en
deepseek-ai/DeepSeek-R1-0528-Qwen3-8B 2025-05 MIT - en,zh
ibm-granite/granite-4.1-3b 2026-04 Apache-2.0 code en,ja
ibm-granite/granite-4.1-8b 2026-04 Apache-2.0 code en,ja
ibm-granite/granite-4.1-30b 2026-04 Apache-2.0 code en,ja
ibm-granite/granite-3.3-2b-instruct 2025-04 Apache-2.0 - en,ja
LGAI-EXAONE/EXAONE-4.0-32B 2025-07 EXAONE - en,ko
LGAI-EXAONE/EXAONE-4.0-1.2B 2025-07 EXAONE - en,ko
allenai/Olmo-3-7B-Think 2025-11 Apache-2.0 - en
allenai/Olmo-3.1-32B-Think 2025-12 Apache-2.0 - en
allenai/Olmo-3.1-32B-Instruct 2025-12 Apache-2.0 - en
allenai/OLMo-2-0325-32B-Instruct 2025-03 Apache-2.0 - en
allenai/OLMo-2-1124-13B-Instruct 2024-11 Apache-2.0 - en
allenai/OLMo-2-1124-7B-Instruct 2024-11 Apache-2.0 - en
nvidia/Llama-3.1-Nemotron-70B-Instruct-HF 2024-10 Llama-3.1 - en
nvidia/Llama-3.1-Nemotron-Nano-8B-v1 2025-03 NVIDIA - en
NousResearch/Hermes-4-70B 2025-08 Llama-3.1 - en
NousResearch/Hermes-3-Llama-3.1-8B 2024-08 Llama-3.1 - en
mistralai/Mixtral-8x22B-Instruct-v0.1 2024-04 Apache-2.0 - en,fr,de,es
mistralai/Mistral-7B-Instruct-v0.2 2023-12 Apache-2.0 - en
microsoft/Phi-3-mini-4k-instruct 2024-04 MIT - en
microsoft/Phi-3.5-mini-instruct 2024-08 MIT - en,ja
microsoft/Phi-3-medium-4k-instruct 2024-05 MIT - en
microsoft/FrogBoss-32B-2510 2025-10 MIT code en
tiiuae/Falcon3-7B-Instruct 2024-12 Falcon - en,fr,es
tiiuae/Falcon3-1B-Instruct 2024-12 Falcon - en,fr,es
HuggingFaceTB/SmolLM2-1.7B-Instruct 2024-11 Apache-2.0 - en
HuggingFaceTB/SmolLM2-360M-Instruct 2024-11 Apache-2.0 - en
01-ai/Yi-1.5-34B-Chat 2024-05 Apache-2.0 - en,zh
01-ai/Yi-1.5-9B-Chat 2024-05 Apache-2.0 - en,zh
01-ai/Yi-Coder-9B-Chat 2024-08 Apache-2.0 code en,zh
deepseek-ai/deepseek-coder-6.7b-instruct 2023-11 DeepSeek code en
bigcode/starcoder2-7b 2024-02 OpenRAIL code en
openai/gpt-oss-safeguard-20b 2025-10 Apache-2.0 - en
openai/gpt-oss-safeguard-120b 2025-10 Apache-2.0 - en
upstage/SOLAR-10.7B-Instruct-v1.0 2023-12 CC-BY-NC-4.0 - en
"""


def main() -> None:
    """Write the files that are not there yet."""
    with (DATA / "model_configs_llmfit_2026-05.csv").open(encoding="utf-8") as file:
        rows = {row["name"].removesuffix("-FP8"): row for row in csv.DictReader(file)}
    for line in WANTED.split("\n"):
        if not line.strip():
            continue
        repository, released, licence, code, languages = line.split()
        try:
            text = model_file(rows[repository], repository, released, licence, code, languages)
        except (RigError, KeyError) as error:
            print(f"skipped {repository}: {error}")
            continue
        path = OUT / f"{repository.rpartition('/')[2].casefold()}.toml"
        if not path.exists():
            path.write_text(text, encoding="utf-8")


def model_file(
    row: dict[str, str], repository: str, released: str, licence: str, code: str, languages: str
) -> str:
    """Return a model file; raise RigError if its parameters contradict its shape."""
    config: dict[str, object] = {"model_type": row["architecture"]}
    for ours, theirs in FIELDS.items():
        if row.get(ours):
            config[theirs] = int(row[ours])
    experts = bool(row.get("num_experts"))
    width = "moe_intermediate_size" if experts else "intermediate_size"
    config[width] = int(row["moe_intermediate_size"])
    if row["architecture"] == "mixtral":
        config["num_local_experts"] = config.pop("num_experts")
        config["intermediate_size"] = config.pop("moe_intermediate_size")
    parameters = int(row["parameters_raw"])
    if row["name"].endswith("-FP8"):
        parameters = 0
    name = repository.rpartition("/")[2]
    model = read_config(config, name=name)
    if parameters:
        check_parameters(model, parameters)
        if abs(model.parameters - parameters) > abs(
            model.parameters + model.embedding_parameters - parameters
        ):
            config["tie_word_embeddings"] = False
        elif model.output_parameters and abs(model.parameters - parameters) > abs(
            model.parameters - model.output_parameters - parameters
        ):
            config["tie_word_embeddings"] = True
    purposes = '["chat", "code"]' if code == "code" else '["chat"]'
    listed = ", ".join(f'"{x}"' for x in languages.split(","))
    lines = [
        f'name = "{name}"',
        f'aliases = ["{repository}"]',
        f'released = "{released}"',
        f'licence = "{licence}"',
        f"languages = [{listed}]",
        f"purposes = {purposes}",
        f'source = "{repository} in llmfit hf_models.json at 55fa5f5 (MIT)"',
        "",
        "[config]  # the fields of its config.json that tell the shape",
    ]
    for key, value in config.items():
        shown = str(value).lower() if isinstance(value, bool) else repr(value).replace("'", '"')
        lines.append(f"{key} = {shown}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
