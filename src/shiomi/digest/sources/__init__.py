"""Communities: one file each; docs/digest/add-a-source.md."""
