"""`shiomi rig detect`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from shiomi.cli.output import as_json, echo, json_option
from shiomi.cli.rig.machine import language_option

__all__ = ["detect"]


@click.command()
@click.option("--dump", is_flag=True, help="Print the raw facts instead of their reading, as JSON.")
@click.option(
    "--time-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Read this large file, such as a model, to measure the disk.",
)
@json_option
@language_option
def detect(dump: bool, time_file: Path | None, json: bool, lang: str) -> None:
    """Find out what this machine is: GPUs, memory, processor, disk.

    NVIDIA GPUs are read by NVML (or nvidia-smi), AMD's and Intel's by the kernel's files, Apple's
    by the system's tools. A name is resolved exactly or reported as unknown; nothing is guessed.
    Nothing is sent anywhere, and no serial number or host name is printed.

    \b
    Examples:
      shiomi rig detect
      shiomi rig detect --json > mine.json     for --machine of the other commands
      shiomi rig detect --dump > dump.json     raw facts, to report what is read wrongly
      sudo shiomi rig detect                   sees the memory's modules where users do not
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
    for line in machine_text(machine, lang).splitlines():
        echo(line)
