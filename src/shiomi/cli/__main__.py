"""`python -m shiomi.cli`, for environments without the script."""

from shiomi.command import main

main()
