"""Programs for tests that run as nobody: a checkout may lie where nobody may not look (/root)."""

import contextlib
import shutil
import tempfile
from pathlib import Path


@contextlib.contextmanager
def for_everybody(program):
    """A copy of `program` that every user may run, as long as the context lasts."""
    with tempfile.TemporaryDirectory(prefix="tandem-everybody-") as folder:
        Path(folder).chmod(0o755)
        copy = Path(folder) / Path(program).name
        shutil.copy(program, copy)
        copy.chmod(0o755)
        yield copy
