"""What `extract` leaves on disk: see docs/result-directory.md."""
