"""Many videos on many cores or machines, through Ray."""
