"""Writes the references of the documentation from the code: keys, records, values.

``python -m docs.generate`` (or ``make docs``) rewrites every block between its two markers in the
pages; ``--check`` only says which are stale. What a block says comes from docstrings, so there is
one place to write it. No part of the wheel.
"""
