"""Names of files that are being written.

A partial file is hidden, lies beside its target (so that replacing is one rename on
one filesystem) and keeps the target's suffix, from which some writers infer a format.
"""

import contextlib
import glob
import re
import shutil
import uuid
from pathlib import Path

_HEX = "[0-9a-f]{32}"
_PARTIAL = re.compile(rf"\.+(?P<stem>[^.].*?)\.{_HEX}\.partial(?P<rest>.*)")


def partial_path(target: Path) -> Path:
    """A fresh hidden sibling of ``target``."""
    stem, suffixes = _split(target)
    return target.with_name(f".{stem}.{uuid.uuid4().hex}.partial{suffixes}")


def is_partial(name: str) -> bool:
    """Whether a file's or folder's name is that of a partial one."""
    return _PARTIAL.fullmatch(name) is not None


def remove_partials(target: Path) -> None:
    """Removes what killed runs left beside ``target``.

    A dataset that writes through a sibling of its own names it after the partial file
    that it was pointed at; such siblings go, too.
    """
    stem, suffixes = _split(target)
    rest = re.compile(rf"{re.escape(suffixes)}(\.{_HEX}.*)?")
    with contextlib.suppress(OSError):
        for sibling in target.parent.iterdir():
            match = _PARTIAL.fullmatch(sibling.name)
            if (
                match
                and match["stem"] == stem.lstrip(".")
                and rest.fullmatch(match["rest"])
            ):
                remove_partial(sibling)


def remove_partial(partial: Path) -> None:
    """Removes a partial file or folder with its companions."""
    for path in (partial, *_companions(partial)):
        remove(path)


def remove(path: Path) -> None:
    """Removes a file or a folder, if there is one."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def replace(source: Path, target: Path) -> None:
    """Moves a file or folder over another in one step, or two for folders.

    A folder cannot be replaced in one step: between the two there is none.
    """
    if not target.is_dir() or target.is_symlink():
        source.replace(target)
        if source.is_file():  # both were links to one file: the rename did nothing
            source.unlink()
        return
    old = partial_path(target)
    target.replace(old)
    try:
        source.replace(target)
    except OSError:
        old.replace(target)
        raise
    remove(old)


def merge(source: Path, target: Path) -> None:
    """Moves a folder's files into another, file by file; what else it holds stays."""
    for file in sorted(source.rglob("*")):
        if file.is_symlink() or not file.is_dir():
            place = target / file.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            replace(file, place)


def move_companions(partial: Path, target: Path) -> None:
    """Moves what a dataset named after the partial file to where it belongs."""
    stem, _ = _split(target)
    for companion in _companions(partial):
        place = target.with_name(stem + companion.name[_head_length(partial) :])
        (merge if companion.is_dir() and place.is_dir() else replace)(companion, place)


def _companions(partial: Path) -> list[Path]:
    """Siblings named as the partial file is, but for the ending."""
    head = partial.name[: _head_length(partial)]
    return [
        sibling
        for sibling in partial.parent.glob(f"{glob.escape(head)}*")
        if sibling != partial
    ]


def _head_length(partial: Path) -> int:
    """Length of a partial file's name without what follows ``.partial``."""
    match = _PARTIAL.fullmatch(partial.name)
    return match.start("rest") if match else len(partial.name)


def _split(target: Path) -> tuple[str, str]:
    """The name without its suffixes, and these."""
    suffixes = "".join(target.suffixes)
    return target.name.removesuffix(suffixes), suffixes
