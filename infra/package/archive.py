"""Zip files that are the same bytes whenever they are made of the same files."""

from collections.abc import Mapping
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

BEGINNING = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip file can say."""
READABLE = 0o100644
"""A file that everybody may read. Lambda runs functions as a user of its own."""
ON_UNIX = 3


def write(path: Path, files: Mapping[str, Path]) -> None:
    """Writes `files` to the zip `path` in the order of their names. Bytes depend on names, contents and zlib alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with ZipFile(path, "w") as package:
        for name in sorted(files):
            entry = ZipInfo(name, BEGINNING)
            entry.create_system, entry.external_attr, entry.compress_type = ON_UNIX, READABLE << 16, ZIP_DEFLATED
            package.writestr(entry, files[name].read_bytes())
