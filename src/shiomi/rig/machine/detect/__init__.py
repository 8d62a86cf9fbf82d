"""Detect this machine: one function collects raw facts, and a pure function interprets them.

`probe()` reads files of /proc and /sys, asks NVML and a few system tools, and returns a `Dump`. A
dump can be written as JSON. It contains no serial numbers and no names of people.
`machine_of(dump)` turns the dump of any machine into a `Machine`. `Machine.unknown` lists the facts
that the dump lacks.
"""

from shiomi.rig.machine.detect.dump import Dump, parse_dump
from shiomi.rig.machine.detect.machine_of import machine_of
from shiomi.rig.machine.detect.probe import probe

__all__ = ["Dump", "machine_of", "parse_dump", "probe"]
