"""Communities: one file each, turning an API's answers into threads; docs/add-a-source.md."""
