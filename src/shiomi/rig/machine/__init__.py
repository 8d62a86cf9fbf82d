"""What a computer is: detected, described, or read from a file."""
