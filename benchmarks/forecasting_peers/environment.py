"""OpenSTEF in an environment of its own: version 4 where Python 3.12 or 3.13 is to be had, else 3.4.93."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
PACKAGES = {
    4: ["openstef[meta]==4.7.0", "openstef-models[lgbm]==4.7.0"],
    3: ["openstef[cpu]==3.4.93"],
}


def peer() -> tuple[int, list[str]]:
    """OpenSTEF's major version and the command that runs it on a plan; sets the environment up when needed."""
    newer = find_python()
    major, base = (4, newer) if newer else (3, sys.executable)
    home = ROOT / ".venv" / f"bench-openstef{major}"
    python = home / "bin" / "python"
    if not (home / ".installed").exists():
        print(f"setting up OpenSTEF {major} with {version_of(base)} ...", file=sys.stderr, flush=True)
        uv = shutil.which(
            "uv", path=f"{Path(sys.executable).parent}:{ROOT / '.venv' / 'bin'}"
        ) or shutil.which("uv")
        if uv:
            run(uv, "venv", "-q", "--clear", "--python", base, str(home))
            run(uv, "pip", "install", "-q", "--python", str(python), *PACKAGES[major])
        else:
            run(base, "-m", "venv", "--clear", str(home))
            run(str(python), "-m", "pip", "install", "-q", *PACKAGES[major])
        (home / ".installed").touch()
    return major, [str(python), str(HERE / f"openstef{major}.py")]


def find_python() -> str | None:
    """A Python 3.12 or 3.13 on the path or of pyenv, or None."""
    for wanted in ("3.12", "3.13"):
        for candidate in candidates(wanted):
            if version_of(candidate) == wanted:
                return candidate
    return None


def candidates(wanted: str) -> list[str]:
    found = [shutil.which(f"python{wanted}")]
    pyenv = shutil.which("pyenv")
    if pyenv:
        done = subprocess.run([pyenv, "root"], capture_output=True, text=True, check=False)
        versions = Path(done.stdout.strip()) / "versions"
        found += [str(path / "bin" / "python") for path in sorted(versions.glob(f"{wanted}.*"), reverse=True)]
    return [path for path in found if path]


def version_of(python: str) -> str | None:
    """Major and minor version, or None where it does not run (a pyenv shim of a version that is not active)."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    except OSError:
        return None
    return done.stdout.strip() or None


def run(*command: str) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
