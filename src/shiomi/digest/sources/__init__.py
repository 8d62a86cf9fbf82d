"""The communities. Each has its own file; docs/digest/add-a-source.md explains how to add one."""
