"""Run everything, in a virtual environment that this makes: ``python -m benchmarks --quick``.

The environment is ``.venv-bench`` in the checkout. The peers are what the extra ``bench`` names;
one that cannot be installed is reported, and left out of the tables. Arguments are those of
`benchmarks.suite`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

_ROOT = Path(__file__).parent.parent
_ENVIRONMENT = _ROOT / ".venv-bench"


def main() -> None:
    """Make the environment what it should be, and become the suite in it."""
    if not _ENVIRONMENT.exists():
        venv.create(_ENVIRONMENT, with_pip=True)
    python = _ENVIRONMENT / "bin" / "python"
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]
    for requirement in (f"-e{_ROOT}", *project["optional-dependencies"]["bench"]):
        command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        if subprocess.run([*command, requirement], check=False).returncode:
            print(f"{requirement} could not be installed; it is left out", flush=True)
    os.chdir(_ROOT)
    os.execv(python, [str(python), "-m", "benchmarks.suite", *sys.argv[1:]])


if __name__ == "__main__":
    main()
