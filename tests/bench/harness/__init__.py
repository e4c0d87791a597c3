"""Measures orcio beside its peers. tests/bench/README.md says what and how."""
