"""Import the CIM files of a folder and print the process's peak memory [MB]; nothing else is loaded."""

import json
import re
import sys
from pathlib import Path

from gridjobs_workers.grids.build import import_grid


def peak_mb() -> float:
    """Peak resident memory of this process; getrusage would count the parent's from before exec."""
    (kilobytes,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(kilobytes) / 1024


if __name__ == "__main__":
    import_grid((path.name, path.read_bytes()) for path in sorted(Path(sys.argv[1]).iterdir()))
    print(json.dumps({"peak_mb": peak_mb()}))
