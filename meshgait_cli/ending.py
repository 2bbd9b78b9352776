"""How a command ends when something goes wrong: one line that says what, and an exit code."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from .errors import MeshgaitError
from .words import plain

__all__ = ["plainly"]


@contextmanager
def plainly() -> Iterator[None]:
    """Exits with 1 (failure), 2 (usage) or 130 (interrupted) instead of raising; MESHGAIT_DEBUG=1 shows
    tracebacks. As a decorator, too."""
    try:
        yield
    except KeyboardInterrupt:  # before Typer was there to take it
        raise SystemExit(130) from None
    except MeshgaitError as error:
        _fail(error, str(error), error.exit_code)
    except (FileExistsError, NotADirectoryError) as error:
        _fail(error, f"a file stands where a folder is needed{_where(error)}: choose another place", 2)
    except IsADirectoryError as error:
        _fail(error, f"a folder stands where a file is needed{_where(error)}: choose another name", 2)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            _fail(error, f"the disk is full{_where(error)}: free some space and run it again", 1)
        if error.errno == errno.ENAMETOOLONG:
            _fail(error, f"a name is too long for this disk{_where(error)}: choose a shorter one", 2)
        _fail(error, f"{error.strerror or error}{_where(error)}", 1)
    except MemoryError as error:
        _fail(error, "out of memory: try smaller --crop-px or --detector-px, or fewer videos at once", 1)
    except Exception as error:
        said = (str(error).splitlines() or [""])[0][:200]
        _fail(error, f"internal error, please report it: {type(error).__name__}: {said}", 1)


def _where(error: OSError) -> str:
    # A file is written aside and then moved: where to is what was asked for.
    name = error.filename2 or error.filename
    return f" ({name})" if name else ""


def _fail(error: BaseException, message: str, code: int) -> None:
    if os.environ.get("MESHGAIT_DEBUG"):
        raise error
    print(f"error: {plain(' '.join(message.split()))}", file=sys.stderr)
    raise SystemExit(code)
