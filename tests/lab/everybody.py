"""For programs that run as other users: a checkout may lie where nobody may not look (/root), and pytest's folders lie in one that
each pytest shuts to others as it starts, in the midst of another's test."""

import contextlib
import shutil
import tempfile
from pathlib import Path


@contextlib.contextmanager
def folder_for_everybody():
    """Every user may look into it; it is gone with the context."""
    with tempfile.TemporaryDirectory(prefix="tandem-everybody-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@contextlib.contextmanager
def for_everybody(program):
    """A copy of `program` that every user may run, as long as the context lasts."""
    with folder_for_everybody() as folder:
        copy = folder / Path(program).name
        shutil.copy(program, copy)
        copy.chmod(0o755)
        yield copy
