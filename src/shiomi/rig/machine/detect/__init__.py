"""Detection of this machine: raw facts collected at the edge, and a pure function that reads them.

`probe()` reads files of /proc and /sys, asks NVML and a few system tools, and returns a `Dump`,
which is JSON and holds no serial numbers and no names of people. `machine_of(dump)` turns a dump of
any machine into a `Machine`; `Machine.unknown` lists the facts that the dump lacks.
"""

from shiomi.rig.machine.detect.dump import Dump, parse_dump
from shiomi.rig.machine.detect.machine_of import machine_of
from shiomi.rig.machine.detect.probe import probe

__all__ = ["Dump", "machine_of", "parse_dump", "probe"]
