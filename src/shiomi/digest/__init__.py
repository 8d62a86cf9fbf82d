"""Make a digest from threads. The parts are sources, archive, linking, ranking, writing and
render."""
