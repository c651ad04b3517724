"""What the lab tests share: the built programs, a world that is always taken down, and a site in it."""

import os
from pathlib import Path

import pytest

from dual import DualSite
from everybody import folder_for_everybody
from topology import Site
from world import World

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def programs():
    """The folder of tandemd and tandemctl."""
    folder = Path(os.environ.get("TANDEM_BIN", ROOT / "build/bin")).resolve()
    if os.geteuid() != 0:
        pytest.skip("the lab makes network namespaces, which only root may")
    assert (folder / "tandemd").exists(), f"{folder}/tandemd is not built; run ./dev test"
    return folder


@pytest.fixture
def tmp_path():
    """In place of pytest's own, which programs that run as other users cannot count on."""
    with folder_for_everybody() as folder:
        yield folder


@pytest.fixture
def world():
    with World() as made:
        yield made


def sites_of(kind, world, programs):
    """What a fixture yields from: a function that wires sites of that kind. The directors' logs are printed when the test fails."""
    made = []

    def make(**more):
        made.append(kind(world, programs, **more))
        return made[-1]

    yield make
    for site in made:
        for director in site.directors.values():
            if director.process is not None:
                print(f"--- log of {director.name}\n{director.log()}")


@pytest.fixture
def make_site(world, programs):
    """make_site(method='nat', change=None, ...) wires a site."""
    yield from sites_of(Site, world, programs)


@pytest.fixture
def make_dual_site(world, programs):
    """The same in both families."""
    yield from sites_of(DualSite, world, programs)
