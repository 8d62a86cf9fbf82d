"""`shiomi rig detect`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from shiomi.cli.output import as_json, json_option
from shiomi.cli.rig.machine import language_option, print_text

__all__ = ["detect"]


@click.command()
@click.option(
    "--dump", is_flag=True, help="Print the raw facts as JSON, without interpreting them."
)
@click.option(
    "--time-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Read this large file, such as a model, to measure the disk.",
)
@json_option
@language_option
def detect(dump: bool, time_file: Path | None, json: bool, lang: str) -> None:
    """Detect the GPUs, the memory, the processor and the disk of this machine.

    NVIDIA GPUs are detected with NVML (or nvidia-smi), AMD and Intel GPUs from the kernel's files,
    and Apple GPUs with the system's tools. A GPU whose name is not in the table is reported as
    unknown. Nothing is sent anywhere, and no serial number or host name is printed.

    \b
    Examples:
      shiomi rig detect
      shiomi rig detect --json > mine.json     a file for --machine of the other commands
      shiomi rig detect --dump > dump.json     raw facts, to report a wrong detection
      sudo shiomi rig detect                   also reads the memory modules
    """
    from shiomi.rig.machine.detect import machine_of, probe
    from shiomi.rig.machine.detect.probe import timed_reading
    from shiomi.rig.report.fit_report import machine_json, machine_text

    found = probe()
    if time_file is not None:
        found = replace(found, disk_read_bytes_s=timed_reading(time_file))
    if dump:
        as_json(found.json())
        return
    machine = machine_of(found)
    if json:
        as_json(machine_json(machine))
        return
    print_text(machine_text(machine, lang))
