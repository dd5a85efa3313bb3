"""Async tests run under trio, as pytest-trio does it; the plugin is not needed for this."""

import inspect

import pytest
import trio


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    if inspect.iscoroutinefunction(pyfuncitem.obj):
        trio.run(pyfuncitem.obj)
        return True
