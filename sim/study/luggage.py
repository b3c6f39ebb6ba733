"""Data files that travel with jobs to the workers of a Dask cluster, those of now and later ones.

The only module that imports Dask as it is imported: workers get the class by its name.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from distributed import WorkerPlugin

from sim.study.parcel import Parcel, store


class Luggage(WorkerPlugin):
    """Bytes of the files of one parcel; written into the folder that a worker has for itself.

    They stay there until the worker ends: what runs may still be reading them.
    """

    def __init__(self, owner: str, files_key: str, contents: Mapping[str, bytes]) -> None:
        self.name = f"files-{files_key}-{owner}"
        self._files_key = files_key
        self._contents = dict(contents)

    def setup(self, worker: Any) -> None:
        """Unpack on a worker."""
        store(self._files_key, self._contents, Path(worker.local_directory) / self.name)


def luggage_of(parcels: Sequence[Parcel], owner: str) -> list[Luggage]:
    """One piece for each set of files that parcels have; none for parcels without files.

    Args:
        parcels: Scenarios.
        owner: Whose it is: studies on one cluster do not take each other's away.

    Raises:
        OSError: If a file cannot be read.
    """
    pieces: dict[str, Luggage] = {}
    for parcel in parcels:
        key = parcel.files_key()
        if parcel.files and key not in pieces:
            folder = Path(parcel.folder)
            contents = {name: (folder / name).read_bytes() for name, _ in parcel.files}
            pieces[key] = Luggage(owner, key, contents)
    return list(pieces.values())
