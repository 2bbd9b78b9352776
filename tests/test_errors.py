from __future__ import annotations

import inspect

from meshgait_cli import errors


def test_the_docstring_draws_the_whole_tree() -> None:
    for name in errors.__all__:
        assert name in (errors.__doc__ or "")


def test_every_error_is_listed_and_has_a_base() -> None:
    found = {
        name for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, Exception)
    }  # fmt: skip
    assert found == set(errors.__all__)
    assert all(issubclass(getattr(errors, name), errors.MeshgaitError) for name in found)


def test_usage_errors_exit_with_2_and_the_rest_with_1() -> None:
    for name in errors.__all__:
        error = getattr(errors, name)
        assert error.exit_code == (2 if issubclass(error, errors.UsageError) else 1)
