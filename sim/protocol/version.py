"""The version of sorsim: its one home, read by the build and written into every audit log."""

__version__ = "0.1.0"
