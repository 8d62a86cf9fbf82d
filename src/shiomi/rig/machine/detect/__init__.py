"""What this machine is: raw facts gathered at the edge, and a pure reading of them.

`probe()` reads files of /proc and /sys, asks NVML and a few system tools, and returns a `Dump`,
which is JSON and holds no serial numbers and no names of people. `machine_of(dump)` turns a dump of
any machine into a `Machine`; what the dump does not tell is said in `Machine.unknown`.
"""

from shiomi.rig.machine.detect.dump import Dump, parse_dump
from shiomi.rig.machine.detect.machine_of import machine_of
from shiomi.rig.machine.detect.probe import probe

__all__ = ["Dump", "machine_of", "parse_dump", "probe"]
