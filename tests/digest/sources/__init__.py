"""Tests of the sources, against a real server on loopback that speaks the communities' paths."""
