"""A pipeline's module that needs a package that is not there."""

from __future__ import annotations

import importlib

importlib.import_module("no_such_package")
