"""`python -m shiomi.cli`, where no script is installed."""

from shiomi.cli import main

main()
