"""Leaves with what timeout(1) says when the time is over."""

import os


def test_leaves():
    os._exit(124)
